"""Networks that Lodestone trains itself, as networks that look at pictures. Imports torch.

An upscaler takes pictures anyway. A pyramid draws; each of its levels reads the picture of the
level below, enlarged, so here every level is shown the picture itself at that size, without noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.inspect.preprocessing import Preprocessing
from engine.picture.pyramid.export import config_of as pyramid_config
from engine.picture.pyramid.grid import Size, level_size, weights
from engine.picture.pyramid.store import ARCHITECTURE as PYRAMID
from engine.upscale.store import config_of as upscaler_config
from models.errors import LodestoneError, RefusedFile
from models.files import Card, load_model
from models.fredsr import Fredsr
from models.pyramid import LEAK, Config, Level, levels_of

SIDE = 192
"""Pixels of the pictures an upscaler is shown: whole blocks of its Fourier units."""


class HiddenConv(nn.Module):
    """A hidden convolution's maps after activation, without their margin: hands them on."""

    def __init__(self, conv: nn.Conv2d):
        super().__init__()
        self.weight, self.bias = conv.weight, conv.bias

    def forward(self, maps: Tensor) -> Tensor:
        return maps


class LevelView(nn.Module):
    """(N, 3, H, W) -1..1, the picture at the level's size -> what the level draws, as large.

    Computes exactly what the level does; its maps are larger than the picture, and what lies
    outside is left out of what is looked at, so that places are those of the picture.
    """

    identity: Tensor

    def __init__(self, level: Level, pictures: int):
        super().__init__()
        self.margin, self.hidden = level.margin, len(level.convs) - 1
        for index, conv in enumerate(level.convs):
            assert isinstance(conv, nn.Conv2d)
            self.add_module(f"conv{index}", conv if index == self.hidden else HiddenConv(conv))
        # Which of several pictures it is, is open: a little of each.
        count = pictures if pictures > 1 else 0
        shares = torch.full((1, count, 1, 1), 1.0 / max(pictures, 1))
        self.register_buffer("identity", shares, persistent=False)

    def forward(self, picture: Tensor) -> Tensor:
        m = self.margin
        x = F.pad(picture, (m, m, m, m), mode="replicate")
        who = self.identity.expand(x.shape[0], -1, x.shape[2], x.shape[3])
        x = torch.cat([x, who], dim=1)
        for index in range(self.hidden):
            hidden = self.get_submodule(f"conv{index}")
            assert isinstance(hidden, HiddenConv)
            x = F.leaky_relu(F.conv2d(x, hidden.weight, hidden.bias), LEAK)
            k = m - index - 1
            inside = hidden(x[:, :, k:-k, k:-k])
            middle = torch.cat([x[:, :, k:-k, :k], inside, x[:, :, k:-k, -k:]], dim=3)
            x = torch.cat([x[:, :, :k], middle, x[:, :, -k:]], dim=2)
        return self.get_submodule(f"conv{self.hidden}")(x) + picture


class PyramidView(nn.Module):
    """(N, 3, H, W) -1..1, a picture of the finest level's size -> what that level draws.

    Every level above the coarsest looks at the picture by itself.
    """

    def __init__(self, config: Config, levels: list[Level]):
        super().__init__()
        sizes = sizes_of(config, len(levels))
        whole = sizes[-1]
        for index in range(1, len(levels)):
            self.add_module(f"level{index}", LevelView(levels[index], config.pictures))
            for axis in (0, 1):
                lines = _lines(whole, sizes[index - 1], sizes[index], axis)
                self.register_buffer(f"lines{index}_{axis}", lines, persistent=False)
        self.count = len(levels)

    def forward(self, picture: Tensor) -> Tensor:
        drawn = picture
        for index in range(1, self.count):
            rows, columns = (self.get_buffer(f"lines{index}_{axis}") for axis in (0, 1))
            seen = torch.matmul(torch.matmul(rows, picture), columns.T)
            drawn = self.get_submodule(f"level{index}")(seen)
        return drawn


def sizes_of(config: Config, levels: int) -> list[Size]:
    """Of the first picture at the finished levels, coarse first."""
    return [level_size(config.sizes[0], scale) for scale in config.scales[:levels]]


def _lines(whole: Size, below: Size, size: Size, axis: int) -> Tensor:
    """(size, whole): one axis of the picture made as small as the level below and enlarged."""
    up, down = weights(below[axis], size[axis]), weights(whole[axis], below[axis])
    return torch.from_numpy(up @ down)


def open_own(path: Path) -> tuple[nn.Module, Preprocessing, str]:
    """The network of a card, how pictures are prepared, and what is to be said of it."""
    card, state = load_model(path)
    opening = _pyramid if card.architecture == PYRAMID else _upscaler
    return opening(card, state, path)


def _upscaler(
    card: Card, state: Mapping[str, np.ndarray], path: Path
) -> tuple[nn.Module, Preprocessing, str]:
    network = Fredsr(upscaler_config(card.hyper))
    try:
        network.load_state_dict({name: torch.from_numpy(np.array(a)) for name, a in state.items()})
    except RuntimeError as error:
        raise RefusedFile(
            f"{path.name} lacks weights that its card speaks of. Copy it again from where it "
            "came from.",
            str(error),
        ) from error
    sizes = Preprocessing((SIDE, SIDE), SIDE, (0.0,) * 3, (255.0,) * 3, "bicubic")
    return network, sizes, "Its answer is what it adds to a plain enlargement."


def _pyramid(
    card: Card, state: Mapping[str, np.ndarray], path: Path
) -> tuple[nn.Module, Preprocessing, str]:
    config = pyramid_config(card.hyper)
    levels = levels_of(config, state)
    if len(levels) < 2:
        raise LodestoneError(
            f"{path.name} has one level, which draws from noise alone and looks at no picture. "
            "Train it for longer, or on a larger picture."
        )
    half = (127.5,) * 3
    note = (
        "Every level is shown the picture at its own size, without noise; the coarsest draws from "
        "noise alone and is left out. Its answer is the finest level's."
    )
    shown = Preprocessing(sizes_of(config, len(levels))[-1], 0, half, half, "bicubic")
    return PyramidView(config, levels), shown, note
