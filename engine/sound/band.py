"""The upper band that a recording lacks, from other recordings of its source. numpy only.

Frames are matched by what both have, the low band; the upper band of the matched frames is laid in,
aligned by the low band's waveform and shaped to the mean of the nearest spectra. The low band stays
as it is (spectra are stitched as in Catch-A-Waveform, Greshler et al. 2021).
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.messages import LodestoneError, SoundRecipe
from engine.sound import spectra
from engine.sound.source import Sound, check_audible, read_sound, resampled
from engine.sound.stage import Stage, Stages

neighbours = 12
"""Frames whose spectra are averaged."""
_low_bands, _high_bands = 24, 20
_context = 2
"""Frames on each side that belong to what is compared."""
_loudness = 0.5
"""Weight of a frame's loudness beside the shape of its low band."""
_jump = 0.25
"""Cost of not going on with the same recording, in typical distances."""
restraint = 0.65
"""How much of what a frame's upper band exceeds the mean frame's by is held back, in dB per dB."""
ventured = 0.2
"""Share of the upper band's energy that is added at most. Its waveform cannot be known, and what is
added on top of what is missing would cost 3 dB of SNR at full loudness; at this share, 0.8 dB."""
_passed = 0.9
"""Share of the low band up to which a resampler leaves it alone."""


@dataclass(frozen=True, eq=False)
class _Frames:
    """A recording at the new rate, frame by frame."""

    samples: np.ndarray
    """(N,) middle."""
    low: np.ndarray
    """(T, bands) log power below the cut, its mean taken out …"""
    level: np.ndarray
    """(T, 1) … and that mean."""
    high: np.ndarray
    """(T, bands) log power above the cut."""


@dataclass(frozen=True)
class _Plan:
    rate: int
    cut: float
    """Hz up to which the low band is kept."""
    top: float
    """Hz at which nothing of it is left."""

    @property
    def size(self) -> int:
        return int(2 ** np.round(np.log2(self.rate * 0.032)))

    @property
    def hop(self) -> int:
        return self.size // 4


def extend(sound: Sound, recipe: SoundRecipe) -> Stages:
    rate = recipe.rate or sound.rate
    if not 1000 <= rate <= 192000:
        raise LodestoneError(f"{rate:,} Hz is no rate to extend to. Choose 1,000 to 192,000 Hz.")
    if rate < sound.rate:
        raise LodestoneError(
            f"It already has {sound.rate:,} Hz. Extend to more, or export at a lower rate."
        )
    low = resampled(sound.samples, sound.rate, rate, "VHQ")
    yield Stage(1, 2, low, rate)
    plan = _planned(sound, rate)
    mine = _analysed(low.mean(0), plan)
    yield None
    waves: list[np.ndarray] = []
    top = rate / 2
    for path in recipe.others:
        other = _other(path, plan)
        top = min(top, other.rate / 2)
        wave = resampled(other.middle, other.rate, rate)
        waves.append(wave[: len(wave) // plan.hop * plan.hop])
        yield None
    pool = _analysed(np.concatenate(waves), plan)
    yield None
    places, wanted, expected = yield from _matched(mine, pool)
    upper = yield from _laid(mine, pool, places, _held(wanted, expected), plan)
    out = low + _spread(upper, low, plan)
    note = f"Nothing was added above {top / 1000:g} kHz." if top < rate / 2 else ""
    yield Stage(2, 2, out.astype(np.float32), rate, note)


def _other(path: str, plan: _Plan) -> Sound:
    other = read_sound(path)
    check_audible(other, Path(path).name)
    if other.rate / 2 < plan.top * 1.2:
        raise LodestoneError(
            f"{Path(path).name} has no band above {other.rate / 2000:g} kHz either. Choose a "
            "recording with a higher sampling rate."
        )
    return other


def _planned(sound: Sound, rate: int) -> _Plan:
    if sound.rate < rate:
        return _Plan(rate, _passed * sound.rate / 2, sound.rate / 2)
    top = band_limit(sound.middle, rate)
    if top > 0.42 * rate:
        raise LodestoneError(
            "Its band is already full. Choose a recording that lacks the upper part, or a higher "
            "rate."
        )
    return _Plan(rate, _passed * top, top)


def band_limit(samples: np.ndarray, rate: int) -> float:
    """Hz above which a recording holds next to nothing: where its spectrum falls steepest."""
    size = 2048
    power = spectra.power(samples, size, size)
    # Without the mirrored ends, whose corners have a band of their own.
    mean = power[1:-1].mean(0) if len(power) > 4 else power.mean(0)
    wide = max(3, round(400 * size / rate))
    smooth = np.convolve(mean, np.ones(wide) / wide, mode="valid")
    level = 10 * np.log10(smooth + 1e-12)
    drops = level[:-wide] - level[wide:]
    at = int(np.argmax(drops)) if len(drops) else 0
    if len(drops) and drops[at] > 15 and level[at + wide :].max() < level.max() - 40:
        return float((at + wide / 2) * rate / size)
    above = np.flatnonzero(level > level.max() - 75)
    return float((above[-1] + wide / 2) * rate / size)


def _analysed(middle: np.ndarray, plan: _Plan) -> _Frames:
    power = spectra.power(middle - middle.mean(), plan.size, plan.hop)
    hertz = np.arange(power.shape[1]) * plan.rate / plan.size
    low = _banded(power, hertz, 60.0, plan.cut, _low_bands)
    high = _banded(power, hertz, plan.cut, plan.rate / 2, _high_bands)
    level = low.mean(1, keepdims=True)
    return _Frames(middle.astype(np.float32), low - level, level, high)


def _banded(
    power: np.ndarray, hertz: np.ndarray, start: float, end: float, bands: int
) -> np.ndarray:
    """(T, bands) natural log of the mean power in bands of equal width on the mel scale."""
    places = np.searchsorted(hertz, _edges(start, end, bands))
    # A band has at least one bin of its own.
    places = np.minimum(np.maximum(places, places[0] + np.arange(bands + 1)), len(hertz))
    sums = np.concatenate([np.zeros((len(power), 1)), np.cumsum(power, axis=1)], axis=1)
    used = (sums[:, places[1:]] - sums[:, places[:-1]]) / np.maximum(1, np.diff(places))
    return np.log(np.maximum(used, 0) + 1e-9).astype(np.float32)


def _edges(start: float, end: float, bands: int) -> np.ndarray:
    return 700 * np.expm1(np.linspace(np.log1p(start / 700), np.log1p(end / 700), bands + 1))


def _matched(
    mine: _Frames, pool: _Frames
) -> Generator[None, None, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """For every frame the one whose upper band is taken, the (bands,) that it should have, and the
    energy that is to be expected."""
    keys, queries = _stacked(pool), _stacked(mine)
    count = min(neighbours, len(keys))
    lengths = (keys * keys).sum(1)
    picks = np.empty((len(queries), count), np.int64)
    costs = np.empty((len(queries), count), np.float32)
    for i in range(0, len(queries), 64):
        part = queries[i : i + 64]
        gaps = lengths - 2 * part @ keys.T + (part * part).sum(1)[:, None]
        near = np.argpartition(gaps, count - 1, axis=1)[:, :count]
        picks[i : i + 64] = near
        costs[i : i + 64] = np.take_along_axis(gaps, near, 1)
        yield None
    typical = float(np.median(costs)) + 1e-6
    relative = (pool.high - pool.level)[picks]
    weights = np.exp(-costs / (2 * typical))[..., None] + 1e-6
    wanted = (relative * weights).sum(1) / weights.sum(1) + mine.level
    energy = np.exp(relative + mine.level[:, None]).sum(2)
    expected = (energy * weights[..., 0]).sum(1) / weights[..., 0].sum(1)
    return _continuous(picks, costs / typical), wanted.astype(np.float32), expected


def _stacked(frames: _Frames) -> np.ndarray:
    """(T, features): the shape of the low band around every frame, and how loud it is."""
    level = frames.level - np.median(frames.level)
    rows = np.concatenate([frames.low, level * _loudness], axis=1)
    padded = np.pad(rows, ((_context, _context), (0, 0)), mode="edge")
    parts = [padded[i : i + len(rows)] for i in range(2 * _context + 1)]
    return np.ascontiguousarray(np.concatenate(parts, axis=1), dtype=np.float32)


def _continuous(picks: np.ndarray, costs: np.ndarray) -> np.ndarray:
    """(T,): one of the candidates of every frame, so that few jumps are made (Viterbi)."""
    total, back = costs[0], []
    for t in range(1, len(picks)):
        jumps = _jump * (picks[t][None, :] != picks[t - 1][:, None] + 1)
        whole = total[:, None] + jumps
        back.append(np.argmin(whole, axis=0))
        total = whole.min(0) + costs[t]
    chosen = [int(np.argmin(total))]
    for row in reversed(back):
        chosen.append(int(row[chosen[-1]]))
    return picks[np.arange(len(picks)), chosen[::-1]]


def _held(wanted: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """(T, bands): loud frames held back, the loudest so that `ventured` of the energy remains."""
    logs = np.log(np.exp(wanted).sum(1))
    wanted = wanted - (restraint * np.maximum(0, logs - logs.mean()))[:, None]
    total = np.exp(wanted).sum(1)
    allowed = ventured * float(expected.sum())
    rising = np.sort(total)
    count = len(rising)
    # With the cap at the n-th energy: what lies below it, and the cap for all others.
    capped = np.cumsum(rising) - rising + rising * np.arange(count, 0, -1)
    n = int(np.searchsorted(capped, allowed))
    if n >= count:
        return wanted
    cap = (allowed - (float(np.cumsum(rising)[n - 1]) if n else 0.0)) / (count - n)
    return wanted + np.minimum(0, np.log(max(cap, 1e-12) / np.maximum(total, 1e-12)))[:, None]


def _laid(
    mine: _Frames, pool: _Frames, places: np.ndarray, wanted: np.ndarray, plan: _Plan
) -> Generator[None, None, np.ndarray]:
    """(N,): the upper band of the matched frames, shaped, aligned and added up."""
    size, hop, half = plan.size, plan.hop, plan.size // 2
    count = len(mine.samples)
    theirs, ours = np.pad(pool.samples, size), np.pad(mine.samples, size)
    window = spectra.window(size)
    bins = _bin_gains(plan, pool.high.shape[1])
    out, weight = np.zeros(count + 2 * size), np.zeros(count + 2 * size)
    lag = 0
    for t, place in enumerate(places):
        if t == 0 or place != places[t - 1] + 1:
            lag = _lag(ours, theirs, t * hop + size, int(place) * hop + size, plan)
        where = int(np.clip(int(place) * hop + size + lag, half, len(theirs) - half))
        gain = np.exp(np.clip((wanted[t] - pool.high[place]) / 2, -4, 2)) @ bins
        frame = np.fft.irfft(np.fft.rfft(window * theirs[where - half : where + half]) * gain)
        at = slice(t * hop + half, t * hop + half + size)
        out[at] += frame * window
        weight[at] += window**2
        if t % 64 == 63:
            yield None
    return (out / np.maximum(weight, 0.1))[size : size + count]


def _lag(ours: np.ndarray, theirs: np.ndarray, here: int, there: int, plan: _Plan) -> int:
    """Samples by which theirs is moved so that the low bands agree: half a period of 100 Hz."""
    reach, half = round(0.005 * plan.rate), plan.size // 2
    key = ours[max(0, here - half) : here + half]
    rows = theirs[max(0, there - half - reach) : there + half + reach]
    if len(rows) <= len(key) or len(key) < plan.size:
        return 0
    lags = np.correlate(rows, key, mode="valid")
    return int(np.argmax(lags)) - reach


def _bin_gains(plan: _Plan, bands: int) -> np.ndarray:
    """(bands, bins): triangles around the bands' centres, nothing below the cut."""
    hertz = np.arange(plan.size // 2 + 1) * plan.rate / plan.size
    edges = _edges(plan.cut, plan.rate / 2, bands)
    centres = (edges[:-1] + edges[1:]) / 2
    rows = np.stack([np.interp(hertz, centres, row) for row in np.eye(bands)])
    rise = np.clip((hertz - plan.cut) / max(plan.top - plan.cut, 1.0), 0, 1)
    return rows * rise


def _spread(upper: np.ndarray, low: np.ndarray, plan: _Plan) -> np.ndarray:
    """(channels, N): in every channel as loud as its low band is beside the mean of them."""
    if len(low) == 1:
        return upper[None]
    wide = max(1, plan.rate // 20)
    kernel = np.ones(wide) / wide
    power = [np.convolve(row * row, kernel, mode="same") for row in [*low, low.mean(0)]]
    shares = np.sqrt(np.stack(power[:-1]) / (power[-1] + 1e-9))
    return upper * np.clip(shares, 0, 2)
