"""Everything that crosses the border between the window and the engine.

Frozen, comparable, picklable dataclasses; no torch, no Qt. A *request* holds everything that
decides its result, so equal requests give equal results. An *event* is what the engine says.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from models.errors import LodestoneError as LodestoneError
from models.layers import Layer as Layer

Space = Literal["z", "w", "w+", "s"]
NoiseMode = Literal["const", "random", "off"]


@dataclass(frozen=True)
class Vector:
    """An immutable, comparable, hashable float32 array."""

    data: bytes
    shape: tuple[int, ...]

    @staticmethod
    def of(array: np.ndarray) -> Vector:
        array = np.ascontiguousarray(array, dtype=np.float32)
        return Vector(array.tobytes(), array.shape)

    def array(self) -> np.ndarray:
        """A read-only view, float32, of `shape`."""
        return np.frombuffer(self.data, dtype=np.float32).reshape(self.shape)

    def __repr__(self) -> str:
        digest = hashlib.sha256(self.data).hexdigest()[:8]
        return f"Vector({'x'.join(map(str, self.shape))}, {digest})"


@dataclass(frozen=True)
class Picture:
    """A small picture that travels by value: `pixels` is H*W*4 bytes, B G R X, rows top down."""

    width: int
    height: int
    pixels: bytes = field(repr=False)

    @staticmethod
    def of(array: np.ndarray) -> Picture:
        """From (H, W, 4) uint8 BGRX."""
        height, width, _ = array.shape
        return Picture(width, height, np.ascontiguousarray(array, dtype=np.uint8).tobytes())

    def array(self) -> np.ndarray:
        return np.frombuffer(self.pixels, dtype=np.uint8).reshape(self.height, self.width, 4)


# ---------------------------------------------------------------- models


@dataclass(frozen=True)
class ModelInfo:
    """What the window knows of a generator."""

    id: str
    """sha256 over the weights (hex); equal ids draw equal pictures."""
    name: str
    path: str
    architecture: str
    """Registry id: `stylegan2`, `stylegan3-t`, `stylegan3-r`."""
    resolution: int
    channels: int
    """3 colour, 1 grey."""
    z_dim: int
    w_dim: int
    c_dim: int
    num_ws: int
    layers: tuple[Layer, ...]
    class_names: tuple[str, ...] = ()
    """c_dim names; `class 0`, `class 1` … when the file gives none; empty when c_dim is 0."""
    licence: str = ""
    attribution: str = ""
    provenance: str = ""
    """One or two sentences: what it was trained on, how long, or which file it came from."""
    bundled: bool = False
    parity: float | None = None
    """Largest |ONNX - torch| over random latents, None until exported."""


@dataclass(frozen=True)
class Direction:
    """An axis in a latent space.

    The offset of an amount `a` is `a * sigma * vector` (vector has unit L2 norm over its last
    axis), so amounts are in standard deviations of the latents along the axis.
    """

    name: str
    space: Space
    vector: Vector
    """(w_dim,) for w, (num_ws, w_dim) for w+, (z_dim,) for z, (num_styles,) for s."""
    sigma: float = 1.0
    layers: tuple[int, int] | None = None
    """First and last w+ row it acts on, inclusive; None for all."""
    method: str = ""
    """How it was found: `sefa`, `pca`, `compass` …"""
    model: str = ""
    """Id of the model it was found in."""
    detail: str = ""
    """Provenance as JSON: eigenvalue, images and labels it was learnt from …"""


# ---------------------------------------------------------------- steering


@dataclass(frozen=True)
class LatentPart:
    """One source of a latent. Either a seed (`RandomState(seed).randn(1, z_dim)`) or a vector."""

    seed: int | None = None
    vector: Vector | None = None
    space: Literal["z", "w", "w+"] = "z"
    """Space of `vector`; a seed is always z."""
    weight: float = 1.0
    """Parts are averaged in w by weight; weights need not sum to 1."""
    rows: tuple[int, ...] | None = None
    """Only these rows of w+ count this part; None = all. Made by `morph` for style mixing."""


@dataclass(frozen=True)
class Edit:
    """A direction with an amount in σ."""

    direction: Direction
    amount: float


@dataclass(frozen=True)
class SteerRequest:
    """One picture of a generator: the whole recipe."""

    model: str
    """Model id."""
    latent: tuple[LatentPart, ...] = (LatentPart(seed=0),)
    classes: tuple[float, ...] = ()
    """Class weights (c_dim,), normalised to sum 1; empty = first class (or none)."""
    mix: tuple[LatentPart, ...] = ()
    """Style mixing: the second latent B …"""
    mix_layers: tuple[int, ...] = ()
    """… and the w+ rows taken from it."""
    truncation: float = 1.0
    """psi; w' = centre + psi (w - centre)."""
    truncation_cutoff: int | None = None
    """Only w+ rows below this are truncated; None = all."""
    noise: NoiseMode = "const"
    noise_seed: int = 0
    """For `random`."""
    noise_strength: float = 1.0
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True)
class ThumbnailsRequest:
    """Several small pictures; they arrive one by one in `Thumbnail` events, canvas frames first."""

    requests: tuple[SteerRequest, ...]
    size: int = 96
    """Longest side, pixels."""


# ---------------------------------------------------------------- jobs


@dataclass(frozen=True)
class ImportRequest:
    """Read a foreign or own model file, write its card into the library, export ONNX."""

    path: str
    name: str = ""


@dataclass(frozen=True)
class ExportRequest:
    """Write a generator as ONNX (`out` ends in .onnx) with its parity measured."""

    model: str
    """Name, id or path."""
    out: str


@dataclass(frozen=True)
class RenderRequest:
    """Pictures or a film from a list of requests, or a morph through keyframes."""

    frames: tuple[SteerRequest, ...]
    """Rendered in order; with `steps_between` > 0 they are keyframes and are morphed."""
    out: str
    """A folder for png / npy; a file ending .mp4 or .webm for a film."""
    format: Literal["png", "npy", "mp4", "webm"] = "png"
    fps: float = 30.0
    steps_between: int = 0
    """Frames from one keyframe to the next (0 = the frames are all)."""
    loop: bool = False
    """With keyframes: also morph from the last back to the first (first != last frame)."""
    names: tuple[str, ...] = ()
    """File stems, one a frame; defaults to 00000, 00001 …"""
    device: str = "auto"
    """`auto`, `cpu` or `cuda`."""
    source: str = ""
    """Path of the generator's card when it is not on the shelf."""


@dataclass(frozen=True)
class TrainRequest:
    """Train a generator on a folder or zip of pictures."""

    data: str
    """Folder or zip; sub-folders are classes when `conditional`."""
    out: str
    """Where the card (.safetensors) goes; the resumable state lies beside it."""
    name: str = ""
    resolution: int = 128
    minutes: float = 60.0
    """Time budget of this run: the quality dial."""
    conditional: bool = False
    labels: str = ""
    """Optional CSV with columns `file` and `class` (or `class_folder`) instead of sub-folders."""
    seed: int = 0
    size: Literal["small", "medium", "large"] = "small"
    """Channels: small suits a CPU, large a GPU."""
    noise: bool = True
    """Noise inputs; off suits flat drawings, whose every detail then comes from the latent."""
    licence: str = ""
    attribution: str = ""
    device: str = "auto"


@dataclass(frozen=True)
class QualityRequest:
    """Measure a generator against pictures: Fréchet distance, nearest pictures, a sheet."""

    model: str
    """Name, id or path."""
    data: str
    """Folder or zip of the pictures it was trained on."""
    out: str
    """Folder for the figures and sheets."""
    labels: str = ""
    count: int = 5000
    """Samples; at most half the pictures."""


JobRequest = ImportRequest | ExportRequest | RenderRequest | TrainRequest | QualityRequest

JobState = Literal["queued", "running", "paused", "done", "failed", "cancelled"]


# ---------------------------------------------------------------- events


@dataclass(frozen=True)
class EngineStatus:
    """How the engine is. `message` is a plain sentence for the status line."""

    state: Literal["starting", "ready", "restarting", "failed", "closed"]
    message: str = ""
    provider: str = ""
    """What really computes: `ONNX Runtime CPU`, `ONNX Runtime CUDA`, `torch CUDA fp16` …"""


@dataclass(frozen=True)
class ModelOpened:
    info: ModelInfo
    directions: tuple[Direction, ...]
    """SeFa, ready to steer."""
    provider: str


@dataclass(frozen=True)
class ModelsListed:
    models: tuple[ModelInfo, ...]


@dataclass(frozen=True)
class Frame:
    """A rendered picture in shared memory; give it back with `EngineClient.release`."""

    stamp: int
    slot: int
    shape: tuple[int, int, int]
    """(H, W, 4) uint8 BGRX."""
    ms: float
    """Time the engine needed."""
    provider: str
    model: str
    memory: str = ""
    """Name of the shared-memory block."""
    key: str = "canvas"
    """Mailbox key of the request it answers."""


@dataclass(frozen=True)
class Thumbnail:
    key: str
    stamp: int
    index: int
    picture: Picture


@dataclass(frozen=True)
class Failure:
    """An error as state: shown on the canvas or in a job's row, never as a traceback."""

    sentence: str
    key: str = ""
    """Mailbox key it belongs to (`canvas`, `gallery` …), or `model`, `engine`."""
    stamp: int = 0
    detail: str = ""


@dataclass(frozen=True)
class JobUpdate:
    job: int
    state: JobState
    request: JobRequest
    fraction: float = 0.0
    message: str = ""
    seconds_left: float | None = None
    preview: Picture | None = None
    figures: tuple[tuple[str, float], ...] = ()
    result: str = ""
    """Path of what was made, when done."""


Event = EngineStatus | ModelOpened | ModelsListed | Frame | Thumbnail | Failure | JobUpdate
