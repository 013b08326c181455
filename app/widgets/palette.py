"""The command palette: every command of the table, found by typing."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QWidget,
)

from app.widgets.parts import column, label

ID_ROLE = int(Qt.ItemDataRole.UserRole)


class CommandPalette(QDialog):
    """Type some letters, Return runs the chosen command."""

    chosen = Signal(str)
    """Id of the command."""

    def __init__(self, parent: QWidget):
        super().__init__(parent, Qt.WindowType.Dialog | Qt.WindowType.FramelessWindowHint)
        self.setAccessibleName("Command palette")
        self.setWindowTitle("Commands")
        self.search = QLineEdit()
        self.search.setPlaceholderText("What would you like to do?")
        self.search.setAccessibleName("Search commands")
        self.search.setClearButtonEnabled(True)
        self.search.setMinimumHeight(34)
        self.list = QListWidget()
        self.list.setAccessibleName("Commands")
        self.list.setUniformItemSizes(True)
        layout = column(self, margin=12)
        layout.addWidget(self.search)
        layout.addWidget(self.list)
        layout.addWidget(label("↑ ↓ choose    Return runs    Esc closes", "small"))
        self.resize(560, 420)
        self._entries: list[tuple[str, str, str]] = []
        self.search.textChanged.connect(self._filter)
        self.search.installEventFilter(self)
        self.list.itemActivated.connect(self._run)
        self.list.itemClicked.connect(self._run)

    def open_with(self, entries: list[tuple[str, str, str]]) -> None:
        """`entries`: (id, text, shortcut) of the commands that can run now."""
        self._entries = entries
        self.search.clear()
        self._filter("")
        parent = self.parentWidget()
        if parent is not None:
            middle = parent.geometry().center()
            self.move(middle.x() - self.width() // 2, parent.geometry().top() + 72)
        self.open()
        self.search.setFocus()

    @Slot(str)
    def _filter(self, text: str) -> None:
        self.list.clear()
        for command, words, shortcut in matching(self._entries, text):
            item = QListWidgetItem(self.list)
            item.setData(ID_ROLE, command)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{words} {shortcut}")
            item.setToolTip(words)
            line = QWidget()
            line.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            inside = QHBoxLayout(line)
            inside.setContentsMargins(10, 6, 10, 6)
            inside.addWidget(label(words))
            inside.addStretch(1)
            inside.addWidget(label(shortcut, "dim"))
            item.setSizeHint(line.sizeHint())
            self.list.setItemWidget(item, line)
        self.list.setCurrentRow(0)

    @Slot(QListWidgetItem)
    def _run(self, item: QListWidgetItem) -> None:
        self.accept()
        self.chosen.emit(item.data(ID_ROLE))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.search and isinstance(event, QKeyEvent):
            if event.type() == QEvent.Type.KeyPress and event.key() in (
                Qt.Key.Key_Up,
                Qt.Key.Key_Down,
            ):
                step = -1 if event.key() == Qt.Key.Key_Up else 1
                row = min(max(self.list.currentRow() + step, 0), self.list.count() - 1)
                self.list.setCurrentRow(row)
                return True
            if event.type() == QEvent.Type.KeyPress and event.key() in (
                Qt.Key.Key_Return,
                Qt.Key.Key_Enter,
            ):
                item = self.list.currentItem()
                if item is not None:
                    self._run(item)
                return True
        return super().eventFilter(watched, event)


def matching(entries: list[tuple[str, str, str]], text: str) -> list[tuple[str, str, str]]:
    """Entries whose words hold all typed words; those that begin with the text come first."""
    wanted = text.lower().split()
    found = [entry for entry in entries if all(word in entry[1].lower() for word in wanted)]
    start = text.lower().strip()
    return sorted(found, key=lambda entry: not entry[1].lower().startswith(start))
