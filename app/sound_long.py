"""Long takes: made as jobs, because ten minutes of sound are a file and not an answer."""

from __future__ import annotations

import hashlib
from pathlib import Path

from PySide6.QtCore import QObject, QTemporaryDir, Signal, Slot

from app.aside import Aside
from app.jobs import ACTIVE, Jobs
from app.sound_source import Refusal, read_whole
from engine.messages import JobUpdate, SoundRecipe, SoundReply, SoundRequest, Vector


class LongTakes(QObject):
    """Asks the worker for one file a take, and reads it when it is there."""

    moved = Signal(object, float)
    """(recipe, share that is done)."""
    made = Signal(object, object)
    """(recipe, SoundReply)."""
    failed = Signal(object, str)

    def __init__(self, jobs: Jobs, parent: QObject | None = None):
        super().__init__(parent)
        self._jobs = jobs
        self._folder = QTemporaryDir()
        self._aside = Aside(self)
        self._asked: dict[int, SoundRecipe] = {}
        self._figures: dict[int, dict[str, float]] = {}
        jobs.updated.connect(self._updated)
        self._aside.done.connect(self._read)

    def want(self, recipes: list[SoundRecipe]) -> None:
        """These and no others: jobs nobody waits for any more are stopped."""
        for job, recipe in list(self._asked.items()):
            if recipe not in recipes:
                del self._asked[job]
                self._jobs.cancel(job)

    def ask(self, recipe: SoundRecipe) -> None:
        if recipe in self._asked.values():
            return
        request = SoundRequest((recipe,), self._folder.path(), (name_of(recipe),), "wav", 32)
        job = self._jobs.submit(request, quiet=True)
        if job is not None:
            self._asked[job] = recipe

    @Slot(object)
    def _updated(self, update: JobUpdate) -> None:
        recipe = self._asked.get(update.job)
        if recipe is None:
            return
        if update.state in ACTIVE:
            self.moved.emit(recipe, update.fraction)
        elif update.state == "done":
            self._figures[update.job] = dict(update.figures)
            path = str(Path(self._folder.path()) / f"{name_of(recipe)}.wav")
            self._aside.ask(str(update.job), lambda: read_whole(path))
        else:
            del self._asked[update.job]
            self.failed.emit(recipe, update.message or "It was stopped. Ask for it again.")

    @Slot(str, object)
    def _read(self, job: str, result: object) -> None:
        recipe, figures = self._asked.pop(int(job), None), self._figures.pop(int(job), {})
        if recipe is None:
            return
        if isinstance(result, Refusal):
            self.failed.emit(recipe, result.sentence)
        elif isinstance(result, tuple):
            engine = "pyramid" if recipe.engine == "pyramid" else "grains"
            scores = (figures.get(name) for name in ("near", "far", "copy"))
            reply = SoundReply(Vector.of(result[0]), result[1], 1, 1, engine, "", *scores)
            self.made.emit(recipe, reply)


def name_of(recipe: SoundRecipe) -> str:
    """The same recipe is the same file."""
    return hashlib.sha256(repr(recipe).encode()).hexdigest()[:16]
