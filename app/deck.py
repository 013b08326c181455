"""What goes to the loudspeakers, sample by sample: two sounds, one position, a loop. No Qt."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

import numpy as np

Side = Literal["a", "b"]

FADE = 0.005
"""Seconds in which one place gives way to another, so that a jump does not click."""
BLOCK = 512
"""Frames that are measured together."""
CLIPPED = 0.9999


@dataclass(frozen=True)
class Levels:
    """Of what is heard, per channel, linear; 1 is full scale."""

    peak: tuple[float, ...] = (0.0, 0.0)
    rms: tuple[float, ...] = (0.0, 0.0)
    clipped: bool = False


@dataclass(frozen=True)
class Sent:
    """Some frames that have been handed over."""

    first: int
    """Number of the first of them since the beginning."""
    count: int
    position: int
    """Where in the sound the first of them lies."""
    peak: np.ndarray
    """(channels,)"""
    square: np.ndarray
    """(channels,) mean square."""


class Deck:
    """All positions are whole frames at `rate`; pulled by whoever plays."""

    def __init__(self, rate: int = 48000, channels: int = 2):
        self.rate, self.channels = rate, channels
        self.position = 0
        """The next frame that will be pulled."""
        self.loop = False
        self.region: tuple[int, int] | None = None
        """[from, to) of the loop; None = the whole of the heard sound."""
        self.volume = 1.0
        self._gain = 1.0
        self._side: Side = "a"
        self._sounds: dict[Side, np.ndarray] = {}
        self._leaving: np.ndarray | None = None
        """(frames, channels): what would have been heard without the jump, for the fade."""
        self._sent = 0
        self._trail: deque[Sent] = deque()

    def set_format(self, rate: int, channels: int) -> None:
        """Another output: the sounds have to be given anew."""
        self.rate, self.channels, self.region = rate, channels, None
        self._sounds.clear()
        self.rest(0)

    # -------------------------------------------------------------- sounds

    @property
    def side(self) -> Side:
        return self._side

    @property
    def length(self) -> int:
        """Frames of the longer sound: playing goes on to its end on either side."""
        return max((len(sound) for sound in self._sounds.values()), default=0)

    @property
    def sent(self) -> int:
        """Frames pulled since playing began."""
        return self._sent

    def heard(self) -> np.ndarray:
        """(N, channels) of the side that is heard."""
        return self._sounds.get(self._side, np.zeros((0, self.channels), np.float32))

    def has(self, side: Side) -> bool:
        return side in self._sounds

    def set_sound(self, side: Side, samples: np.ndarray | None) -> None:
        """(C, N) float32 at the deck's rate; None = none. The position stays."""
        if side == self._side:
            self._jump()
        if samples is None or samples.shape[-1] == 0:
            self._sounds.pop(side, None)
        else:
            self._sounds[side] = self._spread(np.atleast_2d(samples).astype(np.float32, copy=False))
        self.position = min(self.position, self.length)

    def _spread(self, samples: np.ndarray) -> np.ndarray:
        """(C, N) → (N, channels): one channel to all of them, two to one as their mean."""
        if len(samples) == self.channels:
            return samples.T
        mono = samples.mean(0, dtype=np.float32)
        if len(samples) > 1 and self.channels > 2:
            out = np.zeros((self.channels, len(mono)), np.float32)
            out[: len(samples)] = samples[: self.channels]
            return out.T
        return np.broadcast_to(mono[:, None], (len(mono), self.channels))

    def set_side(self, side: Side) -> None:
        if side != self._side:
            self._jump()
            self._side = side

    def seek(self, position: int) -> None:
        self._jump()
        self.position = min(max(position, 0), self.length)

    def _jump(self) -> None:
        """Keep what the ear expects next; it fades while the new fades in."""
        if not self._sent:
            return
        before, expected = self.position, self._read(self._fade)
        self.position = before
        missing = self._fade - len(expected)
        if missing:
            silence = np.zeros((missing, self.channels), np.float32)
            expected = np.concatenate([expected, silence])
        self._leaving = self._faded(expected)

    @property
    def _fade(self) -> int:
        return max(round(FADE * self.rate), 1)

    def begin(self) -> None:
        """Playing starts here; in the middle of a sound it comes in softly."""
        self.rest(self.position)
        if self.position > 0:
            self._leaving = np.zeros((self._fade, self.channels), np.float32)

    def rest(self, position: int) -> None:
        """Playing has stopped here: nothing waits, nothing fades."""
        self.position = min(max(position, 0), self.length)
        self._leaving, self._sent = None, 0
        self._gain = self.volume
        self._trail.clear()

    # -------------------------------------------------------------- pulling

    @property
    def ended(self) -> bool:
        """Nothing more will come."""
        return self._loop() is None and self.position >= self.length

    def _loop(self) -> tuple[int, int] | None:
        """[from, to) that is played over and over; None = on to the end."""
        count = len(self.heard())
        if not self.loop or count == 0:
            return None
        first, last = self.region or (0, count)
        last = min(last, count)
        return (first, last) if 0 <= first < last else (0, count)

    def _piece(self, frames: int) -> np.ndarray:
        """(≤ frames, channels): what comes next, up to the end of a round or of the sound."""
        loop, sound = self._turned(), self.heard()
        if loop is not None and loop[1] - loop[0] < frames and self.position >= loop[0]:
            period = loop[1] - loop[0]
            at = loop[0] + (self.position - loop[0] + np.arange(frames)) % period
            self.position = loop[0] + (self.position - loop[0] + frames) % period
            return sound[at]
        stop = self.length if loop is None else loop[1]
        take = max(min(frames, stop - self.position), 0)
        part = sound[self.position : self.position + take]
        self.position += take
        if len(part) < take:  # the other side goes on
            silence = np.zeros((take - len(part), self.channels), np.float32)
            part = np.concatenate([part, silence])
        return part

    def _turned(self) -> tuple[int, int] | None:
        """The loop, after coming in: from beyond its end, at the same place of the round."""
        loop = self._loop()
        if loop is not None and self.position >= loop[1]:
            self.position = loop[0] + (self.position - loop[0]) % (loop[1] - loop[0])
        return loop

    def _read(self, frames: int) -> np.ndarray:
        """(≤ frames, channels): piece after piece."""
        parts = [np.zeros((0, self.channels), np.float32)]
        while frames > 0 and len(part := self._piece(frames)):
            parts.append(part)
            frames -= len(part)
        return np.concatenate(parts)

    def pull(self, frames: int) -> np.ndarray:
        """(≤ frames, channels) float32, -1..1; fewer only at the end. One call = any size."""
        chunks: list[np.ndarray] = [np.zeros((0, self.channels), np.float32)]
        while frames > 0:
            self._turned()
            place = self.position
            made = self._piece(min(frames, BLOCK))
            if not len(made):
                break
            made = self._faded(made) * self._ramp(len(made))
            self._note(made, place)
            chunks.append(np.clip(made, -1.0, 1.0))
            frames -= len(made)
        return np.concatenate(chunks).astype(np.float32, copy=False)

    def _faded(self, made: np.ndarray) -> np.ndarray:
        """With what is leaving mixed in."""
        leaving = self._leaving
        if leaving is None:
            return made
        whole = self._fade
        count, gone = min(len(made), len(leaving)), whole - len(leaving)
        share = ((gone + 1 + np.arange(count)) / (whole + 1)).astype(np.float32)[:, None]
        made = made.copy()
        made[:count] = made[:count] * share + leaving[:count] * (1 - share)
        self._leaving = leaving[count:] if count < len(leaving) else None
        return made

    def _ramp(self, count: int) -> np.ndarray | float:
        """The volume; a change takes one block, or it would crackle."""
        before, self._gain = self._gain, self.volume
        if before == self.volume:
            return before
        return np.linspace(before, self.volume, count, dtype=np.float32)[:, None]

    def _note(self, made: np.ndarray, place: int) -> None:
        sent = Sent(
            self._sent, len(made), place, np.abs(made).max(0), (made * made).mean(0, dtype=float)
        )
        self._trail.append(sent)
        self._sent += len(made)

    # -------------------------------------------------------------- what is heard now

    def heard_at(self, waiting: int) -> tuple[int, Levels]:
        """Position and levels at the loudspeaker, when so many frames still wait before it.

        Levels are of what was heard since this was asked last.
        """
        now = self._sent - waiting
        passed: list[Sent] = []
        while self._trail and self._trail[0].first + self._trail[0].count <= now:
            passed.append(self._trail.popleft())
        if self._trail:
            current = self._trail[0]
            position = current.position + max(now - current.first, 0)
        elif passed:
            position = passed[-1].position + passed[-1].count
        else:
            position = self.position
        loop = self._loop()
        if loop is not None and position >= loop[1]:
            position = loop[0] + (position - loop[0]) % (loop[1] - loop[0])
        return position, _levels(passed, self.channels)


def _levels(passed: list[Sent], channels: int) -> Levels:
    if not passed:
        return Levels((0.0,) * channels, (0.0,) * channels)
    peak = np.max([block.peak for block in passed], axis=0)
    square = np.average(
        [block.square for block in passed], axis=0, weights=[block.count for block in passed]
    )
    clipped = bool(peak.max() >= CLIPPED)
    return Levels(tuple(map(float, peak)), tuple(map(float, np.sqrt(square))), clipped)
