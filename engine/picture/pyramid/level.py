"""Training one level on what the finished levels below it draw.

One critic and one generator step alternate, the critic with the larger rate (TTUR, arXiv
1706.08500); the levels below never run in a step, a ring of what they drew does (32 samples and
the reconstruction). Levels larger than a window train on windows, four at a time.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.picture.pyramid.critic import Critic, directions, hinge, sliced
from engine.picture.pyramid.grid import pad
from engine.picture.pyramid.recipe import JUDGED, JUDGES, Recipe
from engine.picture.pyramid.record import Recorded
from models.pyramid import CHANNELS, Config, Level


@dataclass(frozen=True)
class Target:
    """One picture at one level, and what lies below it."""

    real: Tensor
    """(1, 3, h, w), -1..1."""
    known: Tensor | None
    """(1, 1, h, w) 0/1: pixels that may be looked at; None = all."""
    below: Tensor
    """(M, 3, h + 2m, w + 2m): samples of the level below, enlarged and padded."""
    rebuilt: Tensor
    """(1, 3, h + 2m, w + 2m): its reconstruction."""
    latent: Tensor
    """(1, 3, h + 2m, w + 2m): the noise that reconstructs; zero above the coarsest level."""
    inside: Tensor
    """(1, 1, h + 2m, w + 2m): 1 inside the picture, 0 in the margin, where there is no noise."""


@dataclass(frozen=True, eq=False)
class Batch:
    """What one step looks at: N windows of one picture."""

    real: Tensor
    """(N, 3, h, w)."""
    known: Tensor | None
    """(N, 1, h, w) 0/1."""
    inputs: Tensor
    """(2N, 3, h + 2m, w + 2m): a sample of the level below, then its reconstruction …"""
    noises: Tensor
    """… and what is added to each."""
    along: Tensor
    """(P, 3, 7, 7): directions of the sliced distance."""


@dataclass(frozen=True)
class Figures:
    """How good a level is."""

    rebuild_db: float
    """Peak signal-to-noise ratio of the reconstruction over the known pixels."""
    sliced: float
    """Sliced Wasserstein distance of random samples."""


def target(
    real: np.ndarray, known: np.ndarray, below: np.ndarray, rebuilt: np.ndarray,
    latent: np.ndarray, margin: int, device: torch.device,
) -> Target:  # fmt: skip
    """From unpadded arrays: known (h, w), below (M, 3, h, w), the others (3, h, w)."""

    def on(array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32)).to(device)

    inside = np.ones((1, 1, *known.shape), np.float32)
    return Target(
        real=on(real[None]),
        known=None if known.all() else on(known[None, None]),
        below=on(pad(below, margin)),
        rebuilt=on(pad(rebuilt[None], margin)),
        latent=on(pad(latent[None], margin, empty=True)),
        inside=on(pad(inside, margin, empty=True)),
    )


class LevelTrainer:
    """One level's networks and optimisers; `run()` trains them for a fixed number of steps."""

    def __init__(
        self, config: Config, targets: Sequence[Target], amplitude: float, recipe: Recipe,
        seed: int, device: torch.device,
    ):  # fmt: skip
        self.config, self.targets, self.recipe = config, tuple(targets), recipe
        self.amplitude, self.device = amplitude, device
        self.random = torch.Generator().manual_seed(seed)
        self.level = Level(config)
        self.level.start(self.random)
        self.level.to(device)
        self.critic = Critic(config, self.random).to(device)
        cuda = device.type == "cuda"
        self._lots = torch.Generator(device).manual_seed(seed) if cuda else self.random
        self.adam = _adam(self.level, recipe.generator_rate, device)
        self.critic_adam = _adam(self.critic, recipe.critic_rate, device)
        self._learn = self.learn
        if cuda and all(goal.known is None for goal in targets):
            # Which patches a hole leaves is found out anew in every step: not to be recorded.
            self._learn = Recorded(self.learn)
        self.figures = Figures(0.0, 0.0)
        self._scores: list[Figures] = []
        self._judge = directions(JUDGES, torch.Generator().manual_seed(1), device)

    # ------------------------------------------------------------ running

    def run(self, steps: int, report: Callable[[float, bool], None]) -> int:
        """Train; returns the steps taken. `report(share, evaluated)` is called after each step."""
        every = max(1, min(100, steps // 10))
        decay = int(steps * self.recipe.decay_from)
        end = steps
        done = 0
        while done < end:
            if done % every == 0:
                self.evaluate()
                if done < decay and self._flat():
                    # Nothing more at full rate: settle now, in half the time.
                    decay, end = done, done + (steps - decay) // 2
            self._rate(1.0 if done < decay else max(0.02, (end - done) / max(end - decay, 1)))
            self.step(done)
            done += 1
            report(done / end, done % every == 1)
        self.evaluate()
        return done

    def _flat(self) -> bool:
        patience = self.recipe.patience
        if len(self._scores) <= patience + 1:
            return False
        before, lately = self._scores[:-patience], self._scores[-patience:]
        distances = [min(figure.sliced for figure in part) for part in (before, lately)]
        decibels = [max(figure.rebuild_db for figure in part) for part in (before, lately)]
        return distances[1] > 0.98 * distances[0] and decibels[1] < decibels[0] + 0.15

    def _rate(self, share: float) -> None:
        for adam, rate in (
            (self.adam, self.recipe.generator_rate),
            (self.critic_adam, self.recipe.critic_rate),
        ):
            group = adam.param_groups[0]
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate * share)  # a recorded step reads it where it lies
            else:
                group["lr"] = rate * share

    # ------------------------------------------------------------ one step

    def step(self, number: int) -> None:
        which = number % len(self.targets)
        self._learn(which, self._batch(which))

    def _batch(self, which: int) -> Batch:
        """Everything of a step that is drawn by lot; the rest is the same work every time."""
        goal, m = self.targets[which], self.config.margin
        windows = self._windows(goal)
        below = goal.below[self._pick(len(goal.below))][None]
        below = _cut(below, windows, 2 * m)
        noise = self._noise(below.shape) * _cut(goal.inside, windows, 2 * m) * self.amplitude
        return Batch(
            real=_cut(goal.real, windows),
            known=None if goal.known is None else _cut(goal.known, windows),
            inputs=torch.cat([below, _cut(goal.rebuilt, windows, 2 * m)]),
            noises=torch.cat([noise, _cut(goal.latent, windows, 2 * m)]),
            along=directions(self.recipe.projections, self._lots, self.device),
        )

    def plain(self) -> None:
        """Steps run as they are from now on, not recorded."""
        self._learn = self.learn

    def learn(self, which: int, batch: Batch) -> None:
        """The work of a step: both networks, both optimisers."""
        drawn = self.level(batch.inputs, batch.noises, self._who(which, batch.inputs))
        false, rebuilt = drawn.chunk(2)
        self._critic_step(batch, false.detach(), which)
        self._level_step(batch, false, rebuilt, which)

    def _critic_step(self, batch: Batch, false: Tensor, which: int) -> None:
        real, known = batch.real, batch.known
        if not self._judged(real):
            return
        both = torch.cat([real, false])
        true_score, false_score = self.critic(both, self._who(which, both)).chunk(2)
        valid = None if known is None else _whole(known, 2 * self.config.margin + 1)
        loss = hinge(true_score, false_score, valid)
        self.critic_adam.zero_grad(set_to_none=True)
        loss.backward()
        self.critic_adam.step()

    def _level_step(self, batch: Batch, false: Tensor, rebuilt: Tensor, which: int) -> None:
        recipe, real, known = self.recipe, batch.real, batch.known
        error = (rebuilt - real).square()
        if known is None:
            rebuild = error.mean()
        else:
            rebuild = (error * known).sum() / (known.sum() * CHANNELS).clamp_min(1.0)
        loss = recipe.rebuild_weight * rebuild
        loss = loss + recipe.sliced_weight * sliced(real, false, batch.along, known)
        if self._judged(real):
            self.critic.requires_grad_(False)
            loss = loss - recipe.critic_weight * self.critic(false, self._who(which, false)).mean()
        self.adam.zero_grad(set_to_none=True)
        loss.backward()
        self.critic.requires_grad_(True)
        torch.nn.utils.clip_grad_norm_(self.level.parameters(), 1.0)
        self.adam.step()

    def _judged(self, real: Tensor) -> bool:
        """A picture smaller than the critic's patch is judged by its projections alone."""
        return min(real.shape[2:]) > 2 * self.config.margin

    # ------------------------------------------------------------ parts

    def _who(self, which: int, like: Tensor) -> Tensor | None:
        """(N, K, H, W) one-hot, or None for one picture."""
        count = self.config.pictures
        if count == 1:
            return None
        identity = torch.zeros(len(like), count, *like.shape[2:], device=self.device)
        identity[:, which] = 1.0
        return identity

    def _pick(self, count: int) -> int:
        return int(torch.randint(count, (), generator=self.random))

    def _noise(self, shape: Sequence[int]) -> Tensor:
        lots = self._lots
        return torch.randn(*shape, generator=lots, device=lots.device).to(self.device)

    def _windows(self, goal: Target) -> list[tuple[int, int, int, int]]:
        """(top, left, height, width) of what this step looks at."""
        height, width = goal.real.shape[2:]
        side = self.recipe.window
        if height * width <= side * side:
            return [(0, 0, height, width)]
        # Four windows of together about side * side pixels.
        h, w = min(height, side // 2), min(width, side // 2)
        tops = [self._pick(height - h + 1) for _ in range(4)]
        return [(top, self._pick(width - w + 1), h, w) for top in tops]

    def evaluate(self) -> Figures:
        """Reconstruction and distance of a few samples, always with the same noise."""
        self.figures = self.judged(self.level)
        self._scores.append(self.figures)
        return self.figures

    @torch.no_grad()
    def judged(self, level: Callable[..., Tensor]) -> Figures:
        """How good a network (as `Level.forward`) is at this level; large ones by their windows."""
        random = torch.Generator().manual_seed(3)
        errors, distances = [], []
        m = self.config.margin
        for which, goal in enumerate(self.targets):
            windows = _spread(goal.real.shape[2], goal.real.shape[3], self.recipe.window)
            real, inside = _cut(goal.real, windows), _cut(goal.inside, windows, 2 * m)
            below = _cut(goal.rebuilt, windows, 2 * m)
            who = self._who(which, below)
            error = level(below, _cut(goal.latent, windows, 2 * m), who).clamp(-1, 1) - real
            error = error.square().mean(dim=1, keepdim=True)
            known = torch.ones_like(error) if goal.known is None else _cut(goal.known, windows)
            errors.append(float((error * known).sum() / known.sum().clamp_min(1.0)))
            drawn = []
            for index in range(min(JUDGED, len(goal.below))):
                below = _cut(goal.below[index : index + 1], windows, 2 * m)
                noise = torch.randn(below.shape, generator=random).to(self.device)
                drawn.append(level(below, noise * inside * self.amplitude, who))
            reals, seen = real.repeat(len(drawn), 1, 1, 1), None
            if goal.known is not None:
                seen = known.repeat(len(drawn), 1, 1, 1)
            distances.append(float(sliced(reals, torch.cat(drawn), self._judge, seen)))
        decibels = 10 * math.log10(4.0 / max(max(errors), 1e-9))
        return Figures(decibels, sum(distances) / len(distances))

    @torch.no_grad()
    def rebuilt(self, which: int) -> Tensor:
        goal = self.targets[which]
        return self.level(goal.rebuilt, goal.latent, self._who(which, goal.rebuilt))

    @torch.no_grad()
    def drawn(self, which: int, index: int, random: torch.Generator) -> Tensor:
        """One sample (1, 3, h, w)."""
        goal = self.targets[which]
        below = goal.below[index : index + 1]
        noise = torch.randn(below.shape, generator=random).to(self.device)
        return self.level(below, noise * goal.inside * self.amplitude, self._who(which, below))


def _adam(network: torch.nn.Module, rate: float, device: torch.device) -> torch.optim.Adam:
    betas = (0.5, 0.99)
    if device.type != "cuda":
        return torch.optim.Adam(network.parameters(), rate, betas)
    lr = torch.tensor(rate, device=device)
    return torch.optim.Adam(network.parameters(), lr, betas, capturable=True)


def _spread(height: int, width: int, side: int) -> list[tuple[int, int, int, int]]:
    """The whole of a level, or where it is large four windows in its quarters."""
    if height * width <= 2 * side * side:
        return [(0, 0, height, width)]
    h, w = min(height, side), min(width, side)
    corners = itertools.product((0, height - h), (0, width - w))
    return [(top, left, h, w) for top, left in sorted(set(corners))]


def _cut(maps: Tensor, windows: list[tuple[int, int, int, int]], more: int = 0) -> Tensor:
    """(1, C, H, W) -> (windows, C, h + more, w + more)."""
    return torch.cat([maps[:, :, t : t + h + more, x : x + w + more] for t, x, h, w in windows])


def _whole(known: Tensor, side: int) -> Tensor:
    """(N, 1, H, W) -> (N, 1, H - side + 1, …): 1 where no pixel of the window is hidden."""
    return -torch.nn.functional.max_pool2d(-known, side, 1)
