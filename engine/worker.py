"""The job worker: everything that takes long, one job at a time, in a process of low priority.

It may be killed at any time without touching the canvas; every job saves what it has finished.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from engine.link import Announce, Send, resolve
from engine.mailbox import Mailbox, Message
from engine.messages import (
    ChannelsRequest,
    DiscoverRequest,
    ExportRequest,
    ImportRequest,
    JobRequest,
    JobState,
    LodestoneError,
    ModelInfo,
    PictureRequest,
    PictureTrainRequest,
    QualityRequest,
    RenderRequest,
    SoundRequest,
    SoundTrainRequest,
    TrainRequest,
    UpscaleRequest,
    UpscaleTrainRequest,
)
from engine.progress import Cancelled, Progress, Report
from engine.server import sentence_of

RUN_JOB = "engine.worker:run_job"
NICENESS = 15
"""Steering stays fluid on two cores while a generator trains."""
_REPORT_EVERY = 0.05  # seconds; 20 Hz


@dataclass(frozen=True)
class JobReport:
    """What the worker says of a job. `report` is None when only the state changed."""

    job: int
    state: JobState
    report: Report | None = None
    result: str = ""
    sentence: str = ""
    detail: str = ""


class RunJob(Protocol):
    def __call__(self, request: JobRequest, progress: Progress) -> str: ...


def run_job(request: JobRequest, progress: Progress) -> str:
    """Do a job here and now; returns the path of what was made."""
    match request:
        case ImportRequest():
            return _import_model(request, progress)
        case ExportRequest():
            return _export(request, progress)
        case RenderRequest():
            from engine import film

            return str(film.run(request, progress=progress))
        case TrainRequest():
            return _train(request, progress)
        case QualityRequest():
            return _quality(request, progress)
        case PictureTrainRequest():
            from engine.picture.pyramid.train import train

            return train(request, progress)
        case PictureRequest():
            from engine.picture.run import run

            return run(request, progress)
        case SoundTrainRequest():
            from engine.sound.pyramid.train import train as train_sound

            return train_sound(request, progress)
        case SoundRequest():
            from engine.sound.run import run as run_sound

            return run_sound(request, progress)
        case UpscaleRequest():
            from engine.upscale.run import run

            return run(request, progress)
        case UpscaleTrainRequest():
            from engine.upscale.train.train import train

            return train(request, progress)
        case DiscoverRequest():
            from engine.discover.run import discover

            return discover(request, progress)
        case ChannelsRequest():
            return _channels(request, progress)
        case _:
            from engine.inspect.jobs import run as run_inspect

            return run_inspect(request, progress)


def _train(request: TrainRequest, progress: Progress) -> str:
    from engine import paths
    from engine.library import Library
    from engine.train.train import train

    path = train(request, progress)
    _prepare(Library(paths.home()).find(path), Progress())
    return path


def _prepare(info: ModelInfo, progress: Progress) -> None:
    """Make a generator's fast path, so that opening it takes no time and no torch."""
    from engine.graphs import ensure_graphs

    try:
        ensure_graphs(info, progress)
    except LodestoneError as error:
        # The generator itself is sound: torch draws what ONNX cannot.
        progress(1.0, error.sentence)


def _quality(request: QualityRequest, progress: Progress) -> str:
    from engine import paths
    from engine.library import Library
    from engine.runtime import open_runtime
    from engine.train.quality import measure

    info = Library(paths.home()).find(request.model)
    runtime = open_runtime(info, progress=progress.part(0.0, 0.02))
    return measure(request, runtime, progress.part(0.02, 0.98))


def _channels(request: ChannelsRequest, progress: Progress) -> str:
    from engine import paths
    from engine.discover.channels import channels
    from engine.library import Library

    info = Library(paths.home()).find(request.source or request.request.model)
    return channels(request, info, progress)


def _import_model(request: ImportRequest, progress: Progress) -> str:
    """Read the file into the library, then prepare its fast path; upscalers to their own folder."""
    from engine import paths
    from engine.library import Library
    from engine.upscale.adding import add_or_explain, add_upscaler, is_upscaler

    if is_upscaler(Path(request.path)):
        return add_upscaler(request.path, request.name, progress)
    try:
        info = Library(paths.home()).import_file(
            request.path, request.name, progress.part(0.0, 0.4)
        )
    except LodestoneError as error:
        return add_or_explain(request.path, request.name, progress, error)
    progress(0.4, f"Preparing {info.name} for fast steering")
    _prepare(info, progress.part(0.4, 0.6))
    return info.path


def _export(request: ExportRequest, progress: Progress) -> str:
    from engine import paths
    from engine.export import export_files
    from engine.graphs import GraphFiles
    from engine.library import Library
    from models.files import load_model
    from models.registry import build

    out = Path(request.out)
    info = Library(paths.home()).find(request.model, progress.part(0.0, 0.3))
    card, state = load_model(info.path)
    files = GraphFiles(out, out.with_suffix(".mapping.onnx"), out.with_suffix(".onnx.json"))
    export_files(build(card, state), card, files, progress.part(0.3, 0.7))
    return str(out)


class JobRunner:
    """The far end of the job link: runs what it is told, one after the other."""

    def __init__(self, send: Send, announce: Announce, run: str = RUN_JOB, background: bool = True):
        self._send = send
        self._run_target = run
        self._background = background
        self._mailbox = Mailbox()
        self._lock = threading.Lock()
        self._current: tuple[int, Progress] | None = None
        self._early: list[Message] = []
        del announce  # Jobs send small previews by value.

    def receive(self, message: Message) -> None:
        if message.kind == "run":
            self._mailbox.put(message)
            return
        with self._lock:
            job, progress = self._current or (0, None)
            if message.kind != "close" and job < message.number:
                # It overtook the start of its job, which waits in the mailbox.
                self._early.append(message)
                return
        if message.kind == "close":
            self._mailbox.close()
            if progress is not None:
                progress.cancel()
        elif progress is not None and job == message.number:
            _steer(progress, message.kind)

    def loop(self) -> None:
        if self._background:
            lower_priority()
        run: RunJob = resolve(self._run_target)
        while (message := self._mailbox.take()) is not None:
            self._do(message, run)

    def _do(self, message: Message, run: RunJob) -> None:
        job = message.number
        progress = Progress(_Throttle(lambda report: self._say(job, report)))
        with self._lock:
            self._current = (job, progress)
            for early in self._early:
                _steer(progress, early.kind)
            self._early.clear()
        if self._mailbox.closed:
            progress.cancel()
        self._send(JobReport(job, "running"))
        try:
            progress.check()
            result = run(message.body, progress)
        except Cancelled:
            self._send(JobReport(job, "cancelled"))
        except Exception as error:  # noqa: BLE001 - a failed job is a row with a sentence
            detail = error.detail if isinstance(error, LodestoneError) else repr(error)
            self._send(JobReport(job, "failed", sentence=sentence_of(error), detail=detail))
        else:
            self._send(JobReport(job, "done", result=result))
        finally:
            with self._lock:
                self._current = None

    def _say(self, job: int, report: Report) -> None:
        self._send(JobReport(job, "running", report))


def _steer(progress: Progress, kind: str) -> None:
    if kind == "pause":
        progress.pause()
    elif kind == "resume":
        progress.resume()
    elif kind == "cancel":
        progress.cancel()


class _Throttle:
    """At most 20 reports a second; a preview is never lost, only late; sentences go at once."""

    def __init__(self, say: Callable[[Report], None]):
        self._say = say
        self._last = -1.0
        self._preview: Report | None = None

    def __call__(self, report: Report) -> None:
        now = time.monotonic()
        said = report.fraction >= 1.0 or report.message.endswith(".")
        if now - self._last < _REPORT_EVERY and not said:
            self._preview = report if report.preview is not None else self._preview
            return
        if report.preview is None and self._preview is not None:
            report = Report(
                report.fraction,
                report.message,
                report.seconds_left,
                self._preview.preview,
                report.figures,
            )
        self._last, self._preview = now, None
        self._say(report)


def lower_priority() -> None:
    """Let everything else on the machine go first."""
    if sys.platform == "win32":
        import psutil

        psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
    else:
        os.nice(NICENESS)
