"""Undo of frozen states: every change is one command, a gesture merges into one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QAction, QUndoCommand, QUndoGroup, QUndoStack
from PySide6.QtWidgets import QWidget

MERGE_SECONDS = 0.7
"""Key presses and wheel steps closer than this are one gesture."""
UNDO_LIMIT = 500


class History(QObject):
    """Records changes from one state to another; `apply` takes a state without recording it."""

    def __init__(self, apply: Callable[[Any], None], parent: QObject | None = None):
        super().__init__(parent)
        self.stack = QUndoStack(self)
        self.stack.setUndoLimit(UNDO_LIMIT)
        self._apply = apply
        self._held = False
        self._gesture = 0
        self._last = 0.0

    def begin_gesture(self) -> None:
        """A drag starts: everything until `end_gesture` is one entry."""
        self._gesture += 1
        self._held = True

    def end_gesture(self) -> None:
        self._held = False
        self._gesture += 1

    def push(self, text: str, old: object, new: object, merge: str = "") -> None:
        """Apply `new` as a change that can be undone.

        `merge` names what is being changed, so that a gesture merges; empty never merges.
        """
        now = time.monotonic()
        if not self._held and now - self._last > MERGE_SECONDS:
            self._gesture += 1
        self._last = now
        self.stack.push(_Change(self._apply, text, old, new, (merge, self._gesture)))


class _Change(QUndoCommand):
    def __init__(
        self,
        apply: Callable[[Any], None],
        text: str,
        old: object,
        new: object,
        gesture: tuple[str, int],
    ):
        super().__init__(text)
        self._apply, self._old, self._new, self._gesture = apply, old, new, gesture

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
        self._apply(self._new)

    def undo(self) -> None:
        self._apply(self._old)


class Histories(QUndoGroup):
    """Undo means the shown workspace: the page's own `undo_stack`, or the document's."""

    def __init__(self, document: QUndoStack, undo: QAction, redo: QAction, parent: QObject):
        super().__init__(parent)
        self._document = document
        self._words = ((undo, "Undo"), (redo, "Redo"))
        self.addStack(document)
        for signal in (self.indexChanged, self.activeStackChanged):
            signal.connect(self.tell)

    def show(self, page: QWidget) -> None:
        """This workspace came to the front."""
        own = getattr(page, "undo_stack", None)
        if own is not None:
            self.addStack(own)
        self.setActiveStack(own or self._document)

    @Slot()
    def tell(self) -> None:
        """The two actions say what they would do."""
        undo, redo = self._words
        for (action, word), can, text in (
            (undo, self.canUndo(), self.undoText()),
            (redo, self.canRedo(), self.redoText()),
        ):
            action.setEnabled(can)
            action.setText(f"{word}: {text}" if can and text else word)
