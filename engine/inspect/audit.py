"""Which units respond to an attribute: a label, a word, or what descriptions say. No torch.

Where the probes' labels say or imply the word, every unit is asked whether it stands higher in
pictures that have it (AUC, corrected for the number of units). Otherwise the units' descriptions
are compared with it. `find_units` is the same for edits: find units by words, turn them down.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.inspect import predict
from engine.inspect.embed import text_embedder
from engine.inspect.study import Study, write_text
from engine.inspect.tags import tags, word_bank
from engine.inspect.taxonomy import bundled
from engine.messages import Description, LodestoneError, Unit
from engine.progress import Progress

most_reported = 500
false_share = 0.05
"""Expected of the units reported (Benjamini and Hochberg 1995)."""
least_auc = 0.6
alike = 0.55
"""Cosine from which a description is about a word."""
fewest = 3
"""Pictures with, and without, the attribute."""


@dataclass(frozen=True)
class Responding:
    """One unit, and how it takes the attribute."""

    unit: Unit
    auc: float
    error: float
    difference: float
    """Mean of its maxima with the attribute less without, in standard deviations."""
    certain: bool
    """After correction for all units asked."""


def audit(study: Study, word: str, layers: Sequence[str], progress: Progress) -> str:
    """Write `audit.json` into the study; returns its path.

    {"word", "pictures", "without", "asked", "by", "units": [{layer, unit, auc, error, difference,
    words}]}, those that respond most first; `suppressed` are those that fall silent.
    """
    have = pictures_with(study, word)
    if have is None:
        found = [(unit, score) for unit, score in find_units(study, word) if unit.layer in layers]
        report = {
            "word": word, "by": "descriptions", "asked": _count(study, layers),
            "units": [_entry(study, unit) | {"likeness": round(score, 4)} for unit, score in found],
        }  # fmt: skip
    else:
        responding = respond(study, have, layers, progress)
        rise = [one for one in responding if one.certain and one.auc >= least_auc]
        fall = [one for one in responding if one.certain and one.auc <= 1.0 - least_auc]
        report = {
            "word": word, "by": "labels", "pictures": int(have.sum()),
            "without": int((~have).sum()), "asked": _count(study, layers),
            "units": [_told(study, one) for one in rise[:most_reported]],
            "suppressed": [_told(study, one) for one in fall[::-1][:most_reported]],
        }  # fmt: skip
    path = study.folder / "audit.json"
    write_text(path, json.dumps(report, indent=1, ensure_ascii=False))
    progress(1.0, f"{len(report['units'])} units respond to {word}")
    return str(path)


def find_units(study: Study | str | Path, words: str) -> list[tuple[Unit, float]]:
    """Units that the words describe, best first, with a score 0..1.

    A name that a person gave counts 1. Labels count by what they foretell, 2 AUC - 1; descriptions
    by their likeness to the words, times the same of their own score. LodestoneError where nothing
    fits, with what there is.
    """
    study = study if isinstance(study, Study) else Study.open(study)
    if not words.strip():
        raise LodestoneError("No words were given. Write what the units should respond to.")
    found = _described(study, words)
    have = pictures_with(study, words)
    if have is not None:
        for one in respond(study, have, [layer.name for layer in study.layers], Progress()):
            if one.certain and one.auc >= least_auc:
                found[one.unit] = max(found.get(one.unit, 0.0), 2.0 * one.auc - 1.0)
    for unit, said in study.said.items():
        if said.words and _says(said.words, words):
            found[unit] = 1.0
    if not found:
        raise _nothing(study, words)
    return sorted(found.items(), key=lambda item: (-item[1], item[0].layer, item[0].index))


def pictures_with(study: Study, word: str) -> np.ndarray | None:
    """(N,) bool: whose labels say or imply the word; None where (nearly) none or all do."""
    bank = word_bank(study.labels, text_embedder(), bundled(), [word.strip()])
    if bank is None:
        return None
    have = bank.members()[:, 0]
    return have if fewest <= have.sum() <= len(have) - fewest else None


def respond(
    study: Study, have: np.ndarray, layers: Sequence[str], progress: Progress
) -> list[Responding]:
    """Every unit of the layers, those that rise most first."""
    positives, negatives = int(have.sum()), int((~have).sum())
    chance = math.sqrt((positives + negatives + 1) / (12.0 * positives * negatives))
    found: list[tuple[Unit, float, float]] = []
    for place, layer in enumerate(layers):
        progress(place / len(layers), f"Asking the units of {layer}")
        values = np.nan_to_num(np.asarray(study.peaks(layer)), nan=0.0).T
        aucs = predict.auc(values, have[:, None])[0]
        gaps = values[have].mean(0) - values[~have].mean(0)
        gaps = gaps / np.maximum(values.std(0), 1e-9)
        found += [
            (Unit(layer, unit), float(aucs[unit]), float(gaps[unit])) for unit in range(len(aucs))
        ]
    certain = _certain([abs(auc - 0.5) / chance for _, auc, _ in found])
    out = [
        Responding(
            unit, auc, float(predict.error(auc, positives, negatives)), gap, bool(certain[index])
        )
        for index, (unit, auc, gap) in enumerate(found)
    ]
    return sorted(out, key=lambda one: -one.auc)


def _certain(standard: Sequence[float]) -> np.ndarray:
    """Which stay after Benjamini and Hochberg's correction, from standard scores."""
    chances = np.array([math.erfc(value / math.sqrt(2.0)) for value in standard])
    order = np.argsort(chances, kind="stable")
    below = chances[order] <= false_share * np.arange(1, len(chances) + 1) / max(len(chances), 1)
    out = np.zeros(len(chances), bool)
    if below.any():
        out[order[: int(np.flatnonzero(below).max()) + 1]] = True
    return out


# ---------------------------------------------------------------- by descriptions


def _described(study: Study, words: str) -> dict[Unit, float]:
    known = [one for one in study.described.values() if one.words and not one.unsure]
    if not known:
        return {}
    parts = sorted({part for one in known for part in tags(one.words)})
    embedder = text_embedder()
    likeness = embedder.embed(parts) @ embedder.embed([words])[0]
    found: dict[Unit, float] = {}
    close = {
        part: 1.0 if _says(part, words) or _implies(part, words) else float(value)
        for part, value in zip(parts, likeness, strict=True)
    }
    for one in known:
        best = max(close[part] for part in tags(one.words))
        if best >= alike:
            found[one.unit] = best * _worth(one)
    return found


def _says(said: str, words: str) -> bool:
    """Every word asked for stands in it, whatever their number."""
    kinds = bundled()
    return set(kinds.words_of(words)) <= set(kinds.words_of(said))


def _implies(said: str, words: str) -> bool:
    known = bundled()
    name = " ".join(known.words_of(words))
    return any(name in known.kinds(one) for one in known.names(said)[:1])


def _worth(one: Description) -> float:
    return 0.5 if one.score is None else max(0.0, 2.0 * one.score - 1.0)


def _nothing(study: Study, words: str) -> LodestoneError:
    known = {one.words for one in study.described.values() if one.words}
    known |= {tag for label in set(study.labels) for tag in tags(label)}
    near = difflib.get_close_matches(words, sorted(known), 3, 0.4) or sorted(known)[:3]
    if not near:
        return LodestoneError(
            f"No unit answers to {words[:60]}: nothing is described yet. Describe the units first."
        )
    return LodestoneError(f"No unit answers to {words[:60]}. Try {', '.join(near)}.")


def _entry(study: Study, unit: Unit) -> dict[str, object]:
    words = study.description(unit).words
    return {"layer": unit.layer, "unit": unit.index, "words": words}


def _told(study: Study, one: Responding) -> dict[str, object]:
    figures = {"auc": one.auc, "error": one.error, "difference": one.difference}
    return _entry(study, one.unit) | {name: round(value, 4) for name, value in figures.items()}


def _count(study: Study, layers: Sequence[str]) -> int:
    return sum(study.layer(layer).units for layer in layers)
