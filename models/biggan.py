"""BigGAN and BigGAN-deep with our own forward pass.

Brock, Donahue and Simonyan, *Large Scale GAN Training for High Fidelity Natural Image Synthesis*
(arXiv 1809.11096), appendix B: residual blocks whose batch normalisations take their gains and
biases from the latent and the class, and one non-local block (Zhang et al., arXiv 1805.08318).

What is w here: z, then the class's embedding, then (where the file tells statistics for several
truncations) a 1. Every layer that reads the condition has its own row of w+. The truncation centre
of a class is the same with zeros for z and for the 1, so that w' = centre + psi (w - centre) is the
paper's truncation: z shrinks, the class stays, and the last number is psi itself, from which the
normalisations look up their statistics. The embedding is linear in the class weights: weights mix
classes. Seeds draw z from N(0, 1), as everywhere in Lodestone, not from a truncated normal.

Weights are stored as they are used: spectral normalisation is divided out when a file is read
(`models.biggan_parts`), the affine maps are scaled as the field scales them (see `Dense`). A chunk
of z that a layer does not read has zeros in its affine map. Computes in fp32 throughout: the sums
of the residual path have no bound that fp16 could rely on.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.deduce import biggan_layers
from models.layers import Layer, count_styles
from models.stylegan2 import Dense


@dataclass(frozen=True)
class Config:
    """Everything that decides the shapes of a BigGAN generator."""

    resolution: int
    channels: tuple[int, ...]
    """Feature maps into each block, then out of the last."""
    up: tuple[bool, ...]
    """Whether each block doubles height and width."""
    z_dim: int
    class_width: int
    """Last numbers of w that hold the class: its embedding, and the 1 where `steps` > 1."""
    w_dim: int
    """z_dim + class_width."""
    c_dim: int
    hidden: tuple[int, ...] = ()
    """BigGAN-deep: feature maps inside each block's bottleneck; empty for BigGAN."""
    attention: tuple[int, ...] = ()
    """Blocks that have a non-local block before them; len(up) = behind the last."""
    bottom: int = 4
    """Pixels of the first feature map, one side."""
    img_channels: int = 3
    steps: int = 1
    """Truncations from 0 to 1 whose batch-norm statistics are stored; 1 = one set for all."""
    eps: float = 1e-5
    """Added to the variances."""

    @property
    def embed_width(self) -> int:
        return self.class_width - (self.steps > 1)


@dataclass(frozen=True)
class _Condition:
    """What synthesis hands to its layers, addressed by layer name."""

    ws: Tensor
    offset: Tensor | None
    layers: dict[str, Layer]

    def of(self, name: str) -> tuple[Tensor, Tensor | None]:
        """w (N, w_dim) of the layer's row and its style offset (N, style_count)."""
        layer = self.layers[name]
        if self.offset is None:
            return self.ws[:, layer.ws_index], None
        own = slice(layer.style_start, layer.style_start + layer.style_count)
        return self.ws[:, layer.ws_index], self.offset[:, own]


class Mapping(nn.Module):
    """z (N, z_dim), c (N, c_dim) weights of sum 1 -> w (N, w_dim)."""

    w_avg: Tensor

    def __init__(self, config: Config):
        super().__init__()
        self.embed = nn.Linear(config.c_dim, config.embed_width, bias=False)
        self.register_buffer("w_avg", torch.zeros(config.c_dim, config.w_dim))
        self.tells_truncation = config.steps > 1

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        if c is None:
            raise ValueError("a conditional generator needs class weights c")
        parts = [z, self.embed(c)]
        if self.tells_truncation:
            parts.append(torch.ones_like(z[:, :1]))
        return torch.cat(parts, dim=1)


class Statistics(nn.Module):
    """Mean and variance of a batch normalisation, for one truncation or a table of them."""

    mean: Tensor
    var: Tensor

    def __init__(self, channels: int, config: Config):
        super().__init__()
        self.register_buffer("mean", torch.zeros(config.steps, channels))
        self.register_buffer("var", torch.ones(config.steps, channels))
        self.steps, self.eps = config.steps, config.eps

    def folded(self, w: Tensor, gain: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """Gain and bias after normalisation, (N or 1, C) each, as one scale and one shift."""
        mean, var = self.mean, self.var
        if self.steps > 1:
            # Linear interpolation between the two nearest truncations, as one product.
            place = w[:, -1:].abs().clamp(max=1.0) * (self.steps - 1)
            steps = torch.arange(self.steps, dtype=w.dtype, device=w.device)
            weight = F.relu(1.0 - (place - steps).abs())  # (N, steps)
            mean, var = weight @ mean, weight @ var
        scale = gain * (var + self.eps).rsqrt()
        return scale, bias - mean * scale


def normalised(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """x (N, C, H, W) scaled and shifted channel by channel, then ReLU."""
    return F.relu(torch.addcmul(shift[:, :, None, None], x, scale[:, :, None, None]))


class Norm(Statistics):
    """Conditional batch normalisation and ReLU. Styles: C gains, then C biases."""

    def __init__(self, channels: int, config: Config):
        super().__init__(channels, config)
        self.affine = Dense(config.w_dim, 2 * channels)

    def forward(self, x: Tensor, w: Tensor, offset: Tensor | None) -> Tensor:
        style = self.affine(w)
        style = style if offset is None else style + offset
        gain, bias = style.chunk(2, dim=1)
        return normalised(x, *self.folded(w, gain, bias))


class First(nn.Module):
    """The linear layer that makes the first feature map. Styles: all its numbers."""

    def __init__(self, config: Config):
        super().__init__()
        self.shape = (config.channels[0], config.bottom, config.bottom)
        self.affine = Dense(config.w_dim, config.channels[0] * config.bottom**2)

    def forward(self, w: Tensor, offset: Tensor | None) -> Tensor:
        style = self.affine(w)
        style = style if offset is None else style + offset
        return style.reshape(-1, *self.shape)


class Attention(nn.Module):
    """Non-local block (1805.08318, eq. 1 to 3); its learnt gain lies in the last weight."""

    def __init__(self, channels: int):
        super().__init__()
        self.theta = nn.Conv2d(channels, channels // 8, 1, bias=False)
        self.phi = nn.Conv2d(channels, channels // 8, 1, bias=False)
        self.value = nn.Conv2d(channels, channels // 2, 1, bias=False)
        self.out = nn.Conv2d(channels // 2, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        queries = self.theta(x).flatten(2)  # (N, C / 8, HW)
        keys = F.max_pool2d(self.phi(x), 2).flatten(2)  # (N, C / 8, HW / 4)
        values = F.max_pool2d(self.value(x), 2).flatten(2)  # (N, C / 2, HW / 4)
        weights = torch.softmax(queries.transpose(1, 2) @ keys, dim=2)  # (N, HW, HW / 4)
        seen = values @ weights.transpose(1, 2)
        return x + self.out(seen.reshape(-1, seen.shape[1], *x.shape[2:]))


def doubled(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, C, 2H, 2W), every pixel four times."""
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


class Block(nn.Module):
    """Residual block of BigGAN (figure 15b): two 3x3 convolutions beside a 1x1."""

    def __init__(self, inputs: int, outputs: int, up: bool, config: Config):
        super().__init__()
        self.up = up
        self.norm0 = Norm(inputs, config)
        self.conv0 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm1 = Norm(outputs, config)
        self.conv1 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.skip = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor, name: str, condition: _Condition) -> Tensor:
        h = self.norm0(x, *condition.of(f"{name}.norm0"))
        x = self.skip(x)  # commutes with doubling, and is a quarter of the work before it
        if self.up:
            h, x = doubled(h), doubled(x)
        h = self.norm1(self.conv0(h), *condition.of(f"{name}.norm1"))
        return self.conv1(h) + x


class DeepBlock(nn.Module):
    """Residual block of BigGAN-deep (figure 16b): a bottleneck; the skip path drops channels."""

    def __init__(self, inputs: int, hidden: int, outputs: int, up: bool, config: Config):
        super().__init__()
        self.up, self.outputs = up, outputs
        self.norm0 = Norm(inputs, config)
        self.conv0 = nn.Conv2d(inputs, hidden, 1)
        self.norm1 = Norm(hidden, config)
        self.conv1 = nn.Conv2d(hidden, hidden, 3, padding=1)
        self.norm2 = Norm(hidden, config)
        self.conv2 = nn.Conv2d(hidden, hidden, 3, padding=1)
        self.norm3 = Norm(hidden, config)
        self.conv3 = nn.Conv2d(hidden, outputs, 1)

    def forward(self, x: Tensor, name: str, condition: _Condition) -> Tensor:
        h = self.conv0(self.norm0(x, *condition.of(f"{name}.norm0")))
        h = self.norm1(h, *condition.of(f"{name}.norm1"))
        x = x[:, : self.outputs]
        if self.up:
            h, x = doubled(h), doubled(x)
        h = self.norm2(self.conv1(h), *condition.of(f"{name}.norm2"))
        h = self.norm3(self.conv2(h), *condition.of(f"{name}.norm3"))
        return self.conv3(h) + x


class Output(Statistics):
    """Batch normalisation, the same for all classes, ReLU and the convolution to colours."""

    def __init__(self, config: Config):
        super().__init__(config.channels[-1], config)
        self.gain = nn.Parameter(torch.ones(1, config.channels[-1]))
        self.bias = nn.Parameter(torch.zeros(1, config.channels[-1]))
        self.conv = nn.Conv2d(config.channels[-1], config.img_channels, 3, padding=1)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        return torch.tanh(self.conv(normalised(x, *self.folded(w, self.gain, self.bias))))


class Synthesis(nn.Module):
    """ws (N, num_ws, w_dim) -> picture (N, C, R, R), -1..1."""

    def __init__(self, config: Config, layers: tuple[Layer, ...]):
        super().__init__()
        self.layers = {layer.name: layer for layer in layers}
        self.count = len(config.up)
        self.start = First(config)
        for index, up in enumerate(config.up):
            inputs, outputs = config.channels[index : index + 2]
            if config.hidden:
                block: nn.Module = DeepBlock(inputs, config.hidden[index], outputs, up, config)
            else:
                block = Block(inputs, outputs, up, config)
            self.add_module(f"block{index}", block)
        self.attention = frozenset(config.attention)
        for index in config.attention:
            self.add_module(f"attention{index}", Attention(config.channels[index]))
        self.output = Output(config)

    def forward(
        self,
        ws: Tensor,
        style_offset: Tensor | None = None,
        noise: Tensor | None = None,
        noise_strength: Tensor | None = None,
    ) -> Tensor:
        """Draw pictures.

        ws (N, num_ws, w_dim); style_offset (N, num_styles) added to the gains, the biases and the
        first feature map. There is no noise; its two arguments are those of every generator.
        """
        condition = _Condition(ws, style_offset, self.layers)
        x = self.start(*condition.of("start"))
        for index in range(self.count + 1):
            if index in self.attention:
                x = self.get_submodule(f"attention{index}")(x)
            if index < self.count:
                x = self.get_submodule(f"block{index}")(x, f"block{index}", condition)
        return self.output(x, ws[:, -1])


class Generator(nn.Module):
    """A BigGAN or BigGAN-deep generator; see the module's docstring for w and its sources."""

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        self.z_dim, self.w_dim, self.c_dim = config.z_dim, config.w_dim, config.c_dim
        self.resolution, self.img_channels = config.resolution, config.img_channels
        self.layers = biggan_layers(vars(config))
        self.num_ws = max(layer.ws_index for layer in self.layers) + 1
        self.num_styles = count_styles(self.layers)
        self.num_noise = self.num_noise_layers = 0
        self.mapping = Mapping(config)
        self.synthesis = Synthesis(config, self.layers)

    @property
    def w_avg(self) -> Tensor:
        """Truncation centres, (c_dim, w_dim)."""
        return self.mapping.w_avg

    def noise_const(self) -> Tensor:
        """(1, 0): there is no noise."""
        return self.mapping.w_avg.new_zeros(1, 0)

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """z (N, z_dim), c (N, c_dim) -> pictures, without truncation."""
        w = self.mapping(z, c)
        return self.synthesis(w[:, None].expand(-1, self.num_ws, -1))
