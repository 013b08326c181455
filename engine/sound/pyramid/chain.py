"""What the next level learns on: the recording at its scale, and what the finished levels draw.

Takes are drawn anew from the first level of samples, with a seed per level, so that a resumed
training sees exactly what an uninterrupted one saw.
"""

from __future__ import annotations

import numpy as np
import torch

from engine.sound.pyramid.bands import (
    FRAMES,
    LOWEST_RATE,
    doubled,
    frames_of,
    gains,
    pad_time,
    stretched,
)
from engine.sound.pyramid.level import CourseTarget, Recipe, WaveTarget
from engine.sound.pyramid.material import Material, known_at
from models.wave import Config, WaveLevel

NOISE_SHARE = 0.5
"""Noise of a course level as a share of the detail that the one below lacks (RMSE)."""
FEWEST_FRAMES = 100
"""Shortest window of samples, frames: a fifth of a second."""


def course_frames(frames: int, config: Config, index: int) -> int:
    """Frames of level `index` of the course for `frames` of samples (500 a second)."""
    finest = frames * (config.rate // FRAMES) / config.hop
    return max(1, round(finest * config.shares[index]))


def latent_of(seed: int, sound: int, channels: int, frames: int) -> np.ndarray:
    """(C, T): the noise of the coarsest level that gives sound number `sound` back."""
    random = np.random.default_rng((seed, 77, sound))
    return random.standard_normal((channels, frames)).astype(np.float32)


class Chain:
    """Targets of the level that is trained next."""

    def __init__(
        self, config: Config, material: Material, seed: int, recipe: Recipe, device: torch.device
    ):
        self.config, self.material, self.seed = config, material, seed
        self.recipe, self.device = recipe, device
        self.latents = [
            latent_of(seed, k, config.course_channels, self._frames(k, 0))
            for k in range(config.sounds)
        ]
        self.takes: list[np.ndarray] = []
        """Per source (M, channels, N) at the newest finished rate."""

    def _frames(self, which: int, index: int) -> int:
        return course_frames(self.material.frames(which), self.config, index)

    def course_targets(self, index: int) -> tuple[list[CourseTarget], float]:
        """Targets of a level of the course, and the amplitude of its noise."""
        found, errors, margin = [], [], self.config.course_margin
        for which, course in enumerate(self.material.courses):
            count = self._frames(which, index)
            real = stretched(course, count)
            known = known_at(self.material.known[which], count)
            below, latent = np.zeros_like(real), np.zeros_like(real)
            if index == 0:
                latent = self.latents[which]
            else:
                below = stretched(stretched(course, self._frames(which, index - 1)), count)
                errors.append(float(np.square(below - real).mean()))
            inside = np.pad(np.ones((1, 1, count), np.float32), ((0, 0), (0, 0), (margin, margin)))
            padded = pad_time(below, margin, mode="edge")
            found.append(CourseTarget(
                self._on(real[None]),
                None if known.all() else self._on(known[None, None]),
                self._on(padded[None]),
                self._on(np.pad(latent, ((0, 0), (margin, margin)))[None]),
                self._on(inside),
            ))  # fmt: skip
        amplitude = max(0.02, NOISE_SHARE * float(np.sqrt(np.mean(errors)))) if errors else 1.0
        return found, amplitude

    def wave_targets(self, rate: int) -> list[WaveTarget]:
        config, margin, place = self.config, self.config.margin, self.config.rates.index(rate)
        found = []
        for which, waves in enumerate(self.material.waves):
            real, hop = waves[place], rate // FRAMES
            frames = self.material.frames(which)
            course = frames_of(self.material.courses[which], frames, margin)
            gain = gains(
                course, self.material.mean, self.material.deviation, rate, config.rate,
                config.channels,
            )  # fmt: skip
            known = self.material.known[which]
            window, starts = _windows(known, self.recipe.window, margin)
            found.append(WaveTarget(
                self._on(real), self._on(self._below(which, rate, margin * hop)),
                self._on(course), self._on(gain), starts, window,
            ))  # fmt: skip
        return found

    def _below(self, which: int, rate: int, margin: int) -> np.ndarray:
        """(1 + M, channels, N + 2 margin): its own lower band, and takes of it."""
        waves, place = self.material.waves[which], self.config.rates.index(rate)
        if rate == LOWEST_RATE:
            return pad_time(np.zeros_like(waves[0])[None], margin)
        own = doubled(waves[place - 1])[None]
        takes = [doubled(take)[None] for take in self.takes[which]] if self.takes else []
        return pad_time(np.concatenate([own, *takes]), margin)

    @torch.no_grad()
    def advance(self, level: WaveLevel, rate: int) -> None:
        """A level of samples is finished: draw takes of the recording's own course."""
        random = torch.Generator().manual_seed(1000 * self.seed + rate)
        targets, takes = self.wave_targets(rate), []
        for which, goal in enumerate(targets):
            rows = []
            for index in range(self.recipe.ring):
                # Take 0 is the recording's own lower band: takes must not stand on it alone.
                start = 1 + index % (len(goal.below) - 1) if len(goal.below) > 1 else 0
                below = goal.below[start : start + 1]
                noise = torch.randn(below.shape, generator=random).to(self.device)
                who = None
                if self.config.identities:
                    who = torch.zeros(
                        1, self.config.identities, goal.course.shape[1], device=self.device
                    )
                    who[:, which] = 1.0
                rows.append(level(below, noise, goal.course[None], goal.gain[None], who)[0])
            takes.append(torch.stack(rows).cpu().numpy())
        self.takes = takes

    def _on(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32)).to(self.device)


def _windows(known: np.ndarray, wanted: int, margin: int) -> tuple[int, np.ndarray]:
    """(frames, starts): windows that with their surroundings hold nothing hidden."""
    frames = len(known)
    window = min(wanted, frames)
    hidden = np.concatenate([[0], np.cumsum(~known)])
    while True:
        starts = np.arange(frames - window + 1)
        low = (starts - margin).clip(0, frames)
        high = (starts + window + margin).clip(0, frames)
        clear = starts[hidden[high] == hidden[low]]
        if len(clear):
            return window, clear
        if window <= FEWEST_FRAMES // 2:
            # Holes everywhere: then the surroundings may be silence where they are hidden.
            inner = hidden[starts + window] == hidden[starts]
            return window, starts[inner] if inner.any() else starts
        window = max(FEWEST_FRAMES // 2, window // 2)
