"""New pictures from a trained pyramid, coarse levels first. numpy and ONNX Runtime, no torch."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.messages import LodestoneError, Picture, PictureRecipe, PictureReply
from engine.picture import scores
from engine.picture.answers import read, working_longest
from engine.picture.pyramid.enlarge import enlarged
from engine.picture.pyramid.fill import blind, joined, mismatch, put_back
from engine.picture.pyramid.graph import CHANNELS
from engine.picture.pyramid.grid import Size, level_size, resize
from engine.picture.pyramid.opened import Pyramid, open_pyramid
from engine.picture.pyramid.scene import Scene, fitted, scene, stretched
from engine.picture.source import bgrx

Drawn = tuple[int, int, np.ndarray]
"""(level, levels, picture (H, W, 3) float32 -1..1); the last has level == levels."""

FUSED = np.float32(0.25)
"""Of the variation of coarse levels, where one picture's structure gets another one's texture."""

CANDIDATES = 12
"""Beginnings that are tried for a hole; the one that best goes on from around it stays."""


def pyramid_available(recipe: PictureRecipe) -> bool:
    """Whether a pyramid is there that can draw this recipe.

    One that saw what lies under a hole must not fill it. LodestoneError when it is told to.
    """
    if not recipe.model or not _card_path(recipe.model).is_file():
        return False
    if recipe.task != "complete" or blind(open_pyramid(recipe.model), recipe):
        return True
    if recipe.engine == "pyramid":
        raise LodestoneError(
            "This pyramid has seen what lies under the hole and would give it away. Train one with "
            "this hole, or use the patches."
        )
    return False


def _card_path(model: str) -> Path:
    path = Path(model)
    return path if path.suffix == ".safetensors" else path.with_name(path.name + ".safetensors")


def sample(model: str | Path, recipe: PictureRecipe) -> Generator[Drawn, None, None]:
    """Draw one recipe; yields after every level.

    Levels below `start_level` are the reconstruction of the source, or `naive` made smaller.
    """
    yield from drawn_levels(open_pyramid(model), recipe)


def drawn_levels(pyramid: Pyramid, recipe: PictureRecipe) -> Generator[Drawn, None, None]:
    """As `sample`, from an open pyramid."""
    yield from (drawn for drawn in _stages(pyramid, recipe) if drawn is not None)


def draw(recipe: PictureRecipe) -> Generator[PictureReply | None, None, PictureReply]:
    """Replies for the canvas, level by level; the last one has the scores."""
    pyramid = open_pyramid(recipe.model)
    alpha, note = _shown_with(pyramid, recipe)
    reply, last = None, np.zeros((1, 1, 3), np.float32)
    for stage in _stages(pyramid, recipe):
        if stage is None:
            yield None
            continue
        level, levels, last = stage
        reply = PictureReply(Picture.of(bgrx(last, alpha)), level, levels, "pyramid", note)
        yield reply
    assert reply is not None
    if not recipe.source or pyramid.pictures > 1:
        return reply
    # What a hole hides is hidden from the scores as well.
    hidden = recipe.mask if recipe.task == "complete" else None
    source = read(recipe.source, max(pyramid.sizes[0]), hidden).pixels
    likeness = scores.likeness(last, source)
    yield None
    return replace(reply, likeness=likeness, novelty=scores.novelty(last, source))


def _shown_with(pyramid: Pyramid, recipe: PictureRecipe) -> tuple[np.ndarray | None, str]:
    """What is transparent as in the source, and a sentence."""
    missing = len(pyramid.scales) - pyramid.levels
    notes = [f"{missing} finer levels are still being trained."] if missing > 0 else []
    path = recipe.naive or recipe.source
    if not path or recipe.task == "complete" or pyramid.pictures > 1:
        return None, " ".join(notes)
    longest = working_longest(recipe) if recipe.task == "upscale" else max(pyramid.sizes[0])
    source = read(path, longest)
    return source.alpha, " ".join(filter(None, (source.note, *notes)))


# ---------------------------------------------------------------- levels


def _stages(pyramid: Pyramid, recipe: PictureRecipe) -> Generator[Drawn | None, None, None]:
    """Levels as they are finished; None in between is a place to pause."""
    if recipe.task == "upscale":
        for stage in enlarged(pyramid, recipe, (recipe.seed & 0xFFFFFFFF,)):
            yield None if stage is None else (*stage[:2], _shown(stage[2]))
        return
    one = scene(pyramid, recipe)
    picture: np.ndarray | None = None
    for index in range(one.start, pyramid.levels):
        size = level_size(one.size, pyramid.scales[index])
        if recipe.texture and picture is not None and index == _first_fine(pyramid):
            # Finer levels only add detail: whose matter it is, its colours have to say first.
            which = int(one.fine.mean(axis=(1, 2)).argmax())
            picture = coloured(picture, pyramid.rebuilt(which)[index - 1])
        picture = yield from _level(pyramid, recipe, one, index, size, picture)
        done = picture
        if index == pyramid.levels - 1:
            done = done if size == one.size else resize(picture, one.size, recipe.wrap)
            if one.whole is not None and one.where is not None:
                done = put_back(done, one.whole, one.where)
        yield index + 1, pyramid.levels, _shown(done)


def _shown(picture: np.ndarray) -> np.ndarray:
    """(3, H, W) -> (H, W, 3) within -1..1."""
    return np.clip(picture, -1.0, 1.0).transpose(1, 2, 0)


def _level(
    pyramid: Pyramid, recipe: PictureRecipe, one: Scene, index: int, size: Size,
    before: np.ndarray | None,
) -> Generator[None, None, np.ndarray]:  # fmt: skip
    wrap = recipe.wrap
    if before is not None:
        below = resize(before, size, wrap)
    elif index > 0:
        below = resize(one.kept[index - 1], size, wrap)
    else:
        below = np.zeros((CHANNELS, *size), np.float32)
    vary = None if one.where is None else fitted(one.where[None], size)
    source = one.coarse if index < _first_fine(pyramid) else one.fine
    identity = None if pyramid.pictures == 1 else fitted(source, size)
    tries = []
    for number in range(CANDIDATES if one.holes and index == 0 else 1):
        noise = _noise(pyramid, recipe, one, index, size, vary, number)
        drawn = yield from pyramid.drawing(index, below, noise, identity, wrap)
        tries.append(drawn)
        yield
    if one.holes:
        kept, hole = one.kept[index], one.holes[index]
        return joined(min(tries, key=lambda drawn: mismatch(drawn, kept, hole)), kept, hole)
    if vary is None:
        return tries[0]
    return vary * tries[0] + (1.0 - vary) * resize(one.kept[index], size, wrap)


def _first_fine(pyramid: Pyramid) -> int:
    """The level from which on `texture` decides: layouts are made by the first one or two."""
    return max(1, (pyramid.levels + 1) // 3)


def coloured(picture: np.ndarray, like: np.ndarray) -> np.ndarray:
    """(3, H, W) with the values of `like` (3, h, w), channel by channel, in its own order."""
    found = np.empty_like(picture)
    for channel, values in enumerate(like):
        flat = picture[channel].ravel()
        place = (np.arange(flat.size) + 0.5) / flat.size
        found[channel].reshape(-1)[np.argsort(flat, kind="stable")] = np.quantile(values, place)
    return found


def _noise(
    pyramid: Pyramid, recipe: PictureRecipe, one: Scene, index: int, size: Size,
    vary: np.ndarray | None, number: int = 0,
) -> np.ndarray:  # fmt: skip
    """(3, h, w) of deviation 1, less where and on which levels less is to vary."""
    random = np.random.default_rng((recipe.seed & 0xFFFFFFFF, index, *([number] * (number > 0))))
    noise = random.standard_normal((CHANNELS, *size), dtype=np.float32)
    share = variation(recipe, index, one.start)
    if recipe.texture and index < _first_fine(pyramid) and not recipe.levels:
        # The structure that was asked for, not one like it.
        share = share * FUSED
    if index > 0:
        return noise * share if vary is None else noise * share * vary
    amount = np.full((1, *size), share, np.float32)
    amount = amount if vary is None else amount * vary
    # The deviation stays 1 on the way from the source's own noise to another.
    return amount * noise + np.sqrt(1.0 - amount * amount) * stretched(one.latent, size)


def variation(recipe: PictureRecipe, index: int, start: int) -> np.float32:
    """0..1: how freely a level begins; each for itself with `levels`, else the first one alone."""
    share = recipe.variation if index == start else 1.0
    if recipe.levels:
        share = recipe.levels[index] if index < len(recipe.levels) else 1.0
    return np.float32(min(max(share, 0.0), 1.0))
