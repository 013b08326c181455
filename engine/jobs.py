"""The client's side of the jobs: a queue, first in first out, one at a time."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from engine.link import ProcessLink, ThreadLink
from engine.mailbox import Message
from engine.messages import Event, JobRequest, JobUpdate
from engine.progress import Report
from engine.supervisor import Backoff
from engine.worker import JobReport

WORKER = "engine.worker:JobRunner"
CANCEL_PATIENCE = 15.0
"""Seconds a cancelled job may take to stop by itself before its process is ended."""
_OVER = ("done", "failed", "cancelled")


@dataclass
class _Job:
    update: JobUpdate
    cancelled_at: float | None = None


class JobKeeper:
    """Keeps the job worker: started with the first job, replaced when it dies."""

    def __init__(self, emit: Callable[[Event], None], args: tuple[object, ...], local: bool):
        self.link: ProcessLink | None = None
        self._thread: ThreadLink | None = None
        self._emit, self._args, self._local = emit, args, local
        # Events are sent while it is held, so that a row never sees its past.
        self._lock = threading.RLock()
        self._numbers = itertools.count(1)
        self._jobs: dict[int, _Job] = {}
        self._running: int | None = None
        self._start_at = 0.0
        self._deaths = 0
        self._backoff = Backoff()
        self._closed = False

    # ------------------------------------------------ asked by the window

    def submit(self, request: JobRequest) -> int:
        with self._lock:
            number = next(self._numbers)
            job = _Job(JobUpdate(number, "queued", request, message="Waiting"))
            self._jobs[number] = job
            self._emit(job.update)
        if self._local:
            self.tick(time.monotonic())
        return number

    @property
    def busy(self) -> bool:
        with self._lock:
            return any(job.update.state not in _OVER for job in self._jobs.values())

    def pause(self, number: int) -> None:
        self._order(number, "pause")

    def resume(self, number: int) -> None:
        self._order(number, "resume")
        if self._local:
            self.tick(time.monotonic())

    def cancel(self, number: int) -> None:
        self._order(number, "cancel")

    def _order(self, number: int, kind: str) -> None:
        with self._lock:
            job = self._jobs.get(number)
            if job is None or job.update.state in _OVER:
                return
            if kind == "cancel":
                job.cancelled_at = time.monotonic()
            running = number == self._running
            if running:
                self._post(Message(kind, number=number))  # pyright: ignore[reportArgumentType]
            update = self._after(job.update, kind, running)
            job.update = update
            self._emit(update)

    @staticmethod
    def _after(update: JobUpdate, kind: str, running: bool) -> JobUpdate:
        """What the row shows at once; the worker follows."""
        if kind == "pause":
            return replace(update, state="paused", message="Paused", seconds_left=None)
        if kind == "resume":
            state, message = ("running", "Going on") if running else ("queued", "Waiting")
            return replace(update, state=state, message=message, preview=None)
        if running:
            return replace(update, message="Stopping", seconds_left=None, preview=None)
        return replace(update, state="cancelled", message="Cancelled", seconds_left=None)

    # ------------------------------------------------ on the supervisor's thread

    def tick(self, now: float) -> None:
        with self._lock:
            if self._running is None:
                if now >= self._start_at and not self._closed:
                    self._begin_next()
            else:
                asked = self._jobs[self._running].cancelled_at
                if asked is not None and now - asked > CANCEL_PATIENCE and self.link is not None:
                    self.link.kill()

    def _begin_next(self) -> None:
        job = next((job for job in self._jobs.values() if job.update.state == "queued"), None)
        if job is None:
            return
        if self._local and self._thread is None:
            args = (*self._args, False)
            self._thread = ThreadLink(WORKER, args, self.on_message, lambda _block: None)
        elif not self._local and self.link is None:
            self.link = ProcessLink(WORKER, self._args)
        self._running = job.update.job
        job.update = replace(job.update, state="running", message="Starting")
        self._emit(job.update)
        self._post(Message("run", number=job.update.job, body=job.update.request))

    def _post(self, message: Message) -> None:
        link = self.link or self._thread
        if link is not None:
            link.post(message)

    def on_message(self, message: object) -> None:
        if not isinstance(message, JobReport):
            return
        with self._lock:
            job = self._jobs.get(message.job)
            if job is None or message.job != self._running:
                return
            job.update = _told(job.update, message)
            update = job.update
            if message.state in _OVER:
                self._running, self._deaths = None, 0
            self._emit(update)
        if message.state in _OVER and self._local:
            self.tick(time.monotonic())

    def on_end(self, exitcode: int | None) -> None:
        del exitcode
        with self._lock:
            number, self._running = self._running, None
            self._deaths += 1
            self._start_at = time.monotonic() + self._backoff(self._deaths)
            if number is None:
                return
            job = self._jobs[number]
            if job.cancelled_at is not None:
                change = {"state": "cancelled", "message": "Cancelled"}
            else:
                change = {"state": "failed", "message": _DIED}
            job.update = replace(job.update, seconds_left=None, preview=None, **change)
            self._emit(job.update)

    def finish(self, timeout: float) -> None:
        with self._lock:
            self._closed = True
            self._post(Message("close"))
        if self.link is not None:
            self.link.finish(timeout)
            self.link = None
        if self._thread is not None:
            self._thread.finish(timeout)


_DIED = (
    "The job's process ended before it was done, perhaps for want of memory. "
    "Start it again: it goes on from the last finished step where it can."
)


def _told(update: JobUpdate, said: JobReport) -> JobUpdate:
    """The row after the worker has said something."""
    if said.state == "done":
        return replace(
            update, state="done", fraction=1.0, message="Done", seconds_left=0.0, preview=None,
            result=said.result,
        )  # fmt: skip
    if said.state == "failed":
        return replace(
            update, state="failed", message=said.sentence, seconds_left=None, preview=None
        )
    if said.state == "cancelled":
        return replace(
            update, state="cancelled", message="Cancelled", seconds_left=None, preview=None
        )
    report = said.report or Report(update.fraction, update.message)
    # Whole sentences are for every reader; they must not be gone with the next report.
    fresh = report.message.endswith(".") and report.message not in update.notes
    # A report that was under way when the person paused does not undo the pause.
    return replace(
        update,
        fraction=report.fraction,
        message=report.message or update.message,
        seconds_left=report.seconds_left,
        preview=report.preview,
        figures=report.figures or update.figures,
        notes=(*update.notes, report.message) if fresh else update.notes,
    )
