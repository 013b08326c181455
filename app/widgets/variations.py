"""A wall of pictures of any shape that grow from coarse to fine, to choose, keep and drag out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QMimeData, QPointF, QRectF, QSize, Qt, QUrl, Signal, Slot
from PySide6.QtGui import (
    QDrag,
    QHelpEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QApplication, QFrame, QToolTip

from app import icons, theme

GAP = 6
STAR = 24
"""Side of the place of the star, pixels."""


@dataclass(frozen=True)
class Tile:
    """What one cell shows."""

    image: QImage | None
    words: str
    """For the tip and for those who do not see it."""
    fraction: float = 1.0
    """How far it has come, 0..1."""
    kept: bool = False
    warning: str = ""
    """A word over the picture, such as `copy`."""


class VariationWall(QAbstractScrollArea):
    """Cells of one shape; as many columns as show the first `base` pictures largest.

    Arrow keys move, Return opens, S keeps; a picture is dragged out as a PNG file.
    """

    chosen = Signal(int)
    keep_asked = Signal(int)

    def __init__(self, name: str, base: int, file_of: Callable[[int], str], top: bool = False):
        """`file_of(index)`: writes the picture to a file for whoever it is dropped on.
        `top`: the cells begin at the top instead of lying in the middle."""
        super().__init__()
        self._base, self._file_of, self._top = base, file_of, top
        self._tiles: list[Tile] = []
        self._aspect = 1.0
        self._strip = False
        self._current = self._cursor = -1
        self._hover = -1
        self._press: QPointF | None = None
        self.setAccessibleName(name)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.viewport().setMouseTracking(True)
        self.viewport().setAutoFillBackground(False)

    def sizeHint(self) -> QSize:
        return QSize(480, 360)

    def minimumSizeHint(self) -> QSize:
        return QSize(96, 72)

    # -------------------------------------------------------------- what it shows

    @property
    def count(self) -> int:
        return len(self._tiles)

    def tile(self, index: int) -> Tile:
        return self._tiles[index]

    def set_tiles(self, tiles: Sequence[Tile], aspect: float) -> None:
        """`aspect`: width over height of every cell."""
        self._tiles = list(tiles)
        self._aspect = min(max(aspect, 0.15), 6.0)
        self._cursor = min(self._cursor, len(tiles) - 1)
        self._lay()

    def set_tile(self, index: int, tile: Tile) -> None:
        self._tiles[index] = tile
        self.viewport().update(self.cell(index).toAlignedRect().adjusted(-3, -3, 3, 3))
        if index == self._cursor:
            self.setAccessibleDescription(tile.words)

    def set_current(self, index: int) -> None:
        """The one that is shown large; -1 for none."""
        self._current = index
        if index >= 0:
            self._cursor = index
        self.viewport().update()

    def set_strip(self, on: bool) -> None:
        """One row that scrolls sideways."""
        if on != self._strip:
            self._strip = on
            self._lay()

    # -------------------------------------------------------------- geometry

    def _grid(self) -> tuple[int, float, float]:
        """(columns, cell width, cell height)."""
        room = self.viewport().size()
        count = max(len(self._tiles), 1)
        if self._strip:
            tall = max(room.height() - 4.0, 24.0)
            return count, tall * self._aspect, tall
        best = (1, 1.0, 1.0)
        for columns in range(1, min(count, self._base) + 1):
            rows = math.ceil(min(count, self._base) / columns)
            wide = (room.width() - (columns + 1) * GAP) / columns
            tall = (room.height() - (rows + 1) * GAP) / rows
            wide = max(min(wide, tall * self._aspect), 24.0)
            if wide > best[1]:
                best = (columns, wide, wide / self._aspect)
        return best

    def _lay(self) -> None:
        columns, wide, tall = self._grid()
        rows = math.ceil(len(self._tiles) / max(columns, 1))
        across = round(columns * (wide + GAP) + GAP) - self.viewport().width()
        down = round(rows * (tall + GAP) + GAP) - self.viewport().height()
        for bar, over, step in (
            (self.horizontalScrollBar(), across if self._strip else 0, wide + GAP),
            (self.verticalScrollBar(), 0 if self._strip else down, tall + GAP),
        ):
            bar.setRange(0, max(over, 0))
            bar.setSingleStep(round(step / 2))
            bar.setPageStep(round(step))
        self.viewport().update()

    def cell(self, index: int) -> QRectF:
        """Where a picture lies in the viewport."""
        columns, wide, tall = self._grid()
        line, column = divmod(index, columns)
        used = columns * (wide + GAP) - GAP
        left = max((self.viewport().width() - used) / 2, 2.0 if self._strip else GAP)
        rows = math.ceil(len(self._tiles) / columns)
        high = rows * (tall + GAP) - GAP
        edge = 2.0 if self._strip else GAP
        top = edge if self._top else max((self.viewport().height() - high) / 2, edge)
        x = left + column * (wide + GAP) - self.horizontalScrollBar().value()
        y = top + line * (tall + GAP) - self.verticalScrollBar().value()
        return QRectF(x, y, wide, tall)

    def _star_of(self, index: int) -> QRectF:
        box = self.cell(index)
        return QRectF(box.right() - STAR - 3, box.top() + 3, STAR, STAR)

    def _index_at(self, at: QPointF) -> int:
        for index in range(len(self._tiles)):
            if self.cell(index).contains(at):
                return index
        return -1

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._lay()

    # -------------------------------------------------------------- hand

    def viewportEvent(self, event) -> bool:  # noqa: ANN001 - QEvent
        if isinstance(event, QHelpEvent):
            index = self._index_at(QPointF(event.pos()))
            if index >= 0:
                QToolTip.showText(event.globalPos(), self._tiles[index].words, self)
            return True
        return super().viewportEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._press = event.position()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        hover = self._index_at(event.position())
        if hover != self._hover:
            self._hover = hover
            self.viewport().update()
        if self._press is None:
            return
        far = (event.position() - self._press).manhattanLength()
        if far >= QApplication.startDragDistance():
            index, self._press = self._index_at(self._press), None
            self._drag(index)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        press, self._press = self._press, None
        if press is None:
            return
        index = self._index_at(event.position())
        if index < 0 or index != self._index_at(press):
            return
        self._cursor = index
        if self._star_of(index).contains(event.position()):
            self.keep_asked.emit(index)
        else:
            self.chosen.emit(index)

    def leaveEvent(self, event) -> None:  # noqa: ANN001 - QEvent
        self._hover = -1
        self.viewport().update()

    def _drag(self, index: int) -> None:
        """Out of the window, as a file and as a picture."""
        image = self._tiles[index].image if index >= 0 else None
        path = self._file_of(index) if image is not None else ""
        if image is None or not path:
            return
        mime = QMimeData()
        mime.setUrls([QUrl.fromLocalFile(path)])
        mime.setImageData(image)
        drag = QDrag(self)
        drag.setMimeData(mime)
        small = image.scaledToHeight(80, Qt.TransformationMode.SmoothTransformation)
        drag.setPixmap(QPixmap.fromImage(small))
        drag.exec(Qt.DropAction.CopyAction)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        columns = self._grid()[0]
        steps = {
            Qt.Key.Key_Left: -1,
            Qt.Key.Key_Right: 1,
            Qt.Key.Key_Up: -columns,
            Qt.Key.Key_Down: columns,
        }
        key = Qt.Key(event.key())
        if not self._tiles or event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            super().keyPressEvent(event)
        elif key in steps:
            self._cursor = min(max(self._cursor + steps[key], 0), len(self._tiles) - 1)
            self._tell()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.chosen.emit(max(self._cursor, 0))
        elif key == Qt.Key.Key_S:
            self.keep_asked.emit(max(self._cursor, 0))
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event) -> None:  # noqa: ANN001 - QFocusEvent
        super().focusInEvent(event)
        self._cursor = max(self._cursor, 0)
        if self._tiles:
            self._tell()

    def _tell(self) -> None:
        """Bring the cell under the cursor into view, and say what it is."""
        self.setAccessibleDescription(self._tiles[self._cursor].words)
        box, room = self.cell(self._cursor), self.viewport().rect()
        for bar, low, high, size in (
            (self.horizontalScrollBar(), box.left(), box.right(), room.width()),
            (self.verticalScrollBar(), box.top(), box.bottom(), room.height()),
        ):
            if low < 0:
                bar.setValue(round(bar.value() + low - GAP))
            elif high > size:
                bar.setValue(round(bar.value() + high - size + GAP))
        self.viewport().update()

    @Slot(int, int)
    def scrollContentsBy(self, _dx: int, _dy: int) -> None:
        self.viewport().update()

    # -------------------------------------------------------------- look

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.setRenderHints(
            QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform
        )
        for index, tile in enumerate(self._tiles):
            box = self.cell(index)
            if box.intersects(QRectF(event.rect())):
                self._paint_tile(painter, index, tile, box)
        painter.end()

    def _paint_tile(self, painter: QPainter, index: int, tile: Tile, box: QRectF) -> None:
        path = QPainterPath()
        path.addRoundedRect(box, 5, 5)
        painter.fillPath(path, theme.colour(theme.RAISED))
        painter.save()
        painter.setClipPath(path)
        if tile.image is not None:
            painter.drawImage(_inside(box, tile.image.size()), tile.image)
        if tile.fraction < 1.0:
            line = QRectF(box.left(), box.bottom() - 3, box.width(), 3)
            painter.fillRect(line, theme.colour("#000000", 120))
            line.setWidth(box.width() * tile.fraction)
            painter.fillRect(line, theme.colour(theme.ACCENT))
        painter.restore()
        if tile.warning:
            self._paint_word(painter, box, tile.warning)
        if (tile.kept or index == self._hover) and tile.fraction >= 1.0:
            self._paint_star(painter, self._star_of(index), tile.kept)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if index == self._current:
            painter.setPen(QPen(theme.colour(theme.ACCENT), 2))
            painter.drawRoundedRect(box.adjusted(-1, -1, 1, 1), 6, 6)
        if self.hasFocus() and index == self._cursor:
            painter.setPen(QPen(theme.colour(theme.TEXT), 1.5, Qt.PenStyle.DotLine))
            painter.drawRoundedRect(box.adjusted(3, 3, -3, -3), 3, 3)

    def _paint_word(self, painter: QPainter, box: QRectF, word: str) -> None:
        painter.setFont(theme.font(theme.SIZE_SMALL))
        wide = painter.fontMetrics().horizontalAdvance(word) + 14
        spot = QRectF(box.left() + 5, box.top() + 5, wide, 19)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour("#3a2320", 235))
        painter.drawRoundedRect(spot, 5, 5)
        painter.setPen(theme.colour(theme.DANGER))
        painter.drawText(spot, Qt.AlignmentFlag.AlignCenter, word)

    def _paint_star(self, painter: QPainter, spot: QRectF, kept: bool) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour("#000000", 150))
        painter.drawEllipse(spot)
        colour = theme.ACCENT if kept else "#ffffff"
        ratio = self.devicePixelRatioF()
        painter.drawPixmap(
            QPointF(spot.x() + 4, spot.y() + 4), icons.pixmap("star", colour, 16, ratio)
        )


def _inside(box: QRectF, size: QSize) -> QRectF:
    """The largest place of this shape inside `box`; a hair's difference is not worth an edge."""
    scale = min(box.width() / max(size.width(), 1), box.height() / max(size.height(), 1))
    wide, tall = size.width() * scale, size.height() * scale
    if box.width() - wide < 3 and box.height() - tall < 3:
        return box
    return QRectF(box.center().x() - wide / 2, box.center().y() - tall / 2, wide, tall)
