"""What lies above the finest level: the source's own upper band, frame by frame. numpy only.

A spectral stage, not a trained one: every 10 ms of a take looks for the moment of the recording
whose bands below sound most like it, and takes that moment's upper band, cross-faded and as loud
as the bands below say.
"""

from __future__ import annotations

import numpy as np

from engine.sound.source import resampled

HOP = 0.01
"""Seconds from one grain to the next; a grain lasts four."""
NEIGHBOURS = 3
"""Candidates of which one is taken by chance."""
LOUDER = 0.7
"""Most that a grain is made louder or softer, natural log of amplitude: 6 dB."""


def upper_band(samples: np.ndarray, rate: int, finest: int) -> np.ndarray:
    """(channels, N): what resampling to `finest` Hz leaves out."""
    below = resampled(resampled(samples, rate, finest), finest, rate)
    count = samples.shape[1]
    if below.shape[1] < count:
        below = np.pad(below, ((0, 0), (0, count - below.shape[1])))
    return samples - below[:, :count]


def features(course: np.ndarray, count: int) -> np.ndarray:
    """(C, T) -> (count, 2 C): the course every 10 ms, upper bands counting more, and its change."""
    bands = course.shape[0]
    weight = (0.5 + np.arange(bands) / max(bands - 1, 1)).astype(np.float32)[:, None]
    at = ((np.arange(count) + 0.5) * course.shape[1] / count).astype(int)
    rows = course * weight
    change = np.gradient(rows, axis=1) if course.shape[1] > 1 else np.zeros_like(rows)
    return np.concatenate([rows, change])[:, at.clip(0, course.shape[1] - 1)].T


def matched(
    wanted: np.ndarray, there: np.ndarray, usable: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    """(n,) rows of `there` (m, D), usable (m,) bool, that sound like `wanted` (n, D)."""
    rows = np.flatnonzero(usable)
    if not len(rows):
        rows = np.arange(len(there))
    keys, found = there[rows], np.empty(len(wanted), int)
    norms = (keys**2).sum(axis=1)
    near = min(NEIGHBOURS, len(rows))
    for start in range(0, len(wanted), 2000):
        part = wanted[start : start + 2000]
        distance = norms - 2 * part @ keys.T
        best = np.argpartition(distance, near - 1, axis=1)[:, :near]
        chosen = random.integers(0, near, len(part))
        found[start : start + len(part)] = rows[best[np.arange(len(part)), chosen]]
    return found


def laid(
    upper: np.ndarray, rate: int, picks: np.ndarray, gain: np.ndarray, count: int,
    wrap: bool = False,
) -> np.ndarray:  # fmt: skip
    """(channels, count) of grains of `upper` (channels, M): pick k, 10 ms apart, times gain k."""
    hop = HOP * rate
    size = 2 * round(2 * hop)
    # Alike and unlike grains alike: a window whose squares sum to 1 at a hop of a quarter.
    window = (np.hanning(size + 1)[:-1] * np.sqrt(1 / 1.5)).astype(np.float32)
    padded = np.pad(upper, ((0, 0), (size, size)))
    out = np.zeros((len(upper), count + 2 * size), np.float32)
    for number, (pick, loud) in enumerate(zip(picks, gain, strict=True)):
        middle = round((number + 0.5) * hop) + size
        source = round((pick + 0.5) * hop) + size
        grain = padded[:, source - size // 2 : source + size // 2]
        if grain.shape[1] == size and middle + size // 2 <= out.shape[1]:
            out[:, middle - size // 2 : middle + size // 2] += grain * (window * loud)
    if wrap and count >= size:
        out[:, size : 2 * size] += out[:, count + size :]
        out[:, count : count + size] += out[:, :size]
    return out[:, size : size + count]


def loudness(course: np.ndarray, count: int, deviation: float) -> np.ndarray:
    """(count,) natural log of amplitude in the upper third of the bands, every 10 ms."""
    top = course[-max(1, len(course) // 3) :].mean(axis=0) * deviation * 0.5
    at = ((np.arange(count) + 0.5) * course.shape[1] / count).astype(int)
    return top[at.clip(0, course.shape[1] - 1)]
