"""One job of the Inspect page: its button, its progress, and a way to stop it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QProgressBar, QWidget

from app.inspect_state import InspectJob
from app.jobs import ACTIVE, Jobs, time_left
from app.widgets.parts import column, image_of, label, push, row
from app.widgets.still import Still
from engine.messages import JobUpdate


class JobPart(QWidget):
    """A primary button that becomes a progress bar while its job runs."""

    done = Signal(object)
    """JobUpdate of a job of ours that has made something."""
    told = Signal()
    """Something new about our job."""

    def __init__(
        self,
        jobs: Jobs,
        text: str,
        tip: str,
        make: Callable[[], InspectJob | None],
        primary: bool = False,
        slim: bool = False,
    ):
        """`make`: what would be asked now; None when something is missing. `slim`: on one line."""
        super().__init__()
        self._jobs, self._make, self._slim = jobs, make, slim
        self.job: int | None = None
        self.begin = push(text, tip, primary=primary)
        self.pause = push("Pause")
        self.stop = push("Stop", "What is finished is kept; it can go on later")
        for button in (self.pause, self.stop):
            button.setProperty("compact", True)
            button.setAccessibleName(f"{button.text()}: {text}")
        self.begin.setProperty("compact", slim)
        self.progress = QProgressBar()
        self.progress.setRange(0, 1000)
        self.progress.setTextVisible(False)
        self.progress.setFixedHeight(6)
        self.progress.setAccessibleName(f"Progress: {text}")
        self.state = label("", "dim", wrap=True)
        self.preview = Still(f"Newest pictures: {text}", 110)
        self._build()
        self.begin.clicked.connect(self.start)
        self.pause.clicked.connect(self._pause)
        self.stop.clicked.connect(self._stop)
        jobs.updated.connect(self._updated)
        self._show(None)

    def _build(self) -> None:
        if self._slim:
            self.progress.setFixedWidth(70)
            self.setLayout(row(self.begin, self.progress, self.stop, spacing=6))
            return
        layout = column(self, spacing=6)
        layout.addWidget(self.begin)
        layout.addWidget(self.preview)
        layout.addWidget(self.progress)
        layout.addWidget(self.state)
        layout.addLayout(row(self.pause, self.stop, 1, spacing=6))

    @property
    def active(self) -> bool:
        known = self._jobs.get(self.job or 0)
        return known is not None and known.state in ACTIVE

    @Slot()
    def start(self) -> None:
        request = self._make()
        if request is not None:
            self.job = self._jobs.submit(request, quiet=True)
            known = self._jobs.get(self.job or 0)
            if known is not None:
                self._show(known)

    @Slot()
    def _pause(self) -> None:
        if self.job is not None:
            self._jobs.toggle_pause(self.job)

    @Slot()
    def _stop(self) -> None:
        if self.job is not None:
            self._jobs.cancel(self.job)

    @Slot(object)
    def _updated(self, update: JobUpdate) -> None:
        if update.job != self.job:
            return
        self._show(update)
        if update.state == "done" and update.result:
            self.job = None
            self.done.emit(update)

    def _show(self, update: JobUpdate | None) -> None:
        active = update is not None and update.state in ACTIVE
        for part in (self.stop, self.progress):
            part.setVisible(active)
        self.pause.setVisible(active and not self._slim)
        # On one line the button goes on saying what runs.
        self.begin.setVisible(not active or self._slim)
        self.begin.setEnabled(not active)
        self.preview.setVisible(False)
        self.state.setVisible(False)
        if update is None:
            return
        if active and update.preview is not None and not self._slim:
            self.preview.set_image(image_of(update.preview))
            self.preview.show()
        paused = update.state == "paused"
        self.pause.setText("Go on" if paused else "Pause")
        self.progress.setValue(round(update.fraction * 1000))
        words = [] if update.state == "done" else ["paused" if paused else update.message]
        if update.state == "cancelled":
            words = ["Stopped. What was finished is kept."]
        elif active and not paused:
            words.append(time_left(update.seconds_left))
        self.state.setText(" · ".join(word for word in words if word))
        self.progress.setToolTip(self.state.text())
        self.state.setVisible(bool(self.state.text()) and not self._slim)
        self.told.emit()
