"""Quantiles of activations over all positions of all pictures, from one pass. No torch.

Only the upper tail of a unit is kept, as a histogram whose bins grow with the distance from where
the tail begins: a value x falls into bin number bits(1 + (x - start) / width) of a float's own
binary digits, so bins are `2**-bits` of that distance wide, and no logarithm is taken.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

LOW, HIGH = 0.8, 0.87
"""Quantiles of the first pictures where a tail begins: of few positions, and of many. The first
ones say less of maps of few positions; .9 is the lowest quantile that is asked for."""
OCTAVES = 8
BITS = 9
SMALL = 64
"""Positions of a small map."""
_PARTS = ("start", "width", "counts", "total", "above", "top")
_MANTISSA = 23
_ONE = 127
"""Exponent bits of 1.0 in float32."""


class Tails:
    """Upper tails of C units; `first` (C, M) float32, NaN where missing, sets where they begin."""

    def __init__(self, first: np.ndarray, begins: float = LOW, bits: int = BITS):
        units = len(first)
        self.bits = bits
        self.bins = OCTAVES << bits
        there = np.isfinite(first)
        count = there.sum(axis=1)
        # As quantile of method `lower`: an observed value, so that many zeros stay below.
        at = np.maximum(((count - 1) * begins).astype(np.int64), 0)
        ordered = np.sort(np.where(there, first, np.inf), axis=1)
        begin = np.take_along_axis(ordered, at[:, None], axis=1)[:, 0]
        self.start = np.where(count > 0, begin, 0.0).astype(np.float32)
        safe = np.where(there, first, self.start[:, None]) - self.start[:, None]
        spread = np.sqrt(np.maximum((safe**2).mean(axis=1) - safe.mean(axis=1) ** 2, 0.0)) / 4.0
        self.width = _usable(spread, self.start)
        """(C,) of a step of 1 in `1 + (x - start) / width`; 0 until a value above start comes."""
        self.counts = np.zeros((units, self.bins), np.uint32)
        self.total = np.zeros(units, np.int64)
        self.above = np.zeros(units, np.int64)
        self.top = np.full(units, -np.inf, np.float32)

    def add(self, values: np.ndarray, peaks: np.ndarray) -> None:
        """values (N, C, P) float32; peaks (N, C), NaN where a unit of a picture is left out."""
        _, units, positions = values.shape
        there = np.isfinite(peaks)
        self.total += there.sum(axis=0) * positions
        largest = np.where(there, peaks, -np.inf).max(axis=0).astype(np.float32)
        self._make_room(largest)
        scale = np.zeros(units, np.float32)
        np.divide(1.0, self.width, out=scale, where=self.width > 0)
        if positions <= SMALL:
            # A unit's values together: its bins are then in the cache.
            values = np.ascontiguousarray(values.swapaxes(0, 1)).reshape(1, units, -1)
        self._add(values, scale)

    def _add(self, values: np.ndarray, scale: np.ndarray) -> None:
        pictures, units, positions = values.shape
        where = _true(values > self.start[:, None])
        rows = np.searchsorted(where, np.arange(pictures * units + 1) * positions)
        found = np.diff(rows)
        steps = values.reshape(-1).take(where)
        steps -= np.repeat(np.tile(self.start, pictures), found)
        steps *= np.repeat(np.tile(scale, pictures), found)
        steps += np.float32(1.0)
        bins = steps.view(np.int32)
        bins >>= _MANTISSA - self.bits
        np.minimum(bins, (_ONE << self.bits) + self.bins - 1, out=bins)
        self.above += found.reshape(pictures, units).sum(axis=0)
        begin = np.arange(units, dtype=np.int64) * self.bins - (_ONE << self.bits)
        places = np.repeat(np.tile(begin, pictures), found)
        places += bins
        np.add.at(self.counts.reshape(-1), places, np.uint32(1))

    def _make_room(self, largest: np.ndarray) -> None:
        """Widen the bins of units whose new values would lie beyond the last."""
        np.maximum(self.top, largest, out=self.top)
        fresh = (self.width == 0) & (largest > self.start)
        if fresh.any():
            reach = (largest - self.start)[fresh]
            self.width[fresh] = _usable(reach / 64.0, self.start[fresh])
        beyond = largest >= self.start + self.width * np.float32((1 << OCTAVES) - 1)
        for unit in np.flatnonzero(beyond & (self.width > 0)):
            steps = 1.0 + (float(largest[unit]) - float(self.start[unit])) / float(self.width[unit])
            self._widen(int(unit), 2.0 ** np.ceil(np.log2(steps) - OCTAVES + 1))

    def _widen(self, unit: int, factor: float) -> None:
        full = np.flatnonzero(self.counts[unit])
        edges = self._edges(self.bits)
        middle = (edges[full] + edges[full + 1]) / 2.0 - 1.0
        steps = (middle / factor + 1.0).astype(np.float32)
        bins = (steps.view(np.int32) >> (_MANTISSA - self.bits)) - (_ONE << self.bits)
        moved = np.zeros(self.bins, np.uint32)
        np.add.at(moved, bins, self.counts[unit, full])
        self.counts[unit] = moved
        self.width[unit] *= factor

    @staticmethod
    def _edges(bits: int) -> np.ndarray:
        """(bins + 1,) float64: borders of bins in steps, from 1."""
        numbers = np.arange((OCTAVES << bits) + 1, dtype=np.int32) + (_ONE << bits)
        return (numbers << (_MANTISSA - bits)).view(np.float32).astype(np.float64)

    def arrays(self) -> dict[str, np.ndarray]:
        """All that is known, for a file."""
        return {f"tail_{part}": getattr(self, part) for part in _PARTS}

    @staticmethod
    def of(arrays: Mapping[str, np.ndarray]) -> Tails | None:
        """What `arrays` said; None where they say nothing."""
        if "tail_start" not in arrays:
            return None
        made = Tails.__new__(Tails)
        for part in _PARTS:
            setattr(made, part, arrays[f"tail_{part}"])
        made.bins = made.counts.shape[1]
        made.bits = (made.bins // OCTAVES).bit_length() - 1
        return made

    def covers(self, unit: int, quantile: float) -> bool:
        """Whether the quantile lies in the tail that was kept."""
        total, above = int(self.total[unit]), int(self.above[unit])
        return quantile * (total - 1) >= total - above or self.width[unit] == 0

    def level(self, unit: int, quantile: float) -> float:
        """As numpy's quantile (linear); NaN where nothing is known."""
        total, counts = int(self.total[unit]), self.counts[unit]
        if not total:
            return float("nan")
        rank = quantile * (total - 1)
        low = int(np.floor(rank))
        full = np.flatnonzero(counts)
        until = np.cumsum(counts[full], dtype=np.int64) + (total - int(self.above[unit]))
        a = self._ordered(unit, low, full, until)
        b = a if rank == low else self._ordered(unit, low + 1, full, until)
        return a + (b - a) * (rank - low)

    def _ordered(self, unit: int, index: int, full: np.ndarray, until: np.ndarray) -> float:
        """About the value of this index (0 = least) among all, in order."""
        start, top = float(self.start[unit]), float(self.top[unit])
        if index >= int(self.total[unit]) - 1:
            return top
        place = int(np.searchsorted(until, index, side="right"))
        below = int(self.total[unit]) - int(self.above[unit])
        if index < below or place >= len(full):
            return min(start, top)
        bin_, before = int(full[place]), int(until[place - 1]) if place else below
        edges = self._edges(self.bits)[bin_ : bin_ + 2] - 1.0
        inside = (index - before + 0.5) / int(self.counts[unit, bin_])
        step = edges[0] + inside * (edges[1] - edges[0])
        return min(start + float(self.width[unit]) * step, top)


def _true(flags: np.ndarray) -> np.ndarray:
    """As numpy's flatnonzero, faster where most are false: eight are looked at at once."""
    if flags.size % 8 or flags.size < 4096:
        return np.flatnonzero(flags)
    flat = flags.reshape(-1)
    eights = np.flatnonzero(flat.view(np.uint64))
    if 3 * len(eights) > flat.size // 8:
        return np.flatnonzero(flat)
    inside = np.flatnonzero(flat.reshape(-1, 8)[eights])
    where = eights.take(inside >> 3)
    where <<= 3
    where += inside & 7
    return where


def _usable(width: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Not finer than the numbers themselves are."""
    finest = np.abs(start) * np.float32(2.0**-22)
    return np.where(width > 0, np.maximum(width, finest), 0.0).astype(np.float32)
