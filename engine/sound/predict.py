"""A sound continued by itself for some hundredths of a second: linear prediction. numpy only."""

from __future__ import annotations

import numpy as np

order = 96
_learnt = 3072
"""Samples that the predictor is fitted to."""


def burg(samples: np.ndarray, order: int) -> np.ndarray:
    """(order,) coefficients: x[n] ≈ Σ c[k]·x[n-1-k]. Burg's method (1975): always stable."""
    forward = samples.astype(np.float64)
    backward = forward.copy()
    coefficients = np.array([1.0])
    for _ in range(order):
        f, b = forward[1:], backward[:-1]
        power = float(f @ f + b @ b)
        if power < 1e-18:
            break
        k = -2 * float(f @ b) / power
        coefficients = np.append(coefficients, 0.0)
        coefficients = coefficients + k * coefficients[::-1]
        forward, backward = f + k * b, b + k * f
    return -coefficients[1:]


def continued(samples: np.ndarray, count: int) -> np.ndarray:
    """(channels, count): how (channels, N) would go on."""
    out = np.zeros((len(samples), count), np.float32)
    for channel, row in enumerate(samples):
        known = row[-_learnt:].astype(np.float64)
        if len(known) < 8 or not np.any(known):
            continue
        c = burg(known, min(order, len(known) // 3))[::-1]
        line = np.concatenate([known[len(known) - len(c) :], np.zeros(count)])
        for n in range(count):
            line[len(c) + n] = c @ line[n : n + len(c)]
        out[channel] = line[len(c) :]
    return out


def continued_back(samples: np.ndarray, count: int) -> np.ndarray:
    """(channels, count): what would have come before."""
    return continued(samples[:, ::-1], count)[:, ::-1]
