"""The words in a table: uses, how reliable, how well they transfer. Fast for many thousands."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRectF,
    QSize,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QFont, QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
)

from app import theme
from engine.messages import Word

FEW = 10
"""Below this many uses a word is a guess."""
COLUMNS = ("Word", "Uses", "Reliable", "Transfer")
TIPS = (
    "As it is counted: lower case, one spelling.",
    f"Descriptions that use it. A ring marks words used fewer than {FEW} times: still a guess.",
    "Fitted on two random halves of its uses, how alike are the two directions? 1 is the same, "
    "0 has nothing in common.",
    "Fitted on one class, how alike is it to the same word fitted on the others?",
)
Index = QModelIndex | QPersistentModelIndex
ROW = 30


class WordModel(QAbstractTableModel):
    """Words, filtered by a text and sorted by a column."""

    def __init__(self, parent: QObject | None = None):
        super().__init__(parent)
        self._all: tuple[Word, ...] = ()
        self._shown: list[Word] = []
        self._text = ""
        self._column, self._falling = 1, True

    def set_words(self, words: tuple[Word, ...]) -> None:
        self._all = words
        self._arrange()

    def set_text(self, text: str) -> None:
        self._text = text.casefold().strip()
        self._arrange()

    def word(self, row: int) -> Word | None:
        return self._shown[row] if 0 <= row < len(self._shown) else None

    def row_of(self, text: str) -> int:
        return next((row for row, word in enumerate(self._shown) if word.text == text), -1)

    def _arrange(self) -> None:
        self.beginResetModel()
        wanted = self._text
        shown = [
            word
            for word in self._all
            if not wanted or wanted in word.text or any(wanted in form for form in word.forms)
        ]
        if self._column == 0:
            shown.sort(key=lambda word: word.text, reverse=self._falling)
        else:
            # Unknown values last, whichever way it is sorted.
            known = [word for word in shown if _value(word, self._column) is not None]
            rest = [word for word in shown if _value(word, self._column) is None]
            known.sort(key=lambda word: _value(word, self._column) or 0.0, reverse=self._falling)
            shown = known + rest
        self._shown = shown
        self.endResetModel()

    # -------------------------------------------------------------- Qt's questions

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(self._shown)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            mark = "↓" if self._falling else "↑"
            return f"{COLUMNS[section]} {mark}" if section == self._column else COLUMNS[section]
        if role == Qt.ItemDataRole.ToolTipRole:
            return TIPS[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignLeft if section != 1 else Qt.AlignmentFlag.AlignRight
            return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: Index, role: int = 0) -> Any:
        word = self.word(index.row())
        if word is None:
            return None
        if role == Qt.ItemDataRole.UserRole:
            return word
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return word.text if index.column() == 0 else said(_value(word, index.column()))
        if role == Qt.ItemDataRole.ToolTipRole:
            return _tip(word, index.column())
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self._column, self._falling = column, order == Qt.SortOrder.DescendingOrder
        self._arrange()


def _value(word: Word, column: int) -> float | None:
    return (None, float(word.count), word.reliability, word.transfer)[column]


def said(value: float | None) -> str:
    """A figure of a word, as it is read."""
    if value is None:
        return "–"
    if value == int(value) and abs(value) > 1:
        return f"{value:.0f}"
    text = f"{abs(value):.2f}"
    return f"−{text}" if value < 0 and text != "0.00" else text


def _tip(word: Word, column: int) -> str:
    if column == 1 and word.count < FEW:
        uses = "once" if word.count == 1 else f"{word.count} times"
        return f"Used {uses}: a guess. From {FEW} uses on a word can be trusted."
    if column == 0 and word.forms:
        return "Written: " + ", ".join(word.forms[:12])
    value = _value(word, column) if column > 1 else None
    if column > 1 and value is None:
        return TIPS[column] + " Too few uses to tell."
    return TIPS[column]


class _Cells(QStyledItemDelegate):
    """Words, counts with a ring when they are few, and bars."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        word = index.data(Qt.ItemDataRole.UserRole)
        if not isinstance(word, Word):
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(option.rect)  # type: ignore[attr-defined]
        state = option.state  # type: ignore[attr-defined]
        if state & QStyle.StateFlag.State_Selected:
            painter.fillRect(box, theme.colour(theme.ACCENT_DEEP))
        elif state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(box, theme.colour(theme.RAISED))
        inside = box.adjusted(10, 0, -8, 0)
        if index.column() == 0:
            painter.setFont(theme.font(theme.SIZE, QFont.Weight.Medium))
            painter.setPen(theme.colour(theme.TEXT))
            text = painter.fontMetrics().elidedText(
                word.text, Qt.TextElideMode.ElideRight, int(inside.width())
            )
            painter.drawText(inside, Qt.AlignmentFlag.AlignVCenter, text)
        elif index.column() == 1:
            self._count(painter, inside, word)
        else:
            self._bar(painter, inside, _value(word, index.column()))
        painter.restore()

    def _count(self, painter: QPainter, box: QRectF, word: Word) -> None:
        few = word.count < FEW
        painter.setFont(theme.font(theme.SIZE))
        painter.setPen(theme.colour(theme.TEXT))
        flags = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(box, flags, str(word.count))
        if few:
            painter.setPen(QPen(theme.colour(theme.ACCENT), 1.6))
            across = painter.fontMetrics().horizontalAdvance(str(word.count))
            centre = box.right() - across - 11
            painter.drawEllipse(QRectF(centre - 3.5, box.center().y() - 3.5, 7, 7))

    def _bar(self, painter: QPainter, box: QRectF, value: float | None) -> None:
        painter.setFont(theme.font(theme.SIZE_SMALL))
        painter.setPen(theme.colour(theme.DIM if value is None else theme.TEXT))
        flags = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(box, flags, said(value))
        if value is None:
            return
        track = QRectF(box.left(), box.center().y() - 2.5, max(box.width() - 34, 8), 5)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour(theme.LINE))
        painter.drawRoundedRect(track, 2.5, 2.5)
        share = min(max(value, 0.0), 1.0)
        if share > 0.02:
            painter.setBrush(theme.colour(theme.GOOD if share >= 0.5 else theme.EDGE))
            filled = QRectF(track.left(), track.top(), track.width() * share, track.height())
            painter.drawRoundedRect(filled, 2.5, 2.5)

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(60, ROW)


class WordTable(QTableView):
    """One row a word; Return or a double click takes it."""

    selected = Signal(object)
    """Word, or None."""
    taken = Signal(object)
    """Word."""

    def __init__(self) -> None:
        super().__init__()
        self.words = WordModel(self)
        self.setModel(self.words)
        self.setItemDelegate(_Cells(self))
        self.setAccessibleName("Words")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setMouseTracking(True)
        self.setTabKeyNavigation(False)
        self.setSortingEnabled(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ROW)
        head = self.horizontalHeader()
        head.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        head.setHighlightSections(False)
        head.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        head.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column, width in ((1, 62), (2, 80), (3, 80)):
            head.resizeSection(column, width)
        head.setSortIndicator(1, Qt.SortOrder.DescendingOrder)
        self.doubleClicked.connect(self._take)
        self.selectionModel().selectionChanged.connect(self._select)

    def set_words(self, words: tuple[Word, ...]) -> None:
        """Show these; the selected word stays selected when it is still there."""
        before = self.current
        transfers = any(word.transfer is not None for word in words)
        self.setColumnHidden(3, not transfers)
        self.words.set_words(words)
        if before is not None:
            self.choose(before.text)

    def set_text(self, text: str) -> None:
        before = self.current
        self.words.set_text(text)
        if before is not None:
            self.choose(before.text)

    @property
    def current(self) -> Word | None:
        rows = self.selectionModel().selectedRows()
        return self.words.word(rows[0].row()) if rows else None

    def choose(self, text: str) -> None:
        row = self.words.row_of(text)
        if row >= 0:
            self.selectRow(row)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.current is not None:
            self.taken.emit(self.current)
        else:
            super().keyPressEvent(event)

    @Slot(QModelIndex)
    def _take(self, index: QModelIndex) -> None:
        word = self.words.word(index.row())
        if word is not None:
            self.taken.emit(word)

    @Slot()
    def _select(self) -> None:
        self.selected.emit(self.current)
