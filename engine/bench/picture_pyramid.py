"""The pyramid of one picture: what it learns in its budget, what it draws, what it never tells."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from engine.bench.figure import Figure, at_least, at_most, missing
from engine.bench.picture_features import EarlyFeatures
from engine.messages import PictureRecipe, PictureTrainRequest, Vector
from engine.picture import scores
from engine.picture.pyramid.export import config_of, difference
from engine.picture.pyramid.graph import level_graph
from engine.picture.pyramid.opened import open_pyramid
from engine.picture.pyramid.sample import sample
from engine.picture.pyramid.train import train
from engine.picture.source import read_source
from engine.progress import Progress
from models.errors import LodestoneError
from models.files import load_model, save_model
from models.pyramid import Level, levels_of

seeds = 4
samples = Path(__file__).parents[2] / "assets" / "samples"
unseen = ((37, 90), (50, 11), (129, 77))
"""(height, width), pixels: sizes that the export does not compare."""


@dataclass(frozen=True)
class _Learnt:
    """One trained picture."""

    decibels: float
    fell: float
    """Sliced Wasserstein distance of untrained over that of trained samples."""
    distances: tuple[float, ...]
    novelty: float
    alike: float | None
    """Fréchet-lite distance."""


def measures(
    pictures: Sequence[str | Path] = (), budget: float = 120.0, longest: int = 96,
    device: str = "cpu",
) -> Iterator[Figure]:  # fmt: skip
    """On these pictures, or on the bundled ones; takes some `budget` seconds a picture."""
    paths = [Path(path) for path in pictures] or sorted(samples.glob("*.jpg"))
    if not paths:
        yield missing("pyramid", "", None, "the bundled pictures are not here")
        return
    with tempfile.TemporaryDirectory() as folder:
        models = [_trained(path, Path(folder), budget, longest, device) for path in paths]
        note = f"{len(paths)} pictures, {budget:g} s each at {longest} px, {_machine(device)}"
        yield from _learning(paths, models, longest, note)
        yield from _drawing(models[0])
        yield from completion(paths[0], Path(folder), budget, longest)


def _machine(device: str) -> str:
    threads = torch.get_num_threads()
    if device != "cpu":
        return torch.cuda.get_device_name()
    return f"{threads} thread{'s' if threads > 1 else ''}"


def _trained(path: Path, folder: Path, budget: float, longest: int, device: str) -> str:
    request = PictureTrainRequest(
        (str(path),), str(folder / path.stem), seconds=budget, longest=longest, device=device
    )
    return train(request, Progress())


def drawn(model: str, recipe: PictureRecipe) -> np.ndarray:
    """(H, W, 3): the finest level's picture."""
    *_, (_, _, picture) = sample(model, recipe)
    return picture


# ---------------------------------------------------------------- learning


def _learning(
    paths: Sequence[Path], models: Sequence[str], longest: int, note: str
) -> Iterator[Figure]:
    try:
        features = EarlyFeatures()
    except LodestoneError as error:
        features = None
        yield missing("pyramid: Fréchet-lite distance", "", None, error.sentence)
    every = [
        _learnt(read_source(path, longest).pixels, model, features)
        for path, model in zip(paths, models, strict=True)
    ]

    def median(values: Sequence[float]) -> float:
        return float(np.median(values))

    yield at_least(
        "pyramid: reconstruction", median([e.decibels for e in every]), "dB", 24, note=note
    )
    fell = median([e.fell for e in every])
    yield at_least("pyramid: sliced Wasserstein distance falls", fell, "times", 3, note=note)
    for n, scale in enumerate(("full", "half", "quarter")):
        value = median([e.distances[n] for e in every])
        yield Figure(
            f"pyramid: sliced Wasserstein distance at {scale} size", value, "", note=note
        )  # fmt: skip
    yield at_least("pyramid: novelty", median([e.novelty for e in every]), "", 0.5, note=note)
    if features is not None:
        alike = median([e.alike for e in every if e.alike is not None])
        yield Figure("pyramid: Fréchet-lite distance", alike, "", note=note)


def _learnt(source: np.ndarray, model: str, features: EarlyFeatures | None) -> _Learnt:
    rebuilt = np.clip(open_pyramid(model).rebuilt()[-1], -1, 1).transpose(1, 2, 0)
    error = float(np.mean(np.square(rebuilt - source)))
    recipes = [PictureRecipe("", seed=seed) for seed in range(seeds)]
    made = [drawn(model, recipe) for recipe in recipes]
    raw = [drawn(_untrained(model), recipe) for recipe in recipes]
    distances = np.median([scores.distances(one, source) for one in made], axis=0)
    before = float(np.median([scores.distance(one, source) for one in raw]))
    alike = None
    if features is not None:
        alike = float(np.median([features.distance(one, source) for one in made]))
    return _Learnt(
        decibels=float(10 * np.log10(4 / max(error, 1e-9))),
        fell=before / max(float(distances[0]), 1e-9),
        distances=tuple(map(float, distances)),
        novelty=float(np.median([scores.novelty(one, source) for one in made])),
        alike=alike,
    )


def _untrained(model: str) -> str:
    """The same pyramid before its first step."""
    card, state = load_model(model)
    config, random = config_of(card.hyper), torch.Generator().manual_seed(0)
    for index in range(len(config.amplitudes)):
        level = Level(config)
        level.start(random)
        state |= {f"levels.{index}.{name}": t.numpy() for name, t in level.state_dict().items()}
    path = str(Path(model).with_suffix("")) + "-untrained.safetensors"
    save_model(path, state, card)
    return path


# ---------------------------------------------------------------- drawing


def _drawing(model: str) -> Iterator[Figure]:
    card, state = load_model(model)
    config = config_of(card.hyper)
    gaps = [
        difference(level_graph(card.hyper, state, index), level, config, unseen)
        for index, level in enumerate(levels_of(config, state))
    ]
    yield at_most("pyramid: ONNX against torch", max(gaps), "", 1e-3, note="sizes never exported")
    recipe = PictureRecipe("", width=250, height=167)
    drawn(model, recipe)
    wall, busy = [], []
    for seed in range(7):
        began, ran = time.perf_counter(), time.process_time()
        drawn(model, replace(recipe, seed=seed))
        wall.append(time.perf_counter() - began)
        busy.append(time.process_time() - ran)
    note = f"median of {len(busy)}; on the clock {1000 * float(np.median(wall)):.0f} ms"
    taken = 1000 * float(np.median(busy))
    yield at_most("pyramid: 250-px sample", taken, "ms of CPU", 150, note=note)


# ---------------------------------------------------------------- completion


def completion(path: Path, folder: Path, budget: float, longest: int) -> Iterator[Figure]:
    """A hole of a third of each side, trained with; what it hides is then replaced by noise."""
    source = read_source(path, longest).pixels
    height, width = source.shape[:2]
    mask = np.zeros((height, width), np.float32)
    mask[height // 3 : 2 * height // 3, width // 3 : 2 * width // 3] = 1
    plain = folder / "plain.png"
    _write(plain, source)
    model = _with_hole(plain, folder / "hole", mask, budget, longest)
    recipe = PictureRecipe(str(plain), "complete", "pyramid", model, mask=Vector.of(mask))
    made = [drawn(model, replace(recipe, seed=seed)) for seed in range(4)]
    exact = read_source(plain, longest).pixels
    outside = max(float(np.abs(one - exact)[mask == 0].max()) for one in made)
    gaps = [
        float(np.sqrt(np.mean(np.square(a - b)[mask > 0])) / max(source.std(), 1e-6))
        for number, a in enumerate(made)
        for b in made[:number]
    ]
    yield at_most("pyramid completion: change outside the hole", outside, "", 0)
    yield at_least(
        "pyramid completion: difference of two answers", float(np.median(gaps)), "RMSE/std", 0.2
    )
    # Trained twice, so with a fraction of the budget.
    answers = []
    for name, under in (("one", 0.0), ("two", np.random.default_rng(0).uniform(-1, 1))):
        other = folder / f"{name}.png"
        _write(other, np.where(mask[..., None] > 0, under, source))
        small = _with_hole(other, folder / f"{name}-m", mask, budget / 20, longest)
        answers.append(drawn(small, replace(recipe, source=str(other), model=small)))
    leak = float(np.abs(answers[0] - answers[1]).max())
    yield at_most("pyramid completion: what hidden pixels change", leak, "", 0)


def _with_hole(path: Path, out: Path, mask: np.ndarray, budget: float, longest: int) -> str:
    request = PictureTrainRequest(
        (str(path),), str(out), seconds=budget, longest=longest, mask=Vector.of(mask), device="cpu"
    )
    return train(request, Progress())


def _write(path: Path, picture: np.ndarray) -> None:
    Image.fromarray(np.rint((picture + 1) * 127.5).clip(0, 255).astype(np.uint8)).save(path)
