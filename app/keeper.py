"""Keeps the document in a project file as the artist works; nothing has to be saved."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot

from app.document import Document
from app.panels.start import Recent
from app.persist import RECORDS, record_id, state_from_json, state_to_json, with_records
from app.state import SteerState
from engine.messages import JobUpdate, LodestoneError
from engine.project import SUFFIX, Project, recent_projects, untitled_path

CREATE_SECONDS = 3.0
WAIT_MS = 300
"""A change is handed to the writer this long after it, at the latest."""


class Keeper(QObject):
    """One open project, made with the first change when there is none."""

    failed = Signal(str)
    _made = Signal()
    renamed = Signal(str)
    """Name of the project that is open now; empty for none."""

    def __init__(self, document: Document, parent: QObject | None = None):
        super().__init__(parent)
        self._document = document
        self._project: Project | None = None
        self._model = ""
        self._written = SteerState()
        """Whose records the open project holds."""
        self._refused = False
        self._making: threading.Thread | None = None
        self._fresh: Project | None = None
        self._made.connect(self._collect, Qt.ConnectionType.QueuedConnection)
        # Not restarted by every change, so that a long drag is written while it lasts.
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(WAIT_MS)
        self._timer.timeout.connect(self.write)
        document.changed.connect(self._changed)

    @property
    def name(self) -> str:
        return self._project.path.stem if self._project is not None else ""

    @property
    def path(self) -> Path | None:
        return self._project.path if self._project is not None else None

    @property
    def folder(self) -> Path:
        """Where projects without a place of their own lie."""
        return self._project.path.parent if self._project is not None else untitled_path().parent

    @property
    def models_folder(self) -> Path:
        """Where trained generators go, so that they are listed on the Start page."""
        return untitled_path().parent.parent / "models"

    def recent(self) -> list[Recent]:
        now = time.time()
        return [Recent(r.name, r.path, _ago(now - r.opened)) for r in recent_projects()]

    @Slot(object, object)
    def _changed(self, old: SteerState, new: SteerState) -> None:
        if not self._timer.isActive():
            self._timer.start()

    @Slot()
    def write(self) -> None:
        """Hand the state to the project's writer."""
        info = self._document.info
        if info is None or self._refused:
            return
        if self._project is None and self._document.undo_stack.count() == 0:
            return  # Nothing has been done yet that would be worth a file.
        if self._project is None:
            self._make(info.name)
            return
        if self._model and self._model != info.id:
            return  # The project's own generator is still on its way.
        if self._project is not None:
            self._model = info.id
            self._project.set_state("steer", state_to_json(self._document.state))
            self._write_records(self._project, self._document.state)
            self._project.set_state("model", json.dumps({"id": info.id, "path": info.path}))

    def _write_records(self, project: Project, state: SteerState) -> None:
        """Rows that are new, changed or gone since they were last written."""
        for name, kind in RECORDS.items():
            before = {record_id(item): item for item in getattr(self._written, name)}
            for item in getattr(state, name):
                if before.pop(record_id(item), None) is not item:
                    project.set_record(kind, record_id(item), item)
            for gone in before:
                project.remove_record(kind, gone)
        self._written = state

    def _make(self, model: str) -> None:
        """Begin a project file, beside the window's thread: a disk may take its time."""
        if self._making is None:
            self._making = threading.Thread(target=self._create_quietly, args=(model,), daemon=True)
            self._making.start()

    def _create_quietly(self, model: str) -> None:
        """Runs in a thread of its own; leaves the project in `_fresh`."""
        folder, day = untitled_path().parent, time.strftime("%Y-%m-%d")
        path, number = folder / f"{model} {day}{SUFFIX}", 2
        while path.exists():
            path, number = folder / f"{model} {day} {number}{SUFFIX}", number + 1
        try:
            self._fresh = Project.create(path, self.failed.emit)
        except LodestoneError as error:
            self.failed.emit(error.sentence)
        self._made.emit()

    @Slot()
    def _collect(self) -> None:
        """The new project file is there, or could not be made."""
        if self._making is None:
            return
        project, self._fresh, self._making = self._fresh, None, None
        self._refused = project is None
        if project is None:
            return
        self._project = project
        self.renamed.emit(self.name)
        self.write()

    def create(self, path: str) -> bool:
        """Begin a project file with what is on the canvas; says so when it cannot."""
        try:
            project = Project.create(path, self.failed.emit)
        except LodestoneError as error:
            self._refused = True
            self.failed.emit(error.sentence)
            return False
        self.close()
        self._project = project
        self.renamed.emit(self.name)
        self.write()
        return True

    def open(self, path: str) -> SteerState | None:
        """Open a project; its state, or None when it is empty. Raises LodestoneError."""
        project = Project.open(path, self.failed.emit)
        self.close()
        self._project = project
        self.renamed.emit(self.name)
        text = project.state("steer")
        state = state_from_json(text) if text else None
        if state is not None:
            state = with_records(state, {kind: project.records(kind) for kind in RECORDS.values()})
        self._written = state or SteerState()
        self._model = state.model if state is not None else ""
        return state

    def model_path(self, model: str) -> str:
        """Where the project last found the generator, when that file is still there."""
        if self._project is None:
            return ""
        try:
            stored = json.loads(self._project.state("model") or "{}")
        except ValueError:
            return ""
        path = str(stored.get("path", "")) if stored.get("id") == model else ""
        return path if path and Path(path).is_file() else ""

    def copy_to(self, path: str) -> bool:
        """Write a second file and go on in the first."""
        self.write()
        if self._project is None:
            return False
        try:
            self._project.save_copy(path)
        except LodestoneError as error:
            self.failed.emit(error.sentence)
            return False
        return True

    @Slot(object)
    def note_job(self, update: JobUpdate) -> None:
        if self._project is not None:
            self._project.note_job(update)

    @Slot()
    def close(self) -> None:
        """Write what is waiting and close the project."""
        if self._timer.isActive():
            self._timer.stop()
            self.write()
        if self._making is not None:
            # What was done in the last moments belongs into the file that is just being made.
            self._making.join(CREATE_SECONDS)
            self._collect()
        project, self._project = self._project, None
        self._written = SteerState()
        self._model = ""
        self._refused = False
        if project is not None:
            try:
                project.close()
            except LodestoneError as error:
                self.failed.emit(error.sentence)
        self.renamed.emit("")


def _ago(seconds: float) -> str:
    for size, word in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {word}{'s' if count > 1 else ''} ago"
    return "just now"
