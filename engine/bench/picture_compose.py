"""Compose: what was pasted belongs, what was moved stays itself, and answers differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.bench.figure import Figure, at_least, at_most, missing
from engine.bench.picture_patches import samples
from engine.messages import PictureRecipe, Vector
from engine.picture import patches, scores
from engine.picture.region import softened
from engine.picture.source import read_source, resized

answers = 4
pairs = 2
"""Bundled pictures that take a part of the next one."""


@dataclass(frozen=True)
class _Case:
    """A composite of two pictures, or of one with itself."""

    source: np.ndarray
    naive: np.ndarray
    """(H, W, 3), as the source."""
    mask: np.ndarray
    """(H, W) 0 or 1: what was pasted or moved, and the place it came from."""
    hole: np.ndarray
    """(H, W) 0 or 1: the place that it left."""


def measures(pictures: Sequence[str | Path] = ()) -> Iterator[Figure]:
    """Composites of these pictures or of the bundled ones, made here."""
    paths = [Path(path) for path in pictures] or sorted(samples.glob("*.jpg"))[: pairs + 1]
    if len(paths) < 2:
        yield missing("compose", "", None, "two pictures are needed for a composite")
        return
    sources = [read_source(path).pixels for path in paths]
    neighbours = list(zip(sources, sources[1:], strict=False))
    yield from _harmonised([_pasted(a, b) for a, b in neighbours])
    yield from _edited([_moved(a) for a, _ in neighbours])


def _oval(height: int, width: int, x: float, y: float) -> np.ndarray:
    """(H, W) 0 or 1: a third of the picture high and wide, its middle at x, y in shares."""
    rows, columns = np.mgrid[0:height, 0:width]
    away = np.hypot((rows / height - y) / 0.17, (columns / width - x) / 0.17)
    return (away < 1).astype(np.float32)


def _pasted(source: np.ndarray, other: np.ndarray) -> _Case:
    height, width = source.shape[:2]
    mask = _oval(height, width, 0.5, 0.6)
    naive = np.where(mask[..., None] > 0, resized(other, height, width), source)
    return _Case(source, naive.astype(np.float32), mask, np.zeros_like(mask))


def _moved(source: np.ndarray) -> _Case:
    """A part taken to the right; its place is grey."""
    height, width = source.shape[:2]
    step = round(0.4 * width)
    hole, part = _oval(height, width, 0.3, 0.5), _oval(height, width, 0.3 + step / width, 0.5)
    naive = np.where(part[..., None] > 0, np.roll(source, step, 1), source)
    naive = np.where(hole[..., None] > 0, np.float32(source.mean()), naive)
    return _Case(source, naive.astype(np.float32), np.maximum(hole, part), hole)


def _drawn(case: _Case, task: str) -> list[np.ndarray]:
    mask, hole = Vector.of(case.mask), Vector.of(case.hole) if task == "edit" else None
    made = []
    for seed in range(answers):
        recipe = PictureRecipe("", task, seed=seed, mask=mask, hole=hole)  # type: ignore[arg-type]
        work = patches.generate(case.source, recipe, case.naive)
        made.append([stage.image for stage in work if stage.image is not None][-1])
    return made


def _harmonised(cases: Sequence[_Case]) -> Iterator[Figure]:
    drawn = [(case, _drawn(case, "harmonise")) for case in cases]
    yield _outside("harmonise", drawn)
    falls, kept = [], []
    for case, made in drawn:
        inside = case.mask > 0
        before = scores.distance(_boxed(case.naive, inside), case.source)
        for picture in made:
            after = scores.distance(_boxed(picture, inside), case.source)
            falls.append(100 * (after / max(before, 1e-6) - 1))
            pair = [_edges(x)[inside] for x in (picture, case.naive)]
            kept.append(float(np.corrcoef(pair)[0, 1]))
    yield at_most("harmonise: patch distance of what was pasted", float(np.median(falls)), "%", -30)
    yield at_least("harmonise: its edges' correlation", min(kept), "", 0.5)
    yield _unlike("harmonise", drawn, 0.1)


def _edited(cases: Sequence[_Case]) -> Iterator[Figure]:
    drawn = [(case, _drawn(case, "edit")) for case in cases]
    yield _outside("edit", drawn)
    worst = np.inf
    for case, made in drawn:
        around = softened(1 - case.mask + case.hole, *case.mask.shape)
        worst = min(worst, *(_decibels((x - case.naive)[around == 0]) for x in made))
    yield at_least("edit: inside of what was moved, unchanged", float(worst), "dB", 30)
    yield _unlike("edit", [(c, m) for c, m in drawn], 0.2)


def _outside(name: str, drawn: Sequence[tuple[_Case, list[np.ndarray]]]) -> Figure:
    worst = min(
        _decibels((picture - case.naive)[softened(case.mask, *case.mask.shape) == 0])
        for case, made in drawn
        for picture in made
    )
    return at_least(f"{name}: outside of the mask, unchanged", worst, "dB", 30)


def _unlike(name: str, drawn: Sequence[tuple[_Case, list[np.ndarray]]], least: float) -> Figure:
    """In the emptied place of an edit, or in what was pasted."""
    gaps = []
    for case, made in drawn:
        place = (case.hole if case.hole.any() else case.mask) > 0
        for a in range(answers):
            for b in range(a):
                gap = (made[a] - made[b])[place]
                gaps.append(float(np.sqrt(np.mean(gap * gap)) / max(case.source.std(), 1e-6)))
    median = float(np.median(gaps))
    return at_least(f"{name}: difference of two answers", median, "RMSE/std", least)


def _decibels(gap: np.ndarray) -> float:
    """Peak signal to noise of a range of 2; at most 96, that of 16 bits."""
    return float(min(96.0, 10 * np.log10(4 / max(float(np.mean(gap * gap)), 1e-12))))


def _boxed(picture: np.ndarray, inside: np.ndarray) -> np.ndarray:
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    return picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _edges(picture: np.ndarray) -> np.ndarray:
    """(H, W): how steep its grey is."""
    return np.hypot(*np.gradient(picture.mean(-1)))
