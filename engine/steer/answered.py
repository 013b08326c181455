"""What was answered, picture by picture: duplicates joined, contradictions put aside. No arrays.

Labels come from hands: the same picture twice, both ways, all on one side. Here they become the
rows a solver takes, and sentences about what is missing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from engine.codec import to_json
from engine.messages import Axis, Label, PairLabel, SteerRequest

enough = 3
"""Pictures a side from which on the direction holds still."""

values = {"more": 1.0, "less": -1.0, "a": 1.0, "b": -1.0, "same": 0.0}


@dataclass(frozen=True)
class Answered:
    """Examples to learn from: a picture (`second` -1), or two of which one shows more."""

    pictures: tuple[SteerRequest, ...] = ()
    """Each once."""
    first: tuple[int, ...] = ()
    """One an example: its picture."""
    second: tuple[int, ...] = ()
    """The other picture of a pair, or -1."""
    targets: tuple[float, ...] = ()
    """-1..1: less to more; a pair: b to a. Between them where people disagree."""
    label_rows: tuple[int | None, ...] = ()
    """One a label of the axis: its example, or None when it counts for nothing."""
    pair_rows: tuple[tuple[int | None, bool], ...] = ()
    """The same for pairs, and whether the example has the two the other way round."""
    notes: tuple[str, ...] = ()

    def sentence(self) -> str:
        return " ".join(self.notes)

    def record(self, axis: Axis) -> list[dict[str, Any]]:
        """All answers in order, small: a seed where the picture is the template with a seed."""
        return [
            {"picture": _brief(label.request, axis), **_who(label)} for label in axis.labels
        ] + [
            {"a": _brief(pair.a, axis), "b": _brief(pair.b, axis), **_who(pair)}
            for pair in axis.pairs
        ]


def collect(axis: Axis) -> Answered:
    """The examples in the axis' labels and pairs that anything can be learnt from."""
    notes: list[str] = []
    singles: dict[SteerRequest, list[float]] = {}
    doubles: dict[tuple[SteerRequest, SteerRequest], list[float]] = {}
    foreign = 0
    for label in axis.labels:
        foreign += _foreign(label.request, axis)
        if label.answer != "skip" and not _foreign(label.request, axis):
            singles.setdefault(label.request, []).append(values[label.answer])
    for pair in axis.pairs:
        foreign += _foreign(pair.a, axis)
        if pair.answer == "skip" or pair.a == pair.b or _foreign(pair.a, axis):
            continue
        value = values[pair.answer]
        if (pair.b, pair.a) in doubles:
            doubles[pair.b, pair.a].append(-value)
        else:
            doubles.setdefault((pair.a, pair.b), []).append(value)
    if foreign:
        notes.append(f"{_counted(foreign)} of another generator left out.")
    means = {request: sum(given) / len(given) for request, given in singles.items()}
    both = [request for request, mean in means.items() if mean == 0.0]
    if both:
        verb = "was" if len(both) == 1 else "were"
        notes.append(f"{_counted(len(both))} {verb} sorted both ways and counts for neither side.")
    used = {request: mean for request, mean in means.items() if mean != 0.0}
    pairs = {two: sum(given) / len(given) for two, given in doubles.items()}
    notes += _missing(used, pairs)
    return _assembled(axis, _usable(used, pairs), pairs, tuple(notes))


def _missing(used: dict[SteerRequest, float], pairs: dict[Any, float]) -> list[str]:
    """What is still needed, in words."""
    more = sum(value > 0.0 for value in used.values())
    less = len(used) - more
    told = any(pairs.values())
    if not more and not less and not told:
        if pairs:
            return ["Every pair is the same so far: find two that differ."]
        return ["Sort a picture to each side."]
    if told:
        return []
    if not more or not less:
        missing = "more" if not more else "less"
        return [f"All pictures are on one side: sort one as {missing} too."]
    few = [name for name, count in (("more", more), ("less", less)) if count < enough]
    if few:
        return [f"Sort at least {enough} pictures as {' and as '.join(few)} for a steady axis."]
    return []


def _usable(used: dict[SteerRequest, float], pairs: dict[Any, float]) -> dict[SteerRequest, float]:
    """Labels of one side alone tell nothing of the axis; without any contrast nothing does."""
    sides = {value > 0.0 for value in used.values()}
    return used if len(sides) == 2 else {}


def _assembled(
    axis: Axis,
    used: dict[SteerRequest, float],
    pairs: dict[tuple[SteerRequest, SteerRequest], float],
    notes: tuple[str, ...],
) -> Answered:
    if not used and not any(pairs.values()):
        pairs = {}
    wanted = (*used, *(one for two in pairs for one in two))
    pictures = tuple(dict.fromkeys(wanted))
    place = {request: index for index, request in enumerate(pictures)}
    row = {request: index for index, request in enumerate(used)}
    two = {key: len(used) + index for index, key in enumerate(pairs)}
    label_rows = tuple(
        row.get(label.request) if label.answer != "skip" else None for label in axis.labels
    )
    return Answered(
        pictures=pictures,
        first=(*(place[request] for request in used), *(place[a] for a, _ in pairs)),
        second=(*(-1 for _ in used), *(place[b] for _, b in pairs)),
        targets=(*used.values(), *pairs.values()),
        label_rows=label_rows,
        pair_rows=tuple(_pair_row(pair, two) for pair in axis.pairs),
        notes=notes,
    )


def _pair_row(
    pair: PairLabel, rows: dict[tuple[SteerRequest, SteerRequest], int]
) -> tuple[int | None, bool]:
    if pair.answer == "skip":
        return None, False
    if (pair.a, pair.b) in rows:
        return rows[pair.a, pair.b], False
    return rows.get((pair.b, pair.a)), True


def _foreign(request: SteerRequest, axis: Axis) -> bool:
    return bool(request.model and axis.model and request.model != axis.model)


def _counted(count: int) -> str:
    return f"{count} {'picture' if count == 1 else 'pictures'}"


def _brief(request: SteerRequest, axis: Axis) -> Any:
    latent = request.latent
    as_template = (
        request.classes, request.truncation, request.truncation_cutoff, request.edits,
        request.units,
    )  # fmt: skip
    wanted = axis.template
    alike = as_template == (
        wanted.classes, wanted.truncation, wanted.truncation_cutoff, wanted.edits, wanted.units,
    )  # fmt: skip
    if alike and len(latent) == 1 and latent[0].seed is not None and not request.mix:
        return latent[0].seed
    # What moved the picture is kept, not where that came from: provenance would grow without end.
    edits = tuple(
        replace(edit, direction=replace(edit.direction, detail="")) for edit in request.edits
    )
    return json.loads(to_json(replace(request, edits=edits)))


def _who(answer: Label | PairLabel) -> dict[str, Any]:
    facts: dict[str, Any] = {"answer": answer.answer}
    if answer.annotator:
        facts["annotator"] = answer.annotator
    if answer.created:
        facts["time"] = answer.created
    return facts
