"""What people write about pictures, as words; and a line of words, as a direction. No torch.

Annotations become bags of words as in "Toward a Visual Concept Vocabulary for GAN Latent Space"
(arXiv 2110.04292), section 3.3, with one addition: "less foggy" and "no trees" count as the
opposite of foggy and tree instead of as words of their own.
"""

from __future__ import annotations

import difflib
import functools
import json
import math
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from engine.messages import Direction, LodestoneError, Vector, Vocabulary, Word
from engine.steer.pieces import is_number, is_word, longest_word, pieces
from engine.steer.spelling import base_form, is_known
from engine.steer.spelling import prepare_words as prepare_words
from engine.steer.stopwords import less, passed, stop

most_words = 500
"""Of one annotation; nobody describes a step in more, a pasted text is longer."""
most_characters = 20_000
most_typed = 60
"""Words of a steering line."""
largest_weight = 100.0
_MINUS = frozenset("-−–—‐‑")
_TIMES = frozenset("*×·∙")


@dataclass(frozen=True)
class Mention:
    """One word of an annotation."""

    form: str
    """As written, in lower case."""
    word: str
    """Normalised."""
    sign: int
    """1, or -1 in `less foggy`."""


def tokens(text: str) -> tuple[str, ...]:
    """The normalised words of free text, each once, in the order of their first use.

    Lower case and NFKC; comparatives, plurals and slips of spelling become the base word
    (`base_form`); stop words go. Words of other scripts and emoji stay as they are.
    """
    return tuple(dict.fromkeys(mention.word for mention in mentions(text)))


def mentions(text: str, kept: Collection[str] = ()) -> tuple[Mention, ...]:
    """The words of an annotation with their signs; the spelling of `kept` forms is not corrected.

    `less`, `fewer`, `no`, `not`, `without` … turn the words that follow, up to a comma, another
    kind of word, `more`, or a comparative after `and`: of "less red and blue, darker" red and blue
    are -1, dark is 1. Beyond that the order of words does not count. Only the first
    `most_words` words are read.
    """
    found: list[Mention] = []
    sign, joined, before = 1, False, ""
    for piece in _first_words(text):
        if piece in less:
            sign, joined = -sign, False
        elif piece in passed or (piece == "longer" and before == "no"):
            joined = joined or piece == "and"
        elif piece in stop or is_number(piece) or not is_word(piece):
            sign, joined = 1, False
        else:
            form, turned = _unglued(piece)
            word = base_form(form, form not in kept)
            if joined and word != form and form.endswith("er"):
                sign = 1
            found.append(Mention(form, word, turned * sign))
            joined = False
        before = piece
    return tuple(found)


def signs(found: Collection[Mention]) -> dict[str, int]:
    """Word -> 1 or -1; a word said both ways is left out."""
    total: dict[str, int] = {}
    for mention in found:
        total[mention.word] = total.get(mention.word, 0) + mention.sign
    return {word: (1 if sign > 0 else -1) for word, sign in total.items() if sign}


def forms(text: str) -> frozenset[str]:
    """What stands in an annotation as it was written, without stop words; needs no dictionary."""
    return frozenset(piece for piece in _first_words(text) if piece not in stop and is_word(piece))


def is_long(text: str) -> bool:
    """Is only the beginning of this annotation read?"""
    return _read(text)[1]


def _first_words(text: str) -> tuple[str, ...]:
    return _read(text)[0]


@functools.lru_cache(maxsize=8192)
def _read(text: str) -> tuple[tuple[str, ...], bool]:
    """The pieces that are looked at, and whether there are more; kept, as every fit reads all."""
    found: list[str] = []
    left = most_words
    for piece in pieces(text[:most_characters]):
        left -= is_word(piece)
        if left < 0:
            return tuple(found), True
        found.append(piece)
    return tuple(found), len(text) > most_characters


def _unglued(form: str) -> tuple[str, int]:
    """`lesstree`, as the released annotations join it, is `tree` turned."""
    rest = form.removeprefix("less")
    if rest != form and len(rest) > 2 and not is_known(form) and is_known(rest):
        return rest, -1
    return form.removesuffix("'s"), 1


# ---------------------------------------------------------------- a line of words


def parse(text: str) -> tuple[tuple[str, float], ...]:
    """`foggier, festive - winter` -> (("foggier", 1.0), ("festive", 1.0), ("winter", -1.0)).

    Commas, spaces and + add; -, `less` and `not` take away the next word; `2*prickly`, `prickly*2`
    and `-0.5 red` weigh. Words come as written, in lower case; a word written twice counts
    together. Raises LodestoneError for what is no such line.
    """
    line = _Line()
    for piece in pieces(text[: most_characters + 1]):
        line.read(piece)
        if len(line.words) > most_typed:
            raise LodestoneError(f"This is too long to steer by. Write at most {most_typed} words.")
    line.end()
    if not line.words:
        raise LodestoneError("There is no word to steer by. Write foggier, festive - winter.")
    total: dict[str, float] = {}
    for word, weight in line.words:
        total[word] = total.get(word, 0.0) + weight
    return tuple(total.items())


class _Line:
    """What has been read of a steering line."""

    def __init__(self) -> None:
        self.words: list[tuple[str, float]] = []
        self._sign = 1.0
        self._number: float | None = None
        self._open = ""
        """A sign or star that waits for what it belongs to."""

    def read(self, piece: str) -> None:
        if piece in _MINUS or piece in less:
            self._loose_number()
            self._sign, self._open = -1.0, self._open if self._open == "*" else piece
        elif piece == "+":
            self._loose_number()
            self._open = piece
        elif piece in _TIMES:
            if self._number is None and (self._open or not self.words):
                raise LodestoneError(f"There is nothing before {piece}. Write 2*prickly.")
            self._open = "" if self._number is not None else "*"
        elif is_number(piece):
            self._weigh(_weight(piece))
        elif is_word(piece):
            if piece not in stop:
                self._add(piece)
        else:
            self.end()

    def end(self) -> None:
        """A comma or the end: nothing may wait any more."""
        self._loose_number()
        if self._open:
            raise LodestoneError(f"A word is missing after {self._open}. Write one, or remove it.")
        self._sign = 1.0

    def _weigh(self, value: float) -> None:
        self._loose_number()
        if self._open != "*":
            self._number = value
            return
        word, weight = self.words[-1]
        self.words[-1] = (word, weight * self._sign * value)
        self._sign, self._open = 1.0, ""

    def _add(self, word: str) -> None:
        if self._open == "*":
            raise LodestoneError(f"A number is missing before {word}. Write prickly*2, {word}.")
        weight = self._sign * (1.0 if self._number is None else self._number)
        self.words.append((word, weight))
        self._sign, self._number, self._open = 1.0, None, ""

    def _loose_number(self) -> None:
        if self._number is not None:
            raise LodestoneError(
                f"The number {self._number:g} belongs to no word. Write {self._number:g}*prickly."
            )


def say(vocabulary: Vocabulary, text: str) -> Direction:
    """The direction a line of words asks for: the weighted sum of one σ of each word.

    Its vector has unit length (w+: its longest row) and its σ is the length of the sum, so that an
    amount of 1 moves by exactly that sum.
    """
    chosen = [(find(vocabulary, word), weight) for word, weight in parse(text)]
    first = chosen[0][0].direction
    for word, _ in chosen:
        other = word.direction
        if (other.space, other.at, other.layers, other.vector.shape) != (
            first.space, first.at, first.layers, first.vector.shape,
        ):  # fmt: skip
            raise LodestoneError(
                f"{chosen[0][0].text} and {word.text} act on different layers. Fit the words again."
            )
    steps = [w * word.direction.sigma * word.direction.vector.array() for word, w in chosen]
    total = np.sum(np.asarray(steps, np.float64), axis=0)
    length = float(np.linalg.norm(np.atleast_2d(total), axis=-1).max())
    if not length > 1e-6 * max(float(np.abs(step).max()) for step in steps):
        raise LodestoneError("These words cancel each other. Change one, or its weight.")
    return Direction(
        name=" ".join(text.split())[:80],
        space=first.space,
        vector=Vector.of(total / length),
        sigma=length,
        layers=first.layers,
        method="say",
        model=vocabulary.model,
        detail=_provenance(vocabulary, text, chosen),
        at=first.at,
    )


def find(vocabulary: Vocabulary, typed: str) -> Word:
    """The word someone means: as it stands, as somebody wrote it, or by its base form."""
    if not vocabulary.words:
        raise LodestoneError("There are no words yet. Describe some pairs first.")
    by_form = None
    for word in vocabulary.words:
        if word.text == typed:
            return word
        if by_form is None and typed in word.forms:
            by_form = word
    if by_form is not None:
        return by_form
    base = base_form(typed)
    for word in vocabulary.words:
        if word.text == base:
            return word
    known = [word.text for word in vocabulary.words]
    near = difflib.get_close_matches(base, known, n=3, cutoff=0.6)
    near = near or [word for word in known if word.startswith(typed[:2])][:3]
    others = (
        f"The nearest are {', '.join(near)}." if near else f"People said {', '.join(known[:3])}."
    )
    raise LodestoneError(f"Nobody used the word {typed[:longest_word]}. {others}")


def _provenance(vocabulary: Vocabulary, text: str, chosen: list[tuple[Word, float]]) -> str:
    words = [
        {"word": word.text, "weight": weight, "count": word.count, "reliability": word.reliability}
        for word, weight in chosen
    ]
    return json.dumps({"said": text[:1000], "words": words, "ridge": vocabulary.ridge})


def _weight(piece: str) -> float:
    value = float(piece)
    if not math.isfinite(value) or value > largest_weight:
        raise LodestoneError(f"A weight is at most {largest_weight:g}. Choose a smaller one.")
    return value
