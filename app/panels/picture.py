"""The Picture workspace: one picture becomes a generator of its own kind."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QUndoStack
from PySide6.QtWidgets import QFrame, QStackedWidget, QWidget

from app import theme
from app.jobs import Jobs
from app.link import EngineLink
from app.panels.picture_begin import Begin
from app.panels.picture_blend import BlendPart
from app.panels.picture_complete import CompletePart
from app.panels.picture_compose import ComposePart
from app.panels.picture_enlarge import EnlargePart
from app.panels.picture_form import PictureForm
from app.panels.picture_part import TaskPart
from app.panels.picture_side import EngineChoice, Kept, Scores
from app.panels.picture_stage import Stage
from app.panels.picture_train import TrainPyramid
from app.panels.picture_vary import VaryPart
from app.picture_state import WALL
from app.picturing import Picturing
from app.widgets.parts import Segments, column, icon_button, label, panel, push, row, scroll

LEFT, RIGHT = 292, 250
MOST = 4 * WALL
"""Variations on one wall."""


class PicturePage(QWidget):
    """The form at the left, the wall in the middle, engine and keepsakes at the right."""

    failed = Signal(str)
    """A sentence."""

    def __init__(self, link: EngineLink, jobs: Jobs, models_folder: Path):
        super().__init__()
        self.jobs = jobs
        self.picturing = Picturing(link, models_folder, samples_folder(), self)
        self.vary, self.complete = VaryPart(self.picturing), CompletePart(self.picturing)
        self.compose = ComposePart(self.picturing)
        self.blend, self.enlarge = BlendPart(self.picturing), EnlargePart(self.picturing)
        parts = (self.vary, self.complete, self.compose, self.blend, self.enlarge)
        self.parts: dict[str, TaskPart] = {part.task: part for part in parts}
        self.stage = Stage(self.picturing, tuple(self.parts.values()))
        self.form = PictureForm(self.picturing, tuple(self.parts.values()))
        self.engine = EngineChoice(self.picturing)
        self.scores = Scores(self.picturing)
        self.train = TrainPyramid(self.picturing, jobs)
        self.kept = Kept(self.picturing, self.stage, models_folder.parent / "kept pictures")
        self.begin = Begin(samples_folder())
        self.setAcceptDrops(True)
        self._make()
        self._build()
        self._wire()

    def _make(self) -> None:
        tasks = tuple((part.task, part.title, part.hint) for part in self.parts.values())
        self.task = Segments(tasks, "Task")
        self.task.setFixedWidth(86 * len(tasks))
        self.new = icon_button("dice", "New seeds: other variations of the same kind")
        self.lock = icon_button("lock", "Keep the seeds when something else changes", True)
        self.more = push("More", f"{WALL} more variations below", icon="plus")
        self.more.setProperty("compact", True)
        self.words = label("", "dim")
        self.undo = icon_button("undo", "Undo (Ctrl+Z)")
        self.redo = icon_button("redo", "Redo (Ctrl+Shift+Z)")

    def _build(self) -> None:
        head = panel()
        head.setFixedHeight(46)
        line = row(self.task, self.undo, self.redo, 1, self.words, self.new, self.lock, self.more)
        line.setContentsMargins(12, 0, 12, 0)
        head.setLayout(line)
        left = panel()
        column(left).addWidget(scroll(self.form, "Picture form"))
        left.setFixedWidth(LEFT)
        line = row(left, self.stage, self._right(), spacing=0)
        line.setStretch(1, 1)
        body = QWidget()
        inside = column(body, spacing=0)
        inside.addWidget(head)
        inside.addLayout(line, 1)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.begin)
        self._stack.addWidget(body)
        column(self).addWidget(self._stack)

    def _right(self) -> QFrame:
        content = QWidget()
        side = column(content, margin=14, spacing=16)
        for part in (self.engine, self.scores, self.train):
            side.addWidget(part)
        side.addWidget(self.kept, 1)
        right = panel()
        column(right).addWidget(scroll(content, "Engine and kept pictures"))
        right.setFixedWidth(RIGHT)
        return right

    def _wire(self) -> None:
        picturing, stack = self.picturing, self.picturing.undo_stack
        for part in (picturing, self.stage, self.kept, *self.parts.values()):
            part.failed.connect(self.failed)
        for part in self.parts.values():
            part.job_asked.connect(self.jobs.submit)
        self.train.active_changed.connect(self.blend.set_training)
        self.blend.train_asked.connect(self.train.start)
        self.stage.film_asked.connect(self.jobs.submit)
        self.begin.open_asked.connect(self.form.choose)
        self.begin.chosen.connect(self.open_picture)
        self.stage.current_changed.connect(self.scores.set_current)
        self.task.chosen.connect(self._task)
        self.new.clicked.connect(self.new_seeds)
        self.lock.toggled.connect(self._lock)
        self.more.clicked.connect(self.add_more)
        self.undo.clicked.connect(stack.undo)
        self.redo.clicked.connect(stack.redo)
        picturing.changed.connect(self.refresh)
        picturing.arrived.connect(self._tell)
        stack.indexChanged.connect(self._undo_words)
        self._undo_words()
        self.refresh()

    @property
    def undo_stack(self) -> QUndoStack:
        """Edit > Undo means this page's history while it is shown."""
        return self.picturing.undo_stack

    # -------------------------------------------------------------- hand

    @Slot(str)
    def open_picture(self, path: str) -> None:
        """A picture was chosen or dropped."""
        self.picturing.open(path)

    @Slot(str)
    def _task(self, task: str) -> None:
        self.parts[self.picturing.state.task].leave()
        self.picturing.change(self.tr("Task"), task=task)
        self.stage.show_all()

    @Slot()
    def new_seeds(self) -> None:
        state = self.picturing.state
        self.picturing.change(self.tr("New seeds"), seed=state.seed + state.count, count=WALL)

    @Slot(bool)
    def _lock(self, on: bool) -> None:
        self.picturing.change(self.tr("Lock the seeds"), locked=on)

    @Slot()
    def add_more(self) -> None:
        count = min(self.picturing.state.count + WALL, MOST)
        self.picturing.change(self.tr("More variations"), count=count)

    # -------------------------------------------------------------- look

    @Slot()
    def refresh(self) -> None:
        state = self.picturing.state
        self._stack.setCurrentIndex(1 if self.picturing.source is not None else 0)
        self.task.set_value(state.task)
        self.more.setVisible(state.task == "sample")
        self.more.setEnabled(state.count < MOST)
        for part in (self.new, self.lock):
            part.setVisible(state.task != "upscale")
        blocked = self.lock.blockSignals(True)
        self.lock.setChecked(state.locked)
        self.lock.blockSignals(blocked)
        self._tell()

    @Slot()
    def _tell(self) -> None:
        shown = self.picturing.shown
        busy = sum(not one.done and not one.failed for one in shown)
        if not shown:
            words = self.parts[self.picturing.state.task].waiting
        elif busy:
            words = f"Drawing, {len(shown) - busy} of {len(shown)}"
        else:
            seeded = self.picturing.state.task != "upscale"
            words = f"Seed {self.picturing.state.seed}" if seeded else ""
        self.words.setText(words)

    @Slot()
    def _undo_words(self) -> None:
        stack = self.picturing.undo_stack
        self.undo.setEnabled(stack.canUndo())
        self.redo.setEnabled(stack.canRedo())
        self.undo.setToolTip(f"Undo: {stack.undoText()} (Ctrl+Z)" if stack.canUndo() else "Undo")
        self.redo.setToolTip(f"Redo: {stack.redoText()} (Ctrl+Shift+Z)")

    # -------------------------------------------------------------- drop

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        inside = event.source() is not None
        if not inside and any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if not paths:
            return
        event.acceptProposedAction()
        still = self.form.still
        over = still.isVisible() and still.rect().contains(
            still.mapFrom(self, event.position().toPoint())
        )
        task = self.parts[self.picturing.state.task]
        if over or self.picturing.source is None or not task.take_drop(paths):
            self.open_picture(paths[0])


def samples_folder() -> Path:
    """Pictures that ship with the program."""
    return theme.assets() / "samples"
