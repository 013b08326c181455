"""What a hand does to direction cards, as changes of the document."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from app.document import Document
from app.fixed import NOTHING, applied, can_fix
from app.state import Card, fresh_key
from app.widgets.card import DirectionCard
from engine.client import to_json
from engine.messages import Direction


class CardsHand(QObject):
    """Renames, hides, deletes, copies, saves and keeps fixed."""

    failed = Signal(str)
    noted = Signal(str)
    evidence_asked = Signal(object)
    """Direction whose pictures are to be shown."""
    carry_asked = Signal(object)
    """Direction that is to be used in another generator."""

    def __init__(self, document: Document, parent: QWidget):
        super().__init__(parent)
        self._document, self._widget = document, parent

    def wire(self, card: DirectionCard) -> None:
        """Listen to a card."""
        card.amount_changed.connect(self._document.set_amount)
        card.range_changed.connect(self.choose_range)
        card.renamed.connect(self.rename)
        card.hide_asked.connect(self.hide)
        card.delete_asked.connect(self.delete)
        card.pin_asked.connect(self.pin)
        card.fixed_changed.connect(self.fix)
        card.asked.connect(self.act)
        card.began.connect(self._document.begin_gesture)
        card.ended.connect(self._document.end_gesture)

    @Slot(str, object)
    def choose_range(self, key: str, span: tuple[int, int] | None) -> None:
        card = self._document.state.card(key)
        if card is not None:
            direction = replace(card.direction, layers=span)
            self._document.change_card("Choose layers", key, "range", direction=direction)

    @Slot(str, str)
    def rename(self, key: str, name: str) -> None:
        card = self._document.state.card(key)
        if card is not None and name and name != card.direction.name:
            direction = replace(card.direction, name=name)
            self._document.change_card(f"Name it {name}", key, direction=direction)

    @Slot(str)
    def hide(self, key: str) -> None:
        card = self._document.state.card(key)
        if card is not None:
            text = "Show a direction" if card.hidden else "Hide a direction"
            self._document.change_card(text, key, hidden=not card.hidden)

    @Slot(str)
    def pin(self, key: str) -> None:
        card = self._document.state.card(key)
        if card is not None:
            text = "Unpin a direction" if card.pinned else "Pin a direction"
            self._document.change_card(text, key, pinned=not card.pinned)

    @Slot(str)
    def delete(self, key: str) -> None:
        self.delete_all((key,))

    def delete_all(self, keys: Collection[str]) -> None:
        """One step, however many."""
        state = self._document.state
        kept = tuple(card for card in state.cards if card.key not in keys)
        if len(kept) == len(state.cards):
            return
        wandering = tuple(key for key in state.wander.cards if key not in keys)
        gone = len(state.cards) - len(kept)
        text = "Delete a direction" if gone == 1 else f"Delete {gone} directions"
        wander = replace(state.wander, cards=wandering)
        self._document.change(text, cards=kept, wander=wander)

    @Slot(str, str)
    def act(self, key: str, verb: str) -> None:
        """What the card's menu asks for."""
        card = self._document.state.card(key)
        if card is None:
            return
        if verb == "duplicate":
            self.duplicate(card)
        elif verb == "save":
            self._ask_where(card)
        elif verb == "evidence":
            self.evidence_asked.emit(card.direction)
        elif verb == "carry":
            self.carry_asked.emit(card.direction)

    def duplicate(self, card: Card) -> None:
        """A second card of the same direction, below the first, at rest."""
        state = self._document.state
        taken = [other.key for other in state.cards]
        stem = f"{card.direction.name} copy"
        key = fresh_key(taken, stem)
        twin = replace(card, key=key, direction=replace(card.direction, name=key), amount=0.0)
        at = taken.index(card.key) + 1
        cards = (*state.cards[:at], twin, *state.cards[at:])
        self._document.change(f"Duplicate {card.direction.name}", cards=cards)

    # -------------------------------------------------------------- keep fixed

    def others(self, card: Card) -> list[Card]:
        """What a card can keep fixed."""
        return [
            other
            for other in self._document.state.cards
            if other.key != card.key and can_fix(card.direction, other.direction)
        ]

    @Slot(str, object)
    def fix(self, key: str, fixed: tuple[str, ...]) -> None:
        card = self._document.state.card(key)
        if card is not None and fixed != card.fixed:
            name = card.direction.name
            text = f"Keep fixed while moving {name}" if fixed else f"Free {name}"
            self._document.change_card(text, key, fixed=fixed)

    def _applied(self, card: Card) -> tuple[Direction, float]:
        info = self._document.info
        return applied(self._document.state, card, info.num_ws if info else None)

    # -------------------------------------------------------------- file

    def _ask_where(self, card: Card) -> None:
        name = "".join(c if c.isalnum() or c in " -_" else "-" for c in card.direction.name)
        path, _ = QFileDialog.getSaveFileName(
            self._widget, "Save this direction", f"{name}.json", "Direction (*.json)"
        )
        if path:
            self.save(card, path if path.lower().endswith(".json") else f"{path}.json")

    def save(self, card: Card, path: str) -> None:
        """Write the direction as it moves the picture, with what it keeps fixed taken out."""
        direction, residual = self._applied(card)
        if residual < NOTHING:
            self.failed.emit(
                f"Nothing is left of {card.direction.name} to be saved. Keep less of it fixed."
            )
            return
        try:
            Path(path).write_text(to_json(direction, indent=1), "utf-8")
        except OSError as error:
            self.failed.emit(
                f"The direction was not written: {error.strerror}. Choose another place."
            )
            return
        self.noted.emit(f"{direction.name} was written to {path}")
