"""Items of the upscaling queue: what they are, how much work they are, and their record. No Qt."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from engine.messages import PictureFormat, UpscaleSettings

State = Literal["waiting", "running", "paused", "done", "failed", "cancelled"]
KEPT = ("path", "place", "state", "words", "result", "notes", "stopped", "large")
"""What the record holds of an item."""


@dataclass(frozen=True)
class UpscaleOrder:
    """How an item is enlarged; read when it starts."""

    settings: UpscaleSettings
    folder: str
    """Where results go."""
    format: PictureFormat = "same"
    quality: int = 92


@dataclass(frozen=True)
class Item:
    """One picture or film of the queue."""

    number: int
    path: str
    place: str = ""
    """Folder below the output folder."""
    state: State = "waiting"
    words: str = ""
    """What it is doing, or why it failed."""
    result: str = ""
    """Path of what was made."""
    notes: tuple[str, ...] = ()
    small: tuple[int, int] = (0, 0)
    """Width and height in pixels; 0 while not known."""
    large: tuple[int, int] = (0, 0)
    frames: int = 1
    """Of a film or moving picture; 0 = not known."""
    frame: int = 0
    """Of these, how many are done."""
    stopped: bool = False
    """Cancelled with all the others: Start takes it up again."""
    fraction: float = 0.0
    seconds_left: float | None = None

    @property
    def name(self) -> str:
        return Path(self.path).name

    @property
    def active(self) -> bool:
        return self.state in ("running", "paused")

    @property
    def to_do(self) -> bool:
        return self.state == "waiting" or self.stopped


@dataclass(frozen=True)
class Totals:
    """How the whole queue stands."""

    count: int = 0
    done: int = 0
    failed: int = 0
    to_do: int = 0
    fraction: float = 0.0
    """Of the work, 0..1: large pictures and long films count for more."""
    seconds_left: float | None = None


def write_record(path: Path, items: Sequence[Item]) -> None:
    """Whole or not at all. OSError when the disk refuses."""
    stored = [{k: v for k, v in asdict(item).items() if k in KEPT} for item in items]
    part = path.with_name(f"{path.name}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    part.write_text(json.dumps(stored), "utf-8")
    part.replace(path)


def read_record(path: Path) -> tuple[Item, ...]:
    """What was in the list last time; what was in work waits again. Damaged parts are left out."""
    try:
        stored = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return ()
    rows = stored if isinstance(stored, list) else []
    found = (_read(number, row) for number, row in enumerate(rows, 1))
    return tuple(item for item in found if item is not None)


def _read(number: int, row: object) -> Item | None:
    """None for what is damaged, or done and gone from the disk."""
    if not isinstance(row, dict):
        return None
    words = {name: row.get(name, "") for name in ("path", "place", "state", "words", "result")}
    if not words["path"] or not all(isinstance(word, str) for word in words.values()):
        return None
    notes, large = row.get("notes"), row.get("large")
    if words["state"] not in ("waiting", "done", "failed", "cancelled"):
        words.update(state="waiting", words="")
    item = Item(
        number,
        words["path"],
        words["place"],
        words["state"],
        words["words"],
        words["result"],
        tuple(str(note) for note in notes) if isinstance(notes, list) else (),
        stopped=row.get("stopped") is True and words["state"] == "cancelled",
    )
    if isinstance(large, list) and [type(one) for one in large] == [int, int]:
        item = replace(item, large=(large[0], large[1]))
    return None if item.state == "done" and not is_there(item.result) else item


def is_there(path: str) -> bool:
    try:
        return bool(path) and Path(path).stat().st_size > 0
    except OSError:
        return False


def free_stem(name: str, folder: Path) -> str:
    """A name that overwrites nothing: `leaf`, or `leaf 2` where there is a leaf already."""
    taken = {path.stem for path in _inside(folder)}
    made, count = name, 1
    while made in taken:
        count += 1
        made = f"{name} {count}"
    return made


def _inside(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.is_file()]
    except OSError:
        return []


def work(item: Item) -> float:
    """Megapixels; of unknown ones a guess."""
    width, height = item.small
    return max(width * height, 1) * max(item.frames, 1) / 1e6 if width else 1.0


class Clock:
    """Measures how much work a second takes, of what has the same settings."""

    def __init__(self) -> None:
        self._settings: UpscaleSettings | None = None
        self._work = self._seconds = 0.0
        self._since: float | None = None

    def begin(self, settings: UpscaleSettings) -> None:
        if settings != self._settings:
            self._settings, self._work, self._seconds = settings, 0.0, 0.0
        self.go()

    def go(self) -> None:
        if self._since is None:
            self._since = time.monotonic()

    def rest(self) -> None:
        if self._since is not None:
            self._seconds += time.monotonic() - self._since
        self._since = None

    def end(self, work: float) -> None:
        self._work += work

    def speed(self, share: float = 0.0) -> float:
        """Megapixels a second, 0 while that is not known; `share`: of the item in work."""
        running = time.monotonic() - self._since if self._since is not None else 0.0
        seconds, work = self._seconds + running, self._work + share
        return work / seconds if work > 0 and seconds > 1.0 else 0.0
