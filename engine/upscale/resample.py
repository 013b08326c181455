"""Separable resampling by matrices: how small pictures are made for training. numpy only.

All kernels use half-pixel centres. `bicubic` and `lanczos` are widened when shrinking
(antialiased, as MATLAB's imresize and Pillow do), `plain` is not (as OpenCV's INTER_CUBIC).
"""

from __future__ import annotations

from typing import Literal

import numpy as np

Kernel = Literal["bicubic", "plain", "area", "lanczos"]


def matrix(out: int, size: int, step: float, kernel: Kernel, first: float = 0.0) -> np.ndarray:
    """(out, size) float32: rows that sum to 1.

    step: pixels of the input per pixel of the output (above 1 shrinks)
    first: where the output's left edge lies, in pixels of the input
    """
    centre = (np.arange(out) + 0.5) * step - 0.5 + first
    away = np.arange(size)[None] - centre[:, None]
    width = max(step, 1.0)
    weights = {
        "bicubic": lambda: cubic(away / width, -0.5),
        "plain": lambda: cubic(away, -0.75),
        "area": lambda: np.clip(
            np.minimum(away + 0.5, step / 2) - np.maximum(away - 0.5, -step / 2), 0, 1
        ),
        "lanczos": lambda: _lanczos(away / width),
    }[kernel]()
    total = weights.sum(1, keepdims=True)
    return (weights / np.where(np.abs(total) < 1e-9, 1, total)).astype(np.float32)


def cubic(x: np.ndarray, a: float) -> np.ndarray:
    """Keys' cubic convolution kernel (1981), `a` is its slope at 1."""
    t = np.abs(x)
    near = (a + 2) * t**3 - (a + 3) * t**2 + 1
    far = a * t**3 - 5 * a * t**2 + 8 * a * t - 4 * a
    return np.where(t <= 1, near, np.where(t < 2, far, 0.0))


def _lanczos(x: np.ndarray) -> np.ndarray:
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0.0)


def apply(pictures: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """(..., H, W) by (h, H) and (w, W) -> (..., h, w)."""
    return rows @ (pictures @ columns.T)
