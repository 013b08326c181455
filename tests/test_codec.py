"""Requests as JSON and back; nothing half-read."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.codec import from_json, to_json
from engine.messages import (
    Direction,
    Edit,
    ImportRequest,
    JobUpdate,
    LatentPart,
    LodestoneError,
    Picture,
    RenderRequest,
    SteerRequest,
    Vector,
)

floats = st.floats(-10, 10, width=32)
vectors = st.lists(floats, min_size=1, max_size=9).map(lambda v: Vector.of(np.array(v)))
spans = st.none() | st.tuples(st.integers(0, 17), st.integers(0, 17))
directions = st.builds(
    Direction,
    name=st.text(max_size=20),
    space=st.sampled_from(["z", "w", "w+", "s"]),
    vector=vectors,
    sigma=floats,
    layers=spans,
)
parts = st.builds(
    LatentPart,
    seed=st.none() | st.integers(0, 2**32 - 1),
    vector=st.none() | vectors,
    space=st.sampled_from(["z", "w", "w+"]),
    weight=floats,
    rows=st.none() | st.lists(st.integers(0, 17), max_size=3).map(tuple),
)
requests = st.builds(
    SteerRequest,
    model=st.text(max_size=8),
    latent=st.lists(parts, max_size=3).map(tuple),
    classes=st.lists(floats, max_size=3).map(tuple),
    truncation=floats,
    truncation_cutoff=st.none() | st.integers(0, 18),
    noise=st.sampled_from(["const", "random", "off"]),
    edits=st.lists(st.builds(Edit, directions, floats), max_size=2).map(tuple),
)


@settings(deadline=None)
@given(requests)
def test_request_survives(request: SteerRequest) -> None:
    assert from_json(to_json(request)) == request


@settings(deadline=None)
@given(st.lists(directions, max_size=3))
def test_preset_of_directions_survives(preset: list[Direction]) -> None:
    assert from_json(to_json(preset, indent=1)) == tuple(preset)


def test_nested_kinds_survive() -> None:
    picture = Picture.of(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))
    jobs = (
        RenderRequest((SteerRequest("m"),), "ö/out", names=("a",)),
        JobUpdate(3, "running", ImportRequest("ä.pkl"), 0.5, preview=picture),
        JobUpdate(3, "failed", ImportRequest("ä.pkl"), figures=(("loss", 0.5),)),
    )
    assert from_json(to_json(jobs)) == jobs


def changed(path: str, value: object) -> str:
    direction = Direction("prickly", "w", Vector.of(np.ones(4)), layers=(1, 2))
    text = to_json(SteerRequest("m", edits=(Edit(direction, 1.0),)))
    body = json.loads(text)
    place = body
    *steps, last = path.split(".")
    for step in steps:
        place = place[int(step) if step.isdigit() else step]
    if value is KeyError:
        del place[last]
    else:
        place[last] = value
    return json.dumps(body)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("lodestone", 2),
        ("lodestone", "1"),
        ("type", "Exception"),
        ("type", "SteerRequest2"),
        ("type", None),
        ("surprise", 1),
        ("value.model", 3),
        ("value.model", KeyError),
        ("value.surprise", 3),
        ("value.truncation", "0.7"),
        ("value.truncation", True),
        ("value.truncation", float("nan")),
        ("value.truncation", 1e400),
        ("value.noise", "loud"),
        ("value.latent", {}),
        ("value.latent.0.seed", 1.5),
        ("value.noise_seed", True),
        ("value.edits.0.direction.vector.shape", [5]),
        ("value.edits.0.direction.vector.shape", [-2, -2]),
        ("value.edits.0.direction.vector.shape", [10**12]),
        ("value.edits.0.direction.vector.f32", "%%%"),
        ("value.edits.0.direction.vector.f32", "AADAfwAAwH8AAMB/AADAfw=="),
        ("value.edits.0.direction.layers", [1]),
        ("value.edits.0.direction.layers", [1, 2, 3]),
    ],
)
def test_wrong_texts_are_refused_with_a_sentence(path: str, value: object) -> None:
    with pytest.raises(LodestoneError, match=r"\. .+\.$"):
        from_json(changed(path, value))


@pytest.mark.parametrize("text", ["", "[]", "null", "{", "[" * 100_000, '{"a": 1}', b"\xff\xfe{"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(LodestoneError):
        from_json(text)


def test_newer_version_says_so() -> None:
    with pytest.raises(LodestoneError, match="newer"):
        from_json(changed("lodestone", 2))


def test_missing_fields_take_their_defaults() -> None:
    text = '{"lodestone": 1, "type": "SteerRequest", "value": {"model": "m", "truncation": 1}}'
    assert from_json(text) == SteerRequest("m")


def test_only_messages_are_written() -> None:
    with pytest.raises(TypeError):
        to_json({"a": 1})
