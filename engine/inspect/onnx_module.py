"""An ONNX graph as a torch module, so that it has gradients and can be edited. Imports torch.

Every node is a module under the name of the tensor it puts out. Operators are those that networks
of pictures consist of; a graph with others is refused by their names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper
from torch import Tensor, nn

from models.errors import RefusedFile

Values = Sequence[Any]
"""A node's inputs; None where an optional one is left out."""


class Step(nn.Module):
    """One node."""

    def __init__(self, node: onnx.NodeProto):
        super().__init__()
        self.facts = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
        self.compute = operators()[node.op_type]
        self._ty = node.op_type

    def forward(self, *values: Any) -> Any:
        return self.compute(self.facts, values)


class Graph(nn.Module):
    """(N, C, H, W) -> the graph's first output."""

    def __init__(self, model: onnx.ModelProto, path: Path):
        super().__init__()
        graph = model.graph
        unknown = sorted({node.op_type for node in graph.node} - set(operators()))
        if unknown:
            raise RefusedFile(
                f"{path.name} has the operators {', '.join(unknown[:4])}, for which there are no "
                "gradients here. Export the network with torch.export (.pt2) instead."
            )
        given = {one.name for one in graph.initializer}
        self._entry = next(one.name for one in graph.input if one.name not in given)
        self._answer = graph.output[0].name
        self._wiring: list[tuple[Step, tuple[str, ...], tuple[str, ...]]] = []
        self._places: dict[str, str] = {}
        for index, one in enumerate(graph.initializer):
            array = torch.from_numpy(np.array(numpy_helper.to_array(one)))
            self.register_buffer(f"_given{index}", array, persistent=False)
            self._places[one.name] = f"_given{index}"
        for node in graph.node:
            step = Step(node)
            _insert(self, node.output[0], step)
            self._wiring.append((step, tuple(node.input), tuple(node.output)))

    def forward(self, x: Tensor) -> Any:
        known: dict[str, Any] = {name: getattr(self, place) for name, place in self._places.items()}
        known[self._entry], known[""] = x, None
        for step, inputs, outputs in self._wiring:
            found = step(*(known[one] for one in inputs))
            several = found if isinstance(found, tuple) else (found,)
            known.update(zip(outputs, several, strict=False))
        return known[self._answer]


def open_graph(model: onnx.ModelProto, path: Path) -> Graph:
    return Graph(model, path)


def _insert(root: nn.Module, name: str, step: Step) -> None:
    """Under its dotted name, in containers where there are dots."""
    *outer, last = name.split(".")
    place = root
    for part in outer:
        inner = place._modules.get(part)
        if inner is None:
            inner = nn.Module()
            place._modules[part] = inner
        place = inner
    place._modules[last] = step


def operators() -> Mapping[str, Callable[[dict[str, Any], Values], Any]]:
    """Operator -> function of (attributes, inputs), after the ONNX specification."""
    return {
        "Add": lambda _f, v: v[0] + v[1],
        "Sub": lambda _f, v: v[0] - v[1],
        "Mul": lambda _f, v: v[0] * v[1],
        "Div": lambda _f, v: v[0] / v[1] if v[0].is_floating_point() else v[0] // v[1],
        "Pow": lambda _f, v: v[0] ** v[1],
        "Sqrt": lambda _f, v: v[0].sqrt(),
        "Exp": lambda _f, v: v[0].exp(),
        "Erf": lambda _f, v: v[0].erf(),
        "Neg": lambda _f, v: -v[0],
        "Relu": lambda _f, v: v[0].relu(),
        "LeakyRelu": lambda f, v: F.leaky_relu(v[0], f.get("alpha", 0.01)),
        "PRelu": lambda _f, v: torch.where(v[0] > 0, v[0], v[0] * v[1]),
        "Sigmoid": lambda _f, v: v[0].sigmoid(),
        "HardSigmoid": lambda f, v: (v[0] * f.get("alpha", 0.2) + f.get("beta", 0.5)).clamp(0, 1),
        "HardSwish": lambda _f, v: F.hardswish(v[0]),
        "Tanh": lambda _f, v: v[0].tanh(),
        "Elu": lambda f, v: F.elu(v[0], f.get("alpha", 1.0)),
        "Gelu": lambda f, v: F.gelu(v[0], approximate=f.get("approximate", b"none").decode()),
        "Clip": _clip,
        "Softmax": lambda f, v: v[0].softmax(f.get("axis", -1)),
        "LogSoftmax": lambda f, v: v[0].log_softmax(f.get("axis", -1)),
        "Conv": _conv,
        "Gemm": _gemm,
        "MatMul": lambda _f, v: v[0] @ v[1],
        "BatchNormalization": lambda f, v: F.batch_norm(
            v[0], v[3], v[4], v[1], v[2], eps=f.get("epsilon", 1e-5)
        ),
        "LayerNormalization": _layer_norm,
        "MaxPool": _max_pool,
        "AveragePool": _average_pool,
        "GlobalAveragePool": lambda _f, v: v[0].mean((2, 3), keepdim=True),
        "GlobalMaxPool": lambda _f, v: v[0].amax((2, 3), keepdim=True),
        "ReduceMean": _reduce_mean,
        "Flatten": lambda f, v: v[0].flatten(f.get("axis", 1)),
        "Reshape": _reshape,
        "Transpose": lambda f, v: v[0].permute(*f["perm"]),
        "Concat": lambda f, v: torch.cat(list(v), f["axis"]),
        "Squeeze": lambda f, v: v[0].squeeze(_axes(f, v)),
        "Unsqueeze": _unsqueeze,
        "Shape": lambda _f, v: torch.tensor(v[0].shape),
        "Gather": _gather,
        "Cast": lambda f, v: v[0].to(_TYPES.get(f["to"], torch.float32)),
        "Constant": lambda f, _v: torch.from_numpy(np.array(numpy_helper.to_array(f["value"]))),
        "Identity": lambda _f, v: v[0],
        "Dropout": lambda _f, v: v[0],
        "Pad": _pad,
    }


_TYPES = {1: torch.float32, 6: torch.int32, 7: torch.int64, 9: torch.bool}


def _clip(_f: dict[str, Any], v: Values) -> Tensor:
    low, high = (*v[1:], None, None)[:2]
    return v[0].clamp(low, high)


def _sides(f: dict[str, Any]) -> tuple[int, int, int, int]:
    """Padding (left, right, top, bottom) of two dimensions."""
    if f.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
        raise RefusedFile("This ONNX graph pads by itself. Export it with explicit padding.")
    top, left, bottom, right = f.get("pads", (0, 0, 0, 0))
    return left, right, top, bottom


def _conv(f: dict[str, Any], v: Values) -> Tensor:
    return F.conv2d(
        F.pad(v[0], _sides(f)),
        v[1],
        v[2] if len(v) > 2 else None,
        stride=tuple(f.get("strides", (1, 1))),
        dilation=tuple(f.get("dilations", (1, 1))),
        groups=f.get("group", 1),
    )


def _gemm(f: dict[str, Any], v: Values) -> Tensor:
    a = v[0].T if f.get("transA") else v[0]
    b = v[1].T if f.get("transB") else v[1]
    found = f.get("alpha", 1.0) * (a @ b)
    return found if len(v) < 3 or v[2] is None else found + f.get("beta", 1.0) * v[2]


def _layer_norm(f: dict[str, Any], v: Values) -> Tensor:
    shape = v[0].shape[f.get("axis", -1) :]
    return F.layer_norm(v[0], shape, v[1], v[2] if len(v) > 2 else None, f.get("epsilon", 1e-5))


def _max_pool(f: dict[str, Any], v: Values) -> Tensor:
    x = F.pad(v[0], _sides(f), value=float("-inf"))
    strides = tuple(f.get("strides", (1, 1)))
    ceil = bool(f.get("ceil_mode", 0))
    return F.max_pool2d(x, tuple(f["kernel_shape"]), strides, 0, 1, ceil)


def _average_pool(f: dict[str, Any], v: Values) -> Tensor:
    kernel, strides = tuple(f["kernel_shape"]), tuple(f.get("strides", (1, 1)))
    found = F.avg_pool2d(F.pad(v[0], _sides(f)), kernel, strides)
    if f.get("count_include_pad", 0) or not any(_sides(f)):
        return found
    ones = F.pad(torch.ones_like(v[0][:1, :1]), _sides(f))
    return found / F.avg_pool2d(ones, kernel, strides)


def _axes(f: dict[str, Any], v: Values) -> tuple[int, ...]:
    """Given as an attribute, or as the second input since opset 13."""
    if "axes" in f:
        return tuple(f["axes"])
    return tuple(v[1].tolist()) if len(v) > 1 and v[1] is not None else ()


def _reduce_mean(f: dict[str, Any], v: Values) -> Tensor:
    axes = _axes(f, v) or tuple(range(v[0].ndim))
    return v[0].mean(axes, keepdim=bool(f.get("keepdims", 1)))


def _reshape(f: dict[str, Any], v: Values) -> Tensor:
    shape = v[1].tolist()
    if not f.get("allowzero", 0):
        shape = [v[0].shape[i] if size == 0 else size for i, size in enumerate(shape)]
    return v[0].reshape(shape)


def _unsqueeze(f: dict[str, Any], v: Values) -> Tensor:
    found = v[0]
    for axis in sorted(_axes(f, v)):
        found = found.unsqueeze(axis)
    return found


def _gather(f: dict[str, Any], v: Values) -> Tensor:
    axis, where = f.get("axis", 0), v[1]
    flat = v[0].index_select(axis, where.reshape(-1) % v[0].shape[axis])
    axis %= v[0].ndim
    return flat.reshape(*v[0].shape[:axis], *where.shape, *v[0].shape[axis + 1 :])


def _pad(f: dict[str, Any], v: Values) -> Tensor:
    pads = v[1].tolist() if len(v) > 1 else list(f["pads"])
    half = len(pads) // 2
    sides = [n for i in reversed(range(half)) for n in (pads[i], pads[half + i])]
    value = float(v[2]) if len(v) > 2 and v[2] is not None else 0.0
    mode = f.get("mode", b"constant").decode()
    if mode != "constant":
        raise RefusedFile("This ONNX graph pads by mirroring. Export it with torch.export instead.")
    return F.pad(v[0], sides, value=value)
