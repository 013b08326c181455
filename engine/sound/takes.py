"""New takes of a single event: a slam, a step, a stroke. numpy only.

As a performer would repeat it: another pitch and pace, another colour, other proportions of its
layers, and a tail made of other grains. The attack stays in one piece.
"""

from __future__ import annotations

import numpy as np

from engine.messages import SoundRecipe
from engine.sound import joins
from engine.sound.corpus import Corpus, analysed, step
from engine.sound.source import Sound, resampled
from engine.sound.stage import Stage, Stages

always_below = 0.8
"""Seconds: what is shorter has no course that could be rearranged."""
never_above = 3.0
_attack = 0.06
"""Seconds after the onset that stay as they are."""
_semitones, _decibels, _slope = 0.9, 3.0, 4.0
"""Largest change of pitch, of a band, and of the tail's end in dB."""
_note = "It is one event, or as short as one: each take repeats it in another way."


def is_single(sound: Sound) -> bool:
    """One attack that dies away, rather than a texture or a phrase."""
    if sound.seconds < always_below:
        return True
    if sound.seconds > never_above:
        return False
    hop = max(1, round(step * sound.rate))
    middle = sound.middle
    rows = middle[: len(middle) // hop * hop].reshape(-1, hop)
    level = 10 * np.log10((rows * rows).mean(1) + 1e-12)
    level -= level.max()
    rises = (level[3:] - level[:-3] > 9) & (level[3:] > -24)
    onsets = int((np.diff(np.flatnonzero(rises)) > 8).sum()) + 1 if rises.any() else 0
    return onsets <= 1 and float(level[-len(level) // 4 :].mean()) < -15


def generate(sound: Sound, recipe: SoundRecipe) -> Stages:
    """One take, or as many behind each other as fill a longer time."""
    corpus = yield from analysed(sound)
    random = np.random.default_rng(recipe.seed)
    length = corpus.samples.shape[1]
    count = round(recipe.seconds * sound.rate) or length
    out = np.zeros((len(corpus.samples), count), np.float32)
    at = 0
    while at < count:
        take = _take(corpus, random, recipe.variation)
        yield None
        ahead = min(take.shape[1], count - at)
        out[:, at : at + ahead] += take[:, :ahead]
        if recipe.loop and ahead < take.shape[1]:
            rest = min(take.shape[1] - ahead, count)
            out[:, :rest] += take[:, ahead : ahead + rest]
        at += round(length * random.uniform(0.95, 1.5))
        if count - at < length // 2:
            break
    if not recipe.loop:
        _ended(out, sound.rate)
    yield Stage(1, 1, out + corpus.offset, sound.rate, _note)


def _take(corpus: Corpus, random: np.random.Generator, variation: float) -> np.ndarray:
    amount = min(1.0, max(0.0, variation))
    made = _retailed(corpus, random, amount)
    semitones = amount * random.uniform(-_semitones, _semitones)
    # As if the recording ran faster or slower: pitch, pace and the size of the thing in one.
    ratio = 2 ** (-semitones / 12)
    other = max(1000, round(corpus.rate * ratio))
    made = _fitted(resampled(made, corpus.rate, other), made.shape[1])
    made = _coloured(made, corpus.rate, random, amount)
    onset = _onset(corpus)
    fall = np.zeros(made.shape[1], np.float32)
    fall[onset:] = np.linspace(0, amount * random.uniform(-_slope, _slope), len(fall[onset:]))
    made = made * 10 ** (fall / 20)
    loudness = float(np.sqrt(np.mean(corpus.samples**2) / max(float(np.mean(made**2)), 1e-12)))
    return made * np.float32(loudness * 10 ** (amount * random.uniform(-1, 1) / 20))


def _onset(corpus: Corpus) -> int:
    """The sample after which the attack is over."""
    return min(
        corpus.at(int(np.argmax(corpus.energy))) + round(_attack * corpus.rate),
        corpus.samples.shape[1],
    )


def _retailed(corpus: Corpus, random: np.random.Generator, amount: float) -> np.ndarray:
    """What follows the attack, of grains from a little before or after."""
    count, rate = corpus.samples.shape[1], corpus.rate
    at = _onset(corpus)
    pieces = [joins.Grain(0, at, 0)] if at else []
    pace = 2 ** (amount * random.uniform(-0.25, 0.25))
    while at < count:
        size = min(round(random.uniform(0.05, 0.11) * rate), count - at)
        if count - at - size < 0.05 * rate:
            size = count - at
        away = _onset(corpus) + (at - _onset(corpus)) * pace
        away += amount * random.uniform(-0.02, 0.02) * rate
        source = int(np.clip(away, min(_onset(corpus), count - size), max(count - size, 0)))
        gain = _level(corpus, at, size) / _level(corpus, source, size)
        pieces.append(joins.Grain(at, size, source, float(np.clip(gain, 0.25, 2.0))))
        at += size
    made = list(joins.lay(corpus.samples, corpus.middle, rate, pieces, count))[-1]
    assert made is not None
    return made


def _level(corpus: Corpus, start: int, count: int) -> float:
    part = corpus.middle[start : start + count]
    return float(np.sqrt(np.mean(part * part) + 1e-12))


def _coloured(
    samples: np.ndarray, rate: int, random: np.random.Generator, amount: float
) -> np.ndarray:
    """Every third of the spectrum's octaves a little louder or softer, smoothly."""
    count = samples.shape[1]
    size = 1 << int(np.ceil(np.log2(count + rate // 20)))
    hertz = np.fft.rfftfreq(size, 1 / rate)
    octaves = np.log2(np.maximum(hertz, 20) / 20)
    knots = np.arange(0, octaves[-1] + 1.5, 1.2)
    curve = np.interp(octaves, knots, amount * random.uniform(-_decibels, _decibels, len(knots)))
    spectrum = np.fft.rfft(samples, size, axis=1) * 10 ** (curve / 20)
    return np.fft.irfft(spectrum, size, axis=1)[:, :count].astype(np.float32)


def _fitted(samples: np.ndarray, count: int) -> np.ndarray:
    short = count - samples.shape[1]
    return np.pad(samples, ((0, 0), (0, short))) if short > 0 else samples[:, :count]


def _ended(samples: np.ndarray, rate: int) -> None:
    """The last hundredth of a second falls to silence: no click where it is cut."""
    size = min(rate // 100, samples.shape[1])
    if size:
        samples[:, -size:] *= np.cos(np.linspace(0, np.pi / 2, size, dtype=np.float32))
