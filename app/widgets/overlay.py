"""A layer that lies over a canvas and takes the hand instead of it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPointF, QRectF, Qt, Slot
from PySide6.QtGui import QFocusEvent, QPainter, QPen
from PySide6.QtWidgets import QWidget

from app import theme
from app.widgets.canvas import Canvas


class Overlay(QWidget):
    """As large as the canvas, over it while it is active; `canvas.target()` is the picture."""

    def __init__(self, canvas: Canvas, name: str):
        super().__init__(canvas)
        self.canvas = canvas
        self.at: QPointF | None = None
        """Where the pointer is."""
        self._keyboard = False
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        canvas.installEventFilter(self)
        canvas.view_changed.connect(self.seen)
        self.hide()

    def set_active(self, on: bool) -> None:
        self.setGeometry(self.canvas.rect())
        self.setVisible(on)
        if on:
            self.raise_()

    @Slot()
    def seen(self) -> None:
        """Something else is to be seen."""
        self.update()

    def share(self, at: QPointF) -> tuple[float, float]:
        """Widget place → shares of the picture, from its upper left corner."""
        target = self.canvas.target()
        x = (at.x() - target.x()) / max(target.width(), 1e-6)
        return x, (at.y() - target.y()) / max(target.height(), 1e-6)

    def paint_focus(self, painter: QPainter, target: QRectF) -> None:
        """A frame disturbs judging the picture: only who came by keyboard needs it."""
        if self.hasFocus() and self._keyboard:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.colour(theme.ACCENT), 1))
            painter.drawRect(target.adjusted(-3, -3, 3, 3))

    def focusInEvent(self, event: QFocusEvent) -> None:
        tabs = (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)
        self._keyboard = event.reason() in tabs
        super().focusInEvent(event)
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        self.at = None
        self.update()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.canvas and event.type() == QEvent.Type.Resize:
            self.setGeometry(self.canvas.rect())
        return super().eventFilter(watched, event)
