"""A popup to choose which directions a direction keeps fixed."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QLineEdit, QListWidget, QListWidgetItem, QWidget

from app.state import Card
from app.widgets.parts import column, label, push, row

KEY = int(Qt.ItemDataRole.UserRole)


class FixPopup(QFrame):
    """The other directions with a tick each; closes when one clicks beside it."""

    chosen = Signal(str, object)
    """(key of the card, tuple of the keys it keeps fixed), after every tick."""

    def __init__(self, parent: QWidget):
        super().__init__(parent, Qt.WindowType.Popup)
        self._owner = parent
        self.setObjectName("popup")
        self.setAccessibleName("Keep fixed")
        self.key = ""
        self.title = label("", "head", wrap=True)
        self.words = label(
            "Moving it then leaves these alone: it is made orthogonal to what you tick.",
            "small",
            wrap=True,
        )
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search")
        self.search.setAccessibleName("Search directions to keep fixed")
        self.search.setClearButtonEnabled(True)
        self.list = QListWidget()
        self.list.setAccessibleName("Directions to keep fixed")
        self.left = label("", "small", wrap=True)
        self.none = push("Nothing fixed", "Free it again")
        layout = column(self, margin=12, spacing=8)
        for part in (self.title, self.words, self.search):
            layout.addWidget(part)
        layout.addWidget(self.list, 1)
        layout.addWidget(self.left)
        layout.addLayout(row(1, self.none))
        self.resize(300, 400)
        self.search.textChanged.connect(self._filter)
        self.list.itemChanged.connect(self._ticked)
        self.list.itemActivated.connect(self._switch)
        self.none.clicked.connect(self._free)

    def show_cards(self, card: Card, others: Sequence[Card], left: str) -> None:
        """Fill for `card`; `left` says how much of it is left."""
        self.key = card.key
        self.title.setText(f"Keep fixed while moving {card.direction.name}")
        self.list.blockSignals(True)
        self.list.clear()
        # What is ticked already stands first.
        for other in sorted(others, key=lambda one: one.key not in card.fixed):
            item = QListWidgetItem(other.direction.name)
            item.setData(KEY, other.key)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            on = other.key in card.fixed
            item.setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)
            self.list.addItem(item)
        self.list.blockSignals(False)
        self.search.clear()
        self.set_left(left)

    def set_left(self, words: str) -> None:
        self.left.setText(words)
        self.none.setEnabled(bool(self.ticked()))

    def ticked(self) -> tuple[str, ...]:
        """Keys of what is ticked."""
        items = (self.list.item(index) for index in range(self.list.count()))
        return tuple(item.data(KEY) for item in items if item.checkState() == Qt.CheckState.Checked)

    def open_at(self, place: QPoint) -> None:
        """Beside `place` (of the screen), wholly on the screen."""
        screen = self._owner.screen().availableGeometry()
        x = min(max(place.x(), screen.left()), screen.right() - self.width())
        y = min(max(place.y(), screen.top()), screen.bottom() - self.height())
        self.move(x, y)
        self.show()
        self.list.setFocus()
        self.list.setCurrentRow(0)

    @Slot(QListWidgetItem)
    def _ticked(self, _item: QListWidgetItem) -> None:
        self.chosen.emit(self.key, self.ticked())

    @Slot(QListWidgetItem)
    def _switch(self, item: QListWidgetItem) -> None:
        on = item.checkState() == Qt.CheckState.Checked
        item.setCheckState(Qt.CheckState.Unchecked if on else Qt.CheckState.Checked)

    @Slot(str)
    def _filter(self, text: str) -> None:
        words = text.strip().casefold()
        for index in range(self.list.count()):
            item = self.list.item(index)
            item.setHidden(words not in item.text().casefold())

    @Slot()
    def _free(self) -> None:
        self.list.blockSignals(True)
        for index in range(self.list.count()):
            self.list.item(index).setCheckState(Qt.CheckState.Unchecked)
        self.list.blockSignals(False)
        self.chosen.emit(self.key, ())
