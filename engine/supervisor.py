"""The client's one thread: it starts engine processes, reads their pipes, notices their ends.

Engine processes are tied to the thread that starts them (Linux ends them when it ends), so this
thread lives as long as the client. All keeper callbacks run on it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import wait
from typing import Protocol

from engine.link import ProcessLink

_TICK = 0.2  # seconds


class Keeper(Protocol):
    """Looks after one service: what it says, and what to do when it ends."""

    link: ProcessLink | None

    def tick(self, now: float) -> None:
        """Called at least every 0.2 s: start, restart, watch."""
        ...

    def on_message(self, message: object) -> None: ...

    def on_end(self, exitcode: int | None) -> None:
        """The process has ended without being asked to; `link` is None again."""
        ...

    def finish(self, timeout: float) -> None:
        """The client closes: end the process within `timeout` seconds, kindly if it can be."""
        ...


@dataclass(frozen=True)
class Backoff:
    """Seconds to wait before the next start, by the number of deaths in a row."""

    waits: tuple[float, ...] = (0.05, 0.5, 2.0)

    def __call__(self, deaths: int) -> float:
        return self.waits[min(max(deaths, 1), len(self.waits)) - 1]


class Supervisor:
    def __init__(self, *keepers: Keeper, on_fault: Callable[[Exception], None]):
        self._keepers = keepers
        self._on_fault = on_fault
        self._ears, self._nudge = Pipe(duplex=False)
        self._nudged = threading.Lock()
        self._closing = threading.Event()
        self._timeout = 0.0
        self._thread = threading.Thread(target=self._run, name="engine supervisor", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Look at the keepers now instead of at the next tick. Never blocks."""
        # One byte is enough however often it is asked; a full pipe would block the window.
        if self._nudged.acquire(blocking=False):
            self._nudge.send_bytes(b"!")

    def close(self, timeout: float) -> None:
        """End every process; each may take `timeout` seconds to do so by itself."""
        self._timeout = timeout
        self._closing.set()
        self.wake()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        while not self._closing.is_set():
            now = time.monotonic()
            for keeper in self._keepers:
                self._guarded(keeper.tick, now)
            links = {k.link.connection: k for k in self._keepers if k.link is not None}
            for ready in wait([self._ears, *links], timeout=_TICK):
                if ready is self._ears:
                    self._ears.recv_bytes()
                    self._nudged.release()
                else:
                    self._read(links[ready])  # pyright: ignore[reportArgumentType]
        # Here and not in `close`: the processes end with the thread that started them.
        for keeper in self._keepers:
            self._guarded(keeper.finish, self._timeout)

    def _read(self, keeper: Keeper) -> None:
        link = keeper.link
        if link is None:
            return
        try:
            message = link.read()
        except (EOFError, OSError):
            keeper.link = None
            self._guarded(keeper.on_end, link.finish(1.0))
            return
        self._guarded(keeper.on_message, message)

    def _guarded(self, call: Callable[..., None], *args: object) -> None:
        """A fault in the listener (a window's bug) must not end the thread that serves it."""
        try:
            call(*args)
        except Exception as error:  # noqa: BLE001
            self._on_fault(error)
