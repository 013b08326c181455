"""One level after another out of one picture's own patches. numpy only.

GPNN (Granot et al., arXiv 2103.15545): at every level each patch of the picture is replaced by
its nearest patch of the source, missing parts of the source preferred (completeness), the patches
vote for the pixels, and this is repeated. Coarse levels compare all pairs; fine ones use
PatchMatch (Barnes et al. 2009) both ways and begin from the field of the level before.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Generator
from dataclasses import dataclass

import numpy as np

from engine.picture import nearest
from engine.picture.nearest import Leaning, Match, describe, fit_axes, gather, side

coarsest = 14
"""Pixels of the shorter side at level 0 …"""
ratio = 4 / 3
"""… and by how much each level grows (GPNN, section 4)."""
completeness = 0.005 * side * side * 3
"""GPNN's alpha, for squared distances of whole patches."""
all_pairs_up_to = 45
"""Pixels of the shorter side up to which every pair of patches is compared."""
dimensions = (40, 20)
"""Principal axes that are compared: coarse levels, fine levels."""
coarse_rounds = 10
fine_rounds = 2


@dataclass(frozen=True, eq=False)
class Target:
    """One level of the source."""

    source: np.ndarray
    """(H, W, 3)"""
    valid: np.ndarray | None = None
    """((H-6)·(W-6),) bool: patches that may be used; None = all."""
    parts: tuple[int, ...] = (0,)
    """Where each picture begins, pixels from the left, when several stand side by side."""

    @property
    def small(self) -> bool:
        """Whether all pairs of patches are compared."""
        return min(self.source.shape[:2]) <= all_pairs_up_to

    @functools.cached_property
    def axes(self) -> nearest.Axes:
        """Worked out once, for every start that is tried."""
        count = int(np.count_nonzero(self.valid)) if self.valid is not None else 10**9
        wanted = min(dimensions[0 if self.small else 1], count)
        return fit_axes(self.source, wanted, self.valid)

    @functools.cached_property
    def keys(self) -> np.ndarray:
        """(H-6, W-6, D)"""
        return describe(self.source, self.axes)

    @functools.cached_property
    def labels(self) -> np.ndarray:
        """(H-6, W-6) int: to which of the pictures each patch belongs."""
        columns = np.arange(self.keys.shape[1])
        whose = np.searchsorted(self.parts, columns, side="right") - 1
        return np.broadcast_to(whose, self.keys.shape[:2])

    def grown(self, field: np.ndarray, before: Target) -> np.ndarray:
        """The places in `before` (…, 2) as places here."""
        limits = np.array(self.keys.shape[:2]) - 1
        if len(self.parts) == 1:
            scale = limits / np.maximum(1, np.array(before.keys.shape[:2]) - 1)
            return np.minimum(np.rint(field * scale), limits).astype(np.int32)
        # Sizes are rounded: each picture's left edge must lead to its own.
        whose = before.labels[0][field[..., 1]]
        widths = [np.diff([*t.parts, t.source.shape[1]]) - side for t in (before, self)]
        scale = (widths[1] / np.maximum(1, widths[0]))[whose]
        within = np.rint((field[..., 1] - np.array(before.parts)[whose]) * scale)
        columns = np.minimum(within, widths[1][whose]) + np.array(self.parts)[whose]
        rows = np.rint(field[..., 0] * (limits[0] / max(1, before.keys.shape[0] - 1)))
        return np.minimum(np.stack([rows, columns], -1), limits).astype(np.int32)


def level_sizes(height: int, width: int) -> list[tuple[int, int]]:
    """Sizes of the source from coarse to fine."""
    shorter = min(height, width)
    if shorter <= coarsest:
        return [(height, width)]
    steps = max(1, math.ceil(math.log(shorter / coarsest) / math.log(ratio)))
    scales = [(coarsest / shorter) ** (1 - i / steps) for i in range(steps + 1)]
    return [(max(side, round(height * s)), max(side, round(width * s))) for s in scales]


Hold = Callable[[np.ndarray], np.ndarray]
"""Puts back, after every vote, what is not to change: (h, w, 3) → the same."""


class Painter:
    """Makes pictures of one source's patches, level by level."""

    def __init__(
        self, random: np.random.Generator, wrap: bool = False, alpha: float | None = completeness
    ):
        self.voted: np.ndarray | None = None
        """The last picture before anything was put back."""
        self.random = random
        self.wrap = wrap
        self._alpha = alpha
        self._field: np.ndarray | None = None
        self._before: Target | None = None

    def paint(
        self,
        picture: np.ndarray,
        target: Target,
        hold: Hold,
        avoids: np.ndarray | None = None,
    ) -> Generator[None, None, np.ndarray]:
        """Replace the patches of (h, w, 3) by the source's.

        `avoids` (h, w, K): how much each place avoids each of the target's pictures.
        """
        # All pairs of a long panorama would be too many: PatchMatch takes it from a field.
        work = self._all_pairs if target.small or self._field is None else self._matched
        made = yield from work(picture, target, hold, avoids)
        self._before = target
        return made

    def _all_pairs(
        self,
        picture: np.ndarray,
        target: Target,
        hold: Hold,
        avoids: np.ndarray | None,
    ) -> Generator[None, None, np.ndarray]:
        axes, keys = target.axes, target.keys
        flat = keys.reshape(-1, keys.shape[2])
        usable = None if target.valid is None else np.flatnonzero(target.valid)
        known = flat if usable is None else flat[usable]
        leaning = self._leaning(target, avoids)
        if leaning is not None:
            leaning = leaning.flat(usable)
        before = None
        for _ in range(coarse_rounds):
            queries = self._described(picture, axes)
            rows = queries.reshape(-1, queries.shape[2])
            found = yield from nearest.exact(rows, known, self._alpha, leaning)
            index = found if usable is None else usable[found]
            field = np.stack(np.divmod(index, keys.shape[1]), -1)
            self._field = field.reshape(*queries.shape[:2], 2)
            self.voted = gather(target.source, self._field, self.wrap)
            picture = hold(self.voted)
            if before is not None and np.mean(before == index) > 0.98:
                break
            before = index
        return picture

    def _matched(
        self,
        picture: np.ndarray,
        target: Target,
        hold: Hold,
        avoids: np.ndarray | None,
    ) -> Generator[None, None, np.ndarray]:
        axes = target.axes
        yield
        keys = target.keys
        yield
        leaning = self._leaning(target, avoids)
        field = None
        for _ in range(fine_rounds):
            queries = self._described(picture, axes)
            if field is None:
                field = self._grown(queries.shape[:2], target)
            yield
            match = Match(queries, keys, field, target.valid, leaning)
            yield from match.improve(self.random, max(keys.shape[:2]))
            if self._alpha is not None:
                weight = yield from self._missing(match, queries, keys)
                match.weigh(weight)
                yield
                yield from match.improve(self.random, max(keys.shape[:2]))
            field = match.field
            yield
            self.voted = gather(target.source, field, self.wrap)
            picture = hold(self.voted)
            yield
        self._field = field
        return picture

    def _missing(
        self, match: Match, queries: np.ndarray, keys: np.ndarray
    ) -> Generator[None, None, np.ndarray]:
        """1 / (alpha + how far each key is from what was made): (M,)."""
        height, width = queries.shape[:2]
        rows = np.rint(np.linspace(0, height - 1, keys.shape[0])).astype(int)
        columns = np.rint(np.linspace(0, width - 1, keys.shape[1])).astype(int)
        back = (rows[:, None] * width + columns).ravel()
        back[match.index().ravel()] = np.arange(height * width)
        field = np.stack(np.divmod(back, width), -1).reshape(*keys.shape[:2], 2)
        reverse = Match(keys, queries, field)
        yield from reverse.improve(self.random, max(height, width))
        return (1 / (float(self._alpha or 0) + reverse.cost)).ravel()

    def _described(self, picture: np.ndarray, axes: nearest.Axes) -> np.ndarray:
        if self.wrap:
            picture = np.pad(picture, ((0, side - 1), (0, side - 1), (0, 0)), mode="wrap")
        return describe(picture, axes)

    def _leaning(self, target: Target, avoids: np.ndarray | None) -> Leaning | None:
        """What is avoided at the middle of each patch."""
        if avoids is None:
            return None
        middle = side // 2
        if self.wrap:
            return Leaning(target.labels.ravel(), np.roll(avoids, (-middle, -middle), (0, 1)))
        inner = avoids[middle : len(avoids) - middle, middle : avoids.shape[1] - middle]
        return Leaning(target.labels.ravel(), inner)

    def _grown(self, size: tuple[int, int], target: Target) -> np.ndarray:
        """The field of the level before, for this level's patches."""
        assert self._field is not None
        assert self._before is not None
        rows = np.rint(np.linspace(0, self._field.shape[0] - 1, size[0])).astype(int)
        columns = np.rint(np.linspace(0, self._field.shape[1] - 1, size[1])).astype(int)
        field = target.grown(self._field[rows][:, columns], self._before)
        if target.valid is not None:
            usable = np.flatnonzero(target.valid)
            width = target.keys.shape[1]
            wrong = ~target.valid[field[..., 0] * width + field[..., 1]]
            drawn = usable[self.random.integers(0, len(usable), int(wrong.sum()))]
            field[wrong] = np.stack(np.divmod(drawn, width), -1)
        return field
