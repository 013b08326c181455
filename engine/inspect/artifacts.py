"""Units of a generator that spoil its pictures: without them the pictures are nearer to real ones.

A unit is judged as in GAN dissection (Bau et al., arXiv 1811.10597, section 4.3): ablate it, and
see whether samples come nearer to real pictures. Nearness is the Fréchet distance between Gaussians
of patches (Heusel et al., arXiv 1706.08500, on patches instead of a network's features, so that it
needs none): 8 x 8 px patches at three scales on the principal directions of the real ones. The
candidates are then muted together, one by one while that helps, and the set is judged on other
samples, beside as many random units. No torch of its own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from engine.codec import to_json
from engine.disk import check_writable, why
from engine.inspect.effect import colours, random_edits
from engine.inspect.layers import generator_info, unknown_layer
from engine.inspect.probes import read_pictures, sample
from engine.inspect.sources import find
from engine.inspect.study import write_text
from engine.messages import (
    ArtifactsRequest,
    EditSet,
    LodestoneError,
    ModelInfo,
    Probes,
    SteerRequest,
    Unit,
    UnitEdit,
)
from engine.progress import Progress
from engine.runtime import Runtime, open_runtime
from engine.taps import tappable
from engine.train.quality import frechet

REPORT, MUTED = "artifacts.json", "muted.json"
patch = 8
scales = (1, 2, 4)
directions = 24
"""Of patches, at each scale."""
barely_seen = 0.02
"""Variation of a patch, in its direction, that is too small to count more than this."""
real_pictures = 256
"""At most; more hardly change their statistics."""
first_look = 2
"""Pictures on which every unit is tried …"""
second_look = 24
"""… and units that are then tried on all pictures."""
random_sets = 3


@dataclass(frozen=True, eq=False)
class Likeness:
    """How far pictures are from real ones."""

    bases: tuple[np.ndarray, ...]  # (patch * patch * C, directions) a scale
    means: tuple[np.ndarray, ...]
    real: tuple[np.ndarray, ...]  # (patches, directions) a scale

    @staticmethod
    def of(pictures: Sequence[np.ndarray]) -> Likeness:
        """pictures: (C, R, R) 0..1 each."""
        bases, means, real = [], [], []
        for scale in scales:
            rows = _patches(pictures, scale)
            mean = rows.mean(axis=0)
            values, vectors = np.linalg.eigh(np.cov(rows - mean, rowvar=False))
            basis = vectors[:, np.argsort(-values)[:directions]]
            bases.append(basis)
            means.append(mean)
            real.append((rows - mean) @ basis)
        return Likeness(tuple(bases), tuple(means), tuple(real))

    def distance(self, pictures: Sequence[np.ndarray]) -> float:
        """0 for pictures with patches like the real ones."""
        total = 0.0
        for scale, basis, mean, real in zip(scales, self.bases, self.means, self.real, strict=True):
            rows = (_patches(pictures, scale) - mean) @ basis
            # Fine directions vary little, and count as much as coarse ones all the same.
            spread = np.maximum(real.std(axis=0), barely_seen)
            total += frechet(rows / spread, real / spread)
        return total / len(scales)


def _patches(pictures: Sequence[np.ndarray], scale: int) -> np.ndarray:
    """(N, patch * patch * C) float64, half overlapping, of pictures shrunk by `scale`."""
    found = []
    for picture in pictures:
        count, side = picture.shape[0], picture.shape[-1] // scale
        small = picture[:, : side * scale, : side * scale]
        small = small.reshape(count, side, scale, side, scale).mean(axis=(2, 4))
        size = min(patch, side)
        view = np.lib.stride_tricks.sliding_window_view(small, (size, size), axis=(1, 2))
        view = view[:, :: size // 2 or 1, :: size // 2 or 1]
        found.append(view.transpose(1, 2, 0, 3, 4).reshape(-1, count * size * size))
    return np.concatenate(found).astype(np.float64)


def artifacts(request: ArtifactsRequest, progress: Progress) -> str:
    """Do the job; returns the path of the report."""
    folder = _folder(request.out)
    source = find(request.network)
    if source.info is None:
        raise LodestoneError(f"{source.name} draws no pictures. Choose a generator.")
    layers = _layers(request, source.info)
    runtime = open_runtime(source.info, progress=progress.part(0.0, 0.02))
    likeness = Likeness.of(_real(request, source.info, progress.part(0.02, 0.08)))
    search = _Search(runtime, likeness, request, layers)
    report, units = search.run(progress.part(0.1, 0.9))
    name = f"{source.name} without artifacts"
    muted = EditSet(name, name, (UnitEdit(units, name=name),), source.info.id, "artifact finder")
    if units:
        write_text(folder / MUTED, to_json(muted))
    else:  # not one of an earlier search
        (folder / MUTED).unlink(missing_ok=True)
    write_text(folder / REPORT, json.dumps(report, indent=1, ensure_ascii=False))
    progress(1.0, f"{len(units)} units muted")
    return str(folder / REPORT)


def _folder(out: str) -> Path:
    folder = Path(out).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        check_writable(folder)
    except OSError as error:
        raise LodestoneError(
            f"{folder} could not be written: {why(error)}. Choose another folder.", repr(error)
        ) from error
    return folder


def _layers(request: ArtifactsRequest, info: ModelInfo) -> tuple[str, ...]:
    names = tappable(info)
    for name in request.layers:
        if name not in names:
            raise unknown_layer(name, names)
    if request.layers:
        return request.layers
    sizes = {layer.name: layer.resolution for layer in info.layers if layer.name in names}
    large = sorted(set(sizes.values()))[-3:]
    return tuple(name for name, size in sizes.items() if size in large)


def _real(request: ArtifactsRequest, info: ModelInfo, progress: Progress) -> list[np.ndarray]:
    """(C, R, R) 0..1: pictures as the generator should make them."""
    side = info.resolution

    def fit(picture: np.ndarray) -> np.ndarray:
        short = min(picture.shape[:2])
        top, left = ((n - short) // 2 for n in picture.shape[:2])
        square = Image.fromarray(picture[top : top + short, left : left + short])
        return np.asarray(square.resize((side, side), Image.Resampling.LANCZOS))

    probes = Probes(request.data, real_pictures)
    found = read_pictures(probes, (side, side), fit, f"square {side}", progress)
    assert found.pixels is not None
    pictures = [np.asarray(one, np.float32).transpose(2, 0, 1) / 255.0 for one in found.pixels]
    return [one[: info.channels] for one in pictures]


class _Search:
    """Tries units, then sets of them."""

    def __init__(
        self, runtime: Runtime, likeness: Likeness, request: ArtifactsRequest, layers: Sequence[str]
    ):
        self._runtime, self._likeness = runtime, likeness
        self._request, self._layers = request, layers
        info = generator_info(runtime.info)
        count = max(request.pictures, first_look)
        seeds = range(request.seed, request.seed + 2 * count)
        recipes = [sample(info, seed) for seed in seeds]
        self._shown, self._hidden = recipes[:count], recipes[count:]

    def distance(self, recipes: Sequence[SteerRequest], units: Sequence[Unit]) -> float:
        edits = (UnitEdit(tuple(units)),) if units else ()
        drawn = [colours(replace(recipe, units=edits), self._runtime) for recipe in recipes]
        return self._likeness.distance(drawn)

    def run(self, progress: Progress) -> tuple[dict[str, Any], tuple[Unit, ...]]:
        """The report, and the units worth muting together (none, where none helps)."""
        every = [
            Unit(layer, index)
            for layer in self._layers
            for index in range(self._runtime.channels[layer])
        ]
        few = self._shown[:first_look]
        plain = self.distance(few, ())
        gains: dict[Unit, float] = {}
        for place, unit in enumerate(every):
            progress(0.6 * place / len(every), f"Unit {place + 1:,} of {len(every):,}")
            gains[unit] = plain - self.distance(few, (unit,))
        best = sorted(every, key=lambda unit: -gains[unit])[:second_look]
        start = self.distance(self._shown, ())
        surer: dict[Unit, float] = {}
        for place, unit in enumerate(best):
            progress(0.6 + 0.15 * place / len(best), "Trying the best again")
            surer[unit] = start - self.distance(self._shown, (unit,))
        chosen = self._together(surer, start, progress.part(0.75, 0.15))
        return self._report(gains, surer, chosen, progress.part(0.9, 0.1)), chosen

    def _together(
        self, gains: dict[Unit, float], start: float, progress: Progress
    ) -> tuple[Unit, ...]:
        chosen: tuple[Unit, ...] = ()
        for place, unit in enumerate(sorted(gains, key=lambda one: -gains[one])):
            progress(place / len(gains), "Muting units together")
            if len(chosen) >= self._request.keep or gains[unit] <= 0.0:
                break
            now = self.distance(self._shown, (*chosen, unit))
            if now < start:
                chosen, start = (*chosen, unit), now
        return chosen

    def _report(
        self,
        gains: dict[Unit, float],
        surer: dict[Unit, float],
        chosen: tuple[Unit, ...],
        progress: Progress,
    ) -> dict[str, Any]:
        before = self.distance(self._hidden, ())
        progress(0.3, "Judging on other samples")
        after = self.distance(self._hidden, chosen)
        random = np.random.RandomState(self._request.seed % 2**32)
        chance = []
        for _ in range(random_sets if chosen else 0):
            (other,) = random_edits((UnitEdit(chosen),), self._runtime.channels, random)
            chance.append(self.distance(self._hidden, other.units))
        ranked = sorted(surer, key=lambda unit: -surer[unit])
        return {
            "lodestone_artifacts": 1,
            "network": self._runtime.info.name,
            "id": self._runtime.info.id,
            "layers": list(self._layers),
            "samples": len(self._hidden),
            "distance_before": before,
            "distance_after": after,
            "distance_random": float(np.mean(chance)) if chance else None,
            "muted": [{"layer": unit.layer, "unit": unit.index} for unit in chosen],
            "ranked": [
                {"layer": unit.layer, "unit": unit.index, "gain": surer[unit]} for unit in ranked
            ],
            "units_tried": len(gains),
            "units_that_help": sum(gain > 0.0 for gain in gains.values()),
        }
