"""Which style channels move what was brushed? Imports torch."""

from __future__ import annotations

import dataclasses
import json
import time
from typing import Any

import numpy as np
from torch import Tensor, nn

from engine.discover.energy import Scene, changes, estimated
from engine.discover.source import Source
from engine.discover.written import check_place, write_directions
from engine.messages import ChannelsRequest, Direction, LodestoneError, ModelInfo
from engine.progress import Progress
from engine.steer.channels import channel_direction, spread
from engine.steer.latents import num_styles, resolve

probes = 16
"""Backward passes a region, to shortlist; the order of the result is measured, not estimated."""
shortlist = 3
"""Times the wanted count that are measured."""


def channels(request: ChannelsRequest, info: ModelInfo, progress: Progress) -> str:
    """Path of the JSON: directions in s, those that move much of the region and little else first.

    A channel's score is the root mean square of what one σ of it changes inside the mask, times its
    locality: the share of all its change that falls inside. Both are measured by moving it.
    """
    path = check_place(request.out)
    progress(0.0, "Opening the generator")
    source = Source(info)
    mask = _resampled(request, info, source)
    scene = Scene.of(resolve(request.request, source), source)
    sigmas = spread(source).sigma.array()
    inside = estimated(scene, mask, probes, 0, progress.part(0.05, 0.35))
    outside = estimated(scene, 1.0 - mask, probes, 1, progress.part(0.4, 0.35))
    guess = _score(sigmas**2 * inside, sigmas**2 * outside)
    count = min(max(request.count, 1), num_styles(info))
    best = np.argsort(-guess)[: shortlist * count]
    moving = changes(scene, best, sigmas[best], progress.part(0.75, 0.25))
    told = [_facts(change, mask) for change in moving]
    order = np.argsort([-one["score"] for one in told])[:count]
    found = [_direction(info, int(best[i]), float(sigmas[best[i]]), told[i]) for i in order]
    write_directions(path, tuple(found))
    progress(1.0, f"{len(found)} channels move it")
    return str(path)


def _resampled(request: ChannelsRequest, info: ModelInfo, source: Source) -> Tensor:
    """The mask at the picture's size, (R, R), 0..1."""
    mask = request.mask.array()
    if mask.ndim != 2 or not mask.size:
        raise LodestoneError("The brushed region is not a picture. Brush it again.")
    if not np.isfinite(mask).all() or mask.max() <= 0.0:
        raise LodestoneError("Nothing is brushed. Brush what should move.")
    tensor = source.tensor(mask.clip(0.0, 1.0))[None, None]
    size = (info.resolution, info.resolution)
    if min(mask.shape) > info.resolution:
        resized = nn.functional.adaptive_avg_pool2d(tensor, size)
    else:
        resized = nn.functional.interpolate(tensor, size, mode="bilinear", align_corners=False)
    return resized[0, 0]


def _score(inside: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """Strength times locality, of energies."""
    return np.sqrt(inside) * inside / np.maximum(inside + outside, 1e-30)


def _facts(change: Tensor, mask: Tensor) -> dict[str, float]:
    """Of squared change (R, R): root mean square inside and outside in levels of 255."""
    within, without = float((change * mask).sum()), float((change * (1.0 - mask)).sum())
    area, rest = float(mask.sum()), float((1.0 - mask).sum())
    inside = 127.5 * (within / max(area, 1e-9)) ** 0.5
    locality = within / max(within + without, 1e-30)
    return {
        "inside": inside,
        "outside": 127.5 * (without / max(rest, 1e-9)) ** 0.5,
        "locality": locality,
        "score": inside * locality,
    }


def _direction(info: ModelInfo, index: int, sigma: float, facts: dict[str, float]) -> Direction:
    made = channel_direction(info, index, sigma)
    detail: dict[str, Any] = json.loads(made.detail)
    detail |= {name: float(f"{value:.5g}") for name, value in facts.items()}
    detail["created"] = round(time.time(), 1)
    return dataclasses.replace(made, detail=json.dumps(detail))
