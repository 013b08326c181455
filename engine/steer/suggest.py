"""Which pictures are worth sorting next. Numpy only.

Of a pool of seeds the wall gets those that teach most. Before there is a direction: far apart from
each other, so that every side of the generator is seen and most cases are clear. Afterwards, for
*uncertain*: where the fit knows least (posterior variance of Bayesian regression), rather near the
boundary. Simulated observers (`lodestone bench discover`) chose between these and their mixtures.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

import numpy as np

from engine.messages import Axis, LatentPart, SteerRequest, Suggestion, SuggestQuestion
from engine.runtime import Runtime
from engine.steer.compass import Learned, fit_space, learn
from engine.steer.population import points, population

pool_size = 1000
"""Seeds looked through; mapping them costs less than drawing one picture."""
pool_size_activations = 64
"""In a layer's activations every seed costs a picture."""
largest_pool_seed = 1_000_000
"""Seeds that are easily typed again."""
apart = 0.5
"""How much being unlike the others chosen counts, beside one σ of what is asked for."""


def suggest(question: SuggestQuestion, runtime: Runtime) -> Generator[None, None, Suggestion]:
    """Look through a pool of unsorted seeds; yields between slices of work."""
    axis = question.axis
    learned, _ = yield from learn(axis, runtime)
    seeds = _pool(question)
    count = max(question.count, 0)
    if learned is None and question.kind == "random":
        return Suggestion(_requests(axis, seeds[:count]))
    space, layers = fit_space(axis)
    found = yield from points(seeds.tolist(), axis.template, space, axis.at, layers, runtime)
    if learned is None:
        people = yield from population(axis.template, axis.space, axis.at, axis.layers, runtime)
        chosen = spread_out(people.rows(found), 2 * count if question.kind == "pairs" else count)
        return Suggestion(_requests(axis, seeds[chosen]))
    margins = learned.margins(found)
    chosen = _chosen(question.kind, learned, learned.people.rows(found), margins, count)
    return Suggestion(_requests(axis, seeds[chosen]), tuple(float(margins[i]) for i in chosen))


def _pool(question: SuggestQuestion) -> np.ndarray:
    """(N,) seeds of the question's pool, none of which was sorted."""
    axis = question.axis
    usual = pool_size_activations if axis.space == "a" else pool_size
    size = max(usual, 4 * question.count)
    drawn = np.random.RandomState(question.seed % 2**32).randint(0, largest_pool_seed, size)
    # Kept in the order drawn, each once: `random` takes them from the front.
    seeds = np.array(list(dict.fromkeys(drawn.tolist())), np.int64)
    shown = [label.request for label in axis.labels]
    shown += [request for pair in axis.pairs for request in (pair.a, pair.b)]
    sorted_before = [part.seed for request in shown for part in request.latent]
    known = np.array([seed for seed in sorted_before if seed is not None], np.int64)
    return seeds[~np.isin(seeds, known)]


def _requests(axis: Axis, seeds: np.ndarray) -> tuple[SteerRequest, ...]:
    return tuple(
        replace(axis.template, latent=(LatentPart(seed=int(seed)),), mix=(), mix_layers=())
        for seed in seeds
    )


def _chosen(
    kind: str, learned: Learned, rows: np.ndarray, margins: np.ndarray, count: int
) -> np.ndarray:
    if kind == "random":
        return np.arange(min(count, len(rows)))
    if kind == "more":
        return diverse(rows, margins, count)
    if kind == "less":
        return diverse(rows, -margins, count)
    if kind == "extremes":
        return _both_ends(rows, margins, count)
    if kind == "pairs":
        return _pairs(learned, rows, margins, count)
    return diverse(rows, informative(learned, rows, margins), count)


def informative(learned: Learned, rows: np.ndarray, margins: np.ndarray) -> np.ndarray:
    """(N,) how much sorting each would teach: what is not known of it, less where it is clear.

    The variance is taken unnormalised, so that pictures far from the middle, which tell more, win.
    """
    deviation = np.sqrt(learned.solution.variance(rows) * (rows * rows).sum(axis=1))
    return 3.0 * deviation / deviation.mean() - np.abs(margins)


def diverse(rows: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    """Indices of `count` with high values that are not alike, best first (greedy)."""
    best = np.argsort(-values)[: max(6 * count, 60)]
    if not len(best) or count < 1:
        return np.arange(0)
    chosen = [0]
    distance = _squared(rows[best], rows[best[0]])
    left = values[best].copy()
    left[0] = -np.inf
    while len(chosen) < min(count, len(best)):
        index = int(np.argmax(left + apart * np.minimum(distance, 2.0)))
        chosen.append(index)
        left[index] = -np.inf
        distance = np.minimum(distance, _squared(rows[best], rows[best[index]]))
    return best[chosen]


def spread_out(rows: np.ndarray, count: int) -> np.ndarray:
    """Indices of `count` rows that are far from each other: greedy k-centre (Gonzalez 1985)."""
    if not len(rows) or count < 1:
        return np.arange(0)
    # The first lies far out: a start in the middle would be an unclear case.
    chosen = [int(np.argmax((rows * rows).sum(axis=1)))]
    distance = _squared(rows, rows[chosen[0]])
    while len(chosen) < min(count, len(rows)):
        chosen.append(int(np.argmax(distance)))
        distance = np.minimum(distance, _squared(rows, rows[chosen[-1]]))
    return np.array(chosen)


def _both_ends(rows: np.ndarray, margins: np.ndarray, count: int) -> np.ndarray:
    """More and less in turn."""
    more = diverse(rows, margins, (count + 1) // 2)
    less = diverse(rows, -margins, count // 2 + 1)
    less = np.array([index for index in less if index not in set(more.tolist())], int)
    turns = np.zeros(len(more) + min(len(less), len(more)), int)
    turns[0::2][: len(more)] = more
    turns[1::2] = less[: len(turns) // 2]
    return turns[:count]


def _pairs(learned: Learned, rows: np.ndarray, margins: np.ndarray, count: int) -> np.ndarray:
    """2 x count indices, neighbours belong together: two pictures alike but for the axis.

    What is alike is judged beside the axis: the rows without their part along it.
    """
    slope = learned.solution.slope / np.linalg.norm(learned.solution.slope)
    beside = rows - np.outer(rows @ slope, slope)
    half = _both_ends(rows, margins, 2 * count)
    free = np.ones(len(rows), bool)
    free[half] = False
    found: list[int] = []
    for index in half[:count]:
        distance = _squared(beside, beside[index])
        # A whole σ apart along the axis is a question that can be answered.
        distance = distance + 0.5 * np.maximum(1.0 - np.abs(margins - margins[index]), 0.0)
        distance[~free] = np.inf
        other = int(np.argmin(distance))
        if not np.isfinite(distance[other]):
            break
        free[other] = False
        # Which of the two is ahead must not show in where it stands.
        found += [int(index), other] if (index + other) % 2 else [other, int(index)]
    return np.array(found, int)


def _squared(rows: np.ndarray, one: np.ndarray) -> np.ndarray:
    return ((rows - one) ** 2).sum(axis=1)
