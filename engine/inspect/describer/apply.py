"""A trained describer on a study: words from the regions themselves, so labels are not needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from engine.inspect import detectors, predict
from engine.inspect.describer.decode import Told, tell
from engine.inspect.describer.model import Describer
from engine.inspect.regions import masks
from engine.inspect.study import Study
from engine.messages import Description, Unit
from engine.progress import Progress

together = 64
most_pictures = 3000
least_seen = 0.75
"""AUC below which the describer does not see a tag itself, and so may not name a unit by it."""
shown = 6
"""Candidates given as evidence."""


def retold(
    study: Study, path: Path, layers: Sequence[str], known: Mapping[Unit, Description],
    progress: Progress,
) -> dict[Unit, Description]:  # fmt: skip
    """Descriptions for the units whose words by the describer foretell them better than `known`."""
    describer = Describer.open(path)
    numbers = np.unique(np.linspace(0, len(study.names) - 1, most_pictures).astype(np.int64))
    held = predict.split([study.names[n] for n in numbers], [study.labels[n] for n in numbers])
    present, pyramids = _looked_at(describer, study, numbers, progress.part(0.0, 0.5))
    found: dict[Unit, Description] = {}
    for place, layer in enumerate(layers):
        part = progress.part(0.5 + 0.5 * place / len(layers), 0.5 / len(layers))
        values = np.asarray(study.peaks(layer))[:, numbers].T
        levels = study.levels(layer)
        active = values >= predict.thresholds(values, levels, held)
        for unit in range(values.shape[1]):
            part(unit / values.shape[1], f"Describing {layer}")
            told = _tell(describer, study, Unit(layer, unit), levels[unit], numbers, held, pyramids)
            one = _judged(
                Unit(layer, unit), told, describer, present, active[:, unit], values[:, unit], held
            )
            before = known.get(one.unit)
            if not one.unsure and (before is None or before.unsure or _better(one, before)):
                found[one.unit] = one
    return found


def _better(one: Description, before: Description) -> bool:
    return (one.score or 0.0) > (before.score or 0.0)


@torch.no_grad()
def _looked_at(
    describer: Describer, study: Study, numbers: np.ndarray, progress: Progress
) -> tuple[np.ndarray, list[Tensor]]:
    """How much each tag is in each picture (N, tags), and the pictures' pyramids in half floats."""
    side = describer.shape.side
    present: list[Tensor] = []
    stages: list[list[Tensor]] = []
    for start in range(0, len(numbers), together):
        progress(start / len(numbers), "Looking at the pictures")
        chosen = numbers[start : start + together]
        small = [
            np.asarray(
                Image.fromarray(np.ascontiguousarray(study.pictures[number])).resize(
                    (side, side), Image.Resampling.BOX
                )
            )
            for number in chosen
        ]
        pictures = torch.from_numpy(np.stack(small)).permute(0, 3, 1, 2).float() / 255.0
        pyramid = describer.encoder.pyramid(pictures)
        present.append(describer.encoder.present(describer.encoder.tag_maps(pyramid)))
        stages.append([features.half() for features in pyramid])
    joined = [torch.cat(parts) for parts in zip(*stages, strict=True)]
    return torch.cat(present).numpy(), joined


@torch.no_grad()
def _tell(
    describer: Describer, study: Study, unit: Unit, level: float, numbers: np.ndarray,
    held: np.ndarray, pyramids: Sequence[Tensor],
) -> list[Told]:  # fmt: skip
    """From its exemplars that words may be chosen on, through their masks."""
    leading = study.top(unit.layer)[1][unit.index]
    place = {int(number): index for index, number in enumerate(numbers)}
    usable = [
        slot
        for slot, number in enumerate(leading)
        if number >= 0 and int(number) in place and not held[place[int(number)]]
    ]
    maps = np.asarray(study.maps(unit.layer)[unit.index])[usable].astype(np.float32)
    if not usable or not np.isfinite(maps).all() or not np.isfinite(level):
        return []
    if maps.shape[1] * maps.shape[2] < 4:
        found = np.ones((len(usable), detectors.grid**2), np.float32)
    else:
        found = masks(maps, level)
    inside = torch.from_numpy(found).view(len(usable), 1, detectors.grid, detectors.grid)
    rows = [place[int(leading[slot])] for slot in usable]
    chosen = [stage[rows].float() for stage in pyramids]
    return tell(describer, describer.encoder.under(chosen, inside))


def _judged(
    unit: Unit, told: Sequence[Told], describer: Describer, present: np.ndarray,
    active: np.ndarray, values: np.ndarray, held: np.ndarray,
) -> Description:  # fmt: skip
    """Do pictures in which the describer sees the tag drive the unit?"""
    evidence = tuple((one.words, round(one.score, 3)) for one in told[:shown])
    known = {
        tag: index
        for index, tag in enumerate(describer.tags)
        if describer.seen[index] >= least_seen
    }
    tag = next((known[one.words] for one in told if one.words in known), None)
    if tag is None:
        return Description(unit, "", "describer", None, evidence, unsure=True)
    score = predict.score(present[held, tag], active[held], values[held])
    unsure = score is None or score.unsure
    words = "" if unsure else describer.tags[tag]
    auc = None if score is None else round(score.auc, 4)
    return Description(unit, words, "describer", auc, evidence, unsure=unsure)
