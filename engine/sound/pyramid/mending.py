"""Holes filled by a trained pyramid: the course first, then the samples. numpy only.

What lies outside a hole is put back at every level, so that each level continues it; the borders
are faded inside the hole, with the known sound continued by linear prediction, so that nothing
outside changes by a bit. What lies in a hole is never read.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.messages import LodestoneError, SoundRecipe, SoundReply, Vector
from engine.sound import joins
from engine.sound.holes import mean_spectrum, toned
from engine.sound.predict import continued, continued_back
from engine.sound.pyramid import drawing, wider
from engine.sound.pyramid.bands import FRAMES, stretched
from engine.sound.pyramid.drawing import Scene
from engine.sound.pyramid.heard import Heard, heard
from engine.sound.pyramid.material import cut_length, known_at, left_right, middle_side
from engine.sound.pyramid.opened import Pyramid
from engine.sound.pyramid.snap import patches, snapped
from engine.sound.source import Sound, check_audible, read_sound, resampled, spans_to_samples

AROUND = 4.0
"""Seconds on either side of a hole that are looked at."""
DRAFTS = 8
FADE = 0.02
"""Seconds in which the known sound goes over into the filling."""
CONTEXT = 1.0
"""Seconds beside a hole that its mean spectrum is compared with."""
SOFT = 0.008
"""Seconds outside a hole over which a level's own drawing fades into what is known."""


def fill(pyramid: Pyramid, recipe: SoundRecipe) -> Generator[SoundReply | None, None, SoundReply]:
    """The whole recording with its holes filled, one after the other."""
    sound = read_sound(recipe.source)
    name = Path(recipe.source).name
    check_audible(sound, name)
    if not recipe.holes:
        raise LodestoneError("There is no hole to fill. Mark what is missing.")
    count = sound.samples.shape[1]
    spans = spans_to_samples(recipe.holes, sound.rate, count, "hole", name)
    if sum(b - a for a, b in spans) >= count:
        raise LodestoneError("The hole is as long as the sound. Make it smaller.")
    seen = np.ones(count, bool)
    for a, b in spans:
        seen[a:b] = False
    out = np.where(seen, sound.samples, np.float32(0))
    reply = None
    for number, (a, b) in enumerate(spans):
        filling = yield from _filled(pyramid, recipe, sound, out, seen, (a, b), number)
        out[:, a:b] = filling
        seen[a:b] = True
        reply = SoundReply(
            Vector.of(out.copy()), sound.rate, number + 1, len(spans), "pyramid", sound.note
        )
        if number + 1 < len(spans):
            yield reply
    assert reply is not None
    return reply


@dataclass(frozen=True, eq=False)
class _Place:
    """A hole and what surrounds it, as the pyramid hears it."""

    heard: Heard
    hidden: np.ndarray
    """(F,) bool."""


def _filled(
    pyramid: Pyramid, recipe: SoundRecipe, sound: Sound, out: np.ndarray, seen: np.ndarray,
    span: tuple[int, int], number: int,
) -> Generator[None, None, np.ndarray]:  # fmt: skip
    """(channels, b - a): what goes into the hole."""
    a, b = span
    reach = round(AROUND * sound.rate)
    first, last = max(0, a - reach), min(out.shape[1], b + reach)
    part, clear = out[:, first:last], seen[first:last]
    offset = part[:, clear].mean(axis=1, keepdims=True) if clear.any() else np.zeros((len(part), 1))
    part = np.where(clear, part - offset, 0).astype(np.float32)
    place = _Place(*_heard(pyramid, part, clear, sound.rate))
    frames = len(place.hidden)
    scene = Scene(frames, recipe.seed * 131 + number, _own(pyramid, frames), which=0)
    told = yield from _course(pyramid, scene, place)
    made = None
    for drawn in drawing.samples(pyramid, scene, told, paste=_paste(place)):
        yield None
        if drawn is not None:
            made = drawn[2]
    assert made is not None
    full = _at_rate(pyramid, made, sound.rate, part.shape)
    if sound.rate > pyramid.rate * 1.05:
        full = full + _upper(pyramid, place, told, part, clear, sound.rate)
        yield None
    near = round(CONTEXT * sound.rate)
    around = np.concatenate(
        [part[:, max(0, a - first - near) : a - first], part[:, b - first : b - first + near]],
        axis=1,
    )
    hole = full[:, a - first : b - first]
    if hole.shape[1] >= near // 10 and around.shape[1] >= near // 4:
        hole = toned(hole, mean_spectrum(around, sound.rate), sound.rate)
    return _joined(hole, part[:, : a - first], part[:, b - first :], sound.rate) + offset


def _at_rate(pyramid: Pyramid, made: np.ndarray, rate: int, shape: tuple[int, ...]) -> np.ndarray:
    """(channels, N) of the recording at its own rate."""
    back = left_right(made) * np.float32(pyramid.peaks[0])
    if len(back) < shape[0]:
        back = np.repeat(back[:1], shape[0], axis=0)
    full = resampled(back[: shape[0]], pyramid.rate, rate)
    return np.pad(full, ((0, 0), (0, max(0, shape[1] - full.shape[1]))))[:, : shape[1]]


def _upper(
    pyramid: Pyramid, place: _Place, told: np.ndarray, part: np.ndarray, clear: np.ndarray,
    rate: int,
) -> np.ndarray:  # fmt: skip
    """What lies above the finest level, from the moments around that sound alike."""
    count = max(1, round(part.shape[1] / rate * 100))
    at = ((np.arange(count) + 0.5) * part.shape[1] / count).astype(int)
    reach = rate // 25
    usable = clear[at] & clear[(at - reach).clip(0)] & clear[(at + reach).clip(0, len(clear) - 1)]
    own = place.heard.course
    picks = wider.matched(
        wider.features(told, count), wider.features(own, count), usable,
        np.random.default_rng(count),
    )  # fmt: skip
    deviation = pyramid.material.deviation
    gap = wider.loudness(told, count, deviation) - wider.loudness(own, count, deviation)[picks]
    gain = np.exp(gap.clip(-wider.LOUDER, wider.LOUDER)).astype(np.float32)
    upper = wider.upper_band(part, rate, pyramid.rate)
    return wider.laid(upper, rate, picks, gain, part.shape[1])


def _heard(
    pyramid: Pyramid, part: np.ndarray, clear: np.ndarray, rate: int
) -> tuple[Heard, np.ndarray]:
    low = middle_side(resampled(part, rate, pyramid.rate))
    if len(low) < pyramid.channels:
        low = np.concatenate([low, np.zeros_like(low)])
    low = low[: pyramid.channels]
    count = cut_length(low.shape[1], pyramid.rate)
    low = np.pad(low, ((0, 0), (0, max(0, count - low.shape[1]))))[:, :count]
    known = stretched(clear.astype(np.float32)[None], count)[0] > 0.999
    found = heard(pyramid, low / np.float32(pyramid.peaks[0]), known)
    return found, ~known_at(known, count // (pyramid.rate // FRAMES))


def _own(pyramid: Pyramid, frames: int) -> np.ndarray:
    shares = np.zeros((pyramid.sounds, max(2, frames // 4)), np.float32)
    shares[0] = 1.0
    return shares


def _course(pyramid: Pyramid, scene: Scene, place: _Place) -> Generator[None, None, np.ndarray]:
    """(C, T): known where nothing is hidden, invented in the hole."""
    course, clear = place.heard.course, place.heard.clear
    made: np.ndarray | None = None
    for index in range(pyramid.courses):
        count = pyramid.course_frames(scene.frames, index)
        own, sure = stretched(course, count), known_at(clear, count)
        if made is None:
            made = yield from _coarsest(pyramid, scene, own, sure)
        else:
            noise = drawing.random_of(scene, index).standard_normal(own.shape, dtype=np.float32)
            identity = drawing.who(pyramid, scene, count)
            made = pyramid.course(index, stretched(made, count), noise, identity)
        made = np.where(sure, own, made)
        yield None
    return course if made is None else np.where(clear, course, stretched(made, course.shape[1]))


def _coarsest(
    pyramid: Pyramid, scene: Scene, own: np.ndarray, sure: np.ndarray
) -> Generator[None, None, np.ndarray]:
    """The draft that fits its surroundings best: patches over the borders, and the mean beside."""
    sources = pyramid.coarse(0)
    usable = [
        known_at(pyramid.material.known[k], source.shape[1]) for k, source in enumerate(sources)
    ]
    hole = np.flatnonzero(~sure)
    near = slice(max(0, hole[0] - 8), hole[-1] + 9) if len(hole) else slice(0, 1)
    context = own[:, near][:, sure[near]]
    wanted = context.mean(axis=1) if context.size else own.mean(axis=1)
    best, least = own, np.inf
    for number in range(DRAFTS):
        draft = drawing.draft(pyramid, scene, own.shape[1], number)
        made = snapped(draft, sources, known=(own, sure), rounds=6, usable=usable)
        gap = np.abs(made[:, ~sure].mean(axis=1) - wanted).mean() if len(hole) else 0.0
        cost = gap + 0.5 * _roughness(made[:, near], sources)
        if cost < least:
            best, least = made, float(cost)
        yield None
    return best


def _roughness(made: np.ndarray, sources: list[np.ndarray]) -> float:
    """Mean distance of its patches from the nearest of the sources'."""
    size = min(5, made.shape[1], *(source.shape[1] for source in sources))
    keys = np.concatenate([patches(source, size) for source in sources])
    rows = patches(made, size)
    square = (rows**2).sum(axis=1)[:, None] + (keys**2).sum(axis=1) - 2 * rows @ keys.T
    return float(np.sqrt(square.min(axis=1).clip(0) / rows.shape[1]).mean())


def _paste(place: _Place) -> drawing.Paste:
    def paste(rate: int, made: np.ndarray) -> np.ndarray:
        """Drawn in the hole, known outside, faded over a few milliseconds outside."""
        index = int(np.log2(rate // 2000))
        own = place.heard.waves[index]
        hidden = np.repeat(place.hidden, rate // FRAMES).astype(np.float32)
        soft = max(1, round(SOFT * rate))
        edge = np.hanning(2 * soft + 1)
        weight = np.minimum(1.0, np.convolve(hidden, edge / edge.sum(), mode="same") * 2)
        weight = np.maximum(weight, hidden).astype(np.float32)
        return weight * made + (1 - weight) * own

    return paste


def _joined(made: np.ndarray, left: np.ndarray, right: np.ndarray, rate: int) -> np.ndarray:
    count = made.shape[1]
    fade = min(round(FADE * rate), count // 2)
    if fade < 2:
        return continued(left, count) if left.shape[1] else made
    if left.shape[1]:
        made[:, :fade] = _crossed(continued(left, fade), made[:, :fade])
    if right.shape[1]:
        made[:, -fade:] = _crossed(made[:, -fade:], continued_back(right, fade))
    return made


def _crossed(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    scale = float(np.sqrt((a * a).sum() * (b * b).sum())) + 1e-12
    return joins.cross(a, b, float((a * b).sum()) / scale)
