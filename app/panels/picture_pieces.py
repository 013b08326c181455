"""Forms of composing with pieces: what draws them, and what is done to the chosen one."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QCheckBox, QWidget

from app.panels.picture_part import named
from app.widgets.amount import AmountRow
from app.widgets.arranging import upright
from app.widgets.collage import Collage
from app.widgets.parts import Segments, column, icon_button, label, push, row, section
from app.widgets.pieces import Pieces


class DrawTools(QWidget):
    """Lasso or brush, and how thick it is."""

    def __init__(self, collage: Collage):
        super().__init__()
        self._collage = collage
        self.kind = Segments(
            (
                ("lasso", "Lasso", "Draw round it. With Shift: take that away again."),
                ("brush", "Brush", "Brush over it. With Shift: take that away again."),
            ),
            "Choose a part by",
        )
        self.thickness = AmountRow("Brush size", 1, 40, 8, 1, " %", decimals=0, wide=(1, 100))
        self.thickness.setToolTip("Share of the picture. On the picture: the keys , and .")
        self._sized = QWidget()
        self._sized.setLayout(named("Size", self.thickness))
        layout = column(self, spacing=6)
        layout.addWidget(self.kind)
        layout.addWidget(self._sized)
        self.kind.chosen.connect(self._kind)
        self.thickness.moved.connect(self._thick)
        collage.brush_changed.connect(self.refresh)
        self.refresh()

    @Slot(str)
    def _kind(self, kind: str) -> None:
        self._collage.set_brush(replace(self._collage.brush, lasso=kind == "lasso"))

    @Slot(float)
    def _thick(self, percent: float) -> None:
        self._collage.set_brush(replace(self._collage.brush, size=percent / 100))

    @Slot()
    def refresh(self) -> None:
        brush = self._collage.brush
        self.kind.set_value("lasso" if brush.lasso else "brush")
        self.thickness.set_amount(brush.size * 100)
        self._sized.setVisible(not brush.lasso)


class ChosenPiece(QWidget):
    """Size, turn, flip, duplicate, to the front, away; hidden while none is chosen."""

    def __init__(self, pieces: Pieces):
        super().__init__()
        self._pieces = pieces
        self._before: object = None
        self.title = section("Chosen part")
        self.scaling = AmountRow("Size of the part", 5, 200, 100, 1, " %", 0, (2, 800))
        self.scaling.setToolTip("On the picture: the wheel, a corner, or + and -")
        self.turning = AmountRow("Turn of the part", -180, 180, 0, 1, "°", decimals=0)
        self.turning.setToolTip("On the picture: the round handle (Shift: by 15°), or [ and ]")
        self.flip = icon_button("flip", "Flip left to right (F)")
        self.copy = icon_button("copy", "Duplicate (D); or drag with Alt")
        self.front = icon_button("front", "In front of all others")
        self.away = icon_button("trash", "Take it away (Delete)")
        layout = column(self, spacing=6)
        head = row(self.title, 1, self.flip, self.copy, self.front, self.away, spacing=2)
        layout.addLayout(head)
        layout.addLayout(named("Size", self.scaling))
        layout.addLayout(named("Turn", self.turning))
        for button, deed in (
            (self.flip, pieces.flip),
            (self.copy, pieces.duplicate),
            (self.front, pieces.to_front),
            (self.away, pieces.remove),
        ):
            button.clicked.connect(deed)
        for amount in (self.scaling, self.turning):
            amount.moved.connect(self._slid)
            amount.began.connect(self._begin)
            amount.ended.connect(self._end)
        pieces.looked.connect(self.refresh)
        self.refresh()

    @Slot()
    def _begin(self) -> None:
        self._before = self._pieces.all

    @Slot()
    def _end(self) -> None:
        before, self._before = self._before, None
        if before != self._pieces.all:
            self._pieces.settle(self.tr("Change a part"))

    @Slot(float)
    def _slid(self, _amount: float) -> None:
        piece = self._pieces.chosen
        if piece is None:
            return
        scale, turn = self.scaling.amount / 100, upright(self.turning.amount)
        self._pieces.put(replace(piece, scale=scale, turn=turn))
        if self._before is None:
            # Typed, by key or by wheel; a drag is settled when it ends.
            self._pieces.settle(self.tr("Change a part"), "piece form")

    @Slot()
    def refresh(self) -> None:
        piece = self._pieces.chosen
        self.setVisible(piece is not None)
        if piece is not None:
            self.scaling.set_amount(round(piece.scale * 100, 1))
            self.turning.set_amount(round(piece.turn, 1))
            count = len(self._pieces.all)
            which = f"PART {self._pieces.number + 1} OF {count}" if count > 1 else "CHOSEN PART"
            self.title.setText(which)
            self.front.setEnabled(self._pieces.number < count - 1)


class MoveForm(QWidget):
    """Parts of the source."""

    def __init__(self):
        super().__init__()
        self.fill = QCheckBox("Fill the place it came from")
        self.fill.setAccessibleName("Fill the place it came from")
        self.fill.setToolTip("Off: the part stays where it was, and a copy of it moves.")
        layout = column(self, spacing=9)
        layout.addWidget(
            label("Draw round a part of the picture, then drag it elsewhere.", "dim", wrap=True)
        )
        layout.addWidget(self.fill)


class PasteForm(QWidget):
    """Where the other picture comes from, and what belongs to it."""

    def __init__(self):
        super().__init__()
        self.choose = push("Choose…", "A picture file that is laid on this one")
        self.paste = push("Paste", "The picture on the clipboard (Ctrl+V)")
        self.trim = push("Cut out", icon="lasso")
        self.trim.setCheckable(True)
        self.trim.setToolTip("Draw round what belongs to the pasted picture; the rest goes.")
        for button in (self.choose, self.paste, self.trim):
            button.setProperty("compact", True)
        layout = column(self, spacing=9)
        layout.addWidget(
            label("Drop another picture onto this one and drag it into place.", "dim", wrap=True)
        )
        layout.addLayout(row(self.choose, self.paste, self.trim, 1, spacing=5))
