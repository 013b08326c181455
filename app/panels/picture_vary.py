"""Vary: the new picture's size, how freely it varies, and where."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Slot
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QCheckBox, QWidget

from app import icons
from app.panels.picture_part import Painted, TaskPart, named
from app.picture_state import LARGEST, SMALLEST, new_size, working
from app.picturing import Picturing
from app.widgets.amount import AmountRow, Whole
from app.widgets.levelbars import LevelBars
from app.widgets.mask import MaskTools
from app.widgets.parts import Segments, column, label, push, row, section

LEVELS = 7
"""Of the slider, before the first answer says how many there are."""


class VaryPart(TaskPart):
    """New pictures of the same kind."""

    task, title, hint = "sample", "Vary", "New pictures of the same kind"

    def __init__(self, picturing: Picturing):
        super().__init__(picturing)
        self.where = Painted(
            picturing, "where", "Where it varies", self.tr("Paint where it varies")
        )
        self.front = self.where.canvas
        self._make()
        self._build()
        self._wire()

    def _make(self) -> None:
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
        self.level = AmountRow("Start level", 0, LEVELS - 1, 0, 1, decimals=0)
        self.level.setToolTip("0: everything is new. Higher: the layout stays, details vary.")
        self.variation = AmountRow("Variation", 0, 100, 100, 5, " %", decimals=0)
        self.variation.setToolTip("How freely the first level begins.")
        self.per_level = push("Per level", "How freely every level varies", icon="right")
        self.per_level.setCheckable(True)
        self.even = push("Even", "All levels vary as the two sliders above say")
        self.bars = LevelBars()
        self.paint = push("Paint where", icon="brush")
        self.paint.setCheckable(True)
        self.paint.setToolTip("Brush over the parts that may change; the rest stays.")
        self.everywhere = push("Everywhere", "Forget what was painted: all of it varies")
        for button in (self.paint, self.everywhere, self.per_level, self.even):
            button.setProperty("compact", True)
        self.tools = MaskTools(self.where.layer)

    def _build(self) -> None:
        self.form = QWidget()
        inside = column(self.form, spacing=9)
        inside.addWidget(section("Size"))
        inside.addWidget(self.shape)
        self._free = QWidget()
        self._free.setLayout(row(self.width_field, label("×", "dim"), self.height_field, 1))
        inside.addWidget(self._free)
        inside.addLayout(row(self.wrap, 1, self.size_words))
        inside.addWidget(section("How much is new"))
        inside.addLayout(named("Start", self.level))
        ends = row(label("0 coarse: all new", "small"), 1, label("fine: details", "small"))
        ends.setContentsMargins(44, 0, 0, 0)
        inside.addLayout(ends)
        inside.addLayout(named("Vary", self.variation))
        inside.addLayout(row(self.per_level, 1, self.even))
        self._each = QWidget()
        each = column(self._each, spacing=3)
        each.addWidget(self.bars)
        each.addLayout(row(label("coarse", "small"), 1, label("fine", "small")))
        inside.addWidget(self._each)
        inside.addWidget(section("Where"))
        line = row(self.paint, self.everywhere, spacing=6)
        line.setStretch(0, 1)
        inside.addLayout(line)
        inside.addWidget(self.tools)

    def _wire(self) -> None:
        change = self.picturing.change
        self.shape.chosen.connect(self._shape)
        self.width_field.valueChanged.connect(self._free_size)
        self.height_field.valueChanged.connect(self._free_size)
        self.wrap.toggled.connect(lambda on: change(self.tr("Seamless tile"), wrap=on))
        self.level.moved.connect(
            lambda at: change(self.tr("Start level"), "level", start_level=round(at))
        )
        self.variation.moved.connect(
            lambda at: change(self.tr("Variation"), "variation", variation=at / 100)
        )
        self.per_level.toggled.connect(self._disclose)
        self.bars.moved.connect(self._levels)
        self.even.clicked.connect(lambda: change(self.tr("Even levels"), levels=()))
        self.paint.toggled.connect(self._painting)
        self.everywhere.clicked.connect(self.where.layer.clear)
        self.where.layer.left.connect(self.leave)
        self.picturing.arrived.connect(self._arrived)
        self.tools.hide()
        self._disclose(False)

    # -------------------------------------------------------------- hand

    @property
    def wants_front(self) -> bool:
        return self.paint.isChecked()

    def set_active(self, on: bool) -> None:
        self.where.layer.set_active(on)

    @Slot()
    def leave(self) -> None:
        self.paint.setChecked(False)

    @Slot(bool)
    def _disclose(self, on: bool) -> None:
        self._each.setVisible(on)
        self.per_level.setIcon(icons.icon("down" if on else "right"))

    @Slot(object)
    def _levels(self, values: tuple[float, ...]) -> None:
        self.picturing.change(self.tr("Variation per level"), "levels", levels=values)

    @Slot(bool)
    def _painting(self, on: bool) -> None:
        self.tools.setVisible(on)
        self.front_changed.emit()

    @Slot(str)
    def _shape(self, shape: str) -> None:
        state, source = self.picturing.state, self.picturing.source
        fields: dict[str, object] = {"shape": shape}
        if shape == "free" and source is not None:
            before = new_size(state, source.size)
            width, height = before if all(before) else working(source.size, state.longest)
            fields |= {"width": width, "height": height}
        self.picturing.edit(self.tr("Shape"), replace(state, **fields))  # type: ignore[arg-type]

    @Slot()
    def _free_size(self) -> None:
        width, height = self.width_field.value(), self.height_field.value()
        self.picturing.change(self.tr("Size"), "size", width=width, height=height)

    # -------------------------------------------------------------- look

    def set_source(self, image: QImage) -> None:
        self.where.set_source(image)

    @Slot(int)
    def _arrived(self, _index: int) -> None:
        levels = self.picturing.levels or LEVELS
        self.level.slider.set_span(0, max(levels - 1, 1))
        self._show_levels()

    def _show_levels(self) -> None:
        state = self.picturing.state
        self.even.setVisible(bool(state.levels))
        if state.levels and not self.per_level.isChecked():
            self.per_level.setChecked(True)
        values = state.levels or (state.variation,)
        self.bars.set_values(values, self.picturing.levels or LEVELS, state.start_level)

    def refresh(self) -> None:
        state, source = self.picturing.state, self.picturing.source
        self.where.refresh()
        self.shape.set_value(state.shape)
        self._free.setVisible(state.shape == "free")
        self.level.set_amount(state.start_level)
        self.variation.set_amount(state.variation * 100)
        self._show_levels()
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
        size = new_size(state, source.size)
        width, height = size if all(size) else working(source.size, state.longest)
        self.size_words.setText(f"{width} × {height}")
