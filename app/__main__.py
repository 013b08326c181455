"""`lodestone`: the window, or the command line when there are arguments."""

from __future__ import annotations

import multiprocessing
import os
import sys
from pathlib import Path


def main() -> int:
    """The window when there are no arguments or only a file; else the command line."""
    # First of all: in a frozen program the engine's processes start here too.
    multiprocessing.freeze_support()
    # Before numpy is loaded, here and in the engine: its products are small, and threads that wait
    # for each other beside ONNX Runtime's cost up to five times what they save.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    arguments = sys.argv[1:]
    wants_window = not arguments or (len(arguments) == 1 and _is_path(arguments[0]))
    if wants_window and _has_display():
        return run_window(arguments[0] if arguments else "")
    from app.cli import main as command_line

    return command_line(arguments)


def _is_path(argument: str) -> bool:
    """A file to open. A bare word is a command, even where a folder has that name."""
    path = Path(argument)
    return path.exists() and (path.name != argument or bool(path.suffix))


def _has_display() -> bool:
    if sys.platform != "linux" or os.environ.get("QT_QPA_PLATFORM"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def run_window(path: str = "") -> int:
    """Open the window, on a file when one is given; returns the exit code."""
    # The engine starts while Qt is still being imported: its first picture is sooner.
    from app.inbox import Inbox
    from engine.client import EngineClient

    inbox = Inbox()
    client = EngineClient(inbox)
    client.start()

    from PySide6.QtWidgets import QApplication

    from app import theme
    from app.link import EngineLink
    from app.window import MainWindow

    app = QApplication(sys.argv[:1])
    app.setApplicationName("lodestone")
    app.setApplicationDisplayName("Lodestone")
    app.setOrganizationName("lodestone")
    theme.apply(app)
    window = MainWindow(EngineLink(client, inbox))
    window.show()
    if path:
        window.opener.open_path(str(Path(path).absolute()))
    return app.exec()


if __name__ == "__main__":
    sys.exit(main())
