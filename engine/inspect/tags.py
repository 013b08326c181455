"""The words that the labels of a probe set offer, and in which pictures each of them is. Numpy.

A label may be a name (`Granny Smith`), a variety (`Apple Golden 1`) or a caption of several tags
(`round glasses, long hair`). Besides the tags themselves, everything they are kinds of is offered
(`apple`, `fruit`); or the words of a list, which stand for the labels they are nearest to.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.inspect.embed import TextEmbedder
from engine.inspect.taxonomy import Taxonomy
from engine.inspect.wpmi import Concepts

same = 0.6
"""Cosine from which a word that no label names stands for the labels nearest to it."""
same_within = 0.9
"""Of its largest cosine."""
most_tags = 4000


@dataclass(frozen=True)
class WordBank:
    """Words, and how they fit the pictures."""

    concepts: Concepts
    member: np.ndarray
    """(R, W) bool: do the labels of row R say, or imply, the word?"""
    said: np.ndarray
    """(W,) bool: the word is a label itself, not a kind or a neighbour."""
    steps: np.ndarray
    """(W,) how far above the labels a kind is; 0 for what they are about."""

    @property
    def words(self) -> tuple[str, ...]:
        return self.concepts.words

    @property
    def rows(self) -> np.ndarray:
        return self.concepts.rows

    def members(self) -> np.ndarray:
        """(N, W) bool."""
        return self.member[self.rows]

    def fits(self) -> np.ndarray:
        """(N, W) float32 0..1: 1 where the word is said or implied; a word that no label implies
        fits by its likeness."""
        soft = np.clip(self.concepts.similar, 0.0, 1.0) * ~self.member.any(0)
        return np.where(self.member, 1.0, soft).astype(np.float32)[self.rows]


def tags(label: str) -> tuple[str, ...]:
    """`round glasses, long hair` -> its parts; a name is one tag, `hot_dog` is `hot dog`."""
    cleaned = (re.sub(r"[\s_]+", " ", part) for part in re.split(r"[,;|\n]+", label))
    return tuple(dict.fromkeys(part.strip() for part in cleaned if part.strip()))


def word_bank(
    labels: Sequence[str],
    embedder: TextEmbedder,
    taxonomy: Taxonomy,
    words: Sequence[str] = (),
) -> WordBank | None:
    """From one label a picture; None where there are none. `words`: only these may be chosen."""
    different = sorted(set(labels))
    of_label = [tags(label) for label in different]
    every = sorted({tag for found in of_label for tag in found})[:most_tags]
    if not every:
        return None
    of_tags = embedder.embed(every)
    offered = tuple(dict.fromkeys(words)) or _offered(every, taxonomy)
    similar = of_tags @ embedder.embed(offered).T  # (T, W)
    member = _member(every, offered, similar, taxonomy, exact=not words)
    place = {tag: index for index, tag in enumerate(every)}
    row_similar = np.zeros((len(different), len(offered)), np.float32)
    row_member = np.zeros((len(different), len(offered)), bool)
    for row, found in enumerate(of_label):
        rows = [place[tag] for tag in found if tag in place]
        if rows:
            row_similar[row] = similar[rows].max(0)
            row_member[row] = member[rows].any(0)
    index = {label: row for row, label in enumerate(different)}
    known = {tag.casefold() for tag in every}
    concepts = Concepts(offered, row_similar, np.array([index[label] for label in labels]))
    said = np.array([word.casefold() in known for word in offered])
    return WordBank(concepts, row_member, said, _steps(every, offered, taxonomy))


def _offered(every: Sequence[str], taxonomy: Taxonomy) -> tuple[str, ...]:
    """The tags and what they are kinds of; each once, by its spelling."""
    found = {tag.casefold(): tag for tag in every}
    for subject in taxonomy.subjects(every).values():
        for kind in taxonomy.kinds(subject):
            found.setdefault(kind, kind)
    return tuple(found.values())


def _member(
    every: Sequence[str], offered: Sequence[str], similar: np.ndarray, taxonomy: Taxonomy,
    exact: bool,
) -> np.ndarray:  # fmt: skip
    """(T, W) bool. With words of the artist's own (not exact), likeness stands in for a name."""
    column = {word.casefold(): index for index, word in enumerate(offered)}
    member = np.zeros(similar.shape, bool)
    subjects = taxonomy.subjects(every)
    for row, tag in enumerate(every):
        implied = {tag.casefold(), *taxonomy.kinds(subjects[tag])}
        member[row, [column[word] for word in implied if word in column]] = True
    if not exact:
        for index in np.flatnonzero(~member.any(0)):
            best = float(similar[:, index].max())
            if best >= same:
                member[:, index] = similar[:, index] >= same_within * best
    return member


def _steps(every: Sequence[str], offered: Sequence[str], taxonomy: Taxonomy) -> np.ndarray:
    nearest_step: dict[str, int] = {}
    for subject in set(taxonomy.subjects(every).values()):
        for kind, step in taxonomy.kinds(subject).items():
            nearest_step[kind] = min(step, nearest_step.get(kind, step))
    return np.array([nearest_step.get(word.casefold(), 0) for word in offered], np.float32)
