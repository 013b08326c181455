"""Arrays and pictures as values: immutable, comparable, picklable."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Vector:
    """An immutable, comparable, hashable float32 array."""

    data: bytes
    shape: tuple[int, ...]

    @staticmethod
    def of(array: np.ndarray) -> Vector:
        array = np.ascontiguousarray(array, dtype=np.float32)
        return Vector(array.tobytes(), array.shape)

    def array(self) -> np.ndarray:
        """A read-only view, float32, of `shape`."""
        return np.frombuffer(self.data, dtype=np.float32).reshape(self.shape)

    def __repr__(self) -> str:
        digest = hashlib.sha256(self.data).hexdigest()[:8]
        return f"Vector({'x'.join(map(str, self.shape))}, {digest})"


@dataclass(frozen=True)
class Picture:
    """A small picture that travels by value: `pixels` is H*W*4 bytes, B G R X, rows top down."""

    width: int
    height: int
    pixels: bytes = field(repr=False)

    @staticmethod
    def of(array: np.ndarray) -> Picture:
        """From (H, W, 4) uint8 BGRX."""
        height, width, _ = array.shape
        return Picture(width, height, np.ascontiguousarray(array, dtype=np.uint8).tobytes())

    def array(self) -> np.ndarray:
        return np.frombuffer(self.pixels, dtype=np.uint8).reshape(self.height, self.width, 4)
