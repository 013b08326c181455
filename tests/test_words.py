"""Free text as words, and lines of words as directions."""

from __future__ import annotations

import contextlib
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.messages import Direction, LodestoneError, Space, Vector, Vocabulary, Word
from engine.steer.spelling import base_form
from engine.steer.words import is_long, mentions, most_words, parse, say, signs, tokens


def signed(text: str) -> dict[str, int]:
    return signs(mentions(text))


@pytest.mark.parametrize(
    ("written", "base"),
    [
        ("rounder", "round"), ("foggier", "foggy"), ("redder", "red"), ("bluer", "blue"),
        ("larger", "large"), ("thickest", "thick"), ("bigger", "big"), ("closer", "close"),
        ("skies", "sky"), ("leaves", "leaf"), ("mice", "mouse"), ("children", "child"),
        ("reflections", "reflection"), ("glasses", "glasses"), ("grass", "grass"),
        ("number", "number"), ("flower", "flower"), ("winter", "winter"), ("forest", "forest"),
        ("inviting", "inviting"), ("faded", "faded"), ("broken", "broken"), ("grows", "grow"),
        ("yelow", "yellow"), ("redish", "reddish"), ("foggyer", "foggy"), ("wierd", "weird"),
        ("ktichen", "kitchen"), ("stawberry", "strawberry"), ("colour", "color"),
        ("greyer", "gray"), ("bokeh", "bokeh"), ("teal", "teal"), ("xqzj", "xqzj"),
        ("нет", "нет"), ("brûlé", "brûlé"), ("80s", "80s"),
    ],
)  # fmt: skip
def test_a_word_has_one_base_form(written: str, base: str) -> None:
    assert base_form(written) == base


def test_a_kept_spelling_is_not_corrected() -> None:
    assert base_form("gelb") != "gelb"
    assert base_form("gelb", correct=False) == "gelb"
    assert [mention.word for mention in mentions("gelb", {"gelb"})] == ["gelb"]


def test_tokens() -> None:
    assert tokens("The image looks FOGGIER, and the trees… trees!") == ("foggy", "tree")
    assert tokens("ﬁre ｒｅｄ") == ("fire", "red")
    assert tokens("The sky's 2 clouds, 0.5") == ("sky", "cloud")


@pytest.mark.parametrize("text", ["", "  \n", "nothing changed", "no change at all", "…", "2 3.5"])
def test_nothing_changed_is_no_words(text: str) -> None:
    assert tokens(text) == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("less foggy", {"foggy": -1}),
        ("not as dark, red", {"dark": -1, "red": 1}),
        ("no trees or clouds", {"tree": -1, "cloud": -1}),
        ("less red and blue, darker", {"red": -1, "blue": -1, "dark": 1}),
        ("fewer trees and darker sky", {"tree": -1, "dark": 1, "sky": 1}),
        ("less red, more green", {"red": -1, "green": 1}),
        ("less red but greener", {"red": -1, "green": 1}),
        ("fewer trees in the background", {"tree": -1, "background": 1}),
        ("it isn’t green any more", {"green": -1}),
        ("no longer snowy", {"snowy": -1}),
        ("not less red", {"red": 1}),
        ("red, less red", {}),
        ("lesstree, lesson", {"tree": -1, "lesson": 1}),
        ("without", {}),
    ],
)
def test_negated_words_count_as_their_opposite(text: str, expected: dict[str, int]) -> None:
    assert signed(text) == expected


@pytest.mark.parametrize(
    "word",
    ["🌫️", "👩🏽‍🎨", "🇩🇪", "❤️", "雪が多い", "नमस्ते", "می‌خواهم", "ضباب", "туман", "čaj", "ἥλιος"],
)
def test_other_scripts_and_emoji_are_words(word: str) -> None:
    assert tokens(f"{word}, red {word}!") == (word, "red")
    assert parse(f"red - 2*{word}") == (("red", 1.0), (word, -2.0))


def test_neighbouring_emoji_are_words_of_their_own() -> None:
    assert tokens("🔥🌫️🇩🇪🇫🇷") == ("🔥", "🌫️", "🇩🇪", "🇫🇷")


def test_a_long_text_is_cut() -> None:
    text = " ".join(f"x{index}" for index in range(10_000))
    assert len(tokens(text)) == most_words
    assert is_long(text)
    assert is_long("x" * 100_000)
    assert not is_long("red " * 30)
    assert len(tokens("x" * 100_000)[0]) == 40


@settings(deadline=None, max_examples=200)
@given(st.text())
def test_any_text_becomes_words(text: str) -> None:
    for mention in mentions(text):
        assert mention.word == mention.word.lower()
        assert mention.sign in (1, -1)
        assert not any(sign.isspace() for sign in mention.word)


# ---------------------------------------------------------------- the line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("foggier, festive - winter", {"foggier": 1, "festive": 1, "winter": -1}),
        ("2*prickly", {"prickly": 2}),
        ("Prickly × 2", {"prickly": 2}),
        ("-0.5 red", {"red": -0.5}),
        ("red*-2 blue", {"red": -2, "blue": 1}),
        ("- red − blue", {"red": -1, "blue": -1}),
        ("less foggy, more red", {"foggy": -1, "red": 1}),
        ("red -- blue", {"red": 1, "blue": -1}),
        ("red + red", {"red": 2}),
        (".5*red", {"red": 0.5}),
        ("red, , blue,", {"red": 1, "blue": 1}),
        ("blue-green", {"blue": 1, "green": -1}),
    ],
)
def test_a_line_of_words(text: str, expected: dict[str, float]) -> None:
    assert dict(parse(text)) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no word"), ("  ,, ", "no word"), ("more", "no word"), ("+", "missing after +"),
        ("red -", "missing after -"), ("red - , blue", "missing after -"), ("red *", "missing"),
        ("* red", "nothing before"), ("red * blue", "number is missing"), ("2", "number 2"),
        ("red 2", "number 2"), ("2,5*red", "number 2"), ("2 3 red", "number 2"),
        ("101 red", "at most 100"), ("9" * 500 + " red", "at most 100"), ("red " * 61, "at most"),
    ],
)  # fmt: skip
def test_what_is_no_line_is_said_in_words(text: str, why: str) -> None:
    with pytest.raises(LodestoneError, match=why):
        parse(text)


@settings(deadline=None, max_examples=200)
@given(st.text() | st.text(alphabet="ab2.,+-*× 🔥less"))
def test_any_text_is_a_line_or_a_sentence(text: str) -> None:
    words: tuple[tuple[str, float], ...] = ()
    with contextlib.suppress(LodestoneError):
        words = parse(text)
        assert words
    assert all(word and math.isfinite(weight) for word, weight in words)


def vocabulary(space: Space = "w", **words: list[float]) -> Vocabulary:
    made = tuple(
        Word(
            name,
            Direction(name, space, Vector.of(np.array(v[1:]) / np.linalg.norm(v[1:])), v[0]),
            12,
            0.8,
            forms=(name, name + "er"),
        )
        for name, v in words.items()
    )
    return Vocabulary("model", space, made, 10.0)


def test_saying_words_adds_one_sigma_of_each() -> None:
    words = vocabulary(foggy=[2.0, 1, 0, 0], festive=[3.0, 0, 1, 0], winter=[0.5, 0, 0, 1])
    said = say(words, " Foggier,  2*festive - winter ")
    step = said.sigma * said.vector.array()
    np.testing.assert_allclose(step, [2.0, 6.0, -0.5], rtol=1e-6)
    assert np.linalg.norm(said.vector.array()) == pytest.approx(1.0)
    assert (said.name, said.method, said.model) == (
        "Foggier, 2*festive - winter", "say", "model",
    )  # fmt: skip
    detail = json.loads(said.detail)
    assert [(one["word"], one["weight"], one["count"]) for one in detail["words"]] == [
        ("foggy", 1.0, 12), ("festive", 2.0, 12), ("winter", -1.0, 12),
    ]  # fmt: skip


def test_words_of_w_plus_keep_their_rows() -> None:
    rows = np.array([[1.0, 0], [0.5, 0]])
    word = Word("foggy", Direction("foggy", "w+", Vector.of(rows), 2.0), 3)
    said = say(Vocabulary("model", "w+", (word,), 10.0), "3 foggy")
    np.testing.assert_allclose(said.vector.array(), rows)
    assert said.sigma == pytest.approx(6.0)


def test_a_word_is_found_as_written_before_its_base() -> None:
    words = vocabulary(foggy=[1.0, 1, 0], gelb=[1.0, 0, 1])
    assert say(words, "gelb").vector.array()[1] == 1.0
    assert say(words, "foggyer").vector.array()[0] == 1.0
    assert say(words, "Foggiest").vector.array()[0] == 1.0


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("fog", "nearest are foggy"),
        ("wintry", "nearest are winter"),
        ("zzz", "People said foggy, winter"),
        ("foggy - foggy", "cancel"),
        ("0*foggy", "cancel"),
    ],
)
def test_what_cannot_be_said_is_explained(text: str, why: str) -> None:
    with pytest.raises(LodestoneError, match=why):
        say(vocabulary(foggy=[1.0, 1, 0], winter=[1.0, 0, 1]), text)


def test_words_of_different_layers_do_not_add() -> None:
    one = vocabulary(foggy=[1.0, 1, 0]).words
    other = vocabulary("z", winter=[1.0, 0, 1]).words
    with pytest.raises(LodestoneError, match="different layers"):
        say(Vocabulary("", "w", one + other, 10.0), "foggy winter")


def test_an_empty_vocabulary_says_what_to_do() -> None:
    with pytest.raises(LodestoneError, match="Describe some pairs"):
        say(Vocabulary("", "w", (), 10.0), "foggy")


def test_the_dictionaries_wait_for_the_first_word() -> None:
    code = (
        "import sys, engine.client as c\n"
        "early = {'lemminflect', 'spellchecker'} & set(sys.modules)\n"
        "c.prepare_words()\n"
        "print(sorted(early), 'torch' in sys.modules, 'lemminflect' in sys.modules)"
    )
    root = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("[] False True\n", "")
