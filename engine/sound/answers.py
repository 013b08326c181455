"""A recipe answered in slices: coarse levels first, the whole sound last. No torch."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

from engine.messages import LodestoneError, SoundRecipe, SoundReply, Vector
from engine.sound import grains, scores, takes
from engine.sound.source import Sound, check_audible, read_sound
from engine.sound.stage import Stage, Stages

slice_seconds = 0.03
"""Work is handed back at least this often."""
longest_made = 600.0
shortest_made = 0.05
"""Seconds of a new sound."""
Replies = Generator[SoundReply | None, None, SoundReply]


def draw(recipe: SoundRecipe) -> Replies:
    """Replies per level; None in between is a place to pause. The last one has the scores."""
    if by_pyramid(recipe):
        from engine.sound.pyramid.sample import draw as draw_pyramid

        return (yield from draw_pyramid(recipe))
    return (yield from _by_grains(recipe))


def by_pyramid(recipe: SoundRecipe) -> bool:
    """Whether a trained pyramid answers this recipe; LodestoneError when it should but cannot."""
    if recipe.engine == "grains":
        return False
    available = False
    if recipe.model:
        from engine.sound.pyramid.sample import pyramid_available

        available = pyramid_available(recipe)
    if recipe.engine == "pyramid" and not available:
        raise LodestoneError(
            "There is no trained pyramid for this yet. Train one first, or use the grains."
        )
    return available


def _by_grains(recipe: SoundRecipe) -> Replies:
    _check(recipe)
    sound = _source(recipe)
    yield None
    last: Stage | None = None
    note = sound.note
    began = time.monotonic()
    for stage in _work(sound, recipe):
        if stage is not None:
            last = stage
            note = " ".join(filter(None, dict.fromkeys((sound.note, stage.note))))
            if stage.level < stage.levels:
                yield _reply(stage, note)
                began = time.monotonic()
        elif time.monotonic() - began > slice_seconds:
            yield None
            began = time.monotonic()
    assert last is not None
    reply = _reply(last, note)
    if recipe.task not in ("sample", "vary"):
        return reply
    yield None
    near, far, copy = yield from scores.scores(last.samples, sound.samples, sound.rate)
    return replace(reply, near=near, far=far, copy=copy)


def _reply(stage: Stage, note: str) -> SoundReply:
    samples = Vector.of(stage.samples)
    return SoundReply(samples, stage.rate, stage.level, stage.levels, "grains", note)


def _work(sound: Sound, recipe: SoundRecipe) -> Stages:
    if recipe.task == "inpaint":
        from engine.sound.holes import fill

        return fill(sound, recipe)
    if recipe.task == "extend":
        from engine.sound.band import extend

        return extend(sound, recipe)
    if recipe.task == "denoise":
        from engine.sound.noise import clean

        return clean(sound, recipe)
    if recipe.task == "morph":
        from engine.sound.morph import morph

        return morph(sound, recipe)
    if takes.is_single(sound):
        return takes.generate(sound, recipe)
    return grains.generate(sound, recipe)


def _source(recipe: SoundRecipe) -> Sound:
    # Holes are filled in the whole recording; the region is where their matter comes from.
    whole = recipe.task == "inpaint"
    start, end = (0.0, 0.0) if whole else (recipe.start, recipe.end)
    sound = read_sound(recipe.source, start, end)
    check_audible(sound, Path(recipe.source).name)
    return sound


def _check(recipe: SoundRecipe) -> None:
    if not recipe.source:
        raise LodestoneError("No sound was chosen. Choose one first.")
    if recipe.seconds and not shortest_made <= recipe.seconds <= longest_made:
        raise LodestoneError(
            f"{recipe.seconds:g} s is no length for a sound. Ask for {shortest_made:g} to "
            f"{longest_made:g} s."
        )
    if recipe.end and recipe.end <= recipe.start:
        raise LodestoneError("The region ends before it begins. Choose another region.")
    if recipe.task == "inpaint" and not recipe.holes:
        raise LodestoneError("There is no hole to fill. Mark what is missing.")
    if recipe.task == "extend" and not recipe.others:
        raise LodestoneError(
            "The upper band comes from another recording of the same source. Choose one."
        )
    if recipe.task == "morph" and not recipe.others:
        raise LodestoneError("A morph needs a second sound. Choose one.")
