"""What is chosen to be heard: one of the new takes, or one that was starred."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QObject, Signal, Slot

from app.sound_asking import Take
from app.sound_state import Kept
from app.sounding import Sounding
from engine.messages import SoundRecipe


class Heard(QObject):
    """`changed` when another one is chosen, or more of it has come."""

    changed = Signal()

    def __init__(self, sounding: Sounding):
        super().__init__(sounding)
        self._sounding = sounding
        self.index = 0
        """Of the new takes; it counts while `key` is empty."""
        self.key = ""
        """Of a starred take."""
        self.level: tuple[np.ndarray, int] | None = None
        """What a training has come to: samples (channels, N), rate."""
        sounding.changed.connect(self._changed)
        sounding.arrived.connect(self._arrived)
        sounding.kept_read.connect(self._read)

    # -------------------------------------------------------------- choosing

    @Slot(int)
    def choose_new(self, index: int) -> None:
        self.index, self.key, self.level = index, "", None
        self.changed.emit()

    @Slot(str)
    def choose_kept(self, key: str) -> None:
        self.key, self.level = key, None
        self.changed.emit()

    def choose_level(self, samples: np.ndarray, rate: int) -> None:
        self.key, self.level = "", (samples, rate)
        self.changed.emit()

    @Slot()
    def _changed(self) -> None:
        if self.key and self.kept is None:
            self.key = ""
        self.level = None
        self.index = min(self.index, max(len(self._sounding.takes) - 1, 0))
        self.changed.emit()

    @Slot(int)
    def _arrived(self, index: int) -> None:
        if not self.key and index == self.index:
            self.changed.emit()

    @Slot(str)
    def _read(self, key: str) -> None:
        if key == self.key:
            self.changed.emit()

    # -------------------------------------------------------------- what it is

    @property
    def take(self) -> Take | None:
        takes = self._sounding.takes
        chosen = not self.key and self.level is None and self.index < len(takes)
        return takes[self.index] if chosen else None

    @property
    def kept(self) -> Kept | None:
        if not self.key:
            return None
        return next((one for one in self._sounding.state.kept if one.key == self.key), None)

    def name_of(self, take: Take) -> str:
        starred = self._sounding.starred(take.recipe)
        return starred.name if starred is not None else take.title

    @property
    def name(self) -> str:
        if self.kept is not None:
            return self.kept.name
        if self.level is not None:
            return "Newest level"
        return self.name_of(self.take) if self.take is not None else ""

    @property
    def recipe(self) -> SoundRecipe | None:
        one = self.kept or self.take
        return one.recipe if one is not None else None

    @property
    def sound(self) -> tuple[np.ndarray, int] | None:
        """Samples (channels, N) and rate; None: not there yet."""
        if self.level is not None:
            return self.level
        if self.kept is not None:
            return self._sounding.sound_of(self.kept.key)
        take = self.take
        if take is None or take.samples is None:
            return None
        return take.samples, take.rate

    @property
    def finished(self) -> bool:
        return self.kept is not None or (self.take is not None and self.take.done)

    @property
    def scores(self) -> tuple[float | None, float | None, float | None, str]:
        """(near, far, copy, engine)."""
        if self.kept is not None:
            return self.kept.near, self.kept.far, self.kept.copy, self.kept.engine
        reply = self.take.reply if self.take is not None else None
        if reply is None:
            return None, None, None, ""
        return reply.near, reply.far, reply.copy, reply.engine
