"""Where pieces lie on a picture: boxes, handles, what is under a point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QImage, QPolygonF

from app.composed import Piece
from app.widgets.assembly import placing

LEAST, MOST = 0.02, 8.0
"""Scale of a piece."""
BEYOND = 0.02
"""Share of the longer side by which a piece may lie beyond the edge: it can still be found."""
STALK = 26.0
"""From the upper edge to the handle that turns, widget pixels."""
HIDDEN = 6.0
"""Widget pixels from the top within which a handle is hard to reach."""
SEEN = 40
"""Alpha, 0..255, above which a pixel of a piece can be taken hold of."""


def apart(a: QPointF, b: QPointF) -> float:
    return math.hypot(a.x() - b.x(), a.y() - b.y())


def upright(angle: float) -> float:
    """Degrees in -180..180; nearly upright is upright."""
    angle = (angle + 180.0) % 360.0 - 180.0
    return 0.0 if abs(angle) < 2.0 else angle


def scaled(scale: float) -> float:
    """Within limits; nearly its own size is its own size."""
    return 1.0 if abs(scale - 1.0) < 0.02 else min(max(scale, LEAST), MOST)


def turned_box(piece: Piece, source: QImage) -> list[QPointF]:
    """Its corners in pixels of the source, from the upper left round, whether flipped or not."""
    place = placing(replace(piece, flipped=False), source.width(), source.height())
    width, height = piece.picture.width, piece.picture.height
    corners = ((0, 0), (width, 0), (width, height), (0, height))
    return [place.map(QPointF(x, y)) for x, y in corners]


def stalk_of(corners: list[QPointF]) -> QPointF:
    """The handle that turns: above the upper edge, or under the lower one where that is hidden."""
    side = corners[0] - corners[3]
    arm = side * (STALK / max(math.hypot(side.x(), side.y()), 1e-6))
    above = (corners[0] + corners[1]) / 2 + arm
    return above if above.y() > HIDDEN else (corners[2] + corners[3]) / 2 - arm


def within_reach(piece: Piece, x: float, y: float, source: QImage) -> Piece:
    """Moved to (x, y), shares of the source; never so far that it could not be found again."""
    width, height = source.width(), source.height()
    box: QRectF = QPolygonF(turned_box(piece, source)).boundingRect()
    beyond = BEYOND * max(width, height)
    half = box.width() / 2 + beyond, box.height() / 2 + beyond
    x = min(max(x * width, -half[0]), width + half[0]) / width
    y = min(max(y * height, -half[1]), height + half[1]) / height
    return replace(piece, x=x, y=y)


def piece_at(
    pieces: Sequence[Piece], at: QPointF, source: QImage, chosen: int = -1, loose: bool = False
) -> int:
    """The topmost piece that is seen at a pixel of the source; -1 for none.

    `loose`: where none is seen, one whose box holds the place will do, the chosen one first.
    """
    boxed = []
    for number in range(len(pieces) - 1, -1, -1):
        piece = pieces[number]
        back, good = placing(piece, source.width(), source.height()).inverted()
        own = back.map(at)
        column, line = math.floor(own.x()), math.floor(own.y())
        if not good or not (0 <= column < piece.picture.width and 0 <= line < piece.picture.height):
            continue
        if piece.picture.array()[line, column, 3] > SEEN:
            return number
        boxed.append(number)
    if not loose or not boxed:
        return -1
    return chosen if chosen in boxed else boxed[0]
