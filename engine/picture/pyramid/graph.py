"""A level of a pyramid as an ONNX graph, built from its weights. No torch.

picture, noise (1, 3, H + 2m, W + 2m) and, for several pictures, identity (1, K, H + 2m, W + 2m) →
image (1, 3, H, W); any height and width. Between two levels lies a plain cubic resampling
(`grid.resize`), so that the start level, the amount of variation and the borders stay the caller's.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 18
CHANNELS = 3


def level_graph(
    hyper: Mapping[str, object], state: Mapping[str, np.ndarray], index: int, leak: float = 0.2
) -> bytes:
    """The bytes of an ONNX model. `hyper` as in the card: layers, sizes."""
    layers, pictures = int(str(hyper["layers"])), len(hyper["sizes"])  # type: ignore[arg-type]
    nodes = [helper.make_node("Add", ["picture", "noise"], ["noisy"])]
    inputs = [_value("picture", CHANNELS, "HP", "WP"), _value("noise", CHANNELS, "HP", "WP")]
    now = "noisy"
    if pictures > 1:
        inputs.append(_value("identity", pictures, "HP", "WP"))
        nodes.append(helper.make_node("Concat", [now, "identity"], ["told"], axis=1))
        now = "told"
    kept = []
    for layer in range(layers):
        names = [f"convs.{layer}.weight", f"convs.{layer}.bias"]
        kept += [_kept(name, state[f"levels.{index}.{name}"]) for name in names]
        nodes.append(helper.make_node("Conv", [now, *names], [f"conv{layer}"], kernel_shape=[3, 3]))
        now = f"conv{layer}"
        if layer < layers - 1:
            nodes.append(helper.make_node("LeakyRelu", [now], [f"relu{layer}"], alpha=leak))
            now = f"relu{layer}"
    for name, value in (("starts", layers), ("ends", -layers)):
        kept.append(_kept(name, np.array([value, value], np.int64)))
    kept.append(_kept("axes", np.array([2, 3], np.int64)))
    nodes.append(helper.make_node("Slice", ["picture", "starts", "ends", "axes"], ["middle"]))
    nodes.append(helper.make_node("Add", [now, "middle"], ["image"]))
    graph = helper.make_graph(
        nodes, f"level-{index}", inputs, [_value("image", CHANNELS, "H", "W")], kept
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString(deterministic=True)


def _value(name: str, channels: int, height: str, width: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, height, width])


def _kept(name: str, array: np.ndarray) -> onnx.TensorProto:
    return numpy_helper.from_array(np.ascontiguousarray(array), name)
