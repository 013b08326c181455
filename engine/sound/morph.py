"""From one sound into another along a curve: colour and loudness between them, both textures.

New takes of both are made; in every frame their spectral envelopes are interpolated geometrically,
their fine structures at constant power. At 0 and 1 a take remains as it is. numpy only.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.messages import SoundRecipe
from engine.sound import grains, spectra, takes
from engine.sound.source import Sound, check_audible, read_sound, resampled
from engine.sound.stage import Stage, Stages

_bands = 48
_chunk = 128
"""Frames that are worked on at a time."""


def morph(sound: Sound, recipe: SoundRecipe) -> Stages:
    """`others[0]` is B; its rate and channels become A's, or A's channels become as many."""
    seconds = recipe.seconds or sound.seconds
    other = read_sound(recipe.others[0])
    check_audible(other, Path(recipe.others[0]).name)
    if other.rate != sound.rate:
        made = resampled(other.samples, other.rate, sound.rate)
        other = Sound(made, sound.rate, other.sha256, other.note)
    yield None
    count, rate = round(seconds * sound.rate), sound.rate
    first = yield from _take(sound, replace(recipe, task="sample", seconds=seconds))
    yield Stage(1, 3, first, rate)
    # Another stream of random numbers: two alike sounds should not move alike.
    seed = recipe.seed + 1_000_003
    second = yield from _take(other, replace(recipe, task="sample", seconds=seconds, seed=seed))
    yield Stage(2, 3, second, rate)
    channels = max(len(first), len(second))
    pair = [np.broadcast_to(x, (channels, count)) for x in (first, second)]
    out = yield from _between(pair, rate, recipe, seconds)
    note = "Only the first of the other sounds was used." if len(recipe.others) > 1 else ""
    yield Stage(3, 3, out, rate, " ".join(filter(None, (other.note, note))))


def _take(sound: Sound, recipe: SoundRecipe) -> Generator[None, None, np.ndarray]:
    work = (takes if takes.is_single(sound) else grains).generate(sound, recipe)
    last = None
    for stage in work:
        if stage is None:
            yield None
        else:
            last = stage
    assert last is not None
    return last.samples


def shares(recipe: SoundRecipe, times: np.ndarray, seconds: float) -> np.ndarray:
    """How much of B there is at these seconds, 0..1."""
    curve = recipe.curve or ((0.0, 0.0), (seconds, 1.0))
    at, share = zip(*curve, strict=True)
    return np.clip(np.interp(times, at, share), 0, 1)


def _between(
    pair: list[np.ndarray], rate: int, recipe: SoundRecipe, seconds: float
) -> Generator[None, None, np.ndarray]:
    count = pair[0].shape[1]
    size = int(2 ** np.round(np.log2(rate * 0.046)))
    hop = size // 4
    # A loop is transformed round its end, so that the seam stays one.
    round_ = size if recipe.loop else 0
    out = []
    for a, b in zip(*pair, strict=True):
        x, y = (spectra.stft(np.pad(one, round_, mode="wrap"), size, hop) for one in (a, b))
        yield None
        times = (np.arange(len(x)) * hop - round_) / rate
        share = shares(recipe, times % seconds if recipe.loop else times, seconds)[:, None]
        mixed = []
        for part in _mixed(x, y, share, spectra.mel_bank(rate, size, _bands, 20.0)):
            mixed.append(part)
            yield None
        made = spectra.istft(np.concatenate(mixed), size, hop, count + 2 * round_)
        out.append(made[round_ : round_ + count])
        yield None
    return np.stack(out)


def _mixed(
    x: np.ndarray, y: np.ndarray, share: np.ndarray, bank: np.ndarray
) -> Iterator[np.ndarray]:
    for i in range(0, len(x), _chunk):
        a, b, s = x[i : i + _chunk], y[i : i + _chunk], share[i : i + _chunk]
        first, second = _envelope(a, bank), _envelope(b, bank)
        gap = s * (second - first)
        angle = s * (np.pi / 2)
        yield a * (np.exp(gap) * np.cos(angle)) + b * (
            np.exp(gap - (second - first)) * np.sin(angle)
        )


def _envelope(spectrum: np.ndarray, bank: np.ndarray) -> np.ndarray:
    """(T, bins): the log magnitude of the spectral envelope."""
    sums = np.maximum(bank.sum(0), 1e-9)
    means = (np.abs(spectrum) ** 2) @ bank / sums
    centres = (np.arange(len(bank)) @ bank) / sums
    logs = 0.5 * np.log(means + 1e-7)
    places = np.clip(np.searchsorted(centres, np.arange(len(bank))), 1, len(centres) - 1)
    left, right = centres[places - 1], centres[places]
    share = np.clip((np.arange(len(bank)) - left) / np.maximum(right - left, 1e-6), 0, 1)
    return logs[:, places - 1] * (1 - share) + logs[:, places] * share
