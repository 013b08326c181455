"""Films and moving pictures, larger, frame by frame; number, times and sound stay. No torch.

A result appears under its name only once it is whole. What is finished of a film is kept beside it
(`segments.py`) until then: the same film again goes on from there.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.disk import why
from engine.messages import LodestoneError, UpscaleRequest
from engine.progress import Cancelled, Progress
from engine.upscale.animated import enlarge_pictures
from engine.upscale.encoding import CONTAINERS, Encoder, Form, join, versions
from engine.upscale.enlarge import enlarge
from engine.upscale.films import count, decoded, moving_stream, no_frames, open_film, pixels_of
from engine.upscale.look import preview_of
from engine.upscale.opened import Upscaler
from engine.upscale.segments import Unfinished

if TYPE_CHECKING:
    from engine.upscale.run import Item

_PICTURES = {".gif": "GIF", ".webp": "WEBP", ".png": "PNG", ".apng": "PNG"}
_SHOW_EVERY = 8
"""Frames between previews."""
PREVIEW = 256
"""Pixels of a preview's longest side."""
SEGMENT_SECONDS, SEGMENT_LEAST, SEGMENT_MOST = 20.0, 12, 250
"""A segment is closed after so long, but not before so many frames, and never has more: each
begins with a key frame, which costs bytes."""


def enlarge_moving(
    item: Item, request: UpscaleRequest, upscaler: Upscaler, progress: Progress, mark: str
) -> Path:
    """Returns where the result lies; `mark`: another film, model or setting has another one."""
    from engine.upscale.run import refuse_itself

    source = item.source
    suffix = _suffix(item)
    target = item.target or item.folder / f"{item.stem}{suffix}"
    refuse_itself(source, target)
    job = _Job(source, target, request, upscaler, progress)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if suffix in _PICTURES:
            job.pictures(_PICTURES[suffix])
        else:
            job.film(suffix, f"{mark} {suffix} {versions()}")
    except OSError as error:
        raise LodestoneError(
            f"{target.name} could not be written: {why(error)}.", repr(error)
        ) from error
    return target


def _suffix(item: Item) -> str:
    """Of the result; LodestoneError where such a file cannot move."""
    source = item.source
    suffix = item.target.suffix.lower() if item.target else source.suffix.lower()
    pictures = source.suffix.lower() in _PICTURES
    if item.target is None and suffix not in {**_PICTURES, **CONTAINERS}:
        suffix = ".mkv"  # it holds every kind of sound as it is
    if suffix not in (CONTAINERS if not pictures else {**_PICTURES, **CONTAINERS}):
        raise LodestoneError(
            f"{source.name} moves, and a {suffix} file does not. Choose "
            f"{'.gif, .webp or .mp4' if pictures else '.mp4, .mkv or .webm'}."
        )
    return suffix


@dataclass(frozen=True, eq=False)
class _Job:
    source: Path
    target: Path
    request: UpscaleRequest
    upscaler: Upscaler
    progress: Progress

    def enlarged(self, frame: np.ndarray, index: int, of: int) -> np.ndarray:
        """(H, W, C) uint8; says how far it is. `of` may be a guess, or 0."""
        made = enlarge(frame, self.upscaler, self.request.settings, _Quiet(self.progress))
        shown = preview_of(made, PREVIEW) if index % _SHOW_EVERY == 0 else None
        words = f"{self.source.name}: frame {index + 1:,}"
        words += f" of {of:,}" if of > index else ""
        figures = (("frame", index + 1.0), ("frames", float(of)))
        self.progress((index + 1) / of if of else 0.0, words, shown, figures)
        return made

    def pictures(self, kind: str) -> None:
        part = self.target.with_name(f"{self.target.name}.{os.getpid()}.part")
        try:
            enlarge_pictures(self.source, part, kind, self.request, self.enlarged)
            os.replace(part, self.target)
        finally:
            part.unlink(missing_ok=True)

    def film(self, suffix: str, mark: str) -> None:
        from av.error import FFmpegError

        unfinished = Unfinished(self.target, mark)
        try:
            form = self._frames(suffix, unfinished)
            join(self.source, unfinished, form, self.progress)
            os.replace(unfinished.part, self.target)
            unfinished.clear()
        except FFmpegError as error:
            if isinstance(error, OSError):
                raise
            raise LodestoneError(
                f"{self.source.name} could not be written as {suffix}. Choose .mkv or .mp4.",
                repr(error),
            ) from error
        finally:
            unfinished.tidy()

    def _frames(self, suffix: str, unfinished: Unfinished) -> Form:
        """Enlarge and keep every frame that is not kept yet; returns what the film looks like."""
        done = unfinished.begin()
        form, index = None, 0
        run = _Run(unfinished)
        with open_film(self.source) as source:
            video = moving_stream(source, self.source)
            of = count(source, video)
            try:
                for frame in self._decoded(source, video, unfinished):
                    form = form or Form.of(suffix, video, frame, self.request.settings.scale)
                    if index < done:
                        self._skip(index, done, of)
                    else:
                        run.take(self.enlarged(pixels_of(frame), index, of), frame, index, form)
                    index += 1
            except Cancelled:
                run.close()  # What is made is kept.
                raise
            run.close()
        if form is None:
            raise no_frames(self.source)
        return form

    def _decoded(self, source: Any, video: Any, unfinished: Unfinished) -> Iterator[Any]:
        try:
            for packet in source.demux(video):
                yield from decoded(packet, self.source)
        except LodestoneError:
            unfinished.clear()  # A damaged film is never finished.
            raise

    def _skip(self, index: int, done: int, of: int) -> None:
        if index % 50 == 0:
            words = f"{self.source.name}: going on at frame {done + 1:,}"
            self.progress.jump(done / of if of else 0.0, words)


class _Run:
    """Frames on their way into one segment."""

    def __init__(self, unfinished: Unfinished):
        self._unfinished = unfinished
        self._encoder: Encoder | None = None
        self._first, self._since = 0, 0.0

    def take(self, pixels: np.ndarray, frame: Any, index: int, form: Form) -> None:
        if self._encoder is None:
            self._encoder = Encoder(form)
            self._first, self._since = index, time.monotonic()
        self._encoder.take(pixels, frame, index)
        long = time.monotonic() - self._since > SEGMENT_SECONDS
        count = self._encoder.frames
        if count >= SEGMENT_MOST or (long and count >= SEGMENT_LEAST):
            self.close()

    def close(self) -> None:
        if self._encoder is not None:
            self._unfinished.add(self._first, self._encoder.finish())
        self._encoder = None


class _Quiet(Progress):
    """Within one frame only cancelling and pausing matter, and sentences."""

    def __init__(self, outer: Progress):
        super().__init__()
        self._outer = outer

    def __call__(self, fraction: float, message: str = "", *_more: Any, **_named: Any) -> None:
        if message:
            self._outer(0.0, message)
        self._outer.check()

    def check(self) -> None:
        self._outer.check()
