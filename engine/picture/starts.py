"""Where a new picture begins: the coarsest level, before any patch is matched. numpy only.

Noise alone falls back to the source's own layout (completeness asks for every patch, and there is
one arrangement that has them all). So the layout itself is drawn: strips in another order, a
sideways shift, a slow warp; the patches then make it whole.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.picture.source import resized

noise = 0.5
"""Of the source's standard deviation, at the coarsest level with full variation."""

stir = 7
"""Pixels between places that move independently: about a patch."""


@dataclass(frozen=True)
class Manner:
    """How a seed rearranges: each has its own, so that seeds differ in kind."""

    strips: int
    bend: float
    """0..1: how much it warps."""

    @staticmethod
    def of(seed: int) -> Manner:
        random = np.random.default_rng((seed, 77))
        strips = int(random.choice((1, 2, 3, 4), p=(0.15, 0.35, 0.3, 0.2)))
        return Manner(strips, 1.0 if strips == 1 else float(random.uniform(0.1, 0.8)))


def rearranged(
    source: np.ndarray,
    height: int,
    width: int,
    manner: Manner,
    random: np.random.Generator,
    variation: float,
) -> np.ndarray:
    """A free layout (height, width, 3) of the coarse source (H, W, 3); 0 variation keeps it."""
    columns = _columns(source.shape[1], width, manner.strips, random, variation)
    rows = np.linspace(0, source.shape[0] - 1, height)
    y, x = np.broadcast_arrays(rows[:, None], columns[None])
    amount = variation * manner.bend
    y = y + amount * 0.14 * source.shape[0] * smooth(height, width, random)
    x = x + amount * 0.35 * source.shape[1] * smooth(height, width, random)
    picture = source[mirrored(y, source.shape[0]), mirrored(x, source.shape[1])]
    return noisy(picture, variation, random)


def noisy(picture: np.ndarray, variation: float, random: np.random.Generator) -> np.ndarray:
    """With normal noise, `variation` · `noise` of its own deviation."""
    amount = np.float32(variation * noise * picture.std())
    return picture + amount * random.standard_normal(picture.shape, dtype=np.float32)


def stirred(picture: np.ndarray, amount: float, random: np.random.Generator) -> np.ndarray:
    """(h, w, 3) whose places move by up to about `amount` patches, each region its own way.

    Noise would not do: patches see through it and find the same places again.
    """
    height, width = picture.shape[:2]
    grid = (height // stir + 2, width // stir + 2)
    moved = []
    for axis in (0, 1):
        slow = resized(random.standard_normal(grid, dtype=np.float32), height, width)
        line = np.arange(picture.shape[axis])
        line = line[:, None] if axis == 0 else line[None]
        moved.append(mirrored(line + amount * stir * slow, picture.shape[axis]))
    return picture[moved[0], moved[1]]


def smooth(height: int, width: int, random: np.random.Generator) -> np.ndarray:
    """A slow random field (height, width) of about unit deviation."""
    return resized(random.standard_normal((3, 4), dtype=np.float32), height, width)


def mirrored(position: np.ndarray, size: int) -> np.ndarray:
    """Positions as whole numbers in 0..size-1, reflected at the ends."""
    period = max(1, 2 * (size - 1))
    folded = np.abs(np.rint(position).astype(np.int64)) % period
    return np.minimum(folded, period - folded)


def _columns(
    source: int, width: int, strips: int, random: np.random.Generator, variation: float
) -> np.ndarray:
    """Which column of the source stands at each of `width`: cut into strips, in another order."""
    if variation <= 0 or (strips == 1 and width <= source):
        return np.linspace(0, source - 1, width)
    columns: list[np.ndarray] = []
    while sum(map(len, columns)) < width:
        columns.extend(_strips(source, strips, random))
    return np.concatenate(columns)[:width]


def _strips(source: int, count: int, random: np.random.Generator) -> list[np.ndarray]:
    """The source's columns, every one once, in `count` strips."""
    cuts = np.sort(random.uniform(0.12, 0.88, count - 1)) * source
    strips = np.split(np.arange(source), np.rint(cuts).astype(int))
    order = random.permutation(count)
    while count > 1 and (order == np.arange(count)).all():
        order = random.permutation(count)
    return [strips[i] for i in order]
