"""Any recording as a pyramid hears it: its samples at every rate, its course. numpy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.sound.pyramid.bands import course
from engine.sound.pyramid.material import bridged, clear_frames, wave_pyramid
from engine.sound.pyramid.opened import Pyramid


@dataclass(frozen=True, eq=False)
class Heard:
    """Of one recording."""

    waves: tuple[np.ndarray, ...]
    """Per rate, low first: (channels, F · hop)."""
    course: np.ndarray
    """(C, T), normalised as in training; drawn straight through what is hidden."""
    clear: np.ndarray
    """(T,) bool: frames whose window holds nothing hidden."""


def heard(pyramid: Pyramid, samples: np.ndarray, known: np.ndarray) -> Heard:
    """(channels, N) at the pyramid's rate, at its level, whole frames; (N,) bool."""
    hyper, top = pyramid.card.hyper, pyramid.rate
    window, hop, bands = int(hyper["window"]), pyramid.hop, int(hyper["bands"])
    x = np.where(known, samples, np.float32(0))
    logs = np.concatenate([course(row, top, window, hop, bands) for row in x])
    clear = clear_frames(known, window, hop, logs.shape[1])
    made = (bridged(logs, clear) - pyramid.material.mean) / pyramid.material.deviation
    return Heard(wave_pyramid(x, len(pyramid.rates)), made.astype(np.float32), clear)
