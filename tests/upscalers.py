"""A tiny FREDSR for tests: random, but one whose every layer matters; and pictures to enlarge."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from engine.upscale.graph import graph
from engine.upscale.store import ARCHITECTURE, graph_path, save
from models.files import Card, write_atomically
from models.fredsr import Config, Fredsr


def tiny_net(scale: int = 3, seed: int = 1) -> Fredsr:
    torch.manual_seed(seed)
    net = Fredsr(Config(scale=scale, width=8, layers=3, fourier=4, units=(0, 2)))
    torch.nn.init.normal_(net.tail.weight, std=0.02)
    for unit in net.units:
        torch.nn.init.constant_(unit.share, 0.3)  # type: ignore[arg-type]
    # One layer with a slope for every channel; the others have one for all.
    torch.nn.init.uniform_(net.bends[1].weight, -0.1, 0.5)  # type: ignore[arg-type]
    return net.eval()


def tiny_upscaler(folder: Path, scale: int = 3, seed: int = 1, name: str = "tiny") -> Path:
    """A card with its graph beside it."""
    net = tiny_net(scale, seed)
    state = {key: value.numpy().copy() for key, value in net.state_dict().items()}
    path = folder / f"{name}.safetensors"
    content = graph(net.config, state)
    write_atomically(graph_path(path), content)
    save(path, state, Card(ARCHITECTURE, name, asdict(net.config)), content)
    return path


def photo(height: int = 50, width: int = 70, channels: int = 3, seed: int = 3) -> np.ndarray:
    """(H, W, C) float32 0..1: smooth, with an edge and some grain."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    planes = [
        0.5 + 0.3 * np.sin(columns / (5 + c) + c) * np.cos(rows / (7 - c)) for c in range(channels)
    ]
    picture = np.stack(planes, axis=2).astype(np.float32)
    picture[height // 3 : height // 2, width // 4 : width // 2] *= 0.4
    return (picture + random.normal(0, 0.02, picture.shape).astype(np.float32)).clip(0, 1)


def bytes_of(picture: np.ndarray) -> np.ndarray:
    return np.rint(picture * 255).astype(np.uint8)
