"""What was pasted, moved or painted by hand becomes the picture's own matter. numpy only.

All three begin late enough to keep what was composed (GPNN, Granot et al., arXiv 2103.15545,
section 5: editing and collage). What differs is what has to change: a pasted thing all over, of a
moved one only the seam, while the place that it left is made of other matter; a painting
everywhere.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace

import numpy as np

from engine.messages import PictureRecipe
from engine.picture import starts
from engine.picture.moved import Parts, parts_of, strangeness
from engine.picture.nearest import side
from engine.picture.painter import Hold, Painter, completeness
from engine.picture.plan import Plan, Stage, Work, padded, paused, planned, shorter, smallest
from engine.picture.region import softened
from engine.picture.rise import remade, risen
from engine.picture.source import resized

_first_size = {"harmonise": 100, "edit": 100}
"""Pixels of the shorter side at which a composite or edit enters."""
loose_size = 40
"""… and what was moved, where it is none of the picture's matter."""
judged_at = 35
"""Pixels of the shorter side at which ways into a painting are compared."""
painted_alpha = 10 * completeness
"""A painting is shown all of the picture's matter, but not forced to take it."""
usual_strangeness = 0.08
"""RMS distance of patches that weighs as much as being as far from the painting as noise is."""
ignored_above = 0.85
"""Of the picture's own distance to a painting: beyond it the painting has no say."""
gives_way = 0.5
"""How much of the new fine light and dark is taken off for what is laid back."""


@dataclass(frozen=True)
class Way:
    """How one of four answers is made: seeds differ in kind, not only by chance."""

    sooner: int
    """Levels before the usual one at which it enters."""
    stir: float
    """Patches by which places move at first."""
    pull: float
    """After every vote, how far back to what was made: pasted things keep their shape."""
    tone: float
    """How far its colours' mean and spread move to the picture's."""
    detail: float
    """How much of its own light and dark is laid back at the end."""

    @staticmethod
    def of(seed: int) -> Way:
        return _ways[seed % len(_ways)]


_ways = (
    Way(1, 0.0, 0.4, 0.6, 0.8),
    Way(2, 0.12, 0.35, 0.55, 0.7),
    Way(0, 0.06, 0.5, 0.75, 0.8),
    Way(3, 0.18, 0.3, 0.6, 0.7),
)


def belonging(
    source: np.ndarray, recipe: PictureRecipe, size: tuple[int, int], naive: np.ndarray
) -> Work:
    """A composite, edit or painting (h, w, 3) that becomes the matter of `source`."""
    plan = planned(source, (max(size[0], smallest), max(size[1], smallest)))
    naive = resized(padded(naive), *plan.shapes[-1])
    work = {"harmonise": _harmonised, "edit": _edited}.get(recipe.task, _painted)
    return (yield from work(plan, recipe, size, naive))


def _entry(plan: Plan, recipe: PictureRecipe, wanted: int, sooner: int = 0) -> int:
    """The level that was asked for, or else the one of about `wanted` pixels."""
    chosen = recipe.start_level
    if chosen <= 0:
        near = [abs(shorter(target.source) - wanted) for target in plan.targets]
        chosen = max(1, int(np.argmin(near)) - sooner)
    return min(chosen, plan.levels - 1)


def _begun(picture: np.ndarray, amount: float, hold: Hold, recipe: PictureRecipe) -> np.ndarray:
    """A start that every seed moves in its own way, where it may change."""
    random = np.random.default_rng(recipe.seed)
    if amount and recipe.variation:
        picture = starts.stirred(picture, amount * recipe.variation, random)
    return hold(starts.noisy(picture, 0.1 * recipe.variation, random))


def _harmonised(
    plan: Plan, recipe: PictureRecipe, size: tuple[int, int], naive: np.ndarray
) -> Work:
    """The whole pasted thing, in the picture's tone and strokes."""
    way, shape = Way.of(recipe.seed), naive.shape[:2]
    soft = np.ones(shape, np.float32)
    if recipe.mask is not None:
        soft = softened(recipe.mask.array(), *shape)
    first = _entry(plan, recipe, _first_size["harmonise"], way.sooner)
    yield Stage(first, plan.levels, resized(naive, *plan.shapes[first]))
    naive = _toned(naive, plan.targets[-1].source, soft, way.tone)
    holds = [_held(naive, soft, s, way.pull) for s in plan.shapes]
    holds[-1] = _held(naive, soft, plan.shapes[-1], 0.0, way.detail)
    painter = Painter(np.random.default_rng(recipe.seed), recipe.wrap, None)
    start = _begun(resized(naive, *plan.shapes[first]), way.stir, holds[first], recipe)
    return (yield from risen(plan, start, painter, holds, first, size))


def _edited(plan: Plan, recipe: PictureRecipe, size: tuple[int, int], naive: np.ndarray) -> Work:
    """Emptied places of other matter, then the seams of what was moved."""
    parts = yield from paused(parts_of(plan, recipe, naive), 0, plan.levels)
    seam = _entry(plan, recipe, _first_size["edit"], Way.of(recipe.seed).sooner)
    first = _entry(plan, recipe, loose_size) if parts.loose.any() else seam
    if parts.empty.any():
        naive = yield from _refilled(naive, parts, recipe, first, plan.levels)
    width = max(2, round(side / 2 * shorter(naive) / min(plan.shapes[seam])))
    all_loose, also = parts.redrawn(), parts.seams(width) * parts.near
    shares = [all_loose if i < seam else np.maximum(all_loose, also) for i in range(plan.levels)]
    holds = [_held(naive, s, shape, 0.0) for s, shape in zip(shares, plan.shapes, strict=True)]
    painter = Painter(np.random.default_rng(recipe.seed), recipe.wrap, None)
    start = resized(naive, *plan.shapes[first])
    yield Stage(first, plan.levels, start)
    start = _begun(start, Way.of(recipe.seed).stir, holds[first], recipe)
    return (yield from risen(plan, start, painter, holds, first, size))


def _refilled(
    naive: np.ndarray, parts: Parts, recipe: PictureRecipe, first: int, levels: int
) -> Work:
    """(H, W, 3) with every emptied place made of what neither stood there nor was moved."""
    barred = parts.kept | parts.loose
    if (parts.empty | barred).mean() > 0.9:
        barred = np.zeros_like(barred)
    work = remade(naive, parts.empty, replace(recipe, start_level=0, levels=()), barred)
    while True:
        try:
            stage = next(work)
        except StopIteration as done:
            return np.where(parts.empty[..., None], done.value, naive)
        early = stage.image if stage.level <= first else None
        yield Stage(min(stage.level, first), levels, early)


def _painted(plan: Plan, recipe: PictureRecipe, size: tuple[int, int], naive: np.ndarray) -> Work:
    """All of it: the answers enter at the levels that suit the painting, the last one closely."""
    holds: list[Hold] = [_free] * plan.levels
    if recipe.mask is not None:
        soft = softened(recipe.mask.array(), *naive.shape[:2])
        holds = [_held(naive, soft, shape, 0.0) for shape in plan.shapes]
    first = min(recipe.start_level, plan.levels - 1)
    if first <= 0:
        ranked = yield from _ranked(plan, recipe, naive, holds)
        close = min(max(ranked) + 2, plan.levels - 1)
        first = [*ranked[:3], *[close] * (4 - len(ranked[:3]))][recipe.seed % 4]
    random = np.random.default_rng(recipe.seed)
    painter = Painter(random, recipe.wrap, painted_alpha)
    start = resized(naive, *plan.shapes[first])
    yield Stage(first, plan.levels, start)
    start = holds[first](starts.noisy(start, 0.1 * recipe.variation, random))
    return (yield from risen(plan, start, painter, holds, first, size))


def _ranked(
    plan: Plan, recipe: PictureRecipe, naive: np.ndarray, holds: list[Hold]
) -> Generator[Stage, None, list[int]]:
    """Small levels at which a painting could enter, best first: tried, and looked at.

    Late ones follow the painting closely but smear where the picture has no such matter; early
    ones fall back to the picture's own layout, which is no answer to a painting.
    """
    sizes = [shorter(target.source) for target in plan.targets]
    last = max(i for i, size in enumerate(sizes) if i == 0 or size <= judged_at)
    target, wanted = plan.targets[last], resized(naive, *plan.shapes[0])
    losses: dict[int, float] = {}
    for first in range(min(1, last), last + 1):
        painter = Painter(np.random.default_rng(0), recipe.wrap, painted_alpha)
        picture = resized(naive, *plan.shapes[first])
        for i in range(first, last + 1):
            picture = holds[i](resized(picture, *plan.shapes[i]))
            work = painter.paint(picture, plan.targets[i], holds[i])
            picture = yield from paused(work, 0, plan.levels)
        work = strangeness(picture, target)
        strange = yield from paused(work, 0, plan.levels)
        far = _apart(picture, wanted) / max(float(target.source.std()), 1e-6)
        ignored = _apart(picture, wanted) > ignored_above * _apart(target.source, wanted)
        losses[first] = strange / usual_strangeness + far + ignored
    return sorted(losses, key=losses.__getitem__)


def _apart(picture: np.ndarray, coarse: np.ndarray) -> float:
    """RMS difference at the size of the second."""
    return float(np.sqrt(np.mean((resized(picture, *coarse.shape[:2]) - coarse) ** 2)))


def _free(picture: np.ndarray) -> np.ndarray:
    return picture


def _held(
    naive: np.ndarray,
    soft: np.ndarray,
    shape: tuple[int, int],
    pull: float,
    detail: float = 0.0,
) -> Hold:
    """What was not touched stays; what was is drawn back to what was made by `pull`.

    `detail`: how much of its fine light and dark is laid back on top.
    """
    kept = resized(naive, *shape)
    share = np.float32(1 - pull) * np.clip(resized(soft, *shape), 0, 1)[..., None]
    if not detail:
        return lambda picture: kept + share * (picture - kept)
    own = np.float32(detail) * _fine(kept)

    def back(picture: np.ndarray) -> np.ndarray:
        fine = own - np.float32(gives_way * detail) * _fine(picture)
        return kept + share * (picture + fine - kept)

    return back


def _fine(picture: np.ndarray) -> np.ndarray:
    """(H, W, 1): the light and dark of about eight pixels and less."""
    grey = picture.mean(-1)
    height, width = grey.shape
    slow = resized(resized(grey, max(1, height // 8), max(1, width // 8)), height, width)
    return (grey - slow)[..., None]


def _toned(naive: np.ndarray, source: np.ndarray, soft: np.ndarray, tone: float) -> np.ndarray:
    """What was pasted, its colours' mean and spread moved towards the source's."""
    inside = naive[soft > 0.5]
    if not len(inside):
        return naive
    spread = source.std((0, 1)) / np.maximum(inside.std(0), 1e-3)
    moved = (naive - inside.mean(0)) * np.clip(spread, 0.3, 3) + source.mean((0, 1))
    return naive + np.float32(tone) * soft[..., None] * (np.clip(moved, -1, 1) - naive)
