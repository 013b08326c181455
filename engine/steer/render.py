"""From requests to pictures. No torch of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from engine.backend import Turn
from engine.messages import SteerRequest
from engine.runtime import Runtime
from engine.steer.latents import Resolved, joined_activations, resolve
from engine.steer.turns import joined_turns

SynthesisInputs = tuple[
    np.ndarray,
    np.ndarray,
    np.ndarray | None,
    np.ndarray,
    Mapping[str, np.ndarray],
    Mapping[str, Turn],
]
"""ws, style offset, noise, noise strength, activation offsets, turned layers."""


def render_into(request: SteerRequest, runtime: Runtime, out: np.ndarray) -> None:
    """Draw one picture into `out` (R, R, 4) uint8 B G R X."""
    found = resolve(request, runtime, runtime.memo)
    runtime.bgrx(*joined([found], runtime), out=out[None])


def render(request: SteerRequest, runtime: Runtime) -> np.ndarray:
    """One picture, (1, C, R, R) float32 about -1..1, not clamped."""
    found = resolve(request, runtime, runtime.memo)
    return runtime.synthesis(*joined([found], runtime))


def render_batch(requests: Sequence[SteerRequest], runtime: Runtime) -> np.ndarray:
    """Pictures (N, C, R, R) float32, drawn together where their noise strengths agree."""
    found = [resolve(request, runtime, runtime.memo) for request in requests]
    pictures: list[np.ndarray] = []
    start = 0
    while start < len(found):
        stop = start + 1
        while stop < len(found) and agree(found[start], found[stop]):
            stop += 1
        pictures.append(runtime.synthesis(*joined(found[start:stop], runtime)))
        start = stop
    return np.concatenate(pictures)


def agree(a: Resolved, b: Resolved) -> bool:
    """Whether two pictures can be drawn together."""
    return np.array_equal(a.noise_strength, b.noise_strength)


def joined(found: Sequence[Resolved], runtime: Runtime) -> SynthesisInputs:
    """Inputs of `Runtime.synthesis` for pictures of equal noise strength; one shared noise stays
    one."""
    ws = np.concatenate([item.ws for item in found])
    offset = np.concatenate([item.style_offset for item in found])
    turned = joined_turns([one.turned for one in found], [one.activation_offset for one in found])
    moved = joined_activations(found)
    moved = {layer: push for layer, push in moved.items() if layer not in turned}
    strength = found[0].noise_strength
    noises = [item.noise for item in found]
    if all(noise is noises[0] for noise in noises):
        return ws, offset, noises[0], strength, moved, turned
    full = [runtime.noise_const if noise is None else noise for noise in noises]
    return ws, offset, np.concatenate(full), strength, moved, turned
