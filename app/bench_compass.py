"""From a key on the sort wall to painted pixels, in the real window (see `app.bench_window`)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

from PySide6.QtCore import QObject, Qt, Slot
from PySide6.QtTest import QTest

from app.bench_stage import Stage, figure
from app.panels.compass import CompassPage

LABELS = 30
AMOUNT = 2.0
"""σ on the slider, so that every new fit changes the picture."""


@dataclass
class Clock(QObject):
    """When the axis was last fitted and its picture last painted, `time.perf_counter()`."""

    fitted_at: float = 0.0
    painted_at: float = 0.0

    def __post_init__(self) -> None:
        super().__init__()

    @Slot()
    def fitted(self) -> None:
        self.fitted_at = time.perf_counter()

    @Slot(int, float)
    def painted(self, _stamp: int, at: float) -> None:
        self.painted_at = at


def measures(model: str = "") -> Iterator[dict[str, Any]]:
    """All figures, each as soon as it is known."""
    stage = Stage()
    try:
        name = stage.open(model)
        yield _labels(stage, name)
    finally:
        stage.close()


def _labels(stage: Stage, name: str) -> dict[str, Any]:
    """A person at the wall: every second picture is more, every other less."""
    window = stage.window
    window.go("compass")
    page = window.page("compass")
    assert isinstance(page, CompassPage)
    clock, wall = Clock(), page.sort.wall
    page.compass.fitted.connect(clock.fitted)
    page.outcome.picture.painted.connect(clock.painted)
    page.compass.rename("bench")
    taken: list[float] = []
    for number in range(LABELS):
        axis = page.compass.axis
        known = axis is not None and axis.direction is not None
        if axis is not None and known:
            window.document.set_amount(axis.key, AMOUNT)
        # A person looks before sorting: the wall is full and its pictures are there.
        stage.wait(lambda: wall.cursor_request is not None, 30.0)
        stage.wait(lambda: False, 0.3)
        began = time.perf_counter()
        QTest.keyClick(wall, Qt.Key.Key_Right if number % 2 else Qt.Key.Key_Left)
        if not known:
            stage.wait(lambda: False, 0.3)
        elif stage.wait(lambda began=began: began < clock.fitted_at < clock.painted_at, 10.0):
            taken.append(clock.painted_at - began)
    value = 1000.0 * median(taken) if taken else None
    slowest = f"; slowest {1000.0 * max(taken):.0f} ms" if taken else ""
    note = f"median of {len(taken)} labels{slowest}"
    return figure(f"window, {name}: label to new picture", value, "ms", "<= 100", note)
