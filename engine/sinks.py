"""Where rendered frames go: PNG files, one npy file, or a film. Streamed; no torch.

A file under its own name is always whole. What a cancel or a full disk left behind lies beside it
as NAME.incomplete.EXT, and opens: a shorter film, an array of fewer pictures. Finished PNGs stay.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import av
import numpy as np
from av.error import FFmpegError

from engine.disk import check_writable
from engine.messages import LodestoneError, ModelInfo, SteerRequest
from engine.pictures import read_state, write_png

film_codecs = {
    # No B-frames: in fragments they would push the first picture off time zero.
    "mp4": (("libx264", {"crf": "16", "preset": "medium", "bf": "0"}), ("mpeg4", {"qscale": "2"})),
    "webm": (("libvpx-vp9", {"crf": "22", "b": "0", "cpu-used": "5", "row-mt": "1"}),),
}


class Sink(Protocol):
    """Takes frames in order."""

    floats: bool
    """Whether it wants (C, H, W) float32 instead of (H, W, 4) uint8 BGRX."""

    def has(self, index: int, request: SteerRequest) -> bool:
        """Whether this very frame is there already."""
        ...

    def write(self, index: int, request: SteerRequest, picture: np.ndarray) -> None: ...
    def finish(self) -> None:
        """All frames are written: put everything under its name."""
        ...

    def keep(self) -> str:
        """Stopped early: keep what is usable; where it lies, empty if there is nothing."""
        ...


class PngSink:
    """One PNG a frame, each with its recipe; frames that are there already are skipped."""

    floats = False

    def __init__(self, folder: Path, stems: list[str], info: ModelInfo):
        folder.mkdir(parents=True, exist_ok=True)
        check_writable(folder)
        self._folder, self._stems, self._info = folder, stems, info
        self._written = 0

    def has(self, index: int, request: SteerRequest) -> bool:
        path = self._path(index)
        if not path.is_file():
            return False
        try:
            return read_state(path) == request
        except LodestoneError:
            return False

    def write(self, index: int, request: SteerRequest, picture: np.ndarray) -> None:
        write_png(self._path(index), picture, request, self._info)
        self._written += 1

    def finish(self) -> None:
        return None

    def keep(self) -> str:
        return str(self._folder) if self._written else ""

    def _path(self, index: int) -> Path:
        return self._folder / f"{self._stems[index]}.png"


class NpySink:
    """One float32 (N, C, H, W) array, what comes out of the network, unclamped."""

    floats = True

    def __init__(self, path: Path, count: int, info: ModelInfo):
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._part = path, path.with_name(f"{path.name}.part")
        self._shape = (count, info.channels, info.resolution, info.resolution)
        self._done = 0
        # Unbuffered: the length of the file then says how many pictures are whole.
        self._file: Any = open(self._part, "wb", buffering=0)  # noqa: SIM115 - closed below
        self._header(count)

    def has(self, index: int, request: SteerRequest) -> bool:
        return False

    def write(self, index: int, request: SteerRequest, picture: np.ndarray) -> None:
        left = memoryview(np.ascontiguousarray(picture, "<f4").tobytes())
        while len(left):
            left = left[self._file.write(left) :]
        self._done += 1

    def finish(self) -> None:
        flush_to_disk(self._file)
        self._file.close()
        os.replace(self._part, self._path)

    def keep(self) -> str:
        kept = incomplete(self._path)
        start, size = self._data_start, 4 * int(np.prod(self._shape[1:]))
        done = min(self._done, max(0, os.fstat(self._file.fileno()).st_size - start) // size)
        _close_quietly(self._file)
        if not done:
            self._part.unlink(missing_ok=True)
            return ""
        with open(self._part, "r+b") as self._file:
            self._header(done)
            self._file.truncate(start + done * size)
        os.replace(self._part, kept)
        return str(kept)

    def _header(self, count: int) -> None:
        # numpy pads the header so that the first axis may change without moving the data.
        described = {"descr": "<f4", "fortran_order": False, "shape": (count, *self._shape[1:])}
        np.lib.format.write_array_header_1_0(self._file, described)
        self._data_start = self._file.tell()


@dataclass(frozen=True)
class Named:
    """Who a film is by, where no generator drew it."""

    name: str
    attribution: str = ""


class FilmSink:
    """An mp4 (H.264) or webm (VP9) of exactly the frames it is given, at exactly `fps`."""

    floats = False

    def __init__(
        self, path: Path, kind: str, fps: float, info: ModelInfo | Named,
        size: tuple[int, int] | None = None,
    ):  # fmt: skip
        """`size` is (width, height), both even; None = the generator's square."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._part = path, path.with_name(f"{path.name}.part")
        rate = frame_rate(fps)
        self._file = _Tolerant(self._part)
        # Fragments make an interrupted mp4 playable; finishing turns it into an ordinary one.
        options = {"movflags": "hybrid_fragmented"} if kind == "mp4" else {}
        self._container = av.open(self._file, "w", format=kind, options=options)
        self._container.metadata["comment"] = " · ".join(
            filter(None, ("Made with Lodestone", info.name, info.attribution))
        )
        if size is None:
            assert not isinstance(info, Named)
            side = info.resolution + info.resolution % 2
            size = (side, side)
        self._stream = _add_stream(self._container, kind, rate, size)
        self._time_base = 1 / rate
        self._done = 0
        self._closed = False

    def has(self, index: int, request: SteerRequest) -> bool:
        return False

    def write(self, index: int, request: SteerRequest | None, picture: np.ndarray) -> None:
        odd = picture.shape[0] % 2
        if odd:
            # 4:2:0 films need even sides: repeat the last row and column.
            picture = np.pad(picture, ((0, 1), (0, 1), (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="bgra")
        frame.pts, frame.time_base = self._done, self._time_base
        shown = frame.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
        shown.pts, shown.time_base = self._done, self._time_base
        for packet in self._stream.encode(shown):
            self._container.mux(packet)
        self._file.check()
        self._done += 1

    def finish(self) -> None:
        self._close()
        self._file.check()
        self._file.sync()
        self._file.close()
        os.replace(self._part, self._path)

    def keep(self) -> str:
        try:
            self._close()
        finally:
            self._file.close()
        if self._path.suffix.lower() == ".mp4":
            trim_mp4(self._part)
        if not playable_frames(self._part):
            self._part.unlink(missing_ok=True)
            return ""
        kept = incomplete(self._path)
        os.replace(self._part, kept)
        return str(kept)

    def _close(self) -> None:
        if self._closed:
            return
        self._closed = True
        for packet in self._stream.encode(None):
            self._container.mux(packet)
        self._container.close()


class _Tolerant(io.RawIOBase):
    """A file that, once the disk refuses, keeps what it has and swallows the rest.

    The muxer would otherwise go back and spoil the head of a file whose tail is missing.
    """

    def __init__(self, path: Path):
        self._file = open(path, "w+b", buffering=0)  # noqa: SIM115 - closed by close()
        self._error: OSError | None = None

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view = memoryview(data)
        while self._error is None and len(view):
            try:
                view = view[self._file.write(view) :]
            except OSError as error:
                self._error = error
        return len(data)

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def check(self) -> None:
        if self._error is not None:
            raise self._error

    def sync(self) -> None:
        flush_to_disk(self._file)

    def close(self) -> None:
        _close_quietly(self._file)
        super().close()


def _add_stream(container: Any, kind: str, rate: Fraction, size: tuple[int, int]) -> Any:
    name, options = next(c for c in film_codecs[kind] if c[0] in av.codecs_available)
    stream = container.add_stream(name, rate=rate, options=dict(options))
    stream.width, stream.height = size
    stream.pix_fmt = "yuv420p"
    context = stream.codec_context
    context.time_base = 1 / rate
    # A key frame a second: players can jump, and a broken film loses no more than that.
    context.gop_size = max(1, round(rate))
    context.thread_count = min(4, os.cpu_count() or 1)
    context.color_range, context.colorspace = 1, 1  # limited range, BT.709
    context.color_primaries, context.color_trc = 1, 1
    return stream


def frame_rate(fps: float) -> Fraction:
    """The exact rate: 23.976, 29.97 … are the broadcast rates n * 1000 / 1001."""
    if not 0.1 <= fps <= 1000.0:
        raise LodestoneError(f"{fps:g} frames a second cannot be filmed. Choose 1 to 240.")
    whole = round(fps * 1001 / 1000)
    if abs(fps - round(fps)) > 1e-6 and abs(whole * 1000 / 1001 - fps) < 5e-4:
        return Fraction(whole * 1000, 1001)
    return Fraction(fps).limit_denominator(1000)


def playable_frames(path: Path) -> int:
    """Frames that decode from a film that may be cut off."""
    count = 0
    try:
        with av.open(str(path)) as container:
            for _ in container.decode(video=0):
                count += 1
    except (FFmpegError, IndexError):
        return count
    return count


def trim_mp4(path: Path) -> None:
    """Cut off a last box that is not whole, so that what is left decodes without an error.

    Where not even the first second is whole, it stays: players show the frames that are there.
    """
    end, seconds = 0, 0
    with open(path, "r+b") as file:
        length = os.fstat(file.fileno()).st_size
        while end + 8 <= length:
            file.seek(end)
            head = file.read(16)
            size = int.from_bytes(head[:4], "big")
            if size == 1:
                size = int.from_bytes(head[8:16], "big")
            if size < 8 or end + size > length:
                break
            end += size
            seconds += head[4:8] == b"mdat"
        if seconds:
            file.truncate(end)


def incomplete(path: Path) -> Path:
    return path.with_name(f"{path.stem}.incomplete{path.suffix}")


def flush_to_disk(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())


def _close_quietly(file: Any) -> None:
    try:
        file.close()
    except OSError:
        return  # what could not be flushed is left out by whoever reads the length
