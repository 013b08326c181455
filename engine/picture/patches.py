"""New pictures from one picture's own patches, coarse to fine, in seconds. numpy only.

One function for all of it: samples of any size, seamless ones, variations of a part, completions,
and what was pasted, cut or painted made of the picture's own matter.
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np

from engine.messages import PictureRecipe
from engine.picture import scores, starts
from engine.picture.descent import descended
from engine.picture.enlarge import enlarged
from engine.picture.painter import Hold, Painter, completeness
from engine.picture.plan import (
    Plan,
    Stage,
    Work,
    covered,
    level_count,
    padded,
    paused,
    planned,
    shorter,
    smallest,
)
from engine.picture.region import filled, hole_at, softened
from engine.picture.shifts import laid_in
from engine.picture.source import resized

candidates = 8
"""Starts that are tried at the coarse levels; the best goes on."""
judged_at = 32
"""Pixels of the shorter side at which they are compared."""
fresh = 0.6
"""Novelty that a start should have at full variation."""
laid_at = 40
"""Pixels of the shorter side at which a hole is first filled."""
vary_from = 0.25
"""Value of `where` from which a place is made anew; the edge is twice as wide."""
vary_all = 0.6
"""Share of such places from which the whole picture is sampled and laid in there."""
loose = 0.09
"""Patches by which places move at a finer level with full variation of its own."""
_first_size = {"harmonise": 100, "edit": 40, "paint": 28}
"""Pixels of the shorter side at which a composite, edit or painting enters."""
_pull = {"harmonise": 0.6, "edit": 0.0, "paint": 0.0}
_tone = np.float32(0.6)
_detail = {"harmonise": 0.5, "edit": 0.0, "paint": 0.0}
"""After every vote, how far back to what was made: pasted things keep their shape."""


def generate(source: np.ndarray, recipe: PictureRecipe, naive: np.ndarray | None = None) -> Work:
    """Pictures of (H, W, 3) from coarse to fine; the last one is also returned.

    `naive` (h, w, 3): what a composite, edit or painting begins from.
    """
    height, width = source.shape[:2]
    if recipe.task == "upscale":
        return (yield from enlarged(source, recipe.scale, recipe.seed))
    if recipe.task == "complete":
        return (yield from _completed(source, recipe))
    if naive is not None:
        height, width = naive.shape[:2]
    size = (recipe.height or height, recipe.width or width)
    where = _to_vary(recipe, size) if naive is None and size == (height, width) else None
    if where is not None:
        return (yield from _varied(source, recipe, where))
    work = _sampled if naive is None else _belonging
    made = yield from work(padded(source), recipe, size, naive)
    return made


def _sampled(
    source: np.ndarray, recipe: PictureRecipe, size: tuple[int, int], _naive: np.ndarray | None
) -> Work:
    plan = planned(source, (max(size[0], smallest), max(size[1], smallest)))
    random = np.random.default_rng(recipe.seed)
    first = begins = min(max(0, recipe.start_level), plan.levels - 1)
    holds = [_where(recipe, plan, i) for i in range(plan.levels)]
    if first:
        painter = Painter(random, recipe.wrap)
        level = resized(plan.targets[first].source, *plan.shapes[first])
        picture = starts.noisy(level, _freedom(recipe, first), random)
    else:
        first, picture, painter = yield from _begun(plan, recipe)
    grains = _grains(recipe, plan.levels, begins)
    free = recipe.where is None
    return (yield from _risen(plan, picture, painter, holds, first, size, grains, free))


def _begun(
    plan: Plan, recipe: PictureRecipe
) -> Generator[Stage, None, tuple[int, np.ndarray, Painter]]:
    """The best of several free starts: next level, picture, and the painter that made it.

    What is to stay is laid in after them only: it would lead every start back to the source.
    """
    last = max(i for i, t in enumerate(plan.targets) if i == 0 or shorter(t.source) <= judged_at)
    best: tuple[float, np.ndarray, Painter] | None = None
    manner, grains = starts.Manner.of(recipe.seed), _grains(recipe, plan.levels, 0)
    for n in range(candidates):
        random = np.random.default_rng((recipe.seed, n))
        painter = Painter(random, recipe.wrap)
        picture = starts.rearranged(
            plan.targets[0].source, *plan.shapes[0], manner, random, _freedom(recipe, 0)
        )
        for i in range(last + 1):
            picture = resized(picture, *plan.shapes[i])
            if grains[i]:
                picture = starts.stirred(picture, grains[i], random)
            work = painter.paint(picture, plan.targets[i], _free)
            picture = yield from paused(work, i, plan.levels)
            if n == 0 and i < last:
                yield Stage(i + 1, plan.levels, picture)
        loss = _loss(picture, plan.targets[last].source, _freedom(recipe, 0))
        if best is None or loss < best[0]:
            best = (loss, picture, painter)
    assert best is not None
    yield Stage(last + 1, plan.levels, best[1])
    return last + 1, best[1], best[2]


def _freedom(recipe: PictureRecipe, level: int) -> float:
    """How freely the first level begins, 0..1."""
    asked = recipe.levels[level] if level < len(recipe.levels) else recipe.variation
    return float(np.clip(np.nan_to_num(asked), 0, 1))


def _grains(recipe: PictureRecipe, levels: int, begins: int) -> tuple[float, ...]:
    """`starts.stirred` of every level after the first; none unless levels are asked for."""
    if not recipe.levels:
        return (0.0,) * levels
    asked = [recipe.levels[i] if i < len(recipe.levels) else 1.0 for i in range(levels)]
    shares = np.clip(np.nan_to_num(asked), 0, 1) * loose
    return tuple(float(share) if i > begins else 0.0 for i, share in enumerate(shares))


def _loss(picture: np.ndarray, source: np.ndarray, variation: float) -> float:
    """Small when every patch of one is in the other, as often, and the layout is new."""
    seams = scores.coherence(picture, source) / 0.06 + scores.coherence(source, picture) / 0.07
    wanted = fresh * min(1.0, max(0.0, variation))
    stale = max(0.0, wanted - scores.novelty(picture, source))
    return seams + scores.distance(scores.fitted(picture, source), source) / 0.025 + 100 * stale


def _belonging(
    source: np.ndarray, recipe: PictureRecipe, size: tuple[int, int], naive: np.ndarray | None
) -> Work:
    """A composite, edit or painting that becomes the source's own matter."""
    assert naive is not None
    plan = planned(source, (max(size[0], smallest), max(size[1], smallest)))
    naive = resized(padded(naive), *plan.shapes[-1])
    chosen = recipe.start_level
    if chosen <= 0:
        wanted = _first_size[recipe.task]
        near = [abs(shorter(target.source) - wanted) for target in plan.targets]
        chosen = int(np.argmin(near))
    first = min(chosen, plan.levels - 1)
    soft = None if recipe.mask is None else softened(recipe.mask.array(), *naive.shape[:2])
    if recipe.task == "harmonise" and soft is not None:
        naive = _toned(naive, plan.targets[-1].source, soft)
    pull = _pull[recipe.task]
    holds = [_outside(naive, soft, shape, pull) for shape in plan.shapes]
    holds[-1] = _outside(naive, soft, plan.shapes[-1], 0.0, _detail[recipe.task])
    alpha = None if recipe.task != "paint" else 10 * completeness
    painter = Painter(np.random.default_rng(recipe.seed), recipe.wrap, alpha)
    picture = resized(naive, *plan.shapes[first])
    picture = starts.noisy(picture, 0.1 * recipe.variation, np.random.default_rng(recipe.seed))
    return (yield from _risen(plan, holds[first](picture), painter, holds, first, size))


def _completed(source: np.ndarray, recipe: PictureRecipe) -> Work:
    """Fill what is masked, from what is not: masked pixels are replaced before anything else."""
    canvas, hole = hole_at(source, recipe)
    size = canvas.shape[:2]
    canvas, hole = padded(canvas), padded(hole[..., None])[..., 0]
    known = filled(canvas, hole)
    made = yield from _remade(known, hole, recipe)
    whole = np.where(hole[..., None], made, known)[: size[0], : size[1]]
    yield Stage(level_count(*known.shape[:2]), level_count(*known.shape[:2]), whole)
    return whole


def _varied(source: np.ndarray, recipe: PictureRecipe, where: np.ndarray) -> Work:
    """Other matter where it may vary: (H, W) `where`, 0..1. Elsewhere the source stays, exactly.

    Patches alone would build the same again, for nothing fits a place as well as itself: so what
    stands there is no longer to be had.
    """
    size, levels = source.shape[:2], level_count(*source.shape[:2])
    share = np.minimum(1, where / (2 * vary_from))[..., None]
    whole, place = padded(source), padded(where[..., None])[..., 0] > vary_from
    made = yield from _remade(whole, place, recipe)
    image = source + share * (made[: size[0], : size[1]] - source)
    yield Stage(levels, levels, image)
    return image


def _remade(known: np.ndarray, hole: np.ndarray, recipe: PictureRecipe) -> Work:
    """The hole (H, W) bool of (H, W, 3) made of what is around it; the rest as good as it was."""
    plan = planned(known, known.shape[:2], hole)
    first = _first_with_enough(plan)
    random = np.random.default_rng(recipe.seed)
    holes = [covered(hole, shape) for shape in plan.shapes]
    holds = [_known(t.source, h) for t, h in zip(plan.targets, holes, strict=True)]
    start = laid_in(plan.targets[first].source, holes[first], recipe.seed, recipe.variation)
    painter = Painter(random, alpha=None)
    grains = _grains(recipe, plan.levels, first)
    made = yield from _risen(plan, start, painter, holds, first, known.shape[:2], grains)
    assert painter.voted is not None
    return np.clip(made + _seam(known - painter.voted, hole), -1, 1)


def _risen(
    plan: Plan,
    picture: np.ndarray,
    painter: Painter,
    holds: list[Hold],
    first: int,
    size: tuple[int, int],
    grains: tuple[float, ...] = (),
    even: bool = False,
) -> Work:
    """From level `first` to the finest; (height, width) is cut out of the last.

    `grains`: how much each level is stirred before its patches are replaced. `even`: at the end,
    patches are made as frequent as in the source.
    """
    for i in range(first, plan.levels):
        picture = resized(picture, *plan.shapes[i])
        if any(grains[i : i + 1]):
            picture = starts.stirred(picture, grains[i], painter.random)
        picture = holds[i](picture)
        work = painter.paint(picture, plan.targets[i], holds[i])
        picture = yield from paused(work, i, plan.levels)
        if i < plan.levels - 1:
            yield Stage(i + 1, plan.levels, picture)
    if even:
        work = descended(picture, plan.targets[-1].source, painter.random, painter.wrap)
        picture = yield from paused(work, plan.levels - 1, plan.levels)
    picture = np.clip(picture[: size[0], : size[1]], -1, 1)
    yield Stage(plan.levels, plan.levels, picture)
    return picture


def _first_with_enough(plan: Plan) -> int:
    """The coarsest level at which enough of the picture is known to fill the hole from."""
    shares = []
    for i, target in enumerate(plan.targets):
        assert target.valid is not None
        count = int(target.valid.sum())
        if shorter(target.source) >= laid_at and count >= 0.35 * target.valid.size:
            return i
        shares.append(count / target.valid.size)
    return int(np.argmax(shares))


def _to_vary(recipe: PictureRecipe, size: tuple[int, int]) -> np.ndarray | None:
    """(H, W) 0..1, when only a part is to be made anew; else it is a sample like any other."""
    if recipe.where is None or recipe.wrap or recipe.start_level > 0:
        return None
    where = np.clip(np.nan_to_num(resized(recipe.where.array(), *size)), 0, 1)
    return where if 0 < np.mean(where > vary_from) < vary_all else None


def _free(picture: np.ndarray) -> np.ndarray:
    return picture


def _where(recipe: PictureRecipe, plan: Plan, level: int) -> Hold:
    """Keep the source where the map is 0."""
    if recipe.where is None:
        return _free
    shape = plan.shapes[level]
    share = np.clip(resized(recipe.where.array(), *shape), 0, 1)[..., None]
    kept = resized(plan.targets[level].source, *shape)
    return lambda picture: kept + share * (picture - kept)


def _outside(
    naive: np.ndarray,
    soft: np.ndarray | None,
    shape: tuple[int, int],
    pull: float,
    detail: float = 0.0,
) -> Hold:
    """What was not touched stays; what was is drawn back to what was made by `pull`.

    `detail`: how much of its fine light and dark is laid back on top.
    """
    kept, share = resized(naive, *shape), np.float32(1 - pull)
    if soft is not None:
        share = share * np.clip(resized(soft, *shape), 0, 1)[..., None]
    grey = kept.mean(-1)
    slow = resized(resized(grey, max(1, shape[0] // 8), max(1, shape[1] // 8)), *shape)
    fine = np.float32(detail) * (grey - slow)[..., None]
    return lambda picture: kept + share * (picture + fine - kept)


def _toned(naive: np.ndarray, source: np.ndarray, soft: np.ndarray) -> np.ndarray:
    """What was pasted, its colours' mean and spread moved most of the way to the source's."""
    inside = naive[soft > 0.5]
    if not len(inside):
        return naive
    spread = source.std((0, 1)) / np.maximum(inside.std(0), 1e-3)
    moved = (naive - inside.mean(0)) * np.clip(spread, 0.3, 3) + source.mean((0, 1))
    return naive + _tone * soft[..., None] * (np.clip(moved, -1, 1) - naive)


def _known(source: np.ndarray, hole: np.ndarray) -> Hold:
    return lambda picture: np.where(hole[..., None], picture, source)


def _seam(gap: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """What is missing at the hole's border, fading over three pixels into it: no visible line."""
    near = 1 - hole.astype(np.float32)
    for _ in range(3):
        wide = np.pad(near, 1, mode="edge")
        near = np.lib.stride_tricks.sliding_window_view(wide, (3, 3)).mean((2, 3))
    return filled(gap, hole) * np.minimum(1, 2 * near)[..., None]
