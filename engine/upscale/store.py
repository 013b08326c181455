"""FREDSR's files: a card with the weights, and its graph beside it. No torch."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnxruntime as ort
from PIL import Image

from models.errors import LodestoneError
from models.files import Card, config_from, save_model
from models.fredsr_shape import BLOCK, Config

ARCHITECTURE = "fredsr"
TOLERANCE = 1e-4
"""Largest accepted |ONNX - torch| (pictures span 0..1)."""


def graph_path(card: Path) -> Path:
    """`NAME.onnx` beside `NAME.safetensors`."""
    return card.with_suffix(".onnx")


def save(path: Path, state: Mapping[str, np.ndarray], card: Card, content: bytes) -> Card:
    """Write the card with the parity of its graph `content`.

    Raises LodestoneError when the graph does not compute what torch computes.
    """
    worst = difference(content, card, state)
    if not worst <= TOLERANCE:
        raise LodestoneError(
            f"{card.name} could not be turned into ONNX exactly: pictures differ by {worst:.1e}. "
            "Train it again with another seed."
        )
    return save_model(path, state, dataclasses.replace(card, parity=worst))


def difference(content: bytes, card: Card, state: Mapping[str, np.ndarray]) -> float:
    """Largest |ONNX - torch| over three sizes. Imports torch."""
    import torch

    from models.fredsr import Fredsr

    net = Fredsr(config_of(card.hyper)).eval()
    net.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in state.items()}, strict=False)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    random = np.random.default_rng(5)
    worst = 0.0
    for rows, columns in ((1, 5), (3, 2), (6, 7)):
        shape = (1, 3, rows * BLOCK, columns * BLOCK)
        picture = random.uniform(0, 1, shape).astype(np.float32)
        ours = np.asarray(session.run(None, {"picture": picture})[0])
        with torch.no_grad():
            theirs = net(torch.from_numpy(picture)).numpy()
        worst = max(worst, float(np.abs(ours - theirs).max()))
    return worst if np.isfinite(worst) else float("inf")


def config_of(hyper: Mapping[str, object]) -> Config:
    """The card's hyper-parameters as a config."""
    return config_from(Config, hyper, "upscaler")


def plain(small: np.ndarray, scale: int) -> np.ndarray:
    """(h, w, C) float32 -> (h·s, w·s, C): the bicubic enlargement that the model adds to."""
    size = (small.shape[1] * scale, small.shape[0] * scale)
    parts = [
        Image.fromarray(np.ascontiguousarray(small[..., c])).resize(size, Image.Resampling.BICUBIC)
        for c in range(small.shape[2])
    ]
    return np.stack([np.asarray(part) for part in parts], axis=2)
