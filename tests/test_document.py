"""State, requests, undo: no engine, no window."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from app.document import Document
from app.persist import (
    PLAIN,
    RECORDS,
    ROWS,
    preset_to_json,
    read_preset,
    restored,
    state_from_json,
    state_to_json,
)
from app.state import (
    Card,
    Morph,
    Snapshot,
    SteerState,
    Wander,
    field_parts,
    from_request,
    opened,
    seed_at,
    to_request,
    with_card,
    with_seed,
)
from engine.messages import (
    Direction,
    LatentPart,
    LodestoneError,
    ModelInfo,
    Picture,
    Unit,
    UnitEdit,
    Vector,
)

INFO = ModelInfo(
    "id", "tiny", "", "stylegan2", resolution=16, channels=3, z_dim=8, w_dim=8, c_dim=3, num_ws=6,
    layers=(), class_names=("a", "b", "c"),
)  # fmt: skip


def direction(index: int) -> Direction:
    vector = np.zeros(8, np.float32)
    vector[index] = 1.0
    return Direction(f"d{index}", "w", Vector.of(vector), sigma=2.0)


@pytest.fixture
def document(qtbot: QtBot) -> Document:
    made = Document()
    made.open(INFO, opened(INFO, (direction(0), direction(1), direction(2))))
    return made


def test_a_drag_is_one_undo_entry(document: Document) -> None:
    document.begin_gesture()
    for step in range(50):
        document.set_amount("d0", step / 10)
    document.end_gesture()
    document.begin_gesture()
    document.set_amount("d0", -1.0)
    document.end_gesture()
    assert document.undo_stack.count() == 2
    document.undo_stack.undo()
    assert document.state.card("d0") == replace(Card("d0", direction(0)), amount=4.9)
    document.undo_stack.undo()
    assert document.state.card("d0") == Card("d0", direction(0))
    document.undo_stack.redo()
    assert abs(document.state.cards[0].amount - 4.9) < 1e-9


def test_a_drag_over_two_things_stays_two_entries(document: Document) -> None:
    document.begin_gesture()
    document.set_amount("d0", 1.0)
    document.set_amount("d1", 1.0)
    document.end_gesture()
    assert document.undo_stack.count() == 2


def test_a_drag_back_to_where_it_began_leaves_no_entry(document: Document) -> None:
    document.begin_gesture()
    document.set_amount("d0", 1.0)
    document.set_amount("d0", 0.0)
    document.end_gesture()
    assert not document.undo_stack.canUndo()


def test_an_equal_state_is_no_change(document: Document, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(document.changed):
        document.set_amount("d0", 0.0)
        document.change("nothing", truncation=document.state.truncation)
    assert document.undo_stack.count() == 0


def test_undo_brings_everything_back(document: Document) -> None:
    start = document.state
    document.set_seed(77)
    document.change("noise", noise="off")
    document.change("space", space="z")
    document.change("mix", mix_layers=(1, 2))
    document.change("kinds", classes=(0.2, 0.8, 0.0))
    document.change_card("name", "d1", direction=replace(direction(1), name="prickly"))
    document.change("delete", cards=document.state.cards[1:])
    document.change("wander", wander=replace(document.state.wander, on=True))
    shot = Snapshot("s", "s", to_request(document.state, INFO))
    document.change("snapshot", snapshots=(shot,))
    end = document.state
    while document.undo_stack.canUndo():
        document.undo_stack.undo()
    assert document.state == start
    while document.undo_stack.canRedo():
        document.undo_stack.redo()
    assert document.state == end


def test_bilinear_weights_of_the_field() -> None:
    parts = {part.seed: part.weight for part in field_parts(3.25, 1.5)}
    expected = {103: 0.375, 104: 0.125, 203: 0.375, 204: 0.125}
    assert parts == pytest.approx(expected)
    assert field_parts(5.0, 2.0) == (LatentPart(seed=205, weight=1.0),)
    assert seed_at(-1, 0) == 2**32 - 1


@pytest.mark.parametrize("seed", [0, 7, 99, 100, 12_345, 2**32 - 1])
def test_typing_a_seed_stands_on_it(seed: int) -> None:
    state = with_seed(SteerState(), seed)
    assert state.seed == seed
    assert to_request(state, INFO).latent == (LatentPart(seed=seed),)


def test_z_travel_keeps_the_length_of_a_seed() -> None:
    state = replace(SteerState(), x=3.5, y=1.5, space="z")
    (part,) = to_request(state, INFO).latent
    assert part.space == "z"
    assert part.vector is not None
    rows = [np.random.RandomState(seed).randn(1, 8)[0] for seed in (103, 104, 203, 204)]
    expected = sum(rows) / 4 / np.sqrt(4 / 16)
    assert part.vector.array() == pytest.approx(expected, abs=1e-5)


def test_w_plus_travel_moves_only_the_chosen_rows() -> None:
    state = replace(SteerState(), x=0.5, space="w+", anchor=9, field_rows=(0, 1))
    parts = to_request(state, INFO).latent
    assert parts[0] == LatentPart(seed=9, rows=(2, 3, 4, 5))
    assert {part.seed for part in parts[1:]} == {0, 1}
    assert all(part.rows == (0, 1) for part in parts[1:])


def test_only_moved_directions_are_in_the_request(document: Document) -> None:
    document.set_amount("d1", -1.5)
    request = to_request(document.state, INFO)
    assert [(edit.direction.name, edit.amount) for edit in request.edits] == [("d1", -1.5)]


def test_equal_states_make_equal_requests(document: Document) -> None:
    assert to_request(document.state, INFO) == to_request(replace(document.state), INFO)


def test_a_wander_starts_and_ends_where_it_stands(document: Document) -> None:
    wander = Wander(on=True, speed=0.5, radius=1.0, latent=True, cards=("d0",))
    state = replace(document.state, wander=wander)
    still = to_request(document.state, INFO)
    assert to_request(state, INFO, 0.0) == still
    middle = to_request(state, INFO, 0.7)
    assert middle.latent != still.latent
    assert middle.edits
    end = to_request(state, INFO, 2.0)
    assert [part.seed for part in end.latent] == [part.seed for part in still.latent]


def test_morph_ends_are_the_snapshots(document: Document) -> None:
    a = to_request(document.state, INFO)
    b = replace(a, latent=(LatentPart(seed=5),), truncation=0.2)
    shots = (Snapshot("a", "a", a), Snapshot("b", "b", b))
    state = replace(document.state, snapshots=shots, morph=Morph(True, "a", "b", 0.0))
    assert to_request(state, INFO) == a
    assert to_request(replace(state, morph=Morph(True, "a", "b", 1.0)), INFO) == b
    half = to_request(replace(state, morph=Morph(True, "a", "b", 0.5)), INFO)
    assert half.truncation == pytest.approx((a.truncation + b.truncation) / 2)


def test_touching_anything_leaves_the_morph(document: Document) -> None:
    document.change("on", morph=Morph(True, "a", "b", 0.5))
    document.set_amount("d0", 1.0)
    assert not document.state.morph.on


def test_a_request_returns_to_its_state(document: Document) -> None:
    state = replace(
        document.state, x=12.25, y=3.5, classes=(0.1, 0.9, 0.0), mix_seed=4, mix_layers=(1,),
        noise="random", noise_seed=3, noise_strength=0.4, truncation=0.55, truncation_cutoff=3,
    )  # fmt: skip
    state = with_card(state, "d2", amount=1.25)
    request = to_request(state, INFO)
    back = from_request(document.state, request)
    assert to_request(back, INFO) == request
    assert (back.x, back.y) == pytest.approx((12.25, 3.5))
    assert back.card("d2") == state.card("d2")


def test_unknown_directions_of_a_request_become_cards(document: Document) -> None:
    state = with_card(document.state, "d1", amount=2.0)
    bare = opened(INFO, (direction(0),))
    back = from_request(bare, to_request(state, INFO))
    assert [card.key for card in back.cards] == ["d0", "d1"]
    assert back.cards[1].amount == 2.0


def test_the_whole_state_survives_the_project_file(document: Document) -> None:
    state = replace(
        document.state,
        snapshots=(Snapshot("s", "S", to_request(document.state, INFO), Picture(1, 1, b"abcd")),),
        custom=(LatentPart(vector=Vector.of(np.ones(8)), space="w"),),
        morph=Morph(False, "s", "s", 0.25),
        wander=Wander(False, 0.2, 2.0, False, ("d0",)),
        pad=("d1", "d2"),
        truncation_cutoff=4,
        units=(UnitEdit((Unit("b8", 3),), "boost", 2.0, Vector.of(np.eye(4)), "rounder", False),),
    )
    back = state_from_json(state_to_json(state))
    assert back == state
    assert back.snapshots[0].picture == Picture(1, 1, b"abcd")


def test_no_field_is_forgotten_in_the_project_file() -> None:
    others = {"custom", "mix", "cards", "units", "wander", "morph", "snapshots", "ridge"}
    assert {*PLAIN, *ROWS, *RECORDS} | others == {field.name for field in fields(SteerState)}


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"x": 1}', "null"])
def test_a_damaged_state_is_a_sentence(text: str) -> None:
    with pytest.raises(LodestoneError, match="damaged"):
        state_from_json(text)


def test_preset_round_trip_keeps_names_and_ranges(document: Document) -> None:
    named = replace(direction(1), name="lemon-like", layers=(1, 3))
    state = with_card(document.state, "d1", direction=named, amount=2.0)
    request = to_request(state, INFO)
    back = restored(document.state, *read_preset(preset_to_json(state, request)))
    assert to_request(back, INFO) == request
    card = back.card("d1")
    assert card is not None
    assert card.direction == named


def test_a_preset_that_is_not_one_is_a_sentence() -> None:
    with pytest.raises(LodestoneError, match="Choose a file"):
        read_preset("{}")
