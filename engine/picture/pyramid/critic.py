"""What tells a level how far its textures are from the picture's.

Two judges, neither with a double backward: a patch critic of 11x11 pixels with spectral
normalisation and the hinge loss (arXiv 1802.05957, 1705.02894), and the sliced Wasserstein
distance of 7x7 patches along random directions (GPDM, arXiv 2203.11862), which needs no training
and so is right from the first step.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from models.pyramid import CHANNELS, LEAK, Config

PATCH = 7


class Critic(nn.Module):
    """(N, 3 [+ K], H, W) -> (N, 1, H - 2m, W - 2m): how much each patch looks like the picture."""

    def __init__(self, config: Config, random: torch.Generator):
        super().__init__()
        widths = [config.inputs, *[config.width] * (config.layers - 1), 1]
        pairs = zip(widths[:-1], widths[1:], strict=True)
        convs = [nn.Conv2d(a, b, 3) for a, b in pairs]
        with torch.no_grad():
            for conv in convs:
                conv.weight.copy_(torch.randn(conv.weight.shape, generator=random) * 0.05)
                assert conv.bias is not None
                conv.bias.zero_()
        # Spectral norm starts its power iteration from torch's own generator: seed that one too.
        torch.manual_seed(int(torch.randint(2**31, (), generator=random)))
        self.convs = nn.ModuleList(spectral_norm(conv) for conv in convs)

    def forward(self, x: Tensor, identity: Tensor | None = None) -> Tensor:
        if identity is not None:
            x = torch.cat([x, identity], dim=1)
        for conv in self.convs[:-1]:
            x = F.leaky_relu(conv(x), LEAK)
        return self.convs[-1](x)


def hinge(real: Tensor, false: Tensor, valid: Tensor | None) -> Tensor:
    """The critic's loss; real positions outside `valid` (as `real`, 0/1) are not counted."""
    wrong = F.relu(1.0 - real)
    if valid is not None:
        real_loss = (wrong * valid).sum() / valid.sum().clamp_min(1.0)
    else:
        real_loss = wrong.mean()
    return real_loss + F.relu(1.0 + false).mean()


def directions(count: int, random: torch.Generator, device: torch.device) -> Tensor:
    """(count, 3, 7, 7) unit vectors."""
    found = torch.randn(count, CHANNELS * PATCH * PATCH, generator=random, device=random.device)
    return F.normalize(found, dim=1).reshape(count, CHANNELS, PATCH, PATCH).to(device)


def sliced(real: Tensor, false: Tensor, along: Tensor, valid: Tensor | None = None) -> Tensor:
    """Mean distance of the sorted projections of all 7x7 patches (scalar).

    real, false: (N, 3, H, W); valid: (1, 1, H, W) 0/1, real pixels that may be looked at
    """
    if min(*real.shape[2:], *false.shape[2:]) < PATCH:
        along = along[:, :, :1, :1]  # a picture thinner than a patch: its colours
    side = along.shape[2]
    a = F.conv2d(real, along).transpose(0, 1).flatten(1)
    b = F.conv2d(false, along).transpose(0, 1).flatten(1)
    if valid is not None:
        seen = -F.max_pool2d(-valid, side, 1) if side > 1 else valid
        a = a[:, seen.expand(len(real), -1, -1, -1).flatten() > 0.5]
    if a.shape[1] == 0:
        return false.sum() * 0.0
    a, b = a.sort(dim=1).values, b.sort(dim=1).values
    if a.shape[1] != b.shape[1]:
        # The same quantiles of both.
        place = (torch.arange(b.shape[1], device=a.device) + 0.5) * (a.shape[1] / b.shape[1])
        a = a[:, place.long().clamp_max(a.shape[1] - 1)]
    return (a - b).abs().mean()
