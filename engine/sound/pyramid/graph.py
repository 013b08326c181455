"""A level of a sound's pyramid as an ONNX graph, built from its weights. No torch.

Course: course, noise (1, C, T + 2m) [, identity (1, K, T + 2m)] → drawn (1, C, T).
Samples: below, noise (1, channels, (T + 2m) · hop), course (1, C, T + 2m - 3),
gain (1, channels · bins, T + 2m - 3) [, identity] → drawn (1, channels, T · hop). Any T. The
spectra and their inverse are part of the graph; resampling between two rates is plain numpy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from engine.sound.pyramid.bands import FRAMES, LOWEST_RATE, above
from models.short_time import OVERLAP, basis, inverse_basis

OPSET = 18
LEAK = 0.2


def dilations(blocks: int) -> tuple[int, ...]:
    return (*(1 << k for k in range(blocks - 1)), 1)


def wave_margin(hyper: Mapping[str, Any]) -> int:
    """Frames a level of samples needs on either side."""
    return 1 + 2 * sum(dilations(int(hyper["blocks"]))) + OVERLAP - 1


class _Graph:
    """Nodes and constants, collected."""

    def __init__(self, weights: Mapping[str, np.ndarray]):
        self.weights, self.nodes, self.kept = weights, [], []
        self._count = 0

    def constant(self, array: np.ndarray) -> str:
        self._count += 1
        name = f"constant{self._count}"
        self.kept.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def add(self, kind: str, inputs: Sequence[str], **values: Any) -> str:
        self._count += 1
        name = f"{kind.lower()}{self._count}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **values))
        return name

    def conv(self, x: str, name: str, **values: Any) -> str:
        weight = self.weights[f"{name}.weight"].astype(np.float32)
        bias = self.weights[f"{name}.bias"].astype(np.float32)
        return self.add("Conv", [x, self.constant(weight), self.constant(bias)], **values)

    def leak(self, x: str) -> str:
        return self.add("LeakyRelu", [x], alpha=LEAK)

    def reshape(self, x: str, *shape: int) -> str:
        return self.add("Reshape", [x, self.constant(np.array(shape, np.int64))])

    def slice(self, x: str, start: int, end: int, axis: int) -> str:
        numbers = [self.constant(np.array([n], np.int64)) for n in (start, end, axis)]
        return self.add("Slice", [x, *numbers])

    def finished(self, name: str, inputs: list[Any], last: str, channels: int) -> bytes:
        self.nodes.append(helper.make_node("Identity", [last], ["drawn"]))
        out = _value("drawn", channels, "N")
        graph = helper.make_graph(self.nodes, name, inputs, [out], self.kept)
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9
        )
        onnx.checker.check_model(model)
        return model.SerializeToString(deterministic=True)


def _value(name: str, channels: int, length: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, length])


def _identities(hyper: Mapping[str, Any]) -> int:
    count = len(hyper["lengths"])
    return count if count > 1 else 0


def course_graph(hyper: Mapping[str, Any], weights: Mapping[str, np.ndarray]) -> bytes:
    """The bytes of an ONNX model of one level of the course."""
    channels = int(hyper["bands"]) * int(hyper["channels"])
    layers, g = int(hyper["course_layers"]), _Graph(weights)
    inputs = [_value("course", channels, "T"), _value("noise", channels, "T")]
    x = g.add("Add", ["course", "noise"])
    if count := _identities(hyper):
        inputs.append(_value("identity", count, "T"))
        x = g.add("Concat", [x, "identity"], axis=1)
    for layer in range(layers):
        x = g.conv(x, f"convs.{layer}")
        if layer < layers - 1:
            x = g.leak(x)
    x = g.add("Add", [x, g.slice("course", layers, -layers, 2)])
    return g.finished("course", inputs, x, channels)


def wave_graph(hyper: Mapping[str, Any], weights: Mapping[str, np.ndarray], rate: int) -> bytes:
    """The bytes of an ONNX model of the level of samples at `rate`."""
    channels, hop = int(hyper["channels"]), rate // FRAMES
    bins, g = 2 * hop + 1, _Graph(weights)
    steps = dilations(int(hyper["blocks"]))
    inputs = [
        _value("below", channels, "N"), _value("noise", channels, "N"),
        _value("course", int(hyper["bands"]) * channels, "T"),
        _value("gain", channels * bins, "T"),
    ]  # fmt: skip
    ahead = g.constant(basis(hop)[:, None])
    rows = g.reshape("noise", channels, 1, -1)
    noisy = g.add("Conv", [rows, ahead], strides=[hop])
    parts = [g.reshape(noisy, 1, channels * 2 * bins, -1), "course"]
    if rate > LOWEST_RATE:
        parts.append(_heard(g, channels, bins, hop + 3, ahead, hop))
    if count := _identities(hyper):
        inputs.append(_value("identity", count, "T"))
        parts.append("identity")
    x = g.conv(g.add("Concat", parts, axis=1), "head")
    for index, dilation in enumerate(steps):
        added = g.conv(g.leak(x), f"blocks.{index}", dilations=[dilation])
        x = g.add("Add", [g.slice(x, 2 * dilation, -2 * dilation, 2), added])
    out = g.reshape(g.conv(g.leak(x), "tail"), channels, 3, bins, -1)
    added = _waves(g, out, noisy, channels, bins, 1 + 2 * sum(steps), rate)
    margin = (1 + 2 * sum(steps) + OVERLAP - 1) * hop
    x = g.add("Add", [added, g.slice("below", margin, -margin, 2)])
    return g.finished(f"wave-{rate}", inputs, x, channels)


def _heard(g: _Graph, channels: int, bins: int, heard: int, ahead: str, hop: int) -> str:
    """The level below as the network hears it: divided by what is expected there."""
    under = g.add("Conv", [g.reshape("below", channels, 1, -1), ahead], strides=[hop])
    under = g.slice(g.reshape(under, channels, 2, bins, -1), 0, heard, 2)
    size = g.slice(g.reshape("gain", channels, 1, bins, -1), 0, heard, 2)
    limits = [g.constant(np.array(v, np.float32)) for v in (-8.0, 8.0)]
    clipped = g.add("Clip", [g.add("Div", [under, size]), *limits])
    return g.reshape(clipped, 1, channels * 2 * heard, -1)


def _waves(g: _Graph, out: str, noisy: str, channels: int, bins: int, cut: int, rate: int) -> str:
    """Breath and tone → (1, channels, samples)."""
    hop = rate // FRAMES
    limits = [g.constant(np.array(v, np.float32)) for v in (-6.0, 3.0)]
    breath = g.add("Exp", [g.add("Clip", [g.slice(out, 0, 1, 1), *limits])])
    tone = g.slice(out, 1, 3, 1)
    noise = g.slice(g.reshape(noisy, channels, 2, bins, -1), cut, -cut, 3)
    x = g.add("Add", [g.add("Mul", [noise, breath]), tone])
    gain = g.slice(g.reshape("gain", channels, 1, bins, -1), cut, -cut, 3)
    x = g.add("Mul", [g.add("Mul", [x, gain]), g.constant(above(rate)[:, None])])
    x = g.reshape(x, channels, 2 * bins, -1)
    x = g.add("ConvTranspose", [x, g.constant(inverse_basis(hop)[:, None])], strides=[hop])
    trim = (OVERLAP - 1) * hop
    return g.reshape(g.slice(x, trim, -trim, 2), 1, channels, -1)


def level_graph(hyper: Mapping[str, Any], state: Mapping[str, np.ndarray], index: int) -> bytes:
    """Level `index` of a card."""
    start = f"levels.{index}."
    weights = {k[len(start) :]: v for k, v in state.items() if k.startswith(start)}
    courses = len(hyper["shares"])
    if index < courses:
        return course_graph(hyper, weights)
    return wave_graph(hyper, weights, LOWEST_RATE << (index - courses))


def silent_weights(hyper: Mapping[str, Any], rate: int) -> dict[str, np.ndarray]:
    """Of a level of samples that is not trained yet: it plays noise shaped by the course."""
    channels, hop, width = int(hyper["channels"]), rate // FRAMES, 1
    bins = 2 * hop + 1
    heard = 0 if rate == LOWEST_RATE else hop + 3
    ears = channels * (2 * heard + 2 * bins + int(hyper["bands"])) + _identities(hyper)
    shapes = {"head": (width, ears, 3), "tail": (channels * 3 * bins, width, 1)}
    shapes |= {f"blocks.{k}": (width, width, 5) for k in range(int(hyper["blocks"]))}
    found: dict[str, np.ndarray] = {}
    for name, shape in shapes.items():
        found[f"{name}.weight"] = np.zeros(shape, np.float32)
        found[f"{name}.bias"] = np.zeros(shape[0], np.float32)
    return found
