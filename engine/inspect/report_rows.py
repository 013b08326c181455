"""What a report tells of each unit. No torch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.inspect.compare import Comparison
from engine.inspect.grid import Table, opened
from engine.inspect.study import Said, Study
from engine.messages import Circuit, Description, Unit


@dataclass(frozen=True)
class Row:
    """All that is told of a unit."""

    unit: Unit
    description: Description
    said: Said
    largest: float | None
    level: float | None
    """At the .99 quantile."""
    selectivity: float
    sparsity: float
    effect: float | None
    files: tuple[str, ...]
    values: tuple[float, ...]


@dataclass(frozen=True)
class Report:
    """What is written, whichever way."""

    study: Study
    layers: Mapping[str, tuple[Row, ...]]
    circuits: tuple[Circuit, ...] = ()
    comparison: Comparison | None = None


def rows(table: Table, layer: str) -> tuple[Row, ...]:
    """Of every unit of a layer."""
    study = table.study
    _, said = opened(str(study.folder))
    values, pictures = study.top(layer)
    levels = study.levels(layer, 0.99)
    first = table.row(Unit(layer, 0))
    made = []
    for index in range(study.layer(layer).units):
        unit, row = Unit(layer, index), first + index
        kept = [(study.names[p], float(v)) for p, v in zip(pictures[index], values[index],
                                                           strict=True) if p >= 0]  # fmt: skip
        made.append(
            Row(
                unit,
                study.worded(unit, said.get(unit)),
                said.get(unit, Said()),
                _known(table.largest[row]),
                _known(levels[index]),
                float(table.selectivity[row]),
                float(table.sparsity[row]),
                _known(table.effect[row]),
                tuple(name for name, _ in kept),
                tuple(value for _, value in kept),
            )
        )
    return tuple(made)


def _known(value: Any) -> float | None:
    return float(value) if math.isfinite(value) else None


def best(found: Sequence[Row], count: int) -> list[Row]:
    """Units worth a picture: starred, named by people, then by how well their words predict and
    how selective they are."""
    order = sorted(
        found,
        key=lambda row: (
            not row.said.starred,
            not row.said.words,
            row.largest is None,
            -(row.description.score or 0.0) * (not row.description.unsure),
            -row.selectivity,
            row.unit.index,
        ),
    )
    return order[:count]
