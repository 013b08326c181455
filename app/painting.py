"""A painting as pixels: strokes laid on a ground, one after the other. numpy only, no Qt."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np

from app.composed import Ground, Stroke
from app.widgets.brushes import Brush, touch, within
from engine.client import resized
from engine.messages import Vector

PAINTS = 8
"""Colours taken from the source."""
REMEMBERED = 48
"""Rasters at hand, so that undo is immediate."""
ALIKE = 0.09
"""RMS difference, 0..1, up to which a poured colour spreads."""
BLURRED_TO = 18
"""Pixels of the shorter side of a source out of focus."""


def paints_of(pixels: np.ndarray, count: int = PAINTS) -> list[tuple[int, int, int]]:
    """The `count` colours (RGB) that stand for (H, W, 4) BGRX best, dark to light: k-means.

    Begun with colours far from each other, so that a small bright spot gets one too.
    """
    step = max(1, int(np.sqrt(pixels.shape[0] * pixels.shape[1] / 4000)))
    values = pixels[::step, ::step, 2::-1].reshape(-1, 3).astype(np.float32)
    middles = _farthest(values, count)
    for _ in range(12):
        nearest = _distances(values, middles).argmin(1)
        sums = np.stack([np.bincount(nearest, values[:, c], count) for c in range(3)], -1)
        sizes = np.bincount(nearest, minlength=count)[:, None]
        middles = np.where(sizes > 0, sums / np.maximum(sizes, 1), middles).astype(np.float32)
    order = np.argsort(middles @ np.array([0.299, 0.587, 0.114], np.float32), kind="stable")
    return [(round(float(r)), round(float(g)), round(float(b))) for r, g, b in middles[order]]


def _farthest(values: np.ndarray, count: int) -> np.ndarray:
    """(count, 3) of the colours of (N, 3): the commonest first, then always the farthest.

    A colour is what many pixels have nearly in common; a single pixel is none.
    """
    bins = (values // 24).astype(int) @ np.array([1, 16, 256])
    _, which, sizes = np.unique(bins, return_inverse=True, return_counts=True)
    sums = np.stack([np.bincount(which, values[:, c]) for c in range(3)], -1)
    common = sizes >= 0.002 * len(values)
    colours, sizes = (sums / sizes[:, None])[common], sizes[common]
    if not len(colours):
        return np.repeat(values.mean(0)[None], count, 0)
    chosen = [int(sizes.argmax())]
    while len(chosen) < count:
        away = _distances(colours, colours[chosen]).min(1)
        chosen.append(int((away * sizes**0.25).argmax()))
    return colours[chosen].astype(np.float32)


def _distances(values: np.ndarray, middles: np.ndarray) -> np.ndarray:
    """(N, K) squared."""
    gap = values[:, None] - middles[None]
    return (gap * gap).sum(-1)


def ground_of(ground: Ground, source: np.ndarray) -> np.ndarray:
    """(H, W, 4) BGRX to paint on, of the shape of `source` (H, W, 4) BGRX."""
    made = source.copy()
    height, width = source.shape[:2]
    if ground.kind == "picture" and ground.picture is not None:
        made = ground.picture.array().copy()
    elif ground.kind == "blank":
        # The commonest colour, not the mean, which is mud.
        paints = paints_of(source)
        counts = _distances(source[::8, ::8, 2::-1].reshape(-1, 3).astype(float), np.array(paints))
        made[..., 2::-1] = paints[int(np.bincount(counts.argmin(1)).argmax())]
    elif ground.kind == "blurred":
        small = BLURRED_TO / min(height, width)
        size = max(2, round(height * small)), max(2, round(width * small))
        values = source[..., :3].astype(np.float32)
        soft = resized(resized(values, *size), height, width)
        made[..., :3] = np.clip(soft, 0, 255).astype(np.uint8)
    made[..., 3] = 255
    return made


class Brushing:
    """One stroke of the brush while it grows; `picture` (H, W, 4) BGRX is always up to date."""

    def __init__(self, before: np.ndarray, ground: np.ndarray, stroke: Stroke):
        """`stroke`: its colour, size and edge; its points are ignored."""
        self.picture = before.copy()
        self._before, self._ground, self._stroke = before, ground, stroke
        self._cover = np.zeros(before.shape[:2], np.float32)
        self._last: tuple[float, float] | None = None

    def to(self, x: float, y: float, pressure: float = 1.0) -> None:
        """Go on to (x, y), pixels; a light touch is a thin one."""
        brush = Brush(self._stroke.size * min(max(pressure, 0.05), 1.0), self._stroke.soft)
        box = touch(self._cover, self._last or (x, y), (x, y), brush)
        self._last = (x, y)
        self.picture[box] = laid(
            self._before[box], self._cover[box], self._stroke.colour, self._ground[box]
        )


def laid(
    before: np.ndarray,
    cover: np.ndarray,
    colour: tuple[int, int, int] | None,
    ground: np.ndarray,
) -> np.ndarray:
    """(h, w, 4) uint8: paint over what was there, or the ground where it is taken off."""
    over = ground if colour is None else np.array((*colour[::-1], 255), np.uint8)
    share = cover[..., None]
    return np.rint(before + share * (over.astype(np.float32) - before)).astype(np.uint8)


def stroked(before: np.ndarray, ground: np.ndarray, stroke: Stroke) -> np.ndarray:
    """The painting (H, W, 4) after one more stroke."""
    points = stroke.points.array()
    if stroke.manner == "fill":
        return laid(before, poured(before, *points[0, :2]), stroke.colour, ground)
    if stroke.manner == "shape":
        cover = within(before.shape[:2], [(float(x), float(y)) for x, y, _ in points])
        return laid(before, cover, stroke.colour, ground)
    brushing = Brushing(before, ground, stroke)
    for x, y, pressure in points:
        brushing.to(float(x), float(y), float(pressure))
    return brushing.picture


def poured(picture: np.ndarray, x: float, y: float) -> np.ndarray:
    """(H, W) 0..1: what hangs together with (x, y) and has its colour."""
    height, width = picture.shape[:2]
    # Half as fine is a quarter of the time; the edge is brought back by what is alike below.
    row, col = min(max(int(y), 0), height - 1), min(max(int(x), 0), width - 1)
    gap = picture[..., :3].astype(np.float32) - picture[row, col, :3]
    alike = (gap * gap).mean(-1) <= (255 * ALIKE) ** 2
    small = alike[::2, ::2]
    known = np.zeros_like(small)
    known[row // 2, col // 2] = True
    reached = _spread(known, small | known)
    near = reached.repeat(2, 0).repeat(2, 1)[:height, :width]
    near = _widened(_widened(near.astype(np.float32)))
    cover = near * alike
    # A pixel of fading: no fringe of the old colour at a soft edge.
    return np.maximum(cover, 0.5 * _widened(cover))


def _widened(values: np.ndarray) -> np.ndarray:
    """The largest of every 3 x 3 pixels of (H, W)."""
    for axis in (0, 1):
        wide = np.pad(values, [(1, 1) if a == axis else (0, 0) for a in (0, 1)])
        low, middle, high = (
            np.take(wide, range(i, i + values.shape[axis]), axis) for i in range(3)
        )
        values = np.maximum(np.maximum(low, middle), high)
    return values


def _spread(known: np.ndarray, free: np.ndarray) -> np.ndarray:
    """All of `free` (H, W) bool that hangs together with `known`, along rows, columns, rows …"""
    while True:
        before = known.sum()
        known = _along_rows(known, free)
        known = _along_rows(known.T, free.T).T
        if known.sum() == before:
            return known


def _along_rows(known: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Every run of a row's free pixels that holds a known one is known."""
    begins = free.copy()
    begins[:, 1:] &= ~free[:, :-1]
    run = np.cumsum(begins.ravel()).reshape(free.shape)
    holds = np.bincount(run[known], minlength=int(run.max()) + 1) > 0
    return holds[run] & free


class Painting:
    """Rasters of (ground, strokes), the newest ones at hand."""

    def __init__(self, source: np.ndarray):
        """`source` (H, W, 4) BGRX: the easel has its shape."""
        self.source = source
        self._rasters: OrderedDict[tuple[Ground, tuple[Stroke, ...]], np.ndarray] = OrderedDict()
        self._grounds: dict[Ground, np.ndarray] = {}

    def ground(self, ground: Ground) -> np.ndarray:
        if ground not in self._grounds:
            self._grounds[ground] = ground_of(ground, self.source)
        return self._grounds[ground]

    def raster(self, ground: Ground, strokes: tuple[Stroke, ...]) -> np.ndarray:
        """(H, W, 4) BGRX; not to be written to."""
        start = len(strokes)
        while start and (ground, strokes[:start]) not in self._rasters:
            start -= 1
        made = self._rasters[ground, strokes[:start]] if start else self.ground(ground)
        for count in range(start, len(strokes)):
            made = stroked(made, self.ground(ground), strokes[count])
            self.remember(ground, strokes[: count + 1], made)
        return made

    def remember(self, ground: Ground, strokes: tuple[Stroke, ...], made: np.ndarray) -> None:
        self._rasters[ground, strokes] = made
        while len(self._rasters) > REMEMBERED:
            self._rasters.popitem(last=False)


def points_of(places: list[tuple[float, float, float]]) -> Vector:
    """(x, y, pressure) of a stroke."""
    return Vector.of(np.array(places, np.float32).reshape(-1, 3))
