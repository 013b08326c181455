"""Search and filters over the direction cards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QLineEdit, QToolButton, QWidget

from app.state import Card
from app.widgets.details import METHODS, method_of
from app.widgets.flow import Flow
from app.widgets.parts import column
from engine.messages import ModelInfo

NEW = "new"
OTHER = "other"


class FilterBar(QWidget):
    """A search field, and a chip for every method there are cards of."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search name, method, layer")
        self.search.setAccessibleName("Search directions")
        self.search.setToolTip("Such as: hair, pca, b16, layer 4. Several words narrow it down.")
        self.search.setClearButtonEnabled(True)
        self.flow = Flow()
        self.chips: dict[str, QToolButton] = {}
        for name, words in ((NEW, "New"), *METHODS.items(), (OTHER, "Other")):
            self.chips[name] = _chip(words)
            self.flow.add(self.chips[name])
            self.chips[name].toggled.connect(self._switched)
        layout = column(self, spacing=6)
        layout.addWidget(self.search)
        layout.addWidget(self.flow)
        self.search.textChanged.connect(self._typed)

    @property
    def on(self) -> bool:
        """Whether anything is filtered."""
        return bool(self.search.text().strip()) or any(c.isChecked() for c in self.chips.values())

    def show_counts(self, cards: Iterable[Card], fresh: Collection[str]) -> None:
        """Chips for what there is; one method alone needs none."""
        cards = list(cards)
        counts = Counter(_kind(card) for card in cards)
        counts[NEW] = sum(card.key in fresh for card in cards)
        several = len([name for name in counts if name != NEW and counts[name]]) > 1
        for name, chip in self.chips.items():
            shown = counts[name] > 0 and (several or name == NEW)
            words = METHODS.get(name, name.capitalize())
            chip.setText(f"{words} {counts[name]}")
            chip.setAccessibleName(f"Show {words}: {counts[name]}")
            chip.setVisible(shown)
            if not shown and chip.isChecked():
                chip.setChecked(False)
        self.flow.setVisible(any(not chip.isHidden() for chip in self.chips.values()))
        self.flow.refresh()

    def only(self, name: str) -> None:
        """Show one kind only; an empty name shows everything."""
        blocked = [(chip, chip.blockSignals(True)) for chip in self.chips.values()]
        for kind, chip in self.chips.items():
            chip.setChecked(kind == name)
        for chip, before in blocked:
            chip.blockSignals(before)
        self.changed.emit()

    def clear(self) -> None:
        self.search.blockSignals(True)
        self.search.clear()
        self.search.blockSignals(False)
        self.only("")

    def matches(self, card: Card, fresh: Collection[str], info: ModelInfo | None) -> bool:
        """Whether a card is to be shown."""
        chosen = {name for name, chip in self.chips.items() if chip.isChecked()}
        if NEW in chosen and card.key not in fresh:
            return False
        if chosen - {NEW} and _kind(card) not in chosen:
            return False
        words = self.search.text().casefold().split()
        hay = _words(card, info) if words else ""
        return all(word in hay for word in words)

    @Slot(str)
    def _typed(self, _text: str) -> None:
        self.changed.emit()

    @Slot(bool)
    def _switched(self, _on: bool) -> None:
        self.changed.emit()


def _chip(words: str) -> QToolButton:
    chip = QToolButton()
    chip.setText(words)
    chip.setProperty("chip", True)
    chip.setCheckable(True)
    chip.setToolTip(f"Show {words} only; again: all.")
    chip.setAccessibleName(f"Show {words}")
    chip.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    chip.hide()
    return chip


def _kind(card: Card) -> str:
    method = method_of(card.direction)
    return method if method in METHODS else OTHER


def _words(card: Card, info: ModelInfo | None) -> str:
    """What a search looks through: name, method, space, and its layers by name and number."""
    direction = card.direction
    parts = [direction.name, direction.method, _kind(card), METHODS.get(_kind(card), "")]
    parts += [direction.space, direction.at]
    if direction.layers is not None and info is not None:
        rows = range(direction.layers[0], direction.layers[1] + 1)
        parts += [f"layer {row}" for row in rows]
        parts += [layer.name for layer in info.layers if layer.ws_index in rows]
    return " ".join(parts).casefold()
