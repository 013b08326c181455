"""Small sounds to test with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile


def tune(seconds: float = 5.0, rate: int = 16000, seed: int = 0) -> np.ndarray:
    """(N,) float32: plucked notes and soft hiss, different every fifth of a second."""
    random = np.random.default_rng(seed)
    count = round(seconds * rate)
    time = np.arange(count) / rate
    out = 0.002 * random.standard_normal(count)
    for start in np.arange(0, seconds, 0.2):
        pitch = 220 * 2 ** (random.integers(0, 12) / 12)
        accent = 0.12 * random.choice([0.1, 0.4, 1.0])
        since = np.maximum(time - start, 0)
        shape = np.exp(-6 * since) * (time >= start) * np.minimum(since * 200, 1)
        for partial in (1, 2, 3, 5):
            if partial * pitch < rate / 2:
                out += accent / partial * shape * np.sin(2 * np.pi * partial * pitch * since)
    return out.astype(np.float32)


def slam(rate: int = 16000, seconds: float = 0.6) -> np.ndarray:
    """(N,) float32: one blow that dies away, after a little silence."""
    random = np.random.default_rng(5)
    since = np.arange(round(seconds * rate)) / rate - 0.05
    shape = np.exp(-12 * np.maximum(since, 0)) * (since >= 0)
    body = np.sin(2 * np.pi * 90 * np.maximum(since, 0))
    noise = random.standard_normal(len(since))
    return (0.4 * shape * (body + 0.5 * noise)).astype(np.float32)


def saved(path: Path, samples: np.ndarray, rate: int = 16000, subtype: str = "FLOAT") -> str:
    """(N,) or (channels, N) as a WAV."""
    soundfile.write(path, samples.T, rate, subtype=subtype, format="WAV")
    return str(path)
