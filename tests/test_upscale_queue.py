"""The queue of the Upscale workspace, on the real engine in a thread of this process."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt

from app.inbox import Inbox
from app.jobs import Jobs
from app.link import EngineLink
from app.panels.jobs import JobsPage
from app.panels.upscale_queue import UpscaleQueuePanel
from app.upscale_items import read_record
from app.upscale_queue import UpscaleOrder
from engine.client import EngineClient
from engine.messages import UpscaleRequest, UpscaleSettings
from engine.progress import Progress
from engine.upscale import moving
from tests.test_upscale_moving import COUNT, film, heard, seen
from tests.upscalers import bytes_of, photo, tiny_upscaler

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

SOON = 60_000
Make = Callable[..., UpscaleQueuePanel]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_upscaler(tmp_path_factory.mktemp("model"))


@pytest.fixture
def order(model: Path, tmp_path: Path) -> UpscaleOrder:
    return UpscaleOrder(UpscaleSettings(str(model)), str(tmp_path / "out"))


@pytest.fixture
def make(
    qtbot: QtBot, order: UpscaleOrder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Make]:
    """Panels that share a record."""
    monkeypatch.setenv("LODESTONE_HOME", str(tmp_path / "home"))
    made: list[UpscaleQueuePanel] = []

    def panel(wanted: UpscaleOrder = order, **kind: Any) -> UpscaleQueuePanel:
        inbox = Inbox()
        client = EngineClient(inbox, local=True, **kind)
        client.start()
        link = EngineLink(client, inbox)
        one = UpscaleQueuePanel(link, Jobs(link), lambda: wanted, tmp_path / "queue.json")
        one.resize(320, 500)
        qtbot.addWidget(one)
        with qtbot.waitExposed(one):
            one.show()
        made.append(one)
        return one

    yield panel
    for one in made:
        one.close()
        one.link.close()


@pytest.fixture
def panel(make: Make) -> UpscaleQueuePanel:
    return make()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures, one that is none, and a film."""
    inside = tmp_path / "in"
    (inside / "sub").mkdir(parents=True)
    Image.fromarray(bytes_of(photo(20, 30, 4))).save(inside / "a.png")
    (inside / "broken.jpg").write_bytes(b"\xff\xd8 nothing")
    film(inside / "c.mp4")
    deep = np.rint(photo(12, 16, 1)[..., 0] * 65535).astype(np.uint16)
    Image.fromarray(deep).save(inside / "sub" / "deep.png")
    (inside / "words.txt").write_text("no picture")
    return inside


def add(panel: UpscaleQueuePanel, qtbot: QtBot, count: int, *paths: Path) -> None:
    panel.add([str(path) for path in paths])
    qtbot.waitUntil(lambda: len(panel.queue.items) == count, timeout=SOON)


def state(panel: UpscaleQueuePanel, name: str) -> str:
    return next(item.state for item in panel.queue.items if item.name == name)


def finish(panel: UpscaleQueuePanel, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: not panel.queue.going, timeout=SOON)


def test_a_failed_one_is_said_and_the_rest_goes_on(
    make: Make, order: UpscaleOrder, folder: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    panel = make(replace(order, format="jpg"))
    made: list[str] = []
    panel.made.connect(made.append)
    assert not panel.begin.isEnabled()
    add(panel, qtbot, 4, folder)
    items = panel.queue.items
    assert [item.name for item in items] == ["a.png", "broken.jpg", "c.mp4", "deep.png"]
    qtbot.waitUntil(lambda: panel.queue.items[3].small == (16, 12), timeout=SOON)
    assert panel.rows.row(1) is not None
    assert panel.rows.row(1).sizes == "30 × 20 → 90 × 60"  # type: ignore[union-attr]
    assert panel.queue.items[2].frames == COUNT
    assert not panel.queue.going
    qtbot.mouseClick(panel.begin, Qt.MouseButton.LeftButton)
    assert panel.begin.text() == "Pause"
    finish(panel, qtbot)
    assert [item.state for item in panel.queue.items] == ["done", "failed", "done", "done"]
    assert "broken.jpg is not a picture" in panel.rows.row(2).words  # type: ignore[union-attr]
    assert made == [str(tmp_path / "out" / name) for name in ("a.jpg", "c.mp4", "sub/deep.jpg")]
    for path in made:
        assert Path(path).stat().st_size > 0
    assert len(seen(Path(made[1]))[1]) == COUNT
    # What the format could not hold is still to be read.
    assert "8 bits" in panel.rows.row(4).words  # type: ignore[union-attr]
    assert panel.totals.text() == "3 of 4 done  ·  1 failed"
    assert panel.link is not None
    # Failed ones stay to be seen; a repaired file is made when it is tried again.
    qtbot.waitUntil(lambda: panel.queue.items[0].large == (90, 60), timeout=SOON)
    panel.clear.click()
    assert [item.name for item in panel.queue.items] == ["broken.jpg"]
    Image.fromarray(bytes_of(photo(9, 9))).save(folder / "broken.jpg")
    panel.again.click()
    finish(panel, qtbot)
    assert state(panel, "broken.jpg") == "done"


def test_cancel_and_resume(
    panel: UpscaleQueuePanel,
    folder: Path,
    tmp_path: Path,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def slow(*words: Any) -> np.ndarray:
        time.sleep(0.05)
        worked.append(1)
        return enlarge(*words)

    worked: list[int] = []
    enlarge = moving.enlarge
    monkeypatch.setattr(moving, "enlarge", slow)
    add(panel, qtbot, 2, folder / "c.mp4", folder / "a.png")
    panel.begin.click()
    qtbot.waitUntil(lambda: panel.queue.items[0].frame >= 2, timeout=SOON)
    panel.begin.click()
    qtbot.waitUntil(lambda: state(panel, "c.mp4") == "paused", timeout=SOON)
    assert panel.begin.text() == "Resume"
    assert panel.rows.row(1).state == "paused"  # type: ignore[union-attr]
    panel.stop.click()
    qtbot.waitUntil(lambda: state(panel, "c.mp4") == "cancelled", timeout=SOON)
    assert state(panel, "a.png") == "waiting"
    assert os.listdir(tmp_path / "out") == ["c.mp4.unfinished"]
    assert panel.begin.text() == "Resume"
    panel.begin.click()
    finish(panel, qtbot)
    assert [item.state for item in panel.queue.items] == ["done", "done"]
    assert sorted(os.listdir(tmp_path / "out")) == ["a.png", "c.mp4"]
    # None of its frames was made twice but the one that was in work.
    assert len(worked) <= COUNT + 1
    made = tmp_path / "out" / "c.mp4"
    assert len(seen(made)[1]) == COUNT
    assert heard(made) == heard(folder / "c.mp4")


def test_one_of_them_is_cancelled_and_tried_again(
    panel: UpscaleQueuePanel, folder: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    add(panel, qtbot, 4, folder)
    qtbot.mouseClick(
        panel.rows.viewport(),
        Qt.MouseButton.LeftButton,
        pos=panel.rows.button(1, "cancel").center(),
    )
    assert state(panel, "a.png") == "cancelled"
    panel.begin.click()
    finish(panel, qtbot)
    assert not (tmp_path / "out" / "a.png").exists()
    assert state(panel, "deep.png") == "done"
    picked: list[str] = []
    panel.picked.connect(picked.append)
    panel.rows.setFocus()
    panel.rows.setCurrentIndex(panel.rows.model().index(0, 0))
    qtbot.keyClick(panel.rows, Qt.Key.Key_Return)
    assert picked == [str(folder / "a.png")]
    qtbot.keyClick(panel.rows, Qt.Key.Key_R)
    finish(panel, qtbot)
    assert state(panel, "a.png") == "done"
    assert (tmp_path / "out" / "a.png").exists()


def test_nothing_is_overwritten(
    panel: UpscaleQueuePanel, tmp_path: Path, folder: Path, qtbot: QtBot
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.png").write_bytes(b"somebody's")
    Image.fromarray(bytes_of(photo(9, 9))).save(tmp_path / "a.jpg")
    add(panel, qtbot, 2, folder / "a.png", tmp_path / "a.jpg")
    panel.begin.click()
    finish(panel, qtbot)
    assert sorted(os.listdir(out)) == ["a 2.png", "a 3.jpg", "a.png"]
    assert (out / "a.png").read_bytes() == b"somebody's"


def test_the_list_is_there_next_time(
    make: Make, folder: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    panel = make()
    add(panel, qtbot, 4, folder)
    panel.queue.cancel_one(4)
    panel.begin.click()
    finish(panel, qtbot)
    Image.fromarray(bytes_of(photo(9, 9))).save(tmp_path / "late.png")
    add(panel, qtbot, 5, tmp_path / "late.png")
    panel.close()
    (tmp_path / "out" / "a.png").unlink()
    again = make()
    # What is done and gone from the disk is no longer claimed.
    states = {item.name: item.state for item in again.queue.items}
    expected = {
        "broken.jpg": "failed", "c.mp4": "done", "deep.png": "cancelled", "late.png": "waiting",
    }  # fmt: skip
    assert states == expected
    assert "is not a picture" in again.rows.row(2).words  # type: ignore[union-attr]
    again.begin.click()
    finish(again, qtbot)
    assert (tmp_path / "out" / "late.png").exists()


def test_its_jobs_are_not_listed_twice(
    panel: UpscaleQueuePanel, folder: Path, qtbot: QtBot
) -> None:
    jobs = panel.queue._jobs
    page = JobsPage(jobs)
    qtbot.addWidget(page)
    seen_there: list[bool] = []
    jobs.updated.connect(lambda update: seen_there.append(page.row(update.job) is not None))
    add(panel, qtbot, 2, folder / "a.png", folder / "broken.jpg")
    panel.begin.click()
    finish(panel, qtbot)
    # While it works it is seen; how it ended is said by the queue.
    assert any(seen_there)
    assert jobs.all == ()
    assert [page.row(job) for job in range(1, 4)] == [None] * 3


def test_damaged_records_are_passed_over(tmp_path: Path) -> None:
    record = tmp_path / "queue.json"
    assert read_record(record) == ()
    for text in ("", "{}", "[1, {}]", '[{"path": 3}]', '[{"path": "x", "state": ["done"]}]'):
        record.write_text(text)
        assert read_record(record) == ()
    rows = [{"path": "a.png", "state": "running", "words": "half", "large": [1, "x"]},
            {"path": "b.png", "state": "done", "result": str(tmp_path / "gone.png")}]  # fmt: skip
    record.write_text(json.dumps(rows))
    (item,) = read_record(record)
    assert (item.name, item.state, item.words, item.large) == ("a.png", "waiting", "", (0, 0))


def boast(request: UpscaleRequest, _progress: Progress) -> str:
    """A job that says it has written what it has not."""
    return str(Path(request.out) / "nowhere.png")


def test_done_is_never_said_without_a_file(make: Make, folder: Path, qtbot: QtBot) -> None:
    panel = make(jobs="tests.test_upscale_queue:boast")
    add(panel, qtbot, 1, folder / "a.png")
    panel.begin.click()
    finish(panel, qtbot)
    assert state(panel, "a.png") == "failed"
    assert "not there" in panel.rows.row(1).words  # type: ignore[union-attr]
    assert panel.queue.totals.done == 0
