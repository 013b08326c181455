"""A service (the live engine, the job worker) in a process of its own, or in a thread.

The process is spawned, never forked: Qt and CUDA do not survive a fork. It ends with its parent,
however that ends. Sending never blocks the caller: messages lie in a latest-wins mailbox until a
sender thread has written them into the pipe.
"""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, Protocol

from engine.mailbox import Mailbox, Message
from engine.ring import Block

BLOCK = "block"
"""First element of the tuple that announces a new block of frames."""


class Service(Protocol):
    """What runs at the far end of a link."""

    def receive(self, message: Message) -> None:
        """Called on a reader thread: only files the message."""
        ...

    def loop(self) -> None:
        """Works until `close` is received."""
        ...


Send = Callable[[object], None]
Announce = Callable[[Block], None]


def resolve(target: str) -> Any:
    """`package.module:name`; resolved in the process that needs it, so the window never imports
    what only the engine uses."""
    module, name = target.split(":")
    return getattr(importlib.import_module(module), name)


class ProcessLink:
    """A service in a spawned process."""

    def __init__(self, target: str, args: tuple[object, ...] = ()):
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe(duplex=True)
        self.connection: Connection = ours
        self._outbox = Mailbox()
        # Threads of numpy's products that wait for each other take several times longer than one.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        self._process = context.Process(
            target=_child, args=(theirs, target, args), name=target, daemon=True
        )
        self._process.start()
        theirs.close()
        self._writer = threading.Thread(target=self._write, name=f"to {target}", daemon=True)
        self._writer.start()

    @property
    def pid(self) -> int:
        return self._process.pid or 0

    def post(self, message: Message) -> None:
        self._outbox.put(message)

    def read(self) -> object:
        """The next message from the process (blocks); EOFError or OSError when it has ended."""
        message = self.connection.recv()
        if isinstance(message, tuple) and message and message[0] == BLOCK:
            _, name, slots, slot_bytes = message
            return Block.attach(name, slots, slot_bytes, _receive_fd(self.connection))
        return message

    def kill(self) -> None:
        self._process.kill()

    def finish(self, timeout: float = 2.0) -> int | None:
        """Wait for the end, kill when it does not come; the exit code (negative: a signal)."""
        self._outbox.close()
        self._process.join(timeout)
        if self._process.is_alive():
            self._process.kill()
            self._process.join(5.0)
        # A write under way ends with the process; closing first would pull the pipe from under it.
        self._writer.join(5.0)
        self.connection.close()
        return self._process.exitcode

    def _write(self) -> None:
        while True:
            message = self._outbox.take()
            if message is None:
                return
            try:
                self.connection.send(message)
            except (OSError, ValueError):
                return  # The process has ended; whoever reads the pipe deals with that.


class ThreadLink:
    """The same service in a thread of this process (command line, tests)."""

    def __init__(self, target: str, args: tuple[object, ...], send: Send, announce: Announce):
        self._service: Service = resolve(target)(send, announce, *args)
        self._thread = threading.Thread(target=self._service.loop, name=target, daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int:
        return os.getpid()

    def post(self, message: Message) -> None:
        self._service.receive(message)

    def finish(self, timeout: float = 10.0) -> None:
        self._thread.join(timeout)


# ---------------------------------------------------------------- in the spawned process


def _child(connection: Connection, target: str, args: tuple[object, ...]) -> None:
    die_with_parent()
    # Ctrl+C in a terminal reaches the whole group; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    lock = threading.Lock()

    def send(message: object) -> None:
        with lock, _parent_may_be_gone():
            connection.send(message)

    def announce(block: Block) -> None:
        with lock, _parent_may_be_gone():
            connection.send((BLOCK, block.name, block.slots, block.slot_bytes))
            _send_fd(connection, block.fd)

    service: Service = resolve(target)(send, announce, *args)
    threading.Thread(target=_read, args=(connection, service), daemon=True).start()
    service.loop()


def _read(connection: Connection, service: Service) -> None:
    try:
        while True:
            service.receive(connection.recv())
    except (EOFError, OSError):
        # The parent has ended: nobody is left to work for, and exit handlers could hang.
        os._exit(0)


@contextlib.contextmanager
def _parent_may_be_gone() -> Any:
    try:
        yield
    except (BrokenPipeError, ConnectionResetError):
        os._exit(0)


def die_with_parent() -> None:
    """Ask Linux to end this process with its parent, even while it is stuck in native code.

    Elsewhere the end of the pipe does it (see `_read`).
    """
    if sys.platform != "linux":
        return
    import ctypes

    set_death_signal = 1  # PR_SET_PDEATHSIG, linux/prctl.h
    parent = multiprocessing.parent_process()
    ctypes.CDLL(None).prctl(set_death_signal, signal.SIGKILL)
    if parent is not None and os.getppid() != parent.pid:
        os._exit(0)  # It ended before we asked.


def _send_fd(connection: Connection, fd: int) -> None:
    if sys.platform != "win32":
        with socket.socket(fileno=os.dup(connection.fileno())) as channel:
            socket.send_fds(channel, [b"f"], [fd])


def _receive_fd(connection: Connection) -> int:
    if sys.platform == "win32":
        return -1
    with socket.socket(fileno=os.dup(connection.fileno())) as channel:
        _, fds, _, _ = socket.recv_fds(channel, 1, 1)
    if not fds:
        raise EOFError
    return fds[0]
