"""Morph: one sound goes over into another along a curve that is drawn on the take."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from app.panels.sound_part import LengthRow, TaskPart, choose_sound
from app.sounding import Sounding
from app.widgets.parts import Segments, column, label, push, row, section

Curve = tuple[tuple[float, float], ...]

COURSES: dict[str, Curve] = {
    "over": ((0.0, 0.0), (1.0, 1.0)),
    "there": ((0.0, 0.0), (0.5, 1.0), (1.0, 0.0)),
    "half": ((0.0, 0.5), (1.0, 0.5)),
}
"""(share of the take, share of B)."""


class MorphPart(TaskPart):
    """Two sounds and the way between them."""

    task, title, hint = "morph", "Morph", "From this sound to another, along a curve"
    waiting = "Choose the second sound"
    on_take = "curve"

    def __init__(self, sounding: Sounding):
        super().__init__(sounding)
        self.name = label("none yet", "dim")
        self.choose = push("Choose…", "The sound to go to", icon="folder")
        self.choose.setAccessibleName("Choose the second sound")
        self.choose.setProperty("compact", True)
        self.length = LengthRow("Length of the morph")
        self.course = Segments(
            (
                ("over", "A→B", "From the source to the second sound"),
                ("there", "A→B→A", "To the second sound and back"),
                ("half", "Half", "Half of each, all the time"),
                ("own", "Own", "As it was drawn on the take"),
            ),
            "Course",
        )
        self._build()
        self.choose.clicked.connect(self._choose)
        self.length.moved.connect(self._length)
        self.course.chosen.connect(self._course)

    def _build(self) -> None:
        self.form = QWidget()
        inside = column(self.form, spacing=9)
        inside.addWidget(section("Second sound (B)"))
        line = row(self.name, self.choose)
        line.setStretch(0, 1)
        inside.addLayout(line)
        inside.addWidget(section("Course"))
        inside.addWidget(self.course)
        inside.addWidget(
            label(
                "Or draw it on the take: click for a point, drag it. Below is the source, "
                "above the second sound.",
                "dim",
                wrap=True,
            )
        )
        inside.addWidget(section("Length"))
        inside.addWidget(self.length)

    @Slot()
    def _choose(self) -> None:
        path = choose_sound(self.form, self.sounding.state.source, "Second sound")
        if path:
            self.sounding.add("second", path)

    @Slot(float)
    def _length(self, seconds: float) -> None:
        self.sounding.change(self.tr("Length"), "seconds", seconds=seconds)

    @Slot(str)
    def _course(self, name: str) -> None:
        if name in COURSES:
            self.sounding.change(self.tr("Course"), curve=COURSES[name])
        self.refresh()

    def draw(self, points: Curve) -> None:
        """The curve as it was drawn on the take: (seconds, share of B)."""
        length = max(self.sounding.state.seconds, 1e-6)
        curve = tuple((min(max(at / length, 0.0), 1.0), share) for at, share in points)
        if curve:
            self.sounding.change(self.tr("Course"), "curve", curve=curve)

    def refresh(self) -> None:
        state = self.sounding.state
        name = Path(state.second).stem if state.second else "none yet"
        self.name.setText(name if len(name) <= 22 else name[:21] + "…")
        self.name.setToolTip(state.second)
        self.length.set_seconds(state.seconds)
        known = (name for name, curve in COURSES.items() if curve == state.curve)
        self.course.set_value(next(known, "own"))
