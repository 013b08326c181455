"""The window while something is made from one picture or one sound (see `app.bench_window`)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from PySide6.QtCore import QObject, Qt, QTimer, Slot

from app import theme
from app.bench_stage import TICK_MS, Stage, figure
from app.jobs import ACTIVE
from app.panels.picture import PicturePage
from app.panels.sound import SoundPage

STROKE = 3.0
"""Seconds in which a slider is moved."""


class Ticks(QObject):
    """A clock that notes when the window was free."""

    def __init__(self) -> None:
        super().__init__()
        self._times: list[float] = []
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._tick)
        self._timer.start()

    @Slot()
    def _tick(self) -> None:
        self._times.append(time.perf_counter())

    def longest(self) -> float:
        """Milliseconds that the window was blocked at most, since the last call."""
        times, self._times = self._times, []
        return float(np.diff(times).max() * 1000) - TICK_MS if len(times) > 2 else float("nan")


def measures(area: str) -> Iterator[dict[str, Any]]:
    """area: `picture` or `sound`; figures as they are known."""
    stage = Stage()
    try:
        yield from _picture(stage) if area == "picture" else _sound(stage)
    finally:
        stage.close()


def _picture(stage: Stage) -> Iterator[dict[str, Any]]:
    window = stage.window
    window.go("picture")
    page = window.page("picture")
    assert isinstance(page, PicturePage)
    began = time.perf_counter()
    page.open_picture(str(theme.assets() / "samples" / "blue-periwinkle.jpg"))
    seen = stage.wait(lambda: any(one.image is not None for one in page.picturing.shown))
    first = time.perf_counter() - began if seen else None
    yield figure("window, picture: opened to first preview", first, "s", "<= 3")
    stage.wait(lambda: all(one.done for one in page.picturing.shown))
    eight = time.perf_counter() - began
    yield figure("window, picture: eight variations", eight, "s", note="at 250 px, with scores")
    page.train.start()
    yield from _beside_training(stage, "picture", lambda at: page.picturing.change(
        "bench", "bench", variation=0.5 + 0.5 * at
    ))  # fmt: skip


def _sound(stage: Stage) -> Iterator[dict[str, Any]]:
    window = stage.window
    window.go("sound")
    page = window.page("sound")
    assert isinstance(page, SoundPage)
    began = time.perf_counter()
    page.open_sound(str(theme.assets() / "samples" / "fireplace.ogg"))
    made = page.sounding.takes
    stage.wait(lambda: any(not one.waiting for one in page.sounding.takes))
    first = time.perf_counter() - began if made is not None else None
    yield figure("window, sound: opened to first take", first, "s", "<= 4", "10 s of sound")
    stage.wait(lambda: all(not one.waiting for one in page.sounding.takes))
    page.train.start()
    yield from _beside_training(stage, "sound", lambda at: page.sounding.change(
        "bench", "bench", seconds=5.0 + round(4 * at, 1)
    ))  # fmt: skip


def _beside_training(
    stage: Stage, what: str, move: Callable[[float], None]
) -> Iterator[dict[str, Any]]:
    """How free the window stays while a pyramid trains, and how soon the training stops."""
    jobs = stage.window.jobs

    def newest() -> Any:
        return jobs.all[-1] if jobs.all else None

    def trains() -> bool:
        known = newest()
        return known is not None and (known.fraction > 0.05 or known.state not in ACTIVE)

    stage.wait(trains)
    known = newest()
    if known is None or known.state != "running":
        yield figure(f"window, {what}: while training", None, "", note="It did not begin.")
        return
    ticks, until = Ticks(), time.perf_counter() + STROKE
    stage.wait(lambda: False, 0.2)
    ticks.longest()
    while time.perf_counter() < until:
        move((until - time.perf_counter()) / STROKE)
        stage.wait(lambda: False, 0.03)
    blocked = ticks.longest()
    name = f"window, {what}: longest blocked, slider moved while training"
    yield figure(name, blocked, "ms", "<= 100", f"{TICK_MS} ms timer")
    began = time.perf_counter()
    jobs.cancel(known.job)
    stopped = stage.wait(lambda: newest().state not in ACTIVE, 30.0)
    taken = time.perf_counter() - began if stopped else None
    yield figure(f"window, {what}: cancel", taken, "s", "<= 1")
