"""A strip of small pictures: what a direction does, from one end to the other."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app import theme
from engine.messages import Direction

STRIP = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
"""σ of the pictures of a strip. The slider reaches half a picture further on both sides."""
REACH = 3.5


CHANNEL = 3.0
"""A single style channel moves so little that its strip and slider reach so many times further."""


def stretch_of(direction: Direction) -> float:
    """How many times further than others the strip and slider of a direction reach."""
    single = direction.space == "s" and np.count_nonzero(direction.vector.array()) == 1
    return CHANNEL if single else 1.0


class Strip(QWidget):
    """Small pictures of one direction, most negative at the left; click one to go there."""

    chosen = Signal(float)

    def __init__(self, name: str):
        super().__init__()
        self._images: list[QImage | None] = [None] * len(STRIP)
        self._amount = 0.0
        self._stretch = 0.0
        self.setAccessibleName(name)
        self.set_stretch(1.0)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(45)

    def sizeHint(self) -> QSize:
        return QSize(315, 45)

    def set_image(self, index: int, image: QImage | None) -> None:
        self._images[index] = image
        self.update()

    def set_stretch(self, stretch: float) -> None:
        """Reach so many times further."""
        if stretch != self._stretch:
            self._stretch = stretch
            end = f"{STRIP[-1] * stretch:.0f}"
            words = f"What this direction does, from −{end} σ to +{end} σ. Click to go there."
            self.setToolTip(words)
            self.update()

    def set_amount(self, amount: float) -> None:
        self._amount = amount
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = int(event.position().x() / max(self.width(), 1) * len(STRIP))
        self.chosen.emit(STRIP[min(max(index, 0), len(STRIP) - 1)] * self._stretch)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHints(
            QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform
        )
        outline = QPainterPath()
        outline.addRoundedRect(QRectF(self.rect()), 5, 5)
        painter.setClipPath(outline)
        painter.fillRect(self.rect(), theme.colour(theme.GROUND))
        width = self.width() / len(STRIP)
        for index, image in enumerate(self._images):
            if image is not None:
                box = QRectF(index * width, 0, width, self.height())
                painter.drawImage(box, image, middle(image, box))
        at = min(max(self._amount / self._stretch, -REACH), REACH)
        x = (at + REACH) / (2 * REACH) * self.width()
        for colour, thick in (("#000000", 4.0), (theme.ACCENT, 2.0)):
            painter.setPen(QPen(QColor(colour), thick))
            painter.drawLine(int(x), 0, int(x), self.height())
        painter.end()


def middle(image: QImage, box: QRectF) -> QRectF:
    """The largest middle part of the image with the box's shape."""
    ratio = box.width() / box.height()
    width = min(image.width(), image.height() * ratio)
    height = min(image.height(), image.width() / ratio)
    return QRectF((image.width() - width) / 2, (image.height() - height) / 2, width, height)
