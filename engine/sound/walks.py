"""Which grain follows which: a new course of a sound, and grains that follow a course.

The course is a walk over similar frames (Schödl et al., Video Textures, 2000); grains are chosen
as in unit selection (Hunt & Black 1996) with GPNN's completeness (Granot et al. 2022, eq. 4).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from engine.sound.corpus import Corpus

context = 3
"""Frames on each side of a border that should agree."""
candidates = 48
"""Grains that are weighed against each other at every place."""
block = 64
"""Grains that are decided on together."""
completeness = 0.5
"""Share of the typical distance that is added before it is divided by the best: GPNN's alpha."""

_orders = 24
"""Orders that are tried."""
_onward = 4.0
"""What it costs to leave two neighbouring stretches neighbours, in typical distances."""


@dataclass(frozen=True)
class Manner:
    """How grains are chosen at one level."""

    shortest: int
    longest: int
    """Frames of a grain."""
    away: int
    """Frames that a grain should lie away from its own place in the source; 0 = may be itself."""
    own: float = 0.6
    """What it costs if it does not, in typical distances: events without their like stay."""
    unbroken: float = 1.0
    """Cost of going on where the last grain ended, in typical distances."""


def walk(corpus: Corpus, count: int, manner: Manner, random: np.random.Generator) -> np.ndarray:
    """(count,) int: source frame of every frame of a new course.

    The source is cut into stretches, which are put into another order: none is used twice before
    all were. A course that needs more goes through the source again, cut elsewhere.
    """
    around = _surroundings(corpus.frames)
    typical = _typical(around, random)
    parts: list[np.ndarray] = []
    done = 0
    while done < count:
        starts, ends = _stretches(corpus, manner, random)
        costs = _costs(around[ends], around[starts]) / typical
        costs[np.arange(len(starts)), np.arange(len(starts))] = np.inf
        costs[starts[None, :] == ends[:, None]] += _onward
        for i in _order(costs, random, (ends - starts).cumsum(), count - done):
            parts.append(np.arange(starts[i], ends[i]))
            done += len(parts[-1])
    return np.concatenate(parts)[:count]


def _stretches(
    corpus: Corpus, manner: Manner, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Where stretches begin and end, between what is hidden; all of them cover the source."""
    starts, ends = [], []
    edges = np.flatnonzero(np.diff(np.concatenate([[0], corpus.usable.astype(int), [0]])))
    for a, b in zip(edges[::2], edges[1::2], strict=True):
        first = int(a + random.integers(0, manner.shortest))
        if first + manner.shortest > b:
            first = int(a)
        cuts = first + borders(corpus.energy[first:b], manner, random)
        # What lies before the first cut belongs to a stretch as well.
        cuts[0] = a
        starts += list(cuts[:-1])
        ends += list(cuts[1:])
    return np.array(starts), np.array(ends)


def _costs(ends: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """(len(ends), len(starts)) squared distances of rows."""
    gaps = (ends * ends).sum(1)[:, None] + (starts * starts).sum(1) - 2 * ends @ starts.T
    return np.maximum(gaps, 0).astype(np.float64)


def _order(
    costs: np.ndarray, random: np.random.Generator, sizes: np.ndarray, wanted: int
) -> list[int]:
    """The best of several greedy orders of the stretches, as many as are wanted."""
    number = len(costs)
    needed = min(number, int(np.searchsorted(sizes, wanted * 1.5)) + 2)
    best, least = list(range(number)), np.inf
    for _ in range(_orders):
        left = np.ones(number, bool)
        here = int(random.integers(number))
        order, total = [here], 0.0
        left[here] = False
        while len(order) < needed:
            row = np.where(left, costs[here] + 0.1 * random.gumbel(size=number), np.inf)
            after = int(np.argmin(row))
            total += float(costs[here, after])
            order.append(after)
            left[after], here = False, after
        if total < least:
            best, least = order, total
    return best


def _run(usable: np.ndarray, first: int) -> int:
    """How many frames from `first` on are usable."""
    rest = usable[first:]
    return len(rest) if rest.all() else int(np.argmin(rest))


def clear(usable: np.ndarray, length: int) -> np.ndarray:
    """(T,) bool: frames from which `length` usable ones follow."""
    total = np.concatenate([[0], np.cumsum(usable)])
    ok = np.zeros(len(usable), bool)
    n = len(usable) - length + 1
    if n > 0:
        ok[:n] = total[length:] - total[:n] == length
    if not ok.any():
        ok = usable.copy()
    return ok


def _surroundings(features: np.ndarray) -> np.ndarray:
    """(T + 1, 2·context·D): the frames before and after the border in front of every frame."""
    padded = np.pad(features, ((context, context), (0, 0)), mode="edge")
    shape = (len(features) + 1, 2 * context * features.shape[1])
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * context, axis=0)
    return np.ascontiguousarray(windows.transpose(0, 2, 1)).reshape(shape)


def _typical(rows: np.ndarray, random: np.random.Generator) -> float:
    """Median squared distance of two rows."""
    pairs = random.integers(0, len(rows), (2, 400))
    gap = rows[pairs[0]] - rows[pairs[1]]
    return max(float(np.median(np.einsum("ij,ij->i", gap, gap))), 1e-6)


def borders(energy: np.ndarray, manner: Manner, random: np.random.Generator) -> np.ndarray:
    """Where grains begin, in frames of the course, with its end: where it is quiet."""
    count = len(energy)
    quiet = np.log10(energy + 1e-9 * (energy.max(initial=0.0) + 1e-12))
    found = [0]
    while count - found[-1] > manner.longest:
        a = found[-1] + manner.shortest
        b = min(found[-1] + manner.longest, count - manner.shortest)
        if b <= a:
            break
        choice = quiet[a:b] + random.uniform(0, 0.8, b - a)
        found.append(a + int(np.argmin(choice)))
    return np.array([*found, count])


def follow(
    corpus: Corpus,
    course: np.ndarray,
    cuts: np.ndarray,
    manner: Manner,
    random: np.random.Generator,
    loop: bool = False,
) -> Iterator[np.ndarray | None]:
    """Yields None now and then, at the end (grains,) int: the source frame every grain begins at.

    `course` (n,) source frames that the grains should sound like, without being them; `cuts`
    (grains + 1,): their borders in it. With `loop` the last grain leads to the first.
    """
    found: list[np.ndarray] = []
    before, total = -1, len(cuts) - 1
    for a in range(0, total, block):
        b = min(a + block, total)
        choice = Choice(corpus, manner, random)
        for i in range(a, b):
            choice.weigh(course[cuts[i] : cuts[i + 1]])
            if i % 6 == 5:
                yield None
        after = -1
        if loop and b == total:
            after = int(found[0][0]) if found else choice.fix_first()
        found.append(choice.best(np.diff(cuts[a : b + 1]), before, after))
        before = int(found[-1][-1] + cuts[b] - cuts[b - 1])
        yield None
    yield np.concatenate(found)


class Choice:
    """Viterbi over the best candidates of every grain."""

    def __init__(
        self,
        corpus: Corpus,
        manner: Manner,
        random: np.random.Generator,
        usable: np.ndarray | None = None,
    ):
        self._corpus, self._manner, self._random = corpus, manner, random
        self._usable = corpus.usable if usable is None else usable
        self.roughness = 0.0
        """Mean cost of what was chosen, in typical distances."""
        self._squares = np.einsum("ij,ij->i", corpus.frames, corpus.frames)
        self._around = _surroundings(corpus.frames)
        self._typical = _typical(self._around, random) / (2 * context)
        self._costs: list[np.ndarray] = []
        self._clear: dict[int, np.ndarray] = {}

    def weigh(self, course: np.ndarray) -> None:
        """Mean squared distance of the grain at every frame of the source to its target."""
        targets = self._corpus.frames[course]
        length, total = len(targets), self._corpus.count
        products = self._corpus.frames @ targets.T
        cost = np.full(total, np.inf, np.float32)
        n = max(1, total - length + 1)
        sums = np.zeros(n, np.float32)
        for i in range(min(length, total)):
            sums += (self._squares - 2 * products[:, i])[i : i + n]
        cost[:n] = (sums + float((targets * targets).sum())) / length / self._typical
        cost[~self._whole(length)] = np.inf
        own, away = int(course[0]), self._manner.away
        cost[max(0, own - away) : own + away + 1] += self._manner.own
        self._costs.append(cost)

    def surround(
        self, cuts: np.ndarray, borders: tuple[int, int], random: np.random.Generator
    ) -> None:
        """Instead of `weigh`: grains between two borders should be like what surrounds them."""
        frames, total = self._corpus.frames, self._corpus.count
        near = [
            frames[a:b][self._corpus.usable[a:b]]
            for a, b in ((max(0, borders[0] - 40), borders[0]), (borders[1], borders[1] + 40))
        ]
        sides = [x.mean(0) if len(x) else None for x in near]
        known = [x for x in sides if x is not None] or [frames.mean(0)]
        first, last = known[0], known[-1]
        sums = np.concatenate([np.zeros((1, frames.shape[1])), np.cumsum(frames, axis=0)])
        for a, b in zip(cuts[:-1], cuts[1:], strict=True):
            share = ((a + b) / 2 - borders[0]) / max(1, borders[1] - borders[0])
            length = int(b - a)
            cost = np.full(total, np.inf, np.float32)
            n = max(1, total - length + 1)
            means = (sums[length:] - sums[: len(sums) - length]) / length
            gap = means[:n] - (first + share * (last - first))
            cost[: len(gap)] = 0.5 * np.einsum("ij,ij->i", gap, gap) / self._typical
            # Whole stretches are liked or not, or the same one would be chosen again and again.
            cost += 0.4 * np.repeat(random.gumbel(size=total // 25 + 1), 25)[:total]
            cost[~self._whole(length)] = np.inf
            self._costs.append(cost - np.float32(min(0.0, float(cost.min()))))

    def _whole(self, length: int) -> np.ndarray:
        """(T,) bool: from where a grain of this length may be taken."""
        if length not in self._clear:
            self._clear[length] = clear(self._usable, length)
        return self._clear[length]

    def fix_first(self) -> int:
        """Decide on the first grain now, for the last one to lead to."""
        first = int(np.argmin(self._costs[0]))
        self._costs[0][np.arange(len(self._costs[0])) != first] = np.inf
        return first

    def best(self, lengths: np.ndarray, before: int, after: int) -> np.ndarray:
        """`before`: the frame at which what came before ended; `after`: that what follows begins
        with; -1 = nothing."""
        costs = np.stack(self._costs)
        least = costs.min(0)
        finite = least[np.isfinite(least)]
        alpha = completeness * (float(np.median(finite)) if len(finite) else 1.0) + 1e-3
        # What fits nowhere else is preferred where it fits: nothing of the source gets lost.
        shares = costs / (alpha + np.where(np.isfinite(least), least, 0.0)) * alpha
        top = min(candidates, costs.shape[1])
        picks = np.argpartition(shares, top - 1, axis=1)[:, :top]
        local = np.take_along_axis(shares, picks, 1)
        local = local + 0.1 * alpha * self._random.random(local.shape)
        if before >= 0:
            local[0] += self._joins(np.array([before]), picks[0])[0]
        if after >= 0:
            local[-1] += self._joins(picks[-1] + lengths[-1], np.array([after]))[:, 0]
        total, back = local[0], []
        for k in range(1, len(picks)):
            whole = total[:, None] + self._joins(picks[k - 1] + lengths[k - 1], picks[k])
            back.append(np.argmin(whole, axis=0))
            total = whole[back[-1], np.arange(whole.shape[1])] + local[k]
        self.roughness = float(total.min()) / len(picks)
        return self._traced(picks, back, int(np.argmin(total)))

    def _joins(self, ends: np.ndarray, starts: np.ndarray) -> np.ndarray:
        """(len(ends), len(starts)): mean squared step in the spectrum, plus what going on costs."""
        a, b = self._around[np.minimum(ends, len(self._around) - 1)], self._around[starts]
        gaps = _costs(a, b) / (2 * context) / self._typical
        going = np.abs(ends[:, None] - starts) <= 4
        return gaps + self._manner.unbroken * going

    @staticmethod
    def _traced(picks: np.ndarray, back: list[np.ndarray], last: int) -> np.ndarray:
        chosen = [last]
        for row in reversed(back):
            chosen.append(int(row[chosen[-1]]))
        return picks[np.arange(len(picks)), chosen[::-1]]
