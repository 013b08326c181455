"""Recipes to PNG files (job)."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from engine.codec import to_json
from engine.disk import check_writable, why
from engine.messages import (
    LodestoneError,
    Picture,
    PictureRecipe,
    PictureReply,
    PictureRequest,
    Vector,
)
from engine.picture.answers import draw
from engine.picture.source import resized, working_size
from engine.pictures import chunk, compression
from engine.progress import Progress

noted_mask = 256
"""Longest side of a mask that is kept inside a PNG."""


def run(request: PictureRequest, progress: Progress) -> str:
    """Draw every recipe into `out`; returns the folder (or the film). Finished files are kept."""
    if not request.recipes:
        raise LodestoneError("No pictures were asked for. Ask for at least one.")
    if request.seconds > 0:
        return _animated(request, progress)
    out = Path(request.out)
    count = len(request.recipes)
    names = request.names or tuple(_name(recipe) for recipe in request.recipes)
    if len(names) != count or len(set(names)) != count:
        raise LodestoneError("Every picture needs a name of its own. Give each another name.")
    try:
        out.mkdir(parents=True, exist_ok=True)
        check_writable(out)
        for i, (recipe, name) in enumerate(zip(request.recipes, names, strict=True)):
            words = f"Picture {i + 1} of {count}"
            reply = _drawn(recipe, progress.part(i / count, 1 / count), words)
            _write(out / f"{name}.png", reply.picture, recipe)
            figures = tuple(
                (key, value)
                for key, value in (("likeness", reply.likeness), ("novelty", reply.novelty))
                if value is not None
            )
            progress((i + 1) / count, reply.note or words, reply.picture, figures)
    except OSError as error:
        raise LodestoneError(
            f"The pictures could not be written to {out}: {why(error)}.", repr(error)
        ) from error
    return str(out)


def _drawn(recipe: PictureRecipe, progress: Progress, words: str) -> PictureReply:
    """The last reply; what comes before it is shown."""
    work = draw(recipe)
    while True:
        try:
            reply = next(work)
        except StopIteration as done:
            return done.value
        if reply is None:
            progress.check()
        else:
            progress(reply.level / max(1, reply.levels), words, reply.picture)


def _animated(request: PictureRequest, progress: Progress) -> str:
    from engine.picture.pyramid.animate import animate

    return animate(request, progress)


def _name(recipe: PictureRecipe) -> str:
    return f"{Path(recipe.source or recipe.model).stem}-{recipe.task}-{recipe.seed}"


def _noted(recipe: PictureRecipe) -> str:
    """As JSON; large masks become small, for readers refuse a PNG with megabytes of text."""
    smaller = {}
    for name in ("where", "mask"):
        value = getattr(recipe, name)
        if value is not None and max(value.shape) > noted_mask:
            size = working_size(value.shape[1], value.shape[0], noted_mask)
            smaller[name] = Vector.of(resized(value.array(), size[1], size[0]))
    if recipe.identity_map is not None and recipe.identity_map.array().size > noted_mask**2:
        smaller["identity_map"] = None
    return to_json(replace(recipe, **smaller))


def _write(path: Path, picture: Picture, recipe: PictureRecipe) -> None:
    """PNG with its recipe inside, whole or not at all; transparent where the source is."""
    text = PngImagePlugin.PngInfo()
    text.add_text("Software", "Lodestone")
    text.add_itxt(chunk, _noted(recipe), zip=True)
    pixels = picture.array()[..., [2, 1, 0, 3]]
    if pixels[..., 3].min() == 255:
        pixels = pixels[..., :3]
    part = path.with_name(f"{path.name}.part")
    try:
        image = Image.fromarray(np.ascontiguousarray(pixels))
        image.save(part, format="png", pnginfo=text, compress_level=compression)
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
