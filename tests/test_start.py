"""The start page invites: pictures move, a slider is under the hand, one click leads to Steer."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.panels.tile import REST, STOPS, on_the_way
from app.window import MainWindow
from engine.messages import ModelInfo

INFO = ModelInfo("id", "x", "", "stylegan2", 16, 3, 8, 8, 3, 6, ())


def tiles(window: MainWindow, qtbot: QtBot) -> list:
    qtbot.waitUntil(lambda: len(window.start.tiles) >= 2, timeout=60_000)
    return [tile for tile in window.start.tiles if not tile.info.bundled]


def test_the_walk_is_closed_and_continuous() -> None:
    assert on_the_way(INFO, 0.0) == on_the_way(INFO, float(STOPS))
    for index in range(STOPS):
        seeds = {part.seed for part in on_the_way(INFO, index + 0.5).latent}
        assert {part.seed for part in on_the_way(INFO, float(index)).latent} < seeds
        assert {part.seed for part in on_the_way(INFO, index + 1.0).latent} < seeds


def test_generators_move_by_themselves(window: MainWindow, qtbot: QtBot) -> None:
    tile = tiles(window, qtbot)[0]
    qtbot.waitUntil(lambda: tile.preview.has_image, timeout=60_000)
    first = tile.preview._image.copy()
    qtbot.waitUntil(lambda: tile.preview._image != first, timeout=30_000)
    assert tile.slider.amount > 0.0


def test_the_hand_takes_the_slider(window: MainWindow, qtbot: QtBot) -> None:
    tile = tiles(window, qtbot)[0]
    qtbot.waitUntil(lambda: tile.preview.has_image, timeout=60_000)
    slider = tile.slider
    spot = QPoint(int(slider.width() * 0.75), slider.height() // 2)
    QTest.mouseClick(slider, Qt.MouseButton.LeftButton, pos=spot)
    place = slider.amount
    assert place == pytest.approx(0.75 * STOPS, abs=0.2)
    qtbot.wait(300)
    assert slider.amount == place
    assert REST > 1.0


def test_a_click_opens_the_picture_that_was_shown(window: MainWindow, qtbot: QtBot) -> None:
    tile = next(tile for tile in tiles(window, qtbot) if tile.info.name == "kinds")
    qtbot.waitUntil(lambda: tile.preview.has_image, timeout=60_000)
    tile.slider.moved.emit(2.5)
    request = tile.request
    window.page("steer")
    with qtbot.waitSignal(window.steer.canvas.painted, timeout=60_000):
        QTest.mouseClick(tile.preview, Qt.MouseButton.LeftButton)
    assert window.workspace == "steer"
    assert window.live.request == request
    assert window.document.state.y == pytest.approx(0.5, abs=0.01)


def test_an_empty_home_says_what_to_do(
    make_window, person: Path, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("LODESTONE_HOME", str(tmp_path / "empty"))
    window = make_window()
    window.start.set_models(())
    assert "train one" in window.start._none.text()


def test_recent_projects_are_listed_and_open(
    steering: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    steering.document.set_seed(44)
    assert steering.keeper.create(str(tmp_path / "Früchte.lodestone"))
    steering.keeper.close()
    steering.document.set_seed(1)
    steering.keeper.close()
    steering.go("start")
    items = [steering.start.recent.item(i) for i in range(steering.start.recent.count())]
    item = next(item for item in items if "Früchte" in item.text())
    with qtbot.waitSignal(steering.opener.arrived, timeout=60_000):
        steering.start.recent.itemActivated.emit(item)
    assert steering.document.state.seed == 44
    assert "Früchte" in steering.windowTitle()
