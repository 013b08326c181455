"""Other people's ONNX files: their tensors under their own names. No torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.backend import available_cores
from engine.codec import to_json
from engine.inspect.kept import Kept, version
from engine.inspect.preprocessing import assumed
from engine.inspect.sources import Source
from engine.inspect.tokens import grid_of
from engine.messages import NetworkInfo, NetworkLayer
from engine.messages.inspecting import LayerKind
from engine.onnx_backend import open_session
from models.errors import LodestoneError, RefusedFile
from models.files import check_memory, write_atomically

if TYPE_CHECKING:
    import onnx

BENDS = ("Relu", "Clip", "LeakyRelu", "PRelu", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "Elu",
         "Gelu", "Softplus", "Mish", "Selu")  # fmt: skip
LAYERS = (*BENDS, "Conv", "ConvTranspose", "Gemm", "MatMul", "Add", "Sub", "Mul", "Concat",
          "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "ReduceMean",
          "BatchNormalization",
          "LayerNormalization", "InstanceNormalization", "GroupNormalization", "Softmax",
          "LogSoftmax", "Resize", "Upsample", "FusedConv", "Attention")  # fmt: skip
"""Operators whose output is a layer; the others move numbers about or compute shapes."""
usual_side = 224
"""Where a file leaves its pictures' size open."""


@dataclass(frozen=True)
class _Entry:
    """What the graph takes."""

    name: str
    channels: int
    size: tuple[int, int]
    last: bool
    """Channels come last."""
    batch: int
    """0 = any."""


def make(source: Source, kept: Kept) -> None:
    """Look through the graph, run it once, and write graph and note into `kept`."""
    model = _load(source.path)
    entry = _entry(model, source.path)
    tensors = _tensors(model)
    shapes, answer = _shapes(model, entry, tensors, source.path)
    layers = _layers(tensors, shapes, entry.batch or 2)
    classes = shapes[answer][1] if len(shapes[answer]) == 2 else 0
    preprocessing = source.preprocessing or assumed(entry.channels, entry.size, classes)
    missed = [name for name in tensors if name not in shapes]
    info = NetworkInfo(
        id=source.id,
        name=source.name,
        path=source.asked,
        kind="classifier" if classes else "network",
        layers=layers,
        input=(entry.channels, *entry.size),
        classes=source.classes if len(source.classes) == classes else (),
        preprocessing=preprocessing.words(),
        note=_note(source, missed),
    )
    note = {
        "version": version,
        "info": json.loads(to_json(info)),
        "tensors": {layer.name: layer.name for layer in layers},
        "preprocessing": preprocessing.as_dict(),
        "input": entry.name,
        "output": answer,
        "last": entry.last,
        "batch": entry.batch,
    }
    write_atomically(kept.graph, model.SerializeToString())
    write_atomically(kept.note, json.dumps(note).encode())


def _note(source: Source, missed: Sequence[str]) -> str:
    said = []
    if source.preprocessing is None:
        said.append(unprepared(source))
    if missed:
        said.append(f"{len(missed)} layers never run: {', '.join(missed[:4])}.")
    return " ".join(said)


def unprepared(source: Source) -> str:
    """What to say of a file without a card."""
    return (
        "The file does not say how pictures are prepared for it: this is assumed. A card "
        f"{source.path.name}.json beside it can say."
    )


def _load(path: Path) -> onnx.ModelProto:
    import onnx

    beside = sum(one.stat().st_size for one in path.parent.glob(f"{path.name}*data"))
    check_memory(4 * (path.stat().st_size + beside), path.name)
    try:
        model = onnx.load(str(path))
        if model.ByteSize() >= 1 << 31:
            raise RefusedFile(f"{path.name} is larger than 2 GB. Choose a smaller network.")
    except RefusedFile:
        raise
    except Exception as error:  # protobuf's and onnx's own exceptions share no base class
        raise RefusedFile(
            f"{path.name} cannot be read as ONNX. Copy or export it again.", repr(error)[:300]
        ) from error
    return model


def _entry(model: onnx.ModelProto, path: Path) -> _Entry:
    """The one picture-shaped input."""
    given = {tensor.name for tensor in model.graph.initializer}
    inputs = [one for one in model.graph.input if one.name not in given]
    shapes = [one.type.tensor_type for one in inputs]
    if len(inputs) != 1 or len(shapes[0].shape.dim) != 4 or shapes[0].elem_type != 1:
        raise RefusedFile(
            f"{path.name} does not take one picture of float32 (N, C, H, W). "
            "Choose a network that looks at pictures."
        )
    batch, *rest = (int(dim.dim_value) for dim in shapes[0].shape.dim)
    last = rest[2] in (1, 3) and rest[0] not in (1, 3)
    channels, size = (rest[2], rest[:2]) if last else (rest[0], rest[1:])
    channels = channels or 3
    if channels not in (1, 3):
        raise RefusedFile(f"{path.name} takes {channels} channels. Choose one for pictures.")
    rows, columns = (side or usual_side for side in size)
    return _Entry(inputs[0].name, channels, (rows, columns), last, batch)


def _tensors(model: onnx.ModelProto) -> dict[str, str]:
    """Tensor -> operator, of what may be a layer."""
    return {
        node.output[0]: node.op_type
        for node in model.graph.node
        if node.op_type in LAYERS and node.output and node.output[0]
    }


def _shapes(
    model: onnx.ModelProto, entry: _Entry, tensors: dict[str, str], path: Path
) -> tuple[dict[str, tuple[int, ...]], str]:
    """Shapes of all these tensors and of the answer, for two pictures (or as many as it takes)."""
    import onnx

    answer = model.graph.output[0].name
    exposed = onnx.ModelProto()
    exposed.CopyFrom(model)
    there = {one.name for one in exposed.graph.output}
    for name in tensors:
        if name not in there:
            exposed.graph.output.append(onnx.ValueInfoProto(name=name))
    rows, columns = entry.size
    shape = (rows, columns, entry.channels) if entry.last else (entry.channels, rows, columns)
    x = np.zeros((entry.batch or 2, *shape), np.float32)
    try:
        session = open_session(exposed.SerializeToString(), available_cores())
        names = list(dict.fromkeys((answer, *tensors)))
        found = session.run(names, {entry.name: x})
    except Exception as error:  # ONNX Runtime's own exceptions share no base class
        raise RefusedFile(
            f"{path.name} cannot be run by ONNX Runtime. Export it again.", repr(error)[:500]
        ) from error
    pairs: list[tuple[str, Any]] = list(zip(names, found, strict=True))
    shapes = {n: a.shape for n, a in pairs if isinstance(a, np.ndarray) and a.dtype == np.float32}
    if answer not in shapes:
        raise LodestoneError(f"{path.name} answers with no numbers. Choose another network.")
    return shapes, answer


def _layers(
    tensors: dict[str, str], shapes: dict[str, tuple[int, ...]], batch: int
) -> tuple[NetworkLayer, ...]:
    found = []
    fits = [n for n in tensors if 2 <= len(shapes.get(n, ())) <= 4 and shapes[n][0] == batch]
    bends = any(tensors[name] in BENDS for name in fits)
    for name in fits:
        kind, units, size = described(shapes[name])
        looked = tensors[name] in BENDS if bends else tensors[name] in ("Conv", "Add", "Gemm")
        main = looked or name == fits[-1]
        found.append(NetworkLayer(name, kind, units, size, tensors[name], main))
    return tuple(found)


def described(shape: tuple[int, ...]) -> tuple[LayerKind, int, tuple[int, int]]:
    """Kind, units and positions of what a layer puts out."""
    if len(shape) == 4:
        return "map", shape[1], (shape[2], shape[3])
    if len(shape) == 3:
        return "tokens", shape[2], grid_of(shape[1])
    return "vector", shape[1], (1, 1)
