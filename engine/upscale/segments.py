"""Finished parts of a film that is not finished: beside its target, so that a kill costs little.

`NAME.unfinished` holds what is encoded already, a file for each run of frames, and a plan that says
of what film, model and settings they are. Other ones begin anew.
"""

from __future__ import annotations

import json
import os
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.files import write_atomically

_DAMAGED = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True, eq=False)
class Segment:
    """Encoded frames in order; times are ticks of the source's time base."""

    pts: np.ndarray
    """(N,) int64."""
    durations: np.ndarray
    """(N,) int64."""
    keys: np.ndarray
    """(N,) bool."""
    sizes: np.ndarray
    """(N,) int64, bytes."""
    content: np.ndarray
    """All bytes, one packet after the other, uint8."""
    frames: int
    """How many went in."""

    @classmethod
    def of(cls, packets: list[tuple[int, int, bool, bytes]], frames: int) -> Segment:
        """packets: (time, duration, whether a key frame, bytes)"""
        pts, durations, keys, contents = zip(*packets, strict=True)
        return cls(
            np.array(pts, np.int64),
            np.array(durations, np.int64),
            np.array(keys, bool),
            np.array([len(content) for content in contents], np.int64),
            np.frombuffer(b"".join(contents), np.uint8),
            frames,
        )

    def packets(self) -> Iterator[tuple[int, int, bool, bytes]]:
        ends = np.cumsum(self.sizes)
        for i, end in enumerate(ends):
            content = self.content[end - self.sizes[i] : end].tobytes()
            yield int(self.pts[i]), int(self.durations[i]), bool(self.keys[i]), content


class Unfinished:
    """The folder of the parts of one film."""

    def __init__(self, target: Path, mark: str):
        """mark: another film, model, setting or encoder has another one"""
        self.folder = target.with_name(f"{target.name}.unfinished")
        self._mark = mark

    @property
    def part(self) -> Path:
        """Where the whole film is put together before it gets its name."""
        return self.folder / "whole.part"

    def begin(self) -> int:
        """How many frames are finished; what does not belong to them is removed."""
        if not self.folder.is_dir():
            return 0
        try:
            if json.loads(self._plan.read_text("utf-8")) != {"of": self._mark}:
                raise ValueError("of another film or setting")
        except _DAMAGED:
            self.clear()
            return 0
        done = 0
        for file in sorted(self.folder.iterdir()):
            segment = _read(file) if file.name == _name(done) else None
            if segment is not None:
                done += segment.frames
            elif file != self._plan:
                file.unlink(missing_ok=True)
        return done

    @property
    def _plan(self) -> Path:
        return self.folder / "plan.json"

    def add(self, first: int, segment: Segment) -> None:
        """`first`: number of its first frame. OSError when the disk refuses."""
        if not self.folder.is_dir():
            self.folder.mkdir(parents=True)
            write_atomically(self._plan, json.dumps({"of": self._mark}).encode())
        part = self.folder / "segment.part"
        with part.open("wb") as file:
            np.savez(file, **vars(segment))
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, self.folder / _name(first))

    def segments(self) -> Iterator[Segment]:
        """In order. OSError when one has gone meanwhile."""
        done = 0
        while (file := self.folder / _name(done)).is_file():
            segment = _read(file)
            if segment is None:
                raise OSError(f"{file.name} cannot be read any more")
            done += segment.frames
            yield segment

    def tidy(self) -> None:
        """Only finished segments stay; without any, nothing does."""
        if not self.folder.is_dir():
            return
        for part in self.folder.glob("*.part"):
            part.unlink(missing_ok=True)
        if not (self.folder / _name(0)).is_file():
            self.clear()

    def clear(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def _name(first: int) -> str:
    return f"{first:09d}.npz"


def _read(file: Path) -> Segment | None:
    try:
        with np.load(file, allow_pickle=False) as stored:
            values = {name: stored[name] for name in stored.files}
        frames = int(values.pop("frames"))
        segment = Segment(**values, frames=frames)
        return segment if frames > 0 and segment.sizes.sum() == segment.content.size else None
    except (*_DAMAGED, TypeError):
        return None
