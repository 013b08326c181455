"""Upscalers and pyramids of Lodestone's own, opened to look inside."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import leaky_relu

from engine.inspect.effects import effects
from engine.inspect.exemplars import study
from engine.inspect.module_edits import ModuleEdits
from engine.inspect.modules import open_module
from engine.inspect.networks import open_network
from engine.inspect.own import SIDE
from engine.inspect.sources import find
from engine.inspect.study import Study
from engine.messages import EffectsRequest, LodestoneError, Probes, StudyRequest, Unit, UnitEdit
from engine.picture.pyramid.export import config_of
from engine.picture.pyramid.grid import pad, resize
from engine.progress import Progress
from models.files import Card, load_model, save_model
from models.pyramid import LEAK, levels_of
from tests.probing import coloured
from tests.test_pyramid import make
from tests.upscalers import tiny_net, tiny_upscaler


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LODESTONE_HOME", str(tmp_path / "home"))


def test_an_upscaler_is_studied_like_any_network(tmp_path: Path) -> None:
    path = tiny_upscaler(tmp_path)
    pictures = coloured(tmp_path / "pictures", 4)
    network = open_network(str(path), "cpu")
    main = [layer.name for layer in network.info.layers if layer.main]
    assert main == ["units.0", "units.1", "bends.0", "bends.1", "bends.2", "bends.3", "tail"]
    run = network.run(network.prepare(list(pictures)), ("units.1", "bends.2"))
    net, seen = tiny_net(), {}
    net.units[1].register_forward_hook(lambda _m, _i, out: seen.update(unit=out))
    with torch.no_grad():
        theirs = net(torch.from_numpy(network.prepare(list(pictures)))).numpy()
    assert run.output.shape == (4, 3, 3 * SIDE, 3 * SIDE)
    assert np.abs(run.output - theirs).max() < 1e-5
    assert np.abs(run.layers["units.1"] - seen["unit"].numpy()).max() < 1e-5
    request = StudyRequest(str(path), Probes(str(tmp_path / "pictures")), ("bends.1",))
    kept = Study.open(study(request, Progress()))
    assert kept.layer("bends.1").units == 8
    assert kept.network.kind == "network"
    # Effects are shares of the answer, which is a picture.
    effects(EffectsRequest(str(kept.folder), pictures=4), Progress())
    opened = open_module(str(path), "cpu")
    x, unit = opened.prepare(list(pictures)), Unit("bends.1", 2)
    edit = ModuleEdits([UnitEdit((unit,))], opened.info, opened.device)
    with torch.no_grad():
        plain = opened.module(x)
        with edit.trace(opened.module):
            change = (opened.module(x) - plain).abs().mean() / plain.abs().mean()
    assert Study.open(kept.folder).effects[unit] == pytest.approx(float(change), rel=1e-3)


def test_ready_upscalers_open_by_name() -> None:
    assert find("fredsr").path == find("fredsr-x3").path
    assert find("FREDSR-x2").path.name == "fredsr-x2.safetensors"
    with pytest.raises(LodestoneError, match="fredsr"):
        find("fredsr-x9")


def test_every_level_of_a_pyramid_sees_the_picture_at_its_size(tmp_path: Path) -> None:
    path = make(tmp_path / "pyramid.safetensors", 2)
    network = open_network(str(path), "cpu")
    assert network.info.input == (3, 24, 32)
    sizes = {layer.name: layer.size for layer in network.info.layers}
    assert sizes["level1.conv0"] == (16, 21)
    assert sizes["level2.conv1"] == (24, 32)
    picture = np.random.RandomState(1).randint(0, 256, (24, 32, 3), dtype=np.uint8)
    x = network.prepare([picture])
    run = network.run(x, ("level1.conv0", "level1"))
    card, state = load_model(path)
    config = config_of(card.hyper)
    level, m = levels_of(config, state)[1], config.margin
    below = pad(resize(resize(x, (10, 13)), (16, 21)), m)
    given = torch.from_numpy(below)
    who = torch.full((1, 2, *below.shape[2:]), 0.5)
    with torch.no_grad():
        drawn = level(given, torch.zeros_like(given), who).numpy()
        first = torch.cat([given, who], dim=1)
        hidden = leaky_relu(level.convs[0](first), LEAK)[:, :, m - 1 : 1 - m, m - 1 : 1 - m]
    assert np.abs(run.layers["level1"] - drawn).max() < 1e-5
    assert np.abs(run.layers["level1.conv0"] - hidden.numpy()).max() < 1e-5


def test_turning_a_unit_of_a_pyramid_changes_what_its_level_draws(tmp_path: Path) -> None:
    opened = open_module(str(make(tmp_path / "pyramid.safetensors")), "cpu")
    x = opened.prepare([np.full((24, 32, 3), 200, np.uint8)])
    edit = UnitEdit((Unit("level2.conv1", 3),), "clamp", 2.0)
    with torch.no_grad():
        before = opened.module(x)
        with ModuleEdits([edit], opened.info, opened.device).trace(opened.module):
            after = opened.module(x)
    assert (after - before).abs().max() > 0.01


def test_a_pyramid_of_one_level_looks_at_nothing(tmp_path: Path) -> None:
    card, state = load_model(make(tmp_path / "pyramid.safetensors"))
    path = tmp_path / "short.safetensors"
    hyper = {**card.hyper, "amplitudes": [1.0]}
    save_model(path, state, Card("pyramid", "short", hyper))
    with pytest.raises(LodestoneError, match="one level"):
        open_network(str(path))
