"""What the engines of one sound hand back while they work."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Stage:
    """A level is finished."""

    level: int
    levels: int
    """The last stage has level == levels."""
    samples: np.ndarray
    """(channels, N) float32, DC as in the source."""
    rate: int
    note: str = ""


Stages = Generator[Stage | None, None, None]
"""None is a place to pause."""
