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
certain = 2.0
"""Standard errors above chance."""
smallest_auc = 0.6
"""Below, words are right but of no use."""
active_share = (0.05, 0.5)
"""Of the pictures; a level outside is moved inside, so that there is something to predict."""


@dataclass(frozen=True)
class Score:
    auc: float
    error: float
    """Standard error (Hanley and McNeil 1982)."""

    @property
    def unsure(self) -> bool:
        return self.auc - certain * self.error <= 0.5 or self.auc < smallest_auc


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


def active(values: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """(N, U) maxima over space and (U,) levels -> (N, U): is the unit active in the picture?

    Where a level is passed in hardly any picture, or in most, the nearer end of `active_share` of
    the pictures takes its place. Constant units are active nowhere.
    """
    if not len(values):
        return np.zeros(values.shape, bool)
    few, many = active_share
    upper = np.quantile(values, 1.0 - few, axis=0, method="higher")
    lower = np.quantile(values, 1.0 - many, axis=0)
    with np.errstate(invalid="ignore"):
        level = np.clip(levels, lower, upper)
        found = values >= level
        constant = ~(values.max(0) > values.min(0))
    found[:, constant | ~np.isfinite(values).all(0)] = False
    return found & (values > np.nanmin(values, axis=0))


def auc(fits: np.ndarray, active: np.ndarray) -> np.ndarray:
    """(N, K) how well K descriptions fit, (N, U) bool -> (U, K); .5 where nothing can be said."""
    ranks = _ranks(fits)  # 1 .. N, ties share their mean
    positive = active.astype(np.float64)
    count = positive.sum(0)[:, None]
    rest = len(fits) - count
    total = positive.T @ ranks
    with np.errstate(divide="ignore", invalid="ignore"):
        found = (total - count * (count + 1) / 2) / (count * rest)
    return np.where((count > 0) & (rest > 0), found, 0.5)


def error(found: np.ndarray | float, positives: float, negatives: float) -> np.ndarray:
    """Standard error of an AUC (Hanley and McNeil 1982, equation 1)."""
    found = np.clip(np.asarray(found, np.float64), 1e-3, 1 - 0.5 / max(positives * negatives, 1.0))
    q1, q2 = found / (2 - found), 2 * found**2 / (1 + found)
    spread = (
        found * (1 - found) + (positives - 1) * (q1 - found**2) + (negatives - 1) * (q2 - found**2)
    )
    return np.sqrt(np.maximum(spread, 0.0) / max(positives * negatives, 1.0))


def score(fits: np.ndarray, active: np.ndarray) -> Score | None:
    """(N,) and (N,) bool of pictures held out; None = too few to say."""
    positives, negatives = int(active.sum()), int((~active).sum())
    if min(positives, negatives) < fewest_active:
        return None
    found = float(auc(fits[:, None], active[:, None])[0, 0])
    return Score(found, float(error(found, positives, negatives)))


def abstention(
    right: Sequence[bool], confidence: Sequence[float], shares: Sequence[float] = (0.25, 0.5, 0.75, 1.0)
) -> tuple[tuple[float, float], ...]:  # fmt: skip
    """(share answered, share right of those) when the least certain descriptions are withheld."""
    order = np.argsort(-np.asarray(confidence, float), kind="stable")
    hits = np.asarray(right, float)[order]
    counts = [max(1, round(share * len(hits))) for share in shares] if len(hits) else []
    return tuple((count / len(hits), float(hits[:count].mean())) for count in counts)


def _ranks(fits: np.ndarray) -> np.ndarray:
    """Along the pictures; ties share their mean."""
    out = np.empty(fits.shape, np.float64)
    for column in range(fits.shape[1]):
        _, inverse, counts = np.unique(fits[:, column], return_inverse=True, return_counts=True)
        ends = np.cumsum(counts)
        out[:, column] = (ends - (counts - 1) / 2.0)[inverse]
    return out
