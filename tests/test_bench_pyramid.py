"""The measures of the pyramid, on tiny budgets: they run, and know good from bad."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from engine.backend import available_cores
from engine.bench import picture_accelerated, picture_blend, picture_cost, picture_pyramid
from engine.bench.figure import Figure
from engine.bench.picture_features import EarlyFeatures


@pytest.fixture(autouse=True)
def one_speed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of known speed, so that a second means as many steps everywhere."""
    monkeypatch.setenv("LODESTONE_HOME", str(tmp_path / "home"))
    threads, version = max(1, available_cores() - 1), torch.__version__
    speeds = {f"cpu-{threads}-32-{count}-{version}": [0.01, 1e-5] for count in (1, 2)}
    (tmp_path / "home" / "cache").mkdir(parents=True)
    (tmp_path / "home" / "cache" / "pyramid-speed.json").write_text(json.dumps(speeds))


def picture(path: Path, seed: int) -> Path:
    y, x = np.mgrid[:32, :40]
    waves = np.sin(x / (2 + 3 * seed)) + np.cos(y / (4.0 - seed))
    colours = np.array([1.0, 0.6, 0.2] if seed else [0.2, 0.5, 1.0])
    pixels = 128 + 60 * waves[..., None] * colours
    pixels = pixels + np.random.default_rng(seed).normal(0, 6, (32, 40, 3))
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)
    return path


def by_name(figures: list[Figure]) -> dict[str, Figure]:
    return {figure.name: figure for figure in figures}


def test_the_pyramid_is_measured(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png", 0)
    told = by_name(list(picture_pyramid.measures((path,), budget=2.0, longest=40)))
    assert told["pyramid: sliced Wasserstein distance falls"].value > 1.5  # type: ignore[operator]
    assert told["pyramid: ONNX against torch"].met
    assert told["pyramid completion: change outside the hole"].value == 0
    assert told["pyramid completion: what hidden pixels change"].value == 0
    assert told["pyramid completion: difference of two answers"].value > 0  # type: ignore[operator]


def test_the_identity_map_is_measured(tmp_path: Path) -> None:
    paths = [picture(tmp_path / f"{seed}.png", seed) for seed in (0, 1)]
    told = by_name(list(picture_blend.measures(paths, budget=3.0, longest=40)))
    nearer = told["identity map: a half to the other picture over to its own"]
    assert nearer.value is not None
    assert nearer.value > 0
    assert told["structure of A, texture of B: layout as A"].value is not None
    alone = list(picture_blend.measures(paths[:1], budget=1.0))
    assert [figure.value for figure in alone] == [None]


def test_the_reference_schedule_costs_more(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png", 0)
    cost, equal = picture_cost.measures(path, longest=40, seconds=1.0, patience=1.0)
    assert cost.ratio is not None
    assert cost.ratio > 2
    assert equal.value is not None
    assert ("not reached" in equal.note) == (equal.value >= 1.0 and not equal.met)


def test_the_peer_learns(tmp_path: Path) -> None:
    goal, amplitude, config, _ = picture_cost._level(picture(tmp_path / "a.png", 0), 40, 30)
    peer = picture_cost.Peer(goal, amplitude, 0, picture_cost._trainer(config, goal, amplitude))
    before = peer.evaluate().rebuild_db
    for number in range(25):
        peer.step(number)
    assert peer.evaluate().rebuild_db > before + 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="here it would be measured")
def test_without_a_card_nothing_is_claimed() -> None:
    told = list(picture_accelerated.measures())
    assert len(told) == 5
    assert all(figure.value is None and figure.met is None for figure in told)


def test_features_tell_another_picture_and_blur() -> None:
    try:
        features = EarlyFeatures()
    except Exception as error:  # the package is for development
        pytest.skip(str(error))
    random = np.random.default_rng(0)
    a = random.uniform(-1, 1, (40, 52, 3)).astype(np.float32)
    soft = (a + np.roll(a, 1, 0) + np.roll(a, 1, 1)) / 3
    assert features.distance(a, a) < 1e-6
    assert features.distance(soft, a) > 0.02
