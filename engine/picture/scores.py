"""How alike, how new, how varied: pictures against the one they were made from. numpy only.

Pixels are RGB in -1..1. Patch statistics as in GPDM (Elnekave & Weiss, arXiv 2203.11862).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from engine.picture.nearest import side
from engine.picture.source import resized

projections = 128
sampled = 6000
"""Patches that are looked at."""
copy_below = 0.25
"""Novelty under which a picture counts as a copy."""
_familiar = 0.12
"""Distance at which likeness is 1/e: another picture is at about .25, a good sample at .02."""


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """Sliced Wasserstein distance of the patches of (H, W, 3) and (h, w, 3); 0 = alike."""
    directions = np.random.default_rng(1).standard_normal((side * side * 3, projections))
    directions = (directions / np.linalg.norm(directions, axis=0)).astype(np.float32)
    rows = [_patches(x) for x in (a, b)]
    count = min(sampled, *(len(x) for x in rows))
    projected = [
        np.sort(_picked(x, count, seed) @ directions, axis=0) for seed, x in enumerate(rows, 2)
    ]
    return float(np.abs(projected[0] - projected[1]).mean())


def distances(a: np.ndarray, b: np.ndarray) -> tuple[float, float, float]:
    """At full, half and quarter size."""
    return tuple(distance(halved(a, n), halved(b, n)) for n in range(3))  # type: ignore[return-value]


def coherence(picture: np.ndarray, source: np.ndarray, count: int = 300) -> float:
    """Mean RMS distance of `count` patches to their nearest in `source`, both at half size.

    Turned round, it is completeness: what of the source the picture misses.
    """
    queries = _picked(_patches(halved(picture)), count, 4)
    keys = _patches(halved(source))
    lengths = (keys * keys).sum(1)
    nearest = np.full(len(queries), np.inf)
    for start in range(0, len(keys), 4096):
        block = lengths[start : start + 4096] - 2 * queries @ keys[start : start + 4096].T
        nearest = np.minimum(nearest, block.min(1))
    squared = np.maximum(nearest + (queries * queries).sum(1), 0)
    return float(np.sqrt(squared / queries.shape[1]).mean())


def likeness(picture: np.ndarray, source: np.ndarray) -> float:
    """0..1: 1 when the patches at three scales are the source's."""
    return float(np.exp(-np.mean(distances(fitted(picture, source), source)) / _familiar))


def novelty(picture: np.ndarray, source: np.ndarray) -> float:
    """RMSE to the source / the source's standard deviation; below `copy_below` it is a copy."""
    gap = fitted(picture, source) - source
    return float(np.sqrt(np.mean(gap * gap)) / max(float(source.std()), 1e-6))


def diversity(pictures: Sequence[np.ndarray], source: np.ndarray) -> float:
    """Mean deviation of a pixel over the pictures / the source's; 0 for fewer than two."""
    if len(pictures) < 2:
        return 0.0
    stack = np.stack([fitted(picture, source) for picture in pictures])
    return float(stack.std(0, ddof=1).mean() / max(float(source.std()), 1e-6))


def fitted(picture: np.ndarray, source: np.ndarray) -> np.ndarray:
    return resized(picture, *source.shape[:2])


def halved(picture: np.ndarray, times: int = 1) -> np.ndarray:
    """The mean of every 2 x 2 pixels, `times` over; never smaller than a patch."""
    for _ in range(times):
        height, width = picture.shape[0] // 2, picture.shape[1] // 2
        if min(height, width) < side:
            break
        even = picture[: height * 2, : width * 2]
        picture = even.reshape(height, 2, width, 2, 3).mean((1, 3))
    return picture


def _patches(picture: np.ndarray) -> np.ndarray:
    """(N, 147); a picture smaller than a patch is reflected until it holds one."""
    short = [max(0, side - n) for n in picture.shape[:2]]
    if any(short):
        picture = np.pad(picture, ((0, short[0]), (0, short[1]), (0, 0)), mode="symmetric")
    windows = sliding_window_view(picture, (side, side), axis=(0, 1))
    return windows.reshape(-1, side * side * 3)


def _picked(rows: np.ndarray, count: int, seed: int) -> np.ndarray:
    if len(rows) <= count:
        return rows
    return rows[np.random.default_rng(seed).permutation(len(rows))[:count]]
