"""Every sorted picture where it lies along the axis, so that a misfit is seen at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app import theme
from app.evidence import called
from app.shelf import Shelf
from app.widgets.painting import draw_cursor, draw_odd
from app.widgets.tray import RELABEL
from app.widgets.wall import draw_picture
from engine.messages import SteerRequest

FOOT = 17
SIDE = 30
SMALLEST = 18
REACH = 2.0
"""σ shown at least."""


@dataclass(frozen=True)
class Spot:
    """One sorted picture on the axis."""

    request: SteerRequest
    answer: str
    margin: float

    @property
    def odd(self) -> bool:
        """On the other side than it was put."""
        return (self.margin > 0) != (self.answer == "more")

    @property
    def words(self) -> str:
        said = f"sorted as {self.answer}, lies at {self.margin:+.2f} σ".replace("-", "−")
        return f"{called(self.request).capitalize()}: {said}"


class MarginPlot(QWidget):
    """Left of the boundary is less, right of it is more. Click a picture to sort it anew."""

    menu_asked = Signal(object, QPoint)
    relabelled = Signal(object, str)

    def __init__(self, shelf: Shelf, height: int = 106):
        super().__init__()
        self._shelf = shelf
        self._spots: tuple[Spot, ...] = ()
        self._boxes: list[QRectF] = []
        self._cursor = 0
        self._words = ""
        self.setAccessibleName("Sorted pictures along the axis")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(height)
        shelf.arrived.connect(self._arrived)

    def sizeHint(self) -> QSize:
        return QSize(600, self.height())

    @property
    def spots(self) -> tuple[Spot, ...]:
        return self._spots

    def set_spots(self, spots: Sequence[Spot], words: str = "") -> None:
        """`words` are shown while there is nothing to show."""
        self._spots = tuple(sorted(spots, key=lambda spot: spot.margin))
        self._cursor = min(self._cursor, max(len(self._spots) - 1, 0))
        self._words = words
        odd = sum(spot.odd for spot in self._spots)
        self.setAccessibleDescription(f"{len(self._spots)} pictures, {odd} on the other side")
        self._place()
        self.update()

    def _arrived(self, request: SteerRequest) -> None:
        if any(spot.request == request for spot in self._spots):
            self.update()

    # -------------------------------------------------------------- geometry

    def resizeEvent(self, event: QEvent) -> None:
        self._place()

    @property
    def _reach(self) -> float:
        return max([REACH, *(abs(spot.margin) for spot in self._spots)]) * 1.06

    def _x(self, sigma: float, side: float) -> float:
        inner = self.width() - side - 8
        return 4 + side / 2 + (sigma / self._reach + 1) / 2 * inner

    def _place(self) -> None:
        """Stacked where they crowd; smaller when the stacks do not fit."""
        side = float(SIDE)
        while True:
            boxes = self._stack(side)
            if side <= SMALLEST or all(box.top() >= 0 for box in boxes):
                break
            side -= 2.0
        self._boxes = boxes

    def _stack(self, side: float) -> list[QRectF]:
        ground = self.height() - FOOT
        boxes: list[QRectF] = []
        for spot in self._spots:
            x = self._x(spot.margin, side) - side / 2
            level = 0
            box = QRectF(x, ground - side, side, side)
            while any(box.adjusted(1, 1, -1, -1).intersects(other) for other in boxes):
                level += 1
                box = QRectF(x, ground - side - level * (side + 2), side, side)
            boxes.append(box)
        return boxes

    def spot_rect(self, request: SteerRequest) -> QRectF | None:
        for spot, box in zip(self._spots, self._boxes, strict=True):
            if spot.request == request:
                return box
        return None

    def _index_at(self, place: QPointF) -> int:
        # The last drawn lies on top.
        for index in reversed(range(len(self._boxes))):
            if self._boxes[index].contains(place):
                return index
        return -1

    # -------------------------------------------------------------- hand

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            index = self._index_at(QPointF(event.pos()))
            if index >= 0:
                QToolTip.showText(event.globalPos(), self._spots[index].words, self)
            else:
                QToolTip.hideText()
            return True
        return super().event(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self._index_at(event.position())
        if index >= 0:
            self._cursor = index
            self.update()
            self.menu_asked.emit(self._spots[index].request, event.globalPosition().toPoint())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
        if not self._spots:
            super().keyPressEvent(event)
        elif key in steps:
            self._cursor = min(max(self._cursor + steps[key], 0), len(self._spots) - 1)
            self.setAccessibleDescription(self._spots[self._cursor].words)
            self.update()
        elif key in RELABEL:
            self.relabelled.emit(self._spots[self._cursor].request, RELABEL[key])
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            place = self.mapToGlobal(self._boxes[self._cursor].center().toPoint())
            self.menu_asked.emit(self._spots[self._cursor].request, place)
        else:
            super().keyPressEvent(event)

    # -------------------------------------------------------------- look

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHints(
            QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform
        )
        ground = self.height() - FOOT + 2
        painter.setFont(theme.font(theme.SIZE_SMALL))
        foot = QRectF(6, ground + 1, self.width() - 12, FOOT - 3)
        centre = Qt.AlignmentFlag.AlignVCenter
        if not self._spots:
            painter.setPen(theme.colour(theme.DIM))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self._words)
            painter.end()
            return
        painter.setPen(QPen(theme.colour(theme.EDGE), 1))
        painter.drawLine(QPointF(4, ground), QPointF(self.width() - 4, ground))
        middle = self._x(0.0, SIDE)
        painter.setPen(QPen(theme.colour(theme.EDGE), 1, Qt.PenStyle.DashLine))
        painter.drawLine(QPointF(middle, 2), QPointF(middle, ground))
        painter.setPen(theme.colour(theme.DIM))
        painter.drawText(foot, Qt.AlignmentFlag.AlignLeft | centre, "← less")
        painter.drawText(foot, Qt.AlignmentFlag.AlignRight | centre, "more →")
        painter.drawText(foot, Qt.AlignmentFlag.AlignHCenter | centre, "boundary")
        painter.setOpacity(1.0 if self.isEnabled() else 0.35)
        for index, (spot, box) in enumerate(zip(self._spots, self._boxes, strict=True)):
            draw_picture(painter, box, self._shelf, spot.request)
            if spot.odd:
                draw_odd(painter, box)
            if self.hasFocus() and index == self._cursor:
                draw_cursor(painter, box)
        painter.end()
