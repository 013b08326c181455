"""Units held still while a network runs: at zero, or at what they do on other pictures. Torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.inspect.subject import Subject, across, by_unit, traced
from engine.messages.inspecting import LayerKind
from engine.progress import Progress

Units = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, eq=False)
class Held:
    """An edit for `Trace`."""

    free: Mapping[str, Tensor]
    """Layer -> (C,): 1 where a unit does as it likes, 0 where it is held."""
    values: Mapping[str, Tensor]
    """Layer -> (C,): where it is held."""
    kinds: Mapping[str, LayerKind]

    @property
    def layers(self) -> tuple[str, ...]:
        return tuple(self.free)

    @staticmethod
    def outside(kept: Units, subject: Subject, rest: Mapping[str, Tensor]) -> Held:
        """All units of these layers but the given ones."""
        return Held._of(kept, subject, rest, inside=1.0)

    @staticmethod
    def inside(kept: Units, subject: Subject, rest: Mapping[str, Tensor]) -> Held:
        """The given units."""
        return Held._of(kept, subject, rest, inside=0.0)

    @staticmethod
    def _of(kept: Units, subject: Subject, rest: Mapping[str, Tensor], inside: float) -> Held:
        free: dict[str, Tensor] = {}
        for layer, units in kept.items():
            free[layer] = torch.full((subject.units[layer],), 1.0 - inside)
            free[layer][list(units)] = inside
        values = {layer: rest.get(layer, torch.zeros_like(free[layer])) for layer in kept}
        return Held(free, values, subject.kinds)

    def __call__(self, name: str, output: Tensor) -> Tensor:
        if name not in self.free:
            return output
        free = across(self.free[name].to(output), self.kinds[name])
        values = across(self.values[name].to(output), self.kinds[name])
        # Not a product alone: an infinite activation times zero would be no number.
        return torch.where(free > 0, output, values.expand_as(output))


def mean_outputs(
    subject: Subject, layers: tuple[str, ...], progress: Progress
) -> dict[str, Tensor]:
    """Layer -> (C,): each unit's mean over all positions of all pictures."""
    total = {name: torch.zeros(subject.units[name]) for name in layers}
    count = 0
    with torch.inference_mode():
        for _, trace in traced(subject, layers, None, progress):
            for name in layers:
                found = by_unit(trace[name], subject.kinds[name])
                total[name] += found.mean(dim=2).sum(dim=0).float().cpu()
            count += len(trace[layers[0]])
    return {name: value / max(count, 1) for name, value in total.items()}
