"""What every task of the Sound workspace consists of: its form, and what it marks on the views."""

from __future__ import annotations

import math
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QWidget

from app.sound_source import KINDS
from app.sound_state import LONGEST, SHORTEST
from app.sounding import Sounding
from app.widgets.amount import AmountSlider, number
from app.widgets.marked import Tool
from app.widgets.parts import column, icon_button, label, push, row
from engine.messages import Span


class TaskPart(QObject):
    """One task. Its `form` stands at the left.

    Subclasses build it in `__init__`, read `sounding.state` in `refresh`, and change it by
    `sounding.change`. `tool` is what the hand does on the source's waveform.
    """

    failed = Signal(str)
    """A sentence."""

    task = ""
    """As in `SoundState.task` …"""
    title = ""
    """… and on its button."""
    hint = ""
    waiting = ""
    """Said while there is nothing to ask for yet."""
    tool: Tool = "region"
    field = ""
    """`holes` or `noise`: what is marked on the source with the tool `spans`."""
    words = ""
    """What such a change is called by undo."""
    on_take: Tool = "look"
    """`curve`: the take's own waveform is drawn on."""

    def __init__(self, sounding: Sounding):
        super().__init__()
        self.sounding = sounding
        self.form: QWidget

    def refresh(self) -> None:
        """Show what the state says (after every change, undo and redo too)."""


def choose_sound(parent: QWidget, near: str, caption: str = "Recording") -> str:
    """A file dialogue; empty when nothing was chosen."""
    path, _ = QFileDialog.getOpenFileName(parent, caption, str(Path(near).parent), KINDS)
    return path


def named(words: str, part: QWidget, width: int = 44) -> QHBoxLayout:
    """A control with its name before it; `width` of the name in pixels."""
    name = label(words, "dim")
    name.setFixedWidth(width)
    line = row(name, part)
    line.setStretch(1, 1)
    return line


class LengthRow(QWidget):
    """Half a second to ten minutes: a slider in octaves and the number beside it."""

    moved = Signal(float)
    """Seconds."""

    def __init__(self, name: str):
        super().__init__()
        low, high = math.log2(SHORTEST), math.log2(LONGEST)
        self.slider = AmountSlider(name, low, high, math.log2(10), 0.25)
        self.slider.setToolTip("Half a second to ten minutes")
        self.field = number(f"{name}, number", SHORTEST, LONGEST, 0.5, " s", 1)
        line = row(self.slider, self.field)
        line.setStretch(0, 1)
        self.setLayout(line)
        self.slider.moved.connect(self._slid)
        self.field.valueChanged.connect(self.moved)

    @Slot(float)
    def _slid(self, octaves: float) -> None:
        seconds = min(max(2.0**octaves, SHORTEST), LONGEST)
        # Figures an artist would type.
        step = 0.1 if seconds < 10 else 0.5 if seconds < 60 else 5.0
        self.moved.emit(round(round(seconds / step) * step, 1))

    def set_seconds(self, seconds: float) -> None:
        self.slider.set_amount(math.log2(max(seconds, SHORTEST)))
        blocked = self.field.blockSignals(True)
        self.field.setValue(seconds)
        self.field.blockSignals(blocked)


class SpanFields(QWidget):
    """From and to in seconds, for those who type."""

    def __init__(self, what: str):
        super().__init__()
        self.start = number(f"{what} from, seconds", 0, LONGEST, 0.1, " s", 2)
        self.end = number(f"{what} to, seconds", 0, LONGEST, 0.1, " s", 2)
        for field in (self.start, self.end):
            field.setFixedWidth(74)
        self.setLayout(row(self.start, label("to", "dim"), self.end, 1, spacing=6))

    @property
    def span(self) -> Span:
        return self.start.value(), self.end.value()

    def set_span(self, span: Span) -> None:
        for field, value in zip((self.start, self.end), span, strict=True):
            blocked = field.blockSignals(True)
            field.setValue(value)
            field.blockSignals(blocked)


class SpanList(QWidget):
    """Stretches of the source in words: typed, and taken away again."""

    changed = Signal(object)
    """Tuple of spans as the person wants them."""

    def __init__(self, what: str):
        """`what`: `hole` or `noise`."""
        super().__init__()
        self._what = what
        self.spans: tuple[Span, ...] = ()
        self.fields = SpanFields(what.capitalize())
        self.add = push("Add", f"Mark this {what}")
        self.add.setAccessibleName(f"Add this {what}")
        self.add.setProperty("compact", True)
        layout = column(self, spacing=5)
        line = row(self.fields, self.add)
        line.setStretch(0, 1)
        layout.addLayout(line)
        self._lines = column(spacing=2)
        layout.addLayout(self._lines)
        self.rows: list[QWidget] = []
        self.add.clicked.connect(self._add)
        for field in (self.fields.start, self.fields.end):
            field.valueChanged.connect(self._check)
        self._check()

    @Slot()
    def _check(self) -> None:
        start, end = self.fields.span
        self.add.setEnabled(end > start)

    @Slot()
    def _add(self) -> None:
        self.changed.emit((*self.spans, self.fields.span))

    @Slot()
    def _remove(self) -> None:
        button = self.sender()
        if button is not None:
            gone = button.property("span")
            self.changed.emit(tuple(span for span in self.spans if _words(span) != gone))

    def set_spans(self, spans: tuple[Span, ...]) -> None:
        if spans == self.spans:
            return
        self.spans = spans
        for line in self.rows:
            line.hide()
            line.deleteLater()
        self.rows = [self._row(i, span) for i, span in enumerate(spans)]
        for line in self.rows:
            self._lines.addWidget(line)

    def _row(self, index: int, span: Span) -> QWidget:
        made = QWidget()
        words = _words(span)
        remove = icon_button("close", f"Take away {self._what} {words}", size=12)
        remove.setProperty("span", words)
        remove.clicked.connect(self._remove)
        length = label(f"{span[1] - span[0]:.2f} s", "small")
        made.setLayout(row(label(words), 1, length, remove))
        return made


def _words(span: Span) -> str:
    return f"{span[0]:.2f} to {span[1]:.2f} s"
