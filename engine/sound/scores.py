"""How alike and how new a sound is beside the one it was made from. numpy only.

Log-mel sliced Wasserstein distances and the copy score, calibrated on what Catch-A-Waveform and
granular shuffling reach: speech .21 and .23, instruments .44 and .23, ambience .24 and .12 (near).
"""

from __future__ import annotations

from collections.abc import Generator, Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from engine.sound import spectra
from engine.sound.source import resampled

near_frames, far_frames = 8, 64
"""About 128 ms and 1 s at 16 kHz."""
copy_above = 0.75
"""Copy score from which a sound counts as a copy."""
listened = 25
"""Seconds that are compared at most."""
projections = 96
sampled = 1500
"""Stacks of frames that are looked at."""
_copy_rate = 12000
"""Hz at which copies are looked for: what is loud lies below half of it."""
Scores = tuple[float | None, float | None, float | None]
"""near, far, copy; None where a sound is too short or too silent to tell."""


def mono(samples: np.ndarray, rate: int) -> np.ndarray:
    """(N,) of (channels, N): the mean, at most `listened` seconds, its peak at 1."""
    mixed = samples[:, : listened * rate].mean(0)
    return mixed / max(float(np.abs(mixed).max(initial=0)), 1e-9)


def scores(sample: np.ndarray, source: np.ndarray, rate: int) -> Generator[None, None, Scores]:
    """Of (channels, N) against (channels, M), in slices of some milliseconds."""
    mixes = [mono(sample, rate), mono(source, rate)]
    logs: list[np.ndarray] = []
    for mixed in mixes:
        parts = []
        for part in spectra.log_mels(mixed, rate):
            parts.append(part)
            yield None
        logs.append(np.concatenate(parts))
    near = distance(logs[0], logs[1], near_frames)
    yield None
    far = distance(logs[0], logs[1], far_frames)
    yield None
    best: list[float] = []
    for one in copies(mixes[0], mixes[1], rate):
        best.append(one)
        yield None
    return near, far, float(np.median(best)) if best else None


def scored(sample: np.ndarray, source: np.ndarray, rate: int) -> Scores:
    """`scores`, without its pauses."""
    work = scores(sample, source, rate)
    while True:
        try:
            next(work)
        except StopIteration as done:
            return done.value


def distance(a: np.ndarray, b: np.ndarray, frames: int) -> float | None:
    """Sliced Wasserstein distance of stacks of `frames` rows of (T, bands) and (t, bands)."""
    if min(len(a), len(b)) < frames:
        return None
    # The same directions and stacks for every sound, or figures could not be compared.
    directions = np.random.RandomState(1).randn(frames * a.shape[1], projections)
    directions = (directions / np.linalg.norm(directions, axis=0)).astype(np.float32)
    turned = [sliding_window_view(x, frames, axis=0)[::2] for x in (a, b)]
    count = min(len(turned[0]), len(turned[1]), sampled)
    random = np.random.RandomState(0)
    rows = [x[random.choice(len(x), count, False)].reshape(count, -1) for x in turned]
    projected = [np.sort(x @ directions, axis=0) for x in rows]
    return float(np.abs(projected[0] - projected[1]).mean())


def copies(sample: np.ndarray, source: np.ndarray, rate: int) -> Iterator[float]:
    """For half a second in every two: its best normalised correlation with the source, 0..1."""
    if rate > _copy_rate:
        sample, source = (resampled(x, rate, _copy_rate, "LQ") for x in (sample, source))
        rate = _copy_rate
    length = rate // 2
    if len(source) < length:
        return
    size = 1 << int(np.ceil(np.log2(len(source) + length)))
    spectrum = np.fft.rfft(source.astype(np.float64), size)
    sums = np.cumsum(np.concatenate([[0.0], source.astype(np.float64) ** 2]))
    energy = np.sqrt(np.maximum(sums[length:] - sums[:-length], 1e-9))
    for start in range(0, len(sample) - length, 2 * rate):
        query = sample[start : start + length].astype(np.float64)
        power = float(query @ query)
        if power < 1e-6:
            continue
        cross = np.fft.irfft(spectrum * np.conj(np.fft.rfft(query, size)), size)[: len(energy)]
        yield float((cross / energy).max() / np.sqrt(power))
