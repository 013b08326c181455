"""One pyramid of two pictures: does its identity map mean what it says?"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.bench.figure import Figure, at_least, at_most, missing
from engine.bench.picture_features import EarlyFeatures
from engine.bench.picture_pyramid import drawn, samples
from engine.messages import PictureRecipe, PictureTrainRequest, Vector
from engine.picture import scores
from engine.picture.pyramid.train import train
from engine.picture.source import read_source, resized
from engine.progress import Progress
from models.errors import LodestoneError

seeds = 3
steps = 7
"""Of a sweep from A to B."""
coarse = 16
"""Longest side of the pictures whose layouts are compared, pixels."""


def measures(
    pictures: Sequence[str | Path] = (), budget: float = 240.0, longest: int = 96
) -> Iterator[Figure]:
    """On two pictures, or on the two bundled ones; A is the first."""
    paths = [Path(path) for path in pictures][:2] or sorted(samples.glob("*.jpg"))[:2]
    if len(paths) < 2:
        yield missing("identity map", "", None, "the bundled pictures are not here")
        return
    with tempfile.TemporaryDirectory() as folder:
        request = PictureTrainRequest(
            tuple(map(str, paths)), f"{folder}/blend", seconds=budget, longest=longest, device="cpu"
        )
        model = train(request, Progress())
        a, b = (read_source(path, longest).pixels for path in paths)
        recipe = PictureRecipe("", "blend", width=a.shape[1], height=a.shape[0])
        yield from _alone(model, recipe, a, b)
        yield from _sweep(model, recipe, a, b)
        yield _halves(model, recipe, a, b)
        yield from _fused(model, recipe, a, b)


def _median(values: Sequence[float]) -> float:
    return float(np.median(values))


def _alone(model: str, recipe: PictureRecipe, a: np.ndarray, b: np.ndarray) -> Iterator[Figure]:
    try:
        features = EarlyFeatures()
    except LodestoneError as error:
        yield missing("identity map: all A to A", "FLD", "<= 0.05", error.sentence)
        return
    only = [drawn(model, replace(recipe, identity=(1.0, 0.0), seed=seed)) for seed in range(seeds)]
    own = _median([features.distance(one, a) for one in only])
    other = _median([features.distance(one, b) for one in only])
    yield at_most("identity map: all A to A", own, "FLD", 0.05)
    yield at_least("identity map: all A to B over to A", other / max(own, 1e-9), "times", 5)


def _sweep(model: str, recipe: PictureRecipe, a: np.ndarray, b: np.ndarray) -> Iterator[Figure]:
    """Share of the steps from A to B that come nearer to B than the step before."""
    places = []
    for share in np.linspace(0, 1, steps):
        identity = (1 - float(share), float(share))
        each = [drawn(model, replace(recipe, identity=identity, seed=s)) for s in range(seeds)]
        places.append(_median([_place(one, a, b) for one in each]))
    rising = float(np.mean(np.diff(places) > 0))
    note = " ".join(f"{place:.2f}" for place in places)
    yield at_least("identity map: steps of a sweep that come nearer to B", rising, "", 1, note=note)


def _place(picture: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    """0 = as A, 1 = as B, by sliced Wasserstein distance."""
    to_a, to_b = scores.distance(picture, a), scores.distance(picture, b)
    return to_a / max(to_a + to_b, 1e-9)


def _halves(model: str, recipe: PictureRecipe, a: np.ndarray, b: np.ndarray) -> Figure:
    layers = np.zeros((2, *a.shape[:2]), np.float32)
    middle = a.shape[1] // 2
    layers[0, :, :middle], layers[1, :, middle:] = 1, 1
    nearer = []
    for seed in range(seeds):
        one = drawn(model, replace(recipe, identity_map=Vector.of(layers), seed=seed))
        left, right = _place(one[:, :middle], a, b), _place(one[:, middle:], a, b)
        nearer += [(1 - left) / max(left, 1e-9), right / max(1 - right, 1e-9)]
    name = "identity map: a half to the other picture over to its own"
    return at_least(name, min(nearer), "times", 1, note="the worst half")


def _fused(model: str, recipe: PictureRecipe, a: np.ndarray, b: np.ndarray) -> Iterator[Figure]:
    recipe = replace(recipe, identity=(1.0, 0.0), texture=(0.0, 1.0))
    each = [drawn(model, replace(recipe, seed=seed)) for seed in range(seeds)]
    layout = _median([_alike(one, a) for one in each])
    matter = _median([scores.distance(one, b) / scores.distance(one, a) for one in each])
    yield at_least("structure of A, texture of B: layout as A", layout, "rank correlation", 0.6)
    name = "structure of A, texture of B: distance to B over to A"
    yield at_most(name, matter, "", 0.5, note="sliced Wasserstein")


def _alike(picture: np.ndarray, other: np.ndarray) -> float:
    """Rank correlation of light and dark at a coarse size."""
    scale = coarse / max(other.shape[:2])
    size = max(1, round(other.shape[0] * scale)), max(1, round(other.shape[1] * scale))
    ranks = [resized(one.mean(-1), *size).ravel().argsort().argsort() for one in (picture, other)]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])
