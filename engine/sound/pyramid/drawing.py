"""One take from an open pyramid: its course, then its samples, level by level. numpy only."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

import numpy as np

from engine.sound.pyramid.bands import FRAMES, doubled, stretched
from engine.sound.pyramid.material import known_at
from engine.sound.pyramid.opened import Pyramid
from engine.sound.pyramid.snap import as_often, snapped, spread_distance

DRAFTS = 16
"""Coarsest courses of which the best is taken."""
Paste = Callable[[int, np.ndarray], np.ndarray]
"""(rate, samples (channels, N)) -> samples with what is known put back."""
Drawn = tuple[int, int, np.ndarray, int]
"""(level, levels, samples (channels, N), their rate); the last has level == levels."""


@dataclass(frozen=True, eq=False)
class Scene:
    """What decides one take."""

    frames: int
    """Length: 500 a second."""
    seed: int
    identity: np.ndarray
    """(K, n) shares of the sources over time, that sum to 1; any n."""
    wrap: bool = False
    start: int = 0
    """First level that is new; those below are the source's own."""
    variation: float = 1.0
    """0..1: how far the coarsest noise moves away from the source's own."""
    which: int = 0
    """The source that levels below `start` come from."""
    own: bool = False
    """As long as the source: it begins and ends like it."""


def random_of(scene: Scene, level: int, more: int = 0) -> np.random.Generator:
    return np.random.default_rng((scene.seed & 0xFFFFFFFF, level, more))


def who(pyramid: Pyramid, scene: Scene, frames: int) -> np.ndarray | None:
    """(K, frames), or None for one sound."""
    return stretched(scene.identity, frames, scene.wrap) if pyramid.sounds > 1 else None


# ---------------------------------------------------------------- course


def course(pyramid: Pyramid, scene: Scene) -> Generator[None, None, np.ndarray]:
    """(C, T) of the finest level of the course."""
    if scene.start >= len(pyramid.shares) or not pyramid.courses:
        return pyramid.material.courses[scene.which]
    made: np.ndarray | None = None
    for index in range(scene.start, pyramid.courses):
        count = pyramid.course_frames(scene.frames, index)
        if index == 0:
            made = yield from coarsest(pyramid, scene, count)
            made = _usual(pyramid, scene, index, made)
            continue
        before = made if made is not None else pyramid.coarse(index - 1)[scene.which]
        noise = random_of(scene, index).standard_normal((len(before), count), dtype=np.float32)
        below = stretched(before, count, scene.wrap)
        made = pyramid.course(index, below, noise, who(pyramid, scene, count), scene.wrap)
        made = _usual(pyramid, scene, index, made)
        yield None
    assert made is not None
    return made


def _usual(pyramid: Pyramid, scene: Scene, index: int, made: np.ndarray) -> np.ndarray:
    """A take of one sound is as often loud as that sound; a mixture of sounds is what it is."""
    if scene.identity[scene.which].min() < 1.0:
        return made
    source = pyramid.coarse(index)[scene.which]
    known = known_at(pyramid.material.known[scene.which], source.shape[1])
    return as_often(made, source[:, known] if known.any() else source)


def coarsest(pyramid: Pyramid, scene: Scene, count: int) -> Generator[None, None, np.ndarray]:
    """(C, count): the best of several drafts."""
    sources = pyramid.coarse(0)
    identity = who(pyramid, scene, count)
    goal = sources[scene.which]
    best, least = None, np.inf
    free = scene.variation >= 1.0
    for number in range(DRAFTS if free else 1):
        one = draft(pyramid, scene, count, number)
        drawn = blended(one, sources, identity, scene.wrap)
        distance = spread_distance(drawn, goal) if pyramid.sounds == 1 else float(number > 0)
        if distance < least:
            best, least = drawn, distance
        yield None
    assert best is not None
    return best


def draft(pyramid: Pyramid, scene: Scene, count: int, number: int) -> np.ndarray:
    """(C, count), as the network invents it."""
    channels = len(pyramid.material.mean)
    noise = random_of(scene, 0, number).standard_normal((channels, count), dtype=np.float32)
    share = np.float32(min(max(scene.variation, 0.0), 1.0))
    latent = pyramid.latents[scene.which]
    own = latent[:, np.arange(count) * latent.shape[1] // count]
    # The deviation stays 1 on the way from the source's own noise to another.
    noise = share * noise + np.sqrt(1 - share * share) * own
    below = np.zeros((channels, count), np.float32)
    return pyramid.course(0, below, noise, who(pyramid, scene, count), scene.wrap)


def blended(
    draft: np.ndarray, sources: list[np.ndarray], identity: np.ndarray | None, wrap: bool
) -> np.ndarray:
    """The draft drawn to the sources' patches, each as far as it has a share."""
    if identity is None:
        return snapped(draft, sources, wrap)
    made = np.zeros_like(draft)
    for share, source in zip(identity, sources, strict=True):
        if share.any():
            made += share * snapped(draft, [source], wrap)
    return made


# ---------------------------------------------------------------- samples


def samples(
    pyramid: Pyramid, scene: Scene, told: np.ndarray, below: np.ndarray | None = None,
    paste: Paste | None = None,
) -> Generator[Drawn | None, None, None]:  # fmt: skip
    """Every level of samples from the course `told` (C, T), normalised as in training.

    below: what the first new level stands on, at the rate below it; None = from the beginning
    """
    base = len(pyramid.shares)
    first = min(max(scene.start, base), pyramid.levels - 1)
    if below is None and first > base:
        below = pyramid.material.waves[scene.which][first - base - 1]
    for index in range(first, pyramid.levels):
        rate = pyramid.rates[index - base]
        hop = rate // FRAMES
        shape = (pyramid.channels, scene.frames * hop)
        under = np.zeros(shape, np.float32) if below is None else doubled(below, scene.wrap)
        identity = who(pyramid, scene, max(1, scene.frames // 4))
        below = yield from pyramid.samples(
            rate, under, told, random_of(scene, index), identity, scene.wrap
        )
        if paste is not None:
            below = paste(rate, below)
        yield index + 1, pyramid.levels, below, rate
