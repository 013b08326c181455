"""What layers put out, as maps or vectors whatever the network. No torch."""

from __future__ import annotations

import math

import numpy as np


def grid_of(tokens: int) -> tuple[int, int]:
    """Rows and columns of so many tokens: a square without or with a class token, else a row."""
    for count in (tokens, tokens - 1):
        side = math.isqrt(max(count, 0))
        if side > 1 and side * side == count:
            return side, side
    return 1, tokens


def as_map(tokens: np.ndarray) -> np.ndarray:
    """(N, T, C) -> (N, C, rows, columns); a class token, which comes first, is left out."""
    rows, columns = grid_of(tokens.shape[1])
    places = tokens[:, tokens.shape[1] - rows * columns :]
    return places.transpose(0, 2, 1).reshape(len(tokens), tokens.shape[2], rows, columns)
