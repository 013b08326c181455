"""Short-time spectra as matrices, as torch and ONNX convolve with. numpy only."""

from __future__ import annotations

import numpy as np

OVERLAP = 4
"""A window lasts so many frame hops."""


def basis(hop: int) -> np.ndarray:
    """(2 · bins, 4 · hop) float32: real then imaginary parts of windowed waves; bins = 2 hop + 1.

    Orthonormal scaling: white noise of deviation 1 has power 1 in every bin.
    """
    size = OVERLAP * hop
    window = np.hanning(size + 1)[:-1]
    angle = 2 * np.pi * np.outer(np.arange(size // 2 + 1), np.arange(size)) / size
    waves = np.concatenate([np.cos(angle), -np.sin(angle)]) * window
    return (waves / np.sqrt((window**2).sum())).astype(np.float32)


def inverse_basis(hop: int) -> np.ndarray:
    """(2 · bins, 4 · hop) float32: overlap-add of these gives the samples back."""
    size = OVERLAP * hop
    weight = np.full(size // 2 + 1, 2.0)
    weight[[0, -1]] = 1.0
    waves = basis(hop).astype(np.float64)
    window = np.hanning(size + 1)[:-1]
    # sum of squared windows at hops of a quarter: 1.5; basis() divided by the root of its energy.
    scale = float((window**2).sum()) / (1.5 * size)
    return (waves * np.concatenate([weight, weight])[:, None] * scale).astype(np.float32)
