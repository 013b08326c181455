"""Any recording as numbers: (channels, N) float32 at its own rate. No torch.

Loudness and what lies below hearing (DC) are kept; more than two channels become two.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.messages import LodestoneError, Span

longest = 300.0
"""Seconds of a recording that are used at most."""
shortest = 0.02
"""Seconds: less is no sound that something could be made from."""
silent = 1e-5
"""-100 dB: a sound whose peak lies below is silence."""
_block = 1 << 18
"""Frames that are read at a time."""


@dataclass(frozen=True, eq=False)
class Sound:
    """A recording, or a region of it."""

    samples: np.ndarray
    """(channels, N) float32; one or two channels; -1..1 unless the file goes beyond."""
    rate: int
    sha256: str
    """Of the file."""
    note: str = ""
    """Sentences about what was changed on reading, or is amiss; may be empty."""
    start: int = 0
    """First sample of the region in the file."""
    whole: int = 0
    """Samples (of one channel) that the file has; 0 = as `samples`."""

    @property
    def seconds(self) -> float:
        return self.samples.shape[1] / self.rate

    @property
    def silent(self) -> bool:
        return float(np.abs(self.samples).max(initial=0.0)) < silent

    @property
    def middle(self) -> np.ndarray:
        """(N,) float32: the mean of the channels without its DC. Choices are made on it."""
        mixed = self.samples.mean(0)
        # Recorded in opposite phase, the middle is empty and one channel must do.
        if len(self.samples) > 1 and _power(mixed) < 0.01 * _power(self.samples):
            mixed = self.samples[0]
        return (mixed - mixed.mean()).astype(np.float32)


def _power(samples: np.ndarray) -> float:
    samples = samples[..., :: max(1, samples.shape[-1] // 200_000)]
    centred = samples - samples.mean(-1, keepdims=True)
    return float(np.mean(centred * centred))


def read_sound(path: str | Path, start: float = 0.0, end: float = 0.0) -> Sound:
    """A region of a WAV, FLAC, AIFF, OGG or MP3 file; `end` 0 = to its end.

    The last few are kept as long as their files do not change.
    """
    path = Path(path)
    try:
        stat = path.stat()
        stamp = (stat.st_mtime_ns, stat.st_size)
    except OSError:
        stamp = (0, 0)  # reading it says what is wrong, in words
    return _kept(path, float(start), float(end), stamp)


@functools.lru_cache(maxsize=6)
def _kept(path: Path, start: float, end: float, _stamp: tuple[int, int]) -> Sound:
    import soundfile

    try:
        with path.open("rb") as raw:
            digest = hashlib.file_digest(raw, "sha256").hexdigest()
        # By number, not by name: what a file is, is read from its content.
        number = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        with open(number, "rb") as raw, soundfile.SoundFile(raw) as file:
            return _read(file, path.name, digest, start, end)
    except FileNotFoundError as error:
        raise LodestoneError(f"There is no file {path}. Check the name.", repr(error)) from error
    except soundfile.SoundFileError as error:
        raise LodestoneError(
            f"{path.name} is not a sound that can be read. Choose a WAV, FLAC, AIFF, OGG or MP3.",
            repr(error),
        ) from error
    except OSError as error:
        raise LodestoneError(
            f"{path.name} could not be read: {error.strerror or error}. Choose another sound.",
            repr(error),
        ) from error


def _read(file: Any, name: str, digest: str, start: float, end: float) -> Sound:
    rate, total = int(file.samplerate), int(file.frames)
    first, last = round(max(0.0, start) * rate), round(end * rate) if end > 0 else total
    if total and first >= min(last, total):
        raise LodestoneError(
            f"The region {start:g} to {end:g} s lies outside {name}, which lasts "
            f"{total / rate:.2f} s. Choose another region."
        )
    notes: list[str] = []
    last = min(last, total)
    if last - first > longest * rate:
        last = first + int(longest * rate)
        notes.append(f"It is longer than {longest / 60:g} minutes; the first of them are used.")
    if first:
        file.seek(first)
    samples = _mixed(_blocks(file, last - first), notes)
    if samples.shape[1] < last - first:
        notes.append(f"It breaks off after {(first + samples.shape[1]) / rate:.2f} s.")
    if samples.shape[1] < shortest * rate:
        raise LodestoneError(f"{name} holds no sound (it is empty). Choose another sound.")
    _note_faults(samples, file.subtype, notes)
    return Sound(samples, rate, digest, " ".join(notes), first, total)


def _blocks(file: Any, count: int) -> np.ndarray:
    """(N, channels) float32; a damaged end is left out."""
    import soundfile

    parts: list[np.ndarray] = []
    while count > 0:
        try:
            part = file.read(min(_block, count), dtype="float32", always_2d=True)
        except soundfile.SoundFileError:
            if not parts:
                raise
            break
        if not len(part):
            break
        parts.append(part)
        count -= len(part)
    return np.concatenate(parts) if parts else np.zeros((0, file.channels), np.float32)


def _mixed(samples: np.ndarray, notes: list[str]) -> np.ndarray:
    """(channels, N), finite, one or two channels."""
    channels = samples.shape[1]
    bad = ~np.isfinite(samples)
    if bad.any():
        samples = np.where(bad, np.float32(0), samples)
        notes.append(f"{int(bad.sum()):,} samples were NaN or infinite and became silence.")
    if channels > 2:
        samples = np.stack([samples[:, 0::2].mean(1), samples[:, 1::2].mean(1)], axis=1)
        notes.append(f"Its {channels} channels were mixed to stereo.")
    return np.ascontiguousarray(samples.T, dtype=np.float32)


def _note_faults(samples: np.ndarray, subtype: str, notes: list[str]) -> None:
    peak = float(np.abs(samples).max())
    if peak < silent:
        notes.append("It is silent.")
        return
    if subtype in ("PCM_U8", "PCM_S8"):
        notes.append("It has 8 bits a sample, so its noise belongs to it.")
    flat = (np.abs(samples[:, 1:]) >= 0.999 * peak) & (samples[:, 1:] == samples[:, :-1])
    if peak > 0.1 and flat.mean() > 5e-4:
        notes.append("It is clipped.")
    means = np.abs(samples.mean(1))
    if means.max() > 0.01:
        notes.append(f"It has a DC offset of {means.max():.2f}, which is kept.")


def check_audible(sound: Sound, name: str) -> None:
    if sound.silent:
        raise LodestoneError(f"{name} is silent. Choose a sound, or another region of it.")


def resampled(samples: np.ndarray, rate: int, to: int, quality: str = "HQ") -> np.ndarray:
    """(…, N) at another rate, float32, (…, round(N · to / rate)): exact in length."""
    if rate == to:
        return np.asarray(samples, np.float32)
    import soxr

    count = round(samples.shape[-1] * to / rate)
    turned = np.ascontiguousarray(np.asarray(samples, np.float32).T)
    made = soxr.resample(turned, rate, to, quality=quality).T[..., :count]
    short = count - made.shape[-1]
    if short > 0:
        made = np.concatenate([made, np.repeat(made[..., -1:], short, axis=-1)], axis=-1)
    return np.ascontiguousarray(made, dtype=np.float32)


def spans_to_samples(
    spans: Sequence[Span], rate: int, count: int, what: str, name: str
) -> list[tuple[int, int]]:
    """Seconds → [from, to) in samples, in order, touching ones joined; sentences when amiss."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        a, b = round(start * rate), round(end * rate)
        if not (np.isfinite(start) and np.isfinite(end)) or b <= a:
            raise LodestoneError(f"The {what} {start:g}-{end:g} s is empty. Give FROM-TO.")
        if a < 0 or b > count + rate // 1000:
            raise LodestoneError(
                f"The {what} {start:g}-{end:g} s lies outside {name}, which lasts "
                f"{count / rate:.2f} s. Move it inside."
            )
        b = min(b, count)
        if found and a <= found[-1][1]:
            found[-1] = (found[-1][0], max(b, found[-1][1]))
        else:
            found.append((a, b))
    return found
