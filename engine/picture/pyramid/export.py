"""A pyramid's levels as ONNX files, compared with torch at sizes nobody trained. Imports torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch

from engine.picture.pyramid.graph import level_graph
from models.errors import LodestoneError
from models.files import Card, config_from, write_atomically
from models.pyramid import CHANNELS, Config, Level, levels_of

tolerance = 1e-3
"""Largest accepted |ONNX - torch| of a level (pictures span -1..1)."""


def graph_path(card: Path, index: int) -> Path:
    """`NAME.levels/level-0.onnx` beside `NAME.safetensors`."""
    return card.with_name(card.stem + ".levels") / f"level-{index}.onnx"


def export(card: Card, state: Mapping[str, np.ndarray], path: Path) -> float:
    """Write a graph per finished level beside the card at `path`; returns the parity.

    Raises LodestoneError when a graph does not draw what torch draws.
    """
    config = config_of(card.hyper)
    worst = 0.0
    for index, level in enumerate(levels_of(config, state)):
        content = level_graph(card.hyper, state, index)
        worst = max(worst, difference(content, level, config))
        if not worst <= tolerance:
            raise LodestoneError(
                f"{card.name} could not be turned into ONNX exactly: its pictures differ by "
                f"{worst:.1e}. Train it again with another seed."
            )
        write_atomically(graph_path(path, index), content)
    return worst


def config_of(hyper: Mapping[str, object]) -> Config:
    """The card's hyper-parameters as a config."""
    return config_from(Config, hyper, "pyramid")


def difference(
    content: bytes, level: Level, config: Config,
    sizes: Sequence[tuple[int, int]] = ((1, 31), (23, 17), (64, 41)),
) -> float:  # fmt: skip
    """Largest |ONNX - torch| of one level over three odd sizes (height, width)."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    random = np.random.default_rng(5)
    margin = config.margin
    worst = 0.0
    for height, width in sizes:
        shape = (height + 2 * margin, width + 2 * margin)
        fed = {
            "picture": random.uniform(-1, 1, (1, CHANNELS, *shape)).astype(np.float32),
            "noise": random.standard_normal((1, CHANNELS, *shape)).astype(np.float32),
        }
        if config.pictures > 1:
            shares = random.uniform(0, 1, (1, config.pictures, *shape)).astype(np.float32)
            fed["identity"] = shares / shares.sum(axis=1, keepdims=True)
        ours = np.asarray(session.run(None, fed)[0])
        with torch.no_grad():
            theirs = level(*(torch.from_numpy(value) for value in fed.values())).numpy()
        worst = max(worst, float(np.abs(ours - theirs).max()))
    return worst if np.isfinite(worst) else float("inf")
