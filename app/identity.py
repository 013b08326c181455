"""Identity maps: which picture is where. (K, H, W) weights that sum to 1 everywhere. No Qt."""

from __future__ import annotations

import numpy as np

from app.picture_state import Pattern

SIDE = 256
"""Longest side of a map; pictures are worked on at about this size."""


def map_shape(width: int, height: int) -> tuple[int, int]:
    """(H, W) of the map for a picture of this size in pixels."""
    scale = min(SIDE / max(width, height, 1), 1.0)
    return max(round(height * scale), 1), max(round(width * scale), 1)


def begun(pattern: Pattern, count: int, shape: tuple[int, int]) -> np.ndarray:
    """(count, H, W) float32: every picture has a band of its own, and they fade into each other.

    `across`: from left to right; `down`: from top to bottom; `disc`: from the edge to the middle.
    """
    height, width = shape
    ys, xs = np.mgrid[:height, :width].astype(np.float32) + 0.5
    if pattern == "down":
        share = ys / height
    elif pattern == "disc":
        away = np.hypot(xs - width / 2, ys - height / 2) / (min(height, width) / 2)
        share = np.clip((1.0 - away) / 0.5, 0.0, 1.0)
    else:
        share = xs / width
    place = share * (count - 1)
    band = np.clip(np.floor(place), 0, max(count - 2, 0))
    step = np.clip((place - band - 0.25) / 0.5, 0.0, 1.0)
    place = band + step * step * (3.0 - 2.0 * step)
    which = np.arange(count, dtype=np.float32)[:, None, None]
    return np.maximum(0.0, 1.0 - np.abs(place - which)).astype(np.float32)


def painted(maps: np.ndarray, stroke: np.ndarray, which: int) -> np.ndarray:
    """The maps after a stroke (H, W) in 0..1 for picture `which`."""
    out = maps * (1.0 - stroke)
    out[which] += stroke
    return out


def with_picture(maps: np.ndarray) -> np.ndarray:
    """One more picture, which is nowhere yet."""
    return np.concatenate([maps, np.zeros_like(maps[:1])])


def without_picture(maps: np.ndarray, which: int) -> np.ndarray:
    """One picture less; where it was alone the first one is."""
    left = np.delete(maps, which, axis=0)
    total = left.sum(axis=0)
    left[0] = np.where(total > 1e-3, left[0], 1.0)
    return left / np.maximum(left.sum(axis=0), 1e-6)


def exchanged(maps: np.ndarray, which: int) -> np.ndarray:
    """The first picture and another one in each other's place."""
    order = np.arange(len(maps))
    order[[0, which]] = which, 0
    return maps[order]
