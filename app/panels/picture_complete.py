"""Complete: holes filled with several answers, and the frame enlarged."""

from __future__ import annotations

from PySide6.QtGui import QImage
from PySide6.QtWidgets import QWidget

from app.panels.picture_part import Painted, TaskPart, named
from app.picturing import Picturing
from app.widgets.amount import AmountRow
from app.widgets.mask import MaskTools
from app.widgets.parts import column, label, section


class CompletePart(TaskPart):
    """Four different answers to the same hole."""

    task, title = "complete", "Complete"
    hint = "Fill holes or enlarge the frame, with four answers"
    waiting = "Brush over what should go"

    def __init__(self, picturing: Picturing):
        super().__init__(picturing)
        self.hole = Painted(picturing, "hole", "Holes", self.tr("Paint a hole"))
        self.front = self.hole.canvas
        self.tools = MaskTools(self.hole.layer)
        self.wider = AmountRow("Wider", 0, 100, 0, 5, " %", decimals=0, wide=(0, 300))
        self.wider.setToolTip("What is added at the left and right is made up.")
        self.taller = AmountRow("Taller", 0, 100, 0, 5, " %", decimals=0, wide=(0, 300))
        self.taller.setToolTip("What is added above and below is made up.")
        self._build()
        change, words = picturing.change, self.tr("Enlarge the frame")
        self.wider.moved.connect(lambda at: change(words, "wider", wider=at / 100))
        self.taller.moved.connect(lambda at: change(words, "taller", taller=at / 100))

    def _build(self) -> None:
        self.form = QWidget()
        inside = column(self.form, spacing=9)
        inside.addWidget(section("Holes"))
        inside.addWidget(
            label("Brush over what should go: one hole or many. Four answers follow.", "dim", True)
        )
        inside.addWidget(self.tools)
        inside.addWidget(section("Enlarge the frame"))
        inside.addLayout(named("Wider", self.wider))
        inside.addLayout(named("Taller", self.taller))

    def set_active(self, on: bool) -> None:
        self.hole.layer.set_active(on)

    def set_source(self, image: QImage) -> None:
        self.hole.set_source(image)

    def refresh(self) -> None:
        state = self.picturing.state
        self.hole.refresh()
        self.wider.set_amount(state.wider * 100)
        self.taller.set_amount(state.taller * 100)
