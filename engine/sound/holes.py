"""Holes filled from what is around them; what lies in a hole is never read. numpy only.

Several fillings are tried, of grains that continue the left border and lead to the right one; that
whose mean spectrum is closest to its surroundings is taken. Borders are faded inside the hole, with
the known sound continued by linear prediction, so that nothing outside changes.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.messages import LodestoneError, SoundRecipe
from engine.sound import joins, spectra, walks
from engine.sound.corpus import Corpus, analysed
from engine.sound.joins import Grain, Layer
from engine.sound.predict import continued, continued_back
from engine.sound.source import Sound, spans_to_samples
from engine.sound.stage import Stage, Stages
from engine.sound.walks import Choice, Manner

tries = 16
_manner = Manner(22, 60, 0, 0.0, 0.2)
"""Grains of a filling: 0.22 to 0.6 s."""
_guard = 6
"""Frames beside a hole whose windows it touches, with the context that is compared."""
_fade = 0.02
"""Seconds in which the known sound goes over into the filling."""
_toning = 1.8
"""Natural log of power by which a filling is coloured at most: 8 dB."""
_poor = 1.2
"""Distance to its surroundings above which a filling may be of any material."""
_context = 1.0
"""Seconds beside a hole that its spectrum is compared with."""


@dataclass(frozen=True, eq=False)
class _Hole:
    start: int
    end: int
    left: np.ndarray
    """(channels, n): what is known before it, up to the hole before that …"""
    right: np.ndarray
    """… and behind it."""


def fill(sound: Sound, recipe: SoundRecipe) -> Stages:
    """The whole recording with its holes filled, one after the other."""
    name, count = Path(recipe.source).name, sound.samples.shape[1]
    spans = spans_to_samples(recipe.holes, sound.rate, count, "hole", name)
    corpus = yield from analysed(sound, spans)
    usable = _material(corpus, recipe)
    if int(usable.sum()) < 2 * _manner.shortest:
        raise LodestoneError(
            f"Too little of {name} is left to fill the hole from. Make it smaller."
        )
    out = sound.samples.copy()
    for n, (a, b) in enumerate(spans):
        before = spans[n - 1][1] if n else 0
        after = spans[n + 1][0] if n + 1 < len(spans) else count
        hole = _Hole(a, b, corpus.samples[:, before:a], corpus.samples[:, b:after])
        random = np.random.default_rng((recipe.seed, n))
        made = yield from _filled(corpus, usable, hole, random, recipe.variation)
        out[:, a:b] = made + corpus.offset
        yield Stage(n + 1, len(spans), out.copy(), sound.rate)


def _material(corpus: Corpus, recipe: SoundRecipe) -> np.ndarray:
    """(T,) bool: frames that a filling may be made of."""
    usable = corpus.usable.copy()
    usable[: round(recipe.start * 100)] = False
    if recipe.end:
        usable[round(recipe.end * 100) :] = False
    return usable


def _filled(
    corpus: Corpus,
    usable: np.ndarray,
    hole: _Hole,
    random: np.random.Generator,
    variation: float,
) -> Generator[None, None, np.ndarray]:
    """(channels, n)."""
    count, fade = hole.end - hole.start, round(_fade * corpus.rate)
    if count <= 2 * fade:
        ahead, back = continued(hole.left, count), continued_back(hole.right, count)
        return joins.cross(ahead, back, 0.0)
    ahead, back = continued(hole.left, fade), continued_back(hole.right, fade)
    yield None
    wanted = _spectrum_around(corpus, hole)
    # Half of the material for each seed: answers should differ, not only in their seams.
    allowed = usable & _some(len(usable), variation, random)
    best, loss = yield from _best(corpus, allowed, hole, wanted, random)
    if best is None or loss > _poor:
        other, better = yield from _best(corpus, usable, hole, wanted, random)
        best = other if best is None or better < loss else best
    assert best is not None
    best = toned(best, wanted, corpus.rate)
    best[:, :fade] = _crossed(ahead, best[:, :fade])
    best[:, -fade:] = _crossed(best[:, -fade:], back)
    return best


def _best(
    corpus: Corpus,
    usable: np.ndarray,
    hole: _Hole,
    wanted: np.ndarray,
    random: np.random.Generator,
) -> Generator[None, None, tuple[np.ndarray | None, float]]:
    """The best of several fillings from this part of the material; None when it is too small."""
    best, least = None, np.inf
    if walks.clear(usable, 4).sum() < _manner.shortest or _longest_run(usable) < 8:
        return best, least
    for _ in range(tries):
        made, roughness = _tried(corpus, usable, hole, random)
        yield None
        gap = mean_spectrum(made, corpus.rate) - wanted
        loss = float(np.sqrt(np.mean(gap * gap))) + roughness
        if loss < least:
            best, least = made, loss
    return best, least


def toned(samples: np.ndarray, wanted: np.ndarray, rate: int) -> np.ndarray:
    """With the loudness and colour of its surroundings, within limits and smoothly."""
    gap = wanted - mean_spectrum(samples, rate)
    kernel = spectra.window(10)[1:]
    smooth = np.convolve(np.pad(gap, 4, mode="edge"), kernel / kernel.sum(), mode="valid")
    count = samples.shape[1]
    edge = min(rate // 20, count - 1)
    padded = np.pad(samples, ((0, 0), (edge, edge)), mode="reflect")
    hertz = np.linspace(0, 1, padded.shape[1] // 2 + 1)
    curve = np.interp(hertz, np.linspace(0, 1, len(smooth)), np.clip(smooth, -_toning, _toning))
    toned = np.fft.irfft(np.fft.rfft(padded, axis=1) * np.exp(curve / 2), padded.shape[1], axis=1)
    return toned[:, edge : edge + count].astype(np.float32)


def _some(count: int, variation: float, random: np.random.Generator) -> np.ndarray:
    """(count,) bool: stretches of 1.5 s, half of them left out at full variation."""
    blocks = random.random(count // 150 + 1) >= 0.5 * min(1.0, max(0.0, variation))
    return np.repeat(blocks, 150)[:count]


def _crossed(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    scale = float(np.sqrt((a * a).sum() * (b * b).sum())) + 1e-12
    return joins.cross(a, b, float((a * b).sum()) / scale)


def _tried(
    corpus: Corpus, usable: np.ndarray, hole: _Hole, random: np.random.Generator
) -> tuple[np.ndarray, float]:
    """One filling, and how rough its joins are."""
    first, last = hole.start / corpus.rate * 100, hole.end / corpus.rate * 100
    guard = [_guard if known.shape[1] else 0 for known in (hole.left, hole.right)]
    begin, end = int(first) - guard[0], int(np.ceil(last)) + guard[1]
    longest = max(6, min(_manner.longest, (end - begin) // 2, _longest_run(usable) // 2))
    manner = Manner(min(_manner.shortest, longest // 2 + 1), longest, 0, 0.0, _manner.unbroken)
    cuts = walks.borders(np.ones(end - begin, np.float32), manner, random) + begin
    choice = Choice(corpus, manner, random, usable)
    choice.surround(cuts, (begin, end), random)
    starts = choice.best(np.diff(cuts), begin if guard[0] else -1, end if guard[1] else -1)
    return _rendered(corpus, hole, cuts, starts), choice.roughness


def _longest_run(usable: np.ndarray) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], usable.astype(int), [0]])))
    return int((edges[1::2] - edges[::2]).max(initial=8))


def _rendered(corpus: Corpus, hole: _Hole, cuts: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """(channels, n): grains aligned to what is known on both sides, as far as it lies inside."""
    a, b = hole.start, hole.end
    count = b - a
    layer = Layer(corpus.samples, corpus.middle, corpus.rate, count)
    places = [a, *(corpus.at(int(cut)) for cut in cuts[1:-1]), b]
    pieces: list[Grain] = []
    for k, start in enumerate(starts):
        # The guards belong to the choice, not to the hole.
        source = corpus.at(int(start)) + places[k] - corpus.at(int(cuts[k]))
        grain = Grain(places[k] - a, places[k + 1] - places[k], source)
        left = a - layer.half if k == 0 and hole.left.shape[1] else None
        right = b + layer.half if k == len(starts) - 1 and hole.right.shape[1] else None
        before = pieces[-1] if pieces else None
        grain = layer.placed(grain, before, left, right)
        if before is not None:
            layer.join(before, grain)
        layer.add(grain, k == 0)
        pieces.append(grain)
    return layer.out


def _spectrum_around(corpus: Corpus, hole: _Hole) -> np.ndarray:
    near = round(_context * corpus.rate)
    known = [hole.left[:, -near:], hole.right[:, :near]]
    return mean_spectrum(np.concatenate(known, axis=1), corpus.rate)


def mean_spectrum(samples: np.ndarray, rate: int) -> np.ndarray:
    """(bins,): the mean log power of short frames."""
    size = 512 if rate <= 24000 else 1024
    power = spectra.power(samples.mean(0), size, size // 4)
    return np.log(np.maximum(power, 1e-8)).mean(0)
