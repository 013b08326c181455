"""The rows of the jobs: progress, time left, a picture, pause, cancel, retry."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QFrame, QLabel, QProgressBar, QVBoxLayout, QWidget

from app import icons, theme
from app.jobs import ACTIVE, Jobs, time_left, title
from app.widgets.parts import column, image_of, label, push, row, scroll
from engine.messages import JobUpdate, TrainRequest

WORDS = {
    "queued": "waiting",
    "running": "",
    "paused": "paused",
    "done": "done",
    "failed": "failed",
    "cancelled": "stopped",
}
PICTURE = 92


class JobRow(QFrame):
    """One job."""

    open_asked = Signal(str)

    def __init__(self, jobs: Jobs, update: JobUpdate):
        super().__init__()
        self._jobs, self._job = jobs, update.job
        self._result = ""
        name = title(update.request)
        self.setObjectName("card")
        self.picture = QLabel()
        self.picture.setFixedSize(PICTURE, PICTURE)
        self.picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.picture.setStyleSheet("background: #1a1a1a; border-radius: 6px;")
        mark = "gem" if isinstance(update.request, TrainRequest) else "film"
        self.picture.setPixmap(icons.pixmap(mark, theme.EDGE, 28, self.devicePixelRatioF()))
        self.state = label("", "dim")
        self.message = label("", "dim", wrap=True)
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(6)
        self.bar.setAccessibleName(f"Progress of {name}")
        self.pause = push("Pause")
        self.stop = push("Stop", "What is finished is kept")
        self.again = push("Again")
        self.show_result = push("Open", primary=True)
        for button in (self.pause, self.stop, self.again, self.show_result):
            button.setAccessibleName(f"{button.text()} {name}")
        words = column(spacing=6)
        words.addLayout(row(label(name, "head"), 1, self.state))
        words.addWidget(self.bar)
        words.addWidget(self.message)
        words.addStretch(1)
        words.addLayout(row(1, self.pause, self.stop, self.again, self.show_result))
        line = row(self.picture, spacing=14)
        line.setContentsMargins(12, 12, 14, 12)
        line.addLayout(words, 1)
        self.setLayout(line)
        self.pause.clicked.connect(self._pause)
        self.stop.clicked.connect(self._stop)
        self.again.clicked.connect(self._again)
        self.show_result.clicked.connect(self._open)
        self.show_update(update)

    def show_update(self, update: JobUpdate) -> None:
        self.bar.setValue(round(update.fraction * 1000))
        left = time_left(update.seconds_left) if update.state == "running" else ""
        percent = f"{update.fraction * 100:.0f} %" if update.state == "running" else ""
        self.state.setText("   ".join(w for w in (percent, left, WORDS[update.state]) if w))
        figures = "   ".join(f"{name} {value:.3g}" for name, value in update.figures[:4])
        self.message.setText("   ".join(w for w in (update.message, figures) if w))
        if update.preview is not None:
            self.picture.setPixmap(_fitted(update, PICTURE, self.devicePixelRatioF()))
        active = update.state in ACTIVE
        paused = update.state == "paused"
        self.pause.setVisible(update.state in ("running", "paused"))
        self.pause.setText("Go on" if paused else "Pause")
        self.stop.setVisible(active)
        self.again.setVisible(update.state in ("failed", "cancelled"))
        self.again.setText("Go on" if isinstance(update.request, TrainRequest) else "Try again")
        self._result = update.result
        self.show_result.setVisible(update.state == "done" and bool(update.result))

    @Slot()
    def _pause(self) -> None:
        self._jobs.toggle_pause(self._job)

    @Slot()
    def _stop(self) -> None:
        self._jobs.cancel(self._job)

    @Slot()
    def _again(self) -> None:
        self._jobs.retry(self._job)

    @Slot()
    def _open(self) -> None:
        self.open_asked.emit(self._result)


class JobsPage(QWidget):
    """All jobs of this session, the newest first."""

    open_asked = Signal(str)
    """Path of a result."""

    def __init__(self, jobs: Jobs):
        super().__init__()
        self._jobs = jobs
        self._rows: dict[int, JobRow] = {}
        layout = column(self, spacing=14)
        layout.setContentsMargins(48, 30, 48, 24)
        self.clear = push("Clear finished")
        layout.addLayout(row(label("Jobs", "head"), 1, self.clear))
        self.empty = label(
            "Nothing is being computed. Training, films and exports appear here, with a picture "
            "and the time that is left; you can go on steering meanwhile.",
            "dim",
            wrap=True,
        )
        layout.addWidget(self.empty)
        inside = QWidget()
        self._column = QVBoxLayout(inside)
        self._column.setContentsMargins(0, 0, 8, 0)
        self._column.setSpacing(10)
        self._column.addStretch(1)
        layout.addWidget(scroll(inside, "Jobs"), 1)
        jobs.updated.connect(self._updated)
        self.clear.clicked.connect(self._clear)
        for update in jobs.all:
            self._updated(update)

    @Slot(object)
    def _updated(self, update: JobUpdate) -> None:
        shown = self._rows.get(update.job)
        if update.job in self._jobs.own and update.state not in ACTIVE:
            self._forget(update.job)
        elif shown is None:
            shown = JobRow(self._jobs, update)
            shown.open_asked.connect(self.open_asked)
            self._rows[update.job] = shown
            self._column.insertWidget(0, shown)
        else:
            shown.show_update(update)
        self.empty.setVisible(not self._rows)

    @Slot()
    def _clear(self) -> None:
        self._jobs.forget_finished()
        kept = {update.job for update in self._jobs.all}
        for job in set(self._rows) - kept:
            self._forget(job)
        self.empty.setVisible(not self._rows)

    def _forget(self, job: int) -> None:
        gone = self._rows.pop(job, None)
        if gone is not None:
            self._column.removeWidget(gone)
            gone.deleteLater()

    def row(self, job: int) -> JobRow | None:
        return self._rows.get(job)


def _fitted(update: JobUpdate, side: int, ratio: float) -> QPixmap:
    assert update.preview is not None
    keep = Qt.AspectRatioMode.KeepAspectRatio
    smooth = Qt.TransformationMode.SmoothTransformation
    size = round(side * ratio)
    made = QPixmap.fromImage(image_of(update.preview).scaled(size, size, keep, smooth))
    made.setDevicePixelRatio(ratio)
    return made
