"""How fast this machine steers, each figure beside its target and its peer or limit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def measures(area: str) -> Iterator[dict[str, Any]]:
    """Measure one area (`steer`); yields `figure.Figure`s as dictionaries, as they are ready."""
    from engine.bench import steer
    from models.errors import LodestoneError

    if area != "steer":
        raise LodestoneError(f"There are no measures of {area!r:.40}. Measure steer.")
    return steer.measures()
