"""Circuits: a planted one is found, and proves itself by what happens without it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.bench.planted import Plant, plant
from engine.codec import from_json
from engine.inspect.circuit import find_circuit
from engine.inspect.jobs import run
from engine.messages import Circuit, CircuitRequest, LodestoneError, Probes, Unit
from engine.progress import Progress


def found_in(planted: Plant, **changes: object) -> Circuit:
    request = CircuitRequest("planted", planted.target, Probes(), **changes)  # type: ignore[arg-type]
    return find_circuit(planted.examples, request, None, Progress())


def f1(planted: Plant, circuit: Circuit) -> float:
    found = {(edge.source, edge.target) for edge in circuit.edges}
    hits = len(found & planted.edges)
    return 2 * hits / (len(found) + len(planted.edges))


@pytest.mark.parametrize("seed", range(4))
def test_the_planted_circuit_is_found(seed: int) -> None:
    planted = plant(seed)
    circuit = found_in(planted, random=10)
    assert f1(planted, circuit) >= 0.9
    assert circuit.kept is not None
    assert circuit.pruned is not None
    assert circuit.kept >= 0.95
    assert circuit.pruned >= 0.9
    assert circuit.random_kept is not None
    assert circuit.random_pruned is not None
    assert abs(circuit.random_kept) < 0.1
    assert abs(circuit.random_pruned) < 0.1


def test_what_stands_outside_may_be_held_at_its_mean_elsewhere() -> None:
    planted = plant(5)
    request = CircuitRequest("planted", planted.target, Probes(), random=4)
    circuit = find_circuit(planted.examples, request, planted.others, Progress())
    assert f1(planted, circuit) >= 0.9
    assert "mean over the other pictures" in circuit.note


def test_a_region_says_where_the_concept_is() -> None:
    planted = plant(0)
    size = planted.examples.batches[0][0].shape
    nowhere = torch.zeros(size[0], 1, *size[2:])
    nowhere[:, :, :2, :2] = 1.0  # where no patch lies
    there = replace(planted.examples, regions=(nowhere,))
    request = CircuitRequest("planted", planted.target, Probes(), random=0)
    inside = find_circuit(there, request, None, Progress())
    whole = find_circuit(planted.examples, request, None, Progress())
    into = [
        max(edge.score for edge in one.edges if edge.target == planted.target)
        for one in (inside, whole)
    ]
    assert into[0] < 0.1 * into[1]


def test_bad_targets_answer_in_words() -> None:
    planted = plant(0)
    for target, why in (
        (Unit("relu9", 0), "nearest are relu"),
        (Unit("relu3", 99), "no unit 99"),
        (Unit("conv1", 0), "No layer comes before"),
    ):
        with pytest.raises(LodestoneError, match=why):
            find_circuit(planted.examples, CircuitRequest("", target, Probes()), None, Progress())


def test_the_job_on_a_generators_own_samples(tmp_path: Path) -> None:
    request = CircuitRequest(
        "fruit", Unit("b16.conv0", 3), Probes(count=2), layers=("b8.conv0", "b8.conv1"),
        width=3, rounds=1, out=str(tmp_path), random=1,
    )  # fmt: skip
    path = run(request, Progress())
    circuit = from_json(Path(path).read_text())
    assert isinstance(circuit, Circuit)
    assert Path(path).name == "circuit.json"
    assert {node.unit.layer for node in circuit.nodes} == {"b8.conv0", "b8.conv1", "b16.conv0"}
    assert len(circuit.nodes) <= 7
    assert circuit.kept is not None
