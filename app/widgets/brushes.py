"""What a brush does to a mask: strokes of one width and softness, undone one by one. No Qt."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

UNDO = 40
"""Strokes that can be taken back."""


@dataclass(frozen=True)
class Brush:
    """How the next stroke is painted."""

    size: float = 0.12
    """Diameter as a share of the picture's longer side."""
    soft: float = 0.5
    """Share of the radius over which the edge fades, 0..1."""
    erasing: bool = False
    lasso: bool = False
    """What the stroke goes round is meant, not what it touches."""


class Mask:
    """(H, W) float32 in 0..1, painted by strokes.

    Inside of one stroke the strongest touch counts, so that going over the same place twice does
    not harden a soft edge; only a new stroke adds to what was there.
    """

    def __init__(self, height: int = 1, width: int = 1):
        self._values = np.zeros((height, width), np.float32)
        self._before = self._values
        self._stroke: np.ndarray | None = None
        self._history: list[np.ndarray] = []
        self._brush = Brush()
        self._last = (0.0, 0.0)
        self._outline: list[tuple[float, float]] = []

    @property
    def values(self) -> np.ndarray:
        """(H, W) float32, 0..1; not to be written to."""
        return self._values

    @property
    def shape(self) -> tuple[int, int]:
        height, width = self._values.shape
        return height, width

    @property
    def empty(self) -> bool:
        return not self._values.any()

    @property
    def can_undo(self) -> bool:
        return bool(self._history)

    def begin(self, x: float, y: float, brush: Brush, pressure: float = 1.0) -> None:
        """Touch down at (x, y), in mask pixels from the upper left corner; `pressure` 0..1."""
        self._brush, self._last = brush, (x, y)
        self._before = self._values
        self._stroke = np.zeros_like(self._values)
        self._outline = []
        self.move(x, y, pressure)

    def move(self, x: float, y: float, pressure: float = 1.0) -> None:
        """Go on to (x, y) in a straight line; a light touch is a thin one."""
        if self._stroke is None:
            return
        self._outline.append((x, y))
        if self._brush.lasso:
            return
        brush = replace(self._brush, size=self._brush.size * min(max(pressure, 0.05), 1.0))
        touch(self._stroke, self._last, (x, y), brush)
        self._last = (x, y)
        self._lay()

    def _lay(self) -> None:
        """The stroke over what was there before it."""
        if self._stroke is None:
            return
        if self._brush.erasing:
            self._values = self._before * (1.0 - self._stroke)
        else:
            self._values = np.maximum(self._before, self._stroke)

    def end(self) -> None:
        """Lift the brush: the stroke is one step of the history."""
        if self._stroke is None:
            return
        if self._brush.lasso:
            self._stroke = within(self._values.shape, self._outline)
            self._lay()
        self._stroke = None
        if not np.array_equal(self._before, self._values):
            self._remember(self._before)

    def undo(self) -> None:
        """Take the last stroke (or clearing) back."""
        self._stroke = None
        if self._history:
            self._values = self._history.pop()

    def clear(self) -> None:
        """Nothing is masked; can be undone."""
        self._stroke = None
        if not self.empty:
            self._remember(self._values)
            self._values = np.zeros_like(self._values)

    def fill(self) -> None:
        """Everything is masked; can be undone."""
        self._set(np.ones_like(self._values))

    def invert(self) -> None:
        """What was masked is not, and the other way round; can be undone."""
        self._set(1.0 - self._values)

    def _set(self, values: np.ndarray) -> None:
        self._stroke = None
        if not np.array_equal(self._values, values):
            self._remember(self._values)
            self._values = values

    def replace(self, values: np.ndarray) -> None:
        """Another mask (H, W) in 0..1, of any size; the history begins anew."""
        self._values = np.clip(np.asarray(values, np.float32), 0.0, 1.0)
        self._stroke = None
        self._history.clear()

    def _remember(self, values: np.ndarray) -> None:
        self._history.append(values)
        del self._history[:-UNDO]


def within(shape: tuple[int, ...], outline: list[tuple[float, float]]) -> np.ndarray:
    """(H, W) float32: 1 inside of a closed outline of (x, y), by the even-odd rule."""
    height, width = shape
    inside = np.zeros((height, width), bool)
    columns = np.arange(width) + 0.5
    for (x0, y0), (x1, y1) in zip(outline, outline[1:] + outline[:1], strict=True):
        if y0 == y1:
            continue
        low, high = min(y0, y1), max(y0, y1)
        rows = np.arange(max(int(np.ceil(low - 0.5)), 0), min(int(np.ceil(high - 0.5)), height))
        # Everything right of the edge changes sides.
        crossing = x0 + (rows + 0.5 - y0) * (x1 - x0) / (y1 - y0)
        inside[rows] ^= columns[None] > crossing[:, None]
    return inside.astype(np.float32)


def touch(
    stroke: np.ndarray, start: tuple[float, float], end: tuple[float, float], brush: Brush
) -> tuple[slice, slice]:
    """Paint the line from `start` to `end` (mask pixels) into `stroke` (H, W), in place.

    Returns the rows and columns that may have changed.
    """
    height, width = stroke.shape
    # Below about one pixel the brush would slip between the pixels' middles.
    radius = max(brush.size * max(height, width) / 2.0, 0.71)
    left = max(int(min(start[0], end[0]) - radius - 1), 0)
    right = min(int(max(start[0], end[0]) + radius + 2), width)
    top = max(int(min(start[1], end[1]) - radius - 1), 0)
    bottom = min(int(max(start[1], end[1]) + radius + 2), height)
    box = slice(top, max(bottom, top)), slice(left, max(right, left))
    if left >= right or top >= bottom:
        return box
    ys, xs = np.mgrid[top:bottom, left:right].astype(np.float32) + 0.5
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = dx * dx + dy * dy
    along = ((xs - start[0]) * dx + (ys - start[1]) * dy) / length if length > 0.0 else 0.0 * xs
    along = np.clip(along, 0.0, 1.0)
    away = np.hypot(xs - start[0] - along * dx, ys - start[1] - along * dy)
    # At least one pixel of fading: a hard brush has a clean edge, not a staircase.
    fade = max(brush.soft * radius, 1.0)
    value = np.clip((radius - away) / fade + 0.5 * (1.0 - brush.soft), 0.0, 1.0)
    value = value * value * (3.0 - 2.0 * value)
    part = stroke[top:bottom, left:right]
    np.maximum(part, value, out=part)
    return box
