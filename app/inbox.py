"""Where the engine's events wait until the window is there. No Qt."""

from __future__ import annotations

import threading
from collections.abc import Callable

from engine.messages import Event


class Inbox:
    """Takes events from the moment the engine starts, before Qt is even imported."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Event] = []
        self._sink: Callable[[Event], None] | None = None

    def __call__(self, event: Event) -> None:
        with self._lock:
            if self._sink is None:
                self._waiting.append(event)
                return
            self._sink(event)

    def attach(self, sink: Callable[[Event], None] | None) -> None:
        """Hand over what has waited, then everything as it comes; None waits again."""
        with self._lock:
            self._sink = sink
            if sink is not None:
                for event in self._waiting:
                    sink(event)
                self._waiting.clear()
