"""What a direction was learnt from: every picture, every answer, by whom and when."""

from __future__ import annotations

from collections.abc import Sequence
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
from PySide6.QtGui import QIcon, QKeyEvent, QPainter, QPen, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStackedWidget,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from app import theme
from app.compass import Compass
from app.evidence import COLUMNS, Row, axis_told, facts, readable, rows_of
from app.shelf import Shelf
from app.widgets.details import read_detail
from app.widgets.margins import MarginPlot, Spot
from app.widgets.parts import column, label, push, row, scroll
from app.widgets.tray import RELABEL
from engine.messages import Axis, Direction, SteerRequest

PICTURE = 44
Index = QModelIndex | QPersistentModelIndex
EMPTY = "Nothing was sorted yet. What you sort is listed here, with who sorted it and when."


class EvidenceModel(QAbstractTableModel):
    """Rows sorted by a column; at first along the axis, most of it on top."""

    def __init__(self, shelf: Shelf, parent: QObject | None = None):
        super().__init__(parent)
        self._shelf = shelf
        self._rows: list[Row] = []
        self._column, self._falling = 2, True
        shelf.arrived.connect(self._arrived)

    def set_rows(self, rows: Sequence[Row]) -> None:
        self.beginResetModel()
        self._rows = list(rows)
        self._arrange()
        self.endResetModel()

    def row(self, index: int) -> Row | None:
        return self._rows[index] if 0 <= index < len(self._rows) else None

    def _arrange(self) -> None:
        self._rows.sort(key=lambda row: row.sort_key(self._column), reverse=self._falling)

    @Slot(object)
    def _arrived(self, request: SteerRequest) -> None:
        for number, one in enumerate(self._rows):
            if request in one.pictures:
                place = self.index(number, 0)
                self.dataChanged.emit(place, place, [Qt.ItemDataRole.DecorationRole])

    # -------------------------------------------------------------- Qt's questions

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: Index, role: int = 0) -> Any:
        row = self.row(index.row())
        if row is None:
            return None
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return row.text(index.column())
        if role == Qt.ItemDataRole.DecorationRole and index.column() == 0:
            return self._pixmap(row)
        if role == Qt.ItemDataRole.UserRole:
            return row
        if role == Qt.ItemDataRole.ToolTipRole:
            return row.tip
        return None

    def _pixmap(self, row: Row) -> QIcon:
        """The picture, or both of a pair side by side."""
        made = QPixmap(PICTURE * len(row.pictures) + 3 * (len(row.pictures) - 1), PICTURE)
        made.fill(Qt.GlobalColor.transparent)
        painter = QPainter(made)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        for number, request in enumerate(row.pictures):
            box = QRectF(number * (PICTURE + 3), 0, PICTURE, PICTURE)
            image = self._shelf.image(request)
            if image is None:
                painter.fillRect(box, theme.colour(theme.RAISED))
            else:
                painter.drawImage(box, image)
        painter.end()
        icon = QIcon(made)
        # Chosen rows keep their pictures as they are: Qt would tint them.
        icon.addPixmap(made, QIcon.Mode.Selected)
        return icon

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self.beginResetModel()
        self._column, self._falling = column, order == Qt.SortOrder.DescendingOrder
        self._arrange()
        self.endResetModel()


class MarginDelegate(QStyledItemDelegate):
    """A bar from the boundary, to the right for more; red and dashed where it contradicts."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row = index.data(Qt.ItemDataRole.UserRole)
        box: Any = option.rect  # type: ignore[attr-defined]
        if option.state & QStyle.StateFlag.State_Selected:  # type: ignore[attr-defined]
            painter.fillRect(box, theme.colour(theme.HOVER))
        if not isinstance(row, Row):
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        words = QRectF(box).adjusted(8, 0, 0, 0)
        words.setWidth(62)
        painter.setPen(theme.colour(theme.DANGER if row.odd else theme.TEXT))
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(words, left, row.text(2))
        track = QRectF(words.right() + 4, box.center().y() - 3, box.right() - words.right() - 14, 6)
        middle = track.center().x()
        if row.margin is not None and track.width() > 20:
            length = max(-1.0, min(1.0, row.margin / 3.0)) * track.width() / 2
            bar = QRectF(min(middle, middle + length), track.top(), abs(length), 6)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour(theme.DANGER if row.odd else theme.ACCENT))
            painter.drawRoundedRect(bar, 2, 2)
        painter.setPen(QPen(theme.colour(theme.EDGE), 1))
        painter.drawLine(int(middle), int(track.top()) - 4, int(middle), int(track.bottom()) + 4)
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(180, PICTURE + 8)


class EvidenceTable(QTableView):
    """The rows; M, L, S and Delete sort the chosen ones anew."""

    relabelled = Signal(str)

    def __init__(self, model: EvidenceModel):
        super().__init__()
        self.setModel(model)
        self.setAccessibleName("What was sorted")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setStyleSheet(
            f"selection-background-color: {theme.HOVER}; selection-color: {theme.TEXT};"
        )
        self.setTabKeyNavigation(False)
        self.setIconSize(QSize(2 * PICTURE + 3, PICTURE))
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(PICTURE + 8)
        self.setItemDelegateForColumn(2, MarginDelegate(self))
        head = self.horizontalHeader()
        head.setHighlightSections(False)
        head.setStyleSheet("QHeaderView::section { padding-left: 3px; }")
        head.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        head.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        self.setSortingEnabled(True)
        self.sortByColumn(2, Qt.SortOrder.DescendingOrder)
        self.horizontalHeader().setMinimumSectionSize(60)
        for number, width in enumerate((168, 104, 200, 84, 138)):
            self.setColumnWidth(number, width)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        answer = RELABEL.get(Qt.Key(event.key()))
        if answer and self.selectionModel().hasSelection():
            self.relabelled.emit(answer)
        else:
            super().keyPressEvent(event)


class EvidencePanel(QWidget):
    """Of the axis at hand, or of a direction that came from elsewhere."""

    def __init__(self, compass: Compass, shelf: Shelf):
        super().__init__()
        self._compass, self._shelf = compass, shelf
        self._foreign: Direction | None = None
        self.title = label("", "head")
        self.facts = label("", "dim", wrap=True)
        self.plot = MarginPlot(shelf, 128)
        self.model = EvidenceModel(shelf, self)
        self.table = EvidenceTable(self.model)
        self.buttons = {
            "more": push("More", "Sort the chosen pictures as more (M)"),
            "less": push("Less", "Sort the chosen pictures as less (L)"),
            "skip": push("Skip", "Neither (S)"),
            "back": push("Take back", "As if they had never been sorted (Delete)"),
        }
        self.told = label("", "", wrap=True)
        self.told.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.told.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.body = QStackedWidget()
        self._build()
        self.table.relabelled.connect(self.relabel)
        self.table.selectionModel().selectionChanged.connect(self._chosen)
        self.model.modelReset.connect(self._chosen)
        compass.changed.connect(self.show_own)
        compass.fitted.connect(self._refresh)
        for answer, button in self.buttons.items():
            button.setProperty("answer", answer)
            button.clicked.connect(self._button)

    def _build(self) -> None:
        layout = column(self, spacing=8)
        layout.setContentsMargins(14, 10, 14, 10)
        layout.addWidget(self.title)
        layout.addWidget(self.facts)
        own = QWidget()
        lines = column(own, spacing=8)
        lines.addWidget(self.plot)
        self._anew = label("Sort the chosen ones anew", "dim")
        lines.addLayout(row(self._anew, *self.buttons.values(), 1, spacing=6))
        lines.addWidget(self.table, 1)
        self.body.addWidget(own)
        self.body.addWidget(scroll(self.told, "Where it comes from"))
        layout.addWidget(self.body, 1)

    # -------------------------------------------------------------- what is shown

    @property
    def rows(self) -> list[Row]:
        """As they are listed."""
        found = (self.model.row(number) for number in range(self.model.rowCount()))
        return [one for one in found if one is not None]

    def show_foreign(self, direction: Direction) -> None:
        """A direction that was not sorted in this project."""
        self._foreign = direction
        self._refresh()

    @Slot()
    def show_own(self) -> None:
        """The axis at hand."""
        self._foreign = None
        self._refresh()

    def showEvent(self, event: Any) -> None:
        super().showEvent(event)
        self._refresh()

    @Slot()
    def _refresh(self) -> None:
        if not self.isVisible():
            return
        if self._foreign is not None:
            self._show_told(self._foreign)
            return
        axis = self._compass.axis
        self.body.setCurrentIndex(0)
        if axis is not None:
            self._show_axis(axis)

    def _show_told(self, direction: Direction) -> None:
        detail = read_detail(direction)
        self.title.setText(direction.name or "A direction")
        self.title.show()
        self.facts.setText("   ·   ".join((detail.sentence, *detail.facts)))
        told = axis_told(direction)
        self.body.setCurrentIndex(0 if told else 1)
        self.told.setText(readable(direction))
        if told is not None:
            self.facts.setText(facts(told, None, (0, 0)))
            rows = rows_of(told, _unknown, _unknown)
            self.model.set_rows(rows)
            self.plot.set_spots((), "Sorted elsewhere: its pictures and answers are listed below.")
            self._shelf.want("evidence", [one for row in rows for one in row.pictures])
            self._chosen()

    def _show_axis(self, axis: Axis) -> None:
        compass = self._compass
        self.title.hide()  # The name stands in the head already.
        self.facts.setText(facts(axis, compass.fit, compass.agreement()) or EMPTY)
        rows = rows_of(axis, compass.margin, compass.pair_margin)
        chosen = {row.source for row in self._selected()}
        self.model.set_rows(rows)
        for number, one in enumerate(self.rows):
            if one.source in chosen:
                self.table.selectRow(number)
        self.plot.set_spots(
            [
                Spot(row.pictures[0], row.answer, row.margin)
                for row in rows
                if row.margin is not None and row.answer in ("more", "less")
            ],
            "Margins appear with the first fit.",
        )
        self._shelf.want("evidence", [one for row in rows for one in row.pictures])
        self._chosen()

    # -------------------------------------------------------------- hand

    def _selected(self) -> list[Row]:
        numbers = self.table.selectionModel().selectedRows()
        found = (self.model.row(index.row()) for index in numbers)
        return [one for one in found if one is not None]

    @Slot()
    def _chosen(self) -> None:
        some = self._selected()
        singles = [one for one in some if len(one.pictures) == 1]
        for answer, button in self.buttons.items():
            usable = some if answer == "back" else singles
            able = self._foreign is None and (self._compass.here or answer == "back")
            button.setEnabled(bool(usable) and able)

    @Slot()
    def _button(self) -> None:
        sender = self.sender()
        if sender is not None:
            self.relabel(str(sender.property("answer")))

    @Slot(str)
    def relabel(self, answer: str) -> None:
        """Sort the chosen rows anew, or take them back."""
        for one in self._selected() if self._foreign is None else ():
            if answer == "back":
                self._compass.drop(one.source)
            elif len(one.pictures) == 1:
                self._compass.sort(one.pictures[0], answer)  # type: ignore[arg-type]


def _unknown(_answer: object) -> None:
    """Margins of what was sorted elsewhere are not known here."""
