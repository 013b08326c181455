"""A small plot: a curve that is still growing, or bars of shares."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from app import theme

MOST_POINTS = 600
"""A longer curve is thinned before it is drawn."""


class Plot(QWidget):
    """Draws what it is given; says the same in words to those who cannot see it."""

    def __init__(self, name: str, height: int = 64):
        super().__init__()
        self._values: tuple[float, ...] = ()
        self._bars = False
        self._current = -1
        self._words = ("", "")
        self.setAccessibleName(name)
        self.setFixedHeight(height)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(240, self.height())

    @property
    def values(self) -> tuple[float, ...]:
        return self._values

    def show_curve(self, values: Sequence[float], left: str = "", right: str = "") -> None:
        """A curve over steps, such as a loss; words stand at its upper corners."""
        self._take(values, False, -1, left, right)

    def show_bars(
        self, values: Sequence[float], current: int = -1, left: str = "", right: str = ""
    ) -> None:
        """One bar a value (>= 0); `current` shines."""
        self._take(values, True, current, left, right)

    def _take(
        self, values: Sequence[float], bars: bool, current: int, left: str, right: str
    ) -> None:
        self._values = tuple(float(value) for value in values if math.isfinite(value))
        self._bars, self._current, self._words = bars, current, (left, right)
        ends = f"from {self._values[0]:.3g} to {self._values[-1]:.3g}" if self._values else "empty"
        words = ", ".join(word for word in (left, right, ends) if word)
        self.setAccessibleDescription(words)
        self.setToolTip(words)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour(theme.GROUND))
        painter.drawRoundedRect(QRectF(self.rect()), 5, 5)
        room = QRectF(self.rect()).adjusted(8, 20 if any(self._words) else 8, -8, -7)
        if self._bars:
            self._paint_bars(painter, room)
        elif len(self._values) > 1:
            self._paint_curve(painter, room)
        painter.setFont(theme.font(theme.SIZE_SMALL))
        painter.setPen(theme.colour(theme.DIM))
        head = QRectF(self.rect()).adjusted(8, 4, -8, 0)
        painter.drawText(head, Qt.AlignmentFlag.AlignLeft, self._words[0])
        painter.drawText(head, Qt.AlignmentFlag.AlignRight, self._words[1])
        painter.end()

    def _paint_curve(self, painter: QPainter, room: QRectF) -> None:
        stride = max(len(self._values) // MOST_POINTS, 1)
        values = (*self._values[:-1:stride], self._values[-1])
        low, high = min(values), max(values)
        spread = (high - low) or 1.0
        across = room.width() / (len(values) - 1)
        points = [
            QPointF(room.left() + i * across, room.bottom() - (v - low) / spread * room.height())
            for i, v in enumerate(values)
        ]
        below = [*points, room.bottomRight(), room.bottomLeft()]
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour(theme.ACCENT, 36))
        painter.drawPolygon(QPolygonF(below))
        painter.setPen(QPen(theme.colour(theme.ACCENT), 1.6))
        painter.drawPolyline(QPolygonF(points))
        painter.setBrush(theme.colour(theme.ACCENT))
        painter.drawEllipse(points[-1], 2.5, 2.5)

    def _paint_bars(self, painter: QPainter, room: QRectF) -> None:
        if not self._values:
            return
        highest = max(self._values) or 1.0
        pitch = min(room.width() / len(self._values), 22.0)
        gap = min(2.0, pitch * 0.25)
        painter.setPen(Qt.PenStyle.NoPen)
        for index, value in enumerate(self._values):
            height = max(value / highest * room.height(), 1.0)
            box = QRectF(room.left() + index * pitch, room.bottom() - height, pitch - gap, height)
            chosen = self._current in (-1, index)
            painter.setBrush(theme.colour(theme.ACCENT if chosen else theme.QUIET))
            painter.drawRoundedRect(box, 1, 1)


class Meter(QWidget):
    """A thin bar for a share, 0..1."""

    def __init__(self, name: str):
        super().__init__()
        self._share = 1.0
        self.setAccessibleName(name)
        self.setFixedSize(54, 12)

    def set_share(self, share: float) -> None:
        self._share = min(max(share, 0.0), 1.0)
        self.setAccessibleDescription(f"{share * 100:.0f} %")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        bar = QRectF(0, 4, self.width(), 4)
        painter.setBrush(theme.colour(theme.LINE))
        painter.drawRoundedRect(bar, 2, 2)
        bar.setWidth(max(self.width() * self._share, 3.0))
        painter.setBrush(theme.colour(theme.ACCENT if self._share >= 0.15 else theme.DANGER))
        painter.drawRoundedRect(bar, 2, 2)
        painter.end()
