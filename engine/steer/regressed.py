"""A direction of a layer's activations as a direction of w, for artists who want a w slider.

As GANSpace does for activations (Härkönen et al., arXiv 2004.02546, section 3.2): the latents of
many pictures are regressed on how far along the direction each of them lies.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

import numpy as np

from engine.messages import Direction, LodestoneError, SteerRequest, Vector
from engine.runtime import Runtime
from engine.steer.population import first_seed, points, population

pictures = 400
"""Each costs a forward pass; the result's error falls with their root."""


def to_latent(
    direction: Direction,
    template: SteerRequest,
    runtime: Runtime,
    layers: tuple[int, int] | None = None,
    count: int = pictures,
) -> Generator[None, None, Direction]:
    """The direction of w that comes with one of space `a`; yields between slices of work.

    `template` gives class, truncation and noise of the pictures looked at, `layers` the rows of w+
    the result acts on.
    """
    if direction.space != "a":
        raise LodestoneError(
            f"{direction.name or 'The direction'} does not lie in a layer's activations. "
            "Choose one that does."
        )
    template = replace(template, edits=(), mix=(), mix_layers=())
    seeds = range(first_seed, first_seed + count)
    activations = yield from points(seeds, template, "a", direction.at, None, runtime)
    latents = yield from points(seeds, template, "w", "", layers, runtime)
    along = activations.astype(np.float64) @ direction.vector.array()
    along -= along.mean()
    centred = latents.astype(np.float64) - latents.mean(axis=0)
    slope = along @ centred / max(float(along @ along), 1e-30)  # least squares, (w_dim,)
    length = float(np.linalg.norm(slope))
    if not length > 1e-12:
        raise LodestoneError(
            "No direction of w moves these activations. Keep the one in the layer."
        )
    vector = slope / length
    people = yield from population(template, "w", "", layers, runtime)
    return replace(
        direction,
        space="w",
        at="",
        layers=layers,
        vector=Vector.of(vector),
        sigma=people.sigma(vector) or 1.0,
    )
