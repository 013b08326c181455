"""One frame of a film or of a moving picture, to look at before it is enlarged. No torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from engine.messages import LodestoneError
from engine.upscale.files import FILMS, FLAWS, Opened, opened, read_picture
from engine.upscale.films import count, is_cover, pixels_of, unreadable


def read_frame(path: Path, index: int) -> tuple[Opened, int]:
    """The frame (the last one where there are fewer), and how many there are; 1 = it is still."""
    if path.suffix.lower() in FILMS:
        pixels, frames = _of_film(path, index)
        return Opened(pixels, "film"), frames
    first = read_picture(path)
    frames = _pictures(path)
    if frames < 2 or index < 1:
        return first, frames
    return Opened(
        _of_pictures(path, min(index, frames - 1)), first.format, notes=first.notes
    ), frames


def _pictures(path: Path) -> int:
    with opened(path) as image:
        try:
            return int(getattr(image, "n_frames", 1))
        except FLAWS:
            return 1  # its first picture could be read


def _of_pictures(path: Path, index: int) -> np.ndarray:
    """(H, W, 4) uint8."""
    with opened(path) as image:
        try:
            image.seek(index)
            return np.asarray(image.convert("RGBA"))
        except FLAWS as error:
            raise LodestoneError(
                f"{path.name} breaks off or is damaged. Choose another picture.", repr(error)
            ) from error


def _of_film(path: Path, index: int) -> tuple[np.ndarray, int]:
    import av
    from av.error import FFmpegError

    try:
        with av.open(str(path)) as film:
            video = next((s for s in film.streams.video if not is_cover(s)), None)
            frame = _found(film, video, index) if video is not None else None
            if frame is None:
                raise LodestoneError(f"{path.name} has no frames. Choose another film.")
            return pixels_of(frame), max(1, count(film, video))
    except (FFmpegError, ValueError) as error:
        raise unreadable(path, error) from error


def _found(film: Any, video: Any, index: int) -> Any:
    """The frame shown at the time that the number stands for; the last one, when it ends before."""
    rate = video.average_rate or video.guessed_rate
    wanted = 0.0
    if index > 0 and rate and video.time_base:
        begin = video.start_time or 0
        wanted = float(begin * video.time_base) + index / float(rate)
        film.seek(round(wanted / float(video.time_base)), stream=video, backward=True)
    last = None
    for last in film.decode(video):
        if index <= 0 or last.time is None or last.time > wanted - 0.5 / float(rate or 25):
            break
    return last
