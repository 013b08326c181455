"""Where studies lie, and which there are of a network. No torch."""

from __future__ import annotations

import zlib
from pathlib import Path

from engine import paths
from engine.inspect.written import write_text

HEAD = "study.json"


def shelf() -> Path:
    """Folder of the studies that were not given one; elsewhere made ones leave a note here."""
    return paths.home() / "studies"


def remember(folder: Path, key: str) -> None:
    """Note where a study lies, so that it is found again by its network."""
    if folder.parent.absolute() == shelf().absolute():
        return
    shelf().mkdir(parents=True, exist_ok=True)
    name = f"{key[:16]}-{hash_of(str(folder.absolute())):x}.where"
    write_text(shelf() / name, str(folder.absolute()))


def hash_of(text: str) -> int:
    """A small stable number."""
    return zlib.crc32(text.encode())


def studies_of(network_id: str) -> tuple[str, ...]:
    """Folders of finished studies of a network (id = sha256 of its weights), newest first."""
    found: list[tuple[float, str]] = []
    for entry in shelf().glob("*") if shelf().is_dir() else ():
        folder = Path(entry.read_text("utf-8")) if entry.suffix == ".where" else entry
        head = folder / HEAD
        try:
            if f'"id": "{network_id}"' in head.read_text("utf-8"):
                found.append((head.stat().st_mtime, str(folder)))
        except OSError:
            continue
    return tuple(dict.fromkeys(path for _, path in sorted(found, reverse=True)))
