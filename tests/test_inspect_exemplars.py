"""Exemplars, levels and what else one pass keeps, against brute force."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from engine.inspect import exemplars as module
from engine.inspect.exemplars import needs, standing, study
from engine.inspect.onepass import OnePass, Passed
from engine.inspect.study import Study, studies_of
from engine.inspect.tally import LayerTally, plan, spatial
from engine.messages import (
    LodestoneError,
    NetworkLayer,
    Probes,
    StudyRequest,
    Unit,
)
from engine.progress import Cancelled, Progress
from tests.probing import colour_network, coloured


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LODESTONE_HOME", str(tmp_path / "home"))


def passed(folder: Path, values: np.ndarray) -> Passed:
    """One layer's activations (N, C, H, W) through the pass."""
    layer = NetworkLayer("layer", "map", values.shape[1], values.shape[2:])
    work = OnePass(folder, "key", (layer,), len(values), 15)
    return work.run(lambda numbers: {"layer": values[numbers]}, Progress())[0]


def brute(values: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Values and pictures of the k largest maxima of each unit; of equal ones the earlier first."""
    peaks = values.max(axis=(2, 3)).T
    numbers = np.broadcast_to(np.arange(len(values)), peaks.shape)
    order = np.lexsort((numbers, -peaks), axis=1)[:, :k]
    return np.take_along_axis(peaks, order, axis=1), order


@settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
@given(
    count=st.integers(1, 70),
    units=st.integers(1, 6),
    rows=st.integers(1, 9),
    columns=st.integers(1, 9),
    kind=st.sampled_from(["normal", "ties", "sparse", "offset"]),
    seed=st.integers(0, 999),
)
def test_exemplars_equal_brute_force(
    tmp_path_factory: pytest.TempPathFactory,
    count: int, units: int, rows: int, columns: int, kind: str, seed: int,
) -> None:  # fmt: skip
    random = np.random.RandomState(seed)
    values = random.randn(count, units, rows, columns).astype(np.float32)
    if kind == "ties":
        values = np.round(values)
    if kind == "sparse":
        values = np.maximum(values - 2.0, 0.0)
    if kind == "offset":
        values = values * np.float32(1e-3) + np.float32(50.0)
    found = passed(tmp_path_factory.mktemp("pass"), values)
    tops, pictures = brute(values, 15)
    np.testing.assert_array_equal(found.tally.values, tops)
    np.testing.assert_array_equal(found.tally.pictures, pictures)
    np.testing.assert_array_equal(found.peaks, values.max(axis=(2, 3)).T)
    np.testing.assert_allclose(
        found.means.astype(np.float32), values.mean(axis=(2, 3)).T, rtol=2e-3, atol=1e-3
    )
    maps = found.tally.ordered_maps()
    for unit in range(units):
        for place, number in enumerate(pictures[unit]):
            np.testing.assert_array_equal(
                maps[unit, place], values[number, unit].astype(np.float16)
            )


def distributions(random: np.random.RandomState, count: int, side: int) -> dict[str, np.ndarray]:
    """Kinds of units, (N, side, side) float32 each, pictures unlike each other as they are."""
    normal = random.randn(count, side, side)
    own = random.randn(count, 1, 1)
    return {
        "normal": normal + own,
        "relu": np.maximum(normal + own - 1.0, 0.0),
        "rare": np.maximum(normal, 0.0) * (random.rand(count, 1, 1) < 0.02),
        "heavy": np.exp(1.5 * (normal + own)),
        "clipped": np.clip(3.0 * (normal + own), 0.0, 6.0),
        "offset": 1000.0 + 0.1 * normal,
        "growing": normal * np.arange(count)[:, None, None],
        "steps": np.round(2.0 * (normal + own)),
        "negative": -np.exp(normal),
        "constant": np.full((count, side, side), 3.25),
        "dead": np.zeros((count, side, side)),
    }


@pytest.mark.parametrize("side", [7, 24])
def test_levels_are_within_a_fiftieth_of_a_standard_deviation(tmp_path: Path, side: int) -> None:
    kinds = distributions(np.random.RandomState(1), 150, side)
    values = np.stack(list(kinds.values()), axis=1).astype(np.float32)
    found = passed(tmp_path, values)
    assert found.tally.tails is not None
    for unit, kind in enumerate(kinds):
        flat = values[:, unit].ravel().astype(np.float64)
        for quantile in (0.99, 0.995, 0.999):
            level = found.tally.tails.level(unit, quantile)
            error = abs(level - np.quantile(flat, quantile))
            assert error <= 0.02 * flat.std() + 1e-9, (kind, quantile)


def test_values_that_are_no_numbers_are_left_out(tmp_path: Path) -> None:
    values = np.random.RandomState(0).rand(40, 3, 4, 4).astype(np.float32)
    values[5, 0, 1, 1] = np.nan
    values[6, 0, 2, 2] = np.inf
    values[:, 1] = np.nan
    found = passed(tmp_path, values)
    assert list(found.tally.missing) == [2, 40, 0]
    assert not set(found.tally.pictures[0]) & {5, 6}
    left = np.delete(values[:, 0], [5, 6], axis=0)
    assert found.tally.values[0, 0] == left.max()
    assert found.tally.tails is not None
    level = found.tally.tails.level(0, 0.99)
    assert abs(level - np.quantile(left, 0.99)) < 0.02 * left.std()
    assert np.isnan(found.tally.tails.level(1, 0.99))
    assert not np.isfinite(found.tally.values[1]).any()
    assert np.isnan(found.peaks[0, 5])


def test_a_pass_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    values = np.random.RandomState(2).randn(100, 4, 6, 6).astype(np.float32)
    whole = passed(tmp_path / "whole", values)
    progress = Progress()
    layer = NetworkLayer("layer", "map", 4, (6, 6))
    looked: list[int] = []

    def look(numbers: np.ndarray) -> dict[str, np.ndarray]:
        looked.extend(numbers)
        if len(looked) > 60:
            progress.cancel()
        return {"layer": values[numbers]}

    with pytest.raises(Cancelled):
        OnePass(tmp_path / "part", "key", (layer,), 100, 15).run(look, progress)
    before = len(looked)
    rest = OnePass(tmp_path / "part", "key", (layer,), 100, 15).run(look, Progress())[0]
    assert sorted(looked) == list(range(100)), "each picture is looked at once"
    assert 60 < before < 100
    np.testing.assert_array_equal(rest.tally.pictures, whole.tally.pictures)
    np.testing.assert_array_equal(rest.tally.ordered_maps(), whole.tally.ordered_maps())
    np.testing.assert_array_equal(rest.peaks, whole.peaks)
    assert rest.tally.tails is not None
    assert whole.tally.tails is not None
    np.testing.assert_array_equal(rest.tally.tails.counts, whole.tally.tails.counts)


def test_a_damaged_checkpoint_begins_again(tmp_path: Path) -> None:
    (tmp_path / "state.npz").write_bytes(b"PK\x03\x04 broken")
    values = np.random.RandomState(3).randn(20, 2, 3, 3).astype(np.float32)
    np.testing.assert_array_equal(passed(tmp_path, values).tally.values, brute(values, 15)[0])


def test_tokens_and_vectors_are_units_too() -> None:
    tokens = np.arange(2 * 5 * 3, dtype=np.float32).reshape(2, 5, 3)
    values, rows, columns = spatial(tokens)
    assert values.shape == (2, 3, 4)
    assert (rows, columns) == (2, 2)
    np.testing.assert_array_equal(values[0, 1], tokens[0, 1:, 1])
    assert spatial(np.zeros((2, 7)))[0].shape == (2, 7, 1)


def test_a_layer_of_100_000_units_is_bounded_and_said() -> None:
    wide = NetworkLayer("wide", "map", 100_000, (14, 14))
    made = plan(100_000, 14, 14, 15, 1000)
    assert made.bytes < 1 << 30
    assert made.shrink > 1
    tally = LayerTally(plan(3, 14, 14, 15, 4, memory=20_000))
    values = np.random.RandomState(0).rand(4, 3, 196).astype(np.float32)
    tally.update(np.arange(4), values)
    assert tally.maps[0, :4].max() == np.float16(values[:, 0].max()), "peaks survive"
    assert "100,000 units" in needs((wide,), 1000, 15)
    assert needs((NetworkLayer("small", "map", 16, (7, 7)),), 100, 15) == ""


def test_standing_of_units() -> None:
    peaks = np.zeros((4, 100), np.float32)
    peaks[0, 7] = 5.0
    peaks[1] = np.linspace(0, 1, 100)
    peaks[2] = 2.0
    peaks[3] = np.nan
    selectivity, sparsity, constant = standing(peaks)
    assert selectivity[0] > 0.85 > selectivity[1] > 0.4
    assert selectivity[2] == selectivity[3] == 0
    assert sparsity[0] == pytest.approx(0.99)
    assert list(constant) == [False, False, True, False]


# ---------------------------------------------------------------- the whole job


@pytest.fixture
def asked(tmp_path: Path) -> StudyRequest:
    coloured(tmp_path / "pictures", 40)
    network = colour_network(tmp_path / "colours.onnx")
    return StudyRequest(
        network, Probes(str(tmp_path / "pictures")), ("seen",), str(tmp_path / "study")
    )


def test_a_study_of_known_units(asked: StudyRequest, tmp_path: Path) -> None:
    folder = study(asked, Progress())
    made = Study.open(folder)
    pixels = np.stack([np.asarray(Image.open(tmp_path / "pictures" / name)) for name in made.names])
    values = np.moveaxis(pixels, 3, 1).astype(np.float32) / np.float32(255.0)
    tops, pictures = brute(values, 15)
    np.testing.assert_allclose(made.top("seen")[0][:3], tops, rtol=1e-5)
    np.testing.assert_array_equal(made.top("seen")[1][:3], pictures)
    np.testing.assert_array_equal(made.pictures[pictures[0, 0]], pixels[pictures[0, 0]])
    assert list(made.top("seen")[1][3]) == list(range(15)), "equal values: the set's own order"
    written = json.loads((tmp_path / "study/exemplars.json").read_text())
    red = written["layers"]["seen"][0]
    assert red["files"] == [made.names[number] for number in pictures[0]]
    np.testing.assert_allclose(red["values"], tops[0], rtol=1e-5)
    exact = np.quantile(values[:, 0], 0.99)
    assert abs(red["level"] - exact) < 0.02 * values[:, 0].std()
    assert any("2 units of seen are the same" in note for note in written["notes"])
    assert studies_of(made.network.id) == (str(tmp_path / "study"),)


def test_layers_are_added_and_nothing_is_done_twice(
    asked: StudyRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = study(asked, Progress())
    both = StudyRequest(asked.network, asked.probes, ("broken", "seen"), asked.out)
    study(both, Progress())
    made = Study.open(folder)
    assert [layer.name for layer in made.layers] == ["seen", "broken"]
    assert made.missing("broken")[0] > 0
    assert any("not a number" in note for layer in made.layers for note in layer.notes)
    monkeypatch.setattr(module, "OnePass", lambda *_: pytest.fail("passed again"))
    study(both, Progress())
    with pytest.raises(LodestoneError, match="study of something else"):
        study(StudyRequest(asked.network, Probes(asked.probes.data, 10), (), asked.out), Progress())


def test_an_unknown_layer_is_a_sentence_with_the_nearest(asked: StudyRequest) -> None:
    with pytest.raises(LodestoneError, match="seen"):
        study(StudyRequest(asked.network, asked.probes, ("sean",), asked.out), Progress())


def test_three_pictures_work_and_are_said(asked: StudyRequest) -> None:
    few = StudyRequest(asked.network, Probes(asked.probes.data, 3), ("seen",), asked.out)
    made = Study.open(study(few, Progress()))
    assert made.top("seen")[0].shape == (5, 3)
    assert "Only 3 pictures" in made.notes[0]
    assert np.isfinite(made.level(Unit("seen", 0), 0.999))


def test_a_layer_that_never_runs_is_a_sentence(tmp_path: Path) -> None:
    layers = tuple(NetworkLayer(name, "map", 2, (3, 3)) for name in ("a", "b"))
    work = OnePass(tmp_path, "key", layers, 4, 15)
    found = work.run(lambda numbers: {"a": np.ones((len(numbers), 2, 3, 3))}, Progress())
    assert [one.layer.name for one in found] == ["a"]
    assert work.silent == ("b",)
