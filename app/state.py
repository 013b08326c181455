"""What the Steer panel shows, as one frozen value, and the request it stands for. No Qt.

Everything an artist can change lives in `SteerState`; `to_request` turns it (and the moment of a
wander) into the `SteerRequest` that decides the picture.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from app.fixed import NOTHING, applied
from engine.client import morph
from engine.messages import (
    Annotation,
    Axis,
    Direction,
    Edit,
    EditSet,
    LatentPart,
    ModelInfo,
    NoiseMode,
    Pair,
    Picture,
    SteerRequest,
    UnitEdit,
    Vector,
)

FIELD_STEP = 100
"""Seeds of one row of the seed field lie this far above those of the row before."""
SEEDS = 1 << 32


@dataclass(frozen=True)
class Card:
    """One direction with its slider."""

    key: str
    direction: Direction
    amount: float = 0.0
    """In σ."""
    hidden: bool = False
    pinned: bool = False
    fixed: tuple[str, ...] = ()
    """Keys of the cards it is kept orthogonal to."""


@dataclass(frozen=True)
class Wander:
    """A slow drift: sliders and the seed field swing around where the artist left them."""

    on: bool = False
    speed: float = 0.08
    """Swings a second."""
    radius: float = 1.0
    """σ for directions; field steps times two for the latent."""
    latent: bool = True
    cards: tuple[str, ...] = ()


@dataclass(frozen=True)
class Morph:
    """The way between two snapshots; `on` while its slider rules the canvas."""

    on: bool = False
    a: str = ""
    b: str = ""
    t: float = 0.0


@dataclass(frozen=True)
class Snapshot:
    """A kept picture: the request that makes it, and a thumbnail."""

    key: str
    name: str
    request: SteerRequest
    picture: Picture | None = field(default=None, compare=False)


@dataclass(frozen=True)
class SteerState:
    """All of the Steer panel."""

    model: str = ""
    x: float = 0.0
    """Where we stand in the seed field; whole numbers are seeds: seed = x + 100 y."""
    y: float = 0.0
    space: Literal["z", "w", "w+"] = "w"
    """In which the field travels; in w+ only `field_rows` travel, the rest stays at `anchor`."""
    anchor: int = 0
    field_rows: tuple[int, ...] = ()
    custom: tuple[LatentPart, ...] = ()
    """A latent that is not in the field (from a picture file or a morph); rules when not empty."""
    classes: tuple[float, ...] = ()
    mix_seed: int = 1
    mix: tuple[LatentPart, ...] = ()
    """B when it is not a seed."""
    mix_layers: tuple[int, ...] = ()
    truncation: float = 0.7
    truncation_cutoff: int | None = None
    noise: NoiseMode = "const"
    noise_seed: int = 0
    noise_strength: float = 1.0
    cards: tuple[Card, ...] = ()
    units: tuple[UnitEdit, ...] = ()
    """Units turned by hand (the Inspect workspace); those that are on count."""
    pad: tuple[str, str] = ("", "")
    wander: Wander = field(default_factory=Wander)
    morph: Morph = field(default_factory=Morph)
    snapshots: tuple[Snapshot, ...] = ()
    axes: tuple[Axis, ...] = ()
    """What was sorted on the compass."""
    pairs: tuple[Pair, ...] = ()
    """What is described for the vocabulary …"""
    annotations: tuple[Annotation, ...] = ()
    """… and the words for it."""
    ridge: float = 10.0
    """λ of the vocabulary's decomposition."""
    edit_sets: tuple[EditSet, ...] = ()
    """Unit edits kept under a name."""

    @property
    def seed(self) -> int:
        """The seed nearest to where we stand."""
        return seed_at(round(self.x), round(self.y))

    def card(self, key: str) -> Card | None:
        return next((card for card in self.cards if card.key == key), None)

    def edit_set(self, key: str) -> EditSet | None:
        return next((one for one in self.edit_sets if one.key == key), None)

    def axis(self, key: str) -> Axis | None:
        return next((axis for axis in self.axes if axis.key == key), None)

    def snapshot(self, key: str) -> Snapshot | None:
        return next((shot for shot in self.snapshots if shot.key == key), None)


def same(old: SteerState, new: SteerState, *names: str) -> bool:
    """Whether fields are untouched, by identity: `replace` keeps what it does not change."""
    return all(getattr(old, name) is getattr(new, name) for name in names)


def seed_at(column: int, row: int) -> int:
    """The seed at a whole place of the field."""
    return (column + row * FIELD_STEP) % SEEDS


def with_seed(state: SteerState, seed: int) -> SteerState:
    """Standing exactly on a seed."""
    # float64 holds every whole number below 2^53, so the field can stand on any seed exactly.
    return replace(state, x=float(seed % SEEDS), y=0.0, custom=(), morph=_off(state.morph))


def with_card(state: SteerState, key: str, **changes: object) -> SteerState:
    """The same state with one direction card changed."""
    cards = tuple(
        replace(card, **changes) if card.key == key else card  # type: ignore[arg-type]
        for card in state.cards
    )
    return replace(state, cards=cards)


def _off(value: Morph) -> Morph:
    return replace(value, on=False) if value.on else value


# ---------------------------------------------------------------- state → request


def field_parts(x: float, y: float) -> tuple[LatentPart, ...]:
    """The seeds around a place of the field, weighted bilinearly (at most four)."""
    column, row = math.floor(x), math.floor(y)
    fx, fy = x - column, y - row
    weights = {
        (0, 0): (1 - fx) * (1 - fy),
        (1, 0): fx * (1 - fy),
        (0, 1): (1 - fx) * fy,
        (1, 1): fx * fy,
    }
    return tuple(
        LatentPart(seed=seed_at(column + i, row + j), weight=weight)
        for (i, j), weight in weights.items()
        if weight > 1e-6
    )


def z_blend(parts: Sequence[LatentPart], z_dim: int) -> LatentPart:
    """Seeds mixed in z at the length a single seed would have, so nothing goes grey between."""
    total = np.zeros((1, z_dim))
    square = 0.0
    for part in parts:
        total += part.weight * np.random.RandomState(part.seed or 0).randn(1, z_dim)
        square += part.weight**2
    blended = (total / math.sqrt(max(square, 1e-12))).astype(np.float32)
    return LatentPart(vector=Vector.of(blended[0]), space="z")


def latent_parts(state: SteerState, info: ModelInfo, x: float, y: float) -> tuple[LatentPart, ...]:
    """The latent A of a state standing at (x, y)."""
    if state.custom:
        return state.custom
    parts = field_parts(x, y)
    if state.space == "z" and len(parts) > 1:
        return (z_blend(parts, info.z_dim),)
    if state.space == "w+":
        moving = tuple(row for row in state.field_rows if row < info.num_ws)
        still = tuple(row for row in range(info.num_ws) if row not in moving)
        if not moving:
            return (LatentPart(seed=state.anchor),)
        if not still:
            return parts
        anchor = LatentPart(seed=state.anchor, rows=still)
        return (anchor, *(replace(part, rows=moving) for part in parts))
    return parts


def to_request(state: SteerState, info: ModelInfo, seconds: float = 0.0) -> SteerRequest:
    """The picture of a state, `seconds` into its wander."""
    if state.morph.on:
        a, b = state.snapshot(state.morph.a), state.snapshot(state.morph.b)
        if a is not None and b is not None:
            return morph(a.request, b.request, state.morph.t)
    x, y, amounts = wandered(state, seconds)
    edits = tuple(
        Edit(direction, amounts[card.key])
        for card in state.cards
        if abs(amounts[card.key]) > 1e-9
        for direction, residual in (applied(state, card, info.num_ws),)
        if residual >= NOTHING
    )
    mix = state.mix or (LatentPart(seed=state.mix_seed),)
    return SteerRequest(
        model=info.id,
        latent=latent_parts(state, info, x, y),
        classes=state.classes[: info.c_dim] if info.c_dim else (),
        mix=mix if state.mix_layers else (),
        mix_layers=state.mix_layers,
        truncation=state.truncation,
        truncation_cutoff=state.truncation_cutoff,
        noise=state.noise,
        noise_seed=state.noise_seed if state.noise == "random" else 0,
        noise_strength=1.0 if state.noise == "off" else state.noise_strength,
        edits=edits,
        units=tuple(edit for edit in state.units if edit.on),
    )


def wandered(state: SteerState, seconds: float) -> tuple[float, float, dict[str, float]]:
    """Place in the field and the amounts, `seconds` into the wander (0 = where they stand)."""
    x, y = state.x, state.y
    amounts = {card.key: card.amount for card in state.cards}
    wander = state.wander
    if not wander.on or seconds == 0.0:
        return x, y, amounts
    turn = 2.0 * math.pi * wander.speed * seconds
    if wander.latent and not state.custom:
        # A circle that starts and ends where the artist stands.
        x += wander.radius / 2.0 * math.sin(turn)
        y += wander.radius / 2.0 * (1.0 - math.cos(turn))
    for index, key in enumerate(wander.cards):
        if key in amounts:
            # Whole multiples keep a film of whole swings seamless; the sign alternates.
            swing = math.sin(turn * (1 + index % 3)) * (-1) ** index
            amounts[key] += wander.radius * swing
    return x, y, amounts


# ---------------------------------------------------------------- request → state


def from_request(state: SteerState, request: SteerRequest) -> SteerState:
    """The state that shows `request`: known cards move, unknown directions become new cards."""
    amounts = {edit.direction: edit.amount for edit in request.edits}
    cards = [_told(state, card, amounts) for card in state.cards]
    for direction, amount in amounts.items():
        key = fresh_key([card.key for card in cards], direction.name or "direction")
        cards.append(Card(key, direction, amount))
    changed = replace(
        state,
        custom=(),
        classes=request.classes,
        mix_layers=request.mix_layers,
        truncation=request.truncation,
        truncation_cutoff=request.truncation_cutoff,
        noise=request.noise,
        noise_seed=request.noise_seed,
        noise_strength=request.noise_strength,
        cards=tuple(cards),
        units=request.units,
        morph=_off(state.morph),
        wander=replace(state.wander, on=False),
    )
    seeds = [part.seed for part in request.mix]
    if len(seeds) == 1 and seeds[0] is not None:
        changed = replace(changed, mix_seed=seeds[0], mix=())
    else:
        changed = replace(changed, mix=request.mix)
    return _placed(changed, request.latent)


def _placed(state: SteerState, latent: tuple[LatentPart, ...]) -> SteerState:
    """Stand in the field where a latent is, or keep it as it is when it is not in the field."""
    first = latent[0]
    if len(latent) == 1 and first.seed is not None:
        return with_seed(
            replace(state, space="w" if state.space == "w+" else state.space), first.seed
        )
    seeds = {part.seed: part.weight for part in latent}
    plain = all(part.seed is not None and part.rows is None for part in latent)
    total = sum(seeds.values())
    if plain and len(seeds) == len(latent) <= 4 and total > 0:
        corner = min(seed for seed in seeds if seed is not None)
        fx = sum(w for s, w in seeds.items() if s in (corner + 1, corner + FIELD_STEP + 1)) / total
        fy = (
            sum(w for s, w in seeds.items() if s in (corner + FIELD_STEP, corner + FIELD_STEP + 1))
            / total
        )
        x, y = corner % FIELD_STEP + fx, corner // FIELD_STEP + fy
        if _same(field_parts(x, y), latent, total):
            return replace(state, x=x, y=y, space="w", custom=())
    return replace(state, custom=latent)


def _same(parts: tuple[LatentPart, ...], latent: tuple[LatentPart, ...], total: float) -> bool:
    ours = {part.seed: part.weight for part in parts}
    theirs = {part.seed: part.weight / total for part in latent}
    return set(ours) == set(theirs) and all(abs(ours[s] - theirs[s]) < 1e-4 for s in ours)


def _told(state: SteerState, card: Card, amounts: dict[Direction, float]) -> Card:
    """The card at the amount the request gives its direction (taken out of `amounts`), else 0.

    What it keeps fixed goes when the request moved along the direction without that.
    """
    for direction in list(amounts):
        # Of w+ the request itself tells the number of rows.
        rows = direction.vector.shape[0] if direction.space == "w+" else None
        moved, _residual = applied(state, card, rows)
        if direction.vector == moved.vector and direction.space == moved.space:
            amount = amounts.pop(direction)
            told = replace(card.direction, name=direction.name, layers=direction.layers)
            own = card.direction if direction == moved else told
            return replace(card, direction=own, amount=amount)
    for direction in list(amounts):
        if direction.vector == card.direction.vector and direction.space == card.direction.space:
            amount = amounts.pop(direction)
            return replace(card, direction=direction, amount=amount, fixed=())
    return replace(card, amount=0.0)


def fresh_key(taken: Sequence[str], stem: str) -> str:
    """A key like `stem` that is not taken."""
    if stem not in taken:
        return stem
    number = 2
    while f"{stem} {number}" in taken:
        number += 1
    return f"{stem} {number}"


def opened(info: ModelInfo, directions: tuple[Direction, ...]) -> SteerState:
    """The first state of a generator that was just opened."""
    cards: list[Card] = []
    for direction in directions:
        key = fresh_key([card.key for card in cards], direction.name or "Direction")
        cards.append(Card(key, direction))
    first_two = [card.key for card in cards[:2]]
    pad = (first_two[0], first_two[-1]) if first_two else ("", "")
    return SteerState(
        model=info.id,
        classes=(1.0, *(0.0,) * (info.c_dim - 1)) if info.c_dim else (),
        field_rows=tuple(range(info.num_ws // 2)),
        cards=tuple(cards),
        pad=pad,
        wander=Wander(cards=tuple(first_two)),
    )
