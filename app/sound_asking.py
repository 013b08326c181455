"""Asking for takes one after the other, so that the first is heard while the others are made."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.jobs import Jobs
from app.link import EngineLink
from app.sound_long import LongTakes
from app.sound_state import KEY, LIVE, made_seconds, title_of
from engine.client import peaks
from engine.messages import (
    Answer,
    Failure,
    SoundQuestion,
    SoundRecipe,
    SoundReply,
    SoundTrainRequest,
)

REMEMBERED = 400 << 20
"""Bytes of finished takes at hand, so that undo plays them at once."""
WAIT_MS = 150
"""A slider on its way does not ask at every pixel."""
BESIDE = 4 * LIVE
"""Seconds of sound that are still answered live while a training holds the jobs up."""
OUTLINE = 56
"""Columns of a take's small picture."""


@dataclass
class Take:
    """One new sound: as far as it has come."""

    recipe: SoundRecipe
    title: str
    samples: np.ndarray | None = None
    """(channels, N) float32; while a new one is on its way, the one before."""
    rate: int = 0
    reply: SoundReply | None = None
    """The newest word about `recipe`."""
    share: float = 0.0
    seconds: float = 0.0
    """What it took."""
    failed: str = ""
    done: bool = False
    outline: tuple[float, ...] = ()

    @property
    def fraction(self) -> float:
        if self.done:
            return 1.0
        # After the last level the scores are still to come.
        return min(self.reply.level / max(self.reply.levels, 1), 0.98) if self.reply else self.share

    @property
    def waiting(self) -> bool:
        return not self.done and not self.failed


class Asking(QObject):
    """Widgets read `takes` and listen to `arrived`."""

    arrived = Signal(int)
    """Something new about the take with this number."""

    def __init__(self, link: EngineLink, jobs: Jobs, parent: QObject | None = None):
        super().__init__(parent)
        self._link, self._jobs = link, jobs
        self.takes: list[Take] = []
        self.levels = 0
        """Levels of the newest answer; 0 while unknown."""
        self._length = 0.0
        self._long = LongTakes(jobs, self)
        self._done: OrderedDict[SoundRecipe, Take] = OrderedDict()
        self._flying: tuple[int, SoundRecipe] | None = None
        self._wait = QTimer(self)
        self._wait.setSingleShot(True)
        self._wait.setInterval(WAIT_MS)
        self._wait.timeout.connect(self._ask)
        self._long.moved.connect(self._moved)
        self._long.made.connect(self._made)
        self._long.failed.connect(self._refused)
        link.answer.connect(self._answer)
        link.failure.connect(self._failure)

    def clear(self) -> None:
        """Another source: nothing is shown any more."""
        self.takes, self.levels = [], 0

    def forget(self, stale: Callable[[SoundRecipe], bool]) -> None:
        """What was made from these is not what they would make now."""
        for recipe in [one for one in self._done if stale(one)]:
            del self._done[recipe]
        self.takes = [take for take in self.takes if not stale(take.recipe)]

    def lay_out(self, wanted: tuple[SoundRecipe, ...], one_shots: bool, length: float) -> None:
        """What is known is there at once, the rest is asked for; `length` of the source, s."""
        self._length = length
        before, takes = self.takes, []
        for index, recipe in enumerate(wanted):
            same = self._index(recipe)
            old = before[index] if index < len(before) else None
            if same is not None:
                takes.append(before[same])
            elif recipe in self._done:
                takes.append(self._done[recipe])
            else:
                takes.append(_begun(recipe, title_of(recipe, one_shots), old))
        self.takes = takes
        waiting = [take.recipe for take in takes if take.waiting]
        if self._flying is not None and self._flying[1] not in waiting:
            self._flying = None
        self._long.want(waiting)
        if waiting:
            self._wait.start()

    def _is_long(self, recipe: SoundRecipe) -> bool:
        training = any(isinstance(job.request, SoundTrainRequest) for job in self._jobs.active)
        return made_seconds(recipe, self._length) > (BESIDE if training else LIVE)

    @Slot()
    def _ask(self) -> None:
        for take in self.takes:
            if not take.waiting:
                continue
            if self._is_long(take.recipe):
                self._long.ask(take.recipe)
            elif self._flying is None:
                stamp = self._link.client.ask(SoundQuestion(take.recipe), KEY)
                self._flying = (stamp, take.recipe)

    @Slot(object)
    def _answer(self, answer: Answer) -> None:
        body = answer.body
        if not isinstance(body, SoundReply) or self._flying is None:
            return
        stamp, recipe = self._flying
        if answer.key != KEY or answer.stamp != stamp:
            return
        if answer.done:
            self._flying = None
        self.levels = body.levels
        self._take(recipe, body, answer.ms / 1000, answer.done)
        if answer.done:
            self._ask()

    def _take(self, recipe: SoundRecipe, reply: SoundReply, seconds: float, done: bool) -> None:
        index = self._index(recipe)
        if index is None:
            return
        take = self.takes[index]
        take.samples, take.rate, take.reply = reply.samples.array(), reply.rate, reply
        take.seconds, take.done, take.outline = seconds, done, outline(take.samples)
        if done:
            self._done[recipe] = take
            self._forget_oldest()
        self.arrived.emit(index)

    def _index(self, recipe: SoundRecipe) -> int | None:
        found = (i for i, take in enumerate(self.takes) if take.recipe == recipe)
        return next(found, None)

    def _forget_oldest(self) -> None:
        shown = [take.recipe for take in self.takes]
        size = sum(take.samples.nbytes for take in self._done.values() if take.samples is not None)
        for recipe in [one for one in self._done if one not in shown]:
            if size <= REMEMBERED:
                return
            gone = self._done.pop(recipe)
            size -= gone.samples.nbytes if gone.samples is not None else 0

    @Slot(object)
    def _failure(self, failure: Failure) -> None:
        if self._flying is None or (failure.key, failure.stamp) != (KEY, self._flying[0]):
            return
        _, recipe = self._flying
        self._flying = None
        # The window says the sentence; here the take stops waiting.
        self._refused(recipe, failure.sentence)
        self._ask()

    @Slot(object, float)
    def _moved(self, recipe: SoundRecipe, share: float) -> None:
        index = self._index(recipe)
        if index is not None:
            self.takes[index].share = share
            self.arrived.emit(index)

    @Slot(object, object)
    def _made(self, recipe: SoundRecipe, reply: SoundReply) -> None:
        self._take(recipe, reply, 0.0, True)

    @Slot(object, str)
    def _refused(self, recipe: SoundRecipe, sentence: str) -> None:
        index = self._index(recipe)
        if index is not None:
            take = self.takes[index]
            take.failed, take.samples, take.outline = sentence, None, ()
            self.arrived.emit(index)


def _begun(recipe: SoundRecipe, title: str, old: Take | None) -> Take:
    """While a new take is on its way, the one before is heard."""
    if old is None or old.recipe.source != recipe.source:
        return Take(recipe, title)
    return Take(recipe, title, old.samples, old.rate, outline=old.outline)


def outline(samples: np.ndarray) -> tuple[float, ...]:
    low, high = peaks(samples, OUTLINE)
    return tuple(round(float(x), 3) for x in np.maximum(-low, high).clip(0, 1))
