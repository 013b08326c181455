"""What can be seen in a picture without knowing what it is: colour, edges, texture, place. Numpy.

Early layers answer to these, and probes without labels leave nothing else to say. Every detector
is a map of the picture, 0..1 or an energy, on a coarse grid, so that it can be asked in the region
where a unit is active as well as of a whole picture or a part of it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

side = 96
"""Pixels a picture is looked at with."""
grid = 24
"""Cells of a detector's map, each way."""
coarse = 6
"""Cells, each way, of which the fullest counts as `somewhere`."""

COLOURS: tuple[tuple[str, float, float], ...] = (
    ("red", 0.0, 22.0),
    ("orange", 30.0, 16.0),
    ("yellow", 56.0, 18.0),
    ("green", 115.0, 48.0),
    ("turquoise", 178.0, 22.0),
    ("blue", 225.0, 34.0),
    ("purple", 282.0, 26.0),
    ("pink", 330.0, 24.0),
)
"""Name, hue in degrees, half width where it has faded to a half."""
SHADES = ("brown", "black", "grey", "white", "dark", "bright", "colourful")
EDGES = ("vertical edges", "horizontal edges", "rising diagonals", "falling diagonals")
TEXTURES = ("fine texture", "medium texture", "coarse texture", "plain areas", "strong contrast")
NAMES = tuple(name for name, _, _ in COLOURS) + SHADES + EDGES + TEXTURES

PLACES: tuple[tuple[str, float, float, float, float], ...] = (
    ("left", 0, 1, 0, 0.5),
    ("right", 0, 1, 0.5, 1),
    ("top", 0, 0.5, 0, 1),
    ("bottom", 0.5, 1, 0, 1),
    ("top left", 0, 0.5, 0, 0.5),
    ("top right", 0, 0.5, 0.5, 1),
    ("bottom left", 0.5, 1, 0, 0.5),
    ("bottom right", 0.5, 1, 0.5, 1),
    ("centre", 0.25, 0.75, 0.25, 0.75),
)
"""Name, first and last row, first and last column, as shares of the picture."""
ANYWHERE = ("somewhere", "everywhere")
"""The fullest part of the picture; its mean."""
WHERE = ANYWHERE + tuple(name for name, *_ in PLACES) + tuple(
    f"{name} somewhere" for name, *_ in PLACES
)  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """All detectors over some pictures."""

    maps: np.ndarray
    """(N, D, grid, grid) float16."""

    def features(self) -> np.ndarray:
        """(N, D, P) float32: each detector in each of `WHERE`."""
        maps = self.maps.astype(np.float32)
        parts = maps.reshape(*maps.shape[:2], coarse, grid // coarse, coarse, grid // coarse)
        parts = parts.mean(axis=(3, 5))
        found = [parts.max(axis=(2, 3)), maps.mean(axis=(2, 3))]
        found += [maps[:, :, rows, columns].mean(axis=(2, 3)) for rows, columns in _windows(grid)]
        found += [parts[:, :, rows, columns].max(axis=(2, 3)) for rows, columns in _windows(coarse)]
        return np.stack(found, axis=2)


def look(pictures: Sequence[np.ndarray]) -> Seen:
    """(H, W, 3) uint8 each, of any size."""
    return Seen(np.stack([maps(picture) for picture in pictures]))


def maps(picture: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 -> (D, grid, grid) float16, in the order of `NAMES`."""
    small = Image.fromarray(np.ascontiguousarray(picture)).resize(
        (side, side), Image.Resampling.BOX
    )
    rgb = np.asarray(small, np.float32) / 255.0
    cells = _cells(np.concatenate([_colours(rgb), _edges_and_textures(rgb)]))
    return cells.astype(np.float16)


def window(name: str) -> np.ndarray:
    """(grid, grid) 1 in the place, 0 elsewhere."""
    out = np.zeros((grid, grid), np.float32)
    for (known, *_), (rows, columns) in zip(PLACES, _windows(grid), strict=True):
        if known == name:
            out[rows, columns] = 1.0
    return out


def _windows(cells: int) -> Iterator[tuple[slice, slice]]:
    for _, top, bottom, left, right in PLACES:
        yield (
            slice(round(top * cells), round(bottom * cells)),
            slice(round(left * cells), round(right * cells)),
        )


# ---------------------------------------------------------------- colour


def _colours(rgb: np.ndarray) -> np.ndarray:
    """Hue counts as far as there is saturation and light to see it by."""
    high, low = rgb.max(-1), rgb.min(-1)
    chroma = high - low
    hue = _hue(rgb, high, chroma)
    vivid = _ramp(chroma, 0.12, 0.35)
    found: list[np.ndarray] = []
    for name, centre, half in COLOURS:
        away = np.abs((hue - centre + 180.0) % 360.0 - 180.0) / half
        near = 0.5 ** (away**2)
        if name in ("orange", "red"):
            near = near * _ramp(high, 0.35, 0.6)  # dark orange is brown
        found.append(near * vivid)
    light = rgb @ np.array([0.299, 0.587, 0.114], np.float32)
    pale = 1.0 - _ramp(chroma, 0.06, 0.2)
    warm = 0.5 ** ((np.abs((hue - 25.0 + 180.0) % 360.0 - 180.0) / 22.0) ** 2)
    found += [
        warm * _ramp(chroma, 0.06, 0.2) * (1.0 - _ramp(high, 0.5, 0.75)) * _ramp(high, 0.1, 0.25),
        1.0 - _ramp(high, 0.1, 0.28),
        pale * _ramp(light, 0.2, 0.35) * (1.0 - _ramp(light, 0.7, 0.88)),
        pale * _ramp(light, 0.75, 0.93),
        1.0 - light,
        light,
        chroma,
    ]
    return np.stack(found)


def _hue(rgb: np.ndarray, high: np.ndarray, chroma: np.ndarray) -> np.ndarray:
    """Degrees; 0 where there is none."""
    red, green, blue = np.moveaxis(rgb, -1, 0)
    safe = np.maximum(chroma, 1e-6)
    hue = np.where(
        high == red,
        ((green - blue) / safe) % 6.0,
        np.where(high == green, (blue - red) / safe + 2.0, (red - green) / safe + 4.0),
    )
    return np.where(chroma > 1e-6, hue * 60.0, 0.0)


def _ramp(values: np.ndarray, none: float, full: float) -> np.ndarray:
    return np.clip((values - none) / (full - none), 0.0, 1.0)


# ---------------------------------------------------------------- edges and textures


def _edges_and_textures(rgb: np.ndarray) -> np.ndarray:
    """Energies of oriented edges, and of what lies between blurs of 1, 2 and 4 pixels and more."""
    light = (rgb @ np.array([0.299, 0.587, 0.114], np.float32)).astype(np.float32)
    blurred = _blur(light, 1)
    across = np.gradient(blurred, axis=1)
    down = np.gradient(blurred, axis=0)
    strength = np.hypot(across, down)
    angle = np.arctan2(down, across)  # of the gradient; the edge runs at right angles to it
    found = [
        strength * np.maximum(0.0, np.cos(2.0 * (angle - turned))) ** 2
        for turned in (0.0, np.pi / 2, np.pi / 4, -np.pi / 4)
    ]
    levels = [light, _blur(light, 1), _blur(light, 2), _blur(light, 4), _blur(light, 8)]
    bands = [np.abs(a - b) for a, b in zip(levels, levels[1:], strict=False)]
    busy = _blur(strength + bands[0], 3)
    found += [bands[0] + 0.5 * bands[1], bands[2], bands[3], 1.0 / (1.0 + 60.0 * busy)]
    found.append(_blur(np.abs(light - levels[4]), 3))
    return np.stack(found)


def _blur(plane: np.ndarray, radius: int) -> np.ndarray:
    """Two box blurs each way: near enough to a Gaussian of `radius` pixels."""
    matrix = _blurring(radius)
    return matrix @ plane @ matrix.T


@functools.lru_cache(maxsize=8)
def _blurring(radius: int) -> np.ndarray:
    """(side, side): two box blurs along a row, the border's pixels repeated outwards."""
    once = np.zeros((side, side), np.float32)
    for row in range(side):
        for column in range(row - radius, row + radius + 1):
            once[row, min(max(column, 0), side - 1)] += 1.0 / (2 * radius + 1)
    return once @ once


def _cells(planes: np.ndarray) -> np.ndarray:
    """(D, side, side) -> (D, grid, grid) means."""
    step = side // grid
    matrix = np.kron(np.eye(grid, dtype=np.float32), np.full((1, step), 1.0 / step, np.float32))
    return matrix @ planes.astype(np.float32) @ matrix.T
