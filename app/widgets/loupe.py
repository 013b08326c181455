"""A picture enlarged, looked at closely: panned, zoomed, and compared with another enlargement."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QResizeEvent, QWheelEvent

from app.widgets.loupe_paint import LoupePaint

GRIP = 12
"""Pixels on either side of the line."""


class Loupe(LoupePaint):
    """Dragging pans, the wheel zooms at the pointer, double click fits; C shows the original.

    With `split` a line is dragged; with `lens` the pointer carries one; `beside` links two views.
    """

    def __init__(self) -> None:
        super().__init__()
        self._drag: QPointF | None = None
        self._drag_line = False
        self.setMouseTracking(True)

    def _on_line(self, at: QPointF) -> bool:
        return self.mode == "split" and not self._peek and abs(at.x() - self.line_x()) < GRIP

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton):
            self._drag_line = self._on_line(event.position())
            self._drag = event.position()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        at = self._pointer = event.position()
        shapes = Qt.CursorShape
        if self._drag is None:
            self.setCursor(shapes.SplitHCursor if self._on_line(at) else shapes.ArrowCursor)
        elif self._drag_line:
            self.split = min(max(at.x() / max(self.width(), 1), 0.0), 1.0)
        else:
            self.setCursor(shapes.ClosedHandCursor)
            step, self._drag = at - self._drag, at
            self.pan(step.x(), step.y())
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._drag, self._drag_line = None, False
        self.setCursor(Qt.CursorShape.ArrowCursor)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.fit()

    def leaveEvent(self, event: QEvent) -> None:
        self._pointer = None
        self.update()

    def wheelEvent(self, event: QWheelEvent) -> None:
        self.zoom_by(1.0015 ** event.angleDelta().y(), event.position())
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        steps = {
            Qt.Key.Key_Left: (60, 0),
            Qt.Key.Key_Right: (-60, 0),
            Qt.Key.Key_Up: (0, 60),
            Qt.Key.Key_Down: (0, -60),
        }
        zooms = {
            Qt.Key.Key_Plus: self.zoom_in,
            Qt.Key.Key_Equal: self.zoom_in,
            Qt.Key.Key_Minus: self.zoom_out,
            Qt.Key.Key_F: self.fit,
            Qt.Key.Key_1: self.one_to_one,
        }
        if key == Qt.Key.Key_C and not event.modifiers():
            self.set_peek(True)
        elif self.mode == "split" and key in (Qt.Key.Key_Comma, Qt.Key.Key_Period):
            step = 0.02 if key == Qt.Key.Key_Period else -0.02
            self.split = min(max(self.split + step, 0.0), 1.0)
            self.update()
        elif key in steps:
            self.pan(*steps[key])
        elif key in zooms:
            zooms[key]()
        else:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_C and not event.isAutoRepeat():
            self.set_peek(False)
        else:
            super().keyReleaseEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        tabs = (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)
        self._keyboard = event.reason() in tabs
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._keyboard = False
        self.set_peek(False)
        super().focusOutEvent(event)
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._moved()
