"""Grains: how soon, how alike and how new; and what holes, bands and noise leave behind."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from engine.bench.figure import Figure, at_least, at_most, missing
from engine.messages import SoundRecipe, SoundReply
from engine.sound import scores, spectra
from engine.sound.answers import draw
from engine.sound.files import write_sound
from engine.sound.source import Sound, read_sound, resampled

seeds = 3
heard = 20.0
"""Seconds of a clip that are used."""
samples = Path(__file__).parents[2] / "assets" / "samples"


@dataclass(frozen=True)
class _Timed:
    reply: SoundReply
    first: float
    """Seconds until something was heard."""
    slice: float
    """Longest time without a place to pause."""
    whole: float
    """Seconds until the finest level was there and measured."""


def measures(clips: Sequence[str | Path] = ()) -> Iterator[Figure]:
    """On these clips, or on the bundled ones; some seconds a clip."""
    paths = [Path(path) for path in clips] or bundled()
    if not paths:
        yield missing("grains", "", None, "the bundled sounds are not here")
        return
    sounds = [read_sound(path, 0, min(heard, read_sound(path).seconds)) for path in paths]
    yield from _takes(paths, sounds)
    with tempfile.TemporaryDirectory() as folder:
        yield from _holes(paths, sounds, Path(folder))
        yield from _bands(sounds, Path(folder))
        yield from _noises(sounds, Path(folder))


def bundled() -> list[Path]:
    """The sample sounds that come with Lodestone."""
    kinds = (".flac", ".ogg", ".wav")
    return sorted(path for path in samples.iterdir() if path.suffix in kinds)


def _takes(paths: Sequence[Path], sounds: Sequence[Sound]) -> Iterator[Figure]:
    note = f"{len(paths)} clips, {seeds} takes each"
    drawn = []
    for path, sound in zip(paths, sounds, strict=True):
        recipe = SoundRecipe(str(path), end=sound.seconds)
        drawn.append([_timed(replace(recipe, seed=seed)) for seed in range(seeds)])
    tens = [_timed(SoundRecipe(str(path), seconds=10.0)) for path in paths]
    flat = [one for row in drawn for one in row]
    yield at_most("10 s of sound", _median([t.whole for t in tens]), "s", 2, note=note)
    yield at_most("first preview", _median([t.first for t in tens]), "s", 1, note=note)
    yield at_most("longest slice", max(t.slice for t in flat), "s", 0.5, note=note)
    peers = [scores.scored(shuffled(sound), sound.samples, sound.rate) for sound in sounds]
    for n, (name, target) in enumerate((("8 frames", 0.25), ("64 frames", None))):
        ours = _median([_median([_scores(one)[n] for one in row]) for row in drawn])
        theirs = _median([row[n] or 0.0 for row in peers])
        words = f"<= {target:g}" if target else "below granular shuffling"
        yield Figure(
            f"grains: log-mel sliced Wasserstein distance, {name}",
            ours,
            "",
            words,
            ours <= (target or theirs),
            peer="granular shuffling",
            peer_value=theirs,
            ratio=ours / max(theirs, 1e-9),
            note=note,
        )
    copy = _median([_median([_scores(one)[2] for one in row]) for row in drawn])
    yield at_most("grains: copy score", copy, "", scores.copy_above, note=note)
    exact = [t.reply.samples.shape[1] == round(10 * t.reply.rate) for t in tens]
    yield at_least("grains: takes of exact length", float(np.mean(exact)), "", 1)


def _scores(one: _Timed) -> tuple[float, float, float]:
    return one.reply.near or 0.0, one.reply.far or 0.0, one.reply.copy or 0.0


def _timed(recipe: SoundRecipe) -> _Timed:
    began = before = time.perf_counter()
    first = longest = 0.0
    work = draw(recipe)
    while True:
        try:
            reply = next(work)
        except StopIteration as done:
            whole = time.perf_counter() - began
            return _Timed(done.value, first or whole, longest, whole)
        now = time.perf_counter()
        longest, before = max(longest, now - before), now
        if reply is not None:
            first = first or now - began


def _median(values: Sequence[float]) -> float:
    return float(np.median(values))


def shuffled(sound: Sound, seconds: float = 0.16) -> np.ndarray:
    """Granular shuffling: grains of 160 ms from anywhere, overlapping by half."""
    grain, count = round(seconds * sound.rate), sound.samples.shape[1]
    random, out = np.random.default_rng(0), np.zeros_like(sound.samples)
    window = np.hanning(grain)
    for i in range(0, count - grain, grain // 2):
        j = int(random.integers(0, count - grain))
        out[:, i : i + grain] += window * sound.samples[:, j : j + grain]
    return out


def _holes(paths: Sequence[Path], sounds: Sequence[Sound], folder: Path) -> Iterator[Figure]:
    """750 ms in the middle: exact outside, two answers that differ, no click, no leak."""
    outside, contexts, jumps, gaps, leak = 0.0, [], [], [], 0.0
    for path, sound in zip(paths, sounds, strict=True):
        start = round(sound.seconds / 2, 2)
        recipe = SoundRecipe(str(path), "inpaint", holes=((start, start + 0.75),))
        whole = read_sound(path).samples
        a, b = (round(second * sound.rate) for second in recipe.holes[0])
        made = [_timed(replace(recipe, seed=seed)).reply.samples.array() for seed in (0, 1)]
        known = np.ones(whole.shape[1], bool)
        known[a:b] = False
        outside = max(outside, *(float(np.abs(m - whole)[:, known].max()) for m in made))
        contexts += [_to_context(m.mean(0), a, b, sound.rate) for m in made]
        usual = float(np.quantile(np.abs(np.diff(whole.mean(0))), 0.999))
        jumps += [float(np.abs(np.diff(m.mean(0)))[[a - 1, b - 1]].max()) / usual for m in made]
        gaps.append(float(np.std((made[0] - made[1])[:, a:b]) / max(np.std(whole), 1e-9)))
        other = whole.copy()
        other[:, a:b] *= -0.5
        hidden = write_sound(folder / "leak.wav", other, sound.rate, "wav", 32)
        again = _timed(replace(recipe, source=str(hidden))).reply.samples.array()
        leak = max(leak, float(np.abs(again - made[0]).max()))
    yield at_most("hole: change outside", outside, "", 0)
    yield at_most("hole: distance to its context", _median(contexts), "", 1.0)
    yield at_most("hole: largest step at its borders", max(jumps), "of the usual", 1.0)
    yield at_least("hole: difference of two answers", _median(gaps), "RMS/std", 0.2)
    yield at_most("hole: what hidden samples change", leak, "", 0)


def _to_context(mono: np.ndarray, a: int, b: int, rate: int) -> float:
    """RMS difference of mean log spectra, the hole against a second on each side of it."""

    def shape(samples: np.ndarray) -> np.ndarray:
        return np.log(np.maximum(spectra.power(samples, 512, 128), 1e-8)).mean(0)

    around = np.concatenate([mono[max(0, a - rate) : a], mono[b : b + rate]])
    return float(np.sqrt(np.mean((shape(mono[a:b]) - shape(around)) ** 2)))


def _bands(sounds: Sequence[Sound], folder: Path) -> Iterator[Figure]:
    """4 to 16 kHz: the first third of each clip, with the rest to learn from."""
    low, lsd, snr = [], [], []
    for sound in sounds:
        if sound.rate < 16000:
            continue
        full = resampled(sound.middle, sound.rate, 16000)
        third = len(full) // 12 * 4
        truth, rest = full[:third], full[third:]
        narrow = resampled(truth, 16000, 4000, "VHQ")
        paths = [
            str(write_sound(folder / f"{name}.wav", x[None], rate, "wav", 32))
            for name, x, rate in (("narrow", narrow, 4000), ("other", rest, 16000))
        ]
        recipe = SoundRecipe(paths[0], "extend", rate=16000, others=(paths[1],))
        made = _timed(recipe).reply.samples.array()[0]
        plain = resampled(narrow, 4000, 16000, "VHQ")
        low.append(_snr(_below(made, 1800), _below(plain, 1800)))
        lsd.append(_lsd(made, truth))
        snr.append(_snr(made, truth) - _snr(plain, truth))
    if not low:
        yield missing("extension", "dB", None, "no clip has 16 kHz")
        return
    note = f"{len(low)} clips"
    yield at_least("extension: low band kept", min(low), "dB", 30, note=note)
    yield at_most("extension: log-spectral distance", _median(lsd), "", 2.6, note=note)
    yield at_least("extension: SNR beside resampling", _median(snr), "dB", -1, note=note)


def _noises(sounds: Sequence[Sound], folder: Path) -> Iterator[Figure]:
    """White noise 10 dB below the sound."""
    gained, duller = [], []
    for sound in sounds:
        truth = sound.samples[:, : 10 * sound.rate]
        random = np.random.default_rng(1)
        noise = random.standard_normal(truth.shape) * np.sqrt(np.mean(truth**2) / 10)
        path = write_sound(folder / "noisy.wav", truth + noise, sound.rate, "wav", 32)
        made = _timed(SoundRecipe(str(path), "denoise")).reply.samples.array()
        mixes = [x.mean(0) for x in (truth, truth + noise, made)]
        gained.append(_snr(mixes[2], mixes[0]) - _snr(mixes[1], mixes[0]))
        duller.append(_lsd(mixes[2], mixes[0]) - _lsd(mixes[1], mixes[0]))
    yield at_least("noise: SNR gained at 10 dB", _median(gained), "dB", 3)
    yield at_most("noise: change of the log-spectral distance", _median(duller), "", 0)


def _below(samples: np.ndarray, hertz: float, rate: int = 16000) -> np.ndarray:
    spectrum = np.fft.rfft(samples)
    spectrum[np.fft.rfftfreq(len(samples), 1 / rate) > hertz] = 0
    return np.fft.irfft(spectrum, len(samples))


def _fitted(made: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """At the gain that suits it best, as Catch-A-Waveform measures."""
    return made * float(made @ truth) / max(float(made @ made), 1e-12)


def _snr(made: np.ndarray, truth: np.ndarray) -> float:
    gap = _fitted(made, truth) - truth
    return float(10 * np.log10(float(truth @ truth) / max(float(gap @ gap), 1e-20)))


def _lsd(made: np.ndarray, truth: np.ndarray) -> float:
    """Log-spectral distance (natural log of power, frames of 2048), Catch-A-Waveform's."""
    logs = [
        np.log(np.maximum(spectra.power(x, 2048, 2048), 1e-15))
        for x in (_fitted(made, truth), truth)
    ]
    return float(np.sqrt(((logs[0] - logs[1]) ** 2).mean(1)).mean())
