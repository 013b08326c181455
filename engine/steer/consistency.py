"""Does a direction do the same everywhere? Compares what it changes from picture to picture.

Every place is drawn one amount back and one amount ahead along the direction; their difference is
the change there. Both sides rather than one: what the direction does at its start cancels, and the
even part of a bent path with it. Changes are compared as pictures of 16 x 16 in CIELAB, where equal
distances look about equally different, so that colour and light count as they are seen and fine
texture and noise do not. Numpy only.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace

import numpy as np

from engine.backend import area_means
from engine.messages import (
    Consistency,
    ConsistencyQuestion,
    Direction,
    Edit,
    LodestoneError,
    ModelInfo,
    Reply,
    SteerRequest,
    Vector,
)
from engine.runtime import Runtime
from engine.steer.latents import style_step
from engine.steer.render import render

side = 16
"""Pixels of the pictures that are compared, one side."""
chance_seed = 20
"""Of the first random direction: always the same ones, so that a score does not flicker."""
unseen = 1e-3
"""Length in CIELAB below which a change counts as none (rounding of a whole picture)."""


def consistency(
    question: ConsistencyQuestion, runtime: Runtime
) -> Generator[Reply | None, None, Consistency]:
    """Yields None after every picture, and what is known so far from the third place on.

    `chance` is how alike *unrelated* changes look here: every place is moved along a random
    direction of its own, and the cosines of those changes are taken without their signs. (One
    random direction for all places would be no null: it, too, does the same everywhere.) A place
    where nothing changes agrees with none (cosine 0). `strength` is the difference of
    the two pictures, root mean square over pixels of 0..1, mean over the places.
    """
    if len(question.places) < 2:
        raise LodestoneError("One picture agrees with itself. Choose two or more.")
    changes: list[np.ndarray] = []
    by_chance: list[np.ndarray] = []
    strengths: list[float] = []
    for place in question.places:
        change, strength = yield from _change(place, question.direction, question.amount, runtime)
        changes.append(change)
        strengths.append(strength)
        other = random_twin(question.direction, runtime.info, chance_seed + len(by_chance))
        by_chance.append((yield from _change(place, other, question.amount, runtime))[0])
        if 3 <= len(changes) < len(question.places):
            yield _summary(changes, by_chance, strengths)
    return _summary(changes, by_chance, strengths)


def _change(
    place: SteerRequest, direction: Direction, amount: float, runtime: Runtime
) -> Generator[Reply | None, None, tuple[np.ndarray, float]]:
    """((768,) change in CIELAB, its strength) between both sides of a place."""
    sides: list[np.ndarray] = []
    for signed in (-amount, amount):
        request = replace(place, edits=(*place.edits, Edit(direction, signed)))
        sides.append(np.clip(render(request, runtime)[0] * 0.5 + 0.5, 0.0, 1.0))
        yield None
    before, after = sides
    strength = float(np.sqrt(np.mean((after - before) ** 2)))
    return (lab(shrunk(after)) - lab(shrunk(before))).ravel(), strength


def _summary(
    changes: Sequence[np.ndarray], by_chance: Sequence[np.ndarray], strengths: Sequence[float]
) -> Consistency:
    units = _units(changes)
    return Consistency(
        score=mean_cosine(units),
        chance=unrelated(_units(by_chance)),
        places=tuple(float(cosine) for cosine in cosines_with_others(units)),
        strength=float(np.mean(strengths)),
    )


def _units(changes: Sequence[np.ndarray]) -> np.ndarray:
    """(N, D) rows of length 1, or 0 where nothing changed."""
    rows = np.stack(changes).astype(np.float64)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.where(length > unseen, rows / np.maximum(length, unseen), 0.0)


def mean_cosine(units: np.ndarray) -> float:
    """Mean cosine of all pairs of rows: |Σu|² counts each pair twice and each row with itself."""
    count = len(units)
    total = units.sum(axis=0)
    pairs = total @ total - (units**2).sum()
    return float(np.clip(pairs / (count * (count - 1)), -1.0, 1.0))


def unrelated(units: np.ndarray) -> float:
    """Mean size of the cosine of all pairs of rows: what a sign of chance would leave of it."""
    cosines = np.abs(units @ units.T)
    count = len(units)
    pairs = cosines.sum() - np.trace(cosines)
    return float(np.clip(pairs / (count * (count - 1)), 0.0, 1.0))


def cosines_with_others(units: np.ndarray) -> np.ndarray:
    """(N,): each row's cosine with the mean of the others; 0 where there is nothing to compare."""
    others = units.sum(axis=0) - units
    length = np.linalg.norm(others, axis=1)
    along = (units * others).sum(axis=1)
    return np.where(length > 1e-9, along / np.maximum(length, 1e-9), 0.0)


def random_twin(direction: Direction, info: ModelInfo, seed: int) -> Direction:
    """A random direction of the same space and layers, moving equally far (row by row for w+)."""
    given = direction.vector.array().astype(np.float64)
    drawn = np.random.RandomState(seed).randn(*given.shape)
    if direction.space == "s":
        # Only channels of the direction's layers move, so only they count for its length.
        far = [
            np.linalg.norm(style_step(Edit(replace(direction, vector=Vector.of(one)), 1.0), info))
            for one in (given, drawn)
        ]
        drawn *= far[0] / max(far[1], 1e-12)
    else:
        drawn /= np.linalg.norm(drawn, axis=-1, keepdims=True)
        drawn *= np.linalg.norm(given, axis=-1, keepdims=True)
    return replace(direction, name="random", vector=Vector.of(drawn), method="random", detail="")


def shrunk(picture: np.ndarray) -> np.ndarray:
    """(C, H, W) -> (3, 16, 16): the mean over each area; grey in all three colours."""
    rows, columns = (area_means(size, side) for size in picture.shape[1:])
    small = rows @ picture[:3] @ columns.T
    return np.broadcast_to(small, (3, side, side))


def lab(rgb: np.ndarray) -> np.ndarray:
    """(3, H, W) sRGB 0..1 -> (3, H, W) CIELAB (L 0..100) under D65: IEC 61966-2-1, CIE 15:2004."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    # Each row's sum is white's, so that white comes out free of colour.
    xyz = np.tensordot(to_xyz / to_xyz.sum(axis=1, keepdims=True), linear, axes=1)
    edge = 6.0 / 29.0
    f = np.where(xyz > edge**3, np.cbrt(xyz), xyz / (3.0 * edge**2) + 4.0 / 29.0)
    return np.stack([116.0 * f[1] - 16.0, 500.0 * (f[0] - f[1]), 200.0 * (f[1] - f[2])])
