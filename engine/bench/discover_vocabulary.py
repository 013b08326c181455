"""Measures of the vocabulary: planted words come back, and quickly."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator

import numpy as np

from engine.bench.figure import Figure, at_least, at_most
from engine.messages import Annotation, Direction, Pair, SteerRequest, Vector, VocabularyQuestion
from engine.steer.vocabulary import fit_vocabulary
from engine.steer.words import say

described, words, dims, words_each = 1280, 400, 119, 6
"""As many annotations and latents as the paper's (arXiv 2110.04292), of invented words."""
often = 10
rounds = 5


def measures() -> Iterator[Figure]:
    """Planted directions against fitted ones, λ = 10; noise and few annotations as information."""
    question, truth = planted()
    vocabulary = fit_vocabulary(question)  # loads the dictionaries
    taken: list[float] = []
    for _ in range(rounds):
        began = time.perf_counter()
        fit_vocabulary(question)
        taken.append(time.perf_counter() - began)
    size = f"{described} annotations, {len(vocabulary.words)} words, {dims} dimensions"
    yield at_least(
        f"vocabulary: mean cosine of words seen {often} times or more, no noise",
        agreement(question, truth)[0], "cosine", 0.95, note=f"{size}, λ = 10",
    )  # fmt: skip
    yield at_most(
        "vocabulary: time to fit, with reliability and transfer", float(np.median(taken)), "s", 1.0,
        note=f"{size}; median of {rounds}, the dictionaries loaded",
    )  # fmt: skip
    for count, noise in ((described, 1.0), (described // 4, 0.0), (described // 4, 1.0)):
        common, rare = agreement(*planted(count, noise))
        yield Figure(
            f"vocabulary: mean cosine, {count} annotations, noise {noise:g} times the signal",
            common, "cosine", note=f"words seen less than {often} times: {rare:.2f}",
        )  # fmt: skip
    line = ", ".join(word.text for word in vocabulary.words[:3]) + " - " + vocabulary.words[9].text
    began = time.perf_counter()
    for _ in range(100):
        say(vocabulary, line)
    yield at_most(
        "vocabulary: time to turn a typed line of 4 words into a direction",
        10.0 * (time.perf_counter() - began), "ms", 1.0, note=f"of {len(vocabulary.words)} words",
    )  # fmt: skip


def planted(
    count: int = described, noise: float = 0.0, seed: int = 0
) -> tuple[VocabularyQuestion, dict[str, np.ndarray]]:
    """Steps that are sums of their words' directions, and those directions (dims,) unit length.

    Words are drawn as in language, the n-th with a probability of about 1/n (Zipf); the noise is
    as long, on average, as `noise` times the step.
    """
    draw = np.random.RandomState(seed)
    truth = draw.randn(words, dims)
    truth /= np.linalg.norm(truth, axis=1, keepdims=True)
    chance = 1.0 / (np.arange(words) + 2.7)
    chance /= chance.sum()
    names = [f"w{index:03}" for index in range(words)]
    pairs: list[Pair] = []
    notes: list[Annotation] = []
    for index in range(count):
        said = draw.choice(words, words_each, replace=False, p=chance)
        step = truth[said].sum(axis=0)
        step += noise * np.sqrt(words_each / dims) * draw.randn(dims)
        length = float(np.linalg.norm(step))
        direction = Direction(f"step {index}", "z", Vector.of(step / length), model="planted")
        classes = tuple(float(index % 4 == other) for other in range(4))
        key = hashlib.sha256(str(index).encode()).hexdigest()[:12]
        flipped = bool(draw.randint(2))
        before = SteerRequest("planted", classes=classes)
        pairs.append(Pair(key, direction, before, -length if flipped else length))
        text = ", ".join(names[word] for word in said)
        notes.append(Annotation(key, text, f"observer {index % 3}", flipped))
    question = VocabularyQuestion("planted", tuple(pairs), tuple(notes))
    return question, dict(zip(names, truth, strict=True))


def agreement(question: VocabularyQuestion, truth: dict[str, np.ndarray]) -> tuple[float, float]:
    """Mean cosine with the planted directions of words seen often, and of those seen rarely."""
    found: dict[bool, list[float]] = {True: [], False: []}
    for word in fit_vocabulary(question).words:
        vector = word.direction.vector.array()
        found[word.count >= often].append(float(vector @ truth[word.text]))
    return float(np.mean(found[True])), float(np.mean(found[False] or [np.nan]))
