"""The open document as observable state: every change is one undoable command.

A gesture (one drag, or one run of key presses) merges into one entry of the undo history.
"""

from __future__ import annotations

import time
from dataclasses import replace

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoCommand, QUndoStack

from app.state import Card, SteerState, with_card, with_seed
from engine.messages import ModelInfo

MERGE_SECONDS = 0.7
"""Key presses and wheel steps closer than this are one gesture."""
UNDO_LIMIT = 500


class Document(QObject):
    """Holds the state. Widgets read `state`, call `edit`, and listen to `changed`."""

    changed = Signal(object, object)
    """(old SteerState, new SteerState), after every change, undo and redo."""
    model_changed = Signal(object)
    """ModelInfo of the generator the state now belongs to, or None."""

    def __init__(self, parent: QObject | None = None):
        super().__init__(parent)
        self.undo_stack = QUndoStack(self)
        self.undo_stack.setUndoLimit(UNDO_LIMIT)
        self._state = SteerState()
        self._info: ModelInfo | None = None
        self._held = False
        self._gesture = 0
        self._last_edit = 0.0

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
        self._gesture += 1
        self._held = True

    def end_gesture(self) -> None:
        self._held = False
        self._gesture += 1

    def edit(self, text: str, new: SteerState, merge: str = "") -> None:
        """Change the state; `merge` names what is being changed, so that a gesture merges."""
        if new == self._state:
            return
        now = time.monotonic()
        if not self._held and now - self._last_edit > MERGE_SECONDS:
            self._gesture += 1
        self._last_edit = now
        self.undo_stack.push(_Change(self, text, self._state, new, (merge, self._gesture)))

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


class _Change(QUndoCommand):
    def __init__(
        self,
        document: Document,
        text: str,
        old: SteerState,
        new: SteerState,
        gesture: tuple[str, int],
    ):
        super().__init__(text)
        self._document, self._old, self._new, self._gesture = document, old, new, gesture

    def id(self) -> int:
        return 1 if self._gesture[0] else -1

    def mergeWith(self, other: QUndoCommand) -> bool:
        if not isinstance(other, _Change) or other._gesture != self._gesture:
            return False
        self._new = other._new
        if self._new == self._old:
            self.setObsolete(True)
        return True

    def redo(self) -> None:
        self._document.apply(self._new)

    def undo(self) -> None:
        self._document.apply(self._old)
