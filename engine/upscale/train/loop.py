"""One network, one step, and what is kept of it. Charbonnier first; vivid ones add a critic."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from engine.upscale.train.critic import Critic, Diffusion
from engine.upscale.train.data import Patches
from engine.upscale.train.expanded import collapsed, expand
from models.fredsr import Config, Fredsr

WINDOW = 16
"""Pixels a side in which Fourier magnitudes are compared."""
BORDER = 2
"""Pixels of the small patch whose enlargement lacks neighbours."""


LUMA = (0.299, 0.587, 0.114)
"""Of red, green and blue in brightness (BT.601)."""
SQUARED = 10.0
"""Makes squares of usual differences about as large as the differences."""


@dataclass(frozen=True)
class Recipe:
    """The numbers of a training."""

    rate: float = 2e-3
    warm: float = 0.01
    """Share of the training in which the rate rises."""
    batch: int = 16
    side: int = 32
    """Pixels of the small patches; a multiple of 8."""
    averaged: float = 0.999
    """Decay of the average over steps, which is what is kept."""
    softness: float = 1e-3
    """Charbonnier: below this a difference counts by its square."""
    luma: float = 1.0
    """Weight of the difference in brightness, which eyes see first, beside that in colours."""
    squares: float = 0.6
    """Share of the training after which differences count by their squares; 1 = never."""
    waves: float = 0.0
    """Weight of the Fourier magnitudes' difference."""
    judged: float = 0.0
    """Weight of the critic; 0 = none."""
    critic_rate: float = 4e-4


FIDELITY = Recipe()
VIVID = Recipe(rate=3e-4, luma=0.0, squares=1.0, waves=8.0, judged=0.02)
"""The Fourier magnitudes give most of it: a stronger critic invents grain that is not there."""
FIT = Recipe(rate=4e-4)
TRANSFER = Recipe(rate=1e-3)
"""For a model of another scale than the one it begins from."""


class Trainer:
    """Learns from `patches`; `average` is what would be kept now."""

    def __init__(
        self, config: Config, patches: Patches, recipe: Recipe, seed: int, device: torch.device,
        begin: Fredsr | None = None,
    ):  # fmt: skip
        self.config, self.patches, self.recipe, self.device = config, patches, recipe, device
        self.random = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed)
        self.net = copy.deepcopy(begin) if begin is not None else Fredsr(config)
        expand(self.net, self.random, fresh=begin is None)
        self.net.to(device)
        self.shadow = copy.deepcopy(self.net).requires_grad_(False)
        self.adam = torch.optim.Adam(self.net.parameters(), recipe.rate, (0.9, 0.99))
        self.critic = Critic().to(device) if recipe.judged else None
        if self.critic is not None:
            self.diffusion = Diffusion(self.random)
            self.critic_adam = torch.optim.Adam(
                self.critic.parameters(), recipe.critic_rate, (0.5, 0.99)
            )
        self.steps = 0
        self.loss = 0.0

    def step(self, share: float) -> None:
        """One step; `share` 0..1 of the training is behind us."""
        recipe = self.recipe
        small, plain, large = (self._on(part) for part in self.patches.batch(recipe.batch))
        self._rate(share)
        inside = BORDER * self.config.scale
        cut = slice(inside, -inside)
        added = self.net(small)[:, :, cut, cut]
        plain, large = plain[:, :, cut, cut], large[:, :, cut, cut]
        made = plain + added
        if self.critic is not None:
            self._critic_step(made.detach(), plain, large)
        gap = made - large
        loss = self._difference(gap, share >= recipe.squares)
        self.loss += (
            0.02 * (float(loss.detach()) - self.loss) if self.steps else float(loss.detach())
        )
        if recipe.waves:
            loss = loss + recipe.waves * _waves(made, large)
        if self.critic is not None:
            loss = loss + recipe.judged * self._judged(made, plain)
        self.adam.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 0.5)
        self.adam.step()
        self.steps += 1
        self._average()

    def _difference(self, gap: Tensor, squares: bool) -> Tensor:
        """Of (N, 3, H, W) in 0..1: Charbonnier; in the end squares, as PSNR counts."""
        recipe = self.recipe
        grey = (gap * gap.new_tensor(LUMA).reshape(1, 3, 1, 1)).sum(1)
        if squares:
            return SQUARED * (gap.square().mean() + recipe.luma * grey.square().mean())
        soft = recipe.softness**2
        colours, brightness = ((part.square() + soft).sqrt().mean() for part in (gap, grey))
        return colours + recipe.luma * brightness

    def _on(self, part: np.ndarray) -> Tensor:
        return torch.from_numpy(part).to(self.device)

    def _rate(self, share: float) -> None:
        recipe = self.recipe
        rise = min(1.0, share / recipe.warm + 0.05)
        fall = 0.5 + 0.5 * math.cos(math.pi * min(share, 1.0))
        self.adam.param_groups[0]["lr"] = recipe.rate * rise * fall + 1e-6

    @torch.no_grad()
    def _average(self) -> None:
        share = 1 - min(self.recipe.averaged, (self.steps + 1) / (self.steps + 10))
        pairs = zip(self.shadow.parameters(), self.net.parameters(), strict=True)
        for kept, new in pairs:
            kept.lerp_(new, share)

    # ------------------------------------------------------------ critic

    def _critic_step(self, made: Tensor, plain: Tensor, large: Tensor) -> None:
        assert self.critic is not None
        t = self.diffusion.times(len(made))
        real = self._scores(large, plain, t)
        false = self._scores(made, plain, t)
        loss = F.relu(1 - real).mean() + F.relu(1 + false).mean()
        self.critic_adam.zero_grad(set_to_none=True)
        loss.backward()
        self.critic_adam.step()
        self.diffusion.adapt(real.detach())

    def _judged(self, made: Tensor, plain: Tensor) -> Tensor:
        t = self.diffusion.times(len(made))
        return -self._scores(made, plain, t).mean()

    def _scores(self, pictures: Tensor, plain: Tensor, t: Tensor) -> Tensor:
        assert self.critic is not None
        return self.critic(self.diffusion.noised(pictures, t), plain, t.to(self.device))

    # ------------------------------------------------------------ keeping

    def average(self) -> Fredsr:
        """The plain network that would be kept."""
        net = Fredsr(self.config).to(self.device)
        return collapsed(self.shadow, net).eval().requires_grad_(False)

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "net": self.net.state_dict(),
            "shadow": self.shadow.state_dict(),
            "adam": self.adam.state_dict(),
            "steps": self.steps,
            "loss": self.loss,
        }
        if self.critic is not None:
            found["critic"] = self.critic.state_dict()
            found["critic_adam"] = self.critic_adam.state_dict()
            found["horizon"] = self.diffusion.horizon
        return found

    def load(self, state: dict[str, Any]) -> None:
        """Raises KeyError or RuntimeError when it belongs to another training."""
        self.net.load_state_dict(state["net"])
        self.shadow.load_state_dict(state["shadow"])
        self.adam.load_state_dict(state["adam"])
        self.steps, self.loss = int(state["steps"]), float(state["loss"])
        if self.critic is not None:
            self.critic.load_state_dict(state["critic"])
            self.critic_adam.load_state_dict(state["critic_adam"])
            self.diffusion.horizon = float(state["horizon"])


def _waves(made: Tensor, large: Tensor) -> Tensor:
    """Difference of Fourier magnitudes in overlapping windows of 16 x 16 pixels.

    After Fourier space losses (arXiv 2106.00783). Magnitudes do not say where within a window a
    grain lies: how much of it there is counts, so blurring what is uncertain no longer pays.
    """
    a, b = (_spectra(part) for part in (made, large))
    return (a - b).abs().mean()


def _spectra(pictures: Tensor) -> Tensor:
    """(N, C, H, W) -> magnitudes of windows, those of white noise about its deviation."""
    window = torch.hann_window(WINDOW, periodic=False, device=pictures.device)
    window = torch.outer(window, window)
    half = WINDOW // 2
    parts = pictures.unfold(2, WINDOW, half).unfold(3, WINDOW, half)
    waves = torch.fft.rfft2(parts * (window / window.norm()))
    # The root's slope has to end at 0.
    return (waves.real.square() + waves.imag.square() + 1e-8).sqrt()
