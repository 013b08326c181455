"""Sorted pictures as values: what a click on the compass changes in the state. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from app.state import Card, SteerState, fresh_key
from engine.messages import (
    Axis,
    CompassFit,
    Direction,
    Label,
    LabelAnswer,
    ModelInfo,
    PairLabel,
    SteerRequest,
)

FIRST_AMOUNT = 2.0
"""σ at which a direction shows itself when it is first found: 0 would show nothing."""


def draft(info: ModelInfo, state: SteerState, created: float) -> Axis:
    """An axis nobody has sorted by yet: pictures as the canvas shows them, without its edits."""
    template = SteerRequest(
        model=info.id,
        classes=state.classes[: info.c_dim] if info.c_dim else (),
        truncation=state.truncation,
        truncation_cutoff=state.truncation_cutoff,
    )
    return Axis(key="", name="", model=info.id, template=template, created=created)


def keyed(axis: Axis, state: SteerState) -> Axis:
    """The axis with a key of its own, which is its card's key too."""
    if axis.key:
        return axis
    taken = [other.key for other in state.axes] + [card.key for card in state.cards]
    return replace(axis, key=fresh_key(taken, axis.name or "axis"))


def placed(state: SteerState, axis: Axis) -> SteerState:
    """The state with this axis in it, in the place of the one with its key."""
    if state.axis(axis.key) is None:
        return replace(state, axes=(*state.axes, axis))
    axes = tuple(axis if other.key == axis.key else other for other in state.axes)
    return replace(state, axes=axes)


def removed(state: SteerState, key: str) -> SteerState:
    """The state without an axis; its slider stays."""
    return replace(state, axes=tuple(axis for axis in state.axes if axis.key != key))


def renamed(state: SteerState, key: str, name: str) -> SteerState:
    """The axis and its card under another name."""
    axis = state.axis(key)
    if axis is None:
        return state
    direction = replace(axis.direction, name=name) if axis.direction else None
    state = placed(state, replace(axis, name=name, direction=direction))
    cards = tuple(
        replace(card, direction=replace(card.direction, name=name)) if card.key == key else card
        for card in state.cards
    )
    return replace(state, cards=cards)


# ---------------------------------------------------------------- answers


def answer_of(axis: Axis, request: SteerRequest) -> LabelAnswer | None:
    """How a picture was sorted; None when it was not."""
    return next((one.answer for one in axis.labels if one.request == request), None)


def sorted_by(
    axis: Axis, request: SteerRequest, answer: LabelAnswer, annotator: str, now: float
) -> Axis:
    """With one more picture sorted; a picture that was sorted before keeps its place."""
    label = Label(request, answer, annotator, now)
    if answer_of(axis, request) is None:
        return replace(axis, labels=(*axis.labels, label))
    labels = tuple(label if one.request == request else one for one in axis.labels)
    return replace(axis, labels=labels)


def taken_back(axis: Axis, request: SteerRequest) -> Axis:
    """As if the picture had never been sorted."""
    return replace(axis, labels=tuple(one for one in axis.labels if one.request != request))


def compared(axis: Axis, pair: PairLabel) -> Axis:
    """With one more pair; the same two pictures again replace the first answer."""
    both = {pair.a, pair.b}
    kept = tuple(other for other in axis.pairs if {other.a, other.b} != both)
    return replace(axis, pairs=(*kept, pair))


def counts(axis: Axis) -> tuple[int, int]:
    """Pictures on the side of less and of more."""
    answers = [label.answer for label in axis.labels]
    return answers.count("less"), answers.count("more")


def agreement(axis: Axis, margins: Sequence[float]) -> tuple[int, int]:
    """How many sorted pictures lie on the side they were put on, and how many there are."""
    pairs = [
        (label.answer, margin)
        for label, margin in zip(axis.labels, margins, strict=False)
        if label.answer != "skip"
    ]
    return sum((margin > 0) == (answer == "more") for answer, margin in pairs), len(pairs)


def question(name: str) -> str:
    """What is asked of two pictures: `Which one is rounder?`"""
    name = name.strip()
    if not name:
        return "Which one shows more of it?"
    comparative = name.split()[0].lower().endswith("er") or name.lower().startswith("more ")
    return f"Which one is {name}?" if comparative else f"Which one is more {name}?"


# ---------------------------------------------------------------- the fit


def essence(axis: Axis) -> tuple[object, ...]:
    """What a fit depends on."""
    answers = tuple((label.request, label.answer) for label in axis.labels)
    pairs = tuple((pair.a, pair.b, pair.answer) for pair in axis.pairs)
    where = (axis.model, axis.space, axis.at, axis.layers, axis.learner, axis.fixed)
    return (axis.key, answers, pairs, *where)


def own(axis: Axis) -> Axis:
    """Only what was sorted on the axis' own generator: a seed of another one is another picture."""
    labels = tuple(one for one in axis.labels if one.request.model in ("", axis.model))
    pairs = tuple(one for one in axis.pairs if one.a.model in ("", axis.model))
    if len(labels) == len(axis.labels) and len(pairs) == len(axis.pairs):
        return axis
    return replace(axis, labels=labels, pairs=pairs)


def fitted(state: SteerState, key: str, fit: CompassFit) -> SteerState:
    """The state with a direction that was just fitted, on its axis and on its card."""
    axis = state.axis(key)
    if axis is None or fit.direction is None:
        return state
    direction = replace(fit.direction, name=axis.name or key)
    if direction == axis.direction:
        return state
    before = axis.direction
    state = placed(state, replace(axis, direction=direction))
    card = state.card(key)
    if card is None:
        made = Card(key, direction, FIRST_AMOUNT, pinned=True)
        return replace(state, cards=(made, *state.cards))
    layers = direction.layers
    if before is not None and card.direction.layers != before.layers:
        layers = card.direction.layers  # Brushed on the card: the hand's choice stays.
    moved = replace(direction, layers=layers)
    cards = tuple(replace(one, direction=moved) if one.key == key else one for one in state.cards)
    return replace(state, cards=cards)


def with_slider(state: SteerState, key: str) -> SteerState:
    """The axis' direction as a card again, after it was deleted there."""
    axis = state.axis(key)
    if axis is None or axis.direction is None or state.card(key) is not None:
        return state
    made = Card(key, axis.direction, FIRST_AMOUNT, pinned=True)
    return replace(state, cards=(made, *state.cards))


# ---------------------------------------------------------------- another generator


def fits_shape(direction: Direction | None, info: ModelInfo) -> bool:
    """Whether a direction of another generator can be used with this one."""
    if direction is None:
        return False
    styles = max((layer.style_start + layer.style_count for layer in info.layers), default=0)
    shapes = {
        "z": (info.z_dim,),
        "w": (info.w_dim,),
        "w+": (info.num_ws, info.w_dim),
        "s": (styles,),
    }
    return shapes.get(direction.space) == direction.vector.shape


def transferred(axis: Axis, info: ModelInfo, state: SteerState) -> Axis:
    """A copy for the open generator; the sorted pictures stay as its provenance."""
    direction = replace(axis.direction, model=info.id) if axis.direction else None
    template = replace(axis.template, model=info.id)
    if len(template.classes) != info.c_dim:
        classes = (1.0, *(0.0,) * (info.c_dim - 1)) if info.c_dim else ()
        template = replace(template, classes=classes)
    copy = replace(axis, key="", model=info.id, template=template, direction=direction)
    return keyed(copy, state)
