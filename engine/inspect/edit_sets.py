"""Sets of unit edits as directions with a slider. No torch."""

from __future__ import annotations

import json
from collections.abc import Generator
from typing import TYPE_CHECKING

import numpy as np

from engine.inspect.layers import generator_info
from engine.inspect.probes import sample
from engine.messages import (
    Direction,
    EditSet,
    EditSetQuestion,
    EditSetReply,
    LodestoneError,
    SteerRequest,
    Vector,
)
from engine.runtime import Runtime
from engine.steer.features import features
from engine.steer.turns import check_units, gain_and_offset, plain_name

if TYPE_CHECKING:
    from engine.studio import Studio

samples = 32
"""Pictures over which activations are averaged."""
_together = 4
LOST = "Places painted with the brush are not part of a direction."


def as_directions(
    question: EditSetQuestion, studio: Studio
) -> Generator[EditSetReply | None, None, EditSetReply]:
    """One direction in activations for each layer that the set turns.

    A direction adds the same everywhere and in every picture, an edit (gain·a + offset) does not:
    the direction is what the edit adds on average over samples.
    """
    edit_set = question.edit_set
    runtime = studio.runtime(SteerRequest(model=edit_set.model))
    edits = [edit for edit in edit_set.edits if edit.on]
    for edit in edits:
        check_units(edit, runtime.info, runtime.channels)
    made: list[Direction] = []
    for layer in dict.fromkeys(plain_name(u.layer) for edit in edits for u in edit.units):
        means: list[np.ndarray] = []
        info = generator_info(runtime.info)
        for start in range(0, samples, _together):
            some = [sample(info, seed) for seed in range(start, start + _together)]
            means.append(features(some, "a", layer, runtime))
            yield None
        direction = _direction(edit_set, layer, np.concatenate(means), runtime)
        if direction is not None:
            made.append(direction)
    if not made:
        raise LodestoneError(f"{edit_set.name} changes nothing on average. Turn other units.")
    brushed = any(edit.mask is not None for edit in edits)
    return EditSetReply(tuple(made), LOST if brushed else "")


def _direction(
    edit_set: EditSet, layer: str, activations: np.ndarray, runtime: Runtime
) -> Direction | None:
    """What the set adds to `layer` on average; None where that is nothing.

    activations: (N, C), means over positions
    """
    plain = activations.mean(axis=0)
    turned = plain.copy()
    for edit in edit_set.edits:
        gain, offset = gain_and_offset(edit)
        index = sorted({u.index for u in edit.units if plain_name(u.layer) == layer})
        if edit.on and index:
            turned[index] = gain * turned[index] + offset
    step = turned - plain
    length = float(np.linalg.norm(step))
    if length < 1e-6:
        return None
    several = len({plain_name(u.layer) for edit in edit_set.edits for u in edit.units}) > 1
    return Direction(
        name=f"{edit_set.name} {layer}" if several else edit_set.name,
        space="a",
        vector=Vector.of(step / length),
        sigma=length,
        method="units",
        model=runtime.info.id,
        detail=json.dumps({"set": edit_set.name, "averaged over": len(activations)}),
        at=layer,
    )
