"""What an interrupted search has finished, beside the file it is going to write."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np

from models.files import write_atomically

version = 1
"""Of what is kept; older searches begin afresh."""
every = 3.0
"""Seconds of work that may be lost: large moments are not written after every sample."""


class Store(Protocol):
    """Where a search puts what it has finished."""

    def load(self) -> dict[str, np.ndarray]: ...
    def due(self) -> bool: ...
    def save(self, arrays: Mapping[str, np.ndarray]) -> None: ...


class Memory:
    """Keeps arrays as long as it lives, for a search that leaves nothing behind."""

    def __init__(self) -> None:
        self._arrays: dict[str, np.ndarray] = {}

    def load(self) -> dict[str, np.ndarray]:
        return dict(self._arrays)

    def due(self) -> bool:
        return False

    def save(self, arrays: Mapping[str, np.ndarray]) -> None:
        self._arrays = dict(arrays)


class Kept:
    """Arrays by name in `OUT.search`, of one request only: another request begins afresh."""

    def __init__(self, out: str | Path, request: str):
        """`request`: text of everything that decides the result."""
        out = Path(out)
        self._path = out.with_name(out.name + ".search")
        self._request = f"{version} {request}"
        self._saved = time.monotonic()

    def load(self) -> dict[str, np.ndarray]:
        """What was kept; empty when there is nothing, or nothing that can be gone on from."""
        try:
            content = io.BytesIO(self._path.read_bytes())
            with np.load(content, allow_pickle=False) as file:
                found = {name: file[name] for name in file.files}
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
            return {}
        same = str(found.pop("request", "")) == self._request
        return found if same else {}

    def due(self) -> bool:
        """Whether it is time to save again."""
        return time.monotonic() - self._saved >= every

    def save(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Replace what was kept, at once or not at all."""
        content = io.BytesIO()
        named = {name: np.asarray(array) for name, array in arrays.items()}
        np.savez(content, **{"request": np.array(self._request)}, **named)  # type: ignore[arg-type]
        write_atomically(self._path, content.getvalue())
        self._saved = time.monotonic()

    def clear(self) -> None:
        self._path.unlink(missing_ok=True)
