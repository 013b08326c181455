"""Exemplars as pictures: masked by where a unit is active, and small ones side by side."""

from __future__ import annotations

import functools
import math

import numpy as np
from PIL import Image

from engine.inspect.study import Study
from engine.messages import Exemplar, Picture, Unit

DARKENED = 0.3
"""Brightness left outside of a mask."""
KEPT_THUMBNAILS = 8192


def exemplars(
    study: Study, unit: Unit, level: float, size: int, count: int | None = None
) -> list[Exemplar]:
    """A unit's leading pictures (all, or `count`), with what lies below the level darkened."""
    values, numbers = study.top(unit.layer)
    maps = study.maps(unit.layer)
    found = []
    for place, number in enumerate(numbers[unit.index][:count]):
        if number < 0:
            continue
        plain = np.asarray(shrunk(study.pictures[number], size))
        lit = mask(np.asarray(maps[unit.index, place]), level, (plain.shape[0], plain.shape[1]))
        dark = np.where(lit[..., None], plain, (plain * DARKENED).astype(np.uint8))
        found.append(
            Exemplar(
                study.names[number],
                float(values[unit.index, place]),
                picture(dark),
                picture(plain),
                study.labels[number],
                study.requests[number] if study.requests else None,
            )
        )
    return found


def mask(activations: np.ndarray, level: float, size: tuple[int, int]) -> np.ndarray:
    """(h, w) -> (rows, columns) bool: where the enlarged (bilinear) map is above the level.

    A vector's single value lights all of the picture.
    """
    if activations.size == 1 or not math.isfinite(level):
        return np.ones(size, bool)
    rows, columns = size
    image = Image.fromarray(activations.astype(np.float32))
    enlarged = np.asarray(image.resize((columns, rows), Image.Resampling.BILINEAR))
    # Maps are kept in half precision: their own peak must not fall below a level it set.
    least = level - abs(level) * 1e-3
    lit = enlarged > least
    if not lit.any() and (activations > least).any():
        # Between the places of a map its peak is lower: show the place itself.
        lit = np.asarray(image.resize((columns, rows), Image.Resampling.NEAREST)) > least
    return lit


def shrunk(pixels: np.ndarray, size: int) -> Image.Image:
    """Longest side `size`, never larger than it is."""
    image = Image.fromarray(np.asarray(pixels))
    scale = min(1.0, max(1, size) / max(image.size))
    target = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    if target == image.size:
        return image
    return image.resize(target, Image.Resampling.BILINEAR, reducing_gap=2.0)


def strip(study: Study, unit: Unit, count: int, size: int) -> Picture | None:
    """The first exemplars side by side, as squares."""
    if count < 1 or size < 1:
        return None
    numbers = study.top(unit.layer)[1][unit.index][:count]
    squares = [_square(study, int(number), size) for number in numbers if number >= 0]
    return picture(np.concatenate(squares, axis=1)) if squares else None


@functools.lru_cache(KEPT_THUMBNAILS)
def _square(study: Study, number: int, size: int) -> np.ndarray:
    """(size, size, 3): the middle of a picture."""
    pixels = np.asarray(study.pictures[number])
    side = min(pixels.shape[:2])
    top, left = ((n - side) // 2 for n in pixels.shape[:2])
    image = Image.fromarray(pixels[top : top + side, left : left + side])
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR, reducing_gap=2.0))


def picture(rgb: np.ndarray) -> Picture:
    bgrx = np.full((*rgb.shape[:2], 4), 255, np.uint8)
    bgrx[..., :3] = rgb[..., ::-1]
    return Picture.of(bgrx)
