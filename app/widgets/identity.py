"""An identity map painted over a picture: the layer that takes the strokes, and its tools."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PySide6.QtCore import QPointF, Qt, Signal, Slot
from PySide6.QtGui import QColor, QImage, QKeyEvent
from PySide6.QtWidgets import QWidget

from app.identity import painted
from app.widgets.amount import AmountRow
from app.widgets.brushes import Mask
from app.widgets.canvas import Canvas
from app.widgets.mask import MaskLayer
from app.widgets.parts import Segments, column, label, push, row

LETTERS = "ABCD"
COLOURS = ("#f2a65a", "#35c4e8", "#c58bff", "#9ad15a")
"""Of the pictures A to D: apart from each other for colour-blind eyes too."""
TINT = 0.28
"""Share of the colour in the veil; the rest is the picture that will be there."""


class IdentityLayer(MaskLayer):
    """Every stroke gives its place to one picture. Shift gives it back to A; 1 to 4 choose."""

    touched = Signal()
    """The map is another one while the stroke lasts."""
    began = Signal()
    picked = Signal(int)
    undo_asked = Signal()

    def __init__(self, canvas: Canvas):
        super().__init__(canvas)
        self._maps = np.ones((1, 1, 1), np.float32)
        self._before = self._maps
        self._pictures: list[np.ndarray] = []
        self._images: tuple[QImage, ...] = ()
        self.which = 1
        """The picture that is painted."""
        self._now = 1
        self._stroke = False
        self.setAccessibleName("Brush over the picture: which picture is where")

    @property
    def maps(self) -> np.ndarray:
        """(K, H, W) float32, sum 1."""
        return self._maps

    @property
    def painting(self) -> bool:
        return self._stroke

    @property
    def empty(self) -> bool:
        return len(self._maps) < 2

    def set_maps(self, maps: np.ndarray) -> None:
        self._maps = np.ascontiguousarray(maps, np.float32)
        self._mask = Mask(*maps.shape[1:])
        self._lay_pictures()
        self._show()

    def set_images(self, images: Sequence[QImage]) -> None:
        """The pictures A to D; the first is what the canvas shows."""
        self._images = tuple(images)
        self._lay_pictures()
        self._show()

    def _lay_pictures(self) -> None:
        height, width = self._maps.shape[1:]
        self._pictures = [
            _tinted(image, width, height, COLOURS[i]) for i, image in enumerate(self._images)
        ]

    @Slot()
    def fill(self) -> None:
        """The chosen picture is everywhere."""
        self._maps = painted(self._maps, np.ones_like(self._maps[0]), self._which())
        self._show()
        self.changed.emit()

    @Slot()
    def undo(self) -> None:
        self.undo_asked.emit()

    # -------------------------------------------------------------- hand

    def _which(self) -> int:
        return min(self.which, len(self._maps) - 1)

    def _follow(self) -> None:
        """The map's shape is given, it does not follow the canvas."""

    def _down(self, at: QPointF, keys: Qt.KeyboardModifier, pressure: float) -> None:
        self._before, self._mask = self._maps, Mask(*self._maps.shape[1:])
        self._now = 0 if keys & Qt.KeyboardModifier.ShiftModifier else self._which()
        self._stroke = True
        self.began.emit()
        super()._down(at, Qt.KeyboardModifier.NoModifier, pressure)
        self.touched.emit()

    def _go(self, at: QPointF, pressure: float) -> None:
        super()._go(at, pressure)
        self.touched.emit()

    def _lift(self) -> None:
        super()._lift()
        self._stroke = False

    def keyPressEvent(self, event: QKeyEvent) -> None:
        number = event.text()
        if number and number in "1234" and int(number) <= len(self._maps):
            self.picked.emit(int(number) - 1)
        elif event.key() != Qt.Key.Key_X:  # There is no eraser: Shift paints A.
            super().keyPressEvent(event)

    # -------------------------------------------------------------- look

    @property
    def _veiled(self) -> bool:
        return len(self._maps) > 1

    def _show(self) -> None:
        if self._stroke:
            self._maps = painted(self._before, self._mask.values, self._now)
        if len(self._pictures) == len(self._maps) > 1:
            self._image = veil(self._maps, self._pictures)
        self.update()


def veil(maps: np.ndarray, pictures: Sequence[np.ndarray]) -> QImage:
    """What lies over A: the other pictures where they are, each in its tint.

    maps: (K, H, W), sum 1; pictures: K of (H, W, 3) float32 BGR 0..255
    """
    height, width = maps.shape[1:]
    out = np.zeros((height, width, 4), np.float32)
    for weight, picture in zip(maps[1:], pictures[1:], strict=True):
        out[..., :3] += weight[..., None] * picture
    out[..., 3] = 255.0 * (1.0 - maps[0])
    pixels = np.ascontiguousarray(np.clip(out + 0.5, 0, 255).astype(np.uint8))
    made = QImage(pixels.data, width, height, QImage.Format.Format_ARGB32_Premultiplied)  # pyright: ignore
    return made.copy()


def _tinted(image: QImage, width: int, height: int, colour: str) -> np.ndarray:
    """(H, W, 3) float32 BGR."""
    if image.isNull():
        return np.full((height, width, 3), 128.0, np.float32)
    ways = (Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation)
    small = image.scaled(width, height, *ways).convertToFormat(QImage.Format.Format_RGB32)
    raw = np.frombuffer(small.constBits(), np.uint8).reshape(height, small.bytesPerLine())
    pixels = raw[:, : 4 * width].reshape(height, width, 4)[..., :3].astype(np.float32)
    tint = QColor(colour)
    return pixels * (1 - TINT) + np.array([tint.blue(), tint.green(), tint.red()]) * TINT


class IdentityTools(QWidget):
    """Brush or lasso, its size and edge; a picture everywhere."""

    def __init__(self, layer: IdentityLayer):
        super().__init__()
        self._layer = layer
        self.kind = Segments(
            (
                ("brush", "Brush", "Paint where the picture is to be. With Shift: where A is."),
                ("lasso", "Lasso", "Draw round where the picture is to be. With Shift: A."),
            ),
            "Map",
        )
        self.fill = push("Everywhere", "The chosen picture is everywhere")
        self.fill.setProperty("compact", True)
        self.thickness = AmountRow("Brush size", 1, 60, 25, 1, " %", decimals=0, wide=(1, 100))
        self.thickness.setToolTip("Share of the picture. On the picture: the keys , and .")
        self.soft = AmountRow("Soft edge", 0, 100, 70, 5, " %", decimals=0)
        self.soft.setToolTip("0: a hard edge; 100: fading from the middle.")
        layout = column(self, spacing=4)
        line = row(self.kind, self.fill)
        line.setStretch(0, 1)
        layout.addLayout(line)
        for words, part in (("Size", self.thickness), ("Soft", self.soft)):
            name = label(words, "dim")
            name.setFixedWidth(36)
            line = row(name, part)
            line.setStretch(1, 1)
            layout.addLayout(line)
        self.kind.chosen.connect(self._kind)
        self.thickness.moved.connect(self._size)
        self.soft.moved.connect(self._soft)
        self.fill.clicked.connect(layer.fill)
        layer.brush_changed.connect(self._changed)
        layer.set_brush(replace(layer.brush, size=0.25, soft=0.7))

    @Slot(str)
    def _kind(self, kind: str) -> None:
        self._layer.set_brush(replace(self._layer.brush, lasso=kind == "lasso"))

    @Slot(float)
    def _size(self, percent: float) -> None:
        self._layer.set_brush(replace(self._layer.brush, size=percent / 100))

    @Slot(float)
    def _soft(self, percent: float) -> None:
        self._layer.set_brush(replace(self._layer.brush, soft=percent / 100))

    @Slot()
    def _changed(self) -> None:
        brush = self._layer.brush
        self.kind.set_value("lasso" if brush.lasso else "brush")
        self.thickness.set_amount(brush.size * 100)
        self.soft.set_amount(brush.soft * 100)
