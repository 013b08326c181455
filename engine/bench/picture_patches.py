"""Patches: how soon, how new and how much of the same matter."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from engine.bench.figure import Figure, at_least, at_most, missing
from engine.messages import PictureRecipe, Vector
from engine.picture import patches, scores
from engine.picture.source import read_source

seeds = 3
samples = Path(__file__).parents[2] / "assets" / "samples"


@dataclass(frozen=True)
class _Timed:
    picture: np.ndarray
    first: float
    """Seconds until something was seen."""
    slice: float
    """Longest time without a place to pause."""
    whole: float


def measures(pictures: Sequence[str | Path] = ()) -> Iterator[Figure]:
    """On these pictures, or on the bundled ones; a few seconds a picture."""
    paths = [Path(path) for path in pictures] or sorted(samples.glob("*.jpg"))
    if not paths:
        yield missing("patches", "", None, "the bundled pictures are not here")
        return
    sources = [read_source(path).pixels for path in paths]
    drawn = [[_timed(source, _recipe(seed)) for seed in range(seeds)] for source in sources]
    note = f"{len(paths)} pictures, {seeds} samples each"
    flat = [one for row in drawn for one in row]
    yield at_most("first preview", _median([t.first for t in flat]), "s", 3, note=note)
    yield at_most("sample at 250 px", _median([t.whole for t in flat]), "s", 30, note=note)
    yield at_most("longest slice", max(t.slice for t in flat), "s", 0.5, note=note)
    yield from _likenesses(sources, drawn, note)
    yield from _completions(sources)


def _recipe(seed: int) -> PictureRecipe:
    return PictureRecipe("", seed=seed)


def _median(values: Sequence[float]) -> float:
    return float(np.median(values))


def _timed(source: np.ndarray, recipe: PictureRecipe) -> _Timed:
    began = before = time.perf_counter()
    first, longest, picture = 0.0, 0.0, source
    for stage in patches.generate(source, recipe):
        now = time.perf_counter()
        longest, before = max(longest, now - before), now
        if stage.image is not None:
            first, picture = first or now - began, stage.image
    return _Timed(picture, first, longest, time.perf_counter() - began)


def _likenesses(
    sources: Sequence[np.ndarray], drawn: Sequence[Sequence[_Timed]], note: str
) -> Iterator[Figure]:
    """Medians over pictures of medians over samples, as the field reports them."""
    pairs = [[(one.picture, s) for one in row] for s, row in zip(sources, drawn, strict=True)]

    def over(measure: Callable[[np.ndarray, np.ndarray], float]) -> float:
        return _median([_median([measure(*pair) for pair in row]) for row in pairs])

    for n, scale in enumerate(("full", "half", "quarter")):
        value = over(lambda a, b, n=n: scores.distances(a, b)[n])
        name = f"patches: sliced Wasserstein distance at {scale} size"
        yield at_most(name, value, "", 0.025, note=note)
    yield at_most("patches: coherence", over(scores.coherence), "", 0.06, note=note)
    missed = over(lambda a, b: scores.coherence(b, a))
    yield at_most("patches: completeness", missed, "", 0.07, note=note)
    yield at_least("patches: novelty", over(scores.novelty), "", 0.5, note=note)
    varied = [
        scores.diversity([one.picture for one in row], s)
        for s, row in zip(sources, drawn, strict=True)
    ]
    yield Figure("patches: diversity", _median(varied), "", note=note)


def _completions(sources: Sequence[np.ndarray]) -> Iterator[Figure]:
    """A hole of a third of each side: exact outside, four answers that differ, no leak."""
    worst, gaps, leak = 0.0, [], 0.0
    for source in sources:
        height, width = source.shape[:2]
        mask = np.zeros((height, width), np.float32)
        mask[height // 3 : 2 * height // 3, width // 3 : 2 * width // 3] = 1
        recipe = replace(_recipe(0), task="complete", mask=Vector.of(mask))
        answers = [_completed(source, replace(recipe, seed=seed)) for seed in range(4)]
        outside = mask == 0
        worst = max(worst, *(float(np.abs((a - source)[outside]).max()) for a in answers))
        for a in range(4):
            for b in range(a):
                gap = (answers[a] - answers[b])[~outside]
                gaps.append(float(np.sqrt(np.mean(gap * gap)) / max(source.std(), 1e-6)))
        other = np.where(outside[..., None], source, -source)
        leak = max(leak, float(np.abs(_completed(other, recipe) - answers[0]).max()))
    yield at_most("completion: change outside the hole", worst, "", 0)
    yield at_least("completion: difference of two answers", _median(gaps), "RMSE/std", 0.2)
    yield at_most("completion: what hidden pixels change", leak, "", 0)


def _completed(source: np.ndarray, recipe: PictureRecipe) -> np.ndarray:
    return [s.image for s in patches.generate(source, recipe) if s.image is not None][-1]
