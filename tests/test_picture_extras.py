"""The Picture page's small things: levels, nearest patches, loops, and what is kept for ever."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.panels.picture import PicturePage, samples_folder
from app.panels.picture_loop import LoopDialog, LoopWish
from app.panels.picture_stage import film_of
from tests.pages import SOON, finish
from tests.test_accessible import nameless

Make = Callable[..., PicturePage]


# ---------------------------------------------------------------- levels


def test_every_level_varies_as_it_is_told(page: PicturePage, qtbot: QtBot) -> None:
    assert not page.vary.bars.isVisible()
    page.vary.per_level.click()
    assert page.vary.bars.isVisible()
    assert len(page.vary.bars.values()) == page.picturing.levels
    bar = page.vary.bars.bars[1]
    bar.setFocus()
    QTest.keyClick(bar, Qt.Key.Key_Home)
    assert page.picturing.state.levels[:3] == (1.0, 0.0, 1.0)
    assert page.picturing.shown[0].recipe.levels[1] == 0.0
    QTest.mouseClick(bar, Qt.MouseButton.LeftButton, pos=bar.rect().center())
    assert page.picturing.state.levels[1] == pytest.approx(0.5, abs=0.06)
    page.vary.even.click()
    assert page.picturing.state.levels == ()
    assert page.vary.bars.values()[1] == 1.0
    page.undo.click()
    assert page.vary.bars.values()[1] == pytest.approx(0.5, abs=0.06)
    page.picturing.change("level", start_level=2)
    assert [bar.isEnabled() for bar in page.vary.bars.bars[:4]] == [False, False, True, True]


# ---------------------------------------------------------------- matter


def hover(page: PicturePage, x: float, y: float) -> None:
    place = page.stage.pair.places()[1]
    at = QPointF(place.x() + x * place.width(), place.y() + y * place.height())
    QTest.mouseMove(page.stage.pair, at.toPoint())


def test_the_nearest_patches_are_shown_under_the_pointer(page: PicturePage, qtbot: QtBot) -> None:
    page.stage.show_large(0)
    strip = page.stage.matter.strip
    assert strip.count == 0
    qtbot.wait(50)  # The pair finds its place.
    hover(page, 0.5, 0.5)
    qtbot.waitUntil(lambda: strip.count == 6, timeout=SOON)
    marks = page.stage.pair.marks
    assert len(marks) == 6
    # The stand-in rolls the source by (7, 13) pixels: that is where the matter comes from.
    middle = marks[0].center()
    assert middle.x() * 120 == pytest.approx(0.5 * 120 - 13, abs=2.0)
    # Its tint of 5 counts looks like 2 rows of a gradient of 3 counts a row.
    assert middle.y() * 80 == pytest.approx(0.5 * 80 - 7, abs=3.5)
    assert "photo" in strip.accessibleDescription()
    page.stage.pair.grab()
    hover(page, -0.5, 0.5)
    assert page.stage.pair.marks == ()
    assert strip.count == 0


def test_a_line_of_pixels_has_no_patches(page: PicturePage, tmp_path: Path, qtbot: QtBot) -> None:
    Image.new("RGB", (1, 64), "olive").save(tmp_path / "line.png")
    page.open_picture(str(tmp_path / "line.png"))
    finish(page, qtbot)
    page.stage.show_large(0)
    with qtbot.assertNotEmitted(page.picturing.link.failure, wait=150):
        hover(page, 0.5, 0.5)
    assert page.stage.matter.strip.count == 0


# ---------------------------------------------------------------- loop


def test_a_loop_is_asked_for(page: PicturePage, qtbot: QtBot) -> None:
    dialog = LoopDialog(LoopWish(), page)
    assert dialog.wish == LoopWish(4.0, 0.1, 0.9)
    assert nameless(dialog) == []
    dialog.seconds.field.setValue(2)
    dialog.close_.field.setValue(40)
    dialog.smooth.field.setValue(50)
    recipe = page.picturing.shown[0].recipe
    film = film_of(recipe, "/x/a.mp4", dialog.wish)
    assert (film.seconds, film.alpha, film.beta) == (2.0, 0.4, 0.5)


def test_the_bundled_waves_become_a_film(make_page: Make, tmp_path: Path, qtbot: QtBot) -> None:
    page = make_page(real=True)
    page.picturing.open(str(samples_folder() / "ocean-waves.jpg"))
    page.engine.choice.button("pyramid").click()
    page.picturing.change("one", count=1)
    finish(page, qtbot)
    assert page.picturing.shown[0].failed == ""
    page.stage.show_large(0)
    assert page.stage.loop.isVisible()
    out = tmp_path / "waves.mp4"
    recipe = page.picturing.shown[0].recipe
    page.stage.film_asked.emit(film_of(recipe, str(out), LoopWish(1.0, 0.1, 0.9)))
    qtbot.waitUntil(lambda: page.jobs.all[-1].state not in ("queued", "running"), timeout=3 * SOON)
    assert page.jobs.all[-1].message == "" or page.jobs.all[-1].state == "done"
    with av.open(str(out)) as film:
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    assert len(frames) == 25
    steps = [np.abs(a.astype(float) - b).mean() for a, b in zip(frames, frames[1:], strict=False)]
    # It moves, and from the last frame to the first is a step like any other.
    assert min(steps) > 0.05
    back = np.abs(frames[-1].astype(float) - frames[0]).mean()
    assert back < 2 * max(steps)


# ---------------------------------------------------------------- kept


def test_kept_pictures_are_there_again(
    page: PicturePage, make_page: Make, photo: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    folder = tmp_path / "kept pictures"
    assert not folder.exists()
    page.picturing.keep(2)
    page.picturing.keep(4)
    page.kept.folder.flush()
    image = page.picturing.shown[2].image
    assert image is not None
    (folder / "damaged.json").write_text("{")
    (folder / "alone.json").write_text((next(folder.glob("*.json"))).read_text())
    again = make_page()
    assert [recipe.seed for recipe in again.picturing.state.kept] == [3, 5]
    kept = again.picturing.image_of(again.picturing.state.kept[0])
    assert kept is not None
    assert kept.pixelColor(50, 40) == image.pixelColor(50, 40)
    again.picturing.open(str(photo))
    assert again.kept.wall.count == 2
    again.kept.wall.keep_asked.emit(0)
    again.kept.folder.flush()
    assert [recipe.seed for recipe in make_page().picturing.state.kept] == [5]
    again.undo.click()
    again.kept.folder.flush()
    assert {recipe.seed for recipe in make_page().picturing.state.kept} == {3, 5}


def test_a_disk_that_refuses_is_told(page: PicturePage, tmp_path: Path, qtbot: QtBot) -> None:
    (tmp_path / "kept pictures").write_text("a file in the way")
    with qtbot.waitSignal(page.failed) as heard:
        page.picturing.keep(0)
    assert "this session only" in str(heard.args)
    assert len(page.picturing.state.kept) == 1
