"""The grid of units: what each responds to, side by side. Only what is seen is painted."""

from __future__ import annotations

from PySide6.QtCore import (
    QAbstractItemModel,
    QEvent,
    QItemSelection,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QFont, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from app import icons, theme
from app.inspect_state import share_words, unit_words
from app.unit_model import CELL, THUMBNAILS, Cell, UnitModel
from app.widgets.painting import draw_rounded
from engine.messages import UnitSummary

PAD, GAP, BELOW = 8, 3, 44
"""Pixels around a cell, between its pictures, and of the words below them."""
NARROWEST = 200
STAR = 22
Index = QModelIndex | QPersistentModelIndex


class UnitDelegate(QStyledItemDelegate):
    """Strip of exemplars, words, where it is, how well the words fit, a star."""

    starred = Signal(object, bool)
    """(UnitSummary, on)"""

    def __init__(self, parent: QWidget):
        super().__init__(parent)
        self.cell = QSize(NARROWEST, 110)
        self.current = False
        """Whether the view has the focus."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return self.cell

    def star_box(self, rect: QRect) -> QRect:
        return QRect(rect.right() - PAD - STAR + 3, rect.bottom() - BELOW + 1, STAR, STAR)

    def editorEvent(
        self,
        event: QEvent,
        model: QAbstractItemModel,
        option: QStyleOptionViewItem,
        index: Index,
    ) -> bool:
        cell = index.data(CELL)
        if isinstance(event, QMouseEvent) and isinstance(cell, Cell):
            rect: QRect = option.rect  # type: ignore[attr-defined]
            inside = self.star_box(rect).contains(event.position().toPoint())
            if inside and event.type() == QEvent.Type.MouseButtonRelease:
                self.starred.emit(cell.summary, not cell.summary.starred)
                return True
        return super().editorEvent(event, model, option, index)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        painter.save()
        hints = QPainter.RenderHint
        painter.setRenderHints(hints.Antialiasing | hints.SmoothPixmapTransform)
        rect: QRect = option.rect  # type: ignore[attr-defined]
        state: QStyle.StateFlag = option.state  # type: ignore[attr-defined]
        frame = QRectF(rect).adjusted(3, 3, -3, -3)
        chosen = bool(state & QStyle.StateFlag.State_Selected)
        hot = bool(state & QStyle.StateFlag.State_MouseOver)
        painter.setPen(QPen(theme.colour(theme.ACCENT), 1.5) if chosen else Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour(theme.HOVER if chosen or hot else theme.RAISED))
        painter.drawRoundedRect(frame, 7, 7)
        if state & QStyle.StateFlag.State_HasFocus and self.current:
            painter.setPen(QPen(theme.colour(theme.TEXT), 1.2, Qt.PenStyle.DotLine))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(frame.adjusted(2.5, 2.5, -2.5, -2.5), 5, 5)
        cell = index.data(CELL)
        self._strip(painter, rect, cell)
        if isinstance(cell, Cell):
            self._words(painter, rect, cell.summary, hot)
        painter.restore()

    def _strip(self, painter: QPainter, rect: QRect, cell: object) -> None:
        wide = (rect.width() - 2 * PAD - (THUMBNAILS - 1) * GAP) / THUMBNAILS
        strip = cell.strip if isinstance(cell, Cell) else None
        side = strip.height() if strip is not None else 0
        for place in range(THUMBNAILS):
            box = QRectF(rect.x() + PAD + place * (wide + GAP), rect.y() + PAD, wide, wide)
            part = QRectF(place * side, 0, side, side)
            here = strip is not None and not strip.isNull() and part.right() <= strip.width()
            draw_rounded(painter, box, strip if here else None, 3, theme.PANEL, part)

    def _words(self, painter: QPainter, rect: QRect, summary: UnitSummary, hot: bool) -> None:
        left, right = rect.x() + PAD + 2, rect.right() - PAD
        upper = QRectF(left, rect.bottom() - BELOW + 2, right - left - STAR, 20)
        lower = QRectF(left, rect.bottom() - BELOW + 21, right - left, 16)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setFont(theme.font(theme.SIZE, QFont.Weight.Medium))
        sure = bool(summary.words) and not summary.unsure
        painter.setPen(theme.colour(theme.TEXT if sure else theme.DIM))
        words = summary.words or unit_words(summary.unit)
        words = f"{words} ?" if summary.words and summary.unsure else words
        elided = painter.fontMetrics().elidedText(
            words, Qt.TextElideMode.ElideRight, int(upper.width())
        )
        painter.drawText(upper, middle, elided)
        if summary.starred or hot:
            shown = icons.pixmap("star", theme.ACCENT if summary.starred else theme.EDGE, 16, 2.0)
            box = self.star_box(rect)
            painter.drawPixmap(QRect(box.x() + 3, box.y() + 3, 16, 16), shown)
        painter.setFont(theme.font(theme.SIZE_SMALL))
        painter.setPen(theme.colour(theme.DIM))
        share = summary.score
        room = lower.adjusted(0, 0, -66 if share is not None else 0, 0)
        place = unit_words(summary.unit) if summary.words else _figures(summary, room.width())
        if summary.effect is not None:
            place = f"{place} · {share_words(summary.effect)}"
        place = painter.fontMetrics().elidedText(
            place, Qt.TextElideMode.ElideMiddle, int(room.width())
        )
        painter.drawText(room, middle, place)
        if share is not None:
            self._score(painter, lower, share, summary.unsure)

    def _score(self, painter: QPainter, room: QRectF, score: float, unsure: bool) -> None:
        """AUC as a bar: chance (.5) is empty, 1 is full."""
        track = QRectF(room.right() - 58, room.center().y() - 2, 56, 4)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour(theme.LINE))
        painter.drawRoundedRect(track, 2, 2)
        share = min(max(2.0 * score - 1.0, 0.0), 1.0)
        track.setWidth(max(share * track.width(), 3.0))
        painter.setBrush(theme.colour(theme.QUIET if unsure else theme.ACCENT))
        painter.drawRoundedRect(track, 2, 2)


def _figures(summary: UnitSummary, room: float) -> str:
    """What there is to say of a unit without a name, in so many pixels."""
    first = f"selective {summary.selectivity:.2f}"
    return f"{first}, strongest {summary.largest:.3g}" if room > 180 else first


class UnitGrid(QListView):
    """10,000 units and more: rows come from the model when they are seen."""

    chosen = Signal(object)
    """UnitSummary under the cursor."""
    selected = Signal(object)
    """Tuple of Units."""
    all_asked = Signal()
    """All rows are selected, those too that have never been seen."""
    opened = Signal()
    """Return or double click: to the card."""

    def __init__(self, model: UnitModel):
        super().__init__()
        self._units = model
        self._words = ""
        self.delegate = UnitDelegate(self)
        self.setModel(model)
        self.setItemDelegate(self.delegate)
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setMovement(QListView.Movement.Static)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setUniformItemSizes(True)
        self.setSelectionMode(QListView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setMouseTracking(True)
        self.setFrameShape(QListView.Shape.NoFrame)
        self.setStyleSheet(f"QListView {{ background: {theme.SURROUND}; outline: none; }}")
        self.setAccessibleName("Units")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.verticalScrollBar().setSingleStep(32)
        self.doubleClicked.connect(self.opened)
        model.dataChanged.connect(self._arrived)

    def set_words(self, words: str) -> None:
        """What stands where units would be."""
        self._words = words
        self.viewport().update()

    def _lay_out(self) -> None:
        room = self.viewport().width() - 2
        columns = max(room // NARROWEST, 1)
        wide = room // columns
        thumb = (wide - 2 * PAD - (THUMBNAILS - 1) * GAP) / THUMBNAILS
        size = QSize(wide, round(PAD + thumb + BELOW + 2))
        if size != self.delegate.cell:
            self.delegate.cell = size
            self.setGridSize(size)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._lay_out()
        super().resizeEvent(event)

    def currentChanged(self, current: Index, previous: Index) -> None:
        super().currentChanged(current, previous)
        self._tell()

    @Slot(QModelIndex, QModelIndex)
    def _arrived(self, first: QModelIndex, last: QModelIndex) -> None:
        if first.row() <= self.currentIndex().row() <= last.row():
            self._tell()

    def _tell(self) -> None:
        cell = self.currentIndex().data(CELL) if self.currentIndex().isValid() else None
        if isinstance(cell, Cell):
            self.setAccessibleDescription(str(self.currentIndex().data()))
            self.chosen.emit(cell.summary)

    def selectionChanged(self, selected: QItemSelection, deselected: QItemSelection) -> None:
        super().selectionChanged(selected, deselected)
        cells = [self._units.known(index.row()) for index in self.selectedIndexes()]
        self.selected.emit(tuple(sorted(cell.summary.unit for cell in cells if cell is not None)))

    def selectAll(self) -> None:
        super().selectAll()
        self.all_asked.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, bare = event.key(), not event.modifiers()
        cell = self.currentIndex().data(CELL) if self.currentIndex().isValid() else None
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.opened.emit()
        elif key == Qt.Key.Key_Asterisk and isinstance(cell, Cell):
            self.delegate.starred.emit(cell.summary, not cell.summary.starred)
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_End) and self._units.rowCount():
            last = self._units.rowCount() - 1
            self.setCurrentIndex(self._units.index(last if key == Qt.Key.Key_End else 0))
        elif bare and event.text().isalnum():
            # Letters are the window's commands here, not a search through 10,000 rows.
            event.ignore()
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QEvent) -> None:
        super().focusInEvent(event)  # type: ignore[arg-type]
        self.delegate.current = True
        if not self.currentIndex().isValid() and self._units.rowCount():
            self.setCurrentIndex(self._units.index(0))

    def focusOutEvent(self, event: QEvent) -> None:
        super().focusOutEvent(event)  # type: ignore[arg-type]
        self.delegate.current = False

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._words and not self._units.rowCount():
            painter = QPainter(self.viewport())
            painter.setPen(theme.colour(theme.DIM))
            room = self.viewport().rect().adjusted(40, 0, -40, 0)
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(room, int(flags), self._words)
            painter.end()
