"""Two pictures, before and after: side by side, flickering, or as a film from one to the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from PySide6.QtCore import QRectF, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import (
    QColor,
    QHideEvent,
    QImage,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QShowEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from app import theme
from app.widgets.enlarge import enlarged
from app.widgets.painting import draw_rounded, smooth

GAP = 56
"""Between the two pictures, pixels: room for the arrow."""
CAPTION = 26
FLICKER_MS = 450
"""About two changes a second: what moves jumps to the eye, and it stays below three flashes."""
FILM_MS = 90
Mode = Literal["still", "flicker", "film"]


class PairView(QWidget):
    """The left picture never moves; the right one flickers, runs the film, or stands."""

    pressed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._before: QImage | None = None
        self._after: QImage | None = None
        self._film: list[QImage | None] = []
        self._mode: Mode = "still"
        self._held = False
        self._swapped = False
        self._beat = 0
        self.setAccessibleName("Before and after")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(360, 180)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._tick)

    def sizeHint(self) -> QSize:
        return QSize(900, 440)

    def clear(self) -> None:
        self._before = self._after = None
        self._film = []
        self._swapped = False
        self.update()

    def set_pictures(self, before: QImage | None, after: QImage | None) -> None:
        """Small ones are doubled, so that forms and not squares are compared."""
        self._before = enlarged(before, 2.0) if before is not None else None
        self._after = enlarged(after, 2.0) if after is not None else None
        self.update()

    def set_film(self, pictures: Sequence[QImage | None]) -> None:
        """What lies between, in order; missing ones are skipped."""
        self._film = [enlarged(image, 2.0) if image is not None else None for image in pictures]
        self.update()

    @property
    def complete(self) -> bool:
        """Whether both pictures are there."""
        return self._before is not None and self._after is not None

    @property
    def mode(self) -> Mode:
        return "flicker" if self._held else self._mode

    def set_mode(self, mode: Mode) -> None:
        self._mode = mode
        self._pace()

    @Slot(bool)
    def hold(self, held: bool) -> None:
        """Flicker for as long as a key is down."""
        self._held = held
        self._pace()

    def _pace(self) -> None:
        self._beat = 0
        if self.mode == "still" or not self.isVisible():
            self._timer.stop()
        else:
            self._timer.start(FLICKER_MS if self.mode == "flicker" else FILM_MS)
            self._beat = 1 if self.mode == "flicker" else 0
        self.update()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._pace()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()

    @Slot()
    def _tick(self) -> None:
        self._beat += 1
        self.update()

    # -------------------------------------------------------------- hand

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """While the button is down, each picture shows the other."""
        self._swapped = True
        self.pressed.emit()
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._swapped = False
        self.update()

    # -------------------------------------------------------------- look

    def boxes(self) -> tuple[QRectF, QRectF]:
        """Where the two pictures lie: as large as fits, in the middle."""
        side = max(min((self.width() - GAP) / 2, self.height() - CAPTION), 40.0)
        ratio = 1.0
        if self._before is not None and self._before.height():
            ratio = self._before.width() / self._before.height()
        width, height = side * min(ratio, 1.0), side / max(ratio, 1.0)
        left = (self.width() - GAP) / 2 - width
        top = CAPTION + (self.height() - CAPTION - height) / 2
        right = (self.width() + GAP) / 2
        return QRectF(left, top, width, height), QRectF(right, top, width, height)

    def _right(self) -> tuple[QImage | None, str]:
        """The right picture at this moment, and its caption."""
        if self.mode == "flicker" and self._beat % 2:
            return self._before, "Before"
        if self.mode == "film":
            frames = [self._before, *self._film, self._after]
            known = [image for image in frames if image is not None]
            if len(known) > 2:
                # There and back, resting two beats at each end.
                there = [0, 0, *range(len(known)), len(known) - 1, len(known) - 1]
                turn = there + there[::-1]
                return known[turn[self._beat % len(turn)]], "Film"
        return self._after, "After"

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = smooth(self)
        left, right = self.boxes()
        shown, caption = self._right()
        pictures = (self._before, shown)
        captions = ("Before", caption)
        if self._swapped:
            pictures, captions = (self._after, self._before), ("After", "Before")
        for box, image, text in zip((left, right), pictures, captions, strict=True):
            draw_rounded(painter, box, image, 6, theme.PANEL)
            self._paint_caption(painter, box, text)
        self._paint_arrow(painter, left, right)
        painter.end()

    def _paint_caption(self, painter: QPainter, box: QRectF, text: str) -> None:
        painter.setFont(theme.font(theme.SIZE))
        painter.setPen(theme.colour(theme.TEXT if text in ("Before", "After") else theme.ACCENT))
        place = QRectF(box.left(), box.top() - CAPTION, box.width(), CAPTION - 4)
        painter.drawText(place, Qt.AlignmentFlag.AlignCenter, text)

    def _paint_arrow(self, painter: QPainter, left: QRectF, right: QRectF) -> None:
        y = left.center().y()
        start, end = left.right() + 15, right.left() - 15
        pen = QPen(QColor(theme.ACCENT), 2.5)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        painter.drawLine(int(start), int(y), int(end), int(y))
        painter.drawLine(int(end), int(y), int(end - 8), int(y - 7))
        painter.drawLine(int(end), int(y), int(end - 8), int(y + 7))
