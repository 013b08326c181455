"""What an artist has decided about one sound, and the recipes that follow from it. No Qt."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from engine.messages import SoundEngine, SoundRecipe, Span

Task = Literal["sample", "vary", "inpaint", "extend", "denoise", "morph", "effects"]

KEY = "sound:take"
"""One take is asked for at a time."""
TAKES = 4
"""New takes at a time."""
ANSWERS = 3
"""Fillings of the same holes."""
ONE_SHOTS = 20
"""Takes of an effect."""
SHORTEST, LONGEST = 0.5, 600.0
"""Seconds of a new take."""
LIVE = 30.0
"""Seconds of sound: what is longer is made as a job, and arrives as a file."""
COPY = 0.75
"""Largest correlation of half a second with the source: above, it is the source's own."""
RATES = (16000, 22050, 32000, 44100, 48000)
"""What a dull recording is extended to, Hz."""
HOLE = 0.02
"""Seconds: a hole shorter than this was a click of the mouse."""


@dataclass(frozen=True)
class Kept:
    """A starred take: a file of its own in the person's folder."""

    key: str
    """Stem of its files."""
    name: str
    recipe: SoundRecipe
    seconds: float = 0.0
    rate: int = 0
    near: float | None = None
    far: float | None = None
    copy: float | None = None
    engine: str = ""
    outline: tuple[float, ...] = ()
    """Loudest sample of every stretch, 0..1, for the eye."""


@dataclass(frozen=True)
class SoundState:
    """Every field is undoable."""

    source: str = ""
    task: Task = "sample"
    start: float = 0.0
    """Region of the source that is used, seconds …"""
    end: float = 0.0
    """… 0 = to its end."""
    seed: int = 1
    """Of the first take; the others count on from it."""
    count: int = TAKES
    locked: bool = True
    """The seeds stay when something else changes."""
    seconds: float = 10.0
    """Length of a new take."""
    loop: bool = False
    start_level: int = 1
    """Vary: 0 = everything is new; higher keeps more of the source's course."""
    variation: float = 1.0
    holes: tuple[Span, ...] = ()
    """Fill: seconds of the whole source, in order, apart from each other."""
    rate: int = 16000
    """Extend: sampling rate of the result, Hz."""
    others: tuple[str, ...] = ()
    """Extend: recordings that have the upper band."""
    noise: tuple[Span, ...] = ()
    """Denoise: where only noise is heard; () = found."""
    amount: float = 1.0
    second: str = ""
    """Morph: path of sound B."""
    curve: tuple[tuple[float, float], ...] = ((0.0, 0.0), (1.0, 1.0))
    """Morph: (share of the take's length, share of B), both 0..1, linear in between."""
    engine: SoundEngine = "grains"
    model: str = ""
    """Card of a trained pyramid."""
    unheard: tuple[Span, ...] = ()
    """Holes that this pyramid never listened to."""
    learnt: tuple[str, ...] = ()
    """Recordings that it knows beside the source."""
    upper: str = ""
    """Extend: card of a pyramid trained on `others`."""
    dropped: tuple[SoundRecipe, ...] = ()
    """Takes that were deleted."""
    kept: tuple[Kept, ...] = ()


def opened(state: SoundState, path: str, length: float, rate: int, model: str) -> SoundState:
    """Another sound of `length` seconds at `rate` Hz: what was marked in the one before is left."""
    return replace(
        SoundState(),
        source=path,
        task=state.task,
        seed=state.seed,
        count=state.count,
        locked=state.locked,
        seconds=round(min(max(length, 1.0), LIVE), 1),
        loop=state.loop,
        variation=state.variation,
        rate=targets(rate)[0],
        amount=state.amount,
        engine="pyramid" if model else "grains",
        model=model,
        kept=state.kept,
    )


def targets(rate: int) -> tuple[int, ...]:
    """Rates that a recording of `rate` Hz can be extended to: its own holds an upper band too."""
    return tuple(r for r in RATES if r >= rate) or (rate,)


def region(state: SoundState, length: float) -> Span:
    """The part of a source of `length` seconds that takes are made from."""
    return state.start, state.end or length


def ready(state: SoundState) -> bool:
    """Whether there is something to ask for."""
    if not state.source:
        return False
    match state.task:
        case "inpaint":
            return bool(state.holes)
        case "extend":
            return bool(state.others)
        case "morph":
            return bool(state.second)
    return True


def recipes(state: SoundState, length: float) -> tuple[SoundRecipe, ...]:
    """One recipe a take; `length` of the source in seconds."""
    if not ready(state) or length <= 0:
        return ()
    base = SoundRecipe(
        state.source,
        engine=state.engine,
        model=state.model,
        seed=state.seed,
        start=state.start,
        end=state.end,
    )
    match state.task:
        case "sample":
            made = _seeds(replace(base, seconds=state.seconds, loop=state.loop), state.count)
        case "effects":
            made = _seeds(base, ONE_SHOTS)
        case "vary":
            vary = replace(
                base, task="vary", start_level=state.start_level, variation=state.variation
            )
            made = _seeds(vary, state.count)
        case "morph":
            made = _seeds(_morph(state, base), state.count)
        case "inpaint":
            made = _seeds(_inpaint(state, base), ANSWERS)
        case "extend":
            # Restoring gives the whole recording back, and seeds make no difference to it.
            made = (_extend(state, base),)
        case "denoise":
            made = (
                replace(
                    _whole(base),
                    task="denoise",
                    engine="grains",
                    noise=state.noise,
                    amount=state.amount,
                ),
            )
    return tuple(one for one in made if one not in state.dropped)


def _seeds(base: SoundRecipe, count: int) -> tuple[SoundRecipe, ...]:
    return tuple(replace(base, seed=base.seed + i) for i in range(count))


def _whole(base: SoundRecipe) -> SoundRecipe:
    return replace(base, start=0.0, end=0.0, seed=0)


def _inpaint(state: SoundState, base: SoundRecipe) -> SoundRecipe:
    # A pyramid that has heard what lies in a hole would give it away.
    engine = state.engine if covered(state.holes, state.unheard) else "grains"
    return replace(base, task="inpaint", engine=engine, holes=state.holes)


def _extend(state: SoundState, base: SoundRecipe) -> SoundRecipe:
    return replace(
        _whole(base),
        task="extend",
        engine=state.engine if state.upper else "grains",
        model=state.upper,
        rate=state.rate,
        others=state.others,
    )


def _morph(state: SoundState, base: SoundRecipe) -> SoundRecipe:
    curve = tuple((at * state.seconds, share) for at, share in state.curve)
    return replace(
        base,
        task="morph",
        engine=state.engine if state.second in state.learnt else "grains",
        others=(state.second,),
        seconds=state.seconds,
        curve=curve,
    )


def made_seconds(recipe: SoundRecipe, length: float) -> float:
    """How long the new sound will be, from a source of `length` seconds."""
    return recipe.seconds or (recipe.end or length) - recipe.start


# ---------------------------------------------------------------- spans


def joined(spans: tuple[Span, ...], length: float, least: float = HOLE) -> tuple[Span, ...]:
    """Inside 0..length, in order, those that touch joined; what is outside or too short is left."""
    found: list[Span] = []
    for a, b in sorted((min(span), max(span)) for span in spans):
        a, b = max(a, 0.0), min(b, length)
        if not (math.isfinite(a) and math.isfinite(b)) or b - a < least:
            continue
        if found and a <= found[-1][1]:
            found[-1] = (found[-1][0], max(b, found[-1][1]))
        else:
            found.append((round(a, 4), round(b, 4)))
    return tuple(found)


def covered(inner: tuple[Span, ...], outer: tuple[Span, ...]) -> bool:
    """Whether every span of `inner` lies in one of `outer`."""
    near = 1e-3
    return all(any(a >= c - near and b <= d + near for c, d in outer) for a, b in inner)


# ---------------------------------------------------------------- words


def title_of(recipe: SoundRecipe, one_shot: bool = False) -> str:
    """A take's name before it is given one."""
    match recipe.task:
        case "inpaint":
            return f"Filled {recipe.seed}"
        case "extend":
            return f"To {recipe.rate / 1000:g} kHz"
        case "denoise":
            return "Without noise"
        case "vary":
            return f"Variation {recipe.seed}"
        case "morph":
            return f"Morph {recipe.seed}"
    return f"Shot {recipe.seed}" if one_shot else f"Take {recipe.seed}"


def clock(seconds: float) -> str:
    """`0.42 s`, `12.3 s` or `2:05`."""
    if seconds < 1:
        return f"{seconds:.2f} s"
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def likeness(distance: float | None) -> float | None:
    """0..1 of a distance 0..: 1 is the same, .3 another recording altogether."""
    return None if distance is None else math.exp(-max(distance, 0.0))
