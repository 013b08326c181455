"""How a budget in seconds becomes levels and steps.

What a step costs on this machine is measured once and kept in the cache folder (`pyramid-speed
.json`), in coarse steps of 25 %: the same request then always gets the same steps, and with the
same seed the same pyramid, which a measurement before every training would not give.
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
from engine.picture.pyramid.grid import Size, level_count, level_size, scales
from engine.picture.pyramid.level import LevelTrainer, target
from engine.picture.pyramid.recipe import Recipe
from models.errors import LodestoneError
from models.files import write_atomically
from models.pyramid import Config

COARSEST = 18
"""Shorter side of the first level, pixels: with a view of 11 pixels, layouts can change."""
RATIO = 0.68
MOST_STEPS = 2500
FEWEST_STEPS = 12
TRAINING_SHARE = 0.85
"""Of the budget; the rest goes into drawing the levels below, evaluating and exporting."""


def levels_for(sizes: Sequence[Size], seconds: float) -> tuple[float, ...]:
    """The sizes of the levels; a very short budget gets fewer, larger steps."""
    ratio = RATIO if seconds >= 20 else 0.55
    return scales(sizes, COARSEST, level_count(sizes, COARSEST, ratio))


def steps_for(
    seconds: float, sizes: Sequence[Size], shares: Sequence[float], cost: tuple[float, float],
    window: int,
) -> tuple[int, ...]:  # fmt: skip
    """Steps per level within the budget; `cost` is (seconds a step, seconds a pixel).

    Time goes by the root of what a step costs: coarse levels, where the layout is learnt, get
    many steps, fine ones most of the time.
    """
    prices = []
    for share in shares:
        areas = [min(math.prod(level_size(size, share)), window * window) for size in sizes]
        prices.append(cost[0] + cost[1] * sum(areas) / len(areas))
    left, wanted = seconds * TRAINING_SHARE, [math.sqrt(price) for price in prices]
    steps = []
    for price, want in zip(prices, wanted, strict=True):
        # What a coarse level cannot use goes to the finer ones.
        part = left * want / sum(wanted[len(steps) :])
        count = min(MOST_STEPS * len(sizes), max(FEWEST_STEPS, int(part / price)))
        left = max(0.0, left - count * price)
        steps.append(count)
    return tuple(steps)


def step_cost(width: int, pictures: int, device: torch.device) -> tuple[float, float]:
    """(seconds a step, seconds a pixel) on this machine; measured at the first training."""
    file = paths.cache() / "pyramid-speed.json"
    key = f"{device}-{torch.get_num_threads()}-{width}-{min(pictures, 2)}-{torch.__version__}"
    known = _read(file)
    if key not in known:
        known[key] = list(_measured(width, min(pictures, 2), device))
        with contextlib.suppress(LodestoneError):  # not kept: it is measured again next time
            write_atomically(file, json.dumps(known, indent=1).encode())
    a, b = known[key]
    return float(a), float(b)


def _read(file: Path) -> dict[str, list[float]]:
    try:
        known = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _measured(width: int, pictures: int, device: torch.device) -> tuple[float, float]:
    small, large = (_step_seconds(side, width, pictures, device) for side in (16, 72))
    pixel = max(large - small, 1e-7) / (72 * 72 - 16 * 16)
    return _coarsely(max(small - 256 * pixel, 1e-5)), _coarsely(pixel)


def _step_seconds(side: int, width: int, pictures: int, device: torch.device) -> float:
    config = Config(((side, side),) * pictures, (1.0,), width)
    picture = np.random.default_rng(0).uniform(-1, 1, (3, side, side)).astype(np.float32)
    known = np.ones((side, side), bool)
    nothing = np.zeros_like(picture)
    goal = target(picture, known, nothing[None], nothing, picture, config.margin, device)
    trainer = LevelTrainer(config, [goal] * pictures, 1.0, Recipe(), 0, device)
    times = []
    for number in range(8):
        begun = time.perf_counter()
        trainer.step(number)
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - begun)
    # Lower quartile: other programs must not make this machine slow for ever.
    return sorted(times)[2]


def _coarsely(seconds: float) -> float:
    return 1.25 ** round(math.log(seconds, 1.25))
