"""An upscaler, open: FREDSR or a community model in ONNX Runtime. No torch."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.backend import available_cores
from engine.messages import LodestoneError, UpscaleSettings
from engine.onnx_backend import open_session
from engine.upscale.graph import graph
from engine.upscale.shelf import find, missing
from engine.upscale.store import ARCHITECTURE, config_of
from engine.upscale.tiles import Shape
from models.files import load_model
from models.fredsr_shape import BLOCK

KEPT = 4
"""Upscalers that stay open."""
_BYTES = 1_600
"""Of memory that FREDSR needs for a pixel of the small picture."""


@dataclass(frozen=True)
class Span:
    """How a network counts brightness: black and white are these."""

    black: float = 0.0
    white: float = 1.0

    def there(self, values: np.ndarray) -> np.ndarray:
        return values * np.float32(self.white - self.black) + np.float32(self.black)

    def back(self, values: np.ndarray) -> np.ndarray:
        return (values - np.float32(self.black)) / np.float32(self.white - self.black)


@dataclass(frozen=True, eq=False)
class Upscaler:
    """What enlarges; `residual` ones give what is added to a plain enlargement."""

    name: str
    shape: Shape
    session: Any
    residual: bool = True
    takes: Span = Span()
    gives: Span = Span()
    half: bool = False
    """Whether it takes 16-bit floats."""
    single: bool = False
    """Whether it takes one channel."""
    pixel_bytes: int = _BYTES
    """Of memory, for a pixel of the small picture."""

    @property
    def provider(self) -> str:
        """What computes it."""
        used = self.session.get_providers()[0]
        return f"ONNX Runtime {used.removesuffix('ExecutionProvider')}"

    def network(self, part: np.ndarray) -> np.ndarray:
        """(h, w, 3) float32 0..1 -> (h·s, w·s, 3)."""
        planes = self.takes.there(part).transpose(2, 0, 1)
        if self.single:
            made = np.concatenate([self._run(plane[None, None]) for plane in planes], axis=1)
        else:
            made = self._run(planes[None])
        if not self.residual:
            made = self.gives.back(made)
        return made[0].transpose(1, 2, 0)

    def _run(self, fed: np.ndarray) -> np.ndarray:
        kind = np.float16 if self.half else np.float32
        name = self.session.get_inputs()[0].name
        made = self.session.run(None, {name: np.ascontiguousarray(fed, dtype=kind)})[0]
        return np.asarray(made, np.float32)


def open_upscaler(settings: UpscaleSettings) -> Upscaler:
    """By name or path; the last few stay open. LodestoneError when it cannot be used."""
    path = find(settings.model, settings.scale)
    try:
        stat = path.stat()
    except OSError as error:
        raise missing(settings.model) from error
    return _open(path, (stat.st_mtime_ns, stat.st_size), settings.device)


@functools.lru_cache(maxsize=KEPT)
def _open(path: Path, _stamp: tuple[int, int], device: str) -> Upscaler:
    if path.suffix.lower() == ".onnx":
        from engine.upscale.community import open_community

        upscaler = open_community(path, device)
    else:
        upscaler = _fredsr(path, device)
    if device == "cuda" and "CUDA" not in upscaler.provider:
        raise LodestoneError(
            "CUDA was asked for, but no NVIDIA GPU with its libraries is at hand. Choose the CPU, "
            "or let Lodestone choose."
        )
    return upscaler


def _fredsr(path: Path, device: str) -> Upscaler:
    card, state = load_model(path)
    if card.architecture != ARCHITECTURE:
        raise LodestoneError(
            f"{card.name} is a generator, not an upscaler. Choose fredsr or another upscaler."
        )
    config = config_of(card.hyper)
    try:
        content = graph(config, state)
    except (KeyError, ValueError, TypeError) as error:
        raise LodestoneError(
            f"{path.name} lacks weights that its card speaks of. Copy it again from where it "
            "came from.",
            repr(error),
        ) from error
    shape = Shape(config.scale, config.reach, BLOCK, frame=BLOCK)
    return Upscaler(card.name, shape, session_of(content, path.name, device, blocked=False))


def session_of(content: str | bytes, name: str, device: str, blocked: bool = True) -> Any:
    """A session, on CUDA where it is wanted and really there."""
    try:
        return open_session(content, available_cores(), device != "cpu", blocked)
    except LodestoneError as error:
        raise LodestoneError(
            f"{name} cannot be opened by ONNX Runtime. Choose another upscaler.", error.detail
        ) from error
