"""Where the pictures of a generator lie in a space: mean, principal axes and spread. Numpy only.

Directions are fitted in these coordinates. Labels are few and latents have hundreds of dimensions,
so it matters what counts as a large step: one standard deviation along an axis is the unit.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.messages import LatentPart, LodestoneError, Space, SteerRequest
from engine.runtime import Runtime
from engine.steer.features import features, styles
from engine.steer.latents import class_weights, seed_latent

looked_at: dict[Space, int] = {"w": 2000, "s": 600, "a": 96}
"""Latents that a space is measured with. Activations cost a picture each."""
together = 500
"""Latents mapped in one slice of work."""
first_seed = 3_000_000_000
"""Far from the seeds that people type."""


@dataclass(frozen=True, eq=False)
class Population:
    """Coordinates of a space in which the generator's own pictures have unit variance."""

    mean: np.ndarray
    """(D,)"""
    axes: np.ndarray
    """(R, D) orthonormal rows, R <= D, by falling spread."""
    spread: np.ndarray
    """(R,) standard deviation along them, all > 0."""

    def coordinates(self, points: np.ndarray) -> np.ndarray:
        """(N, D) -> (N, R) in σ along the axes."""
        return ((points - self.mean) @ self.axes.T) / self.spread

    def sigma(self, direction: np.ndarray) -> float:
        """Standard deviation of the pictures along a unit vector (D,)."""
        return float(np.linalg.norm((self.axes @ direction) * self.spread))


def population(
    template: SteerRequest,
    space: Space,
    at: str,
    layers: tuple[int, int] | None,
    runtime: Runtime,
) -> Generator[None, None, Population]:
    """Measured once for a class and a space, then remembered; yields between slices of work.

    Latents are those of the template's class, not truncated: what a direction's σ is elsewhere.
    Activations are taken as the pictures on the wall have them.
    """
    space = "w" if space == "w+" else space
    size = runtime.info.z_dim
    if space == "z":
        # z is drawn from a unit normal distribution in every direction.
        return Population(np.zeros(size), np.eye(size), np.ones(size))
    # Seen without truncation: one centre and one factor away from what is drawn.
    plain = replace(template, latent=(), edits=(), mix=(), mix_layers=())
    if space != "a":
        plain = replace(plain, truncation=1.0, truncation_cutoff=None)
    key = ("population", space, at, layers if space == "s" else None, plain)
    kept = runtime.memo.kept(key)
    if kept is None:
        # An abandoned question leaves nothing half done behind: it is kept at the end.
        count = looked_at[space]
        seeds = range(first_seed, first_seed + count)
        gathered = yield from points(seeds, plain, space, at, layers, runtime)
        kept = runtime.memo.keep(key, _packed(measured(gathered)))
    return _unpacked(kept)


def measured(gathered: np.ndarray) -> Population:
    """Principal axes of points (N, D). Axes along which nothing varies are left out."""
    points = np.asarray(gathered, np.float64)
    mean = points.mean(axis=0)
    centred = points - mean
    count, width = centred.shape
    if width <= count:
        values, vectors = np.linalg.eigh(centred.T @ centred / max(count - 1, 1))
        axes = vectors.T
    else:
        # Fewer points than dimensions: the axes lie in the span of the points.
        values, vectors = np.linalg.eigh(centred @ centred.T / max(count - 1, 1))
        axes = vectors.T @ centred
        axes /= np.maximum(np.linalg.norm(axes, axis=1, keepdims=True), 1e-30)
    falling = np.argsort(values)[::-1]
    values, axes = values[falling], axes[falling]
    real = values > 1e-8 * max(float(values[0]), 1e-30)
    if not real.any() or values[0] <= 1e-20:
        raise LodestoneError(
            "All pictures of this generator are alike here. Choose another space or layer."
        )
    return Population(mean, axes[real], np.sqrt(values[real]))


def points(
    seeds: Sequence[int],
    template: SteerRequest,
    space: Space,
    at: str,
    layers: tuple[int, int] | None,
    runtime: Runtime,
) -> Generator[None, None, np.ndarray]:
    """(N, D): where these seeds lie, in the template's class and truncation.

    What `features` gives for single pictures, mapped many at a time.
    """
    found: list[np.ndarray] = []
    size = together if space != "a" else 4
    for start in range(0, len(seeds), size):
        some = seeds[start : start + size]
        if space == "a":
            requests = [replace(template, latent=(LatentPart(seed=seed),)) for seed in some]
            found.append(features(requests, "a", at, runtime))
        else:
            found.append(_mapped(some, template, space, layers, runtime))
        yield
    return np.concatenate(found)


def within(
    found: np.ndarray, space: Space, layers: tuple[int, int] | None, runtime: Runtime
) -> np.ndarray:
    """Points (N, D) of `features`; in s, channels outside the layers count nothing."""
    if space != "s" or layers is None:
        return found
    found = found.copy()
    for layer in runtime.info.layers:
        if not layers[0] <= layer.ws_index <= layers[1]:
            found[:, layer.style_start : layer.style_start + layer.style_count] = 0.0
    return found


def _mapped(
    seeds: Sequence[int],
    template: SteerRequest,
    space: Space,
    layers: tuple[int, int] | None,
    runtime: Runtime,
) -> np.ndarray:
    info = runtime.info
    z = np.concatenate([seed_latent(seed, info.z_dim) for seed in seeds])
    if space == "z":
        return z
    c = class_weights(template.classes, info.c_dim)
    w = runtime.mapping(z, np.repeat(c[None], len(z), axis=0))  # (N, w_dim)
    centre = c @ runtime.w_avg if runtime.w_avg.ndim == 2 else runtime.w_avg
    psi = np.ones(info.num_ws, np.float32)
    cutoff = info.num_ws if template.truncation_cutoff is None else template.truncation_cutoff
    psi[: max(cutoff, 0)] = template.truncation
    if space == "s":
        ws = centre + psi[:, None] * (w - centre)[:, None]
        return within(styles(ws, runtime), space, layers, runtime)
    first, last = layers or (0, info.num_ws - 1)
    rows = psi[first : last + 1]
    if not len(rows):
        raise LodestoneError(f"{info.name} has no w rows {first} to {last}. Choose others.")
    return centre + rows.mean() * (w - centre)


def _packed(people: Population) -> np.ndarray:
    """(R + 1, D + 1): one array, so that all of it is forgotten at once."""
    first = np.append(people.mean, 0.0)
    return np.vstack([first, np.column_stack([people.axes, people.spread])])


def _unpacked(packed: np.ndarray) -> Population:
    return Population(packed[0, :-1], packed[1:, :-1], packed[1:, -1])
