"""Any network opened to look inside: its layers' names, and what they put out.

    network = open_network("efficientnet-lite0")
    run = network.run(network.prepare(pictures), ("_blocks.5",))
    maps = run.layers["_blocks.5"]  # (N, C, rows, columns)

Computes with ONNX Runtime; torch is imported only to make a graph that is not kept yet.
"""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import time
from collections import OrderedDict
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from engine.backend import available_cores
from engine.inspect.kept import Kept, Note
from engine.inspect.layers import generator_info, unknown_layer
from engine.inspect.preprocessing import Preprocessing
from engine.inspect.sources import Source, find
from engine.inspect.tokens import as_map
from engine.messages import (
    ModelInfo,
    NetworkInfo,
    NetworkQuestion,
    NetworkReply,
    SteerRequest,
)
from engine.onnx_backend import cuda_device_present, open_session
from engine.progress import Progress
from engine.steer.latents import Resolved, joined_activations, resolve
from engine.taps import layer_tensor
from models.errors import LodestoneError

kept_sessions = 3
"""Graphs with different layers exposed that stay open."""


@dataclass(frozen=True, eq=False)
class Run:
    """What a network answered to N pictures or latents."""

    output: np.ndarray
    """Logits (N, classes) or whatever it puts out; of a generator pictures (N, H, W, 3) uint8."""
    layers: dict[str, np.ndarray]
    """Layer -> (N, C, rows, columns), tokens too (without their class token); vectors (N, C)."""


class Network(Protocol):
    """Not for several threads at once."""

    @property
    def info(self) -> NetworkInfo: ...
    def shown(self, picture: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8 -> (rows, columns, 3) uint8: the part the network sees."""
        ...

    def prepare(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """(H, W, 3) uint8 each -> (N, C, rows, columns) float32."""
        ...

    def run(self, inputs: np.ndarray, layers: Sequence[str]) -> Run:
        """Prepared pictures -> the answer and what these layers put out."""
        ...

    def sample(self, requests: Sequence[SteerRequest], layers: Sequence[str]) -> Run:
        """Of a generator: pictures (N, H, W, 3) uint8, and what these layers put out."""
        ...


def open_network(name: str, device: str = "auto", progress: Progress | None = None) -> Network:
    """By the name of a ready network, a generator's name or id, or a path.

    The first time a network of torch weights is opened its graph is made, which takes a while.
    """
    source = find(name)
    if source.kind == "generator":
        return GeneratorNetwork(source, device, progress)
    return GraphNetwork(*ensure_graph(source, progress), device)


def ensure_graph(source: Source, progress: Progress | None = None) -> tuple[Kept, Note]:
    """The network's graph in the person's folder, made now when there is none."""
    kept = Kept.of(source.id)
    note = kept.read()
    if note is None:
        if progress:
            progress(0.0, f"Preparing {source.name}")
        if source.kind == "onnx":
            from engine.inspect.onnx_files import make
        else:
            from engine.inspect.drawn import make
        make(source, kept)
        note = kept.read()
    if note is None:
        raise LodestoneError(
            f"The graph of {source.name} could not be kept. Check the free disk space."
        )
    return kept, _as_asked(note, source)


def _as_asked(note: Note, source: Source) -> Note:
    """Name, path and card are those of the file at hand; the graph may come from a copy of it."""
    info = dataclasses.replace(note.info, name=source.name, path=source.asked)
    preprocessing = source.preprocessing or note.preprocessing
    shape = (preprocessing.channels, *preprocessing.size)
    if shape == info.input:
        info = dataclasses.replace(info, preprocessing=preprocessing.words())
        note = dataclasses.replace(note, preprocessing=preprocessing)
    return dataclasses.replace(note, info=info)


class GraphNetwork:
    """A network that looks at pictures."""

    def __init__(self, kept: Kept, note: Note, device: str = "auto"):
        self._path, self._note = kept.graph, note
        self._cuda = device != "cpu" and cuda_device_present()
        self._sessions: OrderedDict[frozenset[str], Any] = OrderedDict()
        self._kinds = {layer.name: layer.kind for layer in note.info.layers}
        provider = "ONNX Runtime CUDA" if self._cuda else "ONNX Runtime CPU"
        self._info = _with_provider(note.info, provider)

    @property
    def info(self) -> NetworkInfo:
        return self._info

    @property
    def preprocessing(self) -> Preprocessing:
        return self._note.preprocessing

    def shown(self, picture: np.ndarray) -> np.ndarray:
        return self._note.preprocessing.shown(picture)

    def prepare(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        return self._note.preprocessing(pictures)

    def run(self, inputs: np.ndarray, layers: Sequence[str]) -> Run:
        for name in layers:
            if name not in self._kinds:
                raise unknown_layer(name, self._kinds)
        if inputs.shape[1:] != self._info.input:
            raise ValueError(f"inputs are {inputs.shape[1:]}, not {self._info.input}")
        session = self._session(frozenset(layers))
        tensors = [self._note.output, *(self._note.tensors[name] for name in layers)]
        found = [self._answer(session, tensors, part) for part in self._parts(inputs)]
        whole = [_joined(values) for values in zip(*found, strict=True)]
        return Run(
            whole[0],
            {name: self._tidy(name, a) for name, a in zip(layers, whole[1:], strict=True)},
        )

    def sample(self, requests: Sequence[SteerRequest], layers: Sequence[str]) -> Run:
        raise LodestoneError(
            f"{self._info.name} draws no pictures of its own. Choose a folder of pictures."
        )

    def _parts(self, inputs: np.ndarray) -> list[np.ndarray]:
        """As many pictures at a time as the graph takes."""
        size = self._note.batch
        if not size:
            return [inputs]
        if len(inputs) % size:
            raise LodestoneError(
                f"{self._info.name} takes {size} pictures at a time. Export it for any number."
            )
        return [inputs[start : start + size] for start in range(0, len(inputs), size)]

    def _answer(self, session: Any, tensors: list[str], x: np.ndarray) -> list[np.ndarray]:
        if self._note.last:
            x = x.transpose(0, 2, 3, 1)
        feed = {self._note.input: np.ascontiguousarray(x, np.float32)}
        return [np.asarray(a, np.float32) for a in session.run(tensors, feed)]

    def _tidy(self, name: str, array: np.ndarray) -> np.ndarray:
        return as_map(array) if self._kinds[name] == "tokens" else array

    def _session(self, layers: frozenset[str]) -> Any:
        if layers not in self._sessions:
            while len(self._sessions) >= kept_sessions:
                self._sessions.popitem(last=False)
            names = [self._note.tensors[layer] for layer in layers]
            graph = exposed(self._path, names)
            self._sessions[layers] = open_session(graph, available_cores(), self._cuda)
        self._sessions.move_to_end(layers)
        return self._sessions[layers]


def _joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def exposed(path: str | Path, tensors: Sequence[str]) -> str | bytes:
    """The graph with these tensors among its outputs."""
    if not tensors:
        return str(path)
    import onnx

    model = onnx.load(str(path))
    there = {one.name for one in model.graph.output}
    for tensor in tensors:
        if tensor not in there:
            model.graph.output.append(onnx.ValueInfoProto(name=tensor))
    return model.SerializeToString()


class GeneratorNetwork:
    """A generator: its layers while it draws."""

    def __init__(self, source: Source, device: str, progress: Progress | None):
        from engine.graphs import ensure_graphs
        from engine.runtime import open_runtime

        assert source.info is not None
        self._model: ModelInfo = source.info
        self._files = ensure_graphs(source.info, progress)
        self._runtime = open_runtime(source.info, device, progress)
        self._cuda = device != "cpu" and cuda_device_present()
        self._sessions: OrderedDict[frozenset[str], Any] = OrderedDict()
        self._info = _with_provider(generator_info(source.info), self._runtime.provider)
        self._kinds = {layer.name: layer.kind for layer in self._info.layers}

    @property
    def info(self) -> NetworkInfo:
        return self._info

    def shown(self, picture: np.ndarray) -> np.ndarray:
        return picture

    def prepare(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        raise self._blind()

    def run(self, inputs: np.ndarray, layers: Sequence[str]) -> Run:
        raise self._blind()

    def _blind(self) -> LodestoneError:
        return LodestoneError(
            f"{self._info.name} is a generator: it looks at no pictures. Take its own samples."
        )

    def sample(self, requests: Sequence[SteerRequest], layers: Sequence[str]) -> Run:
        for name in layers:
            if name not in self._kinds:
                raise unknown_layer(name, self._kinds)
        found = [resolve(one, self._runtime, self._runtime.memo) for one in requests]
        drawn = [layer for layer in layers if self._kinds[layer] == "map"]
        session = self._session(frozenset(drawn))
        wanted = ["image", *map(layer_tensor, drawn)]
        image, *maps = session.run(wanted, self._feed(session, found))
        read = dict(zip(drawn, maps, strict=True))
        for layer in layers:
            if self._kinds[layer] == "vector":
                read[layer] = np.stack([one.ws[0].mean(axis=0) for one in found])
        return Run(_pixels(image), {layer: read[layer] for layer in layers})

    def _feed(self, session: Any, found: Sequence[Resolved]) -> dict[str, np.ndarray]:
        if joined_activations(found) or any(one.turned for one in found):
            raise LodestoneError(
                "Samples with moved activations cannot be looked into. Take the edit away."
            )
        feed = {
            "ws": np.concatenate([one.ws for one in found]),
            "style_offset": np.concatenate([one.style_offset for one in found]),
        }
        names = {one.name for one in session.get_inputs()}
        if "noise" in names:
            stored = self._runtime.noise_const
            feed["noise"] = np.concatenate(
                [stored if one.noise is None else one.noise for one in found]
            )
            feed["noise_strength"] = found[0].noise_strength
        return {k: np.ascontiguousarray(v, np.float32) for k, v in feed.items() if k in names}

    def _session(self, layers: frozenset[str]) -> Any:
        if layers not in self._sessions:
            while len(self._sessions) >= kept_sessions:
                self._sessions.popitem(last=False)
            graph = exposed(self._files.synthesis, [layer_tensor(one) for one in layers])
            self._sessions[layers] = open_session(graph, available_cores(), self._cuda)
        self._sessions.move_to_end(layers)
        return self._sessions[layers]


def _pixels(image: np.ndarray) -> np.ndarray:
    """(N, C, H, W) about -1..1 -> (N, H, W, 3) uint8, rounded as the canvas rounds."""
    x = np.clip(image * 127.5 + 128.0, 0.0, 255.0).astype(np.uint8)
    x = x[:, :3] if x.shape[1] >= 3 else np.repeat(x[:, :1], 3, axis=1)
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1))


def _with_provider(info: NetworkInfo, provider: str) -> NetworkInfo:
    return dataclasses.replace(info, provider=provider)


def network_reply(
    question: NetworkQuestion,
) -> Generator[NetworkReply | None, None, NetworkReply]:
    """What a network is, and the studies made of it."""
    from engine.inspect.study import studies_of

    yield None
    source = find(question.network)
    if source.info is None and Kept.of(source.id).read() is None and source.kind != "onnx":
        yield from _prepared_apart(source)
    info = generator_info(source.info) if source.info else ensure_graph(source)[1].info
    return NetworkReply(info, studies_of(info.id))


def _prepared_apart(source: Source) -> Generator[None, None, None]:
    """Make the graph in a process of its own: torch would stop the canvas for seconds."""
    program = [sys.executable] if getattr(sys, "frozen", False) else [sys.executable, "-m", "app"]
    child = subprocess.Popen(
        [*program, "inspect", "prepare", source.asked],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    try:
        while child.poll() is None:
            time.sleep(0.02)
            yield None
    finally:
        if child.poll() is None:
            child.kill()
        said = child.communicate()[1].strip()
    if child.returncode:
        sentence = said.rpartition("lodestone: ")[2] or f"{source.name} could not be prepared."
        raise LodestoneError(sentence, said)
