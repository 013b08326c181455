"""Document changed → request → mailbox → frame. Nothing is asked twice, nothing waits."""

from __future__ import annotations

import time

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.document import Document
from app.link import EngineLink
from app.state import SteerState, to_request
from engine.messages import Failure, Frame, LodestoneError, SteerRequest

CANVAS = "canvas"
WANDER_MS = 33
KEPT_STAMPS = 256
UNSEEN_SECONDS = 0.25
"""A picture painted this long after it came was not waited for: nobody was looking."""


class Live(QObject):
    """Keeps the canvas on the document, also while it wanders."""

    frame = Signal(object)
    """A Frame for the canvas."""
    latency = Signal(float, float)
    """(seconds from the hand to painted pixels, perf_counter when painted)."""
    failed = Signal(str)
    """A sentence; the last good frame stays."""
    recovered = Signal()
    settled = Signal(object)
    """SteerRequest, a moment after the last change: time to refresh thumbnails."""
    wandered = Signal(float)
    """Seconds into the wander, at every step of it."""

    def __init__(self, document: Document, link: EngineLink, parent: QObject | None = None):
        super().__init__(parent)
        self._document, self._link = document, link
        self._last: SteerRequest | None = None
        self._asked_at: dict[int, float] = {}
        self._came: tuple[int, float] = (0, 0.0)
        self._failing = False
        self._seconds = 0.0
        self._ticked = 0.0
        self._wander = QTimer(self)
        self._wander.setInterval(WANDER_MS)
        self._wander.timeout.connect(self._tick)
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(280)
        self._settle.timeout.connect(self._settled)
        document.changed.connect(self._changed)
        link.frame.connect(self._framed)
        link.failure.connect(self._failure)

    @property
    def request(self) -> SteerRequest | None:
        """What the canvas shows or is about to show."""
        return self._last

    @property
    def up_to_date(self) -> bool:
        """Whether the newest picture that was asked for has been painted."""
        return not self._asked_at

    @property
    def seconds(self) -> float:
        """How far the wander is."""
        return self._seconds

    @Slot(object, object)
    def _changed(self, old: SteerState, new: SteerState) -> None:
        if new.wander.on != self._wander.isActive():
            self._seconds, self._ticked = 0.0, time.perf_counter()
            if new.wander.on:
                self._wander.start()
            else:
                self._wander.stop()
        elif new.wander.speed != old.wander.speed and new.wander.speed > 0:
            # Keep the phase, so that a change of speed does not jump.
            self._seconds *= old.wander.speed / new.wander.speed
        self.refresh()

    @Slot()
    def _tick(self) -> None:
        now = time.perf_counter()
        self._seconds += now - self._ticked
        self._ticked = now
        self.refresh()
        self.wandered.emit(self._seconds)

    @Slot()
    def refresh(self) -> None:
        """Ask for the document's picture unless it has been asked for already."""
        info = self._document.info
        if info is None:
            return
        try:
            request = to_request(self._document.state, info, self._seconds)
        except LodestoneError as error:
            self.failed.emit(error.sentence)
            return
        if request == self._last:
            return
        self._last = request
        now = time.perf_counter()
        self._asked_at[self._link.client.show(request, CANVAS)] = now
        while len(self._asked_at) > KEPT_STAMPS:
            del self._asked_at[next(iter(self._asked_at))]
        self._settle.start()

    def forget(self) -> None:
        """The next refresh asks again even when nothing has changed."""
        self._last = None

    @Slot()
    def _settled(self) -> None:
        if self._last is not None:
            self.settled.emit(self._last)

    @Slot(object)
    def _framed(self, frame: Frame) -> None:
        if frame.key != CANVAS:
            return
        info = self._document.info
        if info is None or frame.model != info.id:
            self._link.release(frame)
            return
        if self._failing:
            self._failing = False
            self.recovered.emit()
        self._came = (frame.stamp, time.perf_counter())
        self.frame.emit(frame)

    @Slot(int, float)
    def painted(self, stamp: int, at: float) -> None:
        """The canvas has painted the frame of a stamp."""
        asked = self._asked_at.get(stamp)
        # Older requests will never be drawn: newer ones have replaced them.
        self._asked_at = {s: t for s, t in self._asked_at.items() if s > stamp}
        stamp_came, came = self._came
        unseen = stamp == stamp_came and at - came > UNSEEN_SECONDS
        if asked is not None and not unseen:
            self.latency.emit(at - asked, at)

    @Slot(object)
    def _failure(self, failure: Failure) -> None:
        if failure.key == CANVAS:
            self._failing = True
            self.failed.emit(failure.sentence)
