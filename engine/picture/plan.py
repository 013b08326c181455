"""What every way of making a picture shares: its levels, their sizes, and slices of work."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np

from engine.picture.nearest import side
from engine.picture.painter import Target, level_sizes
from engine.picture.source import hole_of, resized

smallest = 2 * side + 2
"""Pixels: smaller pictures are reflected until they hold some patches."""


@dataclass(frozen=True, eq=False)
class Stage:
    """The state after a slice of work."""

    level: int
    """Of `levels`: finished so far."""
    levels: int
    image: np.ndarray | None
    """(h, w, 3) -1..1 when a level is finished, else None: only a place to pause."""


Work = Generator[Stage, None, np.ndarray]


@dataclass(frozen=True, eq=False)
class Plan:
    """Every level of the source, and the sizes of what is made."""

    targets: tuple[Target, ...]
    shapes: tuple[tuple[int, int], ...]

    @property
    def levels(self) -> int:
        return len(self.targets)


def level_count(height: int, width: int) -> int:
    """How many levels a picture of this size has."""
    return len(level_sizes(max(height, smallest), max(width, smallest)))


def planned(source: np.ndarray, size: tuple[int, int], hole: np.ndarray | None = None) -> Plan:
    height, width = source.shape[:2]
    sizes = level_sizes(height, width)
    targets, shapes = [], []
    for h, w in sizes:
        valid = None if hole is None else clear(covered(hole, (h, w)))
        targets.append(Target(resized(source, h, w), valid))
        scale = (size[0] / height, size[1] / width)
        shapes.append((max(side, round(h * scale[0])), max(side, round(w * scale[1]))))
    return Plan(tuple(targets), tuple(shapes))


def clear(hole: np.ndarray) -> np.ndarray:
    """Which patches hold no pixel of the hole: ((H-6)·(W-6),) bool."""
    windows = np.lib.stride_tricks.sliding_window_view(hole, (side, side))
    return ~windows.any((2, 3)).ravel()


def covered(hole: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The hole at another size: every pixel that it touches."""
    return hole_of(hole.astype(np.float32), *shape)


def padded(picture: np.ndarray) -> np.ndarray:
    """Reflected until each side has `smallest` pixels."""
    short = [max(0, smallest - n) for n in picture.shape[:2]]
    if not any(short):
        return picture
    return np.pad(picture, ((0, short[0]), (0, short[1]), (0, 0)), mode="symmetric")


def shorter(picture: np.ndarray) -> int:
    return min(picture.shape[:2])


def paused(work: Generator[None, None, np.ndarray], level: int, levels: int) -> Work:
    """The same work, each pause told as a stage."""
    while True:
        try:
            next(work)
        except StopIteration as done:
            return done.value
        yield Stage(level, levels, None)
