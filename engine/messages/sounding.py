"""One sound as a generator: what is asked of it, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.messages.values import Vector

SoundTask = Literal["sample", "vary", "inpaint", "extend", "denoise", "morph"]
SoundEngine = Literal["auto", "grains", "pyramid"]
SoundKind = Literal["auto", "speech", "music"]
SoundFormat = Literal["wav", "flac"]

Span = tuple[float, float]
"""(from, to) in seconds."""


@dataclass(frozen=True)
class SoundRecipe:
    """Everything that decides one new sound."""

    source: str
    """Path of the recording it is made from."""
    task: SoundTask = "sample"
    engine: SoundEngine = "auto"
    """auto: the pyramid once it is trained, else grains."""
    model: str = ""
    """Path of a trained pyramid's card."""
    seed: int = 0
    start: float = 0.0
    """Region of the source that is used, seconds …"""
    end: float = 0.0
    """… 0 = to its end."""
    seconds: float = 0.0
    """Length of the new sound (sample, morph); 0 = as the region."""
    loop: bool = False
    """Its end goes over into its beginning."""
    start_level: int = 0
    """vary: 0 = the coarsest is new too; higher keeps more of the source's course."""
    variation: float = 1.0
    """0..1: how freely the first level begins."""
    holes: tuple[Span, ...] = ()
    """inpaint: in seconds of the whole source, not of the region."""
    rate: int = 0
    """extend: sampling rate of the result, Hz; 0 = as the source."""
    others: tuple[str, ...] = ()
    """morph: paths of sounds B, C, D; extend: other recordings that have the upper band."""
    curve: tuple[tuple[float, float], ...] = ()
    """morph: (seconds, share of B 0..1), linear in between."""
    noise: tuple[Span, ...] = ()
    """denoise: where only noise is heard; () = found."""
    amount: float = 1.0
    """denoise: 0 = nothing, 1 = all of it."""


@dataclass(frozen=True)
class SoundQuestion:
    """Make it, coarse first. Answered by several `SoundReply`s."""

    recipe: SoundRecipe


@dataclass(frozen=True)
class SoundReply:
    samples: Vector
    """(channels, N) float32, -1..1 where the source stays within."""
    rate: int
    level: int
    levels: int
    """The last reply has level == levels."""
    engine: str = ""
    """`grains` or `pyramid`: which one answered."""
    note: str = ""
    near: float | None = None
    """Log-mel sliced Wasserstein distance to the source over 8 frames (about 128 ms at 16 kHz)."""
    far: float | None = None
    """The same over 64 frames (about 1 s)."""
    copy: float | None = None
    """Largest normalised correlation of half-second windows with the source; 1 = a copy."""


@dataclass(frozen=True)
class SoundTrainRequest:
    """Train a pyramid on one to four sounds (job). Finished levels are kept and resumed."""

    sources: tuple[str, ...]
    out: str
    """Where the card (.safetensors) goes; levels and ONNX lie beside it."""
    name: str = ""
    seconds: float = 600.0
    """Time budget: the quality dial."""
    start: float = 0.0
    """Region of the first source, seconds …"""
    end: float = 0.0
    """… 0 = to its end (25 seconds at most are learnt from)."""
    rate: int = 16000
    """Sampling rate of the finest level, Hz; what lies above is added when a take is drawn."""
    kind: SoundKind = "auto"
    holes: tuple[Span, ...] = ()
    """Never listened to."""
    seed: int = 0
    device: str = "auto"


@dataclass(frozen=True)
class SoundRequest:
    """Recipes to files (job)."""

    recipes: tuple[SoundRecipe, ...]
    out: str
    """Folder."""
    names: tuple[str, ...] = ()
    format: SoundFormat = "wav"
    depth: int = 24
    """Bits a sample: 16, 24 or 32 (float, WAV only)."""
    rate: int = 0
    """Hz; 0 = as made."""
