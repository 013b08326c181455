"""The Sound workspace: some seconds of sound become a generator of their own kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import (
    QCloseEvent,
    QDragEnterEvent,
    QDropEvent,
    QKeySequence,
    QShortcut,
    QUndoStack,
)
from PySide6.QtWidgets import QFrame, QStackedWidget, QWidget

from app import theme
from app.aside import Aside
from app.jobs import Jobs
from app.link import EngineLink
from app.panels.sound_begin import Begin
from app.panels.sound_export import ExportDialog, Manner
from app.panels.sound_form import SoundForm
from app.panels.sound_heard import Heard
from app.panels.sound_list import Takes, file_name
from app.panels.sound_morph import MorphPart
from app.panels.sound_new import EffectsPart, TakesPart, VaryPart
from app.panels.sound_part import TaskPart, choose_sound
from app.panels.sound_repair import DenoisePart, ExtendPart, FillPart
from app.panels.sound_side import EngineChoice, Scores
from app.panels.sound_stage import Stage
from app.panels.sound_train import TrainPyramid
from app.sound_source import Refusal
from app.sound_state import TAKES
from app.sounding import Sounding
from app.widgets.parts import column, icon_button, label, panel, push, row, scroll
from engine.client import write_sound
from engine.messages import JobUpdate, LodestoneError

LEFT, RIGHT = 292, 264
MOST = 5 * TAKES
"""Takes in the list."""


class SoundPage(QWidget):
    """The form at the left, source and take in the middle, engine and takes at the right."""

    failed = Signal(str)
    """A sentence."""
    noted = Signal(str)
    """A sentence that is no fault."""

    def __init__(self, link: EngineLink, jobs: Jobs, home: Path):
        """`home`: the person's folder."""
        super().__init__()
        self._jobs = jobs
        self.sounding = Sounding(link, jobs, home, samples_folder(), self)
        self.heard = Heard(self.sounding)
        self._aside = Aside(self)
        self._make()
        self.setAcceptDrops(True)
        self._build()
        self._wire()

    def _make(self) -> None:
        sounding = self.sounding
        self.takes_part, self.vary = TakesPart(sounding), VaryPart(sounding)
        self.effects, self.morph = EffectsPart(sounding), MorphPart(sounding)
        self.fill, self.denoise = FillPart(sounding), DenoisePart(sounding)
        self.extend = ExtendPart(sounding)
        rows: tuple[tuple[str, tuple[TaskPart, ...]], ...] = (
            ("New", (self.takes_part, self.vary, self.effects, self.morph)),
            ("Repair", (self.fill, self.extend, self.denoise)),
        )
        parts = [part for _, each in rows for part in each]
        self.parts = {part.task: part for part in parts}
        self.form = SoundForm(sounding, rows)
        self.stage = Stage(sounding, self.heard, parts)
        self.engine = EngineChoice(sounding)
        self.scores = Scores(sounding, self.heard)
        self.train = TrainPyramid(sounding, self._jobs)
        self.takes = Takes(sounding, self.heard)
        self.begin = Begin(samples_folder())
        self.new = icon_button("dice", "New seeds: other takes of the same kind")
        self.lock = icon_button("lock", "Keep the seeds when something else changes", True)
        self.more = push("More", f"{TAKES} more takes", icon="plus")
        self.more.setProperty("compact", True)
        self.words = label("", "dim")
        self.undo = icon_button("undo", "Undo (Ctrl+Z)")
        self.redo = icon_button("redo", "Redo (Ctrl+Shift+Z)")

    def _build(self) -> None:
        left = panel()
        inside = column(left, spacing=0)
        inside.addWidget(scroll(self.form, "Sound form"), 1)
        left.setFixedWidth(LEFT)
        middle = QWidget()
        inside = column(middle, spacing=0)
        inside.addWidget(self._head())
        inside.addWidget(self.stage, 1)
        body = QWidget()
        line = row(left, middle, self._right(), spacing=0)
        line.setStretch(1, 1)
        body.setLayout(line)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.begin)
        self._stack.addWidget(body)
        column(self).addWidget(self._stack)

    def _head(self) -> QFrame:
        head = panel()
        head.setFixedHeight(42)
        line = row(self.undo, self.redo, self.words, 1, self.new, self.lock, self.more)
        line.setContentsMargins(12, 0, 12, 0)
        head.setLayout(line)
        return head

    def _right(self) -> QFrame:
        right = panel()
        side = column(right, margin=14, spacing=14)
        for part in (self.engine, self.scores):
            side.addWidget(part)
        side.addWidget(self.takes, 1)
        side.addWidget(self.train)
        right.setFixedWidth(RIGHT)
        return right

    def _wire(self) -> None:
        sounding, stack = self.sounding, self.sounding.undo_stack
        for part in (sounding, self.stage, self.takes, *self.parts.values()):
            part.failed.connect(self.failed)
        self.begin.open_asked.connect(self.choose)
        self.begin.chosen.connect(self.open_sound)
        sounding.reading.connect(self.begin.set_reading)
        self.form.tasks.chosen.connect(self._task)
        self.stage.open_asked.connect(self.choose)
        self.stage.export_asked.connect(self.export)
        sounding.level_heard.connect(self._level)
        self._jobs.finished.connect(self._trained)
        self.new.clicked.connect(self.new_seeds)
        self.lock.toggled.connect(self._lock)
        self.more.clicked.connect(self.add_more)
        self.undo.clicked.connect(stack.undo)
        self.redo.clicked.connect(stack.redo)
        sounding.changed.connect(self.refresh)
        sounding.source_changed.connect(self.refresh)
        sounding.arrived.connect(self._tell)
        stack.indexChanged.connect(self._undo_words)
        self._aside.done.connect(self._beside)
        self.stage.transport.listen(self)
        QShortcut(QKeySequence("Ctrl+E"), self, self.export)
        self._undo_words()
        self.refresh()

    @property
    def undo_stack(self) -> QUndoStack:
        """Edit > Undo means this page's history while it is shown."""
        return self.sounding.undo_stack

    # -------------------------------------------------------------- hand

    @Slot(str)
    def open_sound(self, path: str) -> None:
        """A recording was chosen or dropped."""
        self.sounding.open(path)

    @Slot()
    def choose(self) -> None:
        """A file dialogue for another recording."""
        path = choose_sound(self, self.sounding.state.source)
        if path:
            self.open_sound(path)

    @Slot(str)
    def _task(self, task: str) -> None:
        self.sounding.change(self.tr("Task"), task=task)
        self.heard.choose_new(0)

    @Slot()
    def new_seeds(self) -> None:
        state = self.sounding.state
        step = max(state.count, len(self.sounding.takes))
        self.sounding.change(self.tr("New seeds"), seed=state.seed + step, count=TAKES)

    @Slot(bool)
    def _lock(self, on: bool) -> None:
        self.sounding.change(self.tr("Lock the seeds"), locked=on)

    @Slot()
    def add_more(self) -> None:
        count = min(self.sounding.state.count + TAKES, MOST)
        self.sounding.change(self.tr("More takes"), count=count)

    @Slot(object)
    def _trained(self, update: JobUpdate) -> None:
        self.train.taken(update)

    # -------------------------------------------------------------- out

    @Slot()
    def export(self) -> None:
        """Ask how and where, then write the chosen take."""
        sound = self.heard.sound
        if sound is None or not self.heard.finished:
            return
        dialog = ExportDialog(file_name(self.heard.name), sound[1], self)
        if dialog.exec():
            self.write(dialog.path, dialog.manner)

    def write(self, path: str, manner: Manner) -> None:
        """Beside the window: exactly what is heard."""
        sound = self.heard.sound
        if sound is None:
            return
        (samples, rate), recipe = sound, self.heard.recipe

        def work() -> Path | Refusal:
            try:
                return write_sound(
                    path, samples, rate, manner.kind, manner.depth, manner.rate, recipe
                )
            except LodestoneError as error:
                return Refusal(error.sentence)

        self._aside.ask(f"write:{path}", work)

    @Slot(object, int)
    def _level(self, samples: np.ndarray, rate: int) -> None:
        self.heard.choose_level(samples, rate)
        self.stage.player.set_side("b")
        self.stage.player.play()

    @Slot(str, object)
    def _beside(self, _key: str, result: object) -> None:
        if isinstance(result, Refusal):
            self.failed.emit(result.sentence)
        elif isinstance(result, Path):
            self.noted.emit(f"Written to {result}")

    # -------------------------------------------------------------- look

    @Slot()
    def refresh(self) -> None:
        state = self.sounding.state
        self._stack.setCurrentIndex(1 if state.source else 0)
        several = state.task in ("sample", "vary", "morph")
        self.more.setVisible(several)
        self.more.setEnabled(state.count < MOST)
        seeded = state.task not in ("extend", "denoise")
        self.new.setVisible(seeded)
        self.lock.setVisible(seeded)
        blocked = self.lock.blockSignals(True)
        self.lock.setChecked(state.locked)
        self.lock.blockSignals(blocked)
        self._tell()

    @Slot()
    def _tell(self) -> None:
        takes = self.sounding.takes
        busy = sum(take.waiting for take in takes)
        if self.sounding.source is None:
            words = "Reading the source …" if self.sounding.state.source else ""
        elif not takes:
            words = self.parts[self.sounding.state.task].waiting
        elif busy:
            words = f"Making, {len(takes) - busy} of {len(takes)}"
        else:
            words = f"Seed {self.sounding.state.seed}" if self.new.isVisible() else ""
        self.words.setText(words)

    @Slot()
    def _undo_words(self) -> None:
        stack = self.sounding.undo_stack
        self.undo.setEnabled(stack.canUndo())
        self.redo.setEnabled(stack.canRedo())
        self.undo.setToolTip(f"Undo: {stack.undoText()} (Ctrl+Z)" if stack.canUndo() else "Undo")
        self.redo.setToolTip(f"Redo: {stack.redoText()} (Ctrl+Shift+Z)")

    def closeEvent(self, event: QCloseEvent) -> None:
        self.stage.player.close()
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
            self.drop(paths[0], event.position().x() < LEFT)

    def drop(self, path: str, on_form: bool) -> None:
        """On the form of a task that wants another sound it is that; else it is the source."""
        field = {"morph": "second", "extend": "others"}.get(self.sounding.state.task)
        if on_form and field and self.sounding.source is not None:
            self.sounding.add(field, path)
        else:
            self.open_sound(path)


def samples_folder() -> Path:
    """Sounds that ship with the program."""
    return theme.assets() / "samples"
