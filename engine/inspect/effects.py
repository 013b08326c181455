"""What ablating each unit of a study changes: the grid's `effect`. Torch only for classifiers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from engine.inspect.effect import colours
from engine.inspect.layers import LATENT, generator_info
from engine.inspect.probes import sample
from engine.inspect.sources import Source, find
from engine.inspect.study import StudiedLayer, Study, keep_effects
from engine.messages import EffectsRequest, LodestoneError, Unit, UnitEdit
from engine.progress import Progress

if TYPE_CHECKING:
    from torch import Tensor

    from engine.inspect.modules import OpenModule

saved_every = 32
"""Units; a job that is stopped keeps these."""


def effects(request: EffectsRequest, progress: Progress) -> str:
    """Measure, and write into the study; returns its folder. Goes on where it was stopped."""
    study = Study.open(request.study)
    if request.pictures < 1:
        raise LodestoneError("Effects are measured on at least one picture. Choose more.")
    layers = [study.layer(name) for name in request.layers] or list(study.layers)
    source = find(study.network.path)
    if source.id != study.network.id:
        raise LodestoneError(
            f"{source.name} has other weights than when it was studied. Make the study again."
        )
    measure = _drawn if source.kind == "generator" else _answered
    found: dict[Unit, float] = {}
    total = sum(layer.units for layer in layers)
    for done, (unit, value) in enumerate(measure(request, study, layers, source), 1):
        progress(done / total, f"Unit {done:,} of {total:,}")
        if value is not None:
            found[unit] = value
        if len(found) >= saved_every:
            keep_effects(study.folder, found)
            found.clear()
    keep_effects(study.folder, found)
    return str(study.folder)


def _drawn(
    request: EffectsRequest, study: Study, layers: Sequence[StudiedLayer], source: Source
) -> Iterator[tuple[Unit, float | None]]:
    """Mean change of a generator's pictures, 0..1; None where it is known already."""
    from engine.runtime import open_runtime

    assert source.info is not None
    runtime = open_runtime(source.info)
    info = generator_info(source.info)
    recipes = [sample(info, request.seed + index) for index in range(request.pictures)]
    plain = [colours(recipe, runtime) for recipe in recipes]
    known = study.effects
    for layer in layers:
        for index in range(layer.units):
            unit = Unit(layer.name, index)
            if unit in known or layer.name == LATENT:
                yield unit, None
                continue
            edit = (UnitEdit((unit,)),)
            turned = [colours(replace(recipe, units=edit), runtime) for recipe in recipes]
            pairs = zip(plain, turned, strict=True)
            yield unit, float(np.mean([np.abs(b - a).mean() for a, b in pairs]))


def _answered(
    request: EffectsRequest, study: Study, layers: Sequence[StudiedLayer], source: Source
) -> Iterator[tuple[Unit, float | None]]:
    """Mean change of a classifier's largest logit as a share of it, to first order (gradient times
    activation): one pass for all units, where ablating each would take hours. Of a network that
    answers with a picture: that of the answer, each unit ablated."""
    import torch

    from engine.inspect.modules import open_source
    from engine.inspect.top_units import first_order

    opened = open_source(source)
    rows = np.linspace(0, len(study.names) - 1, max(request.pictures, 16)).round().astype(int)
    shown = np.asarray(study.pictures[np.unique(rows)])
    if shown.shape[1:3] != opened.preprocessing.size:
        raise LodestoneError(
            f"The study of {source.name} does not hold the pictures as it sees them. Make it again."
        )
    x = torch.from_numpy(opened.preprocessing.numbers(shown))
    if opened.info.kind == "network":
        yield from _changed(opened, x[: request.pictures], layers)
        return
    with torch.inference_mode():
        largest = opened.module(x.to(opened.device)).amax(dim=1).abs().mean()
    names = [layer.name for layer in layers]
    for name, values in first_order(opened, x, names).items():
        for index, value in enumerate(np.abs(values).mean(axis=0)):
            yield Unit(name, index), float(value) / max(float(largest), 1e-9)


def _changed(
    opened: OpenModule, x: Tensor, layers: Sequence[StudiedLayer]
) -> Iterator[tuple[Unit, float | None]]:
    """Mean change of the answer to pictures x, as a share of its mean size."""
    import torch

    from engine.inspect.module_edits import ModuleEdits

    x = x.to(opened.device)
    with torch.inference_mode():
        plain = opened.module(x)
    size = max(float(plain.abs().mean()), 1e-9)
    for layer in layers:
        for index in range(layer.units):
            unit = Unit(layer.name, index)
            edits = ModuleEdits([UnitEdit((unit,))], opened.info, opened.device)
            with torch.inference_mode(), edits.trace(opened.module):
                turned = opened.module(x)
            yield unit, float((turned - plain).abs().mean()) / size
