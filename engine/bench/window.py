"""Measures that need the real window (`app.bench_window`), run beside it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from engine.bench.figure import missing

window_limit = 600.0  # seconds


def in_window(area: str) -> Iterator[dict[str, Any]]:
    """The window measures itself in a process of its own, under Xvfb where there is no display."""
    command = [sys.executable, "-m", "app.bench_window", "--json", "--area", area]
    if sys.platform.startswith("linux") and not _display():
        if shutil.which("xvfb-run") is None:
            note = "there is no display and no xvfb-run (package xvfb)"
            yield missing("window", "", None, note).as_dict()
            return
        command = ["xvfb-run", "-a", "-s", "-screen 0 1600x1000x24", *command]
    root = Path(__file__).resolve().parents[2]
    process = subprocess.Popen(
        command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    watchdog = threading.Timer(window_limit, process.kill)
    watchdog.start()
    count = 0
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stdout:
            figure = _parse(line)
            if figure is not None:
                count += 1
                yield figure
        trouble = process.stderr.read()[-300:]
    finally:
        watchdog.cancel()
        process.kill()
        process.wait()
    if process.returncode != 0 or not count:
        note = f"the window's measures ended with code {process.returncode}: {trouble}"
        yield missing("window", "", None, note).as_dict()


def _parse(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    known = set(asdict(missing("", "", None, "")))
    return found if isinstance(found, dict) and set(found) == known else None


def _display() -> bool:
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
