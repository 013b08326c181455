"""What an artist has decided about one picture, and the recipes that follow from it. No Qt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from engine.messages import PictureEngine, PictureRecipe, Vector

Task = Literal["sample", "complete"]
Shape = Literal["same", "square", "wide", "free"]

WALL = 8
"""Variations at a time."""
ANSWERS = 4
"""Completions side by side."""
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
    where: Vector | None = None
    hole: Vector | None = None
    wider: float = 0.0
    """Outpainting: share of the width that is added, half of it on either side."""
    taller: float = 0.0
    longest: int = 250
    model: str = ""
    """Card of a trained pyramid."""
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
    return state.task == "sample" or state.hole is not None or state.wider > 0 or state.taller > 0


def recipes(state: PictureState, size: tuple[int, int]) -> tuple[PictureRecipe, ...]:
    """One recipe a tile of the wall; `size` (width, height) of the source in pixels."""
    if not ready(state):
        return ()
    if state.task == "complete":
        count = ANSWERS
        fields: dict[str, object] = {"mask": state.hole}
        if state.wider or state.taller:
            width, height = working(size, state.longest)
            fields["width"] = round(width * (1 + state.wider))
            fields["height"] = round(height * (1 + state.taller))
    else:
        width, height = new_size(state, size)
        count = state.count
        fields = {
            "width": width,
            "height": height,
            "wrap": state.wrap,
            "where": state.where,
            "start_level": state.start_level,
        }
    # A pyramid that has seen what lies under the hole would give it away.
    able = state.task == "sample"
    base = PictureRecipe(
        state.source,
        state.task,
        state.engine if able else "patches",
        state.model,
        variation=state.variation,
        longest=state.longest,
        **fields,  # pyright: ignore[reportArgumentType]
    )
    return tuple(replace(base, seed=state.seed + i) for i in range(count))
