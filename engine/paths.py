"""Where things lie on disk. No torch, no Qt; nothing is created by asking."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import platformdirs


def home() -> Path:
    """The person's own models and recent list; `LODESTONE_HOME` moves it (tests, USB sticks)."""
    moved = os.environ.get("LODESTONE_HOME")
    if moved:
        return Path(moved).expanduser().absolute()
    return Path(platformdirs.user_data_dir("lodestone", appauthor=False))


def cache() -> Path:
    """Files that can be made again at any time, such as exported ONNX graphs."""
    moved = os.environ.get("LODESTONE_HOME")
    if moved:
        return home() / "cache"
    return Path(platformdirs.user_cache_dir("lodestone", appauthor=False))


def assets() -> Path:
    """What ships with the program; inside a frozen program it lies in the bundle."""
    bundle = getattr(sys, "_MEIPASS", None)
    root = Path(bundle) if bundle else Path(__file__).resolve().parent.parent
    return root / "assets"
