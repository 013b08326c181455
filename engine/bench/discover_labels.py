"""Labels needed: simulated observers sort pictures of the bundled generators by what they show.

An observer sees one attribute, measured from the picture's pixels (`engine.bench.observers`), and
says *more* above its median and *less* below, wrong now and then. A direction holds when it moves
the attribute monotonically (Spearman >= 0.9 over 9 steps from -3 to 3 σ) on at least 90 % of unseen
seeds. How many labels until it holds, and does so at every later checkpoint too? (A first success
alone is often luck, of any learner.) Four ways are compared on the same attributes in one run:

- *released*: random samples and Latent Compass' learner: a linear layer on z, hinge loss, SGD with
  learning rate 1e-2, 50,000 full-batch steps (arXiv 2012.14283 and its released code), applied by
  our exact steps, which is kinder to it than its own;
- *in w*: the same learner, given our w instead of its z, a space its generator did not have;
- *random*: random samples and our solver;
- *ours*: the wall's suggestions, where the observer skips the unclear middle (30 % of pictures).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.bench import fit_speed
from engine.bench.figure import Figure, at_most, missing
from engine.bench.hinge import hinge_sgd
from engine.bench.observers import Attribute, attributes, rgb
from engine.client import EngineClient
from engine.messages import (
    Axis,
    Direction,
    Edit,
    Label,
    LatentPart,
    LodestoneError,
    Space,
    SteerRequest,
    SuggestQuestion,
    Vector,
)
from engine.runtime import Runtime, open_runtime
from engine.steer.compass import finished, fit_axis
from engine.steer.features import features
from engine.steer.orthogonal import orthogonal
from engine.steer.population import population
from engine.steer.render import render_batch
from engine.steer.suggest import suggest

checkpoints = (8, 12, 16, 20, 40, 60)
"""Numbers of labels at which a direction is tried."""
repetitions = 1
"""Observers an attribute, with other pictures and other mistakes."""
wrong_answers = (0.0, 0.1, 0.2)
unclear = 0.15
"""Skipped where skipping is offered: this close to the median, in quantiles."""
known_pictures = 1000
"""Random pictures of which the attributes are measured; the first are what is sorted at random."""
unseen_from, unseen, at_a_glance = 2_000_000, 100, 14
steps = np.linspace(-3.0, 3.0, 9)
together = 7
"""Unseen seeds looked at between decisions."""
at_once = 16
"""Pictures drawn at once: more only need more memory."""


def measures() -> Iterator[Figure]:
    """Speed and exactness first; then what the observers say."""
    yield from fit_speed.measures()
    yield _exactness()
    worlds = [world for name in ("fruit", "portraits") if (world := _open(name)) is not None]
    if not worlds:
        yield missing("labels needed", "labels", None, "no bundled generator is at hand")
        return
    yield from _labels_needed(worlds)


def _exactness() -> Figure:
    rng = np.random.RandomState(1)
    worst = 0.0
    for count in (1, 5, 20):
        made = [
            Direction("", "w", Vector.of(row / np.linalg.norm(row)))
            for row in rng.randn(count + 1, 512)
        ]
        kept, _ = orthogonal(made[0], made[1:])
        vector = kept.vector.array().astype(np.float64)
        worst = max(worst, *(abs(float(vector @ one.vector.array())) for one in made[1:]))
    return at_most("conditional projection, largest cosine with what is fixed", worst, "", 1e-5)


# ---------------------------------------------------------------- observers


@dataclass(frozen=True, eq=False)
class World:
    """A generator, and what can be seen in its pictures."""

    name: str
    runtime: Runtime
    template: SteerRequest
    attributes: tuple[Attribute, ...]
    seen: np.ndarray
    """(known_pictures, attributes): measured on random pictures, seeds 0, 1 …"""

    def picture(self, seed: int) -> SteerRequest:
        return replace(self.template, latent=(LatentPart(seed=seed),))

    def measure(self, requests: Sequence[SteerRequest], index: int) -> np.ndarray:
        """(N,) the attribute of each picture."""
        return self.look(requests)[:, index]

    def look(self, requests: Sequence[SteerRequest]) -> np.ndarray:
        """(N, attributes)"""
        found: list[np.ndarray] = []
        for start in range(0, len(requests), at_once):
            drawn = rgb(render_batch(requests[start : start + at_once], self.runtime))
            found.append(np.stack([one.measure(drawn) for one in self.attributes], axis=1))
        return np.concatenate(found)


@dataclass(frozen=True)
class Observer:
    """Sorts by one attribute."""

    world: World
    index: int
    wrong: float
    """Share of wrong answers."""
    repetition: int = 0

    @property
    def name(self) -> str:
        return f"{self.world.name} {self.world.attributes[self.index].name}"

    def chance(self) -> np.random.RandomState:
        """The same for all ways to learn, so that they meet the same luck."""
        return np.random.RandomState(1000 * self.repetition + 10 * self.index + 1)

    def quantiles(self, values: np.ndarray) -> np.ndarray:
        """(N,) where measured values lie among random pictures, -0.5..0.5."""
        ordered = np.sort(self.world.seen[:, self.index])
        return np.searchsorted(ordered, values) / len(ordered) - 0.5

    def answers(self, places: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
        """(N,) of True for more."""
        return (places > 0.0) ^ (rng.rand(len(places)) < self.wrong)


def _open(name: str) -> World | None:
    try:
        info = EngineClient(lambda _event: None, local=True).find(name)
    except LodestoneError:
        return None
    runtime = open_runtime(info, "cpu")
    classes = tuple(float(index == 0) for index in range(info.c_dim))
    template = SteerRequest(info.id, classes=classes)
    known = attributes(name)
    world = World(name, runtime, template, known, np.zeros((0, len(known))))
    return replace(world, seen=world.look([world.picture(seed) for seed in range(known_pictures)]))


# ---------------------------------------------------------------- three ways to learn


Way = Callable[[Observer, Sequence[int]], dict[int, Direction | None]]
"""Directions after each of some numbers of labels."""


def _axis(observer: Observer, seeds: Sequence[int], more: Iterable[bool]) -> Axis:
    world = observer.world
    labels = tuple(
        Label(world.picture(seed), "more" if answer else "less")
        for seed, answer in zip(seeds, more, strict=True)
    )
    return Axis("bench", observer.name, world.template.model, world.template, labels=labels)


def _random_answers(observer: Observer, count: int) -> tuple[list[int], np.ndarray]:
    """Seeds in an order of the attribute's own, and the answers."""
    rng = observer.chance()
    seeds = rng.permutation(known_pictures)[:count]
    places = observer.quantiles(observer.world.seen[seeds, observer.index])
    return seeds.tolist(), observer.answers(places, rng)


def released(observer: Observer, counts: Sequence[int]) -> dict[int, Direction | None]:
    return _hinged(observer, counts, "z")


def in_w(observer: Observer, counts: Sequence[int]) -> dict[int, Direction | None]:
    return _hinged(observer, counts, "w")


def _hinged(observer: Observer, counts: Sequence[int], space: Space) -> dict[int, Direction | None]:
    seeds, more = _random_answers(observer, max(counts))
    world = observer.world
    points = features([world.picture(seed) for seed in seeds], space, "", world.runtime)
    people = finished(population(world.template, space, "", None, world.runtime))
    found: dict[int, Direction | None] = {}
    for count in counts:
        normal = hinge_sgd(points[:count], np.where(more[:count], 1.0, -1.0))
        unit = normal / max(float(np.linalg.norm(normal)), 1e-12)
        found[count] = Direction("original", space, Vector.of(unit), people.sigma(unit))
    return found


def random_samples(observer: Observer, counts: Sequence[int]) -> dict[int, Direction | None]:
    seeds, more = _random_answers(observer, max(counts))
    runtime = observer.world.runtime
    return {
        count: fit_axis(_axis(observer, seeds[:count], more[:count]), (), runtime).direction
        for count in counts
    }


def suggested(observer: Observer, counts: Sequence[int]) -> dict[int, Direction | None]:
    """The wall: four suggestions at a time, unclear ones skipped."""
    world = observer.world
    rng = observer.chance()
    axis = _axis(observer, (), ())
    answered = 0
    found: dict[int, Direction | None] = {}
    for round in range(4 * max(counts)):
        question = SuggestQuestion(axis, "uncertain", 4, 1000 * observer.repetition + round)
        requests = finished(suggest(question, world.runtime)).requests
        places = observer.quantiles(world.measure(requests, observer.index))
        answers = observer.answers(places, rng)
        for request, place, more in zip(requests, places, answers, strict=True):
            clear = abs(place) >= unclear
            word = "skip" if not clear else "more" if more else "less"
            axis = replace(axis, labels=(*axis.labels, Label(request, word)))
            answered += clear
            if clear and answered in counts:
                found[answered] = fit_axis(axis, (), world.runtime).direction
        if answered >= max(counts):
            break
    return found


# ---------------------------------------------------------------- does it hold?


def holds(observer: Observer, direction: Direction | None, most: int = unseen) -> bool:
    """Whether the attribute follows the direction on 90 % of unseen seeds.

    Decided as soon as it is clear (Wald's sequential test of 95 % against 80 %, errors 10 %), by
    `most` seeds at the latest.
    """
    if direction is None:
        return False
    good, looked, odds = 0, 0, 0.0
    while looked < most:
        some = range(unseen_from + looked, unseen_from + min(looked + together, most))
        followed = int((_follows(observer, direction, some) >= 0.9).sum())
        good, looked = good + followed, looked + len(some)
        missed = len(some) - followed
        odds += followed * np.log(0.95 / 0.8) + missed * np.log(0.05 / 0.2)
        if abs(odds) > np.log(0.9 / 0.1):
            return bool(odds > 0.0)
    return good >= 0.9 * most


def _follows(observer: Observer, direction: Direction, seeds: Sequence[int]) -> np.ndarray:
    """(N,) Spearman's rank correlation of the attribute with the amount."""
    requests = [
        replace(observer.world.picture(seed), edits=(Edit(direction, float(amount)),))
        for seed in seeds
        for amount in steps
    ]
    values = observer.world.measure(requests, observer.index).reshape(len(seeds), len(steps))
    ranks = values.argsort(axis=1).argsort(axis=1) - 0.5 * (len(steps) - 1)
    wanted = np.arange(len(steps)) - 0.5 * (len(steps) - 1)
    return (ranks @ wanted) / (wanted @ wanted)


def needed(observer: Observer, way: Way) -> int | None:
    """Labels from which on it holds; None when it does not at the last checkpoint.

    Sought with few seeds, then confirmed with all of them.
    """
    found = way(observer, checkpoints)
    least = len(checkpoints)
    while least and holds(observer, found.get(checkpoints[least - 1]), at_a_glance):
        least -= 1
    for count in checkpoints[least:]:
        if holds(observer, found.get(count)):
            return count
    return None


# ---------------------------------------------------------------- figures


def _labels_needed(worlds: Sequence[World]) -> Iterator[Figure]:
    everyone = [
        Observer(world, index, 0.0) for world in worlds for index in range(len(world.attributes))
    ]
    reachable = [one for one in everyone if holds(one, _oracle(one))]
    lost = [one.name for one in everyone if one not in reachable]
    yield Figure(
        "attributes that a direction from 1,000 clean labels moves",
        float(len(reachable)),
        f"of {len(everyone)}",
        note=f"not by any such direction: {', '.join(lost)}" if lost else "",
    )
    worse = 0
    for wrong in wrong_answers:
        observers = [
            replace(one, wrong=wrong, repetition=repetition)
            for one in reachable
            for repetition in range(repetitions)
        ]
        ours, plain, theirs, given_w = (
            [_counted(needed(one, way)) for one in observers]
            for way in (suggested, random_samples, released, in_w)
        )
        worse += bool(np.median(ours) > min(np.median(theirs), np.median(given_w)))
        yield _where_hard(wrong, "the original", observers, ours, theirs)
        yield _where_hard(wrong, "its learner in w", observers, ours, given_w)
        yield _all_cases(wrong, ours, plain, theirs, given_w)
    yield at_most(
        "shares of wrong answers at which ours needs more labels than either (medians)",
        worse,
        f"of {len(wrong_answers)}",
        0,
    )


def _oracle(observer: Observer) -> Direction | None:
    return random_samples(observer, (known_pictures,))[known_pictures]


def _counted(count: int | None) -> int:
    """A count that was not reached, as the least it can be."""
    return checkpoints[-1] + 1 if count is None else count


def _where_hard(
    wrong: float,
    whom: str,
    observers: Sequence[Observer],
    ours: Sequence[int],
    theirs: Sequence[int],
) -> Figure:
    """The target: few labels where the original needs many."""
    name = f"labels needed where {whom} needs >= 60, {wrong:.0%} wrong answers (median)"
    hard = [
        (one, count)
        for one, count, other in zip(observers, ours, theirs, strict=True)
        if other >= 60
    ]
    if not hard:
        return missing(name, "labels", "<= 20", f"{whom} needs less everywhere")
    counts = [count for _, count in hard]
    return at_most(
        name,
        float(np.median(counts)),
        "labels",
        20.0,
        peer=f"random samples and {whom} (at least)",
        peer_value=60.0,
        ratio=60.0 / float(np.median(counts)),
        note=f"{len(hard)} of {len(ours)} cases, {sum(count <= 20 for count in counts)} of them "
        f"within 20: {', '.join(f'{one.name} {_told(count)}' for one, count in hard)}",
    )


def _all_cases(
    wrong: float,
    ours: Sequence[int],
    plain: Sequence[int],
    theirs: Sequence[int],
    given_w: Sequence[int],
) -> Figure:
    median, peer = float(np.median(ours)), float(np.median(theirs))
    more = sum(a > min(b, c) for a, b, c in zip(ours, theirs, given_w, strict=True))
    return Figure(
        f"labels needed, {wrong:.0%} wrong answers (median over all cases)",
        median,
        "labels",
        peer="random samples and the original learner",
        peer_value=peer,
        ratio=peer / median,
        note=f"random samples and our solver: {_told(float(np.median(plain)))}; the original "
        f"learner in w: {_told(float(np.median(given_w)))}; ours needs more than the better of "
        f"both originals in {more} of {len(ours)} single cases",
    )


def _told(count: float) -> str:
    return f"> {checkpoints[-1]}" if count > checkpoints[-1] else f"{count:g}"
