"""Attributes that a simulated observer sees: measured from the pixels of a picture alone.

Fruit lie on white, so what is coloured or dark is the fruit. The portraits' heads keep their place,
so background, skin and hair are looked for where they are. Nothing here knows of latents.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

Measure = Callable[[np.ndarray], np.ndarray]
"""Pictures (N, H, W, 3) float32 0..1 RGB -> (N,) numbers, more is more."""


@dataclass(frozen=True)
class Attribute:
    name: str
    measure: Measure


def rgb(pictures: np.ndarray) -> np.ndarray:
    """(N, 3, H, W) float32 about -1..1 -> (N, H, W, 3) float32 0..1, in 256 steps as shown."""
    steps = np.clip(np.rint((pictures + 1.0) * 127.5), 0.0, 255.0)
    return np.moveaxis(steps, 1, -1) / np.float32(255.0)


def attributes(generator: str) -> tuple[Attribute, ...]:
    """What can be seen in the pictures of a bundled generator, by its name."""
    known: Mapping[str, tuple[Attribute, ...]] = {
        "fruit": (
            Attribute("hue", _hue),
            Attribute("saturation", _saturation),
            Attribute("value", _value),
            Attribute("aspect", _aspect),
            Attribute("area", _area),
        ),
        "portraits": (
            Attribute("background lightness", _background_lightness),
            Attribute("background warmth", _background_warmth),
            Attribute("skin lightness", _skin_lightness),
            Attribute("hair lightness", _hair_lightness),
            Attribute("hair redness", _hair_redness),
            Attribute("hair size", _hair_size),
        ),
    }
    return known.get(generator, ())


# ---------------------------------------------------------------- fruit on white


def _mask(pictures: np.ndarray) -> np.ndarray:
    """(N, H, W) float32 0 or 1: what is not the white ground."""
    mask = pictures.min(axis=-1) < 0.8
    # A picture without any fruit is measured as a whole rather than not at all.
    mask[~mask.any(axis=(1, 2))] = True
    return mask.astype(np.float32)


def _over(mask: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(N,) mean of `values` (N, H, W) where the mask is."""
    return (mask * values).sum(axis=(1, 2)) / mask.sum(axis=(1, 2))


def _hue(pictures: np.ndarray) -> np.ndarray:
    """Angle of the mean colour, -π..π, 0 at yellow-orange: red is negative, green positive.

    Hue is circular: the mean is taken over its unit vectors, weighted by chroma, and the cut lies
    at blue, which no fruit is.
    """
    red, green, blue = np.moveaxis(pictures, -1, 0)
    mask = _mask(pictures)
    across = _over(mask, red - 0.5 * (green + blue))
    up = _over(mask, np.float32(np.sqrt(0.75)) * (green - blue))
    return _turned(np.arctan2(up, across) - np.pi / 4)


def _turned(angle: np.ndarray) -> np.ndarray:
    return (angle + np.pi) % (2.0 * np.pi) - np.pi


def _saturation(pictures: np.ndarray) -> np.ndarray:
    high, low = pictures.max(axis=-1), pictures.min(axis=-1)
    return _over(_mask(pictures), (high - low) / np.maximum(high, 1e-3))


def _value(pictures: np.ndarray) -> np.ndarray:
    return _over(_mask(pictures), pictures.max(axis=-1))


def _aspect(pictures: np.ndarray) -> np.ndarray:
    """Logarithm of width over height, from the second moments of the silhouette."""
    mask = _mask(pictures)
    rows = np.arange(mask.shape[1], dtype=np.float32)
    total = mask.sum(axis=(1, 2))
    spread = []
    for axis in (2, 1):  # summed over columns: by height; over rows: by width
        profile = mask.sum(axis=axis)
        centre = (profile @ rows) / total
        spread.append((profile * (rows - centre[:, None]) ** 2).sum(axis=1) / total)
    return 0.5 * np.log((spread[1] + 1e-3) / (spread[0] + 1e-3))


def _area(pictures: np.ndarray) -> np.ndarray:
    return (pictures.min(axis=-1) < 0.8).mean(axis=(1, 2))


# ---------------------------------------------------------------- portraits


def _patch(pictures: np.ndarray, top: float, bottom: float, left: float, right: float):
    """(N, 3): the median colour of a rectangle, in parts of the picture's side."""
    height, width = pictures.shape[1:3]
    cut = pictures[
        :, int(top * height) : int(bottom * height), int(left * width) : int(right * width)
    ]
    return np.median(cut.reshape(len(cut), -1, 3), axis=1)


def _luma(colour: np.ndarray) -> np.ndarray:
    return colour @ np.array([0.299, 0.587, 0.114], np.float32)


def _background(pictures: np.ndarray) -> np.ndarray:
    """(N, 3): the colour of the two upper corners."""
    left = _patch(pictures, 0.02, 0.15, 0.02, 0.12)
    right = _patch(pictures, 0.02, 0.15, 0.88, 0.98)
    return 0.5 * (left + right)


def _background_lightness(pictures: np.ndarray) -> np.ndarray:
    return _luma(_background(pictures))


def _background_warmth(pictures: np.ndarray) -> np.ndarray:
    colour = _background(pictures)
    return colour[:, 0] - colour[:, 2]


def _skin_lightness(pictures: np.ndarray) -> np.ndarray:
    """The cheeks, beside and below the nose."""
    return _luma(_patch(pictures, 0.60, 0.68, 0.28, 0.62))


def _hair(pictures: np.ndarray) -> np.ndarray:
    return _patch(pictures, 0.20, 0.30, 0.38, 0.62)


def _hair_lightness(pictures: np.ndarray) -> np.ndarray:
    return _luma(_hair(pictures))


def _hair_redness(pictures: np.ndarray) -> np.ndarray:
    colour = _hair(pictures)
    return colour[:, 0] - 0.5 * (colour[:, 1] + colour[:, 2])


def _hair_size(pictures: np.ndarray) -> np.ndarray:
    """Part of the rim above the brows and beside the cheeks that is not ground."""
    height, width = pictures.shape[1:3]
    ground = _background(pictures)[:, None, None]
    apart = np.abs(pictures - ground).max(axis=-1) > 0.15
    rim = np.ones((height, width), bool)
    rim[int(0.2 * height) : int(0.85 * height), int(0.2 * width) : int(0.85 * width)] = False
    return apart[:, rim].mean(axis=1)
