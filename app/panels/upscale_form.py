"""Left of the enlarged picture: model, size, strength, and how results are written."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QStandardPaths, Qt, Signal, Slot
from PySide6.QtWidgets import QCheckBox, QFileDialog, QSizePolicy, QWidget

from app import theme
from app.panels.upscale_queue import FILES
from app.upscale_models import KINDS, UpscaleModels, shown_name
from app.upscale_state import HIGHEST, LOWEST, STRONGEST, UpscaleState, result_size
from app.upscaling import Upscaling
from app.widgets.amount import AmountRow, number
from app.widgets.parts import Choice, Segments, column, label, push, row, section
from engine.messages import UpscaleSettings

TIMES = (
    ("2", "2 ×", "Twice as wide and high"),
    ("3", "3 ×", "Three times as wide and high"),
    ("4", "4 ×", "Four times as wide and high"),
    ("other", "Other", "Any size from 1 to 8 times"),
)
FORMATS = (
    ("same", "As each file came"),
    ("png", "PNG"),
    ("jpg", "JPEG"),
    ("webp", "WebP"),
    ("tiff", "TIFF"),
    ("avif", "AVIF"),
)
LOSSLESS = ("png", "tiff")


class UpscaleForm(QWidget):
    """Every control changes the state and is shown from it."""

    open_asked = Signal(list)
    """Paths that were chosen."""

    def __init__(self, upscaling: Upscaling, models: UpscaleModels):
        super().__init__()
        self._upscaling, self._models = upscaling, models
        self._other = False
        self._make()
        self._build()
        self._wire()
        self._list()
        self.refresh()

    def _make(self) -> None:
        self.name = label("")
        self.about = label("", "small", wrap=True)
        self.open = push("Open…", "Choose pictures or films (or drop them here)", icon="folder")
        self.model = Choice("Model", "What enlarges")
        self.against = Choice("Compare with", "What is shown left of the line, or in the lens")
        self.add = push("Add a model…", "An upscaler as .onnx, .safetensors or .pth", icon="plus")
        self.said = label("", "small", wrap=True)
        self.times = Segments(TIMES, "Times")
        self.scale = number("Times", LOWEST, HIGHEST, 0.1, " ×", 2)
        self.words = label("", "small", wrap=True)
        self.strength = AmountRow(
            "Strength", 0.0, STRONGEST * 100, 100.0, 5.0, suffix=" %", decimals=0
        )
        self.strength.setToolTip(
            "How much of what the model adds: 0 % is plain stretching, above 100 % is more than "
            "it would (double click: 100 %)"
        )
        self.wrap = QCheckBox("Seamless texture")
        self.wrap.setToolTip("Left meets right, top meets bottom; shown 2 x 2 times")
        self.format = Choice("Format", "How results are written")
        for value, text in FORMATS:
            self.format.addItem(text, value)
        self.quality = AmountRow("Quality", 1.0, 100.0, 92.0, 1.0, decimals=0)
        self.quality.setToolTip("Of JPEG, WebP and AVIF")
        self.folder = label("", "small")
        self.folder.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.choose_folder = push("Folder…", "Where results go")
        for button in (self.open, self.add, self.choose_folder):
            button.setProperty("compact", True)

    def _build(self) -> None:
        layout = column(self, margin=14, spacing=8)
        head = row(self.name, self.open)
        head.setStretch(0, 1)
        layout.addLayout(head)
        layout.addWidget(self.about)
        size = row(self.words, self.scale)
        size.setStretch(0, 1)
        for title, *items in (
            ("Model", self.model),
            ("Compare with", self.against, row(self.add, 1), self.said),
            ("Size", self.times, size),
            ("Strength", self.strength, self.wrap),
            ("Results", self.format),
        ):
            layout.addSpacing(2)
            layout.addWidget(section(title))
            for item in items:
                if isinstance(item, QWidget):
                    layout.addWidget(item)
                else:
                    layout.addLayout(item)
        self._quality_line = QWidget()
        line = row(label("Quality", "dim"), self.quality)
        line.setStretch(1, 1)
        self._quality_line.setLayout(line)
        layout.addWidget(self._quality_line)
        line = row(self.folder, self.choose_folder)
        line.setStretch(0, 1)
        layout.addLayout(line)
        layout.addStretch(1)

    def _wire(self) -> None:
        upscaling, models = self._upscaling, self._models
        history = upscaling.history
        self.open.clicked.connect(self.choose)
        self.model.activated.connect(self._model)
        self.against.activated.connect(self._against)
        self.add.clicked.connect(self.choose_model)
        self.times.chosen.connect(self._times)
        self.scale.valueChanged.connect(self._scale)
        for part in (self.strength, self.quality):
            part.began.connect(history.begin_gesture)
            part.ended.connect(history.end_gesture)
        self.strength.moved.connect(self._strength)
        self.wrap.toggled.connect(self._wrap)
        self.format.activated.connect(self._format)
        self.quality.moved.connect(self._quality)
        self.choose_folder.clicked.connect(self.ask_folder)
        models.changed.connect(self._list)
        models.added.connect(self.take_model)
        models.told.connect(self._say)
        upscaling.changed.connect(self.refresh)
        upscaling.source_changed.connect(self.refresh)

    # -------------------------------------------------------------- hand

    @Slot()
    def choose(self) -> None:
        """A file dialogue for pictures and films."""
        folder = str(Path(self._upscaling.path).parent) if self._upscaling.path else ""
        paths, _ = QFileDialog.getOpenFileNames(self, "Pictures and films", folder, FILES)
        if paths:
            self.open_asked.emit(paths)

    @Slot()
    def choose_model(self) -> None:
        """A file dialogue for an upscaler."""
        path, _ = QFileDialog.getOpenFileName(self, "Add a model", "", KINDS)
        if path:
            self._models.add(path)

    @Slot()
    def ask_folder(self) -> None:
        """A dialogue for where results go."""
        state = self._upscaling.state
        path = QFileDialog.getExistingDirectory(self, "Where results go", folder_of(state))
        if path:
            self._upscaling.change(self.tr("Folder"), folder=path)

    @Slot(str)
    def take_model(self, name: str) -> None:
        """A new one is at hand: it enlarges from now on."""
        self._upscaling.change(self.tr("Model"), model=name)

    @Slot(int)
    def _model(self, _index: int) -> None:
        self._upscaling.change(self.tr("Model"), model=self.model.currentData())

    @Slot(int)
    def _against(self, _index: int) -> None:
        self._upscaling.change(self.tr("Compare with"), against=self.against.currentData())

    @Slot(str)
    def _times(self, value: str) -> None:
        self._other = value == "other"
        if self._other:
            self.refresh()
            self.scale.setFocus()
            self.scale.selectAll()
        else:
            self._upscaling.change(self.tr("Size"), scale=float(value))
            self.refresh()

    @Slot(float)
    def _scale(self, value: float) -> None:
        self._upscaling.change(self.tr("Size"), "scale", scale=round(value, 2))

    @Slot(float)
    def _strength(self, percent: float) -> None:
        strength = round(min(max(percent / 100, 0.0), STRONGEST), 3)
        self._upscaling.change(self.tr("Strength"), "strength", strength=strength)

    @Slot(bool)
    def _wrap(self, on: bool) -> None:
        self._upscaling.change(self.tr("Seamless texture"), wrap=on)

    @Slot(int)
    def _format(self, _index: int) -> None:
        self._upscaling.change(self.tr("Format"), format=self.format.currentData())

    @Slot(float)
    def _quality(self, value: float) -> None:
        self._upscaling.change(self.tr("Quality"), "quality", quality=round(value))

    # -------------------------------------------------------------- look

    @Slot(str, bool)
    def _say(self, sentence: str, problem: bool) -> None:
        self.said.setText(sentence)
        self.said.setStyleSheet(f"color: {theme.DANGER if problem else theme.DIM}")
        self.said.setVisible(bool(sentence))
        self.add.setEnabled(not self._models.adding)

    @Slot()
    def _list(self) -> None:
        """Other models are at hand."""
        state = self._upscaling.state
        for chooser, first, own in (
            (self.model, (), state.model),
            (self.against, (("", "Plain stretching"),), state.against),
        ):
            chooser.clear()
            names = [(name, shown_name(name)) for name in self._models.names]
            for value, text in (*first, *names):
                chooser.addItem(text, value)
            _choose(chooser, own)

    @Slot()
    def refresh(self) -> None:
        state, source = self._upscaling.state, self._upscaling.source
        _choose(self.model, state.model)
        _choose(self.against, state.against)
        usual = state.scale in (2.0, 3.0, 4.0)
        other = self._other or not usual
        self.times.set_value("other" if other else f"{state.scale:.0f}")
        self.scale.setVisible(other)
        _silently(self.scale.setValue, self.scale, state.scale)
        self.strength.set_amount(state.strength * 100)
        _silently(self.wrap.setChecked, self.wrap, state.wrap)
        _choose(self.format, state.format)
        self.quality.set_amount(float(state.quality))
        self._quality_line.setVisible(state.format not in LOSSLESS)
        self.said.setVisible(bool(self.said.text()))
        self.folder.setText(self.folder.fontMetrics().elidedText(
            _short(folder_of(state)), Qt.TextElideMode.ElideLeft, 172))  # fmt: skip
        self.folder.setToolTip(folder_of(state))
        self.add.setEnabled(not self._models.adding)
        if source is None:
            return
        self.name.setText(self.name.fontMetrics().elidedText(
            source.name, Qt.TextElideMode.ElideMiddle, 160))  # fmt: skip
        self.name.setToolTip(source.path)
        small, large = source.size, result_size(source.size, state.scale)
        facts = [f"{small[0]:,} × {small[1]:,} pixels"]
        facts += [f"{source.bits} bit"] if source.bits != 8 else []
        facts += ["transparent"] if source.channels in (2, 4) else []
        facts += ["grey"] if source.channels < 3 else []
        facts += [f"{source.frames:,} frames"] if source.frames > 1 else []
        self.about.setText(" · ".join(facts))
        self.words.setText(f"becomes {large[0]:,} × {large[1]:,} pixels")


def folder_of(state: UpscaleState) -> str:
    """Where results go."""
    if state.folder:
        return state.folder
    place = QStandardPaths.StandardLocation.PicturesLocation
    return str(Path(QStandardPaths.writableLocation(place)) / "Enlarged")


def _short(path: str) -> str:
    """The last two parts of a path."""
    parts = Path(path).parts
    return path if len(parts) < 4 else str(Path("…", *parts[-2:]))


def _choose(chooser: Choice, value: str) -> None:
    """Show a value without announcing it; one that is not listed is put last."""
    index = chooser.findData(value)
    if index < 0:
        chooser.addItem(shown_name(value), value)
        index = chooser.count() - 1
    chooser.setCurrentIndex(index)


def _silently(setter, widget: QWidget, value: object) -> None:  # noqa: ANN001 - any setter
    blocked = widget.blockSignals(True)
    setter(value)
    widget.blockSignals(blocked)


def settings_words(settings: UpscaleSettings) -> str:
    """Name and times, such as `FREDSR 3 ×`; plain stretching where no model has a say."""
    if settings.strength == 0:
        return "Plain stretching"
    share = "" if settings.strength == 1 else f", {settings.strength * 100:.0f} %"
    return f"{shown_name(settings.model)}{share}"
