"""Unit edits of any torch network, as an edit for `engine.trace.Trace`. Imports torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.inspect.layers import unknown_layer
from engine.messages import LodestoneError, NetworkInfo, NetworkLayer, UnitEdit
from engine.steer.turns import check_edit, gain_and_offset, resized_mask
from engine.trace import Trace


@dataclass(frozen=True, eq=False)
class _Turned:
    """What one edit does to one layer."""

    index: Tensor  # (k,) int64
    gain: float
    offset: float
    mask: Tensor | None  # (rows, columns)


class ModuleEdits:
    """Unit edits, checked against the layers of a network."""

    def __init__(self, edits: Sequence[UnitEdit], info: NetworkInfo, device: torch.device):
        self._layers = {layer.name: layer for layer in info.layers}
        self._turned: dict[str, list[_Turned]] = {}
        for edit in edits:
            if edit.on:
                self._add(edit, info, device)

    def _add(self, edit: UnitEdit, info: NetworkInfo, device: torch.device) -> None:
        check_edit(edit)
        gain, offset = gain_and_offset(edit)
        for unit in edit.units:
            if unit.layer not in self._layers:
                raise unknown_layer(unit.layer, self._layers)
            width = self._layers[unit.layer].units
            if not 0 <= unit.index < width:
                raise LodestoneError(
                    f"{unit.layer} of {info.name} has no unit {unit.index}. "
                    f"Choose one from 0 to {width - 1}."
                )
        for name in dict.fromkeys(unit.layer for unit in edit.units):
            index = sorted({unit.index for unit in edit.units if unit.layer == name})
            mask = _mask(edit, self._layers[name], device)
            turned = _Turned(torch.tensor(index, device=device), gain, offset, mask)
            self._turned.setdefault(name, []).append(turned)

    @property
    def layers(self) -> tuple[str, ...]:
        return tuple(self._turned)

    def trace(self, module: torch.nn.Module) -> Trace:
        """While it is open, `module` computes with the edits."""
        return Trace(module, self.layers, self)

    def __call__(self, name: str, output: Tensor) -> Tensor:
        """What layer `name` puts out instead: maps (N, C, H, W), tokens (N, T, C), or (N, C)."""
        # Units last, so that one way of indexing fits all.
        maps = self._layers[name].kind == "map"
        values = (output.movedim(1, -1) if maps else output).clone()
        for one in self._turned[name]:
            part = values[..., one.index]
            mask = 1.0 if one.mask is None else _shaped(one.mask, values)
            values[..., one.index] = part + mask * ((one.gain - 1.0) * part + one.offset)
        return values.movedim(-1, 1) if maps else values


def _mask(edit: UnitEdit, layer: NetworkLayer, device: torch.device) -> Tensor | None:
    if edit.mask is None:
        return None
    picture = np.clip(edit.mask.array(), 0.0, 1.0)
    if layer.kind == "vector":
        # Without positions there is no place: the share of the picture that is brushed counts.
        return torch.full((1, 1), float(picture.mean()), device=device)
    return torch.from_numpy(resized_mask(picture, layer.size)).to(device)


def _shaped(mask: Tensor, values: Tensor) -> Tensor:
    """Broadcastable to (N, rows, columns, k), (N, tokens, k) or (N, k)."""
    if values.ndim == 4:
        rows, columns = values.shape[1:3]
        if tuple(mask.shape) != (rows, columns):
            mask = torch.nn.functional.interpolate(mask[None, None], (rows, columns))[0, 0]
        return mask[None, :, :, None]
    if values.ndim == 3:
        # A class token comes first and has no place.
        flat = mask.reshape(-1)
        ahead = values.shape[1] - len(flat)
        return torch.cat([flat.new_zeros(max(ahead, 0)), flat])[None, :, None]
    return mask.reshape(1, 1)
