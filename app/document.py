"""The open document as observable state: every change is one undoable command.

A gesture (one drag, or one run of key presses) merges into one entry of the undo history.
"""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QObject, Signal

from app.history import History
from app.state import Card, SteerState, with_card, with_seed
from engine.messages import ModelInfo


class Document(QObject):
    """Holds the state. Widgets read `state`, call `edit`, and listen to `changed`."""

    changed = Signal(object, object)
    """(old SteerState, new SteerState), after every change, undo and redo."""
    model_changed = Signal(object)
    """ModelInfo of the generator the state now belongs to, or None."""

    def __init__(self, parent: QObject | None = None):
        super().__init__(parent)
        self.history = History(self.apply, self)
        self.undo_stack = self.history.stack
        self._state = SteerState()
        self._info: ModelInfo | None = None

    @property
    def state(self) -> SteerState:
        return self._state

    @property
    def info(self) -> ModelInfo | None:
        """The open generator."""
        return self._info

    def open(self, info: ModelInfo, state: SteerState) -> None:
        """Start on another generator (or the same, restored); the undo history begins anew."""
        self.undo_stack.clear()
        self._info = info
        self.model_changed.emit(info)
        self.apply(state)

    def announce(self) -> None:
        """Tell everything again, for a panel that was built after the generator was opened."""
        if self._info is not None:
            self.model_changed.emit(self._info)
            self.changed.emit(SteerState(), self._state)

    def begin_gesture(self) -> None:
        """A drag starts: everything until `end_gesture` is one undo entry."""
        self.history.begin_gesture()

    def end_gesture(self) -> None:
        self.history.end_gesture()

    def edit(self, text: str, new: SteerState, merge: str = "") -> None:
        """Change the state; `merge` names what is being changed, so that a gesture merges."""
        if new != self._state:
            self.history.push(text, self._state, new, merge)

    def change(self, text: str, merge: str = "", **fields: object) -> None:
        """Change named fields of the state. Touching anything else leaves the morph."""
        if "morph" not in fields and self._state.morph.on:
            fields["morph"] = replace(self._state.morph, on=False)
        self.edit(text, replace(self._state, **fields), merge)  # type: ignore[arg-type]

    def change_card(self, text: str, key: str, merge: str = "", **fields: object) -> None:
        """Change one direction card."""
        card = self._state.card(key)
        if card is None:
            return
        changed = with_card(self._state, key, **fields)
        if changed.morph.on and fields.keys() & {"amount", "direction"}:
            changed = replace(changed, morph=replace(changed.morph, on=False))
        self.edit(text, changed, merge and f"{merge}:{key}")

    def set_amount(self, key: str, amount: float) -> None:
        self.change_card(self.tr("Move a direction"), key, "amount", amount=amount)

    def set_seed(self, seed: int, merge: str = "") -> None:
        self.edit(
            self.tr("Choose seed %1").replace("%1", str(seed)), with_seed(self._state, seed), merge
        )

    def reset_directions(self) -> None:
        cards = tuple(replace(card, amount=0.0) for card in self._state.cards)
        self.change(self.tr("Reset all directions"), cards=cards)

    def visible_cards(self, hidden: bool = False) -> tuple[Card, ...]:
        """Cards in the order they are shown: pinned first."""
        shown = [card for card in self._state.cards if hidden or not card.hidden]
        return tuple(sorted(shown, key=lambda card: not card.pinned))

    def apply(self, state: SteerState) -> None:
        """Take a state without an undo entry (the commands use it)."""
        old, self._state = self._state, state
        self.changed.emit(old, state)
