"""How much unit edits change a picture, beside edits of as many random units. No torch."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from engine.messages import (
    EffectQuestion,
    EffectReply,
    LodestoneError,
    Picture,
    SteerRequest,
    Unit,
    UnitEdit,
)
from engine.runtime import Runtime
from engine.steer.render import render
from engine.steer.turns import plain_name

if TYPE_CHECKING:
    from engine.studio import Studio

noticeable = 0.02
"""Share of the range from black to white that a pixel must change to count as changed."""
strong = 0.25
"""A change that is drawn in full heat, unless nothing in the picture changes as much."""


def effect(
    question: EffectQuestion, studio: Studio
) -> Generator[EffectReply | None, None, EffectReply]:
    """Stops after every picture, so the canvas never waits for more than one."""
    edits = tuple(edit for edit in question.edits if edit.on)
    if not edits:
        raise LodestoneError("There is no edit to measure. Turn a unit first.")
    runtime = studio.runtime(question.request)
    plain = colours(question.request, runtime)
    yield None
    change = np.abs(colours(_with(question.request, edits), runtime) - plain)
    yield None
    others: list[float] = []
    random = np.random.RandomState(question.seed % 2**32)
    for _ in range(max(question.random, 0)):
        chosen = random_edits(edits, runtime.channels, random)
        others.append(
            float(np.abs(colours(_with(question.request, chosen), runtime) - plain).mean())
        )
        yield None
    return EffectReply(
        changed=float(change.mean()),
        area=changed_area(change),
        inside=_inside(change, edits),
        chance=float(np.mean(others)) if others else 0.0,
        heat=heat_map(plain, change),
    )


def _with(request: SteerRequest, edits: Sequence[UnitEdit]) -> SteerRequest:
    return replace(request, units=(*request.units, *edits))


def colours(request: SteerRequest, runtime: Runtime) -> np.ndarray:
    """(C, R, R) float32, 0 black to 1 white."""
    return np.clip(render(request, runtime)[0] * 0.5 + 0.5, 0.0, 1.0)


def changed_area(change: np.ndarray) -> float:
    """Share of the positions of (C, R, R) where a colour changes noticeably."""
    return float((change.max(axis=0) > noticeable).mean())


def random_edits(
    edits: Sequence[UnitEdit], channels: Mapping[str, int], random: np.random.RandomState
) -> tuple[UnitEdit, ...]:
    """The same edits of as many other units of the same layers, drawn at random.

    Units that the edits turn are left out while there are enough others.
    """
    taken: dict[str, set[int]] = {}
    for edit in edits:
        for unit in edit.units:
            taken.setdefault(plain_name(unit.layer), set()).add(unit.index)
    made: list[UnitEdit] = []
    for edit in edits:
        counts: dict[str, int] = {}
        for unit in dict.fromkeys(edit.units):
            counts[plain_name(unit.layer)] = counts.get(plain_name(unit.layer), 0) + 1
        units: list[Unit] = []
        for layer, count in counts.items():
            width = channels.get(layer, 0)
            free = [index for index in range(width) if index not in taken[layer]]
            pool = free if len(free) >= count else list(range(width))
            chosen = random.permutation(pool)[:count]
            units += [Unit(layer, int(index)) for index in sorted(chosen)]
        # A layer that is not there is told of when the edits themselves are drawn.
        made.append(replace(edit, units=tuple(units) or edit.units))
    return tuple(made)


def _inside(change: np.ndarray, edits: Sequence[UnitEdit]) -> float | None:
    """Share of the change under the brush; None where an edit acts everywhere."""
    masks = [edit.mask for edit in edits]
    if not all(masks):
        return None
    side = change.shape[-1]
    brushed = np.zeros((side, side), np.float32)
    for mask in masks:
        if mask is not None:
            picture = Image.fromarray(np.clip(mask.array(), 0.0, 1.0))
            resized = np.asarray(picture.resize((side, side), Image.Resampling.BILINEAR))
            np.maximum(brushed, resized, out=brushed)
    total = float(change.sum())
    return float((change * brushed).sum()) / total if total > 0.0 else None


def heat_map(plain: np.ndarray, change: np.ndarray) -> Picture:
    """The picture in dim grey, what changes glowing from red to white; both (C, R, R) 0..1."""
    heat = change.max(axis=0)
    heat = np.clip(heat / max(strong, float(heat.max())), 0.0, 1.0) ** 0.6
    grey = plain.mean(axis=0) * 0.35 * (1.0 - heat)
    # Black, red, yellow, white in thirds, as glowing metal.
    red, green, blue = (np.clip(heat * 3.0 - step, 0.0, 1.0) for step in (0.0, 1.0, 2.0))
    bgrx = np.full((*heat.shape, 4), 255, np.uint8)
    for channel, glow in enumerate((blue, green, red)):
        bgrx[..., channel] = (np.clip(grey + glow, 0.0, 1.0) * 255.0).astype(np.uint8)
    return Picture.of(bgrx)
