"""A looping film, from a still's pyramid or from one identity to the next. No torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.disk import why
from engine.messages import LodestoneError, Picture, PictureRecipe, PictureRequest
from engine.picture.pyramid.opened import Pyramid, open_pyramid
from engine.picture.pyramid.sample import drawn_levels
from engine.picture.pyramid.walk import walk
from engine.picture.source import bgrx
from engine.progress import Cancelled, Progress
from engine.sinks import FilmSink, Named


def animate(request: PictureRequest, progress: Progress) -> str:
    """Film the first recipe; returns the path of the film."""
    recipe = request.recipes[0]
    out = Path(request.out)
    kind = out.suffix.lower().lstrip(".")
    if kind not in ("mp4", "webm"):
        raise LodestoneError("An animation is an .mp4 or .webm file. Give such a name.")
    if not recipe.model:
        raise LodestoneError("An animation needs a trained pyramid. Train one first.")
    pyramid = open_pyramid(recipe.model)
    count = max(2, round(request.seconds * request.fps))
    frames = _morph(pyramid, request, count) if len(request.recipes) > 1 else _still(request)
    try:
        _film(frames, count, request, pyramid, progress)
    except OSError as error:
        sentence = f"The film could not be written: {why(error)}."
        raise LodestoneError(sentence, repr(error)) from error
    return str(out)


def _still(request: PictureRequest) -> Iterator[np.ndarray]:
    recipe = request.recipes[0]
    size = (recipe.height, recipe.width) if recipe.height and recipe.width else None
    return walk(
        recipe.model, request.seconds, request.fps, request.alpha, request.beta, recipe.seed, size,
        recipe.start_level,
    )  # fmt: skip


def _morph(pyramid: Pyramid, request: PictureRequest, count: int) -> Iterator[np.ndarray]:
    """Through the recipes' identities and back to the first, everything else as in the first."""
    stops = [_weights(recipe, pyramid.pictures) for recipe in request.recipes]
    for frame in range(count):
        place = frame * len(stops) / count
        a, b = stops[int(place)], stops[(int(place) + 1) % len(stops)]
        share = 0.5 - 0.5 * np.cos(np.pi * (place % 1.0))
        identity = tuple(float(v) for v in (1 - share) * a + share * b)
        height, width = pyramid.sizes[0]
        first = request.recipes[0]
        recipe = replace(
            first,
            identity=identity,
            identity_map=None,
            width=first.width or width,
            height=first.height or height,
        )
        *_, (_, _, picture) = drawn_levels(pyramid, recipe)
        yield picture


def _weights(recipe: PictureRecipe, count: int) -> np.ndarray:
    weights = np.zeros(count)
    given = recipe.identity[:count] or (1.0,)
    weights[: len(given)] = given
    return weights / max(weights.sum(), 1e-6)


def _film(
    frames: Iterator[np.ndarray], count: int, request: PictureRequest, pyramid: Pyramid,
    progress: Progress,
) -> None:  # fmt: skip
    out = Path(request.out)
    named = Named(pyramid.card.name, pyramid.card.attribution)
    sink = None
    try:
        for index, frame in enumerate(frames):
            picture = _even(bgrx(frame))
            if sink is None:
                size = (picture.shape[1], picture.shape[0])
                sink = FilmSink(out, out.suffix.lower()[1:], request.fps, named, size)
            sink.write(index, None, picture)
            shown = None if index % 10 else Picture.of(picture)
            progress((index + 1) / count, f"Frame {index + 1} of {count}", shown)
        if sink is not None:
            sink.finish()
    except (Cancelled, OSError):
        if sink is not None:
            sink.keep()
        raise


def _even(picture: np.ndarray) -> np.ndarray:
    """4:2:0 films need even sides: the last row or column is repeated."""
    odd = [(0, picture.shape[0] % 2), (0, picture.shape[1] % 2), (0, 0)]
    return np.pad(picture, odd, mode="edge")
