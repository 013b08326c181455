"""A sound as material: what every hundredth of a second sounds like, and where it may be taken."""

from __future__ import annotations

import functools
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np

from engine.sound import spectra
from engine.sound.source import Sound, resampled

step = 0.01
"""Seconds between two frames."""
bands = 40
kept = 16
"""Principal components of a frame that are compared."""
loudness = 2.0
"""Weight of a frame's loudness beside that of a band."""
_floor = 1e-4
"""Power of a band below which nothing is heard: about 75 dB below the loudest."""


@dataclass(frozen=True, eq=False)
class Corpus:
    """The material of one sound, or of several behind each other."""

    samples: np.ndarray
    """(channels, N) float32 without DC."""
    middle: np.ndarray
    """(N,) float32: choices are made on it and applied to every channel."""
    rate: int
    offset: np.ndarray
    """(channels, 1) float32: the DC that was taken out."""
    frames: np.ndarray
    """(T, kept) float32: log-mel spectra in their principal components, zero mean."""
    energy: np.ndarray
    """(T,) float32: power of every frame, mean square."""
    usable: np.ndarray
    """(T,) bool: frames that hold nothing hidden."""

    @property
    def count(self) -> int:
        return len(self.frames)

    def at(self, frame: int) -> int:
        """The sample on which a frame is centred."""
        return round(frame * step * self.rate)


def analysed(sound: Sound, hidden: Sequence[tuple[int, int]] = ()) -> Generator[None, None, Corpus]:
    """`hidden`: [from, to) in samples of `sound`; silenced before anything is computed.

    The last few are kept: the next take of the same sound begins at once.
    """
    slot = _slot(sound, tuple(hidden))
    if not slot:
        slot.append((yield from _analysed(sound, hidden)))
    return slot[0]


@functools.lru_cache(maxsize=3)
def _slot(_sound: Sound, _hidden: tuple[tuple[int, int], ...]) -> list[Corpus]:
    return []


def _analysed(sound: Sound, hidden: Sequence[tuple[int, int]]) -> Generator[None, None, Corpus]:
    samples, rate = sound.samples, sound.rate
    known = np.ones(samples.shape[1], bool)
    for a, b in hidden:
        known[a:b] = False
    offset = samples[:, known].mean(1, keepdims=True) if known.any() else np.zeros((1, 1))
    samples = np.where(known, samples - offset, np.float32(0)).astype(np.float32)
    middle = (Sound(samples, rate, "").middle * known).astype(np.float32)
    yield None
    heard_rate, size, hop = (32000, 1536, 320) if rate > 24000 else (16000, 768, 160)
    heard = resampled(middle, rate, heard_rate, "LQ" if rate > heard_rate else "MQ")
    yield None
    peak = max(float(np.abs(heard).max()), 1e-6)
    bank = spectra.mel_bank(heard_rate, size, bands) / np.float32(peak * size / 768) ** 2
    mels, energies = [], []
    for part in spectra.powers(heard, size, hop):
        mels.append(part @ bank)
        energies.append(part.sum(1))
        yield None
    energy = np.concatenate(energies) * 2 / (size * float((spectra.window(size) ** 2).sum()))
    usable = _usable(len(energy), rate, size / 2 / heard_rate, hidden)
    # Loudness counts as much as several bands: a gust or a stroke must not get lost.
    loud = loudness * np.log10(energy / max(float(energy.max()), 1e-12) + 1e-7)
    heard_as = np.concatenate([np.log10(np.concatenate(mels) + _floor), loud[:, None]], axis=1)
    frames = _components(heard_as, usable)
    return Corpus(samples, middle, rate, offset, frames, energy.astype(np.float32), usable)


def _usable(count: int, rate: int, reach: float, hidden: Sequence[tuple[int, int]]) -> np.ndarray:
    """(count,) bool: frames whose window of ± `reach` seconds touches nothing hidden."""
    usable = np.ones(count, bool)
    for a, b in hidden:
        first, last = (a / rate - reach) / step, (b / rate + reach) / step
        usable[max(0, int(first)) : int(np.ceil(last)) + 1] = False
    return usable


def _components(logs: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """(T, kept): rotated onto the axes in which the sound varies most."""
    known = logs[usable] if usable.any() else logs
    mean = known.mean(0)
    _, axes = np.linalg.eigh(np.cov((known - mean).T) + 1e-9 * np.eye(logs.shape[1]))
    return ((logs - mean) @ axes[:, ::-1][:, :kept]).astype(np.float32)
