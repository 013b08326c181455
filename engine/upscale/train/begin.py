"""What a training begins from: a model to fit, or what one of another scale knows of pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine.messages import UpscaleTrainRequest
from engine.upscale.shelf import heads
from engine.upscale.store import ARCHITECTURE, config_of
from models.errors import LodestoneError
from models.files import load_model
from models.fredsr import Config, Fredsr
from models.fredsr_shape import CHANNELS, config_for

COMMON = 3
"""The scale whose bundled model others begin from."""


@dataclass(frozen=True, eq=False)
class Begun:
    """The network to begin with, and where it is from."""

    net: Fredsr
    source: str
    """In words, for the card; empty where nothing is known yet."""
    fit: bool = False
    """It was chosen: what is made of it is kept only if better."""


def begin(request: UpscaleTrainRequest) -> Begun:
    """The chosen base; else, for vivid ones and other scales than 3, the bundled fidelity model."""
    if request.base:
        name, net = _read(Path(request.base))
        return Begun(net, f"{name}, fitted", fit=True)
    config = config_for(request.scale)
    known = heads("fredsr")
    if request.vivid and request.scale in known:
        name, net = _read(known[request.scale])
        return Begun(net, f"{name}, made vivid")
    if COMMON in known and request.scale != COMMON:
        name, net = _read(known[COMMON])
        return Begun(transferred(net, config), f"{name}, all layers but the last")
    return Begun(Fredsr(config), "")


def _read(path: Path) -> tuple[str, Fredsr]:
    card, state = load_model(path)
    if card.architecture != ARCHITECTURE:
        raise LodestoneError(
            f"{path.name} is not a FREDSR model; only those can be fitted. Choose fredsr."
        )
    net = Fredsr(config_of(card.hyper))
    net.load_state_dict({k: torch.from_numpy(v.copy()) for k, v in state.items()}, strict=False)
    return card.name, net


@torch.no_grad()
def transferred(known: Fredsr, config: Config) -> Fredsr:
    """A network of `config` that sees as `known` does, its last layer resampled to the scale.

    Small pictures look alike whatever they will be enlarged by, so that all layers but the last
    serve another scale as they are. A narrower network goes without the channels that weigh least;
    those of the Fourier units stay.
    """
    if (config.layers, config.fourier, config.units) != (
        known.config.layers, known.config.fourier, known.config.units,
    ) or config.width > known.config.width:  # fmt: skip
        raise ValueError("only the scale may differ, and the width may be smaller")
    net = Fredsr(config)
    kept = _weightiest(known, config.width)
    state = {}
    for name, value in known.state_dict().items():
        if name.startswith("units."):
            state[name] = value
        elif name.startswith("tail."):
            state[name] = _resampled(value, known.config.scale, config.scale)
        else:
            state[name] = value[kept]
        if name.startswith(("body.", "tail.")) and name.endswith(".weight"):
            state[name] = state[name][:, kept]
    net.load_state_dict(state, strict=False)
    return net


def _weightiest(net: Fredsr, width: int) -> Tensor:
    """Indices of the channels to keep, in their order."""
    readers = [net.tail.weight, *(conv.weight for conv in net.body)]
    weight = sum(reader.square().sum((0, 2, 3)) for reader in readers)  # pyright: ignore
    assert isinstance(weight, Tensor)
    weight[: net.config.fourier] = float("inf")
    return weight.topk(width).indices.sort().values


def _resampled(tail: Tensor, old: int, new: int) -> Tensor:
    """(3·old², …) -> (3·new², …): between the places within a pixel, linearly."""
    if old == new:
        return tail
    at, places = (np.arange(new) + 0.5) / new, (np.arange(old) + 0.5) / old
    left = np.clip(np.searchsorted(places, at) - 1, 0, max(old - 2, 0))
    share = (at - places[left]) * old
    matrix = np.zeros((new, old), np.float32)
    matrix[np.arange(new), left] = 1 - share
    matrix[np.arange(new), left + 1] += share
    rows = torch.from_numpy(matrix).to(tail.device)
    shape = tail.shape[1:]
    spread = tail.reshape(CHANNELS, old, old, -1)
    spread = torch.einsum("ia,jb,cabk->cijk", rows, rows, spread)
    return spread.reshape(CHANNELS * new**2, *shape)
