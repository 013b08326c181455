"""A small network wired by hand: a known circuit among distractors. Imports torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from engine.inspect.modules import survey
from engine.inspect.preprocessing import Preprocessing
from engine.inspect.subject import Subject, pictures_as_batches
from engine.messages import Unit

WIDTHS = (24, 20, 16)
SIDE = 16
Edge = tuple[Unit, Unit]


class Planted(nn.Module):
    """Three convolutions with ReLU; the third's first unit is computed by the planted circuit."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, WIDTHS[0], 3, padding=1)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(WIDTHS[0], WIDTHS[1], 3, padding=1)
        self.relu2 = nn.ReLU()
        self.conv3 = nn.Conv2d(WIDTHS[1], WIDTHS[2], 3, padding=1)
        self.relu3 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu1(self.conv1(x))
        return self.relu3(self.conv3(self.relu2(self.conv2(x))))


@dataclass(frozen=True, eq=False)
class Plant:
    """The network, what was planted, and pictures."""

    network: Planted
    edges: frozenset[Edge]
    target: Unit
    examples: Subject
    others: Subject


def plant(seed: int) -> Plant:
    """A circuit of 4 + 2 units that sees red and green patches; all else is distraction.

    Distractors: units as strong as the circuit's that lead elsewhere; faint ones (a hundredth) that
    lead into it; units wired strongly into it that are silent on the examples.
    """
    random = np.random.RandomState(seed)
    torch.manual_seed(seed)
    network = Planted().requires_grad_(False).eval()
    first = random.permutation(WIDTHS[0])
    second = random.permutation(WIDTHS[1])
    lower, silent_lower = first[:4], first[4:7]
    upper, silent_upper = second[:2], second[2:4]
    target = int(random.randint(WIDTHS[2]))
    edges = _wire(network, random, lower, upper, target)
    for conv, units in ((network.conv1, silent_lower), (network.conv2, silent_upper)):
        assert conv.bias is not None
        conv.bias[units.tolist()] = -50.0
    network.conv2.weight[upper[0], silent_lower, 1, 1] = 2.0
    network.conv3.weight[target, silent_upper, 1, 1] = 2.0
    info = survey(network, PLAIN, torch.device("cpu"))
    examples = _pictures(random, 8, patches=True)
    others = _pictures(random, 8, patches=False)
    return Plant(
        network,
        frozenset(edges),
        Unit("relu3", target),
        Subject(network, info, pictures_as_batches(examples, PLAIN, torch.device("cpu"))),
        Subject(network, info, pictures_as_batches(others, PLAIN, torch.device("cpu"))),
    )


PLAIN = Preprocessing((SIDE, SIDE), 0, (0.0,) * 3, (255.0,) * 3)


def _wire(
    network: Planted, random: np.random.RandomState, lower: np.ndarray, upper: np.ndarray,
    target: int,
) -> list[Edge]:  # fmt: skip
    """Clear what leads into the circuit, wire the circuit; returns its edges."""
    for conv, units in (
        (network.conv1, lower), (network.conv2, upper), (network.conv3, np.array([target])),
    ):  # fmt: skip
        chosen = units.tolist()
        conv.weight[chosen] *= 0.01 / float(conv.weight[chosen].abs().max())
        assert conv.bias is not None
        conv.bias[chosen] = 0.0
    for place, unit in enumerate(lower):
        colour = place % 2  # red, green
        network.conv1.weight[unit, colour, place // 2, 1] = 1.0
        network.conv1.weight[unit, 2, 1, 1] = -1.0
        assert network.conv1.bias is not None
        network.conv1.bias[unit] = -0.5
    edges: list[Edge] = []
    for place, goal in enumerate(upper):
        for unit in lower[2 * place : 2 * place + 2]:
            network.conv2.weight[goal, unit, 1, 1] = float(random.uniform(0.7, 1.3))
            edges.append((Unit("relu1", int(unit)), Unit("relu2", int(goal))))
        network.conv3.weight[target, goal, 1, 1] = float(random.uniform(0.7, 1.3))
        edges.append((Unit("relu2", int(goal)), Unit("relu3", target)))
    return edges


def _pictures(random: np.random.RandomState, count: int, patches: bool) -> np.ndarray:
    """(N, SIDE, SIDE, 3) uint8: bluish noise, with red and yellow patches or without."""
    made = random.randint(0, 60, (count, SIDE, SIDE, 3)).astype(np.uint8)
    made[..., 2] += 60
    for picture in made if patches else ():
        y, x = random.randint(2, SIDE - 7, 2)
        picture[y : y + 5, x : x + 5] = (250, 250, 0)
    return made
