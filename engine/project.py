"""The project file: one SQLite database, written as you work. No torch, no Qt.

Writing happens on a thread of its own, so a slow disk never holds up the hand, and every batch is
one transaction. The rollback journal (not WAL) keeps the file complete between gestures: it can be
copied, synchronised or killed at any instant, and loses at most the gesture in progress. A file
that is not ours, damaged or newer is recognised before anything could be written to it.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine import project_file as file
from engine.codec import from_json as from_json
from engine.codec import to_json as to_json
from engine.messages import Direction, JobUpdate, LodestoneError
from engine.project_file import SUFFIX as SUFFIX
from engine.recent import Recent as Recent
from engine.recent import recent_projects as recent_projects
from engine.recent import remember
from engine.recent import untitled_path as untitled_path

_RETRY = 2.0  # seconds between attempts while the disk is full
_KEPT_JOB_STATES = {"queued": "cancelled", "running": "failed", "paused": "failed"}
INTERRUPTED = "Lodestone ended while this ran. Start it again: it goes on where it can."


@dataclass(frozen=True)
class Snapshot:
    id: str
    name: str
    value: str
    """JSON of the document's state."""
    created: float
    """Seconds since 1970."""
    picture: bytes = b""
    """PNG."""


@dataclass(frozen=True)
class StoredDirection:
    id: str
    direction: Direction


@dataclass(frozen=True)
class StoredJob:
    id: str
    state: str
    request: object
    """A JobRequest."""
    message: str
    result: str
    created: float


@dataclass(frozen=True)
class Note:
    """One line of the project's own history: what was done, when, with what."""

    kind: str
    value: str
    created: float


class Project:
    """An open project. Every method returns at once except `flush` and `close`.

    `on_error` gets a sentence, on the writer's thread, when writing fails (a full disk); what was
    to be written is kept and tried again.
    """

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        on_error: Callable[[str], None] | None = None,
        read_only: bool = False,
    ):
        self.path = path
        self.read_only = read_only
        self._connection = connection
        self._on_error = on_error or (lambda _sentence: None)
        self._session = uuid.uuid4().hex[:12]
        self._database = threading.RLock()
        self._changed = threading.Condition()
        self._born: dict[str, float] = {}
        self._pending: dict[tuple[str, str], tuple[str, tuple[object, ...]]] = {}
        self._writing = False
        self._closed = False
        self._problem = ""
        self._writer = threading.Thread(target=self._write_loop, name="project writer", daemon=True)
        if not read_only:
            self._writer.start()

    # ------------------------------------------------ opening and closing

    @classmethod
    def create(cls, path: str | Path, on_error: Callable[[str], None] | None = None) -> Project:
        """A new project; a file that is there already is never replaced."""
        path = _with_suffix(Path(path))
        file.create(path)
        return cls.open(path, on_error)

    @classmethod
    def open(
        cls,
        path: str | Path,
        on_error: Callable[[str], None] | None = None,
        read_only: bool = False,
    ) -> Project:
        """Open to work in it, or `read_only` to render from it while a window has it open."""
        path = Path(path).expanduser().absolute()
        connection = file.open_read_only(path) if read_only else file.open_to_write(path)
        project = cls(path, connection, on_error, read_only)
        if not read_only:
            project._close_interrupted_jobs()
            remember(path)
        return project

    def close(self) -> None:
        """Write what is waiting and close. Raises when that cannot be written."""
        if self._closed:
            return
        try:
            self.flush()
        finally:
            with self._changed:
                self._closed = True
                self._changed.notify_all()
            if self._writer.is_alive():
                self._writer.join()
            with self._database:
                file.close(self._connection, self.read_only)

    def __enter__(self) -> Project:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def flush(self, seconds: float = 30.0) -> None:
        """Wait until everything is on disk; LodestoneError when that cannot be."""
        if self.read_only:
            return
        with self._changed:
            self._problem = ""
            self._changed.notify_all()
            done = self._changed.wait_for(lambda: self._idle() or bool(self._problem), seconds)
            if self._problem or not done:
                raise LodestoneError(self._problem or f"{self.path.name} could not be written.")

    def save_copy(self, path: str | Path) -> Path:
        """Write the whole project to another file and go on in this one."""
        path = _with_suffix(Path(path).expanduser().absolute())
        self.flush()
        with self._database:
            file.copy(self._connection, path)
        return path

    # ------------------------------------------------ state

    def set_state(self, key: str, value: str) -> None:
        """Remember a JSON text under a key, such as `document`."""
        sql = "INSERT OR REPLACE INTO state (key, value) VALUES (?, ?)"
        self._put(("state", key), sql, (key, value))

    def state(self, key: str, default: str = "") -> str:
        with self._changed:
            if ("state", key) in self._pending:
                return str(self._pending["state", key][1][1])
        rows = self._read("SELECT value FROM state WHERE key = ?", (key,))
        return rows[0][0] if rows else default

    # ------------------------------------------------ directions

    def set_direction(self, direction: Direction, id: str = "") -> str:
        """Add a direction, or replace the one with this id; returns its id."""
        id = id or uuid.uuid4().hex
        sql = (
            "INSERT INTO directions (id, model, value, created) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET model = excluded.model, value = excluded.value"
        )
        row = (id, direction.model, to_json(direction), self._birth(id))
        self._put(("direction", id), sql, row)
        return id

    def directions(self, model: str = "") -> tuple[StoredDirection, ...]:
        """All, or those found in one model, in the order in which they were made."""
        self.flush()
        rows = self._read(
            "SELECT id, value FROM directions WHERE ? IN ('', model) ORDER BY created, rowid",
            (model,),
        )
        return tuple(StoredDirection(id, from_json(value)) for id, value in rows)

    def remove_direction(self, id: str) -> None:
        self._put(("direction", id), "DELETE FROM directions WHERE id = ?", (id,))

    # ------------------------------------------------ records: axes, pairs, annotations

    def set_record(self, kind: str, id: str, value: object) -> None:
        """Keep a message of `engine.messages` in a list of its `kind`, or replace it there."""
        sql = (
            "INSERT INTO records (kind, id, value, created) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (kind, id) DO UPDATE SET value = excluded.value"
        )
        born = self._birth(f"{kind}/{id}")
        self._put(("record", f"{kind}/{id}"), sql, (kind, id, to_json(value), born))

    def remove_record(self, kind: str, id: str) -> None:
        sql = "DELETE FROM records WHERE kind = ? AND id = ?"
        self._put(("record", f"{kind}/{id}"), sql, (kind, id))

    def records(self, kind: str) -> tuple[Any, ...]:
        """The messages of a kind, in the order in which they were first kept."""
        self.flush()
        sql = "SELECT value FROM records WHERE kind = ? ORDER BY created, rowid"
        return tuple(from_json(value) for (value,) in self._read(sql, (kind,)))

    # ------------------------------------------------ snapshots

    def set_snapshot(self, name: str, value: str, picture: bytes = b"", id: str = "") -> str:
        """Add a snapshot, or replace the one with this id; returns its id."""
        id = id or uuid.uuid4().hex
        sql = (
            "INSERT INTO snapshots (id, name, value, picture, created) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE "
            "SET name = excluded.name, value = excluded.value, picture = excluded.picture"
        )
        self._put(("snapshot", id), sql, (id, name, value, picture, self._birth(id)))
        return id

    def snapshots(self) -> tuple[Snapshot, ...]:
        self.flush()
        rows = self._read(
            "SELECT id, name, value, created, picture FROM snapshots ORDER BY created, rowid"
        )
        return tuple(Snapshot(*row) for row in rows)

    def remove_snapshot(self, id: str) -> None:
        self._put(("snapshot", id), "DELETE FROM snapshots WHERE id = ?", (id,))

    # ------------------------------------------------ jobs and provenance

    def note_job(self, update: JobUpdate) -> None:
        """Keep what became of a job: one row for each, whatever its state."""
        id = f"{self._session}-{update.job}"
        sql = (
            "INSERT INTO jobs (id, state, request, message, result, created) "
            "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE "
            "SET state = excluded.state, message = excluded.message, result = excluded.result"
        )
        row = (id, update.state, to_json(update.request), update.message, update.result)
        self._put(("job", id), sql, (*row, self._birth(id)))

    def jobs(self) -> tuple[StoredJob, ...]:
        self.flush()
        rows = self._read(
            "SELECT id, state, request, message, result, created FROM jobs ORDER BY created, rowid"
        )
        return tuple(
            StoredJob(id, state, from_json(request), message, result, created)
            for id, state, request, message, result, created in rows
        )

    def note(self, kind: str, value: str) -> None:
        """Add a line of provenance, such as a model that was opened (JSON)."""
        sql = "INSERT INTO notes (kind, value, created) VALUES (?, ?, ?)"
        self._put(("note", uuid.uuid4().hex), sql, (kind, value, time.time()))

    def notes(self) -> tuple[Note, ...]:
        self.flush()
        return tuple(
            Note(*row) for row in self._read("SELECT kind, value, created FROM notes ORDER BY id")
        )

    def _close_interrupted_jobs(self) -> None:
        for before, after in _KEPT_JOB_STATES.items():
            sql = "UPDATE jobs SET state = ?, message = ? WHERE state = ?"
            self._put(("interrupted", before), sql, (after, INTERRUPTED, before))

    # ------------------------------------------------ writing

    def _put(self, slot: tuple[str, str], sql: str, row: tuple[object, ...]) -> None:
        if self.read_only or self._closed:
            raise LodestoneError(f"{self.path.name} is open for reading only.")
        with self._changed:
            # The newest value of a slot wins.
            self._pending[slot] = (sql, row)
            self._changed.notify_all()

    def _birth(self, id: str) -> float:
        """When this was first added: a change does not move it to the end of its list."""
        return self._born.setdefault(id, time.time())

    def _read(self, sql: str, row: tuple[object, ...] = ()) -> list[tuple]:
        with self._database, _in_words(self.path):
            return self._connection.execute(sql, row).fetchall()

    def _idle(self) -> bool:
        return not self._pending and not self._writing

    def _write_loop(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._pending or self._closed)
                if self._problem and not self._closed:
                    # Told once; then tried again now and then, or when someone asks (flush).
                    self._changed.wait_for(lambda: self._closed or not self._problem, _RETRY)
                if not self._pending:
                    return
                batch, self._pending, self._writing = self._pending, {}, True
                closing = self._closed
            problem = self._write(batch)
            with self._changed:
                if problem:
                    # Newer values of the same slots, which came meanwhile, win.
                    newer = self._pending
                    self._pending = {s: b for s, b in batch.items() if s not in newer} | newer
                told, self._problem, self._writing = self._problem, problem, False
                self._changed.notify_all()
            if problem and problem != told:
                self._on_error(problem)
            if problem and closing:
                return

    def _write(self, batch: dict[tuple[str, str], tuple[str, tuple[object, ...]]]) -> str:
        """One transaction; a sentence when it failed as a whole."""
        try:
            with self._database, _in_words(self.path), file.transaction(self._connection):
                for sql, row in batch.values():
                    self._connection.execute(sql, row)
        except LodestoneError as error:
            return error.sentence
        return ""


@contextlib.contextmanager
def _in_words(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise file.sentence(path, error) from error


def _with_suffix(path: Path) -> Path:
    path = Path(os.path.expanduser(path)).absolute()
    return path if path.suffix == SUFFIX else path.with_name(path.name + SUFFIX)
