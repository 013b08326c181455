"""A take's loudest moments are as loud as its source's: crackles crackle, and nothing is louder.

numpy only.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from engine.sound.pyramid.bands import pad_time

SECONDS = 0.004
"""The gain falls so long before a peak, and rises as long behind it."""


LOUDEST = 0.02
"""Share of the moments that are accented."""


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


def accented(samples: np.ndarray, source: np.ndarray, rate: int, wrap: bool = False) -> np.ndarray:
    """(channels, N) whose loudest moments are spread as those of `source` (channels, M).

    Moments of 4 ms; only the loudest fiftieth changes, by 6 dB at most. A take much shorter than
    its source need not have its loudest moments: it is only held back where it is louder.
    """
    own, heard = source.mean(axis=0), samples.mean(axis=0)
    most = float(np.abs(own).max(initial=0.0))
    share = float(np.clip(len(heard) / max(len(own), 1) / 0.4 - 1.0, 0.0, 1.0))
    size = max(1, round(SECONDS * rate))
    if share > 0 and min(len(heard), len(own)) >= 100 * size:
        for _ in range(2):
            samples = samples * _accents(samples.mean(axis=0), own, size, share, wrap)
    return limited(samples.astype(np.float32), most, rate, wrap)


def _accents(heard: np.ndarray, own: np.ndarray, size: int, share: float, wrap: bool) -> np.ndarray:
    """(N,) gain."""
    here, there = _blocks(heard, size), np.sort(_blocks(own, size))
    place = np.empty(len(here))
    place[np.argsort(here, kind="stable")] = (np.arange(len(here)) + 0.5) / len(here)
    wanted = np.interp(place, (np.arange(len(there)) + 0.5) / len(there), there)
    gain = np.clip(wanted / np.maximum(here, 1e-9), 0.5, 2.0)
    weight = share * np.clip((place - (1 - LOUDEST)) / (0.5 * LOUDEST), 0, 1)
    curve = np.repeat(gain**weight, size)[: len(heard)]
    curve = np.pad(curve, (0, len(heard) - len(curve)), mode="edge")
    shape = np.hanning(size // 2 * 2 + 3)[1:-1]
    padded = pad_time(curve, len(shape) // 2, wrap, mode="edge")
    return np.convolve(padded, shape / shape.sum(), mode="valid").astype(np.float32)


def _blocks(row: np.ndarray, size: int) -> np.ndarray:
    return np.abs(row[: len(row) // size * size]).reshape(-1, size).max(axis=1)


def _highest(row: np.ndarray, width: int) -> np.ndarray:
    """(N,) -> (N - width + 1,): the largest of each window, in parts."""
    views, part = sliding_window_view(row, width), 1 << 16
    rows = [views[i : i + part].max(axis=1) for i in range(0, len(views), part)]
    return np.concatenate(rows)
