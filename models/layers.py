"""The table of a generator's modulated layers, and how their style channels are numbered.

Torch-free: the library lists models from it without building a network.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Layer:
    """One modulated layer of a generator (a convolution or a toRGB)."""

    name: str
    """As in the network, without `synthesis.`: `b8.conv0`, `L3_52_512`."""
    ws_index: int
    """Row of w+ that drives it, 0 .. num_ws - 1."""
    resolution: int
    """Pixels of its output, one side."""
    style_start: int
    """First channel of this layer in the concatenated style vector S."""
    style_count: int
    """How many style channels it has: its input channels."""
    noise: bool = False
    """Whether it adds noise (then it owns resolution**2 noise elements and one strength)."""
    to_rgb: bool = False


@dataclass(frozen=True)
class LayerSpec:
    """A layer before its place in S is known."""

    name: str
    ws_index: int
    resolution: int
    style_count: int
    noise: bool = False
    to_rgb: bool = False


def number_styles(specs: Iterable[LayerSpec]) -> tuple[Layer, ...]:
    """Layers in order, each with its first channel in S."""
    layers: list[Layer] = []
    start = 0
    for spec in specs:
        layers.append(
            Layer(
                name=spec.name,
                ws_index=spec.ws_index,
                resolution=spec.resolution,
                style_start=start,
                style_count=spec.style_count,
                noise=spec.noise,
                to_rgb=spec.to_rgb,
            )
        )
        start += spec.style_count
    return tuple(layers)


def count_styles(layers: Iterable[Layer]) -> int:
    """Style channels in all (S)."""
    return sum(layer.style_count for layer in layers)
