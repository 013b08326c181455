"""Large frames to packets, and packets, sound and subtitles to a film. No torch."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from engine.messages import LodestoneError
from engine.progress import Progress
from engine.upscale.enlarge import large_size
from engine.upscale.films import exactly, open_film
from engine.upscale.segments import Segment, Unfinished

CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}


def versions() -> str:
    """Another encoder's packets do not go together with this one's."""
    import av

    return repr(sorted(av.library_versions.items()))


@dataclass(frozen=True)
class Form:
    """What the large film is like."""

    suffix: str
    width: int
    height: int
    """Pixels, both even."""
    rate: Fraction
    base: Fraction
    """Seconds of a tick."""
    colours: tuple[int, int, int]
    """Matrix, primaries and transfer, as FFmpeg numbers them."""
    aspect: Fraction
    """Of a pixel; 0 = not said."""

    @classmethod
    def of(cls, suffix: str, video: Any, frame: Any, scale: float) -> Form:
        """As the source, whose first frame is known."""
        tall, wide = (frame.width, frame.height) if _lies(frame) else (frame.height, frame.width)
        height, width = large_size(tall, wide, scale)
        old = video.codec_context
        return cls(
            suffix,
            # 4:2:0 films need even sides.
            width + width % 2,
            height + height % 2,
            Fraction(video.average_rate or video.guessed_rate or 25),
            Fraction(video.time_base),
            (int(frame.colorspace), int(old.color_primaries), int(old.color_trc)),
            Fraction(old.sample_aspect_ratio or 0),
        )

    def add_to(self, container: Any) -> Any:
        """A stream of this form, whose encoder begins with the first frame or packet."""
        import av

        from engine.sinks import film_codecs

        choices = film_codecs["webm" if self.suffix == ".webm" else "mp4"]
        name, options = next(c for c in choices if c[0] in av.codecs_available)
        stream = container.add_stream(name, rate=self.rate, options=dict(options))
        stream.width, stream.height = self.width, self.height
        stream.pix_fmt = "yuv420p"
        stream.time_base = self.base
        context = stream.codec_context
        context.time_base = self.base
        context.thread_count = min(4, os.cpu_count() or 1)
        context.color_range = 1
        context.colorspace, context.color_primaries, context.color_trc = self.colours
        if self.aspect:
            context.sample_aspect_ratio = self.aspect
        return stream


def _lies(frame: Any) -> bool:
    """Whether it is turned by a quarter before it is shown."""
    return round(frame.rotation / 90) % 2 == 1


class Encoder:
    """Some frames after each other; the first one becomes a key frame."""

    def __init__(self, form: Form):
        import av

        self.frames = 0
        self._form = form
        # Encoders get their flags from a container; nothing is written into this one.
        self._container = av.open(io.BytesIO(), "w", format=CONTAINERS[form.suffix])
        self._stream = form.add_to(self._container)
        self._packets: list[tuple[int, int, bool, bytes]] = []

    def take(self, pixels: np.ndarray, frame: Any, index: int) -> None:
        """pixels: (H, W, 3) uint8 made of `frame`, the film's `index`-th"""
        import av

        form = self._form
        more = (form.height - pixels.shape[0], form.width - pixels.shape[1])
        if any(more):
            # The last row and column again.
            pixels = np.pad(pixels, ((0, more[0]), (0, more[1]), (0, 0)), mode="edge")
        new = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(
            format="yuv420p",
            dst_colorspace=form.colours[0],
            dst_color_range=1,
            interpolation=exactly(),
        )
        tick = 1 / (form.rate * form.base)
        new.pts = frame.pts if frame.pts is not None else round(index * tick)
        new.time_base = form.base
        new.duration = frame.duration or max(1, round(tick))
        self._keep(new)
        self.frames += 1

    def _keep(self, frame: Any) -> None:
        for packet in self._stream.encode(frame):
            time, base = packet.pts, packet.time_base or self._form.base
            time = time if base == self._form.base else round(time * base / self._form.base)
            one = (time, packet.duration or 0, packet.is_keyframe, bytes(packet))
            self._packets.append(one)

    def finish(self) -> Segment:
        self._keep(None)
        return Segment.of(self._packets, self.frames)


# ---------------------------------------------------------------- the whole film


def join(source: Path, unfinished: Unfinished, form: Form, progress: Progress) -> None:
    """All segments, and the source's sound and subtitles as they are, to `unfinished.part`."""
    import av

    with open_film(source) as film, unfinished.part.open("w+b") as file:
        with av.open(file, "w", format=CONTAINERS[form.suffix]) as container:
            container.metadata.update(film.metadata)
            stream = form.add_to(container)
            kept = _kept(film, container, form, source, progress)
            pictures = _Pictures(unfinished, stream, form, container)
            for packet in film.demux(list(kept)) if kept else ():
                if packet.dts is None:
                    continue
                progress.check()
                pictures.write(packet.dts * packet.time_base)
                packet.stream = kept[packet.stream]
                container.mux(packet)
            pictures.write(None)
        file.flush()
        os.fsync(file.fileno())


def _kept(
    film: Any, container: Any, form: Form, source: Path, progress: Progress
) -> dict[Any, Any]:
    """The source's streams of sound and words, and their places in the large film."""
    known = container.supported_codecs
    made, left = {}, 0
    for stream in film.streams.audio:
        if stream.codec_context.name not in known and stream.codec.canonical_name not in known:
            raise _no_sound(source, form)
        made[stream] = _added(container, stream)
    for stream in film.streams.subtitles:
        if stream.codec_context is not None and stream.codec_context.codec.canonical_name in known:
            made[stream] = _added(container, stream)
        else:
            left += 1
    if left:
        progress(
            1.0,
            f"The subtitles of {source.name} do not fit into a {form.suffix} file and are left "
            "out. As .mkv they stay.",
        )
    return made


def _added(container: Any, stream: Any) -> Any:
    new = container.add_stream_from_template(stream)
    new.metadata.update(stream.metadata)
    new.disposition = stream.disposition
    return new


def _no_sound(source: Path, form: Form) -> LodestoneError:
    return LodestoneError(
        f"The sound of {source.name} does not fit into a {form.suffix} file. Choose .mkv."
    )


class _Pictures:
    """Hands the finished frames to the container, never earlier than the sound needs them."""

    def __init__(self, unfinished: Unfinished, stream: Any, form: Form, container: Any):
        self._packets = self._all(unfinished)
        self._next = next(self._packets, None)
        self._stream, self._form, self._container = stream, form, container

    @staticmethod
    def _all(unfinished: Unfinished) -> Iterator[tuple[int, int, bool, bytes]]:
        for segment in unfinished.segments():
            yield from segment.packets()

    def write(self, until: Fraction | None) -> None:
        """Those up to a time in seconds; None: all the rest."""
        import av

        base = self._form.base
        while self._next is not None and (until is None or self._next[0] * base <= until):
            time, duration, key, content = self._next
            packet = av.Packet(content)
            # Encoders here put frames in the order in which they are shown.
            packet.pts = packet.dts = time
            packet.time_base, packet.duration, packet.is_keyframe = base, duration, key
            packet.stream = self._stream
            self._container.mux(packet)
            self._next = next(self._packets, None)
