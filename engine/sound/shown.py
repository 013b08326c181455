"""A sound as the eye sees it: envelopes of any part of it in no time, and its spectrogram.

numpy alone: the window computes this beside itself, in a thread.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.sound.spectra import window

shown_range = 80.0
"""dB between the darkest and the brightest of a spectrogram."""
_lowest = 30.0
"""Hz at the bottom of a spectrogram."""
_block = 256
"""Samples that the coarse envelope takes together."""
_chunk = 256
"""Frames transformed at a time: the thread gives way between them."""
_longest, _finest = 0.046, 0.006
"""Seconds of an analysis window, for a whole sound and for the closest look."""


@dataclass(frozen=True, eq=False)
class Envelope:
    """Extremes and mean squares of blocks, so that no zoom has to read the whole sound again."""

    samples: np.ndarray
    """(C, N) float32."""
    low: np.ndarray
    """(C, B) float32, B = N / 256 rounded up."""
    high: np.ndarray
    square: np.ndarray
    clipped: np.ndarray
    """(B,) bool: some samples stay flat at the very top."""
    peak: float
    """The largest magnitude."""

    def columns(
        self, first: float, last: float, count: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Samples [first, last) as `count` columns: low, high, RMS (C, count); clipped (count,).

        At least one sample a column is wanted: `last - first >= count`.
        """
        edges = np.linspace(first, last, count + 1)
        if (last - first) / count >= 2 * _block:
            at, stop = _edges(edges / _block, self.low.shape[1])
            low, high, square = self.low, self.high, self.square
        else:
            at, stop = _edges(edges, self.samples.shape[1])
            low = high = self.samples[:, at[0] : stop]
            square = low * low
            at, stop = at - at[0], stop - at[0]
        bounds = np.append(at, stop)
        sums = np.add.reduceat(square[:, :stop], at, axis=1)
        blocks = np.minimum((edges[:-1] / _block).astype(int), len(self.clipped) - 1)
        return (
            np.minimum.reduceat(low[:, :stop], at, axis=1),
            np.maximum.reduceat(high[:, :stop], at, axis=1),
            np.sqrt(sums / np.maximum(np.diff(bounds), 1)),
            np.logical_or.reduceat(self.clipped, blocks),
        )


def _edges(edges: np.ndarray, count: int) -> tuple[np.ndarray, int]:
    """Fractional edges as indices below `count`, and where the last column stops.

    The first and the last column reach outwards: no sample asked for is left out.
    """
    whole = np.round(edges).astype(int)
    whole[0], whole[-1] = np.floor(edges[0]), np.ceil(edges[-1])
    whole = np.clip(whole, 0, count)
    stop = max(int(whole[-1]), 1)
    return np.minimum(whole[:-1], stop - 1), stop


def envelope(samples: np.ndarray) -> Envelope:
    """Of (C, N) float32, N >= 1; some 100 ms for five minutes in stereo."""
    channels, count = samples.shape
    blocks = -(-count // _block)
    low = np.empty((channels, blocks), np.float32)
    high, square = np.empty_like(low), np.empty_like(low)
    clipped = np.zeros(blocks, bool)
    peak = max(float(samples.max()), -float(samples.min()))
    step = _block * 4096
    for start in range(0, count, step):
        part = samples[:, start : start + step]
        place = slice(start // _block, start // _block + -(-part.shape[1] // _block))
        at = np.arange(0, part.shape[1], _block)
        low[:, place] = np.minimum.reduceat(part, at, axis=1)
        high[:, place] = np.maximum.reduceat(part, at, axis=1)
        sizes = np.diff(np.append(at, part.shape[1]))
        square[:, place] = np.add.reduceat(part * part, at, axis=1) / sizes
        if peak > 0.1:
            # One sample at the top is a peak; two alike there have been cut off.
            top = np.abs(part) >= 0.999 * peak
            flat = top[:, 1:] & (part[:, 1:] == part[:, :-1])
            clipped[start // _block + np.flatnonzero(flat.any(0)) // _block] = True
    return Envelope(samples, low, high, square, clipped, peak)


def decibels(
    samples: np.ndarray,
    rate: int,
    span: tuple[float, float],
    shape: tuple[int, int],
    highest: float = 0.0,
) -> np.ndarray:
    """(height, width) float32 dB of [from, to) seconds of (C, N); high notes at the top.

    A row is the mean of its band, 0 dB a full-scale sine that fills it. Frequency is on the mel
    scale up to `highest` Hz (0 = half the rate); -200 where the rate has nothing. The window
    shrinks with the span, for sharp onsets.
    """
    height, width = shape
    seconds = min(max((span[1] - span[0]) / 24, _finest), _longest)
    size = int(2 ** np.clip(np.round(np.log2(max(rate * seconds, 1.0))), 6, 14))
    step = (span[1] - span[0]) * rate / width
    # Between two columns nothing may be lost, and of a long sound not everything be read.
    dense = int(np.clip(np.ceil(step / (size / 2)), 1, 4))
    centres = (span[0] * rate + (np.arange(width * dense) + 0.5) * step / dense).astype(int)
    bank = _rows(rate, size, height, highest or rate / 2)
    out = np.empty((width, height), np.float32)
    for first in range(0, width, _chunk):
        last = min(first + _chunk, width)
        power = _power(samples, centres[first * dense : last * dense], size)
        power = power.reshape(last - first, dense, -1).max(1)
        out[first:last] = power @ bank
    return np.ascontiguousarray((10 * np.log10(out + 1e-20)).T[::-1])


def _power(samples: np.ndarray, centres: np.ndarray, size: int) -> np.ndarray:
    """(T, size // 2 + 1) float32, the mean over the channels; 1 = a full-scale sine."""
    shape = window(size)
    at = centres[:, None] + np.arange(-(size // 2), size - size // 2)
    cut = np.take(samples, at, axis=1, mode="clip")  # (C, T, size)
    cut = cut * np.where((at >= 0) & (at < samples.shape[1]), shape, np.float32(0))
    block = np.fft.rfft(cut, axis=-1)
    power = (block.real**2 + block.imag**2).mean(0)
    return power.astype(np.float32) * np.float32(4 / shape.sum() ** 2)


def _rows(rate: int, size: int, height: int, highest: float) -> np.ndarray:
    """(size // 2 + 1, height) float32: triangles, never narrower than a bin, lowest row first."""
    edges = frequency_at(np.linspace(0.0, 1.0, height + 1), highest)
    middle = (edges[1:] + edges[:-1]) / 2 * size / rate  # in bins
    half = np.maximum(np.diff(edges) * size / rate, 1.0)
    bins = np.arange(size // 2 + 1)[:, None]
    bank = np.maximum(1 - np.abs(bins - middle) / half, 0.0)
    bank = bank / np.maximum(bank.sum(0), 1e-9)
    return np.where(middle <= size / 2 + 0.5, bank, 0.0).astype(np.float32)


def frequency_at(share: np.ndarray | float, highest: float) -> np.ndarray:
    """Hz at a share (0..1) of the height of a spectrogram; mel scale (O'Shaughnessy)."""
    low, high = np.log1p(_lowest / 700), np.log1p(highest / 700)
    return 700 * np.expm1(low + np.asarray(share) * (high - low))


def share_of(hertz: float, highest: float) -> float:
    """Where a frequency lies: 0 at the bottom, 1 at the top."""
    low, high = np.log1p(_lowest / 700), np.log1p(highest / 700)
    return float((np.log1p(hertz / 700) - low) / (high - low))
