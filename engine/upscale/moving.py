"""Films and moving pictures, larger, frame by frame; number, times and sound stay. No torch.

A result appears under its name only once it is whole; a stopped or failed one leaves nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.disk import why
from engine.messages import LodestoneError, UpscaleRequest
from engine.progress import Progress
from engine.upscale.enlarge import check_size, enlarge, large_size
from engine.upscale.files import FLAWS, opened
from engine.upscale.opened import Upscaler

if TYPE_CHECKING:
    from engine.upscale.run import Item

_CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
_PICTURES = {".gif": "GIF", ".webp": "WEBP", ".png": "PNG", ".apng": "PNG"}
_SHOW_EVERY = 8
"""Frames between previews."""
_TRANSPARENT = 255
"""Index of a GIF's palette."""


def enlarge_moving(
    item: Item, request: UpscaleRequest, upscaler: Upscaler, progress: Progress
) -> Path:
    """Returns where the result lies."""
    from engine.upscale.run import refuse_itself

    source = item.source
    suffix = item.target.suffix.lower() if item.target else source.suffix.lower()
    pictures = source.suffix.lower() in _PICTURES
    if item.target is None and suffix not in {**_PICTURES, **_CONTAINERS}:
        suffix = ".mkv"  # it holds every kind of sound as it is
    if suffix not in (_CONTAINERS if not pictures else {**_PICTURES, **_CONTAINERS}):
        raise LodestoneError(
            f"{source.name} moves, and a {suffix} file does not. Choose "
            f"{'.gif, .webp or .mp4' if pictures else '.mp4, .mkv or .webm'}."
        )
    target = item.target or item.folder / f"{item.stem}{suffix}"
    refuse_itself(source, target)
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    job = _Job(source, part, request, upscaler, progress)
    try:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if suffix in _PICTURES:
                _pictures(job, _PICTURES[suffix])
            else:
                _film(job, suffix)
            os.replace(part, target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise LodestoneError(
            f"{target.name} could not be written: {why(error)}.", repr(error)
        ) from error
    return target


@dataclass(frozen=True, eq=False)
class _Job:
    source: Path
    part: Path
    request: UpscaleRequest
    upscaler: Upscaler
    progress: Progress

    def enlarged(
        self, frame: np.ndarray, index: int, count: int, certain: bool = True
    ) -> np.ndarray:
        """(H, W, C) uint8; says how far it is. `count` may be a guess, or 0."""
        from engine.upscale.run import preview_of

        made = enlarge(frame, self.upscaler, self.request.settings, _Quiet(self.progress))
        shown = preview_of(made) if index % _SHOW_EVERY == 0 else None
        words = f"{self.source.name}: frame {index + 1:,}"
        words += f" of {count:,}" if certain else ""
        self.progress((index + 1) / count if count else 0.0, words, shown)
        return made


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


# ---------------------------------------------------------------- films


def _film(job: _Job, suffix: str) -> None:
    import av
    from av.error import FFmpegError

    try:
        source = av.open(str(job.source))
    except (FFmpegError, ValueError) as error:
        raise _unreadable(job.source, error) from error
    with source, open(job.part, "w+b") as file:
        video = next((s for s in source.streams.video if not _is_cover(s)), None)
        if video is None:
            raise LodestoneError(f"{job.source.name} has no moving picture. Choose another film.")
        try:
            written = _Written(file, suffix, source, video, job.request.settings.scale)
            done = 0
            for packet in source.demux([video, *written.sounds]):
                if packet.stream is not video:
                    written.sound(packet)
                    continue
                for frame in _decoded(packet, job.source):
                    count = _count(source, video)
                    pixels = job.enlarged(_pixels(frame), done, count, bool(video.frames))
                    written.picture(pixels, frame, done)
                    done += 1
            if not done:
                raise LodestoneError(f"{job.source.name} has no frames. Choose another film.")
            written.close()
        except FFmpegError as error:
            if isinstance(error, OSError):
                raise
            raise LodestoneError(
                f"{job.source.name} could not be written as {suffix}. Choose .mkv or .mp4.",
                repr(error),
            ) from error
        file.flush()
        os.fsync(file.fileno())


def first_frame(path: Path) -> np.ndarray:
    """(H, W, 3) uint8 of a film, to look at before it is enlarged."""
    import av
    from av.error import FFmpegError

    try:
        with av.open(str(path)) as source:
            video = next((s for s in source.streams.video if not _is_cover(s)), None)
            frame = next(source.decode(video), None) if video is not None else None
            if frame is None:
                raise LodestoneError(f"{path.name} has no frames. Choose another film.")
            return _pixels(frame)
    except (FFmpegError, ValueError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> LodestoneError:
    if not path.exists():
        return LodestoneError(f"There is no file {path}. Check the name.", repr(error))
    return LodestoneError(
        f"{path.name} is not a film that can be read. Choose another.", repr(error)
    )


def _is_cover(stream: Any) -> bool:
    """Whether it is a still picture that belongs to a sound."""
    from av.stream import Disposition

    return bool(stream.disposition & Disposition.attached_pic)


def _count(source: Any, video: Any) -> int:
    """Frames, as the file says or by its length; 0 = unknown."""
    if video.frames:
        return int(video.frames)
    rate = video.average_rate or video.guessed_rate
    if video.duration and video.time_base and rate:
        return max(1, round(float(video.duration * video.time_base * rate)))
    if source.duration and rate:
        return max(1, round(source.duration / 1e6 * float(rate)))
    return 0


def _decoded(packet: Any, path: Path) -> Iterator[Any]:
    from av.error import FFmpegError

    try:
        yield from packet.decode()
    except FFmpegError as error:
        raise LodestoneError(
            f"{path.name} breaks off or is damaged. Choose another film.", repr(error)
        ) from error


def _pixels(frame: Any) -> np.ndarray:
    """(H, W, 3) uint8, upright."""
    pixels = frame.reformat(format="rgb24", interpolation=_exactly()).to_ndarray()
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(pixels, turns)) if turns else pixels


def _exactly() -> Any:
    """How FFmpeg converts colours: its usual way makes films a level darker each time."""
    from av.video.reformatter import Interpolation

    return Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT


class _Written:
    """The large film: its pictures encoded, its sounds as they are."""

    def __init__(self, file: Any, suffix: str, source: Any, video: Any, scale: float):
        import av

        kind = _CONTAINERS[suffix]
        self._container = av.open(file, "w", format=kind)
        self._container.metadata.update(source.metadata)
        self._scale = scale
        self._video = video
        self._stream: Any = None
        self._rate = video.average_rate or video.guessed_rate or 25
        self._kind = "webm" if kind == "webm" else "mp4"
        self._sounds = {}
        for stream in source.streams.audio:
            try:
                self._sounds[stream] = self._container.add_stream_from_template(stream)
            except ValueError as error:
                raise LodestoneError(
                    f"The sound of this film does not fit into a {suffix} file. Choose .mkv.",
                    repr(error),
                ) from error
        self._kept: list[Any] = []

    @property
    def sounds(self) -> list[Any]:
        return list(self._sounds)

    def sound(self, packet: Any) -> None:
        if packet.dts is None:
            return
        if self._stream is None:
            # The file's head needs the size of the first picture.
            self._kept.append(packet)
            return
        packet.stream = self._sounds[packet.stream]
        self._container.mux(packet)

    def picture(self, pixels: np.ndarray, frame: Any, index: int) -> None:
        import av

        more = (pixels.shape[0] % 2, pixels.shape[1] % 2)
        if any(more):
            # 4:2:0 films need even sides: the last row and column again.
            pixels = np.pad(pixels, ((0, more[0]), (0, more[1]), (0, 0)), mode="edge")
        if self._stream is None:
            self._begin(pixels.shape[1], pixels.shape[0], frame)
        new = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        new = new.reformat(
            format="yuv420p",
            dst_colorspace=frame.colorspace,
            dst_color_range=1,
            interpolation=_exactly(),
        )
        base = self._video.time_base
        pts = frame.pts if frame.pts is not None else round(index / (self._rate * base))
        new.pts, new.time_base = pts, base
        if frame.duration:
            new.duration = frame.duration
        self._mux(new)

    def _begin(self, width: int, height: int, frame: Any) -> None:
        import av

        from engine.sinks import film_codecs

        choices = film_codecs[self._kind]
        name, options = next(c for c in choices if c[0] in av.codecs_available)
        self._stream = self._container.add_stream(name, rate=self._rate, options=dict(options))
        self._stream.width, self._stream.height = width, height
        self._stream.pix_fmt = "yuv420p"
        context, old = self._stream.codec_context, self._video.codec_context
        context.time_base = self._video.time_base
        self._stream.time_base = self._video.time_base
        context.thread_count = min(4, os.cpu_count() or 1)
        context.color_range, context.colorspace = 1, frame.colorspace
        context.color_primaries, context.color_trc = old.color_primaries, old.color_trc
        if old.sample_aspect_ratio:
            context.sample_aspect_ratio = old.sample_aspect_ratio
        kept, self._kept = self._kept, []
        for packet in kept:
            self.sound(packet)

    def _mux(self, frame: Any) -> None:
        for packet in self._stream.encode(frame):
            self._container.mux(packet)

    def close(self) -> None:
        self._mux(None)
        self._container.close()


# ---------------------------------------------------------------- GIF, WebP, APNG


def _pictures(job: _Job, kind: str) -> None:
    with opened(job.source) as image:
        count = int(getattr(image, "n_frames", 1))
        loop = image.info.get("loop", 0 if image.format != "GIF" else None)
        height, width = large_size(image.height, image.width, job.request.settings.scale)
        # All of them are held until they are written.
        check_size(np.empty((0, 0, 4), np.uint8), (height * count, width))
        made, times = [], []
        for index in range(count):
            frame, time = _frame(image, index, job.source)
            times.append(time)
            large = job.enlarged(frame, index, count)
            made.append(_for_gif(large) if kind == "GIF" else _image(large))
    options: dict[str, Any] = {"duration": times, "save_all": True, "append_images": made[1:]}
    if loop is not None:
        options["loop"] = loop
    if kind == "GIF":
        options.update(disposal=2, optimize=False)
    elif kind == "WEBP":
        options["quality"] = min(100, max(1, job.request.quality))
    with open(job.part, "wb") as file:
        made[0].save(file, format=kind, **options)
        file.flush()
        os.fsync(file.fileno())


def _frame(image: Any, index: int, path: Path) -> tuple[np.ndarray, float]:
    """(H, W, 3 or 4) uint8, and how long it is shown in milliseconds."""
    try:
        image.seek(index)
        pixels = np.asarray(image.convert("RGBA"))
    except FLAWS as error:
        raise LodestoneError(
            f"{path.name} breaks off or is damaged. Choose another picture.", repr(error)
        ) from error
    if pixels[..., 3].min() == 255:
        pixels = pixels[..., :3]
    return np.ascontiguousarray(pixels), float(image.info.get("duration", 100))


def _image(pixels: np.ndarray) -> Any:
    from PIL import Image

    return Image.fromarray(np.ascontiguousarray(pixels))


def _for_gif(pixels: np.ndarray) -> Any:
    """A palette of its own for every picture; half-transparent becomes one or the other."""
    from PIL import Image

    colours = _image(pixels[..., :3])
    palette = colours.quantize(_TRANSPARENT)
    made = colours.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
    if pixels.shape[2] == 4:
        indices = np.array(made)
        indices[pixels[..., 3] < 128] = _TRANSPARENT
        entries = [*(made.getpalette() or [])[: 3 * _TRANSPARENT]]
        entries += [0] * (768 - len(entries))
        made = Image.fromarray(indices)
        made.putpalette(entries)
        made.info["transparency"] = _TRANSPARENT
    return made
