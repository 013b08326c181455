"""A still that moves: a walk of the noise around the source's own, which ends where it began.

SinGAN's supplementary walks
`z_t = a z_rec + (1 - a) (z_{t-1} + b (z_{t-1} - z_{t-2}) + (1 - b) u_t)`. That is a linear filter
of white noise u, so its looping twin is exact: give u a period of as many frames as the film has,
and apply the filter's response to each of its frequencies.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import numpy as np

from engine.messages import LodestoneError
from engine.picture.pyramid.graph import CHANNELS
from engine.picture.pyramid.grid import Size, level_size, resize
from engine.picture.pyramid.opened import Pyramid, open_pyramid
from engine.picture.pyramid.scene import stretched

WAVES = 12
"""Frequencies kept; the filter leaves next to nothing of higher ones."""


def response(alpha: float, beta: float, frames: int) -> np.ndarray:
    """(WAVES,) how strongly each frequency, 0 to WAVES - 1 turns a film, moves the noise."""
    count = min(WAVES, frames // 2 + 1)
    turn = np.exp(-2j * np.pi * np.arange(count) / frames)
    free = 1.0 - alpha
    filtered = free * (1 - beta) / (1 - free * (1 + beta) * turn + free * beta * turn**2)
    return np.abs(filtered)


class Loop:
    """Noise of one shape that moves periodically, deviation `amount` around nothing."""

    def __init__(
        self, shape: tuple[int, ...], frames: int, alpha: float, beta: float, seed: tuple[int, ...]
    ):
        random = np.random.default_rng(seed)
        strength = response(alpha, beta, frames)
        # What the frames would be by the sum over all frequencies of white noise.
        self._strength = (strength * np.sqrt(2.0 / frames)).astype(np.float32)
        self._waves = random.standard_normal((len(strength), 2, *shape), dtype=np.float32)
        self._frames = frames

    def at(self, frame: int) -> np.ndarray:
        angle = 2 * np.pi * np.arange(len(self._strength)) * (frame % self._frames) / self._frames
        turns = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
        return np.tensordot(turns * self._strength[:, None], self._waves, axes=2)


def walk(
    model: str | Path, seconds: float, fps: float = 25.0, alpha: float = 0.1, beta: float = 0.9,
    seed: int = 0, size: Size | None = None, start_level: int = 0,
) -> Generator[np.ndarray, None, None]:  # fmt: skip
    """Frames (H, W, 3) float32 -1..1; the frame after the last would be the first.

    alpha: 0..1, how close to the source; beta: 0..1, how smooth
    """
    if not (seconds > 0 and fps > 0 and 0 < alpha <= 1 and 0 <= beta < 1):
        raise LodestoneError(
            "An animation needs a length and a frame rate above 0, alpha between 0 and 1, and "
            "beta from 0 to below 1."
        )
    pyramid = open_pyramid(model)
    frames = max(2, round(seconds * fps))
    size = size or pyramid.sizes[0]
    start = min(max(0, start_level), pyramid.levels - 1)
    sizes = [level_size(size, share) for share in pyramid.scales[: pyramid.levels]]
    loops = {
        index: Loop((CHANNELS, *sizes[index]), frames, alpha, beta, (seed & 0xFFFFFFFF, index))
        for index in range(start, pyramid.levels)
    }
    kept = pyramid.rebuilt()
    for frame in range(frames):
        yield _frame(pyramid, kept, loops, sizes, start, frame)


def _frame(
    pyramid: Pyramid, kept: tuple[np.ndarray, ...], loops: dict[int, Loop], sizes: list[Size],
    start: int, frame: int,
) -> np.ndarray:  # fmt: skip
    picture = resize(kept[start - 1], sizes[start]) if start else None
    for index in range(start, pyramid.levels):
        size = sizes[index]
        noise = loops[index].at(frame)
        if index == 0:
            noise = noise + stretched(pyramid.latents[0], size)
        below = (
            np.zeros((CHANNELS, *size), np.float32) if picture is None else resize(picture, size)
        )
        picture = pyramid.draw(index, below, noise, pyramid.only(0, size))
    assert picture is not None
    return np.clip(picture, -1.0, 1.0).transpose(1, 2, 0)
