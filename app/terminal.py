"""What the command line says, and the progress bar it shows where a person waits."""

from __future__ import annotations

import json
import shutil
import sys
import time
from types import TracebackType
from typing import Any, TextIO

from engine.client import Progress, Report

bar_every = 0.1  # seconds


def say(text: str, stream: TextIO | None = None) -> None:
    """One line for the person or program that called; silent when nobody listens."""
    stream = stream or sys.stdout
    if stream is None:
        return  # a windowed program on Windows has no streams
    try:
        stream.write(text + "\n")
        stream.flush()
    except UnicodeEncodeError:
        stream.write(text.encode("ascii", "replace").decode() + "\n")


def say_json(value: Any) -> None:
    """For programs: one JSON value on one line."""
    say(json.dumps(value, ensure_ascii=True, allow_nan=False))


def warn(sentence: str) -> None:
    say(sentence, sys.stderr)


class Bar:
    """A progress bar on stderr, only when that is a terminal; `progress` is what jobs report to."""

    def __init__(self, quiet: bool = False):
        self.progress = Progress(self._show)
        self._shown = -1.0
        self._width = 0
        self._notices: set[str] = set()
        self._quiet = quiet or sys.stderr is None or not sys.stderr.isatty()

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._clear()

    def _show(self, report: Report) -> None:
        # Whole sentences (that CUDA is absent, say) are for every reader, bars for a person.
        if report.message.endswith(".") and report.message not in self._notices:
            self._notices.add(report.message)
            self._clear()
            warn(report.message)
        now = time.monotonic()
        if self._quiet or (now - self._shown < bar_every and report.fraction < 1.0):
            return
        self._shown = now
        line = bar_line(report, shutil.get_terminal_size().columns - 1)
        sys.stderr.write("\r" + line.ljust(self._width))
        sys.stderr.flush()
        self._width = len(line)

    def _clear(self) -> None:
        if self._width:
            sys.stderr.write("\r" + " " * self._width + "\r")
            sys.stderr.flush()
            self._width = 0


def bar_line(report: Report, columns: int) -> str:
    """`[#####     ]  50 %  message  1:20 left`, cut to the terminal."""
    cells = 24
    filled = round(cells * report.fraction)
    line = f"[{'#' * filled}{' ' * (cells - filled)}] {report.fraction:4.0%}  {report.message}"
    if report.seconds_left is not None:
        minutes, seconds = divmod(round(report.seconds_left), 60)
        line += f"  {minutes}:{seconds:02} left"
    return line[: max(columns, 10)]
