"""What every wall of pictures paints alike: smooth pictures with round corners, cursor and ring."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QImage, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QWidget

from app import theme


def smooth(widget: QWidget) -> QPainter:
    """A painter on the widget that scales pictures well."""
    painter = QPainter(widget)
    hint = QPainter.RenderHint
    painter.setRenderHints(hint.Antialiasing | hint.SmoothPixmapTransform)
    return painter


def draw_rounded(
    painter: QPainter,
    box: QRectF,
    image: QImage | None,
    radius: float = 4,
    ground: str = theme.RAISED,
    part: QRectF | None = None,
) -> None:
    """A picture (or `part` of it) with round corners; the ground where there is none yet."""
    path = QPainterPath()
    path.addRoundedRect(box, radius, radius)
    painter.fillPath(path, theme.colour(ground))
    if image is not None:
        painter.save()
        painter.setClipPath(path)
        painter.drawImage(box, image, part or QRectF(image.rect()))
        painter.restore()


def draw_chosen(painter: QPainter, box: QRectF) -> None:
    """The ring of the chosen one."""
    painter.setPen(QPen(theme.colour(theme.ACCENT), 2))
    painter.drawRoundedRect(box.adjusted(1, 1, -1, -1), 4, 4)


def draw_odd(painter: QPainter, box: QRectF) -> None:
    """The dashed ring of one that seems to be sorted wrongly."""
    painter.setPen(QPen(theme.colour(theme.DANGER), 2, Qt.PenStyle.DashLine))
    painter.drawRoundedRect(box.adjusted(1, 1, -1, -1), 4, 4)


def draw_cursor(painter: QPainter, box: QRectF) -> None:
    """The dotted ring of the one the keyboard means."""
    painter.setPen(QPen(theme.colour(theme.TEXT), 1.5, Qt.PenStyle.DotLine))
    painter.drawRoundedRect(box.adjusted(3, 3, -3, -3), 3, 3)
