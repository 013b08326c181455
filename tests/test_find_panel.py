"""Finding directions in the window: from the fields to new cards, channels, files, search."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.jobs import title
from app.state import Card
from app.widgets.details import read_detail
from app.widgets.filters import NEW, FilterBar
from app.widgets.found import explained
from app.window import MainWindow
from engine.client import channel_direction, to_json
from engine.messages import ChannelsRequest, Direction, DiscoverRequest, SteerRequest, Vector
from tests.conftest import open_model
from tests.test_accessible import INSIDE, nameless
from tests.test_steer_panel import settle

PATIENCE = 90_000


def other(window: MainWindow, name: str, seed: int = 1, **changes: object) -> Direction:
    """A random direction of w for the open generator."""
    info = window.document.info
    assert info is not None
    vector = np.random.RandomState(seed).randn(info.w_dim)
    made = Direction(name, "w", Vector.of(vector / np.linalg.norm(vector)), model=info.id)
    return replace(made, **changes)  # type: ignore[arg-type]


def names(window: MainWindow) -> list[str]:
    return [card.direction.name for card in window.document.state.cards]


def order(window: MainWindow, qtbot: QtBot, count: int) -> list[str]:
    """Names of the cards in sight, once there are `count`."""
    panel = window.steer.directions
    qtbot.waitUntil(lambda: len(panel.order) == count, timeout=5_000)
    found = (window.document.state.card(key) for key in panel.order)
    return [card.direction.name for card in found if card is not None]


# -------------------------------------------------------------- the whole way


def test_pca_arrives_as_new_cards_and_undo_removes_them(steering: MainWindow, qtbot: QtBot) -> None:
    before = names(steering)
    steering.commands.actions["steer.find"].trigger()
    assert steering.steer.finding
    find = steering.steer.searching
    find.set_method("pca")
    find.form.count.setValue(3)
    find.form.samples.setValue(500)
    with qtbot.waitSignal(steering.finding.found, timeout=PATIENCE):
        find.go.click()
        assert not find.go.isEnabled()
        assert not find.running.isHidden()
    assert not steering.steer.finding
    assert order(steering, qtbot, 3) == ["pca 1", "pca 2", "pca 3"]
    assert names(steering) == ["pca 1", "pca 2", "pca 3", *before]
    panel = steering.steer.directions
    assert len(panel.banner.plot.values) == 3
    assert panel.filters.chips[NEW].isChecked()
    card = panel.card(panel.order[0])
    assert card is not None
    assert not card.tag.isHidden()
    card.set_open(True)
    assert find.go.isEnabled()
    out = Path(steering.keeper.folder) / "directions"
    assert len(list(out.glob("*.json"))) == 1
    still = settle(steering, qtbot).copy()
    steering.document.set_amount(panel.order[0], 3.0)
    assert np.abs(settle(steering, qtbot).astype(int) - still).max() > 2
    steering.document.undo_stack.undo()
    assert steering.document.undo_stack.undoText() == "Find 3 directions"
    steering.document.undo_stack.undo()
    assert names(steering) == before


def test_brushing_ranks_channels_and_a_dragged_one_is_a_card(
    steering: MainWindow, qtbot: QtBot
) -> None:
    steer = steering.steer
    steer.set_finding(True)
    steer.searching.set_method("channels")
    part = steer.searching.channels
    qtbot.waitUntil(lambda: part.list.rows.rowCount() > 0, timeout=PATIENCE)
    sigmas = [row.sigma for row in part.list.rows.rows]
    assert sigmas == sorted(sigmas, reverse=True)
    part.brush.click()
    assert steer.mask_layer.active
    assert not part.ask.isEnabled()
    settle(steering, qtbot)
    middle = steer.canvas.target().center().toPoint()
    QTest.mousePress(steer.mask_layer, Qt.MouseButton.LeftButton, pos=middle)
    QTest.mouseMove(steer.mask_layer, middle + QPoint(30, 0))
    QTest.mouseRelease(steer.mask_layer, Qt.MouseButton.LeftButton, pos=middle + QPoint(30, 0))
    with qtbot.waitSignal(steering.finding.ranked, timeout=PATIENCE):
        part.ask.click()
    assert 0 < part.list.rows.rowCount() <= 24
    channel = part.list.rows.rows[0].channel
    cards = len(steering.document.state.cards)
    part.list.began.emit()
    for amount in (1.0, 4.0, 6.0):
        part.list.moved.emit(channel, amount)
    part.list.ended.emit()
    assert len(steering.document.state.cards) == cards + 1
    assert steering.document.state.cards[0].amount == 6.0
    assert steering.document.state.cards[0].direction.method == "styles"
    assert part.list.rows.amount(channel) == 6.0
    steering.document.undo_stack.undo()
    assert len(steering.document.state.cards) == cards
    assert part.list.rows.amount(channel) is None
    QTest.keyClick(steer.mask_layer, Qt.Key.Key_Escape)
    assert not steer.mask_layer.active


def test_a_search_that_cannot_begin_says_why(steering: MainWindow, qtbot: QtBot) -> None:
    find = steering.steer.searching
    steering.steer.set_finding(True)
    find.set_method("pca")
    find.form.count.setValue(16)
    find.form.samples.setValue(100)
    find.form.count.setRange(1, 5000)
    find.form.count.setValue(5000)
    with qtbot.waitSignal(steering.jobs.finished, timeout=PATIENCE):
        find.go.click()
    assert "5,000" in find.running.message.text()
    assert find.go.isEnabled()


# -------------------------------------------------------------- cards


def test_what_is_here_already_is_not_added_twice(steering: MainWindow) -> None:
    words: list[str] = []
    steering.finding.found.connect(lambda _keys, text: words.append(text))
    known = tuple(card.direction for card in steering.document.state.cards)
    assert steering.finding.add((*known, other(steering, "mine"))) == ("mine",)
    assert steering.finding.add(known) == ()
    assert words == [
        f"1 new direction; {len(known)} were here already.",
        "Nothing new: these directions are here already.",
    ]


def test_take_back_removes_what_was_found_and_moved(steering: MainWindow) -> None:
    before = names(steering)
    keys = steering.finding.add((other(steering, "a"), other(steering, "b", 2)))
    steering.document.set_amount(keys[0], 2.0)
    steering.steer.directions.banner.undo.click()
    assert names(steering) == before
    assert steering.steer.directions.banner.isHidden()
    steering.document.undo_stack.undo()
    assert names(steering) == ["a", "b", *before]


def test_search_and_chips(steering: MainWindow, qtbot: QtBot) -> None:
    count = len(names(steering))
    steering.finding.add(
        (
            other(steering, "long hair", method="pca"),
            other(steering, "redder", 2, method="selective", layers=(1, 1)),
        )
    )
    panel = steering.steer.directions
    panel.show_all()
    assert len(order(steering, qtbot, count + 2)) == count + 2
    panel.filters.search.setText("HAIR pca")
    assert order(steering, qtbot, 1) == ["long hair"]
    panel.filters.search.setText("layer 1")
    assert order(steering, qtbot, 1) == ["redder"]
    panel.filters.search.setText("no such thing")
    assert order(steering, qtbot, 0) == []
    assert "search" in panel.empty.text()
    panel.filters.search.clear()
    panel.filters.chips["selective"].click()
    panel.filters.chips["pca"].click()
    assert set(order(steering, qtbot, 2)) == {"long hair", "redder"}
    steering.document.undo_stack.undo()
    assert len(order(steering, qtbot, count)) == count


def test_chips_for_one_method_only_are_not_needed(qtbot: QtBot) -> None:
    bar = FilterBar()
    qtbot.addWidget(bar)
    vector = Vector.of(np.ones(3))
    cards = [Card(f"{i}", Direction(f"{i}", "w", vector, method="sefa")) for i in range(3)]
    bar.show_counts(cards, ())
    assert all(chip.isHidden() for chip in bar.chips.values())
    odd = Card("x", Direction("x", "w", vector, method="by magic"))
    bar.show_counts([*cards, odd], {"x"})
    assert [name for name, chip in bar.chips.items() if not chip.isHidden()] == [
        NEW, "sefa", "other",
    ]  # fmt: skip
    bar.only(NEW)
    assert bar.matches(odd, {"x"}, None)
    assert not bar.matches(cards[0], {"x"}, None)


def test_duplicate_and_undo(steering: MainWindow) -> None:
    hand = steering.steer.directions.hand
    first = steering.document.state.cards[0]
    steering.document.set_amount(first.key, 1.0)
    hand.act(first.key, "duplicate")
    twin = steering.document.state.cards[1]
    assert twin.direction.name == f"{first.direction.name} copy"
    assert twin.direction.vector == first.direction.vector
    assert twin.amount == 0.0
    hand.act("no such card", "duplicate")
    steering.document.undo_stack.undo()
    assert steering.document.state.cards[1].key != twin.key


@pytest.mark.parametrize(
    ("detail", "bars", "curve"),
    [
        ("", 0, 0),
        ("no json", 0, 0),
        ("[1, 2]", 0, 0),
        ('{"explained": "much", "loss": "low"}', 0, 0),
        ('{"explained": 0.25, "loss": [4.0, 2.0, 1.0]}', 1, 3),
    ],
)
def test_details_never_fail_on_what_others_wrote(detail: str, bars: int, curve: int) -> None:
    direction = Direction("d", "w", Vector.of(np.ones(3)), method="pca", detail=detail)
    shown = read_detail(direction)
    assert len(shown.curve) == curve
    assert len(explained([direction])) == bars
    if curve:
        assert "loss down 75 %" in shown.facts
        assert "explains 25.0 % of the variance" in shown.facts


def test_jobs_have_names() -> None:
    find = DiscoverRequest("m", "pca", "x.json", space="a", at="b8.conv1")
    assert title(find) == "Find by PCA"
    for method in ("sefa", "selective", "styles"):
        assert title(replace(find, method=method)).startswith("Find by ")
    mask = Vector.of(np.ones((2, 2)))
    assert title(ChannelsRequest(SteerRequest("m"), mask, "x.json")) == "Find channels"


# -------------------------------------------------------------- files, other generators


def test_a_file_of_directions_becomes_cards(steering: MainWindow, tmp_path: Path) -> None:
    one, many = tmp_path / "one.json", tmp_path / "many.json"
    mine = other(steering, "mine")
    one.write_text(to_json(mine))
    many.write_text(to_json((other(steering, "a", 2), other(steering, "b", 3, model=""))))
    steering.opener.open_path(str(one))
    steering.opener.open_path(str(many))
    assert names(steering)[:3] == ["a", "b", "mine"]
    one.write_text(to_json(mine)[:-40])
    steering.opener.open_path(str(one))
    assert "not Lodestone JSON" in steering.steer.area.bar.sentence


def test_directions_of_another_generator_wait_for_a_yes(
    steering: MainWindow, tmp_path: Path
) -> None:
    before = names(steering)
    path = tmp_path / "theirs.json"
    path.write_text(to_json(other(steering, "theirs", model="f" * 64)))
    steering.opener.open_path(str(path))
    bar = steering.steer.area.bar
    assert names(steering) == before
    assert "another generator" in bar.sentence
    bar.button.click()
    assert names(steering) == ["theirs", *before]
    moved = steering.document.state.cards[0].direction
    info = steering.document.info
    assert info is not None
    assert moved.model == info.id
    assert json.loads(moved.detail)["transferred_from"] == "f" * 64


def test_a_preset_brings_no_stranger_unasked(steering: MainWindow, tmp_path: Path) -> None:
    request = steering.live.request
    assert request is not None
    before = names(steering)
    path = tmp_path / "preset.json"
    theirs = other(steering, "theirs", 5, model="f" * 64)
    path.write_text(to_json((request, other(steering, "mine", 4), theirs)))
    steering.opener.open_path(str(path))
    assert names(steering) == [*before, "mine"]
    bar = steering.steer.area.bar
    assert "another generator" in bar.sentence
    bar.button.click()
    assert names(steering) == ["theirs", *before, "mine"]


def test_directions_that_cannot_fit_are_refused(steering: MainWindow, tmp_path: Path) -> None:
    before = names(steering)
    wide = Direction("wide", "w", Vector.of(np.ones(7) / np.sqrt(7)), model="f" * 64)
    path = tmp_path / "wide.json"
    path.write_text(to_json(wide))
    steering.opener.open_path(str(path))
    assert names(steering) == before
    assert "do not fit" in steering.steer.area.bar.sentence
    assert steering.steer.area.bar.button.isHidden()


def test_a_file_opens_its_generator_first(
    make_window: Callable[[], MainWindow], qtbot: QtBot, tmp_path: Path
) -> None:
    window = make_window()
    path = tmp_path / "d.json"
    path.write_text(to_json(Direction("x", "w", Vector.of(np.ones(16) / 4), model="f" * 64)))
    window.opener.open_path(str(path))
    assert "Open their generator" in window.bar.sentence
    qtbot.waitUntil(lambda: bool(window.opener.models), timeout=PATIENCE)
    tiny = next(model for model in window.opener.models if model.name == "tiny")
    path.write_text(to_json(Direction("x", "w", Vector.of(np.ones(16) / 4), model=tiny.id)))
    with qtbot.waitSignal(window.finding.found, timeout=PATIENCE):
        window.opener.open_path(str(path))
    assert window.document.info is not None
    assert window.document.info.id == tiny.id
    assert names(window)[0] == "x"


def test_a_direction_is_carried_to_another_generator(steering: MainWindow, qtbot: QtBot) -> None:
    first = steering.document.state.cards[0]
    steering.steer.directions.hand.act(first.key, "carry")
    bar = steering.steer.area.bar
    assert "another generator" in bar.sentence
    open_model(steering, qtbot, "tiny")
    qtbot.waitUntil(lambda: "can be tried" in bar.sentence)
    bar.button.click()
    assert steering.document.state.cards[0].direction.vector == first.direction.vector
    # Carried once: opening the first again offers nothing.
    bar.dismiss()
    open_model(steering, qtbot, "kinds")
    assert bar.sentence == ""


def test_everything_on_the_find_face_has_a_name_of_its_own(steering: MainWindow) -> None:
    steering.steer.set_finding(True)
    find = steering.steer.searching
    for method in find.cards:
        find.set_method(method)
        if method == "channels":
            find.channels.set_painting(True)
        assert nameless(find) == []
        names = [
            widget.accessibleName()
            for widget in find.findChildren(QWidget)
            if widget.isVisible() and widget.focusPolicy() & Qt.FocusPolicy.TabFocus
            and widget.objectName() not in INSIDE
        ]  # fmt: skip
        assert len(set(names)) == len(names)


def test_a_direction_of_the_compass_opens_its_evidence(steering: MainWindow) -> None:
    key = steering.finding.add((other(steering, "rounder", method="compass"),))[0]
    widget = steering.steer.directions.card(key)
    assert widget is not None
    verbs = [action.objectName() for action in widget.menu().actions()]
    assert "evidence" in verbs
    widget.asked.emit(key, "evidence")
    assert steering.workspace == "compass"


def test_a_single_channel_reaches_further(steering: MainWindow, qtbot: QtBot) -> None:
    info = steering.document.info
    assert info is not None
    direction = channel_direction(info, 3, 0.5)
    key = steering.finding.add((direction,))[0]
    widget = steering.steer.directions.card(key)
    assert widget is not None
    assert widget.brush.isHidden()
    QTest.mouseClick(widget.strip, Qt.MouseButton.LeftButton, pos=QPoint(4, 20))
    card = steering.document.state.card(key)
    assert card is not None
    assert card.amount == -9.0
    assert widget.slider.amount == -9.0
    assert widget.slider.minimum() == -10_500
