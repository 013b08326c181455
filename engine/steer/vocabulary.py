"""A direction for every word people used, from their descriptions of steps. Numpy only.

"Toward a Visual Concept Vocabulary for GAN Latent Space" (arXiv 2110.04292), section 3.3: with W
the words of the annotations (N, V) and D the steps they describe (N, P), the words' directions are
`E = argmin |WE - D|² + λ|E|² = (WᵀW + λI)⁻¹ WᵀD`. W holds 1, and -1 where a word is negated; a
step that was shown backwards enters with its opposite sign.
"""

from __future__ import annotations

import itertools
import json
import math
from collections import Counter, defaultdict
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from engine.messages import (
    Direction,
    LodestoneError,
    ModelInfo,
    Pair,
    Vector,
    Vocabulary,
    VocabularyQuestion,
    Word,
)
from engine.steer.evidence import Frame, Row, Table, in_one_space, many, read, tabulate
from engine.steer.words import Mention, signs

halvings = 10
"""Random halves a word's reliability is the mean of."""
most_classes = 12
"""Classes whose transfer is measured, those with most annotations."""
most_forms = 6
most_pairs = 50
"""Pairs a word's provenance names."""
smallest_ridge = 1e-6


def fit_vocabulary(question: VocabularyQuestion, info: ModelInfo | None = None) -> Vocabulary:
    """`fitting`, all at once."""
    steps = fitting(question, info)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def fitting(
    question: VocabularyQuestion, info: ModelInfo | None = None
) -> Generator[Vocabulary | None, None, Vocabulary]:
    """The words of the annotations as directions, in slices of a few milliseconds.

    Yields None between slices, once the words without their reliability, and returns them with it.
    All steps have to live in one space; what does not is put aside with a sentence. With `info`, w
    steps on different layers are put together in w+. An empty annotation is no evidence.
    """
    if not math.isfinite(question.ridge) or question.ridge < 0.0:
        raise LodestoneError("The smoothing λ must be 0 or more. Choose another.")
    notes: list[str] = []
    rows = yield from read(question, notes)
    rows, frame = in_one_space(rows, info, notes)
    if frame is None or not any(signs(row.mentions) for row in rows):
        sentence = " ".join(notes) or "There are no words yet. Describe some pairs."
        return Vocabulary(question.model, "w", (), question.ridge, _names(rows), sentence=sentence)
    table = tabulate(rows, frame)
    ridge = max(question.ridge, smallest_ridge)
    solved = _decompose(table.said, table.steps, ridge)  # E (V, P)
    plain = _Answer(question, rows, frame, table, solved, tuple(notes))
    yield plain.vocabulary()
    reliability = yield from _reliability(rows, table, ridge)
    transfer = yield from _transfer(rows, table, ridge)
    return plain.vocabulary(reliability, transfer)


def _decompose(said: np.ndarray, steps: np.ndarray, ridge: float) -> np.ndarray:
    """E (V, P) of W (N, V) and D (N, P); solves over words or annotations, whichever are fewer."""
    rows, words = said.shape
    if words <= rows:
        return np.linalg.solve(said.T @ said + ridge * np.eye(words), said.T @ steps)
    return said.T @ np.linalg.solve(said @ said.T + ridge * np.eye(rows), steps)


# ---------------------------------------------------------------- how far to trust a word


def _reliability(
    rows: Sequence[Row], table: Table, ridge: float
) -> Generator[None, None, np.ndarray]:
    """(V,): mean cosine of a word between two halves of the pairs; nan where it cannot be said."""
    keys = sorted({row.pair.key for row in rows})
    number = {key: index for index, key in enumerate(keys)}
    which = np.array([number[row.pair.key] for row in rows])
    draw = np.random.RandomState(0)
    found: list[np.ndarray] = []
    for _ in range(halvings if len(keys) > 1 else 0):
        half = np.zeros(len(keys), bool)
        half[draw.permutation(len(keys))[: len(keys) // 2]] = True
        found.append((yield from _alike(table, half[which], ridge)))
    return _mean(found, len(table.words))


def _transfer(rows: Sequence[Row], table: Table, ridge: float) -> Generator[None, None, np.ndarray]:
    """(V,): mean cosine of a word in one class and in the others; nan where it cannot be said."""
    classes = np.array([_class(row.pair) for row in rows])
    common = [name for name, _ in Counter(classes.tolist()).most_common(most_classes)]
    found: list[np.ndarray] = []
    for name in common[:1] if len(common) == 2 else common if len(common) > 2 else []:
        found.append((yield from _alike(table, classes == name, ridge)))
    return _mean(found, len(table.words))


def _alike(table: Table, part: np.ndarray, ridge: float) -> Generator[None, None, np.ndarray]:
    """(V,): cosine of each word fitted on a part of the annotations (N,) bool and on the rest."""
    first = _decompose(table.said[part], table.short[part], ridge)
    yield
    second = _decompose(table.said[~part], table.short[~part], ridge)
    yield
    inner = (first * second).sum(axis=1)
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    used = np.abs(table.said[part]).any(axis=0) & np.abs(table.said[~part]).any(axis=0)
    told = used & (lengths > 1e-12)
    return np.where(told, inner / np.where(told, lengths, 1.0), np.nan)


def _mean(found: Sequence[np.ndarray], count: int) -> np.ndarray:
    """The mean over what could be told; nan where nothing could."""
    if not found:
        return np.full(count, np.nan)
    values = np.stack(found)
    told = np.isfinite(values)
    total = np.where(told, values, 0.0).sum(axis=0)
    return np.where(told.any(axis=0), total / np.maximum(told.sum(axis=0), 1), np.nan)


def _class(pair: Pair) -> int:
    return int(np.argmax(pair.before.classes)) if pair.before.classes else 0


def _agreement(rows: Sequence[Row]) -> float | None:
    """Mean Jaccard overlap of two people's words for one pair; a flipped view counts turned."""
    people: defaultdict[str, defaultdict[str, set[tuple[str, int]]]]
    people = defaultdict(lambda: defaultdict(set))
    for row in rows:
        turned = -1 if row.note.flipped else 1
        own = people[row.pair.key][row.note.annotator]
        own |= {(word, turned * sign) for word, sign in signs(row.mentions).items()}
    overlaps = [
        len(one & other) / len(one | other) if one | other else 1.0
        for views in people.values()
        for one, other in itertools.combinations(views.values(), 2)
    ]
    return float(np.mean(overlaps)) if overlaps else None


# ---------------------------------------------------------------- the answer


@dataclass(frozen=True, eq=False)
class _Answer:
    question: VocabularyQuestion
    rows: Sequence[Row]
    frame: Frame
    table: Table
    solved: np.ndarray  # E (V, P)
    notes: tuple[str, ...]

    def vocabulary(
        self, reliability: np.ndarray | None = None, transfer: np.ndarray | None = None
    ) -> Vocabulary:
        unknown = np.full(len(self.table.words), np.nan)
        reliability = unknown if reliability is None else reliability
        transfer = unknown if transfer is None else transfer
        forms, uses = self._forms(), np.abs(self.table.said).sum(axis=0).astype(int)
        pairs = self._pairs()
        words: list[Word] = []
        for index, text in enumerate(self.table.words):
            count = int(uses[index])
            direction = self._direction(index, count, pairs[text])
            if direction is not None:
                trust = _told(reliability[index]) if count > 1 else None
                words.append(
                    Word(text, direction, count, trust, _told(transfer[index]), forms[text])
                )
        notes = list(self.notes)
        if len(words) < len(self.table.words):
            left = many(len(self.table.words) - len(words), "word")
            notes.append(f"{left} left out: the uses cancel each other.")
        return Vocabulary(
            model=self.question.model,
            space=self.frame.space,
            words=tuple(words),
            ridge=self.question.ridge,
            annotators=_names(self.rows),
            agreement=_agreement(self.rows),
            sentence=" ".join(notes),
        )

    def _direction(self, index: int, count: int, pairs: list[str]) -> Direction | None:
        """Unit vector and σ: that of the described directions, weighted by how much each lies
        along the word. This is the σ of the latents along the word where the directions are
        principal axes or the latents are equally wide everywhere, and needs no generator."""
        row = self.solved[index]
        length = float(np.linalg.norm(row))
        if not length > 1e-9:
            return None
        row = row / length
        along = (self.table.units @ row) ** 2  # (M,)
        if not along.sum() > 0.0:
            return None
        sigma = float(np.sqrt((along * self.table.lengths**2).sum() / along.sum()))
        vector = row.reshape(self.frame.shape)
        longest = float(np.linalg.norm(np.atleast_2d(vector), axis=-1).max())
        detail = {
            "word": self.table.words[index],
            "count": count,
            "ridge": self.question.ridge,
            "pairs": pairs[:most_pairs],
        }
        return Direction(
            name=self.table.words[index],
            space=self.frame.space,
            vector=Vector.of(vector / longest),
            sigma=sigma * longest,
            layers=self.frame.layers,
            method="vocabulary",
            model=self.question.model,
            detail=json.dumps(detail),
            at=self.frame.at,
        )

    def _forms(self) -> dict[str, tuple[str, ...]]:
        seen: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for mention in self._mentions():
            seen[mention.word][mention.form] += 1
        return {
            word: tuple(form for form, _ in forms.most_common(most_forms))
            for word, forms in seen.items()
        }

    def _mentions(self) -> Iterator[Mention]:
        return itertools.chain.from_iterable(row.mentions for row in self.rows)

    def _pairs(self) -> dict[str, list[str]]:
        """Word -> keys of the pairs it was said of, each once."""
        found: defaultdict[str, dict[str, None]] = defaultdict(dict)
        for row in self.rows:
            for word in signs(row.mentions):
                found[word][row.pair.key] = None
        return {word: list(keys) for word, keys in found.items()}


def _told(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _names(rows: Sequence[Row]) -> tuple[str, ...]:
    return tuple(sorted({row.note.annotator for row in rows} - {""}))
