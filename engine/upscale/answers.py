"""A part of a picture enlarged for the window: plain at once, then by the model. No torch.

The model's work is done in pieces on a fixed grid and kept, so that another strength costs nothing
and a moved view only what has come into it.
"""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from engine.messages import (
    LodestoneError,
    Picture,
    UpscaleQuestion,
    UpscaleReply,
    UpscaleSettings,
    UpscaleSource,
    UpscaleSourceQuestion,
)
from engine.progress import Progress
from engine.upscale.enlarge import Part, bled, check, large_size, parts
from engine.upscale.files import Opened
from engine.upscale.frames import read_frame
from engine.upscale.opened import Upscaler, open_upscaler
from engine.upscale.shelf import find
from engine.upscale.tiles import Tile

SLICE = 160
"""Side of the pieces between which other questions are answered, pixels of the small picture."""
LARGEST = 48_000_000
"""Pixels of an answer."""
KEPT = 512 * 2**20
"""Bytes of pieces that are kept."""
Replies = Generator[UpscaleReply | None, None, UpscaleReply]


@dataclass(eq=False)
class _Kept:
    """What the model made of the last pieces, by everything but the strength."""

    pieces: OrderedDict[object, Part] = field(default_factory=OrderedDict)
    size: int = 0

    def get(self, key: object) -> Part | None:
        part = self.pieces.get(key)
        if part is not None:
            self.pieces.move_to_end(key)
        return part

    def put(self, key: object, part: Part) -> None:
        self.pieces[key] = part
        self.size += _bytes(part)
        while self.size > KEPT and len(self.pieces) > 1:
            _key, gone = self.pieces.popitem(last=False)
            self.size -= _bytes(gone)


def _bytes(part: Part) -> int:
    return part.plain.nbytes + part.made.nbytes


@functools.cache
def _kept() -> _Kept:
    return _Kept()


def enlarged(question: UpscaleQuestion) -> Replies:
    """The plain enlargement first, then piece by piece, the middle first; at last the whole."""
    settings = question.settings
    check(settings)
    opened, pixels, _frames = _picture(question.source, question.frame)
    where = _within(question, pixels)
    upscaler = open_upscaler(settings)
    view = _View.of(pixels, where, settings)
    note = " ".join(opened.notes)
    key, tiles = _key(question), _pieces(where, pixels, upscaler.shape.grid)
    held = {tile: part for tile in tiles if (part := _kept().get((key, tile))) is not None}
    if settings.strength == 0 or len(held) < len(tiles):
        (plain,) = parts(pixels, upscaler, replace(settings, strength=0, tile=0), Progress(), where)
        shown = Picture.of(_shown(plain.plain))
        if settings.strength == 0:
            return UpscaleReply(shown, shown, "", note)
        yield UpscaleReply(shown, shown, "", note)
    if len(held) < len(tiles):
        for part in tuple(held.values()):
            yield view.piece(part, settings.strength)
    for tile in tiles:
        if tile not in held:
            held[tile] = part = _made(pixels, upscaler, settings, tile)
            _kept().put((key, tile), part)
            yield view.piece(part, settings.strength)
    return view.whole(tuple(held.values()), question, upscaler.provider, note)


@dataclass(frozen=True)
class _View:
    """Where the part lies in the large picture, and what becomes of the pieces in it."""

    left: int
    top: int
    width: int
    height: int

    @staticmethod
    def of(pixels: np.ndarray, where: Tile, settings: UpscaleSettings) -> _View:
        height, width = pixels.shape[:2]
        large = large_size(height, width, settings.scale)
        top, bottom = _span(where.top, where.height, height, large[0])
        left, right = _span(where.left, where.width, width, large[1])
        return _View(left, top, right - left, bottom - top)

    def piece(self, part: Part, strength: float) -> UpscaleReply | None:
        """What is seen of one."""
        cut, left, top = self._cut(part)
        if not cut.plain.size:
            return None
        picture = Picture.of(_shown(cut.mixed(strength)))
        return UpscaleReply(picture, picture, "", piece=True, left=left, top=top)

    def whole(
        self, pieces: tuple[Part, ...], question: UpscaleQuestion, provider: str, note: str
    ) -> UpscaleReply:
        made = np.empty((self.height, self.width, 4), np.uint8)
        plain = made if question.bare else np.empty_like(made)
        for part in pieces:
            cut, left, top = self._cut(part)
            h, w = cut.plain.shape[:2]
            made[top : top + h, left : left + w] = _shown(cut.mixed(question.settings.strength))
            if not question.bare:
                plain[top : top + h, left : left + w] = _shown(cut.mixed(0))
        picture = Picture.of(made)
        return UpscaleReply(
            picture, picture if question.bare else Picture.of(plain), provider, note
        )

    def _cut(self, part: Part) -> tuple[Part, int, int]:
        """What of a piece lies within, and where."""
        h, w = part.plain.shape[:2]
        top, left = max(0, self.top - part.top), max(0, self.left - part.left)
        bottom = min(h, self.top + self.height - part.top)
        right = min(w, self.left + self.width - part.left)
        box = slice(top, max(top, bottom)), slice(left, max(left, right))
        cut = Part(part.top + top, part.left + left, part.plain[box], part.made[box])
        return cut, cut.left - self.left, cut.top - self.top


def _span(start: int, length: int, size: int, large: int) -> tuple[int, int]:
    """Begin and end in the large picture, as the tiles of `enlarge` have them."""
    end = large if start + length >= size else round((start + length) * large / size)
    begin = round(start * large / size)
    return begin, max(begin, end)


def _pieces(where: Tile, pixels: np.ndarray, grid: int) -> list[Tile]:
    """Those that the part touches, its middle first."""
    height, width = pixels.shape[:2]
    side = max(grid, SLICE // grid * grid)
    tiles = [
        Tile(top, left, min(side, height - top), min(side, width - left))
        for top in range(where.top // side * side, where.top + where.height, side)
        for left in range(where.left // side * side, where.left + where.width, side)
    ]
    middle = where.left + where.width / 2 - side / 2, where.top + where.height / 2 - side / 2
    return sorted(tiles, key=lambda t: (t.left - middle[0]) ** 2 + (t.top - middle[1]) ** 2)


def _made(pixels: np.ndarray, upscaler: Upscaler, settings: UpscaleSettings, tile: Tile) -> Part:
    """One piece; models that take only one size may need several runs for it."""
    whole = replace(settings, tile=SLICE, strength=1.0)
    found = list(parts(pixels, upscaler, whole, Progress(), tile))
    if len(found) == 1:
        return found[0]
    top, left = min(p.top for p in found), min(p.left for p in found)
    height = max(p.top + p.plain.shape[0] for p in found) - top
    width = max(p.left + p.plain.shape[1] for p in found) - left
    plain = np.empty((height, width, pixels.shape[2]), np.float32)
    made = np.empty_like(plain)
    for part in found:
        h, w = part.plain.shape[:2]
        rows = slice(part.top - top, part.top - top + h)
        columns = slice(part.left - left, part.left - left + w)
        plain[rows, columns], made[rows, columns] = part.plain, part.made
    return Part(top, left, plain, made)


# ---------------------------------------------------------------- the source


def looked_at(question: UpscaleSourceQuestion) -> Generator[None, None, UpscaleSource]:
    """What it is, and a small picture of it."""
    opened, pixels, frames = _picture(question.source, question.frame)
    yield None
    height, width, channels = pixels.shape
    picture = Picture.of(_small(pixels, max(1, question.longest)))
    bits = pixels.dtype.itemsize * 8
    note = " ".join(opened.notes)
    return UpscaleSource(picture, width, height, bits, channels, frames, note)


def _small(pixels: np.ndarray, longest: int) -> np.ndarray:
    """(h, w, 4) uint8 BGRA, no side longer than asked."""
    from PIL import Image

    levels = pixels if pixels.dtype == np.uint8 else (pixels >> 8).astype(np.uint8)
    shown = _bgrx(levels)
    scale = longest / max(shown.shape[:2])
    if scale >= 1:
        return shown
    size = max(1, round(shown.shape[1] * scale)), max(1, round(shown.shape[0] * scale))
    return np.asarray(Image.fromarray(shown).resize(size, Image.Resampling.BOX))


def _picture(source: str, frame: int) -> tuple[Opened, np.ndarray, int]:
    if not source:
        raise LodestoneError("No picture was chosen. Choose one first.")
    try:
        stat = Path(source).stat()
        stamp = (stat.st_mtime_ns, stat.st_size)
    except OSError:
        stamp = (0, 0)  # reading it says what is wrong, in words
    return _read(source, max(0, frame), stamp)


@functools.lru_cache(maxsize=3)
def _read(source: str, frame: int, _stamp: tuple[int, int]) -> tuple[Opened, np.ndarray, int]:
    opened, frames = read_frame(Path(source), frame)
    return opened, bled(opened.pixels), frames


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


def _key(question: UpscaleQuestion) -> object:
    settings = replace(question.settings, strength=1.0, tile=0)
    stamps = []
    for path in (Path(question.source), find(settings.model, settings.scale)):
        try:
            stat = path.stat()
        except OSError:
            return object()  # never found again
        stamps.append((str(path), stat.st_mtime_ns, stat.st_size))
    return settings, question.frame, tuple(stamps)


def _shown(values: np.ndarray) -> np.ndarray:
    """(h, w, C) float32 0..1 as (h, w, 4) uint8."""
    return _bgrx((values.clip(0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8))


def _bgrx(levels: np.ndarray) -> np.ndarray:
    """(h, w, C) uint8 as BGRX, the fourth byte its alpha."""
    channels = levels.shape[2]
    out = np.full((*levels.shape[:2], 4), 255, np.uint8)
    out[..., :3] = levels[..., 2::-1] if channels > 2 else levels[..., :1]
    if channels in (2, 4):
        out[..., 3] = levels[..., -1]
    return out
