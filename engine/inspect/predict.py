"""Do words predict when a unit is active? Held-out pictures, AUC and its error. Numpy only.

A description is worth what it foretells: on pictures that took no part in choosing the words, does
a picture that fits them more also drive the unit above its level more often? AUC .5 is chance.
Similarity to other people's texts is no such test (`depictions` beats every method there).
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

held_out_places = (1, 3)
"""Of every five pictures of a label, in the order of their hashes: 2 are held out."""
fewest = 5
"""Pictures of a label before it is divided by itself; the others are divided together."""
fewest_active = 3
"""Active and silent pictures below which nothing is said."""
certain = 2.3
"""Standard errors above chance; two tests are made."""
beyond_doubt = 3.0
"""Standard errors of the relation over all pictures that need no other evidence."""
smallest_auc = 0.55
"""Below, words are right but of no use."""
fewest_share, most_share = 0.01, 0.5
"""Of the pictures that count as active; a level outside is moved inside, so that there is
something to foretell …"""
fewest_pictures = 12
"""… and at least so many, up to a fifth of them."""


@dataclass(frozen=True)
class Score:
    auc: float
    error: float
    """Standard error (Hanley and McNeil 1982)."""
    linked: float = 0.0
    """Standard errors by which fit and activation go together over all pictures, active or not
    (rank correlation): few pictures pass a level, and those few alone decide little."""

    @property
    def certainty(self) -> float:
        """Standard errors above chance, of the surer of both."""
        return max((self.auc - 0.5) / max(self.error, 1e-6), self.linked)

    @property
    def unsure(self) -> bool:
        if self.linked >= beyond_doubt:
            return False
        return self.certainty <= certain or self.auc < smallest_auc


def split(names: Sequence[str], labels: Sequence[str] = ()) -> np.ndarray:
    """True where a picture is held out: fixed by the hashes of the names, even within labels."""
    groups: dict[str, list[int]] = defaultdict(list)
    for index in range(len(names)):
        groups[labels[index] if labels else ""].append(index)
    rare = [index for found in groups.values() if len(found) < fewest for index in found]
    divided = [found for found in groups.values() if len(found) >= fewest] + [rare]
    held = np.zeros(len(names), bool)
    for found in divided:
        found.sort(key=lambda index: hashlib.sha256(names[index].encode()).digest())
        held[[index for place, index in enumerate(found) if place % 5 in held_out_places]] = True
    return held


def thresholds(values: np.ndarray, levels: np.ndarray, held: np.ndarray) -> np.ndarray:
    """(N, U) maxima over space and (U,) levels -> (U,) from which a picture counts as active.

    Where a level is passed in hardly any picture, or in most, the nearer bound takes its place.
    Units that are constant, or not numbers somewhere, are active nowhere: infinity.
    """
    few = max(fewest_share, min(fewest_pictures / max(len(values), 1), 0.2))
    ordered = np.sort(values, axis=0)  # NaN last
    upper = ordered[-max(1, round(few * len(values)))]
    lower = ordered[max(0, len(values) - 1 - round(most_share * len(values)))]
    found = np.clip(np.nan_to_num(levels, nan=np.inf), lower, upper)
    for part in (values[held], values[~held]):
        if len(part) > 2 * fewest_active:  # some on both sides, or nothing can be judged
            found = np.minimum(found, np.sort(part, axis=0)[-fewest_active - 1])
    found = np.maximum(found, np.nextafter(ordered[0], np.float32(np.inf)))  # not the usual zero
    useless = ~np.isfinite(values).all(0) | ~(ordered[-1] > ordered[0])
    return np.where(useless, np.inf, found)


def auc(fits: np.ndarray, active: np.ndarray) -> np.ndarray:
    """(N, K) how well K descriptions fit, (N, U) bool -> (U, K); .5 where nothing can be said."""
    ranks = ranks_of(fits)
    positive = active.astype(np.float32)
    count = positive.sum(0)[:, None]
    rest = len(fits) - count
    total = (positive.T @ ranks).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = (total - count * (count + 1) / 2) / (count * rest)
    return np.where((count > 0) & (rest > 0), found, 0.5)


def error(
    found: np.ndarray | float, positives: np.ndarray | float, negatives: np.ndarray | float
) -> np.ndarray:
    """Standard error of an AUC (Hanley and McNeil 1982, equation 1)."""
    pairs = np.maximum(np.asarray(positives, np.float64) * negatives, 1.0)
    found = np.clip(np.asarray(found, np.float64), 1e-3, 1 - 0.5 / np.maximum(pairs, 2.0))
    q1, q2 = found / (2 - found), 2 * found**2 / (1 + found)
    spread = (
        found * (1 - found) + (positives - 1) * (q1 - found**2) + (negatives - 1) * (q2 - found**2)
    )
    return np.sqrt(np.maximum(spread, 0.0) / pairs)


def chance_error(active: np.ndarray) -> np.ndarray:
    """(N, U) bool -> (U,) standard error of an AUC of words that say nothing (Mann-Whitney)."""
    count = np.maximum(active.sum(0), 1)
    rest = np.maximum(len(active) - count, 1)
    return np.sqrt((count + rest + 1) / (12.0 * count * rest))


def score(fits: np.ndarray, active: np.ndarray, values: np.ndarray) -> Score | None:
    """(N,), (N,) bool and (N,) activations of pictures held out; None = too few to say."""
    positives, negatives = int(active.sum()), int((~active).sum())
    if min(positives, negatives) < fewest_active:
        return None
    found = float(auc(fits[:, None], active[:, None])[0, 0])
    return Score(found, float(error(found, positives, negatives)), correlated(fits, values))


def correlated(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's rank correlation of (N,) and (N,) in its standard errors without relation."""
    ranks = ranks_of(np.stack([a, np.nan_to_num(b)], 1)).astype(np.float64)
    ranks -= ranks.mean(0)
    length = np.linalg.norm(ranks, axis=0)
    if min(length) <= 0:
        return 0.0
    return float(ranks[:, 0] @ ranks[:, 1] / (length[0] * length[1]) * np.sqrt(len(a) - 1))


def abstention(
    right: Sequence[bool],
    confidence: Sequence[float],
    shares: Sequence[float] = (0.25, 0.5, 0.75, 1.0),
) -> tuple[tuple[float, float], ...]:
    """(share answered, share right of those) when the least certain descriptions are withheld."""
    order = np.argsort(-np.asarray(confidence, float), kind="stable")
    hits = np.asarray(right, float)[order]
    counts = [max(1, round(share * len(hits))) for share in shares] if len(hits) else []
    return tuple((count / len(hits), float(hits[:count].mean())) for count in counts)


def ranks_of(fits: np.ndarray) -> np.ndarray:
    """(N, K) -> 1 .. N along the pictures; ties share their mean."""
    out = np.empty(fits.shape, np.float32)
    for column in range(fits.shape[1]):
        _, inverse, counts = np.unique(fits[:, column], return_inverse=True, return_counts=True)
        ends = np.cumsum(counts)
        out[:, column] = (ends - (counts - 1) / 2.0)[inverse]
    return out
