"""Drawn patches: straight and round edges, letters and gradients: photographs have few of them.

Drawn at four times the size and averaged, so their edges are as soft as a camera's.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

FINER = 4
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789&?!"


def drawn(side: int, random: np.random.Generator) -> np.ndarray:
    """(side, side, 3) uint8."""
    whole = side * FINER
    image = Image.fromarray(_gradient(whole, random))
    pen = ImageDraw.Draw(image)
    for _ in range(int(random.integers(12, 36))):
        _mark(pen, whole, random)
    return np.asarray(image.resize((side, side), Image.Resampling.BOX))


def _gradient(side: int, random: np.random.Generator) -> np.ndarray:
    """(side, side, 3) uint8: from one colour to another, in some direction."""
    a, b = random.uniform(0, 255, (2, 3))
    angle = random.uniform(0, 2 * np.pi)
    y, x = np.mgrid[0:side, 0:side] / side - 0.5
    share = (x * np.cos(angle) + y * np.sin(angle)).clip(-0.5, 0.5) + 0.5
    return (a + share[..., None] * (b - a)).astype(np.uint8)


def _mark(pen: ImageDraw.ImageDraw, side: int, random: np.random.Generator) -> None:
    colour = tuple(int(value) for value in random.integers(0, 256, 3))
    box = np.tile(random.uniform(0, 1, 2), 2) * side
    box[2:] += random.normal(0, 0.15, 2) * side
    left, right = sorted((box[0], box[2]))
    top, bottom = sorted((box[1], box[3]))
    thick = int(random.integers(2, 12)) * FINER // 2
    way = random.integers(5)
    if way == 0:
        pen.line((box[0], box[1], box[2], box[3]), colour, thick)
    elif way == 1:
        pen.ellipse(
            (left, top, right, bottom), colour if random.random() < 0.5 else None, colour, thick
        )
    elif way == 2:
        pen.polygon(
            [tuple(point) for point in box[:2] + random.normal(0, 0.12, (3, 2)) * side], colour
        )
    elif way == 3:
        text = "".join(random.choice(list(LETTERS), int(random.integers(2, 9))))
        font = ImageFont.load_default(float(random.integers(10, 40)) * FINER)
        pen.text((box[0], box[1]), text, colour, font)
    else:
        gap = int(random.integers(4, 20)) * FINER
        for at in range(int(left), int(right), gap):
            pen.line((at, top, at + (bottom - top) * 0.3, bottom), colour, thick)
