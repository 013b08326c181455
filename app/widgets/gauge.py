"""A share between 0 and 1 with a mark where chance lies."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app import theme


class Gauge(QWidget):
    """Filled to a value; says the same in words to those who cannot see it."""

    def __init__(self, name: str, chance: float = 0.5):
        super().__init__()
        self._name, self._chance = name, chance
        self._value: float | None = None
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(12)

    def sizeHint(self) -> QSize:
        return QSize(120, 12)

    @property
    def value(self) -> float | None:
        return self._value

    def set_value(self, value: float | None, chance: float | None = None) -> None:
        """None: not known yet."""
        self._value = value
        if chance is not None:
            self._chance = chance
        words = "not known yet"
        if value is not None:
            words = f"{value * 100:.0f} %, chance is {self._chance * 100:.0f} %"
        self.setAccessibleDescription(words)
        self.setToolTip(f"{self._name}: {words}")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        track = QRectF(0, 3, self.width(), 6)
        painter.setPen(QPen(theme.colour(theme.LINE), 1))
        painter.setBrush(theme.colour(theme.GROUND))
        painter.drawRoundedRect(track.adjusted(0.5, 0.5, -0.5, -0.5), 3, 3)
        if self._value is not None:
            good = self._value > self._chance + 0.15
            painter.setPen(QPen())
            painter.setPen(theme.colour(theme.GROUND, 0))
            painter.setBrush(theme.colour(theme.ACCENT if good else theme.EDGE))
            width = max(min(self._value, 1.0), 0.0) * self.width()
            if width > 1:
                painter.drawRoundedRect(QRectF(0, 3, width, 6), 3, 3)
        x = self._chance * self.width()
        painter.setPen(QPen(theme.colour(theme.GROUND), 4))
        painter.drawLine(QPointF(x, 1), QPointF(x, 11))
        painter.setPen(QPen(theme.colour(theme.TEXT), 1.5))
        painter.drawLine(QPointF(x, 0), QPointF(x, 12))
        painter.end()
