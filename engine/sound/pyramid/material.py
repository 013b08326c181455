"""The sources as a pyramid sees them: samples at every rate and courses. numpy only.

Training and drawing build it from the same 16-bit samples (those in the card), so a drawn
variation begins with exactly what the levels learnt from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.sound.pyramid.bands import FRAMES, course, halved, stretched

HIDDEN_FILL = 0.0


@dataclass(frozen=True, eq=False)
class Material:
    """One to four sources."""

    waves: tuple[tuple[np.ndarray, ...], ...]
    """Per source, per rate, low first: (channels, F · hop) float32, -1..1; middle and side."""
    courses: tuple[np.ndarray, ...]
    """Per source (C, T), normalised."""
    known: tuple[np.ndarray, ...]
    """Per source (F,) bool, 500 a second: what may be listened to."""
    mean: np.ndarray
    """(C, 1) natural log power that was subtracted …"""
    deviation: float
    """… and what the rest was divided by."""

    def frames(self, which: int) -> int:
        return len(self.known[which])


def cut_length(count: int, rate: int) -> int:
    """Samples that are used of `count`: whole frames."""
    hop = rate // FRAMES
    return max(hop, count // hop * hop)


def quantised(samples: np.ndarray) -> tuple[np.ndarray, float]:
    """(channels, N) -> int16 of the sound at full scale, and its peak."""
    peak = float(np.abs(samples).max(initial=0.0)) or 1.0
    return np.round(samples * (32767.0 / peak)).astype(np.int16), peak


def middle_side(samples: np.ndarray) -> np.ndarray:
    """(2, N) left, right <-> middle, side; its own inverse but for halving. One channel stays."""
    if len(samples) == 1:
        return samples
    return np.stack([samples[0] + samples[1], samples[0] - samples[1]]) * np.float32(0.5)


def left_right(samples: np.ndarray) -> np.ndarray:
    """(2, N) middle, side -> left, right."""
    if len(samples) == 1:
        return samples
    return np.stack([samples[0] + samples[1], samples[0] - samples[1]])


def material(
    sources: Sequence[np.ndarray], known: Sequence[np.ndarray], rates: Sequence[int],
    window: int, hop: int, bands: int,
) -> Material:  # fmt: skip
    """From int16 (channels, N) at the finest rate and (N,) bool each."""
    waves, raw, heard, frames = [], [], [], []
    for samples, seen in zip(sources, known, strict=True):
        x = np.where(seen, samples.astype(np.float32) / 32767.0, HIDDEN_FILL)
        waves.append(wave_pyramid(x.astype(np.float32), len(rates)))
        logs = np.concatenate([course(row, rates[-1], window, hop, bands) for row in x])
        clear = clear_frames(seen, window, hop, logs.shape[1])
        raw.append(bridged(logs, clear))
        heard.append(clear)
        step = rates[-1] // FRAMES
        frames.append(seen[: len(seen) // step * step].reshape(-1, step).all(axis=1))
    all_heard = np.concatenate([r[:, h] for r, h in zip(raw, heard, strict=True)], axis=1)
    if all_heard.shape[1] == 0:
        all_heard = np.concatenate(raw, axis=1)
    mean = all_heard.mean(axis=1, keepdims=True).astype(np.float32)
    deviation = max(0.05, float((all_heard - mean).std()))
    courses = tuple(((r - mean) / deviation).astype(np.float32) for r in raw)
    return Material(tuple(waves), courses, tuple(frames), mean, deviation)


def wave_pyramid(x: np.ndarray, levels: int) -> tuple[np.ndarray, ...]:
    found = [x]
    for _ in range(levels - 1):
        found.insert(0, halved(found[0]))
    return tuple(found)


def clear_frames(seen: np.ndarray, window: int, hop: int, frames: int) -> np.ndarray:
    """(frames,) bool: frames of the course whose window holds nothing hidden."""
    hidden = np.concatenate([[0], np.cumsum(~seen)])
    centres = np.arange(frames) * hop + hop // 2
    low = (centres - window // 2).clip(0, len(seen))
    high = (centres + window // 2).clip(0, len(seen))
    return hidden[high] == hidden[low]


def bridged(logs: np.ndarray, clear: np.ndarray) -> np.ndarray:
    """Frames that touch something hidden, drawn straight from their clear neighbours."""
    if clear.all() or not clear.any():
        return logs
    at = np.flatnonzero(clear)
    every = np.arange(logs.shape[1])
    return np.stack([np.interp(every, at, row[at]) for row in logs]).astype(np.float32)


def known_at(known: np.ndarray, count: int) -> np.ndarray:
    """(F,) bool -> (count,) bool: only what is wholly known."""
    return stretched(known.astype(np.float32)[None], count)[0] > 0.999
