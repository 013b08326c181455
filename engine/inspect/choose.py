"""Words for the units of a layer: chosen on some pictures, judged on the others. Numpy only.

A word is good when the unit's strongest pictures have it (soft-WPMI), when the unit stands higher
in pictures that have it than in the rest (so that a leaf does not win where its kind explains
more), and when having it foretells that the unit is active. Colours, edges and textures come from
detectors and have to show in the active regions; places and sizes from the regions themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.inspect import detectors, predict
from engine.inspect.regions import Regions
from engine.inspect.tags import WordBank
from engine.inspect.wpmi import Concepts, soft_wpmi, strongest

top = 10
"""Pictures a unit is judged by in soft-WPMI."""
wpmi_weight = 0.25
"""Of soft-WPMI, per picture, beside the two AUCs."""
caution = 1.0
"""Standard errors taken off for words of few pictures."""
said_bonus = 0.03
"""For a label itself over its kind where both say the same of these pictures."""
step_cost = 0.004
"""For each step above the labels: of kinds that say the same, the nearest."""
label_bonus = 0.02
"""AUC that a word of the labels may lie below a detector's and still come first."""
least_gain = 0.02
"""AUC, on the pictures chosen on, that a second word has to add …"""
gain_errors = 0.5
"""… and at least so many standard errors of the first word's."""
least_auc = 0.6
least_errors = 3.5
"""Standard errors above chance: some hundred detectors and places are tried on every unit."""
least_contrast = 3.0
"""Standard errors of a detector inside the active regions above the null."""
placed_gain = 0.05
"""AUC that a detector asked in one place has to gain over asking anywhere."""
always = 0.9
"""Share of the pictures in which a unit passes its level: then its place is all there is to say."""
place_error = 0.05
"""Standard error of a place's AUC: of some six exemplars held out, each one observation."""
kept = 8
"""Candidates shown as evidence."""


@dataclass(frozen=True)
class Choice:
    """The words for one unit."""

    words: str = ""
    method: str = ""
    score: predict.Score | None = None
    evidence: tuple[tuple[str, float], ...] = ()
    unsure: bool = True


@dataclass(frozen=True)
class Shown:
    """What is known of the probe pictures."""

    held: np.ndarray
    """(N,) bool: took no part in choosing."""
    bank: WordBank | None = None
    features: np.ndarray | None = None
    """(N, D, P) of `detectors.Seen.features`."""


@dataclass(frozen=True)
class _Candidate:
    text: str
    method: str
    fits: np.ndarray
    """(N,) ranks, 0..1."""
    auc: float
    """On the pictures chosen on."""


def choose(
    values: np.ndarray, levels: np.ndarray, shown: Shown, regions: Regions | None = None,
    allowed: frozenset[str] | None = None,
) -> list[Choice]:  # fmt: skip
    """(N, U) maxima over space and (U,) levels -> words for each unit.

    regions: of a layer with places. allowed: only these detectors' words, places and sizes.
    """
    active = values >= predict.thresholds(values, levels, shown.held)
    fit = ~shown.held
    words = _word_candidates(values, active, shown, fit) if shown.bank is not None else None
    seen = _seen_candidates(active, shown, fit, regions, allowed)
    found: list[Choice] = []
    for unit in range(values.shape[1]):
        candidates = list(words[unit]) if words is not None else []
        placed = _placed(unit, regions, allowed)
        one = Choice()
        if active[fit, unit].any():
            one = _compose(
                candidates, seen[unit], placed, active[:, unit], values[:, unit], shown.held
            )
        if not one.method and np.mean(values[:, unit] >= levels[unit]) >= always:
            one = _place_alone(unit, regions, placed, one)
        found.append(one)
    return found


# ---------------------------------------------------------------- words of labels


def word_scores(
    values: np.ndarray, active: np.ndarray, bank: WordBank, fit: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(U, W) how good each word is for each unit, and its AUC alone; on the pictures `fit`.

    Two AUCs say the same in two ways: of the word for an active unit, and of the unit for pictures
    that have the word. Few active pictures make the first unsure, few that have the word the
    second; each counts by its precision.
    """
    members = bank.members()[fit]
    foretold = predict.auc(bank.fits()[fit], active[fit])
    higher = predict.auc(np.nan_to_num(values[fit], nan=-np.inf), members).T
    count = np.maximum(members.sum(0), 1)[None]
    unsure_higher = predict.error(higher, count, np.maximum(len(members) - count, 1))
    count = np.maximum(active[fit].sum(0), 1)[:, None]
    unsure_foretold = predict.error(foretold, count, np.maximum(len(members) - count, 1))
    trust = unsure_foretold**2 / (unsure_foretold**2 + unsure_higher**2)
    both = 2.0 * (trust * higher + (1.0 - trust) * foretold)
    here = Concepts(bank.words, bank.concepts.similar, bank.rows[fit])
    liked = soft_wpmi(strongest(np.nan_to_num(values[fit], nan=-np.inf), top), here)
    liked = (liked - liked.max(1, keepdims=True)) / min(top, len(members))
    named = said_bonus * bank.said - step_cost * bank.steps
    return both - caution * unsure_higher + wpmi_weight * liked + named, both / 2.0


def _word_candidates(
    values: np.ndarray, active: np.ndarray, shown: Shown, fit: np.ndarray
) -> list[list[_Candidate]]:
    bank = shown.bank
    assert bank is not None
    scores, foretold = word_scores(values, active, bank, fit)
    fits = bank.fits()
    best = np.argsort(-scores, axis=1, kind="stable")[:, :kept]
    return [
        [
            _Candidate(bank.words[word], "soft-wpmi", fits[:, word], float(foretold[unit, word]))
            for word in best[unit]
        ]
        for unit in range(len(best))
    ]


# ---------------------------------------------------------------- what is seen


def _seen_candidates(
    active: np.ndarray, shown: Shown, fit: np.ndarray, regions: Regions | None,
    allowed: frozenset[str] | None,
) -> list[list[_Candidate]]:  # fmt: skip
    """The detectors that foretell each unit best, each in its best place."""
    if shown.features is None:
        return [[] for _ in range(active.shape[1])]
    count, kinds, places = shown.features.shape
    flat = shown.features.reshape(count, -1)
    found = predict.auc(flat[fit], active[fit]).reshape(-1, kinds, places)
    anywhere = len(detectors.ANYWHERE)
    found[:, :, anywhere:] -= placed_gain
    best = found.argmax(2)
    scores = np.take_along_axis(found, best[..., None], 2)[..., 0]
    if regions is not None:
        scores = np.where(regions.contrast >= least_contrast, scores, 0.0)
    if allowed is not None:
        scores = scores * np.array([name in allowed for name in detectors.NAMES])
    least = 0.5 + least_errors * predict.chance_error(active[fit])
    scores = np.where(scores >= np.maximum(least, least_auc)[:, None], scores, 0.0)
    ranked = np.argsort(-scores, axis=1, kind="stable")[:, :kept]
    ranks = predict.ranks_of(flat) / count
    out: list[list[_Candidate]] = []
    for unit, kinds_here in enumerate(ranked):
        chosen = [kind for kind in kinds_here if scores[unit, kind] > 0]
        out.append(
            [
                _Candidate(
                    _seen_words(kind, int(best[unit, kind]), allowed), "detector",
                    ranks[:, kind * places + best[unit, kind]],
                    float(scores[unit, kind]) + placed_gain * float(best[unit, kind] >= anywhere),
                )
                for kind in chosen
            ]
        )  # fmt: skip
    return out


def _seen_words(kind: int, place: int, allowed: frozenset[str] | None) -> str:
    where = detectors.WHERE[place].removesuffix(" somewhere")
    if where in detectors.ANYWHERE or (allowed is not None and where not in allowed):
        return detectors.NAMES[kind]
    return f"{detectors.NAMES[kind]}, {where}"


def _placed(unit: int, regions: Regions | None, allowed: frozenset[str] | None) -> list[str]:
    if regions is None:
        return []
    found = [regions.size(unit), regions.place(unit)]
    return [word for word in found if word and (allowed is None or word in allowed)]


def _place_alone(
    unit: int, regions: Regions | None, placed: Sequence[str], other: Choice
) -> Choice:
    """A unit that answers to a place whatever is there."""
    at = regions.place_index(unit) if regions is not None and placed else None
    if regions is None or at is None or detectors.PLACES[at][0] not in placed:
        return other
    auc = float(regions.foretold[unit, at])
    score = predict.Score(auc, place_error)
    words = "" if score.unsure else ", ".join(placed)
    return Choice(words, "detector", score, other.evidence, score.unsure)


# ---------------------------------------------------------------- several words


def _compose(
    words: Sequence[_Candidate], seen: Sequence[_Candidate], placed: Sequence[str],
    active: np.ndarray, values: np.ndarray, held: np.ndarray,
) -> Choice:  # fmt: skip
    """One word first, another where it adds something; places and sizes last."""
    candidates: dict[str, float] = {}
    for one in sorted([*words, *seen], key=lambda one: -one.auc):
        candidates.setdefault(one.text, round(one.auc, 4))
    evidence = tuple(candidates.items())[:kept]
    first = words[0] if words else None
    if seen and (first is None or seen[0].auc > first.auc + label_bonus):
        first = seen[0]
    if first is None or first.auc < least_auc:
        return Choice(evidence=evidence)
    chosen = [first]
    others = [*seen] if first.method != "detector" else [*words[:1], *seen]
    second = _second(first, others, active, held)
    chosen += [second] if second is not None else []
    chosen.sort(key=lambda one: one.method == "detector")  # what it is, then how it looks
    fits = np.mean([_ranked(one.fits) for one in chosen], axis=0)
    score = predict.score(fits[held], active[held], values[held])
    unsure = score is None or score.unsure
    parts = [part for one in chosen for part in one.text.split(", ")]
    extra = [] if any(part in _PLACE_NAMES for part in parts) else list(placed)
    parts += [word for word in extra if word not in parts]
    text = ", ".join(part for place, part in enumerate(parts) if part not in parts[:place])
    by_words = any(one.method != "detector" for one in chosen)
    by_looks = bool(extra) or any(one.method == "detector" for one in chosen)
    method = "+".join(["soft-wpmi"] * by_words + ["detector"] * by_looks)
    return Choice("" if unsure else text, method, score, evidence, unsure)


_PLACE_NAMES = frozenset(name for name, *_ in detectors.PLACES)


def _second(
    first: _Candidate, others: Sequence[_Candidate], active: np.ndarray, held: np.ndarray
) -> _Candidate | None:
    """What, together with the first, foretells best, where that is clearly more."""
    fit = ~held
    best: _Candidate | None = None
    positives = int(active[fit].sum())
    error = float(predict.error(first.auc, positives, int(fit.sum()) - positives))
    most = first.auc + max(least_gain, gain_errors * error)
    for other in others:
        if set(other.text.split(", ")) & set(first.text.split(", ")):
            continue
        fits = (_ranked(first.fits) + _ranked(other.fits)) / 2.0
        found = float(predict.auc(fits[fit, None], active[fit, None])[0, 0])
        if found > most:
            best, most = other, found
    return best


def _ranked(fits: np.ndarray) -> np.ndarray:
    return predict.ranks_of(fits[:, None])[:, 0] / len(fits)
