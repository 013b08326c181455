"""What is kept of one layer while pictures pass through it, once. No torch.

MILAN (arXiv 2201.11114) takes the 15 pictures of largest spatial maximum and the .99 quantile over
all positions in a first pass and the maps in a second. Here the maps of the pictures that lead are
kept as they pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.inspect.levels import BITS, HIGH, LOW, OCTAVES, Tails

HISTOGRAM_BINS = 40
SAMPLES = 2_000
"""Positions that a unit's histogram counts, at least, where there are so many."""
FEW = 60
"""Pictures of which every one goes into the histograms."""
CHUNK = 1 << 18
"""Activations handled together."""
LOOKED = 512
"""Activations of a unit by which tails and histograms begin."""
MANY = 400
"""Positions of a large map."""
LARGEST_MAP = 224
"""Side beyond which kept maps are made smaller (each value the largest of its area)."""
_CLASS_TOKENS = (0, 1, 2, 5)
"""Tokens before those of places: none, class, class and distillation, class and registers."""


@dataclass(frozen=True)
class Plan:
    """How a layer is tallied: decided before the pass, from what memory it may take."""

    units: int
    rows: int
    columns: int
    exemplars: int
    pictures: int
    bits: int = BITS
    shrink: int = 1
    """Factor by which kept maps are smaller than the layer's."""

    @property
    def kept(self) -> tuple[int, int]:
        """Rows and columns of a kept map."""
        return -(-self.rows // self.shrink), -(-self.columns // self.shrink)

    @property
    def bytes(self) -> int:
        """Memory while the pass runs."""
        height, width = self.kept
        tails = 0 if self.rows * self.columns == 1 else self.units * (OCTAVES << self.bits) * 4
        return tails + self.units * self.exemplars * (height * width * 2 + 16)


def plan(
    units: int, rows: int, columns: int, exemplars: int, pictures: int, memory: int = 512 << 20
) -> Plan:
    """Within `memory` bytes: coarser tails first, then smaller maps."""
    shrink = max(1, -(-max(rows, columns) // LARGEST_MAP))
    found = Plan(units, rows, columns, min(exemplars, pictures), pictures, BITS, shrink)
    for bits in range(BITS, 5, -1):
        found = Plan(units, rows, columns, found.exemplars, pictures, bits, shrink)
        if found.bytes <= memory:
            return found
    while found.bytes > memory and max(found.kept) > 1:
        shrink *= 2
        found = Plan(units, rows, columns, found.exemplars, pictures, found.bits, shrink)
    return found


def spatial(output: np.ndarray) -> tuple[np.ndarray, int, int]:
    """Any layer's output as (N, C, P) float32, and rows and columns of P.

    (N, C, H, W) maps; (N, T, C) tokens, without those that stand for no place; (N, C) vectors.
    """
    output = np.asarray(output, np.float32)
    if output.ndim == 4:
        n, channels, rows, columns = output.shape
        return output.reshape(n, channels, rows * columns), rows, columns
    if output.ndim == 3:
        tokens = output.shape[1]
        for extra in _CLASS_TOKENS:
            side = round(max(tokens - extra, 0) ** 0.5)
            if side > 1 and side * side == tokens - extra:
                return np.ascontiguousarray(output[:, extra:].swapaxes(1, 2)), side, side
        return np.ascontiguousarray(output.swapaxes(1, 2)), tokens, 1
    flat = output.reshape(len(output), -1)
    return flat[..., None], 1, 1


class LayerTally:
    """One layer; pictures may come in any order, each once."""

    def __init__(self, plan: Plan):
        self.plan = plan
        units, k = plan.units, plan.exemplars
        self.values = np.full((units, k), -np.inf, np.float32)
        self.pictures = np.full((units, k), np.iinfo(np.int32).max, np.int32)
        self.slots = np.tile(np.arange(k, dtype=np.int32), (units, 1))
        """Where in `maps` an exemplar's map lies: they are not moved when the order changes."""
        self.maps = np.zeros((units, k, *plan.kept), np.float16)
        self.missing = np.zeros(units, np.int64)
        """Pictures in which the unit was not a number."""
        self.tails: Tails | None = None
        """None of vectors, whose values are kept whole."""
        self.low = np.zeros(units, np.float32)
        self.high = np.zeros(units, np.float32)
        self.histogram = np.zeros((units, HISTOGRAM_BINS), np.int64)
        self._begun = False

    def update(self, numbers: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pictures `numbers` (N,) with their activations (N, C, P) float32.

        Returns their spatial maxima and means (N, C); NaN where not a number.
        """
        if not self._begun:
            self._begin(values)
        # As many pictures at a time as the processor's caches hold: they are read several times.
        some = max(1, CHUNK // (values.shape[1] * values.shape[2]))
        parts = [self._look(values[at : at + some]) for at in range(0, len(values), some)]
        peaks, means = (np.concatenate(part) for part in zip(*parts, strict=True))
        # Of many pictures a quarter, more closely: reading a few numbers costs as much as many.
        every = 4 if self.plan.pictures > 4 * FEW else 1
        if values.shape[2] > 1 and int(numbers[0]) % every == 0:
            self._draw(values, peaks, every)
        self._lead(np.asarray(numbers, np.int32), values, peaks)
        return peaks, means

    # ---------------------------------------------------------------- distribution

    def _look(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Maxima and means (N, C) of some pictures, which are counted."""
        with np.errstate(invalid="ignore", over="ignore"):
            peaks = values.max(axis=2)
            # A product with ones reads as fast as memory gives; halves are kept of it in any case.
            means = values @ np.full(values.shape[2], 1.0 / values.shape[2], np.float32)
        bad = ~(np.isfinite(peaks) & np.isfinite(means))
        if bad.any():
            values = np.where(bad[..., None], np.float32(np.nan), values)
            peaks[bad] = means[bad] = np.nan
            self.missing += bad.sum(axis=0)
        if self.tails is not None:
            self.tails.add(values, peaks)
        return peaks, means

    def _draw(self, values: np.ndarray, peaks: np.ndarray, every: int) -> None:
        """Count evenly spread positions into the histograms."""
        wanted = min(values.shape[2], max(4, -(-every * SAMPLES // self.plan.pictures)))
        chosen = values[:, :, np.linspace(0, values.shape[2] - 1, wanted).astype(np.int64)]
        chosen[~np.isfinite(peaks)] = np.nan
        span = self.high - self.low
        scale = np.zeros(len(span), np.float32)
        np.divide(HISTOGRAM_BINS, span, out=scale, where=span > 0)
        places = chosen - self.low[:, None]
        places *= scale[:, None]
        np.clip(places, 0, HISTOGRAM_BINS - 1, out=places)
        # What is not a number goes to a bar of its own, before the first, that is cut off.
        bars = HISTOGRAM_BINS + 1
        places[np.isnan(places)] = -1.0
        numbers = places.astype(np.int32)
        numbers += (np.arange(len(span), dtype=np.int32) * bars + 1)[:, None]
        found = np.bincount(numbers.reshape(-1), minlength=len(span) * bars)
        self.histogram += found.reshape(-1, bars)[:, 1:]

    def _begin(self, values: np.ndarray) -> None:
        """From the first pictures: where tails and histograms begin."""
        self._begun = True
        positions = values.shape[2]
        if positions == 1:
            return
        wanted = min(positions, max(1, LOOKED // len(values)))
        places = np.linspace(0, positions - 1, wanted).astype(np.int64)
        first = values[:, :, places].swapaxes(0, 1).reshape(values.shape[1], -1)
        known = np.isfinite(first).any(axis=1)
        self.low[known] = np.nanmin(first[known], axis=1)
        self.high[known] = np.nanmax(first[known], axis=1)
        # Later pictures reach further; what lies beyond counts in the last bar.
        self.high += 0.25 * (self.high - self.low)
        self.tails = Tails(first, HIGH if positions > MANY else LOW, self.plan.bits)

    # ---------------------------------------------------------------- exemplars

    def _lead(self, numbers: np.ndarray, values: np.ndarray, peaks: np.ndarray) -> None:
        ranked = np.where(np.isfinite(peaks), peaks, -np.inf)
        best = ranked.max(axis=0)
        units = np.flatnonzero((best >= self.values[:, -1]) & (best > -np.inf))
        if not len(units):
            return
        k = self.plan.exemplars
        came = ranked[:, units].T
        together = np.concatenate([self.values[units], came], axis=1)
        who = np.concatenate([self.pictures[units], np.broadcast_to(numbers, came.shape)], axis=1)
        order = _best_first(together, who)[:, :k]
        self.values[units] = np.take_along_axis(together, order, axis=1)
        self.pictures[units] = np.take_along_axis(who, order, axis=1)
        self._keep_maps(units, order, values)

    def _keep_maps(self, units: np.ndarray, order: np.ndarray, values: np.ndarray) -> None:
        """Newcomers take the slots of those that left."""
        k = self.plan.exemplars
        old = order < k
        before = self.slots[units]
        stays = np.zeros(before.shape, bool)
        rows, places = np.nonzero(old)
        stays[rows, order[rows, places]] = True
        slots = np.empty_like(before)
        slots[rows, places] = before[rows, order[rows, places]]
        free_rows, free_places = np.nonzero(~stays)
        new_rows, new_places = np.nonzero(~old)
        # Both are sorted by row and have as many entries in each: they match one to one.
        slots[new_rows, new_places] = before[free_rows, free_places]
        self.slots[units] = slots
        if not len(new_rows):
            return
        which = order[new_rows, new_places] - k
        places, who = slots[new_rows, new_places], units[new_rows]
        shape = (self.plan.rows, self.plan.columns)
        with np.errstate(over="ignore"):  # beyond half precision a map is infinite: still active
            if values.shape[2] <= MANY and self.plan.shrink == 1:
                self.maps[who, places] = values[which, who].reshape(-1, *shape)
                return
            for picture, unit, place in zip(which, who, places, strict=True):
                kept = _smaller(values[picture, unit].reshape(shape), self.plan.shrink)
                self.maps[unit, place] = kept

    # ---------------------------------------------------------------- files

    def arrays(self) -> dict[str, np.ndarray]:
        """All that is known, to go on from later."""
        found = {
            "values": self.values, "pictures": self.pictures, "slots": self.slots,
            "maps": self.maps, "missing": self.missing, "low": self.low, "high": self.high,
            "histogram": self.histogram, "begun": np.array(self._begun),
        }  # fmt: skip
        return found if self.tails is None else found | self.tails.arrays()

    @staticmethod
    def of(plan: Plan, arrays: Any) -> LayerTally:
        """As it was when `arrays` were taken."""
        made = LayerTally.__new__(LayerTally)
        made.plan = plan
        found = {name: np.array(arrays[name]) for name in arrays}
        made.values, made.pictures, made.slots = (
            found["values"], found["pictures"], found["slots"],
        )  # fmt: skip
        made.maps, made.missing = found["maps"], found["missing"]
        made.low, made.high, made.histogram = found["low"], found["high"], found["histogram"]
        made._begun = bool(found["begun"])
        made.tails = Tails.of(found)
        return made

    def draw_vectors(self, peaks: np.ndarray) -> None:
        """Histograms of a vector's units (C, N), whose values are all kept."""
        there = np.isfinite(peaks)
        for unit in np.flatnonzero(there.any(axis=1)):
            values = peaks[unit][there[unit]]
            self.low[unit], self.high[unit] = values.min(), values.max()
            ends = (float(self.low[unit]), float(self.high[unit]))
            self.histogram[unit] = np.histogram(values, HISTOGRAM_BINS, ends)[0]

    def ordered_maps(self) -> np.ndarray:
        """(C, K, h, w) float16, best first."""
        return np.take_along_axis(self.maps, self.slots[..., None, None].astype(np.int64), axis=1)


def _best_first(values: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Order of each row: largest first; of equal ones the picture that comes first in the set."""
    order = np.argsort(-values, axis=1)
    ordered = np.take_along_axis(values, order, axis=1)
    alike = ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] > -np.inf)).any(axis=1)
    if alike.any():
        order[alike] = np.lexsort((numbers[alike], -values[alike]), axis=1)
    return order


def _smaller(map_: np.ndarray, factor: int) -> np.ndarray:
    """(H, W) -> each value the largest of factor x factor."""
    if factor == 1:
        return map_
    rows, columns = map_.shape
    padded = np.pad(map_, ((0, -rows % factor), (0, -columns % factor)), mode="edge")
    rows, columns = padded.shape
    areas = padded.reshape(rows // factor, factor, columns // factor, factor)
    return areas.max(axis=(1, 3))
