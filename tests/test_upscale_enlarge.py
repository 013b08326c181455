"""Enlarging arrays: tiles, seams, depth, alpha, memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.messages import LodestoneError, UpscaleSettings
from engine.progress import Progress, Report
from engine.upscale import enlarge as module
from engine.upscale.enlarge import enlarge
from engine.upscale.opened import Upscaler, open_upscaler
from engine.upscale.store import plain
from tests.upscalers import photo, tiny_upscaler


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> UpscaleSettings:
    return UpscaleSettings(model=str(tiny_upscaler(tmp_path_factory.mktemp("model"))))


@pytest.fixture
def upscaler(settings: UpscaleSettings) -> Upscaler:
    return open_upscaler(settings)


@pytest.mark.parametrize("picture", [photo(), np.linspace(0, 1, 6300).reshape(70, 30, 3)])
@pytest.mark.parametrize("scale", [3, 2, 1, 2.5, 4.2])
def test_tiles_are_the_whole(
    picture: np.ndarray, scale: float, settings: UpscaleSettings, upscaler: Upscaler
) -> None:
    settings = replace(settings, scale=scale)
    picture = picture.astype(np.float32)
    whole = enlarge(picture, upscaler, replace(settings, tile=512))
    assert whole.shape[:2] == (round(picture.shape[0] * scale), round(picture.shape[1] * scale))
    base = enlarge(picture, upscaler, replace(settings, strength=0))
    assert np.abs(whole - base).max() > 1 / 255
    for tile in (8, 16, 40):
        assert np.abs(enlarge(picture, upscaler, replace(settings, tile=tile)) - whole).max() < 1e-5


def test_seamless_pictures_do_not_know_where_they_begin(
    settings: UpscaleSettings, upscaler: Upscaler
) -> None:
    settings = replace(settings, wrap=True)
    picture = photo(48, 64)
    there = enlarge(picture, upscaler, settings)
    moved = enlarge(np.roll(picture, (16, 24), (0, 1)), upscaler, replace(settings, tile=24))
    assert np.abs(np.roll(moved, (-48, -72), (0, 1)) - there).max() < 1e-5
    assert np.abs(there - enlarge(picture, upscaler, replace(settings, wrap=False))).max() > 1e-3


def test_no_strength_is_the_plain_enlargement_exactly(
    settings: UpscaleSettings, upscaler: Upscaler
) -> None:
    picture = photo(33, 41)
    base = plain(picture, 3).clip(0, 1)
    nothing = replace(settings, strength=0.0, tile=8)
    assert np.array_equal(enlarge(picture, upscaler, nothing), base)
    one = enlarge(picture, upscaler, settings)
    half = enlarge(picture, upscaler, replace(settings, strength=0.5))
    inside = (one > 0) & (one < 1) & (base > 0) & (base < 1)
    assert np.abs(half - (base + one) / 2)[inside].max() < 1e-5


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 9, 1), (5, 3, 4), (2, 2, 2)])
@pytest.mark.parametrize("wrap", [False, True])
def test_small_ones(
    shape: tuple[int, ...], wrap: bool, settings: UpscaleSettings, upscaler: Upscaler
) -> None:
    made = enlarge(np.full(shape, 90, np.uint8), upscaler, replace(settings, wrap=wrap))
    assert made.shape == (shape[0] * 3, shape[1] * 3, shape[2])
    assert made.dtype == np.uint8


def test_a_ramp_of_16_bits_keeps_its_levels(settings: UpscaleSettings, upscaler: Upscaler) -> None:
    ramp = np.tile(np.linspace(0, 65535, 6000).astype(np.uint16), (4, 1))[..., None].repeat(3, 2)
    made = enlarge(ramp, upscaler, settings)
    assert made.dtype == np.uint16
    assert len(np.unique(made[..., 1])) > 10_000


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (210, 210, 210), (60, 110, 90)])
def test_flat_pictures_stay_flat_to_their_very_edges(colour: tuple[int, int, int]) -> None:
    settings = UpscaleSettings("fredsr", device="cpu")
    flat = np.full((37, 50, 3), colour, np.float32) / 255
    made = enlarge(flat, open_upscaler(settings), replace(settings, tile=16))
    assert np.abs(made - flat[0, 0]).max() < 0.5 / 255


def test_grey_stays_grey(settings: UpscaleSettings, upscaler: Upscaler) -> None:
    grey = photo(20, 30, 1)
    made = enlarge(grey, upscaler, settings)
    colours = enlarge(grey.repeat(3, axis=2), upscaler, settings)
    assert np.abs(made[..., 0] - colours.mean(axis=2)).max() < 0.02


@pytest.mark.parametrize("behind", [0.0, 1.0, (1.0, 0.0, 1.0)])
@pytest.mark.parametrize("stored", [(255, 0, 255), (0, 255, 0), (0, 0, 0)])
def test_what_is_stored_where_nothing_is_seen_does_not_shine_through(
    behind: Any, stored: tuple[int, int, int], settings: UpscaleSettings, upscaler: Upscaler
) -> None:
    colour = np.array([200, 120, 40], np.uint8)
    picture = np.zeros((40, 40, 4), np.uint8)
    picture[..., :3] = stored
    picture[10:30, 10:30] = (*colour, 255)
    made = enlarge(picture, upscaler, settings).astype(np.float32) / 255
    flat = np.full((40, 40, 3), colour, np.uint8)
    expected = enlarge(flat, upscaler, settings).astype(np.float32) / 255
    alpha = made[..., 3:]
    laid = made[..., :3] * alpha + np.asarray(behind) * (1 - alpha)
    wanted = expected * alpha + np.asarray(behind) * (1 - alpha)
    assert np.abs(laid - wanted).max() < 2 / 255
    assert 0.1 < alpha.mean() < 0.5


def test_memory_that_runs_out_halves_the_tiles_and_says_so(
    settings: UpscaleSettings, upscaler: Upscaler
) -> None:
    class Short:
        """Has room for 96 pixels a side only."""

        def __init__(self, inner: Any):
            self._inner = inner

        def run(self, names: Any, feed: dict[str, np.ndarray]) -> Any:
            (fed,) = feed.values()
            if fed.shape[2] * fed.shape[3] > 96 * 96:
                raise RuntimeError("Failed to allocate memory for requested buffer of size 9")
            return self._inner.run(names, feed)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._inner, name)

    said: list[Report] = []
    picture = photo(90, 120)
    made = enlarge(
        picture, replace(upscaler, session=Short(upscaler.session)), settings, Progress(said.append)
    )
    assert np.abs(made - enlarge(picture, upscaler, settings)).max() < 1e-5
    assert any("Memory was short" in report.message for report in said)


def test_what_cannot_fit_is_refused_before_it_is_tried(
    settings: UpscaleSettings, upscaler: Upscaler, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Memory:
        available = 30_000_000

    monkeypatch.setattr(module.psutil, "virtual_memory", lambda: Memory)
    with pytest.raises(LodestoneError, match="3,000 x 3,000 pixels and needs"):
        enlarge(np.zeros((1000, 1000, 3), np.uint8), upscaler, settings)


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"scale": 0.5}, "1 to 8"), ({"scale": 9}, "1 to 8"), ({"strength": 2}, "0 to 1.5"),
     ({"tile": -1}, "above 0"), ({"strength": float("nan")}, "0 to 1.5")],
)  # fmt: skip
def test_settings_that_make_no_sense(
    changes: dict[str, Any], words: str, settings: UpscaleSettings, upscaler: Upscaler
) -> None:
    with pytest.raises(LodestoneError, match=words):
        enlarge(photo(), upscaler, replace(settings, **changes))


def test_upscalers_that_are_not_there(tmp_path: Path, settings: UpscaleSettings) -> None:
    for model, words in (
        ("nothing", "no upscaler nothing"),
        (str(tmp_path / "a.pt"), "can run programs"),
        (str(tmp_path / "a.pth"), "has to be added"),
    ):
        with pytest.raises(LodestoneError, match=words):
            open_upscaler(replace(settings, model=model))
    if "CUDA" not in open_upscaler(settings).provider:
        with pytest.raises(LodestoneError, match="CUDA was asked for"):
            open_upscaler(replace(settings, device="cuda"))
