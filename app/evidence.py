"""What an axis was learnt from, in words and rows. No Qt."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from app import axes
from engine.client import from_json
from engine.messages import (
    Axis,
    CompassFit,
    Direction,
    Label,
    LatentPart,
    LodestoneError,
    PairLabel,
    SteerRequest,
)

COLUMNS = ("Picture", "Answer", "Along the axis", "By", "When")
LEARNERS = {"ridge": "ridge regression", "logistic": "logistic regression"}
PAIR_WORDS = {"a": "left is more", "b": "right is more", "same": "the same", "skip": "skipped"}


def called(request: SteerRequest) -> str:
    """A picture in words."""
    seeds = [part.seed for part in request.latent]
    if len(seeds) == 1 and seeds[0] is not None:
        return f"seed {seeds[0]}"
    return "a picture of its own" if None in seeds else "between seeds"


@dataclass(frozen=True)
class Row:
    """One answer."""

    source: Label | PairLabel
    pictures: tuple[SteerRequest, ...]
    answer: str
    margin: float | None
    """σ along the axis; of a pair, by how much the chosen one is ahead."""
    by: str
    when: float

    @property
    def odd(self) -> bool:
        """Whether it contradicts the axis."""
        if self.margin is None or self.answer in ("skip", "same"):
            return False
        if len(self.pictures) == 2:
            return self.margin < 0
        return (self.margin > 0) != (self.answer == "more")

    @property
    def tip(self) -> str:
        what = " and ".join(called(one) for one in self.pictures)
        psi = self.pictures[0].truncation
        odd = "\nContradicts the axis: look at it again." if self.odd else ""
        return f"{what.capitalize()}, truncation {psi:.2f}{odd}"

    def text(self, column: int) -> str:
        if column == 0:
            return called(self.pictures[0]) if len(self.pictures) == 1 else "a pair"
        if column == 1:
            return PAIR_WORDS[self.answer] if len(self.pictures) == 2 else self.answer
        if column == 2:
            return "" if self.margin is None else f"{self.margin:+.2f} σ".replace("-", "−")
        if column == 3:
            return self.by or "—"
        return moment(self.when)

    def sort_key(self, column: int) -> tuple[bool, Any]:
        if column == 2:
            # Pairs and what has no place yet come last when the most of it is on top.
            placed = self.margin is not None and len(self.pictures) == 1
            return (placed, self.margin if placed else 0.0)
        if column == 4:
            return (True, self.when)
        return (True, self.text(column))


def moment(when: float) -> str:
    return time.strftime("%d %b %Y %H:%M", time.localtime(when)) if when > 0 else "—"


def rows_of(
    axis: Axis,
    margin: Callable[[SteerRequest], float | None],
    pair_margin: Callable[[PairLabel], float | None],
) -> list[Row]:
    """One row an answer, in the order in which they were given."""
    singles = [
        Row(one, (one.request,), one.answer, margin(one.request), one.annotator, one.created)
        for one in axis.labels
    ]
    pairs = [
        Row(one, (one.a, one.b), one.answer, pair_margin(one), one.annotator, one.created)
        for one in axis.pairs
    ]
    return singles + pairs


def facts(axis: Axis, fit: CompassFit | None, agreement: tuple[int, int]) -> str:
    """How the direction came about, in one line; empty before anything was sorted."""
    if not axis.labels and not axis.pairs:
        return ""
    less, more = axes.counts(axis)
    skipped = len(axis.labels) - less - more
    counted = [f"{more} more", f"{less} less"]
    counted += [f"{skipped} skipped"] if skipped else []
    if axis.pairs:
        counted.append("1 pair" if len(axis.pairs) == 1 else f"{len(axis.pairs)} pairs")
    where = {"w": "in w", "z": "in z", "s": "in s", "a": f"in the output of {axis.at}"}
    parts = [", ".join(counted), f"{LEARNERS[axis.learner]} {where.get(axis.space, axis.space)}"]
    if fit is not None and fit.ridge:
        parts.append(f"λ {fit.ridge:.3g}")
    if fit is not None and fit.accuracy is not None:
        agree, of = agreement
        parts.append(f"{agree} of {of} agree, accuracy {fit.accuracy * 100:.0f} %")
    people = dict.fromkeys(one.annotator for one in (*axis.labels, *axis.pairs) if one.annotator)
    if people:
        parts.append(f"sorted by {', '.join(people)}")
    parts.append(f"generator {axis.model[:12]}")
    return "   ·   ".join(parts)


def axis_told(direction: Direction) -> Axis | None:
    """The sorted pictures a direction carries with it, as an axis that is in no project."""
    try:
        stored = json.loads(direction.detail)
        template = SteerRequest(
            model=direction.model,
            classes=tuple(float(one) for one in stored["classes"]),
            truncation=float(stored["truncation"]),
        )
        labels, pairs = [], []
        for one in stored["sorted"]:
            who = (str(one.get("annotator", "")), float(one.get("time", 0.0)))
            if "picture" in one:
                labels.append(Label(_picture(one["picture"], template), one["answer"], *who))
            else:
                both = _picture(one["a"], template), _picture(one["b"], template)
                pairs.append(PairLabel(*both, one["answer"], *who))
        learner = "logistic" if stored.get("learner") == "logistic" else "ridge"
    except (ValueError, KeyError, TypeError, AttributeError, LodestoneError):
        return None  # Not a direction of a compass, or not as we write it.
    axis = Axis("", direction.name, direction.model, template, direction.space, direction.at)
    return replace(axis, labels=tuple(labels), pairs=tuple(pairs), learner=learner)


def _picture(stored: Any, template: SteerRequest) -> SteerRequest:
    """A seed of the template, or a whole recipe."""
    if isinstance(stored, int):
        return replace(template, latent=(LatentPart(seed=stored),))
    made = from_json(json.dumps(stored))
    if not isinstance(made, SteerRequest):
        raise TypeError("not a picture")
    return made


def readable(direction: Direction) -> str:
    """The provenance a direction carries, a line each; for directions sorted elsewhere."""
    lines = [
        f"Method: {direction.method or 'unknown'}",
        f"Space: {direction.space}{' at ' + direction.at if direction.at else ''}",
        f"σ: {direction.sigma:.4g}",
        f"Generator: {direction.model or 'unknown'}",
    ]
    try:
        stored = json.loads(direction.detail) if direction.detail else {}
    except ValueError:
        stored = {"notes": direction.detail}
    if isinstance(stored, dict):
        lines += [f"{str(name).replace('_', ' ').capitalize()}: {_short(stored[name])}"
                  for name in stored]  # fmt: skip
    else:
        lines.append(_short(stored))
    return "\n".join(lines)


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        if len(value) > 40:
            return f"{len(value)} entries"
        return ", ".join(_short(one) for one in value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {_short(one)}" for name, one in value.items())
    return str(value)
