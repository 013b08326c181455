"""Inside of a card: which directions it keeps fixed."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QLineEdit, QListWidget, QListWidgetItem, QWidget

from app.state import Card
from app.widgets.parts import column, icon_button, label, push, row

KEY = int(Qt.ItemDataRole.UserRole)
ROOM = 150
"""Height of the list, pixels."""


class FixList(QWidget):
    """The other directions with a tick each."""

    chosen = Signal(object)
    """Tuple of the keys that are kept fixed, after every tick."""
    closed = Signal()

    def __init__(self, key: str):
        super().__init__()
        self.words = label("Keep fixed while moving it:", "small")
        self.close_button = icon_button("close", f"Close what {key} keeps fixed", size=13)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search")
        self.search.setAccessibleName(f"Search what {key} keeps fixed")
        self.search.setClearButtonEnabled(True)
        self.list = QListWidget()
        self.list.setProperty("ticks", True)
        self.list.setAccessibleName(f"What {key} keeps fixed")
        self.list.setFixedHeight(ROOM)
        self.none = push("Nothing fixed", "Free it again")
        self.none.setAccessibleName(f"Free {key}")
        self.none.setProperty("compact", True)
        layout = column(self, spacing=5)
        layout.setContentsMargins(0, 4, 0, 2)
        layout.addLayout(row(self.words, 1, self.close_button))
        layout.addWidget(self.search)
        layout.addWidget(self.list)
        layout.addLayout(row(1, self.none))
        self.search.textChanged.connect(self._filter)
        self.list.itemChanged.connect(self._ticked)
        self.list.itemActivated.connect(self._switch)
        self.none.clicked.connect(self._free)
        self.close_button.clicked.connect(self.closed)

    def show_cards(self, card: Card, others: Sequence[Card]) -> None:
        """Fill for `card`: what is ticked already stands first."""
        self.list.blockSignals(True)
        self.list.clear()
        for other in sorted(others, key=lambda one: one.key not in card.fixed):
            item = QListWidgetItem(other.direction.name)
            item.setData(KEY, other.key)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(_state(other.key in card.fixed))
            self.list.addItem(item)
        self.list.blockSignals(False)
        self.list.setCurrentRow(0)
        self.search.clear()
        self.search.setVisible(len(others) > 8)
        self.none.setEnabled(bool(card.fixed))

    def follow(self, fixed: tuple[str, ...]) -> None:
        """The document changed (undo): tick what is fixed now."""
        if self.ticked() != fixed:
            self.list.blockSignals(True)
            for item in self._items():
                item.setCheckState(_state(item.data(KEY) in fixed))
            self.list.blockSignals(False)
        self.none.setEnabled(bool(fixed))

    def ticked(self) -> tuple[str, ...]:
        """Keys of what is ticked."""
        on = Qt.CheckState.Checked
        return tuple(item.data(KEY) for item in self._items() if item.checkState() == on)

    def _items(self) -> list[QListWidgetItem]:
        return [self.list.item(index) for index in range(self.list.count())]

    @Slot(QListWidgetItem)
    def _ticked(self, _item: QListWidgetItem) -> None:
        self.chosen.emit(self.ticked())

    @Slot(QListWidgetItem)
    def _switch(self, item: QListWidgetItem) -> None:
        item.setCheckState(_state(item.checkState() != Qt.CheckState.Checked))

    @Slot(str)
    def _filter(self, text: str) -> None:
        words = text.strip().casefold()
        for item in self._items():
            item.setHidden(words not in item.text().casefold())

    @Slot()
    def _free(self) -> None:
        self.follow(())
        self.chosen.emit(())


def _state(on: bool) -> Qt.CheckState:
    return Qt.CheckState.Checked if on else Qt.CheckState.Unchecked
