"""Rates, bands and exact resampling: what training (torch) and drawing (numpy) share. numpy only.

A sound is seen in two ways. Its **course** is the logarithm of its power in some forty bands every
few milliseconds: what is heard over seconds. Its **waves** are the samples at rates that double.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

LOWEST_RATE = 2000
"""Hz of the first level of samples, as in `models.wave`, which needs torch."""
HIGHEST_RATE = 32000
FRAMES = 500
"""Frames a second at which every level of samples thinks; a hop is `rate / 500` samples."""
FLOOR = 1e-10
"""-100 dB: power below it is silence."""
TAPS = 63
"""Half length of the half-band filter between two levels, samples at the higher rate."""


def top_rate(wanted: int, source: int) -> int:
    """The rate of the finest level, 2000 · 2^k Hz, not above what is asked for or is there."""
    rate = LOWEST_RATE
    while rate * 2 <= min(max(wanted, LOWEST_RATE), source, HIGHEST_RATE):
        rate *= 2
    return rate


# ---------------------------------------------------------------- between two rates


@lru_cache(maxsize=1)
def half_band() -> np.ndarray:
    """(2 · TAPS + 1,) float32 low-pass at half of half the rate, Kaiser window, sum 1."""
    n = np.arange(-TAPS, TAPS + 1)
    taps = 0.47 * np.sinc(0.47 * n) * np.kaiser(2 * TAPS + 1, 7.0)
    taps = (taps / taps.sum()).astype(np.float32)
    taps.setflags(write=False)
    return taps


def response(cycles: np.ndarray) -> np.ndarray:
    """Gain of going down to half the rate and up again at `cycles` per sample of the full rate."""
    n = np.arange(-TAPS, TAPS + 1)
    one = (half_band() * np.cos(2 * np.pi * np.outer(cycles, n))).sum(axis=1)
    return np.where(cycles <= 0.25, one * one, 0.0)


def pad_time(x: np.ndarray, margin: int, wrap: bool = False, mode: str = "reflect") -> np.ndarray:
    """(..., N) -> (..., N + 2m): goes round with `wrap`, else mirrored (or `edge`)."""
    if margin == 0:
        return x
    count = x.shape[-1]
    if wrap:
        return x[..., np.arange(-margin, count + margin) % count]
    if mode == "reflect" and count > 1:
        at = np.abs(np.arange(-margin, count + margin)) % (2 * count - 2)
        return x[..., np.minimum(at, 2 * count - 2 - at)]
    return x[..., np.arange(-margin, count + margin).clip(0, count - 1)]


def halved(x: np.ndarray, wrap: bool = False) -> np.ndarray:
    """(..., N) -> (..., ceil(N / 2)) at half the rate."""
    return _filtered(pad_time(x, TAPS, wrap))[..., ::2]


def doubled(x: np.ndarray, wrap: bool = False) -> np.ndarray:
    """(..., N) -> (..., 2 N) at twice the rate; what was there stays as it is, band-limited."""
    padded = pad_time(x, TAPS, wrap)
    spread = np.zeros((*x.shape[:-1], 2 * padded.shape[-1]), np.float32)
    spread[..., ::2] = 2.0 * padded
    return _filtered(spread)[..., TAPS : TAPS + 2 * x.shape[-1]]


def _filtered(x: np.ndarray) -> np.ndarray:
    """Valid convolution along the last axis; blocks, so that memory stays bounded."""
    flat = x.reshape(-1, x.shape[-1])
    rows = [_convolved(row) for row in flat]
    return np.stack(rows).reshape(*x.shape[:-1], -1)


def _convolved(row: np.ndarray) -> np.ndarray:
    block = 1 << 16
    count = len(row) - 2 * TAPS
    out = np.empty(count, np.float32)
    size = 1 << 17
    spectrum = np.fft.rfft(half_band(), size)
    for start in range(0, count, block):
        part = row[start : start + block + 2 * TAPS]
        done = np.fft.irfft(np.fft.rfft(part, size) * spectrum, size)
        stop = min(block, count - start)
        out[start : start + stop] = done[2 * TAPS : 2 * TAPS + stop]
    return out


# ---------------------------------------------------------------- course


def band_edges(rate: int, bands: int) -> np.ndarray:
    """(bands + 2,) Hz, mel-spaced from 40 Hz to half the rate."""
    top = 2595 * math.log10(1 + rate / 2 / 700)
    low = 2595 * math.log10(1 + 40 / 700)
    return 700 * (10 ** (np.linspace(low, top, bands + 2) / 2595) - 1)


@lru_cache(maxsize=8)
def bank(rate: int, size: int, bands: int) -> np.ndarray:
    """(size // 2 + 1, bands) float32: triangles, each a mean over its bins (columns sum to 1)."""
    edges = band_edges(rate, bands)
    bins = np.arange(size // 2 + 1) * rate / size
    width = rate / size
    made = np.zeros((len(bins), bands))
    for band in range(bands):
        low, middle, high = edges[band : band + 3]
        low, high = min(low, middle - width), max(high, middle + width)
        rise, fall = (bins - low) / (middle - low), (high - bins) / (high - middle)
        made[:, band] = np.clip(np.minimum(rise, fall), 0, None)
    made /= made.sum(axis=0)
    return made.astype(np.float32)


def course(x: np.ndarray, rate: int, size: int, hop: int, bands: int) -> np.ndarray:
    """(N,) at the top rate -> (bands, ceil(N / hop)): log power, 0 for white noise of deviation 1.

    Frame t is centred on sample (t + 1/2) · hop.
    """
    frames = -(-len(x) // hop)
    left = size // 2 - hop // 2
    padded = np.zeros(frames * hop + size, np.float32)
    body = pad_time(x, left) if len(x) > left else np.pad(x, left)
    padded[: len(body)] = body[: len(padded)]
    window = np.hanning(size + 1)[:-1].astype(np.float32)
    weights = bank(rate, size, bands) / float((window**2).sum())
    views = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop][:frames]
    out = np.empty((bands, frames), np.float32)
    for start in range(0, frames, 1024):
        power = np.abs(np.fft.rfft(views[start : start + 1024] * window, axis=1)) ** 2
        out[:, start : start + 1024] = np.log(power @ weights + FLOOR).T
    return out


@lru_cache(maxsize=8)
def spread(rate: int, bands: int, bins: int) -> np.ndarray:
    """(bins, bands) float32: log power of the bands -> of bins 125 Hz apart, linear in between."""
    centres = band_edges(rate, bands)[1:-1]
    at = np.interp(np.arange(bins) * 125.0, centres, np.arange(bands))
    low = np.minimum(at.astype(int), bands - 2) if bands > 1 else np.zeros(bins, int)
    made = np.zeros((bins, bands), np.float32)
    part = at - low
    made[np.arange(bins), low] = 1 - part
    made[np.arange(bins), np.minimum(low + 1, bands - 1)] += part
    return made


def stretched(x: np.ndarray, count: int, wrap: bool = False) -> np.ndarray:
    """(..., T) -> (..., count): linear between frames, means of frames when it shrinks."""
    old = x.shape[-1]
    if old == count:
        return x.astype(np.float32, copy=False)
    factor = old / count
    if factor > 1:
        # Mean over what a new frame covers, by differences of the running sum.
        edges = np.arange(count + 1) * factor
        total = np.concatenate([np.zeros((*x.shape[:-1], 1)), np.cumsum(x, -1, dtype=float)], -1)
        low = np.minimum(edges.astype(int), old - 1)
        running = total[..., low] + (edges - low) * x[..., low]
        return (np.diff(running, axis=-1) / factor).astype(np.float32)
    at = (np.arange(count) + 0.5) * factor - 0.5
    low = np.floor(at).astype(int)
    part = (at - low).astype(np.float32)
    first, second = (low % old, (low + 1) % old) if wrap else (
        low.clip(0, old - 1), (low + 1).clip(0, old - 1)
    )  # fmt: skip
    return ((1 - part) * x[..., first] + part * x[..., second]).astype(np.float32)


def frames_of(course: np.ndarray, frames: int, margin: int, wrap: bool = False) -> np.ndarray:
    """(C, T) course -> (C, frames + 2 margin - 3), at the centres of a level's spectra."""
    cells = stretched(course, frames, wrap)
    cells = pad_time(cells, margin, wrap, mode="edge")
    return 0.5 * (cells[:, 1:-2] + cells[:, 2:-1])


def gains(
    course: np.ndarray, mean: np.ndarray, deviation: float, rate: int, top: int, channels: int
) -> np.ndarray:
    """(channels · bands, F) normalised course -> (channels · bins, F) amplitude of each bin."""
    logs = (course * deviation + mean).reshape(channels, -1, course.shape[1])
    weights = spread(top, logs.shape[1], 2 * (rate // FRAMES) + 1)
    amplitude = np.exp(0.5 * (weights @ logs)) * math.sqrt(rate / top)
    return amplitude.reshape(-1, course.shape[1]).astype(np.float32)


def above(rate: int) -> np.ndarray:
    """(bins,) share of each bin that the level at `rate` adds to the level below."""
    bins = 2 * (rate // FRAMES) + 1
    if rate == LOWEST_RATE:
        return np.ones(bins, np.float32)
    return (1.0 - response(np.arange(bins) * 125.0 / rate)).clip(0, 1).astype(np.float32)
