"""A thin bar for a share, with a mark and a word when it falls below it."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app import theme
from app.widgets.parts import label, row


class Share(QWidget):
    """0..1 as a bar; below `least` it turns to the colour of a warning."""

    def __init__(self, name: str, least: float = 0.0):
        super().__init__()
        self._name, self._least = name, least
        self.value: float | None = None
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(14)

    def set_value(self, value: float | None) -> None:
        """None: not known."""
        self.value = value
        words = "not known yet" if value is None else f"{value:.2f}"
        self.setAccessibleDescription(f"{self._name}: {words}")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        track = QRectF(0.5, 4.5, self.width() - 1, 5)
        painter.setPen(QPen(theme.colour(theme.LINE), 1))
        painter.setBrush(theme.colour(theme.GROUND))
        painter.drawRoundedRect(track, 2.5, 2.5)
        if self.value is not None:
            low = self.value < self._least
            painter.setPen(theme.colour(theme.GROUND, 0))
            painter.setBrush(theme.colour(theme.DANGER if low else theme.ACCENT))
            wide = min(max(self.value, 0.0), 1.0) * self.width()
            painter.drawRoundedRect(QRectF(0, 4, max(wide, 5.0), 6), 3, 3)
        if self._least > 0.0:
            x = self._least * self.width()
            painter.setPen(QPen(theme.colour(theme.TEXT), 1.5))
            painter.drawLine(QPointF(x, 1), QPointF(x, 13))
        painter.end()


class ShareRow(QWidget):
    """Name, bar and number."""

    def __init__(self, name: str, tip: str, least: float = 0.0):
        super().__init__()
        self.bar = Share(name, least)
        self._number = label("", "dim")
        self._number.setFixedWidth(34)
        words = label(name, "dim")
        words.setFixedWidth(62)
        self.setLayout(row(words, self.bar, self._number))
        self.setToolTip(tip)

    @property
    def value(self) -> float | None:
        return self.bar.value

    def set_value(self, value: float | None) -> None:
        self.bar.set_value(value)
        self._number.setText("" if value is None else f"{value:.2f}")
