"""Training a pyramid on the open picture: time is the quality, levels are seen as they come."""

from __future__ import annotations

import re

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QImage

from app.jobs import Jobs, stem, training_words
from app.picturing import Picturing
from app.widgets.levels import LevelStrip
from app.widgets.parts import column, image_of, label, row, section
from app.widgets.still import Still
from app.widgets.training import Training
from engine.client import pyramid_memory
from engine.messages import JobUpdate, PictureTrainRequest, Vector

SHORTEST, USUAL, LONGEST = 20.0, 120.0, 3600.0
"""Seconds of training."""
LEVEL = re.compile(r"Level (\d+) of (\d+)")
"""How a training says where it is."""
Subject = tuple[tuple[str, ...], Vector | None]
"""Pictures a pyramid is trained on, and the hole it must not see."""


class TrainPyramid(Training):
    """A budget, a button, and the newest level."""

    active_changed = Signal(bool)
    """What is in front of the person is (not) in training."""

    def __init__(self, picturing: Picturing, jobs: Jobs):
        super().__init__(jobs, "pyramid", (SHORTEST, USUAL, LONGEST))
        self._picturing = picturing
        self._before: Subject | None = None
        self.memory = label("", "small", wrap=True)
        self.preview = Still("Newest level", 150)
        self.levels = LevelStrip()
        self._build()
        picturing.changed.connect(self.refresh)
        jobs.updated.connect(self._updated)
        self.tell()
        self.refresh()
        for update in jobs.all:
            self._updated(update)

    def _build(self) -> None:
        layout = column(self, spacing=7)
        layout.addWidget(section("Train a pyramid"))
        layout.addWidget(self.about)
        self.dial_line()
        layout.addWidget(self.dial)
        layout.addWidget(self.memory)
        layout.addWidget(self.preview)
        layout.addWidget(self.levels)
        layout.addWidget(self.progress)
        layout.addWidget(self.state)
        layout.addLayout(row(self.begin, self.pause, self.stop, 1))

    @property
    def subject(self) -> Subject | None:
        """What the chosen task would have trained; None while that is not known."""
        state, source = self._picturing.state, self._picturing.source
        if source is None or (state.task == "complete" and state.hole is None):
            return None
        if state.task == "blend" and not state.others:
            return None
        others = state.others if state.task == "blend" else ()
        return (source.path, *others), state.hole if state.task == "complete" else None

    def request(self) -> PictureTrainRequest | None:
        """What would be trained; None without a picture."""
        subject, source = self.subject, self._picturing.source
        if subject is None or source is None:
            return None
        sources, hole = subject
        try:
            card = self._picturing.card_path(sources[0], sources[1:], hole)
        except OSError as error:
            self._picturing.failed.emit(
                f"{stem(str(error.filename))} cannot be read. Choose another picture."
            )
            return None
        return PictureTrainRequest(
            sources=sources,
            out=str(card),
            name=" + ".join(stem(path).rpartition(".")[0] for path in sources),
            seconds=self.amount,
            longest=self._picturing.state.longest,
            mask=hole,
        )

    @Slot()
    def start(self) -> None:
        request = self.request()
        if request is not None:
            self._job = self._jobs.submit(request)

    @Slot()
    def refresh(self) -> None:
        """Other pictures have another pyramid; one in training goes on by itself."""
        subject = self.subject
        self.about.setText(_about(self._picturing.state.task, subject))
        self.begin.setEnabled(subject is not None)
        self._forecast(subject)
        if subject is not None and subject == self._before:
            return
        self._before, self._job = subject, None
        self.preview.set_image(QImage())
        self.levels.clear()
        mine = [update for update in self._jobs.all if self._mine(update)]
        self._show(mine[-1] if mine else None)
        if mine:
            self._job = mine[-1].job

    def _forecast(self, subject: Subject | None) -> None:
        source = self._picturing.source
        if subject is None or source is None:
            self.memory.setText("")
            return
        images = [self._picturing.look(path, quiet=True) for path in subject[0][1:]]
        sizes = [source.size, *((im.width(), im.height()) for im in images if im is not None)]
        longest = self._picturing.state.longest
        needs = [pyramid_memory(size, longest, len(subject[0])) for size in sizes]
        need, free = max(needs)
        words = f"Memory: about {_giga(need)}, {_giga(free)} free."
        if need > free:
            words += " It will not fit: choose less detail, or close other programs."
        self.memory.setText(words)
        self.memory.setProperty("rank", "alarm" if need > free else "small")
        self.memory.style().polish(self.memory)

    def _mine(self, update: JobUpdate) -> bool:
        request = update.request
        return (
            isinstance(request, PictureTrainRequest)
            and (request.sources, request.mask) == self.subject
        )

    @Slot(object)
    def _updated(self, update: JobUpdate) -> None:
        if not self._mine(update):
            return
        before = self._jobs.get(self._job or 0)
        self._job = update.job
        self._show(update)
        request = update.request
        trained = update.state == "done" and bool(update.result) and before is not None
        if trained and isinstance(request, PictureTrainRequest):
            self._picturing.take_pyramid(request, update.result)

    def _show(self, update: JobUpdate | None) -> None:
        active = self.show_training(update, training_words(update) if update is not None else "")
        self.active_changed.emit(active)
        self.memory.setVisible(not active)
        self.levels.setVisible(active and self.levels.known > 0)
        self.preview.setVisible(active and not self.preview.image.isNull())
        if update is None or update.preview is None or not active:
            return
        image = image_of(update.preview)
        self.preview.set_image(image)
        self.preview.show()
        found = LEVEL.search(update.message)
        if found is not None:
            self.levels.set_level(int(found[1]), int(found[2]), image)
            self.levels.show()


def _about(task: str, subject: Subject | None) -> str:
    if subject is None:
        first = "Brush over the hole first: the pyramid is trained around it."
        return "Add a second picture first." if task == "blend" else first
    if subject[1] is not None:
        return "Around the hole: what lies there is never looked at."
    if len(subject[0]) > 1:
        return f"A small network of these {len(subject[0])} pictures: morphs and melds live."
    return "A small network of this picture: live at any size."


def _giga(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count < 9.95e9 else f"{count / 1e9:.0f} GB"
