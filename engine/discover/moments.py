"""How much a small step in w changes each layer and the picture, whichever way it goes.

M = mean over latents of DᵀD / numbers, where column i of D is the change that a step along axis i
of w makes, divided by the step: a step `a` along the unit direction d then changes an output by
a² dᵀMd (mean square), to second order. Steps are finite (half of w's spread), one for each axis:
a third of the time of exact derivatives and closer to what a slider does. Imports torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.discover.kept import Store
from engine.discover.source import Source
from engine.progress import Progress

widest = 8192
"""Numbers looked at of an output; of larger ones every k-th position, the same for all."""
together = 16
"""Pictures drawn at once."""
step = 0.5
"""In standard deviations of w, mean over its axes."""


@dataclass(frozen=True)
class Space:
    """Where directions are sought."""

    spread: float
    """Standard deviation of w within a class, root mean square over its axes."""
    layers: tuple[int, int] | None
    """w+ rows that move."""


def spread_of(source: Source, count: int = 1000) -> float:
    drawn = source.latents(0, 0, count)
    w = drawn.w[:, : source.free].astype(np.float64)
    centred = np.concatenate(
        [w[drawn.turn == g] - w[drawn.turn == g].mean(axis=0) for g in np.unique(drawn.turn)]
    )
    return float(np.sqrt((centred**2).mean()))


def latents_for(source: Source) -> int:
    """How many latents to average over: at least four; five hundred pictures in all, or more."""
    return int(np.clip(512 // source.free, 4, 8))


def measure(
    source: Source,
    names: Sequence[str],
    space: Space,
    seed: int,
    kept: Store,
    progress: Progress,
    count: int,
    picture: bool = True,
) -> dict[str, np.ndarray]:
    """Layer name -> M (free, free) float64; the picture's under the name ``.

    Goes on from what is kept; afterwards it is kept in full.
    """
    known = kept.load()
    done = int(known.get("measured", 0))
    sums = {n: known[f"moment {n}"] for n in (*names, "") if f"moment {n}" in known}
    for index in range(done, count):
        part = progress.part(index / count, 1.0 / count)
        for name, moment in _of_one(source, names, space, (seed, index), part, picture).items():
            sums[name] = sums.get(name, 0.0) + moment / count
        kept.save({**{f"moment {n}": m for n, m in sums.items()}, "measured": np.array(index + 1)})
    return sums


def _of_one(
    source: Source,
    names: Sequence[str],
    space: Space,
    place: tuple[int, int],
    progress: Progress,
    picture: bool,
) -> dict[str, np.ndarray]:
    drawn = source.latents(place[0], 1 + place[1], source.groups)
    # One class each time; `latents` lets them take turns within a chunk.
    w = source.tensor(drawn.truncated(source.truncation)[place[1] % source.groups][None])
    length = step * space.spread
    mask = source.row_mask(space.layers)
    with torch.inference_mode():
        ws = source.rows(w)
        start = {name: thinned(x) for name, x in source.read(ws, names, picture).items()}
        changes: dict[str, list[Tensor]] = {name: [] for name in start}
        for first in range(0, source.free, together):
            progress(first / source.free, "Feeling every axis of w")
            axes = torch.eye(source.info.w_dim, device=source.device)
            axes = axes[first : min(first + together, source.free)]
            moved = source.read(ws + mask * (length * axes)[:, None], names, picture)
            for name, x in moved.items():
                changes[name].append((thinned(x) - start[name]) / length)
        return {name: _moment(torch.cat(rows)) for name, rows in changes.items()}


def _moment(changes: Tensor) -> np.ndarray:
    """(D, numbers) -> (D, D)."""
    wide = changes.double()
    return (wide @ wide.T / wide.shape[1]).cpu().numpy()


def thinned(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, up to `widest` numbers): every k-th position, all channels."""
    stride = 1
    while x.shape[1] * -(-x.shape[2] // stride) * -(-x.shape[3] // stride) > widest:
        stride += 1
    return x[:, :, ::stride, ::stride].flatten(1)
