"""Nearest patches: all pairs where a picture is small, PatchMatch where it is not. numpy only.

A patch is 7 x 7 pixels in three colours, compared in the principal axes of the source's own
patches. Everything is kept in O(N + M) memory: distances are made a block at a time.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

side = 7
"""Pixels of a patch's side (GPNN, arXiv 2103.15545, section 3)."""
_BLOCK = 1 << 21
"""Distances made at once: 8 MB."""


@dataclass(frozen=True, eq=False)
class Axes:
    """Principal axes of a picture's patches: what distances are measured in."""

    mean: np.ndarray
    """(147,)"""
    basis: np.ndarray
    """(147, D), orthonormal columns."""


def fit_axes(picture: np.ndarray, count: int, kept: np.ndarray | None = None) -> Axes:
    """The `count` strongest axes of (at most 6,000 of) the patches of (H, W, 3).

    `kept` (N,) bool: only these patches are looked at.
    """
    windows = _windows(picture)
    total = windows.shape[0] * windows.shape[1]
    index = np.arange(total) if kept is None else np.flatnonzero(kept)
    index = index[:: -(-len(index) // 6000)]
    rows, columns = np.divmod(index, windows.shape[1])
    patches = windows[rows, columns].reshape(len(index), -1)
    mean = patches.mean(0)
    centred = patches - mean
    basis = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :count]
    return Axes(mean, np.ascontiguousarray(basis))


def describe(picture: np.ndarray, axes: Axes) -> np.ndarray:
    """Every patch of (H, W, 3) in these axes: (H-6, W-6, D) float32."""
    windows = _windows(picture)
    height, width = windows.shape[:2]
    out = np.empty((height, width, axes.basis.shape[1]), np.float32)
    shift = axes.mean @ axes.basis
    rows = max(1, 40_000 // width)
    for top in range(0, height, rows):
        block = windows[top : top + rows].reshape(-1, axes.basis.shape[0])
        out[top : top + rows] = (block @ axes.basis - shift).reshape(-1, width, out.shape[2])
    return out


def _windows(picture: np.ndarray) -> np.ndarray:
    return sliding_window_view(picture, (side, side), axis=(0, 1))


@dataclass(frozen=True, eq=False)
class Leaning:
    """Keys of several pictures, and how much each place avoids each picture."""

    labels: np.ndarray
    """(M,) int: whose key it is, 0..K-1."""
    avoids: np.ndarray
    """(..., K) float32 for every query: added to squared distances."""

    def flat(self, usable: np.ndarray | None) -> Leaning:
        """For queries in rows, and only some of the keys."""
        labels = self.labels if usable is None else self.labels[usable]
        return Leaning(labels, self.avoids.reshape(-1, self.avoids.shape[-1]))


def exact(
    queries: np.ndarray,
    keys: np.ndarray,
    alpha: float | None,
    leaning: Leaning | None = None,
) -> Generator[None, None, np.ndarray]:
    """Of (N, D) queries the index of the nearest of (M, D) keys: (N,).

    With `alpha`, distances are divided by alpha + the key's own distance to its nearest query, so
    that parts of the source that are missing are preferred (GPNN, eq. 1-2: completeness).
    """
    lengths = (keys * keys).sum(1)
    step = max(1, _BLOCK // len(keys))
    weight = None
    if alpha is not None:
        least = np.full(len(keys), np.inf, np.float32)
        for start in range(0, len(queries), step):
            block = _distances(queries[start : start + step], keys, lengths)
            np.minimum(least, block.min(0), out=least)
            yield
        weight = 1 / (alpha + np.maximum(least, 0))
    found = np.empty(len(queries), np.int64)
    for start in range(0, len(queries), step):
        block = _distances(queries[start : start + step], keys, lengths)
        if weight is not None:
            np.maximum(block, 0, out=block)
            block *= weight
        if leaning is not None:
            block += leaning.avoids[start : start + step][:, leaning.labels]
        found[start : start + step] = block.argmin(1)
        yield
    return found


def _distances(queries: np.ndarray, keys: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    block = queries @ keys.T
    block *= -2
    block += lengths
    block += (queries * queries).sum(1)[:, None]
    return block


class Match:
    """A field of nearest patches, improved step by step (PatchMatch, Barnes et al. 2009).

    Every query's candidate is tried at once: propagation by rolling the whole field at strides
    4, 2, 1 (jump flooding), then random search in shrinking windows.
    """

    def __init__(
        self,
        queries: np.ndarray,
        keys: np.ndarray,
        field: np.ndarray,
        valid: np.ndarray | None = None,
        leaning: Leaning | None = None,
    ):
        """queries (Qh, Qw, D), keys (Kh, Kw, D), field (Qh, Qw, 2) row and column of a key.

        `valid` (Kh·Kw,) bool: the others are never chosen, as long as `field` chooses none.
        """
        self._leaning = leaning
        self.queries = queries
        self.field = field.astype(np.int32)
        self._limits = np.array(keys.shape[:2], np.int32) - 1
        self._width = keys.shape[1]
        self._keys = keys.reshape(-1, keys.shape[2])
        self._weight: np.ndarray | None = None
        self._barred = None if valid is None else np.where(valid, 0, np.inf).astype(np.float32)
        self.cost = self._cost(self.field)

    def weigh(self, weight: np.ndarray | None) -> None:
        """Multiply the distance to each key by (M,) from now on."""
        self._weight = weight
        self.cost = self._cost(self.field)

    def index(self) -> np.ndarray:
        """(Qh, Qw): which key, counted row by row."""
        return self.field[..., 0] * self._width + self.field[..., 1]

    def improve(
        self, random: np.random.Generator, reach: int, strides: tuple[int, ...] = (4, 2, 1)
    ) -> Generator[None, None, None]:
        """One round: neighbours' matches, then random ones within `reach` pixels."""
        for stride in strides:
            for axis, by in ((1, stride), (1, -stride), (0, stride), (0, -stride)):
                offset = np.array([by, 0] if axis == 0 else [0, by], np.int32)
                self._try(np.roll(self.field, by, axis) + offset)
                yield
        while reach >= 1:
            jump = random.integers(-reach, reach + 1, self.field.shape, dtype=np.int32)
            self._try(self.field + jump)
            reach //= 2
            yield

    def _cost(self, field: np.ndarray) -> np.ndarray:
        cost = np.empty(field.shape[:2], np.float32)
        rows = max(1, 16_000 // field.shape[1])  # blocks that stay in the processor's cache
        for top in range(0, len(field), rows):
            part = field[top : top + rows]
            index = (part[..., 0] * self._width + part[..., 1]).ravel()
            gap = self._keys[index]
            gap -= self.queries[top : top + rows].reshape(gap.shape)
            block = np.einsum("ij,ij->i", gap, gap)
            if self._weight is not None:
                block *= self._weight[index]
            if self._barred is not None:
                block += self._barred[index]
            if self._leaning is not None:
                avoids = self._leaning.avoids[top : top + rows].reshape(len(index), -1)
                block += avoids[np.arange(len(index)), self._leaning.labels[index]]
            cost[top : top + rows] = block.reshape(part.shape[:2])
        return cost

    def _try(self, field: np.ndarray) -> None:
        np.clip(field, 0, self._limits, out=field)
        cost = self._cost(field)
        better = cost < self.cost
        self.cost[better] = cost[better]
        self.field[better] = field[better]


def gather(source: np.ndarray, field: np.ndarray, wrap: bool, falloff: float = 0.0) -> np.ndarray:
    """The picture that matched patches vote for: each pixel the mean of the patches over it.

    source (H, W, 3), field (Qh, Qw, 2) → (Qh+6, Qw+6, 3), or (Qh, Qw, 3) with `wrap`.
    `falloff` > 0 gives a patch's middle more say: exp(-falloff · r²), r in pixels.
    """
    height, width = field.shape[:2]
    flat = source.reshape(-1, 3)
    index = field[..., 0] * source.shape[1] + field[..., 1]
    grow = 0 if wrap else side - 1
    total = np.zeros((height + grow, width + grow, 3), np.float32)
    count = np.zeros((height + grow, width + grow, 1), np.float32)
    for dy in range(side):
        for dx in range(side):
            far = (dy - side // 2) ** 2 + (dx - side // 2) ** 2
            say = float(np.exp(-falloff * far))
            seen = flat[(index + (dy * source.shape[1] + dx)).ravel()].reshape(height, width, 3)
            if wrap:
                total += say * np.roll(seen, (dy, dx), (0, 1))
                count += say
            else:
                total[dy : dy + height, dx : dx + width] += say * seen
                count[dy : dy + height, dx : dx + width] += say
    return total / count
