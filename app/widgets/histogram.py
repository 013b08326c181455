"""How often a unit is how active, and where the level lies above which it counts."""

from __future__ import annotations

import math

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app import theme


class Histogram(QWidget):
    """Bars on a logarithmic height: what is rare is what matters here."""

    def __init__(self, name: str, height: int = 74):
        super().__init__()
        self._edges: tuple[float, ...] = ()
        self._counts: tuple[int, ...] = ()
        self._level = 0.0
        self.setAccessibleName(name)
        self.setFixedHeight(height)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(280, self.height())

    def show_counts(self, edges: tuple[float, ...], counts: tuple[int, ...], level: float) -> None:
        """`edges`: one more than `counts`; `level` in the same unit."""
        self._edges, self._counts, self._level = edges, counts, level
        if edges:
            words = (
                f"Activations from {edges[0]:.3g} to {edges[-1]:.3g} over all positions of all "
                f"pictures; active above {level:.3g}. Heights are logarithmic."
            )
            self.setToolTip(words)
            self.setAccessibleDescription(words)
        self.update()

    def _x(self, value: float, room: QRectF) -> float:
        low, high = self._edges[0], self._edges[-1]
        share = (value - low) / ((high - low) or 1.0)
        return room.left() + min(max(share, 0.0), 1.0) * room.width()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour(theme.GROUND))
        painter.drawRoundedRect(QRectF(self.rect()), 5, 5)
        room = QRectF(self.rect()).adjusted(8, 8, -8, -18)
        if self._edges and self._counts:
            self._bars(painter, room)
            self._marks(painter, room)
        painter.end()

    def _bars(self, painter: QPainter, room: QRectF) -> None:
        most = math.log1p(max(self._counts)) or 1.0
        for index, count in enumerate(self._counts):
            if not count:
                continue
            left, right = (self._x(self._edges[index + i], room) for i in (0, 1))
            tall = max(math.log1p(count) / most * room.height(), 1.0)
            active = self._edges[index] >= self._level
            painter.setBrush(theme.colour(theme.ACCENT if active else theme.QUIET))
            wide = max(right - left - 0.6, 0.8)
            painter.drawRect(QRectF(left, room.bottom() - tall, wide, tall))

    def _marks(self, painter: QPainter, room: QRectF) -> None:
        x = self._x(self._level, room)
        painter.setPen(QPen(theme.colour(theme.TEXT), 1, Qt.PenStyle.DashLine))
        painter.drawLine(QPointF(x, room.top() - 4), QPointF(x, room.bottom()))
        painter.setFont(theme.font(theme.SIZE_SMALL))
        painter.setPen(theme.colour(theme.DIM))
        below = QRectF(room.left(), room.bottom() + 1, room.width(), 15)
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft, f"{self._edges[0]:.3g}")
        painter.drawText(below, Qt.AlignmentFlag.AlignRight, f"{self._edges[-1]:.3g}")
        painter.drawText(below, Qt.AlignmentFlag.AlignHCenter, f"active above {self._level:.3g}")
