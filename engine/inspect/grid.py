"""The grid of units and a unit's card, answered from a study. Numpy and Pillow; no torch."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.inspect.named import keep_words
from engine.inspect.shelf import HEAD
from engine.inspect.shown import exemplars, strip
from engine.inspect.study import (
    DESCRIPTIONS,
    EFFECTS,
    NAMES,
    Said,
    Study,
    say,
)
from engine.messages import (
    Description,
    NameUnit,
    Picture,
    Unit,
    UnitQuestion,
    UnitReply,
    UnitsQuestion,
    UnitsReply,
    UnitSummary,
)

NEIGHBOURS = 8
COMPARED = 16_000_000
"""Numbers kept to find neighbours by; more pictures than fit are thinned out evenly."""
KEPT_STUDIES = 3
_SLICE = 6
"""Strips drawn before the canvas may have its turn."""


@dataclass(frozen=True, eq=False)
class Table:
    """All units of a study side by side, in the network's order."""

    study: Study
    layer: np.ndarray
    """(U,) number of the layer in `study.layers`."""
    index: np.ndarray
    """(U,) number of the unit in its layer."""
    largest: np.ndarray
    selectivity: np.ndarray
    sparsity: np.ndarray
    effect: np.ndarray
    """NaN where not measured."""
    score: np.ndarray
    """NaN where there is none."""
    words: tuple[str, ...]
    """In lower case, with the layer; people's own come from elsewhere."""

    def unit(self, row: int) -> Unit:
        return Unit(self.study.layers[self.layer[row]].name, int(self.index[row]))

    def row(self, unit: Unit) -> int:
        """Of a unit that exists."""
        sizes = [layer.units for layer in self.study.layers]
        number = [layer.name for layer in self.study.layers].index(unit.layer)
        return sum(sizes[:number]) + unit.index


# ---------------------------------------------------------------- answers


def units(question: UnitsQuestion) -> Generator[UnitsReply | None, None, UnitsReply]:
    """A part of the grid."""
    table, said = opened(question.study)
    yield None
    study = table.study
    rows, note = _matching(table, said, question)
    if question.units:
        rows = _ranked(table, rows, question.units)
    else:
        rows = _ordered(table, said, rows, question.order)
    first = min(max(0, question.first), len(rows))
    shown: list[UnitSummary] = []
    for place, row in enumerate(rows[first : first + max(0, question.count)]):
        if place % _SLICE == _SLICE - 1:
            yield None
        row = int(row)
        small = strip(study, table.unit(row), question.thumbnails, question.size)
        shown.append(_summary(table, said, row, small))
    notes = (note, *(study.notes if not first else ()))
    return UnitsReply(
        len(rows),
        first,
        tuple(shown),
        " ".join(filter(None, notes)),
        tuple(layer.name for layer in study.layers),
        study.probes,
    )


def unit(question: UnitQuestion) -> Generator[UnitReply | None, None, UnitReply]:
    """A unit's card."""
    table, said = opened(question.study)
    study = table.study
    study.checked(question.unit)
    yield None
    row = table.row(question.unit)
    level = study.level(question.unit, question.quantile)
    shown = tuple(exemplars(study, question.unit, level, question.size))
    yield None
    edges, counts = study.histogram(question.unit)
    return UnitReply(
        _summary(table, said, row, None),
        _description(study, said, question.unit),
        shown,
        level if math.isfinite(level) else 0.0,
        tuple(map(float, edges)),
        tuple(map(int, counts)),
        _neighbours(table, row),
        _note(table, row),
    )


def name_unit(question: NameUnit) -> Generator[UnitReply | None, None, UnitReply]:
    """Keep a person's name, star or note; answers with the card."""
    say(question)
    keep_words(Study.open(question.study))
    yield None
    return (yield from unit(UnitQuestion(question.study, question.unit)))


# ---------------------------------------------------------------- the table


def opened(folder: str) -> tuple[Table, dict[Unit, Said]]:
    """A study and what people said; both are read again only when their files have changed."""
    path = Path(folder).expanduser().absolute()
    table = _table(str(path), _stamp(path, (HEAD, DESCRIPTIONS, EFFECTS)))
    return table, _said(str(path), _stamp(path, (NAMES,)))


def _stamp(folder: Path, names: Sequence[str]) -> tuple[int, ...]:
    found = []
    for name in names:
        try:
            facts = (folder / name).stat()
            found += [facts.st_mtime_ns, facts.st_size]
        except OSError:
            found += [0, 0]
    return tuple(found)


@functools.lru_cache(KEPT_STUDIES)
def _said(folder: str, _stamp: tuple[int, ...]) -> dict[Unit, Said]:
    return Study.open(folder).said


@functools.lru_cache(KEPT_STUDIES)
def _table(folder: str, _stamp: tuple[int, ...]) -> Table:
    study = Study.open(folder)
    sizes = [layer.units for layer in study.layers]
    numbers = np.repeat(np.arange(len(sizes)), sizes)
    index = np.concatenate([np.arange(size) for size in sizes] or [np.zeros(0, int)])
    names = [layer.name for layer in study.layers]
    every = [Unit(names[n], int(i)) for n, i in zip(numbers, index, strict=True)]
    described = [study.described.get(one) for one in every]
    scores = [one.score if one and one.score is not None else np.nan for one in described]
    return Table(
        study,
        numbers,
        index,
        _joined([study.top(name)[0][:, 0] for name in names]),
        _joined([study.selectivity(name) for name in names]),
        _joined([study.sparsity(name) for name in names]),
        np.array([study.effects.get(one, np.nan) for one in every], np.float32),
        np.array(scores, np.float32),
        tuple(f"{one.words if one else ''} {unit.layer}".lower()
              for one, unit in zip(described, every, strict=True)),
    )  # fmt: skip


def _joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([*parts, np.zeros(0, np.float32)]).astype(np.float32)


def _matching(
    table: Table, said: dict[Unit, Said], question: UnitsQuestion
) -> tuple[np.ndarray, str]:
    """Rows that fit layers and search, and a sentence where the search had to be read widely."""
    study = table.study
    fits = np.ones(len(table.index), bool)
    if question.layers:
        for name in question.layers:
            study.layer(name)
        wanted = [n for n, layer in enumerate(study.layers) if layer.name in question.layers]
        fits = np.isin(table.layer, wanted)
    search = question.search.strip().lower()
    if not search:
        return np.flatnonzero(fits), ""
    one = re.fullmatch(r"(.*?):\s*(\d+)", search)
    if one:
        layers = [n for n, layer in enumerate(study.layers) if layer.name.lower() == one[1].strip()]
        return np.flatnonzero(
            fits & np.isin(table.layer, layers) & (table.index == int(one[2]))
        ), ""
    words = search.split()
    texts = _texts(table, said)
    found = np.array([all(word in text for word in words) for text in texts], bool) & fits
    if found.any():
        return np.flatnonzero(found), ""
    maybe = np.array(
        [_candidate(study, table.unit(int(row)), words) for row in np.flatnonzero(fits)]
    )
    rows = np.flatnonzero(fits)[maybe.astype(bool)]
    if not len(rows):
        return rows, ""
    return rows, "No name has these words; these units have them among their candidates or labels."


def _texts(table: Table, said: dict[Unit, Said]) -> list[str]:
    texts = list(table.words)
    for unit, one in said.items():
        if any(layer.name == unit.layer for layer in table.study.layers):
            row = table.row(unit)
            words = f"{one.words} {unit.layer}".lower() if one.words else texts[row]
            texts[row] = f"{words} {one.note.lower()}"
    return texts


def _candidate(study: Study, unit: Unit, words: Sequence[str]) -> bool:
    """Whether what was weighed for a unit, or its leading pictures' labels, have the words."""
    found = study.described.get(unit)
    text = " ".join(word for word, _ in found.evidence) if found else ""
    leading = study.top(unit.layer)[1][unit.index][:5]
    text += " ".join(study.labels[number] for number in leading if number >= 0)
    return all(word in text.lower() for word in words)


def _ranked(table: Table, rows: np.ndarray, units: Sequence[Unit]) -> np.ndarray:
    """Those of the rows that are of these units, in the order of the units."""
    for unit in units:
        table.study.checked(unit)
    wanted = [table.row(unit) for unit in dict.fromkeys(units)]
    kept = set(rows.tolist())
    return np.array([row for row in wanted if row in kept], np.int64)


def _ordered(table: Table, said: dict[Unit, Said], rows: np.ndarray, order: str) -> np.ndarray:
    """Rows in order; equal ones, and those without a value, in the network's order, last."""
    if order == "unit":
        return rows
    if order in ("label", "starred"):
        mine = {table.row(unit): one for unit, one in said.items()}
        starred = {row for row, one in mine.items() if one.starred}
        if order == "starred":
            return np.array(sorted(rows, key=lambda row: row not in starred), np.int64)
        words = {row: _words(table, said, int(row)).lower() for row in rows}
        return np.array(sorted(rows, key=lambda row: (not words[row], words[row])), np.int64)
    values = {
        "selectivity": table.selectivity,
        "sparsity": table.sparsity,
        "effect": table.effect,
        "score": table.score,
        "largest": table.largest,
    }[order][rows]
    keys = np.where(np.isfinite(values), -values, np.inf)
    return rows[np.argsort(keys, kind="stable")]


def _words(table: Table, said: dict[Unit, Said], row: int) -> str:
    return _description(table.study, said, table.unit(row)).words


def _description(study: Study, said: dict[Unit, Said], unit: Unit) -> Description:
    return study.worded(unit, said.get(unit))


def _summary(table: Table, said: dict[Unit, Said], row: int, strip: Picture | None) -> UnitSummary:
    unit = table.unit(row)
    found, mine = _description(table.study, said, unit), said.get(unit, Said())
    effect, largest = float(table.effect[row]), float(table.largest[row])
    return UnitSummary(
        unit,
        found.words,
        found.score,
        found.unsure,
        largest if math.isfinite(largest) else 0.0,
        float(table.selectivity[row]),
        float(table.sparsity[row]),
        effect if math.isfinite(effect) else None,
        mine.starred,
        mine.note,
        strip,
    )


def _note(table: Table, row: int) -> str:
    study, unit = table.study, table.unit(row)
    values, pictures = study.top(unit.layer)
    missing = int(study.missing(unit.layer)[unit.index])
    if missing >= len(study.names):
        return "It was not a number in any picture."
    notes = []
    if missing:
        notes.append(f"It was not a number in {missing:,} pictures, which do not count.")
    peaks = study.peaks(unit.layer)[unit.index]
    if np.nanmax(peaks) <= np.nanmin(peaks):
        notes.append("It is the same in every picture, so it tells nothing apart.")
    elif (pictures[unit.index] >= 0).sum() >= len(study.names) > 0:
        notes.append("Its exemplars are all the pictures there are.")
    return " ".join(notes)


def _neighbours(table: Table, row: int) -> tuple[tuple[Unit, float], ...]:
    """Units whose spatial maxima over the pictures correlate most with this one's."""
    standard = _standard(table)
    found = standard @ standard[row]
    found[row] = -np.inf
    best = np.argsort(-found, kind="stable")[:NEIGHBOURS]
    if not standard[row].any():
        return ()
    kept = [place for place in best if found[place] > 0]
    return tuple((table.unit(int(place)), min(1.0, float(found[place]))) for place in kept)


@functools.lru_cache(1)
def _standard(table: Table) -> np.ndarray:
    """(U, M) float32: maxima of each unit with mean 0 and length 1; constant units are 0."""
    study = table.study
    count = len(study.names)
    wanted = int(min(count, max(64, COMPARED // max(1, len(table.index)))))
    places = np.linspace(0, count - 1, wanted).astype(np.int64)
    parts = [standardised(study.peaks(layer.name), places) for layer in study.layers]
    return np.concatenate([*parts, np.zeros((0, wanted), np.float32)])


def standardised(peaks: np.ndarray, places: np.ndarray) -> np.ndarray:
    """(U, M) of spatial maxima (U, N) at `places` (M,), so that a product is a correlation."""
    values = np.asarray(peaks[:, places], np.float64)
    there = np.isfinite(values)
    values = np.where(there, values, 0.0)
    means = values.sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    values = np.where(there, values - means[:, None], 0.0)
    length = np.sqrt((values**2).sum(axis=1))
    tiny = 1e-6 * (1.0 + np.abs(means))
    values /= np.where(length > tiny, length, np.inf)[:, None]
    return values.astype(np.float32)
