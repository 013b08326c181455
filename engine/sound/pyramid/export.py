"""A pyramid's levels as ONNX files, compared with torch at untrained lengths. Imports torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import torch

from engine.sound.pyramid.bands import FRAMES, above
from engine.sound.pyramid.graph import level_graph
from models.errors import LodestoneError
from models.files import Card, config_from, write_atomically
from models.wave import Config, bins_of, level_of, load_level

tolerance = 1e-3
"""Largest accepted |ONNX - torch| of a level (sounds span -1..1)."""
lengths = (1, 37, 211)
"""Frames at which they are compared."""


def graph_path(card: Path, index: int) -> Path:
    """`NAME.levels/level-0.onnx` beside `NAME.safetensors`."""
    return card.with_name(card.stem + ".levels") / f"level-{index}.onnx"


def export(card: Card, state: Mapping[str, np.ndarray], path: Path) -> float:
    """Write a graph per finished level beside the card at `path`; returns the parity.

    Raises LodestoneError when a graph does not draw what torch draws.
    """
    config, worst = config_of(card.hyper), 0.0
    for index in range(len(config.amplitudes)):
        content = level_graph(card.hyper, state, index)
        worst = max(worst, difference(content, state, config, index))
        if not worst <= tolerance:
            raise LodestoneError(
                f"{card.name} could not be turned into ONNX exactly: its sounds differ by "
                f"{worst:.1e}. Train it again with another seed."
            )
        write_atomically(graph_path(path, index), content)
    return worst


def config_of(hyper: Mapping[str, Any]) -> Config:
    """The card's hyper-parameters as a config."""
    return config_from(Config, hyper, "pyramid")


def difference(
    content: bytes, state: Mapping[str, np.ndarray], config: Config, index: int
) -> float:
    """Largest |ONNX - torch| of one level over odd lengths."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    rate = config.rate_of(index)
    level = level_of(config, index, above(rate) if rate else np.ones(1))
    start = f"levels.{index}."
    load_level(level, {k[len(start) :]: v for k, v in state.items() if k.startswith(start)})
    worst = 0.0
    for frames in lengths:
        fed = _inputs(config, rate, frames)
        ours = np.asarray(session.run(None, fed)[0])
        with torch.no_grad():
            theirs = level(*(torch.from_numpy(value) for value in fed.values())).numpy()
        worst = max(worst, float(np.abs(ours - theirs).max()))
    return worst if np.isfinite(worst) else float("inf")


def _inputs(config: Config, rate: int, frames: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(5)

    def noise(channels: int, length: int) -> np.ndarray:
        return random.standard_normal((1, channels, length)).astype(np.float32)

    if not rate:
        length = frames + 2 * config.course_margin
        fed = {name: noise(config.course_channels, length) for name in ("course", "noise")}
    else:
        length = frames + 2 * config.margin
        samples = length * (rate // FRAMES)
        length -= 3
        fed = {
            "below": 0.2 * noise(config.channels, samples),
            "noise": noise(config.channels, samples),
            "course": noise(config.course_channels, length),
            "gain": 0.1 + 0.1 * np.abs(noise(config.channels * bins_of(rate), length)),
        }
    if config.identities:
        shares = random.uniform(0, 1, (1, config.identities, length)).astype(np.float32)
        fed["identity"] = shares / shares.sum(axis=1, keepdims=True)
    return fed
