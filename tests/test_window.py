"""The window as a whole: files, faults, projects, jobs, on the real engine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image, PngImagePlugin
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.opening import kind_of
from app.panels.upscale import UpscalePage
from app.window import MainWindow
from engine.client import to_json
from engine.messages import EngineStatus, ExportRequest, RenderRequest, SteerRequest, TrainRequest
from engine.project import Project
from tests.conftest import open_model
from tests.test_steer_panel import picture, settle
from tests.test_upscale_moving import film

ROOT = Path(__file__).parent.parent


def drop(window: MainWindow, path: Path) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    none, left = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton
    spot, copy = QPointF(300, 300), Qt.DropAction.CopyAction
    enter = QDragEnterEvent(spot.toPoint(), copy, mime, left, none)
    QApplication.sendEvent(window, enter)
    assert enter.isAccepted()
    QApplication.sendEvent(window, QDropEvent(spot, copy, mime, left, none))


def engine_process() -> psutil.Process:
    """The live engine: the spawned child that is not multiprocessing's tracker."""
    children = psutil.Process().children()
    return next(child for child in children if "spawn_main" in " ".join(child.cmdline()))


def test_the_window_never_imports_torch() -> None:
    script = (
        "import sys, app.window, app.panels.steer, app.panels.train, app.panels.export\n"
        "import app.panels.jobs, app.__main__\n"
        "assert not {'torch', 'onnxruntime', 'PIL', 'av'} & set(sys.modules)"
    )
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT, env=environment)


def test_a_file_is_known_by_its_content(tmp_path: Path, person: Path) -> None:
    Image.new("RGB", (2, 2)).save(tmp_path / "picture.bin", "PNG")
    (tmp_path / "preset.txt").write_text('{"lodestone": 1}')
    (tmp_path / "pictures.zip").write_bytes(b"PK\x03\x04")
    (tmp_path / "network.pt").write_bytes(b"PK\x03\x04")
    (tmp_path / "network.pkl").write_bytes(b"\x80\x04")
    (tmp_path / "film.MKV").write_bytes(b"\x1a\x45\xdf\xa3")
    Project.create(tmp_path / "p.lodestone").close()
    kinds = {
        "picture.bin": "picture",
        "preset.txt": "preset",
        "pictures.zip": "data",
        "network.pt": "model",
        "network.pkl": "model",
        "film.MKV": "film",
        "p.lodestone": "project",
    }
    for name, kind in kinds.items():
        assert kind_of(tmp_path / name) == kind, name
    assert kind_of(tmp_path) == "data"
    assert kind_of(person / "models" / "tiny.safetensors") == "model"


def test_a_film_goes_to_upscale_which_says_itself_what_is_wrong(
    window: MainWindow, tmp_path: Path, qtbot: QtBot
) -> None:
    path = film(tmp_path / "a.mp4")
    window.opener.open_path(str(path))
    page = window.page("upscale")
    assert isinstance(page, UpscalePage)
    assert window.workspace == "upscale"
    qtbot.waitUntil(lambda: page.upscaling.source is not None, timeout=60_000)
    page.upscaling.open(str(tmp_path / "none.png"))
    qtbot.waitUntil(lambda: "none.png" in page.view.words.toolTip(), timeout=20_000)
    assert not window.bar.isVisible()
    window.go("start")
    QTest.keyClick(window, Qt.Key.Key_7, Qt.KeyboardModifier.ControlModifier)
    assert window.workspace == "upscale"


def test_dropping_a_generator_opens_it(window: MainWindow, person: Path, qtbot: QtBot) -> None:
    window.page("steer")
    with qtbot.waitSignal(window.steer.canvas.painted, timeout=60_000):
        drop(window, person / "models" / "tiny.safetensors")
    assert window.workspace == "steer"
    assert window.windowTitle().startswith("tiny")


def test_a_panel_built_after_the_generator_was_opened_knows_it(
    steering: MainWindow, qtbot: QtBot
) -> None:
    """A file given at the start may be open before the Steer panel is built."""
    before = settle(steering, qtbot)
    first = steering._pages.pop("steer")
    with qtbot.waitSignal(first.destroyed):
        steering.stack.removeWidget(first)
        first.deleteLater()
    steering.go("steer")
    assert np.array_equal(settle(steering, qtbot), before)
    assert steering.steer.directions.order
    assert len(steering.steer.latent.shaping.kinds.sliders) == 3


def test_dropping_a_folder_begins_a_training_form(
    window: MainWindow, tmp_path: Path, qtbot: QtBot
) -> None:
    (tmp_path / "my pictures").mkdir()
    drop(window, tmp_path / "my pictures")
    assert window.workspace == "train"
    page = window.page("train")
    request = page.request()  # pyright: ignore[reportAttributeAccessIssue]
    assert isinstance(request, TrainRequest)
    assert request.data == str(tmp_path / "my pictures")
    assert request.name == "my-pictures"
    assert Path(request.out).parent.name == "models"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("note.txt", b"just words"),
        ("broken.json", b'{"lodestone": 1, "type"'),
        ("other.json", b"{}"),
        ("broken.safetensors", b"\x10\x00\x00\x00\x00\x00\x00\x00{not json at all"),
        ("text.pkl", b"cos\nsystem\n(S'echo hi'\ntR."),
        ("foreign.lodestone", b"SQLite format 3\0" + bytes(84)),
    ],
)
def test_what_cannot_be_opened_is_said_in_words(
    steering: MainWindow, qtbot: QtBot, tmp_path: Path, name: str, content: bytes
) -> None:
    before = settle(steering, qtbot)
    (tmp_path / name).write_bytes(content)
    drop(steering, tmp_path / name)
    bar = steering.steer.area.bar
    if name.endswith("lodestone"):
        assert bar.sentence
    qtbot.waitUntil(lambda: bool(bar.sentence), timeout=120_000)
    assert len(bar.sentence) > 20
    assert "Traceback" not in bar.sentence
    assert np.array_equal(picture(steering), before)
    assert (tmp_path / name).read_bytes() == content


def test_a_png_returns_to_its_recipe_or_is_a_picture_to_work_from(
    steering: MainWindow, tmp_path: Path
) -> None:
    info = steering.document.info
    assert info is not None
    text = PngImagePlugin.PngInfo()
    recipe = SteerRequest(model=info.id, truncation=0.25)
    text.add_itxt("lodestone", to_json(recipe), zip=True)
    Image.new("RGB", (4, 4)).save(tmp_path / "ours.png", pnginfo=text)
    Image.new("RGB", (24, 24)).save(tmp_path / "holiday.png")
    drop(steering, tmp_path / "ours.png")
    assert steering.workspace == "steer"
    assert steering.document.state.truncation == 0.25
    drop(steering, tmp_path / "holiday.png")
    assert steering.workspace == "picture"


def test_a_recipe_of_a_missing_generator_is_said(
    steering: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    steering.actions_.write_preset(str(tmp_path / "p.json"))
    text = (tmp_path / "p.json").read_text("utf-8")
    assert steering.document.info is not None
    (tmp_path / "p.json").write_text(text.replace(steering.document.info.id, "f" * 64))
    drop(steering, tmp_path / "p.json")
    assert "generator that is not here" in steering.steer.area.bar.sentence


def test_a_killed_engine_comes_back_and_the_picture_stays(
    steering: MainWindow, qtbot: QtBot
) -> None:
    before = settle(steering, qtbot)
    state = steering.document.state
    with qtbot.waitSignal(
        steering.link.status, timeout=60_000, check_params_cb=lambda s: s.state == "restarting"
    ) as heard:
        engine_process().send_signal(signal.SIGKILL)
    status: EngineStatus = heard.args[0]
    assert steering.steer.area.bar.sentence == status.message
    assert len(status.message) > 20
    assert np.array_equal(picture(steering), before)
    assert steering.document.state == state
    steering.document.set_seed(3)
    qtbot.waitUntil(lambda: steering.live.up_to_date, timeout=60_000)
    assert not np.array_equal(picture(steering), before)
    qtbot.waitUntil(lambda: not steering.steer.area.bar.sentence, timeout=60_000)


def test_a_project_is_written_as_one_works(
    steering: MainWindow, qtbot: QtBot, person: Path
) -> None:
    assert steering.keeper.path is None
    steering.document.set_seed(8)
    steering.document.set_amount(steering.document.state.cards[0].key, 1.5)
    qtbot.waitUntil(lambda: steering.keeper.path is not None)
    path = steering.keeper.path
    assert path is not None
    assert path.parent == person / "projects"
    with Project.open(path, read_only=True) as project:
        qtbot.waitUntil(lambda: bool(project.state("steer")))
        stored = json.loads(project.state("steer"))
    assert stored["x"] == 8.0
    assert stored["cards"][0]["amount"] == 1.5
    assert path.stem in steering.windowTitle()


def test_a_project_opens_with_everything(steering: MainWindow, qtbot: QtBot) -> None:
    settle(steering, qtbot)
    steering.steer.take_snapshot()
    steering.document.set_seed(17)
    steering.document.set_amount(steering.document.state.cards[3].key, -2.0)
    wanted, state = settle(steering, qtbot), steering.document.state
    qtbot.waitUntil(lambda: steering.keeper.path is not None)
    path = steering.keeper.path
    assert path is not None
    open_model(steering, qtbot, "tiny")
    assert steering.keeper.path is None
    with qtbot.waitSignal(steering.opener.arrived, timeout=60_000):
        drop(steering, path)
    assert steering.document.state == state
    assert np.array_equal(settle(steering, qtbot), wanted)
    assert [recent.path for recent in steering.keeper.recent()] == [str(path)]


def test_a_read_only_home_does_not_stop_the_work(
    steering: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("LODESTONE_HOME", str(tmp_path / "file"))
    before = settle(steering, qtbot)
    steering.document.set_seed(3)
    qtbot.waitUntil(lambda: bool(steering.steer.area.bar.sentence), timeout=10_000)
    assert not np.array_equal(settle(steering, qtbot), before)


def test_export_writes_a_film_and_pictures(
    steering: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    steering.go("export")
    page = steering.page("export")
    page.kind.button("film").click()  # pyright: ignore[reportAttributeAccessIssue]
    page.seconds.setValue(0.5)  # pyright: ignore[reportAttributeAccessIssue]
    page.fps.setValue(12)  # pyright: ignore[reportAttributeAccessIssue]
    request = page.request(str(tmp_path / "a.mp4"))  # pyright: ignore[reportAttributeAccessIssue]
    assert isinstance(request, RenderRequest)
    assert len(request.frames) == 6
    with qtbot.waitSignal(steering.jobs.finished, timeout=200_000) as done:
        page.submit(str(tmp_path / "a.mp4"))  # pyright: ignore[reportAttributeAccessIssue]
    assert done.args[0].state == "done", done.args[0].message
    assert (tmp_path / "a.mp4").stat().st_size > 500
    row = steering.page("jobs").row(done.args[0].job)  # pyright: ignore
    assert row.bar.value() == 1000
    page.kind.button("onnx").click()  # pyright: ignore[reportAttributeAccessIssue]
    assert isinstance(page.request("x.onnx"), ExportRequest)  # pyright: ignore


def test_motions_have_exactly_the_frames_asked_for(steering: MainWindow, qtbot: QtBot) -> None:
    page = steering.page("export")
    info = steering.document.info
    settle(steering, qtbot)
    steering.steer.take_snapshot()
    steering.document.set_seed(4)
    settle(steering, qtbot)
    steering.steer.take_snapshot()
    page.seconds.setValue(1.0)  # pyright: ignore[reportAttributeAccessIssue]
    page.fps.setValue(25)  # pyright: ignore[reportAttributeAccessIssue]
    for index in range(4):
        page.motion.setCurrentIndex(index)  # pyright: ignore[reportAttributeAccessIssue]
        frames = page.frames(info)  # pyright: ignore[reportAttributeAccessIssue]
        assert len(frames) == 25
        assert len(set(frames)) > 10
    shots = steering.document.state.snapshots
    page.motion.setCurrentIndex(1)  # pyright: ignore[reportAttributeAccessIssue]
    frames = page.frames(info)  # pyright: ignore[reportAttributeAccessIssue]
    assert (frames[0], frames[-1]) == (shots[0].request, shots[1].request)


def test_training_without_pictures_says_what_is_missing(window: MainWindow) -> None:
    window.go("train")
    window.page("train").start()  # pyright: ignore[reportAttributeAccessIssue]
    assert "Choose a folder" in window.bar.sentence
    assert not window.jobs.all


def test_a_training_runs_pauses_stops_and_leaves_the_hand_free(
    steering: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    rng = np.random.RandomState(0)
    for index in range(12):
        pixels = rng.randint(0, 255, (64, 64, 3), np.uint8)
        Image.fromarray(pixels).save(data / f"{index}.png")
    steering.go("train")
    page = steering.page("train")
    page.set_data(str(data))  # pyright: ignore[reportAttributeAccessIssue]
    page.resolution.button("64").click()  # pyright: ignore[reportAttributeAccessIssue]
    page.minutes.setValue(5)  # pyright: ignore[reportAttributeAccessIssue]
    page.start()  # pyright: ignore[reportAttributeAccessIssue]
    (job,) = steering.jobs.all
    assert isinstance(job.request, TrainRequest)

    def state() -> str:
        known = steering.jobs.get(job.job)
        return known.state if known else ""

    qtbot.waitUntil(lambda: state() == "running", timeout=120_000)
    page.pause.click()  # pyright: ignore[reportAttributeAccessIssue]
    qtbot.waitUntil(lambda: state() == "paused", timeout=120_000)
    assert page.pause.text() == "Go on"  # pyright: ignore[reportAttributeAccessIssue]
    steering.go("steer")
    steering.document.set_seed(55)
    settle(steering, qtbot)
    steering.jobs.cancel(job.job)
    qtbot.waitUntil(lambda: state() == "cancelled", timeout=120_000)
    assert page.begin.isVisibleTo(page)  # pyright: ignore[reportAttributeAccessIssue]
