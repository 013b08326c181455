"""A painting by hand: strokes of colour on a ground, over the canvas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from PySide6.QtCore import QEvent, QPointF, Qt, Signal
from PySide6.QtGui import (
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QTabletEvent,
    QWheelEvent,
)

from app.composed import Ground, Stroke
from app.painting import Brushing, Painting, points_of
from app.widgets.assembly import image_of, pixels_of
from app.widgets.brushes import Brush
from app.widgets.canvas import Canvas
from app.widgets.collage_look import paint_lasso, paint_ring
from app.widgets.overlay import Overlay

LONGEST = 768
"""Pixels of the easel's longer side: finer than what is made of it, and quick under the hand."""
Tool = Literal["brush", "eraser", "shape", "fill"]
Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Palette:
    """What the next stroke is painted with."""

    colour: Colour = (128, 128, 128)
    tool: Tool = "brush"
    size: float = 0.1
    soft: float = 0.3


class Easel(Overlay):
    """Takes strokes; the state keeps them, and `show` paints what it says.

    Keys: , and . make the brush smaller and larger, X switches the eraser, 1 to 8 take a colour.
    With Alt a click takes the colour that is there.
    """

    painted = Signal(object)
    """A Stroke, when it is finished."""
    palette_changed = Signal()
    numbered = Signal(int)
    """Key 1 to 8: take this paint, counted from 0."""

    def __init__(self, canvas: Canvas, name: str):
        super().__init__(canvas, name)
        self._painting = Painting(np.full((1, 1, 4), 255, np.uint8))
        self._source = QImage()
        self._shown: tuple[Ground, tuple[Stroke, ...]] = (Ground(), ())
        self._image = QImage()
        self._palette = Palette()
        self._going: Brushing | None = None
        self._places: list[tuple[float, float, float]] = []
        self._outline: list[QPointF] = []
        self.picking = False
        """The next click takes a colour."""
        self.setCursor(Qt.CursorShape.CrossCursor)

    # -------------------------------------------------------------- what others see

    def set_active(self, on: bool) -> None:
        super().set_active(on)
        self._show()

    def set_source(self, image: QImage) -> None:
        """The easel has the shape of the source."""
        self._source, self._going = image, None
        self._painting = Painting(np.full((1, 1, 4), 255, np.uint8))
        if not image.isNull():
            small = min(LONGEST / max(image.width(), image.height()), 1.0)
            size = max(round(image.width() * small), 1), max(round(image.height() * small), 1)
            soft = Qt.TransformationMode.SmoothTransformation
            self._painting = Painting(pixels_of(image.scaled(*size, mode=soft)))
        self._shown, self._image = (Ground(), ()), QImage()

    @property
    def size_in_pixels(self) -> tuple[int, int]:
        """(width, height) of the painting."""
        height, width = self._painting.source.shape[:2]
        return width, height

    def raster(self, ground: Ground, strokes: tuple[Stroke, ...]) -> np.ndarray:
        """(H, W, 4) BGRX."""
        return self._painting.raster(ground, strokes)

    def show_painting(self, ground: Ground, strokes: tuple[Stroke, ...]) -> None:
        if (ground, strokes) != self._shown or self._image.isNull():
            self._shown = (ground, strokes)
            self._image = QImage()
            self._show()

    @property
    def palette_now(self) -> Palette:
        return self._palette

    def set_palette_now(self, palette: Palette) -> None:
        self._palette = replace(
            palette, size=min(max(palette.size, 0.005), 1.0), soft=min(max(palette.soft, 0.0), 1.0)
        )
        self.palette_changed.emit()
        self.update()

    # -------------------------------------------------------------- hand

    def _place(self, at: QPointF) -> tuple[float, float]:
        """Widget → pixels of the painting."""
        (x, y), (width, height) = self.share(at), self.size_in_pixels
        return x * width, y * height

    def _stroke(self) -> Stroke:
        palette = self._palette
        return Stroke(
            points_of(self._places),
            None if palette.tool == "eraser" else palette.colour,
            "brush" if palette.tool in ("brush", "eraser") else palette.tool,
            palette.size,
            palette.soft,
        )

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton or self._source.isNull():
            event.ignore()
            return
        self._down(event.position(), event.modifiers(), 1.0)

    def _down(self, at: QPointF, keys: Qt.KeyboardModifier, pressure: float) -> None:
        if self.picking or keys & Qt.KeyboardModifier.AltModifier:
            self._pick(at)
            return
        self._places, self._outline = [(*self._place(at), pressure)], [at]
        if self._palette.tool == "fill":
            self._finish()
        elif self._palette.tool in ("brush", "eraser"):
            before = self._painting.raster(*self._shown)
            self._going = Brushing(before, self._painting.ground(self._shown[0]), self._stroke())
            self._going.to(*self._places[0])
            self._image = image_of(self._going.picture)
        self.update()

    def _pick(self, at: QPointF) -> None:
        """The colour that is seen there."""
        (x, y), (width, height) = self._place(at), self.size_in_pixels
        if 0 <= x < width and 0 <= y < height:
            blue, green, red, _ = self._painting.raster(*self._shown)[int(y), int(x)].tolist()
            tool: Tool = "brush" if self._palette.tool == "eraser" else self._palette.tool
            self.picking = False
            self.set_palette_now(replace(self._palette, colour=(red, green, blue), tool=tool))

    def _go(self, at: QPointF, pressure: float) -> None:
        self._places.append((*self._place(at), pressure))
        self._outline.append(at)
        if self._going is not None:
            self._going.to(*self._places[-1])
            self._image = image_of(self._going.picture)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self.at = event.position()
        if self._places:
            self._go(event.position(), 1.0)
        elif event.buttons():
            event.ignore()
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._places:
            self._finish()
        else:
            event.ignore()

    def tabletEvent(self, event: QTabletEvent) -> None:
        """A pen: how hard it presses makes the stroke thicker."""
        kind, self.at = event.type(), event.position()
        if kind == QEvent.Type.TabletPress and event.button() == Qt.MouseButton.LeftButton:
            self._down(event.position(), event.modifiers(), event.pressure())
        elif kind == QEvent.Type.TabletMove and self._places:
            self._go(event.position(), event.pressure())
        elif kind == QEvent.Type.TabletRelease and self._places:
            self._finish()
        self.update()
        event.accept()

    def _finish(self) -> None:
        stroke, going = self._stroke(), self._going
        enough = len(self._places) > 2 or stroke.manner != "shape"
        self._places, self._outline, self._going = [], [], None
        if not enough:
            self.update()
            return
        if going is not None:
            ground, strokes = self._shown
            self._painting.remember(ground, (*strokes, stroke), going.picture)
        self.painted.emit(stroke)

    def wheelEvent(self, event: QWheelEvent) -> None:
        self.canvas.wheelEvent(event)

    # -------------------------------------------------------------- keys

    def event(self, event: QEvent) -> bool:
        override = event.type() == QEvent.Type.ShortcutOverride
        if override and isinstance(event, QKeyEvent) and self._deed(event) is not None:
            event.accept()
            return True
        return super().event(event)

    def _deed(self, event: QKeyEvent) -> Callable[[], object] | None:
        return None if event.modifiers() else self._deeds().get(Qt.Key(event.key()))

    def _deeds(self) -> dict[Qt.Key, Callable[[], object]]:
        key, now = Qt.Key, self._palette
        other: Tool = "brush" if now.tool == "eraser" else "eraser"
        deeds: dict[Qt.Key, Callable[[], object]] = {
            key.Key_Comma: lambda: self.set_palette_now(replace(now, size=now.size / 1.2)),
            key.Key_Period: lambda: self.set_palette_now(replace(now, size=now.size * 1.2)),
            key.Key_X: lambda: self.set_palette_now(replace(now, tool=other)),
        }
        for number in range(8):
            numbered = Qt.Key(key.Key_1.value + number)
            deeds[numbered] = lambda number=number: self.numbered.emit(number)
        return deeds

    def keyPressEvent(self, event: QKeyEvent) -> None:
        deed = self._deed(event)
        if deed is not None:
            deed()
        else:
            super().keyPressEvent(event)

    # -------------------------------------------------------------- look

    def _show(self) -> None:
        """Not computed before it is looked at."""
        if self._image.isNull() and self.isVisible() and not self._source.isNull():
            self._image = image_of(self._painting.raster(*self._shown))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._image.isNull():
            return
        painter, target = QPainter(self), self.canvas.target()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(target, self._image)
        if self._palette.tool == "shape" and self._outline:
            paint_lasso(painter, self._outline)
        elif self.at is not None and self._palette.tool in ("brush", "eraser"):
            brush = Brush(self._palette.size, self._palette.soft)
            paint_ring(painter, self.at, brush, max(target.width(), target.height()))
        self.paint_focus(painter, target)
        painter.end()
