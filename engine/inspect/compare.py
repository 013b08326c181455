"""Two studies on the same pictures: which units do the same, and what they are called in each.

A unit's partner is the one whose spatial maxima over the pictures correlate most with its own, in
the layer of the same name where there is one (two trainings of one network), else anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.inspect.grid import standardised
from engine.inspect.study import Study
from engine.messages import LodestoneError, Unit

FEWEST = 10
"""Pictures in common; a correlation over fewer says nothing."""
SAME = 0.8
"""Correlation from which two units are said to do the same."""
_AT_ONCE = 2048


@dataclass(frozen=True)
class Match:
    """A unit and its partner in the other study."""

    unit: Unit
    other: Unit | None
    """None where nothing correlates."""
    correlation: float
    """-1..1."""
    mutual: bool
    """Whether each is the other's partner."""
    words: str = ""
    other_words: str = ""


@dataclass(frozen=True)
class LayerMatch:
    """A layer in a sentence's worth of numbers."""

    layer: str
    units: int
    correlation: float
    """Mean over units that are not constant."""
    same: float
    """Share of units whose correlation is at least .8."""
    mutual: float
    """Share of units that are each other's partners."""
    named: int
    """Units that have words in both studies …"""
    renamed: int
    """… and those of them whose words differ."""


@dataclass(frozen=True)
class Comparison:
    network: str
    other: str
    pictures: int
    """That both studies saw."""
    matches: tuple[Match, ...]
    layers: tuple[LayerMatch, ...]


def compare(study: Study, other: Study, layers: Sequence[str] = ()) -> Comparison:
    """Match the units of `study` (of `layers`; () = all) with those of `other`."""
    mine, theirs = _common(study, other)
    names = [study.layer(name).name for name in layers] or [one.name for one in study.layers]
    known = {layer.name for layer in other.layers}
    matches: list[Match] = []
    summaries: list[LayerMatch] = []
    everywhere: tuple[np.ndarray, list[Unit]] | None = None
    for name in names:
        values = standardised(study.peaks(name), mine)
        if name in known:
            candidates = _values(other, (name,), theirs)
        else:
            everywhere = everywhere or _values(
                other, [layer.name for layer in other.layers], theirs
            )
            candidates = everywhere
        found = _matched(study, other, name, values, candidates)
        matches += found
        summaries.append(_summary(name, found))
    return Comparison(
        study.network.name, other.network.name, len(mine), tuple(matches), tuple(summaries)
    )


def _common(study: Study, other: Study) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the pictures that both saw, in each."""
    places = {name: place for place, name in enumerate(other.names)}
    pairs = [(i, places[name]) for i, name in enumerate(study.names) if name in places]
    if len(pairs) < FEWEST:
        raise LodestoneError(
            f"The two studies have {len(pairs)} pictures in common; at least {FEWEST} are needed. "
            "Study both networks on the same pictures."
        )
    mine, theirs = np.array(pairs).T
    return mine, theirs


def _values(
    study: Study, layers: Sequence[str], places: np.ndarray
) -> tuple[np.ndarray, list[Unit]]:
    values = [standardised(study.peaks(name), places) for name in layers]
    units = [Unit(name, i) for name in layers for i in range(study.layer(name).units)]
    return np.concatenate(values), units


def _matched(
    study: Study, other: Study, name: str, values: np.ndarray,
    candidates: tuple[np.ndarray, list[Unit]],
) -> list[Match]:  # fmt: skip
    theirs, units = candidates
    best = np.zeros(len(values), np.int64)
    height = np.zeros(len(values))
    back = np.zeros(len(theirs), np.int64)
    highest = np.full(len(theirs), -np.inf)
    for first in range(0, len(values), _AT_ONCE):
        some = values[first : first + _AT_ONCE] @ theirs.T
        rows = slice(first, first + len(some))
        best[rows] = some.argmax(axis=1)
        height[rows] = some.max(axis=1)
        top = some.max(axis=0)
        better = top > highest
        back[better] = some.argmax(axis=0)[better] + first
        highest = np.maximum(highest, top)
    found = []
    for index, (place, r) in enumerate(zip(best, height, strict=True)):
        unit = Unit(name, index)
        if r <= 0:
            found.append(Match(unit, None, 0.0, False, study.description(unit).words))
            continue
        partner = units[int(place)]
        found.append(
            Match(
                unit,
                partner,
                float(min(r, 1.0)),
                bool(back[place] == index),
                study.description(unit).words,
                other.description(partner).words,
            )
        )
    return found


def _summary(name: str, matches: Sequence[Match]) -> LayerMatch:
    there = [one for one in matches if one.other is not None]
    named = [one for one in there if one.words and one.other_words]
    count = max(1, len(matches))
    return LayerMatch(
        name,
        len(matches),
        float(np.mean([one.correlation for one in there])) if there else 0.0,
        sum(one.correlation >= SAME for one in there) / count,
        sum(one.mutual for one in there) / count,
        len(named),
        sum(one.words.lower() != one.other_words.lower() for one in named),
    )
