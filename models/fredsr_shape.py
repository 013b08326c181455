"""The shape of FREDSR: what decides its layers, how far they see, and their constant matrices.

No torch: the live engine draws with the graph alone. The network is `models.fredsr`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BLOCK = 8
"""Side of a Fourier unit's blocks, pixels."""
FREQUENCIES = BLOCK * (BLOCK // 2 + 1)
"""Of a real picture: 40 of 64, the others are their mirror images."""
CHANNELS = 3


@dataclass(frozen=True)
class Config:
    """Everything that decides the network's shape."""

    scale: int = 3
    width: int = 24
    """Channels of the hidden convolutions."""
    layers: int = 5
    """Hidden convolutions."""
    fourier: int = 12
    """Of the channels, how many a Fourier unit reads and writes."""
    units: tuple[int, ...] = (1, 3)
    """Hidden convolutions that have a Fourier unit beside them."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "units", tuple(int(unit) for unit in self.units))
        if self.scale not in (1, 2, 3, 4) or not 0 < self.fourier <= self.width:
            raise ValueError("scale 1 to 4, and no more Fourier channels than there are")
        if self.layers < 1 or any(not 0 <= unit < self.layers for unit in self.units):
            raise ValueError("a layer or more, and units beside layers that exist")

    @property
    def reach(self) -> int:
        """Pixels of the small picture around a pixel that it may depend on (8 a Fourier unit)."""
        return self.layers + 2 + (BLOCK - 1) * len(self.units)


def config_for(scale: int) -> Config:
    """The shape we train for this scale: at most 37,000 numbers, whatever the size of its head."""
    return Config(scale=scale, width=24 if scale < 4 else 22)


def matrices() -> tuple[np.ndarray, np.ndarray]:
    """((80, 64), (64, 80)) float32: orthonormal real Fourier transform of an 8 x 8 block and back.

    Rows of the first: real and imaginary part of one frequency after the other, in the order of
    `numpy.fft.rfft2`.
    """
    basis = np.eye(BLOCK * BLOCK).reshape(-1, BLOCK, BLOCK)
    waves = np.fft.rfft2(basis, norm="ortho").reshape(BLOCK * BLOCK, FREQUENCIES)
    there = np.stack([waves.real, waves.imag], axis=2).reshape(BLOCK * BLOCK, -1).T
    unit = np.eye(2 * FREQUENCIES).reshape(2 * FREQUENCIES, BLOCK, BLOCK // 2 + 1, 2)
    spectra = unit[..., 0] + 1j * unit[..., 1]
    back = np.fft.irfft2(spectra, s=(BLOCK, BLOCK), norm="ortho").reshape(2 * FREQUENCIES, -1).T
    return there.astype(np.float32), back.astype(np.float32)
