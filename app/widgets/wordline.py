"""A line for words: the rest of a known word stands grey behind the cursor, Tab takes it."""

from __future__ import annotations

import re

from PySide6.QtCore import QEvent, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QFocusEvent, QKeyEvent, QKeySequence, QPainter, QPaintEvent
from PySide6.QtWidgets import QLineEdit

from app import theme

HOLD_MS = 160
"""Ctrl alone for this long is a hold and no shortcut."""
LAST_WORD = re.compile(r"[^\s,;+*\-–−]+$")


class WordLine(QLineEdit):
    """Completes the last word from `set_known`; says when Ctrl is held down alone."""

    held = Signal(bool)

    def __init__(self, name: str, placeholder: str, pixels: int = theme.SIZE_LARGE):
        super().__init__()
        self._known: tuple[str, ...] = ()
        self._completes = True
        self.setAccessibleName(name)
        self.setPlaceholderText(placeholder)
        # The application's style sheet would win over setFont.
        self.setStyleSheet(f"font-size: {pixels}px; padding: 8px 12px;")
        self._wait = QTimer(self)
        self._wait.setSingleShot(True)
        self._wait.setInterval(HOLD_MS)
        self._wait.timeout.connect(self._hold)
        self._holding = False

    def set_known(self, words: tuple[str, ...]) -> None:
        """Words to complete with, most likely first."""
        self._known = words
        self.update()

    def set_completes(self, on: bool) -> None:
        self._completes = on
        self.update()

    @property
    def rest(self) -> str:
        """What Tab would add to the word before the cursor."""
        text = self.text()
        found = LAST_WORD.search(text)
        if not self._completes or found is None or self.cursorPosition() != len(text):
            return ""
        begun = found.group().casefold()
        for word in self._known:
            if word.startswith(begun) and len(word) > len(begun):
                return word[len(begun) :]
        return ""

    def take(self, word: str) -> None:
        """Put `word` in the place of the one at the end, or behind what is there."""
        text = LAST_WORD.sub("", self.text())
        self.setText(text + word)
        self.setFocus()

    # -------------------------------------------------------------- keys

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent):
            if event.type() == QEvent.Type.ShortcutOverride:
                undo, redo = QKeySequence.StandardKey.Undo, QKeySequence.StandardKey.Redo
                # With nothing of its own to undo, the key means the document.
                if (event.matches(undo) and not self.isUndoAvailable()) or (
                    event.matches(redo) and not self.isRedoAvailable()
                ):
                    event.ignore()
                    return True
            plain = event.modifiers() == Qt.KeyboardModifier.NoModifier
            pressed = event.type() == QEvent.Type.KeyPress and event.key() == Qt.Key.Key_Tab
            if pressed and plain and self.rest:
                self.insert(self.rest)
                return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Control and not event.isAutoRepeat():
            self._wait.start()
        elif event.key() != Qt.Key.Key_Control:
            self._release()
        super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Control and not event.isAutoRepeat():
            self._release()
        super().keyReleaseEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._release()
        super().focusOutEvent(event)

    @Slot()
    def _hold(self) -> None:
        self._holding = True
        self.held.emit(True)

    def _release(self) -> None:
        self._wait.stop()
        if self._holding:
            self._holding = False
            self.held.emit(False)

    # -------------------------------------------------------------- look

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        rest = self.rest if self.hasFocus() else ""
        if not rest:
            return
        at = self.cursorRect()
        x = at.x() + at.width() // 2
        room = self.rect().adjusted(x, 0, -10, 0)
        painter = QPainter(self)
        painter.setFont(self.font())
        painter.setPen(theme.colour(theme.EDGE))
        flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(room, flags, rest)
        painter.end()
