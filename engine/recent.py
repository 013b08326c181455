"""The projects opened last, and where a new one goes before it has a name. No torch, no Qt."""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

from engine import paths
from engine.project_file import SUFFIX

_KEPT = 12


@dataclass(frozen=True)
class Recent:
    path: str
    name: str
    opened: float
    """Seconds since 1970."""


def recent_projects() -> tuple[Recent, ...]:
    """The newest first; those that no longer exist are left out."""
    return tuple(recent for recent in _read() if Path(recent.path).is_file())


def remember(path: Path) -> None:
    """Put a project on top of the list. A list that cannot be written is no reason to stop."""
    path = path.absolute()
    mine = Recent(str(path), path.stem, time.time())
    kept = [mine, *(recent for recent in _read() if recent.path != mine.path)][:_KEPT]
    text = json.dumps([{"path": r.path, "opened": r.opened} for r in kept], indent=1)
    target = _list_file()
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    with contextlib.suppress(OSError):
        target.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, "utf-8")
        os.replace(part, target)


def untitled_path() -> Path:
    """A free file name in the person's folder for a project that has no name yet."""
    folder = paths.home() / "projects"
    day = time.strftime("%Y-%m-%d")
    path, number = folder / f"Untitled {day}{SUFFIX}", 2
    while path.exists():
        path, number = folder / f"Untitled {day} {number}{SUFFIX}", number + 1
    return path


def _list_file() -> Path:
    return paths.home() / "recent.json"


def _read() -> list[Recent]:
    try:
        entries = json.loads(_list_file().read_text("utf-8"))
        return [Recent(e["path"], Path(e["path"]).stem, float(e["opened"])) for e in entries]
    except (OSError, ValueError, KeyError, TypeError):
        return []
