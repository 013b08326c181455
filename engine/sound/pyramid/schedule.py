"""How a budget in seconds becomes steps.

What a step costs on this machine is measured once per level and kept in the cache folder
(`sound-speed.json`), in coarse steps of 25 %: the same request then always gets the same steps,
and with the same seed the same pyramid, which a measurement before every training would not give.
"""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from engine import paths
from engine.sound.pyramid.chain import Chain
from engine.sound.pyramid.level import CourseTrainer, LevelTrainer, Recipe, WaveTrainer
from engine.sound.pyramid.material import material
from models.errors import LodestoneError
from models.files import write_atomically
from models.wave import Config

MOST_STEPS = 4000
FEWEST_STEPS = 8
TRAINING_SHARE = 0.9
"""Of the budget; the rest goes into drawing the levels below, evaluating and exporting."""
COURSE_SHARES = (0.12, 0.05, 0.08)
"""Of that, for the levels of the course; those of samples share the rest."""
FIRST_WAVE = 1.5
"""The first level of samples makes pitches out of nothing: it gets so much more than others."""


def width_for(seconds: float, device: str) -> int:
    """Channels of the levels of samples."""
    if device != "cpu":
        return 96
    return 32 if seconds < 30 else 48 if seconds < 240 else 64


def steps_for(seconds: float, config: Config, costs: Sequence[float]) -> tuple[int, ...]:
    """Steps per level within the budget; `costs` are seconds a step."""
    waves = len(costs) - config.courses
    rest = 1.0 - sum(COURSE_SHARES[: config.courses])
    total = FIRST_WAVE + waves - 1
    wanted = [*COURSE_SHARES[: config.courses]]
    wanted += [rest * (FIRST_WAVE if k == 0 else 1.0) / total for k in range(waves)]
    left, steps = seconds * TRAINING_SHARE, []
    for index, (want, cost) in enumerate(zip(wanted, costs, strict=True)):
        # What a coarse level cannot use goes to the finer ones.
        part = left * want / sum(wanted[index:])
        count = min(MOST_STEPS * config.sounds, max(FEWEST_STEPS, int(part / cost)))
        left = max(0.0, left - count * cost)
        steps.append(count)
    return tuple(steps)


def step_costs(config: Config, device: torch.device) -> tuple[float, ...]:
    """Seconds a step of each level on this machine; measured at the first training of its kind."""
    file = paths.cache() / "sound-speed.json"
    long = _length(config)
    parts = (
        device, torch.get_num_threads(), torch.__version__, config.rate, config.channels,
        config.width, config.hop, min(config.sounds, 2), long,
    )  # fmt: skip
    key = "-".join(map(str, parts))
    known = _read(file)
    if len(known.get(key, ())) != config.levels:
        known[key] = list(measured_costs(config, device))
        with contextlib.suppress(LodestoneError):  # not kept: it is measured again next time
            write_atomically(file, json.dumps(known, indent=1).encode())
    return tuple(map(float, known[key]))


def _read(file: Path) -> dict[str, list[float]]:
    try:
        known = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _length(config: Config) -> int:
    """In 2.5 s: up to a window or so a step costs by its length; beyond it does not."""
    return min(4, math.ceil(max(config.lengths) / config.rate / 2.5))


def measured_costs(config: Config, device: torch.device) -> tuple[float, ...]:
    """Seconds a step of each level, on noise as long as the sources."""
    random, count = np.random.default_rng(0), int(_length(config) * 2.5 * config.rate)
    shape = (min(config.sounds, 2), config.channels, count)
    sources = list((random.standard_normal(shape) * 3000).astype(np.int16))
    known = [np.ones(count, bool)] * len(sources)
    own = Config(
        config.rate, (count,) * len(sources), config.channels, config.bands, config.window,
        config.hop, config.shares, config.course_width, config.course_layers, config.width,
        config.blocks,
    )  # fmt: skip
    chain = Chain(
        own, material(sources, known, own.rates, own.window, own.hop, own.bands), 0, Recipe(),
        device,
    )  # fmt: skip
    return tuple(_step_seconds(trainer_of(chain, index, 0)[0]) for index in range(own.levels))


def trainer_of(chain: Chain, index: int, seed: int) -> tuple[LevelTrainer, float]:
    """The untrained level `index` with what it learns on, and the amplitude of its noise."""
    config, recipe, device = chain.config, chain.recipe, chain.device
    if rate := config.rate_of(index):
        return WaveTrainer(config, chain.wave_targets(rate), rate, recipe, seed, device), 1.0
    targets, amplitude = chain.course_targets(index)
    trainer = CourseTrainer(config, targets, index == 0, amplitude, recipe, seed, device)
    return trainer, amplitude


def _step_seconds(trainer: LevelTrainer) -> float:
    cuda, times = trainer.device.type == "cuda", []
    # On a CPU its own seconds count, and the quickest step: other programs must not make this
    # machine slow for ever. The first steps allocate.
    clock = time.perf_counter if cuda else time.process_time
    for number in range(8):
        begun = clock()
        trainer.step(number)
        if cuda:
            torch.cuda.synchronize()
        times.append(clock() - begun)
    seconds = min(times[2:]) / (1 if cuda else torch.get_num_threads())
    return 1.25 ** round(math.log(max(seconds, 1e-5), 1.25))


def memory_bytes(config: Config, recipe: Recipe) -> int:
    """A forecast of what training takes at its finest level."""
    samples = sum(config.lengths) * config.channels
    frames = recipe.window * recipe.passages * 2
    step = frames * 4 * (config.width * config.blocks * 3 + config.channels * 2000)
    return 350 * 2**20 + step + samples * 4 * (recipe.ring + 6)
