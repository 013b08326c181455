"""The seed field: an endless plane of seeds to drag through, and the pad for two directions."""

from __future__ import annotations

import math

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from app import theme
from app.state import seed_at

TILE = 84.0
"""Pixels from one seed to the next."""


class SeedField(QWidget):
    """Drag the plane; the cross in the middle is where you stand, between four seeds.

    Arrow keys move by a tenth of a step, PageUp and PageDown by a whole one, Home to the nearest
    seed.
    """

    moved = Signal(float, float)
    began = Signal()
    ended = Signal()
    view_changed = Signal()
    """Other seeds came into sight."""

    def __init__(self) -> None:
        super().__init__()
        self._x = self._y = 0.0
        self._images: dict[int, QImage] = {}
        self._from: QPointF | None = None
        self._travelled = 0.0
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Seed field")
        self.setToolTip(
            "Drag to travel between seeds; four are mixed where you stand. "
            "Click a seed to go there."
        )
        self.setCursor(Qt.CursorShape.OpenHandCursor)
        self.setFixedHeight(176)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(264, 176)

    def set_place(self, x: float, y: float) -> None:
        if (x, y) != (self._x, self._y):
            before = self.seeds()
            self._x, self._y = x, y
            self.setAccessibleDescription(f"At {x:.2f}, {y:.2f}")
            if self.seeds() != before:
                self.view_changed.emit()
            self.update()

    def set_image(self, seed: int, image: QImage) -> None:
        self._images[seed] = image
        self.update()

    def clear_images(self) -> None:
        self._images.clear()
        self.update()

    def has_image(self, seed: int) -> bool:
        return seed in self._images

    def _places(self) -> list[tuple[int, int]]:
        across = math.ceil(self.width() / 2 / TILE + 0.5)
        down = math.ceil(self.height() / 2 / TILE + 0.5)
        column, row = round(self._x), round(self._y)
        return [
            (column + i, row + j)
            for j in range(-down, down + 1)
            for i in range(-across, across + 1)
            if self._tile(column + i, row + j).intersects(QRectF(self.rect()))
        ]

    def seeds(self) -> tuple[int, ...]:
        """The seeds in sight, nearest to the cross first."""
        places = sorted(self._places(), key=lambda p: math.dist(p, (self._x, self._y)))
        return tuple(seed_at(column, row) for column, row in places)

    def _tile(self, column: int, row: int) -> QRectF:
        size = TILE - 6
        x = self.width() / 2 + (column - self._x) * TILE - size / 2
        y = self.height() / 2 + (row - self._y) * TILE - size / 2
        return QRectF(x, y, size, size)

    # -------------------------------------------------------------- hand

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._from = event.position()
        self._travelled = 0.0
        self.setCursor(Qt.CursorShape.ClosedHandCursor)
        self.began.emit()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._from is None:
            return
        step = event.position() - self._from
        self._from = event.position()
        self._travelled += abs(step.x()) + abs(step.y())
        if self._travelled > 3:
            self._go(self._x - step.x() / TILE, self._y - step.y() / TILE)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._from is not None and self._travelled <= 3:
            at = event.position()
            self._go(
                float(round(self._x + (at.x() - self.width() / 2) / TILE)),
                float(round(self._y + (at.y() - self.height() / 2) / TILE)),
            )
        self._from = None
        self.setCursor(Qt.CursorShape.OpenHandCursor)
        self.ended.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {
            Qt.Key.Key_Left: (-0.1, 0.0),
            Qt.Key.Key_Right: (0.1, 0.0),
            Qt.Key.Key_Up: (0.0, -0.1),
            Qt.Key.Key_Down: (0.0, 0.1),
            Qt.Key.Key_PageUp: (-1.0, 0.0),
            Qt.Key.Key_PageDown: (1.0, 0.0),
        }
        key = Qt.Key(event.key())
        if key in steps:
            dx, dy = steps[key]
            self._go(round(self._x + dx, 3), round(self._y + dy, 3))
        elif key == Qt.Key.Key_Home:
            self._go(float(round(self._x)), float(round(self._y)))
        else:
            super().keyPressEvent(event)

    def _go(self, x: float, y: float) -> None:
        self.set_place(x, y)
        self.moved.emit(x, y)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self.view_changed.emit()

    # -------------------------------------------------------------- look

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHints(
            QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform
        )
        painter.fillRect(self.rect(), theme.colour(theme.GROUND))
        painter.setFont(theme.font(theme.SIZE_SMALL))
        for column, row in self._places():
            self._paint_tile(painter, column, row)
        centre = QPointF(self.width() / 2, self.height() / 2)
        for colour, width in ((theme.colour("#000000", 160), 4.0), (theme.colour("#ffffff"), 1.6)):
            painter.setPen(QPen(colour, width))
            painter.drawLine(centre - QPointF(9, 0), centre + QPointF(9, 0))
            painter.drawLine(centre - QPointF(0, 9), centre + QPointF(0, 9))
        if self.hasFocus():
            painter.setPen(QPen(theme.colour(theme.ACCENT), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()

    def _paint_tile(self, painter: QPainter, column: int, row: int) -> None:
        box = self._tile(column, row)
        seed = seed_at(column, row)
        weight = max(0.0, 1 - abs(column - self._x)) * max(0.0, 1 - abs(row - self._y))
        image = self._images.get(seed)
        if image is None:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour(theme.RAISED))
            painter.drawRoundedRect(box, 4, 4)
            painter.setPen(theme.colour(theme.DIM))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, str(seed))
        else:
            # What is mixed in shines; the rest stands back.
            painter.setOpacity(0.45 + 0.55 * min(1.0, weight * 1.6))
            painter.drawImage(box, image)
            painter.setOpacity(1.0)
        if weight > 0.02:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.colour(theme.ACCENT, int(60 + 195 * weight)), 2))
            painter.drawRoundedRect(box, 3, 3)


class XYPad(QWidget):
    """Two directions under one finger. Range ±`reach` σ; double click returns to the middle."""

    moved = Signal(float, float)
    began = Signal()
    ended = Signal()

    def __init__(self, reach: float = 3.0):
        super().__init__()
        self._reach = reach
        self._a = self._b = 0.0
        self._names = ("", "")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Pad for two directions")
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setFixedSize(132, 132)
        self.setToolTip("Drag to move two directions at once. Double click: back to the middle.")

    def set_values(self, a: float, b: float) -> None:
        self._a, self._b = a, b
        self.setAccessibleDescription(f"{a:+.2f} σ, {b:+.2f} σ")
        self.update()

    def _take(self, a: float, b: float) -> None:
        reach = self._reach
        a, b = min(max(a, -reach), reach), min(max(b, -reach), reach)
        self.set_values(a, b)
        self.moved.emit(a, b)

    def _drag(self, at: QPointF) -> None:
        half_w, half_h = self.width() / 2, self.height() / 2
        a = (at.x() - half_w) / (half_w - 8) * self._reach
        b = (half_h - at.y()) / (half_h - 8) * self._reach
        self._take(0.0 if abs(a) < 0.12 else a, 0.0 if abs(b) < 0.12 else b)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.began.emit()
        self._drag(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._drag(event.position())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.ended.emit()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self._take(0.0, 0.0)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {
            Qt.Key.Key_Left: (-0.1, 0.0),
            Qt.Key.Key_Right: (0.1, 0.0),
            Qt.Key.Key_Up: (0.0, 0.1),
            Qt.Key.Key_Down: (0.0, -0.1),
        }
        key = Qt.Key(event.key())
        if key in steps:
            self._take(self._a + steps[key][0], self._b + steps[key][1])
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_0):
            self._take(0.0, 0.0)
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        focus = self.hasFocus()
        painter.setPen(QPen(theme.colour(theme.ACCENT if focus else theme.LINE), 1))
        painter.setBrush(theme.colour(theme.GROUND))
        painter.drawRoundedRect(box, 8, 8)
        centre = box.center()
        painter.setPen(QPen(theme.colour("#444444"), 1))
        painter.drawLine(QPointF(box.left() + 8, centre.y()), QPointF(box.right() - 8, centre.y()))
        painter.drawLine(QPointF(centre.x(), box.top() + 8), QPointF(centre.x(), box.bottom() - 8))
        spot = QPointF(
            centre.x() + min(max(self._a / self._reach, -1), 1) * (box.width() / 2 - 8),
            centre.y() - min(max(self._b / self._reach, -1), 1) * (box.height() / 2 - 8),
        )
        painter.setPen(QPen(theme.colour(theme.ACCENT, 110), 1))
        painter.drawLine(centre, spot)
        painter.setPen(QPen(theme.colour(theme.GROUND), 1.5))
        painter.setBrush(theme.colour(theme.ACCENT if self.isEnabled() else theme.EDGE))
        painter.drawEllipse(spot, 7, 7)
        painter.end()
