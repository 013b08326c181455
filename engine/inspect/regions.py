"""What is in the regions where a unit is active, against the rest of the probe pictures. Numpy.

The null is the same mask laid over other pictures: what is peculiar to the region, not to its
place. Of places the null is how the layer's other units lie.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.inspect import detectors

others = 40
"""Pictures that the masks are laid over for the null."""
fewest_exemplars = 3
inside_share = 0.75
"""Of the active area that has to lie in a place before it is named."""
certain = 3.0
"""Standard errors beyond the null."""
large, small = 0.4, 0.02
"""Active share of an exemplar's area that is called large, or small …"""
rare = 0.1
"""… when only this share of the layer's units are as large, or as small."""


@dataclass(frozen=True)
class Regions:
    """Of each unit of a layer."""

    contrast: np.ndarray
    """(U, D) standard errors of what is inside above the null; 0 where unknown."""
    share: np.ndarray
    """(U, P) mean share of the active area inside each place of `detectors.PLACES` …"""
    certainty: np.ndarray
    """(U, P) … and how many standard errors above chance and the layer's other units."""
    foretold: np.ndarray
    """(U, P) AUC of lying in a place for being active there, on exemplars held out; .5 unknown."""
    area: np.ndarray
    """(U,) median active share of an exemplar."""
    size_rank: np.ndarray
    """(U,) 0..1 place of that among the layer's units."""

    def part(self, units: slice) -> Regions:
        """Those units alone."""
        return Regions(
            self.contrast[units], self.share[units], self.certainty[units],
            self.foretold[units], self.area[units], self.size_rank[units],
        )  # fmt: skip

    def place(self, unit: int) -> str:
        """The narrowest place in which its activity lies, or ""."""
        found = self.place_index(unit)
        return "" if found is None else detectors.PLACES[found][0]

    def place_index(self, unit: int) -> int | None:
        sizes = [
            (bottom - top) * (right - left) for _, top, bottom, left, right in detectors.PLACES
        ]
        order = sorted(
            range(len(sizes)), key=lambda index: (sizes[index], -self.share[unit, index])
        )
        for index in order:
            if self.share[unit, index] >= inside_share and self.certainty[unit, index] >= certain:
                return index
        return None

    def size(self, unit: int) -> str:
        if self.area[unit] >= large and self.size_rank[unit] >= 1.0 - rare:
            return "large"
        if 0 < self.area[unit] <= small and self.size_rank[unit] <= rare:
            return "small"
        return ""


def masks(maps: np.ndarray, level: float) -> np.ndarray:
    """(K, h, w) activations -> (K, grid * grid) 0..1: upsampled, then above the level (MILAN).

    An exemplar that stays below the level is active where it is within a tenth of its largest.
    """
    maps = maps.astype(np.float32)
    rows, columns = _resample(maps.shape[1]), _resample(maps.shape[2])
    highest = maps.max(axis=(1, 2), keepdims=True)
    lowest = maps.min(axis=(1, 2), keepdims=True)
    level_here = np.where(highest > level, level, highest - 0.1 * (highest - lowest))
    if min(maps.shape[1:]) >= detectors.grid:
        return _flat(rows @ (maps >= level_here).astype(np.float32) @ columns.T)
    upsampled = rows @ maps @ columns.T
    return _flat((upsampled >= np.minimum(level_here, upsampled.max((1, 2), keepdims=True))) * 1.0)


def _flat(found: np.ndarray) -> np.ndarray:
    return found.reshape(len(found), -1).astype(np.float32)


def _resample(size: int) -> np.ndarray:
    """(grid, size): bilinear to more cells, mean of the cells to fewer."""
    out = np.zeros((detectors.grid, size), np.float32)
    for row in range(detectors.grid):
        if size < detectors.grid:
            place = np.clip((row + 0.5) * size / detectors.grid - 0.5, 0, size - 1)
            low = int(place)
            high = min(low + 1, size - 1)
            out[row, low] += 1.0 - (place - low)
            out[row, high] += place - low
        else:
            begin = row * size // detectors.grid
            end = max(begin + 1, (row + 1) * size // detectors.grid)
            out[row, begin:end] = 1.0 / (end - begin)
    return out


class RegionTally:
    """Units one after another; then what stands out."""

    def __init__(self, seen: detectors.Seen, units: int, seed: int = 0):
        self._maps = seen.maps.reshape(*seen.maps.shape[:2], -1)
        count = len(self._maps)
        chosen = np.random.RandomState(seed).permutation(count)[:others]
        null = self._maps[chosen].astype(np.float32)  # (R, D, cells)
        self._null = null.reshape(-1, null.shape[-1]).T
        """(cells, R * D)."""
        self._null_shape = null.shape[:2]
        self._windows = np.stack([detectors.window(name).ravel() for name, *_ in detectors.PLACES])
        places = len(detectors.PLACES)
        self.contrast = np.zeros((units, len(detectors.NAMES)), np.float32)
        self.share = np.zeros((units, places), np.float32)
        self.spread = np.full((units, places), np.inf, np.float32)
        self.area = np.full(units, np.nan, np.float32)
        self.foretold = np.full((units, places), 0.5, np.float32)

    def add(self, unit: int, pictures: np.ndarray, found: np.ndarray) -> None:
        """Numbers of pictures (K,) and masks (K, cells) of a unit's exemplars."""
        total = found.sum(1, keepdims=True)
        there = total[:, 0] > 0
        pictures, found, total = pictures[there], found[there], total[there]
        if len(found) < fewest_exemplars:
            return
        even = found / total
        inside = np.einsum("kc,kdc->kd", even, self._maps[pictures].astype(np.float32))
        null = (even @ self._null).reshape(len(even), *self._null_shape)  # (K, R, D)
        gap = inside.mean(0) - null.mean((0, 1))
        spread = null.reshape(-1, null.shape[-1]).std(0) + 1e-4
        self.contrast[unit] = gap / spread * np.sqrt(len(even))
        shares = even @ self._windows.T  # (K, P)
        self.share[unit] = shares.mean(0)
        self.spread[unit] = np.maximum(shares.std(0), 0.05) / np.sqrt(len(even))
        self.area[unit] = float(np.median(total / found.shape[1]))

    def judge(self, unit: int, found: np.ndarray) -> None:
        """Masks (K, cells) of exemplars that were held out: are they in the places, too?"""
        active = found.mean(0)
        total, rest = active.sum(), (1.0 - active).sum()
        if not len(found) or min(total, rest) <= 0:
            return
        inside = self._windows @ active / total
        outside = self._windows @ (1.0 - active) / rest
        self.foretold[unit] = 0.5 + 0.5 * (inside - outside)

    def regions(self) -> Regions:
        known = np.isfinite(self.area)
        usual = self._windows.mean(1)
        if known.sum() >= 8:  # the layer's own habit: borders, a subject in the middle
            usual = np.maximum(usual, np.median(self.share[known], axis=0))
        certainty = (self.share - usual) / self.spread
        area = np.nan_to_num(self.area)
        rank = np.full(len(area), 0.5, np.float32)
        if known.sum() >= 8:
            order = np.argsort(np.argsort(area[known], kind="stable"), kind="stable")
            rank[known] = order / max(1, known.sum() - 1)
        return Regions(
            self.contrast, self.share, certainty.astype(np.float32), self.foretold, area, rank
        )
