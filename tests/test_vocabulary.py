"""A direction for every word: what was planted comes back, and how far to trust it."""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import replace

import numpy as np
import pytest

from engine.bench.discover_vocabulary import agreement, planted
from engine.codec import from_json, to_json
from engine.messages import (
    Annotation,
    Direction,
    LatentPart,
    LodestoneError,
    Pair,
    SteerRequest,
    Vector,
    Vocabulary,
    VocabularyQuestion,
    Word,
)
from engine.steer.answers import answer
from engine.steer.vocabulary import fit_vocabulary, fitting
from engine.steer.words import say
from tests import small


def axis(index: int, size: int = 4, **changes: object) -> Direction:
    one = Direction(f"axis {index}", "w", Vector.of(np.eye(size)[index]), 2.0)
    return replace(one, **changes)  # type: ignore[arg-type]


def pair(key: str, direction: Direction, amount: float = 2.0, classes: tuple = ()) -> Pair:
    return Pair(key, direction, SteerRequest("model", classes=classes), amount)


def question(*said: tuple[Pair, str], ridge: float = 1.0, **changes: object) -> VocabularyQuestion:
    pairs = {one.key: one for one, _ in said}
    notes = tuple(Annotation(one.key, text, "Ada") for one, text in said)
    asked = VocabularyQuestion("model", tuple(pairs.values()), notes, ridge)
    return replace(asked, **changes)  # type: ignore[arg-type]


def words(vocabulary: Vocabulary) -> dict[str, Word]:
    return {word.text: word for word in vocabulary.words}


def vector(vocabulary: Vocabulary, word: str) -> np.ndarray:
    return words(vocabulary)[word].direction.vector.array()


# ---------------------------------------------------------------- the decomposition


def test_planted_words_come_back() -> None:
    asked, truth = planted(400)
    often, rare = agreement(asked, truth)
    assert often > 0.93
    assert 0.6 < rare < often


def test_it_is_the_papers_formula() -> None:
    asked, _ = planted(60, noise=0.5)
    found = fit_vocabulary(replace(asked, ridge=7.0))
    names = [word.text for word in found.words]
    said = np.array(
        [[float(n in note.text.split(", ")) for n in names] for note in asked.annotations]
    )
    steps = np.array(
        [(-1 if note.flipped else 1) * one.amount * one.direction.vector.array()
         for note, one in zip(asked.annotations, asked.pairs, strict=True)]
    )  # fmt: skip
    solved = np.linalg.inv(said.T @ said + 7.0 * np.eye(len(names))) @ said.T @ steps
    solved /= np.linalg.norm(solved, axis=1, keepdims=True)
    ours = np.stack([word.direction.vector.array() for word in found.words])
    np.testing.assert_allclose(ours, solved, atol=1e-5)
    assert all(word.direction.sigma == pytest.approx(1.0) for word in found.words)


def test_flipped_and_negated_descriptions_mean_the_opposite() -> None:
    up = pair("up", axis(0))
    straight = fit_vocabulary(question((up, "foggier")))
    for text, flipped in (("less foggy", False), ("foggy", True)):
        turned = question((up, text))
        notes = tuple(replace(note, flipped=flipped) for note in turned.annotations)
        found = fit_vocabulary(replace(turned, annotations=notes))
        np.testing.assert_allclose(vector(found, "foggy"), -vector(straight, "foggy"), atol=1e-6)
    both = question((up, "less foggy"))
    notes = tuple(replace(note, flipped=True) for note in both.annotations)
    found = fit_vocabulary(replace(both, annotations=notes))
    np.testing.assert_allclose(vector(found, "foggy"), [1, 0, 0, 0], atol=1e-6)


def test_forms_of_a_word_are_one_word() -> None:
    found = fit_vocabulary(
        question((pair("a", axis(0)), "foggier"), (pair("b", axis(0)), "Foggy, yelow"),
                 (pair("c", axis(1)), "yellow, foggier"))
    )  # fmt: skip
    assert {text: (word.count, word.forms) for text, word in words(found).items()} == {
        "foggy": (3, ("foggier", "foggy")),
        "yellow": (2, ("yelow", "yellow")),
    }


def test_a_spelling_that_many_use_is_no_slip() -> None:
    said = [(pair(str(i), axis(0)), "gelb") for i in range(3)]
    assert list(words(fit_vocabulary(question(*said)))) == ["gelb"]


def test_one_sigma_of_a_word_is_that_of_what_was_described() -> None:
    low, high = axis(0, sigma=1.0), axis(1, sigma=3.0)
    found = fit_vocabulary(
        question((pair("a", low), "red"), (pair("b", high), "blue"),
                 (pair("c", low), "round"), (pair("d", high, 2 / 3), "round"))
    )  # fmt: skip
    sigma = {text: word.direction.sigma for text, word in words(found).items()}
    assert sigma["red"] == pytest.approx(1.0)
    assert sigma["blue"] == pytest.approx(3.0)
    assert sigma["round"] == pytest.approx(np.sqrt((1 + 9) / 2), rel=1e-3)


def test_a_word_tells_where_it_comes_from() -> None:
    found = fit_vocabulary(question((pair("a", axis(0)), "red"), (pair("b", axis(1)), "red, big")))
    detail = json.loads(words(found)["red"].direction.detail)
    assert detail == {"word": "red", "count": 2, "ridge": 1.0, "pairs": ["a", "b"]}
    one = words(found)["red"].direction
    assert (one.method, one.model, one.name, one.space) == ("vocabulary", "model", "red", "w")
    assert from_json(to_json(found)) == found


def test_saying_a_fitted_word_moves_along_it() -> None:
    found = fit_vocabulary(
        question((pair("a", axis(0)), "foggier"), (pair("b", axis(1)), "redder"))
    )
    step = say(found, "foggy - 2*red")
    np.testing.assert_allclose(step.sigma * step.vector.array(), [2, -4, 0, 0], atol=1e-5)


# ---------------------------------------------------------------- how far to trust it


def test_reliability_tells_words_from_noise() -> None:
    draw = np.random.RandomState(1)
    said = []
    for index in range(60):
        noise = draw.randn(30)
        noise[0] = 4.0 * (index % 2)
        step = Direction("", "w", Vector.of(noise / np.linalg.norm(noise)))
        text = f"{'solid' if index % 2 else 'plain'} {draw.choice(['rumour', 'gossip'])}"
        said.append((pair(f"{index:02}", step), text))
    trust = {
        text: word.reliability for text, word in words(fit_vocabulary(question(*said))).items()
    }
    assert trust["solid"] is not None
    assert trust["rumour"] is not None
    assert trust["solid"] > 0.7
    assert trust["solid"] > trust["rumour"] + 0.3


def test_a_word_used_once_has_no_reliability() -> None:
    found = fit_vocabulary(question((pair("a", axis(0)), "red"), (pair("b", axis(1)), "blue")))
    assert [word.reliability for word in found.words] == [None, None]
    alone = fit_vocabulary(question((pair("a", axis(0)), "red")))
    assert alone.words[0].reliability is None


def test_halves_are_of_pairs_not_of_descriptions() -> None:
    # Three people who all saw the same pair are one piece of evidence.
    one = pair("a", axis(0))
    found = fit_vocabulary(question((one, "red"), (one, "red"), (one, "red")))
    assert (found.words[0].count, found.words[0].reliability) == (3, None)


def test_transfer_compares_classes() -> None:
    apple, cherry = (1.0, 0.0), (0.0, 1.0)
    said = []
    for index in range(8):
        # Both classes agree on one word; of the other they mean opposite things.
        kind, amount = (apple, 2.0) if index % 2 else (cherry, -1.0)
        said.append((pair(f"s{index}", axis(0), classes=kind), "steady"))
        said.append((pair(f"t{index}", axis(1), amount, kind), "fickle"))
    said.append((pair("only", axis(2), classes=apple), "apple"))
    transfer = {t: word.transfer for t, word in words(fit_vocabulary(question(*said))).items()}
    assert transfer["steady"] == pytest.approx(1.0)
    assert transfer["fickle"] == pytest.approx(-1.0)
    assert transfer["apple"] is None
    one_class = fit_vocabulary(question((pair("a", axis(0), classes=apple), "red")))
    assert one_class.words[0].transfer is None


def test_agreement_of_people() -> None:
    one, other = pair("a", axis(0)), pair("b", axis(1))
    notes = (
        Annotation("a", "red, round", "Ada"), Annotation("a", "less red, big", "Bo", flipped=True),
        Annotation("b", "", "Ada"), Annotation("b", "no change", "Bo"), Annotation("b", "", "Bo"),
    )  # fmt: skip
    asked = VocabularyQuestion("model", (one, other), notes)
    found = fit_vocabulary(asked)
    # Of the first pair, seen from both sides, red of {red, round, less big}; of the second, all.
    assert found.agreement == pytest.approx((1 / 3 + 1) / 2)
    assert found.annotators == ("Ada", "Bo")
    assert fit_vocabulary(question((one, "red"))).agreement is None


# ---------------------------------------------------------------- spaces


def test_w_steps_on_different_layers_meet_in_w_plus() -> None:
    info = small.info()
    near = axis(0, info.w_dim, layers=(0, 1))
    far = axis(1, info.w_dim, layers=(2, info.num_ws - 1))
    found = fit_vocabulary(question((pair("a", near), "round"), (pair("b", far), "red")), info)
    assert found.space == "w+"
    rows = vector(found, "round")
    assert rows.shape == (info.num_ws, info.w_dim)
    np.testing.assert_allclose(rows[:2, 0], 1.0, atol=1e-6)
    assert not rows[2:].any()
    assert words(found)["round"].direction.sigma == pytest.approx(2.0)
    step = say(found, "round, red")
    np.testing.assert_allclose((step.sigma * step.vector.array())[2:, 1], 2.0, atol=1e-5)


def test_equal_layers_stay_in_w() -> None:
    one = axis(0, 20, layers=(2, 3))
    found = fit_vocabulary(question((pair("a", one), "round")), small.info())
    assert (found.space, found.words[0].direction.layers) == ("w", (2, 3))


@pytest.mark.parametrize(
    ("odd", "why"),
    [
        (axis(0, space="z"), "not in w as most are"),
        (axis(0, 5), "not in w as most are"),
        (axis(0, layers=(1, 2)), "not in w as most are"),
        (axis(0, space="a", at="b8.conv0"), "not in w as most are"),
    ],
)
def test_what_lives_elsewhere_is_put_aside(odd: Direction, why: str) -> None:
    asked = question(
        (pair("a", axis(0)), "red"), (pair("b", axis(1)), "blue"), (pair("c", odd), "green")
    )
    found = fit_vocabulary(asked)
    assert set(words(found)) == {"red", "blue"}
    assert "1 annotation was put aside" in found.sentence
    assert why in found.sentence


def test_styles_and_activations_have_words_too() -> None:
    for one in (axis(0, space="s", layers=(1, 2)), axis(0, space="a", at="b8.conv0")):
        found = fit_vocabulary(question((pair("a", one), "sharp")))
        direction = found.words[0].direction
        assert (direction.space, direction.layers, direction.at) == (one.space, one.layers, one.at)


# ---------------------------------------------------------------- odd evidence


def test_another_generators_and_lost_pairs_are_put_aside() -> None:
    foreign = replace(pair("b", axis(1)), before=SteerRequest("other"))
    asked = question((pair("a", axis(0)), "red"), (foreign, "blue"))
    lost = replace(asked, annotations=(*asked.annotations, Annotation("gone", "green")))
    found = fit_vocabulary(lost)
    assert set(words(found)) == {"red"}
    assert "made with another generator" in found.sentence
    assert "their pairs are gone" in found.sentence


@pytest.mark.parametrize("texts", [(), ("",), ("nothing changed", "…")])
def test_no_words_is_an_answer(texts: tuple[str, ...]) -> None:
    found = fit_vocabulary(question(*((pair(str(i), axis(0)), t) for i, t in enumerate(texts))))
    assert found.words == ()
    assert found.sentence == "There are no words yet. Describe some pairs."


def test_an_empty_description_is_no_evidence() -> None:
    red = (pair("a", axis(0)), "red")
    alone = fit_vocabulary(question(red))
    beside = fit_vocabulary(question(red, (pair("b", axis(1)), "")))
    assert beside.words == alone.words


def test_ten_thousand_words_and_other_scripts() -> None:
    long = " ".join(f"x{index}" for index in range(10_000))
    found = fit_vocabulary(question((pair("a", axis(0)), long), (pair("b", axis(1)), "туман 🌫️")))
    assert "Of 1 long annotation was" in found.sentence
    assert {"туман", "🌫️", "x0"} <= set(words(found))
    assert len(found.words) == 502


def test_uses_that_cancel_leave_no_word() -> None:
    back = axis(0, vector=Vector.of(-np.eye(4)[0]))
    found = fit_vocabulary(question((pair("a", axis(0)), "red"), (pair("b", back), "red, blue")))
    assert "blue" in words(found)
    only = fit_vocabulary(question((pair("a", axis(0)), "red"), (pair("b", back), "red")))
    assert only.words == ()
    assert "1 word was left out" in only.sentence


def test_a_step_of_nothing_gives_no_direction() -> None:
    found = fit_vocabulary(question((pair("a", axis(0), 0.0), "red"), (pair("b", axis(1)), "blue")))
    assert set(words(found)) == {"blue"}


@pytest.mark.parametrize("ridge", [-1.0, float("nan"), float("inf")])
def test_an_impossible_ridge_is_refused(ridge: float) -> None:
    with pytest.raises(LodestoneError, match="smoothing"):
        fit_vocabulary(question((pair("a", axis(0)), "red"), ridge=ridge))


def test_no_ridge_still_solves_what_is_ambiguous() -> None:
    found = fit_vocabulary(question((pair("a", axis(0)), "red round"), ridge=0.0))
    np.testing.assert_allclose(vector(found, "red"), [1, 0, 0, 0], atol=1e-4)


def test_more_ridge_trusts_rare_words_less() -> None:
    said = [(pair(f"c{i}", axis(0)), "common") for i in range(20)]
    mixed = np.array([1.0, 1.0, 0, 0]) / np.sqrt(2)
    said.append((pair("r", axis(0, vector=Vector.of(mixed))), "common rare"))
    little = vector(fit_vocabulary(question(*said, ridge=0.01)), "rare")
    much = vector(fit_vocabulary(question(*said, ridge=100.0)), "rare")
    assert little[0] < much[0]


# ---------------------------------------------------------------- in the live engine


def test_it_is_worked_out_in_slices() -> None:
    asked, _ = planted(200)
    partial = [found for found in fitting(asked) if found is not None]
    final = fit_vocabulary(asked)
    assert len(list(fitting(asked))) > 20
    assert len(partial) == 1
    assert [word.text for word in partial[0].words] == [word.text for word in final.words]
    assert all(word.reliability is None for word in partial[0].words)
    assert any(word.reliability is not None for word in final.words)


def test_the_live_engine_answers() -> None:
    info = small.info()
    direction = axis(3, info.w_dim, model=info.id)
    before = SteerRequest(info.id, (LatentPart(seed=3),))
    asked = VocabularyQuestion(
        info.id, (Pair("a", direction, before),), (Annotation("a", "rounder"),)
    )
    replies = []

    def listen() -> Generator[object, None, None]:
        replies.append((yield from answer(asked, small.runtime())))

    list(listen())
    found = replies[0]
    assert isinstance(found, Vocabulary)
    np.testing.assert_allclose(vector(found, "round"), direction.vector.array(), atol=1e-6)
