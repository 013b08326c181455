"""A strip of small pictures: what a direction does, from one end to the other."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app import theme

STRIP = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
"""σ of the pictures of a strip. The slider reaches half a picture further on both sides."""
REACH = 3.5


class Strip(QWidget):
    """Small pictures of one direction, most negative at the left; click one to go there."""

    chosen = Signal(float)

    def __init__(self, name: str):
        super().__init__()
        self._images: list[QImage | None] = [None] * len(STRIP)
        self._amount = 0.0
        self.setAccessibleName(name)
        self.setToolTip("What this direction does, from −3 σ to +3 σ. Click to go there.")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(45)

    def sizeHint(self) -> QSize:
        return QSize(315, 45)

    def set_image(self, index: int, image: QImage | None) -> None:
        self._images[index] = image
        self.update()

    def set_amount(self, amount: float) -> None:
        self._amount = amount
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = int(event.position().x() / max(self.width(), 1) * len(STRIP))
        self.chosen.emit(STRIP[min(max(index, 0), len(STRIP) - 1)])

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
        x = (min(max(self._amount, -REACH), REACH) + REACH) / (2 * REACH) * self.width()
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
