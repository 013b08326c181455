"""Small JSON files of a study: read with a sentence, written whole. No torch."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from engine.messages import LodestoneError


def read_json(path: Path, what: str) -> dict[str, Any] | None:
    """An object of JSON; None where there is no file; LodestoneError for anything else."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise LodestoneError(
            f"The {what} {path.name} in {path.parent} cannot be read. Make it again, or put the "
            "file aside.",
            repr(error),
        ) from error
    if not isinstance(found, dict):
        raise LodestoneError(f"{path.name} is no {what}. Choose another file.")
    return found


def write_text(path: Path, text: str) -> None:
    """Whole or not at all."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
