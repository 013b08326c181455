"""A list of sounds: a small waveform, a name, a word about each, and a star."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QMimeData,
    QModelIndex,
    QPersistentModelIndex,
    QPointF,
    QRect,
    QRectF,
    QSize,
    Qt,
    QUrl,
    Signal,
    Slot,
)
from PySide6.QtGui import QDrag, QKeyEvent, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from app import icons, theme

Index = QModelIndex | QPersistentModelIndex
HIGH = 46
STAR = 30
"""Width of the star's place at the right."""
WAVE = 58
"""Width of the small waveform at the left."""


@dataclass(frozen=True)
class Line:
    """One sound of the list."""

    name: str
    words: str = ""
    outline: tuple[float, ...] = ()
    fraction: float = 1.0
    starred: bool = False
    warning: str = ""
    """One word, such as `copy`."""
    spoken: str = ""
    """All of it, for those who listen to the screen."""


class _Model(QAbstractListModel):
    renamed = Signal(int, str)

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[Line] = []

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(self.lines)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not 0 <= index.row() < len(self.lines):
            return None
        line = self.lines[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return line.name
        if role in (Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.ToolTipRole):
            return line.spoken or line.name
        return line if role == Qt.ItemDataRole.UserRole else None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        if role != Qt.ItemDataRole.EditRole:
            return False
        self.renamed.emit(index.row(), str(value))
        return True

    def flags(self, index: Index) -> Qt.ItemFlag:
        kind = Qt.ItemFlag
        flags = kind.ItemIsEnabled | kind.ItemIsSelectable | kind.ItemIsDragEnabled
        return flags | kind.ItemIsEditable if index.isValid() else kind.NoItemFlags

    def set_lines(self, lines: list[Line]) -> None:
        """Rows that stay keep their selection."""
        if len(lines) == len(self.lines):
            changed = [i for i, line in enumerate(lines) if line != self.lines[i]]
            self.lines = lines
            for i in changed:
                self.dataChanged.emit(self.index(i), self.index(i))
            return
        self.beginResetModel()
        self.lines = lines
        self.endResetModel()


class TakeList(QListView):
    """Arrows choose, S stars, F2 renames, Delete deletes; a double click renames, dragging gives a
    file."""

    chosen = Signal(int)
    star_asked = Signal(int)
    delete_asked = Signal(int)
    renamed = Signal(int, str)

    def __init__(self, name: str, file_of: Callable[[int], str]):
        """`file_of`: path of a sound that is dragged out; empty while it is not finished."""
        super().__init__()
        self._file_of = file_of
        self._model = _Model()
        self.setModel(self._model)
        self.setItemDelegate(_Painter(self))
        self.setAccessibleName(name)
        self.setMouseTracking(True)
        self.setDragEnabled(True)
        self.setUniformItemSizes(True)
        triggers = QAbstractItemView.EditTrigger
        self.setEditTriggers(triggers.DoubleClicked | triggers.EditKeyPressed)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFrameShape(QListView.Shape.NoFrame)
        self._model.renamed.connect(self.renamed)
        self.selectionModel().currentChanged.connect(self._current)

    @property
    def count(self) -> int:
        return len(self._model.lines)

    def line(self, index: int) -> Line:
        return self._model.lines[index]

    def set_lines(self, lines: list[Line], current: int) -> None:
        """Show these; `current` is marked without announcing it (-1: none)."""
        model = self.selectionModel()
        blocked = model.blockSignals(True)
        self._model.set_lines(lines)
        self.setCurrentIndex(self._model.index(current) if current >= 0 else QModelIndex())
        model.blockSignals(blocked)
        self.viewport().update()

    @property
    def current(self) -> int:
        return self.currentIndex().row()

    @Slot()
    def _current(self) -> None:
        if self.current >= 0:
            self.chosen.emit(self.current)

    # -------------------------------------------------------------- hand

    def star_place(self, index: int) -> QRect:
        box = self.visualRect(self._model.index(index))
        return QRect(box.right() - STAR, box.top(), STAR, box.height())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        row = self.indexAt(event.position().toPoint()).row()
        if row >= 0 and self.star_place(row).contains(event.position().toPoint()):
            self.star_asked.emit(row)
            return
        again = row >= 0 and row == self.current
        super().mousePressEvent(event)
        if again:
            self.chosen.emit(row)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        row = self.indexAt(event.position().toPoint()).row()
        if row < 0 or not self.star_place(row).contains(event.position().toPoint()):
            super().mouseDoubleClickEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        row, key = self.current, event.key()
        if row >= 0 and key == Qt.Key.Key_S and not event.modifiers():
            self.star_asked.emit(row)
        elif row >= 0 and key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.delete_asked.emit(row)
        elif key in (Qt.Key.Key_Space, Qt.Key.Key_X, Qt.Key.Key_L):
            # The transport's: they bubble up to the page.
            event.ignore()
        else:
            super().keyPressEvent(event)

    def keyboardSearch(self, search: str) -> None:
        """Letters are commands here, not the beginning of a name."""

    def startDrag(self, actions: Qt.DropAction) -> None:
        path = self._file_of(self.current) if self.current >= 0 else ""
        if not path:
            return
        drag, mime = QDrag(self), QMimeData()
        mime.setUrls([QUrl.fromLocalFile(path)])
        drag.setMimeData(mime)
        drag.exec(Qt.DropAction.CopyAction)


class _Painter(QStyledItemDelegate):
    """One line."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(160, HIGH)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        line = index.data(Qt.ItemDataRole.UserRole)
        if not isinstance(line, Line):
            return
        box, state = QRect(option.rect), option.state  # type: ignore[attr-defined]
        chosen = bool(state & QStyle.StateFlag.State_Selected)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        place = QRectF(box).adjusted(1, 1, -1, -2)
        if chosen or state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(QPen(theme.colour(theme.ACCENT), 1) if chosen else Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour(theme.RAISED if chosen else "#262626"))
            painter.drawRoundedRect(place.adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        wave = QRectF(box.left() + 8, box.top() + 9, WAVE, box.height() - 19)
        _draw_wave(painter, wave, line)
        text = QRect(box.left() + WAVE + 16, box.top() + 5, 0, 18)
        text.setRight(box.right() - STAR)
        _draw_words(painter, text, line)
        self._draw_star(painter, box, line, bool(state & QStyle.StateFlag.State_MouseOver))
        painter.restore()

    def _draw_star(self, painter: QPainter, box: QRect, line: Line, hot: bool) -> None:
        if line.fraction < 1:
            return
        colour = theme.ACCENT if line.starred else theme.DIM if hot else theme.LINE
        drawn = icons.pixmap("star", colour, 16, painter.device().devicePixelRatioF())
        painter.drawPixmap(QPointF(box.right() - STAR + 6, box.center().y() - 8.0), drawn)

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:
        editor = QLineEdit(parent)
        editor.setAccessibleName("Name of the take")
        editor.setMaxLength(80)
        return editor

    def updateEditorGeometry(
        self, editor: QWidget, option: QStyleOptionViewItem, index: Index
    ) -> None:
        box: QRect = option.rect  # type: ignore[attr-defined]
        editor.setGeometry(box.adjusted(WAVE + 10, 8, -STAR, -9))


def _draw_wave(painter: QPainter, place: QRectF, line: Line) -> None:
    middle = place.center().y()
    painter.setPen(QPen(theme.colour(theme.LINE), 1))
    painter.drawLine(QPointF(place.left(), middle), QPointF(place.right(), middle))
    count = len(line.outline)
    top = max(line.outline, default=0.0)
    if count and top > 0:
        painter.setPen(QPen(theme.colour(theme.ACCENT if line.fraction >= 1 else theme.EDGE), 1))
        for i, value in enumerate(line.outline):
            x = place.left() + (i + 0.5) * place.width() / count
            high = max(value / top * place.height() / 2, 0.5)
            painter.drawLine(QPointF(x, middle - high), QPointF(x, middle + high))
    if line.fraction < 1:
        track = QRectF(place.left(), place.bottom() + 3, place.width(), 2)
        painter.fillRect(track, theme.colour(theme.LINE))
        track.setWidth(place.width() * max(line.fraction, 0.02))
        painter.fillRect(track, theme.colour(theme.ACCENT))


def _draw_words(painter: QPainter, place: QRect, line: Line) -> None:
    right = Qt.TextElideMode.ElideRight
    painter.setFont(theme.font(theme.SIZE))
    painter.setPen(theme.colour(theme.TEXT))
    left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
    name = painter.fontMetrics().elidedText(line.name, right, place.width())
    painter.drawText(place, left, name)
    below = place.translated(0, 18)
    painter.setFont(theme.font(theme.SIZE_SMALL))
    metrics = painter.fontMetrics()
    if line.warning:
        wide = metrics.horizontalAdvance(line.warning)
        painter.setPen(theme.colour(theme.DANGER))
        painter.drawText(
            below, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, line.warning
        )
        below.setRight(below.right() - wide - 6)
    painter.setPen(theme.colour(theme.DIM))
    painter.drawText(below, left, metrics.elidedText(line.words, right, below.width()))
