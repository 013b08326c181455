"""Adaptive discriminator augmentation, the part that matters for small sets.

Karras et al., *Training Generative Adversarial Networks with Limited Data* (arXiv 2006.06676):
every picture the critic sees, real or generated, is transformed with probability p, and p
follows the share of real pictures the critic is sure about, r_t = E[sign(D(real))].
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

TARGET = 0.6
"""r_t that p steers towards (section 3.1 of the paper)."""


def augment(picture: Tensor, p: float, generator: torch.Generator) -> Tensor:
    """Shift, scale, brighten, change contrast and saturation, each with probability p.

    (N, C, H, W) about -1..1 -> the same shape; differentiable. p = 0 returns the input itself.
    """
    if p <= 0.0:
        return picture
    return _colour(_geometry(picture, p, generator), p, generator)


def _chance(count: int, p: float, generator: torch.Generator, like: Tensor) -> Tensor:
    return (torch.rand(count, generator=generator) < p).to(like.device, like.dtype)


def _normal(count: int, scale: float, generator: torch.Generator, like: Tensor) -> Tensor:
    return (torch.randn(count, generator=generator) * scale).to(like.device, like.dtype)


def _geometry(picture: Tensor, p: float, generator: torch.Generator) -> Tensor:
    count = picture.shape[0]
    scale = torch.exp(
        _normal(count, 0.15, generator, picture) * _chance(count, p, generator, picture)
    )
    moved = _chance(count, p, generator, picture)
    shift_x = (_normal(count, 0.1, generator, picture) * moved).clamp(-0.25, 0.25)
    shift_y = (_normal(count, 0.1, generator, picture) * moved).clamp(-0.25, 0.25)
    theta = torch.zeros(count, 2, 3, device=picture.device, dtype=picture.dtype)
    theta[:, 0, 0] = theta[:, 1, 1] = scale
    theta[:, 0, 2], theta[:, 1, 2] = shift_x, shift_y
    grid = F.affine_grid(theta, list(picture.shape), align_corners=False)
    return F.grid_sample(picture, grid, padding_mode="reflection", align_corners=False)


def _colour(picture: Tensor, p: float, generator: torch.Generator) -> Tensor:
    count = picture.shape[0]

    def each(scale: float) -> Tensor:
        amount = _normal(count, scale, generator, picture)
        return (amount * _chance(count, p, generator, picture))[:, None, None, None]

    picture = picture * torch.exp(each(0.3)) + each(0.2)
    grey = picture.mean(dim=1, keepdim=True)
    return grey + (picture - grey) * torch.exp(each(0.5))


def adapt(p: float, sure: float, pictures: int, speed: float = 100_000.0) -> float:
    """The next p after `pictures` more with r_t = `sure`; p goes 0 to 1 in `speed` pictures."""
    step = pictures / speed
    return min(max(p + (step if sure > TARGET else -step), 0.0), 0.85)
