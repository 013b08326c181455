"""The diffusive discriminator: it sees pictures through noise, more of it the surer it is.

Diffusion-GAN (Wang et al., arXiv 2206.02262): real and made pictures are noised by the same
forward process, y_t = √ᾱ_t y + √(1 - ᾱ_t) σ ε, with t drawn up to a horizon T that grows when the
critic tells them apart too easily (its sign on real pictures, as in ADA) and shrinks when it
cannot. Here it judges patches of what is added to the plain enlargement together with the
enlargement, and is told t.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STEPS = 64
SIGMA = 0.25
"""Deviation of the noise at its strongest, of pictures in 0..1."""
TARGET = 0.6
"""Share by which real pictures are called real (mean sign) that the horizon keeps."""


class Critic(nn.Module):
    """(N, 3, H, W) picture and plain enlargement, H and W even -> (N, 1, H/4, W/4) scores.

    `t` (N,) 0..1. It reads 2 x 2 pixels as one place of more channels, which costs a quarter.
    """

    def __init__(self, width: int = 48):
        super().__init__()
        sizes = [(25, width, 1), (width, width, 1), (width, 64, 2), (64, 64, 1)]
        self.layers = nn.ModuleList(
            nn.utils.parametrizations.spectral_norm(nn.Conv2d(a, b, 3, stride, 1))
            for a, b, stride in sizes
        )
        self.last = nn.Conv2d(64, 1, 3, padding=1)

    def forward(self, pictures: Tensor, plain: Tensor, t: Tensor) -> Tensor:
        both = F.pixel_unshuffle(torch.cat([pictures - plain, plain - 0.5], 1), 2)
        time = t[:, None, None, None].expand(-1, 1, *both.shape[2:])
        x = torch.cat([both, time], 1)
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2)
        return self.last(x)


class Diffusion:
    """Adds noise up to an adaptive horizon."""

    def __init__(self, random: torch.Generator):
        self.random = random
        self.horizon = 0.1
        """Of `STEPS`, as a share 0.05..1."""
        betas = torch.linspace(1e-4, 2e-2, STEPS)
        self._kept = torch.cumprod(1 - betas, 0)

    def times(self, count: int) -> Tensor:
        """(N,) 0..1, below the horizon; some without noise at all."""
        drawn = torch.rand(count, generator=self.random) * self.horizon
        clean = torch.rand(count, generator=self.random) < 0.25
        return torch.where(clean, torch.zeros(()), drawn)

    def noised(self, pictures: Tensor, t: Tensor) -> Tensor:
        step = (t * (STEPS - 1)).round().long()
        kept = self._kept[step].to(pictures.device)[:, None, None, None]
        kept = torch.where(t.to(pictures.device)[:, None, None, None] > 0, kept, torch.ones(()))
        noise = torch.randn(pictures.shape, generator=self.random).to(pictures.device)
        middle = 0.5
        return kept.sqrt() * (pictures - middle) + middle + (1 - kept).sqrt() * SIGMA * noise

    def adapt(self, real: Tensor) -> None:
        """After every critic step, from its scores on real pictures."""
        sure = float(torch.sign(real).mean())
        self.horizon = min(1.0, max(0.05, self.horizon + math.copysign(2e-3, sure - TARGET)))
