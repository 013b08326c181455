"""Two to four pictures melted into each other by their own patches, without training. numpy only.

Meld: every place takes the patches of the picture whose share is larger there; beside a border
those of both, so that the seam becomes matter of one or the other (Darabi et al. 2012, Image
melding, asks the same of its patches). Structure of A with texture of B: A's coarse layout, in
B's light and colours, made of B's patches (GPNN, arXiv 2103.15545, structural analogies). The
identity map is BlendGAN's (arXiv 2212.01589).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.messages import LodestoneError, PictureRecipe
from engine.picture import starts
from engine.picture.nearest import side
from engine.picture.painter import Hold, Painter, Target, completeness, level_sizes
from engine.picture.plan import Stage, Work, padded, paused, shorter, smallest
from engine.picture.source import resized

structure_from = 28
"""Pixels of the shorter side at which another picture's layout enters …"""
structure_to = 40
"""… and up to which it is drawn back to it, …"""
pull = 0.3
"""… by this share after every vote."""
aversion = 10.0
"""Squared distance of patches that is added to a picture's beside its border, at most."""
never = 1e5
"""The same, out of every border's reach."""
thorough = 3.0
"""Times GPNN's alpha in a meld: half a picture's room cannot show all of its patches."""
border = 0.08
"""Of the shorter side: how far shares are blurred, so that patches of both may meet there."""
_RED_GREEN_BLUE = (0.299, 0.587, 0.114)


@dataclass(frozen=True, eq=False)
class _Scene:
    """What is melted, at full size."""

    pictures: tuple[np.ndarray, ...]
    """(h, w, 3) each, whose matter is used."""
    layout: np.ndarray
    """(H, W, 3): where it begins."""
    shares: np.ndarray
    """(K, H, W): 1 where that picture's matter belongs, else 0."""
    foreign: bool
    """Whether the layout is another picture's than the matter."""


def melted(pictures: Sequence[np.ndarray], recipe: PictureRecipe) -> Work:
    """Pictures (H, W, 3) -1..1, A first, as one of A's or the recipe's size, coarse to fine."""
    size = made_size(pictures[0], recipe)
    shape = (max(size[0], smallest), max(size[1], smallest))
    scene = _scene([padded(picture) for picture in pictures], recipe, shape)
    scales = _scales(shape)
    random = np.random.default_rng(recipe.seed)
    first = _first(scales, shape) if scene.foreign else 0
    asked = 1 if scene.foreign else thorough
    painter = Painter(random, recipe.wrap, asked * completeness)

    picture = None
    for i in range(first, len(scales)):
        target = _target(scene.pictures, scales[i])
        layout = resized(scene.layout, *_sized(shape, scales[i]))
        if picture is None:
            picture = starts.noisy(layout, recipe.variation, random)
        picture = resized(picture, *layout.shape[:2])
        work = painter.paint(picture, target, _hold(scene, layout), _avoids(scene, layout))
        picture = yield from paused(work, i, len(scales))
        if i < len(scales) - 1:
            yield Stage(i + 1, len(scales), picture)
    assert painter.voted is not None
    made = np.clip(painter.voted[: size[0], : size[1]], -1, 1)
    yield Stage(len(scales), len(scales), made)
    return made


def made_size(first: np.ndarray, recipe: PictureRecipe) -> tuple[int, int]:
    """(height, width)"""
    return recipe.height or first.shape[0], recipe.width or first.shape[1]


def covering(size: tuple[int, int], file: tuple[int, int], longest: int) -> int:
    """Longest side at which a picture of `file` (width, height) pixels covers (height, width).

    No picture is enlarged, and none is read at more than three times `longest`.
    """
    scale = max(size[0] / file[1], size[1] / file[0])
    return min(round(scale * max(file) + 0.5), max(file), 3 * longest)


def _scene(pictures: Sequence[np.ndarray], recipe: PictureRecipe, shape: tuple[int, int]) -> _Scene:
    count = len(pictures)
    given = recipe.identity_map
    where = _weights(recipe.identity if given is None else given.array(), count, shape)
    layouts = _owners(where, recipe.seed)
    matters = layouts
    if recipe.texture:
        matters = _owners(_weights(recipe.texture, count, shape), recipe.seed)
    foreign = layouts != matters
    begun = np.zeros((*shape, 3), np.float32)
    for k, picture in enumerate(pictures):
        random = np.random.default_rng((recipe.seed, k))
        own = resized(picture, *shape) if foreign.any() else None
        laid = _laid(picture, shape, random, recipe.variation) if own is None else own
        begun = np.where((layouts == k)[..., None], laid, begun)
    used = [k for k in range(count) if (matters == k).any()]
    for k in used:
        other = foreign & (matters == k)
        if other.any():
            begun[other] = toned(begun[other], pictures[k])
    shares = np.stack([matters == k for k in used]).astype(np.float32)
    return _Scene(tuple(pictures[k] for k in used), begun, shares, bool(foreign.any()))


def _weights(
    given: np.ndarray | tuple[float, ...], count: int, shape: tuple[int, int]
) -> np.ndarray:
    """(K, H, W), summing to 1 everywhere."""
    weights = np.asarray(given if len(given) else (1.0 / count,) * count, np.float32)
    if weights.shape[0] != count or weights.ndim not in (1, 3):
        raise LodestoneError(
            f"{count} pictures were given, and weights for {weights.shape[0]}. Paint a map with "
            "one layer for each picture."
        )
    weights = np.clip(np.nan_to_num(weights), 0, 1)
    if weights.ndim == 1:
        weights = np.broadcast_to(weights[:, None, None], (count, *shape))
    else:
        weights = np.stack([resized(layer, *shape) for layer in weights]).clip(0, 1)
    # Resampling leaves a trace beside hard edges: that is no share.
    weights = np.where(weights < 0.02, 0, weights)
    weights[0] += weights.sum(0) <= 0
    return weights / weights.sum(0)


def _owners(weights: np.ndarray, seed: int) -> np.ndarray:
    """(H, W) int: whose each place is; where shares are mixed, in patches as large as they are.

    The Gumbel-max trick with slow random fields: each picture gets its share of places.
    """
    fields = np.empty(weights.shape, np.float32)
    for k, field in enumerate(fields):
        random = np.random.default_rng((seed, 5, k))
        slow = _blobs(field.shape[0], field.shape[1], random)
        order = np.argsort(np.argsort(slow.ravel()))
        chance = (order.reshape(field.shape) + 0.5) / field.size
        field[:] = -np.log(-np.log(chance))
    with np.errstate(divide="ignore"):
        return np.argmax(np.log(weights) + fields, 0)


def _blobs(height: int, width: int, random: np.random.Generator) -> np.ndarray:
    """A slow random field (height, width), with half as much at half the size."""
    long = max(height, width)
    total = np.zeros((height, width), np.float32)
    for cells, amount in ((5, 1.0), (11, 0.4)):
        grid = (max(2, round(cells * height / long)), max(2, round(cells * width / long)))
        total += amount * resized(random.standard_normal(grid, dtype=np.float32), height, width)
    return total


def _laid(
    picture: np.ndarray, shape: tuple[int, int], random: np.random.Generator, variation: float
) -> np.ndarray:
    """The picture in the middle of (H, W, 3), gently warped; what is missing is mirrored."""
    places = []
    for axis in (0, 1):
        slack = picture.shape[axis] - shape[axis]
        start = slack / 2 + variation * random.uniform(-0.5, 0.5) * max(0, slack)
        line = start + np.arange(shape[axis])
        bend = 0.06 * variation * shape[axis] * starts.smooth(*shape, random)
        whole = line[:, None] if axis == 0 else line[None]
        places.append(starts.mirrored(whole + bend, picture.shape[axis]))
    return picture[places[0], places[1]]


def toned(pixels: np.ndarray, picture: np.ndarray) -> np.ndarray:
    """(N, 3) in the light and colours of a picture: the darkest become its darkest, and so on."""
    order = np.argsort(np.argsort(pixels @ np.array(_RED_GREEN_BLUE), kind="stable"))
    palette = _palette(picture)
    return palette[order * len(palette) // len(order)]


def _palette(picture: np.ndarray, steps: int = 256, width: float = 0.06) -> np.ndarray:
    """(steps, 3) from dark to light: mean colours of the `width` nearest shares on both sides."""
    pixels = picture.reshape(-1, 3)
    pixels = pixels[np.argsort(pixels @ np.array(_RED_GREEN_BLUE), kind="stable")]
    sums = np.concatenate([np.zeros((1, 3)), np.cumsum(pixels, 0, dtype=np.float64)])
    middle = np.linspace(0, 1, steps)
    low = (np.clip(middle - width, 0, 1) * len(pixels)).astype(int)
    high = np.maximum(low + 1, (np.clip(middle + width, 0, 1) * len(pixels)).astype(int))
    low = np.minimum(low, len(pixels) - 1)
    high = np.minimum(high, len(pixels))
    return ((sums[high] - sums[low]) / (high - low)[:, None]).astype(np.float32)


def _scales(shape: tuple[int, int]) -> list[float]:
    """Sizes of the levels as shares of the finest."""
    return [max(h / shape[0], w / shape[1]) for h, w in level_sizes(*shape)]


def _sized(shape: tuple[int, int], scale: float) -> tuple[int, int]:
    return max(side, round(shape[0] * scale)), max(side, round(shape[1] * scale))


def _first(scales: Sequence[float], shape: tuple[int, int]) -> int:
    """The level at which another picture's layout enters."""
    return int(np.argmin([abs(scale * min(shape) - structure_from) for scale in scales]))


def _target(pictures: Sequence[np.ndarray], scale: float) -> Target:
    """One level of all pictures, side by side."""
    levels = [resized(picture, *_sized(picture.shape[:2], scale)) for picture in pictures]
    if len(levels) == 1:
        return Target(levels[0])
    tall = max(len(level) for level in levels)
    wide = sum(level.shape[1] for level in levels)
    whole = np.zeros((tall, wide, 3), np.float32)
    valid = np.zeros((tall - side + 1, wide - side + 1), bool)
    parts, left = [], 0
    for level in levels:
        height, width = level.shape[:2]
        whole[:height, left : left + width] = level
        valid[: height - side + 1, left : left + width - side + 1] = True
        parts.append(left)
        left += width
    return Target(whole, valid.ravel(), tuple(parts))


def _hold(scene: _Scene, layout: np.ndarray) -> Hold:
    if not scene.foreign or shorter(layout) > structure_to:
        return lambda picture: picture
    return lambda picture: picture + np.float32(pull) * (layout - picture)


def _avoids(scene: _Scene, layout: np.ndarray) -> np.ndarray | None:
    """(h, w, K): nothing where a picture has half a share or more, beyond any use where none."""
    if len(scene.pictures) == 1:
        return None
    planes = np.stack([resized(plane, *layout.shape[:2]) for plane in scene.shares], -1)
    reach = max(side // 2, round(border * min(layout.shape[:2])))
    for axis in (0, 1):
        around = [(reach, reach) if a == axis else (0, 0) for a in range(3)]
        wide = np.pad(planes, around, mode="edge")
        planes = np.lib.stride_tricks.sliding_window_view(wide, 2 * reach + 1, axis).mean(-1)
    graded = np.float32(aversion) * np.clip(1 - 2 * planes, 0, 1)
    return np.where(planes < 0.01, np.float32(never), graded).astype(np.float32)
