"""What the engine says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.messages.discovering import Reply
from engine.messages.jobs import JobRequest, JobState
from engine.messages.steering import Direction, ModelInfo
from engine.messages.values import Picture


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
    notes: tuple[str, ...] = ()
    """Whole sentences among the messages: they outlast them, such as what a format cannot hold."""


@dataclass(frozen=True)
class Answer:
    """What came of a question (`EngineClient.ask`)."""

    key: str
    stamp: int
    body: Reply
    done: bool = True
    """False: more of the same follows."""
    ms: float = 0.0
    """Time the engine worked on it so far."""


Event = EngineStatus | ModelOpened | ModelsListed | Frame | Thumbnail | Failure | JobUpdate | Answer
