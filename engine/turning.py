"""Moving and turning layers of a generator in torch, as the runtime's inputs say. Imports torch."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from engine.backend import Turn
from engine.taps import check_width
from engine.trace import Trace


def turning(
    synthesis: nn.Module,
    moved: Mapping[str, np.ndarray],
    turned: Mapping[str, Turn],
    device: torch.device,
    name: str,
) -> Trace:
    """While it is open, layers put out gain·a + offset; `name` is the generator's, for sentences.

    `moved`: layer -> (1 or N, C), added where nothing is turned; `turned`: layer -> the rest.
    """

    def put(array: np.ndarray) -> Tensor:
        return torch.tensor(np.asarray(array), dtype=torch.float32, device=device)

    offsets = {layer: put(offset)[:, :, None, None] for layer, offset in moved.items()}
    turns = {layer: (put(turn.gain), put(turn.offset)) for layer, turn in turned.items()}

    def edit(layer: str, output: Tensor) -> Tensor:
        if layer in turns:
            gain, shift = turns[layer]
            return output * gain.to(output.dtype) + shift.to(output.dtype)
        offset = offsets[layer]
        check_width(offset.shape[1], layer, output.shape[1], name)
        return output + offset.to(output.dtype)

    return Trace(synthesis, tuple({**offsets, **turns}), edit)


def layer_channels(synthesis: nn.Module, names: tuple[str, ...], ws: Tensor) -> dict[str, int]:
    """Layer name -> channels of its output, found by drawing `ws` (1, num_ws, w_dim) once."""
    with torch.inference_mode(), Trace(synthesis, names, stop=True) as trace:
        synthesis(ws)
    return {name: output.shape[1] for name, output in trace.items()}
