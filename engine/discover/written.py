"""Where directions that were found are written. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine.codec import to_json
from engine.disk import check_writable, why
from engine.messages import Direction, LodestoneError
from models.files import write_atomically


def check_place(out: str) -> Path:
    """The path of the file; refuses now what could not be written after the search."""
    path = Path(out)
    if path.suffix.lower() != ".json":
        raise LodestoneError(f"{path.name or out!r} must end in .json. Choose another name.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        check_writable(path.parent)
        if path.is_dir():
            raise IsADirectoryError
    except OSError as error:
        raise LodestoneError(f"{path} cannot be written: {why(error)}.", repr(error)) from error
    return path


def write_directions(path: Path, found: Sequence[Direction]) -> None:
    write_atomically(path, to_json(tuple(found)).encode())
