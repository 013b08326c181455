"""Sizes of the levels, exact resampling, and how borders go on. numpy only.

Resampling is two small matrix products whose weights are made here; training (torch) and drawing
(ONNX Runtime) use the same weights, so there is no interpolation to match between libraries.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

Size = tuple[int, int]
"""(height, width), pixels."""


def level_size(size: Size, scale: float) -> Size:
    """The size of a level for a picture of `size` at the finest."""
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def fitted(size: Size, longest: int) -> Size:
    """Scaled so that the longest side is at most `longest`; never enlarged."""
    return level_size(size, min(1.0, longest / max(size)))


@lru_cache(maxsize=64)
def weights(old: int, new: int, wrap: bool = False) -> np.ndarray:
    """(new, old) float32: cubic resampling of a line of pixels, rows sum to 1.

    Keys' cubic (a = -0.5), widened by the factor when it shrinks, so nothing aliases. Beyond the
    ends lies the end pixel, or with `wrap` the other end.
    """
    if old == new:
        return np.eye(old, dtype=np.float32)
    factor = old / new
    reach = 2.0 * max(factor, 1.0)
    centres = (np.arange(new) + 0.5) * factor - 0.5
    taps = np.arange(math.ceil(2 * reach) + 1)
    first = np.ceil(centres - reach).astype(int)
    columns = first[:, None] + taps
    values = _cubic(np.abs(columns - centres[:, None]) / max(factor, 1.0))
    values /= values.sum(axis=1, keepdims=True)
    columns = columns % old if wrap else columns.clip(0, old - 1)
    matrix = np.zeros((new, old))
    np.add.at(matrix, (np.arange(new)[:, None], columns), values)
    matrix = matrix.astype(np.float32)
    matrix.setflags(write=False)
    return matrix


def _cubic(t: np.ndarray) -> np.ndarray:
    near = (1.5 * t - 2.5) * t * t + 1.0
    far = ((-0.5 * t + 2.5) * t - 4.0) * t + 2.0
    return np.where(t <= 1.0, near, np.where(t < 2.0, far, 0.0))


def resize(maps: np.ndarray, size: Size, wrap: bool = False) -> np.ndarray:
    """(..., H, W) float32 -> (..., h, w)."""
    rows = weights(maps.shape[-2], size[0], wrap)
    columns = weights(maps.shape[-1], size[1], wrap)
    return (rows @ maps.astype(np.float32, copy=False)) @ columns.T


def resize_known(picture: np.ndarray, known: np.ndarray, size: Size) -> tuple[np.ndarray, ...]:
    """Shrink a picture (3, H, W) of which only `known` (H, W) bool may be looked at.

    Returns the picture (3, h, w) and known (h, w): pixels that no hidden one took part in.
    Hidden pixels get the mean of the known ones first, so what they held cannot matter.
    """
    if known.all():
        return resize(picture, size), np.ones(size, bool)
    filled = np.where(known, picture, hidden_fill(picture, known))
    hidden = (~known).astype(np.float32)
    touched = (_support(known.shape[0], size[0]) @ hidden) @ _support(known.shape[1], size[1]).T
    return resize(filled, size), touched < 1e-6


def hidden_fill(picture: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(3, 1, 1): the mean colour of the known pixels, grey when there are none."""
    if not known.any():
        return np.zeros((len(picture), 1, 1), np.float32)
    return picture[:, known].mean(axis=1)[:, None, None].astype(np.float32)


def _support(old: int, new: int) -> np.ndarray:
    return (weights(old, new) != 0).astype(np.float32)


def pad(maps: np.ndarray, margin: int, wrap: bool = False, empty: bool = False) -> np.ndarray:
    """(..., H, W) -> (..., H + 2m, W + 2m): the edge goes on, or the other side, or nothing.

    In training pictures are continued by their edge and noise by nothing, which is how a level
    learns where the picture ends; seamless tiles never end, so both wrap.
    """
    sides = [(0, 0)] * (maps.ndim - 2) + [(margin, margin)] * 2
    if wrap:
        return np.pad(maps, sides, mode="wrap")
    return np.pad(maps, sides) if empty else np.pad(maps, sides, mode="edge")


def scales(sizes: Sequence[Size], coarsest: int, levels: int) -> tuple[float, ...]:
    """Sizes of the levels as shares of the finest, geometric, coarse first, ending at 1.

    coarsest: the shorter side of the smallest picture at the first level, pixels
    """
    shortest = min(min(size) for size in sizes)
    longest = min(max(size) for size in sizes)
    # A very long picture must still have some length at the coarsest level.
    first = min(1.0, max(coarsest / shortest, 8 / longest))
    if levels < 2 or first > 0.95:
        return (1.0,)
    return tuple(round(first ** (1 - i / (levels - 1)), 6) for i in range(levels))


def level_count(sizes: Sequence[Size], coarsest: int, ratio: float) -> int:
    """How many levels steps of about `ratio` need from the coarsest to the finest."""
    first = min(1.0, coarsest / min(min(size) for size in sizes))
    return 1 + max(0, round(math.log(first) / math.log(ratio)))
