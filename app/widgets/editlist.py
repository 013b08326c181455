"""The list of what was turned: on or off, chosen, taken away."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app import icons, theme
from app.inspect_state import edit_words
from engine.messages import UnitEdit

LINE, GAP = 30, 3
"""Pixels of a row and between rows."""


class EditList(QWidget):
    """One row an edit; the chosen one is what amount and brush work on."""

    chosen = Signal(int)
    """A row, or -1."""
    switched = Signal(int, bool)
    removed = Signal(int)

    def __init__(self, name: str):
        super().__init__()
        self._edits: tuple[UnitEdit, ...] = ()
        self.current = -1
        self._hot = -1
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.set_edits((), -1)

    @property
    def count(self) -> int:
        return len(self._edits)

    def sizeHint(self) -> QSize:
        return QSize(240, self.height())

    def set_edits(self, edits: Sequence[UnitEdit], current: int) -> None:
        self._edits, self.current = tuple(edits), current
        self.setFixedHeight(max(len(self._edits) * (LINE + GAP) - GAP, 0))
        said = [f"{edit_words(edit)}{'' if edit.on else ', off'}" for edit in self._edits]
        self.setAccessibleDescription("; ".join(said))
        self.update()

    def row_box(self, index: int) -> QRectF:
        return QRectF(0, index * (LINE + GAP), self.width(), LINE)

    def switch_box(self, index: int) -> QRectF:
        return QRectF(8, self.row_box(index).center().y() - 8, 16, 16)

    def close_box(self, index: int) -> QRectF:
        return QRectF(self.width() - 26, self.row_box(index).center().y() - 9, 18, 18)

    def _at(self, y: float) -> int:
        return next(
            (
                i
                for i in range(self.count)
                if self.row_box(i).top() <= y <= self.row_box(i).bottom()
            ),
            -1,
        )

    # -------------------------------------------------------------- hand

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            index = self._at(event.pos().y())
            if index >= 0:
                edit = self._edits[index]
                units = ", ".join(f"{one.layer} · {one.index}" for one in edit.units[:12])
                where = "under its brush" if edit.mask is not None else "everywhere"
                QToolTip.showText(event.globalPos(), f"{edit_words(edit)}, {where}\n{units}", self)
            return True
        return super().event(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        at = event.position()
        index = self._at(at.y())
        if index < 0 or event.button() != Qt.MouseButton.LeftButton:
            return
        if self.switch_box(index).adjusted(-5, -5, 5, 5).contains(at):
            self.switched.emit(index, not self._edits[index].on)
        elif self.close_box(index).adjusted(-4, -4, 4, 4).contains(at):
            self.removed.emit(index)
        else:
            self.chosen.emit(-1 if index == self.current else index)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._hot = self._at(event.position().y())
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        self._hot = -1
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, at = event.key(), self.current
        if key in (Qt.Key.Key_Up, Qt.Key.Key_Down) and self.count:
            step = 1 if key == Qt.Key.Key_Down else -1
            self.chosen.emit(min(max(at + step, 0), self.count - 1))
        elif key == Qt.Key.Key_Space and 0 <= at < self.count:
            self.switched.emit(at, not self._edits[at].on)
        elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace) and 0 <= at < self.count:
            self.removed.emit(at)
        else:
            super().keyPressEvent(event)

    # -------------------------------------------------------------- look

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for index, edit in enumerate(self._edits):
            self._row(painter, index, edit)
        painter.end()

    def _row(self, painter: QPainter, index: int, edit: UnitEdit) -> None:
        box = self.row_box(index)
        chosen = index == self.current
        line = QPen(theme.colour(theme.ACCENT), 1.2) if chosen else Qt.PenStyle.NoPen
        painter.setPen(line)
        painter.setBrush(
            theme.colour(theme.HOVER if index == self._hot or chosen else theme.RAISED)
        )
        painter.drawRoundedRect(box.adjusted(0.6, 0.6, -0.6, -0.6), 6, 6)
        switch = self.switch_box(index)
        painter.setPen(QPen(theme.colour(theme.ACCENT if edit.on else theme.EDGE), 1.2))
        painter.setBrush(theme.colour(theme.ACCENT) if edit.on else Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(switch.adjusted(1, 1, -1, -1), 4, 4)
        if edit.on:
            tick = icons.pixmap("check", theme.ON_ACCENT, 12, 2.0)
            painter.drawPixmap(switch.adjusted(2, 2, -2, -2).toRect(), tick)
        left = switch.right() + 8
        if edit.mask is not None:
            brush = icons.pixmap("brush", theme.VEIL, 14, 2.0)
            painter.drawPixmap(int(left), int(box.center().y() - 7), 14, 14, brush)
            left += 19
        room = QRectF(left, box.top(), self.close_box(index).left() - left - 4, LINE)
        painter.setFont(theme.font(theme.SIZE))
        painter.setPen(theme.colour(theme.TEXT if edit.on else theme.DIM))
        words = painter.fontMetrics().elidedText(
            edit_words(edit), Qt.TextElideMode.ElideRight, int(room.width())
        )
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, words)
        close = icons.pixmap("close", theme.DIM, 14, 2.0)
        painter.drawPixmap(self.close_box(index).adjusted(2, 2, -2, -2).toRect(), close)
