"""Circuits: a concept by a few examples, the units that compute it, and whether they really do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QFileDialog, QStackedWidget, QWidget

from app.inspect_state import count_words, short_name, unit_words
from app.inspecting import KEY, Inspecting
from app.jobs import Jobs
from app.live import Live
from app.panels.inspect_job import JobPart
from app.thumbnails import plain
from app.widgets.amount import number
from app.widgets.circuitgraph import CircuitGraph
from app.widgets.evidencebars import EvidenceBars
from app.widgets.parts import (
    Choice,
    Segments,
    column,
    image_of,
    label,
    push,
    row,
    scroll,
    section,
)
from engine.client import from_json
from engine.messages import (
    Answer,
    Circuit,
    CircuitRequest,
    JobUpdate,
    LodestoneError,
    Probes,
    SteerRequest,
    Unit,
    UnitsQuestion,
    UnitsReply,
)
from engine.project import untitled_path

NODES = f"{KEY}node:"
CONCEPTS = (
    ("card", "Exemplars", "Those chosen on the card, or all of them"),
    ("canvas", "Canvas", "The picture on the canvas and the next seeds"),
    ("files", "Files", "A folder or zip of pictures of the concept"),
)
CANVAS_SAMPLES = 8
OTHERS = 24
"""Pictures without the concept, at most: for the causal test."""


class CircuitForm(QWidget):
    """What is traced, from which examples, and how it stood the test."""

    failed = Signal(str)
    shown = Signal(object)
    """Circuit, or None."""
    used = Signal()
    """Its units are selected, to be turned."""

    def __init__(self, inspecting: Inspecting, jobs: Jobs, live: Live):
        super().__init__()
        self._inspecting, self._live = inspecting, live
        self._names: tuple[str, ...] = ()
        self.data = ""
        self.files: tuple[str, ...] = ()
        """Circuits that were traced in this study, for its report."""
        self.circuit: Circuit | None = None
        self._make(jobs)
        self._build()
        self._wire()
        self.refresh()

    def _make(self, jobs: Jobs) -> None:
        self.target = label("", wrap=True)
        self.concept = Segments(CONCEPTS, "Examples of the concept")
        self.examples = label("", "dim", wrap=True)
        self.choose = push("Folder…", "Pictures of the concept", icon="folder")
        self.choose.setProperty("compact", True)
        self.width_field = number("Units of each layer", 1, 64, 1, "", 0)
        self.width_field.setValue(6)
        tip = "Which units of the layers before together make it active"
        self.trace = JobPart(jobs, "Trace the circuit", tip, self.request, primary=True)
        self.before = Choice("Circuit", "Circuits of this study")
        self.before.setPlaceholderText("Traced before")
        self.tested = label("", "dim", wrap=True)
        self.use = push("Turn its units…", "Select all units of the circuit, to turn them")
        self.use.setProperty("compact", True)
        self.kept = EvidenceBars("Remains with only the circuit", "{:.0f} %")
        self.lost = EvidenceBars("Lost without the circuit", "{:.0f} %")
        self.note = label("", "dim", wrap=True)

    def _build(self) -> None:
        layout = column(self, spacing=8)
        layout.addWidget(section("Trace"))
        layout.addWidget(self.target)
        layout.addSpacing(4)
        layout.addWidget(section("For the concept in"))
        layout.addWidget(self.concept)
        layout.addWidget(self.choose)
        layout.addWidget(self.examples)
        layout.addLayout(row(label("Units of each layer", "dim"), 1, self.width_field))
        layout.addWidget(self.trace)
        layout.addWidget(self.before)
        self._outcome = QWidget()
        inside = column(self._outcome, spacing=7)
        inside.addWidget(section("Remains with only these units"))
        inside.addWidget(self.kept)
        inside.addWidget(section("Lost without them"))
        inside.addWidget(self.lost)
        inside.addLayout(row(self.tested, 1, self.use))
        inside.addWidget(self.note)
        layout.addWidget(self._outcome)
        layout.addStretch(1)

    def _wire(self) -> None:
        self._inspecting.card_changed.connect(self.refresh)
        self._inspecting.study_changed.connect(self._study)
        self.concept.chosen.connect(self.refresh)
        self.choose.clicked.connect(self._choose)
        self.trace.done.connect(self._done)
        self.before.activated.connect(self._again)
        self.use.clicked.connect(self._use)

    # -------------------------------------------------------------- asking

    @Slot(object)
    def set_examples(self, names: tuple[str, ...]) -> None:
        """Exemplars chosen on the card; none = all of them."""
        self._names = names
        self.refresh()

    @Slot()
    def _choose(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Pictures of the concept")
        if path:
            self.data = path
            self.refresh()

    def _concept(self) -> Probes | None:
        """The examples; None while there are none."""
        card, request = self._inspecting.card, self._live.request
        kind = self.concept.value
        if kind == "files":
            return Probes(self.data) if self.data else None
        if kind == "canvas":
            if request is None or not self._inspecting.steered:
                return None
            bare = replace(request, units=())
            more = tuple(plain(bare, seed) for seed in range(1, CANVAS_SAMPLES))
            return Probes(requests=(bare, *more))
        chosen = [
            one
            for one in (card.exemplars if card is not None else ())
            if not self._names or one.name in self._names
        ]
        recipes = tuple(one.request for one in chosen if isinstance(one.request, SteerRequest))
        if recipes:
            return Probes(requests=recipes)
        shown = self._inspecting.probes
        if not chosen or shown is None:
            return None
        return replace(shown, names=tuple(one.name for one in chosen))

    def request(self) -> CircuitRequest | None:
        """What `Trace` asks; None (and said) when something is missing."""
        unit, concept = self._inspecting.unit, self._concept()
        if unit is None:
            self.failed.emit("No unit is chosen to trace. Choose one in the grid.")
            return None
        if concept is None:
            self.failed.emit("There are no examples of the concept. Choose pictures that show it.")
            return None
        others = self._inspecting.probes
        name = unit_words(unit).replace("/", "_")
        # Through the layers that have been looked into: their units have pictures and words.
        layers = tuple(name for name in self._inspecting.layers if name != unit.layer)
        return CircuitRequest(
            self._inspecting.source,
            unit,
            concept,
            others=replace(others, count=OTHERS) if others is not None else None,
            layers=layers,
            width=round(self.width_field.value()),
            out=str(self._folder / name),
        )

    @property
    def _folder(self) -> Path:
        """Where the circuits of this study lie."""
        return untitled_path().parent.parent / "circuits" / short_name(self._inspecting.study)

    @Slot(object)
    def _done(self, update: JobUpdate) -> None:
        path = circuit_file(update.result)
        if path not in self.files:
            self.files = (*self.files, path)
        self._list()
        self.open_circuit(path)

    @Slot(int)
    def _again(self, index: int) -> None:
        self.open_circuit(self.files[index])

    def open_circuit(self, path: str) -> None:
        """Show a circuit from its file."""
        try:
            found = from_json(Path(path).read_text("utf-8"))
            if not isinstance(found, Circuit):
                raise LodestoneError(f"{Path(path).name} holds no circuit. Trace it again.")
        except LodestoneError as error:
            self.failed.emit(error.sentence)
            return
        except OSError as error:
            self.failed.emit(f"{Path(path).name} cannot be read: {error.strerror}. Trace it again.")
            return
        self.circuit = found
        self.before.setCurrentIndex(self.files.index(path) if path in self.files else -1)
        self._show()

    @Slot()
    def _use(self) -> None:
        if self.circuit is not None:
            units = {node.unit for node in self.circuit.nodes} - {self.circuit.target}
            self._inspecting.select(tuple(sorted(units)))
            self.used.emit()

    @Slot()
    def _study(self) -> None:
        self.circuit, self.files = None, ()
        if self._inspecting.study:
            # Those of earlier sessions, newest last.
            found = sorted(self._folder.glob("*/circuit.json"), key=lambda one: one.stat().st_mtime)
            self.files = tuple(str(path) for path in found)
        self._list()
        self._show()

    def _list(self) -> None:
        self.before.clear()
        self.before.addItems([Path(path).parent.name or Path(path).name for path in self.files])
        self.before.setCurrentIndex(-1)
        self.before.setVisible(bool(self.files))

    # -------------------------------------------------------------- look

    @Slot()
    def refresh(self) -> None:
        inspecting = self._inspecting
        unit = inspecting.unit
        none = "Choose a unit in the grid."
        if unit is None:
            self.target.setText(none)
        else:
            words, place = inspecting.words(unit), unit_words(unit)
            self.target.setText(place if words == place else f"{words}   {place}")
        self.choose.setVisible(self.concept.value == "files")
        self.concept.button("canvas").setEnabled(inspecting.steered)
        self.examples.setText(self._examples())
        self._outcome.setVisible(self.circuit is not None)

    def _examples(self) -> str:
        kind, card = self.concept.value, self._inspecting.card
        if kind == "files":
            return short_name(self.data) if self.data else "Choose pictures that show the concept."
        if kind == "canvas":
            return f"The picture on the canvas and {CANVAS_SAMPLES - 1} more."
        if self._names:
            return f"{count_words(len(self._names), 'exemplar')} chosen on the card."
        count = len(card.exemplars) if card is not None else 0
        return f"All {count} exemplars; click some on the card for fewer." if count else ""

    def _show(self) -> None:
        circuit = self.circuit
        if circuit is not None:
            self.kept.set_bars(_shares(circuit.kept, circuit.random_kept))
            self.lost.set_bars(_shares(circuit.pruned, circuit.random_pruned))
            self.note.setText(circuit.note)
            units, edges = len(circuit.nodes), len(circuit.edges)
            self.tested.setText(f"{count_words(units, 'unit')}, {count_words(edges, 'edge')}.")
        self.refresh()
        self.shown.emit(circuit)


def _shares(own: float | None, random: float | None) -> tuple[tuple[str, float], ...]:
    """Percent, beside random circuits of the same size."""
    pairs = (("this circuit", own), ("random circuits", random))
    return tuple((words, share * 100) for words, share in pairs if share is not None)


def circuit_file(path: str) -> str:
    """Where a circuit lies: the file itself, or `circuit.json` in a folder."""
    return str(Path(path) / "circuit.json") if Path(path).is_dir() else path


class CircuitStage(QWidget):
    """The graph, or what to do to get one."""

    unit_chosen = Signal(object)

    def __init__(self, inspecting: Inspecting, form: CircuitForm):
        super().__init__()
        self._inspecting = inspecting
        self._stamps: dict[str, tuple[int, Unit]] = {}
        self.graph = CircuitGraph()
        area = scroll(self.graph, "Circuit graph")
        area.setHorizontalScrollBarPolicy(area.verticalScrollBarPolicy())
        empty = QWidget()
        inside = column(empty, margin=40)
        words = label(
            "Choose a unit and a few examples, then trace: the units that together compute it "
            "appear here, layer by layer.",
            "dim",
            wrap=True,
        )
        words.setMaximumWidth(420)
        inside.addStretch(1)
        inside.addLayout(row(1, words, 1))
        inside.addStretch(1)
        self._stack = QStackedWidget()
        self._stack.addWidget(empty)
        self._stack.addWidget(area)
        column(self).addWidget(self._stack)
        form.shown.connect(self.show_circuit)
        self.graph.chosen.connect(self.unit_chosen)
        inspecting.link.answer.connect(self._answer)

    @Slot(object)
    def show_circuit(self, circuit: Circuit | None) -> None:
        info = self._inspecting.info
        order = {layer.name: i for i, layer in enumerate(info.layers)} if info is not None else {}
        self._stack.setCurrentIndex(0 if circuit is None else 1)
        self.graph.show_circuit(circuit, order)
        self._stamps.clear()
        study = self._inspecting.study
        if circuit is None or not study:
            return
        for number_, unit in enumerate(self.graph.units):
            if unit.layer not in self._inspecting.layers:
                continue
            place = f"{unit.layer}:{unit.index}"
            question = UnitsQuestion(study, (unit.layer,), place, count=1, thumbnails=1, size=96)
            key = f"{NODES}{number_}"
            self._stamps[key] = (self._inspecting.link.client.ask(question, key), unit)

    @Slot(object)
    def _answer(self, answer: Answer) -> None:
        stamp, unit = self._stamps.get(answer.key, (0, None))
        body = answer.body
        if unit is None or stamp != answer.stamp or not isinstance(body, UnitsReply):
            return
        found = next((one for one in body.units if one.unit == unit), None)
        if found is not None:
            image = image_of(found.strip) if found.strip is not None else QImage()
            self.graph.set_picture(unit, image, found.words)
