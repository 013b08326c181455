"""Which patches of the source a place in a made picture comes from. numpy only."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np

from engine.messages import LodestoneError, MatterQuestion, MatterReply, Picture
from engine.picture.answers import read
from engine.picture.source import bgrx

longest_patch = 31
"""Pixels: larger cuttings are thinned to their middle."""


def nearest_patches(question: MatterQuestion) -> Generator[None, None, MatterReply]:
    """The `count` nearest patches by RMS difference; none overlaps a nearer one by half.

    All places are compared exactly through the Fourier transform: |a-b|² = |a|² - 2ab + |b|².
    """
    patch = _middle(question.patch.array()[..., 2::-1].astype(np.float32) / 127.5 - 1)
    source = read(question.source, question.longest).pixels
    tall, wide = patch.shape[:2]
    if tall > source.shape[0] or wide > source.shape[1]:
        raise LodestoneError("This cutting is larger than the source. Look at a smaller part.")
    yield None
    gaps = squared_gaps(source, patch)
    places, distances = [], []
    for _ in range(max(1, question.count)):
        top, left = np.unravel_index(int(np.argmin(gaps)), gaps.shape)
        if not np.isfinite(gaps[top, left]):
            break
        places.append((int(left), int(top)))
        distances.append(float(np.sqrt(max(gaps[top, left], 0.0) / patch.size) / 2))
        low = (max(0, top - tall // 2), max(0, left - wide // 2))
        gaps[low[0] : top + tall // 2 + 1, low[1] : left + wide // 2 + 1] = np.inf
    cut = [source[top : top + tall, left : left + wide] for left, top in places]
    return MatterReply(tuple(places), tuple(distances), tuple(Picture.of(bgrx(c)) for c in cut))


def squared_gaps(source: np.ndarray, patch: np.ndarray) -> np.ndarray:
    """(H-h+1, W-w+1): sum of squared differences of `patch` (h, w, C) at every place."""
    tall, wide = patch.shape[:2]
    shape = source.shape[:2]
    energy = np.pad((source.astype(np.float64) ** 2).sum(2).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    own = energy[tall:, wide:] - energy[:-tall, wide:] - energy[tall:, :-wide]
    own = own + energy[:-tall, :-wide]
    spectrum = np.fft.rfft2(source, axes=(0, 1)) * np.conj(np.fft.rfft2(patch, shape, axes=(0, 1)))
    shared = np.fft.irfft2(spectrum.sum(2), shape)[: own.shape[0], : own.shape[1]]
    return np.maximum(own - 2 * shared + float((patch.astype(np.float64) ** 2).sum()), 0.0)


def _middle(patch: np.ndarray) -> np.ndarray:
    cut = [max(0, (n - longest_patch) // 2) for n in patch.shape[:2]]
    return patch[cut[0] : patch.shape[0] - cut[0], cut[1] : patch.shape[1] - cut[1]]
