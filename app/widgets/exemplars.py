"""The pictures a unit responds to most: where it is active stands out, the rest is dark."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QHelpEvent, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app import theme
from app.widgets.painting import draw_chosen, draw_cursor, draw_rounded, smooth
from app.widgets.parts import image_of
from engine.messages import Exemplar

COLUMNS, GAP = 5, 4


class ExemplarWall(QWidget):
    """Up to 15 pictures; under the pointer one is shown as it is."""

    opened = Signal(int)
    """Double click or Return: onto the canvas."""
    picked = Signal(object)
    """Numbers of the pictures that are chosen as examples."""

    def __init__(self, name: str):
        super().__init__()
        self._pictures: list[tuple[QImage, QImage]] = []
        self._words: list[str] = []
        self._opacity = 1.0
        self._hot = -1
        self._cursor = 0
        self.chosen: set[int] = set()
        self.setAccessibleName(name)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    @property
    def count(self) -> int:
        return len(self._pictures)

    def set_exemplars(self, exemplars: Sequence[Exemplar]) -> None:
        same = [_said(one) for one in exemplars] == self._words
        self._words = [_said(one) for one in exemplars]
        self._pictures = [(image_of(one.picture), image_of(one.plain)) for one in exemplars]
        if not same:
            # Another unit; a quantile that moves keeps what was chosen.
            self.chosen.clear()
            self._cursor, self._hot = 0, -1
            self.picked.emit(())
        self.setFixedHeight(self._height())
        self.update()

    def set_opacity(self, share: float) -> None:
        """1: outside of the mask dark; 0: the picture as it is."""
        self._opacity = share
        self.update()

    def _side(self) -> float:
        return (self.width() - (COLUMNS - 1) * GAP) / COLUMNS

    def _height(self) -> int:
        rows = max(-(-len(self._pictures) // COLUMNS), 1)
        return round(rows * (self._side() + GAP) - GAP)

    def sizeHint(self) -> QSize:
        return QSize(300, self._height())

    def resizeEvent(self, event: QEvent) -> None:
        self.setFixedHeight(self._height())

    def box(self, index: int) -> QRectF:
        row, column = divmod(index, COLUMNS)
        step = self._side() + GAP
        return QRectF(column * step, row * step, self._side(), self._side())

    def _at(self, place: QPointF) -> int:
        return next((i for i in range(self.count) if self.box(i).contains(place)), -1)

    # -------------------------------------------------------------- hand

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            index = self._at(QPointF(event.pos()))
            if index >= 0:
                QToolTip.showText(event.globalPos(), self._words[index], self)
            return True
        return super().event(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        hot = self._at(event.position())
        if hot != self._hot:
            self._hot = hot
            self.update()

    def leaveEvent(self, event: QEvent) -> None:
        self._hot = -1
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self._at(event.position())
        if index >= 0 and event.button() == Qt.MouseButton.LeftButton:
            self._cursor = index
            self._pick(index)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        index = self._at(event.position())
        if index >= 0:
            self.opened.emit(index)

    def _pick(self, index: int) -> None:
        self.chosen ^= {index}
        self.picked.emit(tuple(sorted(self.chosen)))
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {
            Qt.Key.Key_Left: -1,
            Qt.Key.Key_Right: 1,
            Qt.Key.Key_Up: -COLUMNS,
            Qt.Key.Key_Down: COLUMNS,
        }
        key = Qt.Key(event.key())
        if key in steps and self.count:
            self._cursor = min(max(self._cursor + steps[key], 0), self.count - 1)
            self.setAccessibleDescription(self._words[self._cursor])
            self.update()
        elif key == Qt.Key.Key_Space and self.count:
            self._pick(self._cursor)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.count:
            self.opened.emit(self._cursor)
        else:
            super().keyPressEvent(event)

    # -------------------------------------------------------------- look

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = smooth(self)
        for index, (masked, plain) in enumerate(self._pictures):
            box = self.box(index)
            self._picture(painter, box, masked, plain, index == self._hot)
            if index in self.chosen:
                draw_chosen(painter, box)
            if self.hasFocus() and index == self._cursor:
                draw_cursor(painter, box)
        if not self._pictures:
            for index in range(COLUMNS):
                draw_rounded(painter, self.box(index), None, 4, theme.RAISED)
        painter.end()

    def _picture(
        self, painter: QPainter, box: QRectF, masked: QImage, plain: QImage, hot: bool
    ) -> None:
        opacity = 0.0 if hot else self._opacity
        draw_rounded(painter, box, plain)
        if opacity > 0.0:
            painter.setOpacity(opacity)
            draw_rounded(painter, box, masked)
            painter.setOpacity(1.0)


def _said(one: Exemplar) -> str:
    label = f", {one.label}" if one.label else ""
    return f"{one.name}{label}: {one.value:.3g}"
