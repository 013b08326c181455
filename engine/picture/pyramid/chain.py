"""What the finished levels draw: the ring of samples and the reconstruction that a level learns on.

Always drawn in float32 and anew from the coarsest level, with a seed per level, so that a resumed
training sees exactly what an uninterrupted one saw.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from engine.picture.pyramid.grid import Size, level_size, pad, resize, resize_known
from engine.picture.pyramid.level import Target, target
from engine.picture.pyramid.recipe import Recipe
from models.pyramid import CHANNELS, Config, Level

NOISE_SHARE = 0.5
"""Noise of a level as a share of the detail that the level below lacks (RMSE)."""


def latent_of(seed: int, picture: int, size: Size) -> np.ndarray:
    """(3, h, w): the noise of the coarsest level that gives picture number `picture` back."""
    random = np.random.default_rng((seed, 77, picture))
    return random.standard_normal((CHANNELS, *size)).astype(np.float32)


class Chain:
    """Pictures of the newest finished level, for each source: samples and the reconstruction."""

    def __init__(
        self, config: Config, pictures: Sequence[np.ndarray], known: Sequence[np.ndarray],
        seed: int, recipe: Recipe, device: torch.device,
    ):  # fmt: skip
        self.config, self.seed, self.recipe, self.device = config, seed, recipe, device
        self._pictures, self.known = tuple(pictures), tuple(known)
        self.level = 0
        """Index of the level that is trained next."""
        first = [level_size(size, config.scales[0]) for size in config.sizes]
        self.latents = [latent_of(seed, k, size) for k, size in enumerate(first)]
        self.samples: list[np.ndarray] = []
        """Per source (M, 3, h, w)."""
        self.rebuilt: list[np.ndarray] = []
        """Per source (3, h, w)."""

    def targets(self) -> tuple[list[Target], float]:
        """What the next level trains on, and the amplitude of its noise."""
        found, errors = [], []
        for which, size in enumerate(self.config.sizes):
            size = level_size(size, self.config.scales[self.level])
            real, known = resize_known(self._pictures[which], self.known[which], size)
            below, rebuilt, latent = self._below(which, size)
            if known.any():
                errors.append(float(np.square(rebuilt - real)[:, known].mean()))
            margin = self.config.margin
            found.append(target(real, known, below, rebuilt, latent, margin, self.device))
        if self.level == 0:
            return found, 1.0
        # At least a trace: a flat picture would otherwise have no noise to learn to ignore.
        return found, max(0.005, NOISE_SHARE * float(np.sqrt(np.mean(errors or [0.0]))))

    def _below(self, which: int, size: Size) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        nothing = np.zeros((CHANNELS, *size), np.float32)
        if self.level == 0:
            return nothing[None], nothing, self.latents[which]
        return resize(self.samples[which], size), resize(self.rebuilt[which], size), nothing

    @torch.no_grad()
    def advance(self, level: Level, amplitude: float) -> None:
        """A level is finished: draw its ring and its reconstruction."""
        random = torch.Generator().manual_seed(1000 * self.seed + self.level)
        margin = self.config.margin
        samples, rebuilt = [], []
        for which, size in enumerate(self.config.sizes):
            size = level_size(size, self.config.scales[self.level])
            below, straight, latent = self._below(which, size)
            drawn = []
            for index in range(self.recipe.ring):
                noise = torch.randn(1, CHANNELS, *size, generator=random).numpy() * amplitude
                start = below[index % len(below)][None]
                drawn.append(self._draw(level, which, start, pad(noise, margin, empty=True)))
            samples.append(np.concatenate(drawn))
            noise = pad(latent[None], margin, empty=True)
            rebuilt.append(self._draw(level, which, straight[None], noise)[0])
        self.samples, self.rebuilt = samples, rebuilt
        self.level += 1

    def _draw(self, level: Level, which: int, below: np.ndarray, noise: np.ndarray) -> np.ndarray:
        def on(array: np.ndarray) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32)).to(self.device)

        padded = on(pad(below, self.config.margin))
        identity = None
        if self.config.pictures > 1:
            shape = (len(padded), self.config.pictures, *padded.shape[2:])
            identity = torch.zeros(shape, device=self.device)
            identity[:, which] = 1.0
        return level(padded, on(noise), identity).cpu().numpy()
