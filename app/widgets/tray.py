"""One side of what was sorted: small pictures, the newest first, a place to drop more."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
)
from PySide6.QtWidgets import QApplication, QFrame, QScrollArea, QSizePolicy, QToolTip, QWidget

from app.evidence import called
from app.shelf import Shelf
from app.widgets.painting import draw_cursor, draw_odd
from app.widgets.parts import column, label, scroll
from app.widgets.wall import draw_picture
from engine.messages import SteerRequest

GAP = 4
COLUMNS = 2
MARGIN, BAR = 8, 12
RELABEL = {
    Qt.Key.Key_M: "more", Qt.Key.Key_L: "less", Qt.Key.Key_S: "skip",
    Qt.Key.Key_Delete: "back", Qt.Key.Key_Backspace: "back",
}  # fmt: skip
"""Keys that sort a picture anew; `back` takes it back to the wall."""


class TrayGrid(QWidget):
    """The pictures of a tray. Click: what to do with it; M, L, S and Delete do it at once."""

    menu_asked = Signal(object, QPoint)
    """(SteerRequest, place on the screen)."""
    relabelled = Signal(object, str)
    drag_moved = Signal(object, QPoint)
    dropped = Signal(object, QPoint)

    def __init__(self, name: str, shelf: Shelf):
        super().__init__()
        self._shelf = shelf
        self._requests: list[SteerRequest] = []
        self._odd: set[SteerRequest] = set()
        self._side = 46.0
        self._cursor = 0
        self._pressed: tuple[int, QPointF] | None = None
        self._dragging = False
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        shelf.arrived.connect(self._arrived)

    def set_requests(self, requests: Sequence[SteerRequest], odd: set[SteerRequest]) -> None:
        """The pictures, and those that lie on the other side of the boundary."""
        if list(requests) != self._requests or odd != self._odd:
            self._requests, self._odd = list(requests), odd
            self._cursor = min(self._cursor, max(len(requests) - 1, 0))
            self._resize()
            self.update()

    @property
    def requests(self) -> list[SteerRequest]:
        return self._requests

    def _arrived(self, request: SteerRequest) -> None:
        if request in self._requests:
            self.update()

    # -------------------------------------------------------------- geometry

    def set_side(self, side: float) -> None:
        """Of a picture, pixels. Not taken from the width: a scroll bar that comes with the height
        would change the width, and that the height again."""
        self._side = side
        self._resize()

    def _resize(self) -> None:
        rows = -(-len(self._requests) // COLUMNS)
        self.setMinimumHeight(round(rows * (self._side + GAP)))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(100, 100)

    def cell_rect(self, index: int) -> QRectF:
        row, place = divmod(index, COLUMNS)
        step = self._side + GAP
        return QRectF(place * step, row * step, self._side, self._side)

    def _index_at(self, place: QPointF) -> int:
        for index in range(len(self._requests)):
            if self.cell_rect(index).contains(place):
                return index
        return -1

    # -------------------------------------------------------------- hand

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            index = self._index_at(QPointF(event.pos()))
            if index >= 0:
                words = called(self._requests[index]).capitalize()
                if self._requests[index] in self._odd:
                    words += "\nLies on the other side of the boundary: look at it again."
                QToolTip.showText(event.globalPos(), words, self)
            return True
        return super().event(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self._index_at(event.position())
        if index >= 0:
            self._cursor, self._pressed = index, (index, event.position())
            self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._pressed is None:
            return
        index, start = self._pressed
        far = (event.position() - start).manhattanLength() >= QApplication.startDragDistance()
        if self._dragging or far:
            self._dragging = True
            self.drag_moved.emit(self._requests[index], event.globalPosition().toPoint())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        pressed, self._pressed = self._pressed, None
        dragging, self._dragging = self._dragging, False
        if pressed is None or pressed[0] >= len(self._requests):
            return
        request, place = self._requests[pressed[0]], event.globalPosition().toPoint()
        if dragging:
            self.dropped.emit(request, place)
        else:
            self.menu_asked.emit(request, place)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {
            Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1,
            Qt.Key.Key_Up: -COLUMNS, Qt.Key.Key_Down: COLUMNS,
        }  # fmt: skip
        key = Qt.Key(event.key())
        if not self._requests:
            super().keyPressEvent(event)
        elif key in steps:
            self._cursor = min(max(self._cursor + steps[key], 0), len(self._requests) - 1)
            self.setAccessibleDescription(called(self._requests[self._cursor]))
            self.update()
        elif key in RELABEL:
            self.relabelled.emit(self._requests[self._cursor], RELABEL[key])
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            place = self.mapToGlobal(self.cell_rect(self._cursor).center().toPoint())
            self.menu_asked.emit(self._requests[self._cursor], place)
        else:
            super().keyPressEvent(event)

    # -------------------------------------------------------------- look

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHints(
            QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform
        )
        painter.setOpacity(1.0 if self.isEnabled() else 0.35)
        for index, request in enumerate(self._requests):
            box = self.cell_rect(index)
            if not box.intersects(QRectF(event.rect())):
                continue
            draw_picture(painter, box, self._shelf, request)
            if request in self._odd:
                draw_odd(painter, box)
            if self.hasFocus() and index == self._cursor:
                draw_cursor(painter, box)
        painter.end()


class Tray(QFrame):
    """A side with its name and count."""

    def __init__(self, side: str, words: str, shelf: Shelf):
        """`side`: less or more; `words`: what an empty tray says."""
        super().__init__()
        self.setObjectName("drop")
        self.setProperty("hot", False)
        self._side = side
        self.title = label(side.upper(), "section")
        self.grid = TrayGrid(f"Sorted as {side}", shelf)
        self.empty = label(words, "small", wrap=True)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        inside = QWidget()
        lines = column(inside)
        lines.addWidget(self.empty)
        lines.addWidget(self.grid)
        lines.addStretch(1)
        self.area: QScrollArea = scroll(inside, f"Sorted as {side}, list")
        layout = column(self, margin=MARGIN, spacing=6)
        middle = Qt.AlignmentFlag.AlignHCenter
        layout.addWidget(self.title, 0, middle)
        layout.addWidget(self.area, 1)
        self.set_width(124)

    def set_width(self, width: int) -> None:
        self.setFixedWidth(width)
        self.grid.set_side((width - 2 * MARGIN - BAR - (COLUMNS - 1) * GAP) / COLUMNS)

    def show_requests(self, requests: Sequence[SteerRequest], odd: set[SteerRequest]) -> None:
        self.title.setText(
            f"{self._side.upper()}   {len(requests)}" if requests else self._side.upper()
        )
        self.empty.setVisible(not requests)
        self.grid.set_requests(requests, odd)

    def set_hot(self, hot: bool) -> None:
        """Something is held over it."""
        if self.property("hot") != hot:
            self.setProperty("hot", hot)
            self.style().polish(self)

    def landing(self, parent: QWidget) -> QRectF:
        """Where the next picture will lie, in another widget's coordinates."""
        spot = self.grid.cell_rect(0).toRect()
        place = self.area.viewport().mapTo(parent, QPoint(0, 0))
        return QRectF(QRect(place, spot.size() if spot.width() > 8 else QSize(46, 46)))
