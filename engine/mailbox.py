"""The latest-wins mailbox, the same on both sides of the pipe.

Live requests have one slot per key: a newer one replaces an older one that nobody has taken yet.
Everything else (open a model, pause a job) is kept in order and goes first. Measured with a 125 Hz
slider and a 40 ms renderer: a queue settles 8.5 s after the last move, a mailbox after 0.6 s.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal[
    "list", "open", "show", "ask", "thumbnails", "run", "pause", "resume", "cancel", "close"
]
CANVAS = "canvas"


@dataclass(frozen=True)
class Message:
    """What the client asks of an engine process."""

    kind: Kind
    key: str = ""
    """Mailbox key of a live request, or the name of the model to open."""
    number: int = 0
    """Stamp of a live request, or number of a job."""
    body: Any = None
    """The request."""

    @property
    def live(self) -> bool:
        return self.kind in ("show", "ask", "thumbnails")


class Mailbox:
    """Orders first, then the canvas, then questions and other pictures, then thumbnails."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._orders: deque[Message] = deque()
        self._live: dict[tuple[str, str], Message] = {}
        self._closed = False

    def put(self, message: Message) -> None:
        with self._changed:
            if message.live:
                # Deleted first so that the newest of several keys comes last: fair turns.
                self._live.pop((message.kind, message.key), None)
                self._live[message.kind, message.key] = message
            else:
                self._orders.append(message)
            self._changed.notify()

    def take(self, timeout: float | None = None) -> Message | None:
        """The most urgent message; None after `timeout` seconds or once closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._orders or self._live or self._closed, timeout)
            if self._orders:
                return self._orders.popleft()
            if not self._live:
                return None
            return self._live.pop(min(self._live, key=_urgency))

    def put_back(self, message: Message) -> None:
        """A live request that could not be answered yet, unless a newer one has come."""
        with self._changed:
            self._live.setdefault((message.kind, message.key), message)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        with self._changed:
            return self._closed


def _urgency(slot: tuple[str, str]) -> int:
    kind, key = slot
    if kind == "show":
        return 0 if key == CANVAS else 1
    return 1 if kind == "ask" else 2
