"""Starred takes as files in the person's folder: a WAV and its recipe, found again next time.

A deleted take leaves its recipe behind as `.gone` until the program starts again, so that undo
brings it back. No Qt.
"""

from __future__ import annotations

import dataclasses
import json
import time
import uuid
from pathlib import Path

import numpy as np

from app.sound_state import Kept
from engine.client import from_json, to_json, write_sound
from engine.messages import LodestoneError, SoundRecipe

FIGURES = {f.name for f in dataclasses.fields(Kept)} - {"key", "recipe"}


def new_key() -> str:
    """Sorts by time."""
    return (
        f"{time.strftime('%Y%m%d-%H%M%S')}-{time.time_ns() // 1000 % 1_000_000:06d}-"
        + (uuid.uuid4().hex[:4])
    )


class Shelf:
    """One folder."""

    def __init__(self, folder: Path):
        self.folder = folder

    def sound(self, key: str) -> Path:
        return self.folder / f"{key}.wav"

    def _card(self, key: str) -> Path:
        return self.folder / f"{key}.json"

    def load(self) -> tuple[Kept, ...]:
        """What was kept in earlier sessions, oldest first; clears what was deleted in them."""
        for gone in self.folder.glob("*.gone"):
            self.sound(gone.stem).unlink(missing_ok=True)
            gone.unlink(missing_ok=True)
        found = (self._read(card) for card in sorted(self.folder.glob("*.json")))
        return tuple(kept for kept in found if kept is not None)

    def _read(self, card: Path) -> Kept | None:
        """None for what is damaged or has lost its sound: it stays on the disk, out of the list."""
        if not self.sound(card.stem).is_file():
            return None
        try:
            stored = json.loads(card.read_text("utf-8"))
            recipe = from_json(json.dumps(stored.pop("recipe")))
            if not isinstance(recipe, SoundRecipe) or not FIGURES.issuperset(stored):
                return None
            stored["outline"] = tuple(float(x) for x in stored.get("outline", ()))
            return Kept(card.stem, recipe=recipe, **stored)
        except (OSError, ValueError, TypeError, AttributeError, KeyError, LodestoneError):
            return None

    def put(self, kept: Kept, samples: np.ndarray) -> None:
        """Write a take (channels, N); LodestoneError when there is no room."""
        # Loud beyond full scale needs floats; everything else opens everywhere with 24 bits.
        depth = 32 if float(np.abs(samples).max(initial=0.0)) > 1.0 else 24
        write_sound(self.sound(kept.key), samples, kept.rate, "wav", depth, recipe=kept.recipe)

    def note(self, kept: Kept) -> None:
        """Its name and recipe, or these again after it was deleted."""
        stored = {name: getattr(kept, name) for name in FIGURES}
        stored["recipe"] = json.loads(to_json(kept.recipe))
        card = self._card(kept.key)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            part = card.with_suffix(".part")
            part.write_text(json.dumps(stored, indent=1), "utf-8")
            part.replace(card)
            card.with_suffix(".gone").unlink(missing_ok=True)
        except OSError as error:
            raise LodestoneError(
                f"The take {kept.name} could not be kept: {error.strerror}. Free some space.",
                repr(error),
            ) from error

    def remove(self, key: str) -> None:
        """Out of the list; the sound stays until the program starts again."""
        card = self._card(key)
        try:
            card.replace(card.with_suffix(".gone"))
        except FileNotFoundError:
            return
        except OSError as error:
            raise LodestoneError(
                f"The take could not be deleted: {error.strerror}. Try again later.", repr(error)
            ) from error
