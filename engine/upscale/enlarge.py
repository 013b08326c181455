"""A picture of any size, depth and channels, larger: tile by tile, memory bounded. No torch.

Over a plain (bicubic) enlargement lies what the model makes: `plain + strength · (made - plain)`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import psutil
from PIL import Image

from engine.messages import LodestoneError, UpscaleSettings
from engine.progress import Progress
from engine.upscale.opened import Upscaler
from engine.upscale.tiles import Shape, Tile, largest_side, run_tile, tiles

LARGEST_TILE, SMALLEST_TILE = 768, 64
"""Pixels of a tile's side, when its size is chosen."""
_MARGIN = 8
"""Pixels around a tile for the plain enlargement and for resampling."""
_MEMORY = ("bad_alloc", "failed to allocate", "out of memory", "not enough memory", "cuda_error_2")


@dataclass(frozen=True, eq=False)
class Part:
    """A tile, enlarged, before the strength."""

    top: int
    left: int
    """Of the large picture, pixels."""
    plain: np.ndarray
    """(h, w, C) float32, about 0..1."""
    made: np.ndarray
    """By the model; the same array as `plain` when it was not asked."""

    def mixed(self, strength: float) -> np.ndarray:
        """(h, w, C) float32 in 0..1."""
        if self.made is self.plain or strength == 0:
            return self.plain.clip(0, 1)
        if strength == 1:
            return self.made.clip(0, 1)
        return (self.plain + np.float32(strength) * (self.made - self.plain)).clip(0, 1)


def large_size(height: int, width: int, scale: float) -> tuple[int, int]:
    return max(1, round(height * scale)), max(1, round(width * scale))


def enlarge(
    picture: np.ndarray,
    upscaler: Upscaler,
    settings: UpscaleSettings,
    progress: Progress | None = None,
) -> np.ndarray:
    """(H, W, C) -> (H·scale, W·scale, C) of the same type.

    C is 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGB, alpha not multiplied in). uint8 and uint16
    span their range, float32 spans 0..1 and is cut to it.
    """
    check(settings)
    progress = progress or Progress()
    height, width, channels = picture.shape
    large = large_size(height, width, settings.scale)
    check_size(picture, large)
    picture = bled(picture)
    out = np.empty((*large, channels), picture.dtype)
    done = 0
    for part in parts(picture, upscaler, settings, progress):
        h, w = part.plain.shape[:2]
        values = _typed(part.mixed(settings.strength), picture.dtype)
        out[part.top : part.top + h, part.left : part.left + w] = values
        done += h * w
        progress(done / (large[0] * large[1]))
    return out


def parts(
    picture: np.ndarray,
    upscaler: Upscaler,
    settings: UpscaleSettings,
    progress: Progress,
    within: Tile | None = None,
) -> Iterator[Part]:
    """All of a picture, or `within` (of the small picture, anywhere in it).

    When memory runs out, tiles halve; the sentence that says so goes to `progress`.
    """
    height, width = picture.shape[:2]
    side = _side(picture, upscaler, settings)
    queue = list(_split(within or Tile(0, 0, height, width), side, upscaler.shape.grid))
    queue.reverse()
    while queue:
        tile = queue.pop()
        try:
            made = _part(picture, tile, upscaler, settings)
        except Exception as error:  # ONNX Runtime's own exceptions share no base class
            grid = upscaler.shape.grid
            longest = max(tile.height, tile.width)
            half = max(grid, min(side, longest) // 2 // grid * grid)
            if not _is_memory(error) or longest <= half:
                raise _failed(error, upscaler) from error
            side = half
            progress(0.0, f"Memory was short: going on with tiles of {half} pixels.")
            left = [one for old in [tile, *reversed(queue)] for one in _split(old, side, grid)]
            queue = left[::-1]
            continue
        progress.check()
        yield made


def _split(tile: Tile, side: int, grid: int) -> Iterator[Tile]:
    """Parts of at most `side` pixels."""
    for one in tiles(tile.height, tile.width, side, grid):
        yield Tile(tile.top + one.top, tile.left + one.left, one.height, one.width)


def _is_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or any(w in str(error).lower() for w in _MEMORY)


def _failed(error: Exception, upscaler: Upscaler) -> Exception:
    if isinstance(error, LodestoneError):
        return error
    if _is_memory(error):
        return LodestoneError(
            "There is not enough memory for this picture. Close other programs, or choose a "
            "smaller scale.",
            repr(error),
        )
    return LodestoneError(
        f"{upscaler.name} could not enlarge this picture. Choose another upscaler.", repr(error)
    )


def _side(picture: np.ndarray, upscaler: Upscaler, settings: UpscaleSettings) -> int:
    """Pixels of a tile's side without its halo."""
    shape = upscaler.shape
    longest = max(picture.shape[:2])
    if settings.strength == 0:
        # Nothing but the plain enlargement: cheap, and at one go it is the same to the last bit.
        return longest + shape.grid
    if shape.fixed is not None:
        return max(1, largest_side(shape, 0) - 2 * _MARGIN)
    if settings.tile:
        return max(shape.grid, settings.tile // shape.grid * shape.grid)
    free = psutil.virtual_memory().available / 3
    fits = math.isqrt(max(1, int(free / upscaler.pixel_bytes)))
    return largest_side(shape, min(max(fits, SMALLEST_TILE), LARGEST_TILE) + 2 * shape.halo)


def _part(picture: np.ndarray, tile: Tile, upscaler: Upscaler, settings: UpscaleSettings) -> Part:
    """One tile with the model's own scale, resampled to the one that is asked."""
    size = (picture.shape[0], picture.shape[1])
    wide = _widened(tile, size, upscaler.shape, settings.wrap)
    region = _unit(_region(picture, wide, settings.wrap))
    large = large_size(*size, settings.scale)
    rows, columns = (
        _span(tile.top, tile.height, wide.top, size[0], large[0]),
        _span(tile.left, tile.width, wide.left, size[1], large[1]),
    )
    plain = _resized(region, rows, columns, 1)
    if settings.strength == 0:
        return Part(rows.begin, columns.begin, plain, plain)
    own = upscaler.shape.scale
    made = run_tile(picture, wide, _network(upscaler), upscaler.shape, settings.wrap)
    exact = (rows.count, columns.count) == (tile.height * own, tile.width * own)
    if exact:
        top, left = (tile.top - wide.top) * own, (tile.left - wide.left) * own
        made = made[top : top + rows.count, left : left + columns.count]
        return Part(rows.begin, columns.begin, plain, plain + made if upscaler.residual else made)
    if upscaler.residual:
        every = (_Span(0, wide.height * own, 0.0, wide.height),
                 _Span(0, wide.width * own, 0.0, wide.width))  # fmt: skip
        made = made + _resized(region, *every, 1)
    return Part(rows.begin, columns.begin, plain, _resized(made, rows, columns, own))


@dataclass(frozen=True)
class _Span:
    """Where a tile lies along one side: pixels of the large picture, and of its region."""

    begin: int
    count: int
    first: float
    last: float


def _span(start: int, length: int, region: int, size: int, large: int) -> _Span:
    step = large / size
    begin = round(start * step)
    end = large if start + length >= size else round((start + length) * step)
    end = max(end, begin)
    return _Span(begin, end - begin, begin / step - region, end / step - region)


def _widened(tile: Tile, size: tuple[int, int], shape: Shape, wrap: bool) -> Tile:
    """With room for the kernels that resample, and its origin on the grid."""
    top, left = ((n - _MARGIN) // shape.grid * shape.grid for n in (tile.top, tile.left))
    bottom, right = tile.top + tile.height + _MARGIN, tile.left + tile.width + _MARGIN
    if not wrap:
        top, left = max(0, top), max(0, left)
        bottom, right = min(size[0], bottom), min(size[1], right)
    return Tile(top, left, bottom - top, right - left)


def _region(picture: np.ndarray, tile: Tile, wrap: bool) -> np.ndarray:
    if not wrap:
        return picture[tile.top : tile.top + tile.height, tile.left : tile.left + tile.width]
    rows = np.arange(tile.top, tile.top + tile.height) % picture.shape[0]
    columns = np.arange(tile.left, tile.left + tile.width) % picture.shape[1]
    return picture[rows][:, columns]


def _resized(region: np.ndarray, rows: _Span, columns: _Span, scale: int) -> np.ndarray:
    """Bicubic, by Pillow in 32-bit floats; `region` is `scale` times as large as the spans say."""
    if not rows.count or not columns.count:
        return np.zeros((rows.count, columns.count, region.shape[2]), np.float32)
    height, width = region.shape[:2]
    box = (
        max(0.0, columns.first * scale), max(0.0, rows.first * scale),
        min(float(width), columns.last * scale), min(float(height), rows.last * scale),
    )  # fmt: skip
    size = (columns.count, rows.count)
    planes = [
        Image.fromarray(np.ascontiguousarray(region[..., c])).resize(
            size, Image.Resampling.BICUBIC, box=box
        )
        for c in range(region.shape[2])
    ]
    return np.stack([np.asarray(plane) for plane in planes], axis=2)


# ---------------------------------------------------------------- channels and depth


def _network(upscaler: Upscaler) -> Callable[[np.ndarray], np.ndarray]:
    """The colour network on grey and alpha too: each as a grey picture."""

    def run(part: np.ndarray) -> np.ndarray:
        values = _unit(part)
        channels = values.shape[2]
        colours = channels - 1 if channels in (2, 4) else channels
        made = _coloured(upscaler, values[..., :colours])
        if colours == channels:
            return made
        alpha = values[..., colours:]
        if alpha.min() == alpha.max():
            # All alike: what a network adds to that is not worth its time.
            scale = upscaler.shape.scale
            value = 0.0 if upscaler.residual else float(alpha.flat[0])
            size = (alpha.shape[0] * scale, alpha.shape[1] * scale, 1)
            return np.concatenate([made, np.full(size, value, np.float32)], axis=2)
        return np.concatenate([made, _coloured(upscaler, alpha)], axis=2)

    return run


def _coloured(upscaler: Upscaler, values: np.ndarray) -> np.ndarray:
    if values.shape[2] == 3:
        return upscaler.network(values)
    return upscaler.network(np.repeat(values, 3, axis=2)).mean(axis=2, keepdims=True)


def _unit(values: np.ndarray) -> np.ndarray:
    """float32 0..1."""
    if values.dtype == np.float32:
        return values
    return values.astype(np.float32) / np.float32(np.iinfo(values.dtype).max)


def _typed(values: np.ndarray, kind: np.dtype) -> np.ndarray:
    if kind == np.float32:
        return values
    return np.rint(values * np.float32(np.iinfo(kind).max)).astype(kind)


def bled(picture: np.ndarray) -> np.ndarray:
    """Where alpha is 0, the colours around it: whatever was stored there must not shine through."""
    channels = picture.shape[2]
    if channels not in (2, 4):
        return picture
    empty = picture[..., -1] == 0
    if not empty.any() or empty.all():
        return picture
    weight = (~empty).astype(np.float32)[..., None]
    filled = _filled(_unit(picture[..., :-1]) * weight, weight)
    out = picture.copy()
    out[empty, : channels - 1] = _typed(filled, picture.dtype)[empty]
    return out


def _filled(colours: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Weighted colours, divided; where nothing weighs, those of ever larger surroundings."""
    height, width = weight.shape[:2]
    here = colours / np.maximum(weight, 1e-6)
    if min(height, width) == 0 or weight.min() > 0 or max(height, width) == 1:
        return here
    pad = ((0, height % 2), (0, width % 2), (0, 0))
    coarse = [_halved(np.pad(values, pad)) for values in (colours, weight)]
    around = _filled(*coarse).repeat(2, axis=0).repeat(2, axis=1)[:height, :width]
    return np.where(weight > 0, here, around)


def _halved(values: np.ndarray) -> np.ndarray:
    """Sums of 2 x 2."""
    h, w, c = values.shape
    return values.reshape(h // 2, 2, w // 2, 2, c).sum((1, 3))


# ---------------------------------------------------------------- what cannot be done


def check(settings: UpscaleSettings) -> None:
    if not 1 <= settings.scale <= 8:
        raise LodestoneError(
            f"{settings.scale:g} times is not a scale to enlarge by. Choose 1 to 8."
        )
    if not 0 <= settings.strength <= 1.5:
        raise LodestoneError("The strength goes from 0 to 1.5. Choose a value between.")
    if settings.tile < 0:
        raise LodestoneError("A tile has a side above 0 pixels. Choose another, or auto.")


def check_size(picture: np.ndarray, large: tuple[int, int]) -> None:
    """Before anything is allocated: the result twice (as it is and as it is written)."""
    channels, depth = picture.shape[2], picture.dtype.itemsize
    need = 2 * large[0] * large[1] * channels * depth + 2 * picture.nbytes
    if channels in (2, 4):
        need += picture.shape[0] * picture.shape[1] * 4 * 4 * channels
    free = psutil.virtual_memory().available
    if need > 0.8 * free:
        raise LodestoneError(
            f"The result has {large[1]:,} x {large[0]:,} pixels and needs {need / 2**30:.1f} GB of "
            f"memory, but only {free / 2**30:.1f} GB are free. Choose a smaller scale, or cut the "
            "picture in parts."
        )
