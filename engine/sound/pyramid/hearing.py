"""What tells a level how far it sounds from the recording.

Levels of samples: the **energy distance** of short-time spectra (Gritsenko et al., arXiv
2008.01160): `2 E d(real, made) - E d(made, made')`. It asks two takes of the same passage to be as
far from each other as from the recording, so noise stays noise; it needs no critic. Courses: the
sliced Wasserstein distance of patches of frames, and a critic of those patches with the hinge loss.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from models.wave import LEAK, Config

WINDOWS = (0.004, 0.016, 0.064, 0.128)
"""Seconds that the spectra look at."""


class Ear:
    """Spectra of one rate: what is compared, and how."""

    def __init__(self, rate: int, lowest: float, device: torch.device, floor: float = 1e-9):
        """lowest: Hz below which a level adds nothing; compared from just below it."""
        self.floor = floor
        self.sizes = [size for s in WINDOWS if (size := _even(rate * s)) >= 16]
        self.windows = [torch.hann_window(size, device=device) for size in self.sizes]
        self.first = [int(lowest * 0.9 * size / rate) for size in self.sizes]

    def spectra(self, x: Tensor) -> list[Tensor]:
        """(N, L) -> per window (N, bins, frames), amplitude; 1 for white noise of deviation 1."""
        found = []
        for size, window, first in zip(self.sizes, self.windows, self.first, strict=True):
            if x.shape[-1] < size:
                continue
            made = torch.stft(x, size, size // 4, window=window, center=False, return_complex=True)
            power = torch.view_as_real(made[:, first:]).square().sum(-1) / float(
                window.square().sum()
            )
            found.append(power)
        return found

    def distance(self, a: Sequence[Tensor], b: Sequence[Tensor]) -> Tensor:
        """Mean over frames and windows of the distance of two frames' spectra."""
        total = a[0].new_zeros(())
        for one, two in zip(a, b, strict=True):
            log = (torch.log(one + self.floor) - torch.log(two + self.floor)).square()
            total = total + (log.mean(dim=1) + 1e-8).sqrt().mean()
            # Loud partials count more than their logarithm says.
            plain = ((one + self.floor).sqrt() - (two + self.floor).sqrt()).square().sum(dim=1)
            size = (one.detach() + self.floor).sum(dim=1).mean()
            total = total + ((plain + 1e-3 * size) / size).sqrt().mean()
        return total / len(a)

    def energy_distance(self, real: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """(N, L) each; two takes of the same passage."""
        r, a, b = self.spectra(real), self.spectra(first), self.spectra(second)
        return self.distance(r, a) + self.distance(r, b) - self.distance(a, b)


def _even(value: float) -> int:
    return 4 * round(value / 4)


class CourseCritic(nn.Module):
    """(N, C [+ K], T) -> (N, 1, T - 2m): how much each stretch sounds like the recording."""

    def __init__(self, config: Config, random: torch.Generator):
        super().__init__()
        inside = [config.course_width] * (config.course_layers - 1)
        widths = [config.course_channels + config.identities, *inside, 1]
        convs = [nn.Conv1d(a, b, 3) for a, b in zip(widths[:-1], widths[1:], strict=True)]
        with torch.no_grad():
            for conv in convs:
                conv.weight.copy_(torch.randn(conv.weight.shape, generator=random) * 0.05)
                assert conv.bias is not None
                conv.bias.zero_()
        torch.manual_seed(int(torch.randint(2**31, (), generator=random)))
        self.convs = nn.ModuleList(spectral_norm(conv) for conv in convs)

    def forward(self, x: Tensor, identity: Tensor | None = None) -> Tensor:
        if identity is not None:
            x = torch.cat([x, identity], dim=1)
        for conv in self.convs[:-1]:
            x = F.leaky_relu(conv(x), LEAK)
        return self.convs[-1](x)


def course_distance(a: Tensor, b: Tensor, known: Tensor | None) -> Tensor:
    """Of (N, C, T) courses, over stretches of 1, 4 and 16 frames; known: (1, 1, T) 0/1."""
    square = (a - b).square().mean(dim=1, keepdim=True)
    total = a.new_zeros(())
    for width in (1, 4, 16):
        if square.shape[-1] < width:
            continue
        one = (F.avg_pool1d(square, width, 1) + 1e-6).sqrt()
        total = total + (one.mean() if known is None else _mean(one, _whole(known, width)))
    return total


def course_energy(real: Tensor, a: Tensor, b: Tensor, known: Tensor | None) -> Tensor:
    return (
        course_distance(real, a, known)
        + course_distance(real, b, known)
        - course_distance(a, b, known)
    )


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    weight = weight.expand_as(values)
    return (values * weight).sum() / weight.sum().clamp_min(1.0)


def _whole(known: Tensor, width: int) -> Tensor:
    """(N, 1, T) -> (N, 1, T - width + 1): 1 where nothing in the stretch is hidden."""
    return -F.max_pool1d(-known, width, 1)


def hinge(real: Tensor, false: Tensor, known: Tensor | None, view: int) -> Tensor:
    """The critic's loss; positions of the recording that touch something hidden do not count."""
    wrong = F.relu(1.0 - real)
    heard = wrong.mean() if known is None else _mean(wrong, _whole(known, view))
    return heard + F.relu(1.0 + false).mean()


def directions(count: int, channels: int, frames: int, random: torch.Generator) -> Tensor:
    """(count, channels, frames) unit vectors."""
    found = torch.randn(count, channels * frames, generator=random)
    return F.normalize(found, dim=1).reshape(count, channels, frames)


def sliced(real: Tensor, false: Tensor, along: Tensor, known: Tensor | None = None) -> Tensor:
    """Mean distance of the sorted projections of all stretches as long as `along`."""
    frames = min(along.shape[2], real.shape[2], false.shape[2])
    along = along[:, :, :frames]
    a = F.conv1d(real, along).transpose(0, 1).flatten(1)
    b = F.conv1d(false, along).transpose(0, 1).flatten(1)
    if known is not None:
        a = a[:, _whole(known, frames).expand(len(real), -1, -1).flatten() > 0.5]
    if a.shape[1] == 0:
        return false.sum() * 0.0
    a, b = a.sort(dim=1).values, b.sort(dim=1).values
    if a.shape[1] != b.shape[1]:
        place = (torch.arange(b.shape[1], device=a.device) + 0.5) * (a.shape[1] / b.shape[1])
        a = a[:, place.long().clamp_max(a.shape[1] - 1)]
    return (a - b).abs().mean()
