"""What the program remembers about the person: window geometry (QSettings), preferences (JSON)."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from PySide6.QtCore import QByteArray, QSettings, QStandardPaths

GEOMETRY_VERSION = 1
"""Raised when docks change, so that an old arrangement is not forced on new panels."""


@dataclass(frozen=True)
class Preferences:
    """Choices that outlive a document."""

    strips: bool = True
    """Show the strip of thumbnails on direction cards."""
    device: str = "auto"
    last_folder: str = ""
    hints: bool = True
    """Show the first-steps hint on the Steer panel."""


def preferences_path() -> Path:
    """The JSON file with the preferences."""
    place = QStandardPaths.StandardLocation.AppConfigLocation
    return Path(QStandardPaths.writableLocation(place)) / "preferences.json"


def load_preferences(path: Path | None = None) -> Preferences:
    """The stored preferences; defaults where the file is missing, damaged or from elsewhere."""
    try:
        stored = json.loads((path or preferences_path()).read_text("utf-8"))
    except (OSError, ValueError):
        return Preferences()
    if not isinstance(stored, dict):
        return Preferences()
    known = {
        field.name: stored[field.name]
        for field in fields(Preferences)
        if isinstance(stored.get(field.name), type(field.default))
    }
    return Preferences(**known)


def save_preferences(preferences: Preferences, path: Path | None = None) -> bool:
    """Write the preferences; False when the folder cannot be written (never worth a dialog)."""
    path = path or preferences_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(asdict(preferences), indent=2), "utf-8")
        part.replace(path)
    except OSError:
        return False
    return True


def load_geometry(name: str) -> QByteArray | None:
    """A stored geometry or dock arrangement, or None."""
    value = QSettings().value(f"{name}/{GEOMETRY_VERSION}")
    return value if isinstance(value, QByteArray) else None


def save_geometry(name: str, value: QByteArray) -> None:
    QSettings().setValue(f"{name}/{GEOMETRY_VERSION}", value)


def load_choice(name: str, default: str) -> str:
    """A small choice of a panel, such as who describes pictures."""
    value = QSettings().value(f"choices/{name}")
    return value if isinstance(value, str) and value else default


def save_choice(name: str, value: str) -> None:
    QSettings().setValue(f"choices/{name}", value)
