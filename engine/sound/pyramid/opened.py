"""A trained pyramid ready to draw: weights as ONNX Runtime sessions. No torch.

The graphs are built from the card's weights, the very bytes that `export` writes and compares with
torch, so a card alone (one file) is enough to draw.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from engine.sound.pyramid.bands import FRAMES, LOWEST_RATE, frames_of, gains, pad_time, stretched
from engine.sound.pyramid.graph import level_graph, silent_weights, wave_graph, wave_margin
from engine.sound.pyramid.material import Material, material
from engine.sound.pyramid.store import card_path, open_card
from models.errors import RefusedFile
from models.files import Card

TILE = 1500
"""Frames that are drawn at a time: 3 s."""


@dataclass(frozen=True, eq=False)
class Pyramid:
    """The finished levels of a pyramid; levels of samples that are missing play shaped noise."""

    card: Card
    rate: int
    rates: tuple[int, ...]
    channels: int
    shares: tuple[float, ...]
    """Frames of each course level as a share of the finest."""
    hop: int
    """Samples from one frame of the finest course to the next."""
    amplitudes: tuple[float, ...]
    """Of the finished levels of the course."""
    latents: tuple[np.ndarray, ...]
    """(C, T) per source: the noise of the coarsest level that gives it back."""
    peaks: tuple[float, ...]
    margin: int
    """Frames around what a level of samples draws …"""
    course_margin: int
    """… and around a course."""
    material: Material
    sessions: tuple[Any, ...]
    """Course levels, then every level of samples."""
    finished: int
    """Levels that are trained."""

    @property
    def courses(self) -> int:
        """Course levels that can be drawn."""
        return len(self.amplitudes)

    @property
    def levels(self) -> int:
        return len(self.shares) + len(self.rates)

    @property
    def sounds(self) -> int:
        return len(self.latents)

    def course_frames(self, frames: int, index: int) -> int:
        """As `chain.course_frames`: frames of a level of the course for `frames` of samples."""
        finest = frames * (self.rate // FRAMES) / self.hop
        return max(1, round(finest * self.shares[index]))

    def course(
        self, index: int, below: np.ndarray, noise: np.ndarray, identity: np.ndarray | None,
        wrap: bool = False,
    ) -> np.ndarray:  # fmt: skip
        """One level of the course: (C, T) and noise of deviation 1 -> (C, T)."""
        margin = self.course_margin
        noise = noise * np.float32(self.amplitudes[index])
        inside = pad_time(noise, margin, True) if wrap else np.pad(noise, ((0, 0), (margin,) * 2))
        fed = {"course": pad_time(below, margin, wrap, "edge")[None], "noise": inside[None]}
        if self.sounds > 1:
            assert identity is not None
            fed["identity"] = pad_time(identity, margin, wrap, "edge")[None]
        fed = {name: np.ascontiguousarray(v, np.float32) for name, v in fed.items()}
        drawn = np.asarray(self.sessions[index].run(None, fed)[0])[0]
        return np.clip(drawn, *self._limits())

    def _limits(self) -> tuple[np.ndarray, np.ndarray]:
        """A course stays where the recordings' courses are: nothing gets louder than they."""
        every = np.concatenate(self.material.courses, axis=1)
        return every.min(axis=1, keepdims=True), every.max(axis=1, keepdims=True)

    def samples(
        self, rate: int, below: np.ndarray, course: np.ndarray, noise: np.random.Generator,
        identity: np.ndarray | None, wrap: bool = False,
    ) -> Generator[None, None, np.ndarray]:  # fmt: skip
        """One level of samples: (channels, F · hop) below and a course (C, T) -> (channels, …).

        Drawn in parts with their surroundings, so that ten minutes need no more memory than ten
        seconds; yields after each.
        """
        hop, margin = rate // FRAMES, self.margin
        frames = below.shape[1] // hop
        told = frames_of(course, frames, margin, wrap)
        who = None
        if self.sounds > 1:
            assert identity is not None
            who = frames_of(identity, frames, margin, wrap)
        wide = pad_time(below, margin * hop, wrap)
        random = noise.standard_normal((self.channels, wide.shape[1]), dtype=np.float32)
        if wrap:
            random = pad_time(random[:, : below.shape[1]], margin * hop, True)
        out = np.empty_like(below)
        session = self.sessions[len(self.shares) + self.rates.index(rate)]
        for start in range(0, frames, TILE):
            stop = min(frames, start + TILE)
            part = slice(start * hop, (stop + 2 * margin) * hop)
            seen = slice(start, stop + 2 * margin - 3)
            fed = {"below": wide[:, part], "noise": random[:, part], "course": told[:, seen]}
            fed["gain"] = gains(
                told[:, seen], self.material.mean, self.material.deviation, rate, self.rate,
                self.channels,
            )  # fmt: skip
            if who is not None:
                fed["identity"] = who[:, seen]
            fed = {k: np.ascontiguousarray(v[None], np.float32) for k, v in fed.items()}
            out[:, start * hop : stop * hop] = np.asarray(session.run(None, fed)[0])[0]
            yield None
        return out

    def coarse(self, index: int) -> list[np.ndarray]:
        """Every source's course at level `index`."""
        return [
            stretched(course, self.course_frames(self.material.frames(k), index))
            for k, course in enumerate(self.material.courses)
        ]


def open_pyramid(path: str | Path) -> Pyramid:
    """Open a card. The last few stay open; a card written again is read again."""
    path = card_path(path)
    try:
        changed = path.stat().st_mtime_ns
    except OSError as error:
        raise RefusedFile(f"There is no file {path}. Check the name.", repr(error)) from error
    return _opened(str(path.absolute()), changed)


@lru_cache(maxsize=3)
def _opened(path: str, _changed: int) -> Pyramid:
    card, state = open_card(path)
    try:
        hyper = card.hyper
        courses, finished = len(hyper["shares"]), len(hyper["amplitudes"])
        top, count = int(hyper["rate"]), len(hyper["lengths"])
        rates = tuple(LOWEST_RATE << k for k in range(int(np.log2(top // LOWEST_RATE)) + 1))
        graphs = [level_graph(hyper, state, i) for i in range(finished)]
        for index in range(max(finished, courses), courses + len(rates)):
            rate = rates[index - courses]
            blank = {**hyper, "width": 1}
            graphs.append(wave_graph(blank, silent_weights(hyper, rate), rate))
        # Course levels that are missing are passed over; those of samples keep their places.
        sessions: list[Any] = [_session(graph) for graph in graphs]
        sessions[min(finished, courses) : min(finished, courses)] = [None] * max(
            0, courses - finished
        )
        sources = [state[f"sources.{k}"] for k in range(count)]
        known = [_known(state, k, sources[k]) for k in range(count)]
        sizes = int(hyper["window"]), int(hyper["hop"]), int(hyper["bands"])
        return Pyramid(
            card=card, rate=top, rates=rates, channels=int(hyper["channels"]),
            shares=tuple(map(float, hyper["shares"])), hop=sizes[1],
            amplitudes=tuple(map(float, hyper["amplitudes"][:courses])),
            latents=tuple(state[f"latents.{k}"] for k in range(count)),
            peaks=tuple(map(float, hyper["peaks"])), margin=wave_margin(hyper),
            course_margin=int(hyper["course_layers"]),
            material=material(sources, known, rates, *sizes), sessions=tuple(sessions),
            finished=finished,
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise RefusedFile(
            f"{Path(path).name} is damaged: its card does not describe its weights. Copy it "
            "again, or train it again.",
            repr(error),
        ) from error


def _known(state: dict[str, np.ndarray], which: int, samples: np.ndarray) -> np.ndarray:
    return state.get(f"known.{which}", np.ones(samples.shape[1], bool)).astype(bool)


def _session(content: bytes) -> Any:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = min(4, psutil.cpu_count(logical=False) or 1)
    # Waiting threads sleep: the window and a training share these cores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Every length is another one: memory kept for the last would only be in the way.
    options.enable_mem_pattern = False
    return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
