"""The rows of the upscaling queue: a small picture, a name, sizes, how it stands, what can be done.

A model and a painter, so that a folder of thousands costs no widgets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import (
    QAbstractItemModel,
    QEvent,
    QModelIndex,
    QPoint,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import (
    QAction,
    QContextMenuEvent,
    QFont,
    QFontMetrics,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListView,
    QMenu,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolTip,
)

from app import icons, theme
from app.widgets.upscale_row import Index, Row, RowModel

PICTURE, NARROW_PICTURE = QSize(64, 48), QSize(48, 40)
NARROW = 290
"""Pixels of a list that has no room for the larger pictures."""
EDGE, GAP = 8, 10
LINE = 18
"""Height of a line of words."""
BUTTON = 22
ACTIONS = {
    "cancel": ("close", "Cancel this one"),
    "retry": ("reset", "Try again"),
    "open": ("folder", "Show in its folder"),
    "remove": ("close", "Take out of the list"),
}
TONES = {"good": theme.GOOD, "bad": theme.DANGER, "busy": theme.ACCENT, "": theme.DIM}


class UpscaleRows(QListView):
    """Arrows choose, Delete cancels or takes out, R tries again; the menu key offers all."""

    chosen = Signal(int)
    """Number of a row that the person points at."""
    acted = Signal(str, int)
    """(action, number)."""

    def __init__(self, name: str, picture_of: Callable[[int], QImage | None]):
        super().__init__()
        self._model = RowModel()
        self.setModel(self._model)
        self._painter = _Painter(self, picture_of)
        self.setItemDelegate(self._painter)
        self.setAccessibleName(name)
        self.setMouseTracking(True)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFrameShape(QListView.Shape.NoFrame)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.clicked.connect(self._clicked)

    def row(self, number: int) -> Row | None:
        place = self._model.places.get(number)
        return None if place is None else self._model.rows[place]

    @property
    def count(self) -> int:
        return len(self._model.rows)

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Other rows; the chosen one and the place in the list stay."""
        current, at = self.current, self.verticalScrollBar().value()
        self._model.set_rows(rows)
        place = self._model.places.get(current)
        if place is not None:
            self.setCurrentIndex(self._model.index(place))
        self.verticalScrollBar().setValue(at)

    def set_row(self, row: Row) -> None:
        self._model.set_row(row)

    def show_row(self, number: int) -> None:
        """Scroll to it."""
        place = self._model.places.get(number)
        if place is not None:
            self.scrollTo(self._model.index(place))

    @property
    def current(self) -> int:
        """Number of the chosen row, 0 for none."""
        place = self.currentIndex().row()
        return self._model.rows[place].number if 0 <= place < self.count else 0

    def button(self, number: int, action: str) -> QRect:
        """Where a row's button lies in the viewport; empty when it has none."""
        row = self.row(number)
        if row is None or action not in row.actions:
            return QRect()
        where = self.visualRect(self._model.index(self._model.places[number]))
        return _buttons(where, row)[action]

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.scheduleDelayedItemsLayout()  # sentences break elsewhere

    @Slot(QModelIndex)
    def _clicked(self, index: QModelIndex) -> None:
        row = self._model.rows[index.row()]
        if not self.action_at(self.viewport().mapFromGlobal(self.cursor().pos())):
            self.chosen.emit(row.number)

    def action_at(self, point: QPoint) -> str:
        index = self.indexAt(point)
        if not index.isValid():
            return ""
        boxes = _buttons(self.visualRect(index), self._model.rows[index.row()])
        return next((name for name, box in boxes.items() if box.contains(point)), "")

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        over = bool(self.action_at(event.position().toPoint()))
        shape = Qt.CursorShape.PointingHandCursor if over else Qt.CursorShape.ArrowCursor
        self.viewport().setCursor(shape)
        self.viewport().update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        row = self.row(self.current)
        keys = {
            Qt.Key.Key_Delete: ("cancel", "remove"),
            Qt.Key.Key_Backspace: ("cancel", "remove"),
            Qt.Key.Key_R: ("retry",),
            Qt.Key.Key_O: ("open",),
        }
        if row is not None and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.chosen.emit(row.number)
            return
        for action in keys.get(Qt.Key(event.key()), ()) if row is not None else ():
            if row is not None and action in row.actions:
                self.acted.emit(action, row.number)
                return
        super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        asked = event.reason() == QContextMenuEvent.Reason.Keyboard
        index = self.currentIndex() if asked else self.indexAt(event.pos())
        if not index.isValid():
            return
        row = self._model.rows[index.row()]
        menu = QMenu(self)
        for name in row.actions:
            action = QAction(ACTIONS[name][1], menu)
            action.setData(name)
            menu.addAction(action)
        at = self.visualRect(index).center() if asked else event.pos()
        picked = menu.exec(self.viewport().mapToGlobal(at))
        if picked is not None:
            self.acted.emit(str(picked.data()), row.number)


def _picture(where: QRect) -> QSize:
    return PICTURE if where.width() >= NARROW else NARROW_PICTURE


def _left(where: QRect) -> int:
    """Where words begin."""
    return where.left() + EDGE + _picture(where).width() + GAP


def _buttons(where: QRect, row: Row) -> dict[str, QRect]:
    """From the right end of the first line."""
    right = where.right() - EDGE + 3
    made = {}
    for place, name in enumerate(reversed(row.actions)):
        made[name] = QRect(right - (place + 1) * BUTTON, where.top() + 5, BUTTON, BUTTON)
    return made


class _Painter(QStyledItemDelegate):
    def __init__(self, rows: UpscaleRows, picture_of: Callable[[int], QImage | None]):
        super().__init__(rows)
        self._rows, self._picture_of = rows, picture_of
        self._name = theme.font(theme.SIZE, QFont.Weight.Medium)
        self._small = theme.font(theme.SIZE_SMALL)

    # ------------------------------------------------------------ size

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        row = index.data(Qt.ItemDataRole.UserRole)
        where = QRect(0, 0, self._rows.viewport().width(), 0)
        words = self._words_box(where, row)
        high = words.bottom() + 1 if row.words else words.top()
        return QSize(where.width(), max(_picture(where).height() + EDGE, high) + EDGE)

    def _bar_top(self, where: QRect, row: Row) -> int:
        """Below the name, the sizes, and the state where that needs a line of its own."""
        metrics = QFontMetrics(self._small)
        needed = metrics.horizontalAdvance(row.sizes) + metrics.horizontalAdvance(row.state)
        alone = bool(row.sizes) and needed + GAP > where.right() - EDGE - _left(where)
        return where.top() + EDGE + (3 if alone else 2) * LINE

    def _words_box(self, where: QRect, row: Row) -> QRect:
        left = _left(where)
        top = self._bar_top(where, row) + (12 if row.fraction >= 0 else 0)
        room = QRect(left, top, max(40, where.right() - EDGE - left), 400)
        flags = Qt.TextFlag.TextWordWrap | Qt.AlignmentFlag.AlignTop
        return QFontMetrics(self._small).boundingRect(room, flags, row.words)

    # ------------------------------------------------------------ look

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row: Row = index.data(Qt.ItemDataRole.UserRole)
        where, state = QRect(option.rect), option.state  # type: ignore[attr-defined]
        painter.save()
        painter.setRenderHints(
            QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform
        )
        back = theme.RAISED if state & QStyle.StateFlag.State_MouseOver else ""
        back = theme.HOVER if state & QStyle.StateFlag.State_Selected else back
        if back:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour(back))
            painter.drawRoundedRect(QRectF(where).adjusted(2, 1, -2, -1), 6, 6)
        if state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(theme.colour(theme.ACCENT))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(where).adjusted(2.5, 1.5, -2.5, -1.5), 6, 6)
        self._paint_picture(painter, where, row)
        self._paint_lines(painter, where, row)
        self._paint_buttons(painter, where, row)
        painter.restore()

    def _paint_picture(self, painter: QPainter, where: QRect, row: Row) -> None:
        box = QRect(where.topLeft() + QPoint(EDGE, EDGE), _picture(where))
        path = QPainterPath()
        path.addRoundedRect(QRectF(box), 5, 5)
        painter.fillPath(path, theme.colour(theme.GROUND))
        image = self._picture_of(row.number)
        if image is None or image.isNull():
            ratio = self._rows.devicePixelRatioF()
            name = "warn" if row.tone == "bad" else "film"
            mark = icons.pixmap(name, theme.EDGE, 20, ratio)
            painter.drawPixmap(box.center() - QPoint(9, 9), mark)
            return
        painter.save()
        painter.setClipPath(path)
        size = image.size().scaled(box.size(), Qt.AspectRatioMode.KeepAspectRatio)
        inner = QRect(QPoint(0, 0), size)
        inner.moveCenter(box.center())
        painter.drawImage(inner, image)
        painter.restore()

    def _paint_lines(self, painter: QPainter, where: QRect, row: Row) -> None:
        left, right = _left(where), where.right() - EDGE
        top, below = where.top() + EDGE, self._bar_top(where, row)
        middle = Qt.AlignmentFlag.AlignVCenter
        name = QRect(left, top, right - left - BUTTON * len(row.actions) - 4, LINE)
        painter.setPen(theme.colour(theme.TEXT))
        painter.setFont(self._name)
        shown = QFontMetrics(self._name).elidedText(
            row.name, Qt.TextElideMode.ElideMiddle, name.width()
        )
        painter.drawText(name, middle, shown)
        painter.setFont(self._small)
        metrics = QFontMetrics(self._small)
        second = QRect(left, top + LINE, right - left, LINE)
        painter.setPen(theme.colour(theme.DIM))
        elide = Qt.TextElideMode.ElideRight
        painter.drawText(second, middle, metrics.elidedText(row.sizes, elide, second.width()))
        painter.setPen(theme.colour(TONES[row.tone]))
        alone = below > second.bottom() + 1
        side = Qt.AlignmentFlag.AlignLeft if alone else Qt.AlignmentFlag.AlignRight
        last = QRect(left, below - LINE, right - left, LINE)
        painter.drawText(last, middle | side, row.state)
        if row.fraction >= 0:
            self._paint_bar(painter, QRectF(left, below + 3, right - left, 5), row)
        if row.words:
            bad = row.tone == "bad"
            painter.setPen(theme.colour(theme.DANGER if bad else theme.DIM))
            flags = Qt.TextFlag.TextWordWrap | Qt.AlignmentFlag.AlignTop
            painter.drawText(self._words_box(where, row), flags, row.words)

    def _paint_bar(self, painter: QPainter, box: QRectF, row: Row) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour(theme.GROUND))
        painter.drawRoundedRect(box, 2.5, 2.5)
        painter.setBrush(theme.colour(TONES[row.tone]))
        full = QRectF(box)
        full.setWidth(max(5.0, box.width() * min(row.fraction, 1.0)))
        painter.drawRoundedRect(full, 2.5, 2.5)

    def _paint_buttons(self, painter: QPainter, where: QRect, row: Row) -> None:
        pointer = self._rows.viewport().mapFromGlobal(self._rows.cursor().pos())
        ratio = self._rows.devicePixelRatioF()
        for name, box in _buttons(where, row).items():
            hot = box.contains(pointer) and self._rows.underMouse()
            mark = icons.pixmap(ACTIONS[name][0], theme.TEXT if hot else theme.DIM, 14, ratio)
            painter.drawPixmap(box.topLeft() + QPoint(4, 4), mark)

    # ------------------------------------------------------------ hand

    def editorEvent(
        self,
        event: QEvent,
        model: QAbstractItemModel,
        option: QStyleOptionViewItem,
        index: Index,
    ) -> bool:
        if isinstance(event, QMouseEvent) and event.type() == QEvent.Type.MouseButtonRelease:
            action = self._rows.action_at(event.position().toPoint())
            if action and event.button() == Qt.MouseButton.LeftButton:
                self._rows.acted.emit(action, index.data(Qt.ItemDataRole.UserRole).number)
                return True
        return super().editorEvent(event, model, option, index)

    def helpEvent(
        self, event: Any, view: QAbstractItemView, option: QStyleOptionViewItem, index: Index
    ) -> bool:
        row = index.data(Qt.ItemDataRole.UserRole)
        action = self._rows.action_at(event.pos())
        tip = ACTIONS[action][1] if action else row.spoken if row is not None else ""
        QToolTip.showText(event.globalPos(), tip, view)
        return True
