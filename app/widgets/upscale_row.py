"""One row of the upscaling queue as it is shown, and the model of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, Qt

Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True)
class Row:
    """One item, ready to be painted."""

    number: int
    name: str
    sizes: str = ""
    state: str = ""
    tone: str = ""
    """Of the state's word: good, bad, busy or plain."""
    fraction: float = -1.0
    """0..1 shows a bar; below 0 there is none."""
    words: str = ""
    """Below: why it failed, what is to be known."""
    actions: tuple[str, ...] = ()

    @property
    def spoken(self) -> str:
        return ". ".join(w for w in (self.name, self.sizes, self.state, self.words) if w)


class RowModel(QAbstractListModel):
    def __init__(self) -> None:
        super().__init__()
        self.rows: list[Row] = []
        self.places: dict[int, int] = {}

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(self.rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not 0 <= index.row() < len(self.rows):
            return None
        shown = self.rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return shown.name
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return shown.spoken
        return shown if role == Qt.ItemDataRole.UserRole else None

    def set_rows(self, rows: Sequence[Row]) -> None:
        self.beginResetModel()
        self.rows = list(rows)
        self.places = {row.number: place for place, row in enumerate(self.rows)}
        self.endResetModel()

    def set_row(self, row: Row) -> None:
        place = self.places.get(row.number)
        if place is None:
            return
        old = self.rows[place]
        higher = len(old.words) != len(row.words) or (old.fraction < 0) != (row.fraction < 0)
        higher = higher or len(old.sizes + old.state) != len(row.sizes + row.state)
        self.rows[place] = row
        self.dataChanged.emit(self.index(place), self.index(place))
        if higher:
            self.layoutChanged.emit()
