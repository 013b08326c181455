"""Playing: two sounds (A and B), one position, a loop. Works silently without an output."""

from __future__ import annotations

from typing import Literal

import numpy as np
from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot

from app.aside import Aside
from app.deck import Deck, Levels, Side
from app.loudspeaker import Output, Speakers, Stream
from engine.client import resampled
from engine.messages import Span

State = Literal["stopped", "playing", "paused"]

TICK_MS = 33
PATIENCE = 90
"""Ticks (3 s) after which an output that reads nothing has gone away without a word."""


class Player(QObject):
    """Setters may be called at any time, with or without an output; nothing here raises for it."""

    position_changed = Signal(float)
    """Seconds, 30 times a second while playing, and after `seek` and `stop`."""
    state_changed = Signal(str)
    side_changed = Signal(str)
    loop_changed = Signal(bool)
    volume_changed = Signal(float)
    sound_changed = Signal()
    """Which sounds there are, and how long."""
    levels_changed = Signal(object)
    """`Levels` of what is heard."""
    availability_changed = Signal(bool)

    def __init__(self, parent: QObject | None = None, speakers: Speakers | None = None):
        super().__init__(parent)
        self._speakers = speakers or Speakers(self)
        self._speakers.changed.connect(self._devices_changed)
        self._output: Output | None = None
        self._reason: str | None = None
        self._deck = Deck()
        self._stream = Stream(self._deck.pull, self)
        self._raw: dict[Side, tuple[np.ndarray, int]] = {}
        self._state: State = "stopped"
        self._running = False
        """The output reads."""
        self._still = (0, 0)
        """(frames sent, ticks since that number changed)."""
        self._position = 0.0
        self._side: Side = "a"
        self._region: Span | None = None
        self._aside = Aside(self)
        self._aside.done.connect(self._take)
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._tick)

    # -------------------------------------------------------------- output

    @property
    def available(self) -> bool:
        return self._output is not None

    @property
    def reason(self) -> str:
        """Why nothing can be heard; empty when it can, or before `look`."""
        return self._reason or ""

    def look(self) -> bool:
        """Find the output unless that was done; some 50 ms the first time."""
        if self._reason is None:
            self._use(self._speakers.find())
        return self.available

    def _use(self, found: Output | str) -> None:
        self._output, self._reason = (None, found) if isinstance(found, str) else (found, "")
        if self._output is not None:
            self._deck.set_format(self._output.rate, self._output.channels)
            self._stream.set_format(self._output.channels, self._output.whole)
            self._deck.region = self._frames(self._region)
            for side in self._raw:
                self._prepare(side)
        self.availability_changed.emit(self.available)

    def _lose(self) -> None:
        """The output has gone: perhaps there is another, else there is a reason."""
        self._halt("paused", drain=False)
        self._use(self._speakers.find())

    @Slot()
    def _devices_changed(self) -> None:
        """Headphones came or went: go on there, at the same place."""
        if self._reason is None:
            return
        found, playing = self._speakers.find(), self.playing
        if self._output is not None and getattr(found, "id", "") == self._output.id:
            return
        self._halt("paused" if playing else self._state, drain=False)
        self._use(found)
        if playing and self.available:
            self.play()

    # -------------------------------------------------------------- sounds

    def has(self, side: Side) -> bool:
        return side in self._raw

    @property
    def seconds(self) -> float:
        """Of the longer of the two."""
        return max((s.shape[1] / rate for s, rate in self._raw.values()), default=0.0)

    def set_sound(self, side: Side, samples: np.ndarray | None, rate: int = 0) -> None:
        """(C, N) or (N,) float32; None or nothing = none. It is not copied.

        While playing it is swapped at the same position without a gap.
        """
        sound = np.zeros((1, 0), np.float32) if samples is None else np.atleast_2d(samples)
        if sound.shape[1] == 0:
            self._raw.pop(side, None)
            self._aside.drop(side)
            self._deck.set_sound(side, None)
            self.set_side("b" if side == "a" else "a")
        else:
            self._raw[side] = (sound, max(rate, 1))
            if self.available:
                self._prepare(side)
        self._position = min(self._position, self.seconds)
        if self.playing and not self._raw:
            self.stop()
        self.sound_changed.emit()

    def _prepare(self, side: Side) -> None:
        samples, rate = self._raw[side]
        to = self._deck.rate
        self._aside.drop(side)
        if rate == to:
            self._take(side, samples)
        else:
            self._aside.ask(side, lambda: resampled(samples, rate, to))

    @Slot(str, object)
    def _take(self, side: Side, samples: np.ndarray) -> None:
        self._deck.set_sound(side, samples)
        self._deck.set_side(self._side if self._deck.has(self._side) else self._deck.side)
        if self.playing and not self._running:
            self._start()

    # -------------------------------------------------------------- transport

    @property
    def state(self) -> State:
        return self._state

    @property
    def playing(self) -> bool:
        return self._state == "playing"

    @property
    def position(self) -> float:
        """Seconds; what is heard, not what has been sent."""
        return self._position

    @Slot()
    def play(self) -> None:
        """From the position; from the beginning when that is the end."""
        if self.playing or not self._raw or not self.look():
            return
        if self._position >= self.seconds - 0.5 / self._deck.rate:
            self._position = self._home()
        self._set_state("playing")
        self._start()

    def _start(self) -> None:
        """As soon as the heard side is there in the rate of the output."""
        if self._output is None or not self._deck.has(self._side):
            return
        if not self._output.alive():
            self._lose()
            return
        self._deck.set_side(self._side)
        self._deck.rest(round(self._position * self._deck.rate))
        self._deck.begin()
        self._running, self._still = True, (0, 0)
        self._output.start(self._stream)
        self._timer.start()

    @Slot()
    def pause(self) -> None:
        if self.playing:
            self._halt("paused", drain=False)

    @Slot()
    def toggle(self) -> None:
        if self.playing:
            self.pause()
        else:
            self.play()

    @Slot()
    def stop(self) -> None:
        """Back to the beginning (of the loop's region)."""
        self._halt("stopped", drain=False)
        self._move(self._home())

    @Slot(float)
    def seek(self, seconds: float) -> None:
        self._move(min(max(seconds, 0.0), self.seconds))
        if self._running:
            self._deck.seek(round(self._position * self._deck.rate))

    def close(self) -> None:
        self._halt("stopped", drain=False)
        self._aside.drop("a", "b")

    def _home(self) -> float:
        inside = self._region is not None and self._region[0] < self.seconds
        return self._region[0] if self.loop and inside and self._region is not None else 0.0

    def _halt(self, state: State, drain: bool) -> None:
        if self._running and self._output is not None:
            self._hear()
            self._output.stop(drain)
        self._running = False
        self._timer.stop()
        self._deck.rest(0)
        if self.playing:
            self.levels_changed.emit(Levels())
        self._set_state(state)

    def _set_state(self, state: State) -> None:
        if state != self._state:
            self._state = state
            self.state_changed.emit(state)

    def _move(self, seconds: float) -> None:
        self._position = seconds
        self.position_changed.emit(seconds)

    # -------------------------------------------------------------- while it plays

    def _hear(self) -> int:
        """Take position and levels from what is heard now; frames that still wait."""
        waiting = self._output.waiting() if self._output is not None else 0
        at, levels = self._deck.heard_at(waiting)
        self._move(min(at / self._deck.rate, self.seconds))
        self.levels_changed.emit(levels)
        return waiting

    @Slot()
    def _tick(self) -> None:
        waiting = self._hear()
        sent, ticks = self._still
        self._still = (sent, ticks + 1) if sent == self._deck.sent else (self._deck.sent, 0)
        stuck = self._still[1] > PATIENCE
        if stuck or (self._output is not None and self._output.broken()):
            self._lose()
        elif self._deck.ended and waiting == 0:
            self._halt("stopped", drain=True)
            self._move(self._home())

    # -------------------------------------------------------------- choices

    @property
    def side(self) -> Side:
        return self._side

    @Slot(str)
    def set_side(self, side: Side) -> None:
        """The other sound at the same position, crossfaded over 5 ms."""
        if side == self._side or side not in self._raw:
            return
        self._side = side
        if self._deck.has(side):
            self._deck.set_side(side)
        self.side_changed.emit(side)

    @property
    def loop(self) -> bool:
        return self._deck.loop

    @Slot(bool)
    def set_loop(self, on: bool) -> None:
        """Over the region, or over the whole of the heard sound."""
        if on != self._deck.loop:
            self._deck.loop = on
            self.loop_changed.emit(on)

    @property
    def region(self) -> Span | None:
        return self._region

    def set_region(self, region: Span | None) -> None:
        self._region = region
        self._deck.region = self._frames(region)

    def _frames(self, region: Span | None) -> tuple[int, int] | None:
        if region is None:
            return None
        first, last = (round(moment * self._deck.rate) for moment in region)
        return (first, last) if last > first else None

    @property
    def volume(self) -> float:
        return self._deck.volume

    @Slot(float)
    def set_volume(self, volume: float) -> None:
        """Linear, 0..1."""
        volume = min(max(volume, 0.0), 1.0)
        if volume != self._deck.volume:
            self._deck.volume = volume
            self.volume_changed.emit(volume)
