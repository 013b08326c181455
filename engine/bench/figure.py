"""One measured number and what it is held against."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Figure:
    """One line of `lodestone bench`."""

    name: str
    value: float | None
    """None when it could not be measured."""
    unit: str
    target: str | None = None
    """In words, such as `>= 1.4`; None when it only informs."""
    met: bool | None = None
    """None when there is no target or it could not be measured: never True unmeasured."""
    peer: str = ""
    """What it is compared with, measured in the same run."""
    peer_value: float | None = None
    ratio: float | None = None
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def at_least(name: str, value: float, unit: str, target: float, **rest: Any) -> Figure:
    return Figure(name, value, unit, f">= {target:g}", value >= target, **rest)


def at_most(name: str, value: float, unit: str, target: float, **rest: Any) -> Figure:
    return Figure(name, value, unit, f"<= {target:g}", value <= target, **rest)


def missing(name: str, unit: str, target: str | None, note: str) -> Figure:
    """A figure this machine cannot give."""
    return Figure(name, None, unit, target, None, note=note)


def told(parts: Sequence[tuple[str, Callable[[], Iterator[Figure]]]]) -> Iterator[dict[str, Any]]:
    """Every figure, as it is ready; a part that fails says why and does not stop the others."""
    for name, part in parts:
        try:
            for figure in part():
                yield figure.as_dict()
        except Exception as error:
            yield missing(name, "", None, f"failed: {error!r:.300}").as_dict()


def interleaved(works: Sequence[Callable[[], object]], rounds: int) -> list[float]:
    """Median seconds of each work; a round runs all of them, so that load falls on all alike."""
    times: list[list[float]] = [[] for _ in works]
    for work in works:
        work()
    for _ in range(rounds):
        for work, taken in zip(works, times, strict=True):
            began = time.perf_counter()
            work()
            taken.append(time.perf_counter() - began)
    return [float(np.median(taken)) for taken in times]
