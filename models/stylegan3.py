"""StyleGAN3-t and -r with our own forward pass.

Karras et al., *Alias-Free Generative Adversarial Networks* (arXiv 2106.12423). Convolution weights
are static: the style scales the input of a convolution and demodulation its output. The filtered
leaky ReLU (figure 4b, appendix C) is a FIR upsampling, the non-linearity and a FIR downsampling by
standard convolutions, separable wherever the filter is, so that it exports to ONNX as it is.

Filters, frequencies and magnitudes are buffers and come from the file; parameters are stored raw.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models import deduce, stylegan2
from models.deduce import Band
from models.filters import lowpass
from models.layers import count_styles
from models.stylegan2 import SLOPE, Dense, Mapping

LRELU_GAIN = math.sqrt(2.0)


@dataclass(frozen=True)
class Config:
    """Everything that decides a StyleGAN3 generator; names follow the paper's table and code."""

    resolution: int
    channels: tuple[int, ...]
    """Output channels of L0, L1 … and last the toRGB."""
    z_dim: int = 512
    w_dim: int = 512
    c_dim: int = 0
    mapping_layers: int = 2
    lr_multiplier: float = 0.01
    conv_kernel: int = 3
    """3 for -t, 1 for -r."""
    radial: bool = False
    """Radially symmetric downsampling filters, of -r."""
    conv_clamp: float | None = 256.0
    num_critical: int = 2
    first_cutoff: float = 2.0
    first_stopband: float = 2.0**2.1
    last_stopband_rel: float = 2.0**0.3
    margin_size: int = 10
    output_scale: float = 0.25
    filter_size: int = 6
    lrelu_upsampling: int = 2


class FourierInput(nn.Module):
    """Fourier features moved by a rotation and a shift that w decides (2106.12423, section 3.2).

    Its four styles are cosine and sine of the rotation (their length is normalised away) and the
    shift in picture widths along x and y.
    """

    freqs: Tensor
    phases: Tensor
    transform: Tensor

    def __init__(self, band: Band, channels: int, w_dim: int):
        super().__init__()
        self.band = band
        self.affine = Dense(w_dim, 4)
        self.weight = nn.Parameter(torch.randn(channels, channels))
        self.gain = 1.0 / math.sqrt(channels)
        freqs = torch.randn(channels, 2)
        radii = freqs.square().sum(dim=1, keepdim=True).sqrt()
        # Uniform over the disc of radius `cutoff`.
        freqs = freqs / (radii * radii.square().exp().pow(0.25)) * band.cutoff
        self.register_buffer("freqs", freqs)
        self.register_buffer("phases", torch.rand(channels) - 0.5)
        self.register_buffer("transform", torch.eye(3))

    def _grid(self) -> tuple[Tensor, Tensor]:
        """Coordinates of the samples in picture widths, x (1, 1, W) and y (1, H, 1)."""
        size, rate = self.band.size, self.band.rate
        steps = torch.arange(size, dtype=torch.float32, device=self.freqs.device)
        line = (steps + 0.5 - size / 2) / rate
        return line[None, None, :], line[None, :, None]

    def forward(self, w: Tensor, offset: Tensor | None) -> Tensor:
        """(N, w_dim) -> (N, C, H, W)."""
        style = self.affine(w)
        style = style if offset is None else style + offset
        style = style / style[:, :2].square().sum(dim=1, keepdim=True).sqrt()
        cosine, sine, x, y = (style[:, i : i + 1] for i in range(4))
        user = self.transform
        # Rotation times shift, then what the user's own transform adds; rows 0 and 1 of 3x3.
        shift_x, shift_y = user[0, 2] - x, user[1, 2] - y
        phases = self.phases[None] + (
            self.freqs[None, :, 0] * (cosine * shift_x - sine * shift_y)
            + self.freqs[None, :, 1] * (sine * shift_x + cosine * shift_y)
        )  # (N, C)
        along, across = self.freqs[None, :, 0], self.freqs[None, :, 1]
        turned_x = along * cosine + across * sine
        turned_y = across * cosine - along * sine
        freq_x = turned_x * user[0, 0] + turned_y * user[1, 0]
        freq_y = turned_x * user[0, 1] + turned_y * user[1, 1]
        # Frequencies that a user's transform scaled out of band fade away.
        length = (freq_x.square() + freq_y.square()).sqrt()
        band = self.band
        fade = (1 - (length - band.cutoff) / (band.rate / 2 - band.cutoff)).clamp(0, 1)
        grid_x, grid_y = self._grid()
        angle = (
            freq_x[:, :, None, None] * grid_x[:, None] + freq_y[:, :, None, None] * grid_y[:, None]
        )
        features = torch.sin((angle + phases[:, :, None, None]) * (2 * math.pi))
        features = features * fade[:, :, None, None]
        return F.conv2d(features, (self.weight * self.gain)[:, :, None, None])


@dataclass(frozen=True)
class _Resampling:
    """Geometry of one filtered leaky ReLU (2106.12423, appendix C.3), the same on both axes."""

    up: int
    down: int
    up_taps: int
    down_taps: int
    before: int
    """Samples of padding before the first one, at the high rate."""
    after: int


def resampling(config: Config, source: Band, target: Band, kernel: int, rgb: bool) -> _Resampling:
    """Factors, filter lengths and padding between two bands."""
    high = max(source.rate, target.rate) * (1 if rgb else config.lrelu_upsampling)
    up, down = high // source.rate, high // target.rate
    up_taps = config.filter_size * up if up > 1 and not rgb else 1
    down_taps = config.filter_size * down if down > 1 and not rgb else 1
    total = (target.size - 1) * down + 1 - (source.size + kernel - 1) * up + up_taps + down_taps - 2
    before = (total + up) // 2
    return _Resampling(up, down, up_taps, down_taps, before, total - before)


class SynthesisLayer(nn.Module):
    """Modulated convolution and filtered leaky ReLU; the last one (toRGB) is 1x1 and linear."""

    magnitude_ema: Tensor
    up_filter: Tensor | None
    down_filter: Tensor | None

    def __init__(
        self, config: Config, bands: tuple[Band, Band], inputs: int, outputs: int, index: int
    ):
        super().__init__()
        count = len(config.channels) - 1
        self.rgb = index == count
        critical = index >= count - config.num_critical
        kernel = 1 if self.rgb else config.conv_kernel
        self.clamp = config.conv_clamp
        self.affine = Dense(config.w_dim, inputs, bias_init=1.0)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.register_buffer("magnitude_ema", torch.ones([]))
        self.shape = resampling(config, *bands, kernel, self.rgb)
        source, target = bands
        high = source.rate * self.shape.up
        up = lowpass(self.shape.up_taps, source.cutoff, 2 * source.half_width, high, False)
        radial = config.radial and not critical
        down = lowpass(self.shape.down_taps, target.cutoff, 2 * target.half_width, high, radial)
        self.register_buffer("up_filter", _buffer(up))
        self.register_buffer("down_filter", _buffer(down))

    def forward(self, x: Tensor, w: Tensor, offset: Tensor | None) -> Tensor:
        """x (N, inputs, H, W), w (N, w_dim) -> (N, outputs, H', W')."""
        style = self.affine(w)
        style = style if offset is None else style + offset
        gain = self.magnitude_ema.rsqrt()
        weight = self.weight
        if self.rgb:
            x = x * (style * (gain / math.sqrt(weight.shape[1]))).to(x.dtype)[:, :, None, None]
            x = F.conv2d(x, weight.to(x.dtype)) + self.bias.to(x.dtype)[None, :, None, None]
            return x if self.clamp is None else x.clamp(-self.clamp, self.clamp)
        weight = weight * weight.square().mean(dim=(1, 2, 3), keepdim=True).rsqrt()
        style = style * style.square().mean(dim=1, keepdim=True).rsqrt()
        energy = weight.square().sum(dim=(2, 3))  # (outputs, inputs)
        demodulation = (F.linear(style.square(), energy) + 1e-8).rsqrt()
        x = x * (style * gain).to(x.dtype)[:, :, None, None]
        x = F.conv2d(x, weight.to(x.dtype), padding=weight.shape[2] - 1)
        x = x * demodulation.to(x.dtype)[:, :, None, None]
        return self._filtered_lrelu(x + self.bias.to(x.dtype)[None, :, None, None])

    def _filtered_lrelu(self, x: Tensor) -> Tensor:
        shape = self.shape
        # The gain of the non-linearity is homogeneous, so the filter carries it for nothing.
        x = upsample(x, self.up_filter, shape.up, shape.before, shape.after, LRELU_GAIN)
        x = F.leaky_relu(x, SLOPE)
        if self.clamp is not None:
            x = x.clamp(-self.clamp, self.clamp)
        return downsample(x, self.down_filter, shape.down)


def _buffer(kernel: np.ndarray | None) -> Tensor | None:
    return None if kernel is None else torch.tensor(kernel, dtype=torch.float32)


def upsample(
    x: Tensor, taps: Tensor | None, up: int, before: int, after: int, gain: float = 1.0
) -> Tensor:
    """Insert zeros, pad and filter, both axes; equals a transposed convolution that is cropped.

    `before` and `after` are samples of padding at the high rate. (N, C, H, W) -> (N, C, H', W').
    """
    if taps is None:
        return F.pad(x * gain, (before, after, before, after))
    channels, count = x.shape[1], taps.shape[0]
    kernel = (taps * (up * math.sqrt(gain))).to(x.dtype).expand(channels, 1, 1, count)
    crop, rest = count - 1 - before, count - up - after
    both = max(min(crop, rest), 0)
    for transposed in (False, True):
        axis = 2 if transposed else 3
        x = F.conv_transpose2d(
            x,
            kernel.transpose(2, 3) if transposed else kernel,
            stride=(up, 1) if transposed else (1, up),
            padding=(both, 0) if transposed else (0, both),
            groups=channels,
        )
        x = _cropped(x, axis, crop - both, rest - both)
    return x


def _cropped(x: Tensor, axis: int, begin: int, end: int) -> Tensor:
    """Remove samples at both ends of an axis; negative counts add zeros."""
    if begin == end == 0:
        return x
    pad = [-begin, -end, 0, 0] if axis == 3 else [0, 0, -begin, -end]
    return F.pad(x, pad)


def downsample(x: Tensor, taps: Tensor | None, down: int) -> Tensor:
    """Filter without padding and keep every `down`-th sample. (N, C, H, W) -> (N, C, H', W')."""
    if taps is None:
        return x[:, :, ::down, ::down] if down > 1 else x
    channels = x.shape[1]
    if taps.ndim == 2:
        kernel = taps.flip(0, 1).to(x.dtype).expand(channels, 1, -1, -1)
        return F.conv2d(x, kernel, stride=down, groups=channels)
    kernel = taps.flip(0).to(x.dtype).expand(channels, 1, 1, -1)
    x = F.conv2d(x, kernel, stride=(1, down), groups=channels)
    return F.conv2d(x, kernel.transpose(2, 3), stride=(down, 1), groups=channels)


class Synthesis(nn.Module):
    """ws (N, num_ws, w_dim) -> picture (N, C, R, R), about -1..1."""

    def __init__(self, config: Config):
        super().__init__()
        hyper = asdict(config)
        bands = deduce.stylegan3_bands(hyper)
        self.layers = deduce.stylegan3_layers(hyper)
        self.output_scale = config.output_scale
        self.half_from: int | None = None
        """Layers of this many pixels and above compute in fp16 (CUDA only); None = none."""
        self.input = FourierInput(bands[0], config.channels[0], config.w_dim)
        for index, name in enumerate(deduce.stylegan3_names(hyper)):
            before = max(index - 1, 0)
            inputs, outputs = config.channels[before], config.channels[index]
            pair = (bands[before], bands[index])
            self.add_module(name, SynthesisLayer(config, pair, inputs, outputs, index))

    def forward(
        self,
        ws: Tensor,
        style_offset: Tensor | None = None,
        noise: Tensor | None = None,
        noise_strength: Tensor | None = None,
    ) -> Tensor:
        """Draw pictures.

        ws (N, num_ws, w_dim); style_offset (N, num_styles) added to the styles. StyleGAN3 has no
        noise: the last two arguments are there for the common interface and are ignored.
        """
        x = ws
        for layer in self.layers:
            offset = None
            if style_offset is not None:
                end = layer.style_start + layer.style_count
                offset = style_offset[:, layer.style_start : end]
            w = ws[:, layer.ws_index]
            module = self.get_submodule(layer.name)
            if layer.ws_index == 0:
                x = module(w, offset)
                continue
            half = self.half_from is not None and layer.resolution >= self.half_from
            x = module(x.half() if half else x.float(), w, offset)
        return x.float() * self.output_scale


class Generator(nn.Module):
    """A StyleGAN3 generator; see the module's docstring for sources."""

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        self.z_dim, self.w_dim, self.c_dim = config.z_dim, config.w_dim, config.c_dim
        self.resolution, self.img_channels = config.resolution, config.channels[-1]
        self.mapping = Mapping(
            stylegan2.Config(
                resolution=4,
                channels=(1,),
                z_dim=config.z_dim,
                w_dim=config.w_dim,
                c_dim=config.c_dim,
                mapping_layers=config.mapping_layers,
                lr_multiplier=config.lr_multiplier,
            )
        )
        self.synthesis = Synthesis(config)
        self.layers = self.synthesis.layers
        self.num_ws = len(config.channels) + 1
        self.num_styles = count_styles(self.layers)
        self.num_noise = self.num_noise_layers = 0

    @property
    def w_avg(self) -> Tensor:
        """Truncation centre, (w_dim,)."""
        centre = self.mapping.w_avg
        assert isinstance(centre, Tensor)
        return centre

    def noise_const(self) -> Tensor:
        """Empty, (1, 0): the architecture has no noise."""
        return self.w_avg.new_zeros(1, 0)

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """z (N, z_dim) -> pictures, without truncation."""
        w = self.mapping(z, c)
        return self.synthesis(w[:, None].expand(-1, self.num_ws, -1))
