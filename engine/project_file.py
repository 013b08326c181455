"""The SQLite side of a project: creating, recognising, opening, migrating, copying."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from engine.messages import LodestoneError

SUFFIX = ".lodestone"
APPLICATION_ID = 0x4C6F6465  # "Lode"
_MAGIC = b"SQLite format 3\0"

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE directions (
        id TEXT PRIMARY KEY, model TEXT NOT NULL, value TEXT NOT NULL, created REAL NOT NULL);
    CREATE TABLE snapshots (
        id TEXT PRIMARY KEY, name TEXT NOT NULL, value TEXT NOT NULL, picture BLOB NOT NULL,
        created REAL NOT NULL);
    CREATE TABLE jobs (
        id TEXT PRIMARY KEY, state TEXT NOT NULL, request TEXT NOT NULL, message TEXT NOT NULL,
        result TEXT NOT NULL, created REAL NOT NULL);
    CREATE TABLE notes (
        id INTEGER PRIMARY KEY, kind TEXT NOT NULL, value TEXT NOT NULL, created REAL NOT NULL);
    """,
    """
    CREATE TABLE records (
        kind TEXT NOT NULL, id TEXT NOT NULL, value TEXT NOT NULL, created REAL NOT NULL,
        PRIMARY KEY (kind, id));
    """,
)
"""Step N leads from schema N to N + 1. Published steps are never changed, only added to."""


def create(path: Path) -> None:
    """Write an empty project. It appears under its name only when it is complete."""
    if path.exists():
        raise LodestoneError(
            f"There is already a file called {path.name}. Open it, or choose another name."
        )
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _check_writable(path.parent)
        part.unlink(missing_ok=True)
        with contextlib.closing(_connect(part)) as connection:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            _migrate(connection, 0)
        # A link, unlike a rename, never replaces a file that has appeared meanwhile.
        _publish(part, path)
    except (OSError, sqlite3.Error) as error:
        raise sentence(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _publish(part: Path, path: Path) -> None:
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError:
        os.rename(part, path)  # File systems without links, such as FAT.


def open_to_write(path: Path) -> sqlite3.Connection:
    """Our own, sound, not newer, and not open elsewhere; migrated to the present schema."""
    version = _recognise(path)
    try:
        if not _journal(path).exists():
            _check_sound(path)
        _check_writable(path)
        _check_writable(path.parent)  # The journal lies beside the file.
        connection = _connect(path)
        try:
            _check_sound_connection(connection, path)
            if version < len(MIGRATIONS):
                shutil.copyfile(path, path.with_name(f"{path.name}.before-version-{version}"))
                _migrate(connection, version)
            _take(connection, path)
        except BaseException:
            connection.close()
            raise
    except UnicodeDecodeError as error:  # SQLite quoting damaged bytes in its own message
        raise _damaged(path, str(error)) from error
    except (OSError, sqlite3.Error) as error:
        raise sentence(path, error) from error
    return connection


def open_read_only(path: Path) -> sqlite3.Connection:
    version = _recognise(path)
    if version < len(MIGRATIONS):
        raise LodestoneError(
            f"{path.name} was made by an older Lodestone. Open it in the window once, which "
            "brings it up to date."
        )
    try:
        connection = _connect(path, "mode=ro")
        try:
            _check_sound_connection(connection, path)
        except BaseException:
            connection.close()
            raise
    except UnicodeDecodeError as error:
        raise _damaged(path, str(error)) from error
    except sqlite3.Error as error:
        raise sentence(path, error) from error
    return connection


def close(connection: sqlite3.Connection, read_only: bool) -> None:
    if not read_only:
        with contextlib.suppress(sqlite3.Error), transaction(connection):
            connection.execute("DELETE FROM meta WHERE key = 'writer'")
    connection.close()


def copy(connection: sqlite3.Connection, path: Path) -> None:
    """The whole database as a new file, complete or not there at all."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.unlink(missing_ok=True)
        with contextlib.closing(_connect(part)) as target:
            connection.backup(target)
            with transaction(target):
                target.execute("DELETE FROM meta WHERE key = 'writer'")
        os.replace(part, path)
    except (OSError, sqlite3.Error) as error:
        raise sentence(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        # SQLite has rolled back by itself after some errors, such as a full disk.
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise
    try:
        connection.execute("COMMIT")
    except sqlite3.Error:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def _connect(path: Path, mode: str = "mode=rwc") -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?{mode}",
        uri=True,
        timeout=5.0,
        isolation_level=None,
        check_same_thread=False,
    )
    # The journal of a transaction is on disk before the file changes, the file before the journal
    # goes: safe against a lost power line as well as against kill -9.
    try:
        connection.execute("PRAGMA synchronous = FULL")
        # A file from elsewhere must not bring functions that run as we read.
        connection.execute("PRAGMA trusted_schema = OFF")
    except BaseException:
        connection.close()
        raise
    return connection


def _check_writable(path: Path) -> None:
    effective = os.access in os.supports_effective_ids
    if not os.access(path, os.W_OK, effective_ids=effective):
        raise PermissionError(13, "Permission denied", str(path))


def _journal(path: Path) -> Path:
    return path.with_name(path.name + "-journal")


def _recognise(path: Path) -> int:
    """The schema version, read from the file's first bytes without opening it as a database."""
    try:
        with path.open("rb") as opened:
            header = opened.read(100)
    except OSError as error:
        raise sentence(path, error) from error
    application = int.from_bytes(header[68:72], "big")
    if len(header) < 100 or header[:16] != _MAGIC or application != APPLICATION_ID:
        raise LodestoneError(
            f"{path.name} is not a Lodestone project. Choose a file that ends in {SUFFIX}; "
            "models and presets can be dropped on the window instead."
        )
    version = int.from_bytes(header[60:64], "big")
    if version > len(MIGRATIONS):
        raise LodestoneError(
            f"{path.name} was made by a newer Lodestone (format {version}, this one knows "
            f"{len(MIGRATIONS)}). Update Lodestone, then open it again."
        )
    if version < 1:
        raise _damaged(path)
    return version


def _check_sound(path: Path) -> None:
    with contextlib.closing(_connect(path, "mode=ro")) as connection:
        _check_sound_connection(connection, path)


def _check_sound_connection(connection: sqlite3.Connection, path: Path) -> None:
    try:
        found = connection.execute("PRAGMA quick_check(1)").fetchone()
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema")}
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise
        raise _damaged(path, str(error)) from error
    wanted = {"meta", "state", "directions", "snapshots", "jobs", "notes"}
    if found != ("ok",) or not wanted <= tables:
        raise _damaged(path, str(found))


def _damaged(path: Path, detail: str = "") -> LodestoneError:
    return LodestoneError(
        f"{path.name} is damaged and was left as it is. Open a backup copy of it.", detail
    )


def _migrate(connection: sqlite3.Connection, version: int) -> None:
    with transaction(connection):
        for step in MIGRATIONS[version:]:
            for statement in filter(str.strip, step.split(";")):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def _take(connection: sqlite3.Connection, path: Path) -> None:
    """Sign the file as open here; refuse when another living Lodestone has signed it."""
    import psutil

    me = psutil.Process()
    mine = {"host": socket.gethostname(), "pid": me.pid, "started": round(me.create_time(), 1)}
    with transaction(connection):
        row = connection.execute("SELECT value FROM meta WHERE key = 'writer'").fetchone()
        if row is not None and _still_open(row[0], mine):
            raise LodestoneError(
                f"{path.name} is open in another Lodestone window. Close it there first."
            )
        connection.execute(
            "INSERT OR REPLACE INTO meta (key, value) VALUES ('writer', ?)", (json.dumps(mine),)
        )


def _still_open(signature: str, mine: dict[str, object]) -> bool:
    import psutil

    try:
        other = json.loads(signature)
        if other["host"] != mine["host"] or other == mine:
            return False
        return abs(psutil.Process(int(other["pid"])).create_time() - other["started"]) < 1.0
    except (ValueError, KeyError, TypeError, psutil.Error):
        return False


def sentence(path: Path, error: Exception) -> LodestoneError:
    """What went wrong with a project's file, in words."""
    text = str(error).lower()
    if isinstance(error, LodestoneError):
        return error
    if isinstance(error, FileExistsError):
        words = f"There is already a file called {path.name}. Open it, or choose another name."
    elif isinstance(error, FileNotFoundError):
        words = f"There is no file {path}. It may have been moved or deleted; open it elsewhere."
    elif isinstance(error, IsADirectoryError):
        words = f"{path.name} is a folder, not a project. Choose a file that ends in {SUFFIX}."
    elif getattr(error, "errno", None) == 28 or "disk is full" in text:
        words = f"The disk is full: {path.name} cannot be written. Free some space; nothing is lost"
        words += " while Lodestone stays open."
    elif isinstance(error, PermissionError) or "readonly" in text or "read-only" in text:
        words = (
            f"{path.name} cannot be written in {path.parent}. Choose a folder of your own; a "
            "project that lies here can be copied there and opened."
        )
    elif "locked" in text:
        words = f"{path.name} is in use by another program. Close it there first."
    elif "malformed" in text or "not a database" in text:
        return _damaged(path, str(error))
    else:
        words = f"{path.name} cannot be read or written. Check the disk and try again."
    return LodestoneError(words, repr(error))
