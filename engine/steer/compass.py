"""The compass: a direction from pictures that an artist sorted. Numpy only.

After Latent Compass (arXiv 2012.14283): what is learnt is the normal of the plane between *more*
and *less*, and applying it is a step along that normal. Instead of a hinge loss with 50,000 steps
of gradient descent it is solved in closed form (`engine.steer.solve`), in coordinates that know
how the generator's pictures are spread (`engine.steer.population`).
"""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from engine.messages import (
    Axis,
    CompassFit,
    Direction,
    LodestoneError,
    Space,
    SteerRequest,
    Vector,
)
from engine.runtime import Runtime
from engine.steer.answered import Answered, collect
from engine.steer.features import features
from engine.steer.orthogonal import orthogonal
from engine.steer.population import Population, population, within
from engine.steer.solve import Examples, Solution, solve

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Learned:
    """What is known of an axis: scores for any picture, and how sure they are."""

    axis: Axis
    people: Population
    answered: Answered
    solution: Solution
    runtime: Runtime

    @property
    def unit(self) -> float:
        """Score of one σ: the score's standard deviation over the generator's pictures."""
        return self.people.sigma(self.people.normal(self.solution.slope)) or 1.0

    def points(self, requests: Sequence[SteerRequest]) -> np.ndarray:
        return points_of(self.axis, requests, self.runtime)

    def margins(self, points: np.ndarray) -> np.ndarray:
        """(N,) signed distance from the boundary in σ."""
        return self.solution.score(self.people.rows(points)) / self.unit

    def vector(self) -> np.ndarray:
        """(D,) unit normal of the boundary."""
        normal = self.people.normal(self.solution.slope)
        return normal / np.linalg.norm(normal)


def fit_space(axis: Axis) -> tuple[Space, tuple[int, int] | None]:
    """The space an axis is fitted in, and the rows of w that are looked at there.

    Pictures of seeds have equal rows in w+, so w+ is fitted as w; the direction acts on the axis'
    rows.
    """
    if axis.space in ("w", "w+"):
        return "w", axis.layers
    return axis.space, axis.layers if axis.space == "s" else None


def points_of(axis: Axis, requests: Sequence[SteerRequest], runtime: Runtime) -> np.ndarray:
    """(N, D) of single pictures in the axis' space."""
    space, layers = fit_space(axis)
    found = features(requests, space, axis.at, runtime, layers if space == "w" else None)
    return within(found, space, layers, runtime)


def fit_axis(axis: Axis, candidates: Sequence[SteerRequest], runtime: Runtime) -> CompassFit:
    """Fit the axis to its labels and pairs, and measure `candidates` along it."""
    learned, answered = finished(learn(axis, runtime))
    if learned is None:
        return CompassFit(None, answered.sentence())
    notes = [answered.sentence()]
    direction, residual = _direction(learned, notes)
    accuracy = _accuracy(learned)
    if accuracy is not None and len(answered.targets) >= 10 and accuracy < 0.6:
        notes.append(
            f"The answers do not agree on one axis yet ({accuracy:.0%} of them are foretold by "
            "the others; 50% is chance). Sort clearer cases and skip the rest."
        )
    measured: tuple[float, ...] = ()
    if candidates:
        measured = _floats(learned.margins(learned.points(candidates)))
    return CompassFit(
        direction=direction,
        sentence=" ".join(note for note in notes if note),
        accuracy=accuracy,
        margins=_label_margins(learned),
        pair_margins=_pair_margins(learned),
        candidates=measured,
        residual=residual,
        ridge=learned.solution.ridge,
    )


def learn(axis: Axis, runtime: Runtime) -> Generator[None, None, tuple[Learned | None, Answered]]:
    """Fit what can be fitted; None while an answer is missing that any direction needs."""
    answered = collect(axis)
    if not answered.targets:
        return None, answered
    people = yield from population(axis.template, axis.space, axis.at, axis.layers, runtime)
    examples = _examples(axis, answered, people, runtime)
    if not (examples.rows**2).sum() > 1e-12:
        return None, replace(answered, notes=("The sorted pictures are all alike here.",))
    learned = Learned(axis, people, answered, solve(examples, axis.learner), runtime)
    if not np.abs(learned.solution.slope).sum() > 0.0:
        return None, replace(answered, notes=("Nothing tells the two sides apart.",))
    return learned, answered


def finished(work: Generator[None, None, T]) -> T:
    """Do all the slices at once."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def _examples(axis: Axis, answered: Answered, people: Population, runtime: Runtime) -> Examples:
    rows = people.rows(points_of(axis, answered.pictures, runtime))
    first = rows[list(answered.first)]
    second = rows[[max(index, 0) for index in answered.second]]
    pair = np.array([index >= 0 for index in answered.second])
    rows = np.where(pair[:, None], (first - second) / np.sqrt(2.0), first)
    targets = np.array(answered.targets)
    weights = np.ones(len(targets))
    for side in (targets > 0.0) & ~pair, (targets < 0.0) & ~pair:
        # A rare side counts as much as the other.
        if side.any():
            weights[side] = 0.5 * (~pair).sum() / side.sum()
    return Examples(rows, targets, (~pair).astype(np.float64), weights)


def _direction(learned: Learned, notes: list[str]) -> tuple[Direction | None, float | None]:
    axis, vector = learned.axis, learned.vector()
    space, layers = fit_space(axis)
    direction = Direction(
        name=axis.name,
        space=space,
        vector=Vector.of(vector),
        sigma=learned.people.sigma(vector) or 1.0,
        layers=layers,
        method="compass",
        model=axis.model,
        detail=_provenance(learned),
        at=axis.at if space == "a" else "",
    )
    if not axis.fixed:
        return direction, None
    try:
        direction, residual = orthogonal(direction, axis.fixed, learned.runtime.info.num_ws)
    except LodestoneError as error:
        notes.append(error.sentence)
        return None, 0.0
    if residual < 0.1:
        notes.append(f"Only {residual:.0%} of the direction is left beside what is kept fixed.")
    return direction, residual


def _provenance(learned: Learned) -> str:
    """JSON; the same labels give the same text."""
    axis, solution = learned.axis, learned.solution
    times = [label.created for label in (*axis.labels, *axis.pairs)]
    facts = {
        "learner": axis.learner,
        "ridge": solution.ridge,
        "rank": solution.rank,
        "accuracy": _accuracy(learned),
        "labels": len(axis.labels) + len(axis.pairs),
        "truncation": axis.template.truncation,
        "classes": list(axis.template.classes),
        "fixed": [one.name for one in axis.fixed],
        "time": max(times, default=0.0),
        "sorted": learned.answered.record(axis),
    }
    return json.dumps(facts, ensure_ascii=False)


# ---------------------------------------------------------------- how well it fits


def _accuracy(learned: Learned) -> float | None:
    """Share of answers foretold when left out; of pictures, the mean over the two sides."""
    examples = learned.solution.examples
    right = np.sign(learned.solution.foretold) == np.sign(examples.answers)
    picture = examples.offset > 0.0
    more, less = picture & (examples.answers > 0.0), picture & (examples.answers < 0.0)
    pair = ~picture & (examples.answers != 0.0)
    shares, counts = [], []
    if more.sum() >= 2 and less.sum() >= 2:
        shares.append(0.5 * (right[more].mean() + right[less].mean()))
        counts.append(more.sum() + less.sum())
    if pair.sum() >= 2:
        shares.append(right[pair].mean())
        counts.append(pair.sum())
    return float(np.average(shares, weights=counts)) if shares else None


def _label_margins(learned: Learned) -> tuple[float, ...]:
    axis, rows, solution = learned.axis, learned.answered.label_rows, learned.solution
    examples = solution.examples
    picture = examples.offset > 0.0
    sides = (examples.answers[picture] > 0.0).sum(), (examples.answers[picture] < 0.0).sum()
    # With one picture on a side, leaving it out leaves nothing to tell the sides apart.
    fitted = solution.foretold if min(sides) >= 2 else solution.in_sample()
    apart = [label.request for label, row in zip(axis.labels, rows, strict=True) if row is None]
    others = iter(learned.margins(learned.points(apart)) if apart else ())
    return tuple(
        float(next(others)) if row is None else float(fitted[row] / learned.unit) for row in rows
    )


def _pair_margins(learned: Learned) -> tuple[float, ...]:
    """By how much the chosen picture is ahead; of equal ones, minus how far they are apart."""
    axis, answered = learned.axis, learned.answered
    if not axis.pairs:
        return ()
    solution = learned.solution
    first = learned.margins(learned.points([pair.a for pair in axis.pairs]))
    second = learned.margins(learned.points([pair.b for pair in axis.pairs]))
    ahead = first - second
    for index, (row, turned) in enumerate(answered.pair_rows):
        if row is not None and len(answered.targets) > 2:
            left_out = solution.left_out[row] * np.sqrt(2.0) / learned.unit
            ahead[index] = -left_out if turned else left_out
    for index, pair in enumerate(axis.pairs):
        if pair.answer == "b":
            ahead[index] *= -1.0
        elif pair.answer == "same":
            ahead[index] = -abs(ahead[index])
    return _floats(ahead)


def _floats(values: np.ndarray) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
