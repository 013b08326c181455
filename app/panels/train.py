"""Make a generator from a folder or zip of pictures: the `lodestone train` job, in the window."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QFrame,
    QGridLayout,
    QLineEdit,
    QProgressBar,
    QWidget,
)

from app import theme
from app.jobs import ACTIVE, Jobs, time_left
from app.widgets.amount import Number, number
from app.widgets.parts import (
    Choice,
    Segments,
    column,
    image_of,
    label,
    panel,
    push,
    row,
    scroll,
    section,
)
from engine.messages import JobUpdate, TrainRequest

LICENCES = ("", "CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0", "All rights reserved")


class Sheet(QWidget):
    """The newest samples of a training, as large as there is room."""

    def __init__(self) -> None:
        super().__init__()
        self._image = None
        self.setMinimumSize(240, 240)
        self.setAccessibleName("Samples of the training")

    def set_update(self, update: JobUpdate) -> None:
        if update.preview is not None:
            self._image = image_of(update.preview)
            self.update()

    def clear(self) -> None:
        self._image = None
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.fillRect(self.rect(), theme.colour(theme.SURROUND))
        if self._image is None:
            painter.setPen(theme.colour(theme.DIM))
            text = "The first samples appear here a moment after training begins."
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.rect().adjusted(30, 30, -30, -30), flags, text)
        else:
            size = self._image.size().scaled(self.size() * 0.94, Qt.AspectRatioMode.KeepAspectRatio)
            x, y = (self.width() - size.width()) // 2, (self.height() - size.height()) // 2
            painter.drawImage(
                self.rect().adjusted(
                    x, y, x + size.width() - self.width(), y + size.height() - self.height()
                ),
                self._image,
            )
        painter.end()


class TrainPage(QWidget):
    """A form at the left, the newest samples at the right."""

    failed = Signal(str)
    open_asked = Signal(str)

    def __init__(self, jobs: Jobs, models_folder: Path):
        super().__init__()
        self._jobs, self._folder = jobs, models_folder
        self._job: int | None = None
        self._result = ""
        self._make()
        self._build()
        jobs.updated.connect(self._updated)
        for update in jobs.all:
            self._updated(update)

    def _make(self) -> None:
        self.data = QLineEdit()
        self.data.setAccessibleName("Folder or zip of pictures")
        self.data.setPlaceholderText("Folder or zip of pictures")
        self.choose = push("Folder…", "Choose a folder of pictures", icon="folder")
        self.choose_zip = push("Zip…", "Choose a zip of pictures")
        self.name = QLineEdit()
        self.name.setAccessibleName("Name of the generator")
        self.name.setPlaceholderText("my-generator")
        self.minutes: Number = number("Minutes of training", 1, 60 * 24 * 14, 10, " min", 0)
        self.minutes.setValue(60)
        self.minutes.setFixedWidth(96)
        self.resolution = Segments(
            tuple((str(n), str(n), f"{n} × {n} pixels") for n in (64, 128, 256, 512)),
            "Size of the pictures",
        )
        self.resolution.set_value("128")
        self.network = Segments(
            (
                ("small", "Small", "Suits a CPU."),
                ("medium", "Medium", "Suits a small graphics card."),
                ("large", "Large", "Suits a large graphics card."),
            ),
            "Size of the network",
        )
        self.conditional = QCheckBox("Sub-folders are kinds")
        self.conditional.setAccessibleName("Sub-folders are kinds")
        self.conditional.setToolTip("One generator that knows the kinds, with a slider for each.")
        self.drawn = QCheckBox("Flat drawings")
        self.drawn.setAccessibleName("Flat drawings")
        self.drawn.setToolTip("Trains without noise, which would only put grain on flat colour.")
        self.licence = Choice("Licence of the pictures")
        text = QLineEdit()
        self.licence.setLineEdit(text)
        self.licence.addItems(LICENCES)
        text.setAccessibleName("Licence of the pictures, text")
        text.setPlaceholderText("Licence, goes into the model card")
        self.attribution = QLineEdit()
        self.attribution.setAccessibleName("Who made the pictures")
        self.attribution.setPlaceholderText("Who made the pictures")
        self.begin = push("Train", "Begin (it can be paused and stopped at any time)", primary=True)
        self.pause = push("Pause")
        self.stop = push("Stop", "What is learnt is kept; training can go on later")
        self.open_button = push("Steer it", "Open the generator", primary=True)
        self.sheet = Sheet()
        self.progress = QProgressBar()
        self.progress.setRange(0, 1000)
        self.progress.setTextVisible(False)
        self.progress.setFixedHeight(6)
        self.progress.setAccessibleName("Progress of the training")
        self.state = label("", "dim", wrap=True)

    def _build(self) -> None:
        form = QWidget()
        form.setMaximumWidth(430)
        left = column(form, margin=28, spacing=10)
        left.addWidget(label("Train a generator", "head"))
        left.addWidget(
            label(
                "From a folder or zip of pictures that belong together. Some hundreds are "
                "enough to begin; more is better.",
                "dim",
                wrap=True,
            )
        )
        left.addSpacing(4)
        left.addWidget(self._drop_zone())
        left.addSpacing(6)
        grid = QGridLayout()
        grid.setHorizontalSpacing(14)
        grid.setVerticalSpacing(10)
        lines = (
            ("Name", self.name),
            ("Pictures", self.resolution),
            ("Network", self.network),
            ("Time", self.minutes),
            ("", self.conditional),
            ("", self.drawn),
            ("Licence", self.licence),
            ("Credit", self.attribution),
        )
        for index, (text, control) in enumerate(lines):
            name = label(text, "dim")
            grid.addWidget(name, index, 0)
            grid.addWidget(control, index, 1)
        grid.setColumnStretch(1, 1)
        left.addLayout(grid)
        left.addSpacing(8)
        left.addLayout(row(self.begin, self.pause, self.stop, self.open_button, 1))
        left.addStretch(1)
        right = QWidget()
        side = column(right, spacing=8)
        side.setContentsMargins(0, 24, 28, 22)
        side.addWidget(section("Samples"))
        side.addWidget(self.sheet, 1)
        side.addWidget(self.progress)
        side.addWidget(self.state)
        holder = panel()
        column(holder).addWidget(scroll(form, "Training form"))
        holder.setFixedWidth(430)
        line = row(holder, right, spacing=24)
        line.setStretch(1, 1)
        self.setLayout(line)
        self._wire()
        self._show(None)

    def _drop_zone(self) -> QFrame:
        zone = QFrame()
        zone.setObjectName("drop")
        inside = column(zone, margin=12, spacing=9)
        inside.addWidget(self.data)
        inside.addLayout(row(self.choose, self.choose_zip, 1, label("or drop it here", "small")))
        return zone

    def _wire(self) -> None:
        self.choose.clicked.connect(self._choose_folder)
        self.choose_zip.clicked.connect(self._choose_zip)
        self.begin.clicked.connect(self.start)
        self.pause.clicked.connect(self._pause)
        self.stop.clicked.connect(self._stop)
        self.open_button.clicked.connect(self._open)

    def set_data(self, path: str) -> None:
        """A folder or zip was chosen or dropped."""
        self.data.setText(path)
        if not self.name.text():
            self.name.setText(Path(path).stem.replace(" ", "-"))

    @Slot()
    def _choose_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Folder of pictures", self.data.text())
        if path:
            self.set_data(path)

    @Slot()
    def _choose_zip(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self, "Zip of pictures", self.data.text(), "Zip (*.zip)"
        )
        if path:
            self.set_data(path)

    def request(self) -> TrainRequest:
        """What the form says."""
        name = self.name.text().strip() or "my-generator"
        safe = "".join(c if c.isalnum() or c in "-_ ." else "-" for c in name)
        return TrainRequest(
            data=self.data.text().strip(),
            out=str(self._folder / f"{safe}.safetensors"),
            name=name,
            resolution=int(self.resolution.value),
            minutes=self.minutes.value(),
            conditional=self.conditional.isChecked(),
            noise=not self.drawn.isChecked(),
            size=self.network.value,  # type: ignore[arg-type]
            licence=self.licence.currentText().strip(),
            attribution=self.attribution.text().strip(),
        )

    @Slot()
    def start(self) -> None:
        request = self.request()
        if not request.data or not Path(request.data).exists():
            self.failed.emit(
                "There are no pictures to train on yet. Choose a folder or a zip, or drop one here."
            )
            return
        self.sheet.clear()
        self._result = ""
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
    def _open(self) -> None:
        self.open_asked.emit(self._result)

    @Slot(object)
    def _updated(self, update: JobUpdate) -> None:
        if isinstance(update.request, TrainRequest):
            self._job = update.job
            self.sheet.set_update(update)
            self._show(update)

    def _show(self, update: JobUpdate | None) -> None:
        active = update is not None and update.state in ACTIVE
        self.begin.setVisible(not active)
        self.begin.setText(
            "Go on" if update is not None and update.state == "cancelled" else "Train"
        )
        self.pause.setVisible(active)
        self.stop.setVisible(active)
        self._result = update.result if update is not None else ""
        self.open_button.setVisible(bool(self._result) and not active)
        if update is None:
            self.progress.setValue(0)
            self.state.setText("You can go on steering while it trains.")
            return
        paused = update.state == "paused"
        self.pause.setText("Go on" if paused else "Pause")
        self.progress.setValue(round(update.fraction * 1000))
        words = [f"{update.fraction * 100:.0f} %", update.message]
        words += [f"{name} {value:.3g}" for name, value in update.figures[:4]]
        if update.state == "running":
            words.insert(1, time_left(update.seconds_left))
        elif paused:
            words.insert(1, "paused")
        self.state.setText("   ·   ".join(word for word in words if word))
