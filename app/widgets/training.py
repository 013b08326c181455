"""What every short training shows: a budget, begin, pause, stop, how far it is."""

from __future__ import annotations

import math

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QWidget

from app.jobs import ACTIVE, Jobs
from app.widgets.amount import AmountSlider
from app.widgets.parts import label, push, row
from engine.messages import JobUpdate


class Training(QWidget):
    """The parts, for a panel to lay out; and what pausing and stopping do."""

    def __init__(self, jobs: Jobs, what: str, span: tuple[float, float, float]):
        """what: is trained, such as `pyramid`; span: shortest, usual and longest, seconds"""
        super().__init__()
        self._jobs, self._what = jobs, what
        self._job: int | None = None
        shortest, usual, longest = (math.log2(value) for value in span)
        # In octaves: the step from 20 to 40 seconds shows as much as that from 1 to 2 minutes.
        self.budget = AmountSlider("Seconds of training", shortest, longest, usual, 0.25)
        self.budget.setToolTip("Longer is better; what is learnt is kept and can go on.")
        self.seconds = label("")
        self.seconds.setFixedWidth(60)
        self.dial = QWidget()
        self.about = label("", "dim", wrap=True)
        self.begin = push("Train", "Begin (it can be paused and stopped)", primary=True)
        self.pause = push("Pause")
        self.stop = push("Stop", "What is finished is kept; training can go on later")
        self.progress = thin_bar(f"Progress of the {what}")
        self.state = label("", "dim", wrap=True)
        self.budget.moved.connect(self.tell)
        self.begin.clicked.connect(self.start)
        self.pause.clicked.connect(self._pause)
        self.stop.clicked.connect(self._stop)

    def dial_line(self, *more: QWidget) -> QHBoxLayout:
        line = row(self.budget, self.seconds, *more)
        line.setStretch(0, 1)
        self.dial.setLayout(line)
        return line

    @property
    def amount(self) -> float:
        """Seconds."""
        return float(round(2.0**self.budget.amount))

    @Slot()
    def tell(self) -> None:
        """Say what the dial says."""
        seconds = self.amount
        words = f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"
        self.seconds.setText(words.replace(".0 ", " "))

    @Slot()
    def start(self) -> None:
        raise NotImplementedError

    @Slot()
    def _pause(self) -> None:
        if self._job is not None:
            self._jobs.toggle_pause(self._job)

    @Slot()
    def _stop(self) -> None:
        if self._job is not None:
            self._jobs.cancel(self._job)

    def show_training(self, update: JobUpdate | None, words: str) -> bool:
        """Which parts are seen, and what they say; returns whether it trains."""
        active = update is not None and update.state in ACTIVE
        self.begin.setVisible(not active)
        again = update is not None and update.state == "cancelled"
        self.begin.setText("Go on" if again else "Train")
        self.begin.setAccessibleName(f"{self.begin.text()} the {self._what}")
        for part in (self.pause, self.stop, self.progress):
            part.setVisible(active)
        self.dial.setVisible(not active)
        self.about.setVisible(update is None)
        self.state.setVisible(update is not None)
        if update is not None:
            self.pause.setText("Go on" if update.state == "paused" else "Pause")
            self.progress.setValue(round(update.fraction * 1000))
            self.state.setText(words)
        return active


def thin_bar(name: str) -> QProgressBar:
    made = QProgressBar()
    made.setRange(0, 1000)
    made.setTextVisible(False)
    made.setFixedHeight(6)
    made.setAccessibleName(name)
    return made
