"""The pyramid on a graphics card: larger pictures in a minute or two, and what recording gains."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from engine.bench.figure import Figure, at_least, at_most, missing
from engine.bench.picture_features import EarlyFeatures
from engine.bench.picture_pyramid import drawn, samples
from engine.messages import PictureRecipe, PictureTrainRequest
from engine.picture import scores
from engine.picture.pyramid.level import LevelTrainer, target
from engine.picture.pyramid.recipe import Recipe
from engine.picture.pyramid.train import train
from engine.picture.source import read_source
from engine.progress import Progress
from models.errors import LodestoneError
from models.pyramid import Config

sizes = ((250, 60.0), (512, 120.0))
"""Longest side in pixels, and the seconds it may take."""
seeds = 4


def measures(picture: str | Path = "") -> Iterator[Figure]:
    """On one picture; every figure is missing where there is no CUDA device."""
    path = Path(picture) if picture else samples / "ocean-waves.jpg"
    if not torch.cuda.is_available() or not path.is_file():
        why = "needs a CUDA device" if path.is_file() else "the bundled pictures are not here"
        for longest, seconds in sizes:
            yield missing(f"pyramid: training at {longest} px", "s", f"<= {seconds:g}", why)
        yield missing("pyramid: Fréchet-lite distance at 250 px", "", "<= 0.01", why)
        yield missing("pyramid: novelty at 250 px", "", ">= 0.5", why)
        yield missing("pyramid: recorded steps (CUDA graphs)", "ms", None, why)
        return
    for longest, seconds in sizes:
        yield from _trained(path, longest, seconds)
    yield _recorded()


def _trained(path: Path, longest: int, seconds: float) -> Iterator[Figure]:
    device = torch.cuda.get_device_name()
    with tempfile.TemporaryDirectory() as folder:
        request = PictureTrainRequest(
            (str(path),), f"{folder}/m", seconds=0.9 * seconds, longest=longest, device="cuda"
        )
        began = time.perf_counter()
        model = train(request, Progress())
        taken = time.perf_counter() - began
        yield at_most(f"pyramid: training at {longest} px", taken, "s", seconds, note=device)
        if longest != sizes[0][0]:
            return
        source = read_source(path, longest).pixels
        made = [drawn(model, PictureRecipe("", seed=seed)) for seed in range(seeds)]
    novelty = float(np.median([scores.novelty(one, source) for one in made]))
    yield at_least(f"pyramid: novelty at {longest} px", novelty, "", 0.5, note=device)
    name = f"pyramid: Fréchet-lite distance at {longest} px"
    try:
        features = EarlyFeatures()
    except LodestoneError as error:
        yield missing(name, "", "<= 0.01", error.sentence)
        return
    alike = float(np.median([features.distance(one, source) for one in made]))
    yield at_most(name, alike, "", 0.01, note=device)


def _recorded(side: int = 96, count: int = 100) -> Figure:
    """Milliseconds of a step played from a recording, beside the same step launched anew."""
    device = torch.device("cuda")
    config = Config(((side, side),), (1.0,), 64)
    real = np.random.default_rng(0).uniform(-1, 1, (3, side, side)).astype(np.float32)
    nothing, known = np.zeros_like(real), np.ones((side, side), bool)
    goal = target(real, known, nothing[None], nothing, real, config.margin, device)
    trainer = LevelTrainer(config, [goal], 1.0, Recipe(), 0, device)
    played = _milliseconds(trainer.step, count)
    trainer.plain()
    launched = _milliseconds(trainer.step, count)
    return Figure(
        "pyramid: recorded steps (CUDA graphs)", played, "ms", peer="the same, launched anew",
        peer_value=launched, ratio=launched / played, note=torch.cuda.get_device_name(),
    )  # fmt: skip


def _milliseconds(work: Callable[[int], None], count: int) -> float:
    for number in range(10):
        work(number)
    torch.cuda.synchronize()
    began = time.perf_counter()
    for number in range(count):
        work(number)
    torch.cuda.synchronize()
    return 1000 * (time.perf_counter() - began) / count
