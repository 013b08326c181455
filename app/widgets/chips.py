"""Words to click, in one row: as many as there is room for."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QButtonGroup, QSizePolicy, QToolButton, QWidget

GAP, HEIGHT = 6, 28
MOST = 12


class Chips(QWidget):
    """Buttons that are made once and told new words."""

    chosen = Signal(str)

    def __init__(self, name: str):
        super().__init__()
        self._words: tuple[str, ...] = ()
        self._name = name
        self._group = QButtonGroup(self)
        self._buttons: list[QToolButton] = []
        for index in range(MOST):
            button = QToolButton(self)
            button.setProperty("chip", True)
            button.setStyleSheet(
                "QToolButton { background: #363636; border-radius: 13px; color: #e9e7e4;"
                " padding: 3px 11px; border: 1px solid transparent; }"
                "QToolButton:hover { background: #424242; }"
                "QToolButton:focus { border: 1px solid #f2a65a; }"
            )
            button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            button.setAccessibleName(f"{name} {index + 1}")
            button.hide()
            self._group.addButton(button, index)
            self._buttons.append(button)
        self._group.idClicked.connect(self._clicked)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(HEIGHT)

    def sizeHint(self) -> QSize:
        return QSize(200, HEIGHT)

    @property
    def words(self) -> tuple[str, ...]:
        """Those that are shown."""
        return tuple(
            word
            for word, button in zip(self._words, self._buttons, strict=False)
            if not button.isHidden()
        )

    def set_words(self, words: Sequence[str]) -> None:
        if tuple(words[:MOST]) != self._words:
            self._words = tuple(words[:MOST])
            self._place()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place()

    def _place(self) -> None:
        x = 0
        for index, button in enumerate(self._buttons):
            if index >= len(self._words):
                button.hide()
                continue
            word = self._words[index]
            button.setText(word if len(word) <= 24 else word[:23] + "…")
            button.setAccessibleName(f"{self._name}: {word}")
            button.setToolTip(f"Put “{word}” into the line")
            width = button.sizeHint().width()
            button.setGeometry(x, 0, width, HEIGHT)
            button.setVisible(x + width <= self.width())
            x += width + GAP

    @Slot(int)
    def _clicked(self, index: int) -> None:
        if index < len(self._words):
            self.chosen.emit(self._words[index])
