"""Reading the recording that is shown as the source; the engine reads the file by itself."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from engine.client import Sound, read_sound
from engine.messages import LodestoneError

KINDS = "Sounds (*.wav *.flac *.aif *.aiff *.ogg *.oga *.opus *.mp3);;All files (*)"
FORMATS = "WAV, FLAC, AIFF, OGG and MP3, at any rate, mono or stereo, up to 5 minutes"
ENDINGS = (".wav", ".flac", ".aif", ".aiff", ".ogg", ".oga", ".opus", ".mp3")


@dataclass(frozen=True)
class Refusal:
    """An error as a value: it comes back from a thread."""

    sentence: str


@dataclass(frozen=True, eq=False)
class Source:
    """The recording everything is made from."""

    path: str
    sound: Sound
    peak: float
    """Of its samples."""

    @property
    def name(self) -> str:
        return Path(self.path).stem

    @property
    def seconds(self) -> float:
        return self.sound.seconds

    @property
    def words(self) -> str:
        """`12.0 s, 44.1 kHz, stereo`."""
        ways = "stereo" if len(self.sound.samples) > 1 else "mono"
        return f"{self.seconds:.1f} s, {self.sound.rate / 1000:g} kHz, {ways}"

    @property
    def card_stem(self) -> str:
        """How the file of a pyramid begins: the same recording finds it again."""
        safe = "".join(c if c.isalnum() or c in "-_" else "-" for c in self.name)
        return f"{safe}-{self.sound.sha256[:8]}"


def read_source(path: str) -> Source | Refusal:
    """Any sound file."""
    try:
        sound = read_sound(path)
        return Source(path, sound, float(np.abs(sound.samples).max(initial=0.0)))
    except LodestoneError as error:
        return Refusal(error.sentence)


def read_whole(path: str) -> tuple[np.ndarray, int] | Refusal:
    """(channels, N) and its rate, of a take of any length."""
    try:
        first = read_sound(path)
        count = math.ceil(first.whole / first.samples.shape[1])
        if count < 2:
            return first.samples, first.rate
        total = first.whole / first.rate
        edges = [total * i / count for i in range(count + 1)]
        pieces = [read_sound(path, a, b).samples for a, b in pairwise(edges)]
    except LodestoneError as error:
        return Refusal(error.sentence)
    return np.concatenate(pieces, 1), first.rate
