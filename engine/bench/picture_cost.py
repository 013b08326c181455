"""What a pyramid's level costs, beside the schedule of the first GAN of one picture.

The peer is written from the description of SinGAN (arXiv 1905.01164): generator and critic of five
3x3 convolutions, 32 channels, batch normalisation and leaky ReLU; an iteration is three critic
steps with a gradient penalty (WGAN-GP, arXiv 1704.00028, weight 0.1: a double backward) and three
generator steps with ten times the squared error of the reconstruction; Adam, rate 5e-4, betas .5
and .999. It gets the same level of the same picture and the same samples of the levels below,
ready made, which the original draws anew in every step. Imports torch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.bench.figure import Figure, at_least, missing
from engine.bench.picture_pyramid import samples
from engine.picture.pyramid.chain import Chain
from engine.picture.pyramid.grid import level_size
from engine.picture.pyramid.level import Figures, LevelTrainer, Target
from engine.picture.pyramid.recipe import Recipe
from engine.picture.pyramid.schedule import levels_for
from engine.picture.source import read_source
from models.pyramid import CHANNELS, LEAK, Config

margin = 5
at = 1
"""Number of the level that is compared: above the coarsest, so that there is one below."""


class _Block(nn.Sequential):
    def __init__(self, inputs: int, outputs: int):
        conv, norm = nn.Conv2d(inputs, outputs, 3), nn.BatchNorm2d(outputs)
        super().__init__(conv, norm, nn.LeakyReLU(LEAK))
        nn.init.normal_(conv.weight, 0.0, 0.02)
        nn.init.normal_(norm.weight, 1.0, 0.02)


def _network(outputs: int, width: int = 32) -> nn.Sequential:
    blocks = [_Block(CHANNELS if index == 0 else width, width) for index in range(4)]
    return nn.Sequential(*blocks, nn.Conv2d(width, outputs, 3))


class Peer:
    """The reference's training of one level; knows `step` and `evaluate` as `LevelTrainer` does."""

    def __init__(self, goal: Target, amplitude: float, seed: int, judge: LevelTrainer):
        torch.manual_seed(seed)
        self.goal, self.amplitude, self._judge = goal, amplitude, judge
        self.random = torch.Generator().manual_seed(seed)
        self.generator, self.critic = _network(CHANNELS), _network(1)
        self._adams = [
            torch.optim.Adam(network.parameters(), 5e-4, (0.5, 0.999))
            for network in (self.generator, self.critic)
        ]

    def level(self, below: Tensor, noise: Tensor, _identity: Tensor | None = None) -> Tensor:
        m = margin
        return torch.tanh(self.generator(below + noise)) + below[:, :, m:-m, m:-m]

    def step(self, _number: int) -> None:
        for _ in range(3):
            self._critic_step()
        for _ in range(3):
            self._generator_step()

    def _false(self) -> Tensor:
        goal = self.goal
        which = int(torch.randint(len(goal.below), (), generator=self.random))
        below = goal.below[which : which + 1]
        noise = torch.randn(below.shape, generator=self.random) * goal.inside * self.amplitude
        return self.level(below, noise)

    def _critic_step(self) -> None:
        real, false = self.goal.real, self._false().detach()
        share = float(torch.rand((), generator=self.random))
        between = (share * real + (1 - share) * false).requires_grad_(True)
        (slope,) = torch.autograd.grad(self.critic(between).sum(), between, create_graph=True)
        penalty = 0.1 * (slope.norm(2, dim=1) - 1).square().mean()
        loss = self.critic(false).mean() - self.critic(real).mean() + penalty
        self._adams[1].zero_grad(set_to_none=True)
        loss.backward()
        self._adams[1].step()

    def _generator_step(self) -> None:
        goal = self.goal
        rebuilt = self.level(goal.rebuilt, goal.latent)
        loss = 10 * F.mse_loss(rebuilt, goal.real) - self.critic(self._false()).mean()
        self._adams[0].zero_grad(set_to_none=True)
        loss.backward()
        self._adams[0].step()

    def evaluate(self) -> Figures:
        """Measured by the same code as ours, with batch statistics, as it draws."""
        return self._judge.judged(self.level)


@dataclass(frozen=True)
class _Taken:
    seconds: float
    """Of processor time, until both figures were reached (or given up)."""
    reached: bool
    figures: Figures


def measures(
    picture: str | Path = "", longest: int = 96, seconds: float = 6.0, patience: float = 12.0
) -> Iterator[Figure]:
    """Ours trains a level for `seconds` of processor time; the peer gets up to `patience` times
    that to reach the same reconstruction and the same sliced Wasserstein distance."""
    path = Path(picture) if picture else samples / "ocean-waves.jpg"
    if not path.is_file():
        yield missing("reference schedule", "times", ">= 10", "the bundled pictures are not here")
        return
    goal, amplitude, config, size = _level(path, longest, int(70 * seconds))
    ours = _trainer(config, goal, amplitude)
    theirs = Peer(goal, amplitude, 0, _trainer(config, goal, amplitude))
    one, other = _costs(ours.step, theirs.step)
    note = f"level of {size[1]} x {size[0]} px, one thread"
    yield Figure(
        "pyramid: cost of an iteration", 1000 * one, "ms of CPU", peer="3 + 3 steps with gradient "
        "penalty", peer_value=1000 * other, ratio=other / one, note=note,
    )  # fmt: skip
    wanted = _ours(_trainer(config, goal, amplitude), seconds, one)
    taken = _theirs(Peer(goal, amplitude, 0, _trainer(config, goal, amplitude)), wanted, patience)
    note += (
        f"; ours {wanted.figures.rebuild_db:.1f} dB and {wanted.figures.sliced:.4f} in "
        f"{wanted.seconds:.0f} s, it {taken.figures.rebuild_db:.1f} dB and "
        f"{taken.figures.sliced:.4f} in {taken.seconds:.0f} s"
    )
    if not taken.reached:
        note += "; not reached, so this is the least that the ratio can be"
    ratio = taken.seconds / wanted.seconds
    yield at_least("pyramid: times less compute to equal quality", ratio, "times", 10, note=note)


def _level(path: Path, longest: int, steps: int) -> tuple[Target, float, Config, tuple[int, int]]:
    """A level to be trained, with what a trained level below it draws."""
    source = read_source(path, longest).pixels.transpose(2, 0, 1)
    size = (source.shape[1], source.shape[2])
    config = Config((size,), levels_for([size], 120.0))
    known = np.ones(size, bool)
    chain = Chain(config, [source], [known], 0, Recipe(), torch.device("cpu"))
    goals, amplitude = chain.targets()
    below = _trainer(config, goals[0], amplitude)
    below.run(steps, lambda _share, _evaluated: None)
    chain.advance(below.level.eval(), amplitude)
    goals, amplitude = chain.targets()
    return goals[0], amplitude, config, level_size(size, config.scales[at])


def _trainer(config: Config, goal: Target, amplitude: float) -> LevelTrainer:
    return LevelTrainer(config, [goal], amplitude, Recipe(), 0, torch.device("cpu"))


def _costs(*works: Callable[[int], None], rounds: int = 7) -> list[float]:
    """Median seconds of processor time; rounds run all of them."""
    times: list[list[float]] = [[] for _ in works]
    for number in range(rounds + 1):
        for work, taken in zip(works, times, strict=True):
            began = time.process_time()
            work(number)
            taken.append(time.process_time() - began)
    return [float(np.median(taken[1:])) for taken in times]


def _ours(trainer: LevelTrainer, seconds: float, cost: float) -> _Taken:
    began = time.process_time()
    trainer.run(max(20, int(seconds / cost)), lambda _share, _evaluated: None)
    return _Taken(time.process_time() - began, True, trainer.figures)


def _theirs(peer: Peer, wanted: _Taken, patience: float) -> _Taken:
    """Trained until it is as good; looking costs it nothing."""
    spent, number, best = 0.0, 0, peer.evaluate()
    while spent < patience * wanted.seconds:
        began = time.process_time()
        peer.step(number)
        spent += time.process_time() - began
        number += 1
        if number % 10 == 0:
            now = peer.evaluate()
            best = Figures(max(best.rebuild_db, now.rebuild_db), min(best.sliced, now.sliced))
            if (
                best.rebuild_db >= wanted.figures.rebuild_db
                and best.sliced <= wanted.figures.sliced
            ):
                return _Taken(spent, True, best)
    return _Taken(spent, False, best)
