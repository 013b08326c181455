"""The upscalers at hand, by name; another one is added by the job that `models add` runs too."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from app.jobs import Jobs
from app.link import EngineLink
from engine.messages import ImportRequest, JobUpdate

NAMES = {"fredsr": "FREDSR", "fredsr-vivid": "FREDSR vivid"}
KINDS = "Upscalers (*.onnx *.safetensors *.pth);;All files (*)"


class UpscaleModels(QObject):
    """Names for choosers; `add` takes a file."""

    changed = Signal()
    added = Signal(str)
    """Name of a new one."""
    told = Signal(str, bool)
    """A sentence about adding, and whether it is a problem."""

    def __init__(self, link: EngineLink, jobs: Jobs, parent: QObject | None = None):
        super().__init__(parent)
        self._link, self._jobs = link, jobs
        self._job: int | None = None
        self.names: tuple[str, ...] = link.client.upscalers()
        jobs.updated.connect(self._updated)

    @property
    def adding(self) -> bool:
        return self._job is not None

    @Slot()
    def refresh(self) -> None:
        """Look again: one may have been trained or copied there."""
        names = self._link.client.upscalers()
        if names != self.names:
            self.names = names
            self.changed.emit()

    def add(self, path: str) -> None:
        """ONNX, community weights, or a card of ours; of several the last one is told about."""
        self._job = self._jobs.submit(ImportRequest(path), quiet=True)
        if self._job is not None:
            self.told.emit(f"Adding {Path(path).name} …", False)

    @Slot(object)
    def _updated(self, update: JobUpdate) -> None:
        if self._job is None or update.job != self._job:
            return
        if update.state in ("queued", "running", "paused"):
            return
        self._job = None
        name = Path(update.result).stem
        self.refresh()
        if update.state != "done":
            sentence = update.message if update.state == "failed" else ""
            self.told.emit(sentence or "It was not added: the job was stopped.", True)
        elif name in self.names:
            self.told.emit(f"{name} was added.", False)
            self.added.emit(name)
        else:
            self.told.emit(f"{name} is a generator, not an upscaler. Find it on Start.", True)


def shown_name(model: str) -> str:
    """For a person: of a file, its name without the folder."""
    return NAMES.get(model) or (Path(model).stem if "." in model or "/" in model else model)
