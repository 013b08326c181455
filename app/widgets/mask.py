"""A mask painted over the canvas: the layer that takes the strokes, and its row of tools."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PySide6.QtCore import QEvent, QObject, QPointF, QRectF, Qt, Signal, Slot
from PySide6.QtGui import (
    QColor,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
    QTabletEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from app import theme
from app.widgets.amount import AmountRow
from app.widgets.brushes import Brush, Mask
from app.widgets.canvas import Canvas
from app.widgets.parts import Segments, column, icon_button, label, row

LONGEST = 512
"""A finer mask would cost more to paint than a hand can place."""
STRENGTH = 150
"""Opacity of the veil, 0..255."""


class MaskLayer(QWidget):
    """Lies over the canvas while a mask is painted; wheel and middle button still move the picture.

    Keys: `,` and `.` make the brush smaller and larger, X switches the eraser, Ctrl+Z takes one
    stroke back, Escape leaves.
    """

    changed = Signal()
    """The mask is another one (at the end of a stroke, after undo and clear)."""
    brush_changed = Signal()
    left = Signal()
    """Escape."""

    def __init__(self, canvas: Canvas):
        super().__init__(canvas)
        self._canvas = canvas
        self._mask = Mask()
        self._brush = Brush()
        self._image = QImage()
        self._at: QPointF | None = None
        self._painting = False
        self._outline: list[QPointF] = []
        self._new = True
        """Whether the mask's size still has to follow the picture's."""
        self.setAccessibleName("Brush over the picture")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setCursor(Qt.CursorShape.BlankCursor)
        canvas.installEventFilter(self)
        canvas.view_changed.connect(self._moved)
        self.hide()

    # -------------------------------------------------------------- what others see

    @property
    def active(self) -> bool:
        """Whether strokes are taken (the mask itself stays when they are not)."""
        return not self.isHidden()

    def set_active(self, on: bool) -> None:
        self._follow()
        self.setGeometry(self._canvas.rect())
        self.setVisible(on)
        if on:
            self.raise_()
            self.setFocus()

    @property
    def empty(self) -> bool:
        return self._mask.empty

    @property
    def can_undo(self) -> bool:
        return self._mask.can_undo

    @property
    def brush(self) -> Brush:
        return self._brush

    def set_brush(self, brush: Brush) -> None:
        self._brush = replace(
            brush,
            size=min(max(brush.size, 0.01), 1.0),
            soft=min(max(brush.soft, 0.0), 1.0),
        )
        self.brush_changed.emit()
        self.update()

    def values(self) -> np.ndarray:
        """(H, W) float32 in 0..1, of the picture's shape (at most `LONGEST` pixels a side)."""
        return self._mask.values

    def set_values(self, values: np.ndarray) -> None:
        """Show another mask, of any size; its history begins anew."""
        self._mask.replace(values)
        self._new = False
        self._show()
        self.changed.emit()

    @Slot()
    def undo(self) -> None:
        self._mask.undo()
        self._show()
        self.changed.emit()

    @Slot()
    def clear(self) -> None:
        self._mask.clear()
        self._show()
        self.changed.emit()

    @Slot()
    def fill(self) -> None:
        """Everything is meant."""
        self._start()
        self._mask.fill()
        self._show()
        self.changed.emit()

    @Slot()
    def invert(self) -> None:
        """What was painted is not meant, the rest is."""
        self._start()
        self._mask.invert()
        self._show()
        self.changed.emit()

    def _start(self) -> None:
        """From the first stroke on the mask keeps its shape."""
        self._follow()
        self._new = False

    def reset(self) -> None:
        """Forget everything: another generator is on the canvas."""
        self._mask, self._new = Mask(), True
        self._show()
        self.changed.emit()

    # -------------------------------------------------------------- hand

    def _follow(self) -> None:
        """Take the picture's shape while nothing has been painted yet."""
        picture = self._canvas.image_size()
        if not self._new or picture.isEmpty():
            return
        scale = min(LONGEST / max(picture.width(), picture.height()), 1.0)
        shape = (round(picture.height() * scale), round(picture.width() * scale))
        if self._mask.shape != shape:
            self._mask = Mask(*shape)

    def _place(self, at: QPointF) -> tuple[float, float]:
        """Widget place → mask pixels."""
        target = self._canvas.target()
        height, width = self._mask.shape
        x = (at.x() - target.x()) / max(target.width(), 1e-6) * width
        y = (at.y() - target.y()) / max(target.height(), 1e-6) * height
        return x, y

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            event.ignore()
            return
        self._down(event.position(), event.modifiers(), 1.0)

    def tabletEvent(self, event: QTabletEvent) -> None:
        """A pen: how hard it presses makes the stroke thicker."""
        kind, at = event.type(), event.position()
        self._at = at
        if kind == QEvent.Type.TabletPress and event.button() == Qt.MouseButton.LeftButton:
            self._down(at, event.modifiers(), event.pressure())
        elif kind == QEvent.Type.TabletMove and self._painting:
            self._go(at, event.pressure())
        elif kind == QEvent.Type.TabletRelease:
            self._lift()
        self.update()
        event.accept()

    def _down(self, at: QPointF, keys: Qt.KeyboardModifier, pressure: float) -> None:
        self._start()
        self._painting = True
        held = keys & Qt.KeyboardModifier.ShiftModifier
        brush = replace(self._brush, erasing=not self._brush.erasing) if held else self._brush
        self._outline = [at]
        self._mask.begin(*self._place(at), brush, pressure)
        self._show()

    def _go(self, at: QPointF, pressure: float) -> None:
        self._outline.append(at)
        self._mask.move(*self._place(at), pressure)
        self._show()

    def _lift(self) -> None:
        if self._painting:
            self._painting = False
            self._outline = []
            self._mask.end()
            self._show()
            self.changed.emit()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._at = event.position()
        if self._painting:
            self._go(event.position(), 1.0)
        elif event.buttons():
            event.ignore()
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if not self._painting:
            event.ignore()
            return
        self._lift()

    def wheelEvent(self, event: QWheelEvent) -> None:
        self._canvas.wheelEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self._at = None
        self.update()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            undo = event.key() == Qt.Key.Key_Z and _only_control(event)
            if undo or event.key() in (Qt.Key.Key_X, Qt.Key.Key_Escape):
                # Ctrl+Z means this stroke here, not the last change of the document.
                event.accept()
                return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if key == Qt.Key.Key_Z and _only_control(event):
            self.undo()
        elif key == Qt.Key.Key_Escape:
            self.left.emit()
        elif key == Qt.Key.Key_X:
            self.set_brush(replace(self._brush, erasing=not self._brush.erasing))
        elif key in (Qt.Key.Key_Comma, Qt.Key.Key_Period):
            factor = 1.2 if key == Qt.Key.Key_Period else 1 / 1.2
            self.set_brush(replace(self._brush, size=self._brush.size * factor))
        else:
            super().keyPressEvent(event)

    # -------------------------------------------------------------- look

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._canvas and event.type() == QEvent.Type.Resize:
            self.setGeometry(self._canvas.rect())
        return super().eventFilter(watched, event)

    @Slot()
    def _moved(self) -> None:
        self.update()

    def _show(self) -> None:
        alpha = (self._mask.values * STRENGTH).astype(np.uint32)
        veil = QColor(theme.VEIL)
        red, green, blue = (alpha * part // 255 for part in (veil.red(), veil.green(), veil.blue()))
        pixels = (alpha << 24) | (red << 16) | (green << 8) | blue
        height, width = pixels.shape
        made = QImage(pixels.data, width, height, QImage.Format.Format_ARGB32_Premultiplied)  # pyright: ignore
        self._image = made.copy()
        self.update()

    @property
    def _veiled(self) -> bool:
        return not self._mask.empty

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHints(
            QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform
        )
        target = self._canvas.target()
        if self._veiled:
            painter.drawImage(target, self._image, QRectF(self._image.rect()))
        if self._brush.lasso and len(self._outline) > 1:
            for colour, thick in (("#000000", 3.0), ("#ffffff", 1.2)):
                painter.setPen(QPen(theme.colour(colour, 200), thick))
                painter.drawPolyline(QPolygonF(self._outline))
        if self._at is not None:
            self._paint_ring(painter, self._at, max(target.width(), target.height()))
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.colour(theme.ACCENT), 1))
            painter.drawRect(target.adjusted(-2, -2, 2, 2))
        painter.end()

    def _paint_ring(self, painter: QPainter, at: QPointF, side: float) -> None:
        radius = 3.0 if self._brush.lasso else max(self._brush.size * side / 2, 2.0)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for colour, thick in (("#000000", 3.0), ("#ffffff", 1.2)):
            painter.setPen(QPen(theme.colour(colour, 200), thick))
            painter.drawEllipse(at, radius, radius)
        painter.setPen(QPen(theme.colour("#ffffff", 110), 1, Qt.PenStyle.DotLine))
        inner = radius * (1.0 - self._brush.soft)
        if inner > 2.0:
            painter.drawEllipse(at, inner, inner)
        if self._brush.erasing:
            painter.setPen(QPen(theme.colour("#ffffff"), 1.5))
            painter.drawLine(at - QPointF(4, 0), at + QPointF(4, 0))


class MaskTools(QWidget):
    """Brush or eraser, its size and edge, undo and clear."""

    def __init__(self, layer: MaskLayer):
        super().__init__()
        self._layer = layer
        self.kind = Segments(
            (
                ("brush", "Brush", "Paint what is meant. Shift while painting: the other one."),
                ("eraser", "Eraser", "Take away what was painted too much (X)."),
                ("lasso", "Lasso", "Draw round what is meant. With Shift: take it away."),
            ),
            "Mask",
        )
        self.undo = icon_button("undo", "Take the last stroke back (Ctrl+Z on the picture)")
        self.clear = icon_button("trash", "Clear the mask")
        self.fill = icon_button("fill", "Mask everything")
        self.invert = icon_button("invert", "Invert the mask")
        self.thickness = AmountRow("Brush size", 1, 60, 12, 1, " %", decimals=0, wide=(1, 100))
        self.thickness.setToolTip("Share of the picture. On the picture: the keys , and .")
        self.soft = AmountRow("Soft edge", 0, 100, 50, 5, " %", decimals=0)
        self.soft.setToolTip("0: a hard edge; 100: fading from the middle.")
        layout = column(self, spacing=4)
        layout.addWidget(self.kind)
        layout.addLayout(row(1, self.fill, self.invert, self.undo, self.clear, spacing=2))
        for words, part in (("Size", self.thickness), ("Soft", self.soft)):
            name = label(words, "dim")
            name.setFixedWidth(36)
            line = row(name, part)
            line.setStretch(1, 1)
            layout.addLayout(line)
        self.kind.chosen.connect(self._kind)
        self.thickness.moved.connect(self._size)
        self.soft.moved.connect(self._soft)
        self.undo.clicked.connect(layer.undo)
        self.clear.clicked.connect(layer.clear)
        self.fill.clicked.connect(layer.fill)
        self.invert.clicked.connect(layer.invert)
        layer.changed.connect(self._changed)
        layer.brush_changed.connect(self._changed)
        self._changed()

    @Slot(str)
    def _kind(self, kind: str) -> None:
        brush = replace(self._layer.brush, erasing=kind == "eraser", lasso=kind == "lasso")
        self._layer.set_brush(brush)

    @Slot(float)
    def _size(self, percent: float) -> None:
        self._layer.set_brush(replace(self._layer.brush, size=percent / 100))

    @Slot(float)
    def _soft(self, percent: float) -> None:
        self._layer.set_brush(replace(self._layer.brush, soft=percent / 100))

    @Slot()
    def _changed(self) -> None:
        brush = self._layer.brush
        self.kind.set_value("lasso" if brush.lasso else "eraser" if brush.erasing else "brush")
        self.thickness.set_amount(brush.size * 100)
        self.soft.set_amount(brush.soft * 100)
        self.undo.setEnabled(self._layer.can_undo)
        self.clear.setEnabled(not self._layer.empty)


def _only_control(event: QKeyEvent) -> bool:
    return event.modifiers() == Qt.KeyboardModifier.ControlModifier
