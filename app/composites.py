"""The files that a composition goes to the engine as: written from what the state says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from PySide6.QtCore import QTemporaryDir
from PySide6.QtGui import QImage

from app.composed import Piece
from app.picture_state import PictureState
from app.widgets.assembly import changed, composed, image_of
from app.widgets.collage import Collage
from app.widgets.easel import Easel
from engine.messages import LodestoneError, Vector

FILES = 40
"""Newest that stay; an older one is written again when undo comes back to it."""
QUICK = 90
"""Qt's quality of a PNG: hardly packed, because a hand is waiting."""


class Composites:
    """The same composition is the same file, so that undo finds its answers again."""

    def __init__(self, collage: Collage, easel: Easel):
        self._collage, self._easel = collage, easel
        self._folder = QTemporaryDir()
        self._written: list[Path] = []

    def derived(self, state: PictureState) -> PictureState:
        """With `made` and `changed` filled in, or empty while there is nothing to ask for.

        LodestoneError when the file cannot be written.
        """
        mask = self._mask(state)
        if mask is None:
            return replace(state, made="", changed=None)
        path = self._path(state)
        if not path.is_file():
            self._write(state, path)
        return replace(state, made=str(path), changed=Vector.of(mask) if mask.size else None)

    def restore(self, state: PictureState) -> None:
        """Undo came back to a composition whose file has gone."""
        if state.made and not Path(state.made).is_file():
            self._write(state, Path(state.made))

    def _path(self, state: PictureState) -> Path:
        own = (state.ground, state.strokes) if state.way == "paint" else pieces_of(state)
        what = (state.source, self._collage.pieces.source.cacheKey(), state.way, own)
        return Path(self._folder.path()) / f"{hash(what) & 0xFFFFFFFFFFFFFFFF:016x}.png"

    def _mask(self, state: PictureState) -> np.ndarray | None:
        """(h, w) 0..1; of no size for a painting, which is new everywhere; None for nothing."""
        source = self._collage.pieces.source
        if source.isNull():
            return None
        if state.way == "paint":
            begun = bool(state.strokes) or state.ground.kind == "picture"
            return np.zeros(0, np.float32) if begun else None
        return changed(source, pieces_of(state))

    def _write(self, state: PictureState, path: Path) -> None:
        if not self._image(state).save(str(path), "PNG", QUICK):  # type: ignore[call-overload]
            raise LodestoneError(
                "The composition could not be written. Free some space in the temporary folder."
            )
        self._written.append(path)
        while len(self._written) > FILES:
            self._written.pop(0).unlink(missing_ok=True)

    def _image(self, state: PictureState) -> QImage:
        if state.way == "paint":
            return image_of(self._easel.raster(state.ground, state.strokes))
        pieces = pieces_of(state)
        return composed(self._collage.below(pieces), pieces)


def pieces_of(state: PictureState) -> tuple[Piece, ...]:
    """What lies on the source in the chosen way."""
    return state.parts if state.way == "edit" else state.pasted
