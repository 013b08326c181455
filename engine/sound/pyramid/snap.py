"""The coarsest course, drawn closer to what was really heard. numpy only.

What the network invents from noise is a little blurred. Each patch of it looks for the recording's
patch that it means (the nearest, as in GPNN, arXiv 2103.15545, with its completeness weight), and
all patches vote. Of several drafts the one whose patches are spread most like the recording's wins.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

PATCH = 7
"""Frames: 0.9 s."""
SECOND = 8
"""Frames of a second, whose spread is compared."""
ROUNDS = 4
ALPHA = 0.005
"""GPNN's alpha: smaller uses more of the recording's patches."""


def patches(course: np.ndarray, size: int, wrap: bool = False) -> np.ndarray:
    """(C, T) -> (T - size + 1, C · size), or (T, …) with `wrap`."""
    if wrap:
        course = course[:, np.arange(course.shape[1] + size - 1) % course.shape[1]]
    rows = sliding_window_view(course, size, axis=1)
    return np.ascontiguousarray(rows.transpose(1, 0, 2)).reshape(rows.shape[1], -1)


def snapped(
    draft: np.ndarray, sources: Sequence[np.ndarray], wrap: bool = False,
    known: tuple[np.ndarray, np.ndarray] | None = None, rounds: int = ROUNDS,
    usable: Sequence[np.ndarray] = (),
) -> np.ndarray:  # fmt: skip
    """(C, T) of patches of `sources` (C, T') each.

    known: (values (C, T), where (T,) bool) is put back after every round
    usable: per source (T',) bool; patches that touch anything else are not taken
    """
    size = min(PATCH, draft.shape[1], *(source.shape[1] for source in sources))
    keys = np.concatenate([
        _clear(source, size, usable[k] if usable else None) for k, source in enumerate(sources)
    ])  # fmt: skip
    if not len(keys):
        return draft
    made = draft
    for _ in range(rounds):
        if known is not None:
            made = np.where(known[1], known[0], made)
        made = _voted(made, keys, size, wrap)
    return np.where(known[1], known[0], made) if known is not None else made


def _clear(source: np.ndarray, size: int, usable: np.ndarray | None) -> np.ndarray:
    rows = patches(source, size)
    if usable is None or usable.all():
        return rows
    return rows[sliding_window_view(usable, size).all(axis=1)]


def _voted(made: np.ndarray, keys: np.ndarray, size: int, wrap: bool) -> np.ndarray:
    queries = patches(made, size, wrap)
    norms = (keys**2).sum(axis=1)
    picks = np.empty(len(queries), int)
    # Long takes are matched in parts, so that memory stays bounded.
    for start in range(0, len(queries), 2000):
        part = queries[start : start + 2000]
        distance = (part**2).sum(axis=1)[:, None] + norms - 2 * part @ keys.T
        distance = distance.clip(0) / keys.shape[1]
        picks[start : start + 2000] = (distance / (ALPHA + distance.min(axis=0))).argmin(axis=1)
    total, count = np.zeros_like(made), np.zeros(made.shape[1], np.float32)
    frames = made.shape[1]
    shape = np.hanning(size + 2)[1:-1].astype(np.float32)  # the middle of a patch knows best
    chosen = keys[picks].reshape(len(picks), made.shape[0], size)
    for offset in range(size):
        at = np.arange(len(picks)) + offset
        if wrap:
            at %= frames
        np.add.at(total.T, at, chosen[:, :, offset] * shape[offset])
        np.add.at(count, at, shape[offset])
    return (total / count).astype(np.float32)


def spread_distance(draft: np.ndarray, source: np.ndarray, seed: int = 1) -> float:
    """Sliced Wasserstein distance of patches as long as a second, at equal quantiles."""
    size = min(SECOND, draft.shape[1], source.shape[1])
    a, b = patches(draft, size), patches(source, size)
    random = np.random.default_rng(seed)
    along = random.standard_normal((a.shape[1], 64)).astype(np.float32)
    along /= np.linalg.norm(along, axis=0)
    a, b = np.sort(a @ along, axis=0), np.sort(b @ along, axis=0)
    at = (np.arange(64) + 0.5) / 64
    return float(np.abs(a[(at * len(a)).astype(int)] - b[(at * len(b)).astype(int)]).mean())


def as_often(made: np.ndarray, source: np.ndarray) -> np.ndarray:
    """(C, T) whose bands are as often loud and soft as the source's (C, T'), in their own order.

    A take much shorter than its source need not have everything that happens there.
    """
    share = np.float32(np.clip(made.shape[1] / source.shape[1] / 0.4 - 1.0, 0.0, 1.0))
    if share == 0.0:
        return made
    found = np.empty_like(made)
    at = (np.arange(made.shape[1]) + 0.5) / made.shape[1]
    there = (np.arange(source.shape[1]) + 0.5) / source.shape[1]
    for band, row in enumerate(made):
        values = np.interp(at, there, np.sort(source[band]))
        found[band, np.argsort(row, kind="stable")] = values
    return (1 - share) * made + share * found
