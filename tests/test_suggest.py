from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.messages import Axis, Label, PairLabel, SteerRequest, Suggestion, SuggestQuestion
from engine.steer.compass import finished, fit_axis
from engine.steer.population import together
from engine.steer.suggest import diverse, pool_size, spread_out, suggest
from tests import small
from tests.test_compass import axis, picture, planted, sorted_by

kinds = ("random", "uncertain", "extremes", "more", "less", "pairs")


def ask(of: Axis, kind: str, count: int = 8, seed: int = 0) -> Suggestion:
    question = SuggestQuestion(of, kind, count, seed)  # type: ignore[arg-type]
    return finished(suggest(question, small.runtime()))


def seeds(requests: tuple[SteerRequest, ...]) -> list[int | None]:
    return [request.latent[0].seed for request in requests]


def some_axis() -> Axis:
    return axis(sorted_by(planted(16)))


@pytest.mark.parametrize("kind", kinds)
@pytest.mark.parametrize("sorted_before", [False, True])
def test_as_many_as_asked_for_each_once_and_as_the_wall_shows_them(
    kind: str, sorted_before: bool
) -> None:
    of = some_axis() if sorted_before else axis()
    found = ask(of, kind)
    wanted = 16 if kind == "pairs" else 8
    assert len(set(seeds(found.requests))) == len(found.requests) == wanted
    assert len(found.margins) == (wanted if sorted_before else 0)
    for request in found.requests:
        assert replace(request, latent=()) == replace(of.template, latent=())
    assert ask(of, kind) == found
    assert set(seeds(ask(of, kind, seed=1).requests)) != set(seeds(found.requests))


@pytest.mark.parametrize("kind", kinds)
def test_nothing_that_was_sorted_comes_again(kind: str) -> None:
    of = axis(sorted_by(planted(8)))
    for _ in range(3):
        before = {request for label in of.labels for request in [label.request]}
        before |= {request for pair in of.pairs for request in (pair.a, pair.b)}
        found = ask(of, kind).requests
        assert not before & set(found)
        if kind == "pairs":
            pairs = [PairLabel(a, b, "a") for a, b in zip(found[::2], found[1::2], strict=True)]
            of = replace(of, pairs=(*of.pairs, *pairs))
        else:
            of = replace(of, labels=(*of.labels, *(Label(one, "skip") for one in found)))


def test_margins_are_those_of_the_fit() -> None:
    of = some_axis()
    found = ask(of, "random")
    assert np.allclose(
        found.margins, fit_axis(of, found.requests, small.runtime()).candidates, atol=1e-4
    )


def test_each_kind_is_what_it_says() -> None:
    of = some_axis()
    margins = {kind: np.array(ask(of, kind).margins) for kind in kinds}
    usual = np.abs(ask(of, "random", 200).margins)
    assert (margins["more"] > np.quantile(usual, 0.9)).all()
    assert (margins["less"] < -np.quantile(usual, 0.9)).all()
    assert (np.abs(margins["extremes"]) > np.quantile(usual, 0.9)).all()
    assert (margins["extremes"] > 0).tolist() == [True, False] * 4
    assert np.abs(margins["uncertain"]).mean() < usual.mean()


def test_uncertain_pictures_teach_more_than_random_ones() -> None:
    """Measured as posterior variance over all pictures once the suggested ones are sorted."""
    from engine.steer.compass import learn
    from engine.steer.features import features

    of = some_axis()
    points = features([picture(s) for s in range(3000, 3200)], "w", "", small.runtime())
    left = {}
    for kind in ("uncertain", "random"):
        new = tuple(Label(one, "more") for one in ask(of, kind, 12).requests)
        learned, _ = finished(learn(replace(of, labels=(*of.labels, *new)), small.runtime()))
        assert learned is not None
        # The same λ for both: what counts is which pictures were chosen.
        from engine.steer.solve import solve_ridge

        fixed = solve_ridge(learned.solution.examples, 1.0)
        left[kind] = fixed.variance(learned.people.rows(points)).mean()
    assert left["uncertain"] < left["random"]


def test_pairs_are_alike_but_for_the_axis() -> None:
    from engine.steer.compass import learn
    from engine.steer.features import features

    of = some_axis()
    found = ask(of, "pairs", 10)
    learned, _ = finished(learn(of, small.runtime()))
    assert learned is not None
    rows = learned.people.rows(features(found.requests, "w", "", small.runtime()))
    slope = learned.solution.slope / np.linalg.norm(learned.solution.slope)
    beside = rows - np.outer(rows @ slope, slope)
    within = np.linalg.norm(beside[::2] - beside[1::2], axis=1).mean()
    across = np.linalg.norm(beside[::2] - np.roll(beside[1::2], 1, axis=0), axis=1).mean()
    assert within < 0.9 * across
    ahead = np.array(found.margins[::2]) - np.array(found.margins[1::2])
    assert 0 < (ahead > 0).sum() < 10  # the side tells nothing


def test_the_pool_is_mapped_in_slices() -> None:
    work = suggest(SuggestQuestion(some_axis(), "uncertain", 4, 0), small.runtime())
    assert sum(1 for _ in work) >= pool_size // together


def test_activations_have_suggestions_too() -> None:
    of = axis(sorted_by(planted(8)), space="a", at="b8.conv1")
    assert len(ask(of, "uncertain", 6).requests) == 6


@pytest.mark.parametrize("kind", kinds)
def test_none_asked_for_is_none(kind: str) -> None:
    assert ask(some_axis(), kind, 0).requests == ()
    assert ask(axis(), kind, 0).requests == ()


@given(
    count=st.integers(0, 30), size=st.integers(0, 80), width=st.integers(1, 20),
    seed=st.integers(0, 100),
)  # fmt: skip
@settings(max_examples=40)
def test_chosen_ones_are_different_and_within_the_pool(
    count: int, size: int, width: int, seed: int
) -> None:
    rng = np.random.RandomState(seed)
    rows = rng.randn(size, width)
    for chosen in (spread_out(rows, count), diverse(rows, rng.randn(size), count)):
        assert len(chosen) == min(count, size)
        assert len(set(chosen.tolist())) == len(chosen)
        assert all(0 <= index < size for index in chosen)


def test_the_first_pictures_are_spread_out() -> None:
    rows = np.random.RandomState(0).randn(500, 10)
    chosen = rows[spread_out(rows, 10)]
    random = rows[:10]

    def nearest(some: np.ndarray) -> float:
        apart = np.linalg.norm(some[:, None] - some, axis=2) + 1e9 * np.eye(len(some))
        return float(apart.min(axis=1).mean())

    assert nearest(chosen) > 1.3 * nearest(random)
