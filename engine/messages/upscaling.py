"""Enlarging pictures and films: what is asked, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.messages.values import Picture

PictureFormat = Literal["same", "png", "jpg", "webp", "tiff", "avif"]


@dataclass(frozen=True)
class UpscaleSettings:
    """How to enlarge; equal settings and an equal picture give equal pixels."""

    model: str = "fredsr"
    """`fredsr` (fidelity), `fredsr-vivid`, or the name or path of another model."""
    scale: float = 3.0
    """Times; 1 to 8. Other than the model's own scale: resampled afterwards."""
    strength: float = 1.0
    """0..1.5: how much of what the model adds to a plain enlargement."""
    wrap: bool = False
    """Seamless: left meets right, top meets bottom."""
    tile: int = 0
    """Side of a tile in pixels of the small picture; 0 = from the free memory."""
    device: str = "auto"


@dataclass(frozen=True)
class UpscaleQuestion:
    """Enlarge a part of a picture for the window. Answered by `UpscaleReply`s, coarse first."""

    source: str
    settings: UpscaleSettings
    left: int = 0
    """Of the part, pixels of the source …"""
    top: int = 0
    width: int = 0
    """… 0 = all of it."""
    height: int = 0
    frame: int = 0
    """Of a film or a moving picture."""
    bare: bool = False
    """The plain enlargement is not wanted: `plain` is the same as `picture`."""


@dataclass(frozen=True)
class UpscaleReply:
    picture: Picture
    """The part at `scale` times its size."""
    plain: Picture
    """The same by plain enlargement, to compare."""
    provider: str
    """What computed it, as ONNX Runtime names it; empty for the plain enlargement."""
    note: str = ""
    piece: bool = False
    """Before the whole: a piece of it is done …"""
    left: int = 0
    """… and lies here in it, pixels of the large picture."""
    top: int = 0


@dataclass(frozen=True)
class UpscaleSourceQuestion:
    """What is there to enlarge? Answered by `UpscaleSource`."""

    source: str
    frame: int = 0
    longest: int = 1280
    """Pixels of the longest side of what comes back."""


@dataclass(frozen=True)
class UpscaleSource:
    """A picture, or one frame of a film."""

    picture: Picture
    width: int
    """Of the source, pixels."""
    height: int
    bits: int = 8
    """A channel."""
    channels: int = 3
    frames: int = 1
    """1: it does not move. A guess where the film does not say."""
    note: str = ""


@dataclass(frozen=True)
class UpscaleRequest:
    """Pictures, folders and films to files (job)."""

    sources: tuple[str, ...]
    out: str
    """A folder; or a file, for a single source."""
    settings: UpscaleSettings = UpscaleSettings()
    format: PictureFormat = "same"
    quality: int = 92
    """JPEG, WebP, AVIF: 1..100."""
    skip: tuple[str, ...] = ()
    """Sources that are finished already or not wanted any more."""
    stem: str = ""
    """What a single source becomes in the folder, without its suffix; its own name when empty."""


@dataclass(frozen=True)
class UpscaleTrainRequest:
    """Train FREDSR on a folder of pictures, or fit a trained one to it (job, resumable)."""

    data: str
    """Folder or zip."""
    out: str
    """Where the card (.safetensors) goes; its ONNX lies beside it."""
    name: str = ""
    scale: int = 3
    seconds: float = 600.0
    vivid: bool = False
    """With the diffusive discriminator."""
    base: str = ""
    """Fit: the model to begin from; kept only if better than it on pictures left out."""
    seed: int = 0
    device: str = "auto"
