"""Style channels: the numbers of S, one for each input channel of each layer. Numpy only.

Wu, Lischinski and Shechtman, "StyleSpace Analysis" (arXiv 2011.12799): single channels often move
one thing in one place.
"""

from __future__ import annotations

import json

import numpy as np

from engine.messages import Direction, LodestoneError, ModelInfo, StyleSpread, Vector
from engine.steer.directions import Mapped, affine_weights, centred_latents
from engine.steer.latents import num_styles

measured_latents = 1000
"""σ of a channel to about 2 %."""


def spread(generator: Mapped) -> StyleSpread:
    """σ of every style channel over mapped latents, within a class.

    Styles are affine in w, s = Aw + b, so σ is the length of a row of A times the latents.
    """
    info = generator.info
    latents = centred_latents(generator, max(measured_latents, 2 * info.c_dim))
    weights = affine_weights(info.path, info.layers)
    sigma = np.empty(num_styles(info), np.float32)
    for layer in info.layers:
        # Stored weights count 1/sqrt(w_dim): equalised learning rate (arXiv 1710.10196, 4.1).
        along = latents @ (weights[layer.name].T / np.sqrt(info.w_dim))
        own = slice(layer.style_start, layer.style_start + layer.style_count)
        sigma[own] = np.linalg.norm(along, axis=0)
    return StyleSpread(Vector.of(sigma))


def describe_channel(info: ModelInfo, index: int) -> tuple[str, int]:
    """Channel `index` of S -> (name of its layer, number within the layer)."""
    for layer in info.layers:
        if layer.style_start <= index < layer.style_start + layer.style_count:
            return layer.name, index - layer.style_start
    raise LodestoneError(
        f"{info.name} has the style channels 0 to {num_styles(info) - 1}. Choose one of them."
    )


def channel_direction(info: ModelInfo, index: int, sigma: float) -> Direction:
    """A direction that moves one style channel, named like `b16.conv1 · 37`."""
    layer, number = describe_channel(info, index)
    vector = np.zeros(num_styles(info), np.float32)
    vector[index] = 1.0
    return Direction(
        name=f"{layer} · {number}",
        space="s",
        vector=Vector.of(vector),
        sigma=float(sigma) or 1.0,
        method="styles",
        model=info.id,
        detail=json.dumps({"layer": layer, "channel": number}),
    )
