"""Holes and masks: what may be looked at, what may change. numpy only."""

from __future__ import annotations

import numpy as np

from engine.messages import LodestoneError, PictureRecipe
from engine.picture.source import hole_of, resized


def hole_at(source: np.ndarray, recipe: PictureRecipe) -> tuple[np.ndarray, np.ndarray]:
    """The canvas (H, W, 3) to complete, and its hole (H, W) bool.

    A size larger than the source's puts the source in the middle: the rest is hole (outpainting).
    """
    height, width = source.shape[:2]
    hole = np.zeros((height, width), bool)
    if recipe.mask is not None:
        mask = recipe.mask.array()
        check_mask(mask, height, width)
        hole = hole_of(mask, height, width)
    more = (max(0, recipe.height - height), max(0, recipe.width - width))
    if any(more):
        around = [(n // 2, n - n // 2) for n in more]
        source = np.pad(source, (*around, (0, 0)))
        hole = np.pad(hole, around, constant_values=True)
    if not hole.any():
        raise LodestoneError("The mask covers nothing. Brush over what is to be filled.")
    if hole.mean() > 0.97:
        raise LodestoneError(
            "The mask covers the whole picture, so there is nothing to fill it from. "
            "Leave some of it."
        )
    return source, hole


def check_mask(mask: np.ndarray, height: int, width: int) -> None:
    """LodestoneError for a mask that cannot belong to a picture of this shape."""
    if mask.ndim != 2 or not mask.size or not np.isfinite(mask).all():
        raise LodestoneError("The mask is not a grey picture. Choose another mask.")
    tall, wide = mask.shape
    # Sizes are rounded when a picture is scaled: a pixel and a half of tolerance.
    if abs(tall / wide * width - height) > 1.5 + 0.02 * height:
        raise LodestoneError(
            f"The mask is {wide} x {tall} pixels, which is another shape than the picture's "
            f"{width} x {height}. Choose a mask that was made for it."
        )


def filled(picture: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """(H, W, 3) with the hole smoothly continued from around it (pull-push).

    What is under the hole is never read.
    """
    known = 1 - hole.astype(np.float32)[..., None]
    return _pulled(np.where(hole[..., None], 0, picture).astype(np.float32), known)


def _pulled(total: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """`total` is known · colour, `weight` (H, W, 1) how much is known."""
    height, width = total.shape[:2]
    if weight.min() >= 1 or max(height, width) == 1:
        return total / np.maximum(weight, 1e-6)
    sums, known = _halves(total), _halves(weight)
    # At most one pixel's worth is known of a pixel.
    over = np.maximum(known, 1)
    rest = _pulled(sums / over, known / over)
    return total + (1 - weight) * resized(rest, height, width)


def _halves(values: np.ndarray) -> np.ndarray:
    """Sums of 2 x 2: (⌈H/2⌉, ⌈W/2⌉, C)."""
    even = np.pad(values, ((0, values.shape[0] % 2), (0, values.shape[1] % 2), (0, 0)))
    return even.reshape(even.shape[0] // 2, 2, even.shape[1] // 2, 2, -1).sum((1, 3))


def softened(mask: np.ndarray, height: int, width: int) -> np.ndarray:
    """The mask at this size, grown a little and with a soft edge: (H, W) 0..1."""
    check_mask(mask, height, width)
    grown = hole_of(mask, height, width)
    if not grown.any():
        raise LodestoneError("The mask covers nothing. Brush over what was changed.")
    reach = max(2, round(0.025 * min(height, width)))
    for axis in (0, 1):
        wide = np.pad(grown, [(reach, reach) if a == axis else (0, 0) for a in (0, 1)])
        grown = np.lib.stride_tricks.sliding_window_view(wide, 2 * reach + 1, axis).any(-1)
    soft = grown.astype(np.float32)
    for axis in (0, 1, 0, 1):
        wide = np.pad(soft, [(2, 2) if a == axis else (0, 0) for a in (0, 1)], mode="edge")
        soft = np.lib.stride_tricks.sliding_window_view(wide, 5, axis).mean(-1)
    return soft * grown
