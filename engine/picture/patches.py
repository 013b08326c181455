"""New pictures from one picture's own patches, coarse to fine, in seconds. numpy only.

One function for all of it: samples of any size, seamless ones, variations of a part, completions,
and what was pasted, cut or painted made of the picture's own matter.
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np

from engine.messages import PictureRecipe
from engine.picture import scores, starts
from engine.picture.belonging import belonging
from engine.picture.enlarge import enlarged
from engine.picture.painter import Hold, Painter
from engine.picture.plan import (
    Plan,
    Stage,
    Work,
    level_count,
    padded,
    paused,
    planned,
    shorter,
    smallest,
)
from engine.picture.region import filled, hole_at
from engine.picture.rise import remade, risen, stirrings
from engine.picture.source import resized

candidates = 8
"""Starts that are tried at the coarse levels; the best goes on."""
judged_at = 32
"""Pixels of the shorter side at which they are compared."""
fresh = 0.6
"""Novelty that a start should have at full variation."""
vary_from = 0.25
"""Value of `where` from which a place is made anew; the edge is twice as wide."""
vary_all = 0.6
"""Share of such places from which the whole picture is sampled and laid in there."""


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
    if naive is not None:
        return (yield from belonging(padded(source), recipe, size, naive))
    return (yield from _sampled(padded(source), recipe, size))


def _sampled(source: np.ndarray, recipe: PictureRecipe, size: tuple[int, int]) -> Work:
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
    grains = stirrings(recipe, plan.levels, begins)
    free = recipe.where is None
    return (yield from risen(plan, picture, painter, holds, first, size, grains, free))


def _begun(
    plan: Plan, recipe: PictureRecipe
) -> Generator[Stage, None, tuple[int, np.ndarray, Painter]]:
    """The best of several free starts: next level, picture, and the painter that made it.

    What is to stay is laid in after them only: it would lead every start back to the source.
    """
    last = max(i for i, t in enumerate(plan.targets) if i == 0 or shorter(t.source) <= judged_at)
    best: tuple[float, np.ndarray, Painter] | None = None
    manner, grains = starts.Manner.of(recipe.seed), stirrings(recipe, plan.levels, 0)
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


def _loss(picture: np.ndarray, source: np.ndarray, variation: float) -> float:
    """Small when every patch of one is in the other, as often, and the layout is new."""
    seams = scores.coherence(picture, source) / 0.06 + scores.coherence(source, picture) / 0.07
    wanted = fresh * min(1.0, max(0.0, variation))
    stale = max(0.0, wanted - scores.novelty(picture, source))
    return seams + scores.distance(scores.fitted(picture, source), source) / 0.025 + 100 * stale


def _completed(source: np.ndarray, recipe: PictureRecipe) -> Work:
    """Fill what is masked, from what is not: masked pixels are replaced before anything else."""
    canvas, hole = hole_at(source, recipe)
    size = canvas.shape[:2]
    canvas, hole = padded(canvas), padded(hole[..., None])[..., 0]
    known = filled(canvas, hole)
    made = yield from remade(known, hole, recipe)
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
    made = yield from remade(whole, place, recipe)
    image = source + share * (made[: size[0], : size[1]] - source)
    yield Stage(levels, levels, image)
    return image


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
