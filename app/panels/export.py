"""Out of the window: one PNG, many, a film of a wander or a morph, the generator as ONNX."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QRectF, QStandardPaths, Qt, Signal, Slot
from PySide6.QtGui import QPainter, QPaintEvent, QStandardItemModel
from PySide6.QtWidgets import QCheckBox, QFileDialog, QGridLayout, QWidget

from app import theme
from app.document import Document
from app.jobs import Jobs
from app.state import SteerState, to_request
from app.widgets.amount import Whole, number
from app.widgets.canvas import Canvas
from app.widgets.parts import (
    Choice,
    Segments,
    column,
    label,
    panel,
    push,
    row,
    scroll,
    section,
)
from engine.client import morph
from engine.messages import (
    ExportRequest,
    JobRequest,
    ModelInfo,
    RenderRequest,
    SteerRequest,
)

KINDS = (
    ("picture", "Picture", "One PNG that remembers its recipe."),
    ("sequence", "Sequence", "Many PNGs, numbered."),
    ("film", "Film", "MP4 or WebM."),
    ("onnx", "ONNX", "The generator itself, for other programs."),
)
ABOUT = {
    "picture": "A PNG of what the canvas shows. Drop it back on the window and the state returns.",
    "sequence": "Numbered PNGs of the motion, each with its recipe.",
    "film": "Exactly the asked number of frames, written to disk as they are drawn.",
    "onnx": "Standard operators only. The largest difference to the original is measured and "
    "written into the file.",
}


class ExportPage(QWidget):
    """A form at the left, the picture that will be written at the right."""

    failed = Signal(str)
    asked = Signal(int)
    """Number of the job that was submitted."""

    def __init__(self, document: Document, jobs: Jobs, canvas: Canvas):
        super().__init__()
        self._document, self._jobs, self._canvas = document, jobs, canvas
        self._make()
        self._build()
        self._choose_kind("picture")
        document.changed.connect(self._changed)

    def _make(self) -> None:
        self.kind = Segments(KINDS, "What to write")
        self.about = label("", "dim", wrap=True)
        self.motion = Choice("Motion")
        for value, text in (
            ("wander", "Wander, as set on the Steer panel"),
            ("morph", "Morph from A to B"),
            ("snapshots", "Through all snapshots"),
            ("travel", "From here to a seed"),
        ):
            self.motion.addItem(text, value)
        self.to_seed = Whole("Seed at the end", 0, 2_147_483_647)
        self.seconds = number("Seconds", 0.1, 3600, 1.0, " s", 1)
        self.seconds.setValue(10.0)
        self.fps = number("Frames a second", 1.0, 120.0, 1.0, " fps", 0)
        self.fps.setValue(30.0)
        for field in (self.seconds, self.fps, self.to_seed):
            field.setFixedWidth(96)
        self.loop = QCheckBox("Loop without a seam")
        self.loop.setAccessibleName("Loop without a seam")
        self.loop.setToolTip("The end leads back to the beginning.")
        self.format = Segments(
            (("mp4", "MP4", "H.264, plays everywhere."), ("webm", "WebM", "VP9, for the web.")),
            "Film format",
        )
        self.count = label("", "dim")
        self.write = push("Write…", "Choose where it goes", primary=True)
        self.picture = PictureOf(self._canvas)

    def _build(self) -> None:
        form = QWidget()
        left = column(form, margin=28, spacing=12)
        left.addWidget(label("Export", "head"))
        left.addWidget(self.kind)
        left.addWidget(self.about)
        self._motion_box = QWidget()
        grid = QGridLayout(self._motion_box)
        grid.setContentsMargins(0, 4, 0, 4)
        grid.setHorizontalSpacing(14)
        grid.setVerticalSpacing(10)
        self._lines: dict[str, tuple[QWidget, QWidget]] = {}
        for index, (key, text, control) in enumerate(
            (
                ("motion", "Motion", self.motion),
                ("seed", "To seed", self.to_seed),
                ("seconds", "Length", self.seconds),
                ("fps", "Rate", self.fps),
                ("format", "Format", self.format),
                ("loop", "", self.loop),
                ("count", "", self.count),
            )
        ):
            name = label(text, "dim")
            grid.addWidget(name, index, 0)
            grid.addWidget(control, index, 1, Qt.AlignmentFlag.AlignVCenter)
            self._lines[key] = (name, control)
        grid.setColumnStretch(1, 1)
        left.addWidget(self._motion_box)
        left.addLayout(row(self.write, 1))
        left.addStretch(1)
        holder = panel()
        column(holder).addWidget(scroll(form, "Export form"))
        holder.setFixedWidth(430)
        right = QWidget()
        side = column(right, spacing=8)
        side.setContentsMargins(0, 24, 28, 22)
        side.addWidget(section("Picture"))
        side.addWidget(self.picture, 1)
        line = row(holder, right, spacing=24)
        line.setStretch(1, 1)
        self.setLayout(line)
        self.kind.chosen.connect(self._choose_kind)
        self.motion.activated.connect(self._motion)
        self.seconds.valueChanged.connect(self._recount)
        self.fps.valueChanged.connect(self._recount)
        self.write.clicked.connect(self.ask_where)

    # -------------------------------------------------------------- form

    @Slot(str)
    def _choose_kind(self, kind: str) -> None:
        self.kind.set_value(kind)
        self.about.setText(ABOUT[kind])
        self._motion_box.setVisible(kind in ("sequence", "film"))
        self._show_line("format", kind == "film")
        self._motion(0)

    @Slot(int)
    def _motion(self, _index: int) -> None:
        self._show_line("seed", self.motion.currentData() == "travel")
        self._show_line("loop", self.motion.currentData() != "wander")
        self._recount()

    def _show_line(self, key: str, shown: bool) -> None:
        for widget in self._lines[key]:
            widget.setVisible(shown)

    @Slot()
    def _recount(self) -> None:
        self.count.setText(f"{self.frame_count()} frames")

    def frame_count(self) -> int:
        return max(round(self.seconds.value() * self.fps.value()), 2)

    @Slot(object, object)
    def _changed(self, old: SteerState, state: SteerState) -> None:
        model = self.motion.model()
        several = len(state.snapshots) >= 2
        if isinstance(model, QStandardItemModel):
            for index in (1, 2):
                model.item(index).setEnabled(several)
        if not several and self.motion.currentIndex() in (1, 2):
            self.motion.setCurrentIndex(0)

    # -------------------------------------------------------------- requests

    @Slot()
    def ask_where(self) -> None:
        """Choose the place, then submit."""
        info = self._document.info
        if info is None:
            self.failed.emit("No generator is open. Open one on the Start page first.")
            return
        path = self._where(info)
        if path:
            self.submit(path)

    def _where(self, info: ModelInfo) -> str:
        place = QStandardPaths.StandardLocation.PicturesLocation
        folder = Path(QStandardPaths.writableLocation(place))
        kind = self.kind.value
        name = f"{info.name}-{self._document.state.seed}"
        if kind == "sequence":
            return QFileDialog.getExistingDirectory(self, "Folder for the pictures", str(folder))
        suffix = {"picture": "png", "film": self.format.value, "onnx": "onnx"}[kind]
        stem = info.name if kind == "onnx" else name
        path, _ = QFileDialog.getSaveFileName(
            self, "Write to", str(folder / f"{stem}.{suffix}"), f"{suffix.upper()} (*.{suffix})"
        )
        if path and not path.lower().endswith(f".{suffix}"):
            path += f".{suffix}"
        return path

    def submit(self, path: str) -> int | None:
        """Send what the form says off to `path`; the job's number."""
        request = self.request(path)
        if request is None:
            return None
        job = self._jobs.submit(request)
        if job is not None:
            self.asked.emit(job)
        return job

    def request(self, path: str) -> JobRequest | None:
        """What the form says, written to `path`."""
        info = self._document.info
        if info is None:
            return None
        kind = self.kind.value
        if kind == "onnx":
            return ExportRequest(info.id, path)
        if kind == "picture":
            return picture_request(to_request(self._document.state, info), path)
        frames = self.frames(info)
        if len(frames) < 2:
            self.failed.emit("This motion needs two snapshots. Take them on the Steer panel first.")
            return None
        film = kind == "film"
        return RenderRequest(
            frames=frames,
            out=path,
            format=self.format.value if film else "png",  # type: ignore[arg-type]
            fps=self.fps.value(),
        )

    def frames(self, info: ModelInfo) -> tuple[SteerRequest, ...]:
        """Exactly `frame_count` requests along the chosen motion."""
        count, state = self.frame_count(), self._document.state
        motion = self.motion.currentData()
        if motion == "wander":
            # Whole swings only, so that the film closes; at least one.
            swings = max(round(self.seconds.value() * state.wander.speed), 1)
            period = swings / max(state.wander.speed, 1e-6)
            still = replace(state, morph=replace(state.morph, on=False))
            moving = replace(still, wander=replace(state.wander, on=True))
            return tuple(to_request(moving, info, period * i / count) for i in range(count))
        keys = self._keys(info, state, str(motion))
        if len(keys) < 2:
            return ()
        if self.loop.isChecked():
            keys = (*keys, keys[0])
        steps = count if self.loop.isChecked() else count - 1
        return tuple(_along(keys, i / steps) for i in range(count))

    def _keys(self, info: ModelInfo, state: SteerState, motion: str) -> tuple[SteerRequest, ...]:
        if motion == "morph":
            ends = (state.snapshot(state.morph.a), state.snapshot(state.morph.b))
            return tuple(shot.request for shot in ends if shot is not None)
        if motion == "snapshots":
            return tuple(shot.request for shot in state.snapshots)
        here = to_request(state, info)
        there = replace(state, x=float(self.to_seed.value()), y=0.0, custom=())
        return here, to_request(there, info)


def picture_request(request: SteerRequest, path: str) -> RenderRequest:
    """One PNG at exactly `path`."""
    where = Path(path)
    return RenderRequest(frames=(request,), out=str(where.parent), names=(where.stem,))


def _along(keys: tuple[SteerRequest, ...], share: float) -> SteerRequest:
    """A place (0..1) of the way through the keys, eased at each of them."""
    place = share * (len(keys) - 1)
    index = min(int(place), len(keys) - 2)
    t = place - index
    return morph(keys[index], keys[index + 1], t * t * (3.0 - 2.0 * t))


class PictureOf(QWidget):
    """The canvas's picture, fitted; repainted when the canvas has painted a new one."""

    def __init__(self, canvas: Canvas):
        super().__init__()
        self._canvas = canvas
        self.setAccessibleName("Picture to export")
        self.setMinimumSize(200, 200)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.fillRect(self.rect(), theme.colour(theme.SURROUND))
        image = self._canvas.image()
        if not image.isNull():
            room = self.size() * 0.92
            size = image.size().scaled(room, Qt.AspectRatioMode.KeepAspectRatio)
            x, y = (self.width() - size.width()) / 2, (self.height() - size.height()) / 2
            painter.drawImage(QRectF(x, y, size.width(), size.height()), image)
        painter.end()
