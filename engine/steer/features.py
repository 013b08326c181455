"""Pictures as points of a latent space: what directions are fitted to. Numpy only.

Each picture's point is remembered by its request (`Runtime.memo`), so fitting again after one more
label costs only that label.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

import numpy as np
from safetensors import SafetensorError, safe_open

from engine.messages import LodestoneError, Space, SteerRequest
from engine.runtime import Runtime
from engine.steer.directions import affine_weights
from engine.steer.latents import Resolved, latent_z, resolve
from engine.steer.render import agree, joined

_together = 4
"""Pictures whose activations are computed at once: more only need more memory."""


def features(
    requests: Sequence[SteerRequest],
    space: Space,
    at: str,
    runtime: Runtime,
    layers: tuple[int, int] | None = None,
) -> np.ndarray:
    """(N, D) float32: where the pictures are in `space`, as drawn: truncated and with their edits.

    z: D = z_dim. w: the mean over the w+ rows first..last of `layers` (None = all), D = w_dim.
    w+: all rows, D = num_ws * w_dim. s: all style channels, D = num_styles. a: activations of the
    layer `at`, mean over its positions, D = its channels.
    """
    keys = [(request, space, at, layers) for request in requests]
    found: dict[Hashable, np.ndarray] = {}
    for key in keys:
        kept = runtime.memo.kept(key)
        if kept is not None:
            found[key] = kept
    missing = {key: key[0] for key in keys if key not in found}
    if missing:
        points = _points(list(missing.values()), space, at, runtime, layers)
        for key, point in zip(missing, points, strict=True):
            found[key] = runtime.memo.keep(key, np.asarray(point, np.float32))
    return np.stack([found[key] for key in keys]) if keys else np.zeros((0, 0), np.float32)


def _points(
    requests: Sequence[SteerRequest],
    space: Space,
    at: str,
    runtime: Runtime,
    layers: tuple[int, int] | None,
) -> np.ndarray:
    """(N, D) of requests that were not looked at before."""
    info = runtime.info
    if space == "z":
        return np.stack([latent_z(request, info) for request in requests])
    resolved = [resolve(request, runtime, runtime.memo) for request in requests]
    ws = np.concatenate([one.ws for one in resolved])  # (N, num_ws, w_dim)
    if space == "s":
        return styles(ws, runtime) + np.concatenate([one.style_offset for one in resolved])
    if space == "w":
        first, last = layers or (0, info.num_ws - 1)
        rows = ws[:, first : last + 1]
        if not rows.shape[1]:
            raise LodestoneError(f"{info.name} has no w rows {first} to {last}. Choose others.")
        return rows.mean(axis=1)
    if space == "w+":
        return ws.reshape(len(ws), -1)
    groups: list[np.ndarray] = []
    for some in _groups(resolved):
        ws, offset, noise, strength, moved, turned = joined(some, runtime)
        groups.append(
            runtime.activations(
                ws, offset, noise, strength, at, activation_offset=moved, turned=turned
            )
        )
    return np.concatenate(groups)


def _groups(found: Sequence[Resolved]) -> Iterator[Sequence[Resolved]]:
    """Neighbours that can be drawn together, a few at a time."""
    start = 0
    for stop in range(1, len(found) + 1):
        full = stop - start == _together
        if stop == len(found) or full or not agree(found[start], found[stop]):
            yield found[start:stop]
            start = stop


def styles(ws: np.ndarray, runtime: Runtime) -> np.ndarray:
    """ws (N, num_ws, w_dim) -> all styles (N, num_styles) float32: each layer's affine map of w.

    Affine maps have equalised learning rate: weights as stored count 1/sqrt(w_dim) (Karras et al.,
    Progressive GANs, arXiv 1710.10196, section 4.1).
    """
    info = runtime.info
    weight, bias = _affine(runtime, "weight"), _affine(runtime, "bias")
    drawn = np.empty((len(ws), len(bias)), np.float32)
    for layer in info.layers:
        own = slice(layer.style_start, layer.style_start + layer.style_count)
        gain = 1.0 / np.sqrt(weight.shape[1])
        drawn[:, own] = ws[:, layer.ws_index] @ (weight[own].T * gain) + bias[own]
    return drawn


def _affine(runtime: Runtime, what: str) -> np.ndarray:
    """Weights (num_styles, w_dim) or biases (num_styles,) of all affine maps, read once."""
    kept = runtime.memo.kept(("affine", what))
    if kept is not None:
        return kept
    info = runtime.info
    if what == "weight":
        named = affine_weights(info.path, info.layers)
        return runtime.memo.keep(
            ("affine", what), np.concatenate([named[layer.name] for layer in info.layers])
        )
    try:
        with safe_open(info.path, framework="numpy") as card:
            biases = [
                np.asarray(card.get_tensor(f"synthesis.{layer.name}.affine.bias"), np.float32)
                for layer in info.layers
            ]
    except (OSError, SafetensorError) as error:
        raise LodestoneError(
            f"The styles of {info.name} could not be read. Import the model again.", str(error)
        ) from error
    return runtime.memo.keep(("affine", what), np.concatenate(biases))
