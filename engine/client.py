"""The window's (and the command line's) only way to the engine. No torch, no Qt.

Two processes stand behind it: the live engine, which draws what the hand asks for, and the job
worker, which is started with the first job. Nothing here blocks the caller except `run`, `models`
and `find`, which work in the calling process and are meant for the command line, and `close`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from engine.codec import from_json as from_json
from engine.codec import to_json as to_json
from engine.jobs import JobKeeper
from engine.link import resolve
from engine.live import LiveKeeper
from engine.messages import (
    Axis,
    CompassFit,
    Direction,
    EngineStatus,
    Event,
    Failure,
    Frame,
    ImportRequest,
    JobRequest,
    JobUpdate,
    ModelInfo,
    NetworkInfo,
    Question,
    Space,
    SteerRequest,
    ThumbnailsRequest,
)
from engine.picture.pyramid.recipe import pyramid_memory as pyramid_memory
from engine.picture.pyramid.store import pyramid_names as pyramid_names
from engine.picture.region import filled as filled
from engine.picture.source import read_mask as read_mask
from engine.picture.source import resized as resized
from engine.progress import Cancelled as Cancelled
from engine.progress import Progress as Progress
from engine.progress import Report as Report
from engine.server import STUDIO
from engine.sound.files import write_sound as write_sound
from engine.sound.shown import Envelope as Envelope
from engine.sound.shown import decibels as decibels
from engine.sound.shown import envelope as envelope
from engine.sound.shown import share_of as share_of
from engine.sound.shown import shown_range as shown_range
from engine.sound.source import Sound as Sound
from engine.sound.source import read_sound as read_sound
from engine.sound.source import resampled as resampled
from engine.sound.spectra import peaks as peaks
from engine.sound.spectra import spectrogram as spectrogram
from engine.steer.annotations import read_annotations as read_annotations
from engine.steer.annotations import write_annotations as write_annotations
from engine.steer.channels import channel_direction as channel_direction
from engine.steer.channels import describe_channel as describe_channel
from engine.steer.directions import fits as fits
from engine.steer.labels import read_labels as read_labels
from engine.steer.morph import morph as morph
from engine.steer.orthogonal import orthogonal as orthogonal
from engine.steer.pairs import order as order
from engine.steer.pairs import propose_pairs as propose_pairs
from engine.steer.vocabulary import fit_vocabulary as fit_vocabulary
from engine.steer.words import parse as parse
from engine.steer.words import prepare_words as prepare_words
from engine.steer.words import say as say
from engine.steer.words import tokens as tokens
from engine.supervisor import Supervisor
from engine.upscale.learnt import Learnt as Learnt
from engine.upscale.learnt import learnt as learnt
from engine.upscale.look import Look as Look
from engine.upscale.look import files_within as files_within
from engine.upscale.look import look_at as look_at
from engine.worker import RUN_JOB

log = logging.getLogger("lodestone")


class EngineClient:
    """Ask, and listen: answers come as events on a thread of the client.

    `local=True` runs the same engine in threads of this process. `studio` and `jobs` name what
    draws and what runs jobs (`module:name`); tests put troublemakers there. `patience` overrides
    the seconds of `engine.live.PATIENCE`.
    """

    def __init__(
        self,
        on_event: Callable[[Event], None],
        local: bool = False,
        device: str = "auto",
        studio: str = STUDIO,
        jobs: str = RUN_JOB,
        patience: dict[str, float] | None = None,
    ):
        self._on_event = on_event
        self._local = local
        self._device, self._studio_target, self._jobs_target = device, studio, jobs
        self._live = LiveKeeper(on_event, self._import, (device, studio), patience)
        self._jobs = JobKeeper(self._on_job, (jobs,), local)
        self._supervisor = Supervisor(self._live, self._jobs, on_fault=_note_fault)
        self._imports: list[ImportRequest] = []
        self._studio: Any = None
        self._opened_here: set[str] = set()
        self._runtimes: dict[str, Any] = {}
        self._closed = False

    # ------------------------------------------------ life

    def start(self) -> None:
        """Returns at once; `EngineStatus("ready")` follows."""
        if self._local:
            self._live.start_here()
        else:
            self._supervisor.start()

    def close(self, timeout: float = 2.0) -> None:
        """End both processes; a job keeps what it has finished. Blocks for a few `timeout`s."""
        if self._closed:
            return
        self._closed = True
        if self._local:
            self._live.finish(timeout)
            self._jobs.finish(timeout)
        else:
            self._supervisor.close(timeout)

    def __enter__(self) -> EngineClient:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ------------------------------------------------ live

    def list_models(self) -> None:
        """Answered by `ModelsListed`."""
        self._live.list_models()

    def open_model(self, name_or_path: str) -> None:
        """Answered by `ModelOpened`, or `Failure` with the key `model`.

        A foreign file is imported first, as a job; it opens when that is done.
        """
        self._live.open(name_or_path)

    def show(self, request: SteerRequest, key: str = "canvas") -> int:
        """Draw this now; a newer request of the same key replaces it. Returns its stamp."""
        return self._live.ask("show", key, request)

    def thumbnails(self, request: ThumbnailsRequest, key: str) -> int:
        """Draw these when the canvas needs nothing; a newer list of the same key replaces it."""
        return self._live.ask("thumbnails", key, request)

    def ask(self, question: Question, key: str) -> int:
        """Answered by one or more `Answer` events, between pictures; a newer question of the same
        key replaces it. Returns its stamp."""
        return self._live.ask("ask", key, question)

    def forget(self, key: str) -> None:
        """The question of this key is not wanted any more; there will be no answer."""
        self._live.ask("ask", key, None)

    def pixels(self, frame: Frame) -> np.ndarray:
        """(H, W, 4) uint8 BGRX where the engine wrote it; yours until `release(frame)`.

        Raises KeyError for a frame that was released.
        """
        view = self._live.ring.view(frame.memory, frame.slot, frame.shape)
        if view is None:
            raise KeyError(f"frame {frame.stamp} was released")
        return view

    def release(self, frame: Frame) -> None:
        """Give the memory back, once nothing shows it any more."""
        self._live.ring.release(frame.memory, frame.slot)

    # ------------------------------------------------ jobs

    def submit(self, request: JobRequest) -> int:
        """Queue a job; returns its number. `JobUpdate` events follow."""
        number = self._jobs.submit(request)
        self._wake()
        return number

    def pause(self, job: int) -> None:
        self._jobs.pause(job)

    def resume(self, job: int) -> None:
        self._jobs.resume(job)
        self._wake()

    def cancel(self, job: int) -> None:
        """Stop it; what it has finished is kept, and submitting it again goes on from there."""
        self._jobs.cancel(job)
        self._wake()

    def _wake(self) -> None:
        if not self._local:
            self._supervisor.wake()

    def _import(self, path: str) -> None:
        if self._jobs.busy:
            # Nobody waits hours for a training to end only to open a file.
            self._live.open(path, prepared=True)
            return
        self._on_event(EngineStatus("starting", "Preparing the generator for fast steering."))
        request = ImportRequest(path)
        self._imports.append(request)
        self._jobs.submit(request)

    def _on_job(self, event: Event) -> None:
        self._on_event(event)
        if not isinstance(event, JobUpdate):
            return
        mine = [request for request in self._imports if request is event.request]
        if not mine:
            return
        if event.state == "done":
            self._live.open(event.result, prepared=True)
        elif event.state == "failed":
            self._on_event(Failure(event.message, "model"))
        elif event.state == "cancelled":
            self._on_event(Failure("The generator was not opened: its import stopped.", "model"))
        if event.state in ("done", "failed", "cancelled"):
            self._imports.remove(mine[0])

    # ------------------------------------------------ in the calling process

    def run(
        self, request: JobRequest | SteerRequest, progress: Progress | None = None
    ) -> str | np.ndarray:
        """Do it here and wait: the path of a job's result, or a picture (H, W, 4) uint8 BGRX."""
        if not isinstance(request, SteerRequest):
            return resolve(self._jobs_target)(request, progress or Progress())
        studio = self._here()
        if request.model not in self._opened_here:
            studio.open(request.model, progress or Progress(), prepared=True)
            self._opened_here.add(request.model)
        out = np.empty(studio.shape(request), np.uint8)
        studio.draw(request, out)
        return out

    def models(self) -> tuple[ModelInfo, ...]:
        """Every generator at hand, read here and now."""
        return self._here().models()

    def find(self, wanted: str, progress: Progress | None = None) -> ModelInfo:
        """By name, id or path, here and now; a foreign file is imported."""
        from engine.library import Library

        return Library().find(wanted, progress)

    def direction(
        self, model: ModelInfo, wanted: str, space: Space | None = None, transfer: bool = False
    ) -> Direction:
        """A direction by SeFa name (`sefa 1`) or from a .json (`FILE.json#2`) or .npy file, here
        and now. One of another generator is refused, unless `transfer` insists."""
        from engine.runtime import open_runtime
        from engine.steer.directions import find_direction

        if model.id not in self._runtimes:
            self._runtimes[model.id] = open_runtime(model, "cpu")
        return find_direction(wanted, self._runtimes[model.id], space, transfer)

    def fit(self, model: ModelInfo, axis: Axis) -> CompassFit:
        """The direction of sorted pictures, here and now."""
        from engine.runtime import open_runtime
        from engine.steer.compass import fit_axis

        if model.id not in self._runtimes:
            self._runtimes[model.id] = open_runtime(model, "cpu")
        return fit_axis(axis, (), self._runtimes[model.id])

    def in_w(self, model: ModelInfo, direction: Direction, axis: Axis) -> Direction:
        """A direction of activations, just fitted, as the direction of w that comes with it."""
        from engine.steer.compass import finished
        from engine.steer.regressed import to_latent

        runtime = self._runtimes[model.id]
        return finished(to_latent(direction, axis.template, runtime, axis.layers))

    def upscalers(self) -> tuple[str, ...]:
        """Names of every upscaler at hand; what `UpscaleSettings.model` takes."""
        from engine.upscale.shelf import names

        return names()

    def upscaler_scales(self, model: str) -> tuple[int, ...]:
        """What an upscaler can be fitted for; nothing when it cannot be."""
        from engine.upscale.learnt import scales

        return scales(model)

    def upscaler(self, model: str, scale: float = 3.0) -> str:
        """Path of an upscaler by name or path."""
        from engine.upscale.shelf import find

        return str(find(model, scale))

    def network(self, name: str, progress: Progress | None = None) -> NetworkInfo:
        """A network to look into, by name or path; its graph is made when there is none yet."""
        from engine.inspect.networks import open_network

        return open_network(name, "cpu", progress).info

    def bench(self, area: str, pictures: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
        """Measure one area; yields one figure after the other (`engine.bench.figure.Figure`)."""
        from engine.bench import measures

        return measures(area, pictures)

    def _here(self) -> Any:
        if self._studio is None:
            self._studio = resolve(self._studio_target)(self._device)
        return self._studio


def read_state(path: str) -> SteerRequest:
    """The recipe inside a PNG that Lodestone wrote."""
    from engine import pictures

    return pictures.read_state(path)


def _note_fault(error: Exception) -> None:
    log.error("A listener failed on an engine event", exc_info=error)
