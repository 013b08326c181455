"""Which words go with where a unit is active: soft weighted pointwise mutual information. Numpy.

CLIP-Dissect (Oikarinen & Weng, arXiv 2204.10965, section 3.2 and its released settings): with P the
probability of a word in a picture, p the fading weight of the pictures a unit likes most and d(w)
a word's mean over units, `score(w) = Σ_top log(1 + p (P(w) - 1)) - λ log mean_units exp Σ …`.
There P comes from an image-text model. Here, too, if the artist has one; otherwise from the
pictures' labels through text embeddings, so that no image-text model is needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

first_weight, last_weight = 0.998, 0.97
at_once = 2**24
"""Numbers of an intermediate array: 64 MB."""


@dataclass(frozen=True)
class Concepts:
    """How much each word is in each picture."""

    words: tuple[str, ...]
    similar: np.ndarray
    """(R, W) cosines, -1..1, of R different labels (or pictures) with the words."""
    rows: np.ndarray
    """(N,) which of the R rows a picture has."""


def soft_wpmi(
    chosen: np.ndarray, concepts: Concepts, sharpness: float = 10.0, prior: float = 1.0
) -> np.ndarray:
    """(U, top) pictures each unit likes most -> (U, W) scores, comparable within a unit.

    Few pictures (10 rather than 100): labels are sharper than an image-text model.
    """
    weights = np.linspace(first_weight, last_weight, chosen.shape[1], dtype=np.float32)
    present = _softmax(concepts.similar * sharpness)
    found = np.empty((len(chosen), len(concepts.words)), np.float32)
    step = max(1, at_once // max(1, chosen.shape[1] * len(concepts.words)))
    for start in range(0, len(found), step):
        part = present[concepts.rows[chosen[start : start + step]]]  # (units, top, W)
        terms = np.log1p(weights[None, :, None] * (part - 1.0) + 1e-7)
        found[start : start + step] = terms.sum(1)
    usual = _log_mean_exp(found)
    return found - prior * usual


def strongest(values: np.ndarray, top: int) -> np.ndarray:
    """(N, U) -> (U, top) pictures, the strongest first; equals in the order of the pictures."""
    top = min(top, len(values))
    return np.argsort(-values, axis=0, kind="stable")[:top].T


def _softmax(array: np.ndarray) -> np.ndarray:
    array = np.exp(array - array.max(-1, keepdims=True))
    return (array / array.sum(-1, keepdims=True)).astype(np.float32)


def _log_mean_exp(found: np.ndarray) -> np.ndarray:
    highest = found.max(0, keepdims=True)
    return highest + np.log(np.exp(found - highest).mean(0, keepdims=True))
