"""Convolutions that are wider while they learn and collapse into plain ones afterwards.

Collapsible linear blocks (SESR, arXiv 2103.09404): a 3x3 convolution to many channels, a 1x1
convolution back and the identity are one 3x3 convolution in the end, but learn faster. They are
collapsed before every use, so a step costs hardly more.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.fredsr import Fredsr

WIDE = 96
"""Channels in between."""


class Expanded(nn.Module):
    """In the place of one hidden convolution; begins as that convolution."""

    def __init__(self, conv: nn.Conv2d, random: torch.Generator):
        super().__init__()
        out, inputs = conv.weight.shape[:2]

        def noise(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=random)

        self.wide = nn.Parameter(noise(WIDE, inputs, 3, 3) * (2 / (inputs * 9)) ** 0.5 * 0.7)
        self.back = nn.Parameter(noise(out, WIDE) * WIDE**-0.5)
        self.bias = nn.Parameter(torch.zeros(out))
        assert conv.bias is not None
        with torch.no_grad():
            self.bias.copy_(conv.bias)
            self.rest = nn.Parameter(conv.weight - self._product())

    def _product(self) -> Tensor:
        return torch.einsum("oe,eikl->oikl", self.back, self.wide)

    def weight(self) -> Tensor:
        """(out, in, 3, 3) of the one convolution."""
        return self._product() + self.rest

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight(), self.bias, padding=1)


def expand(net: Fredsr, random: torch.Generator, fresh: bool) -> None:
    """Widen the hidden convolutions in place; a layer's slopes below zero become one.

    One slope a layer is computed with its convolution, a seventh of the whole time. Networks that
    learnt a slope for every channel keep them.

    fresh: nothing is learnt yet, so they begin near the identity instead of where they were
    """
    for index, bend in enumerate(net.bends):
        assert isinstance(bend, nn.PReLU)
        if (bend.weight == bend.weight[0]).all():
            net.bends[index] = nn.PReLU(1, bend.weight[0].item()).to(bend.weight.device)
    for index, conv in enumerate(net.body):
        assert isinstance(conv, nn.Conv2d)
        if fresh:
            with torch.no_grad():
                conv.weight.mul_(0.3)
                diagonal = torch.arange(len(conv.weight))
                conv.weight[diagonal, diagonal, 1, 1] += 1.0
        wide = Expanded(conv, random)
        if fresh:
            with torch.no_grad():
                wide.rest.add_(wide._product())
        net.body[index] = wide.to(conv.weight.device)


@torch.no_grad()
def collapsed(net: Fredsr, into: Fredsr) -> Fredsr:
    """Copy what `net` has learnt `into` a plain network of the same config."""
    state = {k: v for k, v in net.state_dict().items() if not k.startswith("body.")}
    for index, conv in enumerate(net.body):
        weight = conv.weight() if isinstance(conv, Expanded) else conv.weight
        state[f"body.{index}.weight"] = weight  # pyright: ignore[reportArgumentType]
        state[f"body.{index}.bias"] = conv.bias  # pyright: ignore[reportArgumentType]
    for name, plain in into.named_parameters():
        if name.startswith("bends."):
            state[name] = state[name].expand_as(plain)
    into.load_state_dict(state, strict=False)
    return into
