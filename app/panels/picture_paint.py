"""Form of painting: paints taken from the source, tools, and what is begun from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QIcon, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QColorDialog, QToolButton, QWidget

from app import theme
from app.painting import PAINTS
from app.panels.picture_part import named
from app.widgets.amount import AmountRow
from app.widgets.easel import Colour, Easel
from app.widgets.parts import Segments, column, icon_button, label, push, row, section

SWATCH = 20
TOOLS = (
    ("brush", "Brush", "Paint (X: the eraser)"),
    ("eraser", "Eraser", "Take paint off again (X)"),
    ("shape", "Shape", "Draw round an area: it is filled with the colour"),
    ("fill", "Fill", "Click: what hangs together in one colour takes this one"),
)
GROUNDS = (
    ("blurred", "Blurred", "The picture out of focus"),
    ("blank", "Blank", "One colour, the picture's commonest"),
    ("source", "Source", "The picture itself"),
)


class PaintForm(QWidget):
    """Works on the easel; what is begun from is asked for by signals."""

    begin_asked = Signal(str)
    """blurred, blank or source."""
    open_asked = Signal()

    def __init__(self, easel: Easel):
        super().__init__()
        self._easel = easel
        self.paints = [self._swatch(number) for number in range(PAINTS)]
        self._colours: list[Colour] = []
        self.now = push("Mix…", "Mix another colour")
        self.now.setIconSize(QSize(SWATCH, SWATCH))
        self.pick = icon_button("pick", "Take a colour from the painting (Alt and click)", True)
        self.tool = Segments(TOOLS, "Painting tool")
        self.thickness = AmountRow("Brush size", 1, 40, 10, 1, " %", decimals=0, wide=(0.5, 100))
        self.thickness.setToolTip("Share of the picture. On the picture: the keys , and .")
        self.softness = AmountRow("Soft edge", 0, 100, 30, 5, " %", decimals=0)
        self.grounds = {value: push(text, tip) for value, text, tip in GROUNDS}
        self.open = push("Open…", "A painting from a file", icon="folder")
        for button in (*self.grounds.values(), self.open, self.now):
            button.setProperty("compact", True)
        self._build()
        self._wire()

    def _swatch(self, number: int) -> QToolButton:
        button = QToolButton()
        button.setCheckable(True)
        button.setIconSize(QSize(SWATCH, SWATCH))
        button.setToolTip(f"Paint {number + 1} of the picture (key {number + 1})")
        button.setAccessibleName(f"Paint {number + 1} of the picture")
        button.setProperty("slim", True)
        return button

    def _build(self) -> None:
        layout = column(self, spacing=9)
        layout.addWidget(
            label("Paint roughly: it becomes the matter of the picture.", "dim", wrap=True)
        )
        layout.addLayout(row(*self.paints, 1, spacing=1))
        layout.addLayout(row(self.now, self.pick, 1, spacing=6))
        layout.addWidget(self.tool)
        layout.addLayout(named("Size", self.thickness))
        layout.addLayout(named("Soft", self.softness))
        layout.addLayout(row(section("Begin again from"), 1, self.open))
        layout.addLayout(row(*self.grounds.values(), 1, spacing=4))

    def _wire(self) -> None:
        for number, button in enumerate(self.paints):
            button.clicked.connect(lambda _on=False, number=number: self.take(number))
        for value, button in self.grounds.items():
            button.clicked.connect(lambda _on=False, value=value: self.begin_asked.emit(value))
        self.open.clicked.connect(self.open_asked)
        self.now.clicked.connect(self._mix)
        self.pick.toggled.connect(self._picking)
        self.tool.chosen.connect(lambda tool: self._change(tool=tool))
        self.thickness.moved.connect(lambda percent: self._change(size=percent / 100))
        self.softness.moved.connect(lambda percent: self._change(soft=percent / 100))
        self._easel.numbered.connect(self.take)
        self._easel.palette_changed.connect(self.refresh)
        self.refresh()

    def set_paints(self, colours: Sequence[Colour]) -> None:
        """Of another source."""
        self._colours = list(colours)
        for button, colour in zip(self.paints, colours, strict=True):
            button.setIcon(_icon(colour))
        self.take(len(colours) // 4)

    @Slot(int)
    def take(self, number: int) -> None:
        """Paint with the picture's colour of this number, counted from 0."""
        if number < len(self._colours):
            now = self._easel.palette_now
            tool = "brush" if now.tool == "eraser" else now.tool
            self._change(colour=self._colours[number], tool=tool)
        self.refresh()

    def _change(self, **fields: object) -> None:
        self._easel.set_palette_now(replace(self._easel.palette_now, **fields))  # type: ignore[arg-type]

    @Slot()
    def _mix(self) -> None:
        chosen = QColorDialog.getColor(QColor(*self._easel.palette_now.colour), self, "Colour")
        if chosen.isValid():
            self._change(colour=(chosen.red(), chosen.green(), chosen.blue()))

    @Slot(bool)
    def _picking(self, on: bool) -> None:
        self._easel.picking = on

    @Slot()
    def refresh(self) -> None:
        now = self._easel.palette_now
        self.tool.set_value(now.tool)
        self.thickness.set_amount(round(now.size * 100, 1))
        self.softness.set_amount(now.soft * 100)
        self.now.setIcon(_icon(now.colour))
        blocked = self.pick.blockSignals(True)
        self.pick.setChecked(self._easel.picking)
        self.pick.blockSignals(blocked)
        for number, button in enumerate(self.paints):
            known = number < len(self._colours)
            button.setChecked(known and self._colours[number] == now.colour)


def _icon(colour: Colour) -> QIcon:
    pixmap = QPixmap(2 * SWATCH, 2 * SWATCH)
    pixmap.setDevicePixelRatio(2.0)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    # Dark paint on a dark panel needs an edge.
    painter.setPen(QPen(theme.colour(theme.EDGE), 1))
    painter.setBrush(QColor(*colour))
    painter.drawRoundedRect(QRectF(0.5, 0.5, SWATCH - 1, SWATCH - 1), 3, 3)
    painter.end()
    return QIcon(pixmap)
