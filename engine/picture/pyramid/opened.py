"""A trained pyramid ready to draw: weights as ONNX Runtime sessions. No torch.

The graphs are built from the card's weights, the very bytes that `export` writes and compares with
torch, so a card alone (one file) is enough to draw.
"""

from __future__ import annotations

import itertools
from collections.abc import Generator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import psutil

from engine.picture.pyramid.graph import CHANNELS, level_graph
from engine.picture.pyramid.grid import Size, level_size, pad, resize
from engine.picture.pyramid.store import open_card, seen_pixels
from models.errors import LodestoneError, RefusedFile
from models.files import Card

TILE = 192
"""Side of the tiles that large levels are drawn in, pixels."""


Result = TypeVar("Result")


def finished(work: Generator[Any, None, Result]) -> Result:
    """What it returns, without its pauses."""
    while True:
        try:
            next(work)
        except StopIteration as done:
            return done.value


@dataclass(frozen=True, eq=False)
class Pyramid:
    """The finished levels of a pyramid."""

    card: Card
    sizes: tuple[Size, ...]
    """(height, width) of each source at the finest level."""
    scales: tuple[float, ...]
    amplitudes: tuple[float, ...]
    """Of the finished levels."""
    latents: tuple[np.ndarray, ...]
    """(3, h, w) per source: the noise of the coarsest level that gives it back."""
    margin: int
    sessions: tuple[Any, ...]
    seen: np.ndarray | None = None
    """(H, W) bool: pixels of the first picture that training looked at; None = all."""
    hole: str = ""
    """Digest of the mask it was trained with (`store.mask_digest`), empty without."""

    @property
    def levels(self) -> int:
        return len(self.sessions)

    @property
    def pictures(self) -> int:
        return len(self.sizes)

    def draw(
        self, index: int, below: np.ndarray, noise: np.ndarray,
        identity: np.ndarray | None = None, wrap: bool = False,
    ) -> np.ndarray:  # fmt: skip
        """One level: (3, H, W) below, enlarged, and noise (3, H, W) of deviation 1 -> (3, H, W)."""
        return finished(self.drawing(index, below, noise, identity, wrap))

    def drawing(
        self, index: int, below: np.ndarray, noise: np.ndarray,
        identity: np.ndarray | None = None, wrap: bool = False,
    ) -> Generator[None, None, np.ndarray]:  # fmt: skip
        """As `draw`, with places to pause: large levels are drawn tile by tile."""
        noise = noise.astype(np.float32, copy=False) * np.float32(self.amplitudes[index])
        fed = {
            "picture": pad(below[None], self.margin, wrap),
            "noise": pad(noise[None], self.margin, wrap, empty=True),
        }
        if self.pictures > 1:
            if identity is None:
                raise LodestoneError("A pyramid of several pictures needs to know which to draw.")
            fed["identity"] = pad(identity[None].astype(np.float32), self.margin, wrap)
        session, height, width = self.sessions[index], *below.shape[1:]
        if height * width <= 2 * TILE * TILE:
            return np.asarray(session.run(None, fed)[0])[0]
        # Whatever the size of the picture: the memory of a tile, and a pause after each.
        image = np.empty((CHANNELS, height, width), np.float32)
        for top, left in itertools.product(range(0, height, TILE), range(0, width, TILE)):
            rows, columns = min(TILE, height - top), min(TILE, width - left)
            part = np.s_[..., top : top + rows + 2 * self.margin,
                         left : left + columns + 2 * self.margin]  # fmt: skip
            cut = {name: np.ascontiguousarray(maps[part]) for name, maps in fed.items()}
            drawn = np.asarray(session.run(None, cut)[0])[0]
            image[:, top : top + rows, left : left + columns] = drawn
            yield
        return image

    def rebuilt(self, which: int = 0) -> tuple[np.ndarray, ...]:
        """Every level's reconstruction (3, h, w) of one source, coarse first."""
        found: list[np.ndarray] = []
        for index in range(self.levels):
            size = level_size(self.sizes[which], self.scales[index])
            noise = np.zeros((CHANNELS, *size), np.float32)
            below = resize(found[-1], size) if found else noise
            identity = self.only(which, size)
            found.append(self.draw(index, below, noise if found else self.latents[which], identity))
        return tuple(found)

    def only(self, which: int, size: Size) -> np.ndarray:
        """(K, h, w): one source everywhere."""
        identity = np.zeros((self.pictures, *size), np.float32)
        identity[which] = 1.0
        return identity


def open_pyramid(path: str | Path) -> Pyramid:
    """Open a card. The last few stay open; a card written again is read again."""
    path = Path(path)
    if path.suffix != ".safetensors" and not path.exists():
        path = path.with_name(path.name + ".safetensors")
    try:
        changed = path.stat().st_mtime_ns
    except OSError as error:
        raise RefusedFile(f"There is no file {path}. Check the name.", repr(error)) from error
    return _opened(str(path.absolute()), changed)


@lru_cache(maxsize=4)
def _opened(path: str, _changed: int) -> Pyramid:
    card, state = open_card(path)
    try:
        hyper = card.hyper
        sizes = tuple((int(h), int(w)) for h, w in hyper["sizes"])
        amplitudes = tuple(map(float, hyper["amplitudes"]))
        sessions = tuple(_session(level_graph(hyper, state, i)) for i in range(len(amplitudes)))
        return Pyramid(
            card=card,
            sizes=sizes,
            scales=tuple(map(float, hyper["scales"])),
            amplitudes=amplitudes,
            latents=tuple(state[f"latents.{k}"] for k in range(len(sizes))),
            margin=int(hyper["layers"]),
            sessions=sessions,
            seen=seen_pixels(card, state),
            hole=str(card.training.get("hole_digest", "")),
        )
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise RefusedFile(
            f"{Path(path).name} is damaged: its card does not describe its weights. Copy it "
            "again, or train it again.",
            repr(error),
        ) from error


def _session(content: bytes) -> Any:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = min(4, psutil.cpu_count(logical=False) or 1)
    # Waiting threads sleep: the window and a training share these cores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Every size is another one: memory kept for the last size would only be in the way.
    options.enable_mem_pattern = False
    return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
