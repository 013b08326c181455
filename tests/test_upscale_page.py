"""The Upscale workspace by hand, on the real engine and a tiny upscaler."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QImage, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app import theme
from app.inbox import Inbox
from app.jobs import Jobs
from app.link import EngineLink
from app.panels.upscale import LEFT, UpscalePage
from app.panels.upscale_view import TOO_LARGE
from app.upscale_state import Part, Seen, UpscaleState, parts_of, settings_of
from app.widgets.heat import heat, table
from engine.client import EngineClient
from engine.messages import UpscaleSettings
from engine.upscale.enlarge import enlarge
from engine.upscale.opened import open_upscaler
from tests.test_accessible import nameless
from tests.test_upscale_moving import film
from tests.upscalers import bytes_of, photo, tiny_upscaler

SOON = 20_000
WIDTH, HEIGHT = 66, 48


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A person's folder with two upscalers of their own."""
    home = tmp_path_factory.mktemp("home")
    for name, seed in (("one", 1), ("two", 2)):
        tiny_upscaler(home / "upscalers", seed=seed, name=name)
    return home


@pytest.fixture
def page(
    qtbot: QtBot, shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[UpscalePage]:
    """Nothing is open yet."""
    monkeypatch.setenv("LODESTONE_HOME", str(shelf))
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    theme.apply(app)
    inbox = Inbox()
    client = EngineClient(inbox, local=True)
    client.start()
    link = EngineLink(client, inbox)
    made = UpscalePage(link, Jobs(link), tmp_path / "person")
    made.resize(1200, 720)
    qtbot.addWidget(made)
    with qtbot.waitExposed(made):
        made.show()
    made.upscaling.change("", model="one", folder=str(tmp_path / "out"))
    made.undo_stack.clear()
    yield made
    made.queue.close()
    link.close()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "leaf.png"
    Image.fromarray(bytes_of(photo(HEIGHT, WIDTH))).save(path)
    return path


@pytest.fixture
def shown(page: UpscalePage, source: Path, qtbot: QtBot) -> UpscalePage:
    """The picture is open, both sides of the split are there."""
    page.upscaling.open(str(source))
    finish(page, qtbot)
    return page


def finish(page: UpscalePage, qtbot: QtBot) -> None:
    upscaling = page.upscaling
    qtbot.wait(60)  # so long the page waits before it asks

    def finished() -> bool:
        wanted = page.view.loupe.wanted
        sheets = upscaling.sheets
        return not upscaling.busy and all(
            side in sheets
            and sheets[side].done
            and sheets[side].source is upscaling.source
            and sheets[side].settings == upscaling.settings(side)
            for side in wanted
        )

    qtbot.waitUntil(finished, timeout=SOON)


def pixels(image: QImage) -> np.ndarray:
    """(H, W, 3) int of RGB."""
    image = image.convertToFormat(QImage.Format.Format_RGB32)
    raw = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.width(), 4)
    return raw[..., 2::-1].astype(int)


def side(page: UpscalePage, name: str) -> np.ndarray:
    return pixels(page.upscaling.sheets[name].image)


def expected(source: Path, **fields: object) -> np.ndarray:
    """What the engine writes to a file."""
    settings = replace(UpscaleSettings(model="one"), **fields)  # type: ignore[arg-type]
    picture = np.asarray(Image.open(source))
    return enlarge(picture, open_upscaler(settings), settings).astype(int)


def on_screen(page: UpscalePage) -> np.ndarray:
    """The part of the screen that the picture takes, at 100 %."""
    loupe = page.view.loupe
    box = loupe.target(loupe.panes()[0]).toRect()
    return pixels(loupe.grab().toImage())[box.top() :, box.left() :][: box.height(), : box.width()]


# ---------------------------------------------------------------- the picture


def test_what_is_seen_is_what_is_written(shown: UpscalePage, source: Path) -> None:
    assert np.abs(side(shown, "made") - expected(source)).max() <= 1
    assert np.abs(side(shown, "against") - expected(source, strength=0.0)).max() <= 1
    assert "one on ONNX Runtime CPU" in shown.view.words.toolTip()
    assert f"{WIDTH} × {HEIGHT} → {3 * WIDTH} × {3 * HEIGHT}" in shown.view.words.toolTip()
    assert shown.form.name.toolTip() == str(source)
    assert nameless(shown) == []


def test_the_small_picture_is_there_before_the_engine_has_enlarged_it(
    page: UpscalePage, source: Path, qtbot: QtBot
) -> None:
    page.upscaling.open(str(source))
    qtbot.waitSignal(page.upscaling.source_changed, timeout=SOON).wait()
    assert not page.upscaling.sheets
    rough, plain = on_screen(page)[40:, 8:80], expected(source, strength=0.0)[40:, 8:80]
    assert np.abs(rough - plain).mean() < 4


def test_strength_is_live_and_none_is_plain(shown: UpscalePage, source: Path, qtbot: QtBot) -> None:
    shown.form.strength.slider.moved.emit(150.0)
    finish(shown, qtbot)
    assert shown.upscaling.state.strength == 1.5
    assert np.abs(side(shown, "made") - expected(source, strength=1.5)).max() <= 1
    shown.form.strength.slider.moved.emit(0.0)
    finish(shown, qtbot)
    assert np.array_equal(side(shown, "made"), side(shown, "against"))
    assert "no model" in shown.view.words.toolTip()


def test_a_drag_is_undone_at_once(shown: UpscalePage, qtbot: QtBot) -> None:
    before = shown.upscaling.sheets["made"]
    slider = shown.form.strength.slider
    slider.began.emit()
    for percent in (90.0, 70.0, 40.0):
        slider.moved.emit(percent)
    slider.ended.emit()
    finish(shown, qtbot)
    assert shown.undo_stack.count() == 1
    shown.undo.click()
    assert shown.upscaling.state.strength == 1.0
    assert slider.amount == 100.0
    qtbot.waitUntil(lambda: shown.upscaling.sheets["made"] is before, timeout=SOON)


def test_sizes(shown: UpscalePage, source: Path, qtbot: QtBot) -> None:
    shown.form.times.button("2").click()
    finish(shown, qtbot)
    assert np.abs(side(shown, "made") - expected(source, scale=2.0)).max() <= 1
    assert not shown.form.scale.isVisible()
    shown.form.times.button("other").click()
    shown.form.scale.setValue(2.5)
    finish(shown, qtbot)
    assert np.abs(side(shown, "made") - expected(source, scale=2.5)).max() <= 1
    assert "165 × 120" in shown.form.words.text()
    assert shown.form.minimumSizeHint().width() <= LEFT
    assert shown.fit.minimumSizeHint().width() <= LEFT - 2 * 14


# ---------------------------------------------------------------- comparing


def test_left_of_the_line_is_plain_and_right_of_it_the_model(
    shown: UpscalePage, source: Path
) -> None:
    loupe = shown.view.loupe
    QTest.mousePress(loupe, Qt.MouseButton.LeftButton, pos=loupe.rect().center())
    wanted = round(loupe.target(loupe.panes()[0]).left()) + 50
    QTest.mouseMove(loupe, QPoint(wanted, loupe.height() // 2))
    QTest.mouseRelease(loupe, Qt.MouseButton.LeftButton, pos=QPoint(wanted, loupe.height() // 2))
    assert round(loupe.line_x()) == wanted
    screen = on_screen(shown)[40:-40]
    made, plain = expected(source)[40:-40], expected(source, strength=0.0)[40:-40]
    assert np.abs(made - plain).max() > 12
    assert np.abs(screen[:, :40] - plain[:, :40]).max() <= 2
    assert np.abs(screen[:, 60:] - made[:, 60:]).max() <= 2


def test_the_lens_shows_the_other_under_the_pointer(shown: UpscalePage, source: Path) -> None:
    shown.view.mode.button("lens").click()
    loupe = shown.view.loupe
    target = loupe.target(loupe.panes()[0]).toRect()
    # So that its lower left quarter covers the upper right one of the picture.
    QTest.mouseMove(loupe, target.topRight() + QPoint(20, -40))
    screen, made = on_screen(shown), expected(source)
    plain = expected(source, strength=0.0)
    assert np.abs(screen[32:40, -60:] - plain[32:40, -60:]).max() <= 2
    assert np.abs(screen[100:, :60] - made[100:, :60]).max() <= 2


def test_two_models_beside_each_other(shown: UpscalePage, source: Path, qtbot: QtBot) -> None:
    shown.view.mode.button("beside").click()
    shown.form.against.setCurrentIndex(shown.form.against.findData("two"))
    shown.form.against.activated.emit(shown.form.against.currentIndex())
    finish(shown, qtbot)
    other = expected(source, model="two")
    assert np.abs(side(shown, "against") - other).max() <= 1
    loupe = shown.view.loupe
    loupe.pan(7, -5)
    screen = pixels(loupe.grab().toImage())
    for pane, wanted in zip(loupe.panes(), (other, expected(source)), strict=True):
        box = loupe.target(pane).toRect()
        seen = screen[box.top() :, box.left() :][: box.height(), : box.width()]
        assert np.abs(seen[40:] - wanted[40:]).max() <= 2


def test_the_difference_says_how_much(shown: UpscalePage, source: Path, qtbot: QtBot) -> None:
    shown.view.mode.button("apart").click()
    made, plain = expected(source), expected(source, strength=0.0)
    apart = np.abs(made - plain).max(axis=2)
    loupe = shown.view.loupe
    qtbot.waitUntil(lambda: loupe.scene.heat is not None, timeout=SOON)
    found = loupe.scene.heat
    assert found is not None
    assert abs(found.largest - apart.max()) <= 1
    assert found.mean == pytest.approx(apart.mean(), abs=0.6)
    # What is said at the top and the colour bar cover the rest.
    coloured = table(found.top)[apart[32:70]][..., 2::-1].astype(int)
    assert np.ptp(coloured) > 80
    assert np.abs(on_screen(shown)[32:70] - coloured).mean() < 6
    shown.form.strength.slider.moved.emit(0.0)
    finish(shown, qtbot)
    qtbot.waitUntil(lambda: loupe.scene.heat is not found, timeout=SOON)
    found = loupe.scene.heat
    assert found is not None
    assert (found.largest, found.mean) == (0, 0.0)


def test_hotter_is_lighter_and_sizes_must_agree() -> None:
    for top in (8, 255):
        light = table(top).astype(int)[:, :3] @ [114, 587, 299]
        assert (np.diff(light[: top + 1]) > 0).all()
        assert (light[top:] == light[top]).all()
    blank = QImage(4, 4, QImage.Format.Format_RGB32)
    blank.fill(0)
    assert heat(blank, QImage(5, 4, QImage.Format.Format_RGB32)) is None
    assert heat(QImage(), QImage()) is None
    white = QImage(4, 4, QImage.Format.Format_RGB32)
    white.fill(0xFFFFFFFF)
    found = heat(blank, white)
    assert found is not None
    assert (found.top, found.largest, found.mean) == (255, 255, 255.0)


def test_the_original_while_it_is_held(shown: UpscalePage, source: Path, qtbot: QtBot) -> None:
    loupe = shown.view.loupe
    QTest.keyPress(loupe, Qt.Key.Key_C)
    finish(shown, qtbot)
    own = np.asarray(Image.open(source)).astype(int).repeat(3, axis=0).repeat(3, axis=1)
    assert np.abs(on_screen(shown)[40:] - own[40:]).max() <= 1
    QTest.keyRelease(loupe, Qt.Key.Key_C)
    assert not loupe.peek
    QTest.mousePress(shown.view.original, Qt.MouseButton.LeftButton)
    assert loupe.peek
    QTest.mouseRelease(shown.view.original, Qt.MouseButton.LeftButton)
    assert not loupe.peek


# ---------------------------------------------------------------- moving about


def test_the_wheel_zooms_at_the_pointer_and_only_what_is_seen_is_asked(
    page: UpscalePage, tmp_path: Path, qtbot: QtBot
) -> None:
    wide = tmp_path / "wide.png"
    Image.fromarray(bytes_of(photo(1100, 1500))).save(wide)
    page.upscaling.open(str(wide))
    qtbot.waitSignal(page.upscaling.source_changed, timeout=SOON).wait()
    loupe = page.view.loupe
    page.view.zooms["fit"].click()
    assert page.view.percent.text().startswith("Fit")
    qtbot.waitUntil(lambda: loupe.scene.words == TOO_LARGE, timeout=SOON)
    at = QPointF(150, 200)

    def under() -> QPointF:
        return (at - loupe.target(loupe.panes()[0]).topLeft()) / loupe.zoom

    page.view.zooms["200"].click()
    before = under()
    QTest.keyClick(loupe, Qt.Key.Key_1)
    assert page.view.percent.text() == "100 %"
    QTest.keyClick(loupe, Qt.Key.Key_Plus)
    assert page.view.percent.text() == "125 %"
    page.view.zooms["200"].click()
    assert (under() - before).manhattanLength() < 1.0
    wheel = QWheelEvent(
        at, at, QPoint(), QPoint(0, 480), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    loupe.wheelEvent(wheel)
    assert (under() - before).manhattanLength() < 1.0
    finish(page, qtbot)
    part, seen = page.upscaling.sheets["made"].part, loupe.seen()
    assert part.left <= seen.left < seen.right <= part.left + part.width
    assert part.top <= seen.top < seen.bottom <= part.top + part.height
    assert part.width * part.height < 3 * (seen.right - seen.left) * (seen.bottom - seen.top)
    assert loupe.scene.words == ""


def test_parts() -> None:
    size = (640, 360)
    found = parts_of(Seen(100.2, 50, 300, 149.5), size, 3.0, False)
    assert found is not None
    assert found[0] == Part(100, 50, 200, 100)
    assert found[1].holds(found[0])
    assert not found[0].holds(found[1])
    assert parts_of(Seen(0, 0, 640, 360), size, 3.0, False) == (Part(0, 0, 640, 360),) * 2
    assert parts_of(Seen(), size, 3.0, False) is None
    assert parts_of(Seen(0, 0, 4000, 3000), (4000, 3000), 3.0, False) is None
    # Seamless: across the seam both ends are needed, within the second copy its own place.
    found = parts_of(Seen(600, 20, 700, 40), size, 3.0, True)
    assert found is not None
    assert (found[0].left, found[0].width) == (0, 640)
    found = parts_of(Seen(700, 370, 760, 390), size, 3.0, True)
    assert found is not None
    assert found[0] == Part(60, 10, 60, 20)


def test_seamless_pictures_repeat(shown: UpscalePage, source: Path, qtbot: QtBot) -> None:
    shown.view.mode.button("made").click()
    shown.form.wrap.setChecked(True)
    finish(shown, qtbot)
    wanted = expected(source, wrap=True)
    assert np.abs(wanted - expected(source)).max() > 4
    screen = on_screen(shown)
    assert screen.shape[:2] == (6 * HEIGHT, 6 * WIDTH)
    lower = screen[3 * HEIGHT :]
    assert np.abs(lower[:, : 3 * WIDTH] - wanted).max() <= 2
    assert np.abs(lower[:, 3 * WIDTH :] - wanted).max() <= 2


# ---------------------------------------------------------------- files


def test_what_is_dropped_is_queued_and_the_first_is_shown(
    page: UpscalePage, source: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    assert page.begin.isVisible()
    folder = tmp_path / "folder"
    folder.mkdir()
    Image.new("RGB", (20, 10), "teal").save(folder / "a.jpg")
    for paths, name in (([folder], "a.jpg"), ([source, folder], "leaf.png")):
        mime = QMimeData()
        mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
        page.dropEvent(
            QDropEvent(
                QPointF(9, 9), Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton,
                Qt.KeyboardModifier.NoModifier,
            )
        )  # fmt: skip
        qtbot.waitUntil(
            lambda name=name: (
                page.upscaling.source is not None and page.upscaling.source.name == name
            ),
            timeout=SOON,
        )
    qtbot.waitUntil(lambda: len(page.queue.queue.items) >= 2, timeout=SOON)
    assert {item.name for item in page.queue.queue.items} == {"a.jpg", "leaf.png"}
    assert not page.begin.isVisible()
    page.queue.picked.emit(str(folder / "a.jpg"))
    finish(page, qtbot)
    assert page.upscaling.source is not None
    assert page.upscaling.source.size == (20, 10)


def test_the_queue_is_told_what_the_form_says(shown: UpscalePage, tmp_path: Path) -> None:
    shown.form.format.setCurrentIndex(shown.form.format.findData("png"))
    shown.form.format.activated.emit(0)
    assert not shown.form.quality.isVisible()
    order = shown.order()
    assert order.settings == settings_of(shown.upscaling.state)
    assert (order.format, order.folder) == ("png", str(tmp_path / "out"))


def test_frames_of_a_film(page: UpscalePage, tmp_path: Path, qtbot: QtBot) -> None:
    path = film(tmp_path / "a.mp4")
    page.upscaling.open(str(path))
    finish(page, qtbot)
    first = side(page, "made")
    frame = page.view.frame
    assert frame.isVisible()
    assert "of 9" in page.view.frame_words.text()
    frame.moved.emit(8.0)
    finish(page, qtbot)
    assert page.upscaling.source is not None
    assert page.upscaling.source.frame == frame.amount == 8
    assert np.abs(side(page, "made") - first).max() > 8
    assert "9 of 9" in page.view.frame_words.text()


def test_what_cannot_be_read_is_said_where_one_looks(
    shown: UpscalePage, tmp_path: Path, qtbot: QtBot
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    shown.upscaling.open(str(broken))
    qtbot.waitUntil(lambda: "broken.png" in shown.view.words.toolTip(), timeout=SOON)
    assert shown.view.warning.isVisible()
    assert shown.upscaling.source is not None
    assert shown.upscaling.source.name == "leaf.png"
    shown.upscaling.change("Model", model="nobody")
    qtbot.waitUntil(lambda: "no upscaler nobody" in shown.view.words.toolTip(), timeout=SOON)
    assert not shown.upscaling.busy
    shown.undo.click()
    assert not shown.view.warning.isVisible()


def test_transparent_and_deep_pictures(page: UpscalePage, tmp_path: Path, qtbot: QtBot) -> None:
    clear = bytes_of(photo(20, 24, 4))
    clear[..., 3] = 0
    clear[5:15, 5:15, 3] = 255
    Image.fromarray(clear).save(tmp_path / "clear.png")
    page.upscaling.open(str(tmp_path / "clear.png"))
    finish(page, qtbot)
    assert "transparent" in page.form.about.text()
    alpha = page.upscaling.sheets["made"].image
    assert alpha.hasAlphaChannel()
    assert alpha.pixelColor(1, 1).alpha() == 0
    assert alpha.pixelColor(30, 30).alpha() > 200
    Image.fromarray(np.full((9, 9), 40_000, np.uint16)).save(tmp_path / "deep.png")
    page.upscaling.open(str(tmp_path / "deep.png"))
    finish(page, qtbot)
    assert "16 bit" in page.form.about.text()
    assert np.abs(side(page, "against") - 156).max() <= 1


# ---------------------------------------------------------------- models


def test_a_model_is_added_or_refused_with_a_sentence(
    shown: UpscalePage, shelf: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    form = shown.form
    assert [form.model.itemData(i) for i in range(form.model.count())][-2:] == ["one", "two"]
    card = tiny_upscaler(tmp_path, seed=3, name="three")
    shown.take([str(card)])
    assert not shown.queue.queue.items
    assert not form.add.isEnabled()
    qtbot.waitUntil(lambda: shown.upscaling.state.model == "three", timeout=SOON)
    assert form.model.currentData() == "three"
    assert form.add.isEnabled()
    (shelf / "upscalers" / "three.safetensors").unlink()
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(b"no graph")
    shown.models.add(str(bad))
    qtbot.waitUntil(lambda: "bad" in form.said.text() and form.add.isEnabled(), timeout=SOON)
    assert shown.upscaling.state.model == "three"


def test_the_state_is_kept_apart_from_the_picture(shown: UpscalePage, source: Path) -> None:
    shown.form.times.button("4").click()
    shown.upscaling.open(str(source))
    assert shown.upscaling.state == replace(
        UpscaleState(), model="one", scale=4.0, folder=shown.upscaling.state.folder
    )
