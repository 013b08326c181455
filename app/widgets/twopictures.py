"""Two pictures side by side at the same scale: where it came from, and what came of it."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app import theme

MARGIN, GAP, WORDS = 14, 12, 20


class TwoPictures(QWidget):
    """Left the source, right the variation; a seamless one can be shown repeated."""

    def __init__(self) -> None:
        super().__init__()
        self._left = QImage()
        self._right = QImage()
        self._words = ("Source", "Variation")
        self._repeat = False
        self.setAccessibleName("Source and variation")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(160, 120)

    def sizeHint(self) -> QSize:
        return QSize(640, 360)

    def set_pictures(self, left: QImage, right: QImage | None, words: tuple[str, str]) -> None:
        self._left, self._words = left, words
        if right is not None:
            self._right = right
        self.setAccessibleDescription(f"{words[0]}, {words[1]}")
        self.update()

    def set_repeat(self, on: bool) -> None:
        """The variation 2 x 2 times, to see its seams."""
        self._repeat = on
        self.update()

    @property
    def repeat(self) -> bool:
        return self._repeat

    def places(self) -> tuple[QRectF, QRectF]:
        """Where the two lie: at one height, so that forms can be compared."""
        times = 2 if self._repeat else 1
        right = QSize(self._right.width() * times, self._right.height() * times)
        shapes = [s.width() / max(s.height(), 1) for s in (self._left.size(), right)]
        tall = self.height() - 2 * MARGIN - WORDS
        room = self.width() - 2 * MARGIN - GAP
        tall = max(min(tall, room / max(sum(shapes), 0.01)), 1.0)
        used = tall * sum(shapes) + GAP
        x, y = (self.width() - used) / 2, (self.height() - WORDS - tall) / 2 + WORDS
        first = QRectF(x, y, tall * shapes[0], tall)
        return first, QRectF(x + first.width() + GAP, y, tall * shapes[1], tall)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.fillRect(self.rect(), theme.colour(theme.SURROUND))
        left, right = self.places()
        painter.drawImage(left, self._left)
        if self._repeat:
            wide, tall = right.width() / 2, right.height() / 2
            for row in range(2):
                for column in range(2):
                    x, y = right.x() + column * wide, right.y() + row * tall
                    painter.drawImage(QRectF(x, y, wide, tall), self._right)
        elif not self._right.isNull():
            painter.drawImage(right, self._right)
        painter.setPen(theme.colour(theme.DIM))
        painter.setFont(theme.font(theme.SIZE_SMALL))
        where = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        for place, words in zip((left, right), self._words, strict=True):
            over = QRectF(place.x(), place.y() - WORDS, max(place.width(), 60.0), WORDS)
            shown = painter.fontMetrics().elidedText(
                words, Qt.TextElideMode.ElideRight, int(over.width())
            )
            painter.drawText(over, where, shown)
        painter.end()
