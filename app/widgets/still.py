"""One picture that stays, fitted into its place."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QImage, QMouseEvent, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget


class Still(QWidget):
    """As wide as its place allows, never higher than `highest` pixels."""

    clicked = Signal()

    def __init__(self, name: str, highest: int = 190):
        super().__init__()
        self._image = QImage()
        self._highest = highest
        self.setAccessibleName(name)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    @property
    def image(self) -> QImage:
        return self._image

    def set_image(self, image: QImage) -> None:
        self._image = image
        self.updateGeometry()
        self.update()

    def heightForWidth(self, width: int) -> int:
        if self._image.isNull():
            return 40
        return max(
            min(round(width * self._image.height() / self._image.width()), self._highest), 24
        )

    def sizeHint(self) -> QSize:
        return QSize(240, self.heightForWidth(240))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self.rect().contains(event.position().toPoint()):
            self.clicked.emit()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._image.isNull():
            return
        painter = QPainter(self)
        painter.setRenderHints(
            QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform
        )
        size = self._image.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
        x, y = (self.width() - size.width()) / 2, (self.height() - size.height()) / 2
        box = QRectF(x, y, size.width(), size.height())
        path = QPainterPath()
        path.addRoundedRect(box, 5, 5)
        painter.setClipPath(path)
        painter.drawImage(box, self._image)
        painter.end()
