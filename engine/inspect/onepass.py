"""One pass of probes through a network, tallied layer by layer; goes on where it was killed."""

from __future__ import annotations

import os
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.backend import available_cores
from engine.inspect.tally import LayerTally, Plan, plan, spatial
from engine.messages import NetworkLayer
from engine.progress import Cancelled, Progress

FIRST = 32
"""Pictures in the first step, memory permitting: the tails' beginnings are judged by them."""
AT_ONCE = 16
"""Pictures in the steps after it: more are no faster, and fill the caches."""
SAVE_EVERY = 20.0
"""Seconds between checkpoints, at least; and at most a hundredth of the time goes into them."""
STEP_MEMORY = 384 << 20
"""Bytes of activations in a step."""

Look = Callable[[np.ndarray], dict[str, np.ndarray]]
"""Numbers of pictures (N,) -> layer -> what it puts out."""


@dataclass(frozen=True)
class Passed:
    """A layer after the pass."""

    layer: NetworkLayer
    tally: LayerTally
    peaks: np.ndarray
    """(units, N) float32, memory-mapped in the pass's folder."""
    means: np.ndarray
    """(units, N) float16, likewise."""
    size: tuple[int, int]


class OnePass:
    """`look` at `count` pictures in a fixed random order, so that the first ones stand for all."""

    def __init__(
        self, folder: Path, key: str, layers: Sequence[NetworkLayer], count: int, exemplars: int
    ):
        self._folder, self._key, self._count = folder, key, count
        self._layers = tuple(layers)
        self._exemplars = exemplars
        self._order = np.random.RandomState(0).permutation(count)
        self._tallies: dict[str, LayerTally] = {}
        self._rows: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self.silent: tuple[str, ...] = ()
        """Layers that put nothing out: they never ran."""
        self._saved, self._cost = time.monotonic(), 0.0

    def run(self, look: Look, progress: Progress) -> tuple[Passed, ...]:
        """Raises Cancelled when asked to stop; what was seen is kept for the next time."""
        self._folder.mkdir(parents=True, exist_ok=True)
        done = self._restore()
        first = step_of(self._layers)
        step = min(first, AT_ONCE)
        threads = ThreadPoolExecutor(available_cores(), "tally")
        try:
            while done < self._count:
                progress(done / self._count, f"Looking at picture {done + 1:,} of {self._count:,}")
                numbers = self._order[done : done + (step if done else first)]
                self._tally(numbers, look(numbers), threads)
                done += len(numbers)
                if self._due():
                    self._save(done)
        except Cancelled:
            self._save(done)
            raise
        finally:
            threads.shutdown()
        return tuple(
            Passed(layer, tally, *self._rows[layer.name], (tally.plan.rows, tally.plan.columns))
            for layer in self._layers
            if (tally := self._tallies.get(layer.name)) is not None
        )

    def _tally(
        self, numbers: np.ndarray, found: Mapping[str, np.ndarray], threads: ThreadPoolExecutor
    ) -> None:
        if not self._tallies:
            self.silent = tuple(one.name for one in self._layers if one.name not in found)
        # Layers know nothing of each other, and numpy works without Python's lock.
        for _ in threads.map(lambda one: self._layer(numbers, *one), found.items()):
            pass

    def _layer(self, numbers: np.ndarray, name: str, output: np.ndarray) -> None:
        values, rows, columns = spatial(output)
        if name not in self._tallies:
            made = plan(values.shape[1], rows, columns, self._exemplars, self._count)
            self._tallies[name] = LayerTally(made)
            self._rows[name] = self._files(name, made, "w+")
        peaks, means = self._tallies[name].update(numbers, values)
        limit = np.finfo(np.float16).max
        self._rows[name][0][:, numbers] = peaks.T
        self._rows[name][1][:, numbers] = np.clip(means.T, -limit, limit)

    def _files(self, name: str, made: Plan, mode: Any) -> tuple[np.ndarray, np.ndarray]:
        number = [one.name for one in self._layers].index(name)
        shape = (made.units, self._count)
        peaks, means = (
            np.lib.format.open_memmap(
                self._folder / f"{number:02}-{kind}.npy",
                mode,
                np.float32 if kind == "peaks" else np.float16,
                None if mode == "r+" else shape,
            )
            for kind in ("peaks", "means")
        )
        return peaks, means

    # ---------------------------------------------------------------- checkpoints

    @property
    def _state(self) -> Path:
        return self._folder / "state.npz"

    def _due(self) -> bool:
        return time.monotonic() - self._saved > max(SAVE_EVERY, 100.0 * self._cost)

    def _save(self, done: int) -> None:
        """One file, renamed when whole: a kill leaves the one before."""
        if not self._tallies:
            return
        began = time.monotonic()
        arrays: dict[str, np.ndarray] = {
            "key": np.array(self._key),
            "done": np.array(done),
            "silent": np.array(self.silent, dtype=str),
        }
        for number, layer in enumerate(self._layers):
            tally = self._tallies.get(layer.name)
            if tally is None:
                continue
            made = tally.plan
            arrays[f"{number}/plan"] = np.array(
                [made.units, made.rows, made.columns, made.exemplars, made.pictures, made.bits,
                 made.shrink]
            )  # fmt: skip
            arrays |= {f"{number}/{name}": array for name, array in tally.arrays().items()}
            for rows in self._rows[layer.name]:
                if isinstance(rows, np.memmap):
                    rows.flush()
        part = self._folder / "state.part"
        with part.open("wb") as file:
            np.savez(file, **arrays)  # pyright: ignore[reportArgumentType]
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, self._state)
        self._saved = time.monotonic()
        self._cost = self._saved - began

    def _restore(self) -> int:
        """Pictures seen before; 0 where nothing usable was left."""
        try:
            with self._state.open("rb") as file, np.load(file) as arrays:
                found = {name: arrays[name] for name in arrays.files}
            if str(found["key"]) != self._key:
                return 0
            for number, layer in enumerate(self._layers):
                own = {
                    name.split("/", 1)[1]: array
                    for name, array in found.items()
                    if name.startswith(f"{number}/")
                }
                if own:
                    made = Plan(*(int(value) for value in own.pop("plan")))
                    rows = self._files(layer.name, made, "r+")
                    self._tallies[layer.name] = LayerTally.of(made, own)
                    self._rows[layer.name] = rows
            self.silent = tuple(str(name) for name in found["silent"])
            return int(found["done"])
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            self._tallies, self._rows = {}, {}
            return 0


def step_of(layers: Sequence[NetworkLayer]) -> int:
    """Pictures looked at together."""
    numbers = sum(one.units * max(1, one.size[0]) * max(1, one.size[1]) for one in layers)
    return int(min(FIRST, max(1, STEP_MEMORY // max(1, 4 * numbers))))
