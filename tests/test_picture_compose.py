"""Composing by hand: parts moved, a picture pasted, a painting; every change undone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QGuiApplication, QImage, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.composed import Ground, Stroke
from app.painting import Brushing, Painting, paints_of, points_of, poured
from app.panels.picture import PicturePage
from app.panels.picture_compose import ComposePart
from app.widgets.arranging import STALK
from tests.pages import finish
from tests.test_accessible import nameless

SQUARE = ((0.22, 0.2), (0.54, 0.2), (0.54, 0.55), (0.22, 0.55), (0.22, 0.2))
"""Round the red square of the photo, whose middle is …"""
MIDDLE, FREE = (0.375, 0.375), (0.75, 0.6)
Key, Mod = Qt.Key, Qt.KeyboardModifier


@pytest.fixture
def page(make_page: Callable[..., PicturePage], photo: Path) -> PicturePage:
    """On the photo; nothing here waits for its variations."""
    made = make_page()
    made.open_picture(str(photo))
    return made


@pytest.fixture
def part(page: PicturePage) -> ComposePart:
    page.task.button("compose").click()
    return page.compose


@pytest.fixture
def ship(tmp_path: Path) -> Path:
    """40 x 40 pixels, white within a green frame that is wholly clear."""
    pixels = np.zeros((40, 40, 4), np.uint8)
    pixels[..., 1] = 255
    pixels[10:30, 10:30] = 255
    path = tmp_path / "ship.png"
    Image.fromarray(pixels).save(path)
    return path


def drag(layer: QWidget, *places: tuple[float, float], keys: Mod = Mod.NoModifier) -> None:
    """From the first place to the last, in shares of the picture."""
    target = layer.parentWidget().target()  # type: ignore[attr-defined]
    points = [
        QPointF(target.x() + x * target.width(), target.y() + y * target.height()).toPoint()
        for x, y in places
    ]
    QTest.mousePress(layer, Qt.MouseButton.LeftButton, keys, points[0])
    for point in points[1:]:
        QTest.mouseMove(layer, point)
    QTest.mouseRelease(layer, Qt.MouseButton.LeftButton, keys, points[-1])


def made(part: ComposePart) -> np.ndarray:
    """(H, W, 3) RGB of what the engine gets."""
    with Image.open(part.picturing.state.made) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def mask(part: ComposePart) -> np.ndarray:
    changed = part.picturing.state.changed
    assert changed is not None
    return changed.array()


def red(pixel: np.ndarray) -> bool:
    return bool(pixel[0] > 180 and pixel[1] < 90 and pixel[2] < 90)


# ---------------------------------------------------------------- move


def test_a_part_is_cut_out_and_moved(part: ComposePart, qtbot: QtBot) -> None:
    stack = part.picturing.undo_stack
    began = stack.count()
    drag(part.collage, *SQUARE)
    assert len(part.picturing.state.parts) == 1
    assert part.picturing.shown == []
    drag(part.collage, MIDDLE, (0.5, 0.5), (0.6, 0.55), FREE)
    assert stack.count() == began + 2
    recipes = [one.recipe for one in part.picturing.shown]
    assert [recipe.task for recipe in recipes] == ["edit"] * 4
    assert len({recipe.seed for recipe in recipes}) == 4
    pixels = made(part)
    assert pixels.shape == (80, 120, 3)
    assert red(pixels[48, 90])
    assert not red(pixels[30, 45])
    assert mask(part)[48, 90] > 0.9
    assert mask(part)[30, 45] > 0.9
    assert mask(part)[70, 10] == 0.0
    assert recipes[0].hole is not None
    assert recipes[0].hole.array()[30, 45] > 0.9
    assert recipes[0].hole.array()[48, 90] == 0.0
    stack.undo()
    assert part.picturing.shown == []
    assert part.pieces.all[0].home == (part.pieces.all[0].x, part.pieces.all[0].y)
    stack.undo()
    assert part.pieces.all == ()
    stack.redo()
    stack.redo()
    assert [one.recipe for one in part.picturing.shown] == recipes
    assert Path(recipes[0].naive).is_file()


def test_a_copy_leaves_no_empty_place(part: ComposePart, page: PicturePage) -> None:
    part.move.fill.click()
    drag(part.collage, *SQUARE)
    drag(part.collage, MIDDLE, FREE)
    pixels = made(part)
    assert red(pixels[48, 90])
    assert red(pixels[30, 45])
    assert mask(part)[30, 45] == 0.0
    part.move.fill.click()
    assert not red(made(part)[30, 45])
    page.undo.click()
    assert red(made(part)[30, 45])


def test_a_part_dragged_wholly_outside(part: ComposePart) -> None:
    drag(part.collage, *SQUARE)
    drag(part.collage, MIDDLE, (0.9, 0.9), (3.0, 3.0))
    # It is gone from the picture, and its place is filled; but its box can still be reached.
    piece = part.pieces.chosen
    assert piece is not None
    assert 1.0 < piece.x < 1.3
    assert mask(part)[30, 45] > 0.9
    assert mask(part)[60:, 80:].max() < 0.2
    part.move.fill.click()
    # A copy outside changes nothing: nothing is asked.
    assert part.picturing.state.changed is None
    assert part.picturing.shown == []


def test_a_part_falls_back_into_its_place(part: ComposePart) -> None:
    drag(part.collage, *SQUARE)
    drag(part.collage, MIDDLE, FREE)
    assert part.picturing.state.made
    drag(part.collage, FREE, (MIDDLE[0] + 0.003, MIDDLE[1]))
    assert part.picturing.state.made == ""


def test_a_resting_part_grows_and_shrinks(part: ComposePart) -> None:
    part.tools.kind.button("brush").click()
    drag(part.collage, (0.3, 0.3), (0.4, 0.3))
    first = part.pieces.all[0].picture
    drag(part.collage, (0.6, 0.3), (0.45, 0.3))
    grown = part.pieces.all[0].picture
    assert len(part.pieces.all) == 1
    assert grown.width > first.width
    drag(part.collage, (0.6, 0.3), (0.5, 0.3), keys=Mod.ShiftModifier)
    assert part.pieces.all[0].picture.width < grown.width
    drag(part.collage, (0.8, 0.8), (0.9, 0.8))
    assert len(part.pieces.all) == 2


def test_parts_are_handled_by_keys_and_wheel(part: ComposePart) -> None:
    drag(part.collage, *SQUARE)
    part.collage.setFocus()
    press = QTest.keyClick
    press(part.collage, Key.Key_Right, Mod.ShiftModifier)
    piece = part.pieces.all[0]
    assert piece.home is not None
    assert piece.x - piece.home[0] == pytest.approx(10 / 120)
    press(part.collage, Key.Key_F)
    press(part.collage, Key.Key_BracketRight)
    press(part.collage, Key.Key_Plus)
    piece = part.pieces.all[0]
    assert piece.flipped
    assert piece.turn == pytest.approx(5.0)
    assert piece.scale == pytest.approx(1.05)
    target = part.canvas.target()
    at = QPointF(target.x() + piece.x * target.width(), target.y() + piece.y * target.height())
    wheel = QWheelEvent(
        at, at, QPoint(), QPoint(0, 120), Qt.MouseButton.NoButton, Mod.NoModifier,
        Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    part.collage.wheelEvent(wheel)
    assert part.pieces.all[0].scale > 1.2
    assert part.canvas.view.zoom is None
    press(part.collage, Key.Key_D)
    assert len(part.pieces.all) == 2
    assert not part.pieces.all[1].cut
    press(part.collage, Key.Key_N)
    assert part.pieces.number == 0
    part.chosen.front.click()
    assert part.pieces.number == 1
    press(part.collage, Key.Key_Delete)
    assert len(part.pieces.all) == 1
    part.picturing.undo_stack.undo()
    assert len(part.pieces.all) == 2


def test_handles_scale_and_turn(part: ComposePart) -> None:
    drag(part.collage, *SQUARE)
    piece, target = part.pieces.all[0], part.canvas.target()
    half = piece.picture.width / 120 / 2, piece.picture.height / 80 / 2
    corner = (piece.x + half[0], piece.y + half[1])
    drag(part.collage, corner, (piece.x + 1.5 * half[0], piece.y + 1.5 * half[1]))
    assert part.pieces.all[0].scale == pytest.approx(1.5, abs=0.05)
    part.picturing.undo_stack.undo()
    stalk = (piece.x, piece.y - half[1] - STALK / target.height())
    drag(part.collage, stalk, (piece.x + 0.3, piece.y - 0.02), (piece.x + 0.3, piece.y))
    assert part.pieces.all[0].turn == pytest.approx(90.0, abs=2.0)
    assert part.picturing.state.parts[0].turn == part.pieces.all[0].turn


def test_the_form_scales_and_turns(part: ComposePart) -> None:
    assert not part.chosen.isVisible()
    drag(part.collage, *SQUARE)
    assert part.chosen.isVisible()
    part.chosen.scaling.field.setValue(50)
    part.chosen.turning.field.setValue(30)
    assert part.picturing.state.parts[0].scale == pytest.approx(0.5)
    assert part.picturing.state.parts[0].turn == pytest.approx(30.0)
    stack, slider = part.picturing.undo_stack, part.chosen.scaling.slider
    before = stack.count()
    for x in (0.3, 0.4, 0.7):
        at = QPoint(round(slider.width() * x), slider.height() // 2)
        if x == 0.3:
            QTest.mousePress(slider, Qt.MouseButton.LeftButton, pos=at)
        QTest.mouseMove(slider, at)
    QTest.mouseRelease(slider, Qt.MouseButton.LeftButton, pos=at)
    assert part.picturing.state.parts[0].scale > 1.2
    assert stack.count() == before + 1


# ---------------------------------------------------------------- paste


def test_a_dropped_picture_is_laid_on(page: PicturePage, part: ComposePart, ship: Path) -> None:
    part.way.button("harmonise").click()
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(ship))])
    at = QPointF(part.canvas.mapTo(page, part.canvas.rect().center()))
    event = QDropEvent(
        at, Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, Mod.NoModifier
    )
    page.dropEvent(event)
    assert page.picturing.source is not None
    assert page.picturing.source.name == "photo"
    assert {one.recipe.task for one in part.picturing.shown} == {"harmonise"}
    assert made(part)[40, 60].tolist() == [255, 255, 255]
    # What is clear of it is not pasted: 80 x .6 = 48 pixels, the middle half of them white.
    assert mask(part)[40, 60] > 0.9
    assert mask(part)[40, 42] == 0.0
    # It is dragged by its clear frame too: nothing is drawn here.
    drag(part.collage, (0.37, 0.5), (0.57, 0.5))
    assert mask(part)[40, 84] > 0.9
    assert len(part.picturing.state.pasted) == 1
    page.undo.click()
    page.undo.click()
    assert part.picturing.state.pasted == ()
    assert part.picturing.shown == []


def test_the_clipboard_is_pasted(part: ComposePart, qtbot: QtBot) -> None:
    clipboard = QGuiApplication.clipboard()
    clipboard.clear()
    with qtbot.waitSignal(part.failed) as heard:
        part.paste_clipboard()
    assert "clipboard" in str(heard.args)
    image = QImage(30, 30, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.white)
    clipboard.setImage(image)
    part.collage.setFocus()
    QTest.keyClick(part.collage, Key.Key_V, Mod.ControlModifier)
    assert part.picturing.state.way == "harmonise"
    assert made(part)[40, 60].tolist() == [255, 255, 255]


@pytest.mark.parametrize("way", ["harmonise", "paint"])
def test_what_is_no_picture_is_refused(
    part: ComposePart, tmp_path: Path, qtbot: QtBot, way: str
) -> None:
    (tmp_path / "text.png").write_text("not a picture")
    (tmp_path / "empty.png").write_bytes(b"")
    Image.new("RGBA", (20, 20)).save(tmp_path / "clear.png")
    part.way.button(way).click()
    before = part.picturing.state
    # A painting may be clear, a pasted picture may not.
    for name in ("absent", "text", "empty", "clear")[: 4 if way == "harmonise" else 3]:
        with qtbot.waitSignal(part.failed) as heard:
            assert part.take_drop([str(tmp_path / f"{name}.png")])
        assert "hoose" in str(heard.args)
        assert part.picturing.state == before


def test_files_that_vanish_are_not_missed(
    page: PicturePage, part: ComposePart, ship: Path, qtbot: QtBot
) -> None:
    part.take_drop([str(ship)])
    ship.unlink()
    first = part.picturing.state.made
    part.pieces.flip()
    page.undo.click()
    assert part.picturing.state.made == first
    page.redo.click()
    Path(first).unlink()
    page.undo.click()
    # What the engine reads is written again.
    assert made(part)[40, 60].tolist() == [255, 255, 255]
    finish(page, qtbot)


def test_the_object_is_cut_out_of_what_was_pasted(part: ComposePart, tmp_path: Path) -> None:
    path = tmp_path / "whole.png"
    Image.new("RGB", (120, 80), "white").save(path)
    part.take_drop([str(path)])
    part.paste.trim.click()
    assert part.tools.isVisible()
    drag(part.collage, (0.4, 0.4), (0.6, 0.4), (0.6, 0.6), (0.4, 0.6))
    assert not part.paste.trim.isChecked()
    assert mask(part)[40, 60] > 0.9
    assert mask(part)[40, 30] == 0.0
    piece = part.pieces.all[0]
    assert (piece.x, piece.y) == (pytest.approx(0.5, abs=0.02), pytest.approx(0.5, abs=0.02))


def test_every_way_keeps_its_own(part: ComposePart, ship: Path) -> None:
    drag(part.collage, *SQUARE)
    drag(part.collage, MIDDLE, FREE)
    edit = part.picturing.state.made
    part.take_drop([str(ship)])
    pasted = part.picturing.state.made
    part.way.button("paint").click()
    assert part.picturing.state.made == ""
    part.way.button("edit").click()
    assert part.picturing.state.made == edit
    assert len(part.pieces.all) == 1
    part.way.button("harmonise").click()
    assert part.picturing.state.made == pasted


def test_another_source_begins_anew(page: PicturePage, part: ComposePart, tmp_path: Path) -> None:
    drag(part.collage, *SQUARE)
    drag(part.collage, MIDDLE, FREE)
    path = tmp_path / "tall.png"
    Image.new("RGB", (50, 90), "olive").save(path)
    page.open_picture(str(path))
    assert part.pieces.all == ()
    assert part.picturing.shown == []
    page.undo.click()
    assert len(part.pieces.all) == 1
    assert red(made(part)[48, 90])


def test_staying_close(part: ComposePart) -> None:
    drag(part.collage, *SQUARE)
    drag(part.collage, MIDDLE, FREE)
    part.close.field.setValue(2)
    assert part.picturing.shown[0].recipe.start_level == 2


# ---------------------------------------------------------------- paint


def test_strokes_are_painted_and_undone(page: PicturePage, part: ComposePart) -> None:
    part.way.button("paint").click()
    assert part.picturing.shown == []
    part.easel.set_palette_now(part.easel.palette_now.__class__(colour=(10, 200, 30), soft=0.0))
    drag(part.easel, (0.2, 0.7), (0.5, 0.7), (0.8, 0.7))
    assert {one.recipe.task for one in part.picturing.shown} == {"paint"}
    assert part.picturing.shown[0].recipe.mask is None
    one = made(part)
    assert one[56, 60].tolist() == [10, 200, 30]
    drag(part.easel, (0.2, 0.2), (0.5, 0.2))
    assert len(part.picturing.state.strokes) == 2
    page.undo.click()
    np.testing.assert_array_equal(made(part), one)
    page.redo.click()
    part.paint.tool.button("eraser").click()
    before = made(part)
    drag(part.easel, (0.2, 0.7), (0.8, 0.7))
    after = made(part)
    assert before[56, 60].tolist() != after[56, 60].tolist()
    ground = part.easel.raster(Ground(), ())
    np.testing.assert_array_equal(after[56, 60], ground[56, 60, 2::-1])


def test_shapes_and_poured_colours(part: ComposePart) -> None:
    part.way.button("paint").click()
    part.paint.grounds["blank"].click()
    part.paint.tool.button("shape").click()
    part.paint.take(7)
    drag(part.easel, (0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75))
    light = list(part.easel.palette_now.colour)
    assert made(part)[40, 60].tolist() == light
    part.paint.take(0)
    dark = list(part.easel.palette_now.colour)
    part.paint.tool.button("fill").click()
    drag(part.easel, (0.05, 0.05))
    pixels = made(part)
    assert pixels[5, 5].tolist() == dark
    assert pixels[75, 115].tolist() == dark
    assert pixels[40, 60].tolist() == light


def test_a_colour_is_taken_from_the_painting(part: ComposePart) -> None:
    part.way.button("paint").click()
    part.begin_from("source")
    drag(part.easel, MIDDLE, keys=Mod.AltModifier)
    assert part.easel.palette_now.colour == (220, 40, 30)
    assert part.picturing.state.strokes == ()
    part.paint.pick.click()
    drag(part.easel, (0.1, 0.9))
    assert part.easel.palette_now.colour != (220, 40, 30)
    assert not part.paint.pick.isChecked()
    QTest.keyClick(part.easel, Key.Key_3)
    assert part.paint.paints[2].isChecked()


def test_a_painting_is_opened(part: ComposePart, tmp_path: Path) -> None:
    path = tmp_path / "painting.png"
    Image.new("RGB", (60, 200), (10, 20, 250)).save(path)
    part.way.button("paint").click()
    part.take_drop([str(path)])
    assert made(part).shape == (80, 120, 3)
    assert made(part)[40, 60].tolist() == [10, 20, 250]
    assert len(part.picturing.shown) == 4
    part.begin_from("blurred")
    assert part.picturing.shown == []


def test_paints_stand_for_the_picture() -> None:
    pixels = np.zeros((40, 60, 4), np.uint8)
    pixels[:, :30, 2], pixels[:, 30:, 0] = 200, 90
    pixels[:4, :4, 1] = 250
    paints = paints_of(pixels)
    assert {(200, 0, 0), (0, 0, 90)} <= set(paints)
    assert any(green > 200 for _red, green, _blue in paints)
    assert len(paints_of(np.full((8, 8, 4), 77, np.uint8))) == 8


def test_poured_colour_stops_at_a_wall() -> None:
    pixels = np.full((60, 90, 4), 255, np.uint8)
    pixels[:, 40:46, :3] = 0
    cover = poured(pixels, 5, 5)
    assert cover[:, :38].min() == 1.0
    assert cover[:, 48:].max() == 0.0


def test_a_stroke_is_the_same_when_it_is_painted_again() -> None:
    source = np.random.default_rng(0).integers(0, 255, (50, 70, 4), np.uint8)
    places = [(5.0, 5.0, 1.0), (40.0, 20.0, 0.5), (60.0, 45.0, 0.8)]
    stroke = Stroke(points_of(places), (10, 200, 30), size=0.2, soft=0.6)
    painting = Painting(source)
    ground = painting.ground(Ground("source"))
    going = Brushing(ground, ground, stroke)
    for place in places:
        going.to(*place)
    made = painting.raster(Ground("source"), (stroke,))
    np.testing.assert_array_equal(going.picture, made)
    assert (made != ground).any()


# ---------------------------------------------------------------- names, the real engine


def test_everything_has_a_name(page: PicturePage, part: ComposePart, ship: Path) -> None:
    drag(part.collage, *SQUARE)
    assert nameless(page) == []
    part.take_drop([str(ship)])
    part.paste.trim.click()
    assert nameless(page) == []
    part.way.button("paint").click()
    assert nameless(page) == []


@pytest.mark.parametrize("way", ["edit", "harmonise", "paint"])
def test_the_real_engine_makes_it_the_pictures_matter(
    make_page: Callable[..., PicturePage], photo: Path, ship: Path, qtbot: QtBot, way: str
) -> None:
    page = make_page(real=True)
    page.open_picture(str(photo))
    page.picturing.change("small, for speed", longest=60)
    part = page.compose
    page.task.button("compose").click()
    part.way.button(way).click()
    if way == "edit":
        drag(part.collage, *SQUARE)
        drag(part.collage, MIDDLE, FREE)
    elif way == "harmonise":
        part.take_drop([str(ship)])
    else:
        drag(part.easel, (0.1, 0.5), (0.9, 0.5))
    finish(page, qtbot)
    assert [one.failed for one in page.picturing.shown] == [""] * 4
    image = page.picturing.shown[0].image
    assert image is not None
    assert (image.width(), image.height()) == (60, 40)
    if way == "edit":
        colour = image.pixelColor(45, 24)
        assert red(np.array([colour.red(), colour.green(), colour.blue()]))
        assert image.pixelColor(5, 35).red() < 90
