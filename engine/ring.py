"""Frames through shared memory: the engine writes a slot, the window shows it where it lies.

A block is one shared mapping: a page of ownership flags, then `slots` equal slots. The engine
takes only free slots and marks them; only the window frees them again, so a picture that is
being shown is never overwritten. A larger frame makes a new block; the window keeps the old one
as long as it shows something in it.

Blocks have no name in the file system on Linux and macOS: the file descriptor travels through
the pipe between the processes, so the kernel frees the memory when the last of them ends, however
it ends. On Windows the mapping has a name but lives only as long as a handle to it.
"""

from __future__ import annotations

import itertools
import mmap
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable

import numpy as np

FREE, TAKEN = 0, 1
_PAGE = 4096
_numbers = itertools.count(1)


class Block:
    """One shared mapping with `slots` slots of `slot_bytes` bytes."""

    def __init__(self, name: str, slots: int, slot_bytes: int, memory: mmap.mmap, fd: int = -1):
        self.name, self.slots, self.slot_bytes = name, slots, slot_bytes
        self.fd = fd
        """What to send to the other process; -1 where the name is enough."""
        self._memory = memory
        self.flags = np.frombuffer(memory, np.uint8, slots)

    @staticmethod
    def size(slots: int, slot_bytes: int) -> int:
        return _PAGE + slots * slot_bytes

    @classmethod
    def create(cls, slots: int, slot_bytes: int) -> Block:
        slot_bytes = -(-slot_bytes // _PAGE) * _PAGE
        name = f"lodestone-{os.getpid()}-{next(_numbers)}"
        size = cls.size(slots, slot_bytes)
        if sys.platform == "win32":
            return cls(name, slots, slot_bytes, mmap.mmap(-1, size, tagname=name))
        fd = _anonymous_file(name)
        os.ftruncate(fd, size)
        return cls(name, slots, slot_bytes, mmap.mmap(fd, size), fd)

    @classmethod
    def attach(cls, name: str, slots: int, slot_bytes: int, fd: int) -> Block:
        """Map a block made by the other process; `fd` is taken over and closed."""
        size = cls.size(slots, slot_bytes)
        if sys.platform == "win32":
            return cls(name, slots, slot_bytes, mmap.mmap(-1, size, tagname=name))
        try:
            return cls(name, slots, slot_bytes, mmap.mmap(fd, size))
        finally:
            os.close(fd)

    def slot(self, index: int, shape: tuple[int, ...]) -> np.ndarray:
        """A writable uint8 view of a slot; it keeps the mapping alive."""
        count = int(np.prod(shape))
        if not 0 <= index < self.slots or count > self.slot_bytes:
            raise ValueError(f"slot {index} of {self.slots}, {count} of {self.slot_bytes} bytes")
        offset = _PAGE + index * self.slot_bytes
        return np.frombuffer(self._memory, np.uint8, count, offset).reshape(shape)

    def close_fd(self) -> None:
        """The mapping itself ends with the last array that looks into it."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def _anonymous_file(name: str) -> int:
    if sys.platform == "linux":
        return os.memfd_create(name)
    # macOS has no memfd: an unlinked temporary file is shared just the same.
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


class RingWriter:
    """The engine's side. `announce(block)` hands every new block to the reader."""

    def __init__(self, announce: Callable[[Block], None], slots: int = 4):
        self._announce = announce
        self._slots = slots
        self._block: Block | None = None

    def acquire(self, nbytes: int, timeout: float = 0.0) -> tuple[Block, int] | None:
        """Take a free slot of at least `nbytes`; None when all are shown for `timeout` seconds."""
        if self._block is None or self._block.slot_bytes < nbytes:
            self.close()
            self._block = Block.create(self._slots, nbytes)
            self._announce(self._block)
        until = time.monotonic() + timeout
        while True:
            free = np.flatnonzero(self._block.flags == FREE)
            if free.size:
                index = int(free[0])
                self._block.flags[index] = TAKEN
                return self._block, index
            if time.monotonic() >= until:
                return None
            time.sleep(0.001)

    def give_up(self, block: Block, index: int) -> None:
        """A slot that was acquired and will not be sent after all."""
        block.flags[index] = FREE

    def close(self) -> None:
        if self._block is not None:
            self._block.close_fd()
            self._block = None


class RingReader:
    """The window's side: views of slots by block name, and giving them back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks: dict[str, Block] = {}
        self._shown: dict[str, set[int]] = {}
        self._newest = ""

    def add(self, block: Block) -> None:
        with self._lock:
            self._blocks[block.name] = block
            self._shown[block.name] = set()
            previous, self._newest = self._newest, block.name
            self._forget(previous)

    def hold(self, name: str, slot: int) -> None:
        """A frame in this slot has arrived; it is ours until `release`."""
        with self._lock:
            if name in self._shown:
                self._shown[name].add(slot)

    def view(self, name: str, slot: int, shape: tuple[int, ...]) -> np.ndarray | None:
        """(H, W, 4) uint8 without a copy; None when the frame was released before."""
        with self._lock:
            if slot not in self._shown.get(name, ()):
                return None
            return self._blocks[name].slot(slot, shape)

    def release(self, name: str, slot: int) -> None:
        """Give a slot back to the engine. Releasing twice does nothing."""
        with self._lock:
            if slot in self._shown.get(name, ()):
                self._shown[name].discard(slot)
                self._blocks[name].flags[slot] = FREE
                self._forget(name)

    def full(self) -> bool:
        """Whether the window holds every slot, so that the engine must wait."""
        with self._lock:
            block = self._blocks.get(self._newest)
            return block is not None and len(self._shown[block.name]) >= block.slots

    def blocks(self) -> int:
        with self._lock:
            return len(self._blocks)

    def close(self) -> None:
        with self._lock:
            self._blocks.clear()
            self._shown.clear()
            self._newest = ""

    def _forget(self, name: str) -> None:
        # An outgrown block goes as soon as nothing in it is shown any more.
        if name != self._newest and not self._shown.get(name):
            self._blocks.pop(name, None)
            self._shown.pop(name, None)
