"""Where a new picture begins: the coarsest level, before any patch is matched. numpy only.

Noise alone falls back to the source's own layout (completeness asks for every patch, and there is
one arrangement that has them all). So the layout itself is drawn: strips in another order, a
sideways shift, a slow warp; the patches then make it whole.
"""

from __future__ import annotations

import numpy as np

from engine.picture.source import resized

noise = 0.5
"""Of the source's standard deviation, at the coarsest level with full variation."""


def rearranged(
    source: np.ndarray, height: int, width: int, random: np.random.Generator, variation: float
) -> np.ndarray:
    """A free layout (height, width, 3) of the coarse source (H, W, 3); 0 variation keeps it."""
    columns = _columns(source.shape[1], width, random, variation)
    rows = np.linspace(0, source.shape[0] - 1, height)
    y, x = np.broadcast_arrays(rows[:, None], columns[None])
    amount = variation * float(random.uniform(0.1, 1.0))
    y = y + amount * 0.14 * source.shape[0] * smooth(height, width, random)
    x = x + amount * 0.30 * source.shape[1] * smooth(height, width, random)
    picture = source[mirrored(y, source.shape[0]), mirrored(x, source.shape[1])]
    return noisy(picture, variation, random)


def noisy(picture: np.ndarray, variation: float, random: np.random.Generator) -> np.ndarray:
    """With normal noise, `variation` · `noise` of its own deviation."""
    amount = np.float32(variation * noise * picture.std())
    return picture + amount * random.standard_normal(picture.shape, dtype=np.float32)


def smooth(height: int, width: int, random: np.random.Generator) -> np.ndarray:
    """A slow random field (height, width) of about unit deviation."""
    return resized(random.standard_normal((3, 4), dtype=np.float32), height, width)


def mirrored(position: np.ndarray, size: int) -> np.ndarray:
    """Positions as whole numbers in 0..size-1, reflected at the ends."""
    period = max(1, 2 * (size - 1))
    folded = np.abs(np.rint(position).astype(np.int64)) % period
    return np.minimum(folded, period - folded)


def _columns(source: int, width: int, random: np.random.Generator, variation: float) -> np.ndarray:
    """Which column of the source stands at each of `width`: cut into strips, in another order."""
    if variation <= 0:
        return np.linspace(0, source - 1, width)
    columns: list[np.ndarray] = []
    while sum(map(len, columns)) < width:
        columns.extend(_strips(source, random))
    return np.concatenate(columns)[:width]


def _strips(source: int, random: np.random.Generator) -> list[np.ndarray]:
    """The source's columns, every one once, in 1 to 4 strips."""
    count = int(random.integers(1, 5))
    cuts = np.sort(random.uniform(0.12, 0.88, count - 1)) * source
    strips = np.split(np.arange(source), np.rint(cuts).astype(int))
    return [strips[i] for i in random.permutation(len(strips))]
