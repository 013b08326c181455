"""A network's ONNX graph with its layers named, made from torch once and kept. Imports torch."""

from __future__ import annotations

import json

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from engine.codec import to_json
from engine.export import quiet
from engine.inspect.kept import Kept, version
from engine.inspect.modules import OpenModule, open_source
from engine.inspect.sources import Source
from engine.onnx_backend import open_session
from engine.taps import layer_tensor
from engine.trace import Trace
from models.errors import LodestoneError
from models.files import write_atomically

opset = 18
tolerance = 1e-3
"""Largest accepted |ONNX - torch|, as a share of the output's range."""


class _Traced(nn.Module):
    """The network, putting out its layers as well."""

    def __init__(self, network: nn.Module, names: tuple[str, ...]):
        super().__init__()
        self.network = network
        self.names = names

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        with Trace(self.network, self.names) as trace:
            y = self.network(x)
        return (y, *(trace[name] for name in self.names))


def make(source: Source, kept: Kept) -> None:
    """Export the network into `kept`; LodestoneError where the graph computes something else."""
    opened = open_source(source, "cpu")
    names = tuple(layer.name for layer in opened.info.layers)
    graph = _graph(opened, names)
    content = graph.SerializeToString()
    difference = parity(opened, content)
    if not difference <= tolerance:
        raise LodestoneError(
            f"{source.name} could not be turned into ONNX exactly: its answers differ by "
            f"{difference:.1e} of their range. Choose its ONNX file, if there is one."
        )
    note = {
        "version": version,
        "parity": difference,
        "info": json.loads(to_json(opened.info)),
        "tensors": {name: layer_tensor(name) for name in names},
        "preprocessing": opened.preprocessing.as_dict(),
    }
    write_atomically(kept.graph, content)
    write_atomically(kept.note, json.dumps(note).encode())


def _graph(opened: OpenModule, names: tuple[str, ...]) -> onnx.ModelProto:
    example = torch.randn(2, *opened.info.input)
    outputs = ["output", *map(layer_tensor, names)]
    with quiet(), torch.no_grad():
        program = torch.onnx.export(
            _Traced(opened.module, names).eval(),
            (example,),
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim("N", min=1)},),
            input_names=["input"],
            output_names=outputs,
            opset_version=opset,
            verbose=False,
        )
    assert program is not None
    graph = program.model_proto
    # Layers were outputs so that their tensors got their names; the answer alone stays one.
    del graph.graph.output[1:]
    del graph.graph.value_info[:]
    for node in graph.graph.node:
        # The exporter notes source lines and paths on every node: not for other people's eyes.
        del node.metadata_props[:]
        node.doc_string = ""
    return graph


def parity(opened: OpenModule, graph: bytes) -> float:
    """Largest |ONNX - torch| over random pictures, as a share of torch's range."""
    random = np.random.RandomState(0)
    session = open_session(graph, 1)
    worst, span = 0.0, 0.0
    for count in (1, 3):
        pictures = random.randint(0, 256, (count, 96, 128, 3), dtype=np.uint8)
        x = opened.preprocessing(list(pictures))
        with torch.inference_mode():
            theirs = opened.module(torch.from_numpy(x)).numpy()
        ours = np.asarray(session.run(["output"], {"input": x})[0])
        worst = max(worst, float(np.abs(ours - theirs).max()))
        span = max(span, float(np.ptp(theirs)))
    return worst / max(span, 1e-6) if np.isfinite(worst) else float("inf")
