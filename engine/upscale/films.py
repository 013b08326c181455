"""Films, read: their frames, how many, and what belongs to them. Light: the window looks, too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from engine.messages import LodestoneError


def open_film(path: Path) -> Any:
    """PyAV's container; LodestoneError for what is no film."""
    import av
    from av.error import FFmpegError

    try:
        return av.open(str(path))
    except (FFmpegError, ValueError) as error:
        raise unreadable(path, error) from error


def moving_stream(source: Any, path: Path) -> Any:
    video = next((s for s in source.streams.video if not is_cover(s)), None)
    if video is None:
        raise LodestoneError(f"{path.name} has no moving picture. Choose another film.")
    return video


def glance(path: Path) -> tuple[np.ndarray, int]:
    """Its first frame, (H, W, 3) uint8, and about how many there are."""
    from av.error import FFmpegError

    with open_film(path) as source:
        video = moving_stream(source, path)
        try:
            frame = next(source.decode(video), None)
        except (FFmpegError, ValueError) as error:
            raise unreadable(path, error) from error
        if frame is None:
            raise no_frames(path)
        return pixels_of(frame), count(source, video)


def no_frames(path: Path) -> LodestoneError:
    return LodestoneError(f"{path.name} has no frames. Choose another film.")


def unreadable(path: Path, error: Exception) -> LodestoneError:
    if not path.exists():
        return LodestoneError(f"There is no file {path}. Check the name.", repr(error))
    return LodestoneError(
        f"{path.name} is not a film that can be read. Choose another.", repr(error)
    )


def is_cover(stream: Any) -> bool:
    """Whether it is a still picture that belongs to a sound."""
    from av.stream import Disposition

    return bool(stream.disposition & Disposition.attached_pic)


def count(source: Any, video: Any) -> int:
    """Frames, as the file says or by its length; 0 = unknown."""
    if video.frames:
        return int(video.frames)
    rate = video.average_rate or video.guessed_rate
    if video.duration and video.time_base and rate:
        return max(1, round(float(video.duration * video.time_base * rate)))
    if source.duration and rate:
        return max(1, round(source.duration / 1e6 * float(rate)))
    return 0


def decoded(packet: Any, path: Path) -> Iterator[Any]:
    from av.error import FFmpegError

    try:
        yield from packet.decode()
    except FFmpegError as error:
        raise LodestoneError(
            f"{path.name} breaks off or is damaged. Choose another film.", repr(error)
        ) from error


def pixels_of(frame: Any) -> np.ndarray:
    """(H, W, 3) uint8, upright."""
    pixels = frame.reformat(format="rgb24", interpolation=exactly()).to_ndarray()
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(pixels, turns)) if turns else pixels


def exactly() -> Any:
    """How FFmpeg converts colours: its usual way makes films a level darker each time."""
    from av.video.reformatter import Interpolation

    return Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
