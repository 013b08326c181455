"""Unit edits measured over many pictures, beside edits of as many random units. Imports torch.

Writes `ablation.json`; for generators also pictures before and after. Choosing the units by class
or by words is MILAN's application (Hernandez et al., arXiv 2201.11114, section 6).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.disk import check_writable, why
from engine.inspect.ablate_drawn import edit_facts
from engine.inspect.ablate_drawn import measured as measured_drawn
from engine.inspect.audit import find_units
from engine.inspect.effect import random_edits
from engine.inspect.labelled import class_index, truths
from engine.inspect.layers import unknown_layer
from engine.inspect.module_edits import ModuleEdits
from engine.inspect.modules import OpenModule, open_source
from engine.inspect.probes import read_pictures
from engine.inspect.sources import Source, find
from engine.inspect.study import write_text
from engine.inspect.top_units import answers, default_layers, softmax, top_units
from engine.messages import AblateRequest, LodestoneError, Unit, UnitEdit
from engine.progress import Progress

REPORT = "ablation.json"


def ablate(request: AblateRequest, progress: Progress) -> str:
    """Do the job; returns the path of the report."""
    folder = _folder(request.out)
    source = find(request.network)
    described = _described(request)
    edits = (*request.edits, *described)
    if source.kind == "generator":
        report = measured_drawn(request, edits, source, folder, progress)
    else:
        report = _measured(request, edits, source, progress)
    if request.words:
        report["words"] = request.words
    write_text(folder / REPORT, json.dumps(report, indent=1, ensure_ascii=False))
    progress(1.0, "Measured")
    return str(folder / REPORT)


def _folder(out: str) -> Path:
    folder = Path(out).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        check_writable(folder)
    except OSError as error:
        raise LodestoneError(
            f"{folder} could not be written: {why(error)}. Choose another folder.", repr(error)
        ) from error
    return folder


def _described(request: AblateRequest) -> tuple[UnitEdit, ...]:
    """Units found by words: the best `top` of them, or all."""
    if not request.words:
        return ()
    if not request.study:
        raise LodestoneError("Words are looked up in a study. Name one made of this network.")
    found = find_units(request.study, request.words)
    units = tuple(unit for unit, _ in found)
    few = units[: request.top] if request.top and not request.target else units
    return (UnitEdit(few, name=request.words),)


# ---------------------------------------------------------------- networks that answer


@dataclass(frozen=True, eq=False)
class _Trial:
    """Pictures, what they show, and the network's answers to them as it is."""

    opened: OpenModule
    x: torch.Tensor  # (N, C, rows, columns)
    truth: np.ndarray  # (N,) int, -1 = not known
    taken_from: str
    plain: np.ndarray  # (N, classes) logits

    def part(self, rows: np.ndarray) -> _Trial:
        return replace(self, x=self.x[rows], truth=self.truth[rows], plain=self.plain[rows])

    def turned(self, edits: Sequence[UnitEdit], progress: Progress) -> np.ndarray:
        """Logits (N, classes) with the edits."""
        made = ModuleEdits(edits, self.opened.info, self.opened.device)
        return answers(self.opened, self.x, progress, made)


def _measured(
    request: AblateRequest, edits: tuple[UnitEdit, ...], source: Source, progress: Progress
) -> dict[str, Any]:
    opened = open_source(source)
    info = opened.info
    if info.kind != "classifier":
        raise LodestoneError(
            f"{info.name} tells no classes, so nothing can be counted. Make a study of it and "
            "measure the effects of its units."
        )
    ModuleEdits(edits, info, opened.device)  # refuses at once what could not be done later
    classes = info.classes or tuple(f"class {i}" for i in range(_answers_of(opened)))
    target = class_index(request.target, classes) if request.target else None
    trial, notes = _trial(request, opened, classes, progress.part(0.0, 0.3))
    choosing, chosen = None, ()
    if request.top and request.target:
        assert target is not None
        choosing, trial = _halves(trial)
        chosen = _choose(request, choosing, target, progress.part(0.3, 0.3))
        edits = (*edits, UnitEdit(chosen, name=f"most to {classes[target]}"))
    if not edits:
        raise LodestoneError("No units are turned. Name some, or a class and how many units.")
    return {
        "lodestone_ablation": 1,
        "network": info.name,
        "id": info.id,
        "kind": info.kind,
        "edits": [edit_facts(edit) for edit in edits],
        "chosen_on": 0 if choosing is None else len(choosing.x),
        "pictures": len(trial.x),
        "truth": trial.taken_from,
        **_figures(request, trial, edits, classes, target, progress.part(0.6, 0.4)),
        "notes": notes,
    }


def _answers_of(opened: OpenModule) -> int:
    return opened.info.layers[-1].units


def _trial(
    request: AblateRequest, opened: OpenModule, classes: Sequence[str], progress: Progress
) -> tuple[_Trial, list[str]]:
    size = opened.info.input[1:]
    fit = opened.preprocessing.shown
    probes = read_pictures(request.probes, size, fit, opened.preprocessing.words(), progress)
    assert probes.pixels is not None
    x = torch.from_numpy(opened.preprocessing.numbers(np.asarray(probes.pixels)))
    plain = answers(opened, x, progress)
    truth, taken_from = truths(probes.labels, classes, plain.argmax(axis=1))
    return _Trial(opened, x, truth, taken_from, plain), list(probes.notes)


def _halves(trial: _Trial) -> tuple[_Trial, _Trial]:
    """To choose on, and to measure on: of every class one picture in two."""
    order = np.argsort(trial.truth, kind="stable")
    if len(order) < 4:
        raise LodestoneError(
            "Choosing units and measuring them needs different pictures: add some, at least 4."
        )
    return trial.part(np.sort(order[::2])), trial.part(np.sort(order[1::2]))


def _choose(
    request: AblateRequest, trial: _Trial, target: int, progress: Progress
) -> tuple[Unit, ...]:
    info = trial.opened.info
    known = {layer.name for layer in info.layers}
    for name in request.layers:
        if name not in known:
            raise unknown_layer(name, known)
    layers = request.layers or default_layers(info.layers)
    # Pictures that the network gets wrong anyway tell nothing of what its units are for.
    right = np.flatnonzero(trial.plain.argmax(axis=1) == trial.truth)
    if not (trial.truth[right] == target).any():
        raise LodestoneError(
            f"No picture is recognised as {request.target}. Add some, or choose another class."
        )
    few = trial.part(right)
    return top_units(trial.opened, few.x, few.truth, target, request.top, layers, progress)


def _figures(
    request: AblateRequest,
    trial: _Trial,
    edits: Sequence[UnitEdit],
    classes: Sequence[str],
    target: int | None,
    progress: Progress,
) -> dict[str, Any]:
    runs = 1 + max(request.random, 0)
    turned = trial.turned(edits, progress.part(0.0, 1.0 / runs))
    channels = {layer.name: layer.units for layer in trial.opened.info.layers}
    random = np.random.RandomState(request.seed % 2**32)
    others = [
        trial.turned(random_edits(edits, channels, random), progress.part(k / runs, 1.0 / runs))
        for k in range(1, runs)
    ]
    if target is not None and not (trial.truth == target).any():
        raise LodestoneError(
            f"No picture shows {classes[target]}. Add some, or choose another class."
        )
    known = np.flatnonzero(trial.truth >= 0)
    rows = trial.truth[known]
    before, after = (_right(logits, trial.truth)[known] for logits in (trial.plain, turned))
    chance = [_right(logits, trial.truth)[known] for logits in others]
    listed = [
        {
            "class": classes[index],
            "pictures": int((own := rows == index).sum()),
            "accuracy_before": _share(before[own]),
            "accuracy_after": _share(after[own]),
            "accuracy_random": _share([hit[own] for hit in chance]),
            "logit_before": round(float(trial.plain[known][own, index].mean()), 4),
            "logit_after": round(float(turned[known][own, index].mean()), 4),
            "logit_random": _mean([logits[known][own, index].mean() for logits in others]),
        }
        for index in np.unique(rows)
    ]
    figures: dict[str, Any] = {
        "accuracy": {
            "before": _share(before),
            "after": _share(after),
            "random": _share(chance),
            "random_sets": [_share(hit) for hit in chance],
        },
        "classes": listed,
    }
    if target is not None:
        figures["target"] = _target(classes[target], trial, turned, others, target)
    return figures


def _target(
    name: str, trial: _Trial, turned: np.ndarray, others: Sequence[np.ndarray], target: int
) -> dict[str, Any]:
    """What the class loses beside chance: its accuracy and its mean share p (0..1); and what the
    accuracy of the other classes loses."""
    own, rest = trial.truth == target, (trial.truth >= 0) & (trial.truth != target)
    runs = (trial.plain, turned, *others)
    hits = [float(_right(logits, trial.truth)[own].mean()) for logits in runs]
    shares = [float(softmax(logits[own])[:, target].mean()) for logits in runs]
    others_hit = [float(_right(a, trial.truth)[rest].mean()) for a in runs[:2] if rest.any()]
    by_chance = shares[0] - float(np.mean(shares[2:])) if others else None
    return {
        "class": name,
        "pictures": int(own.sum()),
        "accuracy_before": round(hits[0], 4),
        "accuracy_after": round(hits[1], 4),
        "accuracy_random": _mean(hits[2:]),
        "share_before": round(shares[0], 4),
        "share_after": round(shares[1], 4),
        "share_random": _mean(shares[2:]),
        "ratio": round((shares[0] - shares[1]) / by_chance, 2)
        if by_chance is not None and by_chance > 1e-4
        else None,
        "others_drop": round(others_hit[0] - others_hit[1], 4) if others_hit else None,
    }


def _right(logits: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return logits.argmax(axis=1) == truth


def _share(hits: Any) -> float | None:
    values = np.asarray(hits, np.float64)
    return round(float(values.mean()), 4) if values.size else None


def _mean(values: Sequence[float]) -> float | None:
    return round(float(np.mean(values)), 4) if values else None
