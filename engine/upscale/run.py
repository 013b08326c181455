"""Pictures, folders and films to larger files (job): one by one, each whole or not at all.

A file that fails is said and the rest goes on. While anything is left to do, a note in the output
folder says what is finished: the same job again does the rest.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

from engine.codec import to_json
from engine.disk import check_writable, why
from engine.messages import LodestoneError, Picture, UpscaleRequest
from engine.progress import Progress
from engine.upscale.enlarge import check, enlarge, large_size
from engine.upscale.files import FILMS, opened, read_picture, same_file
from engine.upscale.look import files_within, preview_of
from engine.upscale.opened import Upscaler, open_upscaler
from engine.upscale.shelf import find
from engine.upscale.writing import (
    SUFFIXES,
    check_format,
    format_of,
    format_of_name,
    write_picture,
)
from models.files import write_atomically

_WRITTEN_FILMS = (".mp4", ".m4v", ".mov", ".mkv", ".webm")
_MOVING = (".gif", ".webp", ".png", ".apng")
"""Kinds of pictures that may hold several, shown one after the other."""
NOTE = ".lodestone-upscale.json"
PREVIEW = 256
"""Pixels of a preview's longest side."""


@dataclass(frozen=True)
class Item:
    source: Path
    target: Path | None
    """None: its suffix follows from what the source turns out to be."""
    folder: Path
    """Where it goes then …"""
    stem: str
    """… and under what name."""
    moving: bool


def run(request: UpscaleRequest, progress: Progress) -> str:
    """Returns the folder, or the file for a single source."""
    check(request.settings)
    items = items_of(request)
    if not items:
        raise LodestoneError(
            "There is nothing to enlarge: no picture or film was found. Choose others."
        )
    upscaler = open_upscaler(request.settings)
    progress(0.0, upscaler.provider)
    batch = _Batch(request, upscaler, progress, len(items))
    try:
        for folder in {item.folder for item in items}:
            folder.mkdir(parents=True, exist_ok=True)
            check_writable(folder)
    except OSError as error:
        raise LodestoneError(
            f"Nothing can be written to {request.out}: {why(error)}.", repr(error)
        ) from error
    for item in items:
        batch.take(item)
    return batch.finish()


# ---------------------------------------------------------------- what there is to do


def items_of(request: UpscaleRequest) -> tuple[Item, ...]:
    """Every file of every source, and where it goes."""
    out = Path(request.out)
    found: list[tuple[Path, Path]] = []
    """File, and its place below the output folder."""
    for name in request.sources:
        source = Path(name).expanduser()
        found.extend(files_within(source, out))
    skipped = {str(Path(name).expanduser()) for name in request.skip}
    single = len(request.sources) == 1 and len(found) == 1 and found[0][0] == Path(
        request.sources[0]
    ).expanduser()  # fmt: skip
    to_file = single and not out.is_dir() and out.suffix.lower() in _suffixes()
    taken: set[Path] = set()
    items = []
    for source, place in found:
        moving = source.suffix.lower() in FILMS or _moves(source)
        if to_file:
            items.append(Item(source, out, out.parent, out.stem, moving))
            continue
        # Two files that differ in their suffix alone both keep it.
        stem = place.name if place.with_suffix("") in taken else place.stem
        stem = request.stem if single and request.stem else stem
        taken.add(place.with_suffix(""))
        items.append(Item(source, None, out / place.parent, stem, moving))
    return tuple(item for item in items if str(item.source) not in skipped)


def _suffixes() -> tuple[str, ...]:
    return (*(f".{s}" for s in ("png", "jpg", "jpeg", "webp", "tif", "tiff", "avif", "gif")),
            *_WRITTEN_FILMS)  # fmt: skip


def _moves(path: Path) -> bool:
    """Whether it holds several pictures, shown one after the other."""
    if path.suffix.lower() not in _MOVING:
        return False
    try:
        with opened(path) as image:
            return getattr(image, "n_frames", 1) > 1
    except (LodestoneError, EOFError, OSError, ValueError, SyntaxError):
        return False  # reading it says what is wrong, in words


# ---------------------------------------------------------------- doing it


@dataclass
class _Batch:
    request: UpscaleRequest
    upscaler: Upscaler
    progress: Progress
    count: int
    taken: int = 0
    failed: list[tuple[str, LodestoneError]] = field(default_factory=list)
    last: Path | None = None

    def __post_init__(self) -> None:
        out = Path(self.request.out)
        self.note = (out if out.suffix.lower() not in _suffixes() else out.parent) / NOTE
        self.finished = _read_note(self.note)

    def take(self, item: Item) -> None:
        """Enlarge one, or skip it when it is finished; failures are kept for the end."""
        part = self.progress.part(self.taken / self.count, 1 / self.count)
        words = f"{item.source.name} ({self.taken + 1} of {self.count})"
        part(0.0, words)
        preview = None
        try:
            preview = self._one(item, part)
        except LodestoneError as error:
            self.failed.append((item.source.name, error))
            words = _said(item.source.name, error)
        except (OSError, MemoryError) as error:
            reason = why(error) if isinstance(error, OSError) else "there is not enough memory"
            said = LodestoneError(f"It could not be enlarged: {reason}.", repr(error))
            self.failed.append((item.source.name, said))
            words = _said(item.source.name, said)
        self.taken += 1
        figures = (
            ("done", float(self.taken - len(self.failed))),
            ("failed", float(len(self.failed))),
            ("of", float(self.count)),
        )
        part(1.0, words, preview, figures)

    def _one(self, item: Item, progress: Progress) -> Picture | None:
        mark = self._mark(item)
        before = self.finished.get(_key(item)) if self.count > 1 else None
        if before and before[0] == mark and _size(Path(before[1])) == before[2]:
            self.last = Path(before[1])
            return None
        if item.moving:
            from engine.upscale.moving import enlarge_moving

            self.last = enlarge_moving(item, self.request, self.upscaler, progress, mark)
            preview = None
        else:
            self.last, preview = _picture(item, self.request, self.upscaler, progress)
        if self.count > 1:
            self.finished[_key(item)] = [mark, str(self.last), _size(self.last)]
            _write_note(self.note, self.finished)
        return preview

    def _mark(self, item: Item) -> str:
        """Another file, model or setting gives another one."""
        facts = [to_json(self.request.settings), self.request.format, self.request.quality]
        model = find(self.request.settings.model, self.request.settings.scale)
        for path in (item.source, model):
            try:
                stat = path.stat()
            except OSError as error:
                raise LodestoneError(f"There is no file {path}. Check the name.") from error
            facts.append(f"{path.absolute()} {stat.st_size} {stat.st_mtime_ns}")
        return hashlib.sha256(repr(facts).encode()).hexdigest()

    def finish(self) -> str:
        if not self.failed:
            if self.count > 1:
                self.note.unlink(missing_ok=True)
            alone = self.count == 1 and self.last is not None
            alone = alone and not Path(self.request.sources[0]).expanduser().is_dir()
            return str(self.last if alone else Path(self.request.out))
        if self.count == 1:
            raise self.failed[0][1]
        first = " ".join(_said(name, error) for name, error in self.failed[:3])
        more = f" And {len(self.failed) - 3} more." if len(self.failed) > 3 else ""
        rest = self.count - len(self.failed)
        raise LodestoneError(
            f"{len(self.failed)} of {self.count} could not be enlarged. {first}{more} "
            f"The other {rest} are in {self.request.out}.",
            "\n".join(f"{name}: {error.sentence} {error.detail}" for name, error in self.failed),
        )


def _said(name: str, error: LodestoneError) -> str:
    return error.sentence if name in error.sentence else f"{name}: {error.sentence}"


def _picture(
    item: Item, request: UpscaleRequest, upscaler: Upscaler, progress: Progress
) -> tuple[Path, Picture]:
    picture = read_picture(item.source)
    asked = request.format
    if item.target is not None and asked == "same":
        asked = format_of_name(item.target) or "same"
    if item.target is not None and format_of_name(item.target) is None:
        raise LodestoneError(
            f"{item.source.name} cannot become {item.target.name}: a still picture is written as "
            ".png, .jpg, .webp, .tif or .avif. Choose one of these."
        )
    kind = format_of(picture, asked)
    target = item.target or item.folder / f"{item.stem}{_suffix(item.source, kind)}"
    refuse_itself(item.source, target)
    height, width = picture.pixels.shape[:2]
    check_format(kind, large_size(height, width, request.settings.scale))
    for note in picture.notes:
        progress(0.0, note)
    made = enlarge(picture.pixels, upscaler, request.settings, progress.part(0.0, 0.9))
    for note in write_picture(target, made, picture, kind, request.quality):
        progress(0.95, note)
    return target, preview_of(made, PREVIEW)


def refuse_itself(source: Path, target: Path) -> None:
    if same_file(source, target):
        raise LodestoneError(
            f"{source.name} would be overwritten by its own enlargement. Choose another folder "
            "or name."
        )


def _suffix(source: Path, kind: str) -> str:
    """The one it came with where that says the same (`.jpeg`, `.JPG`)."""
    return source.suffix if format_of_name(source) == kind else SUFFIXES[kind]


# ---------------------------------------------------------------- what is finished


def _key(item: Item) -> str:
    return str(item.source.absolute())


def _size(path: Path | None) -> int:
    try:
        return path.stat().st_size if path is not None else -1
    except OSError:
        return -1


def _read_note(path: Path) -> dict[str, list]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {k: v for k, v in found.items() if isinstance(v, list) and len(v) == 3}


def _write_note(path: Path, finished: dict[str, list]) -> None:
    write_atomically(path, json.dumps(finished).encode())
