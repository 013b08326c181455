"""The sort wall: pictures in a grid, each sent to one side or the other by click, key or drag."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QEnterEvent,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QApplication, QLineEdit, QSizePolicy, QToolTip, QWidget

from app import theme
from app.evidence import called
from app.shelf import Shelf
from engine.messages import SteerRequest

GAP = 5
RADIUS = 5
SORTING = {
    Qt.Key.Key_Right: "more", Qt.Key.Key_M: "more",
    Qt.Key.Key_Left: "less", Qt.Key.Key_L: "less",
    Qt.Key.Key_Down: "skip", Qt.Key.Key_Space: "skip", Qt.Key.Key_S: "skip",
}  # fmt: skip
"""Keys that sort the picture under the cursor."""


def draw_picture(painter: QPainter, box: QRectF, shelf: Shelf, request: SteerRequest) -> None:
    """One picture with round corners, or the place where it will be."""
    path = QPainterPath()
    path.addRoundedRect(box, RADIUS, RADIUS)
    ratio = painter.device().devicePixelRatioF()
    picture = shelf.pixmap(request, max(round(box.width() * ratio), 1))
    if picture is None:
        painter.fillPath(path, theme.colour(theme.RAISED))
        return
    painter.save()
    painter.setClipPath(path)
    painter.drawPixmap(box, picture, QRectF(picture.rect()))
    painter.restore()


class SortWall(QWidget):
    """Click: more. Right click or Alt: less. Middle click: skip. Keys act on the picture under the
    pointer or the cursor; Ctrl and arrows move the cursor. An emptied cell is filled in place, so
    that nothing else moves under the hand."""

    sorted = Signal(object, str)
    """(SteerRequest, more | less | skip)."""
    drag_moved = Signal(object, QPoint)
    """(SteerRequest, place on the screen)."""
    dropped = Signal(object, QPoint)
    room_changed = Signal()

    def __init__(self, shelf: Shelf, cell: int = 98):
        """`cell`: smallest side of a picture in pixels."""
        super().__init__()
        self._shelf, self._cell = shelf, cell
        self._cells: list[SteerRequest | None] = []
        self._columns, self._rows = 1, 1
        self._cursor = 0
        self._keyboard = False
        self._pressed: tuple[int, QPointF, Qt.MouseButton] | None = None
        self._dragging = False
        self._words = ""
        self.setAccessibleName("Pictures to sort")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(2 * cell, 2 * cell)
        shelf.arrived.connect(self._arrived)

    # -------------------------------------------------------------- what lies on it

    @property
    def room(self) -> int:
        """Pictures that have a place."""
        return self._columns * self._rows

    @property
    def requests(self) -> list[SteerRequest]:
        return [one for one in self._cells if one is not None]

    @property
    def free(self) -> int:
        return sum(one is None for one in self._cells)

    @property
    def cursor_request(self) -> SteerRequest | None:
        """The picture the keys act on."""
        return self._cells[self._cursor] if self._cursor < len(self._cells) else None

    def clear(self, words: str = "") -> None:
        """Nothing to sort; `words` say why."""
        self._cells = [None] * self.room
        self._words = words
        self.update()

    def fill(self, requests: Iterable[SteerRequest]) -> list[SteerRequest]:
        """Put pictures on free cells, in order; returns those without a place."""
        waiting = list(requests)
        for index, held in enumerate(self._cells):
            if held is None and waiting:
                self._cells[index] = waiting.pop(0)
                self.update(self.cell_rect(index).toAlignedRect())
        self._tell()
        return waiting

    def take(self, request: SteerRequest) -> QRect:
        """Empty a picture's cell; where it was, in this widget."""
        index = self._cells.index(request)
        self._cells[index] = None
        self.update(self.cell_rect(index).toAlignedRect())
        return self.cell_rect(index).toRect()

    def holds(self, request: SteerRequest) -> bool:
        return request in self._cells

    def _arrived(self, request: SteerRequest) -> None:
        if request in self._cells:
            self.update(self.cell_rect(self._cells.index(request)).toAlignedRect())

    # -------------------------------------------------------------- geometry

    def sizeHint(self) -> QSize:
        return QSize(6 * (self._cell + GAP), 5 * (self._cell + GAP))

    def set_cell(self, cell: int) -> None:
        """Another smallest side."""
        if cell != self._cell:
            self._cell = cell
            self.setMinimumSize(2 * cell, 2 * cell)
            self._lay_out()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._lay_out()

    def _lay_out(self) -> None:
        columns, rows = self._best(self.size())
        if (columns, rows) == (self._columns, self._rows) and self._cells:
            return
        self._columns, self._rows = columns, rows
        held = self.requests[: self.room]
        self._cells = [*held, *[None] * (self.room - len(held))]
        self._cursor = min(self._cursor, self.room - 1)
        self.room_changed.emit()

    def _best(self, size: QSize) -> tuple[int, int]:
        """Columns and rows: as many pictures as have room, none smaller than a cell; of equal
        numbers the one with the larger pictures."""
        most = max((size.width() + GAP) // (self._cell + GAP), 1)
        best, found = (0, 0.0), (1, 1)
        for columns in range(1, most + 1):
            rows = max((size.height() + GAP) // (self._cell + GAP), 1)
            side = min((size.width() + GAP) / columns, (size.height() + GAP) / rows) - GAP
            best, found = max((best, found), ((columns * rows, side), (columns, rows)))
        return found

    def _side(self) -> float:
        across = (self.width() + GAP) / self._columns - GAP
        down = (self.height() + GAP) / self._rows - GAP
        return min(across, down)

    def cell_rect(self, index: int) -> QRectF:
        side = self._side()
        row, column = divmod(index, self._columns)
        left = (self.width() - self._columns * (side + GAP) + GAP) / 2
        top = (self.height() - self._rows * (side + GAP) + GAP) / 2
        return QRectF(left + column * (side + GAP), top + row * (side + GAP), side, side)

    def _index_at(self, place: QPointF) -> int:
        for index in range(len(self._cells)):
            if self.cell_rect(index).contains(place):
                return index
        return -1

    # -------------------------------------------------------------- hand

    def enterEvent(self, event: QEnterEvent) -> None:
        # The keys act on the picture under the pointer, unless someone is typing.
        if not isinstance(QApplication.focusWidget(), QLineEdit) and self.window().isActiveWindow():
            self.setFocus(Qt.FocusReason.MouseFocusReason)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            index = self._index_at(QPointF(event.pos()))
            held = self._cells[index] if index >= 0 else None
            if held is not None:
                QToolTip.showText(event.globalPos(), called(held).capitalize(), self)
            return True
        return super().event(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self._index_at(event.position())
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        if index >= 0 and self._cells[index] is not None:
            self._pressed = (index, event.position(), event.button())
            self._move_cursor(index, keyboard=False)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._pressed is None:
            index = self._index_at(event.position())
            if index >= 0:
                self._move_cursor(index, keyboard=False)
            return
        index, start, button = self._pressed
        far = (event.position() - start).manhattanLength() >= QApplication.startDragDistance()
        if button == Qt.MouseButton.LeftButton and (self._dragging or far):
            self._dragging = True
            self.drag_moved.emit(self._cells[index], event.globalPosition().toPoint())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._pressed is None:
            return
        index, _start, button = self._pressed
        dragging, self._dragging, self._pressed = self._dragging, False, None
        request = self._cells[index]
        if request is None:
            return
        if dragging:
            self.dropped.emit(request, event.globalPosition().toPoint())
            return
        if self._index_at(event.position()) != index:
            return
        alt = bool(event.modifiers() & Qt.KeyboardModifier.AltModifier)
        if button == Qt.MouseButton.RightButton or (button == Qt.MouseButton.LeftButton and alt):
            self.sorted.emit(request, "less")
        elif button == Qt.MouseButton.LeftButton:
            self.sorted.emit(request, "more")
        elif button == Qt.MouseButton.MiddleButton:
            self.sorted.emit(request, "skip")

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        ctrl = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        steps = {
            Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1,
            Qt.Key.Key_Up: -self._columns, Qt.Key.Key_Down: self._columns,
        }  # fmt: skip
        if (ctrl and key in steps) or key == Qt.Key.Key_Up:
            self._move_cursor(self._cursor + steps[key])
        elif key == Qt.Key.Key_Home:
            self._move_cursor(0)
        elif key == Qt.Key.Key_End:
            self._move_cursor(len(self._cells) - 1)
        elif key in SORTING and not ctrl:
            self._keyboard = True
            request = self.cursor_request
            if request is not None and not event.isAutoRepeat():
                self.sorted.emit(request, SORTING[key])
        else:
            super().keyPressEvent(event)

    def _move_cursor(self, index: int, keyboard: bool = True) -> None:
        index = min(max(index, 0), max(len(self._cells) - 1, 0))
        self._keyboard = keyboard
        before, self._cursor = self._cursor, index
        self._tell()
        for place in {before, index}:
            self.update(self.cell_rect(place).toAlignedRect())

    def _tell(self) -> None:
        held = self.cursor_request
        place = f"picture {self._cursor + 1} of {len(self._cells)}"
        self.setAccessibleDescription(f"{place}, {called(held)}" if held else place)

    def leaveEvent(self, event: QEvent) -> None:
        self.update()

    def focusInEvent(self, event: QEvent) -> None:
        self.update()

    def focusOutEvent(self, event: QEvent) -> None:
        self.update()

    # -------------------------------------------------------------- look

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHints(
            QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform
        )
        for index, held in enumerate(self._cells):
            box = self.cell_rect(index)
            if held is None or not box.intersects(QRectF(event.rect())):
                continue
            away = self._dragging and self._pressed is not None and self._pressed[0] == index
            painter.setOpacity(0.25 if away else 1.0 if self.isEnabled() else 0.35)
            draw_picture(painter, box, self._shelf, held)
            painter.setOpacity(1.0)
            if index == self._cursor and not away and (self.hasFocus() or self.underMouse()):
                self._paint_cursor(painter, box)
        if not self.requests and self._words:
            painter.setPen(theme.colour(theme.DIM))
            words = self.rect().adjusted(40, 40, -40, -40)
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(words, flags, self._words)
        painter.end()

    def _paint_cursor(self, painter: QPainter, box: QRectF) -> None:
        """A ring, and which way is which."""
        painter.setPen(QPen(theme.colour(theme.GROUND), 4))
        painter.drawRoundedRect(box.adjusted(1, 1, -1, -1), RADIUS, RADIUS)
        painter.setPen(QPen(theme.colour(theme.ACCENT), 2))
        painter.drawRoundedRect(box.adjusted(1, 1, -1, -1), RADIUS, RADIUS)
        if box.width() < 84:
            return
        strip = QRectF(box.left() + 3, box.bottom() - 21, box.width() - 6, 18)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour("#101010", 200))
        painter.drawRoundedRect(strip, 4, 4)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setFont(theme.font(theme.SIZE_SMALL))
        painter.setPen(theme.colour(theme.TEXT))
        middle = Qt.AlignmentFlag.AlignVCenter
        inner = strip.adjusted(5, 0, -5, 0)
        painter.drawText(inner, Qt.AlignmentFlag.AlignLeft | middle, "← less")
        painter.drawText(inner, Qt.AlignmentFlag.AlignRight | middle, "more →")
