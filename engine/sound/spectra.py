"""Short-time spectra in numpy: for hearing distances, and for the eye. No torch, no SciPy."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

_shown = 80.0
"""dB between the darkest and the brightest of a spectrogram."""
_chunk = 512
"""Frames that are transformed at a time, so that memory stays bounded."""


@functools.lru_cache(maxsize=16)
def window(size: int) -> np.ndarray:
    """(size,) periodic Hann."""
    return np.hanning(size + 1)[:-1].astype(np.float32)


def frames(samples: np.ndarray, size: int, hop: int) -> np.ndarray:
    """(N,) → (T, size), a view; frame t is centred on sample t·hop, the ends are mirrored."""
    half = size // 2
    if len(samples) > half:
        padded = np.pad(samples, half, mode="reflect")
    else:
        padded = np.pad(samples, (half, size), mode="constant")
    return sliding_window_view(padded, size)[::hop]


def stft(samples: np.ndarray, size: int, hop: int) -> np.ndarray:
    """(N,) → (1 + N // hop, size // 2 + 1) complex64, Hann windows."""
    cut = frames(samples, size, hop)
    out = np.empty((len(cut), size // 2 + 1), np.complex64)
    for i in range(0, len(cut), _chunk):
        out[i : i + _chunk] = np.fft.rfft(cut[i : i + _chunk] * window(size), axis=1)
    return out


def istft(spectrum: np.ndarray, size: int, hop: int, count: int) -> np.ndarray:
    """Back to (count,) float32: weighted overlap-add (Griffin & Lim 1984, eq. 6)."""
    half, shape = size // 2, window(size)
    total = (len(spectrum) - 1) * hop + size
    out, weight = np.zeros(max(total, count + size)), np.zeros(max(total, count + size))
    square = shape.astype(np.float64) ** 2
    for t in range(len(spectrum)):
        part = slice(t * hop, t * hop + size)
        out[part] += np.fft.irfft(spectrum[t], size) * shape
        weight[part] += square
    out /= np.maximum(weight, 1e-3)
    return out[half : half + count].astype(np.float32)


def power(samples: np.ndarray, size: int, hop: int) -> np.ndarray:
    """(T, size // 2 + 1) float32: |STFT|², frames that lie wholly inside the mirrored sound."""
    return np.concatenate(list(powers(samples, size, hop)))


def powers(samples: np.ndarray, size: int, hop: int) -> Iterator[np.ndarray]:
    """`power` in parts of some milliseconds' work."""
    cut = frames(samples, size, hop)
    for i in range(0, len(cut), _chunk):
        block = np.fft.rfft(cut[i : i + _chunk] * window(size), axis=1)
        yield (block.real**2 + block.imag**2).astype(np.float32)


@functools.lru_cache(maxsize=16)
def mel_bank(rate: int, size: int, bands: int, lowest: float = 50.0) -> np.ndarray:
    """(size // 2 + 1, bands) float32 triangles from `lowest` Hz to half the rate.

    Mel after O'Shaughnessy: 2595·log10(1 + f / 700). Corners lie on bins, at least one apart.
    """
    top = _mel(rate / 2)
    steps = np.linspace(min(_mel(lowest), 0.5 * top), top, bands + 2)
    edges = np.floor((size + 1) * 700 * (10 ** (steps / 2595) - 1) / rate).astype(int)
    bank = np.zeros((bands, size // 2 + 1), np.float32)
    for m in range(bands):
        left = edges[m]
        centre = max(left + 1, edges[m + 1])
        right = max(left + 2, edges[m + 2])
        rise, fall = bank[m, left:centre], bank[m, centre:right]
        rise[:] = np.linspace(0, 1, centre - left, endpoint=False)[: len(rise)]
        fall[:] = np.linspace(1, 0, right - centre, endpoint=False)[: len(fall)]
    return np.ascontiguousarray(bank.T)


def _mel(hertz: float) -> float:
    return 2595 * float(np.log10(1 + hertz / 700))


def log_mel(
    samples: np.ndarray, rate: int, size: int = 1024, hop: int = 256, bands: int = 40
) -> np.ndarray:
    """(T, bands) float32: log10 of the power in mel bands; 1e-6 is its floor."""
    return np.concatenate(list(log_mels(samples, rate, size, hop, bands)))


def log_mels(
    samples: np.ndarray, rate: int, size: int = 1024, hop: int = 256, bands: int = 40
) -> Iterator[np.ndarray]:
    """`log_mel` in parts of some milliseconds' work."""
    bank = mel_bank(rate, size, bands)
    for part in powers(samples, size, hop):
        yield np.log10(part @ bank + 1e-6)


def spectrogram(samples: np.ndarray, rate: int, width: int, height: int) -> np.ndarray:
    """(height, width) float32, 0..1, for the eye: time to the right, high notes at the top.

    `samples` (N,) or (channels, N). Frequency is on the mel scale, brightness is 80 dB.
    """
    mono = samples if samples.ndim == 1 else samples.mean(0)
    width, height = max(1, width), max(1, height)
    size = int(2 ** np.clip(np.round(np.log2(rate * 0.046)), 6, 14))
    # Never more frames than columns need: a long sound is looked at here and there.
    hop = max(1, min(size // 2, len(mono) // width or 1), len(mono) // (4 * width))
    bands = min(height, size // 2)
    energy = power(mono, size, hop) @ mel_bank(rate, size, bands, 20.0)
    columns = _pooled(energy.T, width)
    decibels = 10 * np.log10(columns + 1e-12)
    top = max(float(decibels.max()), -60.0)
    shown = np.clip((decibels - top) / _shown + 1, 0, 1)
    rows = np.minimum(np.arange(height) * bands // height, bands - 1)
    return np.ascontiguousarray(shown[rows][::-1], dtype=np.float32)


def _pooled(rows: np.ndarray, width: int) -> np.ndarray:
    """(R, T) → (R, width): the largest of what falls on a column, or the frame nearest to it."""
    count = rows.shape[1]
    if count <= width:
        return rows[:, np.minimum(np.arange(width) * count // width, count - 1)]
    return np.maximum.reduceat(rows, np.arange(width) * count // width, axis=1)


def peaks(samples: np.ndarray, columns: int) -> np.ndarray:
    """(2, columns) float32: the lowest and the highest sample of every column of a waveform."""
    lows, highs = (samples, samples) if samples.ndim == 1 else (samples.min(0), samples.max(0))
    count, columns = len(lows), max(1, columns)
    if count == 0:
        return np.zeros((2, columns), np.float32)
    if count <= columns:
        at = np.minimum(np.arange(columns) * count // columns, count - 1)
        return np.stack([lows[at], highs[at]]).astype(np.float32)
    edges = np.arange(columns) * count // columns
    low, high = np.minimum.reduceat(lows, edges), np.maximum.reduceat(highs, edges)
    return np.stack([low, high]).astype(np.float32)
