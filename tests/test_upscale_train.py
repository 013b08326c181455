"""Training FREDSR for some seconds: what comes out works, goes on, and is kept only if better."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from app.cli import main
from engine.messages import LodestoneError, UpscaleSettings, UpscaleTrainRequest
from engine.progress import Cancelled, Progress, Report
from engine.upscale.enlarge import enlarge
from engine.upscale.opened import open_upscaler
from engine.upscale.store import config_of, plain
from engine.upscale.train import data, loop
from engine.upscale.train.begin import begin
from engine.upscale.train.critic import Critic
from engine.upscale.train.drawn import drawn
from engine.upscale.train.expanded import collapsed, expand
from engine.upscale.train.judge import psnr, shrunk
from engine.upscale.train.train import enlarged, train
from models.files import load_model, read_card
from models.fredsr import Fredsr
from models.fredsr_shape import config_for
from tests.upscalers import bytes_of, photo, tiny_net, tiny_upscaler


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("pictures")
    for seed in range(3):
        Image.fromarray(bytes_of(photo(260, 300, seed=seed))).save(made / f"{seed}.png")
    (made / "broken.png").write_bytes(b"nothing")
    return made


@pytest.fixture(autouse=True)
def few_sheets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing them takes longer than these trainings."""
    monkeypatch.setattr(data, "DRAWN", 3)


@pytest.fixture
def request_(folder: Path, tmp_path: Path) -> UpscaleTrainRequest:
    return UpscaleTrainRequest(str(folder), str(tmp_path / "mine.safetensors"), "Mine", seconds=2.0)


def test_a_training_stops_goes_on_and_makes_an_upscaler(
    request_: UpscaleTrainRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    progress, step = Progress(), loop.Trainer.step

    def third_is_the_last(trainer: loop.Trainer, share: float) -> None:
        step(trainer, share)
        if trainer.steps == 3:
            progress.cancel()

    monkeypatch.setattr(loop.Trainer, "step", third_is_the_last)
    folder = Path(request_.out).with_suffix(".training")
    with pytest.raises(Cancelled):
        train(replace(request_, seconds=600.0), progress)
    state = torch.load(folder / "state.pt", weights_only=True)
    assert state["elapsed"] > 0
    monkeypatch.setattr(loop.Trainer, "step", step)
    said: list[Report] = []
    card = read_card(train(replace(request_, seconds=state["elapsed"] + 1), Progress(said.append)))
    assert any("Going on" in report.message for report in said)
    assert card.training["steps"] > 3
    assert card.name == "Mine"
    assert card.parity is not None
    assert card.parity <= 1e-4
    assert card.training["pictures"] == ["0.png", "1.png", "2.png"]
    assert set(card.training["psnr"]) == {"model", "lanczos", "bicubic"}
    assert not folder.exists()


def test_what_was_trained_enlarges_as_torch_does(tmp_path: Path) -> None:
    path = tiny_upscaler(tmp_path)
    settings = UpscaleSettings(model=str(path))
    picture = photo(20, 24)
    ours = enlarge(picture, open_upscaler(settings), settings)
    net = Fredsr(config_of(read_card(path).hyper))
    net.load_state_dict({k: torch.from_numpy(v) for k, v in load_model(path)[1].items()})
    assert np.abs(ours - enlarged(net, picture).clip(0, 1)).max() < 1e-4


def test_a_fit_that_is_no_better_changes_nothing(
    request_: UpscaleTrainRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = tiny_upscaler(tmp_path)
    worse = replace(loop.FIT, rate=0.5, averaged=0.0)
    monkeypatch.setattr("engine.upscale.train.train.FIT", worse)
    fit = replace(request_, base=str(base), seconds=0.5)
    card = read_card(train(fit, Progress()))
    assert card.training["kept"] is False
    before, after = load_model(base)[1], load_model(fit.out)[1]
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_a_fit_that_is_better_is_kept(request_: UpscaleTrainRequest, tmp_path: Path) -> None:
    # The random network harms every picture: any learning is better.
    fit = replace(request_, base=str(tiny_upscaler(tmp_path)), seconds=3.0)
    card = read_card(train(fit, Progress()))
    assert card.training["kept"] is True
    assert card.training["psnr"]["model"] > card.training["before"]


def test_a_vivid_training_has_its_critic(request_: UpscaleTrainRequest, tmp_path: Path) -> None:
    base = tiny_upscaler(tmp_path)
    card = read_card(train(replace(request_, base=str(base), vivid=True, seconds=0.5), Progress()))
    assert card.training["vivid"] is True
    assert card.training["steps"] >= 1
    assert sum(p.numel() for p in Critic().parameters()) > 0


@pytest.mark.parametrize("scale", [2, 4])
def test_other_scales_begin_from_the_bundled_one(scale: int, request_: UpscaleTrainRequest) -> None:
    begun = begin(replace(request_, scale=scale))
    assert begun.net.config == config_for(scale)
    gains = []
    for seed in range(4):
        picture = drawn(96, np.random.default_rng(seed))
        truth = picture / np.float32(255)
        small = shrunk(picture, scale)
        made = enlarged(begun.net.eval(), small)
        gains.append(psnr(made, truth, scale) - psnr(plain(small, scale), truth, scale))
    # Before any training it is better than the plain enlargement, and no part is shifted.
    assert np.mean(gains) > 0.4
    card = read_card(train(replace(request_, scale=scale, seconds=0.5), Progress()))
    assert card.hyper["scale"] == scale
    assert "fredsr-x3, all layers but the last" in card.provenance
    assert "before" not in card.training


def test_a_vivid_one_begins_from_the_faithful_one(request_: UpscaleTrainRequest) -> None:
    assert begin(request_).source == ""
    assert begin(replace(request_, vivid=True)).source == "fredsr-x3, made vivid"
    assert begin(replace(request_, vivid=True, scale=2)).net.config.scale == 2


def test_magnitudes_do_not_mind_where_but_how_much() -> None:
    torch.manual_seed(0)
    grain, other = torch.randn(2, 1, 3, 64, 64) * 0.1
    blurred = torch.nn.functional.avg_pool2d(grain, 3, 1, 1)
    # By its pixels the blurred one is closer than other grain, by its waves it is not.
    assert (blurred - grain).abs().mean() < (other - grain).abs().mean()
    assert loop._waves(blurred, grain) > 1.2 * loop._waves(other, grain)
    assert loop._waves(grain, grain) == 0


def test_what_is_learnt_in_many_numbers_is_stored_in_few() -> None:
    net = tiny_net()
    few = sum(p.numel() for p in net.parameters())
    x = torch.rand(1, 3, 16, 24)
    with torch.no_grad():
        before = net(x)
    wide = tiny_net()
    expand(wide, torch.Generator().manual_seed(0), fresh=False)
    assert [bend.weight.numel() for bend in wide.bends] == [1, 8, 1, 1]  # type: ignore[union-attr]
    with torch.no_grad():
        assert (wide(x) - before).abs().max() < 1e-4
    again = tiny_net(seed=2)
    collapsed(wide, again)
    assert sum(p.numel() for p in again.parameters()) == few
    with torch.no_grad():
        assert (again(x) - before).abs().max() < 1e-4


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"seconds": 0.0}, "above 0 seconds"), ({"scale": 5}, "2, 3 or 4"), ({"data": "none"}, "none"),
     ({"base": "none.safetensors"}, "There is no file")],
)  # fmt: skip
def test_what_cannot_be_trained(
    changes: dict[str, object], words: str, request_: UpscaleTrainRequest
) -> None:
    with pytest.raises(LodestoneError, match=words):
        train(replace(request_, **changes), Progress())  # type: ignore[arg-type]


def test_pictures_too_small_to_learn_from(request_: UpscaleTrainRequest, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    Image.fromarray(bytes_of(photo(40, 40))).save(small / "a.png")
    with pytest.raises(LodestoneError, match="holds no picture"):
        train(replace(request_, data=str(small)), Progress())


def test_from_the_command_line(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = tiny_upscaler(tmp_path)
    out = tmp_path / "fitted.safetensors"
    words = ["upscale", "fit", str(folder), "--model", str(base), "--minutes", "0.02"]
    code = main([*words, "-o", str(out), "--json"])
    streams = capsys.readouterr()
    assert code == 0, streams.err
    assert json.loads(streams.out) == {"path": str(out)}
    assert read_card(out).architecture == "fredsr"
