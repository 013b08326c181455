"""The Steer state as JSON text for the project file, and presets as JSON files. Strict; no Qt.

What grows without end (sorted pictures, words) is kept in rows of its own (`RECORDS`).
"""

from __future__ import annotations

import functools
import json
from dataclasses import replace
from typing import Any

from app.state import Card, Morph, Snapshot, SteerState, Wander, from_request
from engine.client import from_json, to_json
from engine.messages import (
    Annotation,
    Axis,
    Direction,
    EditSet,
    LodestoneError,
    Pair,
    Picture,
    SteerRequest,
)

PLAIN = (
    "model",
    "x",
    "y",
    "space",
    "anchor",
    "mix_seed",
    "truncation",
    "truncation_cutoff",
    "noise",
    "noise_seed",
    "noise_strength",
)
ROWS = ("field_rows", "classes", "mix_layers", "pad")
RECORDS = {
    "axes": "axis",
    "pairs": "pair",
    "annotations": "annotation",
    "edit_sets": "edit set",
}
"""Fields kept as rows of their own in the project, and the kind of row."""
DAMAGED = "The steering state in this project is damaged. The generator opens as new instead."


def state_to_json(state: SteerState) -> str:
    """Everything of the panel, readable by `state_from_json`."""
    body: dict[str, Any] = {name: getattr(state, name) for name in PLAIN}
    body |= {name: list(getattr(state, name)) for name in ROWS}
    body["latents"] = [_message(state.custom), _message(state.mix)]
    body["units"] = _message(state.units)
    body["cards"] = [
        {
            "key": card.key,
            "amount": card.amount,
            "hidden": card.hidden,
            "pinned": card.pinned,
            "fixed": list(card.fixed),
            "direction": _message(card.direction),
        }
        for card in state.cards
    ]
    wander, morph = state.wander, state.morph
    body["ridge"] = state.ridge
    body["wander"] = [wander.speed, wander.radius, wander.latent, list(wander.cards)]
    body["morph"] = [morph.on, morph.a, morph.b, morph.t]
    body["snapshots"] = [
        {
            "key": shot.key,
            "name": shot.name,
            "request": _message(shot.request),
            "picture": _message(shot.picture) if shot.picture else None,
        }
        for shot in state.snapshots
    ]
    return json.dumps(body)


def state_from_json(text: str) -> SteerState:
    """The state of `state_to_json`; raises LodestoneError when it is not one."""
    try:
        body = json.loads(text)
        parts: dict[str, Any] = {name: body[name] for name in PLAIN}
        parts |= {name: tuple(body[name]) for name in ROWS}
        custom, mix = (_read(item, tuple) for item in body["latents"])
        speed, radius, latent, keys = body["wander"]
        on, a, b, t = body["morph"]
        return SteerState(
            **parts,
            custom=custom,
            mix=mix,
            units=_read(body["units"], tuple) if "units" in body else (),
            cards=tuple(_card(item) for item in body["cards"]),
            wander=Wander(False, float(speed), float(radius), bool(latent), tuple(keys)),
            morph=Morph(bool(on), a, b, float(t)),
            snapshots=tuple(_snapshot(item) for item in body["snapshots"]),
            ridge=float(body.get("ridge", 10.0)),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LodestoneError(DAMAGED, str(error)) from error


def _card(item: dict[str, Any]) -> Card:
    direction = _read(item["direction"], Direction)
    amount, hidden, pinned = float(item["amount"]), bool(item["hidden"]), bool(item["pinned"])
    fixed = tuple(str(key) for key in item.get("fixed", ()))
    return Card(str(item["key"]), direction, amount, hidden, pinned, fixed)


def _snapshot(item: dict[str, Any]) -> Snapshot:
    picture = _read(item["picture"], Picture) if item["picture"] else None
    request = _read(item["request"], SteerRequest)
    return Snapshot(str(item["key"]), str(item["name"]), request, picture)


def record_id(item: Axis | Pair | Annotation | EditSet) -> str:
    """What names a row: an annotation is one person's words for one pair."""
    if isinstance(item, Annotation):
        return f"{item.pair}/{item.annotator}/{item.created}"
    return item.key


def with_records(state: SteerState, records: dict[str, tuple[Any, ...]]) -> SteerState:
    """The state with the project's rows; `records` by kind."""
    rows = {field: records.get(kind, ()) for field, kind in RECORDS.items()}
    return replace(state, **rows)


@functools.lru_cache(maxsize=1024)
def _message(value: object) -> Any:
    """As parsed JSON; kept, because hardly any of it changes from one writing to the next."""
    return json.loads(to_json(value))


def _read(item: Any, kind: type) -> Any:
    value = from_json(json.dumps(item))
    if not isinstance(value, kind):
        raise TypeError(f"{type(value).__name__} instead of {kind.__name__}")
    return value


# ---------------------------------------------------------------- presets


def preset_to_json(state: SteerState, request: SteerRequest) -> str:
    """A preset: the picture's request, then all directions with their names."""
    return to_json((request, *(card.direction for card in state.cards)), indent=1)


def read_messages(text: str) -> tuple[Any, ...]:
    """What a JSON file of ours holds; raises LodestoneError."""
    value = from_json(text)
    return value if isinstance(value, tuple) else (value,)


def read_directions(text: str) -> tuple[Direction, ...]:
    """The directions of a file that holds nothing else; empty when it is something else."""
    items = read_messages(text)
    return items if all(isinstance(item, Direction) for item in items) else ()


def read_preset(text: str) -> tuple[SteerRequest, tuple[Direction, ...]]:
    """The request and the directions of a preset."""
    items = read_messages(text)
    request = items[0] if items else None
    directions = tuple(item for item in items[1:] if isinstance(item, Direction))
    if not isinstance(request, SteerRequest) or len(directions) != len(items) - 1:
        raise LodestoneError(
            "This JSON is from Lodestone but is not a preset. Choose a file saved with Save preset."
        )
    return request, directions


def with_directions(state: SteerState, directions: tuple[Direction, ...]) -> SteerState:
    """The state with names and layer ranges as in a preset; unknown directions become cards."""
    cards = list(state.cards)
    for direction in directions:
        for index, card in enumerate(cards):
            same = card.direction.vector == direction.vector
            if same and card.direction.space == direction.space:
                cards[index] = replace(card, direction=direction)
                break
        else:
            taken = {card.key for card in cards}
            key = direction.name or "Direction"
            while key in taken:
                key += " ′"
            cards.append(Card(key, direction))
    return replace(state, cards=tuple(cards))


def restored(
    state: SteerState, request: SteerRequest, directions: tuple[Direction, ...] = ()
) -> SteerState:
    """The state that shows a preset or a picture file."""
    return from_request(with_directions(state, directions), request)
