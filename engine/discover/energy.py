"""How much each style channel moves a region of the picture. Imports torch.

Gradient localisation as in Wu et al., "StyleSpace Analysis" (arXiv 2011.12799), section 4, with two
differences. A channel's energy is the sum of squares of ∂pixel/∂s over the region and the colours:
summing the pixels before differentiating, as the paper does, lets brighter and darker cancel. And
the squares are not computed pixel by pixel: for random signs r, (∂(Σ r·pixel)/∂s)² has that sum as
its mean (Hutchinson 1990), so a few backward passes give an estimate for all channels at once. The
best are then measured by really moving them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.backend import Turn
from engine.discover.source import Source
from engine.progress import Progress
from engine.steer.latents import Resolved
from engine.turning import turning

together = 8
"""Pictures drawn at once."""


@dataclass(frozen=True, eq=False)
class Scene:
    """The synthesis inputs of one picture, on the source's device."""

    source: Source
    ws: Tensor  # (1, num_ws, w_dim)
    offset: Tensor  # (1, num_styles)
    noise: Tensor | None
    strength: Tensor | None
    moved: Mapping[str, np.ndarray]  # layer name -> (1, C)
    turned: Mapping[str, Turn]

    @staticmethod
    def of(found: Resolved, source: Source) -> Scene:
        tensor = source.tensor
        return Scene(
            source,
            tensor(found.ws),
            tensor(found.style_offset),
            None if found.noise is None else tensor(found.noise),
            tensor(found.noise_strength) if len(found.noise_strength) else None,
            found.activation_offset,
            found.turned,
        )

    def draw(self, extra: Tensor) -> Tensor:
        """extra (N, num_styles), added to the styles -> pictures (N, C, R, R)."""
        ws = self.ws.expand(len(extra), -1, -1)
        source = self.source
        with turning(source.synthesis, self.moved, self.turned, source.device, source.info.name):
            drawn = source.synthesis(ws, self.offset + extra, self.noise, self.strength)
        return drawn.float()


def estimated(
    scene: Scene, weights: Tensor, probes: int, seed: int, progress: Progress
) -> np.ndarray:
    """(num_styles,): Σ weight · (∂pixel/∂s)² over pixels and colours, to about sqrt(2 / probes).

    `weights` (R, R), 0 or more.
    """
    root = weights.sqrt()
    styles = scene.offset.shape[1]
    signs = torch.Generator().manual_seed(seed)
    total = torch.zeros(styles, dtype=torch.float64)
    for start in range(0, probes, together):
        progress(start / probes)
        count = min(together, probes - start)
        with torch.enable_grad():
            extra = torch.zeros(count, styles, device=weights.device, requires_grad=True)
            drawn = scene.draw(extra)
            signed = torch.randint(0, 2, drawn.shape, generator=signs).to(drawn) * 2.0 - 1.0
            # Every probe is a picture of its own, so one backward pass gives all their gradients.
            (gradient,) = torch.autograd.grad((drawn * signed * root).sum(), extra)
        total += gradient.double().square().sum(dim=0).cpu()
    return (total / probes).numpy()


def changes(
    scene: Scene, channels: np.ndarray, sigmas: np.ndarray, progress: Progress
) -> Iterator[Tensor]:
    """For each channel the squared change (R, R) that one σ makes, mean over the colours.

    Half the difference between +σ and -σ.
    """
    styles = scene.offset.shape[1]
    half = together // 2
    for start in range(0, len(channels), half):
        progress(start / len(channels))
        own = channels[start : start + half]
        extra = torch.zeros(len(own), styles, device=scene.ws.device)
        rows = np.arange(len(own))
        extra[rows, own] = scene.source.tensor(sigmas[start : start + half])
        with torch.inference_mode():
            drawn = scene.draw(torch.cat([extra, -extra]))
            yield from ((drawn[: len(own)] - drawn[len(own) :]) / 2.0).square().mean(dim=1)
