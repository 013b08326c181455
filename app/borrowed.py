"""Stand-in until the engine offers these."""

from __future__ import annotations

from typing import Literal

import numpy as np

from engine.messages import Direction, ModelInfo, Vector


def fits(direction: Direction, info: ModelInfo) -> Literal["same", "shape", "no"]:
    if direction.model in ("", info.id):
        return "same"
    styles = sum(layer.style_count for layer in info.layers)
    shapes = {
        "z": (info.z_dim,),
        "w": (info.w_dim,),
        "w+": (info.num_ws, info.w_dim),
        "s": (styles,),
    }
    return "shape" if shapes.get(direction.space) == direction.vector.shape else "no"


def channel_direction(info: ModelInfo, channel: int, sigma: float) -> Direction:
    styles = sum(layer.style_count for layer in info.layers)
    vector = np.zeros(styles, np.float32)
    vector[channel] = 1.0
    layer = next(
        one for one in info.layers if one.style_start <= channel < one.style_start + one.style_count
    )
    name = f"{layer.name} {channel - layer.style_start}"
    return Direction(name, "s", Vector.of(vector), sigma, method="styles", model=info.id)
