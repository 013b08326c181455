"""The list of jobs as observable state; its rows are drawn by panels/jobs.py."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QObject, Signal, Slot

from app.inspect_state import InspectJob, job_title
from app.link import EngineLink
from engine.messages import (
    ChannelsRequest,
    DiscoverRequest,
    ExportRequest,
    ImportRequest,
    JobRequest,
    JobUpdate,
    LodestoneError,
    PictureRequest,
    PictureTrainRequest,
    RenderRequest,
    SoundRequest,
    SoundTrainRequest,
    TrainRequest,
    UpscaleRequest,
    UpscaleTrainRequest,
)

ACTIVE = ("queued", "running", "paused")


class Jobs(QObject):
    """Submits jobs and remembers the newest word of each."""

    updated = Signal(object)
    """JobUpdate, merged with what was known (previews and figures stay until newer ones come)."""
    finished = Signal(object)
    """JobUpdate of a job that is done, failed or cancelled; once a job."""
    failed = Signal(str)
    """A job could not even be asked for."""

    def __init__(self, link: EngineLink, parent: QObject | None = None):
        super().__init__(parent)
        self._link = link
        self._known: dict[int, JobUpdate] = {}
        self.quiet: set[int] = set()
        """Jobs whose results show themselves where they were asked for."""
        self.own: set[int] = set()
        """Jobs with a list of their own, which also says how they ended."""
        link.job.connect(self._update)

    @property
    def all(self) -> tuple[JobUpdate, ...]:
        return tuple(self._known.values())

    @property
    def active(self) -> tuple[JobUpdate, ...]:
        return tuple(job for job in self._known.values() if job.state in ACTIVE)

    def get(self, job: int) -> JobUpdate | None:
        return self._known.get(job)

    def submit(self, request: JobRequest, quiet: bool = False, own: bool = False) -> int | None:
        """The number of the new job, or None when it was refused (then `failed` has said why).

        `quiet`: whoever asked shows what it made, nobody else is told. `own`: nor how it ended.
        """
        try:
            job = self._link.client.submit(request)
        except LodestoneError as error:
            self.failed.emit(error.sentence)
            return None
        if quiet:
            self.quiet.add(job)
        if own:
            self.own.add(job)
        if job not in self._known:
            self._take(JobUpdate(job, "queued", request, message="Waiting for its turn."))
        return job

    def pause(self, job: int) -> None:
        self._link.client.pause(job)

    def resume(self, job: int) -> None:
        self._link.client.resume(job)

    def toggle_pause(self, job: int) -> None:
        """Pause it, or let it go on."""
        known = self._known.get(job)
        if known is not None and known.state == "paused":
            self.resume(job)
        elif known is not None:
            self.pause(job)

    def cancel(self, job: int) -> None:
        self._link.client.cancel(job)

    def retry(self, job: int) -> int | None:
        """The same request again; training goes on from what was saved."""
        known = self._known.get(job)
        return self.submit(known.request) if known is not None else None

    def forget_finished(self) -> None:
        self._known = {n: job for n, job in self._known.items() if job.state in ACTIVE}

    @Slot(object)
    def _update(self, update: JobUpdate) -> None:
        self._take(update)

    def _take(self, update: JobUpdate) -> None:
        known = self._known.get(update.job)
        if known is not None:
            update = replace(
                update,
                preview=update.preview or known.preview,
                figures=update.figures or known.figures,
                message=update.message or known.message,
            )
        was_active = known is None or known.state in ACTIVE
        self._known[update.job] = update
        self.updated.emit(update)
        if was_active and update.state not in ACTIVE:
            self.finished.emit(update)
            if update.job in self.own:
                del self._known[update.job]


def title(request: JobRequest) -> str:
    """What a job is, for a person."""
    if isinstance(request, TrainRequest):
        return f"Train {request.name or stem(request.out)}"
    if isinstance(request, PictureTrainRequest):
        return f"Pyramid {request.name or stem(request.sources[0])}"
    if isinstance(request, PictureRequest):
        return f"{'Film' if request.seconds > 0 else 'Pictures'} {stem(request.out)}"
    if isinstance(request, SoundTrainRequest):
        return f"Sound pyramid {request.name or stem(request.sources[0])}"
    if isinstance(request, SoundRequest):
        return f"Sounds {stem(request.out)}"
    if isinstance(request, UpscaleRequest):
        one = len(request.sources) == 1
        return f"Enlarge {stem(request.sources[0]) if one else f'{len(request.sources):,} files'}"
    if isinstance(request, UpscaleTrainRequest):
        return f"{'Fit' if request.base else 'Train'} {request.name or stem(request.out)}"
    if isinstance(request, InspectJob):
        return job_title(request)
    if isinstance(request, RenderRequest):
        film = request.format in ("mp4", "webm")
        return f"{'Film' if film else 'Pictures'} {stem(request.out)}"
    if isinstance(request, DiscoverRequest):
        # Short: it stands in the window's head while it runs.
        by = {"sefa": "SeFa", "pca": "PCA", "selective": "layer", "styles": "channel"}
        return f"Find by {by[request.method]}"
    if isinstance(request, ChannelsRequest):
        return "Find channels"
    if isinstance(request, ExportRequest):
        return f"ONNX {stem(request.out)}"
    if isinstance(request, ImportRequest):
        name = stem(request.path)
        own = name.endswith(".safetensors")
        return f"Prepare {name.removesuffix('.safetensors')}" if own else f"Import {name}"
    return "Job"


def stem(path: str) -> str:
    """The last part of a path, whichever way its slashes lean."""
    return path.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]


def time_left(seconds: float | None) -> str:
    """`about 3 min left`, or nothing while it is unknown."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{max(round(seconds), 1)} s left"
    if seconds < 3600:
        return f"about {round(seconds / 60)} min left"
    return f"about {seconds / 3600:.1f} h left"


def training_words(update: JobUpdate) -> str:
    """How a pyramid's training stands, for a person."""
    if update.state == "done":
        return "Trained. The pyramid answers now."
    if update.state == "cancelled":
        return "Stopped. What was finished is kept."
    if update.state == "failed":
        return update.message or "The training failed."
    parts = ["paused" if update.state == "paused" else time_left(update.seconds_left)]
    parts.append(update.message)
    return " · ".join(part for part in parts if part)
