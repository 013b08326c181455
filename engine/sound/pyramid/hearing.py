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
