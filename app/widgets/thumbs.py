"""A wall of small pictures to choose from, by mouse or keyboard."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QHelpEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app import theme
from app.widgets.painting import draw_chosen, draw_cursor, draw_rounded, smooth


class ThumbGrid(QWidget):
    """Square cells in `columns` (or one scrolling row); the chosen one wears a ring."""

    chosen = Signal(int)
    activated = Signal(int)
    """Double click or Return."""
    remove_asked = Signal(int)
    """Delete or Backspace on a cell."""

    def __init__(self, name: str, columns: int, gap: int = 4, cell: int | None = None):
        """`cell`: fixed size of a cell in pixels; None shares the width among the columns."""
        super().__init__()
        self._columns, self._gap, self._cell = columns, gap, cell
        self._images: list[QImage | None] = []
        self._labels: list[str] = []
        self._current = -1
        self._cursor = 0
        self._badges: dict[int, str] = {}
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(name)
        self.setMouseTracking(True)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(cell is None)
        self.setSizePolicy(policy)

    def set_labels(self, labels: Sequence[str]) -> None:
        """One cell a label; the pictures come later."""
        self._labels = list(labels)
        self._images = [None] * len(labels)
        self._cursor = min(self._cursor, max(len(labels) - 1, 0))
        self.updateGeometry()
        self.update()

    def set_image(self, index: int, image: QImage | None) -> None:
        if 0 <= index < len(self._images):
            self._images[index] = image
            self.update()

    def image(self, index: int) -> QImage | None:
        return self._images[index] if 0 <= index < len(self._images) else None

    def set_current(self, index: int) -> None:
        if index != self._current:
            self._current = index
            self.update()

    def set_badges(self, badges: dict[int, str]) -> None:
        """Letters on cells, such as the A and B of a morph."""
        self._badges = badges
        self.update()

    @property
    def count(self) -> int:
        return len(self._labels)

    # -------------------------------------------------------------- geometry

    def _rows(self) -> int:
        return max(-(-len(self._labels) // self._columns), 1)

    def heightForWidth(self, width: int) -> int:
        size = self._size_for(width)
        return round(self._rows() * (size + self._gap) - self._gap)

    def sizeHint(self) -> QSize:
        if self._cell is not None:
            columns = min(self._columns, max(len(self._labels), 1))
            across = columns * (self._cell + self._gap) - self._gap
            return QSize(across, self.heightForWidth(across))
        return QSize(264, self.heightForWidth(264))

    def minimumSizeHint(self) -> QSize:
        return QSize(80, self.heightForWidth(self.width()) if self._cell is None else self._cell)

    def resizeEvent(self, event: QEvent) -> None:
        if self._cell is None:
            self.setFixedHeight(self.heightForWidth(self.width()))

    def _size_for(self, width: int) -> float:
        if self._cell is not None:
            return float(self._cell)
        return (width - (self._columns - 1) * self._gap) / self._columns

    def cell_rect(self, index: int) -> QRectF:
        size = self._size_for(self.width())
        row, column = divmod(index, self._columns)
        step = size + self._gap
        return QRectF(column * step, row * step, size, size)

    def _index_at(self, x: float, y: float) -> int:
        for index in range(len(self._labels)):
            if self.cell_rect(index).contains(x, y):
                return index
        return -1

    # -------------------------------------------------------------- hand

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            index = self._index_at(event.pos().x(), event.pos().y())
            if index >= 0:
                tip = self.toolTip()
                text = self._labels[index] + (f"\n{tip}" if tip else "")
                QToolTip.showText(event.globalPos(), text, self)
            return True
        return super().event(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self._index_at(event.position().x(), event.position().y())
        if index >= 0 and event.button() == Qt.MouseButton.LeftButton:
            self._cursor = index
            self.chosen.emit(index)
            self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        index = self._index_at(event.position().x(), event.position().y())
        if index >= 0:
            self.activated.emit(index)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {
            Qt.Key.Key_Left: -1,
            Qt.Key.Key_Right: 1,
            Qt.Key.Key_Up: -self._columns,
            Qt.Key.Key_Down: self._columns,
        }
        key = Qt.Key(event.key())
        if key in steps and self._labels:
            self._cursor = min(max(self._cursor + steps[key], 0), len(self._labels) - 1)
            self.setAccessibleDescription(self._labels[self._cursor])
            self.update()
        elif key == Qt.Key.Key_Space and self._labels:
            self.chosen.emit(self._cursor)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._labels:
            self.chosen.emit(self._cursor)
            self.activated.emit(self._cursor)
        elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace) and self._labels:
            self.remove_asked.emit(self._cursor)
        else:
            super().keyPressEvent(event)

    # -------------------------------------------------------------- look

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = smooth(self)
        for index, image in enumerate(self._images):
            box = self.cell_rect(index)
            draw_rounded(painter, box, image)
            if index in self._badges:
                self._paint_badge(painter, box, self._badges[index])
            if index == self._current:
                draw_chosen(painter, box)
            if self.hasFocus() and index == self._cursor:
                draw_cursor(painter, box)
        painter.end()

    def _paint_badge(self, painter: QPainter, box: QRectF, text: str) -> None:
        spot = QRectF(box.right() - 20, box.top() + 3, 17, 17)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour(theme.ACCENT))
        painter.drawEllipse(spot)
        painter.setPen(theme.colour(theme.ON_ACCENT))
        painter.setFont(theme.font(theme.SIZE_SMALL))
        painter.drawText(spot, Qt.AlignmentFlag.AlignCenter, text)
