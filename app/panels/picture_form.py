"""Left of the variations: the source, the new picture's size, and how freely it varies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QCheckBox, QFileDialog, QHBoxLayout, QWidget

from app.picture_source import KINDS
from app.picture_state import LARGEST, SMALLEST, new_size, working
from app.picturing import Picturing
from app.widgets.amount import AmountRow, Whole
from app.widgets.mask import MaskLayer, MaskTools
from app.widgets.parts import Segments, column, label, push, row, section
from app.widgets.still import Still

LEVELS = 7
"""Of the slider, before the first answer says how many there are."""
DETAIL = (
    ("160", "Quick", "Worked on at 160 pixels: seconds."),
    ("250", "Usual", "Worked on at 250 pixels."),
    ("400", "Fine", "Worked on at 400 pixels: about four times as long."),
)


class PictureForm(QWidget):
    """Every control changes the state and is shown from it."""

    paint_asked = Signal(bool)
    """Whether the place to vary is being painted."""

    def __init__(self, picturing: Picturing, where: MaskLayer, hole: MaskLayer):
        super().__init__()
        self._picturing = picturing
        self._where, self._hole = where, hole
        self._make()
        self._build()
        self._wire()

    def _make(self) -> None:
        self.still = Still("Source picture")
        self.still.setToolTip("The picture everything is made from. Drop another one to change it.")
        self.name = label("")
        self.about = label("", "small", wrap=True)
        self.open = push("Open…", "Choose a picture (or drop it here)", icon="folder")
        self.open.setProperty("compact", True)
        self.shape = Segments(
            (
                ("same", "Same", "The size of the source"),
                ("square", "Square", "As wide as high"),
                ("wide", "2:1", "A panorama: twice as wide as high"),
                ("free", "Free", "Any width and height"),
            ),
            "Shape",
        )
        self.width_field = Whole("Width in pixels", SMALLEST, LARGEST)
        self.height_field = Whole("Height in pixels", SMALLEST, LARGEST)
        self.size_words = label("", "dim")
        self.wrap = QCheckBox("Seamless tile")
        self.wrap.setAccessibleName("Seamless tile")
        self.wrap.setToolTip("Left meets right and top meets bottom.")
        self.detail = Segments(DETAIL, "Detail")
        self.level = AmountRow("Start level", 0, LEVELS - 1, 0, 1, decimals=0)
        self.level.setToolTip("0: everything is new. Higher: the layout stays, details vary.")
        self.variation = AmountRow("Variation", 0, 100, 100, 5, " %", decimals=0)
        self.variation.setToolTip("How freely the first level begins.")
        self.paint = push("Paint where", icon="brush")
        self.paint.setCheckable(True)
        self.paint.setToolTip("Brush over the parts that may change; the rest stays.")
        self.everywhere = push("Everywhere", "Forget what was painted: all of it varies")
        for button in (self.paint, self.everywhere):
            button.setProperty("compact", True)
        self.where_tools = MaskTools(self._where)
        self.hole_tools = MaskTools(self._hole)
        self.wider = AmountRow("Wider", 0, 100, 0, 5, " %", decimals=0, wide=(0, 300))
        self.wider.setToolTip("What is added at the left and right is made up.")
        self.taller = AmountRow("Taller", 0, 100, 0, 5, " %", decimals=0, wide=(0, 300))
        self.taller.setToolTip("What is added above and below is made up.")

    def _build(self) -> None:
        layout = column(self, margin=14, spacing=9)
        layout.addWidget(self.still)
        head = row(self.name, self.open)
        head.setStretch(0, 1)
        layout.addLayout(head)
        layout.addWidget(self.about)
        layout.addWidget(self._vary())
        layout.addWidget(self._complete())
        layout.addWidget(section("Detail"))
        layout.addWidget(self.detail)
        layout.addStretch(1)

    def _vary(self) -> QWidget:
        self.vary = QWidget()
        inside = column(self.vary, spacing=9)
        inside.addWidget(section("Size"))
        inside.addWidget(self.shape)
        self._free = QWidget()
        self._free.setLayout(row(self.width_field, label("×", "dim"), self.height_field, 1))
        inside.addWidget(self._free)
        inside.addLayout(row(self.wrap, 1, self.size_words))
        inside.addWidget(section("How much is new"))
        for words, part in (("Start", self.level), ("Vary", self.variation)):
            inside.addLayout(_named(words, part))
        ends = row(label("0 coarse: all new", "small"), 1, label("fine: details", "small"))
        ends.setContentsMargins(44, 0, 0, 0)
        inside.insertLayout(inside.count() - 1, ends)
        inside.addWidget(section("Where"))
        line = row(self.paint, self.everywhere, spacing=6)
        line.setStretch(0, 1)
        inside.addLayout(line)
        inside.addWidget(self.where_tools)
        return self.vary

    def _complete(self) -> QWidget:
        self.complete = QWidget()
        inside = column(self.complete, spacing=9)
        inside.addWidget(section("Holes"))
        inside.addWidget(
            label("Brush over what should go: one hole or many. Four answers follow.", "dim", True)
        )
        inside.addWidget(self.hole_tools)
        inside.addWidget(section("Enlarge the frame"))
        for words, part in (("Wider", self.wider), ("Taller", self.taller)):
            inside.addLayout(_named(words, part))
        return self.complete

    def _wire(self) -> None:
        change = self._picturing.change
        self.open.clicked.connect(self.choose)
        self.shape.chosen.connect(self._shape)
        self.width_field.valueChanged.connect(self._free_size)
        self.height_field.valueChanged.connect(self._free_size)
        self.wrap.toggled.connect(lambda on: change(self.tr("Seamless tile"), wrap=on))
        self.detail.chosen.connect(lambda side: change(self.tr("Detail"), longest=int(side)))
        self.level.moved.connect(
            lambda at: change(self.tr("Start level"), "level", start_level=round(at))
        )
        self.variation.moved.connect(
            lambda at: change(self.tr("Variation"), "variation", variation=at / 100)
        )
        self.paint.toggled.connect(self.paint_asked)
        self.paint.toggled.connect(self.where_tools.setVisible)
        self.everywhere.clicked.connect(self._where.clear)
        self.wider.moved.connect(
            lambda at: change(self.tr("Enlarge the frame"), "wider", wider=at / 100)
        )
        self.taller.moved.connect(
            lambda at: change(self.tr("Enlarge the frame"), "taller", taller=at / 100)
        )
        self._picturing.changed.connect(self.refresh)
        self._picturing.source_changed.connect(self._source)
        self._picturing.arrived.connect(self._arrived)
        self.where_tools.hide()
        self.refresh()

    # -------------------------------------------------------------- hand

    @Slot()
    def choose(self) -> None:
        """A file dialogue for another picture."""
        folder = str(Path(self._picturing.state.source).parent)
        path, _ = QFileDialog.getOpenFileName(self, "Picture", folder, KINDS)
        if path:
            self._picturing.open(path)

    @Slot(str)
    def _shape(self, shape: str) -> None:
        state, source = self._picturing.state, self._picturing.source
        fields: dict[str, object] = {"shape": shape}
        if shape == "free" and source is not None:
            before = new_size(state, source.size)
            width, height = before if all(before) else working(source.size, state.longest)
            fields |= {"width": width, "height": height}
        self._picturing.edit(self.tr("Shape"), replace(state, **fields))  # type: ignore[arg-type]

    @Slot()
    def _free_size(self) -> None:
        self._picturing.change(
            self.tr("Size"),
            "size",
            width=self.width_field.value(),
            height=self.height_field.value(),
        )

    # -------------------------------------------------------------- look

    @Slot()
    def _source(self) -> None:
        source = self._picturing.source
        self.still.set_image(source.image if source is not None else self.still.image)
        self.name.setText("" if source is None else _short(source.name))
        self.name.setToolTip("" if source is None else source.path)
        self.refresh()

    @Slot(int)
    def _arrived(self, _index: int) -> None:
        levels = self._picturing.levels or LEVELS
        self.level.slider.set_span(0, max(levels - 1, 1))

    @Slot()
    def refresh(self) -> None:
        state, source = self._picturing.state, self._picturing.source
        self.vary.setVisible(state.task == "sample")
        self.complete.setVisible(state.task == "complete")
        self.shape.set_value(state.shape)
        self._free.setVisible(state.shape == "free")
        self.detail.set_value(str(state.longest))
        self.level.set_amount(state.start_level)
        self.variation.set_amount(state.variation * 100)
        self.wider.set_amount(state.wider * 100)
        self.taller.set_amount(state.taller * 100)
        self.everywhere.setEnabled(state.where is not None)
        pairs = [(self.width_field, state.width), (self.height_field, state.height)]
        for field, value in pairs:
            blocked = field.blockSignals(True)
            field.setValue(value)
            field.blockSignals(blocked)
        blocked = self.wrap.blockSignals(True)
        self.wrap.setChecked(state.wrap)
        self.wrap.blockSignals(blocked)
        if source is None:
            return
        small = working(source.size, state.longest)
        size = new_size(state, source.size)
        width, height = size if all(size) else small
        self.size_words.setText(f"{width} × {height}")
        words = f"{source.size[0]} × {source.size[1]} pixels"
        if small != source.size:
            words += f", worked on at {small[0]} × {small[1]}"
        self.about.setText(words)


def _named(words: str, part: AmountRow) -> QHBoxLayout:
    name = label(words, "dim")
    name.setFixedWidth(40)
    line = row(name, part)
    line.setStretch(1, 1)
    return line


def _short(name: str) -> str:
    return name if len(name) <= 20 else name[:19] + "…"
