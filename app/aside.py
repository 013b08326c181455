"""Work beside the window: one thread, the newest question of a key wins."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

POLL_MS = 15


class _Desk:
    """What waits and what is finished; knows nothing of Qt, so it may outlive the window."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.waiting: dict[str, Callable[[], Any]] = {}
        self.stamps: dict[str, int] = {}
        self.finished: list[tuple[str, int, Any]] = []
        self.working = False

    def work(self) -> None:
        """The thread: until nothing waits any more."""
        while True:
            with self.lock:
                if not self.waiting:
                    self.working = False
                    return
                key = next(iter(self.waiting))
                task, stamp = self.waiting.pop(key), self.stamps[key]
            try:
                result = task()
            except Exception as error:  # noqa: BLE001 - raised again in the window's thread
                result = error
            with self.lock:
                self.finished.append((key, stamp, result))


class Aside(QObject):
    """Runs what takes longer than a picture may; answers arrive in the window's thread.

    The window looks for answers instead of being called, so that nothing is ever sent to a widget
    that is gone.
    """

    done = Signal(str, object)
    """(key, result); not sent for what was asked anew or dropped meanwhile."""

    def __init__(self, parent: QObject | None = None):
        super().__init__(parent)
        self._desk = _Desk()
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_MS)
        self._timer.timeout.connect(self._collect)

    @property
    def busy(self) -> bool:
        return self._timer.isActive()

    def ask(self, key: str, task: Callable[[], Any]) -> None:
        """Do it soon; `task` must not touch Qt objects other than QImage."""
        desk = self._desk
        with desk.lock:
            desk.stamps[key] = desk.stamps.get(key, 0) + 1
            desk.waiting[key] = task
            start = not desk.working
            desk.working = True
        if start:
            threading.Thread(target=desk.work, daemon=True).start()
        self._timer.start()

    def drop(self, *keys: str) -> None:
        """Nobody wants the answers any more."""
        with self._desk.lock:
            for key in keys:
                self._desk.waiting.pop(key, None)
                self._desk.stamps[key] = self._desk.stamps.get(key, 0) + 1

    @Slot()
    def _collect(self) -> None:
        desk = self._desk
        with desk.lock:
            finished, desk.finished = desk.finished, []
            current = dict(desk.stamps)
            if not desk.working:
                self._timer.stop()
        for key, stamp, result in finished:
            if isinstance(result, Exception):
                raise result
            if current[key] == stamp:
                self.done.emit(key, result)
