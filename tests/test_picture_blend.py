"""Blend and Enlarge by hand, and the pyramids each task trains."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.identity import begun, exchanged, map_shape, painted, with_picture, without_picture
from app.panels.picture import PicturePage
from app.picture_state import Pattern
from engine.messages import PictureRequest, PictureTrainRequest
from tests.pages import SOON, finish, stroke
from tests.test_accessible import nameless

Make = Callable[..., PicturePage]


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """60 x 60 pixels of green."""
    path = tmp_path / "meadow.png"
    Image.new("RGB", (60, 60), (30, 160, 60)).save(path)
    return path


@pytest.fixture
def third(tmp_path: Path) -> Path:
    path = tmp_path / "night.png"
    Image.new("RGB", (50, 90), (20, 20, 60)).save(path)
    return path


@pytest.fixture
def blend(page: PicturePage, other: Path, qtbot: QtBot) -> PicturePage:
    """The photo and the meadow, melded from left to right."""
    page.task.button("blend").click()
    page.blend.put(1, str(other))
    finish(page, qtbot)
    return page


def pixel(page: PicturePage, index: int, x: float, y: float) -> tuple[int, int, int]:
    image = page.picturing.shown[index].image
    assert image is not None
    colour = image.pixelColor(round(x * image.width()), round(y * image.height()))
    return colour.red(), colour.green(), colour.blue()


# ---------------------------------------------------------------- maps


@pytest.mark.parametrize("pattern", ["across", "down", "disc"])
@pytest.mark.parametrize("count", [2, 3, 4])
def test_patterns_give_every_picture_a_place_of_its_own(pattern: Pattern, count: int) -> None:
    maps = begun(pattern, count, (40, 60))
    assert maps.shape == (count, 40, 60)
    assert maps.sum(0) == pytest.approx(1.0, abs=1e-6)
    assert maps.max((1, 2)) == pytest.approx(1.0, abs=1e-6)
    assert maps.min() >= 0.0


def test_maps_sum_to_one_whatever_is_done() -> None:
    maps = begun("across", 3, (8, 12))
    stroke_ = np.linspace(0, 1, 96, dtype=np.float32).reshape(8, 12)
    for one in (
        painted(maps, stroke_, 1),
        with_picture(maps),
        without_picture(maps, 2),
        without_picture(without_picture(maps, 1), 1),
        exchanged(maps, 2),
    ):
        assert one.sum(0) == pytest.approx(1.0, abs=1e-5)
    assert (exchanged(maps, 2)[0] == maps[2]).all()
    # Where the picture that goes was alone, the first one is.
    assert without_picture(maps, 2)[0, 0, -1] == pytest.approx(1.0)
    assert map_shape(1, 64) == (64, 1)
    assert map_shape(8000, 4) == (1, 256)


# ---------------------------------------------------------------- pictures


def test_a_second_picture_is_seen_at_once(page: PicturePage, other: Path, qtbot: QtBot) -> None:
    page.task.button("blend").click()
    assert page.blend.add.isVisible()
    assert not page.stage.wall.isVisible()
    page.blend.put(1, str(other))
    finish(page, qtbot)
    assert page.stage.wall.count == 4
    recipe = page.picturing.shown[0].recipe
    assert (recipe.task, recipe.engine, recipe.others) == ("blend", "patches", (str(other),))
    red, green, blue = pixel(page, 0, 0.97, 0.5)
    assert green > red + 60 > blue
    assert pixel(page, 0, 0.02, 0.05)[2] > 200
    assert page.blend.slots_.slots_[1].full
    assert page.blend.layer.isVisible()


def test_pictures_are_dropped_exchanged_and_removed(
    blend: PicturePage, other: Path, third: Path, photo: Path, qtbot: QtBot
) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(third))])
    at = QPointF(blend.stage.mapTo(blend, blend.stage.rect().center()))
    blend.dropEvent(
        QDropEvent(
            at, Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
    )  # fmt: skip
    state = blend.picturing.state
    assert state.others == (str(other), str(third))
    assert state.identity is not None
    assert state.identity.shape[0] == 3
    blend.blend.slots_.exchanged.emit(2)
    state = blend.picturing.state
    assert (state.source, state.others) == (str(third), (str(other), str(photo)))
    assert blend.picturing.source is not None
    assert blend.picturing.source.size == (50, 90)
    blend.blend.slots_.removed.emit(1)
    assert blend.picturing.state.others == (str(photo),)
    assert blend.picturing.shown[0].recipe.identity_map is not None
    assert blend.picturing.shown[0].recipe.identity_map.shape[0] == 2
    for _ in range(3):
        blend.undo.click()
    assert blend.picturing.state.others == (str(other),)
    assert blend.picturing.state.source == str(photo)
    # A picture dropped on the source is a new source.
    still = blend.form.still
    at = QPointF(still.mapTo(blend, still.rect().center()))
    blend.dropEvent(
        QDropEvent(
            at, Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
    )  # fmt: skip
    assert blend.picturing.state.source == str(third)


@pytest.mark.parametrize("kind", ["absent", "text", "folder"])
def test_a_second_picture_that_is_none_is_refused(
    page: PicturePage, tmp_path: Path, qtbot: QtBot, kind: str
) -> None:
    path = tmp_path / "second.jpg"
    if kind == "text":
        path.write_text("not a picture")
    elif kind == "folder":
        path.mkdir()
    page.task.button("blend").click()
    before = page.picturing.state
    with qtbot.waitSignal(page.failed) as heard:
        page.blend.put(1, str(path))
    assert "second.jpg" in str(heard.args)
    assert page.picturing.state == before


def test_a_picture_that_vanished_is_named(blend: PicturePage, other: Path, qtbot: QtBot) -> None:
    other.unlink()
    blend.new.click()
    finish(blend, qtbot)
    assert "meadow.png" in blend.picturing.shown[0].failed
    with qtbot.waitSignal(blend.failed) as heard:
        blend.train.begin.click()
    assert "meadow.png" in str(heard.args)
    with qtbot.waitSignal(blend.failed) as heard:
        blend.blend.slots_.exchanged.emit(1)
    assert "meadow.png" in str(heard.args)


def test_a_line_of_pixels_is_blended_too(page: PicturePage, tmp_path: Path, qtbot: QtBot) -> None:
    Image.new("RGB", (1, 64), "olive").save(tmp_path / "line.png")
    page.task.button("blend").click()
    page.blend.put(1, str(tmp_path / "line.png"))
    finish(page, qtbot)
    assert all(one.done for one in page.picturing.shown)
    page.blend.exchange(1)
    finish(page, qtbot)
    assert page.picturing.source is not None
    assert page.picturing.source.size == (1, 64)
    assert all(one.done for one in page.picturing.shown)


# ---------------------------------------------------------------- meld, fuse


def test_the_map_is_painted_and_answers_come_meanwhile(blend: PicturePage, qtbot: QtBot) -> None:
    before = blend.picturing.state.identity
    count = blend.undo_stack.count()
    layer = blend.blend.layer
    target = layer.parentWidget().target()  # type: ignore[union-attr]
    start = QPointF(target.x() + 0.05 * target.width(), target.center().y()).toPoint()
    QTest.mousePress(layer, Qt.MouseButton.LeftButton, pos=start)
    QTest.mouseMove(layer, start + QPointF(20, 0).toPoint())
    qtbot.waitUntil(lambda: blend.picturing.state.identity != before, timeout=SOON)
    assert blend.picturing.hasty
    qtbot.waitUntil(lambda: blend.picturing.shown[0].done, timeout=SOON)
    assert not blend.picturing.shown[1].done
    QTest.mouseMove(layer, start + QPointF(40, 20).toPoint())
    QTest.mouseRelease(layer, Qt.MouseButton.LeftButton, pos=start + QPointF(40, 20).toPoint())
    finish(blend, qtbot)
    red, green, blue = pixel(blend, 2, 0.06, 0.5)
    assert green > max(red, blue)
    # One stroke, one entry.
    assert blend.undo_stack.count() == count + 1
    assert blend.picturing.state.pattern == ""
    blend.undo.click()
    assert blend.picturing.state.identity == before
    assert layer.maps.tobytes() == before.data if before is not None else False


def test_shift_gives_back_and_numbers_choose(blend: PicturePage, third: Path, qtbot: QtBot) -> None:
    blend.blend.put(2, str(third))
    layer = blend.blend.layer
    assert layer.which == 2
    QTest.keyClick(layer, Qt.Key.Key_2)
    assert layer.which == blend.blend.slots_.chosen == 1
    blend.blend.tools.fill.click()
    assert (layer.maps[1] == 1.0).all()
    target = layer.parentWidget().target()  # type: ignore[union-attr]
    QTest.mouseClick(
        layer, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier,
        target.center().toPoint(),
    )  # fmt: skip
    height, width = layer.maps.shape[1:]
    assert layer.maps[0, height // 2, width // 2] > 0.9
    QTest.keyClick(layer, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert (layer.maps[1] == 1.0).all()
    blend.blend.patterns["disc"].click()
    assert layer.maps[2, height // 2, width // 2] == pytest.approx(1.0)


def test_fuse_takes_layout_and_matter(blend: PicturePage, qtbot: QtBot) -> None:
    blend.blend.mixing.button("fuse").click()
    finish(blend, qtbot)
    recipe = blend.picturing.shown[0].recipe
    assert (recipe.identity, recipe.texture) == ((1.0, 0.0), (0.0, 1.0))
    assert recipe.identity_map is None
    assert not blend.blend.canvas.isVisible()
    assert not blend.blend.structure.button("2").isVisible()
    blend.blend.structure.button("1").click()
    blend.blend.texture.button("0").click()
    recipe = blend.picturing.shown[0].recipe
    assert (recipe.identity, recipe.texture) == ((0.0, 1.0), (1.0, 0.0))


# ---------------------------------------------------------------- train, morph


def test_morphing_takes_a_pyramid_of_these_pictures(
    blend: PicturePage, photo: Path, other: Path, qtbot: QtBot
) -> None:
    asked: list[PictureRequest] = []
    blend.blend.job_asked.disconnect()
    blend.blend.job_asked.connect(asked.append)
    blend.blend.mixing.button("morph").click()
    assert blend.picturing.shown == []
    assert blend.blend.train.isVisible()
    assert not blend.blend.film.isEnabled()
    assert not blend.engine.choice.button("patches").isEnabled()
    strip: list[int] = []
    blend.jobs.updated.connect(lambda _u: strip.append(blend.train.levels.known))
    blend.blend.train.click()
    qtbot.waitUntil(lambda: bool(blend.picturing.state.blend_model), timeout=SOON)
    assert max(strip) >= 4
    update = blend.jobs.all[-1]
    assert isinstance(update.request, PictureTrainRequest)
    assert update.request.sources == (str(photo), str(other))
    assert Path(update.request.out) != blend.picturing.card_path(str(photo))
    assert blend.picturing.state.model == ""
    finish(blend, qtbot)
    recipes = [one.recipe for one in blend.picturing.shown]
    assert {recipe.engine for recipe in recipes} == {"pyramid"}
    assert [round(recipe.identity[1], 2) for recipe in recipes][::7] == [0.0, 1.0]
    blend.blend.morph.slider.setFocus()
    QTest.keyClick(blend.blend.morph.slider, Qt.Key.Key_End)
    green = blend.blend.morph.canvas
    qtbot.waitUntil(
        lambda: green.image().pixelColor(5, 5).green() > 120 > green.image().pixelColor(5, 5).red(),
        timeout=SOON,
    )
    blend.blend.write_film("/x/way")
    assert [one.identity for one in asked[0].recipes] == [(1.0, 0.0), (0.0, 1.0)]
    assert (asked[0].out, asked[0].seconds) == ("/x/way.mp4", 6.0)
    # Other pictures have no pyramid; the same ones find theirs again.
    blend.blend.remove(1)
    assert blend.picturing.state.blend_model == ""
    blend.blend.put(1, str(other))
    assert blend.picturing.state.blend_model


def test_a_pyramid_is_trained_around_the_hole(page: PicturePage, photo: Path, qtbot: QtBot) -> None:
    page.task.button("complete").click()
    assert not page.train.begin.isEnabled()
    stroke(page.complete.hole.layer, (0.3, 0.3), (0.5, 0.4))
    hole = page.picturing.state.hole
    assert page.train.begin.isEnabled()
    assert "hole" in page.train.about.text()
    page.train.begin.click()
    qtbot.waitUntil(lambda: bool(page.picturing.state.hole_model), timeout=SOON)
    update = page.jobs.all[-1]
    assert isinstance(update.request, PictureTrainRequest)
    assert update.request.mask == hole
    assert Path(update.request.out) != page.picturing.card_path(str(photo))
    finish(page, qtbot)
    assert {one.recipe.engine for one in page.picturing.shown} == {"pyramid"}
    # It must not draw anything else: it has never seen that place.
    page.task.button("sample").click()
    assert {one.recipe.engine for one in page.picturing.shown} == {"patches"}
    page.task.button("complete").click()
    stroke(page.complete.hole.layer, (0.7, 0.7), (0.8, 0.7))
    assert page.picturing.state.hole_model == ""
    assert {one.recipe.engine for one in page.picturing.shown} == {"patches"}


def test_memory_is_told_before(
    page: PicturePage, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "GB free" in page.train.memory.text()
    assert "fit" not in page.train.memory.text()
    monkeypatch.setattr(
        "app.panels.picture_train.pyramid_memory", lambda *_: (6_000_000_000, 2_000_000_000)
    )
    page.picturing.change("detail", longest=400)
    assert "about 6.0 GB, 2.0 GB free" in page.train.memory.text()
    assert "less detail" in page.train.memory.text()


# ---------------------------------------------------------------- enlarge


def test_a_picture_is_enlarged(page: PicturePage, tmp_path: Path, qtbot: QtBot) -> None:
    page.task.button("upscale").click()
    finish(page, qtbot)
    assert page.enlarge.canvas.isVisible()
    assert not page.stage.wall.isVisible()
    assert page.enlarge.canvas.image_size().width() == 240
    assert page.enlarge.canvas.comparing
    assert "120 × 80 becomes 240 × 160" in page.enlarge.words.text()
    page.enlarge.times.button("3").click()
    finish(page, qtbot)
    assert page.enlarge.canvas.image_size().width() == 360
    page.enlarge.look.button("made").click()
    assert not page.enlarge.canvas.comparing
    page.enlarge.zooms["in"].click()
    assert page.enlarge.canvas.view.zoom is not None
    page.enlarge.keep.click()
    assert page.picturing.state.kept[0].scale == 3.0
    assert page.enlarge.keep.text() == "Let go"
    page.undo.click()
    page.undo.click()
    assert page.picturing.state.scale == 2.0


def test_everything_has_a_name(blend: PicturePage) -> None:
    for mixing in ("meld", "morph", "fuse"):
        blend.blend.mixing.button(mixing).click()
        assert nameless(blend) == []
    blend.task.button("upscale").click()
    assert nameless(blend) == []


# ---------------------------------------------------------------- the real engine


def test_the_real_engine_enlarges(make_page: Make, tmp_path: Path, qtbot: QtBot) -> None:
    random = np.random.RandomState(0)
    Image.fromarray(random.randint(0, 255, (24, 32, 3), np.uint8)).save(tmp_path / "grain.png")
    page = make_page(real=True)
    page.picturing.open(str(tmp_path / "grain.png"))
    page.task.button("upscale").click()
    finish(page, qtbot)
    assert page.picturing.shown[0].failed == ""
    assert page.enlarge.canvas.image_size().width() == 64


def test_the_real_engine_melds(make_page: Make, photo: Path, other: Path, qtbot: QtBot) -> None:
    page = make_page(real=True)
    page.picturing.open(str(photo))
    page.task.button("blend").click()
    page.blend.put(1, str(other))
    finish(page, qtbot)
    assert [one.failed for one in page.picturing.shown] == [""] * 4
    assert pixel(page, 0, 0.97, 0.5) == pytest.approx((30, 160, 60), abs=30)
