"""Style channels: how much they vary, and which of them move what was brushed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.client import channel_direction, describe_channel, from_json
from engine.discover.channels import channels
from engine.discover.energy import Scene, estimated
from engine.discover.source import Source
from engine.messages import (
    ChannelsRequest,
    Direction,
    Edit,
    LatentPart,
    LodestoneError,
    SteerRequest,
    Vector,
)
from engine.progress import Progress
from engine.steer.channels import spread
from engine.steer.latents import num_styles, resolve
from engine.steer.render import render
from engine.worker import run_job
from tests import small


@pytest.fixture(scope="module")
def source() -> Source:
    return Source(small.info())


def picture() -> SteerRequest:
    return SteerRequest(small.info().id, (LatentPart(seed=3),), classes=(0.0, 1.0, 0.0))


def brushed(side: int = 32) -> np.ndarray:
    """The upper left quarter."""
    mask = np.zeros((side, side), np.float32)
    mask[: side // 2, : side // 2] = 1.0
    return mask


def found(tmp_path: Path, **fields: Any) -> list[Direction]:
    request = ChannelsRequest(picture(), Vector.of(brushed()), str(tmp_path / "b.json"), 6)
    path = channels(replace(request, **fields), small.info(), Progress())
    return list(from_json(Path(path).read_bytes()))


def test_spread_is_that_of_the_styles() -> None:
    z = np.random.RandomState(5).randn(6000, 24).astype(np.float32)
    kind = np.arange(6000) % 3
    made = small.generator()
    w = made.mapping(torch.from_numpy(z), torch.eye(3)[kind])
    styles = torch.cat(
        [made.synthesis.get_submodule(layer.name).affine(w) for layer in small.info().layers],
        dim=1,
    ).numpy()
    within = np.sqrt(np.mean([styles[kind == k].var(axis=0) for k in range(3)], axis=0))
    sigma = spread(small.runtime()).sigma.array()
    assert sigma.shape == (num_styles(small.info()),)
    np.testing.assert_allclose(sigma, within, rtol=0.12)
    assert abs(np.mean(sigma / within) - 1.0) < 0.03


def test_a_channel_has_a_name_and_a_place() -> None:
    info = small.info()
    for layer in info.layers:
        for number in (0, layer.style_count - 1):
            assert describe_channel(info, layer.style_start + number) == (layer.name, number)
    for wrong in (-1, num_styles(info)):
        with pytest.raises(LodestoneError, match="style channels 0 to"):
            describe_channel(info, wrong)


def test_a_channel_moves_alone() -> None:
    info, runtime = small.info(), small.runtime()
    layer = next(one for one in info.layers if one.name == "b16.conv1")
    direction = channel_direction(info, layer.style_start + 5, 0.25)
    assert (direction.name, direction.space, direction.sigma) == ("b16.conv1 · 5", "s", 0.25)
    assert json.loads(direction.detail) == {"layer": "b16.conv1", "channel": 5}
    moved = replace(picture(), edits=(Edit(direction, 2.0),))
    offset = resolve(moved, runtime).style_offset[0]
    assert np.flatnonzero(offset).tolist() == [layer.style_start + 5]
    assert offset.max() == pytest.approx(0.5)


def test_estimated_energy_is_that_of_the_jacobian(source: Source) -> None:
    scene = Scene.of(resolve(picture(), source), source)
    mask = torch.from_numpy(brushed())
    styles = num_styles(small.info())
    exact = np.zeros(styles)
    step = 1e-2
    checked = np.random.RandomState(2).choice(styles, 24, replace=False)
    with torch.inference_mode():
        for index in checked:
            extra = torch.zeros(2, styles)
            extra[0, index], extra[1, index] = step, -step
            one, other = scene.draw(extra)
            exact[index] = float((((one - other) / (2 * step)).square() * mask).sum())
    guess = estimated(scene, mask, 256, 0, Progress())
    ratios = guess[checked] / exact[checked]
    assert abs(np.median(ratios) - 1.0) < 0.15
    assert ((ratios > 0.5) & (ratios < 2.0)).all()


def test_the_best_channels_move_what_was_brushed(tmp_path: Path) -> None:
    info, runtime = small.info(), small.runtime()
    best = found(tmp_path)
    before = render(picture(), runtime)[0]
    inside = brushed() > 0.5

    def moved(direction: Direction) -> tuple[float, float]:
        steps = [
            render(replace(picture(), edits=(Edit(direction, a),)), runtime)[0] for a in (-1.0, 1.0)
        ]
        change = np.mean([(one - before) ** 2 for one in steps], axis=(0, 1))
        return float(change[inside].mean()), float(change[~inside].mean())

    sigma = spread(runtime).sigma.array()
    random = np.random.RandomState(0).choice(num_styles(info), 40, replace=False)
    usual = np.array([moved(channel_direction(info, int(i), float(sigma[i]))) for i in random])
    mine = np.array([moved(one) for one in best])
    assert np.median(mine[:, 0]) > np.percentile(usual[:, 0], 80)  # strong
    assert np.median(mine[:, 0] / mine[:, 1]) > np.percentile(usual[:, 0] / usual[:, 1], 60)
    scores = [json.loads(one.detail)["score"] for one in best]
    assert scores == sorted(scores, reverse=True)
    for one, (within, without) in zip(best, mine, strict=True):
        told = json.loads(one.detail)
        assert told["inside"] == pytest.approx(127.5 * np.sqrt(within), rel=0.25)
        assert told["locality"] == pytest.approx(within / (within + 3 * without), rel=0.25)
        assert (one.space, one.method, one.model) == ("s", "styles", info.id)


def test_masks_of_any_size(tmp_path: Path) -> None:
    same = [one.name for one in found(tmp_path)]
    for side in (64, 16):
        mask = Vector.of(brushed(side) * 7.0)
        assert len({*same} & {one.name for one in found(tmp_path, mask=mask)}) >= 4


def test_the_picture_is_the_one_that_was_brushed(tmp_path: Path, source: Source) -> None:
    moved = Direction("m", "a", Vector.of(np.ones(16)), at="b16.conv1", model=small.info().id)
    request = replace(
        picture(), noise="random", noise_seed=4, truncation=0.6, edits=(Edit(moved, 0.5),)
    )
    scene = Scene.of(resolve(request, source), source)
    with torch.inference_mode():
        mine = scene.draw(torch.zeros(1, num_styles(small.info()))).numpy()
    np.testing.assert_allclose(mine, render(request, small.runtime()), atol=1e-4)
    assert found(tmp_path, request=request)


def test_as_a_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LODESTONE_HOME", str(tmp_path))
    mask = Vector.of(brushed())
    request = ChannelsRequest(picture(), mask, str(tmp_path / "j.json"), 2, small.info().path)
    assert len(from_json(Path(run_job(request, Progress())).read_bytes())) == 2


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (np.zeros((8, 8)), "Nothing is brushed"),
        (np.full((8, 8), np.nan), "Nothing is brushed"),
        (np.ones(8), "not a picture"),
        (np.ones((0, 4)), "not a picture"),
    ],
)
def test_what_is_no_mask(mask: np.ndarray, words: str, tmp_path: Path) -> None:
    with pytest.raises(LodestoneError, match=words):
        found(tmp_path, mask=Vector.of(mask))
