"""Keep these fixed: what a card moves along, in the picture, in the project and in a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.fixed import NOTHING, applied, can_fix, share
from app.persist import state_from_json, state_to_json
from app.state import Card, SteerState, from_request, to_request, with_card
from app.widgets.card import DirectionCard
from app.widgets.fixing import FixList
from app.window import MainWindow
from engine.client import from_json
from engine.messages import Direction, ModelInfo, Vector
from models.layers import Layer
from tests.test_steer_panel import picture, settle

WIDE, ROWS = 12, 4
LAYERS = tuple(Layer(f"b{i}", i, 4 << i, 3 * i, 3) for i in range(ROWS))
INFO = ModelInfo("m" * 64, "m", "m", "stylegan2", 32, 3, WIDE, WIDE, 0, ROWS, LAYERS)


def direction(name: str, vector: np.ndarray, **changes: object) -> Direction:
    made = Direction(name, "w", Vector.of(vector / np.linalg.norm(vector)), 2.0)
    return replace(made, **changes)  # type: ignore[arg-type]


def two(mix: float) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors (WIDE,) whose cosine is `mix`."""
    q, _ = np.linalg.qr(np.random.RandomState(0).randn(WIDE, 2))
    return q[:, 0], mix * q[:, 0] + np.sqrt(1 - mix**2) * q[:, 1]


def state_of(*cards: Card) -> SteerState:
    return SteerState(model=INFO.id, cards=cards)


def test_the_picture_moves_along_what_is_left() -> None:
    first, second = two(0.6)
    a, b = Card("a", direction("a", first)), Card("b", direction("b", second), 1.5, fixed=("a",))
    state = state_of(a, b)
    (edit,) = to_request(state, INFO).edits
    assert abs(edit.direction.vector.array() @ first) < 1e-6
    moved, residual = applied(state, b, ROWS)
    assert residual == pytest.approx(0.8, abs=1e-5)
    # One σ stays what it was beside the fixed one.
    assert moved.sigma == pytest.approx(2.0 * 0.8, abs=1e-5)
    assert edit.amount == 1.5
    assert share(residual) == "80 % of it is left"


def test_nothing_is_left_of_a_direction_made_of_the_fixed_ones() -> None:
    first, second = two(0.3)
    cards = (
        Card("a", direction("a", first)),
        Card("b", direction("b", second)),
        Card("c", direction("c", first + second), 2.0, fixed=("a", "b")),
    )
    state = state_of(*cards)
    assert applied(state, cards[2], ROWS)[1] < NOTHING
    assert to_request(state, INFO).edits == ()
    assert "Nothing" in share(0.0)


def test_a_deleted_or_unlike_card_fixes_nothing() -> None:
    first, second = two(0.5)
    style = Direction("s", "s", Vector.of(np.eye(1, WIDE)[0]))
    state = state_of(Card("s", style), Card("b", direction("b", second), fixed=("gone", "b", "s")))
    assert applied(state, state.cards[1], ROWS) == (state.cards[1].direction, 1.0)
    assert not can_fix(state.cards[1].direction, style)
    narrow = direction("n", first[:5])
    assert not can_fix(narrow, state.cards[1].direction)


def test_layers_are_told_apart_row_by_row() -> None:
    first, second = two(0.7)
    coarse = Card("a", direction("a", first, layers=(0, 1)))
    whole = Card("b", direction("b", second), 1.0, fixed=("a",))
    moved, _residual = applied(state_of(coarse, whole), whole, ROWS)
    assert moved.space == "w+"
    rows = moved.vector.array()
    assert np.abs(rows[:2] @ first).max() < 1e-6
    assert abs(rows[3] @ first) > 0.3


def test_a_recipe_brings_the_slider_back_with_what_it_keeps_fixed() -> None:
    first, second = two(0.6)
    for layers in (None, (0, 1)):
        a = Card("a", direction("a", first, layers=layers))
        state = state_of(a, Card("b", direction("b", second), 1.5, fixed=("a",)))
        request = to_request(state, INFO)
        back = from_request(with_card(state, "b", amount=-1.0), request)
        assert back.cards == state.cards
        assert to_request(back, INFO) == request
        freed = from_request(state, to_request(with_card(state, "b", fixed=()), INFO))
        assert freed.cards[1].fixed == ()
        assert len(freed.cards) == 2


def test_it_is_kept_in_the_project() -> None:
    first, second = two(0.6)
    state = state_of(
        Card("a", direction("a", first)), Card("b", direction("b", second), fixed=("a",))
    )
    assert state_from_json(state_to_json(state)).cards == state.cards


# -------------------------------------------------------------- in the window


def shown(window: MainWindow, key: str) -> DirectionCard:
    widget = window.steer.directions.card(key)
    assert widget is not None
    return widget


def fixing(window: MainWindow, key: str, other: str) -> FixList:
    """Open what `key` keeps fixed, and tick `other`."""
    widget = shown(window, key)
    widget.asked.emit(key, "fix")
    assert widget.fixing is not None
    items = widget.fixing.list.findItems(other, Qt.MatchFlag.MatchExactly)
    items[0].setCheckState(Qt.CheckState.Checked)
    return widget.fixing


def mixed(window: MainWindow) -> str:
    """A card between the first two directions; its key."""
    state = window.document.state
    first, second = (card.direction for card in state.cards[:2])
    blend = first.vector.array() + second.vector.array()
    made = replace(first, name="both", vector=Vector.of(blend / np.linalg.norm(blend)))
    return window.finding.add((made,))[0]


def test_a_tick_fixes_and_the_picture_follows(steering: MainWindow, qtbot: QtBot) -> None:
    key = mixed(steering)
    document = steering.document
    document.set_amount(key, 3.0)
    free = settle(steering, qtbot).copy()
    fixing(steering, key, document.state.cards[1].direction.name)
    kept = settle(steering, qtbot).copy()
    assert np.abs(kept.astype(int) - free).max() > 2
    widget = shown(steering, key)
    assert not widget.kept.isHidden()
    assert "71 %" in widget.kept_words.text()
    assert widget.fixing is not None
    assert len(widget.fixing.ticked()) == 1
    document.undo_stack.undo()
    assert widget.fixing.ticked() == ()
    assert widget.kept.isHidden()
    assert np.array_equal(settle(steering, qtbot), free)


def test_fixing_all_it_is_made_of_says_so(steering: MainWindow, qtbot: QtBot) -> None:
    key = mixed(steering)
    steering.document.set_amount(key, 3.0)
    for card in steering.document.state.cards[1:3]:
        fixing(steering, key, card.direction.name)
    widget = shown(steering, key)
    assert widget.kept_words.text().startswith("Nothing of it is left")
    rest = settle(steering, qtbot).copy()
    steering.document.set_amount(key, 0.0)
    assert np.array_equal(settle(steering, qtbot), rest)
    assert widget.fixing is not None
    widget.fixing.none.click()
    assert steering.document.state.cards[0].fixed == ()
    assert widget.kept.isHidden()
    assert picture(steering).shape == rest.shape


def test_a_saved_direction_is_what_moves_the_picture(steering: MainWindow, tmp_path: Path) -> None:
    key = mixed(steering)
    fixing(steering, key, steering.document.state.cards[1].direction.name)
    card = steering.document.state.card(key)
    assert card is not None
    path = tmp_path / "both.json"
    steering.steer.directions.hand.save(card, str(path))
    info = steering.document.info
    assert info is not None
    assert from_json(path.read_text()) == applied(steering.document.state, card, info.num_ws)[0]
    fixing(steering, key, steering.document.state.cards[2].direction.name)
    card = steering.document.state.card(key)
    assert card is not None
    steering.steer.directions.hand.save(card, str(tmp_path / "nothing.json"))
    assert not (tmp_path / "nothing.json").exists()
    assert "Nothing is left" in steering.steer.area.bar.sentence
