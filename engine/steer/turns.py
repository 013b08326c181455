"""Units turned by hand, as what happens to the activations of layers. Numpy only.

Unit edits become one affine map a layer: a' = gain·a + offset, as in GAN dissection (Bau et al.,
arXiv 1811.10597), where an ablated unit is set to zero and an inserted one to a constant. A mask
lets the map act in places only: gain and offset are blended with 1 and 0 position by position.
Edits act in order, after the offsets of directions in the layer.
"""

from __future__ import annotations

import difflib
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from engine.backend import Turn, area_means
from engine.messages import LodestoneError, ModelInfo, UnitEdit, Vector
from engine.taps import check_layer, check_width, tappable

if TYPE_CHECKING:
    from engine.steer.latents import Memo

largest_mask = 8192
"""Rows or columns of a mask."""
_stylegan3_margin = 10
"""Positions that StyleGAN3's layers, but for the last two, have beyond each border of the picture
(Karras et al., arXiv 2106.12423, section 3.2)."""


latent_layer = "mapping"
"""What the study of a generator calls the layer that puts out w."""


def plain_name(layer: str) -> str:
    """A layer as the generator's table names it: the network's own name begins `synthesis.`."""
    return layer.removeprefix("synthesis.")


def check_units(edit: UnitEdit, info: ModelInfo, channels: Mapping[str, int]) -> None:
    """Refuse, in words, what cannot be turned."""
    check_edit(edit)
    names = tappable(info)
    known = [layer.name for layer in info.layers]
    for unit in edit.units:
        layer = plain_name(unit.layer)
        if layer == latent_layer:
            raise LodestoneError(
                f"{layer} makes the latent w, which has no place in the picture to turn. "
                "Move it with a direction, or choose units of another layer."
            )
        if layer not in known:
            near = difflib.get_close_matches(layer, names, 3, 0.0) or names[:3]
            raise LodestoneError(
                f"{info.name} has no layer {unit.layer!r:.60}. The nearest are {', '.join(near)}: "
                "choose one of them."
            )
        check_layer(layer, info)
        if not 0 <= unit.index < channels[layer]:
            raise LodestoneError(
                f"{layer} of {info.name} has no unit {unit.index}. "
                f"Choose one from 0 to {channels[layer] - 1}."
            )


def check_edit(edit: UnitEdit) -> None:
    """Refuse, in words, what no network could do."""
    if not edit.units:
        raise LodestoneError("This edit turns no units. Choose one.")
    if not np.isfinite(edit.amount):
        raise LodestoneError("The amount of a unit edit must be a number. Set it again.")
    _check_mask(edit.mask)


def _check_mask(mask: Vector | None) -> None:
    if mask is None:
        return
    if len(mask.shape) != 2 or not all(0 < side <= largest_mask for side in mask.shape):
        raise LodestoneError(
            f"The brush of a unit edit is {'x'.join(map(str, mask.shape))}, which is no picture. "
            "Paint it again."
        )
    if not np.isfinite(mask.array()).all():
        raise LodestoneError("The brush of a unit edit holds no numbers. Paint it again.")


def gain_and_offset(edit: UnitEdit) -> tuple[float, float]:
    """What an edit does to an activation, where its mask is 1."""
    match edit.action:
        case "ablate":
            return 0.0, 0.0
        case "boost":
            return edit.amount, 0.0
        case "clamp":
            return 0.0, edit.amount
        case "invert":
            return -1.0, 0.0


def turns(
    units: Sequence[UnitEdit],
    moved: Mapping[str, np.ndarray],
    info: ModelInfo,
    channels: Mapping[str, int],
    memo: Memo | None = None,
) -> dict[str, Turn]:
    """Layer -> what becomes of it; `moved` (layer -> (1, C)) are the offsets of directions.

    Layers that stay as they are left out; those turned contain their offset of `moved`.
    """
    own: dict[str, list[UnitEdit]] = {}
    for edit in units:
        if not edit.on:
            continue
        check_units(edit, info, channels)
        for layer in dict.fromkeys(plain_name(unit.layer) for unit in edit.units):
            own.setdefault(layer, []).append(edit)
    made: dict[str, Turn] = {}
    for layer, edits in own.items():
        offset = moved.get(layer)
        if offset is not None:
            check_width(offset.shape[-1], layer, channels[layer], info.name)
        turn = _kept_turn(layer, tuple(edits), offset, info, channels[layer], memo)
        if memo is not None and len(memo.turns) > len(own):
            # A brushed layer's is as large as its activations: only what is in use is kept.
            for other in memo.turns.keys() - own.keys():
                del memo.turns[other]
        if (turn.gain != 1.0).any() or turn.offset.any():
            made[layer] = turn
    return made


def _kept_turn(
    layer: str,
    edits: tuple[UnitEdit, ...],
    offset: np.ndarray | None,
    info: ModelInfo,
    channels: int,
    memo: Memo | None,
) -> Turn:
    """As `_turn`, from `memo` where the layer was turned the same way last."""
    key: Hashable = (edits, None if offset is None else offset.tobytes())
    if memo is None:
        return _turn(layer, edits, offset, info, channels)
    if layer not in memo.turns or memo.turns[layer][0] != key:
        memo.turns[layer] = (key, _turn(layer, edits, offset, info, channels))
    return memo.turns[layer][1]


def _turn(
    layer: str,
    edits: Sequence[UnitEdit],
    moved: np.ndarray | None,
    info: ModelInfo,
    channels: int,
) -> Turn:
    """gain and offset (1, C, 1, 1), or (1, C, h, w) where a brush says where."""
    masks = [layer_mask(edit.mask, layer, info) for edit in edits]
    size = max(mask.shape[0] for mask in masks)
    gain = np.ones((channels, size, size), np.float32)
    offset = np.zeros((channels, size, size), np.float32)
    if moved is not None:
        offset += moved.reshape(-1, 1, 1).astype(np.float32)
    for edit, mask in zip(edits, masks, strict=True):
        index = sorted({unit.index for unit in edit.units if plain_name(unit.layer) == layer})
        wanted, added = gain_and_offset(edit)
        own = 1.0 + mask * np.float32(wanted - 1.0)  # (h, w)
        gain[index] *= own
        offset[index] = offset[index] * own + mask * np.float32(added)
    return Turn(gain[None], offset[None])


def layer_mask(mask: Vector | None, layer: str, info: ModelInfo) -> np.ndarray:
    """(h, w) 0..1 over the layer's positions, or (1, 1) where it is the same everywhere."""
    if mask is None:
        return np.ones((1, 1), np.float32)
    picture = np.clip(mask.array(), 0.0, 1.0)
    if picture.min() == picture.max():
        return picture[:1, :1].copy()
    one = next(one for one in info.layers if one.name == layer)
    margin = _margin(layer, info)
    inner = one.resolution - 2 * margin
    return np.pad(resized_mask(picture, (inner, inner)), margin, mode="edge")


def resized_mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(H, W) -> (rows, columns)."""
    rows, columns = (_resampling(a, b) for a, b in zip(mask.shape, size, strict=True))
    return rows @ mask @ columns.T


def _margin(layer: str, info: ModelInfo) -> int:
    """Positions a side that a layer has beyond the picture."""
    inside = [one.name for one in info.layers[-2:]]
    if not info.architecture.startswith("stylegan3") or layer in inside:
        return 0
    return _stylegan3_margin


def _resampling(size: int, count: int) -> np.ndarray:
    """(count, size) float32: means of areas where a side shrinks, straight lines where it grows."""
    if size >= count:
        return area_means(size, count)
    place = np.clip((np.arange(count) + 0.5) * size / count - 0.5, 0.0, size - 1.0)
    away = np.abs(place[:, None] - np.arange(size))
    return np.maximum(1.0 - away, 0.0).astype(np.float32)


def joined_turns(
    found: Sequence[Mapping[str, Turn]], moved: Sequence[Mapping[str, np.ndarray]]
) -> dict[str, Turn]:
    """Layer -> the turns (N, C, h, w) of several pictures drawn together.

    A picture that does not turn a layer keeps its offset of `moved` there.
    """
    if len(found) == 1:
        return dict(found[0])
    made: dict[str, Turn] = {}
    for layer in dict.fromkeys(name for one in found for name in one):
        shapes = np.array([one[layer].gain.shape for one in found if layer in one])
        shape = (len(found), *shapes.max(axis=0)[1:])
        gain, offset = np.ones(shape, np.float32), np.zeros(shape, np.float32)
        for row, (one, other) in enumerate(zip(found, moved, strict=True)):
            if layer in one:
                gain[row], offset[row] = one[layer].gain[0], one[layer].offset[0]
            elif layer in other:
                offset[row] = other[layer].reshape(-1, 1, 1)
        made[layer] = Turn(gain, offset)
    return made
