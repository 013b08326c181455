"""Larger than it is: the finest level, again and again (SinGAN's super-resolution). numpy only.

A picture looks alike at neighbouring sizes, so the level that adds the finest detail goes on adding
it when the picture is enlarged by the same ratio once more.
"""

from __future__ import annotations

import math
from collections.abc import Generator

import numpy as np

from engine.messages import LodestoneError, PictureRecipe
from engine.picture.answers import read, working_longest
from engine.picture.pyramid.grid import Size, level_size, resize
from engine.picture.pyramid.opened import Pyramid

LONGEST = 8192
CORRECTIONS = 3
NOISE = 0.25
RATIO = 1.5
"""Of a pyramid that has one level only."""


def enlarged(
    pyramid: Pyramid, recipe: PictureRecipe, seed: tuple[int, ...]
) -> Generator[tuple[int, int, np.ndarray] | None, None, None]:
    """(step, steps, picture (3, H, W)); None in between is a place to pause."""
    if not 1.0 < recipe.scale <= 8.0:
        raise LodestoneError("A picture is enlarged 1 to 8 times. Give a scale above 1, such as 2.")
    source = read(recipe.source, working_longest(recipe)).pixels
    size = (source.shape[0], source.shape[1])
    if max(size) * recipe.scale > LONGEST:
        raise LodestoneError(
            f"Pictures are at most {LONGEST:,} pixels long. Choose a smaller scale or working size."
        )
    picture = source.transpose(2, 0, 1)
    steps = sizes_between(size, recipe.scale, ratio_of(pyramid))
    for number, step in enumerate(steps, 1):
        below = resize(picture, step, recipe.wrap)
        random = np.random.default_rng((*seed, number))
        noise = random.standard_normal(below.shape, dtype=np.float32) * np.float32(amount(recipe))
        identity = None if pyramid.pictures == 1 else pyramid.only(0, step)
        last = pyramid.levels - 1
        picture = yield from pyramid.drawing(last, below, noise, identity, recipe.wrap)
        picture = faithful(picture, source.transpose(2, 0, 1), recipe.wrap)
        yield number, len(steps), picture


def faithful(picture: np.ndarray, source: np.ndarray, wrap: bool = False) -> np.ndarray:
    """(3, H, W), corrected until, made small again, it is the source (3, h, w): back-projection
    (Irani & Peleg 1991). What a level adds is detail, never another tone."""
    size, small = picture.shape[1:], source.shape[1:]
    for _ in range(CORRECTIONS):
        gap = source - resize(picture, (small[0], small[1]), wrap)
        picture = picture + resize(gap, (size[0], size[1]), wrap)
    return picture


def amount(recipe: PictureRecipe) -> float:
    """Share of the noise: detail that varies with the seed, less than where all is new."""
    return NOISE * min(max(recipe.variation, 0.0), 1.0)


def ratio_of(pyramid: Pyramid) -> float:
    """How much larger the finest level is than the one below it."""
    shares = pyramid.scales[: pyramid.levels]
    return shares[-1] / shares[-2] if len(shares) > 1 else RATIO


def sizes_between(size: Size, scale: float, ratio: float) -> list[Size]:
    """The sizes on the way, steps of about `ratio`, the last one exactly `scale` times larger."""
    count = max(1, round(math.log(scale) / math.log(ratio)))
    return [level_size(size, scale ** (number / count)) for number in range(1, count + 1)]
