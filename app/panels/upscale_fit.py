"""Fit to my images: an upscaler learns from a folder, and says what that was worth."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QImage
from PySide6.QtWidgets import QCheckBox, QFileDialog, QLineEdit, QSizePolicy

from app.jobs import Jobs, time_left
from app.link import EngineLink
from app.upscale_models import shown_name
from app.widgets.judgement import Decibels, Details
from app.widgets.parts import Choice, Segments, column, image_of, label, push, row, section
from app.widgets.training import Training
from engine.client import Learnt, learnt
from engine.messages import JobUpdate, LodestoneError, UpscaleTrainRequest

SHORTEST, USUAL, LONGEST = 60.0, 240.0, 14400.0
"""Seconds of training."""
NOTHING = ""
"""What is begun from when all is learnt anew."""
ABOUT = (
    "It learns from your own pictures, and is kept only if it is better on some of them that it "
    "has not seen."
)

ANEW = "It learns all it knows from your pictures. Give it hundreds of them, and hours."
BEGUN = "It begins with what FREDSR knows of pictures, and learns the rest from yours."


class UpscaleFitPanel(Training):
    """A folder, what to begin from, minutes; then what came of it."""

    made = Signal(str)
    """Name of an upscaler that is there now."""
    failed = Signal(str)

    def __init__(self, link: EngineLink, jobs: Jobs, folder: Path):
        """`folder`: where the person's own upscalers lie."""
        super().__init__(jobs, "upscaler", (SHORTEST, USUAL, LONGEST))
        self._link, self._folder = link, folder
        self._own = False
        """Whether the person has given the name."""
        self.setAcceptDrops(True)
        self._make()
        self._build()
        self._wire()
        self.refresh_models()
        self._show(None)
        for update in jobs.active:
            self._updated(update)

    def _make(self) -> None:
        self.data = QLineEdit()
        self.data.setAccessibleName("Folder or zip of your pictures")
        self.data.setPlaceholderText("Drop a folder of your pictures")
        self.choose = push("Folder…", "Choose a folder of pictures", icon="folder")
        self.base = Choice("Begin from", "What it knows already")
        self.base.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.scale = Segments(
            tuple((str(n), f"{n}×", f"{n} times as wide and high") for n in (2, 3, 4)), "Scale"
        )
        self.vivid = QCheckBox("Vivid")
        self.vivid.setAccessibleName("Vivid")
        self.vivid.setToolTip("Sharper and less faithful: it draws detail that may not be true.")
        self.name = QLineEdit()
        self.name.setAccessibleName("Name of the upscaler")
        self.name.setPlaceholderText("Name")
        self.details = Details("A detail of a picture kept apart", ("plain", "now", "true"))
        self.verdict = label("", wrap=True)
        self.bars = Decibels("Decibels on the pictures kept apart")

    def _build(self) -> None:
        layout = column(self, spacing=7)
        layout.addWidget(section("Fit to my images"))
        layout.addWidget(self.about)
        data = row(self.data, self.choose)
        data.setStretch(0, 1)
        layout.addLayout(data)
        base = row(label("From", "dim"), self.base, self.scale)
        base.setStretch(1, 1)
        layout.addLayout(base)
        self.dial_line(self.vivid)
        layout.addWidget(self.dial)
        layout.addWidget(self.name)
        layout.addWidget(self.details)
        layout.addWidget(self.progress)
        layout.addWidget(self.state)
        layout.addWidget(self.verdict)
        layout.addWidget(self.bars)
        layout.addLayout(row(self.begin, self.pause, self.stop, 1))

    def _wire(self) -> None:
        self.choose.clicked.connect(self._choose)
        self.data.textChanged.connect(self.tell)
        self.base.currentIndexChanged.connect(self._based)
        self.scale.chosen.connect(self.tell)
        self.vivid.toggled.connect(self.tell)
        self.name.textEdited.connect(self._named)
        self._jobs.updated.connect(self._updated)

    # ------------------------------------------------------------ choosing

    def set_data(self, path: str) -> None:
        """A folder or zip of pictures."""
        self.data.setText(path)

    @Slot()
    def refresh_models(self) -> None:
        """Another upscaler may be there to begin from."""
        client, before = self._link.client, self.base.currentData()
        blocked = self.base.blockSignals(True)
        self.base.clear()
        for name in client.upscalers():
            if client.upscaler_scales(name):
                self.base.addItem(shown_name(name), name)
        self.base.addItem("Train anew", NOTHING)
        self.base.setCurrentIndex(max(self.base.findData(before), 0))
        self.base.blockSignals(blocked)
        self._based()

    @Slot()
    def _based(self) -> None:
        known = self._link.client.upscaler_scales(self._base) if self._base else (2, 3, 4)
        for n in (2, 3, 4):
            self.scale.button(str(n)).setEnabled(n in known)
        if known and int(self.scale.value) not in known:
            self.scale.set_value(str(3 if 3 in known else known[0]))
        self.tell()

    @property
    def _base(self) -> str:
        return self.base.currentData() or NOTHING

    @Slot()
    def tell(self) -> None:
        super().tell()
        alone = self.scale.value == "3" and not self.vivid.isChecked()
        self.about.setText(ABOUT if self._base else ANEW if alone else BEGUN)
        if not self._own:
            self.name.setText(self._free_name())
        self.begin.setEnabled(bool(self.data.text().strip() and self.name.text().strip()))

    def _free_name(self) -> str:
        data = self.data.text().strip()
        if not data:
            return ""
        vivid = " vivid" if self.vivid.isChecked() else ""
        wanted = f"{Path(data).stem}{vivid} x{self.scale.value}"
        made, count = wanted, 1
        while (self._folder / f"{made}.safetensors").exists():
            count += 1
            made = f"{wanted} {count}"
        return made

    @Slot(str)
    def _named(self, text: str) -> None:
        self._own = bool(text.strip())
        self.begin.setEnabled(bool(self.data.text().strip() and text.strip()))

    @Slot()
    def _choose(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Pictures to learn from", self.data.text())
        if path:
            self.set_data(path)

    # ------------------------------------------------------------ training

    def request(self) -> UpscaleTrainRequest:
        """What would be trained."""
        scale = int(self.scale.value)
        base = self._link.client.upscaler(self._base, scale) if self._base else ""
        name = self.name.text().strip().replace("/", "-").replace("\\", "-")
        return UpscaleTrainRequest(
            data=self.data.text().strip(),
            out=str(self._folder / f"{name}.safetensors"),
            name=name,
            scale=scale,
            seconds=self.amount,
            vivid=self.vivid.isChecked(),
            base=base,
        )

    @Slot()
    def start(self) -> None:
        try:
            request = self.request()
        except LodestoneError as error:
            self.failed.emit(error.sentence)
            return
        self.details.set_strip(QImage())
        self._job = self._jobs.submit(request, quiet=True)

    def _is_mine(self, update: JobUpdate) -> bool:
        request = update.request
        return isinstance(request, UpscaleTrainRequest) and (
            Path(request.out).parent == self._folder
        )

    @Slot(object)
    def _updated(self, update: JobUpdate) -> None:
        if not self._is_mine(update) or (self._job is not None and update.job < self._job):
            return
        self._job = update.job
        self._show(update)
        if update.state == "done":
            self._judge(update)

    def _show(self, update: JobUpdate | None) -> None:
        active = self.show_training(update, _words(update) if update is not None else "")
        for part in (self.data, self.choose, self.base, self.scale, self.name):
            part.setEnabled(not active)
        self.about.setVisible(not active)
        self.verdict.setVisible(False)
        self.bars.setVisible(False)
        if update is not None and update.preview is not None and active:
            self.details.set_strip(image_of(update.preview))
        self.details.setVisible(not self.details.empty and update is not None)

    def _judge(self, update: JobUpdate) -> None:
        """It is trained: say what it was worth."""
        try:
            found = learnt(update.result)
        except (LodestoneError, OSError) as error:
            self.state.setText(getattr(error, "sentence", "The upscaler cannot be read."))
            return
        self._own = False
        request = update.request
        assert isinstance(request, UpscaleTrainRequest)
        kept = found is None or found.kept
        if found is not None:
            self.verdict.setText(verdict(found, request.vivid))
            self.bars.set_bars(bars(found))
            self.verdict.show()
            self.bars.show()
            self.state.hide()
        if kept:
            self.made.emit(Path(update.result).stem)
        else:
            # It is what it began from, once more: nobody needs two.
            for suffix in (".safetensors", ".onnx"):
                Path(update.result).with_suffix(suffix).unlink(missing_ok=True)
        self.refresh_models()

    # ------------------------------------------------------------ dropping

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if self.data.isEnabled() and _folder_of(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        path = _folder_of(event)
        if path:
            event.acceptProposedAction()
            self.set_data(path)


def _folder_of(event: QDropEvent) -> str:
    """The first folder or zip of a drag; of a picture its folder."""
    for url in event.mimeData().urls():
        path = Path(url.toLocalFile())
        if url.isLocalFile():
            return str(path if path.is_dir() or path.suffix.lower() == ".zip" else path.parent)
    return ""


def _words(update: JobUpdate) -> str:
    if update.state == "cancelled":
        return "Stopped. What was learnt is kept: Go on takes it up again."
    if update.state == "failed":
        return update.message or "The training failed."
    if update.state == "done":
        return "Trained."
    loss = dict(update.figures).get("loss")
    left = "paused" if update.state == "paused" else time_left(update.seconds_left)
    parts = (left, update.message, f"loss {loss:.4f}" if loss is not None else "")
    return "  ·  ".join(part for part in parts if part)


def verdict(found: Learnt, vivid: bool) -> str:
    """A sentence."""
    apart = "a picture" if found.apart == 1 else f"{found.apart} pictures"
    on = f"on {apart} kept apart"
    if found.before is None:
        return f"Kept: {found.model - found.lanczos:+.2f} dB against Lanczos {on}."
    if not found.kept:
        return f"Not better {on}: kept as it was."
    gain = found.model - found.before
    if gain >= 0:
        return f"Kept: {gain:.2f} dB better than before {on}."
    why = "as the vivid ones are: sharper, and less faithful" if vivid else "than before"
    return f"Kept: {-gain:.2f} dB below {on}, {why}."


def bars(found: Learnt) -> tuple[tuple[str, float], ...]:
    """(name, dB) of Lanczos, of what it began from, of what it is."""
    before = (("unfitted", found.before),) if found.before is not None else ()
    last = "fitted" if before else "trained"
    return (("Lanczos", found.lanczos), *before, (last, found.model))
