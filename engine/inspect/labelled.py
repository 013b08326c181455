"""Which class of a network a picture shows: by its label, or by the network's own answer."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

import numpy as np

from engine.messages import LodestoneError

enough = 0.5
"""Share of pictures whose labels must be classes; with fewer the network's own answers count."""


def truths(
    labels: Sequence[str], classes: Sequence[str], answers: np.ndarray
) -> tuple[np.ndarray, str]:
    """(N,) int: class of each picture, -1 = not known; and what it is taken from, in words.

    answers: (N,) int, the network's own.
    """
    names: dict[str, int] = {}
    for index, name in enumerate(classes):
        for part in (name, *name.split(",")):
            names.setdefault(_plain(part), index)
    found = np.array([names.get(_plain(label), -1) if label else -1 for label in labels], int)
    if len(found) and (found >= 0).mean() >= enough:
        return found, "labels"
    return answers.astype(int), "the network's own answers without the edits"


def class_index(name: str, classes: Sequence[str]) -> int:
    """Of a class by its name or number; LodestoneError with the nearest."""
    if name.isdigit() and int(name) < len(classes):
        return int(name)
    plain = [_plain(one) for one in classes]
    if _plain(name) in plain:
        return plain.index(_plain(name))
    near = difflib.get_close_matches(_plain(name), plain, 3, 0.3)
    hint = f" The nearest are {', '.join(classes[plain.index(one)] for one in near)}."
    raise LodestoneError(
        f"The network has no class {name!r:.40}.{hint if near else ''} Choose one of its classes."
    )


def _plain(name: str) -> str:
    """Without what file names do to words: `n01440764_Granny_Smith` -> `granny smith`."""
    name = re.sub(r"^n\d{8}[_ -]+", "", name.strip())
    return re.sub(r"[\s_-]+", " ", name).strip().lower()
