"""New sounds from a trained pyramid, coarse levels first. numpy and ONNX Runtime, no torch.

Denoising is not answered here: a trained pyramid would have learnt the noise with the sound; the
instant engine does it better (`engine.sound.answers`).
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from engine.messages import LodestoneError, SoundRecipe, SoundReply, Vector
from engine.sound import scores
from engine.sound.pyramid import drawing, extending, mending
from engine.sound.pyramid.bands import FRAMES
from engine.sound.pyramid.drawing import Scene
from engine.sound.pyramid.limiter import accented
from engine.sound.pyramid.material import left_right
from engine.sound.pyramid.opened import Pyramid, open_pyramid
from engine.sound.pyramid.store import card_path
from engine.sound.pyramid.wider import LOUDER, features, laid, loudness, matched, upper_band
from engine.sound.source import Sound, read_sound, resampled

TASKS = ("sample", "vary", "inpaint", "extend", "morph")
Replies = Generator[SoundReply | None, None, SoundReply]


def pyramid_available(recipe: SoundRecipe) -> bool:
    """Whether a pyramid is there that can answer this recipe."""
    return recipe.task in TASKS and bool(recipe.model) and card_path(recipe.model).is_file()


def draw(recipe: SoundRecipe) -> Replies:
    """Replies per level; None in between is a place to pause. The last one has the scores."""
    if recipe.task not in TASKS:
        raise LodestoneError(
            "A trained pyramid cannot take noise away. Use the instant engine for that."
        )
    pyramid = open_pyramid(recipe.model)
    yield None
    if recipe.task == "inpaint":
        return (yield from mending.fill(pyramid, recipe))
    if recipe.task == "extend":
        return (yield from extending.extend(pyramid, recipe))
    return (yield from _take(pyramid, recipe))


@dataclass(frozen=True, eq=False)
class _Out:
    """How a take leaves."""

    rate: int
    count: int
    source: Sound | None
    """The recording at its own rate, when it is the one that was learnt from."""
    note: str


def _take(pyramid: Pyramid, recipe: SoundRecipe) -> Replies:
    scene, out = _scene(pyramid, recipe)
    told = yield from drawing.course(pyramid, scene)
    last = None
    for drawn in drawing.samples(pyramid, scene, told):
        if drawn is None:
            yield None
            continue
        level, levels, samples, rate = drawn
        if level < levels:
            yield _preview(pyramid, scene, samples, rate, (level, levels), out)
        else:
            last = samples
        yield None
    assert last is not None
    whole = _finished(pyramid, scene, told, last, out)
    yield None
    reply = SoundReply(
        Vector.of(whole), out.rate, pyramid.levels, pyramid.levels, "pyramid", out.note
    )
    if recipe.task == "morph" or out.source is None:
        return reply
    near, far, copy = yield from scores.scores(whole, out.source.samples, out.rate)
    return replace(reply, near=near, far=far, copy=copy)


def _preview(
    pyramid: Pyramid, scene: Scene, samples: np.ndarray, rate: int, level: tuple[int, int],
    out: _Out,
) -> SoundReply:  # fmt: skip
    heard = left_right(samples) * np.float32(pyramid.peaks[scene.which])
    return SoundReply(Vector.of(heard), rate, *level, "pyramid", out.note)


# ---------------------------------------------------------------- what is asked


def _scene(pyramid: Pyramid, recipe: SoundRecipe) -> tuple[Scene, _Out]:
    which = _which(pyramid, recipe)
    source = _source(pyramid, recipe, which)
    rate = recipe.rate or (source.rate if source else pyramid.rate)
    start = min(max(0, recipe.start_level), pyramid.levels - 1) if recipe.task == "vary" else 0
    if start == 0 and recipe.seconds:
        seconds = recipe.seconds
        frames = seconds * FRAMES
        frames = max(8, round(frames) if recipe.loop else int(np.ceil(frames - 1e-6)))
        count = round(seconds * rate)
    else:
        frames = pyramid.material.frames(which)
        seconds = source.seconds if source else frames / FRAMES
        count = round(seconds * rate)
        frames = frames if start else max(frames, int(np.ceil(seconds * FRAMES - 1e-6)))
    if count < 1:
        raise LodestoneError("A sound needs a length above 0 seconds. Give a longer one.")
    scene = Scene(
        frames=frames, seed=recipe.seed, identity=_identity(pyramid, recipe, which, frames),
        wrap=recipe.loop, start=start, which=which,
        variation=recipe.variation if recipe.task == "vary" else 1.0,
    )  # fmt: skip
    return scene, _Out(rate, count, source, _note(pyramid))


def _which(pyramid: Pyramid, recipe: SoundRecipe) -> int:
    names = pyramid.card.class_names
    stem = Path(recipe.source).stem
    return names.index(stem) if stem in names else 0


def _source(pyramid: Pyramid, recipe: SoundRecipe, which: int) -> Sound | None:
    """The recording that source `which` was learnt from, None when it is not at hand."""
    if not recipe.source or not Path(recipe.source).is_file():
        return None
    # Only the first source has a region.
    start = float(pyramid.card.training.get("start", 0.0)) if which == 0 else 0.0
    learnt = pyramid.material.frames(which) / FRAMES
    try:
        sound = read_sound(recipe.source, start, start + learnt + 1 / FRAMES)
    except LodestoneError:
        return None
    heard = resampled(sound.samples.mean(axis=0), sound.rate, pyramid.rate)
    own = pyramid.material.waves[which][-1][0] * np.float32(pyramid.peaks[which])
    count = min(len(heard), len(own))
    known = np.repeat(pyramid.material.known[which], pyramid.rate // FRAMES)[:count]
    gap = (heard[:count] - heard[:count].mean() - own[:count])[known]
    # Another recording of the same name has nothing to give.
    return sound if (gap**2).sum() <= 0.1 * (own[:count][known] ** 2).sum() + 1e-9 else None


def _identity(pyramid: Pyramid, recipe: SoundRecipe, which: int, frames: int) -> np.ndarray:
    """(K, n): shares of the sources over time."""
    shares = np.zeros((pyramid.sounds, max(2, frames // 4)), np.float32)
    if recipe.task != "morph":
        shares[which] = 1.0
        return shares
    if pyramid.sounds < 2:
        raise LodestoneError(
            "This pyramid knows one sound only. Train one on both sounds to go from one to the "
            "other."
        )
    names = pyramid.card.class_names
    other = next((names.index(s) for p in recipe.others if (s := Path(p).stem) in names), 1 - which)
    curve = sorted(recipe.curve) or [(0.0, 0.0), (frames / FRAMES, 1.0)]
    if not np.isfinite(curve).all():
        raise LodestoneError("The curve of a morph needs finite numbers: seconds and a share.")
    at = (np.arange(shares.shape[1]) + 0.5) * frames / FRAMES / shares.shape[1]
    times, values = zip(*curve, strict=True)
    share = np.interp(at, times, values).clip(0, 1)
    shares[which] += 1.0 - share
    shares[max(0, other)] += share
    return shares


def _note(pyramid: Pyramid) -> str:
    missing = pyramid.levels - pyramid.finished
    return f"{missing} finer levels are still being trained." if missing > 0 else ""


# ---------------------------------------------------------------- what leaves


def _finished(
    pyramid: Pyramid, scene: Scene, told: np.ndarray, samples: np.ndarray, out: _Out
) -> np.ndarray:
    """(channels, count) at the wanted rate, as loud as the source, with its upper band."""
    peaks = np.array(pyramid.peaks, np.float32)
    if pyramid.sounds > 1:
        # Between two loudnesses as between two sounds.
        at = np.linspace(0, scene.identity.shape[1] - 1, samples.shape[1])
        shares = np.stack([np.interp(at, np.arange(len(r)), r) for r in scene.identity])
        loud = np.exp(np.log(peaks) @ shares).astype(np.float32)
    else:
        loud = peaks[0]
    heard = left_right(samples) * loud
    whole = _at_rate(heard, pyramid.rate, out.rate, out.count, scene.wrap)
    source = out.source
    if source is not None and min(out.rate, source.rate) > pyramid.rate * 1.05:
        seconds = whole.shape[1] / out.rate
        added = _upper(pyramid, scene, told, source, seconds)
        whole = whole + _at_rate(added, source.rate, out.rate, out.count, scene.wrap)[: len(whole)]
    if pyramid.sounds > 1:
        return whole
    if source is not None:
        own, own_rate = source.samples, source.rate
    else:
        own, own_rate = left_right(pyramid.material.waves[0][-1]) * peaks[0], pyramid.rate
    return accented(whole, resampled(own, own_rate, out.rate), out.rate, scene.wrap)


def _at_rate(x: np.ndarray, rate: int, to: int, count: int, wrap: bool) -> np.ndarray:
    """(channels, N) -> (channels, count): exact in length; round the corner for loops."""
    if wrap:
        # A loop is periodic, so its spectrum resamples it exactly and seamlessly.
        spectrum = np.fft.rfft(x, axis=1)
        made = np.fft.irfft(spectrum[:, : count // 2 + 1], count, axis=1) * (count / x.shape[1])
        return made.astype(np.float32)
    made = resampled(x, rate, to)[:, :count]
    return np.pad(made, ((0, 0), (0, count - made.shape[1])), mode="edge")


def _upper(
    pyramid: Pyramid, scene: Scene, told: np.ndarray, source: Sound, seconds: float
) -> np.ndarray:
    """(channels, N) at the source's rate: the upper band that goes with the course."""
    own = pyramid.material.courses[scene.which]
    length = own.shape[1] * pyramid.hop / pyramid.rate
    wanted, there = max(1, round(seconds * 100)), max(1, round(length * 100))
    known = pyramid.material.known[scene.which]
    at = ((np.arange(there) + 0.5) * len(known) / there).astype(int)
    usable = known[at] & known[(at - 15).clip(0)] & known[(at + 15).clip(0, len(known) - 1)]
    picks = matched(
        features(told, wanted), features(own, there), usable, drawing.random_of(scene, 99)
    )
    deviation = pyramid.material.deviation
    gap = loudness(told, wanted, deviation) - loudness(own, there, deviation)[picks]
    upper = upper_band(source.samples, source.rate, pyramid.rate)
    gain = np.exp(gap.clip(-LOUDER, LOUDER)).astype(np.float32)
    return laid(upper, source.rate, picks, gain, round(seconds * source.rate), scene.wrap)
