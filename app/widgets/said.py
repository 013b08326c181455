"""What was described so far: small before-and-after pictures with their words, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from app import theme
from app.widgets.painting import draw_chosen, draw_cursor, draw_rounded, smooth


@dataclass(frozen=True)
class Said:
    """One row or cell: a pair and what was said of it."""

    key: str
    text: str
    note: str = ""
    """Small and dim, such as who said it."""


class SaidList(QWidget):
    """Cells of two small pictures and words; in one row, or below each other."""

    chosen = Signal(str)
    """Key."""

    def __init__(self, name: str, cell: int, across: bool, tip: str = ""):
        super().__init__()
        self._cell, self._across = cell, across
        self._said: list[Said] = []
        self._images: dict[tuple[str, int], QImage] = {}
        self._cursor = 0
        self._current = ""
        self.setAccessibleName(name)
        self.setToolTip(tip)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        fixed, wide = QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding
        self.setSizePolicy(wide, fixed)
        if across:
            self.setFixedHeight(self._height())

    def set_said(self, said: Sequence[Said]) -> None:
        """What to show; pictures that are known already stay."""
        keys = {each.key for each in said}
        self._images = {at: image for at, image in self._images.items() if at[0] in keys}
        self._said = list(said)
        self._cursor = min(self._cursor, max(len(said) - 1, 0))
        if not self._across:
            self.setFixedHeight(max(len(said) * (self._height() + theme.SPACE), 1))
        self.update()

    def set_current(self, key: str) -> None:
        self._current = key
        self.update()

    def set_image(self, key: str, which: int, image: QImage) -> None:
        """`which`: 0 before, 1 after."""
        self._images[key, which] = image
        self.update()

    def has_image(self, key: str, which: int) -> bool:
        return (key, which) in self._images

    @property
    def shown(self) -> list[Said]:
        """Those there is room for."""
        return self._said[: self.room] if self._across else list(self._said)

    @property
    def room(self) -> int:
        """How many cells fit in the row."""
        return max(int((self.width() + theme.SPACE) // (self._width() + theme.SPACE)), 1)

    # -------------------------------------------------------------- geometry

    def _height(self) -> int:
        return self._cell + (20 if self._across else 0)

    def _width(self) -> int:
        return 2 * self._cell + 3 if self._across else self.width()

    def sizeHint(self) -> QSize:
        return QSize(240, self._height())

    def _box(self, index: int) -> QRectF:
        if self._across:
            return QRectF(index * (self._width() + theme.SPACE), 0, self._width(), self._height())
        return QRectF(0, index * (self._height() + theme.SPACE), self.width(), self._height())

    def _index_at(self, x: float, y: float) -> int:
        for index in range(len(self.shown)):
            if self._box(index).contains(x, y):
                return index
        return -1

    # -------------------------------------------------------------- hand

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self._index_at(event.position().x(), event.position().y())
        if index >= 0:
            self._cursor = index
            self.chosen.emit(self._said[index].key)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        over = self._index_at(event.position().x(), event.position().y()) >= 0
        shape = Qt.CursorShape.PointingHandCursor if over else Qt.CursorShape.ArrowCursor
        self.setCursor(shape)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        ahead = (Qt.Key.Key_Right,) if self._across else (Qt.Key.Key_Down,)
        back = (Qt.Key.Key_Left,) if self._across else (Qt.Key.Key_Up,)
        if event.key() in (*ahead, *back) and self.shown:
            step = 1 if event.key() in ahead else -1
            self._cursor = min(max(self._cursor + step, 0), len(self.shown) - 1)
            self.setAccessibleDescription(self._said[self._cursor].text)
            self.update()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Space) and self.shown:
            self.chosen.emit(self._said[self._cursor].key)
        else:
            super().keyPressEvent(event)

    # -------------------------------------------------------------- look

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = smooth(self)
        for index, said in enumerate(self.shown):
            box = self._box(index)
            if not box.intersects(QRectF(event.rect())):
                continue
            self._paint_pictures(painter, box, said.key)
            self._paint_words(painter, box, said)
            if said.key == self._current:
                draw_chosen(painter, self._pictures(box))
            if self.hasFocus() and index == self._cursor:
                draw_cursor(painter, self._pictures(box))
        painter.end()

    def _pictures(self, box: QRectF) -> QRectF:
        return QRectF(box.left(), box.top(), 2 * self._cell + 3, self._cell)

    def _paint_pictures(self, painter: QPainter, box: QRectF, key: str) -> None:
        for which in (0, 1):
            left = box.left() + which * (self._cell + 3)
            place = QRectF(left, box.top(), self._cell, self._cell)
            draw_rounded(painter, place, self._images.get((key, which)))

    def _paint_words(self, painter: QPainter, box: QRectF, said: Said) -> None:
        painter.setFont(theme.font(theme.SIZE_SMALL if self._across else theme.SIZE))
        painter.setPen(theme.colour(theme.TEXT if said.text else theme.DIM))
        text = said.text or "nothing changed"
        if self._across:
            place = QRectF(box.left(), box.bottom() - 18, box.width(), 18)
            line = painter.fontMetrics().elidedText(
                text, Qt.TextElideMode.ElideRight, int(place.width())
            )
            painter.drawText(place, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom, line)
            return
        left = self._pictures(box).right() + 10
        place = QRectF(left, box.top(), box.right() - left, box.height() - 17)
        flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap
        painter.save()
        painter.setClipRect(place)
        painter.drawText(place, flags, text[:240])
        painter.restore()
        painter.setFont(theme.font(theme.SIZE_SMALL))
        painter.setPen(theme.colour(theme.DIM))
        foot = QRectF(left, box.bottom() - 16, box.right() - left, 16)
        painter.drawText(foot, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom, said.note)
