"""A recipe answered in slices: coarse levels first, the whole picture last. No torch."""

from __future__ import annotations

import functools
import time
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.messages import LodestoneError, Picture, PictureRecipe, PictureReply, Vector
from engine.picture import meld, patches, scores
from engine.picture.enlarge import check_scale, longest_input
from engine.picture.plan import Stage, Work
from engine.picture.region import check_mask
from engine.picture.source import Source, bgrx, read_source

slice_seconds = 0.05
"""Work is handed back at least this often."""
Replies = Generator[PictureReply | None, None, PictureReply]


def read(path: str, longest: int, hidden: Vector | None = None) -> Source:
    """`read_source`; the last few are kept as long as their files do not change."""
    try:
        stat = Path(path).stat()
        stamp = (stat.st_mtime_ns, stat.st_size)
    except OSError:
        stamp = (0, 0)  # reading it says what is wrong, in words
    return _read(path, longest, hidden, stamp)


@functools.lru_cache(maxsize=6)
def _read(path: str, longest: int, hidden: Vector | None, _stamp: tuple[int, int]) -> Source:
    return read_source(path, longest, None if hidden is None else hidden.array())


def draw(recipe: PictureRecipe) -> Replies:
    """Replies per level; None in between is a place to pause. The last one has the scores."""
    if by_pyramid(recipe):
        from engine.picture.pyramid.sample import draw as draw_pyramid

        return (yield from draw_pyramid(recipe))
    return (yield from _by_patches(recipe))


def by_pyramid(recipe: PictureRecipe) -> bool:
    """Whether a trained pyramid answers this recipe; LodestoneError when it should but cannot."""
    if recipe.engine == "patches":
        return False
    available = False
    if recipe.model:
        from engine.picture.pyramid.sample import pyramid_available

        available = pyramid_available(recipe)
    if recipe.engine == "pyramid" and not available:
        raise LodestoneError(
            "There is no trained pyramid for this yet. Train one first, or use the patches."
        )
    return available


def _by_patches(recipe: PictureRecipe) -> Replies:
    _check(recipe)
    hidden = recipe.mask if recipe.task == "complete" else None
    longest = working_longest(recipe)
    source = read(recipe.source, longest, hidden)
    naive = read(recipe.naive, longest) if recipe.naive else None
    if naive is not None and recipe.mask is not None:
        check_mask(recipe.mask.array(), *naive.pixels.shape[:2])
    others = _others(recipe, source, longest)
    brought = (source, *([naive] if naive else []), *others)
    note = " ".join(dict.fromkeys(one.note for one in brought if one.note))
    shown = None if recipe.task in ("complete", "blend") else (naive or source).alpha
    if others:
        work = meld.melted([source.pixels, *(other.pixels for other in others)], recipe)
    else:
        work = patches.generate(source.pixels, recipe, naive.pixels if naive else None)
    last = yield from _told(work, shown, note)
    assert last.image is not None
    picture = Picture.of(bgrx(last.image, shown))
    yield None
    reply = PictureReply(picture, last.level, last.levels, "patches", note)
    if recipe.task in ("upscale", "blend"):
        return reply
    likeness = scores.likeness(last.image, source.pixels)
    yield None
    return replace(reply, likeness=likeness, novelty=scores.novelty(last.image, source.pixels))


def _told(
    work: Work, shown: np.ndarray | None, note: str
) -> Generator[PictureReply | None, None, Stage]:
    """A reply for every level but the last, whose stage comes back."""
    began, last = time.monotonic(), None
    for stage in work:
        if stage.image is None:
            if time.monotonic() - began > slice_seconds:
                yield None
                began = time.monotonic()
            continue
        last = stage
        if stage.level < stage.levels:
            picture = Picture.of(bgrx(stage.image, shown))
            yield PictureReply(picture, stage.level, stage.levels, "patches", note)
            began = time.monotonic()
    assert last is not None
    return last


def _others(recipe: PictureRecipe, source: Source, longest: int) -> list[Source]:
    """What is blended with the source, large enough to lie over it where the file is."""
    if recipe.task != "blend":
        return []
    size = meld.made_size(source.pixels, recipe)
    found = []
    for path in recipe.others:
        other = read(path, longest)
        wanted = meld.covering(size, other.size, longest)
        found.append(read(path, wanted) if wanted > longest else other)
    return found


def working_longest(recipe: PictureRecipe) -> int:
    """Pixels of the longest side at which the source is read."""
    if recipe.task == "upscale":
        check_scale(recipe.scale)
        return longest_input(recipe.longest, recipe.scale)
    return min(max(8, recipe.longest), 4096)


def _check(recipe: PictureRecipe) -> None:
    if not recipe.source:
        raise LodestoneError("No picture was chosen. Choose one first.")
    if recipe.task == "blend" and not 1 <= len(recipe.others) <= 3:
        raise LodestoneError(
            "Blending takes two to four pictures, or a trained pyramid of them. Choose the others."
        )
    if recipe.task in ("harmonise", "edit", "paint") and not recipe.naive:
        raise LodestoneError("There is no composite or painting yet. Make one first.")
    if recipe.task in ("harmonise", "edit") and recipe.mask is None:
        raise LodestoneError("Nothing is masked. Brush over what was pasted or moved.")
    if max(recipe.width, recipe.height) > 8192:
        raise LodestoneError("Pictures are at most 8,192 pixels long. Ask for less.")
