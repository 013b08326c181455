"""New takes and variations from a sound's own grains, coarse to fine, in a second. numpy only.

First a new course: stretches of about a second in another order. Then grains of a sixth of a
second that sound like it but are taken from elsewhere, joined where they correlate.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace

import numpy as np

from engine.messages import SoundRecipe
from engine.sound import joins, walks
from engine.sound.corpus import Corpus, analysed, step
from engine.sound.source import Sound
from engine.sound.stage import Stage, Stages
from engine.sound.walks import Manner

stretches = Manner(60, 140, 0)
"""Of a new course: 0.6 to 1.4 s."""
manners = (Manner(30, 60, 30, 0.4), Manner(11, 24, 20, 0.4))
"""Grains of the two levels above it."""
levels = 1 + len(manners)
_softest, _loudest = 0.7, 1.4
"""How far a grain's loudness follows that of the course."""
_previewed = 4_000_000
"""Samples above which coarse levels are not rendered: the finest is soon there."""


@dataclass(frozen=True, eq=False)
class Course:
    """What a new sound should sound like from frame to frame."""

    frames: np.ndarray
    """(n,) int: of the corpus."""
    count: int
    """Samples that are made."""
    loop: bool


def generate(sound: Sound, recipe: SoundRecipe) -> Stages:
    """A new take, or a variation that keeps the course of the source from `start_level` on."""
    corpus = yield from analysed(sound)
    random = np.random.default_rng(recipe.seed)
    varies = recipe.task == "vary"
    count = round(recipe.seconds * sound.rate) or sound.samples.shape[1]
    first = recipe.start_level if varies else 0
    if first > 0:
        count = sound.samples.shape[1]
    course = Course(_course(corpus, count, recipe, first, random), count, recipe.loop)
    shown = count * len(corpus.samples) <= _previewed
    if first == 0 and shown:
        laid = yield from _last(_stretches_laid(corpus, course))
        yield Stage(1, levels, laid + corpus.offset, sound.rate)
    if first == 0 and varies:
        first = 1
    for level in range(min(max(1, first), levels - 1), levels):
        if level < levels - 1 and not shown:
            continue
        manner = _manner(level - 1, corpus, recipe)
        laid = yield from _last(grains(corpus, course, manner, random))
        yield Stage(level + 1, levels, laid + corpus.offset, sound.rate)


def _course(
    corpus: Corpus, count: int, recipe: SoundRecipe, first: int, random: np.random.Generator
) -> np.ndarray:
    wanted = max(1, int(np.ceil(count / corpus.rate / step)))
    if first > 0:
        return np.minimum(np.arange(wanted), corpus.count - 1)
    # Less variation: longer stretches of the source stay together.
    longer = 1 / max(0.1, min(1.0, recipe.variation))
    scaled = replace(
        stretches,
        shortest=int(stretches.shortest * longer),
        longest=int(stretches.longest * longer),
    )
    return walks.walk(corpus, wanted, fitted(scaled, corpus.count), random)


def _manner(n: int, corpus: Corpus, recipe: SoundRecipe) -> Manner:
    manner = manners[n]
    if recipe.task == "vary":
        freely = max(0.0, recipe.variation)
        own, unbroken = 1.5 * freely * manner.own, freely * manner.unbroken
        manner = replace(manner, own=own, unbroken=unbroken)
    return fitted(manner, corpus.count)


def fitted(manner: Manner, total: int) -> Manner:
    """For a source of `total` frames: never longer than a third of it."""
    longest = max(4, min(manner.longest, total // 3))
    shortest = max(2, min(manner.shortest, longest // 2))
    return replace(manner, shortest=shortest, longest=longest, away=min(manner.away, total // 6))


def grains(
    corpus: Corpus, course: Course, manner: Manner, random: np.random.Generator
) -> Iterator[np.ndarray | None]:
    """(channels, count) at the end: the course in other grains."""
    cuts = walks.borders(corpus.energy[course.frames], manner, random)
    starts = yield from _last(
        walks.follow(corpus, course.frames, cuts, manner, random, course.loop)
    )
    yield from _laid(corpus, course, cuts, starts)


def _stretches_laid(corpus: Corpus, course: Course) -> Iterator[np.ndarray | None]:
    breaks = np.flatnonzero(np.diff(course.frames) != 1) + 1
    cuts = np.concatenate([[0], breaks, [len(course.frames)]])
    yield from _laid(corpus, course, cuts, course.frames[cuts[:-1]])


def _laid(
    corpus: Corpus, course: Course, cuts: np.ndarray, starts: np.ndarray
) -> Iterator[np.ndarray | None]:
    ends = [corpus.at(int(cut)) for cut in cuts[:-1]] + [course.count]
    pieces = [
        joins.Grain(a, b - a, corpus.at(int(start)), _gain(corpus, course, cuts[k : k + 2], start))
        for k, (a, b, start) in enumerate(zip(ends[:-1], ends[1:], starts, strict=True))
    ]
    return joins.lay(corpus.samples, corpus.middle, corpus.rate, pieces, course.count, course.loop)


def _gain(corpus: Corpus, course: Course, span: np.ndarray, start: int) -> float:
    """So that a grain is about as loud as what it stands for."""
    wanted = corpus.energy[course.frames[span[0] : span[1]]].mean()
    had = corpus.energy[start : start + span[1] - span[0]].mean()
    return float(np.clip(np.sqrt((wanted + 1e-12) / (had + 1e-12)), _softest, _loudest))


def _last(work: Iterator[np.ndarray | None]) -> Generator[None, None, np.ndarray]:
    """Pass the pauses on, return what comes at the end."""
    made = None
    for made in work:
        if made is None:
            yield None
    assert made is not None
    return made
