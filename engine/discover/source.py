"""A generator in torch as a search sees it: latents by chunk, activations, changes. Imports torch.

Activations are taken by `engine.trace`, and drawing stops where nothing more is needed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engine.backend import available_cores, check_memory
from engine.messages import Layer, ModelInfo, Picture
from engine.steer.latents import class_weights
from engine.taps import tappable
from engine.trace import Trace
from engine.turning import layer_channels
from models.files import load_model
from models.registry import build


@dataclass(frozen=True, eq=False)
class Latents:
    """N random latents, mapped and not truncated."""

    z: np.ndarray  # (N, z_dim) float32
    w: np.ndarray  # (N, w_dim) float32
    turn: np.ndarray  # (N,) int: the group of each, whose mean is its centre
    centre: np.ndarray  # (N, w_dim): truncation centres

    def truncated(self, psi: float) -> np.ndarray:
        """(N, w_dim): w' = centre + psi (w - centre)."""
        return (self.centre + psi * (self.w - self.centre)).astype(np.float32)


class Source:
    """Not for several threads at once."""

    def __init__(self, info: ModelInfo, classes: Sequence[float] = (), truncation: float = 1.0):
        check_memory(info)
        card, state = load_model(info.path)
        self.info, self.truncation = info, truncation
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        if self.device.type == "cpu":
            # One is the canvas's: threads of low priority that wait for each other beside it
            # take longer than fewer threads do.
            torch.set_num_threads(max(1, available_cores() - 1))
        generator: Any = build(card, state).eval().requires_grad_(False)
        generator.to(self.device, memory_format=torch.channels_last)
        self._mapping: nn.Module = generator.mapping
        self.synthesis: nn.Module = generator.synthesis
        self.w_avg: np.ndarray = generator.w_avg.float().cpu().numpy()
        self.noise_const: np.ndarray = generator.noise_const().float().cpu().numpy()
        self._classes = class_weights(classes, info.c_dim) if any(classes) else None
        self.groups = 1 if self._classes is not None else max(info.c_dim, 1)
        """Classes that take turns; 1 when classes are given, or there are none."""
        self.free = info.w_dim - info.class_width
        """Numbers of w that a direction may move: the class stays."""

    def latents(self, seed: int, chunk: int, count: int) -> Latents:
        """Draw chunk number `chunk`: the same for the same numbers, whatever came before."""
        info = self.info
        random = np.random.RandomState([seed, chunk])
        z = random.randn(count, info.z_dim).astype(np.float32)
        turn = (np.arange(count) + chunk * count) % self.groups
        if self._classes is not None:
            c = np.tile(self._classes, (count, 1))
        else:
            c = np.eye(info.c_dim, dtype=np.float32)[turn] if info.c_dim else z[:, :0]
        w = self.mapping(z, c)
        centre = c @ self.w_avg if self.w_avg.ndim == 2 else np.tile(self.w_avg, (count, 1))
        return Latents(z, w, turn, centre)

    def mapping(self, z: np.ndarray, c: np.ndarray) -> np.ndarray:
        """(N, z_dim), (N, c_dim) -> (N, w_dim), not truncated."""
        with torch.inference_mode():
            w = self._mapping(self.tensor(z), self.tensor(c) if self.info.c_dim else None)
            return w.float().cpu().numpy()

    @property
    def channels(self) -> Mapping[str, int]:
        """Layer name -> channels of its output."""
        ws = torch.zeros(1, self.info.num_ws, self.info.w_dim, device=self.device)
        return layer_channels(self.synthesis, tappable(self.info), ws)

    def tensor(self, array: np.ndarray) -> Tensor:
        return torch.tensor(np.asarray(array), dtype=torch.float32, device=self.device)

    def rows(self, w: Tensor) -> Tensor:
        """w (N, w_dim) -> ws (N, num_ws, w_dim), all rows alike."""
        return w[:, None].expand(-1, self.info.num_ws, -1)

    def row_mask(self, layers: tuple[int, int] | None) -> Tensor:
        """(num_ws, 1): 1 for the rows a direction acts on."""
        first, last = layers or (0, self.info.num_ws - 1)
        index = torch.arange(self.info.num_ws, device=self.device)[:, None]
        return ((index >= first) & (index <= last)).float()

    def read(self, ws: Tensor, names: Collection[str], picture: bool = True) -> dict[str, Tensor]:
        """Outputs (N, C, H, W) of the named layers, and the picture under the name ``.

        Without `picture` nothing is computed behind the last of them.
        """
        drawn: dict[str, Tensor] = {}
        with Trace(self.synthesis, tuple(names), stop=not picture) as trace:
            drawn[""] = self.synthesis(ws).float()
        return {name: output.float() for name, output in trace.items()} | drawn


def strip(source: Source, w: np.ndarray, steps: np.ndarray, size: int = 96) -> Picture:
    """One picture moved by each of `steps` (K, num_ws or 1, w_dim), side by side, for a preview."""
    with torch.inference_mode():
        ws = source.rows(source.tensor(w[None])) + source.tensor(steps)
        drawn = source.read(ws, ())[""]
        small = nn.functional.adaptive_avg_pool2d(drawn, min(size, drawn.shape[2]))
        pixels = (small * 127.5 + 128.0).clamp(0.0, 255.0).byte().cpu().numpy()
    rgb = np.concatenate(list(pixels), axis=2)[:3]  # (C, H, K W)
    rgb = np.repeat(rgb[:1], 3, axis=0) if len(rgb) < 3 else rgb
    bgrx = np.full((*rgb.shape[1:], 4), 255, np.uint8)
    bgrx[..., :3] = rgb[::-1].transpose(1, 2, 0)
    return Picture.of(bgrx)


def reached_by(layer: Layer, layers: tuple[int, int] | None) -> bool:
    """Whether moving these w+ rows changes what the layer puts out."""
    return layers is None or layers[0] <= layer.ws_index
