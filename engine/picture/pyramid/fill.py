"""Holes (internal diverse completion, arXiv 2212.10280): only what the pyramid never saw is filled.

The known pixels are put back at every level; in the hole the coarsest level begins from fresh
noise, so every seed is another answer. numpy only.
"""

from __future__ import annotations

import numpy as np

from engine.messages import PictureRecipe
from engine.picture.answers import read
from engine.picture.pyramid.grid import Size, resize
from engine.picture.pyramid.opened import Pyramid
from engine.picture.pyramid.store import known_at, mask_digest
from engine.picture.region import filled, hole_at
from engine.picture.source import working_size


def blind(pyramid: Pyramid, recipe: PictureRecipe) -> bool:
    """Whether training looked at nothing that lies under this recipe's hole.

    What lies beyond the picture's edge (outpainting) was seen by nobody.
    """
    if recipe.mask is None:
        return True
    mask = recipe.mask.array()
    if mask.ndim != 2 or pyramid.seen is None or pyramid.pictures > 1:
        return False
    if mask_digest(mask) == pyramid.hole:
        return True
    # Another mask: a pixel's width further, for masks of two sizes round differently.
    reached = np.pad(~known_at(mask, pyramid.seen.shape), 1)
    near = np.lib.stride_tricks.sliding_window_view(reached, (3, 3)).any(axis=(2, 3))
    return not (near & pyramid.seen).any()


def canvas_of(
    pyramid: Pyramid, recipe: PictureRecipe, which: int
) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """The canvas (3, H, W), smoothly continued into its hole (H, W) bool, and where on it the
    source's (top, left) corner lies.

    The source is read at the pyramid's own size; a size that was asked for scales along.
    """
    own = pyramid.sizes[which]
    source = read(recipe.source, max(own), recipe.mask)
    height, width = source.pixels.shape[:2]
    wide, tall = working_size(*source.size, recipe.longest)
    scaled = PictureRecipe(
        recipe.source,
        mask=recipe.mask,
        width=round(recipe.width * width / wide),
        height=round(recipe.height * height / tall),
    )
    canvas, hole = hole_at(source.pixels, scaled)
    corner = ((hole.shape[0] - height) // 2, (hole.shape[1] - width) // 2)
    return filled(canvas, hole).transpose(2, 0, 1), hole, corner


def placed(latent: np.ndarray, size: Size, corner: tuple[int, int], scale: float) -> np.ndarray:
    """(3, h, w): the source's noise where the source lies on the canvas, nothing around it."""
    whole = np.zeros((len(latent), *size), np.float32)
    top, left = (min(round(c * scale), n - 1) for c, n in zip(corner, size, strict=True))
    part = latent[:, : size[0] - top, : size[1] - left]
    whole[:, top : top + part.shape[1], left : left + part.shape[2]] = part
    return whole


def joined(drawn: np.ndarray, kept: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """(3, H, W): `kept` outside the hole; inside `drawn`, led over to it within three pixels.

    What the level misses at the border of the hole is continued into it and fades: no line.
    """
    gap = np.where(hole, 0.0, kept - drawn).astype(np.float32).transpose(1, 2, 0)
    near = 1.0 - hole.astype(np.float32)
    for _ in range(3):
        wide = np.pad(near, 1, mode="edge")
        near = np.lib.stride_tricks.sliding_window_view(wide, (3, 3)).mean(axis=(2, 3))
    fading = filled(gap, hole).transpose(2, 0, 1) * np.minimum(1.0, 2.0 * near)
    return np.where(hole, drawn + fading, kept).astype(np.float32)


def mismatch(drawn: np.ndarray, kept: np.ndarray, hole: np.ndarray) -> float:
    """How much a level (3, h, w) that was drawn into a hole (h, w) changes what lies around it."""
    wide = np.pad(hole, 2)
    ring = np.lib.stride_tricks.sliding_window_view(wide, (5, 5)).any(axis=(2, 3)) & ~hole
    return float(np.abs(drawn - kept)[:, ring].mean()) if ring.any() else 0.0


def put_back(picture: np.ndarray, whole: np.ndarray, share: np.ndarray) -> np.ndarray:
    """(3, H, W): exactly `whole` where `share` (H, W) is 0, the picture where it is 1."""
    size = (whole.shape[1], whole.shape[2])
    share = share if share.shape == size else resize(share, size).clip(0.0, 1.0)
    return np.where(share > 0.0, share * picture + (1.0 - share) * whole, whole)
