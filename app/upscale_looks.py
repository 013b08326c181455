"""Finds files and looks at them beside the window, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from engine.client import files_within, look_at
from engine.messages import LodestoneError


class Looks(QObject):
    """What was asked last comes last; folders and results do not wait for the small pictures."""

    found = Signal(object)
    """((file, folder below the output folder), …)."""
    looked = Signal(int, object)
    """(number, Look)."""
    looked_at_result = Signal(int, object)

    def __init__(self, parent: QObject | None = None):
        super().__init__(parent)
        self._slow = ThreadPoolExecutor(1, "looks")
        self._quick = ThreadPoolExecutor(1, "finds")
        self._closed = False

    def find(self, paths: Sequence[str], out: str) -> None:
        self._quick.submit(self._find, tuple(paths), out)

    def look(self, items: Sequence[tuple[int, str]]) -> None:
        for number, path in items:
            self._slow.submit(self._look, number, path)

    def look_at_result(self, number: int, path: str) -> None:
        self._quick.submit(self._look_at_result, number, path)

    def close(self) -> None:
        self._closed = True
        for pool in (self._quick, self._slow):
            pool.shutdown(wait=True, cancel_futures=True)

    # -------------------------------------------------- in the threads

    def _find(self, paths: tuple[str, ...], out: str) -> None:
        made: list[tuple[str, str]] = []
        for name in paths:
            source = Path(name)
            for file, place in files_within(source, Path(out) if out else None):
                if self._closed:
                    return
                below = place.parent
                made.append((str(file), "" if below == Path() else str(below)))
        self.found.emit(tuple(made))

    def _look(self, number: int, path: str) -> None:
        try:
            look = look_at(Path(path))
        except (LodestoneError, OSError):
            return  # Enlarging it says what is wrong.
        if not self._closed:
            self.looked.emit(number, look)

    def _look_at_result(self, number: int, path: str) -> None:
        try:
            look = look_at(Path(path))
        except (LodestoneError, OSError):
            return
        if not self._closed:
            self.looked_at_result.emit(number, look)
