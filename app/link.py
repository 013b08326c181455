"""The window's end of the engine: events from the reader thread become Qt signals.

Only `@Slot` methods of QObjects are connected to these signals: a lambda would run in the reader
thread and touch widgets from there.
"""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QObject, Qt, Signal, Slot

from app.inbox import Inbox
from engine.client import EngineClient
from engine.messages import (
    Answer,
    EngineStatus,
    Event,
    Failure,
    Frame,
    JobUpdate,
    ModelOpened,
    ModelsListed,
    Thumbnail,
)


class EngineLink(QObject):
    """Typed signals for the events, and the client to talk to."""

    status = Signal(object)
    opened = Signal(object)
    listed = Signal(object)
    frame = Signal(object)
    thumbnail = Signal(object)
    failure = Signal(object)
    job = Signal(object)
    answer = Signal(object)
    _arrived = Signal(object)

    def __init__(self, client: EngineClient, inbox: Inbox, parent: QObject | None = None):
        super().__init__(parent)
        self.client = client
        self._inbox = inbox
        self._arrived.connect(self._dispatch, Qt.ConnectionType.QueuedConnection)
        self._closed = False
        inbox.attach(self._arrived.emit)

    @Slot(object)
    def _dispatch(self, event: Event) -> None:
        if self._closed:
            if isinstance(event, Frame):
                self.client.release(event)
            return
        for kind, signal in (
            (Frame, self.frame),
            (Thumbnail, self.thumbnail),
            (Answer, self.answer),
            (JobUpdate, self.job),
            (EngineStatus, self.status),
            (ModelOpened, self.opened),
            (ModelsListed, self.listed),
            (Failure, self.failure),
        ):
            if isinstance(event, kind):
                signal.emit(event)
                return

    def pixels(self, frame: Frame) -> np.ndarray:
        """(H, W, 4) uint8 BGRX in shared memory."""
        return self.client.pixels(frame)

    def release(self, frame: Frame) -> None:
        self.client.release(frame)

    def close(self) -> None:
        """Stop listening and end the engine."""
        self._closed = True
        self._inbox.attach(None)
        self.client.close()
