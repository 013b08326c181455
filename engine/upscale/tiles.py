"""Tiles that cannot be seen: on the model's grid, with all that a pixel depends on around them.

A model whose pixels depend on `reach` pixels around them gives the same for a tile as for the whole
picture when the tile carries that many neighbours and begins on its grid (the Fourier units' blocks
of 8). numpy only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

Network = Callable[[np.ndarray], np.ndarray]
"""(h, w, 3) float32, h and w multiples of the grid -> (h·s, w·s, 3)."""


@dataclass(frozen=True)
class Shape:
    """What a model asks of the pictures it gets."""

    scale: int
    reach: int
    """Pixels around a pixel that it may depend on."""
    grid: int = 1
    """Sides and origins are multiples of this."""
    fixed: tuple[int, int] | None = None
    """(height, width) that it takes, when it takes only one."""
    frame: int = 0
    """Pixels by which a picture is continued beyond its own edges, a multiple of the grid: what the
    network's zeros there do to a bright edge then stays outside."""

    @property
    def halo(self) -> int:
        """`reach`, up to the grid."""
        return -(-self.reach // self.grid) * self.grid


@dataclass(frozen=True)
class Tile:
    """One part: what is read with its surroundings, and what of the result is kept."""

    top: int
    left: int
    height: int
    width: int
    """Of what is kept, in pixels of the small picture."""


def tiles(height: int, width: int, side: int, grid: int) -> Iterator[Tile]:
    """Parts of at most `side` pixels, row by row, origins on the grid."""
    side = max(grid, side // grid * grid)
    for top in range(0, height, side):
        for left in range(0, width, side):
            yield Tile(top, left, min(side, height - top), min(side, width - left))


def surrounded(
    picture: np.ndarray, tile: Tile, shape: Shape, wrap: bool
) -> tuple[np.ndarray, int, int]:
    """The tile with its halo, padded to the grid: (picture, rows before it, columns before it).

    At the picture's own edges the halo ends with its frame, and the network pads as it does;
    seamless pictures go on with their other side.
    """
    height, width = picture.shape[:2]
    halo = shape.halo
    if wrap:
        rows = np.arange(tile.top - halo, tile.top + tile.height + halo) % height
        columns = np.arange(tile.left - halo, tile.left + tile.width + halo) % width
        part = picture[rows][:, columns]
        before = (halo, halo)
    else:
        rows = _inside(tile.top, tile.height, height, shape)
        columns = _inside(tile.left, tile.width, width, shape)
        # Beyond its edges the picture goes on with them.
        part = picture[np.clip(rows, 0, height - 1)][:, np.clip(columns, 0, width - 1)]
        before = (tile.top - int(rows[0]), tile.left - int(columns[0]))
    return _padded(part, shape, wrap), *before


def _inside(start: int, length: int, size: int, shape: Shape) -> np.ndarray:
    """Indices of rows (or columns) of a tile with its halo, within the picture and its frame."""
    first = max(start - shape.halo, -shape.frame)
    return np.arange(first, min(start + length + shape.halo, size + shape.frame))


def _padded(part: np.ndarray, shape: Shape, wrap: bool) -> np.ndarray:
    """Continued with its edge to the grid, or to the only size the model takes."""
    height, width = part.shape[:2]
    if shape.fixed is not None:
        more = (shape.fixed[0] - height, shape.fixed[1] - width)
    else:
        more = (-height % shape.grid, -width % shape.grid)
    if not any(more):
        return part
    return np.pad(part, ((0, more[0]), (0, more[1]), (0, 0)), mode="edge")


def run_tile(
    picture: np.ndarray, tile: Tile, network: Network, shape: Shape, wrap: bool = False
) -> np.ndarray:
    """(height·s, width·s, 3) of one tile of (H, W, 3)."""
    part, rows, columns = surrounded(picture, tile, shape, wrap)
    made = network(part)
    s = shape.scale
    return made[rows * s : (rows + tile.height) * s, columns * s : (columns + tile.width) * s]


def largest_side(shape: Shape, asked: int) -> int:
    """Pixels of a tile's side without its halo, for tiles of `asked` with it."""
    if shape.fixed is not None:
        asked = min(shape.fixed)
    return max(shape.grid, (asked - 2 * shape.halo) // shape.grid * shape.grid)
