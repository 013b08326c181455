"""How good an upscaler is on pictures it did not learn from. numpy and Pillow only."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from engine.upscale.resample import apply, matrix

LARGEST = 720
"""Pixels a side of what is looked at: the middle of larger pictures."""
Enlarge = Callable[[np.ndarray], np.ndarray]
"""(h, w, 3) float32 0..1 -> (h·s, w·s, 3)."""


@dataclass(frozen=True)
class Judged:
    """Mean PSNR-Y in dB: BT.601 luma, borders of `scale` pixels left out, 8-bit values."""

    model: float
    lanczos: float
    bicubic: float


def judge(pictures: Sequence[np.ndarray], scale: int, enlarge: Enlarge) -> Judged:
    """pictures: (H, W, 3) uint8; made smaller by antialiased bicubic, as benchmarks do."""
    rows = []
    for picture in pictures:
        large = _middle(picture, scale)
        small = shrunk(large, scale)
        size = (large.shape[1], large.shape[0])
        made = (enlarge(small), _resized(small, size, Image.Resampling.LANCZOS),
                _resized(small, size, Image.Resampling.BICUBIC))  # fmt: skip
        rows.append([psnr(one, large / np.float32(255), scale) for one in made])
    return Judged(*(float(value) for value in np.mean(rows, axis=0)))


def shrunk(large: np.ndarray, scale: int) -> np.ndarray:
    """(H, W, 3) uint8 -> (H/s, W/s, 3) float32 0..1 with 8-bit values."""
    height, width = large.shape[:2]
    rows = matrix(height // scale, height, scale, "bicubic")
    columns = matrix(width // scale, width, scale, "bicubic")
    small = apply(large.transpose(2, 0, 1).astype(np.float32), rows, columns)
    return (np.rint(small.clip(0, 255)) / np.float32(255)).transpose(1, 2, 0)


def psnr(made: np.ndarray, large: np.ndarray, shave: int) -> float:
    """dB between (H, W, 3) 0..1, on luma of 8-bit values."""
    a, b = (luma(np.rint(one.clip(0, 1) * 255)) for one in (made, large))
    cut = slice(shave, -shave)
    error = float(np.mean((a - b)[cut, cut] ** 2))
    return 10 * math.log10(255**2 / max(error, 1e-12))


def luma(picture: np.ndarray) -> np.ndarray:
    """(H, W) of (H, W, 3) 0..255: BT.601 with head- and footroom."""
    return 16 + picture.astype(np.float64) @ np.array([65.481, 128.553, 24.966]) / 255


def _middle(picture: np.ndarray, scale: int) -> np.ndarray:
    height, width = (min(n, LARGEST) // scale * scale for n in picture.shape[:2])
    top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
    return picture[top : top + height, left : left + width]


def _resized(small: np.ndarray, size: tuple[int, int], how: Image.Resampling) -> np.ndarray:
    parts = [Image.fromarray(small[..., c]).resize(size, how) for c in range(3)]
    return np.stack([np.asarray(part) for part in parts], axis=2)
