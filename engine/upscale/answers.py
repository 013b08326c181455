"""A part of a picture enlarged for the window: plain at once, then by the model. No torch.

What the model made of the last parts is kept, so that another strength costs nothing.
"""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from engine.messages import LodestoneError, Picture, UpscaleQuestion, UpscaleReply
from engine.progress import Progress
from engine.upscale.enlarge import Part, bled, check, large_size, parts
from engine.upscale.files import FILMS, Opened, read_picture
from engine.upscale.opened import Upscaler, open_upscaler
from engine.upscale.shelf import find
from engine.upscale.tiles import Tile

SLICE = 160
"""Side of the tiles between which other questions are answered, pixels of the small picture."""
LARGEST = 48_000_000
"""Pixels of an answer."""
KEPT = 4
"""Parts kept for other strengths."""
Replies = Generator[UpscaleReply | None, None, UpscaleReply]


@dataclass(eq=False)
class _Kept:
    """(h, w, C) float32 of the last parts, by everything but the strength."""

    parts: OrderedDict[object, Part] = field(default_factory=OrderedDict)

    def put(self, key: object, part: Part) -> None:
        self.parts[key] = part
        while len(self.parts) > KEPT:
            self.parts.popitem(last=False)


@functools.cache
def _kept() -> _Kept:
    return _Kept()


def enlarged(question: UpscaleQuestion) -> Replies:
    """The plain enlargement first; None in between is a place to pause."""
    settings = question.settings
    check(settings)
    opened, pixels = _picture(question.source)
    note = " ".join(opened.notes)
    where = _within(question, pixels)
    key = _key(question, where)
    kept = _kept().parts.get(key)
    plain_only = replace(settings, strength=0.0, tile=0)
    upscaler = open_upscaler(settings)
    if kept is None:
        plain = _joined(pixels, upscaler, plain_only, where, Progress())
        shown = _shown(plain.plain)
        yield UpscaleReply(shown, shown, "", note)
        if settings.strength == 0:
            return UpscaleReply(shown, shown, upscaler.provider, note)
        kept = yield from _made(pixels, upscaler, question, where, plain)
        _kept().put(key, kept)
    picture = _shown(kept.mixed(settings.strength))
    return UpscaleReply(picture, _shown(kept.plain), upscaler.provider, note)


def _made(
    pixels: np.ndarray, upscaler: Upscaler, question: UpscaleQuestion, where: Tile, plain: Part
) -> Generator[None, None, Part]:
    settings = replace(question.settings, tile=SLICE, strength=1.0)
    made = np.empty_like(plain.plain)
    for part in parts(pixels, upscaler, settings, Progress(), where):
        top, left = part.top - plain.top, part.left - plain.left
        h, w = part.made.shape[:2]
        made[top : top + h, left : left + w] = part.made
        yield None
    return Part(plain.top, plain.left, plain.plain, made)


def _joined(
    pixels: np.ndarray, upscaler: Upscaler, settings: object, where: Tile, progress: Progress
) -> Part:
    (part,) = parts(pixels, upscaler, settings, progress, where)  # type: ignore[arg-type]
    return part


def _picture(source: str) -> tuple[Opened, np.ndarray]:
    if not source:
        raise LodestoneError("No picture was chosen. Choose one first.")
    try:
        stat = Path(source).stat()
        stamp = (stat.st_mtime_ns, stat.st_size)
    except OSError:
        stamp = (0, 0)  # reading it says what is wrong, in words
    return _read(source, stamp)


@functools.lru_cache(maxsize=3)
def _read(source: str, _stamp: tuple[int, int]) -> tuple[Opened, np.ndarray]:
    if Path(source).suffix.lower() in FILMS:
        from engine.upscale.moving import first_frame

        opened = Opened(first_frame(Path(source)), "film")
    else:
        opened = read_picture(source)
    return opened, bled(opened.pixels)


def _within(question: UpscaleQuestion, pixels: np.ndarray) -> Tile:
    """The part, within the picture. Its exact pixels: the network aligns itself to its grid."""
    height, width = pixels.shape[:2]
    left, top = min(max(0, question.left), width - 1), min(max(0, question.top), height - 1)
    across = min(question.width or width, width - left)
    down = min(question.height or height, height - top)
    large = large_size(down, across, question.settings.scale)
    if large[0] * large[1] > LARGEST:
        raise LodestoneError(
            f"This part would have {large[1]:,} x {large[0]:,} pixels, too many to look at. "
            "Choose a smaller part."
        )
    return Tile(top, left, max(1, down), max(1, across))


def _key(question: UpscaleQuestion, where: Tile) -> object:
    settings = replace(question.settings, strength=1.0, tile=0)
    stamps = []
    for path in (Path(question.source), find(settings.model, settings.scale)):
        try:
            stat = path.stat()
        except OSError:
            return object()  # never found again
        stamps.append((str(path), stat.st_mtime_ns, stat.st_size))
    return settings, where, tuple(stamps)


def _shown(values: np.ndarray) -> Picture:
    """(h, w, C) float32 0..1 as BGRX, the fourth byte its alpha."""
    channels = values.shape[2]
    out = np.full((*values.shape[:2], 4), 255, np.uint8)
    levels = np.rint(values.clip(0, 1) * 255).astype(np.uint8)
    out[..., :3] = levels[..., 2::-1] if channels > 2 else levels[..., :1]
    if channels in (2, 4):
        out[..., 3] = levels[..., -1]
    return Picture.of(out)
