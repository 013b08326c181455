"""Units that respond alike, as buttons that lead to their cards."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QButtonGroup, QToolButton

from app.inspect_state import unit_words
from app.widgets.flow import Flow
from engine.messages import Unit

MOST = 6


class Neighbours(Flow):
    """Buttons are made once and told new units."""

    chosen = Signal(object)

    def __init__(self, name: str):
        super().__init__()
        self._units: list[Unit] = []
        self._group = QButtonGroup(self)
        self.setAccessibleName(name)
        for index in range(MOST):
            button = QToolButton()
            button.setProperty("chip", True)
            button.setAccessibleName(f"{name} {index + 1}")
            self._group.addButton(button, index)
            self.add(button)
            button.hide()
        self._group.idClicked.connect(self._clicked)

    def set_units(self, units: Sequence[tuple[Unit, str, float]]) -> None:
        """(unit, its words, correlation -1..1), most alike first."""
        self._units = [unit for unit, _words, _share in units[:MOST]]
        for index in range(MOST):
            button = self._group.button(index)
            button.setVisible(index < len(self._units))
            if index < len(self._units):
                unit, words, share = units[index]
                words = words if len(words) <= 22 else words[:21] + "…"
                text = f"{words}  {share:.2f}".replace("-", "−")
                button.setText(text)
                button.setAccessibleName(f"Unit {unit_words(unit)}, correlation {share:.2f}")
                button.setToolTip(f"{unit_words(unit)}: correlation {share:.2f}. Show its card.")
        self.refresh()

    @Slot(int)
    def _clicked(self, index: int) -> None:
        if index < len(self._units):
            self.chosen.emit(self._units[index])
