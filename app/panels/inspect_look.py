"""What is looked into, what it is shown, and which layers: the form of a study."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from app.inspect_state import (
    NETWORK_FILES,
    READY_MADE,
    count_words,
    first_ticks,
    short_name,
)
from app.inspecting import Inspecting
from app.jobs import Jobs
from app.panels.inspect_job import JobPart
from app.widgets.amount import number
from app.widgets.layertree import LayerTree
from app.widgets.parts import Choice, Segments, column, icon_button, label, push, row, section
from engine.messages import JobUpdate, Probes, StudyRequest

SAMPLES = 256
"""Own samples that a generator is shown at first."""
SHOWN = (
    ("own", "Its own samples", "Pictures that the generator makes itself"),
    ("data", "Pictures", "A folder or zip of pictures; sub-folders or labels.csv are labels"),
)


class LookForm(QWidget):
    """Network, probes, layers, and the button."""

    failed = Signal(str)
    studied = Signal()
    """A study has just been made."""

    def __init__(self, inspecting: Inspecting, jobs: Jobs):
        super().__init__()
        self._inspecting = inspecting
        self.data = ""
        self._known: tuple[str, ...] = ()
        self._shown = ""
        """Id of the network whose layers the tree shows."""
        self._make(jobs)
        self._build()
        self._wire()
        self.refresh()

    def _make(self, jobs: Jobs) -> None:
        self.network = Choice("Network", "What is looked into")
        self.open = icon_button("folder", "Open a network file (or drop it here)")
        self.about = label("", "dim", wrap=True)
        self.shown = Segments(SHOWN, "What it is shown")
        self.count = number("Pictures shown", 3, 1_000_000, 64, "", 0)
        self.count.setValue(SAMPLES)
        self.count.setToolTip("At most so many")
        self.pictures = label("", "dim", wrap=True)
        self.choose_folder = push("Folder…", "A folder of pictures", icon="folder")
        self.choose_zip = push("Zip…", "A zip of pictures")
        self.tree = LayerTree("Layers")
        self.total = label("", "dim")
        self.main = push("Main", "Tick the layers a person would look at first")
        self.every = push("All", "Tick every layer")
        self.none = push("None", "Tick no layer")
        compact = (self.choose_folder, self.choose_zip, self.main, self.every, self.none)
        for button in compact:
            button.setProperty("compact", True)
        tip = "Show it the pictures and keep what every unit responds to most"
        self.study = JobPart(jobs, "Look inside", tip, self.request, primary=True)
        self.before = Choice("Study", "Studies of this network, newest first")
        self.beside = push(
            "Compare…", "Another study on the same pictures: the report matches units"
        )
        self.beside.setProperty("compact", True)
        self.beside.setCheckable(True)
        self.compare = ""
        """Folder of the study that the report compares with."""

    def _build(self) -> None:
        layout = column(self, spacing=8)
        line = row(self.network, self.open, spacing=4)
        line.setStretch(0, 1)
        layout.addWidget(section("Look into"))
        layout.addLayout(line)
        layout.addWidget(self.about)
        layout.addSpacing(4)
        layout.addWidget(section("Show it"))
        layout.addWidget(self.shown)
        self._files = QWidget()
        inside = column(self._files, spacing=6)
        inside.addLayout(row(self.choose_folder, self.choose_zip, 1, spacing=6))
        inside.addWidget(self.pictures)
        layout.addWidget(self._files)
        layout.addLayout(row(label("At most", "dim"), self.count, label("pictures", "dim"), 1))
        layout.addSpacing(4)
        layout.addLayout(row(section("Layers"), 1, self.main, self.every, self.none, spacing=4))
        self.tree.setMinimumHeight(150)
        layout.addWidget(self.tree, 1)
        layout.addWidget(self.total)
        layout.addWidget(self.study)
        self._earlier = QWidget()
        older = column(self._earlier, spacing=6)
        older.addWidget(section("Studies"))
        line = row(self.before, self.beside, spacing=6)
        line.setStretch(0, 1)
        older.addLayout(line)
        layout.addWidget(self._earlier)

    def _wire(self) -> None:
        inspecting = self._inspecting
        inspecting.network_changed.connect(self.refresh)
        inspecting.study_changed.connect(self._tell_studies)
        self.network.activated.connect(self._network)
        self.open.clicked.connect(self._choose_network)
        self.shown.chosen.connect(self._tell)
        self.choose_folder.clicked.connect(self._choose_folder)
        self.choose_zip.clicked.connect(self._choose_zip)
        self.tree.ticked.connect(self._count)
        self.main.clicked.connect(self._main)
        self.every.clicked.connect(self._all)
        self.none.clicked.connect(self._none)
        self.study.done.connect(self._done)
        self.before.activated.connect(self._study)
        self.beside.clicked.connect(self._compare)

    # -------------------------------------------------------------- network

    def _networks(self) -> list[tuple[str, str]]:
        """(what opens it, its name)."""
        info = self._inspecting.document.info
        steered = (
            f"{info.name} (being steered)" if info is not None else "The generator (none open)"
        )
        others = [*READY_MADE, *self._known]
        return [("", steered), *((path, short_name(path)) for path in others)]

    @Slot(int)
    def _network(self, index: int) -> None:
        self._inspecting.look_into(self._networks()[index][0])

    @Slot()
    def _choose_network(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Look into a network", "", NETWORK_FILES)
        if path:
            self.open_network(path)

    def open_network(self, path: str) -> None:
        """A file was chosen or dropped."""
        if path not in self._known and path not in READY_MADE:
            self._known = (path, *self._known)[:8]
        self._inspecting.look_into(path)

    # -------------------------------------------------------------- pictures

    @Slot()
    def _choose_folder(self) -> None:
        self.set_data(QFileDialog.getExistingDirectory(self, "Folder of pictures"))

    @Slot()
    def _choose_zip(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Zip of pictures", "", "Zip (*.zip)")
        self.set_data(path)

    def set_data(self, path: str) -> None:
        """A folder or zip of pictures was chosen or dropped."""
        if path:
            self.data = path
            self.shown.set_value("data")
            self._tell()

    @property
    def probes(self) -> Probes | None:
        """What the network would be shown; None while no pictures are chosen."""
        own = self.shown.value == "own" and self._makes_pictures
        if not own and not self.data:
            return None
        return Probes("" if own else self.data, round(self.count.value()))

    @property
    def _makes_pictures(self) -> bool:
        info = self._inspecting.info
        return info is not None and info.kind == "generator"

    def request(self) -> StudyRequest | None:
        """What `Look inside` asks; None (and said) when something is missing."""
        probes, info = self.probes, self._inspecting.info
        if info is None:
            self.failed.emit("There is no network to look into. Open one first.")
        elif probes is None:
            self.failed.emit("No pictures are chosen to show it. Choose a folder or a zip.")
        elif not self.tree.ticks:
            self.failed.emit("No layer is ticked. Tick at least one.")
        else:
            return StudyRequest(self._inspecting.source, probes, self.tree.ticks)
        return None

    @Slot(object)
    def _done(self, update: JobUpdate) -> None:
        request = update.request
        if isinstance(request, StudyRequest) and request.network == self._inspecting.source:
            self._inspecting.take_study(update.result)
            self.studied.emit()

    @Slot(int)
    def _study(self, index: int) -> None:
        self._inspecting.open_study(self._inspecting.studies[index])

    @Slot(bool)
    def _compare(self, on: bool) -> None:
        """Of this network or another one, on the same pictures."""
        self.compare = ""
        if on:
            start = str(Path(self._inspecting.study).parent)
            title = "Study to compare with"
            self.compare = QFileDialog.getExistingDirectory(self, title, start)
        self.beside.setChecked(bool(self.compare))
        words = study_words(self.compare) if self.compare else ""
        self.beside.setToolTip(
            f"The report compares with the study of {words}"
            if words
            else "Another study on the same pictures: the report matches units"
        )

    # -------------------------------------------------------------- layers

    @Slot()
    def _main(self) -> None:
        info = self._inspecting.info
        if info is not None:
            self.tree.set_ticks([layer.name for layer in info.layers if layer.main])

    @Slot()
    def _all(self) -> None:
        info = self._inspecting.info
        if info is not None:
            self.tree.set_ticks([layer.name for layer in info.layers])

    @Slot()
    def _none(self) -> None:
        self.tree.set_ticks(())

    @Slot()
    def _count(self) -> None:
        info, ticks = self._inspecting.info, set(self.tree.ticks)
        units = sum(layer.units for layer in info.layers if layer.name in ticks) if info else 0
        words = f"{count_words(units, 'unit')} in {count_words(len(ticks), 'layer')}"
        self.total.setText(words if ticks else "Tick the layers to look into.")

    # -------------------------------------------------------------- look

    @Slot()
    def refresh(self) -> None:
        inspecting = self._inspecting
        info = inspecting.info
        blocked = self.network.blockSignals(True)
        self.network.clear()
        entries = self._networks()
        for _path, name in entries:
            self.network.addItem(name)
        paths = [path for path, _name in entries]
        self.network.setCurrentIndex(paths.index(inspecting.network))
        self.network.blockSignals(blocked)
        if info is not None and info.id != self._shown:
            self._shown = info.id
            self.tree.set_layers(info.layers, first_ticks(info))
            self.shown.set_value("own" if self._makes_pictures else "data")
        elif info is None and self._shown:
            self._shown = ""
            self.tree.set_layers((), ())
        self.about.setText(self._about())
        self.study.begin.setEnabled(info is not None)
        self._tell()
        self._tell_studies()

    def _about(self) -> str:
        inspecting = self._inspecting
        info = inspecting.info
        if info is None:
            none = "No generator is open. Open one on the Start page, or a network file here."
            return "Opening it … the first time this takes a while." if inspecting.source else none
        parts = [f"{info.name}: {count_words(len(info.layers), 'layer')}"]
        channels, rows, columns = info.input
        if info.kind == "generator":
            parts.append(f"makes pictures of {columns} × {rows}")
        else:
            parts.append(
                f"takes {'colour' if channels == 3 else f'{channels} channels'}, {columns} × {rows}"
            )
        if info.classes:
            parts.append(f"{len(info.classes):,} classes")
        words = ", ".join(parts) + "."
        return " ".join(
            part
            for part in (words, info.preprocessing and f"{info.preprocessing}.", info.note)
            if part
        )

    @Slot()
    def _tell(self) -> None:
        own = self._makes_pictures
        self.shown.setVisible(own)
        self._files.setVisible(not own or self.shown.value == "data")
        self.pictures.setText(short_name(self.data) if self.data else "Choose them or drop them.")
        self.pictures.setToolTip(self.data)
        self._count()

    @Slot()
    def _tell_studies(self) -> None:
        inspecting = self._inspecting
        self._earlier.setVisible(bool(inspecting.studies))
        blocked = self.before.blockSignals(True)
        self.before.clear()
        for study in inspecting.studies:
            self.before.addItem(study_words(study))
        if inspecting.study in inspecting.studies:
            self.before.setCurrentIndex(inspecting.studies.index(inspecting.study))
        self.before.blockSignals(blocked)


def study_words(study: str) -> str:
    """A study by when it was last worked on."""
    try:
        when = datetime.fromtimestamp(Path(study).stat().st_mtime)
    except OSError:
        return short_name(study)
    return f"{when.day} {when:%B, %H:%M}"
