"""Progress: time left from recent speed, parts, pause, cancel."""

import threading
import time

import pytest

from engine.progress import Cancelled, Progress, Report


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.now = 1000.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)


def test_time_left_follows_the_recent_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    seen: list[Report] = []
    progress = Progress(seen.append)
    progress(0.0)
    clock.now += 1.0
    progress(0.5)  # a quick first half …
    for step in range(1, 13):  # … then ten seconds a percent
        clock.now += 10.0
        progress(0.5 + 0.01 * step)
    assert seen[0].seconds_left is None
    assert seen[-1].seconds_left == pytest.approx(380.0, rel=0.05)


def test_a_part_moves_into_its_place() -> None:
    seen: list[Report] = []
    progress = Progress(seen.append)
    progress.part(0.5, 0.25)(0.5, "half of a quarter")
    assert seen[0].fraction == pytest.approx(0.625)
    assert seen[0].message == "half of a quarter"


def test_cancelling_the_whole_stops_a_part() -> None:
    progress = Progress()
    part = progress.part(0.0, 0.5).part(0.0, 0.5)
    part.check()
    progress.cancel()
    with pytest.raises(Cancelled):
        part.check()


def test_check_waits_while_paused_and_a_cancel_ends_the_wait() -> None:
    progress = Progress()
    progress.pause()
    ended: list[str] = []

    def work() -> None:
        try:
            progress.check()
            ended.append("resumed")
        except Cancelled:
            ended.append("cancelled")

    worker = threading.Thread(target=work)
    worker.start()
    worker.join(0.3)
    assert worker.is_alive()
    assert ended == []
    progress.cancel()
    worker.join(5)
    assert ended == ["cancelled"]
