"""Grains laid behind each other: aligned where they correlate best, faded at constant power.

Alignment as in WSOLA (Verhelst & Roelands 1993); fades that take the correlation of what they join
into account keep the power constant for alike and for unlike grains.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

overlap = 0.03
"""Seconds of a cross-fade."""
reach = 0.01
"""Seconds that a grain may be moved to fit: half a period of 50 Hz."""


@dataclass(frozen=True)
class Grain:
    """A stretch of the material, in samples."""

    start: int
    """Where it lies in what is made …"""
    length: int
    source: int
    """… and where it is taken from."""
    gain: float = 1.0


def lay(
    samples: np.ndarray,
    middle: np.ndarray,
    rate: int,
    grains: list[Grain],
    count: int,
    loop: bool = False,
) -> Iterator[np.ndarray | None]:
    """(channels, count): yields None after every few grains and the result at the end.

    `grains` cover 0..count without gaps. With `loop` the last joins the first.
    """
    layer = Layer(samples, middle, rate, count)
    first = last = layer.fitted(grains[0], None, None)
    ahead = first if loop and len(grains) > 1 else None
    layer.add(first, not loop)
    for i, grain in enumerate(grains[1:], 1):
        closing = ahead if i == len(grains) - 1 else None
        grain = layer.fitted(grain, last, closing)
        layer.join(last, grain)
        layer.add(grain, False)
        last = grain
        if i % 8 == 0:
            yield None
    if loop:
        layer.join(last, first)
    yield layer.out


class Layer:
    """Where grains are laid; `out` (channels, count) is ready when all are."""

    def __init__(self, samples: np.ndarray, middle: np.ndarray, rate: int, count: int):
        self._pad = round((overlap + reach) * rate) + 2
        edge = ((0, 0), (self._pad, self._pad))
        self._samples = np.pad(samples, edge)
        self._middle = np.pad(middle, edge[1])
        self.half = max(1, round(overlap * rate / 2))
        self._reach = max(1, round(reach * rate))
        self._stride = max(1, rate // 12000)
        self._count = count
        self.out = np.zeros((len(samples), count), np.float32)

    def fitted(self, grain: Grain, before: Grain | None, after: Grain | None) -> Grain:
        """Moved within `reach` to where it continues `before` (and leads to `after`) best."""
        total = 0.0
        if before is not None:
            total = total + self._correlations(before.source + before.length, grain.source)
        if after is not None:
            total = total + self._correlations(after.source, grain.source + grain.length)
        return self._moved(grain, total)

    def placed(
        self, grain: Grain, before: Grain | None, left: int | None, right: int | None
    ) -> Grain:
        """As `fitted`; `left` and `right` are centres of known sound, half a fade away."""
        total = 0.0
        if before is not None:
            total = total + self._correlations(before.source + before.length, grain.source)
        if left is not None:
            total = total + self._correlations(left, grain.source - self.half)
        if right is not None:
            end = grain.source + grain.length
            total = total + self._correlations(right, end + self.half)
        return self._moved(grain, total)

    def _moved(self, grain: Grain, total: np.ndarray | float) -> Grain:
        shift = int(np.argmax(total)) - self._reach if isinstance(total, np.ndarray) else 0
        return Grain(grain.start, grain.length, grain.source + shift, grain.gain)

    def _cut(self, where: int, before: int, after: int) -> np.ndarray:
        """Samples of the middle around a sample; silence beyond its ends."""
        a, b = where - before + self._pad, where + after + self._pad
        inside = self._middle[max(a, 0) : max(b, 0)]
        if len(inside) == b - a:
            return inside
        return np.pad(inside, (max(-a, 0), b - a - len(inside) - max(-a, 0)))

    def _correlations(self, fixed: int, moved: int) -> np.ndarray:
        """(2·reach + 1,): how alike the surroundings are, -1..1, for every shift of `moved`."""
        half, reach = self.half, self._reach
        key = self._cut(fixed, half, half)[:: self._stride]
        rows = self._cut(moved, half + reach, half + reach)
        windows = sliding_window_view(rows, 2 * half)[:, :: self._stride]
        lengths = np.sqrt(np.einsum("ij,ij->i", windows, windows) * (key @ key)) + 1e-9
        return (windows @ key) / lengths

    def _source(self, where: int, count: int) -> np.ndarray:
        a, b = where + self._pad, where + count + self._pad
        inside = self._samples[:, max(a, 0) : max(b, 0)]
        if inside.shape[1] == count:
            return inside
        left = max(-a, 0)
        return np.pad(inside, ((0, 0), (left, count - inside.shape[1] - left)))

    def add(self, grain: Grain, from_start: bool) -> None:
        """Everything between the fades (or from the very first sample)."""
        first = 0 if from_start else self.half
        first = min(first, grain.length)
        count = grain.length - first
        where = grain.start + first
        self._put(where, grain.gain * self._source(grain.source + first, count))

    def join(self, left: Grain, right: Grain) -> None:
        """The fade around the border between two neighbours."""
        half = self.half
        a = left.gain * self._source(left.source + left.length - half, 2 * half)
        b = right.gain * self._source(right.source - half, 2 * half)
        first = self._cut(left.source + left.length, half, half)
        second = self._cut(right.source, half, half)
        scale = float(np.sqrt((first @ first) * (second @ second))) + 1e-9
        faded = cross(a, b, float(first @ second) / scale)
        self._put(right.start - half, faded)

    def _put(self, where: int, block: np.ndarray) -> None:
        """Overwrite, round the end into the beginning."""
        count = block.shape[1]
        where %= self._count
        ahead = min(count, self._count - where)
        self.out[:, where : where + ahead] = block[:, :ahead]
        if ahead < count:
            rest = min(count - ahead, self._count)
            self.out[:, :rest] = block[:, ahead : ahead + rest]


def cross(a: np.ndarray, b: np.ndarray, correlation: float) -> np.ndarray:
    """(…, n): from `a` to `b`; constant power whatever their correlation 0..1 is."""
    count = a.shape[-1]
    angle = (np.arange(count, dtype=np.float32) + 0.5) * np.float32(np.pi / 2 / count)
    down, up = np.cos(angle), np.sin(angle)
    alike = min(1.0, max(0.0, correlation))
    return ((a * down + b * up) / np.sqrt(1 + 2 * down * up * alike)).astype(np.float32)
