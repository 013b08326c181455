"""Repairs: holes filled, a dull recording extended, noise taken away."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from app.panels.sound_part import SpanList, TaskPart, choose_sound, named
from app.sound_state import ANSWERS, targets
from app.sounding import Sounding
from app.widgets.amount import AmountRow
from app.widgets.parts import Choice, column, icon_button, label, push, row, section


class FillPart(TaskPart):
    """Several answers to the same holes."""

    task, title = "inpaint", "Fill holes"
    hint = f"Fill what is missing or spoilt, with {ANSWERS} answers"
    waiting = "Drag over what should go"
    tool, field = "spans", "holes"

    def __init__(self, sounding: Sounding):
        super().__init__(sounding)
        self.words = self.tr("Holes")
        self.list = SpanList("hole")
        self.clear = push("Clear", "No holes")
        self.clear.setAccessibleName("Clear the holes")
        self.clear.setProperty("compact", True)
        self.form = QWidget()
        inside = column(self.form, spacing=9)
        inside.addLayout(row(section("Holes"), 1, self.clear))
        inside.addWidget(
            label(
                "Drag over what should go: one hole or several. What is outside stays untouched.",
                "dim",
                wrap=True,
            )
        )
        inside.addWidget(self.list)
        self.list.changed.connect(self._spans)
        self.clear.clicked.connect(self._clear)

    @Slot(object)
    def _spans(self, spans: object) -> None:
        if isinstance(spans, tuple):
            self.sounding.set_spans("holes", self.words, spans)

    @Slot()
    def _clear(self) -> None:
        self.sounding.set_spans("holes", self.words, ())

    def refresh(self) -> None:
        holes = self.sounding.state.holes
        self.list.set_spans(holes)
        self.clear.setVisible(bool(holes))


class DenoisePart(TaskPart):
    """The sound without its noise."""

    task, title, hint = "denoise", "Denoise", "Take steady noise away"
    tool, field = "spans", "noise"

    def __init__(self, sounding: Sounding):
        super().__init__(sounding)
        self.words = self.tr("Where only noise is heard")
        self.amount = AmountRow("Amount", 0, 100, 100, 5, " %", decimals=0)
        self.amount.setToolTip("0: nothing is taken away. 100: all of it.")
        self.list = SpanList("noise")
        self.found = push("Find it", "Forget what was marked: the noise is found by itself")
        self.found.setProperty("compact", True)
        self.about = label("", "dim", wrap=True)
        self.form = QWidget()
        inside = column(self.form, spacing=9)
        inside.addWidget(section("Denoise"))
        inside.addLayout(named("Amount", self.amount, 52))
        inside.addLayout(row(section("Noise alone"), 1, self.found))
        inside.addWidget(self.about)
        inside.addWidget(self.list)
        self.amount.moved.connect(self._amount)
        self.list.changed.connect(self._spans)
        self.found.clicked.connect(self._find)

    @Slot(float)
    def _amount(self, at: float) -> None:
        self.sounding.change(self.tr("Amount"), "amount", amount=at / 100)

    @Slot(object)
    def _spans(self, spans: object) -> None:
        if isinstance(spans, tuple):
            self.sounding.set_spans("noise", self.words, spans)

    @Slot()
    def _find(self) -> None:
        self.sounding.set_spans("noise", self.words, ())

    def refresh(self) -> None:
        state = self.sounding.state
        self.amount.set_amount(state.amount * 100)
        self.list.set_spans(state.noise)
        self.found.setVisible(bool(state.noise))
        self.about.setText(
            "Only these stretches are taken as noise."
            if state.noise
            else "The quietest moments are taken as noise. Drag over a stretch of noise to say so."
        )


class ExtendPart(TaskPart):
    """A dull recording gets its treble back."""

    task, title = "extend", "Extend"
    hint = "Give a dull recording its treble back"
    waiting = "Add a recording with the full treble"
    tool = "look"

    def __init__(self, sounding: Sounding):
        super().__init__(sounding)
        self.rate = Choice("Sampling rate of the result")
        self.add = push("Add…", "A recording of the same voice or instrument, in full quality")
        self.add.setAccessibleName("Add a recording with the upper band")
        self.add.setProperty("compact", True)
        self._lines = column(spacing=2)
        self._shown: tuple[str, ...] = ()
        self._rates: tuple[int, ...] = ()
        self.rows: list[QWidget] = []
        self.form = QWidget()
        inside = column(self.form, spacing=9)
        inside.addWidget(section("Extend"))
        inside.addLayout(named("Up to", self.rate))
        inside.addLayout(row(section("Learn the treble from"), 1, self.add))
        inside.addWidget(
            label(
                "Other recordings of the same voice, instrument or place, in full quality. "
                "The low band of the source stays as it is.",
                "dim",
                wrap=True,
            )
        )
        inside.addLayout(self._lines)
        self.rate.activated.connect(self._rate)
        self.add.clicked.connect(self._add)

    @Slot(int)
    def _rate(self, index: int) -> None:
        self.sounding.change(self.tr("Sampling rate"), rate=self._rates[index])

    @Slot()
    def _add(self) -> None:
        path = choose_sound(self.form, self.sounding.state.source, "Recording with the treble")
        if path:
            self.sounding.add("others", path)

    @Slot()
    def _remove(self) -> None:
        button = self.sender()
        if button is not None:
            gone = button.property("path")
            others = tuple(one for one in self.sounding.state.others if one != gone)
            self.sounding.change(self.tr("Take a recording away"), others=others)

    def refresh(self) -> None:
        state, source = self.sounding.state, self.sounding.source
        rates = targets(source.sound.rate) if source is not None else (state.rate,)
        if rates != self._rates:
            self._rates = rates
            self.rate.clear()
            self.rate.addItems([f"{rate / 1000:g} kHz" for rate in rates])
        self.rate.setCurrentIndex(rates.index(state.rate) if state.rate in rates else 0)
        if state.others != self._shown:
            self._list(state.others)

    def _list(self, others: tuple[str, ...]) -> None:
        self._shown = others
        for line in self.rows:
            line.hide()
            line.deleteLater()
        self.rows = [_line(path) for path in others]
        for line in self.rows:
            self._lines.addWidget(line)
            for button in line.findChildren(type(icon_button("close", ""))):
                button.clicked.connect(self._remove)


def _line(path: str) -> QWidget:
    made = QWidget()
    name = Path(path).stem
    remove = icon_button("close", f"Do not learn from {name}", size=12)
    remove.setProperty("path", path)
    words = label(name if len(name) <= 28 else name[:27] + "…")
    words.setToolTip(path)
    made.setLayout(row(words, 1, remove))
    return made
