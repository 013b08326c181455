"""The generator of one to four pictures: a pyramid of small residual convolution networks.

SinGAN (arXiv 1905.01164): level i draws `x_i = up(x_{i-1}) + G_i(up(x_{i-1}) + noise_i)`; the fixed
latent of the coarsest level gives the picture back. The levels lie as in ConSinGAN (arXiv
2003.11512): few, denser where they are coarse, without batch normalisation. One model of several
pictures reads an identity map (BlendGAN, arXiv 2212.01589) beside the picture, K channels, one-hot
per picture while it trains; with one picture the map is constant and left out.

Nothing is padded inside: a level takes maps that are `margin` pixels larger on every side than
what it draws, so the caller decides how borders go on (`engine.picture.pyramid.grid.pad`: the
picture's edge and no noise, or round the corner for seamless tiles), crops are exact parts of the
whole, and every size is possible.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.errors import RefusedFile

CHANNELS = 3
LEAK = 0.2


@dataclass(frozen=True)
class Config:
    """Everything that decides the networks' shapes and the sizes they draw."""

    sizes: tuple[tuple[int, int], ...]
    """(height, width) of each picture at the finest level, pixels; one to four."""
    scales: tuple[float, ...]
    """Size of each level as a share of the finest, coarse first; the last is 1."""
    width: int = 32
    """Channels of the hidden convolutions."""
    layers: int = 5
    """Convolutions of 3x3 per level; a level sees 2 * layers + 1 pixels across."""
    amplitudes: tuple[float, ...] = ()
    """Strength of each finished level's noise; as many as there are levels in the file."""

    def __post_init__(self) -> None:
        sizes = tuple((int(height), int(width)) for height, width in self.sizes)
        object.__setattr__(self, "sizes", sizes)
        if not 1 <= len(sizes) <= 4 or not self.scales or self.layers < 2 or self.width < 1:
            raise ValueError("one to four pictures, a level or more, two layers or more")
        if min(min(size) for size in sizes) < 1 or len(self.amplitudes) > len(self.scales):
            raise ValueError("a picture without pixels, or more amplitudes than levels")

    @property
    def pictures(self) -> int:
        return len(self.sizes)

    @property
    def margin(self) -> int:
        """Pixels a level needs around what it draws: one per convolution."""
        return self.layers

    @property
    def inputs(self) -> int:
        """Channels a level reads: the picture, and who it is when there are several."""
        return CHANNELS + (self.pictures if self.pictures > 1 else 0)


class Level(nn.Module):
    """One level's network: (N, inputs, H + 2m, W + 2m) -> what is added to the picture, H x W."""

    def __init__(self, config: Config):
        super().__init__()
        widths = [config.inputs, *[config.width] * (config.layers - 1), CHANNELS]
        pairs = zip(widths[:-1], widths[1:], strict=True)
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3) for a, b in pairs)
        self.margin = config.margin

    @torch.no_grad()
    def start(self, random: torch.Generator) -> None:
        """He initialisation from `random`; the last layer small, so a level begins near nothing."""
        for conv in self.convs:
            assert isinstance(conv, nn.Conv2d)
            fan = conv.in_channels * 9
            last = conv is self.convs[-1]
            scale = 0.1 if last else (2.0 / (1 + LEAK**2)) ** 0.5
            noise = torch.randn(conv.weight.shape, generator=random)
            conv.weight.copy_(noise * (scale / fan**0.5))
            assert conv.bias is not None
            conv.bias.zero_()

    def forward(self, picture: Tensor, noise: Tensor, identity: Tensor | None = None) -> Tensor:
        """Draw one level.

        picture: (N, 3, H + 2m, W + 2m), -1..1, the level below enlarged (zeros at the coarsest)
        noise: as picture, already times its amplitude
        identity: (N, K, H + 2m, W + 2m), weights 0..1 that sum to 1; None for one picture
        """
        x = picture + noise
        if identity is not None:
            x = torch.cat([x, identity], dim=1)
        for conv in self.convs[:-1]:
            x = F.leaky_relu(conv(x), LEAK)
        m = self.margin
        return self.convs[-1](x) + picture[:, :, m:-m, m:-m]


def levels_of(config: Config, state: Mapping[str, np.ndarray]) -> list[Level]:
    """The finished levels of a file as torch networks."""
    found = []
    for index in range(len(config.amplitudes)):
        level = Level(config)
        start = f"levels.{index}."
        own = {k[len(start) :]: v for k, v in state.items() if k.startswith(start)}
        try:
            level.load_state_dict({k: torch.from_numpy(v.copy()) for k, v in own.items()})
        except RuntimeError as error:
            raise RefusedFile(
                "The weights of this pyramid do not have the shapes its card describes. "
                "Train it again, or copy the file again from where it came from.",
                str(error),
            ) from error
        found.append(level.eval().requires_grad_(False))
    return found
