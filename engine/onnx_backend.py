"""A generator in ONNX Runtime, on the CPU or CUDA, with nothing allocated per frame. No torch."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import io
import sys
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime as ort

from engine.backend import Constants, Inputs, available_cores, to_bgrx
from engine.graphs import GraphFiles
from engine.messages import ModelInfo
from models.errors import LodestoneError

kept_shapes = 4
"""Batch shapes whose buffers are kept."""


@dataclass(eq=False)
class _Slot:
    """Buffers of one batch shape, bound to the session once."""

    binding: Any
    inputs: dict[str, np.ndarray]
    image: np.ndarray
    work: np.ndarray
    stored_noise: bool = False
    plain: bool = False
    """Whether the style offset holds zeros."""


class OnnxBackend:
    """Synthesis and mapping as two sessions."""

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
        threads = threads or available_cores()
        self._mapping = open_session(str(files.mapping), threads)
        self._synthesis = open_session(str(files.synthesis), threads, cuda)
        # What is bound is what runs; what is installed says nothing.
        self.gpu = "CUDAExecutionProvider" in self._synthesis.get_providers()
        self.provider = "ONNX Runtime CUDA" if self.gpu else "ONNX Runtime CPU"
        self._styles = sum(layer.style_count for layer in info.layers)
        self._slots: OrderedDict[tuple[int, int], _Slot] = OrderedDict()

    def mapping(self, z: np.ndarray, c: np.ndarray) -> np.ndarray:
        """(N, z_dim), (N, c_dim) -> (N, w_dim)."""
        inputs = {"z": _tidy(z)}
        if self._info.c_dim:
            inputs["c"] = _tidy(c)
        return np.asarray(self._mapping.run(None, inputs)[0])

    def synthesis(self, inputs: Inputs) -> np.ndarray:
        """(N, C, H, W) float32, the caller's to keep."""
        return self._run(inputs).image.copy()

    def bgrx(self, inputs: Inputs, out: np.ndarray) -> None:
        slot = self._run(inputs)
        to_bgrx(slot.image, out, slot.work)

    def _run(self, inputs: Inputs) -> _Slot:
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
        self._synthesis.run_with_iobinding(slot.binding)
        return slot

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
        size = info.resolution
        image = np.empty((batch, info.channels, size, size), np.float32)
        binding = self._synthesis.io_binding()
        for name, array in inputs.items():
            binding.bind_input(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        binding.bind_output("image", "cpu", 0, np.float32, image.shape, image.ctypes.data)
        return _Slot(binding, inputs, image, np.empty((size, size), np.float32))


def open_session(path: str, threads: int, cuda: bool = False) -> ort.InferenceSession:
    """A session tuned for one picture at a time; CUDA only if it can really be loaded."""
    options = ort.SessionOptions()
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
        return _open_quietly(path, options, providers)
    except Exception as error:  # ONNX Runtime's own exceptions share no base class
        raise LodestoneError(
            "ONNX Runtime could not open this generator's graph. Import the model again.",
            repr(error),
        ) from error


def _open_quietly(
    path: str, options: ort.SessionOptions, providers: list[str]
) -> ort.InferenceSession:
    """A CUDA provider that lacks a library would print its troubles before the CPU takes over."""
    if len(providers) == 1:
        return ort.InferenceSession(path, options, providers=providers)
    ort.set_default_logger_severity(4)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            if hasattr(ort, "preload_dlls"):
                ort.preload_dlls()
            return ort.InferenceSession(path, options, providers=providers)
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
