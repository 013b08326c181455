"""Circuits: a planted one is found, and proves itself by what happens without it."""

from __future__ import annotations

import pytest

from engine.bench.planted import Plant, plant
from engine.inspect.circuit import find_circuit
from engine.messages import Circuit, CircuitRequest, Probes
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
