"""A generator as two ONNX graphs, checked against torch.

`synthesis.onnx`: ws (N, num_ws, w_dim), style_offset (N, num_styles), noise (M, num_noise) with M
1 or N, noise_strength (num_noise_layers,) → image (N, C, R, R). Generators without noise have only
the first two inputs. What a layer puts out is named `activations.LAYER`, and the property `layers`
lists the layers with their channels, so that `engine.taps` finds them without torch.
`mapping.onnx`: z (N, z_dim) and, for conditional ones, c (N, c_dim) → w.
Only standard operators; truncation stays outside. Imports torch.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import torch
from torch import Tensor, nn

from engine.disk import check_writable, why
from engine.graphs import GraphFiles, write_note
from engine.progress import Progress
from engine.taps import layer_tensor
from models.errors import LodestoneError
from models.files import Card, write_atomically

opset = 18
tolerance = 1e-3
"""Largest accepted |ONNX - torch|, as a share of the picture's range."""


@dataclass(frozen=True)
class Parity:
    """How far ONNX Runtime's pictures are from torch's over random latents."""

    difference: float
    """Largest absolute difference."""
    range: float
    """Largest minus smallest value of torch's pictures."""


class _Synthesis(nn.Module):
    """The generator's synthesis with exactly the graph's inputs: the picture, then every layer."""

    def __init__(self, generator: Any):
        super().__init__()
        self.generator = generator
        self.names = tuple(layer.name for layer in generator.layers if not layer.to_rgb)

    def forward(
        self,
        ws: Tensor,
        style_offset: Tensor,
        noise: Tensor | None = None,
        noise_strength: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        synthesis = self.generator.synthesis
        with recorded(synthesis, self.names) as outputs:
            if noise is None:
                image = synthesis(ws, style_offset)
            else:
                image = synthesis(ws, style_offset, noise, noise_strength)
        return (image, *(outputs[name] for name in self.names))


def export_onnx(
    generator: Any,
    card: Card,
    out_dir: str | Path,
    progress: Progress | None = None,
    stem: str = "",
) -> float:
    """Write both graphs into `out_dir` and return the largest |ONNX - torch| (the parity).

    Files are `synthesis.onnx` and `mapping.onnx`, or `STEM.synthesis.onnx` … with a stem.
    Raises LodestoneError, and writes nothing, when the graphs do not draw what torch draws.
    """
    return export_files(generator, card, GraphFiles.at(Path(out_dir), stem), progress)


def export_files(
    generator: Any, card: Card, files: GraphFiles, progress: Progress | None = None
) -> float:
    """As `export_onnx`, to the given file names."""
    progress = progress or Progress()
    _check_folder(files.synthesis)
    generator = generator.eval()
    with quiet(), torch.inference_mode(False), torch.no_grad():
        progress(0.0, "Tracing the mapping")
        mapping = _mapping_graph(generator)
        progress(0.1, "Tracing the synthesis")
        synthesis = _synthesis_graph(generator)
    for graph in (mapping, synthesis):
        _check_operators(graph)
        _describe(graph, card)
    contents = mapping.SerializeToString(), synthesis.SerializeToString()
    parity = measure_parity(generator, contents[0], contents[1], progress.part(0.7, 0.25))
    if not parity.difference <= tolerance * max(parity.range, 1e-6):
        raise LodestoneError(
            f"{card.name} could not be turned into ONNX exactly: its pictures differ by "
            f"{parity.difference:.1e}. It runs with torch instead."
        )
    write_atomically(files.mapping, contents[0])
    write_atomically(files.synthesis, contents[1])
    write_note(files, card.sha256, parity.difference)
    progress(1.0, f"Exported, largest difference {parity.difference:.1e}")
    return parity.difference


@contextlib.contextmanager
def recorded(synthesis: nn.Module, names: Sequence[str]) -> Iterator[dict[str, Tensor]]:
    """Layer name -> its output (N, C, H, W), of what is drawn while this is open."""
    outputs: dict[str, Tensor] = {}

    def hook(name: str) -> Callable[..., None]:
        def keep(_module: nn.Module, _inputs: object, output: Tensor) -> None:
            outputs[name] = output

        return keep

    handles = [synthesis.get_submodule(n).register_forward_hook(hook(n)) for n in names]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()


def _check_folder(path: Path) -> None:
    """Before a minute of work rather than after it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        check_writable(path.parent)
    except OSError as error:
        raise LodestoneError(
            f"{path.name} could not be written: {why(error)}.", repr(error)
        ) from error


def measure_parity(
    generator: Any, mapping: bytes, synthesis: bytes, progress: Progress | None = None
) -> Parity:
    """Compare both graphs with torch, from z to pixels: alone and in batches, all inputs moved."""
    progress = progress or Progress()
    sessions = [_session(mapping), _session(synthesis)]
    random = np.random.RandomState(1)
    worst, low, high = 0.0, np.inf, -np.inf
    # (batch, noises): one noise for all, and one each.
    cases = ((1, 1), (1, 1), (3, 1), (3, 3))
    for index, (batch, noises) in enumerate(cases):
        inputs = _random_inputs(generator, random, batch, noises if index else 0)
        ours = _run_onnx(sessions[0], sessions[1], inputs, generator)
        theirs = _run_torch(generator, inputs)
        worst = max(worst, float(np.abs(ours - theirs).max()))
        low, high = min(low, float(theirs.min())), max(high, float(theirs.max()))
        progress((index + 1) / len(cases), "Comparing with torch")
    return Parity(worst if np.isfinite(worst) else np.inf, high - low)


def _mapping_graph(generator: Any) -> onnx.ModelProto:
    example: dict[str, Tensor] = {"z": torch.randn(2, generator.z_dim)}
    if generator.c_dim:
        example["c"] = torch.eye(generator.c_dim)[[0, -1]]
    return _trace(generator.mapping, example, ("w",), batched=tuple(example))


def _synthesis_graph(generator: Any) -> onnx.ModelProto:
    example: dict[str, Tensor] = {
        "ws": torch.randn(2, generator.num_ws, generator.w_dim),
        "style_offset": torch.zeros(2, generator.num_styles),
    }
    if generator.num_noise:
        example["noise"] = torch.randn(1, generator.num_noise)
        example["noise_strength"] = torch.ones(generator.num_noise_layers)
    synthesis = _Synthesis(generator)
    outputs = ("image", *map(layer_tensor, synthesis.names))
    graph = _trace(synthesis, example, outputs, ("ws", "style_offset"))
    _hide_layers(graph, synthesis.names)
    if generator.num_noise:
        _free_noise_batch(graph)
    return graph


def _hide_layers(graph: onnx.ModelProto, names: Sequence[str]) -> None:
    """Layers were outputs so that their tensors got their names; the picture alone stays one."""
    layers = {
        name: value.type.tensor_type.shape.dim[1].dim_value
        for name, value in zip(names, graph.graph.output[1:], strict=True)
    }
    del graph.graph.output[1:]
    graph.metadata_props.add(key="layers", value=json.dumps(layers))


def _trace(
    module: nn.Module,
    example: Mapping[str, Tensor],
    outputs: Sequence[str],
    batched: tuple[str, ...],
) -> onnx.ModelProto:
    batch = torch.export.Dim("N", min=1)
    shapes = tuple({0: batch} if name in batched else None for name in example)
    program = torch.onnx.export(
        module,
        tuple(example.values()),
        dynamo=True,
        dynamic_shapes=shapes,
        input_names=list(example),
        output_names=list(outputs),
        opset_version=opset,
        verbose=False,
    )
    if program is None:
        raise RuntimeError("the exporter returned nothing")
    return program.model_proto


def _free_noise_batch(graph: onnx.ModelProto) -> None:
    """Let the noise be one for all or one each.

    torch.export fixes a dimension of 1; the graph itself broadcasts it, so only the fixed sizes
    have to go: of the input, of the reshapes behind it, and of recorded intermediate shapes.
    """
    for value in graph.graph.input:
        if value.name == "noise":
            value.type.tensor_type.shape.dim[0].dim_param = "M"
    del graph.graph.value_info[:]
    constants = {tensor.name: tensor for tensor in graph.graph.initializer}
    from_noise = {"noise"}
    for node in graph.graph.node:
        if node.op_type in ("Slice", "Gather", "Identity") and node.input[0] in from_noise:
            from_noise.update(node.output)
        elif node.op_type == "Reshape" and node.input[0] in from_noise:
            shape = onnx.numpy_helper.to_array(constants[node.input[1]]).copy()
            shape[0] = -1
            name = f"{node.input[1]}_any_{node.output[0]}"
            graph.graph.initializer.append(onnx.numpy_helper.from_array(shape, name))
            node.input[1] = name


def _check_operators(graph: onnx.ModelProto) -> None:
    """Only operators every ONNX runtime has, and none that draws random numbers."""
    onnx.checker.check_model(graph)
    for node in graph.graph.node:
        if node.domain not in ("", "ai.onnx") or node.op_type.startswith("Random"):
            raise LodestoneError(
                f"This generator needs the operator {node.domain}.{node.op_type}, which ONNX "
                "runtimes do not share. It runs with torch instead."
            )


def _describe(graph: onnx.ModelProto, card: Card) -> None:
    facts = {"name": card.name, "architecture": card.architecture, "sha256": card.sha256}
    facts |= {"licence": card.licence, "attribution": card.attribution}
    graph.producer_name = "lodestone"
    graph.doc_string = ""
    for node in graph.graph.node:
        # The exporter notes source lines and paths on every node: not for other people's eyes.
        del node.metadata_props[:]
        node.doc_string = ""
    for listed in (graph.graph.input, graph.graph.output, graph.graph.initializer):
        for value in listed:
            del value.metadata_props[:]
    del graph.graph.metadata_props[:]
    facts |= {prop.key: prop.value for prop in graph.metadata_props if prop.key == "layers"}
    del graph.metadata_props[:]
    for key, value in facts.items():
        graph.metadata_props.add(key=key, value=value)


def _session(content: bytes) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _random_inputs(
    generator: Any, random: np.random.RandomState, batch: int, noises: int
) -> dict[str, np.ndarray]:
    """z, c and offsets; noises = 0 means the stored noise at its own strength, no offset."""

    def draw(*shape: int) -> np.ndarray:
        return random.randn(*shape).astype(np.float32)

    inputs = {"z": draw(batch, generator.z_dim)}
    if generator.c_dim:
        inputs["c"] = np.eye(generator.c_dim, dtype=np.float32)[np.arange(batch) % generator.c_dim]
    moved = np.float32(0.1 if noises else 0.0)
    inputs["style_offset"] = moved * draw(batch, generator.num_styles)
    if generator.num_noise:
        stored = generator.noise_const().float().cpu().numpy()
        inputs["noise"] = draw(noises, generator.num_noise) if noises else stored
        strength = np.ones(generator.num_noise_layers, np.float32)
        inputs["noise_strength"] = strength + 5 * moved * draw(generator.num_noise_layers)
    return inputs


def _run_onnx(
    mapping: ort.InferenceSession,
    synthesis: ort.InferenceSession,
    inputs: dict[str, np.ndarray],
    generator: Any,
) -> np.ndarray:
    latents = {name: inputs[name] for name in ("z", "c") if name in inputs}
    w = np.asarray(mapping.run(None, latents)[0])
    rest = {name: value for name, value in inputs.items() if name not in latents}
    ws = np.repeat(w[:, None], generator.num_ws, axis=1)
    return np.asarray(synthesis.run(None, {"ws": ws, **rest})[0])


@torch.no_grad()
def _run_torch(generator: Any, inputs: dict[str, np.ndarray]) -> np.ndarray:
    values = {name: torch.from_numpy(value) for name, value in inputs.items()}
    w = generator.mapping(values["z"], values.get("c"))
    ws = w[:, None].expand(-1, generator.num_ws, -1)
    rest = [values[n] for n in ("style_offset", "noise", "noise_strength") if n in values]
    return generator.synthesis(ws, *rest).numpy()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """The exporter warns and logs about things nobody here can act on."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    children = [
        log
        for name, log in logging.root.manager.loggerDict.items()
        if name.startswith(("torch.onnx", "onnxscript", "onnx_ir"))
        and isinstance(log, logging.Logger)
    ]
    levels = [log.level for log in children]
    for log in children:
        log.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
        for log, before in zip(children, levels, strict=True):
            log.setLevel(before)
