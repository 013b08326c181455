"""The numbers of a training, and the memory it takes. Torch-free: the window asks beforehand."""

from __future__ import annotations

from dataclasses import dataclass

import psutil

from engine.picture.pyramid.grid import Size, fitted


@dataclass(frozen=True)
class Recipe:
    """The numbers of a training."""

    generator_rate: float = 1e-3
    critic_rate: float = 2e-3
    rebuild_weight: float = 10.0
    """Of the mean squared error of the reconstruction (SinGAN's alpha)."""
    critic_weight: float = 0.1
    sliced_weight: float = 3.0
    projections: int = 48
    """Directions along which patches are compared, new in every step."""
    window: int = 128
    """Side of the windows that large levels train on, pixels."""
    ring: int = 32
    """Samples of the levels below that are drawn once and used again and again."""
    decay_from: float = 0.6
    """The rates fall to nothing from this share of the steps on; earlier on a plateau."""
    patience: int = 4
    """Evaluations without a gain (2 % of the sliced distance, 0.15 dB) that make a plateau."""


JUDGED = 3
"""Samples that an evaluation looks at …"""
JUDGES = 64
"""… along as many directions."""


def width_for(seconds: float, device: str) -> int:
    """Channels: wider where a graphics card trains it; 32 draw 250 px in a blink on two cores."""
    return 64 if device != "cpu" and seconds >= 30 else 32


def memory_bytes(size: Size, width: int, recipe: Recipe, pictures: int) -> int:
    """A forecast of what training takes at its finest level, measured to be a little too much."""
    pixels = size[0] * size[1]
    step = min(pixels, recipe.window**2) * 4 * (width * 2 * 5 * 6 + recipe.projections * 12)
    # Sorted projections of both sides, with the places they came from.
    look = min(pixels, 4 * recipe.window**2) * JUDGED * JUDGES * 24
    ring = pixels * 4 * 3 * (recipe.ring * 3 + 8) * pictures
    return 400 * 2**20 + max(step, look) + ring


def pyramid_memory(size: tuple[int, int], longest: int, pictures: int = 1) -> tuple[int, int]:
    """Bytes that training on a processor takes at most, and bytes that are free.

    size: of the largest picture, pixels, in either order; longest: of the working size
    """
    need = memory_bytes(fitted(size, max(8, longest)), width_for(0.0, "cpu"), Recipe(), pictures)
    return need, psutil.virtual_memory().available
