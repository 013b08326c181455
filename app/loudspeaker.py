"""The way to the loudspeakers: QtMultimedia, imported only when a person wants to hear."""

from __future__ import annotations

import logging
import os
import re
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
from PySide6.QtCore import QIODevice, QObject, Signal, qInstallMessageHandler

log = logging.getLogger("lodestone")

BUFFER = 0.15
"""Seconds that lie ready: the window may be busy for so long without a gap."""
NO_DEVICE = (
    "There is no sound output on this machine. Connect loudspeakers or headphones to listen; "
    "everything else works."
)
GONE = (
    "The machine's sound system has gone or was restarted. Start Lodestone again to listen; "
    "everything else works."
)

Server = tuple[str, int, int]
"""PulseAudio's socket: path, inode and time, which a restart changes. Empty: there is none."""


class Output(Protocol):
    """Where sound goes: reads a stream until there is nothing more."""

    rate: int
    channels: int
    whole: bool
    """16-bit whole numbers instead of float32."""
    id: str

    def start(self, stream: Stream) -> None: ...

    def stop(self, drain: bool) -> None:
        """Now, or once what lies ready has been heard."""
        ...

    def waiting(self) -> int:
        """Frames that were read and have not been heard yet."""
        ...

    def broken(self) -> bool:
        """It has stopped by itself."""
        ...

    def alive(self) -> bool:
        """Whether it may be started."""
        ...


class Stream(QIODevice):
    """Hands frames to whoever reads: interleaved float32 or 16-bit whole numbers."""

    def __init__(self, pull: Callable[[int], np.ndarray], parent: QObject):
        super().__init__(parent)
        self._pull = pull
        self._channels, self._whole = 2, False
        # Unbuffered: what is read ahead here could no longer be taken back.
        mode = QIODevice.OpenModeFlag.ReadOnly | QIODevice.OpenModeFlag.Unbuffered
        self.open(mode)

    def set_format(self, channels: int, whole: bool) -> None:
        self._channels, self._whole = channels, whole

    def readData(self, maxlen: int) -> bytes:
        frames = self._pull(maxlen // (self._channels * (2 if self._whole else 4)))
        if self._whole:
            return np.round(frames * 32767).astype("<i2").tobytes()
        return frames.tobytes()

    def writeData(self, data: Any, maxlen: int) -> int:
        return -1

    def isSequential(self) -> bool:
        return True

    def bytesAvailable(self) -> int:
        # As much as anyone may want; the end is a short read.
        return 1 << 20


class Speakers(QObject):
    """Looks for the default output of the machine."""

    changed = Signal()
    """Outputs came or went."""

    def __init__(self, parent: QObject | None = None):
        super().__init__(parent)
        self._watch: Any = None
        self._server = ("", 0, 0)
        """The PulseAudio that answered first."""

    def find(self) -> Output | str:
        """The output, or a sentence that says why there is none."""
        with _quiet():
            try:
                from PySide6.QtMultimedia import QMediaDevices
            except ImportError as error:
                log.info("No playback: %s", error)
                return _missing(str(error))
            if not _same(self._server):
                return GONE
            if self._watch is None:
                self._watch = QMediaDevices(self)
                self._watch.audioOutputsChanged.connect(self.changed)
            device = QMediaDevices.defaultAudioOutput()
            if device.isNull():
                return NO_DEVICE
            self._server = self._server if self._server[0] else _answering(_pulse())
            return _Sink(device, self._server)


class _Sink:
    """One output device behind a QAudioSink."""

    def __init__(self, device: Any, server: Server):
        from PySide6.QtMultimedia import QAudio, QAudioFormat, QAudioSink

        self._sink_of, self._error = QAudioSink, QAudio.Error
        self._device, self._server = device, server
        self.id = bytes(device.id().data()).decode(errors="replace")
        form = device.preferredFormat()
        form.setChannelCount(1 if device.maximumChannelCount() == 1 else 2)
        form.setSampleFormat(QAudioFormat.SampleFormat.Float)
        if not device.isFormatSupported(form):
            form.setSampleFormat(QAudioFormat.SampleFormat.Int16)
        if not device.isFormatSupported(form):
            form.setChannelCount(device.preferredFormat().channelCount())
        self._form = form
        self.rate, self.channels = form.sampleRate(), form.channelCount()
        self.whole = form.sampleFormat() == QAudioFormat.SampleFormat.Int16
        self._sink: Any = None

    def alive(self) -> bool:
        return _same(self._server)

    def start(self, stream: Stream) -> None:
        self._sink = self._sink_of(self._device, self._form)
        self._sink.setBufferSize(int(BUFFER * self.rate) * self._form.bytesPerFrame())
        self._sink.start(stream)

    def stop(self, drain: bool) -> None:
        if self._sink is None:
            return
        if drain:
            self._sink.stop()
        else:
            self._sink.reset()
        self._sink.deleteLater()
        self._sink = None

    def waiting(self) -> int:
        if self._sink is None:
            return 0
        filled = self._sink.bufferSize() - self._sink.bytesFree()
        return max(filled, 0) // max(self._form.bytesPerFrame(), 1)

    def broken(self) -> bool:
        bad = (self._error.OpenError, self._error.IOError, self._error.FatalError)
        return self._sink is not None and self._sink.error() in bad


def _pulse() -> str:
    """Path of PulseAudio's socket (PipeWire has the same); empty when there can be none."""
    if not sys.platform.startswith("linux"):
        return ""
    named = os.environ.get("PULSE_SERVER", "")
    if named:
        return named.removeprefix("unix:") if named.startswith(("unix:", "/")) else ""
    runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    return os.path.join(runtime, "pulse", "native")


def _answering(path: str) -> Server:
    """The server behind a socket, or nobody."""
    if not path:
        return "", 0, 0
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(0.2)
        try:
            link.connect(path)
            stat = os.stat(path)
        except OSError:
            return "", 0, 0
    return path, stat.st_ino, stat.st_ctime_ns


def _same(server: Server) -> bool:
    """Whether the server is still there and was not restarted; true where there is none.

    Qt 6.11 tries once to find back to a PulseAudio that has gone. When that fails, the next sink
    that starts aborts the whole program, even if the server has come back: so none is started.
    """
    return not server[0] or _answering(server[0]) == server


def _missing(error: str) -> str:
    """The import error of QtMultimedia in words."""
    library = re.search(r"(lib[\w.+-]+\.so[\w.]*)", error)
    if library and sys.platform.startswith("linux"):
        package = " (package libpulse0)" if "libpulse" in library[1] else ""
        return (
            f"Sound cannot be played: the system's library {library[1]}{package} is missing. "
            "Install it to listen; everything else works."
        )
    return "Sound cannot be played: Qt's multimedia part is missing. Everything else works."


@contextmanager
def _quiet() -> Iterator[None]:
    """What Qt has to say about codecs and servers while it looks goes to the log."""

    def note(_kind: Any, _where: Any, message: str) -> None:
        log.debug("Qt multimedia: %s", message)

    before = qInstallMessageHandler(note)
    try:
        yield
    finally:
        qInstallMessageHandler(before)
