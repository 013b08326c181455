"""Sorted pictures as values, and what an axis was learnt from in words."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from app import axes
from app.evidence import axis_told, facts, readable, rows_of
from app.state import Card, SteerState
from engine.messages import (
    Axis,
    CompassFit,
    Direction,
    Label,
    LatentPart,
    ModelInfo,
    PairLabel,
    SteerRequest,
    Vector,
)

INFO = ModelInfo("new", "new", "", "stylegan2", 32, 3, 8, 8, 0, 6, ())
UP = Direction("rounder", "w", Vector.of(np.eye(8)[0]), 2.0, method="compass", model="old")


def seed(number: int, model: str = "old") -> SteerRequest:
    return SteerRequest(model=model, latent=(LatentPart(seed=number),))


def axis(**fields: object) -> Axis:
    made = Axis("rounder", "rounder", "old", seed(0))
    return replace(made, **fields)  # type: ignore[arg-type]


def sorted_axis() -> Axis:
    made = axis()
    for number, answer in ((1, "more"), (2, "less"), (3, "skip"), (4, "more")):
        made = axes.sorted_by(made, seed(number), answer, "Ada", 100.0 + number)  # type: ignore[arg-type]
    return made


def test_a_picture_is_sorted_once_and_keeps_its_place() -> None:
    made = sorted_axis()
    assert axes.counts(made) == (1, 2)
    again = axes.sorted_by(made, seed(1), "less", "Ben", 300.0)
    assert [label.answer for label in again.labels] == ["less", "less", "skip", "more"]
    assert again.labels[0] == Label(seed(1), "less", "Ben", 300.0)
    back = axes.taken_back(again, seed(2))
    assert axes.answer_of(back, seed(2)) is None
    assert len(back.labels) == 3


def test_the_same_two_pictures_replace_their_answer() -> None:
    first = axes.compared(axis(), PairLabel(seed(1), seed(2), "a"))
    turned = axes.compared(first, PairLabel(seed(2), seed(1), "a"))
    assert [(pair.a, pair.answer) for pair in turned.pairs] == [(seed(2), "a")]


def test_what_agrees_is_counted_without_the_skipped() -> None:
    assert axes.agreement(sorted_axis(), (0.5, 0.1, -2.0, -0.2)) == (1, 3)


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("rounder", "Which one is rounder?"),
        ("prickly", "Which one is more prickly?"),
        ("more like a plum", "Which one is more like a plum?"),
        ("", "Which one shows more of it?"),
    ],
)
def test_the_question_is_english(name: str, asked: str) -> None:
    assert axes.question(name) == asked


def test_the_essence_leaves_out_who_and_when() -> None:
    made = sorted_axis()
    other = replace(made, labels=tuple(replace(one, annotator="Ben") for one in made.labels))
    assert axes.essence(made) == axes.essence(other)
    assert axes.essence(made) == axes.essence(replace(made, name="x", direction=UP))
    assert axes.essence(made) != axes.essence(replace(made, learner="logistic"))
    assert axes.essence(made) != axes.essence(axes.taken_back(made, seed(3)))


def test_a_first_fit_makes_a_card_and_a_later_one_keeps_its_amount_and_layers() -> None:
    state = axes.placed(SteerState(), axis())
    state = axes.fitted(state, "rounder", CompassFit(UP))
    card = state.card("rounder")
    assert card is not None
    assert (card.amount, card.pinned, card.direction.name) == (axes.FIRST_AMOUNT, True, "rounder")
    brushed = replace(card, amount=-1.0, direction=replace(card.direction, layers=(0, 2)))
    state = replace(state, cards=(brushed,))
    newer = replace(UP, vector=Vector.of(np.eye(8)[1]))
    state = axes.fitted(state, "rounder", CompassFit(newer))
    assert state.cards == (replace(brushed, direction=replace(newer, layers=(0, 2))),)
    kept = state.axis("rounder")
    assert kept is not None
    assert kept.direction == newer
    assert axes.fitted(state, "rounder", CompassFit(newer)) is state
    assert axes.fitted(state, "rounder", CompassFit(None)) is state
    assert axes.fitted(state, "gone", CompassFit(UP)) is state


def test_a_name_goes_to_the_card_too() -> None:
    state = axes.placed(SteerState(cards=(Card("rounder", UP),)), axis(direction=UP))
    state = axes.renamed(state, "rounder", "plumper")
    assert state.cards[0].direction.name == "plumper"
    assert state.axes[0].name == "plumper"
    assert state.axes[0].direction == state.cards[0].direction


def test_keys_are_taken_once() -> None:
    state = SteerState(cards=(Card("rounder", UP),))
    assert axes.keyed(axis(key=""), state).key == "rounder 2"
    assert axes.keyed(axis(key="", name=""), state).key == "axis"
    assert axes.keyed(axis(), state).key == "rounder"


def test_an_axis_of_another_generator_is_taken_over_when_the_shape_is_right() -> None:
    old = replace(sorted_axis(), direction=UP)
    assert axes.fits_shape(UP, INFO)
    assert not axes.fits_shape(UP, replace(INFO, w_dim=16))
    assert not axes.fits_shape(None, INFO)
    copy = axes.transferred(old, INFO, axes.placed(SteerState(), old))
    assert (copy.key, copy.model) == ("rounder 2", "new")
    assert copy.direction is not None
    assert copy.direction.model == "new"
    assert copy.labels == old.labels
    # Their seeds are other pictures here: they are kept, not learnt from.
    assert axes.own(copy).labels == ()
    own = axes.sorted_by(copy, seed(9, "new"), "more", "", 1.0)
    assert [label.request for label in axes.own(own).labels] == [seed(9, "new")]


# ---------------------------------------------------------------- evidence


def test_evidence_tells_counts_people_and_method() -> None:
    made = replace(
        sorted_axis(), pairs=(PairLabel(seed(5), seed(6), "b", "Ben", 400.0),), learner="logistic"
    )
    said = facts(made, CompassFit(UP, accuracy=0.75, ridge=0.5), (2, 3))
    for words in (
        "2 more, 1 less, 1 skipped, 1 pair ",
        "logistic regression in w",
        "λ 0.5",
        "2 of 3 agree, accuracy 75 %",
        "sorted by Ada, Ben",
        "generator old",
    ):
        assert words in said
    margins = {seed(1): 1.5, seed(2): 0.5, seed(4): -0.5}
    rows = rows_of(made, margins.get, lambda _pair: -0.1)
    assert [row.odd for row in rows] == [False, True, False, True, True]
    assert [row.text(1) for row in rows] == ["more", "less", "skip", "more", "right is more"]
    assert rows[1].text(2) == "+0.50 σ"
    assert rows[3].text(2) == "−0.50 σ"
    ranked = sorted(rows, key=lambda row: row.sort_key(2), reverse=True)
    assert [row.pictures[0] for row in ranked[:3]] == [seed(1), seed(2), seed(4)]


def test_a_direction_tells_what_it_was_learnt_from() -> None:
    stored = {
        "learner": "ridge", "truncation": 0.7, "classes": [],
        "sorted": [
            {"picture": 3, "answer": "more", "annotator": "Ada", "time": 5.0},
            {"a": 4, "b": 5, "answer": "same"},
        ],
    }  # fmt: skip
    told = axis_told(replace(UP, detail=json.dumps(stored)))
    assert told is not None
    assert told.labels == (Label(replace(seed(3), truncation=0.7), "more", "Ada", 5.0),)
    assert told.pairs[0].answer == "same"


@pytest.mark.parametrize(
    "detail", ["", "no json", "[]", "{}", '{"sorted": 3}', '{"sorted": [{"picture": {}}]}']
)
def test_foreign_provenance_is_read_as_far_as_it_goes(detail: str) -> None:
    direction = replace(UP, detail=detail)
    assert axis_told(direction) is None
    assert "Method: compass" in readable(direction)
