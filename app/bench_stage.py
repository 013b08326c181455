"""A real window, a hand that moves its first slider, and a clock (see `app.bench_window`)."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PySide6.QtCore import QEventLoop, QObject, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QApplication

EVENTS, SECONDS = 300, 2.0
TICK_MS = 10
EMITS = 100_000
PATIENCE = 240.0
"""Seconds to wait for a picture or for a training to begin."""


def figure(
    name: str, value: float | None, unit: str, target: str = "", note: str = ""
) -> dict[str, Any]:
    """One line; `target` such as `>= 30` or `<= 60`."""
    met = None
    if value is not None and target:
        limit = float(target.split()[1])
        met = value >= limit if target.startswith(">") else value <= limit
    return {
        "name": name, "value": None if value is None else round(value, 3), "unit": unit,
        "target": target or None, "met": met, "peer": "", "peer_value": None, "ratio": None,
        "note": note,
    }  # fmt: skip


def measures(model: str = "") -> Iterator[dict[str, Any]]:
    """All figures, each as soon as it is known."""
    yield from _start(model)
    stage = Stage()
    try:
        name = stage.open(model)
        yield from stage.steer(f"window, {name}")
        if stage.begin_training():
            yield from stage.steer(f"window, {name}, while training")
        else:
            yield figure("window while training", None, "", note="The training did not begin.")
        yield stage.emits()
    finally:
        stage.close()


# ---------------------------------------------------------------- start


def _start(model: str) -> Iterator[dict[str, Any]]:
    """From the start of a process to its window and first picture, on a warm disk."""
    for _warm in (False, True):
        command = [sys.executable, "-m", "app.bench_window", "--until-picture", str(time.time())]
        done = subprocess.run(
            [*command, *([model] if model else [])], capture_output=True, text=True, check=False
        )
    try:
        times = json.loads(done.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        words = done.stderr.strip().splitlines()
        yield figure("window visible", None, "s", "<= 1", words[-1] if words else "no answer")
        return
    yield figure("window visible", times["window"], "s", "<= 1", "from the start of the process")
    yield figure("first picture", times["picture"], "s", "<= 6", times["what"])


def until_picture(began: float, model: str = "") -> dict[str, Any]:
    """Runs in a process of its own: the program as a person starts it."""
    stage = Stage()
    window_at = time.time() - began
    start = stage.window.start
    if model:
        stage.open(model)
        what = "on the canvas, a file given at the start"
    else:
        stage.wait(lambda: start.has_picture)
        what = "moving on the start page"
    picture_at = time.time() - began
    stage.close()
    return {"window": window_at, "picture": picture_at, "what": what}


# ---------------------------------------------------------------- a real window


@dataclass
class Trace:
    """What happened during one run of the slider."""

    moved: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    painted: list[float] = field(default_factory=list)
    ticks: list[float] = field(default_factory=list)


class Stage(QObject):
    """The product's window, a hand that moves its first slider, and a clock."""

    emitted = Signal(bool)

    def __init__(self) -> None:
        from app.inbox import Inbox
        from engine.client import EngineClient

        inbox = Inbox()
        self.client = EngineClient(inbox)
        self.client.start()
        from app import theme
        from app.link import EngineLink
        from app.window import MainWindow

        self.app = QApplication.instance() or QApplication(sys.argv[:1])
        super().__init__()
        assert isinstance(self.app, QApplication)
        self.app.setOrganizationName("lodestone-bench")
        theme.apply(self.app)
        self.window = MainWindow(EngineLink(self.client, inbox))
        self.window.resize(1280, 800)
        self.window.show()
        handle = self.window.windowHandle()
        self.wait(lambda: handle is None or handle.isExposed())
        self._trace = Trace()
        self._count = 0
        self._hand = QTimer(self)
        self._hand.setTimerType(Qt.TimerType.PreciseTimer)
        self._hand.timeout.connect(self._move)
        self._clock = QTimer(self)
        self._clock.setTimerType(Qt.TimerType.PreciseTimer)
        self._clock.setInterval(TICK_MS)
        self._clock.timeout.connect(self._tick)
        self.window.live.latency.connect(self._painted)
        self.emitted.connect(self._take)

    def close(self) -> None:
        self.window.close()

    def wait(self, ready: Callable[[], bool], seconds: float = PATIENCE) -> bool:
        """Let the window live until something is true. (A measure may wait; the product never.)"""
        loop, until = QEventLoop(), time.monotonic() + seconds
        look = QTimer()
        look.setInterval(2)

        def check() -> None:
            if ready() or time.monotonic() > until:
                loop.quit()

        look.timeout.connect(check)
        look.start()
        if not ready():
            loop.exec()
        return ready()

    def open(self, model: str) -> str:
        """Open a generator (default: the first bundled one); its name."""
        window = self.window
        self.wait(lambda: bool(window.opener.models))
        window.page("steer")
        known = sorted(window.opener.models, key=lambda info: (not info.bundled, info.name))
        if not model and not known:
            raise SystemExit("There is no generator to measure with. Name a file.")
        window.opener.open_model(model or known[0].id)
        if not self.wait(lambda: window.live.request is not None and window.live.up_to_date):
            raise SystemExit("The generator did not draw a picture.")
        return window.document.info.name if window.document.info else ""

    # -------------------------------------------------------------- the hand

    def steer(self, what: str) -> Iterator[dict[str, Any]]:
        """300 slider events in 2 s; what came of them."""
        self._run(60, SECONDS / EVENTS)  # Warm: the first pictures of a session cost more.
        self.wait(lambda: False, 0.8)
        trace = self._run(EVENTS, SECONDS / EVENTS)
        note = f"{len(trace.moved)} slider events in {trace.moved[-1] - trace.moved[0]:.2f} s"
        during = [at for at in trace.painted if at <= trace.moved[-1]]
        rate = len(during) / (trace.moved[-1] - trace.moved[0])
        gaps = np.diff(trace.ticks) * 1000 if len(trace.ticks) > 1 else np.array([float("nan")])
        yield figure(f"{what}: frames a second", rate, "fps", ">= 30", note)
        delay = 1000 * median(trace.latencies) if trace.latencies else float("inf")
        yield figure(f"{what}: slider to painted pixels", delay, "ms", "<= 60", "median")
        settled = 1000 * (max(trace.painted, default=float("inf")) - trace.moved[-1])
        yield figure(f"{what}: settles after the last move", settled, "ms", "<= 150")
        yield figure(
            f"{what}: longest the window was blocked", float(gaps.max()) - TICK_MS, "ms", "<= 50",
            f"{TICK_MS} ms timer, {len(gaps)} ticks",
        )  # fmt: skip

    def _run(self, events: int, interval: float) -> Trace:
        live = self.window.live
        self._trace, self._count = Trace(), events
        self._hand.setInterval(max(round(interval * 1000), 1))
        self._slider().began.emit()
        self._began = time.perf_counter()
        self._clock.start()
        self._hand.start()
        self.wait(lambda: not self._hand.isActive(), 60.0)
        self._slider().ended.emit()
        self.wait(lambda: live.up_to_date, 30.0)
        self._clock.stop()
        return self._trace

    def _slider(self) -> Any:
        directions = self.window.steer.directions
        card = directions.card(directions.order[0])
        assert card is not None
        return card.slider

    @Slot()
    def _move(self) -> None:
        # On time whatever the timer's own grain: as many events as should have happened by now.
        due = round((time.perf_counter() - self._began) / SECONDS * EVENTS)
        while len(self._trace.moved) < min(due, self._count):
            self._trace.moved.append(time.perf_counter())
            place = len(self._trace.moved)
            self._slider()._take(3.0 * float(np.sin(place / 20.0)) + 2e-3 * (place % 2))
        if len(self._trace.moved) >= self._count:
            self._hand.stop()

    @Slot()
    def _tick(self) -> None:
        self._trace.ticks.append(time.perf_counter())

    @Slot(float, float)
    def _painted(self, latency: float, at: float) -> None:
        self._trace.latencies.append(latency)
        self._trace.painted.append(at)

    # -------------------------------------------------------------- training beside it

    def begin_training(self) -> bool:
        """A real training job on pictures made here; True once it trains."""
        from PySide6.QtGui import QImage

        from engine.messages import TrainRequest

        self._folder = tempfile.TemporaryDirectory()
        folder = Path(self._folder.name)
        (folder / "pictures").mkdir()
        random = np.random.RandomState(0)
        for index in range(24):
            pixels = random.randint(0, 255, (64, 64, 4), np.uint8)
            image = QImage(pixels.data, 64, 64, QImage.Format.Format_RGB32)  # pyright: ignore
            image.save(str(folder / "pictures" / f"{index}.png"))
        jobs = self.window.jobs
        job = jobs.submit(
            TrainRequest(
                str(folder / "pictures"),
                str(folder / "bench.safetensors"),
                resolution=64,
                minutes=10.0,
            )  # fmt: skip
        )

        def trains() -> bool:
            known = jobs.get(job or 0)
            ended = known is not None and known.state in ("failed", "cancelled", "done")
            return ended or (known is not None and known.fraction > 0.0)

        self.wait(trains)
        known = jobs.get(job or 0)
        return known is not None and known.state == "running"

    # -------------------------------------------------------------- signals

    @Slot(bool)
    def _take(self, _value: bool) -> None:
        self._count += 1

    def emits(self) -> dict[str, Any]:
        """The fault of PySide6 6.12.0 on Python 3.11 aborts long before this many."""
        self._count = 0
        before = sys.getrefcount(True)
        for _ in range(EMITS):
            self.emitted.emit(True)
        lost = before - sys.getrefcount(True)
        note = f"{lost} references to True lost"
        return figure("signals emitted", float(self._count), "signals", f">= {EMITS}", note)
