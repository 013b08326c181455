"""The critic and the encoder that train beside a generator, and the sizes on offer.

The critic is StyleGAN2's residual critic (arXiv 1912.04958) with picture skips at every
resolution, so that a new, finer block can join a running training without a shock: its
features enter through a gain that starts at zero. Classes enter by projection
(Miyato & Koyama, arXiv 1802.05637).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.stylegan2 import SLOPE, Config, Dense

TOP_CHANNELS = {"small": 32, "medium": 64, "large": 64}
MOST_CHANNELS = {"small": 256, "medium": 384, "large": 512}
LATENT = {"small": 128, "medium": 256, "large": 512}
SLIM_FROM = 32
"""A small critic has half the channels from here on: it runs three times a step."""


def generator_config(size: str, resolution: int, c_dim: int, img_channels: int) -> Config:
    """A StyleGAN2-lite for a CPU (`small`) or a GPU (`medium`, `large`)."""
    if resolution < 8 or resolution & (resolution - 1):
        raise ValueError("resolution must be a power of two, 8 or more")
    finest = int(math.log2(resolution))
    top, most = TOP_CHANNELS[size], MOST_CHANNELS[size]
    channels = [min(top * 2 ** (finest - level), most) for level in range(2, finest + 1)]
    if size == "small" and len(channels) > 2:
        # 16 px at three quarters: a quarter of the cost of that block buys little there.
        channels[2] = min(channels[2], most * 3 // 4)
    latent = LATENT[size]
    return Config(
        resolution=resolution,
        channels=tuple(channels),
        z_dim=latent,
        w_dim=latent,
        c_dim=c_dim,
        img_channels=img_channels,
        mapping_layers=4 if size == "small" else 6,
        w_avg_per_class=c_dim > 0,
    )


def smooth_halve(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, C, H/2, W/2) by area."""
    return F.avg_pool2d(x, 2)


class EqualConv(nn.Module):
    """Convolution with equalised learning rate and optional leaky ReLU."""

    def __init__(self, inputs: int, outputs: int, size: int = 3, lrelu: bool = True):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, size, size))
        self.bias = nn.Parameter(torch.zeros(outputs))
        # The gain of a leaky ReLU commutes with it and is cheaper on the weights.
        self.out_gain = math.sqrt(2.0) if lrelu else 1.0
        self.gain = self.out_gain / math.sqrt(inputs * size * size)
        self.size, self.lrelu = size, lrelu

    def forward(self, x: Tensor) -> Tensor:
        bias = self.bias * self.out_gain
        x = F.conv2d(x, self.weight * self.gain, bias, padding=self.size // 2)
        return F.leaky_relu(x, SLOPE) if self.lrelu else x


class DownBlock(nn.Module):
    """Residual block that halves the resolution."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.conv0 = EqualConv(inputs, inputs)
        self.conv1 = EqualConv(inputs, outputs)
        self.skip = EqualConv(inputs, outputs, size=1, lrelu=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(smooth_halve(self.conv0(x)))
        return (y + self.skip(smooth_halve(x))) * math.sqrt(0.5)


class Pyramid(nn.Module):
    """Pictures of any trained resolution -> features at 4 px."""

    def __init__(self, config: Config, slim: bool = False):
        super().__init__()
        self.resolutions = config.resolutions
        channels = dict(zip(config.resolutions, config.channels, strict=True))
        if slim:
            channels = {r: n if r < SLIM_FROM else max(n // 2, 8) for r, n in channels.items()}
        for resolution in config.resolutions:
            name = f"r{resolution}"
            self.add_module(f"{name}_rgb", EqualConv(config.img_channels, channels[resolution], 1))
            if resolution > 4:
                block = DownBlock(channels[resolution], channels[resolution // 2])
                self.add_module(name, block)
        self.joins = nn.ParameterDict(
            {f"r{resolution}": nn.Parameter(torch.zeros([])) for resolution in config.resolutions}
        )

    def start_at(self, resolution: int) -> None:
        """Blocks below `resolution` join fully from the first step; finer ones from zero."""
        with torch.no_grad():
            for known in self.resolutions:
                self.joins[f"r{known}"].fill_(1.0 if known <= resolution else 0.0)

    def forward(self, picture: Tensor) -> Tensor:
        """(N, C, R, R) -> (N, channels[0], 4, 4); R is any of the resolutions."""
        resolution = picture.shape[2]
        x = self.get_submodule(f"r{resolution}_rgb")(picture)
        while resolution > 4:
            features = self.get_submodule(f"r{resolution}")(x)
            picture = smooth_halve(picture)
            join = self.joins[f"r{resolution}"]
            resolution //= 2
            x = features * join + self.get_submodule(f"r{resolution}_rgb")(picture)
            x = x * math.sqrt(0.5)
        return x


class Critic(nn.Module):
    """Pictures (N, C, R, R), classes (N, c_dim) or None -> logits (N,)."""

    def __init__(self, config: Config, group: int = 4):
        super().__init__()
        self.body = Pyramid(config, slim=config.w_dim <= LATENT["small"])
        width = config.channels[0]
        self.group = group
        self.conv = EqualConv(width + 1, width)
        self.dense = Dense(width * 16, width, lrelu=True)
        self.out = Dense(width, 1)
        self.c_dim = config.c_dim
        if config.c_dim:
            self.embed = Dense(config.c_dim, width)

    def forward(self, picture: Tensor, c: Tensor | None = None) -> Tensor:
        x = self._with_deviation(self.body(picture))
        x = self.dense(self.conv(x).flatten(1))
        logits = self.out(x)[:, 0]
        if self.c_dim and c is not None:
            logits = logits + (x * self.embed(c)).sum(dim=1) / math.sqrt(x.shape[1])
        return logits.float()

    def _with_deviation(self, x: Tensor) -> Tensor:
        """Append the mean standard deviation within groups (Progressive GAN, sec. 3)."""
        count, _, height, width = x.shape
        group = math.gcd(self.group, count)
        y = x.float().reshape(group, -1, *x.shape[1:])
        y = (y.var(dim=0, unbiased=False) + 1e-8).sqrt().mean(dim=(1, 2, 3))
        y = y.repeat(group)[:, None, None, None].expand(count, 1, height, width)
        return torch.cat([x, y.to(x.dtype)], dim=1)


class Encoder(nn.Module):
    """Pictures -> mean and log variance of z, for the warm-up as an autoencoder."""

    def __init__(self, config: Config):
        super().__init__()
        self.body = Pyramid(config)
        width = config.channels[0]
        self.dense = Dense(width * 16, width, lrelu=True)
        self.out = Dense(width, 2 * config.z_dim)

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, R, R) -> two of (N, z_dim)."""
        x = self.dense(self.body(picture).flatten(1))
        mean, log_variance = self.out(x).float().chunk(2, dim=1)
        return mean, log_variance.clamp(-8.0, 4.0)
