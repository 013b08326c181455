"""What an artist lays on a picture or paints in its place, as values. No Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.messages import Picture, Vector

Beginning = Literal["blurred", "blank", "source", "picture"]
"""What is painted on: the source out of focus, one colour, the source itself, another picture."""
Manner = Literal["brush", "shape", "fill"]


@dataclass(frozen=True)
class Piece:
    """Part of a picture that lies on the source, straight alpha."""

    picture: Picture
    """B G R A."""
    x: float = 0.5
    """Of its middle, in shares of the source's width …"""
    y: float = 0.5
    """… and height; outside of 0..1 it hangs over the edge."""
    scale: float = 1.0
    """Pixels of the shown source for one of its own."""
    turn: float = 0.0
    """Degrees, clockwise."""
    flipped: bool = False
    home: tuple[float, float] | None = None
    """Its middle where it was cut from the source; None when it came from elsewhere."""
    cut: bool = False
    """The place it came from is filled."""

    @property
    def moved(self) -> bool:
        """Whether it lies otherwise than where it came from."""
        if self.home is None:
            return True
        untouched = self.scale == 1.0 and self.turn == 0.0 and not self.flipped
        return not untouched or (self.x, self.y) != self.home


@dataclass(frozen=True)
class Ground:
    """What is painted on."""

    kind: Beginning = "blurred"
    picture: Picture | None = None
    """For `picture`: an opened painting, of the easel's size, BGRX."""


@dataclass(frozen=True)
class Stroke:
    """One touch of the brush, one filled shape, or one poured colour."""

    points: Vector
    """(N, 3): x and y in pixels of the easel, pressure 0..1."""
    colour: tuple[int, int, int] | None
    """RGB, 0..255; None takes the paint off again."""
    manner: Manner = "brush"
    size: float = 0.1
    """Diameter as a share of the longer side."""
    soft: float = 0.3
    """Share of the radius over which the edge fades, 0..1."""
