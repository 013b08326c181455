"""The picture: painted straight from shared memory, zoomed, panned, compared with a snapshot."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import (
    QFocusEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from app import theme
from app.widgets.enlarge import enlarged
from engine.messages import Frame

MARGIN = 20
"""Around a fitted picture, pixels."""
LINE_GRIP = 12
REST_MS = 120
"""Without a new frame for this long, the picture is painted finer."""


@dataclass(frozen=True)
class View:
    """How the picture lies in the widget."""

    zoom: float | None = None
    """Widget pixels a picture pixel; None = fitted."""
    dx: float = 0.0
    dy: float = 0.0


class Canvas(QWidget):
    """Shows the newest frame; an older stamp than the shown one is given back unseen.

    Wheel zooms at the pointer, dragging pans, double click fits; with a comparison on, the line
    is dragged. The picture never goes away: the last good frame stays until a newer one comes.
    """

    painted = Signal(int, float)
    """(stamp, time.perf_counter()) when a frame's pixels have been painted."""
    view_changed = Signal(str)
    """Zoom in words, such as `fit · 450 %`."""
    compare_changed = Signal(bool)

    def __init__(
        self,
        pixels: Callable[[Frame], np.ndarray],
        release: Callable[[Frame], None],
        parent: QWidget | None = None,
    ):
        super().__init__(parent)
        self._pixels, self._release = pixels, release
        self._frame: Frame | None = None
        self._image = QImage()
        self._fine: QImage | None = None
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(self._refine)
        self._unpainted: int | None = None
        self._view = View()
        self._pan_from: QPointF | None = None
        self._other = QImage()
        self._tags = ("Snapshot", "Now")
        self._split: float | None = None
        self._drag_split = False
        self._peek = False
        self._empty_text = ""
        self._keyboard = False
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Picture")
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(160, 160)
        self.setMouseTracking(True)

    def sizeHint(self) -> QSize:
        return QSize(640, 640)

    # -------------------------------------------------------------- frames

    @Slot(object)
    def show_frame(self, frame: Frame) -> None:
        """Show a frame of the engine without copying its pixels."""
        if self._frame is not None and frame.stamp < self._frame.stamp:
            self._release(frame)
            return
        pixels = self._pixels(frame)  # (H, W, 4) uint8 BGRX, in shared memory
        height, width, _ = frame.shape
        before = self._image.size()
        # The QImage keeps the array alive; the slot is ours until it is released.
        self._image = QImage(
            pixels.data, width, height, pixels.strides[0], QImage.Format.Format_RGB32
        )
        self._fine = None
        self._rest.start()
        if before != self._image.size():
            self._set_view(self._view)
        previous, self._frame = self._frame, frame
        self._unpainted = frame.stamp
        if previous is not None:
            self._release(previous)
        self.update()

    @Slot()
    def keep(self) -> None:
        """Copy the pixels out of shared memory (before the engine and its memory go away)."""
        self._image = self._image.copy()
        self._fine = None
        self._rest.start()
        if self._frame is not None:
            self._release(self._frame)
            self._frame = None

    def show_image(self, image: QImage, view: View | None = None) -> None:
        """Show a picture that is not a frame of the engine; fitted, or as in `view`."""
        self.keep()
        self._image = image
        self._set_view(view or View())

    def clear(self, text: str = "") -> None:
        """No picture; `text` says why."""
        self.keep()
        self._image, self._fine = QImage(), None
        self._empty_text = text
        self.update()

    def image(self) -> QImage:
        """A copy of the shown picture."""
        return self._image.copy()

    def image_size(self) -> QSize:
        """Pixels of the shown picture; empty when there is none."""
        return self._image.size()

    # -------------------------------------------------------------- view

    @property
    def view(self) -> View:
        return self._view

    @property
    def scale(self) -> float:
        """Widget pixels for one picture pixel."""
        if self._view.zoom is not None:
            return self._view.zoom
        if self._image.isNull():
            return 1.0
        across = (self.width() - 2 * MARGIN) / self._image.width()
        down = (self.height() - 2 * MARGIN) / self._image.height()
        return max(min(across, down), 0.05)

    @Slot()
    def fit(self) -> None:
        self._set_view(View())

    @Slot()
    def one_to_one(self) -> None:
        """One picture pixel on one screen pixel."""
        self._set_view(View(1.0 / self.devicePixelRatioF()))

    def zoom_by(self, factor: float, at: QPointF | None = None) -> None:
        """Zoom around a point of the widget (default: its middle)."""
        centre = QPointF(self.width() / 2, self.height() / 2)
        at = at or centre
        old = self.scale
        new = min(max(old * factor, 0.1), 64.0)
        arm = at - centre - QPointF(self._view.dx, self._view.dy)
        moved = arm * (1 - new / old)
        self._set_view(View(new, self._view.dx + moved.x(), self._view.dy + moved.y()))

    @Slot()
    def zoom_in(self) -> None:
        self.zoom_by(1.25)

    @Slot()
    def zoom_out(self) -> None:
        self.zoom_by(0.8)

    def _set_view(self, view: View) -> None:
        self._view = view
        percent = round(self.scale * 100 * self.devicePixelRatioF())
        self.view_changed.emit(f"{'Fit · ' if view.zoom is None else ''}{percent} %")
        self.update()

    def target(self) -> QRectF:
        """Where the picture lies in the widget."""
        width, height = self._image.width() * self.scale, self._image.height() * self.scale
        x = (self.width() - width) / 2 + self._view.dx
        y = (self.height() - height) / 2 + self._view.dy
        return QRectF(x, y, width, height)

    # -------------------------------------------------------------- compare

    @property
    def comparing(self) -> bool:
        return self._split is not None

    def set_other(self, image: QImage, tags: tuple[str, str] = ("Snapshot", "Now")) -> None:
        """The snapshot to compare with; `tags`: what it and the picture are called."""
        self._tags = tags
        self._other = enlarged(image, 2.0)
        if image.isNull():
            self.set_comparing(False)
        self.update()

    def set_comparing(self, on: bool) -> None:
        """Split the picture: snapshot left of the line, now right of it."""
        on = on and not self._other.isNull()
        self._split = 0.5 if on else None
        self.compare_changed.emit(on)
        self.update()

    def set_peek(self, on: bool) -> None:
        """Show the snapshot alone while a key is held."""
        self._peek = on and not self._other.isNull()
        self.update()

    # -------------------------------------------------------------- hand

    def _on_line(self, at: QPointF) -> bool:
        if self._split is None:
            return False
        target = self.target()
        return abs(at.x() - (target.x() + self._split * target.width())) < LINE_GRIP

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() not in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton):
            return
        self._drag_split = self._on_line(event.position())
        self._pan_from = event.position()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        at = event.position()
        if self._pan_from is None:
            on_line = self._on_line(at)
            self.setCursor(Qt.CursorShape.SplitHCursor if on_line else Qt.CursorShape.ArrowCursor)
        elif self._drag_split:
            target = self.target()
            self._split = min(max((at.x() - target.x()) / max(target.width(), 1.0), 0.0), 1.0)
            self.update()
        else:
            step, self._pan_from = at - self._pan_from, at
            view = self._view
            self._set_view(View(self.scale, view.dx + step.x(), view.dy + step.y()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._pan_from = None
        self._drag_split = False

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.fit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        self.zoom_by(1.0015 ** event.angleDelta().y(), event.position())
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {
            Qt.Key.Key_Left: (40, 0),
            Qt.Key.Key_Right: (-40, 0),
            Qt.Key.Key_Up: (0, 40),
            Qt.Key.Key_Down: (0, -40),
        }
        step = steps.get(Qt.Key(event.key()))
        if event.key() == Qt.Key.Key_C and not event.modifiers():
            self.set_peek(True)
        elif step is not None:
            view = self._view
            self._set_view(View(self.scale, view.dx + step[0], view.dy + step[1]))
        else:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_C and not event.isAutoRepeat():
            self.set_peek(False)
        else:
            super().keyReleaseEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        # A frame around the picture disturbs judging it: only who came by keyboard needs it.
        tabs = (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)
        self._keyboard = event.reason() in tabs
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._keyboard = self._peek = False
        super().focusOutEvent(event)
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._set_view(self._view)

    # -------------------------------------------------------------- paint

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.colour(theme.SURROUND))
        if self._image.isNull():
            painter.setPen(theme.colour(theme.DIM))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self._empty_text)
            painter.end()
            return
        # Single pixels are meant to be seen from 8:1 on; below that the picture is smooth.
        painter.setRenderHint(
            QPainter.RenderHint.SmoothPixmapTransform,
            self._view.zoom is None or self.scale * self.devicePixelRatioF() < 12.0,
        )
        target = self.target()
        painter.drawImage(target, self._other if self._peek else self._enlarged())
        if self._split is not None and not self._peek:
            self._paint_split(painter, target, self._split)
        if self._peek:
            self._paint_tag(painter, self._corner(target), self._tags[0])
        if self._keyboard:
            painter.setPen(QPen(theme.colour(theme.ACCENT), 1))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()
        if self._unpainted is not None:
            stamp, self._unpainted = self._unpainted, None
            self.painted.emit(stamp, time.perf_counter())

    def _enlarged(self) -> QImage:
        """What is painted: the frame itself, or at rest a cubic doubling of a small one."""
        device = self.scale * self.devicePixelRatioF()
        if self._fine is None or device < 2.0 or device >= 12.0:
            return self._image
        return self._fine

    @Slot()
    def _refine(self) -> None:
        """The hand rests: now there is time for the finer picture."""
        self._fine = enlarged(self._image, 2.0)
        self.update()

    def _paint_split(self, painter: QPainter, target: QRectF, split: float) -> None:
        x = target.x() + split * target.width()
        painter.save()
        painter.setClipRect(QRectF(target.x(), target.y(), split * target.width(), target.height()))
        painter.drawImage(target, self._other)
        painter.restore()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.colour("#ffffff", 220), 2))
        painter.drawLine(QPointF(x, target.top()), QPointF(x, target.bottom()))
        painter.setBrush(theme.colour("#ffffff"))
        painter.drawEllipse(QPointF(x, target.center().y()), 6, 6)
        corner = self._corner(target)
        self._paint_tag(painter, corner, self._tags[0])
        wide = painter.fontMetrics().horizontalAdvance(self._tags[1]) + 32
        right = min(target.right(), self.width())
        self._paint_tag(painter, QPointF(right - wide, corner.y()), self._tags[1])

    @staticmethod
    def _corner(target: QRectF) -> QPointF:
        """Upper left of what is seen of the picture."""
        return QPointF(max(target.x(), 0.0), max(target.y(), 0.0))

    def _paint_tag(self, painter: QPainter, corner: QPointF, text: str) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(theme.font(theme.SIZE_SMALL))
        width = painter.fontMetrics().horizontalAdvance(text) + 16
        box = QRectF(corner.x() + 8, corner.y() + 8, width, 22)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour("#000000", 150))
        painter.drawRoundedRect(box, 5, 5)
        painter.setPen(theme.colour("#ffffff"))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
