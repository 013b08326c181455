"""A generator in ONNX Runtime, on the CPU or CUDA, with nothing allocated per frame. No torch."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import io
import sys
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime as ort

from engine.backend import Constants, Inputs, Turn, available_cores, check_memory, to_bgrx
from engine.graphs import GraphFiles
from engine.messages import ModelInfo
from engine.taps import (
    Reading,
    check_width,
    gain_input,
    offset_input,
    read_channels,
    reading,
    shift_input,
    tapped_graph,
)
from models.errors import LodestoneError

kept_shapes = 4
"""Batch shapes whose buffers are kept."""
kept_taps = 3
"""Tapped graphs that stay open; each holds the weights up to its layer once more."""


@dataclass(eq=False)
class _Slot:
    """Buffers of one batch shape, bound to the session once."""

    binding: Any
    inputs: dict[str, np.ndarray]
    output: np.ndarray
    work: np.ndarray
    stored_noise: bool = False
    plain: bool = False
    """Whether the style offset holds zeros."""


class _Network:
    """One synthesis graph: its session and its buffers."""

    def __init__(self, session: ort.InferenceSession, info: ModelInfo, constants: Constants):
        self.session = session
        self._info = info
        self._constants = constants
        self._styles = sum(layer.style_count for layer in info.layers)
        # Width of the offsets of layers that can be moved; the sizes of the picture are known.
        self._moved = {
            one.name: one.shape[1]
            for one in session.get_inputs()
            if one.name.startswith(offset_input(""))
        }
        self._inputs = {one.name for one in session.get_inputs()}
        self._turned = {
            one.name.removeprefix(gain_input("")): one.shape[1]
            for one in session.get_inputs()
            if one.name.startswith(gain_input(""))
        }
        self._output = session.get_outputs()[0]
        self._slots: OrderedDict[tuple[int, int], _Slot] = OrderedDict()

    def run(self, inputs: Inputs) -> _Slot:
        noises = 1 if inputs.noise is None else len(inputs.noise)
        slot = self._slot(len(inputs.ws), noises)
        np.copyto(slot.inputs["ws"], inputs.ws)
        offset = slot.inputs["style_offset"]
        if inputs.style_offset is not None:
            np.copyto(offset, inputs.style_offset)
        elif not slot.plain:
            offset.fill(0.0)
        slot.plain = inputs.style_offset is None
        if "noise" in slot.inputs:
            self._fill_noise(slot, inputs)
        for layer, moved in inputs.activation_offset.items():
            if offset_input(layer) in self._moved:
                np.copyto(slot.inputs[offset_input(layer)], moved)
        if self._turned:
            self._bind_turns(slot, inputs)
        self.session.run_with_iobinding(slot.binding)
        return slot

    def _bind_turns(self, slot: _Slot, inputs: Inputs) -> None:
        """Hand over gains and offsets where they lie: a brushed layer's are as large as itself."""
        for layer, width in self._turned.items():
            plain = np.zeros((1, width, 1, 1), np.float32)
            gain, shift = plain + np.float32(1.0), plain
            if layer in inputs.turned:
                gain, shift = inputs.turned[layer].gain, inputs.turned[layer].offset
            elif layer in inputs.activation_offset:
                shift = inputs.activation_offset[layer][:, :, None, None]
            for name, array in ((gain_input(layer), gain), (shift_input(layer), shift)):
                # ONNX Runtime keeps no hold of the memory: the slot does.
                slot.inputs[name] = bound = _tidy(array)
                slot.binding.bind_input(name, "cpu", 0, np.float32, bound.shape, bound.ctypes.data)

    def _fill_noise(self, slot: _Slot, inputs: Inputs) -> None:
        if inputs.noise is not None:
            np.copyto(slot.inputs["noise"], inputs.noise)
        elif not slot.stored_noise:
            np.copyto(slot.inputs["noise"], self._constants.noise)
        slot.stored_noise = inputs.noise is None
        strength = slot.inputs["noise_strength"]
        np.copyto(strength, 1.0 if inputs.noise_strength is None else inputs.noise_strength)

    def _slot(self, batch: int, noises: int) -> _Slot:
        key = (batch, noises)
        if key not in self._slots:
            self._slots[key] = self._bind(batch, noises)
            while len(self._slots) > kept_shapes:
                self._slots.popitem(last=False)
        self._slots.move_to_end(key)
        return self._slots[key]

    def _bind(self, batch: int, noises: int) -> _Slot:
        info = self._info
        inputs = {
            "ws": np.zeros((batch, info.num_ws, info.w_dim), np.float32),
            "style_offset": np.zeros((batch, self._styles), np.float32),
        }
        if self._constants.noise.shape[1]:
            inputs["noise"] = np.zeros((noises, self._constants.noise.shape[1]), np.float32)
            inputs["noise_strength"] = np.ones(self._constants.noise_layers, np.float32)
        for name, width in self._moved.items():
            inputs[name] = np.zeros((batch, width), np.float32)
        size = info.resolution
        shape = (batch, info.channels, size, size)
        if self._output.name != "image":
            shape = (batch, *self._output.shape[1:])
        output = np.empty(shape, np.float32)
        binding = self.session.io_binding()
        for name, array in inputs.items():
            if name in self._inputs:
                binding.bind_input(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        binding.bind_output(
            self._output.name, "cpu", 0, np.float32, output.shape, output.ctypes.data
        )
        return _Slot(binding, inputs, output, np.empty((size, size), np.float32))


@dataclass(frozen=True)
class _Tap:
    """What a graph of its own is for."""

    moved: tuple[str, ...]
    read: Reading | None
    turned: bool = False
    """Whether every layer can be turned (and moved by that)."""


class OnnxBackend:
    """Synthesis and mapping as two sessions; more where activations are read or moved."""

    def __init__(
        self,
        info: ModelInfo,
        files: GraphFiles,
        constants: Constants,
        cuda: bool = False,
        threads: int | None = None,
    ):
        self._info = info
        self._constants = constants
        self._path = files.synthesis
        self._threads = threads or available_cores()
        self._mapping = open_session(str(files.mapping), self._threads)
        session = open_session(str(files.synthesis), self._threads, cuda)
        self._whole = _Network(session, info, constants)
        # What is bound is what runs; what is installed says nothing.
        self.gpu = "CUDAExecutionProvider" in session.get_providers()
        self.provider = "ONNX Runtime CUDA" if self.gpu else "ONNX Runtime CPU"
        self.channels: Mapping[str, int] = read_channels(
            session.get_modelmeta().custom_metadata_map
        )
        self._tapped: OrderedDict[_Tap, _Network] = OrderedDict()

    def mapping(self, z: np.ndarray, c: np.ndarray) -> np.ndarray:
        """(N, z_dim), (N, c_dim) -> (N, w_dim)."""
        inputs = {"z": _tidy(z)}
        if self._info.c_dim:
            inputs["c"] = _tidy(c)
        return np.asarray(self._mapping.run(None, inputs)[0])

    def synthesis(self, inputs: Inputs) -> np.ndarray:
        """(N, C, H, W) float32, the caller's to keep."""
        return self._network(inputs).run(inputs).output.copy()

    def bgrx(self, inputs: Inputs, out: np.ndarray) -> None:
        slot = self._network(inputs).run(inputs)
        to_bgrx(slot.output, out, slot.work)

    def activations(self, inputs: Inputs, layer: str, grid: int) -> np.ndarray:
        """(N, C, grid, grid) float32: the layer's output, mean over equal areas."""
        network = self._network(inputs, reading(layer, self._info, grid))
        return network.run(inputs).output.copy()

    def warm_turns(self) -> None:
        """Open the graph for turned layers and draw one picture with it."""
        if _Tap((), None, turned=True) in self._tapped:
            return
        ws = np.zeros((1, self._info.num_ws, self._info.w_dim), np.float32)
        layer, width = next(iter(self.channels.items()))
        still = np.zeros((1, width, 1, 1), np.float32)
        self.synthesis(Inputs(ws, None, None, None, {}, {layer: Turn(still + 1.0, still)}))

    def _network(self, inputs: Inputs, read: Reading | None = None) -> _Network:
        if not inputs.activation_offset and not inputs.turned and read is None:
            return self._whole
        for layer, offset in inputs.activation_offset.items():
            check_width(offset.shape[-1], layer, self.channels[layer], self._info.name)
        moved = () if inputs.turned else tuple(sorted(inputs.activation_offset))
        key = _Tap(moved, read, bool(inputs.turned))
        if key not in self._tapped:
            while len(self._tapped) >= kept_taps:
                self._tapped.popitem(last=False)
            check_memory(self._info)
            graph = tapped_graph(self._path, moved, read, key.turned).SerializeToString()
            session = open_session(graph, self._threads, self.gpu)
            self._tapped[key] = _Network(session, self._info, self._constants)
        self._tapped.move_to_end(key)
        return self._tapped[key]


def open_session(
    graph: str | bytes, threads: int, cuda: bool = False, blocked: bool = True
) -> ort.InferenceSession:
    """A session tuned for one picture at a time; CUDA only if it can really be loaded.

    graph: a path or the content of a file
    blocked: convolutions may lay channels out in blocks (of 16, which few and narrow ones mind)
    """
    options = ort.SessionOptions()
    if not blocked:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 4
    # Threads spin within a picture (a third faster) but give the cores back between pictures.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    providers = ["CPUExecutionProvider"]
    if cuda and cuda_device_present():
        providers.insert(0, "CUDAExecutionProvider")
    try:
        return _open_quietly(graph, options, providers)
    except Exception as error:  # ONNX Runtime's own exceptions share no base class
        raise LodestoneError(
            "ONNX Runtime could not open this generator's graph. Import the model again.",
            repr(error),
        ) from error


def _open_quietly(
    graph: str | bytes, options: ort.SessionOptions, providers: list[str]
) -> ort.InferenceSession:
    """A CUDA provider that lacks a library would print its troubles before the CPU takes over."""
    if len(providers) == 1:
        return ort.InferenceSession(graph, options, providers=providers)
    ort.set_default_logger_severity(4)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            if hasattr(ort, "preload_dlls"):
                ort.preload_dlls()
            return ort.InferenceSession(graph, options, providers=providers)
    finally:
        ort.set_default_logger_severity(2)


@functools.cache
def cuda_device_present() -> bool:
    """Whether NVIDIA's driver is there and has a device, asked of the driver itself."""
    if "CUDAExecutionProvider" not in ort.get_available_providers():
        return False
    names = ("nvcuda.dll",) if sys.platform == "win32" else ("libcuda.so.1", "libcuda.so")
    for name in names:
        try:
            driver = ctypes.CDLL(name)
        except OSError:
            continue
        count = ctypes.c_int(0)
        started = driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0
        return started and count.value > 0
    return False


def _tidy(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, dtype=np.float32)
