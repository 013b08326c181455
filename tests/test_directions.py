"""SeFa against its definition, σ against its meaning, and directions from files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.codec import to_json
from engine.messages import Direction, LodestoneError, Vector
from engine.steer.directions import (
    direction_from_array,
    factorise,
    factorised_layers,
    find_direction,
    fits,
    measure_sigma,
    sefa,
    transferred,
)
from tests import small


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 12), st.lists(st.integers(1, 20), min_size=1, max_size=4), st.integers(0, 99))
def test_factorise_against_the_definition(width: int, heights: list[int], seed: int) -> None:
    random = np.random.RandomState(seed)
    affines = [random.randn(height, width) * 10 ** random.uniform(-2, 2) for height in heights]
    vectors, values = factorise(affines)
    # Shen and Zhou: with every style channel at unit length, the unit n that maximise |A n|².
    rows = np.concatenate(affines)
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-9)
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(width), atol=1e-8)
    gains = np.linalg.norm(rows @ vectors.T, axis=0) ** 2
    np.testing.assert_allclose(gains, values, atol=1e-8)
    assert (np.diff(values) <= 1e-9).all()
    trials = random.randn(300, width)
    trials /= np.linalg.norm(trials, axis=1, keepdims=True)
    assert (np.linalg.norm(rows @ trials.T, axis=0) ** 2).max() <= values[0] + 1e-8
    # Each next one is the best among those orthogonal to the ones before.
    rest = trials - trials @ vectors[:1].T * vectors[:1]
    rest /= np.linalg.norm(rest, axis=1, keepdims=True)
    assert (np.linalg.norm(rows @ rest.T, axis=0) ** 2).max() <= values[1] + 1e-6


def test_sefa_of_a_generator() -> None:
    made, info = small.generator(), small.info()
    found = sefa(small.runtime(), count=5)
    assert [direction.name for direction in found] == [f"sefa {n}" for n in range(1, 6)]
    assert all(direction.space == "w" and direction.model == info.id for direction in found)
    names = [layer.name for layer in info.layers if not layer.to_rgb] + [info.layers[-1].name]
    weights = [made.synthesis.get_submodule(n).affine.weight.double().numpy() for n in names]
    rows = np.concatenate([w / np.linalg.norm(w, axis=1, keepdims=True) for w in weights])
    best = np.linalg.svd(rows)[2]
    for direction, expected in zip(found, best, strict=False):
        assert abs(direction.vector.array() @ expected) == pytest.approx(1.0, abs=1e-5)
    assert sefa(small.runtime(), count=5) == found


def test_layers_are_convolutions_and_the_last_torgb() -> None:
    chosen = factorised_layers(small.info().layers)
    assert [layer.name for layer in chosen if layer.to_rgb] == ["b32.torgb"]
    assert len(chosen) == 8


def test_sigma_is_the_spread_within_a_class() -> None:
    directions = np.eye(20)[:3]
    z = np.random.RandomState(11).randn(4000, 24).astype(np.float32)
    measured = measure_sigma(directions, small.runtime(), 6000)
    spreads = []
    for kind in range(3):
        c = np.tile(np.eye(3, dtype=np.float32)[kind], (4000, 1))
        spreads.append(small.runtime().mapping(z, c)[:, :3].var(axis=0))
    np.testing.assert_allclose(measured, np.sqrt(np.mean(spreads, axis=0)), rtol=0.06)


def test_vectors_from_files(tmp_path: Path) -> None:
    runtime = small.runtime()
    vector = 7 * np.random.RandomState(1).randn(20)
    np.save(tmp_path / "spiky.npy", vector)
    found = find_direction(str(tmp_path / "spiky.npy"), runtime)
    assert (found.name, found.space) == ("spiky", "w")
    np.testing.assert_allclose(found.vector.array(), vector / np.linalg.norm(vector), atol=1e-6)
    expected = measure_sigma(found.vector.array()[None].astype(np.float64), runtime)[0]
    assert found.sigma == pytest.approx(expected, rel=1e-4)
    rows = np.zeros((8, 20))
    rows[2] = vector
    found = direction_from_array(rows, "rows", runtime)
    assert found.space == "w+"
    assert found.sigma == pytest.approx(expected, rel=1e-4)
    np.testing.assert_allclose(np.linalg.norm(found.vector.array(), axis=1).max(), 1.0, atol=1e-6)
    assert direction_from_array(np.ones(24), "z", runtime).space == "z"
    assert direction_from_array(np.ones((1, 20)), "w", runtime).space == "w"


def test_direction_from_json(tmp_path: Path) -> None:
    direction = Direction("prickly", "w", Vector.of(np.eye(20)[3]), sigma=0.5, layers=(1, 2))
    path = tmp_path / "prickly.json"
    for value in (direction, (direction,)):
        path.write_text(to_json(value), "utf-8")
        assert find_direction(str(path), small.runtime()) == direction


def test_sefa_by_name() -> None:
    assert find_direction("SeFa 3", small.runtime()) == sefa(small.runtime(), count=3)[2]


@pytest.mark.parametrize("text", ["sefa 0", "sefa 21", "sefa", "prickly", "no.npy", "no.json"])
def test_unknown_directions_are_a_sentence(text: str) -> None:
    with pytest.raises(LodestoneError):
        find_direction(text, small.runtime())


@pytest.mark.parametrize("array", [np.zeros(20), np.ones(5), np.full(20, np.nan), np.ones((2, 2))])
def test_unfit_vectors_are_a_sentence(array: np.ndarray) -> None:
    with pytest.raises(LodestoneError):
        direction_from_array(array, "v", small.runtime())


def test_pickled_array_is_not_read(tmp_path: Path) -> None:
    np.save(tmp_path / "evil.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(LodestoneError):
        find_direction(str(tmp_path / "evil.npy"), small.runtime())


def test_whose_direction_it_is() -> None:
    info, w = small.info(), Vector.of(np.eye(20)[0])
    styles = sum(layer.style_count for layer in info.layers)
    mine = Direction("d", "w", w, model=info.id)
    assert fits(mine, info) == "same"
    assert fits(replace(mine, model=""), info) == "same"
    stranger = replace(mine, model="f" * 64)
    assert fits(stranger, info) == "shape"
    for space, shape, expected in (
        ("z", (24,), "shape"), ("z", (20,), "no"), ("w+", (8, 20), "shape"), ("w+", (9, 20), "no"),
        ("s", (styles,), "shape"), ("s", (styles + 1,), "no"), ("w", (21,), "no"),
    ):  # fmt: skip
        one = replace(stranger, space=space, vector=Vector.of(np.ones(shape)))
        assert fits(one, info) == expected
    for at, width, expected in (
        ("b16.conv0", 16, "shape"), ("b16.conv1", 16, "shape"), ("b32.conv1", 8, "shape"),
        ("b16.conv1", 8, "no"), ("b16.torgb", 16, "no"), ("nowhere", 16, "no"),
    ):  # fmt: skip
        one = replace(stranger, space="a", at=at, vector=Vector.of(np.ones(width)))
        assert fits(one, info) == expected


def test_a_transferred_direction_tells_where_it_was_made() -> None:
    runtime = small.runtime()
    stranger = Direction(
        "d", "w", Vector.of(np.eye(20)[3]), 9.0, (2, 99), "pca", "f" * 64, '{"seed": 1}'
    )
    moved = transferred(stranger, runtime)
    assert (moved.model, moved.layers, moved.name) == (small.info().id, None, "d")
    assert moved.sigma == pytest.approx(measure_sigma(np.eye(20)[3:4], runtime)[0])
    assert json.loads(moved.detail) == {"seed": 1, "transferred_from": "f" * 64}
    with pytest.raises(LodestoneError, match="does not fit small"):
        transferred(replace(stranger, vector=Vector.of(np.ones(7))), runtime)


def test_sefa_of_some_rows() -> None:
    found = sefa(small.runtime(), count=2, rows=(3, 4))
    assert [one.name for one in found] == ["sefa 1 @ 3-4", "sefa 2 @ 3-4"]
    assert {one.layers for one in found} == {(3, 4)}
    made = small.generator()
    names = [one.name for one in small.info().layers if one.ws_index in (3, 4) and not one.to_rgb]
    weights = [made.synthesis.get_submodule(n).affine.weight.double().numpy() for n in names]
    rows = np.concatenate([w / np.linalg.norm(w, axis=1, keepdims=True) for w in weights])
    best = np.linalg.svd(rows)[2]
    assert abs(found[0].vector.array() @ best[0]) == pytest.approx(1.0, abs=1e-5)
