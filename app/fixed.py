"""Keep these fixed: the direction a card really moves along, and how much of its own is left."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from engine.client import orthogonal
from engine.messages import Direction, LodestoneError

if TYPE_CHECKING:
    from app.state import Card, SteerState

NOTHING = 0.02
"""A direction of which less than this share is left moves nothing on its own any more."""
ROWS = ("w", "w+")


def can_fix(direction: Direction, other: Direction) -> bool:
    """Whether `other` can be kept fixed while moving `direction`: only within one space."""
    alike = direction.space == other.space and direction.at == other.at
    wide = direction.vector.shape[-1:] == other.vector.shape[-1:]
    return wide and (alike or (direction.space in ROWS and other.space in ROWS))


def applied(state: SteerState, card: Card, num_ws: int | None = None) -> tuple[Direction, float]:
    """The direction a card moves along, and the share of its length that is left, 0..1.

    `num_ws`: rows of w+, so that what is fixed on some layers only is taken out of those alone.
    """
    others = tuple(
        other.direction
        for key in card.fixed
        if key != card.key
        and (other := state.card(key)) is not None
        and can_fix(card.direction, other.direction)
    )
    return _kept(card.direction, others, num_ws) if others else (card.direction, 1.0)


@functools.lru_cache(maxsize=512)
def _kept(
    direction: Direction, fixed: tuple[Direction, ...], num_ws: int | None
) -> tuple[Direction, float]:
    # Asked for with every picture while a slider moves: worked out once.
    try:
        return orthogonal(direction, fixed, num_ws)
    except LodestoneError:
        return direction, 0.0  # Nothing is left of it: the card says so.


def share(residual: float) -> str:
    """How much is left, in words."""
    if residual < NOTHING:
        return "Nothing of it is left"
    if residual > 0.995:
        return "All of it is left"
    return f"{residual * 100:.0f} % of it is left"
