"""StyleGAN2 and StyleGAN2-ADA with our own forward pass.

Karras et al., *Analyzing and Improving the Image Quality of StyleGAN* (arXiv 1912.04958) and
*Training GANs with Limited Data* (arXiv 2006.06676). Convolution weights are static: the style
scales the input of a convolution and demodulation its output, which is the same function
(1912.04958, eq. 1 and 3, moved across the linear convolution) and exports to ONNX as it is.

Parameters carry the names of the field (`synthesis.b8.conv0.affine.weight` …) and are stored
raw: the equalised-learning-rate gains are applied in the forward pass.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.layers import Layer

SLOPE = 0.2
LRELU_GAIN = math.sqrt(2.0)


@dataclass(frozen=True)
class Config:
    """Everything that decides the shapes of a StyleGAN2 generator."""

    resolution: int
    channels: tuple[int, ...]
    """Feature maps at 4, 8, 16 … `resolution`."""
    z_dim: int = 512
    w_dim: int = 512
    c_dim: int = 0
    img_channels: int = 3
    mapping_layers: int = 8
    mapping_width: int | None = None
    """Width of the hidden mapping layers; None = w_dim."""
    embed_width: int | None = None
    """Width of the class embedding; None = w_dim."""
    lr_multiplier: float = 0.01
    """Of the mapping network."""
    architecture: Literal["skip", "resnet", "orig"] = "skip"
    conv_clamp: float | None = None
    w_avg_per_class: bool = False
    """One truncation centre per class instead of one for all."""

    @property
    def resolutions(self) -> tuple[int, ...]:
        return tuple(4 * 2**i for i in range(len(self.channels)))


class Dense(nn.Module):
    """Fully connected layer with equalised learning rate. (N, in) -> (N, out)."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        lrelu: bool = False,
        lr_multiplier: float = 1.0,
        bias_init: float = 0.0,
    ):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / lr_multiplier)
        self.bias = nn.Parameter(torch.full((outputs,), bias_init / lr_multiplier))
        self.weight_gain = lr_multiplier / math.sqrt(inputs)
        self.bias_gain = lr_multiplier
        self.lrelu = lrelu

    def forward(self, x: Tensor) -> Tensor:
        y = F.linear(x, self.weight * self.weight_gain, self.bias * self.bias_gain)
        return F.leaky_relu(y, SLOPE) * LRELU_GAIN if self.lrelu else y


def unit_second_moment(x: Tensor) -> Tensor:
    """Scale each row to mean square 1 (1912.04958, appendix B)."""
    return x * (x.square().mean(dim=1, keepdim=True) + 1e-8).rsqrt()


class Mapping(nn.Module):
    """z (N, z_dim), c (N, c_dim) -> w (N, w_dim)."""

    w_avg: Tensor

    def __init__(self, config: Config):
        super().__init__()
        embed = (config.embed_width or config.w_dim) if config.c_dim else 0
        width = config.mapping_width or config.w_dim
        self.c_dim = config.c_dim
        if embed:
            self.embed = Dense(config.c_dim, embed)
        sizes = [config.z_dim + embed] + [width] * (config.mapping_layers - 1) + [config.w_dim]
        self.depth = config.mapping_layers
        for index, (inputs, outputs) in enumerate(zip(sizes, sizes[1:], strict=False)):
            layer = Dense(inputs, outputs, lrelu=True, lr_multiplier=config.lr_multiplier)
            self.add_module(f"fc{index}", layer)
        centre = (config.c_dim, config.w_dim) if config.w_avg_per_class else (config.w_dim,)
        self.register_buffer("w_avg", torch.zeros(centre))

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        x = unit_second_moment(z)
        if self.c_dim:
            if c is None:
                raise ValueError("a conditional generator needs class weights c")
            x = torch.cat([x, unit_second_moment(self.embed(c))], dim=1)
        for index in range(self.depth):
            x = self.get_submodule(f"fc{index}")(x)
        return x


def fir_kernel(channels: int, taps: Tensor, gain: float) -> Tensor:
    """The resampling filter as a depthwise kernel (channels, 1, kh, kw)."""
    return (taps.flip(0, 1) * gain)[None, None].expand(channels, 1, -1, -1)


def binomial_filter() -> Tensor:
    """[1, 3, 3, 1] outer itself, normalised: the filter of all published models. (4, 4)."""
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
    kernel = torch.outer(taps, taps)
    return kernel / kernel.sum()


def upsample(x: Tensor, taps: Tensor) -> Tensor:
    """Double height and width with the FIR filter. (N, C, H, W) -> (N, C, 2H, 2W)."""
    channels = x.shape[1]
    # A transposed convolution flips once more than the filter's definition asks for.
    kernel = fir_kernel(channels, taps.flip(0, 1), 4.0).to(x.dtype)
    return F.conv_transpose2d(x, kernel, stride=2, padding=1, groups=channels)


class ModulatedConv(nn.Module):
    """Convolution whose input is scaled by a style, with optional demodulation."""

    def __init__(self, inputs: int, outputs: int, size: int, w_dim: int):
        super().__init__()
        self.affine = Dense(w_dim, inputs, bias_init=1.0)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, size, size))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.inputs, self.outputs, self.size = inputs, outputs, size

    def style(self, w: Tensor, offset: Tensor | None) -> Tensor:
        """(N, w_dim) -> (N, inputs)."""
        style = self.affine(w)
        return style if offset is None else style + offset

    def demodulation(self, style: Tensor, weight: Tensor) -> Tensor:
        """1912.04958 eq. 3 for static weights: (N, inputs) -> (N, outputs)."""
        energy = weight.square().sum(dim=(2, 3))  # (outputs, inputs)
        return (F.linear(style.square(), energy) + 1e-8).rsqrt()


class SynthesisLayer(ModulatedConv):
    """Modulated 3x3 convolution, optional x2 upsampling, noise, bias, leaky ReLU."""

    resample_filter: Tensor
    noise_const: Tensor

    def __init__(self, inputs: int, outputs: int, config: Config, resolution: int, up: bool):
        super().__init__(inputs, outputs, 3, config.w_dim)
        self.up = up
        self.resolution = resolution
        self.clamp = config.conv_clamp
        self.register_buffer("resample_filter", binomial_filter())
        self.register_buffer("noise_const", torch.randn(resolution, resolution))
        self.noise_strength = nn.Parameter(torch.zeros([]))

    def forward(
        self, x: Tensor, w: Tensor, offset: Tensor | None, noise: Tensor, gain: float = 1.0
    ) -> Tensor:
        """x (N, inputs, H, W), noise (M, 1, R, R) already scaled -> (N, outputs, R, R)."""
        style = self.style(w, offset)
        weight = self.weight
        demodulation = self.demodulation(style, weight)
        if x.dtype == torch.float16:
            # Keeps products below 65,504: both factors at most 1, the scale returns afterwards.
            limit = style.abs().amax(dim=1, keepdim=True).clamp_min(1e-8)
            largest = weight.abs().amax()
            style, weight = style / limit, weight / largest
            demodulation = demodulation * limit * largest
        x = x * style.to(x.dtype)[:, :, None, None]
        weight = weight.to(x.dtype)
        if self.up:
            x = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
            kernel = fir_kernel(self.outputs, self.resample_filter, 4.0).to(x.dtype)
            x = F.conv2d(x, kernel, padding=1, groups=self.outputs)
        else:
            x = F.conv2d(x, weight, padding=1)
        # A leaky ReLU commutes with a positive gain, which is cheaper on the small tensors.
        total = LRELU_GAIN * gain
        scale = (demodulation * total).to(x.dtype)[:, :, None, None]
        bias = (self.bias * total).to(x.dtype)[None, :, None, None]
        x = F.leaky_relu(torch.addcmul((noise * total).to(x.dtype), x, scale) + bias, SLOPE)
        return x if self.clamp is None else x.clamp(-self.clamp * gain, self.clamp * gain)


class ToRGB(ModulatedConv):
    """Modulated 1x1 convolution to picture channels, no demodulation."""

    def __init__(self, inputs: int, config: Config):
        super().__init__(inputs, config.img_channels, 1, config.w_dim)
        self.clamp = config.conv_clamp
        self.gain = 1.0 / math.sqrt(inputs)

    def forward(self, x: Tensor, w: Tensor, offset: Tensor | None) -> Tensor:
        style = self.style(w, offset) * self.gain
        x = F.conv2d(x * style.to(x.dtype)[:, :, None, None], self.weight.to(x.dtype))
        x = x + self.bias.to(x.dtype)[None, :, None, None]
        return x if self.clamp is None else x.clamp(-self.clamp, self.clamp)


class ResidualConv(nn.Module):
    """1x1 convolution and x2 upsampling of the `resnet` architecture's skip path."""

    resample_filter: Tensor

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 1, 1))
        self.gain = 1.0 / math.sqrt(inputs)
        self.register_buffer("resample_filter", binomial_filter())

    def forward(self, x: Tensor) -> Tensor:
        weight = (self.weight * (self.gain * math.sqrt(0.5))).to(x.dtype)
        return upsample(F.conv2d(x, weight), self.resample_filter)


class Block(nn.Module):
    """One resolution of the synthesis network."""

    resample_filter: Tensor

    def __init__(self, inputs: int, outputs: int, config: Config, resolution: int, last: bool):
        super().__init__()
        self.first = inputs == 0
        self.residual = config.architecture == "resnet" and not self.first
        if self.first:
            self.const = nn.Parameter(torch.randn(outputs, resolution, resolution))
        else:
            self.conv0 = SynthesisLayer(inputs, outputs, config, resolution, up=True)
        self.conv1 = SynthesisLayer(outputs, outputs, config, resolution, up=False)
        self.paints = last or config.architecture == "skip"
        if self.paints:
            self.torgb = ToRGB(outputs, config)
        if self.residual:
            self.skip = ResidualConv(inputs, outputs)
        self.register_buffer("resample_filter", binomial_filter())


def layer_table(config: Config) -> tuple[Layer, ...]:
    """Every modulated layer in the order of the style vector S."""
    table: list[Layer] = []
    start = ws_index = inputs = 0

    def add(name: str, resolution: int, count: int, index: int, noise: bool) -> None:
        nonlocal start
        table.append(Layer(name, index, resolution, start, count, noise, not noise))
        start += count

    for resolution, outputs in zip(config.resolutions, config.channels, strict=True):
        if inputs:
            add(f"b{resolution}.conv0", resolution, inputs, ws_index, True)
            ws_index += 1
        add(f"b{resolution}.conv1", resolution, outputs, ws_index, True)
        ws_index += 1
        if config.architecture == "skip" or resolution == config.resolution:
            # A toRGB shares its row of w+ with the next block's first convolution.
            add(f"b{resolution}.torgb", resolution, outputs, ws_index, False)
        inputs = outputs
    return tuple(table)


@dataclass(frozen=True)
class _Inputs:
    """What synthesis hands to its layers, addressed by layer name."""

    ws: Tensor
    offset: Tensor | None
    noise: dict[str, Tensor]
    layers: dict[str, Layer]

    def w(self, name: str) -> Tensor:
        return self.ws[:, self.layers[name].ws_index]

    def style_offset(self, name: str) -> Tensor | None:
        if self.offset is None:
            return None
        layer = self.layers[name]
        return self.offset[:, layer.style_start : layer.style_start + layer.style_count]


class Synthesis(nn.Module):
    """ws (N, num_ws, w_dim) -> picture (N, C, R, R), about -1..1."""

    def __init__(self, config: Config):
        super().__init__()
        inputs = 0
        self.resolutions = config.resolutions
        for resolution, outputs in zip(config.resolutions, config.channels, strict=True):
            last = resolution == config.resolution
            block = Block(inputs, outputs, config, resolution, last)
            self.add_module(f"b{resolution}", block)
            inputs = outputs
        self.layers = layer_table(config)
        self.noise_layers = tuple(layer for layer in self.layers if layer.noise)
        self.half_from: int | None = None
        """Blocks of this resolution and above compute in fp16 (CUDA only); None = none."""

    def block(self, resolution: int) -> Block:
        block = self.get_submodule(f"b{resolution}")
        assert isinstance(block, Block)
        return block

    def noise_const(self) -> Tensor:
        """The stored noise, (1, num_noise), layers in order."""
        return torch.cat([self._conv(n).noise_const.flatten() for n in self.noise_layers])[None]

    def _conv(self, layer: Layer) -> SynthesisLayer:
        conv = self.get_submodule(layer.name)
        assert isinstance(conv, SynthesisLayer)
        return conv

    def _scaled_noise(self, noise: Tensor | None, strengths: Tensor | None) -> dict[str, Tensor]:
        scaled: dict[str, Tensor] = {}
        start = 0
        for index, layer in enumerate(self.noise_layers):
            conv, size = self._conv(layer), layer.resolution
            if noise is None:
                values = conv.noise_const[None, None]
            else:
                values = noise[:, start : start + size * size].reshape(-1, 1, size, size)
            strength = conv.noise_strength
            if strengths is not None:
                strength = strength * strengths[index]
            scaled[layer.name] = values * strength
            start += size * size
        return scaled

    def forward(
        self,
        ws: Tensor,
        style_offset: Tensor | None = None,
        noise: Tensor | None = None,
        noise_strength: Tensor | None = None,
        stop: int | None = None,
    ) -> Tensor:
        """Draw pictures.

        ws (N, num_ws, w_dim); style_offset (N, num_styles) added to the styles; noise (1 or N,
        num_noise), None = the stored one; noise_strength (num_noise_layers,) multiplies the
        learnt strengths, None = ones; stop = resolution of the last block to run (one that has
        a toRGB), for a smaller picture. Returns (N, C, R, R), about -1..1.
        """
        table = {layer.name: layer for layer in self.layers}
        inputs = _Inputs(ws, style_offset, self._scaled_noise(noise, noise_strength), table)
        x = picture = None
        for resolution in self.resolutions:
            block = self.block(resolution)
            x = self._features(block, f"b{resolution}", x, inputs, resolution)
            if picture is not None:
                picture = upsample(picture, block.resample_filter)
            if block.paints:
                name = f"b{resolution}.torgb"
                painted = block.torgb(x, inputs.w(name), inputs.style_offset(name)).float()
                picture = painted if picture is None else picture + painted
            if resolution == stop:
                break
        assert picture is not None
        return picture

    def _features(
        self, block: Block, name: str, x: Tensor | None, inputs: _Inputs, resolution: int
    ) -> Tensor:
        def layer(which: str, x: Tensor, gain: float = 1.0) -> Tensor:
            path = f"{name}.{which}"
            conv = block.get_submodule(which)
            return conv(x, inputs.w(path), inputs.style_offset(path), inputs.noise[path], gain)

        if x is None:
            count = inputs.ws.shape[0]
            return layer("conv1", block.const[None].expand(count, -1, -1, -1))
        if self.half_from is not None and resolution >= self.half_from:
            x = x.half()
        if block.residual:
            return block.skip(x) + layer("conv1", layer("conv0", x), math.sqrt(0.5))
        return layer("conv1", layer("conv0", x))


class Generator(nn.Module):
    """A StyleGAN2 generator; see the module's docstring for sources."""

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        self.z_dim, self.w_dim, self.c_dim = config.z_dim, config.w_dim, config.c_dim
        self.resolution, self.img_channels = config.resolution, config.img_channels
        self.layers = layer_table(config)
        self.num_ws = max(layer.ws_index for layer in self.layers) + 1
        self.num_styles = sum(layer.style_count for layer in self.layers)
        noisy = [layer for layer in self.layers if layer.noise]
        self.num_noise_layers = len(noisy)
        self.num_noise = sum(layer.resolution**2 for layer in noisy)
        self.mapping = Mapping(config)
        self.synthesis = Synthesis(config)

    @property
    def w_avg(self) -> Tensor:
        """Truncation centre, (w_dim,) or (c_dim, w_dim)."""
        return self.mapping.w_avg

    def noise_const(self) -> Tensor:
        """The stored noise, (1, num_noise), layers in order."""
        return self.synthesis.noise_const()

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """z (N, z_dim) -> pictures, without truncation."""
        w = self.mapping(z, c)
        return self.synthesis(w[:, None].expand(-1, self.num_ws, -1))
