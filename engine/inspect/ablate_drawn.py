"""Unit edits of a generator measured over its samples, with pictures before and after. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from engine.inspect.effect import changed_area, colours, random_edits
from engine.inspect.layers import generator_info
from engine.inspect.probes import samples
from engine.inspect.sources import Source
from engine.messages import AblateRequest, LodestoneError, SteerRequest, UnitEdit
from engine.progress import Progress
from engine.runtime import Runtime, open_runtime

SAMPLES = 16
"""Where no number is asked for."""
shown = 64
"""Pictures of which before and after are written."""


def measured(
    request: AblateRequest,
    edits: tuple[UnitEdit, ...],
    source: Source,
    folder: Path,
    progress: Progress,
) -> dict[str, Any]:
    """The report; writes `before/NAME.png`, `after/NAME.png` and `sheet.png` into `folder`."""
    if not edits:
        raise LodestoneError("No units are turned. Name some.")
    if request.target or request.top and not request.words:
        raise LodestoneError("A generator tells no classes. Name the units that are turned.")
    assert source.info is not None
    probes = request.probes
    if not probes.count and not probes.names and not probes.requests:
        probes = replace(probes, count=SAMPLES)
    found = samples(probes, generator_info(source.info))
    runtime = open_runtime(source.info, progress=progress.part(0.0, 0.05))
    changes: list[dict[str, Any]] = []
    strip: list[np.ndarray] = []
    for index, (name, recipe) in enumerate(zip(found.names, found.requests, strict=True)):
        progress(0.05 + 0.95 * index / len(found), f"Picture {index + 1:,} of {len(found):,}")
        plain = colours(recipe, runtime)
        turned = colours(_with(recipe, edits), runtime)
        chance = _chance(recipe, edits, plain, runtime, request)
        change = np.abs(turned - plain)
        changes.append({
            "name": name,
            "changed": round(float(change.mean()), 6),
            "area": round(changed_area(change), 6),
            "changed_random": chance,
        })  # fmt: skip
        if index < shown:
            strip += [_pixels(plain), _pixels(turned)]
            _write(folder, name, strip[-2:])
    _sheet(strip).save(folder / "sheet.png")
    return {
        "lodestone_ablation": 1,
        "network": source.name,
        "id": source.id,
        "kind": "generator",
        "edits": [edit_facts(edit) for edit in edits],
        "pictures": len(found),
        "changed": _mean(changes, "changed"),
        "area": _mean(changes, "area"),
        "changed_random": _mean(changes, "changed_random"),
        "samples": changes,
        "notes": [],
    }


def edit_facts(edit: UnitEdit) -> dict[str, Any]:
    """An edit as the report names it."""
    units: dict[str, list[int]] = {}
    for unit in edit.units:
        units.setdefault(unit.layer, []).append(unit.index)
    return {
        "units": units,
        "action": edit.action,
        "amount": edit.amount,
        "brushed": edit.mask is not None,
        "name": edit.name,
        "on": edit.on,
    }


def _with(recipe: SteerRequest, edits: Sequence[UnitEdit]) -> SteerRequest:
    return replace(recipe, units=(*recipe.units, *edits))


def _chance(
    recipe: SteerRequest,
    edits: Sequence[UnitEdit],
    plain: np.ndarray,
    runtime: Runtime,
    request: AblateRequest,
) -> float | None:
    """Mean change by as many random units; the same units in every picture."""
    random = np.random.RandomState(request.seed % 2**32)
    found = [
        float(np.abs(colours(_with(recipe, chosen), runtime) - plain).mean())
        for chosen in (
            random_edits(edits, runtime.channels, random) for _ in range(max(request.random, 0))
        )
    ]
    return round(float(np.mean(found)), 6) if found else None


def _mean(changes: Sequence[dict[str, Any]], name: str) -> float | None:
    values = [one[name] for one in changes if one[name] is not None]
    return round(float(np.mean(values)), 6) if values else None


def _pixels(picture: np.ndarray) -> np.ndarray:
    """(C, R, R) 0..1 -> (R, R, 3) uint8."""
    rgb = np.repeat(picture[:1], 3, axis=0) if len(picture) < 3 else picture[:3]
    return np.rint(rgb.transpose(1, 2, 0) * 255.0).astype(np.uint8)


def _write(folder: Path, name: str, pair: Sequence[np.ndarray]) -> None:
    for side, picture in zip(("before", "after"), pair, strict=True):
        (folder / side).mkdir(exist_ok=True)
        Image.fromarray(picture).save(folder / side / f"{name.replace('/', ' ')}.png")


def _sheet(pictures: Sequence[np.ndarray], columns: int = 8) -> Image.Image:
    """Before and after side by side, four pairs a row."""
    size = pictures[0].shape[0]
    rows = -(-len(pictures) // columns)
    sheet = np.full((rows * size, min(columns, len(pictures)) * size, 3), 255, np.uint8)
    for index, picture in enumerate(pictures):
        row, column = divmod(index, columns)
        sheet[row * size : (row + 1) * size, column * size : (column + 1) * size] = picture
    return Image.fromarray(sheet)
