"""No take is louder than its source: the few peaks that are, are held back. numpy only."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from engine.sound.pyramid.bands import pad_time

SECONDS = 0.004
"""The gain falls so long before a peak, and rises as long behind it."""


def limited(samples: np.ndarray, most: float, rate: int, wrap: bool = False) -> np.ndarray:
    """(channels, N) whose mean over the channels has no peak above `most`."""
    size = np.abs(samples.mean(axis=0))
    if most <= 0 or float(size.max(initial=0.0)) <= most:
        return samples
    wanted = most / np.maximum(size, np.float32(most))
    reach = max(1, round(SECONDS * rate))
    held = -_highest(pad_time(-wanted, 2 * reach, wrap, mode="edge"), 2 * reach + 1)
    shape = np.hanning(2 * reach + 3)[1:-1]
    gain = np.convolve(held, shape / shape.sum(), mode="valid")
    return (samples * gain).astype(np.float32)


def _highest(row: np.ndarray, width: int) -> np.ndarray:
    """(N,) -> (N - width + 1,): the largest of each window, in parts."""
    views, part = sliding_window_view(row, width), 1 << 16
    rows = [views[i : i + part].max(axis=1) for i in range(0, len(views), part)]
    return np.concatenate(rows)
