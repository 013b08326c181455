"""Pictures melted into each other by their patches: each in its place, one's layout in another's
matter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.messages import LodestoneError, PictureRecipe, Vector
from engine.picture import scores
from engine.picture.answers import draw
from engine.picture.meld import covering, melted
from engine.picture.source import resized

blend = PictureRecipe("a.png", "blend", others=("b.png",))


def dunes(height: int = 60, width: int = 80) -> np.ndarray:
    """(H, W, 3) -1..1: warm slanted stripes, brighter towards the lower left."""
    y, x = np.mgrid[0:height, 0:width] / 60
    grey = 0.35 * np.sin(25 * (x + 0.6 * y)) + 0.4 * (y - x) + 0.1 * np.sin(60 * y * x)
    return np.stack([grey + 0.3, 0.6 * grey, grey - 0.4], -1).clip(-1, 1).astype(np.float32)


def pools(height: int = 60, width: int = 80) -> np.ndarray:
    """(H, W, 3) -1..1: cool discs of several sizes, the largest in the upper left."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    grey = np.full((height, width), -0.4, np.float32)
    random = np.random.default_rng(7)
    for size in np.linspace(14, 3, 14):
        row, column = random.uniform(0, height), random.uniform(0, width)
        grey = np.where((y - row) ** 2 + (x - column) ** 2 < size**2, 0.9 - size / 15, grey)
    return np.stack([grey - 0.4, grey, grey + 0.4], -1).clip(-1, 1).astype(np.float32)


def made(recipe: PictureRecipe, *pictures: np.ndarray) -> np.ndarray:
    stages = list(melted(pictures or (dunes(), pools()), recipe))
    shown = [(stage.level, stage.image) for stage in stages if stage.image is not None]
    assert [level for level, _ in shown] == sorted(level for level, _ in shown)
    assert shown[-1][0] == stages[-1].levels
    image = shown[-1][1]
    assert np.isfinite(image).all()
    assert np.abs(image).max() <= 1
    return image


def halves() -> Vector:
    """A on the left, B on the right."""
    right = np.broadcast_to(np.arange(80) >= 40, (60, 80))
    return Vector.of(np.stack([~right, right]).astype(np.float32))


def owned(picture: np.ndarray) -> float:
    """Share of pixels that are warm: the dunes'."""
    return float((picture[..., 0] > picture[..., 2]).mean())


def test_each_half_is_of_its_own_picture() -> None:
    image = made(replace(blend, identity_map=halves()))
    left, right = image[:, :38], image[:, 42:]
    assert scores.distance(left, dunes()) < 0.3 * scores.distance(left, pools())
    assert scores.distance(right, pools()) < 0.3 * scores.distance(right, dunes())


def test_the_seam_is_matter_of_one_or_the_other() -> None:
    a, b = dunes(), dunes()[::-1]
    both = np.concatenate([a, b])
    cut = np.concatenate([a[:, :40], b[:, 40:]], 1)
    image = made(replace(blend, identity_map=halves()), a, b)
    seam = scores.coherence(image[:, 30:50], both)
    assert seam < 0.88 * scores.coherence(cut[:, 30:50], both)


def test_seeds_differ_and_repeat() -> None:
    recipe = replace(blend, identity_map=halves(), variation=1.0)
    first, second = made(recipe), made(replace(recipe, seed=1))
    assert np.sqrt(np.mean((first - second) ** 2)) > 0.1 * dunes().std()
    assert np.array_equal(first, made(recipe))


def test_a_mixed_identity_is_a_patchwork_of_that_share() -> None:
    shares = [0.0, 0.25, 0.5, 0.75, 1.0]
    found = [owned(made(replace(blend, identity=(s, 1 - s), seed=3))) for s in shares]
    assert found == sorted(found)
    assert found[0] < 0.1
    assert found[-1] > 0.9
    assert 0.3 < found[2] < 0.7


def test_the_layout_of_one_in_the_matter_of_the_other() -> None:
    a, b = dunes(), pools()
    for texture, layout, matter in (((0, 1), a, b), ((1, 0), b, a)):
        identity = texture[::-1]
        image = made(replace(blend, identity=identity, texture=texture))
        assert scores.distance(image, matter) < 0.5 * scores.distance(layout, matter)
        assert agreement(image, layout) > 0.6


def agreement(picture: np.ndarray, other: np.ndarray) -> float:
    """Spearman's rank correlation of the light at 12 x 9 pixels."""
    ranks = [resized(p.mean(-1), 9, 12).ravel().argsort().argsort() for p in (picture, other)]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def test_three_pictures_another_size_and_wrapped() -> None:
    third = np.full((20, 30, 3), 0.5, np.float32)
    recipe = replace(blend, identity=(0.3, 0.3, 0.4), width=100, height=40)
    assert made(recipe, dunes(), pools(), third).shape == (40, 100, 3)
    tile = made(replace(blend, identity=(0.5, 0.5), wrap=True))
    assert tile.shape == dunes().shape
    across = np.abs(tile[:, 0] - tile[:, -1]).mean()
    assert across < 2.5 * np.abs(np.diff(tile, axis=1)).mean()


@pytest.mark.parametrize("shape", [(8, 8), (1, 64), (64, 1), (1, 1)])
def test_tiny_and_constant_pictures(shape: tuple[int, int]) -> None:
    flat = np.full((*shape, 3), 0.25, np.float32)
    for recipe in (replace(blend, identity=(0.5, 0.5)), replace(blend, texture=(0.0, 1.0))):
        assert made(recipe, flat, pools()).shape == flat.shape
        assert np.allclose(made(recipe, flat, flat), 0.25, atol=1e-3)


def test_a_map_of_nothing_is_the_first_picture() -> None:
    empty = Vector.of(np.zeros((2, 60, 80), np.float32))
    assert owned(made(replace(blend, identity_map=empty))) > 0.9


def test_what_cannot_be_blended(tmp_path: Path) -> None:
    with pytest.raises(LodestoneError, match="2 pictures were given"):
        made(replace(blend, identity=(0.5, 0.3, 0.2)))
    flat = Vector.of(np.ones((60, 80), np.float32))
    with pytest.raises(LodestoneError, match="one layer for each"):
        made(replace(blend, identity_map=flat))
    path = tmp_path / "a.png"
    Image.new("RGB", (40, 30)).save(path)
    for others in ((), ("b.png",) * 4):
        with pytest.raises(LodestoneError, match="two to four"):
            next(draw(PictureRecipe(str(path), "blend", others=others)))
    with pytest.raises(LodestoneError, match="no file"):
        next(draw(PictureRecipe(str(path), "blend", others=("none.png",))))


def test_others_are_read_so_that_they_cover_the_first(tmp_path: Path) -> None:
    assert covering((250, 100), (1000, 500), 250) == 500
    assert covering((250, 250), (100, 100), 250) == 100
    assert covering((250, 250), (9000, 90), 250) == 750
    for name, size, colour in (("a.png", (60, 60), "red"), ("b.png", (90, 45), "blue")):
        Image.new("RGB", size, colour).save(tmp_path / name)
    a, b = str(tmp_path / "a.png"), str(tmp_path / "b.png")
    work = draw(PictureRecipe(a, "blend", others=(b,), identity_map=halves(), longest=60))
    while True:
        try:
            next(work)
        except StopIteration as done:
            picture = done.value.picture.array()
            break
    assert picture.shape == (60, 60, 4)
    assert picture[30, 5, 2] > 250 > 5 > picture[30, 5, 0]
    assert picture[30, 55, 0] > 250 > 5 > picture[30, 55, 2]
