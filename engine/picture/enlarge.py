"""Enlarging a picture by its own patches. numpy only.

Small steps (Freedman & Fattal 2011, Image and video upscaling from local self-examples): at each
one the picture is resized, which leaves it a little soft; every patch looks for its like near the
same place in the input made as soft, and what that input lost there, its fine frequencies, is
laid on. As in Glasner et al. 2009 the examples are the input's own, and after every step the
picture is corrected until shrinking it gives the input back (back-projection).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engine.messages import LodestoneError
from engine.picture.nearest import Axes, Match, describe, fit_axes, gather, side
from engine.picture.plan import Stage, Work, padded
from engine.picture.source import resized

step = 2 ** (1 / 3)
"""How much it grows at once, at most."""
dimensions = 16
"""Principal axes in which patches are compared."""
reach = 16
"""Pixels around the same place in which a like is looked for at random, in shrinking windows."""
falloff = 0.5
"""A patch's middle has more say than its rim: the mean of shifted edges is a soft edge."""
doubt = 0.03
"""Mean squared difference of two patches at which half of the fine frequencies are laid on."""
corrections = 3
"""Rounds of back-projection after every step."""
tile = 112
"""Pixels of a square's side that is made at once, between two places to pause."""
most = 8.0
"""Times larger."""
longest_made = 5120
"""Pixels of the longest side that is made: a square one takes about 2 GB while it is made."""


@dataclass(frozen=True, eq=False)
class _Examples:
    """Pairs of soft and fine at the input's own size."""

    soft: np.ndarray
    """(H, W, 3): what the input looks like after shrinking and growing by one step."""
    fine: np.ndarray
    """(H, W, 3): what it lost."""
    axes: Axes


def longest_input(longest: int, scale: float) -> int:
    """Longest side at which a picture is read before it is enlarged.

    Nobody shrinks a picture in order to enlarge it: up to 1,024 pixels are always kept.
    """
    return max(8, min(max(longest, 1024), int(longest_made / scale)))


def check_scale(scale: float) -> None:
    if not 1 < scale <= most:
        raise LodestoneError("Pictures are enlarged above 1 to 8 times. Choose a scale such as 2.")


def enlarged(source: np.ndarray, scale: float, seed: int) -> Work:
    """(H, W, 3) `scale` times larger, a stage for every step; seeds differ by a hair only."""
    check_scale(scale)
    base = padded(source)
    steps = max(1, math.ceil(math.log(scale) / math.log(step) - 1e-6))
    examples = _examples(base, scale ** (1 / steps))
    picture = base
    for i in range(1, steps + 1):
        picture = resized(picture, *_times(base, scale ** (i / steps)))
        fine = np.empty_like(picture)
        for place in _tiles(picture):
            random = np.random.default_rng((seed, i, *place))
            _lay(fine, place, picture, examples, random)
            yield Stage(i - 1, steps, None)
        picture = picture + fine
        for _ in range(corrections):
            gap = base - resized(picture, *base.shape[:2])
            picture = picture + resized(gap, *picture.shape[:2])
            yield Stage(i - 1, steps, None)
        yield Stage(i, steps, _shown(picture, source, scale ** (i / steps)))
    return _shown(picture, source, scale)


def _shown(picture: np.ndarray, source: np.ndarray, scale: float) -> np.ndarray:
    """Without what was reflected beside a tiny source."""
    height, width = _times(source, scale)
    return np.clip(picture[:height, :width], -1, 1)


def _times(picture: np.ndarray, scale: float) -> tuple[int, int]:
    return max(1, round(picture.shape[0] * scale)), max(1, round(picture.shape[1] * scale))


def _examples(base: np.ndarray, growth: float) -> _Examples:
    soft = resized(resized(base, *_times(base, 1 / growth)), *base.shape[:2])
    return _Examples(soft, base - soft, fit_axes(soft, dimensions))


def _tiles(picture: np.ndarray) -> list[tuple[int, int]]:
    """Top left corners."""
    height, width = picture.shape[:2]
    return [(y, x) for y in range(0, height, tile) for x in range(0, width, tile)]


def _lay(
    fine: np.ndarray,
    place: tuple[int, int],
    picture: np.ndarray,
    examples: _Examples,
    random: np.random.Generator,
) -> None:
    """Write one tile of the fine frequencies that the soft (h, w, 3) lacks."""
    spans = [_span(place[i], picture.shape[i], examples.soft.shape[i]) for i in (0, 1)]
    (y, x), (v, u) = (slice(*s.made) for s in spans), (slice(*s.known) for s in spans)
    keys = describe(examples.soft[v, u], examples.axes)
    match = Match(
        describe(picture[y, x], examples.axes),
        keys,
        np.stack(np.meshgrid(spans[0].begin, spans[1].begin, indexing="ij"), -1),
    )
    for _ in match.improve(random, reach, (2, 1)):
        pass
    laid = gather(examples.fine[v, u], match.field, wrap=False, falloff=falloff)
    gap = np.pad(match.cost / (side * side * 3), side // 2, mode="edge")[..., None]
    laid /= 1 + gap / doubt
    own = [slice(place[i] - spans[i].made[0], place[i] - spans[i].made[0] + tile) for i in (0, 1)]
    part = laid[own[0], own[1]]
    fine[place[0] : place[0] + tile, place[1] : place[1] + tile] = part


@dataclass(frozen=True, eq=False)
class _Span:
    """One axis of a tile."""

    made: tuple[int, int]
    """Pixels of the picture whose patches reach into the tile."""
    known: tuple[int, int]
    """Pixels of the examples around the same place."""
    begin: np.ndarray
    """Which patch of `known` lies at the same place as each of the picture's."""


def _span(start: int, size: int, source: int) -> _Span:
    first, last = max(0, start - side + 1), min(size, start + tile + side - 1)
    first = min(first, last - side)
    scale = (source - side) / max(1, size - side)
    same = np.rint(np.arange(first, last - side + 1) * scale).astype(int)
    low = max(0, int(same[0]) - reach)
    high = min(source, int(same[-1]) + side + reach)
    return _Span((first, last), (low, high), same - low)
