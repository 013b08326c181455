"""A recipe worked out for a pyramid: sizes, identities, what stays and what varies. numpy only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.messages import LodestoneError, PictureRecipe
from engine.picture.answers import read
from engine.picture.pyramid import fill
from engine.picture.pyramid.grid import Size, level_size, resize
from engine.picture.pyramid.opened import Pyramid
from engine.picture.region import check_mask, softened

_first_size = {"harmonise": 100, "edit": 40, "paint": 28}
"""Pixels of the shorter side at which a composite, edit or painting enters, as with patches."""


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything that decides a drawing besides its noise."""

    size: Size
    start: int
    coarse: np.ndarray
    """(K, h, w) identity of the coarse levels, any size …"""
    fine: np.ndarray
    """… and of the fine ones."""
    latent: np.ndarray
    """(3, h, w): the source's own noise at the coarsest level."""
    kept: tuple[np.ndarray, ...] = ()
    """Per level (3, h, w): what stays where nothing varies, and what `start` begins from."""
    where: np.ndarray | None = None
    """(H, W) 0..1: where to vary; None = everywhere."""
    holes: tuple[np.ndarray, ...] = ()
    """Per level (h, w) bool: what has to be filled; empty when nothing has."""
    whole: np.ndarray | None = None
    """(3, H, W): what is put back at the end where nothing varies."""


def scene(pyramid: Pyramid, recipe: PictureRecipe) -> Scene:
    """LodestoneError for what this pyramid cannot draw."""
    coarse, fine = _identities(pyramid, recipe)
    which = int(coarse.mean(axis=(1, 2)).argmax())
    if recipe.task == "complete":
        return _completing(pyramid, recipe, coarse, fine, which)
    if recipe.naive:
        return _belonging(pyramid, recipe, coarse, fine, which)
    # A morph must not change its shape on the way.
    own = pyramid.sizes[0 if recipe.task == "blend" else which]
    size = _checked(recipe.height or own[0], recipe.width or own[1])
    start = min(max(0, recipe.start_level), pyramid.levels - 1)
    where = None if recipe.where is None else fraction(recipe.where.array())
    # Only what stays needs the source drawn first.
    kept = pyramid.rebuilt(which) if start > 0 or where is not None else ()
    latent = own_noise(pyramid, coarse, level_size(size, pyramid.scales[0]))
    return Scene(size, start, coarse, fine, latent, kept, where)


def _checked(height: int, width: int) -> Size:
    if min(height, width) < 1:
        raise LodestoneError("A picture needs at least one pixel. Give a larger size.")
    if max(height, width) > 8192:
        raise LodestoneError("Pictures are at most 8,192 pixels long. Ask for less.")
    return height, width


def level_sizes(pyramid: Pyramid, size: Size) -> list[Size]:
    """Of the finished levels, for a picture of `size` at the finest."""
    return [level_size(size, share) for share in pyramid.scales[: pyramid.levels]]


def _completing(
    pyramid: Pyramid, recipe: PictureRecipe, coarse: np.ndarray, fine: np.ndarray, which: int
) -> Scene:
    canvas, hole, corner = fill.canvas_of(pyramid, recipe, which)
    size = _checked(*hole.shape)
    sizes = level_sizes(pyramid, size)
    start = min(max(0, recipe.start_level), pyramid.levels - 1)
    kept = tuple(resize(canvas, one) for one in sizes)
    # A pixel that is half known is kept, what is missing of it smoothly continued: so coarse levels
    # know all that lies around the hole. At the finest level this is the hole itself.
    holes = tuple(resize(hole.astype(np.float32), one) > 0.5 for one in sizes)
    latent = fill.placed(pyramid.latents[which], sizes[0], corner, pyramid.scales[0])
    return Scene(size, start, coarse, fine, latent, kept, hole.astype(np.float32), holes, canvas)


def _belonging(
    pyramid: Pyramid, recipe: PictureRecipe, coarse: np.ndarray, fine: np.ndarray, which: int
) -> Scene:
    """What a person pasted, moved or painted becomes the picture's own matter."""
    naive = read(recipe.naive, max(pyramid.sizes[which])).pixels
    size = _checked(recipe.height or naive.shape[0], recipe.width or naive.shape[1])
    given = resize(naive.transpose(2, 0, 1), size)
    where = None
    if recipe.mask is not None and recipe.task in ("harmonise", "edit"):
        check_mask(recipe.mask.array(), *naive.shape[:2])
        where = softened(recipe.mask.array(), *size)
    elif recipe.where is not None:
        where = fraction(recipe.where.array())
    sizes = level_sizes(pyramid, size)
    start = recipe.start_level
    if start <= 0:
        wanted = _first_size.get(recipe.task, min(sizes[min(1, len(sizes) - 1)]))
        start = max(1, int(np.argmin([abs(min(one) - wanted) for one in sizes])))
    start = min(start, pyramid.levels - 1)
    kept = tuple(resize(given, one, recipe.wrap) for one in sizes)
    whole = None if where is None else given
    return Scene(size, start, coarse, fine, pyramid.latents[which], kept, where, (), whole)


# ---------------------------------------------------------------- identities


def _identities(pyramid: Pyramid, recipe: PictureRecipe) -> tuple[np.ndarray, np.ndarray]:
    """(K, h, w) each: the coarse and the fine levels', weights that sum to 1 everywhere."""
    count = pyramid.pictures
    if recipe.identity_map is not None:
        coarse = recipe.identity_map.array()
    else:
        coarse = _spread(recipe.identity, count)
    fine = _spread(recipe.texture, count) if recipe.texture else coarse
    return _shares(coarse, count), _shares(fine, count)


def _spread(values: Sequence[float], count: int) -> np.ndarray:
    weights = np.array(values or (1.0,), np.float32)[:count]
    return np.pad(weights, (0, count - len(weights)))[:, None, None]


def _shares(identity: np.ndarray, count: int) -> np.ndarray:
    if identity.ndim != 3 or len(identity) != count:
        raise LodestoneError(
            f"This pyramid knows {count} pictures, the map has {len(identity)} layers. Paint a "
            "map with one layer for each picture."
        )
    identity = fraction(identity)
    total = identity.sum(axis=0, keepdims=True)
    first = np.zeros_like(identity)
    first[0] = 1.0
    return np.where(total > 1e-6, identity / np.maximum(total, 1e-6), first)


def fraction(array: np.ndarray) -> np.ndarray:
    """0..1 everywhere; what is no number counts as 1."""
    return np.nan_to_num(array, nan=1.0).clip(0.0, 1.0).astype(np.float32)


def fitted(maps: np.ndarray, size: Size) -> np.ndarray:
    """(K, h, w) weights at a level's size; cubic resampling may overshoot, weights may not."""
    if maps.shape[1:] == (1, 1):
        return np.broadcast_to(maps, (len(maps), *size))
    return resize(maps, size).clip(0.0, 1.0)


def own_noise(pyramid: Pyramid, identity: np.ndarray, size: Size) -> np.ndarray:
    """(3, h, w) of deviation 1: the pictures' own noise, each where it is and as far as it is.

    identity: (K, h, w) of any size, sum 1. Without it a morph would jump half way.
    """
    weights = fitted(identity, size)
    found = np.zeros((len(pyramid.latents[0]), *size), np.float32)
    for weight, latent in zip(weights, pyramid.latents, strict=True):
        found += weight * stretched(latent, size)
    return found / np.sqrt(np.maximum((weights**2).sum(axis=0), 1e-6))


def stretched(latent: np.ndarray, size: Size) -> np.ndarray:
    """Noise (3, h, w) at another size, repeated or thinned out: its deviation stays."""
    rows = np.arange(size[0]) * latent.shape[1] // size[0]
    columns = np.arange(size[1]) * latent.shape[2] // size[1]
    return latent[:, rows][:, :, columns]
