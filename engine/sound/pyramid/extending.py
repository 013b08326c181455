"""A wider band for an old recording, from a pyramid trained on others of the same source.

The band that is there is kept (stitched in the spectrum); above it the pyramid's upper levels draw
what goes with it. Their course above the band comes from the nearest moments of the recordings that
were learnt from, matched by the bands below. numpy only.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import numpy as np

from engine.messages import LodestoneError, SoundRecipe, SoundReply, Vector
from engine.sound.pyramid import drawing
from engine.sound.pyramid.bands import FRAMES, band_edges
from engine.sound.pyramid.drawing import Scene
from engine.sound.pyramid.heard import heard
from engine.sound.pyramid.material import cut_length, left_right, middle_side
from engine.sound.pyramid.opened import Pyramid
from engine.sound.source import Sound, check_audible, read_sound, resampled

NEAREST = 4
"""Moments whose courses are averaged."""
STITCH = 0.03
"""Of the band: how wide the seam between what was there and what is new is."""
HELD = 0.45
"""Amplitude, as a share, of the frequencies that hold most of what is new: energy that lies
elsewhere than in the truth counts as an error twice, and there is no telling where it lay."""
MOST = 0.95
"""Share of the new energy that those hold."""


def extend(pyramid: Pyramid, recipe: SoundRecipe) -> Generator[SoundReply | None, None, SoundReply]:
    """The recording at the wanted rate, with an upper band."""
    sound = read_sound(recipe.source, recipe.start, recipe.end)
    check_audible(sound, Path(recipe.source).name)
    rate = recipe.rate or max(pyramid.rate, sound.rate)
    band = band_of(sound)
    if band >= 0.48 * pyramid.rate:
        raise LodestoneError(
            f"{Path(recipe.source).name} already reaches {band / 1000:.1f} kHz, as far as this "
            "pyramid. Train one at a higher rate."
        )
    wide = resampled(sound.samples, sound.rate, pyramid.rate)
    offset = wide.mean(axis=1, keepdims=True)
    peak = float(np.abs(wide - offset).max()) or 1.0
    x = _shaped(pyramid, (wide - offset) / np.float32(peak))
    found = heard(pyramid, x, np.ones(x.shape[1], bool))
    yield None
    told = _wider_course(pyramid, found.course, band, len(wide) == 2)
    frames = x.shape[1] // (pyramid.rate // FRAMES)
    # The highest level of samples that the recording fills.
    start = max(0, int(np.floor(np.log2(max(band * 2.05, 2000) / 2000))))
    base = len(pyramid.shares)
    shares = np.zeros((pyramid.sounds, 2), np.float32)
    shares[0] = 1.0
    scene = Scene(frames, recipe.seed, shares, start=base + start + 1)
    made = x
    for drawn in drawing.samples(pyramid, scene, told, found.waves[start]):
        yield None
        if drawn is not None:
            made = drawn[2]
    new = made[:1] if len(wide) == 1 else left_right(made)
    new = np.repeat(new, len(wide), axis=0) if len(new) < len(wide) else new
    new = new * np.float32(peak)
    count = round(sound.seconds * rate)
    out = _stitched(
        resampled(wide, pyramid.rate, rate), resampled(new, pyramid.rate, rate), rate, band
    )
    out = np.pad(out, ((0, 0), (0, max(0, count - out.shape[1]))), mode="edge")[:, :count]
    return SoundReply(Vector.of(out), rate, pyramid.levels, pyramid.levels, "pyramid", sound.note)


def band_of(sound: Sound) -> float:
    """Hz up to which a recording reaches: above it less than -70 dB of its strongest lies."""
    x = sound.middle
    size = min(4096, 1 << int(np.log2(max(64, len(x)))))
    rows = [x[i : i + size] for i in range(0, max(1, len(x) - size + 1), size)]
    window = np.hanning(size)
    power = np.mean([np.abs(np.fft.rfft(window[: len(r)] * r, size)) ** 2 for r in rows], axis=0)
    loud = np.flatnonzero(power > power.max() * 1e-7)
    return float((loud[-1] + 1) * sound.rate / size) if len(loud) else sound.rate / 2


def _shaped(pyramid: Pyramid, samples: np.ndarray) -> np.ndarray:
    """(channels of the pyramid, whole frames)."""
    x = middle_side(samples)
    if len(x) < pyramid.channels:
        x = np.concatenate([x, np.zeros_like(x)])
    x = x[: pyramid.channels]
    count = cut_length(x.shape[1], pyramid.rate)
    return np.pad(x, ((0, 0), (0, max(0, count - x.shape[1]))))[:, :count]


def _wider_course(pyramid: Pyramid, course: np.ndarray, band: float, stereo: bool) -> np.ndarray:
    """The course with the bands above `band` from the nearest moments that were learnt from."""
    bands = len(course) // pyramid.channels
    middle = band_edges(pyramid.rate, bands)[2:] <= band
    # A side that the recording does not have is made up like the bands it does not have.
    sides = np.tile(middle & stereo, pyramid.channels - 1)
    below = np.concatenate([middle, sides])
    if not middle.any():
        return course
    there = np.concatenate(pyramid.material.courses, axis=1)
    wanted, keys = course[:bands][middle], there[:bands][middle]
    level, own = wanted.mean(axis=0), keys.mean(axis=0)
    a, b = _told(wanted, level), _told(keys, own)
    out = course.copy()
    for start in range(0, a.shape[1], 2000):
        part = a[:, start : start + 2000]
        distance = (b * b).sum(axis=0) - 2 * part.T @ b
        near = min(NEAREST, b.shape[1])
        best = np.argpartition(distance, near - 1, axis=1)[:, :near]
        made = there[~below][:, best].mean(axis=2)
        # As much louder or softer as the bands below are.
        gap = level[start : start + 2000] - own[best].mean(axis=1)
        out[~below, start : start + 2000] = made + 0.7 * gap
    return out


def _told(rows: np.ndarray, level: np.ndarray) -> np.ndarray:
    """(D, T): the shape of a moment and its neighbours', and how loud it is."""
    shape = rows - level
    change = np.gradient(rows, axis=1) if rows.shape[1] > 1 else np.zeros_like(rows)
    return np.concatenate([shape, 0.7 * change, 0.5 * np.sqrt(len(rows)) * level[None]])


def _stitched(own: np.ndarray, new: np.ndarray, rate: int, band: float) -> np.ndarray:
    """(channels, N): below `band` what was there, above it what is new."""
    count = min(own.shape[1], new.shape[1])
    hertz = np.fft.rfftfreq(count, 1 / rate)
    low, high = band * (1 - STITCH), band
    keep = np.clip((high - hertz) / (high - low), 0, 1).astype(np.float32)
    whole = np.fft.rfft(own[:, :count], axis=1) * keep
    made = np.fft.rfft(new[:, :count], axis=1) * (1 - keep)
    whole += made * _held(made, count / rate)
    return np.fft.irfft(whole, count, axis=1).astype(np.float32)


def _held(spectrum: np.ndarray, seconds: float) -> np.ndarray:
    """(bins,) gain: the loudest frequencies are held back."""
    power = (np.abs(spectrum) ** 2).mean(axis=0)
    width = max(1, round(100 * seconds))
    power = np.convolve(power, np.full(width, 1 / width), mode="same")
    loud = np.sort(power)[::-1]
    total = np.cumsum(loud)
    least = loud[min(len(loud) - 1, int(np.searchsorted(total, MOST * total[-1])))]
    softer = np.clip(least / np.maximum(power, 1e-20), 0, 1) ** 2
    return (HELD + (1 - HELD) * softer).astype(np.float32)
