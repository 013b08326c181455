"""Pictures that deceive: words pasted over them, or a small picture made for it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from engine import paths

EVERYDAY = ("SALE", "MENU", "iPod", "pizza", "TAXI", "OPEN")
WIDEST = 0.5
"""Of a pasted word, as a share of the picture's side."""


def pasted_words(
    pictures: np.ndarray,
    words: Sequence[str],
    random: np.random.RandomState,
    never: Sequence[str] = (),
) -> np.ndarray:
    """(N, H, W, 3) uint8, a word in black on white over each, at a random place.

    never: for each picture the word that would tell the truth
    """
    made = []
    for index, picture in enumerate(pictures):
        false = [word for word in words if not never or word != never[index]] or list(words)
        word = false[random.randint(len(false))]
        image = Image.fromarray(picture)
        label = word_label(word, max(8, round(image.width * WIDEST)))
        left = random.randint(0, max(1, image.width - label.width + 1))
        top = random.randint(0, max(1, image.height - label.height + 1))
        image.paste(label, (left, top))
        made.append(np.asarray(image))
    return np.stack(made)


def word_label(word: str, width: int) -> Image.Image:
    """The word in black on white, about so many pixels wide."""
    file = paths.assets() / "fonts" / "Inter-SemiBold.otf"
    big = ImageFont.truetype(str(file), 64)
    left, top, right, bottom = (round(n) for n in big.getbbox(word or " "))
    image = Image.new("RGB", (right - left + 16, bottom - top + 16), "white")
    ImageDraw.Draw(image).text((8 - left, 8 - top), word, font=big, fill="black")
    height = max(3, round(image.height * width / image.width))
    return image.resize((width, min(height, width)), Image.Resampling.BILINEAR)


def pasted_patch(
    pictures: np.ndarray, patch: np.ndarray, random: np.random.RandomState
) -> np.ndarray:
    """(N, H, W, 3) uint8 with `patch` (h, w, 3) uint8 over each, at a random place."""
    made = pictures.copy()
    rows, columns = patch.shape[:2]
    for picture in made:
        top = random.randint(0, picture.shape[0] - rows + 1)
        left = random.randint(0, picture.shape[1] - columns + 1)
        picture[top : top + rows, left : left + columns] = patch
    return made
