"""A picture's patches brought to the source's distribution. numpy only.

Patch sliced-Wasserstein descent (GPDM: Elnekave & Weiss, arXiv 2203.11862): along random
directions, the sorted projections of both pictures' patches are compared, and every patch is moved
towards its counterpart. The gradient is written out: sort, difference, and the adjoint of cutting
patches, their mean over each pixel. Directions are orthonormal, so that whole steps can be taken
(iterative distribution transfer: Pitié et al. 2005), and two rounds do most of what hundreds of
small ones would. No patch is searched for: the cost grows with the number of pixels only.
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np

from engine.picture.nearest import Axes, describe, side

rounds = 2
directions = 16
"""Of each round."""
stride = 3.0
"""Times the mean move: directions are a ninth of all, so their mean falls short."""
looked_at = 200_000
"""Patches of the source whose projections are sorted."""


def descended(
    picture: np.ndarray, source: np.ndarray, random: np.random.Generator, wrap: bool
) -> Generator[None, None, np.ndarray]:
    """(h, w, 3) with the patch statistics of (H, W, 3), pausing after each slice of work."""
    nothing = np.zeros(side * side * 3, np.float32)
    for _ in range(rounds):
        axes = Axes(nothing, _orthonormal(random))
        wanted = describe(source, axes).reshape(-1, directions)
        wanted = wanted[:: -(-len(wanted) // looked_at)]
        yield
        found = describe(_edged(picture, wrap), axes)
        shape, found = found.shape[:2], found.reshape(-1, directions)
        yield
        for k in range(directions):
            found[:, k] = _moves(found[:, k], wanted[:, k])
            yield
        picture = picture + np.float32(stride) * (
            yield from _spread(found.reshape(*shape, directions), axes, wrap)
        )
    return picture


def _orthonormal(random: np.random.Generator) -> np.ndarray:
    """(147, directions)"""
    drawn = random.standard_normal((side * side * 3, directions))
    return np.ascontiguousarray(np.linalg.qr(drawn)[0], np.float32)


def _moves(found: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """From each of (N,) to its counterpart of equal rank among (M,)."""
    wanted = np.sort(wanted)
    order = np.argsort(found)
    rank = ((np.arange(len(found)) + 0.5) * (len(wanted) / len(found))).astype(np.int64)
    moves = np.empty_like(found)
    moves[order] = wanted[rank] - found[order]
    return moves


def _spread(moves: np.ndarray, axes: Axes, wrap: bool) -> Generator[None, None, np.ndarray]:
    """(Qh, Qw, D) moves of patches → (h, w, 3): the mean move of every pixel.

    At the rim few patches lie over a pixel, and their mean would be noise: it moves less.
    """
    height, width = moves.shape[:2]
    grow = 0 if wrap else side - 1
    total = np.zeros((height + grow, width + grow, 3), np.float32)
    parts = axes.basis.reshape(3, side, side, directions)
    for dy in range(side):
        for dx in range(side):
            part = moves @ parts[:, dy, dx].T
            if wrap:
                total += np.roll(part, (dy, dx), (0, 1))
            else:
                total[dy : dy + height, dx : dx + width] += part
        yield
    return total / (side * side)


def _edged(picture: np.ndarray, wrap: bool) -> np.ndarray:
    if not wrap:
        return picture
    return np.pad(picture, ((0, side - 1), (0, side - 1), (0, 0)), mode="wrap")
