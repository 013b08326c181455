"""The client and its two processes: latest wins, and nothing that dies is lost.

Processes here are real; only what draws is a stand-in (tests/troublemakers.py), so that it can be
made to die on command. tests/test_client_real.py does the same with real generators.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np
import psutil
import pytest

from engine.client import EngineClient
from engine.messages import (
    EngineStatus,
    Event,
    Failure,
    Frame,
    ImportRequest,
    JobUpdate,
    LatentPart,
    ModelOpened,
    ModelsListed,
    RenderRequest,
    SteerRequest,
    Thumbnail,
    ThumbnailsRequest,
    Vector,
)
from tests import troublemakers as trouble

PLAIN, SLOW = "tests.troublemakers:Plain", "tests.troublemakers:Slow"
JOBS = "tests.troublemakers:run_job"
T = TypeVar("T")


class Ears:
    """Keeps every event, and waits for the one a test is about."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.changed = threading.Condition()

    def __call__(self, event: Event) -> None:
        with self.changed:
            self.events.append(event)
            self.changed.notify_all()

    def all(self, kind: type[T]) -> list[T]:
        with self.changed:
            return [event for event in self.events if isinstance(event, kind)]

    def wait(self, kind: type[T], which: Callable[[T], bool] = bool, seconds: float = 60.0) -> T:
        def found() -> T | None:
            return next((e for e in self.events if isinstance(e, kind) and which(e)), None)

        with self.changed:
            self.changed.wait_for(lambda: found() is not None, seconds)
            event = found()
            assert event is not None, f"no such {kind.__name__} among {self.events[-20:]}"
            return event


@contextmanager
def engine(studio: str = PLAIN, **more: object) -> Iterator[tuple[EngineClient, Ears]]:
    ears = Ears()
    client = EngineClient(ears, studio=studio, jobs=JOBS, **more)  # pyright: ignore
    client.start()
    try:
        yield client, ears
    finally:
        client.close()


def seed(number: int) -> SteerRequest:
    return SteerRequest("one", (LatentPart(seed=number),))


def job(what: str) -> RenderRequest:
    return RenderRequest((seed(0),), what)


def engines() -> list[psutil.Process]:
    """The engine processes of this test (Python's own resource tracker is none)."""
    children = psutil.Process().children(recursive=True)
    return [p for p in children if "resource_tracker" not in " ".join(p.cmdline())]


def live_pid(client: EngineClient) -> int:
    link = client._live.link
    assert link is not None
    return link.pid


# ---------------------------------------------------------------- live requests


def test_start_returns_at_once_and_the_engine_reports_ready() -> None:
    took: list[float] = []
    for _ in range(3):  # the best of three: the machine may be busy with something else
        ears = Ears()
        client = EngineClient(ears, studio=PLAIN)
        began = time.perf_counter()
        client.start()
        took.append(time.perf_counter() - began)
        client.close()
    assert min(took) < 0.05
    with engine() as (client, ears):
        ears.wait(EngineStatus, lambda s: s.state == "ready")


def test_a_picture_lies_in_shared_memory() -> None:
    with engine() as (client, ears):
        client.open_model("one")
        assert ears.wait(ModelOpened).info.name == "one"
        stamp = client.show(seed(17))
        frame = ears.wait(Frame)
        assert (frame.stamp, frame.key, frame.shape) == (stamp, "canvas", (64, 64, 4))
        pixels = client.pixels(frame)
        assert not pixels.flags.owndata
        assert (pixels == 17).all()
        client.release(frame)
        with pytest.raises(KeyError):
            client.pixels(frame)


def test_latest_wins_250_moves_in_two_seconds() -> None:
    ears = Ears()
    client = EngineClient(lambda event: heard(event), studio=SLOW)

    def heard(event: Event) -> None:
        if isinstance(event, Frame):
            client.release(event)
        ears(event)

    with client:
        ears.wait(EngineStatus, lambda s: s.state == "ready")
        last = 0
        for number in range(250):
            last = client.show(seed(number))
            time.sleep(0.008)
        moved = time.perf_counter()
        ears.wait(Frame, lambda frame: frame.stamp == last)
        settled = time.perf_counter() - moved
        stamps = [frame.stamp for frame in ears.all(Frame)]
    assert stamps == sorted(set(stamps))
    assert len(stamps) < 150  # 40 ms a picture: some fifty fit, the others were dropped
    assert settled < 1.0


def test_frames_that_are_shown_are_not_overwritten_and_block_nothing_for_ever() -> None:
    with engine() as (client, ears):
        held: list[Frame] = []
        for number in range(4):
            stamp = client.show(seed(number))
            held.append(ears.wait(Frame, lambda frame, s=stamp: frame.stamp == s))
        stamp = client.show(seed(99))
        time.sleep(0.3)
        assert not [frame for frame in ears.all(Frame) if frame.stamp == stamp]
        for number, frame in enumerate(held):
            assert (client.pixels(frame) == number).all()
        client.release(held[0])
        assert (client.pixels(ears.wait(Frame, lambda f: f.stamp == stamp)) == 99).all()


def test_the_canvas_goes_before_thumbnails() -> None:
    with engine(SLOW) as (client, ears):
        ears.wait(EngineStatus, lambda s: s.state == "ready")
        strip = ThumbnailsRequest(tuple(seed(n) for n in range(24)), size=8)
        stamp = client.thumbnails(strip, "gallery")
        ears.wait(Thumbnail)
        client.show(seed(1))
        ears.wait(Frame)
        before = len(ears.all(Thumbnail))
        assert before < 8
        ears.wait(Thumbnail, lambda t: t.index == 23)
        thumbs = ears.all(Thumbnail)
        assert [t.index for t in thumbs] == list(range(24))
        assert {t.stamp for t in thumbs} == {stamp}
        assert all((t.picture.array() == t.index).all() for t in thumbs)


def test_newer_thumbnails_replace_older_ones_of_their_key() -> None:
    with engine(SLOW) as (client, ears):
        ears.wait(EngineStatus, lambda s: s.state == "ready")
        strip = tuple(seed(n) for n in range(24))
        first = client.thumbnails(ThumbnailsRequest(strip, 8), "gallery")
        other = client.thumbnails(ThumbnailsRequest(strip[:2], 8), "strip")
        ears.wait(Thumbnail)
        second = client.thumbnails(ThumbnailsRequest(strip[:3], 8), "gallery")
        ears.wait(Thumbnail, lambda t: t.stamp == second and t.index == 2)
        ears.wait(Thumbnail, lambda t: t.stamp == other and t.index == 1)
        assert len([t for t in ears.all(Thumbnail) if t.stamp == first]) < 24


def test_errors_are_sentences_and_the_engine_goes_on() -> None:
    with engine() as (client, ears):
        refused = client.show(seed(trouble.REFUSED))
        failure = ears.wait(Failure, lambda f: f.key == "canvas")
        assert failure.stamp == refused
        assert failure.sentence == "This picture is refused. Choose another seed."
        faulty = client.show(seed(trouble.FAULTY))
        failure = ears.wait(Failure, lambda f: f.stamp == faulty)
        assert "index out of range" in failure.sentence
        assert "\n" not in failure.sentence
        client.open_model("absent")
        assert "absent" in ears.wait(Failure, lambda f: f.key == "model").sentence
        client.show(seed(5))
        assert (client.pixels(ears.wait(Frame)) == 5).all()
        assert not [s for s in ears.all(EngineStatus) if s.state == "restarting"]


def test_models_are_listed_even_when_asked_before_the_engine_is_up() -> None:
    with engine() as (client, ears):
        client.list_models()
        assert [m.name for m in ears.wait(ModelsListed).models] == ["one", "two"]


def test_a_listener_that_fails_does_not_stop_the_events() -> None:
    ears = Ears()

    def heard(event: Event) -> None:
        ears(event)
        if isinstance(event, Frame):
            raise RuntimeError("a fault in the window")

    with EngineClient(heard, studio=PLAIN) as client:
        client.show(seed(1))
        ears.wait(Frame)
        stamp = client.show(seed(2))
        ears.wait(Frame, lambda frame: frame.stamp == stamp)


# ---------------------------------------------------------------- falls


def test_a_killed_engine_comes_back_with_the_same_picture() -> None:
    with engine() as (client, ears):
        client.open_model("two")
        ears.wait(ModelOpened)
        stamp = client.show(seed(42))
        first = ears.wait(Frame)
        os.kill(live_pid(client), signal.SIGKILL)
        sentence = ears.wait(EngineStatus, lambda s: s.state == "restarting").message
        assert "stopped from outside" in sentence
        assert (client.pixels(first) == 42).all()  # the artist keeps the last frame
        again = ears.wait(Frame, lambda f: f.memory != first.memory)
        assert again.stamp == stamp
        assert (client.pixels(again) == 42).all()
        assert len(ears.all(ModelOpened)) == 1  # reopened in silence: no new document
        client.show(seed(43))
        ears.wait(Frame, lambda f: f.stamp > stamp)


def test_thumbnails_that_were_owed_arrive_after_a_fall() -> None:
    with engine(SLOW) as (client, ears):
        strip = ThumbnailsRequest(tuple(seed(n) for n in range(20)), 8)
        client.thumbnails(strip, "gallery")
        ears.wait(Thumbnail, lambda t: t.index == 2)
        os.kill(live_pid(client), signal.SIGKILL)
        ears.wait(Thumbnail, lambda t: t.index == 19)


def test_a_poisonous_request_is_put_aside_after_three_deaths() -> None:
    with engine() as (client, ears):
        client.open_model("one")
        ears.wait(ModelOpened)
        stamp = client.show(seed(trouble.POISON))
        failure = ears.wait(Failure, lambda f: f.key == "canvas")
        assert failure.stamp == stamp
        assert "three times" in failure.sentence
        assert len([s for s in ears.all(EngineStatus) if s.state == "restarting"]) == 3
        client.show(seed(3))
        assert (client.pixels(ears.wait(Frame)) == 3).all()


def test_a_poisonous_model_is_put_aside() -> None:
    with engine() as (client, ears):
        client.open_model("poison")
        failure = ears.wait(Failure, lambda f: f.key == "model")
        assert "poison" in failure.sentence
        client.open_model("one")
        assert ears.wait(ModelOpened).info.name == "one"


def test_an_engine_that_cannot_start_says_so_and_stops_trying() -> None:
    with engine("tests.troublemakers:Stillborn") as (client, ears):
        ears.wait(EngineStatus, lambda s: s.state == "failed")
        time.sleep(0.5)
        assert engines() == []
        assert len([s for s in ears.all(EngineStatus) if s.state == "restarting"]) == 2


def test_asking_for_no_pictures_owes_no_answer() -> None:
    with engine(patience={"render": 0.5}) as (client, ears):
        client.thumbnails(ThumbnailsRequest(()), "start")
        time.sleep(2.5)
        assert not [s for s in ears.all(EngineStatus) if s.state == "restarting"]


def test_an_engine_that_hangs_is_replaced() -> None:
    with engine(patience={"render": 1.0}) as (client, ears):
        ears.wait(EngineStatus, lambda s: s.state == "ready")
        pid = live_pid(client)
        client.show(seed(trouble.SLEEPER))
        sentence = ears.wait(EngineStatus, lambda s: s.state == "restarting").message
        assert "did not answer" in sentence
        stamp = client.show(seed(8))
        assert (client.pixels(ears.wait(Frame, lambda f: f.stamp == stamp)) == 8).all()
        assert live_pid(client) != pid


def test_asking_never_blocks_even_when_the_engine_stands_still() -> None:
    vector = Vector.of(np.zeros(100_000))  # 400 kB a request: more than a pipe takes
    with engine(patience={"render": 2.0}) as (client, ears):
        ears.wait(EngineStatus, lambda s: s.state == "ready")
        os.kill(live_pid(client), signal.SIGSTOP)
        worst, stamp = 0.0, 0
        for _ in range(50):
            began = time.perf_counter()
            stamp = client.show(SteerRequest("one", (LatentPart(seed=7, vector=vector),)))
            worst = max(worst, time.perf_counter() - began)
        assert worst < 0.5  # waiting for the engine would have taken two seconds
        ears.wait(EngineStatus, lambda s: s.state == "restarting")
        assert (client.pixels(ears.wait(Frame, lambda f: f.stamp == stamp)) == 7).all()


# ---------------------------------------------------------------- jobs


def states(ears: Ears, number: int) -> list[str]:
    found: list[str] = []
    for update in ears.all(JobUpdate):
        if update.job == number and update.state not in found[-1:]:
            found.append(update.state)
    return found


def test_jobs_run_one_after_the_other_and_report() -> None:
    with engine() as (client, ears):
        began = time.monotonic()
        first, second = client.submit(job("count")), client.submit(job("/x/count"))
        done = ears.wait(JobUpdate, lambda u: u.job == second and u.state == "done")
        assert done.result == "/x/count"
        assert done.fraction == 1.0
        assert states(ears, first) == states(ears, second) == ["queued", "running", "done"]
        order = [u.job for u in ears.all(JobUpdate) if u.state in ("running", "done")]
        assert order == sorted(order)
        reports = [u for u in ears.all(JobUpdate) if u.job == first and u.state == "running"]
        # 200 steps in 2 s or more, 20 reports a second, however long they take here.
        assert len(reports) < 5 + 25 * (time.monotonic() - began)
        assert any(u.seconds_left is not None for u in reports)


def test_pause_resume_and_cancel() -> None:
    with engine() as (client, ears):
        number, waiting = client.submit(job("count")), client.submit(job("count"))
        ears.wait(JobUpdate, lambda u: u.job == number and u.fraction > 0.1)
        client.pause(number)
        time.sleep(0.3)
        at = [u.fraction for u in ears.all(JobUpdate) if u.job == number][-1]
        time.sleep(0.5)
        last = [u for u in ears.all(JobUpdate) if u.job == number][-1]
        assert last.state == "paused"
        assert last.fraction == at
        client.resume(number)
        ears.wait(JobUpdate, lambda u: u.job == number and u.fraction > at)
        client.cancel(waiting)
        client.cancel(number)
        ears.wait(JobUpdate, lambda u: u.job == number and u.state == "cancelled")
        assert states(ears, waiting) == ["queued", "cancelled"]
        assert states(ears, number) == ["queued", "running", "paused", "running", "cancelled"]


def test_a_failed_job_is_a_row_with_a_sentence() -> None:
    with engine() as (client, ears):
        client.submit(job("fail"))
        failed = ears.wait(JobUpdate, lambda u: u.state == "failed")
        assert failed.message == "The disk is full. Free some space."


def test_a_dead_worker_fails_its_job_and_the_next_one_runs() -> None:
    with engine() as (client, ears):
        client.show(seed(1))
        ears.wait(Frame)
        first, second = client.submit(job("die")), client.submit(job("niceness"))
        failed = ears.wait(JobUpdate, lambda u: u.job == first and u.state == "failed")
        assert "Start it again" in failed.message
        done = ears.wait(JobUpdate, lambda u: u.job == second and u.state == "done")
        polite = min(os.nice(0) + 15, 19)
        assert int(done.result) >= polite  # and it lets everything else go first
        assert not [s for s in ears.all(EngineStatus) if s.state == "restarting"]


def test_a_deaf_job_is_ended_when_it_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.jobs.CANCEL_PATIENCE", 0.5)
    with engine() as (client, ears):
        number = client.submit(job("deaf"))
        ears.wait(JobUpdate, lambda u: u.fraction == 0.5)
        client.cancel(number)
        ears.wait(JobUpdate, lambda u: u.job == number and u.state == "cancelled")


def test_orders_that_overtake_the_start_of_their_job_are_obeyed() -> None:
    with engine() as (client, ears):
        number, other = client.submit(job("count")), client.submit(job("niceness"))
        ears.wait(JobUpdate, lambda u: u.job == number and u.message == "Starting")
        client.pause(number)  # the worker is still being started
        client.resume(number)
        client.cancel(number)
        ears.wait(JobUpdate, lambda u: u.job == number and u.state == "cancelled")
        ears.wait(JobUpdate, lambda u: u.job == other and u.state == "done")


def test_a_foreign_file_is_imported_by_a_job_and_then_opened() -> None:
    with engine() as (client, ears):
        client.open_model("/somewhere/network.pkl")
        assert ears.wait(ModelOpened).info.name == "imported"
        update = ears.wait(JobUpdate, lambda u: u.state == "done")
        assert update.request == ImportRequest("/somewhere/network.pkl")


def test_opening_a_foreign_file_does_not_wait_for_a_training() -> None:
    with engine() as (client, ears):
        long = client.submit(job("count"))
        ears.wait(JobUpdate, lambda u: u.state == "running")
        client.open_model("/somewhere/network.pkl")
        assert ears.wait(ModelOpened).info.name == "/somewhere/network.pkl"
        assert states(ears, long)[-1] == "running"
        client.cancel(long)


# ---------------------------------------------------------------- the end


def test_close_leaves_no_process_no_thread_and_no_memory() -> None:
    shm = Path("/dev/shm")
    before, threads = set(shm.iterdir()), set(threading.enumerate())
    with engine() as (client, ears):
        client.show(seed(1))
        client.submit(job("count"))
        ears.wait(Frame)
        ears.wait(JobUpdate, lambda u: u.fraction > 0.05)
        assert len(engines()) == 2
        began = time.monotonic()
    assert time.monotonic() - began < 6.0
    assert engines() == []
    assert not [p for p in set(shm.iterdir()) - before if "lodestone" in p.name]
    for thread in set(threading.enumerate()) - threads:
        thread.join(2.0)
    assert set(threading.enumerate()) - threads == set()


PARENT = """
import sys, time
from engine.client import EngineClient
from engine.messages import *

def heard(event):
    if isinstance(event, Frame):
        print("frame", flush=True)
    if isinstance(event, JobUpdate) and event.fraction > 0:
        print("job", flush=True)

if __name__ == "__main__":
    client = EngineClient(heard, studio="tests.troublemakers:Plain",
                          jobs="tests.troublemakers:run_job")
    client.start()
    client.show(SteerRequest("one"))
    client.submit(RenderRequest((), sys.argv[1]))
    time.sleep(3600)
"""


def test_the_processes_end_with_a_killed_parent(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    root = str(Path(__file__).parent.parent)
    parent = psutil.Popen(
        [sys.executable, str(script), "count"],
        env={**os.environ, "PYTHONPATH": root},
        stdout=-1,
        text=True,
    )
    seen: set[str] = set()
    while not {"frame", "job"} <= seen:
        line = parent.stdout.readline()
        assert line, "the parent ended early"
        seen.add(line.strip())
    children = parent.children(recursive=True)
    assert len(children) >= 2
    parent.kill()
    parent.wait()
    parent.stdout.close()
    _, alive = psutil.wait_procs(children, timeout=10.0)
    assert alive == []


# ---------------------------------------------------------------- without processes


def test_the_same_engine_in_the_calling_process() -> None:
    with engine(local=True) as (client, ears):
        client.open_model("one")
        ears.wait(ModelOpened)
        stamp = client.show(seed(9))
        frame = ears.wait(Frame, lambda f: f.stamp == stamp)
        assert (client.pixels(frame) == 9).all()
        client.thumbnails(ThumbnailsRequest((seed(1), seed(2)), 8), "gallery")
        ears.wait(Thumbnail, lambda t: t.index == 1)
        number = client.submit(job("count"))
        ears.wait(JobUpdate, lambda u: u.job == number and u.fraction > 0.1)
        client.cancel(number)
        ears.wait(JobUpdate, lambda u: u.job == number and u.state == "cancelled")
        assert engines() == []


def test_run_works_here_and_waits() -> None:
    client = EngineClient(lambda _event: None, local=True, studio=PLAIN, jobs=JOBS)
    pixels = client.run(seed(5))
    assert isinstance(pixels, np.ndarray)
    assert (pixels == 5).all()
    assert client.run(job("/there/count")) == "/there/count"
    assert [m.name for m in client.models()] == ["one", "two"]
