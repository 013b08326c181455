"""What the Sound page's tests put in place of the studio and the jobs: quick, and recognisable.

`Hummer` answers with the source turned round by its seed, coarse levels first, so that the tests
of the page do not wait for a real engine; that one is tried at the end of test_sound_page.py.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.client import read_sound, write_sound
from engine.messages import (
    JobRequest,
    LodestoneError,
    Question,
    Reply,
    SoundQuestion,
    SoundRecipe,
    SoundReply,
    SoundRequest,
    SoundTrainRequest,
    Vector,
)
from engine.progress import Progress
from tests.troublemakers import Plain

LEVELS = 3
REFUSED = 555
STEPS = 20


class Hummer(Plain):
    """Three levels; seed 555 is refused, seed 777 is a copy."""

    def answer(self, question: Question) -> Generator[Reply | None, None, Reply]:
        assert isinstance(question, SoundQuestion)
        recipe = question.recipe
        if recipe.seed == REFUSED:
            raise LodestoneError("This take is refused. Choose another seed.")
        for level in range(1, LEVELS):
            yield None
            yield hum(recipe, level)
        last = hum(recipe, LEVELS)
        if recipe.task not in ("sample", "vary"):
            return last
        return replace(last, near=0.2, far=0.5, copy=0.99 if recipe.seed == 777 else 0.3)


def hum(recipe: SoundRecipe, level: int) -> SoundReply:
    """The region, turned round by 0.1 s a seed, in steps of 2 ** (LEVELS - level) samples."""
    whole = recipe.task in ("inpaint", "extend", "denoise")
    start, end = (0.0, 0.0) if whole else (recipe.start, recipe.end)
    sound = read_sound(recipe.source, start, end)
    samples = sound.samples if whole else np.roll(sound.samples, sound.rate * recipe.seed // 10, 1)
    count = round(recipe.seconds * sound.rate) or samples.shape[1]
    made = np.resize(samples[0], count)[None].repeat(len(samples), 0)
    step = 2 ** (LEVELS - level)
    made = made[:, ::step].repeat(step, 1)[:, :count]
    for a, b in recipe.holes:
        made[:, round(a * sound.rate) : round(b * sound.rate)] = 0.1 * recipe.seed
    engine = "pyramid" if recipe.engine == "pyramid" else "grains"
    return SoundReply(Vector.of(made), recipe.rate or sound.rate, level, LEVELS, engine)


def run_job(request: JobRequest, progress: Progress) -> str:
    """Training in twenty steps of 10 ms with a card after every level, or one file a recipe."""
    if isinstance(request, SoundRequest):
        for recipe, name in zip(request.recipes, request.names, strict=True):
            made = hum(recipe, LEVELS)
            path = Path(request.out) / f"{name}.{request.format}"
            write_sound(path, made.samples.array(), made.rate, request.format, request.depth)
            progress(1.0, figures=(("near", 0.3), ("far", 0.6), ("copy", 0.2)))
        return request.out
    assert isinstance(request, SoundTrainRequest)
    out = Path(request.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    for step in range(STEPS):
        level = 1 + step * LEVELS // STEPS
        if step * LEVELS % STEPS < LEVELS:
            out.write_bytes(b"card")  # as far as it has come
        progress(step / STEPS, f"Level {level} of {LEVELS}")
        time.sleep(0.01 if request.seconds < 1000 else 0.2)
    return str(out)
