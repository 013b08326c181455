"""Keep these fixed: a direction made orthogonal to others, in closed form. Numpy only, no torch.

What is kept fixed spans a subspace; the direction loses its part inside it (Shen et al.,
"Interpreting the Latent Space of GANs for Semantic Face Editing", CVPR 2020, section 3.3:
conditional manipulation). w and w+ meet row by row of w+, because a row is what a layer reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from engine.messages import Direction, LodestoneError, Vector

smallest_residual = 1e-3
"""Below this share of the direction what is left is rounding, not a direction."""


def orthogonal(
    direction: Direction, fixed: Sequence[Direction], num_ws: int | None = None
) -> tuple[Direction, float]:
    """`direction` without its parts along `fixed`, and the residual ‖d_perp‖ / ‖d‖ (0..1).

    Amounts stay what they were: one σ of the result is what one σ of `direction` does beside the
    fixed ones, so σ of the result is σ · residual. In w and w+ what is fixed on other rows only
    changes nothing; where it acts on some of the direction's rows, those alone are projected and
    the result is in w+ if `num_ws` tells how many rows there are (without it, all are projected,
    in w). Raises LodestoneError for different spaces, layers (space a) or generators, and where
    nothing is left.
    """
    for other in fixed:
        _check(direction, other)
    meeting = [other for other in fixed if _meet(direction, other)]
    if not meeting:
        return direction, 1.0
    rows = _rows_apart(direction, meeting, num_ws)
    if rows is None:
        before = direction.vector.array().astype(np.float64).reshape(1, -1)
        left = _perpendicular(before[0], [other.vector.array().ravel() for other in meeting])[None]
    else:
        before = _rowwise(direction, rows)
        others = [_rowwise(other, rows) for other in meeting]
        left = np.stack([
            _perpendicular(row, [other[index] for other in others])
            for index, row in enumerate(before)
        ])  # fmt: skip
    return _result(direction, before, left)


def _check(direction: Direction, other: Direction) -> None:
    rows = ("w", "w+")
    if direction.space != other.space and not (direction.space in rows and other.space in rows):
        raise LodestoneError(
            f"{_named(direction)} is in {direction.space} and {_named(other)} in {other.space}, "
            "so one cannot keep the other fixed. Choose directions of the same space."
        )
    if direction.space == "a" and direction.at != other.at:
        raise LodestoneError(
            f"{_named(direction)} moves {direction.at} and {_named(other)} {other.at}, so one "
            "cannot keep the other fixed. Choose directions of the same layer."
        )
    if direction.model and other.model and direction.model != other.model:
        raise LodestoneError(
            f"{_named(other)} belongs to another generator than {_named(direction)}. "
            "Keep directions of the same generator fixed."
        )
    if direction.vector.shape[-1:] != other.vector.shape[-1:]:
        raise LodestoneError(
            f"{_named(direction)} is {direction.vector.shape[-1]} numbers wide and "
            f"{_named(other)} {other.vector.shape[-1]}. Keep directions of the same width fixed."
        )


def _named(direction: Direction) -> str:
    return direction.name or "The direction"


def _meet(direction: Direction, other: Direction) -> bool:
    """Whether both act on some row of w+."""
    if direction.layers is None or other.layers is None:
        return True
    first, last = direction.layers
    return first <= other.layers[1] and other.layers[0] <= last


def _rows_apart(direction: Direction, fixed: Sequence[Direction], num_ws: int | None) -> int | None:
    """How many rows of w+ have to be told apart; None where all are projected alike."""
    if direction.space not in ("w", "w+"):
        return None
    heights = {len(one.vector.array()) for one in (direction, *fixed) if one.space == "w+"}
    if len(heights) > 1:
        raise LodestoneError(
            f"{_named(direction)} and what is kept fixed have different numbers of w+ rows. "
            "Keep directions of the same generator fixed."
        )
    if heights:
        return heights.pop()
    covered = all(_covers(other, direction) for other in fixed)
    return None if covered else num_ws


def _covers(other: Direction, direction: Direction) -> bool:
    if other.layers is None:
        return True
    if direction.layers is None:
        return False
    return other.layers[0] <= direction.layers[0] and direction.layers[1] <= other.layers[1]


def _rowwise(direction: Direction, rows: int) -> np.ndarray:
    """(rows, w_dim) float64: what one unit of the direction adds to each row of w+."""
    vector = np.atleast_2d(direction.vector.array()).astype(np.float64)
    expanded = np.broadcast_to(vector, (rows, vector.shape[1])).copy()
    first, last = direction.layers or (0, rows - 1)
    index = np.arange(rows)
    expanded[(index < first) | (index > last)] = 0.0
    return expanded


def _perpendicular(vector: np.ndarray, fixed: Sequence[np.ndarray]) -> np.ndarray:
    """`vector` (D,) minus its projection on the span of `fixed`."""
    kept = [np.asarray(one, np.float64) for one in fixed]
    basis = _basis(np.stack(kept)) if kept else np.zeros((0, len(vector)))
    # Twice is enough (Parlett, The Symmetric Eigenvalue Problem, section 6.9): the second pass
    # takes away what rounding left of the first.
    for _ in range(2):
        vector = vector - basis.T @ (basis @ vector)
    return vector


def _basis(vectors: np.ndarray) -> np.ndarray:
    """(r, D) orthonormal rows of the same span; equal and dependent vectors count once."""
    lengths = np.linalg.norm(vectors, axis=1)
    vectors = vectors[lengths > 0.0] / lengths[lengths > 0.0, None]
    if not len(vectors):
        return vectors
    _, values, rows = np.linalg.svd(vectors, full_matrices=False)
    return rows[values > 1e-6 * values[0]]


def _result(direction: Direction, before: np.ndarray, left: np.ndarray) -> tuple[Direction, float]:
    """From the rows (R, D) before and after; R is 1 where all rows are alike."""
    whole = float(np.linalg.norm(before))
    residual = float(np.linalg.norm(left)) / whole if whole > 0.0 else 0.0
    if residual < smallest_residual:
        raise LodestoneError(
            f"{_named(direction)} lies within what is kept fixed: nothing of it is left. "
            "Keep fewer directions fixed."
        )
    acting = left[np.linalg.norm(before, axis=1) > 0.0]
    space = direction.space
    if space == "w" and not np.allclose(acting, acting[0], atol=1e-9):
        space = "w+"
    vector = left if space == "w+" else acting[0]
    longest = float(np.linalg.norm(np.atleast_2d(vector), axis=1).max())
    shorter = replace(
        direction,
        space=space,
        vector=Vector.of(vector / longest),
        sigma=direction.sigma * longest,
    )
    return shorter, residual
