"""What lies above the finest level: the source's own upper band, frame by frame. numpy only.

A spectral stage, not a trained one: every 10 ms of a take looks for the moment of the recording
whose bands below sound most like it, and takes that moment's upper band, cross-faded and as loud
as the bands below say.
"""

from __future__ import annotations

import numpy as np

from engine.sound.source import resampled

HOP = 0.01
"""Seconds from one grain to the next; a grain lasts two."""
NEIGHBOURS = 3
"""Candidates of which one is taken by chance."""
GO_ON = 1.3
"""The next moment may be so much further away than the nearest one (squared distance)."""
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
    """(n,) rows of `there` (m, D), usable (m,) bool, that sound like `wanted` (n, D).

    The moment after the last one is taken as long as it is nearly as good.
    """
    if not usable.any():
        usable = np.ones(len(there), bool)
    rows, found = np.flatnonzero(usable), np.empty(len(wanted), int)
    norms = np.where(usable, (there**2).sum(axis=1), np.inf)
    near, last = min(NEIGHBOURS, len(rows)), -1
    for start in range(0, len(wanted), 1000):
        part = wanted[start : start + 1000]
        distance = (part**2).sum(axis=1)[:, None] + norms - 2 * part @ there.T
        best = np.argpartition(distance, near - 1, axis=1)[:, :near]
        chosen = best[np.arange(len(part)), random.integers(0, near, len(part))]
        for number, pick in enumerate(chosen):
            after = last + 1
            if 0 < after < len(there) and distance[number, after] < GO_ON * distance[number, pick]:
                pick = after
            found[start + number] = last = int(pick)
    return found


def laid(
    upper: np.ndarray, rate: int, picks: np.ndarray, gain: np.ndarray, count: int,
    wrap: bool = False,
) -> np.ndarray:  # fmt: skip
    """(channels, count) of grains of `upper` (channels, M): pick k, 10 ms apart, times gain k.

    From the middle of a grain to that of the next they fade: as one where the next goes on where
    the last was, else at constant power.
    """
    size = round(2 * HOP * rate)
    padded = np.pad(upper, ((0, 0), (size, size)))
    places = np.round((np.arange(-1, len(picks) + 1) + 0.5) * count / len(picks)).astype(int)
    order = np.concatenate(
        [picks[-1:] if wrap else picks[:1], picks, picks[:1] if wrap else picks[-1:]]
    )
    louder = np.concatenate(
        [gain[-1:] if wrap else gain[:1], gain, gain[:1] if wrap else gain[-1:]]
    )
    starts = np.round((order + 0.5) * HOP * rate).astype(int) + size
    if not wrap:
        # Before the first middle and after the last one they just begin and end.
        starts[0], starts[-1] = (
            starts[1] - places[1] + places[0],
            starts[-2] + places[-1] - places[-2],
        )
    out = np.zeros((len(upper), count), np.float32)
    for k in range(len(places) - 1):
        first, last = places[k], places[k + 1]
        length = last - first
        angle = (np.arange(length, dtype=np.float32) + 0.5) * np.float32(np.pi / 2 / max(length, 1))
        down, up = np.cos(angle), np.sin(angle)
        if abs(starts[k + 1] - starts[k] - length) <= 2:
            down, up = down * down, up * up
        a = _taken(padded, starts[k], length) * (down * louder[k])
        b = _taken(padded, starts[k + 1] - length, length) * (up * louder[k + 1])
        low, high = max(first, 0), min(last, count)
        out[:, low:high] = (a + b)[:, low - first : high - first]
    return out


def _taken(padded: np.ndarray, start: int, length: int) -> np.ndarray:
    start = min(max(start, 0), padded.shape[1] - length)
    return padded[:, start : start + length]


def loudness(course: np.ndarray, count: int, deviation: float) -> np.ndarray:
    """(count,) natural log of amplitude in the upper third of the bands, every 10 ms."""
    top = course[-max(1, len(course) // 3) :].mean(axis=0) * deviation * 0.5
    at = ((np.arange(count) + 0.5) * course.shape[1] / count).astype(int)
    return top[at.clip(0, course.shape[1] - 1)]
