"""A generator's synthesis graph with taps: activations of a layer read, or moved. No torch.

Our exporter names what a layer puts out (after its activation function) `activations.LAYER`, and
lists layers with their channels in the graph's property `layers` (`engine.export`). Moving adds an
offset to every position of a layer's output: Ĝ with r̂ = r + λd (Schwettmann, Hernandez, Bau et al.,
"Latent Compass", arXiv 2012.14283). Turning makes r̂ = gain·r + offset, position by position.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.backend import area_means
from engine.messages import LodestoneError, ModelInfo

if TYPE_CHECKING:
    import onnx

largest_grid = 4
"""Activations are averaged over at most this many areas a side."""


def check_layer(name: str, info: ModelInfo) -> None:
    """Refuse, in words, a layer whose output is no activation."""
    names = [layer.name for layer in info.layers]
    if name not in names:
        raise LodestoneError(
            f"{info.name} has no layer {name!r:.40}. Choose one of {', '.join(tappable(info))}."
        )
    index = names.index(name)
    if not info.layers[index].to_rgb:
        return
    before = [layer.name for layer in info.layers[:index] if not layer.to_rgb][-1:]
    after = [layer.name for layer in info.layers[index:] if not layer.to_rgb][:1]
    raise LodestoneError(
        f"{name} paints the picture and has no activations of its own. "
        f"Choose {' or '.join(before + after)}."
    )


def tappable(info: ModelInfo) -> tuple[str, ...]:
    """Layers whose activations can be read and moved."""
    return tuple(layer.name for layer in info.layers if not layer.to_rgb)


def check_width(width: int, layer: str, channels: int, name: str) -> None:
    """Refuse an offset of `width` numbers where the layer has other many channels."""
    if width != channels:
        raise LodestoneError(
            f"This direction of {width} numbers does not fit {layer} of {name}, which has "
            f"{channels} channels. Choose one made with this layer."
        )


def layer_tensor(layer: str) -> str:
    """Name of what a layer puts out, (N, C, H, W)."""
    return f"activations.{layer}"


def offset_input(layer: str) -> str:
    """Name of the input that moves a layer: float32 (1 or N, C)."""
    return f"activation_offset.{layer}"


def gain_input(layer: str) -> str:
    """Name of the input that turns a layer: float32 (1 or N, C, h or 1, w or 1) …"""
    return f"activation_gain.{layer}"


def shift_input(layer: str) -> str:
    """… and of what is added then, of the same kind."""
    return f"activation_shift.{layer}"


def read_channels(properties: Mapping[str, str]) -> dict[str, int]:
    """Layer name -> channels of its output, as the exporter noted them."""
    return {str(name): int(count) for name, count in json.loads(properties["layers"]).items()}


@dataclass(frozen=True)
class Reading:
    """Which layer's activations a graph puts out."""

    layer: str
    size: int
    """Pixels of its output, one side."""
    grid: int = 1
    """Areas a side that are averaged over, 1 to 4."""


def reading(layer: str, info: ModelInfo, grid: int = 1) -> Reading:
    check_layer(layer, info)
    if not 1 <= grid <= largest_grid:
        raise ValueError(f"grid is {grid}, not 1 to {largest_grid}")
    return Reading(layer, next(one.resolution for one in info.layers if one.name == layer), grid)


def tapped_graph(
    path: str | Path, moved: Sequence[str], read: Reading | None = None, turned: bool = False
) -> onnx.ModelProto:
    """The synthesis graph with an input `activation_offset.LAYER` for each layer of `moved`.

    `turned`: instead every layer has the inputs `activation_gain.LAYER` and
    `activation_shift.LAYER`. One graph for all layers costs 5 % of a picture's time, but turning
    one layer more then waits for no new graph.

    With `read` its output is `activations` (N, C, grid, grid) of that layer instead of the picture,
    averaged over equal areas and moved or turned if it is one of those; what comes after is left
    out.
    """
    import onnx

    model = onnx.load(str(path))
    channels = read_channels({prop.key: prop.value for prop in model.metadata_props})
    for layer in channels if turned else ():
        _add_turn(model.graph, layer, channels[layer])
    for layer in () if turned else moved:
        _add_offset(model.graph, layer, channels[layer])
    if read:
        source = (_moved if turned or read.layer in moved else layer_tensor)(read.layer)
        _read_only(model.graph, source, channels[read.layer], read.size, read.grid)
    del model.graph.value_info[:]
    return model


def _moved(layer: str) -> str:
    return f"activations_moved.{layer}"


def _add_offset(graph: onnx.GraphProto, layer: str, channels: int) -> None:
    """Put an addition behind the layer; whoever read its output now reads the sum."""
    from onnx import TensorProto, helper

    plain, moved = layer_tensor(layer), _moved(layer)
    _replace_readers(graph, plain, moved)
    wide = f"activation_offset_wide.{layer}"
    axes = f"activation_offset_axes.{layer}"
    graph.initializer.append(helper.make_tensor(axes, TensorProto.INT64, (2,), (2, 3)))
    place = 1 + next(i for i, node in enumerate(graph.node) if plain in node.output)
    graph.node.insert(place, helper.make_node("Add", [plain, wide], [moved]))
    graph.node.insert(place, helper.make_node("Unsqueeze", [offset_input(layer), axes], [wide]))
    graph.input.append(
        helper.make_tensor_value_info(offset_input(layer), TensorProto.FLOAT, ("K", channels))
    )


def _add_turn(graph: onnx.GraphProto, layer: str, channels: int) -> None:
    """Put a product and a sum behind the layer; whoever read its output now reads the sum."""
    from onnx import TensorProto, helper

    plain, moved = layer_tensor(layer), _moved(layer)
    _replace_readers(graph, plain, moved)
    scaled = f"activations_scaled.{layer}"
    place = 1 + next(i for i, node in enumerate(graph.node) if plain in node.output)
    graph.node.insert(place, helper.make_node("Add", [scaled, shift_input(layer)], [moved]))
    graph.node.insert(place, helper.make_node("Mul", [plain, gain_input(layer)], [scaled]))
    for name in (gain_input(layer), shift_input(layer)):
        # Names of free sizes are each input's own: brushed layers differ from the others.
        shape = (f"N.{name}", channels, f"H.{name}", f"W.{name}")
        graph.input.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))


def _replace_readers(graph: onnx.GraphProto, old: str, new: str) -> None:
    for node in graph.node:
        for index, name in enumerate(node.input):
            if name == old:
                node.input[index] = new


def _read_only(graph: onnx.GraphProto, source: str, channels: int, size: int, grid: int) -> None:
    """Average `source` over areas and drop what is not needed for it."""
    from onnx import TensorProto, helper

    graph.node.extend(_pooling(graph, source, size, grid))
    del graph.output[:]
    shape = ("N", channels, grid, grid)
    graph.output.append(helper.make_tensor_value_info("activations", TensorProto.FLOAT, shape))
    needed = {"activations"}
    kept: list[onnx.NodeProto] = []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            kept.append(node)
            needed.update(node.input)
    _keep(graph.node, reversed(kept))
    _keep(graph.initializer, (one for one in graph.initializer if one.name in needed))
    _keep(graph.input, (one for one in graph.input if one.name in needed))


def _pooling(graph: onnx.GraphProto, source: str, size: int, grid: int) -> list[onnx.NodeProto]:
    """Nodes from `source` (N, C, size, size) to `activations` (N, C, grid, grid)."""
    from onnx import helper, numpy_helper

    if grid == 1:
        return [helper.make_node("GlobalAveragePool", [source], ["activations"])]
    means = area_means(size, grid)
    graph.initializer.append(numpy_helper.from_array(means, "pooling_rows"))
    graph.initializer.append(numpy_helper.from_array(means.T.copy(), "pooling_columns"))
    return [
        helper.make_node("MatMul", ["pooling_rows", source], ["pooling_wide"]),
        helper.make_node("MatMul", ["pooling_wide", "pooling_columns"], ["activations"]),
    ]


def _keep(field: Any, wanted: Iterable[Any]) -> None:
    """Replace the content of a repeated field."""
    kept = list(wanted)
    del field[:]
    field.extend(kept)
