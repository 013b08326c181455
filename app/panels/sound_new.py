"""New sounds: takes of any length, variations that keep the course, twenty shots of an effect."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QCheckBox, QWidget

from app.panels.sound_part import LengthRow, TaskPart, named
from app.sound_state import LIVE, ONE_SHOTS
from app.sounding import Sounding
from app.widgets.amount import AmountRow
from app.widgets.parts import column, label, row, section

LEVELS = 6
"""Of the slider, before the first answer says how many there are."""
LONG_EFFECT = 4.0
"""Seconds: from here on a sound is more than one event."""


class TakesPart(TaskPart):
    """New sounds of the same kind."""

    task, title, hint = "sample", "Takes", "New sounds of the same kind, of any length"

    def __init__(self, sounding: Sounding):
        super().__init__(sounding)
        self.length = LengthRow("Length")
        self.loop = QCheckBox("Seamless loop")
        self.loop.setAccessibleName("Seamless loop")
        self.loop.setToolTip("Its end goes over into its beginning.")
        self.about = label("", "dim", wrap=True)
        self.form = QWidget()
        inside = column(self.form, spacing=9)
        inside.addWidget(section("Length"))
        inside.addWidget(self.length)
        inside.addWidget(self.loop)
        inside.addWidget(self.about)
        self.length.moved.connect(self._length)
        self.loop.toggled.connect(self._loop)

    @Slot(float)
    def _length(self, seconds: float) -> None:
        self.sounding.change(self.tr("Length"), "seconds", seconds=seconds)

    @Slot(bool)
    def _loop(self, on: bool) -> None:
        self.sounding.change(self.tr("Seamless loop"), loop=on)

    def refresh(self) -> None:
        state = self.sounding.state
        self.length.set_seconds(state.seconds)
        blocked = self.loop.blockSignals(True)
        self.loop.setChecked(state.loop)
        self.loop.blockSignals(blocked)
        long = state.seconds > LIVE
        self.about.setText("Takes this long are made one after the other, as jobs." if long else "")
        self.about.setVisible(long)


class VaryPart(TaskPart):
    """The same course, other details."""

    task, title, hint = "vary", "Vary", "Keep the course of the sound, make its details new"

    def __init__(self, sounding: Sounding):
        super().__init__(sounding)
        self.level = AmountRow("Start level", 0, LEVELS - 1, 1, 1, decimals=0)
        self.level.setToolTip("0: everything is new. Higher: the course stays, details vary.")
        self.variation = AmountRow("Variation", 0, 100, 100, 5, " %", decimals=0)
        self.variation.setToolTip("How freely the first level begins.")
        self.form = QWidget()
        inside = column(self.form, spacing=9)
        inside.addWidget(section("How much is new"))
        inside.addLayout(named("Start", self.level))
        ends = row(label("0 coarse: all new", "small"), 1, label("fine: details", "small"))
        ends.setContentsMargins(52, 0, 0, 0)
        inside.addLayout(ends)
        inside.addLayout(named("Vary", self.variation))
        self.level.moved.connect(self._level)
        self.variation.moved.connect(self._variation)
        sounding.arrived.connect(self._arrived)

    @Slot(float)
    def _level(self, at: float) -> None:
        self.sounding.change(self.tr("Start level"), "level", start_level=round(at))

    @Slot(float)
    def _variation(self, at: float) -> None:
        self.sounding.change(self.tr("Variation"), "variation", variation=at / 100)

    @Slot(int)
    def _arrived(self, _index: int) -> None:
        levels = self.sounding.asking.levels or LEVELS
        self.level.slider.set_span(0, max(levels - 1, 1))

    def refresh(self) -> None:
        self.level.set_amount(self.sounding.state.start_level)
        self.variation.set_amount(self.sounding.state.variation * 100)


class EffectsPart(TaskPart):
    """Many takes of one short event."""

    task, title = "effects", "Effects"
    hint = f"{ONE_SHOTS} takes of a short sound: a step, a door, a drop"

    def __init__(self, sounding: Sounding):
        super().__init__(sounding)
        self.about = label("", "dim", wrap=True)
        self.form = QWidget()
        inside = column(self.form, spacing=9)
        inside.addWidget(self.about)

    def refresh(self) -> None:
        start, end = self.sounding.region
        long = end - start > LONG_EFFECT
        self.about.setText(
            f"{end - start:.1f} s is long for an effect: drag over one event in the source."
            if long
            else ""
        )
        self.about.setVisible(long)
