"""Progress and cancellation in one object, handed down into every long job."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from engine.messages import Picture

WINDOW_SECONDS = 60.0


class Cancelled(Exception):
    """The person asked to stop. Not an error: finished work is kept."""


@dataclass(frozen=True)
class Report:
    """One progress report of a job."""

    fraction: float = 0.0
    """0 to 1; the share of the whole job that is done."""
    message: str = ""
    seconds_left: float | None = None
    """None until it can be estimated."""
    preview: Picture | None = None
    figures: tuple[tuple[str, float], ...] = ()
    """Named numbers worth plotting, such as ("loss", 0.3)."""


class Progress:
    """What a job calls while it works.

    `progress(0.3, "Level 2")` reports; `progress.check()` waits while paused and raises
    `Cancelled` once the person cancels. Call `check` at least once a second.
    """

    def __init__(self, report: Callable[[Report], Any] | None = None):
        self._report = report or (lambda _report: None)
        self._cancel = threading.Event()
        self._go = threading.Event()
        self._go.set()
        self._waited = 0.0
        self._history: deque[tuple[float, float]] = deque()
        self._whole: Progress | None = None

    def __call__(
        self,
        fraction: float,
        message: str = "",
        preview: Picture | None = None,
        figures: tuple[tuple[str, float], ...] = (),
    ) -> None:
        """Report that `fraction` (0..1) of the job is done, then `check()`."""
        fraction = min(max(float(fraction), 0.0), 1.0)
        report = Report(fraction, message, self._seconds_left(fraction), preview, figures)
        self._report(report)
        self.check()

    def _seconds_left(self, fraction: float) -> float | None:
        # From the speed of the last minute: a quick first phase must not promise a quick end.
        now = time.monotonic() - self._waited
        self._history.append((now, fraction))
        while len(self._history) > 2 and now - self._history[0][0] > WINDOW_SECONDS:
            self._history.popleft()
        then, before = self._history[0]
        if fraction <= before or now - then < 0.5:
            return None
        return (now - then) * (1.0 - fraction) / (fraction - before)

    def jump(self, fraction: float, message: str = "") -> None:
        """Report what an earlier run has finished: it says nothing about the speed."""
        self(fraction, message)
        one: Progress | None = self
        while one is not None:
            one._history.clear()
            one = one._whole

    def part(self, start: float, length: float) -> Progress:
        """A progress whose 0..1 is `start .. start + length` of this one."""
        sub = Progress(lambda report: self._report(_moved(report, start, length, self)))
        sub._cancel, sub._go, sub._whole = self._cancel, self._go, self
        return sub

    def check(self) -> None:
        """Wait while paused; raise `Cancelled` when the person has cancelled."""
        if not self._go.is_set():
            began = time.monotonic()
            while not self._go.wait(0.1):
                if self._cancel.is_set():
                    break
            self._waited += time.monotonic() - began
        if self._cancel.is_set():
            raise Cancelled

    def cancel(self) -> None:
        self._cancel.set()

    def pause(self) -> None:
        self._go.clear()

    def resume(self) -> None:
        self._go.set()

    @property
    def paused(self) -> bool:
        return not self._go.is_set()

    @property
    def cancelled(self) -> bool:
        return self._cancel.is_set()


def _moved(report: Report, start: float, length: float, whole: Progress) -> Report:
    fraction = start + length * report.fraction
    return replace(report, fraction=fraction, seconds_left=whole._seconds_left(fraction))
