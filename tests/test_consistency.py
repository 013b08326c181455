"""Whether a direction does the same everywhere, on a small real generator."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.backend import read_constants
from engine.messages import (
    Consistency,
    ConsistencyQuestion,
    Direction,
    LatentPart,
    LodestoneError,
    SteerRequest,
    Vector,
)
from engine.runtime import Runtime
from engine.steer.consistency import (
    consistency,
    cosines_with_others,
    lab,
    mean_cosine,
    random_twin,
    shrunk,
    unrelated,
)
from engine.steer.latents import Edit, resolve
from engine.torch_backend import TorchBackend
from tests import small


def places(count: int) -> tuple[SteerRequest, ...]:
    return tuple(
        SteerRequest(small.info().id, (LatentPart(seed=40 + index),), truncation=0.6)
        for index in range(count)
    )


def painted(sigma: float = 0.3) -> Direction:
    """All positions of the last layer alike: a tint, wherever it is applied."""
    vector = np.random.RandomState(2).randn(8)
    unit = Vector.of(vector / np.linalg.norm(vector))
    return Direction("tint", "a", unit, sigma, at="b32.conv1")


def in_w(seed: int, sigma: float = 1.0) -> Direction:
    vector = np.random.RandomState(seed).randn(20)
    return Direction("w", "w", Vector.of(vector / np.linalg.norm(vector)), sigma)


def finished(work: Generator[Any, None, Consistency]) -> tuple[list[Any], Consistency]:
    """What came on the way, and the answer."""
    on_the_way = []
    while True:
        try:
            on_the_way.append(next(work))
        except StopIteration as end:
            return on_the_way, end.value


def ask(direction: Direction, count: int = 5, amount: float = 1.0) -> Consistency:
    question = ConsistencyQuestion(direction, places(count), amount)
    return finished(consistency(question, small.runtime()))[1]


def pale(folder: Path) -> Runtime:
    """Pictures of little contrast, whose last layer is painted in the same colours everywhere."""
    made = small.generator(c_dim=0)
    made.synthesis.b32.torgb.affine.weight.zero_()
    for size in (4, 8, 16, 32):
        made.synthesis.get_submodule(f"b{size}.torgb").weight.mul_(0.1)
    info = small.save(made, folder / "pale.safetensors")
    constants = read_constants(info)
    return Runtime(info, TorchBackend(made, info, constants), constants)


def test_a_tint_is_the_same_everywhere_and_a_random_direction_is_not(tmp_path: Path):
    runtime = pale(tmp_path)
    seeds = tuple(SteerRequest(runtime.info.id, (LatentPart(seed=40 + i),)) for i in range(6))

    def found(direction: Direction, amount: float) -> Consistency:
        question = ConsistencyQuestion(direction, seeds, amount)
        return finished(consistency(question, runtime))[1]

    tint, random = found(painted(), 1.0), found(in_w(3), 0.5)
    assert tint.score > 0.99
    assert min(tint.places) > 0.99
    assert random.score < 0.8
    assert 0.0 < random.chance < tint.score
    # Colours in a plane: the strength is exactly proportional until something is clipped.
    assert found(painted(), 2.0).strength == pytest.approx(2.0 * tint.strength, rel=1e-3)


def test_unrelated_changes_are_compared_without_their_signs():
    same = np.array([[1.0, 0.0], [-1.0, 0.0], [1.0, 0.0]])
    assert unrelated(same) == pytest.approx(1.0)
    assert unrelated(np.eye(3)) == 0.0
    slanted = np.array([[1.0, 0.0], [0.6, 0.8]])
    assert unrelated(slanted) == pytest.approx(0.6)


def test_it_is_the_mean_over_all_pairs():
    units = np.random.RandomState(0).randn(6, 9)
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    cosines = units @ units.T
    expected = cosines[np.triu_indices(6, 1)].mean()
    assert mean_cosine(units) == pytest.approx(expected)
    assert mean_cosine(np.repeat(units[:1], 3, axis=0)) == pytest.approx(1.0)
    assert mean_cosine(np.stack([units[0], -units[0]])) == pytest.approx(-1.0)
    others = units[1:].mean(axis=0)
    expected = units[0] @ others / np.linalg.norm(others)
    assert cosines_with_others(units)[0] == pytest.approx(expected)


def test_no_change_divides_by_nothing():
    found = ask(in_w(1, sigma=0.0), 3)
    assert found == Consistency(0.0, 0.0, (0.0, 0.0, 0.0), 0.0)
    assert ask(painted(), 2, amount=0.0).score == 0.0
    opposite = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]])
    np.testing.assert_array_equal(cosines_with_others(opposite)[2:], [0.0])


def test_the_canvas_gets_its_turn_after_every_picture():
    question = ConsistencyQuestion(painted(), places(4))
    way, last = finished(consistency(question, small.runtime()))
    assert [one is None for one in way] == [True] * 12 + [False] + [True] * 4
    assert isinstance(way[12], Consistency)
    assert len(way[12].places) == 3
    assert way[12].places != last.places[:3]
    assert len(last.places) == 4


def test_one_picture_is_not_enough():
    with pytest.raises(LodestoneError, match="two or more"):
        ask(painted(), 1)


def test_classes_and_the_places_own_edits_are_kept():
    moved = tuple(dataclasses.replace(one, edits=(Edit(in_w(9), 1.5),)) for one in places(2))
    classed = tuple(dataclasses.replace(one, classes=(0.0, 1.0, 0.0)) for one in places(2))
    scores = [
        finished(consistency(ConsistencyQuestion(in_w(3), some), small.runtime()))[1].strength
        for some in (places(2), moved, classed)
    ]
    assert len(set(scores)) == 3


@pytest.mark.parametrize("space", ["w", "w+", "z", "s", "a"])
def test_the_random_direction_moves_equally_far(space: Any):
    info, runtime = small.info(), small.runtime()
    rows = np.random.RandomState(1)
    styles = sum(layer.style_count for layer in info.layers)
    shapes = {"w": (20,), "w+": (info.num_ws, 20), "z": (24,), "s": (styles,), "a": (8,)}
    layers = (2, 4) if space in ("w", "w+", "s") else None
    given = Direction(
        "given", space, Vector.of(rows.randn(*shapes[space])), 0.7, layers, at="b32.conv1"
    )
    if space == "s":
        given = dataclasses.replace(given, vector=Vector.of(np.eye(styles)[80]))
    twin = random_twin(given, info, 1)
    assert twin == random_twin(given, info, 1)
    assert twin.vector != given.vector
    lengths = []
    for direction in (given, twin):
        plain = resolve(places(1)[0], runtime)
        found = resolve(dataclasses.replace(places(1)[0], edits=(Edit(direction, 2.0),)), runtime)
        moved = found.activation_offset.get("b32.conv1", np.zeros(1))
        lengths.append(
            [
                np.linalg.norm(found.ws - plain.ws),
                np.linalg.norm(found.style_offset),
                np.linalg.norm(moved),
            ]
        )
    if space == "z":
        lengths = [[np.linalg.norm(one.vector.array())] for one in (given, twin)]
    assert max(lengths[0]) > 0.0
    np.testing.assert_allclose(lengths[0], lengths[1], rtol=1e-5)


def test_a_direction_of_nothing_has_a_twin_of_nothing():
    nothing = Direction("nothing", "w", Vector.of(np.zeros(20)))
    assert not random_twin(nothing, small.info(), 1).vector.array().any()


def test_colours_are_those_of_the_standard():
    colours = np.array([[1.0, 1, 1], [0, 0, 0], [1, 0, 0], [0, 0, 1], [0.5, 0.5, 0.5]])
    expected = [[100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.2], [32.3, 79.2, -107.9], [53.39, 0, 0]]
    found = lab(colours.T[:, :, None])[:, :, 0].T
    np.testing.assert_allclose(found, expected, atol=0.15)


def test_shrinking_is_the_mean_and_grey_has_three_colours():
    picture = np.random.RandomState(0).rand(3, 64, 64).astype(np.float32)
    expected = picture.reshape(3, 16, 4, 16, 4).mean(axis=(2, 4))
    np.testing.assert_allclose(shrunk(picture), expected, atol=1e-6)
    np.testing.assert_allclose(shrunk(picture[:1])[2], expected[0], atol=1e-6)
    assert shrunk(picture[:, :8, :8]).shape == (3, 16, 16)
