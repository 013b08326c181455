"""StyleGAN2's synthesis as the paper writes it: a weight of its own for every sample.

Karras et al., arXiv 1912.04958, section 2.2: w'_ijk = s_i w_ijk (eq. 1), then w''_ijk = w'_ijk /
sqrt(sum over i, k of w'_ijk^2 + eps) (eq. 3); a batch runs as one grouped convolution (appendix B).
It draws what `models.stylegan2` draws, in another way: the peer our forward pass is measured
against, and an independent check of it. Imports torch.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

eps = 1e-8


def synthesis(generator: Any, ws: Tensor) -> Tensor:
    """ws (N, num_ws, w_dim) -> (N, C, R, R) of a `skip` StyleGAN2 generator, stored noise."""
    network = generator.synthesis
    rows = {layer.name: ws[:, layer.ws_index] for layer in generator.layers}
    x = picture = None
    for resolution in network.resolutions:
        block = network.block(resolution)
        name = f"b{resolution}"
        if x is None:
            x = block.const[None].expand(len(ws), -1, -1, -1)
        else:
            x = _layer(block.conv0, x, rows[f"{name}.conv0"], up=True)
        x = _layer(block.conv1, x, rows[f"{name}.conv1"], up=False)
        painted = _to_rgb(block.torgb, x, rows[f"{name}.torgb"])
        if picture is not None:
            painted = painted + _filtered(_zeros_between(picture), block.resample_filter, (2, 1))
        picture = painted
    assert picture is not None
    return picture


def _style(layer: Any, w: Tensor) -> Tensor:
    weight = layer.affine.weight / math.sqrt(layer.affine.weight.shape[1])
    return F.linear(w, weight, layer.affine.bias)  # (N, inputs)


def _modulated(x: Tensor, weight: Tensor, style: Tensor, demodulate: bool, up: bool) -> Tensor:
    """Each sample convolved with its own kernel; `up` gives (2H + 1, 2W + 1)."""
    count, inputs = style.shape
    outputs, _, height, width = weight.shape
    kernels = weight[None] * style[:, None, :, None, None]  # (N, outputs, inputs, k, k)
    if demodulate:
        norm = kernels.square().sum(dim=(2, 3, 4), keepdim=True)
        kernels = kernels * (norm + eps).rsqrt()
    grouped = x.reshape(1, count * inputs, *x.shape[2:])
    if up:
        kernels = kernels.transpose(1, 2).reshape(count * inputs, outputs, height, width)
        y = F.conv_transpose2d(grouped, kernels, stride=2, groups=count)
    else:
        kernels = kernels.reshape(count * outputs, inputs, height, width)
        y = F.conv2d(grouped, kernels, padding=height // 2, groups=count)
    return y.reshape(count, outputs, *y.shape[2:])


def _layer(layer: Any, x: Tensor, w: Tensor, up: bool) -> Tensor:
    x = _modulated(x, layer.weight, _style(layer, w), demodulate=True, up=up)
    if up:
        x = _filtered(x, layer.resample_filter, (1, 1))
    x = x + layer.noise_const * layer.noise_strength
    x = F.leaky_relu(x + layer.bias[None, :, None, None], 0.2) * math.sqrt(2.0)
    return x if layer.clamp is None else x.clamp(-layer.clamp, layer.clamp)


def _to_rgb(layer: Any, x: Tensor, w: Tensor) -> Tensor:
    style = _style(layer, w) / math.sqrt(x.shape[1])
    x = _modulated(x, layer.weight, style, demodulate=False, up=False)
    x = x + layer.bias[None, :, None, None]
    return x if layer.clamp is None else x.clamp(-layer.clamp, layer.clamp)


def _zeros_between(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, C, 2H, 2W), zeros after every pixel."""
    count, channels, height, width = x.shape
    spread = x.reshape(count, channels, height, 1, width, 1)
    spread = F.pad(spread, (0, 1, 0, 0, 0, 1))
    return spread.reshape(count, channels, 2 * height, 2 * width)


def _filtered(x: Tensor, taps: Tensor, pad: tuple[int, int]) -> Tensor:
    """The resampling filter at gain 4 over padded x."""
    before, after = pad
    x = F.pad(x, (before, after, before, after))
    channels = x.shape[1]
    kernel = (taps.flip(0, 1) * 4.0)[None, None].expand(channels, 1, -1, -1)
    return F.conv2d(x, kernel, groups=channels)


def random_generator(resolution: int, channel_base: int, mapping_layers: int = 8) -> Any:
    """A StyleGAN2 of the usual widths (at most 512) with random weights and some noise."""
    from models.stylegan2 import Config, Generator

    torch.manual_seed(0)
    sizes = [4 * 2**i for i in range(int(math.log2(resolution)) - 1)]
    channels = tuple(min(512, channel_base // size) for size in sizes)
    config = Config(resolution, channels, mapping_layers=mapping_layers)
    generator = Generator(config).eval().requires_grad_(False)
    for name, value in generator.named_parameters():
        if name.endswith("noise_strength"):
            value.fill_(0.1)
    return generator
