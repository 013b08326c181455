"""New pictures from a trained pyramid, coarse levels first. numpy and ONNX Runtime, no torch."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from engine.messages import LodestoneError, Picture, PictureRecipe, PictureReply
from engine.picture import scores
from engine.picture.pyramid.graph import CHANNELS
from engine.picture.pyramid.grid import Size, level_size, resize
from engine.picture.pyramid.opened import Pyramid, open_pyramid
from engine.picture.source import bgrx, read_source

Drawn = tuple[int, int, np.ndarray]
"""(level, levels, picture (H, W, 3) float32 -1..1); the last has level == levels."""


def pyramid_available(recipe: PictureRecipe) -> bool:
    """Whether a pyramid is there that can draw this recipe."""
    return bool(recipe.model) and _card_path(recipe.model).is_file()


def _card_path(model: str) -> Path:
    path = Path(model)
    return path if path.suffix == ".safetensors" else path.with_name(path.name + ".safetensors")


def sample(model: str | Path, recipe: PictureRecipe) -> Generator[Drawn, None, None]:
    """Draw one recipe; yields after every level.

    Levels below `start_level` are the reconstruction of the source, or `naive` made smaller.
    """
    yield from drawn_levels(open_pyramid(model), recipe)


def draw(recipe: PictureRecipe) -> Generator[PictureReply | None, None, PictureReply]:
    """Replies for the canvas, level by level; the last one has the scores."""
    pyramid = open_pyramid(recipe.model)
    reply, last = None, np.zeros((1, 1, 3), np.float32)
    for level, levels, last in drawn_levels(pyramid, recipe):
        reply = PictureReply(Picture.of(bgrx(last)), level, levels, "pyramid", _note(pyramid))
        yield reply
    assert reply is not None
    if not recipe.source or pyramid.pictures > 1:
        return reply
    source = read_source(recipe.source, max(pyramid.sizes[0])).pixels
    likeness = scores.likeness(last, source)
    yield None
    return replace(reply, likeness=likeness, novelty=scores.novelty(last, source))


def _note(pyramid: Pyramid) -> str:
    missing = len(pyramid.scales) - pyramid.levels
    return f"{missing} finer levels are still being trained." if missing > 0 else ""


def drawn_levels(pyramid: Pyramid, recipe: PictureRecipe) -> Generator[Drawn, None, None]:
    """As `sample`, from an open pyramid."""
    scene = _scene(pyramid, recipe)
    picture: np.ndarray | None = None
    for index in range(scene.start, pyramid.levels):
        size = level_size(scene.size, pyramid.scales[index])
        if recipe.texture and picture is not None and index == _first_fine(pyramid):
            # Finer levels only add detail: whose matter it is, its colours have to say first.
            which = int(scene.fine.mean(axis=(1, 2)).argmax())
            picture = coloured(picture, pyramid.rebuilt(which)[index - 1])
        picture = _level(pyramid, recipe, scene, index, size, picture)
        last = index == pyramid.levels - 1
        done = picture
        if last and size != scene.size:
            done = resize(picture, scene.size, recipe.wrap)
        if last:
            done = _kept_outside(done, scene)
        yield index + 1, pyramid.levels, np.clip(done, -1.0, 1.0).transpose(1, 2, 0)


@dataclass(frozen=True, eq=False)
class _Scene:
    """A recipe, worked out."""

    size: Size
    start: int
    coarse: np.ndarray
    """(K, h, w) identity of the coarse levels, any size …"""
    fine: np.ndarray
    """… and of the fine ones."""
    kept: tuple[np.ndarray, ...]
    """Per level (3, h, w): what stays where nothing varies, and what `start` begins from."""
    where: np.ndarray | None
    """(H, W) 0..1: where to vary; None = everywhere."""
    latent: np.ndarray
    """(3, h, w): the source's own noise at the coarsest level."""
    whole: np.ndarray | None
    """(3, H, W): what is put back at the end where nothing varies."""


def _scene(pyramid: Pyramid, recipe: PictureRecipe) -> _Scene:
    coarse, fine = _identities(pyramid, recipe)
    which = int(coarse.mean(axis=(1, 2)).argmax())
    # A morph must not change its shape on the way.
    own = pyramid.sizes[0 if recipe.task == "blend" else which]
    size = (recipe.height or own[0], recipe.width or own[1])
    if min(size) < 1:
        raise LodestoneError("A picture needs at least one pixel. Give a larger size.")
    given = _given(recipe, size)
    start = min(max(0, recipe.start_level), pyramid.levels - 1)
    if recipe.naive:
        start = max(start, min(1, pyramid.levels - 1))
    where = recipe.mask if recipe.task in ("complete", "harmonise", "edit") else recipe.where
    kept: tuple[np.ndarray, ...] = ()
    if given is not None:
        shares = [level_size(size, share) for share in pyramid.scales[: pyramid.levels]]
        kept = tuple(resize(given, one, recipe.wrap) for one in shares)
    elif start > 0 or where is not None:
        # Only what stays needs the source drawn first.
        kept = pyramid.rebuilt(which)
    return _Scene(
        size, start, coarse, fine, kept, None if where is None else _fraction(where.array()),
        pyramid.latents[which], given if recipe.task != "paint" else None,
    )  # fmt: skip


def _given(recipe: PictureRecipe, size: Size) -> np.ndarray | None:
    """(3, H, W): the picture a person brought along, or the source that a hole is in."""
    path = recipe.naive or (recipe.source if recipe.task in ("complete", "upscale") else "")
    if not path:
        return None
    # What lies in the hole is never read.
    hidden = recipe.mask.array() if recipe.task == "complete" and recipe.mask else None
    source = read_source(path, max(size), hidden)
    return resize(source.pixels.transpose(2, 0, 1), size)


def _fraction(array: np.ndarray) -> np.ndarray:
    return np.nan_to_num(array, nan=1.0).clip(0.0, 1.0).astype(np.float32)


def _identities(pyramid: Pyramid, recipe: PictureRecipe) -> tuple[np.ndarray, np.ndarray]:
    """(K, h, w) each: the coarse and the fine levels', weights that sum to 1 everywhere."""
    count = pyramid.pictures
    if recipe.identity_map is not None:
        coarse = recipe.identity_map.array()
    else:
        coarse = _spread(recipe.identity, count)
    fine = _spread(recipe.texture, count) if recipe.texture else coarse
    return _shares(coarse, count), _shares(fine, count)


def _spread(values: tuple[float, ...], count: int) -> np.ndarray:
    weights = np.array(values or (1.0,), np.float32)[:count]
    return np.pad(weights, (0, count - len(weights)))[:, None, None]


def _shares(identity: np.ndarray, count: int) -> np.ndarray:
    if identity.ndim != 3 or len(identity) != count:
        raise LodestoneError(
            f"This pyramid knows {count} pictures, the map has {len(identity)} layers. Paint a "
            "map with one layer for each picture."
        )
    identity = _fraction(identity)
    total = identity.sum(axis=0, keepdims=True)
    first = np.zeros_like(identity)
    first[0] = 1.0
    return np.where(total > 1e-6, identity / np.maximum(total, 1e-6), first)


def _level(
    pyramid: Pyramid, recipe: PictureRecipe, scene: _Scene, index: int, size: Size,
    before: np.ndarray | None,
) -> np.ndarray:  # fmt: skip
    wrap = recipe.wrap
    if before is not None:
        below = resize(before, size, wrap)
    elif index > 0:
        below = resize(scene.kept[index - 1], size, wrap)
    else:
        below = np.zeros((CHANNELS, *size), np.float32)
    noise = _noise(recipe, scene, index, size)
    source = scene.coarse if index < _first_fine(pyramid) else scene.fine
    identity = None if pyramid.pictures == 1 else _fitted(source, size)
    drawn = pyramid.draw(index, below, noise, identity, wrap)
    if scene.where is None:
        return drawn
    vary = _fitted(scene.where[None], size)
    return vary * drawn + (1.0 - vary) * resize(scene.kept[index], size, wrap)


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


def _noise(recipe: PictureRecipe, scene: _Scene, index: int, size: Size) -> np.ndarray:
    """(3, h, w) of deviation 1 … less on the first level when it is to vary less."""
    random = np.random.default_rng((recipe.seed & 0xFFFFFFFF, index))
    noise = random.standard_normal((CHANNELS, *size), dtype=np.float32)
    share = np.float32(min(max(recipe.variation, 0.0), 1.0))
    if index > 0:
        return noise * share if index == scene.start else noise
    vary = np.full((1, *size), share, np.float32)
    if scene.where is not None:
        vary = vary * _fitted(scene.where[None], size)
    own = stretched(scene.latent, size)
    # The deviation stays 1 on the way from the source's own noise to another.
    return vary * noise + np.sqrt(1.0 - vary * vary) * own


def stretched(latent: np.ndarray, size: Size) -> np.ndarray:
    """Noise (3, h, w) at another size, repeated or thinned out: its deviation stays."""
    rows = np.arange(size[0]) * latent.shape[1] // size[0]
    columns = np.arange(size[1]) * latent.shape[2] // size[1]
    return latent[:, rows][:, :, columns]


def _fitted(maps: np.ndarray, size: Size) -> np.ndarray:
    """(K, h, w) weights at a level's size; cubic resampling may overshoot, weights may not."""
    if maps.shape[1:] == (1, 1):
        return np.broadcast_to(maps, (len(maps), *size))
    return resize(maps, size).clip(0.0, 1.0)


def _kept_outside(picture: np.ndarray, scene: _Scene) -> np.ndarray:
    """Exactly what was there before where nothing is to vary."""
    if scene.whole is None or scene.where is None:
        return picture
    vary = _fitted(scene.where[None], picture.shape[1:])  # type: ignore[arg-type]
    return np.where(vary > 0.0, vary * picture + (1.0 - vary) * scene.whole, scene.whole)
