"""Keep these fixed: the direction a card really moves along, and how much of its own is left."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from engine.messages import Direction, Vector

if TYPE_CHECKING:
    from app.state import Card, SteerState

NOTHING = 0.02
"""A direction of which less than this share is left moves nothing on its own any more."""


def applied(state: SteerState, card: Card) -> tuple[Direction, float]:
    """The direction a card moves along, and the share of its length that is left, 0..1."""
    others = tuple(
        other.direction
        for key in card.fixed
        if key != card.key and (other := state.card(key)) is not None
    )
    return _kept(card.direction, others) if others else (card.direction, 1.0)


@functools.lru_cache(maxsize=512)
def _kept(direction: Direction, fixed: tuple[Direction, ...]) -> tuple[Direction, float]:
    # Asked for with every picture while a slider moves: worked out once.
    return orthogonal(direction, fixed)


def orthogonal(direction: Direction, fixed: tuple[Direction, ...]) -> tuple[Direction, float]:
    vector = direction.vector.array().astype(np.float64).ravel()
    basis = [
        one.vector.array().ravel() for one in fixed if one.vector.shape == direction.vector.shape
    ]
    if not basis:
        return direction, 1.0
    q, _ = np.linalg.qr(np.stack(basis).T.astype(np.float64))
    left = vector - q @ (q.T @ vector)
    residual = float(np.linalg.norm(left))
    if residual < 1e-6:
        return direction, 0.0
    from dataclasses import replace

    return replace(
        direction, vector=Vector.of((left / residual).reshape(direction.vector.shape))
    ), residual


def share(residual: float) -> str:
    """How much is left, in words."""
    if residual < NOTHING:
        return "Nothing of it is left"
    if residual > 0.995:
        return "All of it is left"
    return f"{residual * 100:.0f} % of it is left"
