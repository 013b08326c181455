"""What descriptions are measured against: CLIP-Dissect's other similarities and the usual label.

Each is given what ours is given: the same words, the same likeness of words to pictures, the
pictures that words may be chosen on. Settings are those of the released code of CLIP-Dissect
(arXiv 2204.10965).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

import numpy as np

from engine.inspect.tags import WordBank, tags

Baseline = Callable[[np.ndarray, WordBank, np.ndarray, list[str]], list[str]]
"""Values (N, U), words, (N,) pictures to choose on, labels -> a word for each unit."""


def wpmi(values: np.ndarray, bank: WordBank, fit: np.ndarray, _: list[str]) -> list[str]:
    """Weighted pointwise mutual information, hard: top 28, sharpness 2, prior .6."""
    similar = 2.0 * bank.concepts.similar[bank.rows[fit]]
    logs = similar - np.log(np.exp(similar).sum(1, keepdims=True))
    top = np.argsort(-values[fit], axis=0, kind="stable")[:28]
    found = np.stack([logs[top[:, unit]].sum(0) for unit in range(values.shape[1])])
    highest = found.max(0, keepdims=True)
    usual = highest + np.log(np.exp(found - highest).mean(0, keepdims=True))
    return [bank.words[word] for word in (found - 0.6 * usual).argmax(1)]


def cos_cubed(values: np.ndarray, bank: WordBank, fit: np.ndarray, _: list[str]) -> list[str]:
    """Cosine of the cubes of what is left when means are taken off."""
    similar = bank.concepts.similar[bank.rows[fit]].astype(np.float64)
    found = _cubed(values[fit].astype(np.float64)).T @ _cubed(similar)
    return [bank.words[word] for word in found.argmax(1)]


def _cubed(array: np.ndarray) -> np.ndarray:
    array = (array - array.mean(0)) ** 3
    return array / np.maximum(np.linalg.norm(array, axis=0), 1e-12)


def usual_label(values: np.ndarray, _: WordBank, fit: np.ndarray, labels: list[str]) -> list[str]:
    """The tag that most of a unit's 15 strongest pictures share."""
    rows = np.flatnonzero(fit)
    top = np.argsort(-values[fit], axis=0, kind="stable")[:15]
    found: list[str] = []
    for unit in range(values.shape[1]):
        count = Counter(tag for row in top[:, unit] for tag in tags(labels[rows[row]]))
        found.append(count.most_common(1)[0][0] if count else "")
    return found


BASELINES: Mapping[str, Baseline] = {
    "wpmi": wpmi,
    "cos-cubed": cos_cubed,
    "most frequent label": usual_label,
}
