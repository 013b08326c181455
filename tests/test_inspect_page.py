"""The Inspect workspace on the real engine: a tiny generator is looked into and turned."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.panels.inspect import InspectPage
from app.panels.picture_side import rgb
from app.unit_model import CELL
from app.window import MainWindow
from engine.messages import Unit
from tests.conftest import open_model
from tests.pages import stroke

SOON = 60_000
LAYER = "b8.conv1"


def on_page(window: MainWindow, qtbot: QtBot) -> InspectPage:
    """The tiny generator on the Inspect page, known by its layers."""
    open_model(window, qtbot, "tiny")
    window.go("inspect")
    page = window.page("inspect")
    assert isinstance(page, InspectPage)
    qtbot.waitUntil(lambda: page.inspecting.info is not None, timeout=SOON)
    return page


@pytest.fixture(scope="module")
def studies(window_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a study of the tiny generator: one layer, twelve of its own samples."""
    home = tmp_path_factory.mktemp("studied")
    for name in ("models", "cache"):
        (home / name).symlink_to(window_home / name, target_is_directory=True)
    script = (
        "from engine.client import EngineClient; from engine.messages import *\n"
        "client = EngineClient(lambda event: None, local=True)\n"
        "path = client.find('tiny').path\n"
        f"client.run(StudyRequest(path, Probes(count=12), ('{LAYER}',)))\n"
    )
    environment = {**os.environ, "LODESTONE_HOME": str(home)}
    root = Path(__file__).parent.parent
    subprocess.run([sys.executable, "-c", script], check=True, env=environment, cwd=root)
    return home / "studies"


@pytest.fixture
def looked(person: Path, studies: Path, window: MainWindow, qtbot: QtBot) -> InspectPage:
    """The page with that study in front: it is found again by itself."""
    shutil.copytree(studies, person / "studies")
    page = on_page(window, qtbot)
    qtbot.waitUntil(lambda: page.inspecting.card is not None, timeout=SOON)
    page.show_face("turn")
    return page


def pixels(page: InspectPage) -> bytes:
    """What the page's canvas shows."""
    return rgb(page.picture.canvas.image()).tobytes()


def settle(window: MainWindow, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: window.live.up_to_date, timeout=SOON)


def test_units_are_seen_turned_and_undone(window: MainWindow, qtbot: QtBot) -> None:
    page, document = on_page(window, qtbot), window.document
    inspecting = page.inspecting
    page.look.count.setValue(12)
    page.look.tree.set_ticks([LAYER])
    page.look.study.begin.click()
    qtbot.waitUntil(lambda: inspecting.card is not None, timeout=SOON)
    assert page.browse.model.rowCount() == 16
    assert page.browse.count.text() == "16 units"
    card = inspecting.card
    assert card is not None
    assert page.card.wall.count == 12
    values = [one.value for one in card.exemplars]
    assert values == sorted(values, reverse=True)
    # A study is followed by the picture: now units can be turned.
    assert page.face.value == "turn"
    settle(window, qtbot)
    before = pixels(page)
    everyone = tuple(Unit(LAYER, index) for index in range(16))
    inspecting.select(everyone)
    page.turn.buttons["ablate"].click()
    qtbot.waitUntil(lambda: pixels(page) != before, timeout=SOON)
    assert document.state.units[0].units == everyone
    assert window.live.request is not None
    assert window.live.request.units == document.state.units
    # The Steer page says so, and can end it.
    window.go("steer")
    chip = window.steer.area.turned
    assert chip.isVisible()
    assert chip.text().startswith("16 units turned")
    window.go("inspect")
    document.undo_stack.undo()
    settle(window, qtbot)
    qtbot.waitUntil(lambda: pixels(page) == before, timeout=SOON)
    assert document.state.units == ()
    assert not window.steer.area.turned.isVisibleTo(window.steer)
    document.undo_stack.redo()
    window.steer.area.turned.click()
    assert document.state.units == ()


def test_the_brush_keeps_an_edit_in_its_place(
    looked: InspectPage, window: MainWindow, qtbot: QtBot
) -> None:
    page, turn = looked, looked.turn
    settle(window, qtbot)
    qtbot.waitUntil(lambda: not page.picture.canvas.image_size().isEmpty(), timeout=SOON)
    before = rgb(page.picture.canvas.image())
    page.inspecting.select(tuple(Unit(LAYER, index) for index in range(16)))
    turn.where.button("brush").click()
    turn.buttons["ablate"].click()
    mask = window.document.state.units[0].mask
    assert mask is not None
    # Nothing is painted yet, so nothing has changed.
    assert not mask.array().any()
    stroke(page.picture.layer, (0.05, 0.1), (0.05, 0.9))
    painted = window.document.state.units[0].mask
    assert painted is not None
    values = painted.array()
    assert values[:, : values.shape[1] // 8].max() > 0.9
    assert not values[:, values.shape[1] // 2 :].any()
    qtbot.waitUntil(lambda: pixels(page) != before.tobytes(), timeout=SOON)
    change = np.abs(rgb(page.picture.canvas.image()) - before).mean(-1)
    assert change[:, :4].mean() > 3 * change[:, 12:].mean()
    # Undo takes the stroke back on the picture and in the brush.
    window.document.undo_stack.undo()
    assert page.picture.layer.empty
    qtbot.waitUntil(lambda: pixels(page) == before.tobytes(), timeout=SOON)
    # Kept as a set of the project, cleared, laid on again.
    window.document.undo_stack.redo()
    edits = window.document.state.units
    page.sets.name.setText("bare left")
    page.sets.save.click()
    turn.clear.click()
    assert window.document.state.units == ()
    page.sets.lay_on("bare left")
    assert window.document.state.units == edits


def test_words_stars_and_searches(looked: InspectPage, window: MainWindow, qtbot: QtBot) -> None:
    page, inspecting, grid = looked, looked.inspecting, looked.browse.grid
    unit = Unit(LAYER, 5)
    page.browse.search.setText(f"{LAYER}:5")
    qtbot.waitUntil(lambda: page.browse.model.rowCount() == 1, timeout=SOON)
    grid.setCurrentIndex(page.browse.model.index(0))
    qtbot.waitUntil(
        lambda: inspecting.card is not None and inspecting.card.summary.unit == unit, timeout=SOON
    )
    page.card.words.setFocus()
    QTest.keyClicks(page.card.words, "rim light")
    QTest.keyClick(page.card.words, Qt.Key.Key_Return)
    qtbot.waitUntil(
        lambda: inspecting.card is not None and inspecting.card.description.words == "rim light",
        timeout=SOON,
    )
    page.card.star.click()
    page.browse.search.setText("rim")

    def found() -> bool:
        """Whether the search has come to exactly this unit, starred."""
        cell = page.browse.model.index(0).data(CELL)
        if page.browse.model.rowCount() != 1 or cell is None:
            return False
        return cell.summary.words == "rim light" and cell.summary.starred

    qtbot.waitUntil(found, timeout=SOON)
    # Both are undone one after the other.
    window.document.undo_stack.undo()
    window.document.undo_stack.undo()
    qtbot.waitUntil(
        lambda: inspecting.card is not None and inspecting.card.description.words == "",
        timeout=SOON,
    )
    page.browse.search.setText("nothing has such a name")
    qtbot.waitUntil(lambda: page.browse.count.text() == "0 units", timeout=SOON)
    assert page.browse.model.rowCount() == 0


def test_a_level_needs_no_new_pass(looked: InspectPage, qtbot: QtBot) -> None:
    inspecting = looked.inspecting
    card = inspecting.card
    assert card is not None
    looked.card.level.moved.emit(0.9)
    qtbot.waitUntil(
        lambda: inspecting.card is not None and inspecting.card.level < card.level, timeout=SOON
    )
    wall = looked.card.wall
    shown = wall.grab().toImage()
    looked.card.opacity.set_amount(0)
    looked.card.opacity.moved.emit(0.0)
    assert _brightness(wall.grab().toImage()) > _brightness(shown)


def test_what_is_missing_is_said(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    window.go("inspect")
    page = window.page("inspect")
    assert isinstance(page, InspectPage)
    assert not page.begin.start.isEnabled()
    assert not page.look.study.begin.isEnabled()
    with qtbot.waitSignal(page.failed) as heard:
        page.look.study.start()
    assert "no network" in str(heard.args)
    with qtbot.waitSignal(page.failed) as heard:
        page.take_drop(str(tmp_path / "song.mp3"))
    assert "Drop a network" in str(heard.args)
    bad = tmp_path / "bad.pth"
    bad.write_bytes(b"not a network")
    page.take_drop(str(bad))
    qtbot.waitUntil(lambda: "bad.pth" in window.bar.sentence, timeout=SOON)


def _brightness(image: QImage) -> float:
    return float(rgb(image.convertToFormat(QImage.Format.Format_RGB32)).mean())
