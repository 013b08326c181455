"""Training a pyramid on the open picture: time is the quality, levels are seen as they come."""

from __future__ import annotations

import math

from PySide6.QtCore import Slot
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QProgressBar, QWidget

from app.jobs import ACTIVE, Jobs, time_left
from app.picturing import Picturing
from app.widgets.amount import AmountSlider
from app.widgets.parts import column, image_of, label, push, row, section
from app.widgets.still import Still
from engine.messages import JobUpdate, PictureTrainRequest

SHORTEST, USUAL, LONGEST = 20.0, 120.0, 3600.0
"""Seconds of training."""


class TrainPyramid(QWidget):
    """A budget, a button, and the newest level."""

    def __init__(self, picturing: Picturing, jobs: Jobs):
        super().__init__()
        self._picturing, self._jobs = picturing, jobs
        self._job: int | None = None
        self._make()
        self._build()
        self._wire()
        for update in jobs.all:
            self._updated(update)

    def _make(self) -> None:
        # In octaves: the step from 20 to 40 seconds shows as much as that from 1 to 2 minutes.
        self.budget = AmountSlider(
            "Seconds of training", math.log2(SHORTEST), math.log2(LONGEST), math.log2(USUAL), 0.25
        )
        self.budget.setToolTip("Longer is better; what is learnt is kept and can go on.")
        self.seconds = label("")
        self.seconds.setFixedWidth(60)
        self.about = label("A small network of this picture: live at any size.", "dim", wrap=True)
        self.begin = push("Train", "Begin (it can be paused and stopped)", primary=True)
        self.pause = push("Pause")
        self.stop = push("Stop", "Finished levels are kept; training can go on later")
        self.preview = Still("Newest level", 150)
        self.progress = QProgressBar()
        self.progress.setRange(0, 1000)
        self.progress.setTextVisible(False)
        self.progress.setFixedHeight(6)
        self.progress.setAccessibleName("Progress of the pyramid")
        self.state = label("", "dim", wrap=True)

    def _build(self) -> None:
        layout = column(self, spacing=7)
        layout.addWidget(section("Train a pyramid"))
        layout.addWidget(self.about)
        self._dial = QWidget()
        line = row(self.budget, self.seconds)
        line.setStretch(0, 1)
        self._dial.setLayout(line)
        layout.addWidget(self._dial)
        layout.addWidget(self.preview)
        layout.addWidget(self.progress)
        layout.addWidget(self.state)
        layout.addLayout(row(self.begin, self.pause, self.stop, 1))

    def _wire(self) -> None:
        self.budget.moved.connect(self._tell)
        self.begin.clicked.connect(self.start)
        self.pause.clicked.connect(self._pause)
        self.stop.clicked.connect(self._stop)
        self._picturing.source_changed.connect(self._source)
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

    def request(self) -> PictureTrainRequest | None:
        """What would be trained; None without a picture."""
        state, source = self._picturing.state, self._picturing.source
        if source is None:
            return None
        return PictureTrainRequest(
            sources=(source.path,),
            out=str(self._picturing.card_path(source.path)),
            name=source.name,
            seconds=self.amount,
            longest=state.longest,
        )

    @Slot()
    def start(self) -> None:
        request = self.request()
        if request is not None:
            self._job = self._jobs.submit(request)

    @Slot()
    def _pause(self) -> None:
        if self._job is not None:
            self._jobs.toggle_pause(self._job)

    @Slot()
    def _stop(self) -> None:
        if self._job is not None:
            self._jobs.cancel(self._job)

    @Slot()
    def _source(self) -> None:
        """Another picture has another pyramid; one in training goes on by itself."""
        self._job = None
        self.preview.set_image(QImage())
        mine = [update for update in self._jobs.all if self._mine(update)]
        self._show(mine[-1] if mine else None)
        if mine:
            self._job = mine[-1].job

    def _mine(self, update: JobUpdate) -> bool:
        request, source = update.request, self._picturing.source
        return (
            isinstance(request, PictureTrainRequest)
            and source is not None
            and request.sources[0] == source.path
        )

    @Slot(object)
    def _updated(self, update: JobUpdate) -> None:
        if not self._mine(update):
            return
        before = self._jobs.get(self._job or 0)
        self._job = update.job
        self._show(update)
        if update.state == "done" and update.result and before is not None:
            self._picturing.take_pyramid(update.request, update.result)

    def _show(self, update: JobUpdate | None) -> None:
        active = update is not None and update.state in ACTIVE
        self.begin.setVisible(not active)
        again = update is not None and update.state == "cancelled"
        self.begin.setText("Go on" if again else "Train")
        self.begin.setAccessibleName(self.begin.text() + " the pyramid")
        self.pause.setVisible(active)
        self.stop.setVisible(active)
        self._dial.setVisible(not active)
        self.about.setVisible(update is None)
        self.progress.setVisible(active)
        self.state.setVisible(update is not None)
        self.preview.setVisible(active and not self.preview.image.isNull())
        if update is None:
            return
        if update.preview is not None and active:
            self.preview.set_image(image_of(update.preview))
            self.preview.show()
        paused = update.state == "paused"
        self.pause.setText("Go on" if paused else "Pause")
        self.progress.setValue(round(update.fraction * 1000))
        self.state.setText(_words(update))


def _words(update: JobUpdate) -> str:
    if update.state == "done":
        return "Trained. The pyramid answers now."
    if update.state == "cancelled":
        return "Stopped. What was finished is kept."
    if update.state == "failed":
        return update.message or "The training failed."
    parts = ["paused" if update.state == "paused" else time_left(update.seconds_left)]
    parts.append(update.message)
    return " · ".join(part for part in parts if part)
