"""The generator of one to four sounds: a pyramid of small residual convolution networks.

The lineage is Catch-A-Waveform (NeurIPS 2021): one level per sampling rate, each adds an octave to
the band-limited level below. Two things are our own, and make it a matter of minutes:

- Below the levels of samples lie levels of the **course**: log power in bands, over time. What a
  sound does over seconds is learnt there, on a few hundred frames instead of 160,000 samples.
- A level of samples works on short-time spectra (windows of 8 ms, 500 a second). It begins as
  noise shaped by the course, and its network learns what to put in the noise's place; so it is
  right in its bands before the first step.

Nothing is padded inside: a level takes what is `margin` frames longer on either side than what it
draws, so the caller decides how a sound goes on at its ends (or goes round, for loops), windows of
a long sound are exact parts of the whole, and every length is possible.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.errors import RefusedFile
from models.short_time import OVERLAP, basis, inverse_basis

LEAK = 0.2
LOWEST_RATE = 2000
"""Hz of the first level of samples."""
FRAMES_PER_SECOND = 500
"""At which every level of samples thinks."""


@dataclass(frozen=True)
class Config:
    """Everything that decides the networks' shapes and the sizes they draw."""

    rate: int
    """Hz of the finest level."""
    lengths: tuple[int, ...]
    """Samples of each source at that rate; one to four."""
    channels: int = 1
    """2 = middle and side."""
    bands: int = 40
    window: int = 512
    """Samples (at the finest rate) that a frame of the course looks at …"""
    hop: int = 128
    """… and from one frame to the next."""
    shares: tuple[float, ...] = (1 / 16, 1 / 4, 1.0)
    """Frames of each level of the course, as a share of the finest."""
    course_width: int = 64
    course_layers: int = 5
    width: int = 64
    blocks: int = 6
    """Dilations 1, 2, 4, … then 1 again."""
    amplitudes: tuple[float, ...] = ()
    """Strength of each finished level's noise (1 for levels of samples)."""
    deviation: float = 1.0
    """Of the courses (natural logarithm of power), which are divided by it."""
    peaks: tuple[float, ...] = ()
    """Largest sample of each source, to which it was normalised."""

    def __post_init__(self) -> None:
        if not 1 <= len(self.lengths) <= 4 or min(self.lengths) < 1:
            raise ValueError("one to four sounds that have samples")
        if self.channels not in (1, 2) or self.bands < 2 or self.blocks < 2:
            raise ValueError("one or two channels, two bands and two blocks or more")
        if self.rate < LOWEST_RATE or len(self.amplitudes) > self.levels:
            raise ValueError("a rate below the first level's, or more amplitudes than levels")

    @property
    def rates(self) -> tuple[int, ...]:
        """Hz of each level of samples, doubling."""
        count = int(math.log2(self.rate / LOWEST_RATE)) + 1
        return tuple(LOWEST_RATE << k for k in range(count))

    @property
    def courses(self) -> int:
        """Levels of the course; those of samples follow."""
        return len(self.shares)

    @property
    def levels(self) -> int:
        return self.courses + len(self.rates)

    def rate_of(self, index: int) -> int:
        """Hz of level `index`, 0 for one of the course."""
        return 0 if index < self.courses else self.rates[index - self.courses]

    @property
    def sounds(self) -> int:
        return len(self.lengths)

    @property
    def identities(self) -> int:
        return self.sounds if self.sounds > 1 else 0

    @property
    def course_channels(self) -> int:
        return self.bands * self.channels

    @property
    def course_margin(self) -> int:
        """Frames a course level needs on either side."""
        return self.course_layers

    @property
    def dilations(self) -> tuple[int, ...]:
        return (*(1 << k for k in range(self.blocks - 1)), 1)

    @property
    def margin(self) -> int:
        """Frames a level of samples needs on either side: its convolutions, then its windows."""
        return 1 + 2 * sum(self.dilations) + OVERLAP - 1


class CourseLevel(nn.Module):
    """(N, C [+ K], T + 2m) -> (N, C, T): one level of the course."""

    def __init__(self, config: Config):
        super().__init__()
        inside = [config.course_width] * (config.course_layers - 1)
        widths = [config.course_channels + config.identities, *inside, config.course_channels]
        pairs = zip(widths[:-1], widths[1:], strict=True)
        self.convs = nn.ModuleList(nn.Conv1d(a, b, 3) for a, b in pairs)
        self.margin = config.course_margin

    @torch.no_grad()
    def start(self, random: torch.Generator) -> None:
        for conv in self.convs:
            last = conv is self.convs[-1]
            _start(conv, 0.1 if last else (2.0 / (1 + LEAK**2)) ** 0.5, random)

    def forward(self, course: Tensor, noise: Tensor, identity: Tensor | None = None) -> Tensor:
        """course, noise: (N, C, T + 2m); identity: (N, K, T + 2m)."""
        x = course + noise
        if identity is not None:
            x = torch.cat([x, identity], dim=1)
        for conv in self.convs[:-1]:
            x = F.leaky_relu(conv(x), LEAK)
        m = self.margin
        return self.convs[-1](x) + course[:, :, m:-m]


def _start(conv: nn.Module, scale: float, random: torch.Generator) -> None:
    assert isinstance(conv, nn.Conv1d)
    fan = conv.in_channels * conv.kernel_size[0]
    conv.weight.copy_(torch.randn(conv.weight.shape, generator=random) * (scale / fan**0.5))
    assert conv.bias is not None
    conv.bias.zero_()


def bins_of(rate: int) -> int:
    """Bins of a level's spectra, 125 Hz apart."""
    return 2 * (rate // FRAMES_PER_SECOND) + 1


def heard_of(rate: int) -> int:
    """Bins that a level hears of the level below: its band and a little more."""
    return 0 if rate == LOWEST_RATE else rate // FRAMES_PER_SECOND + 3


class WaveLevel(nn.Module):
    """One level of samples: (N, channels, (T + 2m) · hop) -> (N, channels, T · hop)."""

    ahead: Tensor
    back: Tensor
    above: Tensor

    def __init__(self, config: Config, rate: int, above: np.ndarray):
        """above: (bins,) share of each bin's amplitude that this level adds to the one below."""
        super().__init__()
        self.hop = rate // FRAMES_PER_SECOND
        self.channels, self.dilations, self.margin = (
            config.channels, config.dilations, config.margin,
        )  # fmt: skip
        self.bins, self.heard = bins_of(rate), heard_of(rate)
        bins = self.bins
        ears = config.channels * (2 * self.heard + 2 * bins)
        width = config.width
        self.head = nn.Conv1d(ears + config.course_channels + config.identities, width, 3)
        self.blocks = nn.ModuleList(nn.Conv1d(width, width, 5, dilation=d) for d in self.dilations)
        self.tail = nn.Conv1d(width, config.channels * 3 * bins, 1)
        self.register_buffer("ahead", torch.from_numpy(basis(self.hop)[:, None]), persistent=False)
        self.register_buffer("back", torch.from_numpy(inverse_basis(self.hop)[:, None]), False)
        self.register_buffer("above", torch.from_numpy(above.astype(np.float32)), False)

    @torch.no_grad()
    def start(self, random: torch.Generator) -> None:
        _start(self.head, 1.0, random)
        for block in self.blocks:
            _start(block, 0.7, random)
        _start(self.tail, 0.02, random)

    def forward(
        self, below: Tensor, noise: Tensor, course: Tensor, gain: Tensor,
        identity: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        """Draw one level.

        below, noise: (N, channels, (T + 2m) · hop); noise of deviation 1
        course: (N, C, T + 2m - 3) normalised course at the frames' times
        gain: (N, channels · bins, T + 2m - 3) amplitude of each bin
        identity: (N, K, T + 2m - 3)
        """
        count, bins, heard = len(below), self.bins, self.heard
        sound = F.conv1d(noise.flatten(0, 1)[:, None], self.ahead, stride=self.hop)
        frames = sound.shape[-1]
        noisy = sound.reshape(count, self.channels * 2 * bins, frames)
        parts = [noisy, course]
        if self.heard:
            under = F.conv1d(below.flatten(0, 1)[:, None], self.ahead, stride=self.hop)
            under = under.reshape(count * self.channels, 2, bins, frames)[:, :, :heard]
            size = gain.reshape(count * self.channels, 1, bins, frames)[:, :, :heard]
            parts.append((under / size).clamp(-8, 8).reshape(count, -1, frames))
        if identity is not None:
            parts.append(identity)
        x = self.head(torch.cat(parts, dim=1))
        for block, dilation in zip(self.blocks, self.dilations, strict=True):
            x = x[:, :, 2 * dilation : -2 * dilation] + block(F.leaky_relu(x, LEAK))
        out = self.tail(F.leaky_relu(x, LEAK))
        cut = (frames - out.shape[-1]) // 2
        shape = (count * self.channels, 1, bins, out.shape[-1])
        breath, real, unreal = out.reshape(count * self.channels, 3, bins, -1).chunk(3, dim=1)
        noisy = noisy.reshape(count * self.channels, 2, bins, frames)[..., cut:-cut]
        waves = noisy * torch.exp(breath.clamp(-6, 3)) + torch.cat([real, unreal], dim=1)
        waves = waves * gain[..., cut:-cut].reshape(shape) * self.above[:, None]
        added = F.conv_transpose1d(waves.flatten(1, 2), self.back, stride=self.hop)
        trim = (OVERLAP - 1) * self.hop
        added = added[:, :, trim:-trim].reshape(count, self.channels, -1)
        m = self.margin * self.hop
        return added + below[:, :, m:-m]


def level_of(config: Config, index: int, above: np.ndarray) -> CourseLevel | WaveLevel:
    """The untrained network of level `index`."""
    rate = config.rate_of(index)
    return WaveLevel(config, rate, above) if rate else CourseLevel(config)


def load_level(level: nn.Module, state: Mapping[str, np.ndarray]) -> None:
    """Weights from a file (float16 or float32); raises RefusedFile when they do not fit."""
    try:
        level.load_state_dict({k: torch.from_numpy(v.astype(np.float32)) for k, v in state.items()})
    except RuntimeError as error:
        raise RefusedFile(
            "The weights of this pyramid do not have the shapes its card describes. "
            "Train it again, or copy the file again from where it came from.",
            str(error),
        ) from error
    level.eval().requires_grad_(False)
