"""The base form of an English word, offline: spelling first, then the lemma. No torch.

Chosen by measuring: on 190 words as people describe pictures, lemminflect (1 MB, 0.2 s to load)
finds 185 lemmas, simplemma (19 MB) 174: it makes `skies` a `ski` and leaves `bigger` as it is.
pyspellchecker has the paper's own dictionary. Both load when the first word needs them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

shortest_corrected = 4
"""Letters; shorter words have too many neighbours to guess from."""

_VARIANTS: Mapping[str, str] = {
    "centre": "center",
    "colour": "color",
    "coloured": "colored",
    "colourful": "colorful",
    "colourless": "colorless",
    "cosy": "cozy",
    "grey": "gray",
    "greyish": "grayish",
    "moustache": "mustache",
}
"""Two spellings of one word that descriptions of pictures are full of."""

_NOT_COMPARED = frozenset({"number"})
"""Looks like a comparative (of numb) and is one in no description."""


def prepare_words() -> None:
    """Load the dictionaries (a third of a second): call it from a thread before someone types."""
    base_form("reader")
    _speller()


@functools.lru_cache(maxsize=1 << 16)
def base_form(word: str, correct: bool = True) -> str:
    """`foggier` -> `foggy`, `trees` -> `tree`, `yelow` -> `yellow`; `word` is lower case.

    Comparatives become their adjective, because a step that makes a picture foggier means more fog.
    Participles (`faded`, `inviting`) stay: they name qualities. Words in another script or with
    digits or accents stay as they are. `correct=False` leaves the spelling alone.
    """
    if not (word.isascii() and word.isalpha()):
        return word
    found = _lemma(word)
    if found is None and correct and len(word) >= shortest_corrected:
        fixed = _corrected(word)
        found = _lemma(fixed) or fixed
    found = found or word
    return _VARIANTS.get(found, found)


def is_known(word: str) -> bool:
    """Is it an English word as it stands, or an inflection of one?"""
    return _lemma(word) is not None


def _lemma(word: str) -> str | None:
    """None for a word no dictionary knows."""
    forms = _lemmas()(word)
    adjective = forms.get("ADJ") or forms.get("ADV") or ()
    noun, verb = forms.get("NOUN", ()), forms.get("VERB", ())
    if adjective and word not in adjective and word.endswith(("er", "est")):
        if word not in _NOT_COMPARED:
            return adjective[0]
    elif forms and (word in adjective or word in noun or word.endswith(("ing", "ed"))):
        return word
    if word in noun:
        return word
    if noun:
        # leaves: leaf, not leave
        return noun[-1] if word.endswith("ves") else noun[0]
    if verb:
        return verb[0]
    if adjective:
        return adjective[0]
    return _regular(word) or (word if word in _speller() else None)


def _regular(word: str) -> str | None:
    """Of a regular inflection that the lemma dictionary does not list: `bluer`, `reflections`."""
    for ending in ("er", "est"):
        if word.endswith(ending):
            stem = word.removesuffix(ending)
            for adjective in (stem, stem + "e", stem[:-1] if stem[-2:-1] == stem[-1:] else stem):
                if adjective in _lemmas()(adjective).get("ADJ", ()):
                    return adjective
    singular = word.removesuffix("s")
    if word.endswith("s") and not word.endswith(("ss", "us", "is")) and singular in _speller():
        return singular
    return None


def _corrected(word: str) -> str:
    """The likeliest word one slip away, or `word` itself.

    Slips are not alike: a doubled or single letter and swapped neighbours are commoner than a
    letter that is missing or too many, and those than a wrong one. The first letter is hardly ever
    wrong. So `redish` is reddish and not the more frequent relish.
    """
    speller = _speller()
    near = [found for found in speller.candidates(word) or () if found[0] == word[0]]
    return min(near, key=lambda found: (_slip(word, found), -speller[found], found), default=word)


def _slip(typed: str, meant: str) -> int:
    """How unlikely the slip from `meant` to `typed` is: 0, 1 or 2."""
    if _undoubled(typed) == _undoubled(meant):
        return 0
    if len(typed) == len(meant):
        return 0 if sorted(typed) == sorted(meant) else 2
    return 1


def _undoubled(word: str) -> str:
    return "".join(a for a, b in zip(word, f" {word}", strict=False) if a != b)


@functools.cache
def _lemmas() -> Callable[[str], Mapping[str, tuple[str, ...]]]:
    from lemminflect import getAllLemmas

    return getAllLemmas


@functools.cache
def _speller() -> Any:
    from spellchecker import SpellChecker

    # Only one slip: two cost 0.1 s a word and turn `bokeh` into `both`.
    return SpellChecker(distance=1)
