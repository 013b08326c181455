"""Finding, labelling and naming directions: how few labels, how exact, how fast."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engine.bench import discover_labels, discover_live, discover_selective, discover_vocabulary
from engine.bench.figure import told


def measures() -> Iterator[dict[str, Any]]:
    """The quick ones first."""
    return told(
        (
            ("vocabulary", discover_vocabulary.measures),
            ("label to new picture", discover_live.measures),
            ("directions without labels", discover_selective.measures),
            ("labels needed", discover_labels.measures),
        )
    )
