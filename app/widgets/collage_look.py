"""How a collage is painted: the ground, the pieces, what is chosen, what is being drawn."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen, QPolygonF, QTransform

from app import theme
from app.composed import Piece
from app.widgets.arranging import apart, stalk_of, turned_box
from app.widgets.assembly import ground_of, holes, image_of, paint_piece, placing
from app.widgets.brushes import Brush
from engine.client import resized
from engine.messages import Picture

HANDLE = 4.5
"""Half a handle, pixels."""
FAINT = 0.28
"""Opacity of what hangs over the edge."""
OUTLINE_SIDE = 220
"""Pixels of a piece's longer side at which its outline is followed."""


class CollageLook:
    """Paints a collage of one source into a widget."""

    def __init__(self, source: QImage):
        self._source = source
        self._ground: tuple[tuple[Piece, ...], QImage] = ((), source)

    def paint(
        self, painter: QPainter, target: QRectF, pieces: Sequence[Piece], chosen: int
    ) -> None:
        """The picture as it is composed, with handles around the chosen piece."""
        size = target.width() / max(self._source.width(), 1)
        onto = QTransform.fromScale(size, size) * QTransform.fromTranslate(target.x(), target.y())
        moved = [piece for piece in pieces if piece.moved]
        painter.setOpacity(FAINT)
        self._paint_pieces(painter, moved, onto, size)
        painter.setOpacity(1.0)
        painter.save()
        painter.setClipRect(target)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(target, self.below(pieces))
        self._paint_pieces(painter, moved, onto, size)
        painter.restore()
        for number, piece in enumerate(pieces):
            if not piece.moved:
                self._paint_outline(painter, piece, onto, number == chosen)
        if 0 <= chosen < len(pieces):
            box = [onto.map(corner) for corner in turned_box(pieces[chosen], self._source)]
            _paint_handles(painter, box)

    def below(self, pieces: Sequence[Piece]) -> QImage:
        """The source with its empty places filled, made once for the same places."""
        empty = holes(pieces)
        if empty != self._ground[0]:
            self._ground = (empty, ground_of(self._source, pieces) if empty else self._source)
        return self._ground[1]

    def _paint_pieces(
        self, painter: QPainter, pieces: Sequence[Piece], onto: QTransform, size: float
    ) -> None:
        for piece in pieces:
            place = placing(piece, self._source.width(), self._source.height()) * onto
            paint_piece(painter, piece, place, piece.scale * size)

    def _paint_outline(
        self, painter: QPainter, piece: Piece, onto: QTransform, strong: bool
    ) -> None:
        place = placing(piece, self._source.width(), self._source.height()) * onto
        lines = [place.map(line) for line in outline_of(piece.picture)]
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for colour, thick in (("#000000", 2.6), (theme.VEIL if strong else "#ffffff", 1.3)):
            painter.setPen(QPen(theme.colour(colour, 235 if strong else 150), thick))
            painter.drawLines(lines)


def _paint_handles(painter: QPainter, box: list[QPointF]) -> None:
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    stalk = stalk_of(box)
    edges = ((box[0] + box[1]) / 2, (box[2] + box[3]) / 2)
    root = min(edges, key=lambda edge: apart(edge, stalk))
    for colour, thick in (("#000000", 2.4), ("#ffffff", 1.0)):
        painter.setPen(QPen(theme.colour(colour, 170), thick))
        painter.drawPolygon(QPolygonF(box))
        painter.drawLine(root, stalk)
    painter.setPen(QPen(theme.colour("#000000", 200), 1.2))
    painter.setBrush(theme.colour("#ffffff"))
    for corner in box:
        painter.drawRect(QRectF(corner.x() - HANDLE, corner.y() - HANDLE, 2 * HANDLE, 2 * HANDLE))
    painter.drawEllipse(stalk, HANDLE + 0.5, HANDLE + 0.5)


def paint_stroke(painter: QPainter, target: QRectF, cover: np.ndarray) -> None:
    """What is being brushed, (h, w) 0..1, as a veil."""
    veil = QColor(theme.VEIL)
    alpha = np.clip(cover, 0, 1)[..., None] * 0.6
    pixels = np.array([veil.blue(), veil.green(), veil.red(), 255]) * alpha
    kind = QImage.Format.Format_ARGB32_Premultiplied
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    painter.drawImage(target, image_of(pixels.astype(np.uint8), kind))


def paint_lasso(painter: QPainter, outline: list[QPointF]) -> None:
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for colour, thick in (("#000000", 3.0), ("#ffffff", 1.2)):
        painter.setPen(QPen(theme.colour(colour, 200), thick))
        painter.drawPolyline(QPolygonF(outline))


def paint_ring(painter: QPainter, at: QPointF, brush: Brush, side: float) -> None:
    """The brush under the pointer; `side` of the picture in widget pixels."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    radius = max(brush.size * side / 2, 2.0)
    for colour, thick in (("#000000", 3.0), ("#ffffff", 1.2)):
        painter.setPen(QPen(theme.colour(colour, 200), thick))
        painter.drawEllipse(at, radius, radius)
    inner = radius * (1.0 - brush.soft)
    if inner > 2.0:
        painter.setPen(QPen(theme.colour("#ffffff", 110), 1, Qt.PenStyle.DotLine))
        painter.drawEllipse(at, inner, inner)


def paint_words(painter: QPainter, target: QRectF, words: str) -> None:
    """An invitation in the middle of the picture."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setFont(theme.font(theme.SIZE))
    inside = painter.fontMetrics().boundingRect(words)
    box = QRectF(0, 0, inside.width() + 32, 34)
    box.moveCenter(target.center())
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.colour("#000000", 170))
    painter.drawRoundedRect(box, 8, 8)
    painter.setPen(theme.colour("#ffffff"))
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, words)


@functools.lru_cache(maxsize=24)
def outline_of(picture: Picture) -> list[QLineF]:
    """The border between what is seen of a piece and what is not, in its own pixels."""
    alpha = picture.array()[..., 3].astype(np.float32)
    small = min(OUTLINE_SIDE / max(alpha.shape), 1.0)
    shape = max(round(alpha.shape[0] * small), 1), max(round(alpha.shape[1] * small), 1)
    inside = np.pad(resized(alpha, *shape) > 127, 1)
    across, down = picture.width / shape[1], picture.height / shape[0]
    lines = []
    rows, columns = np.nonzero(inside[1:, 1:-1] != inside[:-1, 1:-1])
    lines += [
        QLineF(x * across, y * down, (x + 1) * across, y * down)
        for y, x in zip(rows.tolist(), columns.tolist(), strict=True)
    ]
    rows, columns = np.nonzero(inside[1:-1, 1:] != inside[1:-1, :-1])
    lines += [
        QLineF(x * across, y * down, x * across, (y + 1) * down)
        for y, x in zip(rows.tolist(), columns.tolist(), strict=True)
    ]
    return lines
