"""What a hole is first filled with: another part of the picture that fits around it. numpy only.

The patches alone agree on the dullest matter there is. So a whole piece is laid in first, as in
shift maps (Pritch et al. 2009; He & Sun 2012, statistics of patch offsets), one of those whose
surroundings resemble the hole's; every seed takes another one.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from engine.picture.starts import mirrored, noise

ring = 4
"""Pixels around the hole that are compared."""
lands = (0.98, 0.85)
"""Share of a piece that must be known; the second where the first leaves too few …"""
wanted = 4
"""… pieces to choose from."""
choices = 8
"""Different pieces that seeds choose from."""


def laid_in(
    source: np.ndarray, hole: np.ndarray, seed: int, variation: float, fit: np.ndarray
) -> np.ndarray:
    """(H, W, 3) with every hole of (H, W) bool filled by a shifted piece of what is known.

    `source` has its holes smoothly continued: that stays where nothing else is known. `fit`
    (H, W) bool: where pieces may come from, no hole among it.
    """
    random = np.random.default_rng(seed)
    picture = source.copy()
    for part in parts(hole):
        rows, columns = np.nonzero(part)
        shift = _chosen(source, fit, part, seed, random)
        if shift is None:
            shift = random.uniform(-0.5, 0.5, 2) * hole.shape
            grain = random.standard_normal((len(rows), 3)) * noise * variation * source.std()
        else:
            grain = np.zeros((1, 3))
        y, x = mirrored(rows + shift[0], hole.shape[0]), mirrored(columns + shift[1], hole.shape[1])
        picture[rows, columns] = source[y, x] + grain
    return picture.astype(np.float32)


def parts(hole: np.ndarray) -> list[np.ndarray]:
    """The hole's connected parts, (H, W) bool each; at most 16, the rest in the last."""
    labels = np.where(hole, np.arange(1, hole.size + 1).reshape(hole.shape), 0)
    while True:
        wide = np.pad(labels, 1)
        spread = np.where(hole, sliding_window_view(wide, (3, 3)).max((2, 3)), 0)
        if np.array_equal(spread, labels):
            break
        labels = spread
    found = np.unique(labels[hole])
    single = [labels == label for label in found[:15]]
    rest = np.isin(labels, found[15:])
    return [*single, rest] if rest.any() else single


def _chosen(
    source: np.ndarray,
    fit: np.ndarray,
    part: np.ndarray,
    seed: int,
    random: np.random.Generator,
) -> np.ndarray | None:
    """One of the best shifts (rows, columns) that lie apart; None when none lands well."""
    wide = np.pad(part, ring)
    near = sliding_window_view(wide, (2 * ring + 1, 2 * ring + 1)).any((2, 3)) & fit
    around, inside = np.argwhere(near), np.argwhere(part)
    shifts = _possible(inside, fit.shape)
    if not len(shifts) or not len(around):
        return None
    colours = source[around[:, 0], around[:, 1]]
    costs, landed = np.empty(len(shifts)), np.empty(len(shifts))
    step = max(1, 400_000 // len(around))
    for start in range(0, len(shifts), step):
        some = shifts[start : start + step, None]
        landed[start : start + step] = _share(fit, inside[None] + some)
        gap = _at(source, around[None] + some) - colours
        seen = _inside(fit, around[None] + some)
        total = (gap * gap).mean(-1) * seen
        # Unseen surroundings are no agreement: they count as a middling one.
        costs[start : start + step] = total.sum(1) / np.maximum(seen.sum(1), 1)
        costs[start : start + step] += 0.2 * (1 - seen.mean(1)) * source.var()
    found = np.empty((0, 2))
    for share in lands:
        good = landed >= share
        if good.any() and len(found) < wanted:
            found = _apart(shifts[good], costs[good], inside)
    return found[seed % len(found)].astype(float) if len(found) else None


def _possible(inside: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Every shift that keeps the part within the picture: (N, 2)."""
    low, high = -inside.min(0), np.array(shape) - 1 - inside.max(0)
    rows, columns = np.arange(low[0], high[0] + 1), np.arange(low[1], high[1] + 1)
    return np.stack(np.meshgrid(rows, columns, indexing="ij"), -1).reshape(-1, 2)


def _apart(shifts: np.ndarray, costs: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """The best shifts, none within a third of the part's size of a better one."""
    least = np.maximum(2, (np.ptp(inside, axis=0) + 1) / 3)
    order = np.argsort(costs, kind="stable")
    limit = 6 * costs[order[0]] + 0.02
    kept: list[np.ndarray] = []
    for i in order:
        if len(kept) == choices or (len(kept) >= 4 and costs[i] > limit):
            break
        if all((np.abs(shifts[i] - other) > least).any() for other in kept):
            kept.append(shifts[i])
    return np.array(kept)


def _clipped(places: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    return (
        np.clip(places[..., 0], 0, shape[0] - 1),
        np.clip(places[..., 1], 0, shape[1] - 1),
    )


def _at(source: np.ndarray, places: np.ndarray) -> np.ndarray:
    return source[_clipped(places, source.shape)]


def _inside(known: np.ndarray, places: np.ndarray) -> np.ndarray:
    limits = np.array(known.shape)
    within = ((places >= 0) & (places < limits)).all(-1)
    return within & known[_clipped(places, known.shape)]


def _share(known: np.ndarray, places: np.ndarray) -> np.ndarray:
    return known[_clipped(places, known.shape)].mean(-1)
