"""Everything between a fresh clone and a running Lodestone. Runs on a bare Python.

python3 packaging/bootstrap.py setup [--dev] [--package]
python3 packaging/bootstrap.py run | bench
python3 packaging/bootstrap.py test [pytest arguments]
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import system_libs  # noqa: E402 - it lies beside this script

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if sys.platform == "win32" else "bin")
PYTHON = BIN / ("python.exe" if sys.platform == "win32" else "python")


class Stop(Exception):
    """Set-up cannot go on; the text says why and what to do."""


def main(arguments: Sequence[str]) -> int:
    command, *rest = arguments or ["setup"]
    try:
        if command == "setup":
            extras = [name for name in ("dev", "package") if f"--{name}" in rest]
            setup(extras)
            system_libs.ensure([*system_libs.QT, *system_libs.SOUND])
            return 0
        if command == "run":
            return run()
        if command == "test":
            return test(rest)
        if command == "bench":
            return bench()
        raise Stop(f"There is no command {command}. Use setup, run, test or bench.")
    except Stop as stop:
        say(str(stop))
        return 1
    except subprocess.CalledProcessError as error:
        say(f"This step failed: {' '.join(map(str, error.cmd))}")
        return error.returncode or 1


def say(text: str) -> None:
    sys.stderr.write(f"lodestone: {text}\n")
    sys.stderr.flush()


# ---------------------------------------------------------------- setup


def setup(extras: Sequence[str] = ()) -> None:
    """Make or refresh .venv. Quick when nothing has changed since the last time."""
    if sys.version_info < (3, 11):  # noqa: UP036 - run by whatever `python3` is
        raise Stop(
            f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}. "
            "Install it, then run `make run PYTHON=python3.11`."
        )
    known = stamped()
    wanted = set(extras) | known
    if known >= {"base", *extras} and PYTHON.exists():
        return
    make_venv()
    say("Installing what Lodestone needs into .venv (some minutes the first time).")
    pip("install", "--quiet", "-c", "constraints.txt", "setuptools")
    extra = ",".join(sorted(wanted - {"base"}))
    target = f".[{extra}]" if extra else "."
    pip("install", "--quiet", "--no-build-isolation", "-c", "constraints.txt", "-e", target)
    stamp_file().write_text("\n".join([fingerprint(), "base", *sorted(wanted - {"base"})]))


def fingerprint() -> str:
    digest = hashlib.sha256(sys.version.encode())
    for name in ("pyproject.toml", "constraints.txt"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def stamp_file() -> Path:
    return VENV / ".lodestone-setup"


def stamped() -> set[str]:
    """What was installed from the present lists of packages."""
    try:
        first, *installed = stamp_file().read_text().split("\n")
    except OSError:
        return set()
    return set(installed) if first == fingerprint() else set()


def make_venv() -> None:
    """A virtual environment with pip, also where Debian has left `ensurepip` out."""
    if PYTHON.exists() and works([PYTHON, "-m", "pip", "--version"]):
        return
    if works([sys.executable, "-m", "ensurepip", "--version"]):
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
        return
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", VENV], check=True)
    if not works([sys.executable, "-m", "pip", "--version"]):
        raise Stop("pip is missing. Install it with: apt-get install python3-pip")
    command = [sys.executable, "-m", "pip", "--python", str(PYTHON), "install", "--quiet", "pip"]
    subprocess.run(command, check=True)


def works(command: Sequence[object]) -> bool:
    try:
        done = subprocess.run([str(c) for c in command], capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


def pip(*arguments: str) -> None:
    command = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", *arguments]
    # setuptools warns about every editable install; nobody who reads it can do anything about it.
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    subprocess.run(command, cwd=ROOT, check=True, env=environment)


# ---------------------------------------------------------------- run


def run() -> int:
    """The window, or ten seconds of film where there is no display."""
    setup()
    if display_answers():
        missing = system_libs.ensure(system_libs.QT)
        if missing:
            raise Stop(system_libs.sentence(missing))
        return subprocess.run([BIN / "lodestone"], cwd=ROOT, check=False).returncode
    out = ROOT / "out" / "steer.mp4"
    out.parent.mkdir(exist_ok=True)
    say(f"There is no display here, so no window. Rendering ten seconds of film to {out} instead.")
    command = [BIN / "lodestone", "film", "--seconds", "10", "-o", out]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def display_answers() -> bool:
    """Whether a window can be opened: a display is named, and something listens there."""
    if sys.platform != "linux":
        return True
    wayland = os.environ.get("WAYLAND_DISPLAY")
    if wayland:
        runtime = os.environ.get("XDG_RUNTIME_DIR", "/nonexistent")
        if (Path(runtime) / wayland).exists():
            return True
    host, _, number = os.environ.get("DISPLAY", "").rpartition(":")
    number = number.split(".")[0]
    if not number.isdigit():
        return False
    if host not in ("", "unix"):
        return answers(socket.AF_INET, (host, 6000 + int(number)))
    path = f"/tmp/.X11-unix/X{number}"
    return answers(socket.AF_UNIX, path) or answers(socket.AF_UNIX, "\0" + path)


def answers(family: int, address: object) -> bool:
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(3.0)
        probe.connect(address)  # pyright: ignore[reportArgumentType]
        return True
    return False


# ---------------------------------------------------------------- test and bench


def test(arguments: Sequence[str]) -> int:
    """All tests. Nothing is skipped for want of a display: it is an error to have none."""
    setup(["dev"])
    missing = system_libs.ensure([*system_libs.QT, *system_libs.DISPLAY])
    if missing:
        raise Stop(system_libs.sentence(missing))
    with virtual_display() as environment:
        command = [PYTHON, "-m", "pytest", *arguments]
        if not arguments:
            # Files side by side; what a file shares between its tests is made once.
            command += ["-n", str(min(os.cpu_count() or 1, 4)), "--dist", "loadfile"]
        return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def bench() -> int:
    """Measure the window too: on a display of its own, so that nothing flashes up."""
    setup(["dev"])
    missing = system_libs.ensure([*system_libs.QT, *system_libs.DISPLAY])
    if missing:
        raise Stop(system_libs.sentence(missing))
    out = ROOT / "out" / "bench.jsonl"
    out.parent.mkdir(exist_ok=True)
    with virtual_display() as environment, out.open("w") as kept:
        command = [str(BIN / "lodestone"), "bench", "steer", "--json"]
        with subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
        ) as process:
            for line in process.stdout or ():
                sys.stdout.write(line)
                sys.stdout.flush()
                kept.write(line)
    say(f"Written to {out}")
    return process.returncode


@contextlib.contextmanager
def virtual_display() -> Iterator[dict[str, str]]:
    """The environment of a display of our own (Xvfb); elsewhere than on Linux, the real one."""
    environment = dict(os.environ)
    if sys.platform != "linux":
        yield environment
        return
    server = shutil.which("Xvfb")
    if server is None:
        raise Stop(system_libs.sentence(system_libs.DISPLAY))
    read, write = os.pipe()
    command = [server, "-displayfd", str(write), "-screen", "0", "1600x1000x24"]
    command += ["-nolisten", "tcp", "-noreset"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, pass_fds=[write], stdout=quiet, stderr=quiet) as xvfb:
        os.close(write)
        try:
            with os.fdopen(read) as answer:
                number = answer.readline().strip()
            if not number:
                raise Stop("Xvfb, the display the tests need, does not start. Try: Xvfb :99")
            environment["DISPLAY"] = f":{number}"
            # The tests are for this display, not for the person's own.
            for name in ("WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
                environment.pop(name, None)
            yield environment
        finally:
            xvfb.terminate()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
