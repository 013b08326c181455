"""The project file: nothing is lost, and nothing that is not ours is ever written to."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from engine import project_file
from engine.messages import (
    Axis,
    Direction,
    ImportRequest,
    JobUpdate,
    LodestoneError,
    RenderRequest,
    SteerRequest,
    Vector,
)
from engine.project import INTERRUPTED, Project, from_json, recent_projects, to_json, untitled_path

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LODESTONE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def direction(name: str, model: str = "m") -> Direction:
    return Direction(name, "w", Vector.of(np.arange(4.0)), 2.0, (1, 3), "sefa", model)


def contents(path: Path) -> tuple[bytes, int]:
    return path.read_bytes(), path.stat().st_mtime_ns


def test_everything_comes_back(tmp_path: Path) -> None:
    render = RenderRequest((SteerRequest("m"),), "out")
    with Project.create(tmp_path / "Mein Projekt é") as project:
        assert project.path.name == "Mein Projekt é.lodestone"
        project.set_state("document", '{"seed": 1}')
        project.set_state("document", '{"seed": 2}')
        assert project.state("document") == '{"seed": 2}'
        first = project.set_direction(direction("foggier"))
        second = project.set_direction(direction("prickly", "other"))
        project.set_direction(direction("foggy"), first)
        project.remove_direction(project.set_direction(direction("gone")))
        kept = project.set_snapshot("Monday", "{}", b"\x89PNG")
        project.remove_snapshot(project.set_snapshot("gone", "{}"))
        project.note_job(JobUpdate(1, "running", render, 0.5))
        project.note_job(JobUpdate(1, "done", render, 1.0, result="out"))
        project.note_job(JobUpdate(2, "running", ImportRequest("x.pkl"), 0.5))
        project.note("opened", '{"model": "m"}')
        axis = Axis("rounder", "rounder", "m", SteerRequest("m"))
        project.set_record("axis", "rounder", axis)
        project.set_record("axis", "redder", replace(axis, key="redder"))
        project.set_record("axis", "rounder", replace(axis, name="more round"))
        project.set_record("pair", "gone", axis)
        project.remove_record("pair", "gone")
    with Project.open(project.path) as again:
        assert again.state("document") == '{"seed": 2}'
        assert again.state("nothing", "default") == "default"
        assert [(d.id, d.direction) for d in again.directions()] == [
            (first, direction("foggy")),
            (second, direction("prickly", "other")),
        ]
        assert [d.direction.name for d in again.directions("other")] == ["prickly"]
        assert [axis.name for axis in again.records("axis")] == ["more round", "rounder"]
        assert again.records("pair") == ()
        (snapshot,) = again.snapshots()
        assert (snapshot.id, snapshot.name, snapshot.picture) == (kept, "Monday", b"\x89PNG")
        done, cut_off = again.jobs()
        assert (done.state, done.result, done.request) == ("done", "out", render)
        assert (cut_off.state, cut_off.message) == ("failed", INTERRUPTED)
        assert [note.kind for note in again.notes()] == ["opened"]


def test_after_close_one_file_is_everything(tmp_path: Path) -> None:
    with Project.create(tmp_path / "a") as project:
        project.set_state("document", "1")
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["a.lodestone"]
    shutil.copy(project.path, tmp_path / "b.lodestone")
    with Project.open(tmp_path / "b.lodestone") as copy:
        assert copy.state("document") == "1"


def test_writing_never_holds_up_the_hand(tmp_path: Path) -> None:
    text = "x" * 20_000
    with Project.create(tmp_path / "a") as project:
        took: list[float] = []
        for number in range(300):
            began = time.perf_counter()
            project.set_state("document", f"{text}{number}")
            took.append(time.perf_counter() - began)
        assert sorted(took)[-5] < 0.02  # the machine may be busy with something else now and then
        assert project.state("document").endswith("x299")


WRITER = """
import sys
from engine.project import Project
project = Project.open(sys.argv[1])
before = int(project.state("number", "0"))
print("from", before, flush=True)
for number in range(before + 1, before + 100000):
    project.set_state("number", str(number))
    project.set_state("same", str(number))
    project.set_snapshot(str(number), "{}", b"x" * 5000, "only")
    project.flush()
    print(number, flush=True)
"""


def test_kill_9_loses_nothing_that_was_written(tmp_path: Path) -> None:
    path = tmp_path / "a.lodestone"
    Project.create(path).close()
    written = 0
    for round_ in range(8):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        with process.stdout:
            first = process.stdout.readline()
            assert int(first.removeprefix("from ")) >= written
            for _ in range(3 + round_):
                written = int(process.stdout.readline())
            time.sleep(0.003 * round_)
            process.send_signal(signal.SIGKILL)
            # What it had said before it died was on disk already.
            written = max([written, *(int(n) for n in process.stdout.read().split("\n")[:-1])])
        process.wait()
        copy = tmp_path / f"copy{round_}.lodestone"
        shutil.copy(path, copy)
        if (journal := path.with_name(path.name + "-journal")).exists():
            shutil.copy(journal, copy.with_name(copy.name + "-journal"))
        with Project.open(copy) as project:
            number = int(project.state("number"))
            assert number >= written
            assert project.state("same") in (str(number), str(number - 1))
            assert len(project.snapshots()) == 1


def test_a_newer_project_is_refused_and_untouched(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "a")
    project.close()
    with closing(sqlite3.connect(project.path)) as connection:
        connection.execute(f"PRAGMA user_version = {len(project_file.MIGRATIONS) + 1}")
    before = contents(project.path)
    for read_only in (False, True):
        with pytest.raises(LodestoneError, match="newer Lodestone"):
            Project.open(project.path, read_only=read_only)
    assert contents(project.path) == before


def test_foreign_files_are_refused_and_untouched(tmp_path: Path) -> None:
    database = tmp_path / "photos.lodestone"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE photos (name TEXT)")
        connection.commit()
    text = tmp_path / "notes.lodestone"
    text.write_text("not a database\n" * 50)
    empty = tmp_path / "empty.lodestone"
    empty.touch()
    for path in (database, text, empty):
        before = contents(path)
        with pytest.raises(LodestoneError, match="not a Lodestone project"):
            Project.open(path)
        assert contents(path) == before
    assert len(list(tmp_path.iterdir())) == 3  # and no journals beside them
    with pytest.raises(LodestoneError, match="no file"):
        Project.open(tmp_path / "absent.lodestone")
    with pytest.raises(LodestoneError, match="folder"):
        Project.open(tmp_path)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sound")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LODESTONE_HOME", str(folder / "home"))
        with Project.create(folder / "a") as project:
            for number in range(20):
                project.set_state(f"key {number}", "x" * 500)
                project.set_direction(direction(f"direction {number}"))
    return project.path


share = st.floats(0.0, 1.0, exclude_max=True)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@example(kept=1.0, junk=[(0.060546875, b"\x80")])  # a table definition that is no text
@given(
    kept=st.one_of(st.just(1.0), share),
    junk=st.lists(st.tuples(share, st.binary(min_size=1, max_size=200)), max_size=6),
)
def test_damaged_files_open_or_are_refused_untouched(
    kept: float, junk: list[tuple[float, bytes]], sound: Path, tmp_path: Path
) -> None:
    whole = sound.read_bytes()
    damaged = bytearray(whole[: int(kept * len(whole))])
    for where, what in junk:
        start = int(where * len(damaged))
        damaged[start : start + len(what)] = what[: len(damaged) - start]
    path = tmp_path / "damaged.lodestone"
    path.write_bytes(damaged)
    before = contents(path)
    try:
        project = Project.open(path, read_only=True)
    except LodestoneError:
        with pytest.raises(LodestoneError, match=r"\.$"):
            Project.open(path)
        assert contents(path) == before
    else:
        # The damage lies in unused bytes or inside a text: the file itself still works.
        project.close()
        assert contents(path) == before


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A folder of our own while we are nobody: root may write everywhere."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        was = os.geteuid()
        if was == 0:
            os.chown(folder, 65534, 65534)
            os.seteuid(65534)
        try:
            yield folder
        finally:
            folder.chmod(0o755)
            os.seteuid(was)


def test_a_read_only_folder_is_named_and_untouched(unprivileged: Path) -> None:
    project = Project.create(unprivileged / "a")
    project.set_state("document", "1")
    project.close()
    unprivileged.chmod(0o555)
    before = contents(project.path)
    with pytest.raises(LodestoneError, match="cannot be written"):
        Project.open(project.path)
    with pytest.raises(LodestoneError, match="cannot be written"):
        Project.create(unprivileged / "b")
    assert contents(project.path) == before
    with Project.open(project.path, read_only=True) as only:
        assert only.state("document") == "1"
        with pytest.raises(LodestoneError, match="reading only"):
            only.set_state("document", "2")


def test_a_full_disk_is_told_and_nothing_is_lost(tmp_path: Path) -> None:
    told: list[str] = []
    project = Project.create(tmp_path / "a", told.append)
    project.set_state("document", "before")
    project.flush()
    pages = project._read("PRAGMA page_count")[0][0]
    project._read(f"PRAGMA max_page_count = {pages + 1}")  # SQLite's own "disk is full"
    project.set_state("document", "x" * 100_000)
    with pytest.raises(LodestoneError, match="disk is full"):
        project.flush()
    assert told
    assert "disk is full" in told[0]
    assert project.state("document") == "x" * 100_000  # kept, and tried again
    with Project.open(project.path, read_only=True) as other:
        assert other.state("document") == "before"
    project._read("PRAGMA max_page_count = 1000000")
    project.close()
    with Project.open(project.path) as again:
        assert again.state("document") == "x" * 100_000


def test_close_on_a_full_disk_says_so_and_keeps_the_last_good_state(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "a")
    project.set_state("document", "before")
    project.flush()
    project._read(f"PRAGMA max_page_count = {project._read('PRAGMA page_count')[0][0]}")
    project.set_state("document", "x" * 100_000)
    with pytest.raises(LodestoneError, match="disk is full"):
        project.close()
    with Project.open(project.path) as again:
        assert again.state("document") == "before"


def test_an_older_project_is_migrated_and_a_copy_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Project.create(tmp_path / "a") as project:
        project.set_state("document", "1")
    old = project.path.read_bytes()
    step = "CREATE TABLE labels (word TEXT); INSERT INTO labels VALUES ('foggy')"
    monkeypatch.setattr(project_file, "MIGRATIONS", (*project_file.MIGRATIONS, step))
    with pytest.raises(LodestoneError, match="older Lodestone"):
        Project.open(project.path, read_only=True)
    with Project.open(project.path) as again:
        assert again.state("document") == "1"
        assert again._read("SELECT word FROM labels") == [("foggy",)]
        assert again._read("PRAGMA user_version") == [(len(project_file.MIGRATIONS),)]
    before = tmp_path / f"a.lodestone.before-version-{len(project_file.MIGRATIONS) - 1}"
    assert before.read_bytes() == old


def test_a_failed_migration_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Project.create(tmp_path / "a") as project:
        project.set_state("document", "1")
    step = "CREATE TABLE labels (word TEXT); CREATE TABLE labels (word TEXT)"
    with monkeypatch.context() as patch:
        patch.setattr(project_file, "MIGRATIONS", (*project_file.MIGRATIONS, step))
        with pytest.raises(LodestoneError):
            Project.open(project.path)
    with Project.open(project.path) as again:
        assert again.state("document") == "1"


HOLDER = """
import sys
from engine.project import Project
project = Project.open(sys.argv[1])
project.flush()
print("open", flush=True)
sys.stdin.read()
"""


def test_two_windows_do_not_write_one_project(tmp_path: Path) -> None:
    path = tmp_path / "a.lodestone"
    Project.create(path).close()
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        with pytest.raises(LodestoneError, match="another Lodestone window"):
            Project.open(path)
        with Project.open(path, read_only=True) as reader:  # rendering from it is fine
            assert reader.jobs() == ()
        process.kill()
    with Project.open(path):
        pass  # the signature of a dead window does not count


def test_an_existing_file_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.lodestone"
    path.write_text("mine")
    with pytest.raises(LodestoneError, match="already"):
        Project.create(tmp_path / "a")
    assert path.read_text() == "mine"


def test_a_copy_is_complete_and_free(tmp_path: Path) -> None:
    with Project.create(tmp_path / "a") as project:
        project.set_state("document", "1")
        copy = project.save_copy(tmp_path / "b")
        project.set_state("document", "2")
        with Project.open(copy) as other:
            assert other.state("document") == "1"


def test_recent_projects(tmp_path: Path) -> None:
    assert recent_projects() == ()
    for number in range(15):
        Project.create(tmp_path / f"p{number}").close()
    Project.open(tmp_path / "p3.lodestone").close()
    (tmp_path / "p14.lodestone").unlink()
    names = [recent.name for recent in recent_projects()]
    assert names[:3] == ["p3", "p13", "p12"]
    assert len(names) <= 12
    (tmp_path / "home" / "recent.json").write_text("[{broken")
    assert recent_projects() == ()
    with Project.create(untitled_path()) as first:
        assert first.path.parent == tmp_path / "home" / "projects"
        assert untitled_path() != first.path


def test_json_goes_through_the_project(tmp_path: Path) -> None:
    assert from_json(to_json(direction("foggy"))) == direction("foggy")
