"""The Picture workspace by hand: on a quick stand-in first, on the real engine at the end."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.jobs import title
from app.panels.picture import PicturePage
from app.panels.picture_loop import LoopWish
from app.panels.picture_stage import film_of
from app.picture_state import COPY, PictureState, new_size, recipes
from app.window import MainWindow
from engine.messages import PictureRequest, PictureTrainRequest
from tests.pages import SOON, finish, stroke
from tests.sketcher import LEVELS, REFUSED
from tests.test_accessible import nameless

Make = Callable[..., PicturePage]


# ---------------------------------------------------------------- open


def test_variations_grow_from_coarse_to_fine(make_page: Make, photo: Path, qtbot: QtBot) -> None:
    page = make_page()
    assert page.begin.isVisible()
    seen: dict[int, list[float]] = {}
    page.picturing.arrived.connect(
        lambda i: seen.setdefault(i, []).append(page.picturing.shown[i].fraction)
    )
    page.open_picture(str(photo))
    assert not page.begin.isVisible()
    finish(page, qtbot)
    assert page.stage.wall.count == 8
    assert sorted(seen) == list(range(8))
    for fractions in seen.values():
        assert fractions == sorted(fractions)
        assert len(fractions) == LEVELS
    images = [one.image for one in page.picturing.shown]
    assert len({bytes(image.constBits()) for image in images if image is not None}) == 8
    assert page.engine.words.text() == "Patches answered"
    assert page.scores.novelty.value == pytest.approx(0.8)
    assert page.scores.diversity.value is not None


def test_a_sample_is_one_click_away(make_page: Make, qtbot: QtBot) -> None:
    page = make_page()
    assert len(page.begin.samples) == 2
    for button in page.begin.samples:
        button.click()
        finish(page, qtbot)
        assert page.engine.words.text() == "Patches answered"
    # Waves come with a pyramid.
    assert page.engine.choice.button("pyramid").isEnabled()


def test_a_dropped_picture_is_opened(make_page: Make, photo: Path, qtbot: QtBot) -> None:
    page = make_page()
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(photo))])
    event = QDropEvent(
        QPointF(9, 9), Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )  # fmt: skip
    page.dropEvent(event)
    assert page.picturing.source is not None
    assert page.picturing.source.size == (120, 80)


@pytest.mark.parametrize("kind", ["absent", "text", "empty", "folder"])
def test_what_is_no_picture_is_refused_with_a_sentence(
    page: PicturePage, tmp_path: Path, qtbot: QtBot, kind: str
) -> None:
    path = tmp_path / "other.jpg"
    if kind == "text":
        path.write_text("not a picture")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "folder":
        path.mkdir()
    before = page.picturing.state
    with qtbot.waitSignal(page.failed) as heard:
        page.open_picture(str(path))
    sentence = str(heard.args)
    assert "other.jpg" in sentence
    assert "Choose a" in sentence
    assert page.picturing.state == before


def test_orientation_is_applied_once(page: PicturePage, tmp_path: Path, qtbot: QtBot) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (90, 40), "teal").save(tmp_path / "turned.jpg", exif=exif)
    page.open_picture(str(tmp_path / "turned.jpg"))
    source = page.picturing.source
    assert source is not None
    assert source.size == (40, 90)
    assert (source.image.width(), source.image.height()) == (40, 90)


def test_a_refused_picture_stops_waiting(page: PicturePage, qtbot: QtBot) -> None:
    page.picturing.change("seed", seed=REFUSED)
    finish(page, qtbot)
    assert page.picturing.shown[0].failed
    assert all(one.done for one in page.picturing.shown[1:])
    assert "refused" in page.stage.wall.tile(0).words


# ---------------------------------------------------------------- vary


def test_sizes(page: PicturePage, qtbot: QtBot) -> None:
    page.vary.shape.button("wide").click()
    finish(page, qtbot)
    recipe = page.picturing.shown[0].recipe
    assert (recipe.width, recipe.height) == (160, 80)
    image = page.picturing.shown[0].image
    assert image is not None
    assert (image.width(), image.height()) == (160, 80)
    page.vary.shape.button("free").click()
    assert page.vary.width_field.value() == 160
    page.vary.width_field.setValue(200)
    assert page.picturing.state.width == 200


def test_a_panorama_of_a_long_picture_loses_nothing() -> None:
    state = PictureState(source="a.png", shape="wide")
    assert new_size(state, (900, 300)) == (250, 125)
    assert new_size(dataclasses.replace(state, shape="square"), (900, 300)) == (250, 250)


def test_seeds_stay_or_go_on(page: PicturePage, qtbot: QtBot) -> None:
    page.vary.wrap.setChecked(True)
    assert [one.recipe.seed for one in page.picturing.shown] == list(range(1, 9))
    page.lock.setChecked(False)
    page.vary.wrap.setChecked(False)
    assert page.picturing.shown[0].recipe.seed == 9
    page.new.click()
    assert page.picturing.shown[0].recipe.seed == 17
    page.more.click()
    assert len(page.picturing.shown) == 16
    finish(page, qtbot)


def test_every_action_is_undone(page: PicturePage, qtbot: QtBot) -> None:
    first = page.picturing.state
    page.vary.wrap.setChecked(True)
    page.vary.level.slider.setFocus()
    QTest.keyClick(page.vary.level.slider, Qt.Key.Key_Right)
    assert page.picturing.state.start_level == 1
    page.undo.click()
    assert page.picturing.state.start_level == 0
    assert page.picturing.state.wrap
    page.undo.click()
    assert page.picturing.state == first
    assert not page.vary.wrap.isChecked()
    # What was drawn before is there at once, without asking again.
    assert all(one.done for one in page.picturing.shown)
    page.redo.click()
    assert page.picturing.state.wrap


def test_a_copy_is_called_one(page: PicturePage, qtbot: QtBot) -> None:
    page.picturing.change("level", start_level=LEVELS - 1)
    finish(page, qtbot)
    assert page.stage.wall.tile(0).warning == "copy"
    page.stage.show_large(0)
    assert "copy" in page.stage.verdict.text()
    assert page.scores.novelty.value is not None
    assert page.scores.novelty.value < COPY


def test_where_it_varies_is_painted(page: PicturePage, qtbot: QtBot) -> None:
    page.vary.paint.click()
    assert page.vary.where.canvas.isVisible()
    stroke(page.vary.where.layer, (0.2, 0.5), (0.6, 0.5))
    where = page.picturing.shown[0].recipe.where
    assert where is not None
    values = where.array()
    assert values.shape == (80, 120)
    assert values[40, 50] > 0.9
    assert values[5, 110] == 0.0
    page.undo.click()
    assert page.vary.where.layer.empty
    page.redo.click()
    assert not page.vary.where.layer.empty
    page.vary.everywhere.click()
    assert page.picturing.state.where is None


# ---------------------------------------------------------------- large, keep, out


def test_one_is_seen_large_beside_its_source(page: PicturePage, qtbot: QtBot) -> None:
    box = page.stage.wall.cell(3).center().toPoint()
    QTest.mouseClick(page.stage.wall.viewport(), Qt.MouseButton.LeftButton, pos=box)
    assert page.stage.current == 3
    assert page.stage.pair.isVisible()
    left, right = page.stage.pair.places()
    assert left.height() == pytest.approx(right.height())
    assert not left.intersects(right)
    assert page.scores.title.text() == "THIS ONE"
    QTest.keyClick(page.stage.pair, Qt.Key.Key_Escape)
    assert page.stage.current == -1
    assert not page.stage.pair.isVisible()


def test_a_tile_is_shown_repeated(page: PicturePage, qtbot: QtBot) -> None:
    page.stage.show_large(0)
    assert not page.stage.twice.isVisible()
    page.vary.wrap.setChecked(True)
    page.stage.show_large(0)
    assert page.stage.twice.isVisible()
    page.stage.twice.click()
    assert page.stage.pair.repeat


def test_keeping_and_letting_go(page: PicturePage, tmp_path: Path, qtbot: QtBot) -> None:
    page.stage.wall.setFocus()
    QTest.keyClick(page.stage.wall, Qt.Key.Key_Right)
    QTest.keyClick(page.stage.wall, Qt.Key.Key_S)
    kept = page.picturing.state.kept
    assert [recipe.seed for recipe in kept] == [2]
    assert page.stage.wall.tile(1).kept
    page.new.click()
    assert page.kept.wall.count == 1
    page.kept.save_all(str(tmp_path))
    with Image.open(tmp_path / "01-photo-2.png") as written:
        assert written.size == (120, 80)
    page.kept.wall.keep_asked.emit(0)
    assert page.picturing.state.kept == ()


def test_saving_and_dragging_out(page: PicturePage, tmp_path: Path, qtbot: QtBot) -> None:
    image = page.picturing.shown[0].image
    assert image is not None
    page.stage.save_to(image, str(tmp_path / "one.png"))
    with Image.open(tmp_path / "one.png") as written:
        assert written.size == (120, 80)
    dragged = page.stage.file_of(0)
    assert Path(dragged).name == "photo-1.png"
    assert Path(dragged).stat().st_size > 0
    with qtbot.waitSignal(page.failed) as heard:
        page.stage.save_to(image, str(tmp_path / "absent" / "one.png"))
    assert "one.png" in str(heard.args)


# ---------------------------------------------------------------- complete


def test_a_hole_gets_four_answers(page: PicturePage, qtbot: QtBot) -> None:
    page.task.button("complete").click()
    assert page.picturing.shown == []
    assert page.complete.hole.canvas.isVisible()
    stroke(page.complete.hole.layer, (0.3, 0.3), (0.5, 0.4))
    finish(page, qtbot)
    assert [one.recipe.task for one in page.picturing.shown] == ["complete"] * 4
    assert all(one.recipe.mask is not None for one in page.picturing.shown)
    page.stage.show_large(2)
    page.stage.star.click()
    assert page.picturing.state.kept[0].task == "complete"
    page.task.button("sample").click()
    assert page.picturing.shown[0].recipe.mask is None


def test_the_frame_is_enlarged(page: PicturePage, qtbot: QtBot) -> None:
    page.task.button("complete").click()
    page.complete.wider.field.setValue(50)
    assert page.picturing.state.wider == pytest.approx(0.5)
    recipe = recipes(page.picturing.state, (120, 80))[0]
    assert (recipe.width, recipe.height, recipe.mask) == (180, 80, None)


# ---------------------------------------------------------------- train


def test_a_trained_pyramid_answers(page: PicturePage, photo: Path, qtbot: QtBot) -> None:
    assert not page.engine.choice.button("pyramid").isEnabled()
    previews: list[bool] = []
    page.train._jobs.updated.connect(lambda _u: previews.append(page.train.preview.isVisible()))
    page.train.begin.click()
    qtbot.waitUntil(lambda: page.picturing.state.engine == "pyramid", timeout=SOON)
    assert any(previews)
    assert "pyramid answers now" in page.train.state.text()
    finish(page, qtbot)
    assert page.engine.words.text() == "The pyramid answered"
    page.stage.show_large(0)
    assert page.stage.loop.isVisible()
    film = film_of(page.picturing.shown[0].recipe, "/x/loop", LoopWish())
    assert (film.out, film.seconds) == ("/x/loop.mp4", 4.0)
    page.task.button("complete").click()
    stroke(page.complete.hole.layer, (0.3, 0.3), (0.5, 0.4))
    assert {one.recipe.engine for one in page.picturing.shown} == {"patches"}
    for _ in range(3):
        page.undo.click()
    page.stage.show_large(0)
    assert page.picturing.state.engine == "patches"
    assert not page.stage.loop.isVisible()
    # The same picture under another name finds its pyramid again.
    twin = photo.with_name("photo2.png")
    twin.write_bytes(photo.read_bytes())
    page.open_picture(str(twin))
    assert page.picturing.state.engine == "pyramid"


def test_training_is_paused_and_stopped(page: PicturePage, qtbot: QtBot) -> None:
    page.train.budget.set_amount(11.0)
    assert page.train.amount == 2048.0
    page.train.begin.click()
    qtbot.waitUntil(lambda: page.train.progress.value() > 0, timeout=SOON)
    assert page.train.pause.isVisible()
    page.train.pause.click()
    qtbot.waitUntil(lambda: page.train.pause.text() == "Go on", timeout=SOON)
    page.train.stop.click()
    qtbot.waitUntil(lambda: page.train.begin.isVisible(), timeout=SOON)
    assert page.train.begin.text() == "Go on"
    assert page.picturing.state.engine == "patches"


def test_jobs_have_names() -> None:
    assert title(PictureTrainRequest(("a/lake.jpg",), "lake.safetensors")) == "Pyramid lake.jpg"
    assert title(PictureRequest((), "/x/loop.mp4", seconds=4)) == "Film loop.mp4"
    assert title(PictureRequest((), "/x/out")) == "Pictures out"


@pytest.mark.parametrize("name", ["photo.jpg", "drawing.png"])
def test_a_photo_opened_anywhere_comes_here(window: MainWindow, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    Image.new("RGB", (64, 48), "olive").save(path)
    window.opener.open_path(str(path))
    assert window.workspace == "picture"
    page = window.page("picture")
    assert isinstance(page, PicturePage)
    assert page.picturing.state.source == str(path)


def test_edit_undo_means_the_shown_workspace(window: MainWindow, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    Image.new("RGB", (64, 48), "olive").save(path)
    window.opener.open_path(str(path))
    page = window.page("picture")
    assert isinstance(page, PicturePage)
    page.vary.wrap.setChecked(True)
    undo = window.commands.actions["edit.undo"]
    assert undo.isEnabled()
    assert "Seamless" in undo.text()
    undo.trigger()
    assert not page.picturing.state.wrap
    window.go("start")
    assert undo.text() == "Undo"
    assert not undo.isEnabled()


# ---------------------------------------------------------------- names, the real engine


def test_everything_has_a_name(page: PicturePage) -> None:
    assert nameless(page) == []
    page.stage.show_large(0)
    assert nameless(page) == []
    page.task.button("complete").click()
    assert nameless(page) == []


def test_the_real_engine_answers(make_page: Make, photo: Path, qtbot: QtBot) -> None:
    page = make_page(real=True)
    page.picturing.open(str(photo))
    page.picturing.change("fewer", count=2)
    finish(page, qtbot)
    assert [one.failed for one in page.picturing.shown] == ["", ""]
    likeness, novelty = page.scores.likeness.value, page.scores.novelty.value
    assert likeness is not None
    assert 0.0 < likeness <= 1.0
    assert novelty is not None
    assert novelty > 0.0
    page.task.button("complete").click()
    stroke(page.complete.hole.layer, (0.4, 0.4), (0.5, 0.4))
    finish(page, qtbot)
    assert [one.failed for one in page.picturing.shown] == [""] * 4
