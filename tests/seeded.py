"""Deterministic weights by name, so that recorded outputs need no recorded weights."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import numpy as np


def seeded(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Weights of a canonical or rosinality tensor name, float32, of a sensible size."""
    random = np.random.RandomState(zlib.crc32(name.encode()))
    values = random.randn(*shape)
    if name.endswith("transform"):
        return np.eye(3, dtype=np.float32)
    if name.endswith("magnitude_ema"):
        values = 1.0 + np.abs(values)
    elif name.startswith(("mapping.fc", "style.")):
        values = values * (30.0 if name.endswith("bias") else 100.0)
    elif name.endswith(("noise_strength", "noise.weight", "w_avg", "latent_avg")):
        values = values * 0.3
    elif name.endswith(("affine.bias", "modulation.bias")):
        values = values * 0.3 + 1.0
    elif name.endswith("bias"):
        values = values * 0.3
    return np.asarray(values, np.float32)


def reseeded(state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same names and shapes with seeded numbers; resampling filters are kept."""
    return {
        name: np.asarray(a) if "filter" in name or "kernel" in name else seeded(name, np.shape(a))
        for name, a in state.items()
    }


def latents(count: int, size: int) -> np.ndarray:
    return np.random.RandomState(7).randn(count, size).astype(np.float32)


def digest(picture: np.ndarray) -> list[float]:
    """Eleven numbers of a picture (N, C, R, R) that any change moves: pixels, mean, spread."""
    flat = picture.astype(np.float64).reshape(-1)
    picked = np.linspace(0, flat.size - 1, 9).round().astype(int)
    return [round(float(v), 6) for v in (*flat[picked], flat.mean(), flat.std())]
