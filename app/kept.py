"""Kept pictures outlive the session: each is a PNG and its recipe in a folder of the person."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from engine.client import from_json, to_json
from engine.messages import LodestoneError, PictureRecipe

MOST = 200
"""Pictures that are read at the start; older ones stay on the disk."""


class KeptFolder(QObject):
    """Reads at the start; writes beside the window, one file after the other."""

    failed = Signal(str)

    def __init__(self, folder: Path, parent: QObject | None = None):
        """Nothing is created before there is something to keep."""
        super().__init__(parent)
        self._folder = folder
        self._known: dict[PictureRecipe, str] = {}
        self._writer = ThreadPoolExecutor(1, "kept")

    def read(self) -> dict[PictureRecipe, QImage]:
        """What was kept before, oldest first; damaged files are passed over."""
        found: dict[PictureRecipe, QImage] = {}
        notes = sorted(self._folder.glob("*.json"), key=_age)[-MOST:]
        for note in notes:
            try:
                recipe = from_json(note.read_text("utf-8"))
            except (LodestoneError, OSError, UnicodeDecodeError):
                continue
            image = QImage(str(note.with_suffix(".png")))
            if isinstance(recipe, PictureRecipe) and not image.isNull():
                found[recipe] = image
                self._known[recipe] = note.stem
        return found

    def sync(
        self,
        kept: tuple[PictureRecipe, ...],
        image_of: Callable[[PictureRecipe], QImage | None],
    ) -> None:
        """Write what is new, remove what was let go."""
        for recipe in kept:
            image = None if recipe in self._known else image_of(recipe)
            if image is not None:
                text = to_json(recipe)
                name = hashlib.sha256(text.encode()).hexdigest()[:16]
                self._known[recipe] = name
                self._writer.submit(self._write, name, text, image)
        for recipe in [one for one in self._known if one not in kept]:
            self._writer.submit(self._remove, self._known.pop(recipe))

    def flush(self) -> None:
        """Wait until everything is on the disk."""
        self._writer.submit(bool).result()

    def _write(self, name: str, text: str, image: QImage) -> None:
        """Runs in the writer's thread. The picture first: a recipe without one is not shown."""
        picture, note = self._folder / f"{name}.png", self._folder / f"{name}.json"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            part = picture.with_name(f"{picture.name}.part")
            if not image.save(str(part), "PNG"):  # type: ignore[call-overload]
                raise OSError(f"{part.name} was not written")
            os.replace(part, picture)
            part = note.with_name(f"{note.name}.part")
            part.write_text(text, "utf-8")
            os.replace(part, note)
        except OSError:
            self.failed.emit(
                "A kept picture could not be written to disk, it stays for this session only. "
                "Free some space."
            )

    def _remove(self, name: str) -> None:
        for suffix in (".json", ".png"):
            try:
                (self._folder / f"{name}{suffix}").unlink(missing_ok=True)
            except OSError:
                self.failed.emit("A kept picture could not be removed from the disk.")


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
