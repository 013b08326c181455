"""From a start to the finest level, and places remade of what is around them. numpy only."""

from __future__ import annotations

import numpy as np

from engine.messages import PictureRecipe
from engine.picture import starts
from engine.picture.descent import descended
from engine.picture.painter import Hold, Painter
from engine.picture.plan import Plan, Stage, Work, covered, paused, planned, shorter
from engine.picture.region import filled
from engine.picture.shifts import laid_in
from engine.picture.source import resized

laid_at = 40
"""Pixels of the shorter side at which a hole is first filled."""
loose = 0.09
"""Patches by which places move at a finer level with full variation of its own."""


def risen(
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


def remade(
    known: np.ndarray, hole: np.ndarray, recipe: PictureRecipe, barred: np.ndarray | None = None
) -> Work:
    """The hole (H, W) bool of (H, W, 3) made of what is around it; the rest as good as it was.

    `barred` (H, W) bool: places that stay, but are not to be had as matter either.
    """
    unfit = hole if barred is None else hole | barred
    plan = planned(known, known.shape[:2], unfit)
    first = _first_with_enough(plan)
    random = np.random.default_rng(recipe.seed)
    holes = [covered(hole, shape) for shape in plan.shapes]
    holds = [_known(t.source, h) for t, h in zip(plan.targets, holes, strict=True)]
    coarse, fit = plan.targets[first].source, ~covered(unfit, plan.shapes[first])
    start = laid_in(coarse, holes[first], recipe.seed, recipe.variation, fit)
    painter = Painter(random, alpha=None)
    grains = stirrings(recipe, plan.levels, first)
    made = yield from risen(plan, start, painter, holds, first, known.shape[:2], grains)
    assert painter.voted is not None
    return np.clip(made + _seam(known - painter.voted, hole), -1, 1)


def stirrings(recipe: PictureRecipe, levels: int, begins: int) -> tuple[float, ...]:
    """`starts.stirred` of every level after the first; none unless levels are asked for."""
    if not recipe.levels:
        return (0.0,) * levels
    asked = [recipe.levels[i] if i < len(recipe.levels) else 1.0 for i in range(levels)]
    shares = np.clip(np.nan_to_num(asked), 0, 1) * loose
    return tuple(float(share) if i > begins else 0.0 for i, share in enumerate(shares))


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


def _known(source: np.ndarray, hole: np.ndarray) -> Hold:
    return lambda picture: np.where(hole[..., None], picture, source)


def _seam(gap: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """What is missing at the hole's border, fading over three pixels into it: no visible line."""
    near = 1 - hole.astype(np.float32)
    for _ in range(3):
        wide = np.pad(near, 1, mode="edge")
        near = np.lib.stride_tricks.sliding_window_view(wide, (3, 3)).mean((2, 3))
    return filled(gap, hole) * np.minimum(1, 2 * near)[..., None]
