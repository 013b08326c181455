"""The Inspect workspace: what the units of a network respond to, and what turning them does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QResizeEvent, QUndoStack
from PySide6.QtWidgets import QFileDialog, QFrame, QStackedWidget, QWidget

from app.document import Document
from app.inspect_state import short_name
from app.inspecting import Inspecting
from app.jobs import Jobs
from app.link import EngineLink
from app.live import Live
from app.panels.inspect_ablation import Ablation
from app.panels.inspect_begin import InspectBegin
from app.panels.inspect_browse import Browse
from app.panels.inspect_card import UnitCard
from app.panels.inspect_circuit import CircuitForm, CircuitStage
from app.panels.inspect_defence import DefencePart
from app.panels.inspect_job import JobPart
from app.panels.inspect_look import LookForm
from app.panels.inspect_measure import Measure
from app.panels.inspect_picture import SteeredPicture
from app.panels.inspect_sets import EditSets
from app.panels.inspect_turn import TurnPart
from app.state import from_request
from app.thumbnails import Thumbnails
from app.widgets.parts import Segments, column, icon_button, label, panel, row, scroll
from engine.messages import (
    DescribeRequest,
    EffectsRequest,
    JobUpdate,
    ModelInfo,
    ReportRequest,
    SteerRequest,
    Unit,
)

WIDE, NARROW = (300, 350), (272, 312)
"""Pixels of the sides, in a wide page and in a narrow one."""
ROOMY = 1200
"""From this width on, pixels, a page is a wide one."""
FACES = (
    ("look", "Look inside", "Choose a network, what it is shown and which layers"),
    ("turn", "Turn", "Turn units off, up or round, and see what happens"),
    ("circuit", "Circuit", "Which units together compute one"),
)
NETWORKS = (".safetensors", ".pth", ".pt", ".pt2", ".onnx", ".pkl")


class InspectPage(QWidget):
    """Form at the left, units in the middle, the card of one at the right."""

    failed = Signal(str)
    noted = Signal(str, str, str)
    """A sentence, and what its button does and says."""
    result_asked = Signal(str)
    """A page was written here: open it."""

    def __init__(
        self,
        document: Document,
        live: Live,
        link: EngineLink,
        thumbnails: Thumbnails,
        jobs: Jobs,
    ):
        super().__init__()
        self._document, self._jobs = document, jobs
        self.inspecting = Inspecting(document, link, self)
        self.look = LookForm(self.inspecting, jobs)
        self.picture = SteeredPicture(live, link, thumbnails)
        self.sets = EditSets(self.inspecting, jobs)
        self.ablation = Ablation(self.inspecting, jobs, lambda: self.look.probes)
        self.turn = TurnPart(self.inspecting, self.picture, self.sets, self.ablation)
        self.browse = Browse(self.inspecting, jobs)
        self.card = UnitCard(self.inspecting)
        self.measure = Measure(self.inspecting, live, jobs)
        self.circuit = CircuitForm(self.inspecting, jobs, live)
        self.defence = DefencePart(self.inspecting, jobs)
        self.graph = CircuitStage(self.inspecting, self.circuit)
        self.begin = InspectBegin()
        self.setAcceptDrops(True)
        self._make()
        self._build()
        self._wire()
        self.inspecting.ask_network()
        self.refresh()

    def _make(self) -> None:
        self.face = Segments(FACES, "Face")
        self.face.setFixedWidth(306)
        self.undo = icon_button("undo", "Undo (Ctrl+Z)")
        self.redo = icon_button("redo", "Redo (Ctrl+Shift+Z)")
        self.words = label("", "dim")
        tip = "Find words for what the units respond to"
        self.describe = JobPart(self._jobs, "Describe", tip, self._description, slim=True)
        tip = "Turn every unit off in a few pictures: then the grid can be sorted by effect"
        self.effects = JobPart(self._jobs, "Effects", tip, self._every_effect, slim=True)
        tip = "One page with everything, to keep and to send: HTML, JSON and CSV"
        self.report = JobPart(self._jobs, "Report…", tip, self._report, slim=True)

    def _build(self) -> None:
        head = panel()
        head.setFixedHeight(46)
        self._tasks = QWidget()
        self._tasks.setLayout(row(self.describe, self.effects, self.report))
        line = row(self.face, self.undo, self.redo, 1, self.words, self._tasks)
        line.setContentsMargins(12, 0, 12, 0)
        head.setLayout(line)
        self._middle = QStackedWidget()
        for page in (self.begin, self.browse, self._large_place(), self.graph):
            self._middle.addWidget(page)
        line = row(self._left(), self._middle, self._right(), spacing=0)
        line.setStretch(1, 1)
        layout = column(self, spacing=0)
        layout.addWidget(head)
        layout.addLayout(line, 1)

    def _left(self) -> QFrame:
        self._forms = QStackedWidget()
        look = QWidget()
        column(look, margin=12).addWidget(self.look)
        turn = QWidget()
        inside = column(turn, margin=12, spacing=10)
        self._small = QWidget()
        column(self._small).addWidget(self.picture)
        inside.addWidget(self._small)
        inside.addWidget(self.turn, 1)
        circuit = QWidget()
        inside = column(circuit, margin=12, spacing=16)
        inside.addWidget(self.circuit)
        inside.addWidget(self.defence)
        inside.addStretch(1)
        for page, name in ((look, "Look inside"), (turn, "Turn"), (circuit, "Circuit")):
            self._forms.addWidget(scroll(page, name))
        self._left_side = panel()
        column(self._left_side).addWidget(self._forms)
        return self._left_side

    def _large_place(self) -> QWidget:
        self._large = QWidget()
        column(self._large)
        return self._large

    def _right(self) -> QFrame:
        content = QWidget()
        side = column(content, margin=14, spacing=14)
        side.addWidget(self.card)
        side.addWidget(self.measure)
        side.addStretch(1)
        self._side = panel()
        column(self._side).addWidget(scroll(content, "Unit"))
        return self._side

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        left, right = WIDE if self.width() >= ROOMY else NARROW
        self._left_side.setFixedWidth(left)
        self._side.setFixedWidth(right)
        # A square picture above its row of looks.
        self._small.setFixedHeight(left - 24 + 34)

    def _wire(self) -> None:
        inspecting, stack = self.inspecting, self._document.undo_stack
        told = (self.look, self.circuit, self.defence, self.sets, self.ablation, self.browse.audit)
        for part in told:
            part.failed.connect(self.failed)
        self.face.chosen.connect(self.show_face)
        self.undo.clicked.connect(stack.undo)
        self.redo.clicked.connect(stack.redo)
        stack.indexChanged.connect(self._undo_words)
        inspecting.study_changed.connect(self.refresh)
        inspecting.network_changed.connect(self.refresh)
        self._document.model_changed.connect(self._model)
        self.look.studied.connect(self._studied)
        self.begin.asked.connect(self.look.study.start)
        self.look.study.told.connect(self.refresh)
        self.browse.opened.connect(self.card.words.setFocus)
        self.browse.audit.all_asked.connect(self._to_turn)
        self.card.asked.connect(self.browse.jump)
        self.card.shown.connect(self.show_exemplar)
        self.card.picked.connect(self.circuit.set_examples)
        self.picture.larger_asked.connect(self._set_large)
        self.circuit.used.connect(self._to_turn)
        self.graph.unit_chosen.connect(self._from_graph)
        self.describe.done.connect(self._described)
        self.effects.done.connect(self._described)
        self.report.done.connect(self._reported)
        self._undo_words()

    @property
    def undo_stack(self) -> QUndoStack:
        """What is turned here is part of the picture: one history for both."""
        return self._document.undo_stack

    # -------------------------------------------------------------- faces

    @Slot(str)
    def show_face(self, face: str) -> None:
        self.face.set_value(face)
        self._forms.setCurrentIndex([value for value, _t, _h in FACES].index(face))
        if face != "turn":
            self.picture.larger.setChecked(False)
        self.refresh()

    @Slot()
    def refresh(self) -> None:
        inspecting, face = self.inspecting, self.face.value
        some = bool(inspecting.study)
        large = face == "turn" and self.picture.larger.isChecked()
        page = self.graph if face == "circuit" else self.browse if some else self.begin
        self._middle.setCurrentWidget(self._large if large else page)
        self._small.setVisible(inspecting.steered and not self.picture.larger.isChecked())
        self._side.setVisible(some)
        self._tasks.setVisible(some)
        study = self.look.study
        busy = f"Looking inside. {study.state.text()}" if study.active else ""
        self.begin.show_state(inspecting.source, inspecting.info, busy)
        info = inspecting.info
        self.words.setText(info.name if info is not None and some else "")
        if not inspecting.steered:
            self.picture.clear("Only the generator being steered can be watched here.")

    @Slot(bool)
    def _set_large(self, on: bool) -> None:
        """The picture moves into the middle and back."""
        place = self._large.layout() if on else self._small.layout()
        if place is not None:
            place.addWidget(self.picture)
        self.refresh()

    @Slot()
    def _studied(self) -> None:
        """A study is there: now units can be turned, and words are found for them."""
        self.describe.start()
        if self.isVisible():
            self.show_face("turn" if self.inspecting.steered else "look")
            self.browse.grid.setFocus()
        else:
            name = self.inspecting.info.name if self.inspecting.info is not None else "The network"
            self.noted.emit(f"{name} has been looked into.", "go:inspect", "Show its units")

    @Slot(object)
    def _model(self, _info: ModelInfo | None) -> None:
        self.picture.clear("")

    @Slot()
    def _undo_words(self) -> None:
        stack = self._document.undo_stack
        self.undo.setEnabled(stack.canUndo())
        self.redo.setEnabled(stack.canRedo())
        self.undo.setToolTip(f"Undo: {stack.undoText()} (Ctrl+Z)" if stack.canUndo() else "Undo")

    # -------------------------------------------------------------- verbs

    @Slot(object)
    def show_exemplar(self, request: SteerRequest) -> None:
        """A sample of the generator onto the canvas; what is turned stays turned."""
        if not self.inspecting.steered:
            return
        state = self._document.state
        shown = replace(from_request(state, request), units=state.units)
        self._document.edit("Show an exemplar", shown)

    @Slot(object)
    def _from_graph(self, unit: Unit) -> None:
        if unit.layer in self.inspecting.layers:
            self.inspecting.choose(unit)

    @Slot()
    def _to_turn(self) -> None:
        self.show_face("turn")

    def _description(self) -> DescribeRequest | None:
        return DescribeRequest(self.inspecting.study) if self.inspecting.study else None

    @Slot(object)
    def _described(self, _update: JobUpdate) -> None:
        self.browse.ask()
        self.inspecting.set_quantile(self.inspecting.quantile)

    def _every_effect(self) -> EffectsRequest | None:
        return EffectsRequest(self.inspecting.study) if self.inspecting.study else None

    def _report(self) -> ReportRequest | None:
        folder = QFileDialog.getExistingDirectory(self, "Folder for the report")
        return self.report_to(folder) if folder else None

    def report_to(self, folder: str) -> ReportRequest:
        """What writes a report into `folder`."""
        name = f"{short_name(self.inspecting.source)} units"
        out = str(Path(folder) / name)
        return ReportRequest(
            self.inspecting.study, out, self.circuit.files, compare=self.look.compare
        )

    @Slot(object)
    def _reported(self, update: JobUpdate) -> None:
        self.result_asked.emit(update.result)

    def closeEvent(self, event: QCloseEvent) -> None:
        # The history ends with the document, which is gone before this page.
        self._document.undo_stack.indexChanged.disconnect(self._undo_words)
        super().closeEvent(event)

    # -------------------------------------------------------------- drop

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        inside = event.source() is not None
        if not inside and any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.take_drop(paths[0])

    def take_drop(self, path: str) -> None:
        """A network to look into, or pictures to show it."""
        if Path(path).is_dir() or path.lower().endswith(".zip"):
            self.show_face("look")
            self.look.set_data(path)
        elif path.lower().endswith(NETWORKS):
            self.show_face("look")
            self.look.open_network(path)
        else:
            self.failed.emit(
                f"{Path(path).name} is neither a network nor pictures to show it. "
                "Drop a network file, or a folder or zip of pictures."
            )
