"""Recipes to sound files (job)."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from engine.codec import from_json, to_json
from engine.disk import check_writable, why
from engine.messages import LodestoneError, SoundRecipe, SoundReply, SoundRequest
from engine.progress import Progress
from engine.sound.answers import draw
from engine.sound.source import resampled

_depths = {16: "PCM_16", 24: "PCM_24", 32: "FLOAT"}
_mark = "lodestone "
"""Stands before the recipe in a file's comment."""


def run(request: SoundRequest, progress: Progress) -> str:
    """Make every recipe into a file in `out`; returns the folder. Finished files are kept."""
    if not request.recipes:
        raise LodestoneError("No sounds were asked for. Ask for at least one.")
    if request.depth not in _depths or (request.format == "flac" and request.depth == 32):
        raise LodestoneError("That depth is not possible. Choose 16 or 24 bits, or WAV with 32.")
    if request.rate and not 1000 <= request.rate <= 384000:
        raise LodestoneError("That rate is not possible. Choose 1,000 to 384,000 Hz.")
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
            samples = resampled(reply.samples.array(), reply.rate, request.rate or reply.rate)
            note = write(path, samples, request.rate or reply.rate, request.depth, recipe)
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


def write(
    path: Path, samples: np.ndarray, rate: int, depth: int, recipe: SoundRecipe | None = None
) -> str:
    """(channels, N) to a WAV or FLAC with its recipe inside, whole or not at all.

    Returns a sentence when it had to be changed; OSError when the disk refuses.
    """
    import soundfile

    format = "FLAC" if path.suffix.lower() == ".flac" else "WAV"
    if format == "FLAC" and rate > 655350:
        raise LodestoneError("FLAC holds at most 655,350 Hz. Choose WAV.")
    values, note = _quantised(samples, depth)
    part = path.with_name(f"{path.name}.part")
    try:
        # Opened here, so that what the disk says is heard: the library keeps it to itself.
        with part.open("w+b") as raw:
            try:
                with soundfile.SoundFile(
                    raw, "w", rate, len(samples), _depths[depth], format=format
                ) as file:
                    file.software = "Lodestone"
                    if recipe is not None:
                        file.comment = _mark + to_json(recipe)
                    file.write(np.ascontiguousarray(values.T))
            except soundfile.SoundFileError as error:
                raise LodestoneError(
                    f"{path.name} could not be written. Free some space or choose another folder.",
                    repr(error),
                ) from error
            raw.flush()
            os.fsync(raw.fileno())
        if soundfile.info(str(part)).frames != samples.shape[1]:
            raise LodestoneError(f"{path.name} could not be written whole. Free some space.")
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return note


def _quantised(samples: np.ndarray, depth: int) -> tuple[np.ndarray, str]:
    """Integers exactly as a reader turns them back: a sample that was on the grid stays itself."""
    if depth == 32:
        return samples.astype(np.float32), ""
    full = 2.0 ** (depth - 1)
    scaled = np.rint(samples.astype(np.float64) * full)
    over = scaled.max(initial=0) > full - 1 or scaled.min(initial=0) < -full
    peak = float(np.abs(samples).max(initial=0.0))
    note = ""
    if over and peak > 1.0:
        note = f"Its peaks reached {20 * np.log10(peak):.1f} dB above full scale and were clipped."
    limited = np.clip(scaled, -full, full - 1).astype(np.int32)
    return limited << (32 - depth), note


def read_recipe(path: str | Path) -> SoundRecipe:
    """The recipe inside a file that Lodestone wrote."""
    import soundfile

    try:
        with soundfile.SoundFile(str(path)) as file:
            comment = file.comment
    except (soundfile.SoundFileError, OSError) as error:
        raise LodestoneError(
            f"{path} is not a sound that can be read. Choose another.", repr(error)
        ) from error
    if not comment.startswith(_mark):
        raise LodestoneError(f"{Path(path).name} holds no recipe. Choose a sound made here.")
    found = from_json(comment.removeprefix(_mark))
    if not isinstance(found, SoundRecipe):
        raise LodestoneError(f"{Path(path).name} holds no recipe. Choose a sound made here.")
    return found
