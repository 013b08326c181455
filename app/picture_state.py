"""What an artist has decided about one picture, and the recipes that follow from it. No Qt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from app.composed import Ground, Piece, Stroke
from engine.messages import PictureEngine, PictureRecipe, Vector

Task = Literal["sample", "complete", "compose", "blend", "upscale"]
Shape = Literal["same", "square", "wide", "free"]
Way = Literal["edit", "harmonise", "paint"]
"""Compose: cut and move parts, paste another picture's, or paint."""
Mixing = Literal["meld", "morph", "fuse"]
"""Blend: by a painted map, over time, or structure of one with the texture of another."""
Pattern = Literal["across", "down", "disc", ""]
"""Blend: how the map begins; empty once it has been painted over."""

WALL = 8
"""Variations at a time."""
ANSWERS = 4
"""Completions, compositions and blends side by side."""
MOST_LEVELS = 16
SMALLEST, LARGEST = 16, 2048
"""Sides of a new picture, pixels."""
COPY = 0.25
"""Novelty below this is a copy (RMSE to the source over its standard deviation)."""


@dataclass(frozen=True)
class PictureState:
    """Every field is undoable."""

    source: str = ""
    task: Task = "sample"
    seed: int = 1
    """Of the first variation; the others count on from it."""
    count: int = WALL
    locked: bool = True
    """The seeds stay when something else changes."""
    shape: Shape = "same"
    width: int = 0
    """Pixels, for the shape `free`."""
    height: int = 0
    wrap: bool = False
    start_level: int = 0
    variation: float = 1.0
    levels: tuple[float, ...] = ()
    """Variation of every level, coarse first, 0..1; () = `variation` alone."""
    where: Vector | None = None
    hole: Vector | None = None
    wider: float = 0.0
    """Outpainting: share of the width that is added, half of it on either side."""
    taller: float = 0.0
    way: Way = "edit"
    parts: tuple[Piece, ...] = ()
    """Compose: of the source, moved; bottom first."""
    pasted: tuple[Piece, ...] = ()
    """Compose: of other pictures."""
    ground: Ground = Ground()
    strokes: tuple[Stroke, ...] = ()
    """Compose: painted on `ground`."""
    made: str = ""
    """Compose: path of the composite or painting, a PNG of the source's shape, made of these."""
    changed: Vector | None = None
    """Compose: what was moved or pasted, (H, W) 0..1."""
    hold: int = 0
    """Compose: level at which it enters; higher stays closer to what was made; 0 = chosen."""
    mixing: Mixing = "meld"
    others: tuple[str, ...] = ()
    """Blend: paths of the pictures B, C, D."""
    identity: Vector | None = None
    """Blend: (K, H, W) weights by place, painted."""
    pattern: Pattern = "across"
    structure: int = 0
    """Blend: whose layout …"""
    texture: int = 1
    """… and whose matter (0 = the source)."""
    scale: float = 2.0
    """Enlarge: times."""
    longest: int = 250
    model: str = ""
    """Card of a trained pyramid."""
    blend_model: str = ""
    """Card of one that was trained on all pictures of the blend."""
    hole_model: str = ""
    """Card of one that has never seen what lies in this hole."""
    engine: PictureEngine = "patches"
    kept: tuple[PictureRecipe, ...] = ()


def opened(state: PictureState, path: str, model: str, own: bool) -> PictureState:
    """Another picture: what was painted and sized for the one before is left behind.

    `own`: the pyramid was trained by this person, so it answers; one that ships waits to be asked.
    """
    return replace(
        PictureState(),
        source=path,
        task=state.task,
        locked=state.locked,
        variation=state.variation,
        longest=state.longest,
        model=model,
        engine="pyramid" if model and own else "patches",
        kept=state.kept,
    )


def working(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """(width, height) at which a picture of this size is worked on."""
    scale = min(longest / max(*size, 1), 1.0)
    return max(round(size[0] * scale), 1), max(round(size[1] * scale), 1)


def new_size(state: PictureState, size: tuple[int, int]) -> tuple[int, int]:
    """(width, height) of the new picture, of a source of `size` pixels; zeros = as the source."""
    width, height = working(size, state.longest)
    if state.shape == "square":
        side = max(width, height)
        return side, side
    if state.shape == "wide":
        # Twice as wide as it is high, never smaller than the source.
        tall = max(height, round(width / 2))
        return 2 * tall, tall
    if state.shape == "free":
        return state.width or width, state.height or height
    return 0, 0


def ready(state: PictureState) -> bool:
    """Whether there is something to ask for."""
    if not state.source:
        return False
    match state.task:
        case "complete":
            return state.hole is not None or state.wider > 0 or state.taller > 0
        case "compose":
            return bool(state.made) and (state.way == "paint" or state.changed is not None)
        case "blend" if state.mixing == "morph":
            return bool(state.others) and bool(state.blend_model)
        case "blend":
            return bool(state.others) and (state.mixing != "meld" or state.identity is not None)
    return True


def model_of(state: PictureState) -> str:
    """Card of the pyramid that could answer the chosen task; empty without one."""
    match state.task:
        case "blend":
            return state.blend_model
        case "complete":
            return state.hole_model
    return state.model


def engines(state: PictureState) -> tuple[PictureEngine, ...]:
    """Who is able to answer the chosen task, once it is trained."""
    match state.task:
        case "blend" if state.mixing == "morph":
            return ("pyramid",)
        case "compose":
            return ("patches",)
        case "complete" if state.wider > 0 or state.taller > 0:
            return ("patches",)
    return ("patches", "pyramid")


def engine_of(state: PictureState) -> PictureEngine:
    """Who is asked: the chosen engine, or the one there is."""
    able = engines(state)
    wanted = state.engine if state.engine in able else able[0]
    return wanted if wanted == "patches" or model_of(state) else "patches"


def recipes(state: PictureState, size: tuple[int, int]) -> tuple[PictureRecipe, ...]:
    """One recipe a tile of the wall; `size` (width, height) of the source in pixels."""
    if not ready(state):
        return ()
    engine = engine_of(state)
    model = model_of(state) if engine == "pyramid" else ""
    base = PictureRecipe(
        state.source, engine=engine, model=model, longest=state.longest, seed=state.seed
    )
    match state.task:
        case "sample":
            return _seeds(_sample(state, base, size), state.count)
        case "complete":
            return _seeds(_complete(state, base, size), ANSWERS)
        case "compose":
            return _seeds(_compose(state, base), ANSWERS)
        case "blend":
            return _blend(state, base)
        case "upscale":
            # Seeds make no difference worth looking at: one answer.
            return (replace(base, task="upscale", scale=state.scale, seed=0),)


def _seeds(base: PictureRecipe, count: int) -> tuple[PictureRecipe, ...]:
    return tuple(replace(base, seed=base.seed + i) for i in range(count))


def _sample(state: PictureState, base: PictureRecipe, size: tuple[int, int]) -> PictureRecipe:
    width, height = new_size(state, size)
    return replace(
        base,
        variation=state.variation,
        levels=state.levels,
        width=width,
        height=height,
        wrap=state.wrap,
        where=state.where,
        start_level=state.start_level,
    )


def _complete(state: PictureState, base: PictureRecipe, size: tuple[int, int]) -> PictureRecipe:
    # A pyramid that has seen what lies under the hole would give it away: `model_of` has not.
    filled = replace(base, task="complete", variation=state.variation, mask=state.hole)
    if not state.wider and not state.taller:
        return filled
    width, height = working(size, state.longest)
    return replace(
        filled,
        width=round(width * (1 + state.wider)),
        height=round(height * (1 + state.taller)),
    )


def _compose(state: PictureState, base: PictureRecipe) -> PictureRecipe:
    mask = None if state.way == "paint" else state.changed
    return replace(base, task=state.way, naive=state.made, mask=mask, start_level=state.hold)


def _blend(state: PictureState, base: PictureRecipe) -> tuple[PictureRecipe, ...]:
    count = len(state.others) + 1
    base = replace(base, task="blend", others=state.others)
    if state.mixing == "meld":
        return _seeds(replace(base, identity_map=state.identity), ANSWERS)
    if state.mixing == "fuse":
        whose = (state.structure, state.texture)
        a, b = (tuple(float(i == one) for i in range(count)) for one in whose)
        return _seeds(replace(base, identity=a, texture=b), ANSWERS)
    # The way leads from picture to picture, not from one of their variations to another.
    base = replace(base, variation=0.0, levels=(0.0,) * MOST_LEVELS)
    steps = [i * (count - 1) / (WALL - 1) for i in range(WALL)]
    return tuple(replace(base, identity=between(step, count)) for step in steps)


def between(place: float, count: int) -> tuple[float, ...]:
    """Weights on the way from picture to picture: 0 is the first, 1 the second …"""
    return tuple(max(0.0, 1.0 - abs(place - index)) for index in range(count))
