"""FREDSR: enlarging pictures 2, 3 or 4 times with at most 37,000 parameters.

After "FREDSR: Fourier Residual Efficient Diffusive GAN for Single Image Super Resolution" (arXiv
2211.16678). Its abstract names Fourier units, residual prediction, a diffusive discriminator and
37,000 parameters; the layers are not published in reach, so these are ours: convolutions, beside
two of them a Fourier unit over 8 x 8 blocks (after fast Fourier convolution, LaMa), a skip from the
first layer to the last, and what is predicted is added to a plain enlargement.

The Fourier units work on blocks that lie on a fixed grid from the picture's corner, by constant
matrices: exact in ONNX, the same in every backend, and the same for a tile as for the whole
picture as long as tiles begin on the grid.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.fredsr_shape import BLOCK as BLOCK
from models.fredsr_shape import CHANNELS, FREQUENCIES, matrices
from models.fredsr_shape import Config as Config


class FourierUnit(nn.Module):
    """Real Fourier transform of every block, channels mixed per frequency, and back.

    (N, C, H, W) with H and W multiples of 8 -> the same shape.
    """

    there: Tensor
    back: Tensor

    def __init__(self, channels: int):
        super().__init__()
        both = 2 * channels
        self.mix = nn.Parameter(torch.randn(both, both) * 0.5 * both**-0.5)
        self.bias = nn.Parameter(torch.zeros(both, 1))
        self.gain = nn.Parameter(torch.ones(FREQUENCIES, both, 1))
        # It begins as nothing: the convolution beside it learns first.
        self.share = nn.Parameter(torch.zeros(1))
        for name, values in zip(("there", "back"), matrices(), strict=True):
            self.register_buffer(name, torch.from_numpy(values), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        rows, columns = h // BLOCK, w // BLOCK
        blocks = x.reshape(n, c, rows, BLOCK, columns, BLOCK).permute(0, 3, 5, 1, 2, 4)
        blocks = blocks.reshape(n, BLOCK * BLOCK, c * rows * columns)
        # Rows of a frequency: its real parts of all channels, then its imaginary ones.
        waves = torch.matmul(self.there, blocks).reshape(n, FREQUENCIES, 2 * c, rows * columns)
        waves = F.relu(torch.matmul(self.mix, waves * self.gain) + self.bias) * self.share
        blocks = torch.matmul(self.back, waves.reshape(n, 2 * FREQUENCIES, c * rows * columns))
        blocks = blocks.reshape(n, BLOCK, BLOCK, c, rows, columns).permute(0, 3, 4, 1, 5, 2)
        return blocks.reshape(n, c, h, w)


class Fredsr(nn.Module):
    """(N, 3, H, W) in 0..1 -> (N, 3, H·scale, W·scale), what is added to a plain enlargement.

    H and W are multiples of 8.
    """

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        width, layers = config.width, config.layers
        self.head = nn.Conv2d(CHANNELS, width, 3, padding=1)
        self.body = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(layers))
        self.units = nn.ModuleList(FourierUnit(config.fourier) for _ in config.units)
        self.bends = nn.ModuleList(nn.PReLU(width, 0.1) for _ in range(layers + 1))
        self.tail = nn.Conv2d(width, CHANNELS * config.scale**2, 3, padding=1)
        nn.init.normal_(self.tail.weight, std=1e-3)
        assert self.tail.bias is not None
        nn.init.zeros_(self.tail.bias)

    def forward(self, x: Tensor) -> Tensor:
        # Grey is nothing: zero padding then continues the picture with its middle tone.
        first = self.bends[0](self.head(x - 0.5))
        y = first
        count = self.config.fourier
        beside = dict(zip(self.config.units, self.units, strict=True))
        for index, conv in enumerate(self.body):
            z = conv(y)
            unit = beside.get(index)
            if unit is not None:
                z = torch.cat([z[:, :count] + unit(y[:, :count]), z[:, count:]], 1)
            y = self.bends[index + 1](z)
        return F.pixel_shuffle(self.tail(y + first), self.config.scale)


def parameters_of(net: nn.Module) -> int:
    """Numbers that are learnt."""
    return sum(parameter.numel() for parameter in net.parameters())
