"""What takes long: one request a job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.messages.discovering import ChannelsRequest, DiscoverRequest
from engine.messages.inspecting import (
    AblateRequest,
    ArtifactsRequest,
    CircuitRequest,
    DefenceRequest,
    DescribeRequest,
    DescriberRequest,
    EffectsRequest,
    ReportRequest,
    StudyRequest,
    VisualiseRequest,
)
from engine.messages.picturing import PictureRequest, PictureTrainRequest
from engine.messages.sounding import SoundRequest, SoundTrainRequest
from engine.messages.steering import SteerRequest
from engine.messages.upscaling import UpscaleRequest, UpscaleTrainRequest


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


JobRequest = (
    ImportRequest
    | ExportRequest
    | RenderRequest
    | TrainRequest
    | QualityRequest
    | DiscoverRequest
    | ChannelsRequest
    | PictureTrainRequest
    | PictureRequest
    | SoundTrainRequest
    | SoundRequest
    | UpscaleRequest
    | UpscaleTrainRequest
    | StudyRequest
    | DescribeRequest
    | DescriberRequest
    | AblateRequest
    | EffectsRequest
    | ArtifactsRequest
    | CircuitRequest
    | DefenceRequest
    | VisualiseRequest
    | ReportRequest
)

JobState = Literal["queued", "running", "paused", "done", "failed", "cancelled"]
