"""What the Picture page's tests put in place of the studio and the jobs: quick, and recognisable.

`Sketcher` answers with mosaics of the source that grow finer, each tinted by its seed, so that the
tests of the page do not wait for a real engine; that one is tried at the end of test_picture_page.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from engine.messages import (
    JobRequest,
    LodestoneError,
    MatterQuestion,
    Picture,
    PictureQuestion,
    PictureRecipe,
    PictureReply,
    PictureTrainRequest,
    Question,
    Reply,
)
from engine.picture.matter import nearest_patches
from engine.progress import Progress
from tests.troublemakers import Plain

LEVELS = 5
REFUSED = 555
STEPS = 20


class Sketcher(Plain):
    """Five levels of squares; seed 555 is refused."""

    def answer(self, question: Question) -> Generator[Reply | None, None, Reply]:
        if isinstance(question, MatterQuestion):
            return (yield from nearest_patches(question))
        assert isinstance(question, PictureQuestion)
        recipe = question.recipe
        if recipe.seed == REFUSED:
            raise LodestoneError("This picture is refused. Choose another seed.")
        for level in range(1, LEVELS):
            yield None
            yield sketch(recipe, level)
        last = sketch(recipe, LEVELS)
        copy = recipe.start_level >= LEVELS - 1
        return replace(last, likeness=0.9, novelty=0.1 if copy else 0.8)


def sketch(recipe: PictureRecipe, level: int) -> PictureReply:
    """The source in squares of 2 ** (LEVELS - level) pixels, shifted and tinted by the seed."""
    with Image.open(recipe.source) as image:
        image.thumbnail((recipe.longest, recipe.longest))
        size = (recipe.width or image.width, recipe.height or image.height)
        if recipe.task == "upscale":
            size = (round(image.width * recipe.scale), round(image.height * recipe.scale))
        pixels = np.asarray(image.convert("RGB").resize(size), np.int16)
    if recipe.others:
        pixels = mixed(recipe, pixels)
    if recipe.task == "sample" and recipe.start_level < LEVELS - 1:
        pixels = np.roll(pixels, (7 * recipe.seed, 13 * recipe.seed), (0, 1))
    step = 2 ** (LEVELS - level)
    coarse = pixels[::step, ::step].repeat(step, 0).repeat(step, 1)[: size[1], : size[0]]
    out = np.full((size[1], size[0], 4), 255, np.uint8)
    out[..., :3] = np.clip(coarse[..., ::-1] + 5 * (recipe.seed % 4), 0, 255)
    engine = "pyramid" if recipe.engine == "pyramid" else "patches"
    return PictureReply(Picture.of(out), level, LEVELS, engine)


def mixed(recipe: PictureRecipe, pixels: np.ndarray) -> np.ndarray:
    """The pictures laid over each other by the recipe's weights."""
    height, width = pixels.shape[:2]
    layers = [pixels]
    for path in recipe.others:
        try:
            with Image.open(path) as image:
                layers.append(np.asarray(image.convert("RGB").resize((width, height)), np.int16))
        except OSError as error:
            raise LodestoneError(f"{Path(path).name} cannot be read. Choose another.") from error
    if recipe.identity_map is not None:
        rows = np.arange(height) * recipe.identity_map.shape[1] // height
        columns = np.arange(width) * recipe.identity_map.shape[2] // width
        weights = recipe.identity_map.array()[:, rows][:, :, columns]
    else:
        weights = np.array(recipe.texture or recipe.identity)[:, None, None]
    return (np.stack(layers) * weights[..., None]).sum(0).astype(np.int16)


def run_job(request: JobRequest, progress: Progress) -> str:
    """Training in twenty steps of 10 ms, with a picture of every level."""
    assert isinstance(request, PictureTrainRequest)
    recipe = PictureRecipe(request.sources[0], longest=96)
    for step in range(STEPS):
        level = 1 + step * LEVELS // STEPS
        shown = sketch(recipe, level).picture
        progress(
            step / STEPS,
            f"Level {level} of {LEVELS}",
            preview=shown,
        )
        time.sleep(0.01 if request.seconds < 1000 else 0.2)
    out = Path(request.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(b"card")
    return str(out)
