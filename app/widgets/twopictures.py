"""Two pictures at the same scale: where it came from, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QImage, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app import theme

MARGIN, GAP, WORDS = 14, 12, 20


class TwoPictures(QWidget):
    """Left the source, right the variation; a seamless one can be shown repeated."""

    hovered = Signal(QPointF)
    """Where the pointer is on the variation, as shares of its width and height."""
    left = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._left = QImage()
        self._right = QImage()
        self._words = ("Source", "Variation")
        self._repeat = False
        self._marks: list[QRectF] = []
        self._here: QRectF | None = None
        self.setMouseTracking(True)
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

    def set_marks(self, marks: Sequence[QRectF], here: QRectF | None) -> None:
        """Outlines on the source, the first one strongest, and one on the variation; in shares."""
        if marks or self._marks or here != self._here:
            self._marks, self._here = list(marks), here
            self.update()

    @property
    def marks(self) -> tuple[QRectF, ...]:
        return tuple(self._marks)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        place = self.places()[1]
        at = event.position()
        if self._right.isNull() or not place.contains(at):
            self.left.emit()
            return
        times = 2 if self._repeat else 1
        x, y = ((at.x() - place.x()) / place.width(), (at.y() - place.y()) / place.height())
        self.hovered.emit(QPointF(x * times % 1.0, y * times % 1.0))

    def leaveEvent(self, event: QEvent) -> None:
        self.left.emit()

    @property
    def repeat(self) -> bool:
        return self._repeat

    def places(self) -> tuple[QRectF, QRectF]:
        """Where the two lie: at one height beside each other, or at one width if that is larger."""
        times = 2 if self._repeat else 1
        right = QSize(self._right.width() * times, self._right.height() * times)
        shapes = [s.width() / max(s.height(), 1) for s in (self._left.size(), right)]
        room = QRectF(self.rect()).adjusted(MARGIN, MARGIN, -MARGIN, -MARGIN)
        beside = min(room.height() - WORDS, (room.width() - GAP) / max(sum(shapes), 0.01))
        slopes = [1 / max(shape, 0.01) for shape in shapes]
        above = min(room.width(), (room.height() - 2 * WORDS - GAP) / sum(slopes))
        if above * slopes[0] > 1.15 * beside:
            tall = [max(above * slope, 1.0) for slope in slopes]
            x = room.center().x() - above / 2
            y = room.center().y() - (sum(tall) + 2 * WORDS + GAP) / 2 + WORDS
            first = QRectF(x, y, above, tall[0])
            return first, QRectF(x, first.bottom() + GAP + WORDS, above, tall[1])
        high = max(beside, 1.0)
        x = room.center().x() - (high * sum(shapes) + GAP) / 2
        y = room.center().y() - (high + WORDS) / 2 + WORDS
        first = QRectF(x, y, high * shapes[0], high)
        return first, QRectF(x + first.width() + GAP, y, high * shapes[1], high)

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
        self._paint_marks(painter, left, right)
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

    def _paint_marks(self, painter: QPainter, left: QRectF, right: QRectF) -> None:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        outlines = [(_in(left, mark), 2.0 if i == 0 else 1.0) for i, mark in enumerate(self._marks)]
        if self._here is not None and not self._repeat:
            outlines.append((_in(right, self._here), 2.0))
        for box, thick in reversed(outlines):
            painter.setPen(QPen(theme.colour("#000000", 170), thick + 2))
            painter.drawRect(box)
            strong = thick > 1.0
            painter.setPen(QPen(theme.colour(theme.ACCENT if strong else "#ffffff"), thick))
            painter.drawRect(box)


def _in(place: QRectF, share: QRectF) -> QRectF:
    """Shares of a place as pixels."""
    wide, tall = place.width(), place.height()
    return QRectF(
        place.x() + share.x() * wide,
        place.y() + share.y() * tall,
        share.width() * wide,
        share.height() * tall,
    )
