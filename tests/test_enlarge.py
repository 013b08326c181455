"""Enlarging by a picture's own patches: sharper than resampling, and true to the input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.messages import LodestoneError, PictureRecipe, PictureReply
from engine.picture.answers import draw, working_longest
from engine.picture.enlarge import enlarged
from engine.picture.source import resized


def edges(height: int = 96, width: int = 120) -> np.ndarray:
    """(H, W, 3) -1..1: discs and slanted bars with sharp edges."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    bars = np.sin((x + 2 * y) / 5) > 0.2
    disc = (x - 60) ** 2 + (y - 50) ** 2 < 900
    grey = np.where(disc, 0.8, np.where(bars, 0.1, -0.7))
    return np.stack([grey, grey * 0.7, 0.2 - grey / 2], -1).astype(np.float32)


def made(source: np.ndarray, scale: float, seed: int = 0) -> np.ndarray:
    stages = [(s.level, s.levels, s.image) for s in enlarged(source, scale, seed)]
    shown = [(level, image) for level, _, image in stages if image is not None]
    assert [level for level, _ in shown] == list(range(1, stages[-1][1] + 1))
    sizes = [image.shape[0] for _, image in shown]
    assert sizes == sorted(sizes)
    return shown[-1][1]


def lanczos(source: np.ndarray, height: int, width: int) -> np.ndarray:
    way = Image.Resampling.LANCZOS
    planes = [np.asarray(Image.fromarray(np.ascontiguousarray(source[..., c])).resize(
        (width, height), way)) for c in range(3)]  # fmt: skip
    return np.stack(planes, -1)


def steepness(picture: np.ndarray) -> float:
    """Mean |Laplacian|."""
    return float(
        np.abs(
            4 * picture[1:-1, 1:-1]
            - picture[:-2, 1:-1]
            - picture[2:, 1:-1]
            - picture[1:-1, :-2]
            - picture[1:-1, 2:]
        ).mean()
    )


@pytest.mark.parametrize("scale", [2, 3])
def test_nearer_to_the_truth_and_sharper_than_lanczos(scale: int) -> None:
    truth = edges()
    small = resized(truth, 96 // scale, 120 // scale)
    made_, plain = made(small, scale), lanczos(small, 96, 120)
    assert np.mean((made_ - truth) ** 2) < 0.9 * np.mean((plain - truth) ** 2)
    assert steepness(made_) > 1.3 * steepness(plain)
    back = resized(made_, *small.shape[:2])
    assert np.sqrt(np.mean((back - small) ** 2)) < 0.03


def test_noise_gains_no_error() -> None:
    truth = np.random.default_rng(0).uniform(-1, 1, (80, 60, 3)).astype(np.float32)
    small = resized(truth, 40, 30)
    plain = np.mean((lanczos(small, 80, 60) - truth) ** 2)
    assert np.mean((made(small, 2) - truth) ** 2) < 1.02 * plain


@pytest.mark.parametrize("shape", [(8, 8), (1, 64), (64, 1), (1, 1), (7, 30)])
def test_tiny_and_constant_pictures(shape: tuple[int, int]) -> None:
    flat = np.full((*shape, 3), 0.25, np.float32)
    large = made(flat, 2.5)
    assert large.shape == (max(1, round(shape[0] * 2.5)), max(1, round(shape[1] * 2.5)), 3)
    assert np.allclose(large, 0.25, atol=1e-4)
    noise = np.random.default_rng(1).uniform(-1, 1, (*shape, 3)).astype(np.float32)
    assert np.isfinite(made(noise, 8)).all()


def test_the_same_seed_is_the_same_picture_over_several_tiles() -> None:
    source = edges(100, 130)
    assert np.array_equal(made(source, 1.5), made(source, 1.5))
    # No seam where tiles meet: steps across are as large as elsewhere.
    large = made(resized(source, 70, 90), 2)
    across = np.abs(large[112] - large[111]).mean()
    assert across < 2 * np.abs(np.diff(large, axis=0)).mean()


def test_a_file_is_read_at_its_own_size_and_keeps_alpha(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    pixels = np.full((40, 300, 4), 255, np.uint8)
    pixels[:, :100, 3] = 0
    Image.fromarray(pixels).save(path)
    last = answered(PictureRecipe(str(path), "upscale", scale=2))
    assert (last.picture.width, last.picture.height) == (600, 80)
    alpha = last.picture.array()[..., 3]
    assert alpha[:, :180].max() == 0
    assert alpha[:, 220:].min() == 255
    assert last.level == last.levels
    assert last.likeness is None
    assert "Worked at" not in last.note


def answered(recipe: PictureRecipe) -> PictureReply:
    work = draw(recipe)
    while True:
        try:
            next(work)
        except StopIteration as done:
            return done.value


def test_how_large_a_picture_may_be() -> None:
    asked = PictureRecipe("a.png", "upscale", scale=2, longest=4000)
    assert working_longest(asked) == 2560
    assert working_longest(PictureRecipe("a.png", "upscale", scale=8)) == 640
    for scale in (1.0, 0.5, 8.5, float("inf")):
        with pytest.raises(LodestoneError, match="above 1 to 8"):
            working_longest(PictureRecipe("a.png", "upscale", scale=scale))
