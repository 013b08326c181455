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
from engine.steer.directions import affine_weights, factorised_layers
from engine.steer.features import features, styles
from engine.steer.latents import class_weights, seed_latent

looked_at: dict[Space, int] = {"w": 2000, "s": 600, "a": 96}
"""Latents that a space is measured with. Activations cost a picture each."""
together = 200
"""Latents mapped in one slice of work."""
most_axes = 256
"""Principal axes that are looked at in spaces far wider than that, such as s."""
first_seed = 3_000_000_000
"""Far from the seeds that people type."""


@dataclass(frozen=True, eq=False)
class Population:
    """Coordinates of a space in which fitting is done, and how far its pictures spread."""

    mean: np.ndarray
    """(D,)"""
    scatter: np.ndarray
    """(R, D): principal axes times the standard deviation along them."""
    map: np.ndarray
    """(D, R): point - mean → row. Rows have mean squared length 1 over the generator's pictures,
    and what an artist may see is as likely a change along one of them as along any other."""

    def rows(self, points: np.ndarray) -> np.ndarray:
        """(N, D) -> (N, R) as the solver takes them."""
        return (np.asarray(points, np.float64) - self.mean) @ self.map

    def normal(self, weights: np.ndarray) -> np.ndarray:
        """(R,) weights of rows -> (D,) how the score grows with a point."""
        return self.map @ weights

    def sigma(self, direction: np.ndarray) -> float:
        """Standard deviation of the pictures along a vector (D,)."""
        return float(np.linalg.norm(self.scatter @ direction))


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
        return _with_prior(np.zeros(size), np.eye(size), np.ones(size), None)
    # Seen without truncation: one centre and one factor away from what is drawn.
    plain = replace(template, latent=(), edits=(), mix=(), mix_layers=())
    if space != "a":
        plain = replace(plain, truncation=1.0, truncation_cutoff=None)
    key = ("population", space, at, layers if space != "a" else None, plain)
    kept = runtime.memo.kept(key)
    if kept is None:
        # An abandoned question leaves nothing half done behind: it is kept at the end.
        count = looked_at[space]
        seeds = range(first_seed, first_seed + count)
        gathered = yield from points(seeds, plain, space, at, layers, runtime)
        sensitive = _sensitivity(layers, runtime) if space == "w" else None
        kept = runtime.memo.keep(key, _packed(measured(gathered, sensitive)))
    return _unpacked(kept)


def measured(gathered: np.ndarray, sensitive: np.ndarray | None = None) -> Population:
    """Principal axes of points (N, D). Axes along which nothing varies are left out.

    `sensitive` (D, D) is how strongly the picture answers to a step; None: to all alike.
    """
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
    if width > 4 * most_axes:
        real[most_axes:] = False
    if not real.any() or values[0] <= 1e-20:
        raise LodestoneError(
            "All pictures of this generator are alike here. Choose another space or layer."
        )
    return _with_prior(mean, axes[real], np.sqrt(values[real]), sensitive)


def _with_prior(
    mean: np.ndarray, axes: np.ndarray, spread: np.ndarray, sensitive: np.ndarray | None
) -> Population:
    """What people see is a gradient β with prior covariance M^½ C^-½ M^½: towards what the
    generator's layers answer to (M), and half way to counting every principal axis alike (C).

    Were an attribute a random sum of style channels, β = Aᵀa, its covariance would be M = AᵀA, the
    matrix that SeFa factorises. The exponent of C was chosen by simulated observers on two
    generators (`lodestone bench discover`): with few labels, both 0 and 1 need more of them.
    """
    factor = np.diag(spread**0.5)
    if sensitive is not None:
        inside = axes @ sensitive @ axes.T
        values, vectors = np.linalg.eigh(inside)
        root = np.sqrt(np.maximum(values, 1e-6 * values[-1]))
        factor = spread[:, None] * ((vectors * root) @ vectors.T) * spread**-0.5
    factor /= np.linalg.norm(factor)
    return Population(mean, spread[:, None] * axes, axes.T @ (factor / spread[:, None]))


def _sensitivity(layers: tuple[int, int] | None, runtime: Runtime) -> np.ndarray | None:
    """(w_dim, w_dim) AᵀA of the affine maps that read the rows first..last of w+, channels at unit
    length as in SeFa; None where a generator has no such maps."""
    first, last = layers or (0, runtime.info.num_ws - 1)
    used = [
        layer for layer in factorised_layers(runtime.info.layers)
        if first <= layer.ws_index <= last
    ]  # fmt: skip
    if not used:
        return None
    rows = np.concatenate(list(affine_weights(runtime.info.path, used).values())).astype(float)
    if rows.shape[1] != runtime.info.w_dim:
        return None
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return rows.T @ rows


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
    """(1 + 2 R, D): one array, so that all of it is forgotten at once."""
    return np.vstack([people.mean, people.scatter, people.map.T])


def _unpacked(packed: np.ndarray) -> Population:
    size = len(packed) // 2
    return Population(packed[0], packed[1 : size + 1], packed[size + 1 :].T)
