"""How pictures are to be enlarged, and which part of one is asked for. No Qt."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from engine.messages import PictureFormat, UpscaleSettings

KEY = "upscale:"
"""Questions and failures of the page begin with it."""
FILMS = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".wmv", ".ogv")
"""Endings of films."""
MOST = 9_000_000
"""Pixels of a result that are looked at at a time: a film picture of 2160 lines."""
MARGIN = 0.15
"""Of what is seen is asked for around it, so that a small move shows no edge."""
STEP = 16
"""Pixels of the source on which parts begin and end."""
LOWEST, HIGHEST = 1.0, 8.0
"""Times."""
STRONGEST = 1.5


@dataclass(frozen=True)
class UpscaleState:
    """Every field is undoable."""

    model: str = "fredsr"
    against: str = ""
    """The model to compare with; empty: plain stretching."""
    scale: float = 3.0
    strength: float = 1.0
    wrap: bool = False
    format: PictureFormat = "same"
    quality: int = 92
    folder: str = ""
    """Where results go; empty: the person's pictures."""


def settings_of(state: UpscaleState) -> UpscaleSettings:
    return UpscaleSettings(state.model, state.scale, state.strength, state.wrap)


def against_of(state: UpscaleState) -> UpscaleSettings:
    """What it is compared with."""
    if state.against:
        return replace(settings_of(state), model=state.against)
    return replace(settings_of(state), strength=0.0)


def original_of(state: UpscaleState) -> UpscaleSettings:
    """The source's own pixels."""
    return UpscaleSettings(state.model, 1.0, 0.0, state.wrap)


@dataclass(frozen=True)
class Part:
    """Of a source, in its pixels."""

    left: int
    top: int
    width: int
    height: int

    def holds(self, other: Part) -> bool:
        return (
            self.left <= other.left
            and self.top <= other.top
            and self.left + self.width >= other.left + other.width
            and self.top + self.height >= other.top + other.height
        )

    def place(self, size: tuple[int, int], scale: float) -> tuple[int, int, int, int]:
        """Left, top, width, height in the result of a source of `size` (width, height)."""
        left, right = _span(self.left, self.width, size[0], scale)
        top, bottom = _span(self.top, self.height, size[1], scale)
        return left, top, right - left, bottom - top


def _span(start: int, length: int, size: int, scale: float) -> tuple[int, int]:
    large = max(1, round(size * scale))
    end = large if start + length >= size else round((start + length) * large / size)
    return round(start * large / size), end


def result_size(size: tuple[int, int], scale: float) -> tuple[int, int]:
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


@dataclass(frozen=True)
class Seen:
    """What of a source lies before the eye, in its pixels; of a seamless one up to twice each."""

    left: float = 0.0
    top: float = 0.0
    right: float = 0.0
    bottom: float = 0.0


def parts_of(
    seen: Seen, size: tuple[int, int], scale: float, wrap: bool
) -> tuple[Part, Part] | None:
    """What is seen, and what to ask for (somewhat more); None: too many pixels, or nothing.

    size: (width, height) of the source
    """
    across = _within(seen.left, seen.right, size[0], wrap)
    down = _within(seen.top, seen.bottom, size[1], wrap)
    if across is None or down is None:
        return None
    exact = Part(across[0], down[0], across[1] - across[0], down[1] - down[0])
    if exact.width * exact.height * scale * scale > MOST:
        return None
    wide = _wider(exact, size)
    return exact, wide if wide.width * wide.height * scale * scale <= MOST else exact


def _within(begin: float, end: float, size: int, wrap: bool) -> tuple[int, int] | None:
    if wrap:
        if end - begin >= size or math.floor(begin / size) != math.floor((end - 1e-6) / size):
            return 0, size  # it shows a seam: both ends
        whole = math.floor(begin / size) * size
        begin, end = begin - whole, end - whole
    first, last = max(0, math.floor(begin)), min(size, math.ceil(end))
    return (first, last) if last > first else None


def _wider(part: Part, size: tuple[int, int]) -> Part:
    more = (round(part.width * MARGIN), round(part.height * MARGIN))
    left = max(0, (part.left - more[0]) // STEP * STEP)
    top = max(0, (part.top - more[1]) // STEP * STEP)
    right = min(size[0], -(-(part.left + part.width + more[0]) // STEP) * STEP)
    bottom = min(size[1], -(-(part.top + part.height + more[1]) // STEP) * STEP)
    return Part(left, top, right - left, bottom - top)
