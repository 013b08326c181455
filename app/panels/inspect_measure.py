"""What a unit does, measured: its effect beside chance, and a picture made for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Slot
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QWidget

from app.inspecting import KEY, Inspecting
from app.jobs import Jobs
from app.live import Live
from app.panels.inspect_job import JobPart
from app.widgets.evidencebars import EvidenceBars
from app.widgets.parts import column, image_of, label, push, row, section
from app.widgets.still import Still
from engine.messages import (
    Answer,
    EffectQuestion,
    EffectReply,
    Failure,
    JobUpdate,
    Unit,
    UnitEdit,
    VisualiseRequest,
)
from engine.project import untitled_path

EFFECT = f"{KEY}effect"


class Measure(QWidget):
    """Under the card."""

    def __init__(self, inspecting: Inspecting, live: Live, jobs: Jobs):
        super().__init__()
        self._inspecting, self._live = inspecting, live
        self._unit: Unit | None = None
        self._stamp = 0
        self.ask = push("Measure", "Turn it off in this picture, and as many random units")
        self.ask.setProperty("compact", True)
        self.words = label("", "dim", wrap=True)
        self.bars = EvidenceBars("Mean change of the picture", "{:.2f} %")
        self.heat = Still("Where turning it off changes the picture", 150)
        tip = "Make a picture that it responds to as strongly as possible"
        self.draw = JobPart(jobs, "Draw", tip, self._drawing, slim=True)
        self.drawn = Still("Picture made for this unit", 220)
        layout = column(self, spacing=7)
        self._effect = QWidget()
        inside = column(self._effect, spacing=7)
        inside.addLayout(row(section("What it does here"), 1, self.ask))
        for part in (self.words, self.bars, self.heat):
            inside.addWidget(part)
        layout.addWidget(self._effect)
        layout.addLayout(row(section("What it looks for"), 1, self.draw))
        layout.addWidget(self.drawn)
        self._wire()
        self.refresh()

    def _wire(self) -> None:
        self.ask.clicked.connect(self.measure)
        self.draw.done.connect(self._drew)
        self._inspecting.card_changed.connect(self.refresh)
        self._inspecting.network_changed.connect(self.refresh)
        self._inspecting.link.answer.connect(self._answer)
        self._inspecting.link.failure.connect(self._failure)

    # -------------------------------------------------------------- effect

    @Slot()
    def measure(self) -> None:
        """How much does the picture change without this unit, beside as many random ones?"""
        unit, request = self._inspecting.unit, self._live.request
        if unit is None or request is None:
            return
        question = EffectQuestion(replace(request, units=()), (UnitEdit((unit,)),))
        self.ask.setEnabled(False)
        self.words.setText("Measuring …")
        self._stamp = self._inspecting.link.client.ask(question, EFFECT)

    @Slot(object)
    def _answer(self, answer: Answer) -> None:
        if answer.key != EFFECT or answer.stamp != self._stamp:
            return
        if isinstance(answer.body, EffectReply):
            self._show(answer.body)

    def _show(self, found: EffectReply) -> None:
        self.ask.setEnabled(True)
        times = found.changed / found.chance if found.chance > 1e-6 else None
        beside = "" if times is None else f", {times:.1f} × chance"
        self.words.setText(
            f"Off, {found.area * 100:.0f} % of this picture changes visibly{beside}."
        )
        self.words.show()
        self.bars.set_bars(
            (("this unit off", found.changed * 100), ("a random unit off", found.chance * 100))
        )
        self.heat.set_image(image_of(found.heat) if found.heat is not None else QImage())
        self.heat.setVisible(found.heat is not None)

    @Slot(object)
    def _failure(self, failure: Failure) -> None:
        if failure.key == EFFECT and failure.stamp == self._stamp:
            self.ask.setEnabled(True)
            self.words.setText("")

    # -------------------------------------------------------------- a picture for it

    def _drawing(self) -> VisualiseRequest | None:
        unit = self._inspecting.unit
        if unit is None:
            return None
        folder = untitled_path().parent.parent / "unit pictures"
        name = "".join(c if c.isalnum() or c in "-._" else "_" for c in unit.layer)
        info = self._inspecting.info
        stem = f"{info.id[:8] if info is not None else ''}-{name}-{unit.index}.png"
        return VisualiseRequest(self._inspecting.source, (unit,), str(folder / stem))

    @Slot(object)
    def _drew(self, update: JobUpdate) -> None:
        request = update.request
        if not isinstance(request, VisualiseRequest) or request.units != (self._unit,):
            return
        path = Path(update.result)
        found = path if path.is_file() else next(iter(sorted(path.glob("*.png"))), path)
        self.drawn.set_image(QImage(str(found)))
        self.drawn.show()

    @Slot()
    def refresh(self) -> None:
        unit = self._inspecting.unit
        self._effect.setVisible(self._inspecting.steered)
        self.setEnabled(unit is not None)
        if unit == self._unit:
            return
        self._unit = unit
        self._stamp = 0
        self.ask.setEnabled(True)
        self.words.setText("")
        self.words.setVisible(False)
        self.bars.set_bars(())
        self.heat.setVisible(False)
        self.drawn.setVisible(False)
