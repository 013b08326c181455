"""Training a pyramid on the open sound: time is the quality, levels are heard as they come."""

from __future__ import annotations

import time
from pathlib import Path

from PySide6.QtCore import Slot

from app.jobs import Jobs, training_words
from app.sounding import Sounding
from app.widgets.parts import column, push, row, section
from app.widgets.training import Training
from engine.messages import JobUpdate, SoundTrainRequest

SHORTEST, USUAL, LONGEST = 30.0, 600.0, 7200.0
"""Seconds of training."""
LEARNT = 25.0
"""Seconds of a recording that are learnt from at most."""


class TrainPyramid(Training):
    """A budget, a button, and the newest level."""

    def __init__(self, sounding: Sounding, jobs: Jobs):
        super().__init__(jobs, "pyramid", (SHORTEST, USUAL, LONGEST))
        self._sounding = sounding
        self._began = 0.0
        self.listen = push("Listen", "What the newest level sounds like", icon="play")
        for button in (self.pause, self.stop, self.listen):
            button.setProperty("compact", True)
        self._build()
        self.listen.clicked.connect(self._listen)
        sounding.source_changed.connect(self._source)
        sounding.changed.connect(self.tell)
        jobs.updated.connect(self._updated)
        self.tell()
        self._show(None)
        for update in jobs.all:
            self._updated(update)

    def _build(self) -> None:
        layout = column(self, spacing=6)
        layout.addWidget(section("Train a pyramid"))
        layout.addWidget(self.about)
        self.dial_line(self.begin)
        layout.addWidget(self.dial)
        layout.addWidget(self.progress)
        layout.addWidget(self.state)
        layout.addLayout(row(self.pause, self.stop, self.listen, 1, spacing=6))

    @Slot()
    def tell(self) -> None:
        super().tell()
        self.about.setText(self._about())
        self.begin.setEnabled(self._sounding.training(self.amount) is not None)

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
        active = self.show_training(update, training_words(update) if update is not None else "")
        self.listen.setVisible(active and bool(self.level))
