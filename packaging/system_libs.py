"""The system libraries that Qt needs on Linux: which are missing, and installing them.

Found with `ldd` on the Qt libraries of PySide6 6.11 and the Debian packages that own the answers.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

Need = tuple[str, str]
"""A library (or `bin/NAME` for a program) and the Debian package that brings it."""

QT: list[Need] = [
    # drawing at all
    ("libglib-2.0.so.0", "libglib2.0-0"),
    ("libzstd.so.1", "libzstd1"),
    ("libdbus-1.so.3", "libdbus-1-3"),
    ("libEGL.so.1", "libegl1"),
    ("libGL.so.1", "libgl1"),
    ("libfontconfig.so.1", "libfontconfig1"),
    ("libfreetype.so.6", "libfreetype6"),
    ("libxkbcommon.so.0", "libxkbcommon0"),
    ("libX11.so.6", "libx11-6"),
    # a real window
    ("libX11-xcb.so.1", "libx11-xcb1"),
    ("libxkbcommon-x11.so.0", "libxkbcommon-x11-0"),
    ("libxcb-cursor.so.0", "libxcb-cursor0"),
    ("libxcb-glx.so.0", "libxcb-glx0"),
    ("libxcb-icccm.so.4", "libxcb-icccm4"),
    ("libxcb-image.so.0", "libxcb-image0"),
    ("libxcb-keysyms.so.1", "libxcb-keysyms1"),
    ("libxcb-randr.so.0", "libxcb-randr0"),
    ("libxcb-render-util.so.0", "libxcb-render-util0"),
    ("libxcb-render.so.0", "libxcb-render0"),
    ("libxcb-shape.so.0", "libxcb-shape0"),
    ("libxcb-shm.so.0", "libxcb-shm0"),
    ("libxcb-sync.so.1", "libxcb-sync1"),
    ("libxcb-util.so.1", "libxcb-util1"),
    ("libxcb-xfixes.so.0", "libxcb-xfixes0"),
    ("libxcb-xkb.so.1", "libxcb-xkb1"),
]
SOUND: list[Need] = [("libpulse.so.0", "libpulse0")]
"""Qt Multimedia loads it; without it everything but playback works."""
DISPLAY: list[Need] = [("bin/Xvfb", "xvfb")]


def ensure(needs: Sequence[Need]) -> list[Need]:
    """Install what is missing where that is possible; returns what is missing still."""
    missing = absent(needs)
    if missing and sys.platform == "linux":
        install([package for _, package in missing])
        missing = absent(needs)
        if missing:
            sys.stderr.write(f"lodestone: {sentence(missing)}\n")
    return missing


def absent(needs: Sequence[Need]) -> list[Need]:
    if sys.platform != "linux":
        return []
    return [need for need in needs if not present(need[0])]


def present(name: str) -> bool:
    if name.startswith("bin/"):
        return shutil.which(name.removeprefix("bin/")) is not None
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def install(packages: Sequence[str]) -> bool:
    """With apt-get, as root or through sudo that asks for no password."""
    apt = shutil.which("apt-get")
    if apt is None:
        return False
    prefix: list[str] = []
    if os.geteuid() != 0:
        sudo = shutil.which("sudo")
        if sudo is None or subprocess.run([sudo, "-n", "true"], capture_output=True).returncode:
            return False
        prefix = [sudo, "-n"]
    sys.stderr.write(f"lodestone: Installing system libraries: {' '.join(packages)}\n")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = [*prefix, apt, "install", "-y", "-q", "--no-install-recommends", *packages]
    for step in (command, [*prefix, apt, "update", "-q"], command):
        # The first try fails where the package lists have never been fetched.
        done = subprocess.run(step, env=environment, capture_output=True, check=False)
        if step is command and done.returncode == 0:
            return True
    return False


def sentence(missing: Sequence[Need]) -> str:
    names = ", ".join(name.removeprefix("bin/") for name, _ in missing)
    packages = " ".join(dict.fromkeys(package for _, package in missing))
    return (
        f"Missing on this system: {names}. Install with: "
        f"sudo apt-get install {packages} (or your system's own packages of that kind)."
    )


if __name__ == "__main__":
    sys.exit(1 if ensure(QT) else 0)
