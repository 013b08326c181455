"""A small strip of a pyramid's levels, coarse to fine, as they come."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QImage, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app import theme

TALL, GAP = 30, 3


class LevelStrip(QWidget):
    """One cell a level; what is not trained yet is an outline."""

    def __init__(self) -> None:
        super().__init__()
        self._images: dict[int, QImage] = {}
        self._count = 0
        self.setAccessibleName("Levels, coarse to fine")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(TALL)

    @property
    def known(self) -> int:
        """Levels of which there is a picture."""
        return len(self._images)

    def sizeHint(self) -> QSize:
        return QSize(200, TALL)

    def clear(self) -> None:
        self._images, self._count = {}, 0
        self.update()

    def set_level(self, level: int, count: int, image: QImage) -> None:
        """`level` from 1; its newest picture."""
        if count != self._count:
            self._images, self._count = {}, count
        side = min(image.width(), image.height())
        self._images[level] = image.copy(0, 0, side, side)
        self.setAccessibleDescription(f"{len(self._images)} of {count}")
        self.setToolTip(f"Level {max(self._images)} of {count}, coarse at the left")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._count:
            return
        painter = QPainter(self)
        painter.setRenderHints(
            QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform
        )
        wide = min((self.width() - GAP * (self._count - 1)) / self._count, float(TALL))
        for place in range(self._count):
            box = QRectF(place * (wide + GAP), (TALL - wide) / 2, wide, wide)
            path = QPainterPath()
            path.addRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), 3, 3)
            image = self._images.get(place + 1)
            if image is None:
                painter.setPen(QPen(theme.colour(theme.LINE), 1))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawPath(path)
                continue
            painter.save()
            painter.setClipPath(path)
            painter.drawImage(box, image)
            painter.restore()
        painter.end()
