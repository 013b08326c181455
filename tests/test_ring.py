"""Frames through shared memory: never overwritten while shown, never leaked."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.ring import Block, RingReader, RingWriter


class Pair:
    """A writer and a reader with nothing between them; the reader maps the memory anew."""

    def __init__(self, slots: int = 4):
        self.reader = RingReader()
        self.writer = RingWriter(self._announce, slots)
        self.announced = 0

    def _announce(self, block: Block) -> None:
        self.announced += 1
        fd = os.dup(block.fd)
        self.reader.add(Block.attach(block.name, block.slots, block.slot_bytes, fd))

    def send(self, shape: tuple[int, int, int], value: int) -> tuple[str, int] | None:
        slot = self.writer.acquire(int(np.prod(shape)))
        if slot is None:
            return None
        block, index = slot
        block.slot(index, shape)[...] = value
        self.reader.hold(block.name, index)
        return block.name, index


sides = st.integers(1, 96)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(sides, sides, st.booleans()), min_size=1, max_size=40))
def test_a_shown_frame_is_never_overwritten(steps: list[tuple[int, int, bool]]) -> None:
    pair = Pair()
    shown: list[tuple[np.ndarray, int, tuple[str, int]]] = []
    for value, (height, width, let_go) in enumerate(steps, start=1):
        if let_go and shown:
            pair.reader.release(*shown.pop(0)[2])
        sent = pair.send((height, width, 4), value)
        if sent is None:
            assert pair.reader.full()
            pair.reader.release(*shown.pop(0)[2])
            continue
        view = pair.reader.view(*sent, (height, width, 4))
        assert view is not None
        shown.append((view, value, sent))
        for pixels, expected, _ in shown:
            assert (pixels == expected).all()


def test_a_view_looks_into_the_same_memory() -> None:
    pair = Pair()
    name, index = pair.send((8, 8, 4), 7) or ("", -1)
    view = pair.reader.view(name, index, (8, 8, 4))
    assert view is not None
    assert not view.flags.owndata
    block = pair.writer.acquire(1)
    assert block is not None
    block[0].slot(index, (8, 8, 4))[0, 0] = 99  # the other side's mapping of the same slot
    assert (view[0, 0] == 99).all()


def test_all_slots_shown_makes_the_engine_wait_not_overwrite() -> None:
    pair = Pair(slots=4)
    held = [pair.send((4, 4, 4), 1) for _ in range(4)]
    assert None not in held
    assert pair.reader.full()
    assert pair.send((4, 4, 4), 2) is None
    pair.reader.release(*held[2])  # pyright: ignore
    assert pair.send((4, 4, 4), 3) == held[2]


def test_a_larger_frame_makes_a_new_block_and_the_old_frame_stays() -> None:
    pair = Pair()
    small = pair.send((4, 4, 4), 1)
    assert small is not None
    old = pair.reader.view(*small, (4, 4, 4))
    large = pair.send((300, 300, 4), 2)
    assert large is not None
    assert large[0] != small[0]
    assert old is not None
    assert (old == 1).all()
    assert pair.reader.blocks() == 2
    pair.reader.release(*small)
    assert pair.reader.blocks() == 1
    assert (old == 1).all()  # a picture still on the screen keeps its memory
    assert pair.send((4, 4, 4), 3) is not None  # a smaller one fits: no third block
    assert pair.announced == 2


def test_releasing_twice_or_unknown_frames_does_no_harm() -> None:
    pair = Pair()
    first = pair.send((4, 4, 4), 1)
    assert first is not None
    pair.reader.release(*first)
    assert pair.send((4, 4, 4), 2) == first
    pair.reader.hold("a block of an engine that died", 0)
    pair.reader.release("a block of an engine that died", 0)
    pair.reader.release(*first)
    assert pair.reader.view(*first, (4, 4, 4)) is None


def test_a_slot_too_small_for_the_frame_is_refused() -> None:
    block = Block.create(4, 100)
    with pytest.raises(ValueError, match="slot"):
        block.slot(0, (1000, 1000, 4))
    block.close_fd()


def test_memory_and_descriptors_go_back() -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    gc.collect()
    before = descriptors()
    for _ in range(5):
        pair = Pair()
        for side in (8, 64, 256):
            sent = pair.send((side, side, 4), 1)
            assert sent is not None
            pair.reader.release(*sent)
        pair.writer.close()
        pair.reader.close()
        del pair
    gc.collect()
    assert descriptors() == before


def test_a_killed_process_leaves_no_shared_memory() -> None:
    code = (
        "import os, signal\n"
        "from engine.ring import Block\n"
        "blocks = [Block.create(4, 1 << 20) for _ in range(3)]\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    shm = Path("/dev/shm")
    before = set(shm.iterdir())
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -9
    assert "resource_tracker" not in done.stderr
    assert not [p for p in set(shm.iterdir()) - before if "lodestone" in p.name]
