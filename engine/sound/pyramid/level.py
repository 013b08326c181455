"""Training one level of a sound's pyramid.

The coarsest course is unconditional: a critic step and a generator step alternate, beside the
sliced Wasserstein distance of its patches (GPDM, arXiv 2203.11862) and the reconstruction from a
fixed latent. Every other level is told what lies below, so it learns from pairs: two takes of the
same passage and the recording give an energy distance, without a critic. Levels of samples train
on windows of a second and a half, half of them above the recording's own lower band, half above
what the levels below drew.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from engine.sound.pyramid import hearing
from engine.sound.pyramid.bands import FRAMES, LOWEST_RATE, above
from models.wave import Config, CourseLevel, WaveLevel


@dataclass(frozen=True)
class Recipe:
    """The numbers of a training."""

    course_rate: float = 1e-3
    wave_rate: float = 2e-3
    critic_rate: float = 2e-3
    critic_weight: float = 1.0
    sliced_weight: float = 1.0
    rebuild_weight: float = 10.0
    """Of the coarsest course's mean squared error from its fixed latent."""
    projections: int = 48
    patch: int = 6
    """Frames of the coarsest course's patches: 0.8 s."""
    course_window: int = 1024
    """Frames of a course that a step looks at."""
    window: int = 750
    """Frames (500 a second) of samples that a step looks at …"""
    passages: int = 2
    """… from so many places, two takes of each."""
    ring: int = 4
    """Takes of the levels below that are drawn once and used again and again."""
    decay_from: float = 0.6
    """The rates fall to nothing from this share of the steps on."""


@dataclass(frozen=True)
class CourseTarget:
    """One source at one level of the course."""

    real: Tensor
    """(1, C, T), normalised."""
    known: Tensor | None
    """(1, 1, T) 0/1; None = all."""
    below: Tensor
    """(1, C, T + 2m): the recording's own coarser course, or zeros at the coarsest …"""
    latent: Tensor
    """… whose fixed noise (1, C, T + 2m) gives the recording's back."""
    inside: Tensor
    """(1, 1, T + 2m): 1 but in the margin, where there is no noise."""


@dataclass(frozen=True)
class WaveTarget:
    """One source at one rate."""

    real: Tensor
    """(channels, F · hop)."""
    below: Tensor
    """(1 + M, channels, (F + 2m) · hop): its own lower band, then takes of the levels below."""
    course: Tensor
    """(C, F + 2m - 3)."""
    gain: Tensor
    """(channels · bins, F + 2m - 3)."""
    starts: np.ndarray
    """Frames at which a window may begin: it and its surroundings hold nothing hidden."""
    window: int
    """Frames of a window."""


class LevelTrainer(ABC):
    """Networks and optimisers of one level; `run()` trains for a fixed number of steps."""

    level: nn.Module

    def __init__(self, config: Config, recipe: Recipe, seed: int, device: torch.device):
        self.config, self.recipe, self.device = config, recipe, device
        self.random = torch.Generator().manual_seed(seed)
        self.distance = 0.0
        """Of the last evaluation."""

    def run(self, steps: int, report: Callable[[float, bool], None]) -> None:
        """`report(share, evaluated)` is called after each step."""
        every = max(1, min(100, steps // 8))
        decay = int(steps * self.recipe.decay_from)
        for number in range(steps):
            left = (steps - number) / max(steps - decay, 1)
            self._rates(1.0 if number < decay else max(0.02, left))
            self.step(number)
            evaluated = number % every == every - 1 or number == steps - 1
            if evaluated:
                self.distance = self.evaluate()
            report((number + 1) / steps, evaluated)

    @abstractmethod
    def step(self, number: int) -> None: ...

    @abstractmethod
    def evaluate(self) -> float: ...

    @abstractmethod
    def _rates(self, share: float) -> None: ...

    def _descend(self, adam: torch.optim.Adam, loss: Tensor) -> None:
        adam.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.level.parameters(), 1.0)
        adam.step()

    def _pick(self, count: int) -> int:
        return int(torch.randint(count, (), generator=self.random))

    def _noise(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self.random).to(self.device)

    def _who(self, which: int, like: Tensor) -> Tensor | None:
        """(N, K, T) one-hot, or None for one sound."""
        if not self.config.identities:
            return None
        who = torch.zeros(len(like), self.config.identities, like.shape[-1], device=self.device)
        who[:, which] = 1.0
        return who


class CourseTrainer(LevelTrainer):
    """A level of the course; the first is unconditional, the others refine."""

    def __init__(
        self, config: Config, targets: Sequence[CourseTarget], first: bool, amplitude: float,
        recipe: Recipe, seed: int, device: torch.device,
    ):  # fmt: skip
        super().__init__(config, recipe, seed, device)
        self.targets, self.first, self.amplitude = tuple(targets), first, amplitude
        level = CourseLevel(config)
        level.start(self.random)
        self.level = level.to(device)
        self.adam = torch.optim.Adam(level.parameters(), recipe.course_rate, (0.5, 0.99))
        self.critic = hearing.CourseCritic(config, self.random).to(device) if first else None
        critic = self.critic.parameters() if self.critic else [torch.zeros(1, requires_grad=True)]
        self.critic_adam = torch.optim.Adam(critic, recipe.critic_rate, (0.5, 0.99))
        judge = torch.Generator().manual_seed(1)
        count = config.course_channels
        self._judge = hearing.directions(64, count, recipe.patch, judge).to(device)

    def _rates(self, share: float) -> None:
        self.adam.param_groups[0]["lr"] = self.recipe.course_rate * share
        self.critic_adam.param_groups[0]["lr"] = self.recipe.critic_rate * share

    def step(self, number: int) -> None:
        which = number % len(self.targets)
        if self.first:
            self._invent(which, self.targets[which])
        else:
            self._refine(which, self._window(self.targets[which]))

    def _window(self, goal: CourseTarget) -> CourseTarget:
        frames, size = goal.real.shape[-1], self.recipe.course_window
        if frames <= size:
            return goal
        start, more = self._pick(frames - size + 1), 2 * self.config.course_margin
        wide = slice(start, start + size + more)
        known = None if goal.known is None else goal.known[..., start : start + size]
        return CourseTarget(
            goal.real[..., start : start + size], known,
            goal.below[..., wide], goal.latent[..., wide], goal.inside[..., wide],
        )  # fmt: skip

    def _refine(self, which: int, goal: CourseTarget) -> None:
        below = goal.below.expand(2, -1, -1)
        noise = self._noise(*below.shape) * goal.inside * self.amplitude
        a, b = self.level(below, noise, self._who(which, below)).chunk(2)
        loss = hearing.course_energy(goal.real, a, b, goal.known)
        loss = loss + 0.3 * self._sliced(goal, torch.cat([a, b]))
        self._descend(self.adam, loss)

    def _invent(self, which: int, goal: CourseTarget) -> None:
        recipe, below = self.recipe, goal.below.expand(4, -1, -1)
        noise = torch.cat([self._noise(3, *below.shape[1:]) * goal.inside, goal.latent])
        drawn = self.level(below, noise, self._who(which, below))
        false, rebuilt = drawn[:3], drawn[3:]
        assert self.critic is not None
        view = 2 * self.config.course_margin + 1
        judged = goal.real.shape[-1] >= view
        if judged:
            true_score = self.critic(goal.real, self._who(which, goal.real))
            false_score = self.critic(false.detach(), self._who(which, false))
            loss = hearing.hinge(true_score, false_score, goal.known, view)
            self.critic_adam.zero_grad(set_to_none=True)
            loss.backward()
            self.critic_adam.step()
        error = (rebuilt - goal.real).square().mean(dim=1, keepdim=True)
        known = torch.ones_like(error) if goal.known is None else goal.known
        loss = recipe.rebuild_weight * (error * known).sum() / known.sum().clamp_min(1.0)
        loss = loss + recipe.sliced_weight * self._sliced(goal, false)
        if judged:
            self.critic.requires_grad_(False)
            loss = loss - recipe.critic_weight * self.critic(false, self._who(which, false)).mean()
        self._descend(self.adam, loss)
        self.critic.requires_grad_(True)

    def _sliced(self, goal: CourseTarget, false: Tensor) -> Tensor:
        recipe = self.recipe
        along = hearing.directions(
            recipe.projections, self.config.course_channels, recipe.patch, self.random
        )
        return hearing.sliced(goal.real, false, along.to(self.device), goal.known)

    @torch.no_grad()
    def evaluate(self) -> float:
        random, found = torch.Generator().manual_seed(3), []
        for which, goal in enumerate(self.targets):
            below = goal.below.expand(2, -1, -1)
            noise = torch.randn(below.shape, generator=random).to(self.device)
            noise = noise * goal.inside * self.amplitude
            drawn = self.level(below, noise, self._who(which, below))
            found.append(float(hearing.sliced(goal.real, drawn, self._judge, goal.known)))
        return sum(found) / len(found)


class WaveTrainer(LevelTrainer):
    """A level of samples."""

    def __init__(
        self, config: Config, targets: Sequence[WaveTarget], rate: int, recipe: Recipe,
        seed: int, device: torch.device,
    ):  # fmt: skip
        super().__init__(config, recipe, seed, device)
        self.targets, self.rate, self.hop = tuple(targets), rate, rate // FRAMES
        level = WaveLevel(config, rate, above(rate))
        level.start(self.random)
        self.level = level.to(device)
        self.adam = torch.optim.Adam(level.parameters(), recipe.wave_rate, (0.5, 0.99))
        self.ear = hearing.Ear(rate, 0.0 if rate == LOWEST_RATE else rate / 4, device)

    def _rates(self, share: float) -> None:
        self.adam.param_groups[0]["lr"] = self.recipe.wave_rate * share

    def step(self, number: int) -> None:
        which = number % len(self.targets)
        goal = self.targets[which]
        starts = [
            int(goal.starts[self._pick(len(goal.starts))]) for _ in range(self.recipe.passages)
        ]
        takes = [0 if self._pick(2) else self._pick(len(goal.below)) for _ in starts]
        self._descend(self.adam, self._loss(which, starts, takes, self.random))

    def _loss(
        self, which: int, starts: Sequence[int], takes: Sequence[int], random: torch.Generator
    ) -> Tensor:
        goal, hop = self.targets[which], self.hop
        width = goal.window + 2 * self.config.margin
        below = torch.stack([
            goal.below[take, :, start * hop : (start + width) * hop]
            for take, start in zip(takes, starts, strict=True)
        ])  # fmt: skip
        course = torch.stack([goal.course[:, start : start + width - 3] for start in starts])
        gain = torch.stack([goal.gain[:, start : start + width - 3] for start in starts])
        real = torch.stack([
            goal.real[:, start * hop : (start + goal.window) * hop] for start in starts
        ])  # fmt: skip
        noise = torch.randn(2 * len(starts), *below.shape[1:], generator=random).to(self.device)
        twice = course.repeat(2, 1, 1)
        made = self.level(
            below.repeat(2, 1, 1), noise, twice, gain.repeat(2, 1, 1), self._who(which, twice)
        )
        first, second = made.chunk(2)
        return self.ear.energy_distance(*(_heard(x) for x in (real, first, second)))

    @torch.no_grad()
    def evaluate(self) -> float:
        random, found = torch.Generator().manual_seed(3), []
        for which, goal in enumerate(self.targets):
            at = [int(goal.starts[len(goal.starts) * k // 4]) for k in range(4)]
            takes = [k % len(goal.below) for k in range(4)]
            found.append(float(self._loss(which, at, takes, random)))
        return sum(found) / len(found)


def _heard(x: Tensor) -> Tensor:
    """(N, channels, L) -> rows: as it is, and for two channels left and right as well."""
    if x.shape[1] == 1:
        return x[:, 0]
    middle, side = x[:, 0], x[:, 1]
    return torch.cat([middle, side, middle + side, middle - side])
