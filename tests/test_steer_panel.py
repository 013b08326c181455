"""The Steer panel by hand, on the real engine and a real (tiny) generator."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.state import to_request
from app.widgets.card import DirectionCard
from app.window import MainWindow
from engine.messages import RenderRequest
from tests.conftest import open_model


def picture(window: MainWindow) -> np.ndarray:
    """(H, W, 3) uint8, what the canvas shows (the fourth byte of BGRX means nothing)."""
    image = window.steer.canvas.image()
    pixels = np.frombuffer(image.constBits(), np.uint8)
    return pixels.reshape(image.height(), image.width(), 4)[..., :3].copy()


def settle(window: MainWindow, qtbot: QtBot) -> np.ndarray:
    """Wait until the canvas shows the document's picture."""
    info = window.document.info
    assert info is not None
    qtbot.waitUntil(lambda: window.live.request == to_request(window.document.state, info))
    qtbot.waitUntil(lambda: window.live.up_to_date, timeout=20_000)
    return picture(window)


def drag(widget: QWidget, x_from: float, x_to: float, steps: int = 8) -> None:
    """Press, move, release along a widget's middle; places are shares of its width."""
    y = widget.height() // 2
    points = np.linspace(x_from, x_to, steps + 1) * (widget.width() - 1)
    QTest.mousePress(widget, Qt.MouseButton.LeftButton, pos=QPoint(int(points[0]), y))
    for x in points[1:]:
        QTest.mouseMove(widget, QPoint(int(x), y))
    QTest.mouseRelease(widget, Qt.MouseButton.LeftButton, pos=QPoint(int(points[-1]), y))


def first_card(window: MainWindow) -> DirectionCard:
    card = window.steer.directions.card(window.steer.directions.order[0])
    assert card is not None
    return card


def test_directions_appear_with_the_generator(steering: MainWindow, qtbot: QtBot) -> None:
    cards = steering.document.state.cards
    assert len(cards) >= 8
    assert all(card.direction.method == "sefa" for card in cards)
    qtbot.waitUntil(lambda: len(steering.steer.directions.order) == len(cards), timeout=1_000)


def test_a_slider_moves_the_picture_and_undo_brings_it_back(
    steering: MainWindow, qtbot: QtBot
) -> None:
    before = settle(steering, qtbot).copy()
    slider = first_card(steering).slider
    drag(slider, 0.5, 0.95)
    moved = settle(steering, qtbot).copy()
    assert np.abs(moved.astype(int) - before).max() > 2
    assert steering.document.undo_stack.count() == 1
    steering.commands.actions["edit.undo"].trigger()
    assert slider.amount == 0.0
    assert np.array_equal(settle(steering, qtbot), before)


def test_keys_wheel_and_double_click_on_a_slider(steering: MainWindow) -> None:
    slider = first_card(steering).slider
    slider.setFocus()
    QTest.keyClick(slider, Qt.Key.Key_Right)
    assert slider.amount == pytest.approx(0.1)
    QTest.keyClick(slider, Qt.Key.Key_PageUp)
    assert slider.amount == pytest.approx(1.1)
    assert steering.document.state.cards[0].amount == pytest.approx(1.1)
    assert first_card(steering).value.value() == pytest.approx(1.1)
    QTest.mouseDClick(slider, Qt.MouseButton.LeftButton, pos=QPoint(3, 5))
    assert steering.document.state.cards[0].amount == 0.0


def test_the_middle_is_a_detent(steering: MainWindow) -> None:
    slider = first_card(steering).slider
    drag(slider, 0.9, 0.505)
    assert steering.document.state.cards[0].amount == 0.0


def test_the_number_beside_the_slider_goes_further(steering: MainWindow) -> None:
    card = first_card(steering)
    card.value.setValue(9.0)
    assert steering.document.state.cards[0].amount == 9.0
    assert card.slider.amount == 9.0


def test_layer_brush_limits_a_direction(steering: MainWindow) -> None:
    card = first_card(steering)
    rows = steering.document.info.num_ws  # pyright: ignore[reportOptionalMemberAccess]
    drag(card.brush, 0.01, 1.5 / rows)
    assert steering.document.state.cards[0].direction.layers == (0, 1)
    assert card.span.text() == "layers 0–1"
    QTest.mouseDClick(card.brush, Qt.MouseButton.LeftButton, pos=QPoint(3, 5))
    assert steering.document.state.cards[0].direction.layers is None


def test_rename_pin_hide_delete_are_undoable(steering: MainWindow, qtbot: QtBot) -> None:
    panel, document = steering.steer.directions, steering.document
    qtbot.waitUntil(lambda: len(panel.order) == len(document.state.cards))
    start = document.state
    card = panel.card(panel.order[1])
    assert card is not None
    card.name.setText("prickly")
    card.name.editingFinished.emit()
    card.pin.click()
    assert panel.order[0] == card.key
    panel.card(panel.order[1]).eye.click()  # pyright: ignore[reportOptionalMemberAccess]
    panel.card(panel.order[1]).bin.click()  # pyright: ignore[reportOptionalMemberAccess]
    assert len(panel.order) == len(start.cards) - 2
    assert document.state.cards[1].direction.name == "prickly"
    for _ in range(4):
        document.undo_stack.undo()
    assert document.state == start
    assert len(panel.order) == len(start.cards)


def test_strips_show_what_a_direction_does(steering: MainWindow, qtbot: QtBot) -> None:
    settle(steering, qtbot)
    card = first_card(steering)
    qtbot.waitUntil(lambda: all(image is not None for image in card.strip._images), timeout=30_000)
    ends = [card.strip._images[index] for index in (0, 6)]
    assert ends[0] != ends[1]
    QTest.mouseClick(card.strip, Qt.MouseButton.LeftButton, pos=QPoint(4, 20))
    assert steering.document.state.cards[0].amount == -3.0


def test_seeds_by_typing_random_gallery_and_field(steering: MainWindow, qtbot: QtBot) -> None:
    latent, document = steering.steer.latent, steering.document
    before = settle(steering, qtbot).copy()
    latent.seed.setValue(7)
    assert document.state.seed == 7
    assert not np.array_equal(settle(steering, qtbot), before)
    latent.dice.click()
    assert document.state.seed != 7
    latent.view.button("gallery").click()
    qtbot.waitUntil(lambda: latent.gallery.image(23) is not None, timeout=30_000)
    spot = latent.gallery.cell_rect(5).center().toPoint()
    QTest.mouseClick(latent.gallery, Qt.MouseButton.LeftButton, pos=spot)
    assert document.state.seed == 5
    latent.view.button("field").click()
    entries = document.undo_stack.count()
    drag(latent.field, 0.6, 0.45)
    assert document.state.x != round(document.state.x)
    assert len(to_request(document.state, document.info).latent) == 2  # pyright: ignore
    assert document.undo_stack.count() == entries + 1


@pytest.mark.parametrize("space", ["z", "w+"])
def test_the_space_of_travel(steering: MainWindow, qtbot: QtBot, space: str) -> None:
    latent, document = steering.steer.latent, steering.document
    document.change("place", x=0.5, y=0.5)
    in_w = settle(steering, qtbot).copy()
    latent.space.button(space).click()
    assert latent.rows.isVisible() == (space == "w+")
    assert not np.array_equal(settle(steering, qtbot), in_w)


def test_truncation_noise_and_kinds_change_the_picture(steering: MainWindow, qtbot: QtBot) -> None:
    shaping = steering.steer.latent.shaping
    seen = [settle(steering, qtbot).copy()]
    for change in (
        lambda: shaping.psi.field.setValue(0.2),
        lambda: shaping.cutoff.field.setValue(2),
        lambda: shaping.noise.button("random").click(),
        lambda: shaping.noise_dice.click(),
        lambda: shaping.strength.field.setValue(3.0),
        lambda: shaping.kinds.sliders[2].field.setValue(1.0),
        lambda: shaping.mix_layers.set_changed.emit((0, 1)),
    ):
        change()
        seen.append(settle(steering, qtbot).copy())
    # The tiny generator's noise strengths are zero: noise alone changes nothing in it.
    changed = [not np.array_equal(a, b) for a, b in zip(seen, seen[1:], strict=False)]
    assert changed[0]
    assert changed[1]
    assert changed[5]
    assert changed[6]
    state = steering.document.state
    assert (state.noise, state.noise_seed, state.noise_strength) == ("random", 1, 3.0)


def test_the_last_kind_cannot_be_taken_away(steering: MainWindow) -> None:
    kinds = steering.steer.latent.shaping.kinds.sliders
    kinds[0].field.setValue(0.0)
    assert sum(steering.document.state.classes) > 0


def test_the_pad_moves_two_directions(steering: MainWindow) -> None:
    pad, document = steering.steer.pad.pad, steering.document
    QTest.mousePress(pad, Qt.MouseButton.LeftButton, pos=QPoint(100, 20))
    QTest.mouseRelease(pad, Qt.MouseButton.LeftButton, pos=QPoint(100, 20))
    a, b = (document.state.card(key) for key in document.state.pad)
    assert a is not None
    assert b is not None
    assert a.amount > 1.0
    assert b.amount > 1.0
    assert document.undo_stack.count() == 1


def test_wander_moves_by_itself_and_stops(steering: MainWindow, qtbot: QtBot) -> None:
    still = settle(steering, qtbot).copy()
    steering.commands.actions["steer.wander"].trigger()
    qtbot.waitUntil(lambda: not np.array_equal(picture(steering), still), timeout=20_000)
    steering.commands.actions["steer.wander"].trigger()
    assert np.array_equal(settle(steering, qtbot), still)


def test_snapshots_morph_and_compare(steering: MainWindow, qtbot: QtBot) -> None:
    panel, document = steering.steer.snapshots, steering.document
    a = settle(steering, qtbot).copy()
    panel.take.click()
    document.set_seed(9)
    b = settle(steering, qtbot).copy()
    panel.take.click()
    assert len(document.state.snapshots) == 2
    drag(panel.morph, 0.99, 0.5)
    middle = settle(steering, qtbot).copy()
    assert document.state.morph.on
    assert not np.array_equal(middle, a)
    assert not np.array_equal(middle, b)
    steering.commands.actions["steer.morph_a"].trigger()
    assert np.array_equal(settle(steering, qtbot), a)
    steering.commands.actions["steer.morph_b"].trigger()
    assert np.array_equal(settle(steering, qtbot), b)
    panel.wall.chosen.emit(0)
    assert np.array_equal(settle(steering, qtbot), a)
    assert not document.state.morph.on
    steering.commands.actions["view.compare"].trigger()
    assert steering.steer.canvas.comparing


def test_reset_everything_keeps_snapshots(steering: MainWindow, qtbot: QtBot) -> None:
    document = steering.document
    settle(steering, qtbot)
    steering.steer.snapshots.take.click()
    document.set_seed(5)
    document.set_amount(document.state.cards[0].key, 2.0)
    steering.commands.actions["edit.reset_all"].trigger()
    assert document.state.seed == 0
    assert all(card.amount == 0.0 for card in document.state.cards)
    assert len(document.state.snapshots) == 1


def test_a_preset_brings_the_picture_back(
    steering: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    document = steering.document
    document.set_seed(21)
    document.set_amount(document.state.cards[2].key, 2.5)
    wanted = settle(steering, qtbot).copy()
    file = tmp_path / "ä preset.json"
    steering.actions_.write_preset(str(file))
    assert json.loads(file.read_text("utf-8"))["lodestone"] >= 1
    steering.commands.actions["edit.reset_all"].trigger()
    assert not np.array_equal(settle(steering, qtbot), wanted)
    steering.opener.open_path(str(file))
    assert np.array_equal(settle(steering, qtbot), wanted)


def test_a_png_brings_the_state_back(steering: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    from app.panels.export import picture_request

    document = steering.document
    document.set_seed(33)
    document.set_amount(document.state.cards[1].key, -1.5)
    wanted = settle(steering, qtbot).copy()
    assert steering.live.request is not None
    request = picture_request(steering.live.request, str(tmp_path / "p.png"))
    assert isinstance(request, RenderRequest)
    with qtbot.waitSignal(steering.jobs.finished, timeout=120_000) as done:
        steering.jobs.submit(request)
    assert done.args[0].state == "done", done.args[0].message
    steering.commands.actions["edit.reset_all"].trigger()
    steering.opener.open_path(str(tmp_path / "p.png"))
    assert document.state.seed == 33
    assert document.state.cards[1].amount == -1.5
    assert np.array_equal(settle(steering, qtbot), wanted)


def test_another_generator_replaces_the_panel(steering: MainWindow, qtbot: QtBot) -> None:
    assert steering.steer.latent.shaping.kinds.sliders
    open_model(steering, qtbot, "tiny")
    info = steering.document.info
    assert info is not None
    assert info.name == "tiny"
    assert not steering.steer.latent.shaping.kinds.sliders
    assert all(card.direction.model == info.id for card in steering.document.state.cards)
    assert replace(steering.document.state, model="") != steering.document.state
