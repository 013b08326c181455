from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.bench.hinge import hinge_sgd
from engine.codec import from_json, to_json
from engine.messages import (
    Axis,
    CompassFit,
    Direction,
    Edit,
    Label,
    LabelAnswer,
    LatentPart,
    PairLabel,
    Space,
    SteerRequest,
    Vector,
)
from engine.steer.compass import fit_axis
from engine.steer.features import features
from engine.steer.population import Population, measured
from engine.steer.render import render
from engine.steer.solve import Examples, solve, solve_ridge
from tests import small


def picture(seed: int) -> SteerRequest:
    return SteerRequest(small.info().id, (LatentPart(seed=seed),), classes=(0.0, 1.0, 0.0))


def axis(answers: Mapping[int, LabelAnswer] | None = None, **fields: object) -> Axis:
    labels = tuple(Label(picture(seed), answer) for seed, answer in (answers or {}).items())
    template = replace(picture(0), latent=())
    made = Axis("k", "rounder", small.info().id, template, labels=labels)
    return replace(made, **fields)  # type: ignore[arg-type]


def fit(of: Axis, candidates: Sequence[SteerRequest] = ()) -> CompassFit:
    return fit_axis(of, candidates, small.runtime())


def planted(count: int, space: Space = "w", at: str = "", first: int = 0) -> np.ndarray:
    """(count,) a fixed linear measure of pictures, of zero median."""
    points = features(
        [picture(seed) for seed in range(first, first + count)], space, at, small.runtime()
    )
    hidden = np.random.RandomState(7).randn(points.shape[1])
    values = points @ hidden
    return values - np.median(values)


def sorted_by(values: np.ndarray) -> dict[int, LabelAnswer]:
    return {seed: "more" if value > 0 else "less" for seed, value in enumerate(values)}


# ---------------------------------------------------------------- the solver


@st.composite
def examples(draw: st.DrawFn) -> Examples:
    count, width = draw(st.integers(3, 24)), draw(st.integers(1, 40))
    rng = np.random.RandomState(draw(st.integers(0, 10_000)))
    offset = (rng.rand(count) < draw(st.sampled_from([0.0, 0.5, 1.0]))).astype(float)
    answers = rng.choice([-1.0, 0.0, 0.5, 1.0], count)
    rows = rng.randn(count, width) / np.sqrt(width)
    return Examples(rows, answers, offset, rng.uniform(0.5, 2.0, count))


@given(examples(), st.sampled_from([0.01, 0.3, 1.0, 50.0]))
@settings(max_examples=40)
def test_leave_one_out_in_closed_form_is_leaving_one_out(given: Examples, ridge: float) -> None:
    whole = solve_ridge(given, ridge)
    for out in range(len(given.answers)):
        kept = np.arange(len(given.answers)) != out
        rest = Examples(
            given.rows[kept], given.answers[kept], given.offset[kept], given.weights[kept]
        )
        less = solve_ridge(rest, ridge)
        brute = given.rows[out] @ less.slope + given.offset[out] * less.threshold
        assert whole.left_out[out] == pytest.approx(brute, abs=1e-7)
        brute += given.offset[out] * (whole.threshold - less.threshold)
        assert whole.foretold[out] == pytest.approx(brute, abs=1e-7)


@given(examples())
@settings(max_examples=40)
def test_ridge_minimises_what_it_says(given: Examples) -> None:
    from engine.steer.solve import threshold_spread

    ridge = 0.7
    found = solve_ridge(given, ridge)
    features = np.column_stack([given.rows, threshold_spread * given.offset])
    weighted = features * given.weights[:, None]
    normal = weighted.T @ features + ridge * np.eye(features.shape[1])
    wanted = np.linalg.solve(normal, weighted.T @ given.answers)
    assert np.allclose(found.slope, wanted[:-1], atol=1e-8)
    assert found.threshold == pytest.approx(threshold_spread * wanted[-1], abs=1e-8)


def test_the_ridge_chosen_is_the_best_when_each_is_left_out() -> None:
    rng = np.random.RandomState(3)
    rows = rng.randn(40, 30) / np.sqrt(30)
    given = Examples(rows, np.sign(rows[:, 0] + 0.1 * rng.randn(40)), np.ones(40), np.ones(40))
    chosen = solve(given, "ridge")

    def error(ridge: float) -> float:
        return float(((solve_ridge(given, ridge).left_out - given.answers) ** 2).mean())

    assert error(chosen.ridge) <= min(error(one) for one in np.logspace(-2, 2, 9)) + 1e-9


def test_logistic_newton_steps_reach_the_minimum() -> None:
    rng = np.random.RandomState(5)
    rows = rng.randn(60, 20) / np.sqrt(20)
    answers = np.where(rows[:, 0] + 0.1 * rng.randn(60) > 0, 1.0, -1.0)
    found = solve(Examples(rows, answers, np.ones(60), np.ones(60)), "logistic")
    # At the minimum the penalty's pull equals the data's.
    chance = 1.0 / (1.0 + np.exp(-found.score(rows)))
    pull = rows.T @ (0.5 * (1.0 + answers) - chance)
    assert np.allclose(pull, 0.25 * found.ridge * found.slope, atol=1e-3)


def test_variance_falls_with_labels_and_stays_where_nothing_is_known() -> None:
    rows = np.eye(6)[:3]
    found = solve_ridge(Examples(rows, np.array([1.0, -1.0, 1.0]), np.zeros(3), np.ones(3)), 0.1)
    known, unknown = found.variance(np.eye(6)[:1])[0], found.variance(np.eye(6)[5:])[0]
    assert known < 0.3
    assert unknown == pytest.approx(1.0)


@pytest.mark.parametrize(("count", "wrong"), [(20, 0.0), (60, 0.1), (200, 0.1)])
def test_a_planted_direction_is_found_better_than_by_the_original_learner(
    count: int, wrong: float
) -> None:
    ours, theirs = [], []
    people = measured(np.random.RandomState(99).randn(3000, 119))
    for seed in range(6):
        rng = np.random.RandomState(seed)
        hidden, points = rng.randn(119), rng.randn(count, 119)
        hidden /= np.linalg.norm(hidden)
        answers = np.sign(points @ hidden) * np.where(rng.rand(count) < wrong, -1.0, 1.0)
        given = Examples(people.rows(points), answers, np.ones(count), np.ones(count))
        normal = people.normal(solve(given, "ridge").slope)
        ours.append(normal @ hidden / np.linalg.norm(normal))
        rival = hinge_sgd(points, answers, 5000)
        theirs.append(rival @ hidden / np.linalg.norm(rival))
    assert np.mean(ours) > np.mean(theirs) + 0.02


# ---------------------------------------------------------------- the population


@given(st.integers(3, 60), st.integers(2, 40), st.integers(0, 1000))
@settings(max_examples=25)
def test_rows_have_unit_length_on_average_and_normals_score(
    count: int, width: int, seed: int
) -> None:
    rng = np.random.RandomState(seed)
    points = rng.randn(count, width) * rng.uniform(0.5, 2.0, width) + 3.0
    people: Population = measured(points)
    rows = people.rows(points)
    assert (rows**2).sum() / (count - 1) == pytest.approx(1.0, rel=1e-6)
    weights = rng.randn(rows.shape[1])
    along = (points - people.mean) @ people.normal(weights)
    assert np.allclose(along, rows @ weights, atol=1e-8)
    unit = rng.randn(width)
    # Outside the span of the points nothing is known, so only what lies inside is compared.
    unit = people.scatter.T @ (people.scatter @ unit)
    assert people.sigma(unit) == pytest.approx(np.std(points @ unit, ddof=1), rel=1e-6)


# ---------------------------------------------------------------- axes


@pytest.mark.parametrize("learner", ["ridge", "logistic"])
@pytest.mark.parametrize(
    ("space", "at"), [("w", ""), ("z", ""), ("s", ""), ("w+", ""), ("a", "b8.conv1")]
)
def test_an_axis_is_found_in_every_space(space: Space, at: str, learner: str) -> None:
    where: Space = "w" if space == "w+" else space
    values = planted(60, where, at)
    answers = sorted_by(values[:40])
    found = fit(
        axis(answers, space=space, at=at, learner=learner),
        [picture(seed) for seed in range(40, 60)],
    )
    direction = found.direction
    assert direction is not None
    assert direction.space == where
    assert direction.at == at
    assert np.linalg.norm(direction.vector.array()) == pytest.approx(1.0, abs=1e-5)
    assert np.corrcoef(found.candidates, values[40:])[0, 1] > 0.5
    assert found.accuracy is not None
    assert found.accuracy > 0.6
    # It can be applied, and it moves the picture.
    moved = render(replace(picture(0), edits=(Edit(direction, 2.0),)), small.runtime())
    assert np.abs(moved.astype(int) - render(picture(0), small.runtime())).max() > 0


def test_one_sigma_is_the_spread_of_latents() -> None:
    found = fit(axis(sorted_by(planted(20))))
    assert found.direction is not None
    points = features([picture(seed) for seed in range(500, 1300)], "w", "", small.runtime())
    spread = float(np.std(points @ found.direction.vector.array()))
    assert found.direction.sigma == pytest.approx(spread, rel=0.1)


def test_a_margin_is_a_distance_in_steps_of_the_slider() -> None:
    answers = sorted_by(planted(30))
    found = fit(axis(answers))
    assert found.direction is not None
    start, end = (
        replace(picture(77), edits=(Edit(found.direction, amount),)) for amount in (0.0, 1.0)
    )
    before, after = fit(axis(answers), [start, end]).candidates
    assert after - before == pytest.approx(1.0, abs=0.02)


def test_one_a_side_is_enough_to_begin_and_says_what_is_missing() -> None:
    found = fit(axis({1: "more", 2: "less"}))
    assert found.direction is not None
    assert found.accuracy is None
    assert found.sentence == "Sort at least 3 pictures as more and as less for a steady axis."
    assert found.margins[0] > 0 > found.margins[1]


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({}, "Sort a picture to each side"),
        ({1: "skip", 2: "skip"}, "Sort a picture to each side"),
        ({1: "more", 2: "more"}, "one side: sort one as less"),
        ({1: "less"}, "one side: sort one as more"),
    ],
)
def test_without_two_sides_there_is_a_sentence(answers: dict[int, LabelAnswer], words: str) -> None:
    found = fit(axis(answers))
    assert found.direction is None
    assert words in found.sentence


def test_a_picture_sorted_both_ways_counts_for_neither() -> None:
    answers = sorted_by(planted(12))
    plain = fit(axis(answers))
    both = axis(answers)
    torn = (Label(picture(99), "more"), Label(picture(99), "less"))
    found = fit(replace(both, labels=(*both.labels, *torn)))
    assert "1 picture was sorted both ways" in found.sentence
    assert found.direction is not None
    assert plain.direction is not None
    assert found.direction.vector == plain.direction.vector
    assert len(found.margins) == 14


def test_the_same_answer_twice_is_one_answer() -> None:
    made = axis(sorted_by(planted(12)))
    twice = fit(replace(made, labels=(*made.labels, made.labels[0])))
    once = fit(made)
    assert twice.direction is not None
    assert once.direction is not None
    assert twice.direction.vector == once.direction.vector


def test_skipped_pictures_have_margins_but_no_say() -> None:
    answers = sorted_by(planted(12))
    found, plain = fit(axis({**answers, 50: "skip"})), fit(axis(answers))
    assert found.direction is not None
    assert plain.direction is not None
    assert found.direction.vector == plain.direction.vector
    assert len(found.margins) == 13


def test_margins_are_left_out_of_their_own_fit() -> None:
    values = planted(24)
    answers = sorted_by(values)
    sure = int(np.argmax(values))
    answers[sure] = "less"
    found = fit(axis(answers))
    assert found.margins[sure] > 0  # against its label: it does not fit, and that shows
    whole = axis(answers)
    rest = replace(whole, labels=(*whole.labels[:sure], *whole.labels[sure + 1 :]))
    without = fit(rest, [picture(sure)])
    assert without.candidates[0] > 0


def test_answers_by_chance_are_called_so() -> None:
    rng = np.random.RandomState(0)
    accuracies = []
    for _ in range(40):
        answers: dict[int, LabelAnswer] = {
            seed: "more" if rng.rand() < 0.5 else "less" for seed in range(24)
        }
        found = fit(axis(answers, space="z"))
        assert found.accuracy is not None
        accuracies.append(found.accuracy)
        assert ("do not agree on one axis" in found.sentence) == (found.accuracy < 0.6)
    # Chance is a half, neither more nor less.
    assert 0.42 < np.mean(accuracies) < 0.58


def test_a_rare_side_counts_as_much_as_the_other() -> None:
    values = planted(60)
    high = np.sort(values)[-6]
    answers: dict[int, LabelAnswer] = {
        seed: "more" if value >= high else "less" for seed, value in enumerate(values)
    }
    found = fit(axis(answers), [picture(seed) for seed in range(60)])
    scores = np.array(found.candidates)
    assert (scores[values >= high] > 0).mean() >= 0.8
    assert found.accuracy is not None
    assert found.accuracy > 0.6


def test_pairs_alone_find_the_axis() -> None:
    values = planted(80)
    pairs = tuple(
        PairLabel(picture(2 * n), picture(2 * n + 1), "a" if values[2 * n] > values[2 * n + 1]
                  else "b") for n in range(30)
    )  # fmt: skip
    found = fit(axis(pairs=pairs), [picture(seed) for seed in range(60, 80)])
    assert found.direction is not None
    assert np.corrcoef(found.candidates, values[60:])[0, 1] > 0.5
    assert len(found.pair_margins) == 30
    assert np.mean(np.array(found.pair_margins) > 0) > 0.6
    assert found.accuracy == pytest.approx(np.mean(np.array(found.pair_margins) > 0))


def test_a_pair_turned_round_is_the_same_answer() -> None:
    pairs = tuple(PairLabel(picture(n), picture(n + 20), "a") for n in range(6))
    turned = tuple(PairLabel(pair.b, pair.a, "b") for pair in pairs)
    one, other = fit(axis(pairs=pairs)), fit(axis(pairs=turned))
    assert one.direction is not None
    assert other.direction is not None
    assert np.allclose(one.direction.vector.array(), other.direction.vector.array(), atol=1e-6)
    assert np.allclose(one.pair_margins, other.pair_margins, atol=1e-6)


def test_equal_pairs_pull_towards_no_difference() -> None:
    pairs = tuple(PairLabel(picture(n), picture(n + 20), "a") for n in range(6))
    same = PairLabel(picture(40), picture(41), "same")
    before = fit(axis(pairs=pairs), [same.a, same.b]).candidates
    after = fit(axis(pairs=(*pairs, same)), [same.a, same.b]).candidates
    assert abs(after[0] - after[1]) < abs(before[0] - before[1])
    only = fit(axis(pairs=(same,)))
    assert only.direction is None
    assert only.sentence.startswith("Every pair is the same")


def test_what_is_kept_fixed_stays() -> None:
    answers = sorted_by(planted(20))
    fixed = Direction("f", "w", Vector.of(np.eye(small.info().w_dim)[0]), 1.0)
    free, found = fit(axis(answers)), fit(axis(answers, fixed=(fixed,)))
    assert free.residual is None
    assert found.direction is not None
    assert found.residual is not None
    assert 0 < found.residual < 1
    assert abs(found.direction.vector.array() @ fixed.vector.array()) <= 1e-5
    nothing = fit(axis(answers, fixed=(free.direction,)))
    assert nothing.direction is None
    assert nothing.residual == 0.0
    assert "nothing of it is left" in nothing.sentence


def test_pictures_of_another_generator_are_left_out() -> None:
    made = axis(sorted_by(planted(12)))
    foreign = Label(replace(picture(5), model="0" * 64), "more")
    found = fit(replace(made, labels=(*made.labels, foreign)))
    assert "1 picture of another generator left out." in found.sentence
    assert len(found.margins) == 13


def test_a_direction_knows_where_it_comes_from() -> None:
    labels = (
        Label(picture(3), "more", "Ada", 12.0),
        Label(picture(4), "less", "Bo", 13.0),
        Label(replace(picture(4), noise="off", truncation=0.5), "skip"),
    )
    found = fit(axis(labels=labels)).direction
    assert found is not None
    assert (found.method, found.model, found.name) == ("compass", small.info().id, "rounder")
    detail = json.loads(found.detail)
    assert detail["sorted"][0] == {"picture": 3, "answer": "more", "annotator": "Ada", "time": 12.0}
    other = from_json(json.dumps(detail["sorted"][2]["picture"]))
    assert other == labels[2].request
    assert detail["labels"] == 3
    assert detail["time"] == 13.0
    assert from_json(to_json(found)) == found
    # The same labels give the same direction, to the bit: nothing is written anew for nothing.
    assert fit(axis(labels=labels)).direction == found


def test_layers_are_the_direction_s_and_s_channels_outside_them_stay() -> None:
    answers = sorted_by(planted(16))
    in_w = fit(axis(answers, layers=(2, 3))).direction
    assert in_w is not None
    assert in_w.layers == (2, 3)
    in_s = fit(axis(answers, space="s", layers=(2, 3))).direction
    assert in_s is not None
    for layer in small.info().layers:
        own = in_s.vector.array()[layer.style_start : layer.style_start + layer.style_count]
        assert own.any() == (2 <= layer.ws_index <= 3)
