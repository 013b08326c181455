"""FREDSR as an ONNX graph with free height and width, written node by node. No torch.

Only convolutions, products with constant matrices and rearrangements: no DFT node (it runs on few
backends, and inexactly) and no Resize (the plain enlargement is made outside).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from models.fredsr_shape import BLOCK, CHANNELS, FREQUENCIES, Config, matrices

OPSET = 17


class _Graph:
    """Collects nodes and constants; every method returns the name of what it makes."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.values: dict[str, np.ndarray] = {}

    def keep(self, values: np.ndarray | list[int], name: str = "") -> str:
        array = np.asarray(values, np.int64) if isinstance(values, list) else values
        name = name or f"constant{len(self.values)}"
        self.values[name] = array
        return name

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        out = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [out], **attributes))
        return out


def graph(config: Config, state: Mapping[str, np.ndarray]) -> bytes:
    """`picture` (N, 3, H, W) 0..1, H and W multiples of 8 -> `added` (N, 3, H·s, W·s)."""
    g = _Graph()

    def conv(x: str, name: str) -> str:
        weight = g.keep(state[f"{name}.weight"], f"{name}.weight")
        bias = g.keep(state[f"{name}.bias"], f"{name}.bias")
        return g.add("Conv", x, weight, bias, kernel_shape=[3, 3], pads=[1, 1, 1, 1])

    def bend(x: str, index: int) -> str:
        slope = state[f"bends.{index}.weight"].reshape(1, -1, 1, 1)
        if (slope == slope.flat[0]).all():
            # One slope for all channels: ONNX Runtime computes it with the convolution.
            return g.add("LeakyRelu", x, alpha=float(slope.flat[0]))
        kept = g.keep(slope, f"bends.{index}")
        if slope.max() > 1:
            return g.add("PRelu", x, kept)
        # The same for slopes up to 1, in half of PRelu's time.
        return g.add("Max", x, g.add("Mul", x, kept))

    middle = g.keep(np.array(0.5, np.float32))
    first = bend(conv(g.add("Sub", "picture", middle), "head"), 0)
    y = first
    for index in range(config.layers):
        z = conv(y, f"body.{index}")
        if index in config.units:
            z = _with_unit(g, config, state, y, z, config.units.index(index))
        y = bend(z, index + 1)
    tail = conv(g.add("Add", y, first), "tail")
    # Pixel shuffle: channels lie as (colour, row, column).
    shuffle = {"blocksize": config.scale, "mode": "CRD"}
    g.nodes.append(helper.make_node("DepthToSpace", [tail], ["added"], **shuffle))
    return _model(g)


def _with_unit(
    g: _Graph, config: Config, state: Mapping[str, np.ndarray], y: str, z: str, which: int
) -> str:
    """`z` plus what the Fourier unit makes of the first channels of `y`."""
    count, width = config.fourier, config.width
    starts, ends = ([0], [count]), ([count], [width])
    axis = g.keep([1])

    def part(x: str, bounds: tuple[list[int], list[int]]) -> str:
        return g.add("Slice", x, g.keep(bounds[0]), g.keep(bounds[1]), axis)

    mixed = _unit(g, part(y, starts), state, f"units.{which}", count)
    summed = g.add("Add", part(z, starts), mixed)
    return g.add("Concat", summed, part(z, ends), axis=1)


def _unit(g: _Graph, x: str, state: Mapping[str, np.ndarray], name: str, count: int) -> str:
    there, back = matrices()
    # (N, 64·C, rows, columns), channels as (row, column, channel).
    blocks = g.add("SpaceToDepth", x, blocksize=BLOCK)
    shape = g.add("Shape", blocks)
    flat = g.add("Reshape", blocks, g.keep([0, BLOCK * BLOCK, -1]))
    waves = g.add("MatMul", g.keep(there, "there"), flat)
    waves = g.add("Reshape", waves, g.keep([0, FREQUENCIES, 2 * count, -1]))
    # The gains of a frequency's channels are in its own mixing matrix: (40, 2C, 2C).
    mix = state[f"{name}.mix"] * state[f"{name}.gain"].reshape(FREQUENCIES, 1, -1)
    waves = g.add("MatMul", g.keep(mix.astype(np.float32), f"{name}.mix"), waves)
    waves = g.add("Relu", g.add("Add", waves, g.keep(state[f"{name}.bias"], f"{name}.bias")))
    waves = g.add("Reshape", waves, g.keep([0, 2 * FREQUENCIES, -1]))
    # What the unit gives is scaled by the matrix that leads back.
    scaled = back * state[f"{name}.share"].reshape(())
    blocks = g.add("MatMul", g.keep(scaled.astype(np.float32), f"{name}.back"), waves)
    return g.add("DepthToSpace", g.add("Reshape", blocks, shape), blocksize=BLOCK)


def _model(g: _Graph) -> bytes:
    picture = helper.make_tensor_value_info(
        "picture", TensorProto.FLOAT, ["n", CHANNELS, "height", "width"]
    )
    added = helper.make_tensor_value_info(
        "added", TensorProto.FLOAT, ["n", CHANNELS, "large_height", "large_width"]
    )
    kept = [
        numpy_helper.from_array(np.ascontiguousarray(values), name)
        for name, values in g.values.items()
    ]
    made = helper.make_graph(g.nodes, "fredsr", [picture], [added], kept)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    return model.SerializeToString()
