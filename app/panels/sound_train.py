"""Training a pyramid on the open sound: time is the quality, levels are heard as they come."""

from __future__ import annotations

import math
import time
from pathlib import Path

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QProgressBar, QWidget

from app.jobs import ACTIVE, Jobs, training_words
from app.sounding import Sounding
from app.widgets.amount import AmountSlider
from app.widgets.parts import column, label, push, row, section
from engine.messages import JobUpdate, SoundTrainRequest

SHORTEST, USUAL, LONGEST = 30.0, 600.0, 7200.0
"""Seconds of training."""
LEARNT = 25.0
"""Seconds of a recording that are learnt from at most."""


class TrainPyramid(QWidget):
    """A budget, a button, and the newest level."""

    def __init__(self, sounding: Sounding, jobs: Jobs):
        super().__init__()
        self._sounding, self._jobs = sounding, jobs
        self._job: int | None = None
        self._began = 0.0
        self._make()
        self._build()
        self._wire()
        for update in jobs.all:
            self._updated(update)

    def _make(self) -> None:
        # In octaves: the step from 1 to 2 minutes is heard as much as that from 10 to 20.
        self.budget = AmountSlider(
            "Seconds of training", math.log2(SHORTEST), math.log2(LONGEST), math.log2(USUAL), 0.25
        )
        self.budget.setToolTip("Longer is better; what is learnt is kept and can go on.")
        self.seconds = label("")
        self.seconds.setFixedWidth(56)
        self.about = label("", "dim", wrap=True)
        self.begin = push("Train", "Begin (it can be paused and stopped)", primary=True)
        self.pause = push("Pause")
        self.stop = push("Stop", "Finished levels are kept; training can go on later")
        self.listen = push("Listen", "What the newest level sounds like", icon="play")
        for button in (self.pause, self.stop, self.listen):
            button.setProperty("compact", True)
        self.progress = QProgressBar()
        self.progress.setRange(0, 1000)
        self.progress.setTextVisible(False)
        self.progress.setFixedHeight(6)
        self.progress.setAccessibleName("Progress of the pyramid")
        self.state = label("", "dim", wrap=True)

    def _build(self) -> None:
        layout = column(self, spacing=6)
        layout.addWidget(section("Train a pyramid"))
        layout.addWidget(self.about)
        self._dial = QWidget()
        line = row(self.budget, self.seconds, self.begin)
        line.setStretch(0, 1)
        self._dial.setLayout(line)
        layout.addWidget(self._dial)
        layout.addWidget(self.progress)
        layout.addWidget(self.state)
        layout.addLayout(row(self.pause, self.stop, self.listen, 1, spacing=6))

    def _wire(self) -> None:
        self.budget.moved.connect(self._tell)
        self.begin.clicked.connect(self.start)
        self.pause.clicked.connect(self._pause)
        self.stop.clicked.connect(self._stop)
        self.listen.clicked.connect(self._listen)
        self._sounding.source_changed.connect(self._source)
        self._sounding.changed.connect(self._tell)
        self._jobs.updated.connect(self._updated)
        self._tell()
        self._show(None)

    @property
    def amount(self) -> float:
        """Seconds."""
        return float(round(2.0**self.budget.amount))

    @Slot()
    def _tell(self) -> None:
        seconds = self.amount
        words = f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"
        self.seconds.setText(words.replace(".0 ", " "))
        self.about.setText(self._about())
        self.begin.setEnabled(self._sounding.training(seconds) is not None)

    def _about(self) -> str:
        state = self._sounding.state
        start, end = self._sounding.region
        match state.task:
            case "extend":
                return "Learns the treble from the recordings that were added."
            case "morph" if state.second:
                return "Learns both sounds, to go from one to the other."
            case "inpaint" if state.holes:
                return "Learns everything but the holes."
        if end - start > LEARNT:
            return f"Learns from the first {LEARNT:.0f} s of the region."
        return "A small network of this sound: new matter, any length."

    @Slot()
    def start(self) -> None:
        request = self._sounding.training(self.amount)
        if request is not None:
            self._began = time.time()
            self._job = self._jobs.submit(request)

    @Slot()
    def _pause(self) -> None:
        if self._job is not None:
            self._jobs.toggle_pause(self._job)

    @Slot()
    def _stop(self) -> None:
        if self._job is not None:
            self._jobs.cancel(self._job)

    @property
    def level(self) -> str:
        """Card of the training that runs, once it has a level that can be played from."""
        update = self._jobs.get(self._job) if self._job is not None else None
        if update is None or not isinstance(update.request, SoundTrainRequest):
            return ""
        card = Path(update.request.out)
        fresh = card.is_file() and card.stat().st_mtime > self._began
        return str(card) if fresh else ""

    @Slot()
    def _listen(self) -> None:
        card = self.level
        if card:
            self._sounding.hear_level(card)

    @Slot()
    def _source(self) -> None:
        """Another sound has another pyramid; one in training goes on by itself."""
        self._job = None
        mine = [update for update in self._jobs.all if self._mine(update)]
        self._show(mine[-1] if mine else None)
        if mine:
            self._job = mine[-1].job

    def _mine(self, update: JobUpdate) -> bool:
        request = update.request
        return isinstance(request, SoundTrainRequest) and self._sounding.is_mine(request)

    @Slot(object)
    def _updated(self, update: JobUpdate) -> None:
        if not self._mine(update):
            return
        self._job = update.job
        self._show(update)

    def taken(self, update: JobUpdate) -> None:
        """A training has ended: what it made answers from now on."""
        request = update.request
        if self._mine(update) and update.state == "done" and update.result:
            assert isinstance(request, SoundTrainRequest)
            self._sounding.take_pyramid(update.result, request)

    def _show(self, update: JobUpdate | None) -> None:
        active = update is not None and update.state in ACTIVE
        self.begin.setVisible(not active)
        again = update is not None and update.state == "cancelled"
        self.begin.setText("Go on" if again else "Train")
        self.begin.setAccessibleName(self.begin.text() + " the pyramid")
        for part in (self.pause, self.stop, self.progress):
            part.setVisible(active)
        self.listen.setVisible(active and bool(self.level))
        self._dial.setVisible(not active)
        self.about.setVisible(update is None)
        self.state.setVisible(update is not None)
        if update is None:
            return
        paused = update.state == "paused"
        self.pause.setText("Go on" if paused else "Pause")
        self.progress.setValue(round(update.fraction * 1000))
        self.state.setText(training_words(update))
