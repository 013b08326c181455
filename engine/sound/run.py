"""Recipes to sound files (job)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine.disk import check_writable, why
from engine.messages import LodestoneError, SoundRecipe, SoundReply, SoundRequest
from engine.progress import Progress
from engine.sound.answers import draw
from engine.sound.files import check_kind, write_sound


def run(request: SoundRequest, progress: Progress) -> str:
    """Make every recipe into a file in `out`; returns the folder. Finished files are kept."""
    if not request.recipes:
        raise LodestoneError("No sounds were asked for. Ask for at least one.")
    check_kind(request.format, request.depth, request.rate)
    out, count = Path(request.out), len(request.recipes)
    names = request.names or tuple(_name(recipe) for recipe in request.recipes)
    if len(names) != count or len(set(names)) != count:
        raise LodestoneError("Every sound needs a name of its own. Give each another name.")
    try:
        out.mkdir(parents=True, exist_ok=True)
        check_writable(out)
        for i, (recipe, name) in enumerate(zip(request.recipes, names, strict=True)):
            words = f"Sound {i + 1} of {count}"
            reply = _made(recipe, progress.part(i / count, 1 / count), words)
            path = out / f"{name}.{request.format}"
            sound = reply.samples.array()
            kind, depth, rate = request.format, request.depth, request.rate
            write_sound(path, sound, reply.rate, kind, depth, rate, recipe)
            note = "" if depth == 32 else _clipped(sound)
            figures = tuple(
                (key, value)
                for key, value in (("near", reply.near), ("far", reply.far), ("copy", reply.copy))
                if value is not None
            )
            said = " ".join(filter(None, (reply.note, note)))
            progress((i + 1) / count, said or words, figures=figures)
    except OSError as error:
        raise LodestoneError(
            f"The sounds could not be written to {out}: {why(error)}.", repr(error)
        ) from error
    return str(out)


def _made(recipe: SoundRecipe, progress: Progress, words: str) -> SoundReply:
    work = draw(recipe)
    while True:
        try:
            reply = next(work)
        except StopIteration as done:
            return done.value
        if reply is None:
            progress.check()
        else:
            progress(reply.level / max(1, reply.levels), words)


def _name(recipe: SoundRecipe) -> str:
    return f"{Path(recipe.source or recipe.model).stem}-{recipe.task}-{recipe.seed}"


def _clipped(samples: np.ndarray) -> str:
    peak = float(np.abs(samples).max(initial=0.0))
    if peak <= 1:
        return ""
    over = 20 * np.log10(peak)
    return f"Its peaks lie {over:.1f} dB above full scale and were clipped; 32 bits keep them."
