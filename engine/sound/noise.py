"""Steady noise taken out of a recording. numpy only.

Log-spectral amplitude estimation (Ephraim & Malah 1985) with their decision-directed a priori SNR
(1984). The noise is learnt where only it is heard, or as what every band falls back to (after the
minimum statistics of Martin 2001). One gain for all channels, so that nothing moves in the room.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from engine.messages import LodestoneError, SoundRecipe
from engine.sound import spectra
from engine.sound.source import Sound, spans_to_samples
from engine.sound.stage import Stage, Stages

_trust = 0.97
"""Weight of the last frame in the a priori SNR: the more, the fewer musical tones."""
_least = 10 ** (-25 / 10)
"""Smallest a priori SNR."""
_floor = 10 ** (-24 / 20)
"""Smallest gain: some of the room's air stays."""
_averaged = 15
"""Frames that are averaged before a band's lowest power is looked for …"""
_quantile = 0.08
"""… which is this quantile …"""
_bias = 1.7
"""… and this much below the mean, for white noise in frames that overlap by 3/4 (measured)."""
_falling, _rising = 0.3, 0.5
"""Steepest plausible noise: powers of the frequency …"""
_slack = 1.3
"""… with this factor above it for single bands."""


def clean(sound: Sound, recipe: SoundRecipe) -> Stages:
    amount = min(1.0, max(0.0, recipe.amount))
    samples, rate = sound.samples, sound.rate
    size = int(2 ** np.round(np.log2(rate * 0.032)))
    hop, count = size // 4, samples.shape[1]
    offset = samples.mean(1, keepdims=True)
    spectrum = []
    for row in samples - offset:
        spectrum.append(spectra.stft(row, size, hop))
        yield None
    power = sum(np.abs(s) ** 2 for s in spectrum) / len(spectrum)
    assert isinstance(power, np.ndarray)
    yield None
    noise = _noise(power, sound, recipe, hop)
    yield None
    gains = np.empty_like(power)
    for t, gain in enumerate(_gains(power, noise)):
        gains[t] = gain
        if t % 128 == 127:
            yield None
    gains = 1 + amount * (gains - 1)
    out = []
    for one in spectrum:
        out.append(spectra.istft(one * gains, size, hop, count))
        yield None
    made = samples if amount == 0 else (np.stack(out) + offset).astype(np.float32)
    yield Stage(1, 1, made, rate, "" if noise.any() else "It has no steady noise.")


def _noise(power: np.ndarray, sound: Sound, recipe: SoundRecipe, hop: int) -> np.ndarray:
    """(bins,) mean power of the noise."""
    if not recipe.noise:
        kernel = np.cumsum(np.pad(power, ((1, 0), (0, 0))), axis=0, dtype=np.float64)
        wide = min(_averaged, len(power))
        means = (kernel[wide:] - kernel[:-wide]) / wide
        return _plausible(np.quantile(means, _quantile, axis=0) * _bias)
    spans = [(a - sound.start / sound.rate, b - sound.start / sound.rate) for a, b in recipe.noise]
    name, count = Path(recipe.source).name, sound.samples.shape[1]
    rows = [
        power[-(-a // hop) : b // hop + 1]
        for a, b in spans_to_samples(spans, sound.rate, count, "noise", name)
    ]
    heard = np.concatenate(rows)
    if len(heard) < 4:
        raise LodestoneError("The noise is too short to learn from. Mark some tenths of a second.")
    return heard.mean(0)


def _plausible(noise: np.ndarray) -> np.ndarray:
    """What is found without being shown may be the sound itself, where it never pauses.

    Noise is smooth: it rises by at most `_falling` towards low and `_rising` towards high
    frequencies, from wherever it is lowest.
    """
    wide = max(3, len(noise) // 40)
    padded = np.pad(np.log(noise + 1e-20), wide // 2, mode="edge")
    smooth = np.convolve(padded, np.ones(wide) / wide, mode="valid")[: len(noise)]
    octaves = np.log(np.arange(len(noise)) + 1.0)
    down, up = smooth + _falling * octaves, smooth - _rising * octaves
    from_above = np.minimum.accumulate(down[::-1])[::-1] - _falling * octaves
    from_below = np.minimum.accumulate(up) + _rising * octaves
    return np.minimum(noise, _slack * np.exp(np.minimum(from_above, from_below)))


def _gains(power: np.ndarray, noise: np.ndarray) -> Iterator[np.ndarray]:
    """A gain (bins,) for every frame."""
    level = np.maximum(noise, 1e-12 * max(float(power.max(initial=0.0)), 1e-12))
    before = np.zeros(power.shape[1])
    for row in power:
        posterior = np.minimum(row / level, 1e5)
        prior = _trust * before + (1 - _trust) * np.maximum(posterior - 1, 0)
        prior = np.maximum(prior, _least)
        wiener = prior / (1 + prior)
        gain = wiener * np.exp(0.5 * expint(np.maximum(wiener * posterior, 1e-6)))
        gain = np.clip(gain, _floor, 1.0)
        before = gain * gain * posterior
        yield gain


def expint(x: np.ndarray) -> np.ndarray:
    """E1(x) for x > 0, to 1e-4 (Abramowitz & Stegun, 5.1.53 and 5.1.54)."""
    small = np.minimum(x, 1.0)
    low = (-0.57721566, 0.99999193, -0.24991055, 0.05519968, -0.00976004, 0.00107857)
    near = np.polynomial.polynomial.polyval(small, low) - np.log(small)
    large = np.maximum(x, 1.0)
    top = large * (large + 2.334733) + 0.250621
    bottom = large * (large + 3.330657) + 1.681534
    return np.where(x <= 1, near, np.exp(-large) / large * top / bottom)
