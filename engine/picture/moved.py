"""What became of the masked places of an edit: left empty, moved there, or made up. numpy only."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from engine.messages import PictureRecipe
from engine.picture import nearest
from engine.picture.nearest import describe, side
from engine.picture.painter import Target
from engine.picture.plan import Plan, covered
from engine.picture.region import check_mask, filled, softened
from engine.picture.shifts import parts as connected
from engine.picture.source import hole_of, resized

flat_below = 0.35
"""Local contrast, of the source's at the same place, below which a place may be emptied."""
compared_at = 90
"""Pixels of the shorter side at which patches are compared with the source's."""
seam_within = 0.015
"""Of the shorter side: how far a seam reaches into what was moved."""
smooth_within = 0.15
"""How far it is then from a smooth continuation of what is around it, -1..1."""
strange_above = 0.1
"""Median RMS distance of patches to their nearest, -1..1, above which they are not its own."""


@dataclass(frozen=True, eq=False)
class Parts:
    """(H, W) bool each, none overlaps another; and where."""

    empty: np.ndarray
    """Where something was taken away."""
    kept: np.ndarray
    """The picture's own matter in another place."""
    loose: np.ndarray
    """Matter that the picture does not have."""
    near: np.ndarray
    """(H, W) 0..1: the mask, a little wider and with a soft edge; beyond it nothing changes."""

    def seams(self, width: int) -> np.ndarray:
        """(H, W) 0..1: `width` pixels around what was moved, and as much of it as its edge takes.

        Small features of it, such as an eye, must outlive wide seams.
        """
        edge = max(2, round(seam_within * min(self.kept.shape)))
        outer, inner = grown(self.kept, width), ~grown(~self.kept, edge)
        near = grown(self.empty, 2) & grown(~self.empty, 2)
        return blurred((outer & ~inner & ~self.empty | near).astype(np.float32))

    def redrawn(self) -> np.ndarray:
        """(H, W) 0..1: what is made anew altogether."""
        if not self.loose.any():
            return self.loose.astype(np.float32)
        return softened(self.loose.astype(np.float32), *self.loose.shape)


def parts_of(plan: Plan, recipe: PictureRecipe, naive: np.ndarray) -> Generator[None, None, Parts]:
    """What the mask of an edit covers; `naive` (H, W, 3) has the plan's finest size."""
    assert recipe.mask is not None
    shape = naive.shape[:2]
    near = softened(recipe.mask.array(), *shape)
    mask = hole_of(recipe.mask.array(), *shape)
    source = resized(plan.targets[-1].source, *shape)
    reach = max(2, round(0.025 * min(shape)))
    if recipe.hole is not None:
        given = recipe.hole.array()
        check_mask(given, *shape)
        empty = hole_of(given, *shape)
        kept, loose = mask & ~empty, np.zeros(shape, bool)
    else:
        empty = _emptied(source, naive, mask)
        loose = yield from _strange(plan, naive, mask & ~empty)
        kept = mask & ~empty & ~loose
    # A little wider than what was cut: its soft edge would stay as a halo.
    empty = grown(empty, reach) & ~kept & ~loose & (near > 0)
    if empty.mean() > 0.9:
        return Parts(np.zeros(shape, bool), kept, loose | empty, near)
    return Parts(empty, kept, loose, near)


def _emptied(source: np.ndarray, naive: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Masked places that are flat and only continue what is around them: (H, W) bool."""
    flat = mask & (_contrast(naive) < flat_below * _contrast(source))
    flat = grown(~grown(~flat, 2), 2)
    if not flat.any():
        return flat
    gap = blurred(np.abs(filled(naive, flat) - naive).mean(-1))
    found = flat & (gap < smooth_within)
    return grown(~grown(~found, 2), 3) & mask


def _strange(plan: Plan, naive: np.ndarray, mask: np.ndarray) -> Generator[None, None, np.ndarray]:
    """Of the masked parts those whose patches the source does not have: (H, W) bool."""
    found = np.zeros_like(mask)
    if not mask.any():
        return found
    sizes = [abs(min(target.source.shape[:2]) - compared_at) for target in plan.targets]
    level = int(np.argmin(sizes))
    target, shape = plan.targets[level], plan.shapes[level]
    queries = describe(resized(naive, *shape), target.axes)
    keys = target.keys.reshape(-1, target.keys.shape[2])
    for part in connected(covered(mask, (mask.shape[0] // 2, mask.shape[1] // 2))):
        whole = sliding_window_view(covered(part, shape), (side, side)).all((2, 3))
        rows = queries[whole]
        rows = rows[:: max(1, len(rows) // 300)]
        index = yield from nearest.exact(rows, keys, None)
        gap = ((rows - keys[index]) ** 2).sum(1) / (3 * side * side)
        if len(rows) and np.sqrt(np.median(gap)) > strange_above:
            found |= grown(hole_of(part.astype(np.float32), *mask.shape), 2) & mask
    return found


def _contrast(picture: np.ndarray) -> np.ndarray:
    """(H, W): how much the grey of each place differs from its neighbours'."""
    grey = picture.mean(-1)
    return np.sqrt(blurred((grey - blurred(grey)) ** 2)) + 1e-3


def grown(place: np.ndarray, reach: int) -> np.ndarray:
    """(H, W) bool, `reach` pixels wider on every side."""
    for axis in (0, 1):
        wide = np.pad(place, [(reach, reach) if a == axis else (0, 0) for a in (0, 1)])
        place = np.asarray(sliding_window_view(wide, 2 * reach + 1, axis).any(-1))
    return place


def blurred(values: np.ndarray) -> np.ndarray:
    """(H, W): the mean of 5 x 5 pixels."""
    for axis in (0, 1):
        wide = np.pad(values, [(2, 2) if a == axis else (0, 0) for a in (0, 1)], mode="edge")
        values = sliding_window_view(wide, 5, axis).mean(-1)
    return values


def strangeness(picture: np.ndarray, target: Target) -> Generator[None, None, float]:
    """RMS distance of the patches of (h, w, 3) to the source's nearest ones, colours -1..1."""
    rows = describe(picture, target.axes)
    rows = rows.reshape(-1, rows.shape[2])
    keys = target.keys.reshape(-1, rows.shape[1])
    index = yield from nearest.exact(rows, keys, None)
    return float(np.sqrt(((rows - keys[index]) ** 2).sum(1).mean() / (3 * side * side)))
