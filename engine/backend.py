"""What every backend of the runtime offers, and the arithmetic they share. No torch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import psutil
from safetensors import SafetensorError, safe_open

from engine.messages import ModelInfo
from models.errors import LodestoneError


@dataclass(frozen=True, eq=False)
class Turn:
    """What becomes of a layer's activations a: gain·a + offset, each (1 or N, C, h or 1, w or 1)
    float32."""

    gain: np.ndarray
    offset: np.ndarray


@dataclass(frozen=True, eq=False)
class Inputs:
    """Synthesis inputs, float32 and contiguous, of N pictures."""

    ws: np.ndarray  # (N, num_ws, w_dim)
    style_offset: np.ndarray | None  # (N, num_styles); None = zeros
    noise: np.ndarray | None  # (1 or N, num_noise); None = the stored noise
    noise_strength: np.ndarray | None  # (num_noise_layers,); None = ones
    activation_offset: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Layer name -> (1 or N, C), added to every position of the layer's output."""
    turned: Mapping[str, Turn] = field(default_factory=dict)
    """Layer name -> how its output is turned; then nothing else is added to it."""


@dataclass(frozen=True, eq=False)
class Constants:
    """What resolving and drawing need of the weights themselves."""

    w_avg: np.ndarray  # (w_dim,) or (c_dim, w_dim)
    noise: np.ndarray  # (1, num_noise)
    noise_layers: int


class Backend(Protocol):
    """One way to compute a generator."""

    provider: str
    """What really runs, such as `ONNX Runtime CPU`."""
    gpu: bool

    @property
    def channels(self) -> Mapping[str, int]:
        """Layer name -> channels of its output."""
        ...

    def warm_turns(self) -> None:
        """Get ready for pictures with turned layers: the first would have to wait."""
        ...

    def mapping(self, z: np.ndarray, c: np.ndarray) -> np.ndarray: ...
    def synthesis(self, inputs: Inputs) -> np.ndarray: ...
    def bgrx(self, inputs: Inputs, out: np.ndarray) -> None: ...
    def activations(self, inputs: Inputs, layer: str, grid: int) -> np.ndarray:
        """(N, C, grid, grid) float32: the layer's output, mean over equal areas."""
        ...


def read_constants(info: ModelInfo) -> Constants:
    """From the model's card file, reading only these few tensors."""
    noisy = [layer for layer in info.layers if layer.noise]
    try:
        with safe_open(info.path, framework="numpy") as card:
            w_avg = np.asarray(card.get_tensor("mapping.w_avg"), np.float32)
            noises = [
                np.asarray(card.get_tensor(f"synthesis.{layer.name}.noise_const"), np.float32)
                for layer in noisy
            ]
    except (OSError, SafetensorError) as error:
        raise LodestoneError(
            f"{Path(info.path).name} could not be read. Import the model again.", str(error)
        ) from error
    flat = [noise.reshape(1, -1) for noise in noises]
    noise = np.concatenate(flat, axis=1) if flat else np.zeros((1, 0), np.float32)
    return Constants(w_avg, noise, len(noisy))


def area_means(size: int, count: int) -> np.ndarray:
    """(count, size) float32: averages `size` samples over `count` equal stretches.

    A sample on a border counts for both sides by its share. `m @ image @ m.T` shrinks a picture.
    """
    edges = np.arange(count + 1) * (size / count)
    samples = np.arange(size)
    ends = np.minimum(edges[1:, None], samples + 1)
    overlap = ends - np.maximum(edges[:-1, None], samples)
    return (np.maximum(overlap, 0.0) * (count / size)).astype(np.float32)


def to_bgrx(image: np.ndarray, out: np.ndarray, work: np.ndarray | None = None) -> None:
    """(N, C, H, W) float about -1..1 -> (N, H, W, 4) uint8 B G R X, in place.

    `work` is an optional (H, W) float32 scratch array. Values round as NVIDIA's tools do:
    x * 127.5 + 128, cut to 0..255, fraction dropped.
    """
    if work is None:
        work = np.empty(image.shape[2:], np.float32)
    colours = image.shape[1] >= 3
    for picture, target in zip(image, out, strict=True):
        for channel in range(3):
            if channel == 0 or colours:
                np.multiply(picture[2 - channel if colours else 0], np.float32(127.5), out=work)
                work += np.float32(128.0)
                np.clip(work, 0.0, 255.0, out=work)
            np.copyto(target[..., channel], work, casting="unsafe")
        target[..., 3] = 255


def available_cores() -> int:
    """Physical cores this process may use; hyper-threads slow dense arithmetic down."""
    logical = psutil.cpu_count() or 1
    physical = psutil.cpu_count(logical=False) or logical
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else logical
    # Of a machine with two threads a core, an affinity of n threads is n / 2 cores.
    cores = -(-allowed * physical // logical)
    return max(1, min(physical, cores, _quota()))


def _quota() -> int:
    """Cores a container may use (cgroup v2), or very many."""
    try:
        limit, period = Path("/sys/fs/cgroup/cpu.max").read_text("ascii").split()
        return max(1, round(int(limit) / int(period)))
    except (OSError, ValueError):
        return 1 << 16


def check_memory(info: ModelInfo, batch: int = 1) -> None:
    """Refuse, before anything is allocated, a generator that does not fit into free memory.

    Weights are counted three times (file, graph, packed for the processor); a layer needs its
    input and output, about twice over.
    """
    try:
        weights = os.path.getsize(info.path)
    except OSError as error:
        raise LodestoneError(
            f"{info.name} is no longer where it was ({info.path}). Import it again.", str(error)
        ) from error
    largest = max(layer.style_count * layer.resolution**2 for layer in info.layers)
    need = 3 * weights + 4 * 4 * batch * largest
    free = psutil.virtual_memory().available
    if need > free:
        raise LodestoneError(
            f"{info.name} needs about {need / 2**30:.1f} GB of memory, but only "
            f"{free / 2**30:.1f} GB are free. Close other programs or choose a smaller model."
        )
