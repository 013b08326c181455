"""Names for the units of a study: what each responds to, in words, and how sure that is. No torch.

MILAN's aim (arXiv 2201.11114): the words of largest mutual information with the regions where a
unit is active. By default without a language model: soft-WPMI over the probes' labels, detectors
in the active regions, and a score on pictures held out. A describer that was trained, or an
image-text model that the artist has, takes part when it is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.inspect import detectors, predict
from engine.inspect.choose import Choice, Shown, choose
from engine.inspect.embed import text_embedder
from engine.inspect.regions import Regions, RegionTally, masks
from engine.inspect.study import Study, keep_descriptions
from engine.inspect.tags import WordBank, word_bank
from engine.inspect.taxonomy import bundled
from engine.messages import DescribeRequest, Description, LodestoneError, Unit
from engine.progress import Progress

if TYPE_CHECKING:
    from engine.inspect.imagetext import ImageText

most_pictures = 3000
"""Looked at with detectors; of more, those that lead and an even sample of the others."""
at_once = 512
"""Units worked on together: bounds memory."""
most_words = 20_000
longest_word = 200


@dataclass(frozen=True)
class Pictures:
    """The part of a study's probes that descriptions are made from."""

    numbers: np.ndarray
    """(M,) of the study's pictures, rising."""
    seen: detectors.Seen
    shown: Shown
    allowed: frozenset[str] | None
    """The words of a list, when one was given: then detectors say nothing else."""


def describe(request: DescribeRequest, progress: Progress) -> str:
    """Write `descriptions.json` into the study; returns its path."""
    study = Study.open(request.study)
    layers = [study.layer(name).name for name in request.layers] or [
        layer.name for layer in study.layers
    ]
    if request.audit:
        from engine.inspect.audit import audit

        return audit(study, request.audit, layers, progress)
    pictures = look(study, request, layers, progress.part(0.0, 0.4))
    found: dict[Unit, Description] = {
        unit: one for unit, one in study.described.items() if unit.layer not in layers
    }
    for index, layer in enumerate(layers):
        part = progress.part(0.4 + 0.5 * index / len(layers), 0.5 / len(layers))
        for unit, choice in enumerate(layer_choices(study, layer, pictures, part)):
            found[Unit(layer, unit)] = _described(Unit(layer, unit), choice)
    if request.describer:
        from engine.inspect.describer.apply import retold

        found |= retold(study, Path(request.describer), layers, found, progress.part(0.9, 0.1))
    keep_descriptions(study.folder, found.values())
    progress(1.0, "Described")
    return str(study.folder / "descriptions.json")


def _described(unit: Unit, choice: Choice) -> Description:
    auc = None if choice.score is None else round(choice.score.auc, 4)
    return Description(
        unit, choice.words, choice.method, auc, choice.evidence, unsure=choice.unsure
    )


# ---------------------------------------------------------------- pictures


def look(
    study: Study, request: DescribeRequest, layers: Sequence[str], progress: Progress
) -> Pictures:
    """What the probes show and are called; the same for all layers."""
    numbers = _numbers(study, layers)
    labels = [study.labels[number] for number in numbers]
    held = predict.split([study.names[number] for number in numbers], labels)
    words = read_words(Path(request.words)) if request.words else ()
    model = None
    if request.image_text:
        from engine.inspect.imagetext import ImageText

        model = ImageText.open(Path(request.image_text))
    maps: list[np.ndarray] = []
    for done, number in enumerate(numbers):
        if done % 16 == 0:
            progress(0.9 * done / len(numbers), f"Looking at {len(numbers):,} pictures")
        maps.append(detectors.maps(np.asarray(study.pictures[number])))
    if not maps:
        raise LodestoneError("This study has no pictures. Make it again with some.")
    seen = detectors.Seen(np.stack(maps))
    progress(0.9, "Reading words")
    bank = _bank(study, model, numbers, labels, words, progress.part(0.9, 0.1))
    shown = Shown(held, bank, seen.features())
    return Pictures(numbers, seen, shown, frozenset(words) if words else None)


def _bank(
    study: Study, model: ImageText | None, numbers: np.ndarray, labels: Sequence[str],
    words: Sequence[str], progress: Progress,
) -> WordBank | None:  # fmt: skip
    if model is not None:
        offered = words or tuple(dict.fromkeys([*filter(None, labels), *bundled().words]))
        return model.word_bank(study.pictures, numbers, offered, progress)
    return word_bank(labels, text_embedder(), bundled(), words)


def _numbers(study: Study, layers: Sequence[str]) -> np.ndarray:
    """All pictures, or those that lead most often and an even sample of the rest."""
    count = len(study.names)
    if count <= most_pictures:
        return np.arange(count)
    leads = np.zeros(count, np.int64)
    for layer in layers:
        leading = study.top(layer)[1]
        leads += np.bincount(leading[leading >= 0].ravel(), minlength=count)
    first = np.argsort(-leads, kind="stable")[: most_pictures // 2]
    rest = np.setdiff1d(np.arange(count), first)
    even = rest[np.linspace(0, len(rest) - 1, most_pictures - len(first)).astype(np.int64)]
    return np.sort(np.concatenate([first, even]))


def read_words(path: Path) -> tuple[str, ...]:
    """One a line; empty lines and what follows # do not count."""
    try:
        lines = path.expanduser().read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise LodestoneError(
            f"The list of words {path.name} cannot be read. Choose a text file with one word a "
            "line.",
            repr(error),
        ) from error
    words = [line.partition("#")[0].strip()[:longest_word] for line in lines]
    found = tuple(dict.fromkeys(filter(None, words)))
    if not found:
        raise LodestoneError(f"There is no word in {path.name}. Write one a line.")
    if len(found) > most_words:
        raise LodestoneError(
            f"{path.name} has {len(found):,} words. Choose a list of at most {most_words:,}."
        )
    return found


# ---------------------------------------------------------------- one layer


def layer_choices(study: Study, layer: str, pictures: Pictures, progress: Progress) -> list[Choice]:
    """Of every unit, in order."""
    units = study.layer(layer).units
    levels = study.levels(layer)
    peaks = study.peaks(layer)
    regions = _regions(study, layer, levels, pictures, progress.part(0.0, 0.5))
    found: list[Choice] = []
    for start in range(0, units, at_once):
        progress(0.5 + 0.5 * start / units, f"Choosing words for {layer}")
        chosen = slice(start, start + at_once)
        values = np.asarray(peaks[chosen])[:, pictures.numbers].T
        part = None if regions is None else regions.part(chosen)
        found += choose(values, levels[chosen], pictures.shown, part, pictures.allowed)
    return found


def _regions(
    study: Study, layer: str, levels: np.ndarray, pictures: Pictures, progress: Progress
) -> Regions | None:
    """Only pictures that words are chosen on; None for layers without places."""
    maps = study.maps(layer)
    if maps.shape[2] * maps.shape[3] < 4:
        return None
    leading = study.top(layer)[1]
    place = np.full(len(study.names), -1)
    place[pictures.numbers] = np.arange(len(pictures.numbers))
    tally = RegionTally(pictures.seen, len(maps))
    for unit in range(len(maps)):
        if unit % 32 == 0:
            progress(unit / len(maps), f"Looking where {layer} is active")
        here = np.flatnonzero(leading[unit] >= 0)
        here = here[place[leading[unit, here]] >= 0]
        known = place[leading[unit, here]]
        usable = ~pictures.shown.held[known]
        values = np.asarray(maps[unit])[here[usable]]
        if len(values) and np.isfinite(levels[unit]) and np.ptp(values) > 0:
            tally.add(unit, known[usable], masks(values, float(levels[unit])))
            judged = np.asarray(maps[unit])[here[~usable]]
            if len(judged):
                tally.judge(unit, masks(judged, float(levels[unit])))
    return tally.regions()
