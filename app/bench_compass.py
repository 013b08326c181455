"""From a click on the sort wall to painted pixels, in the real window (see `app.bench_window`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from app.bench_stage import Stage, figure


def measures(model: str = "") -> Iterator[dict[str, Any]]:
    """All figures, each as soon as it is known."""
    stage = Stage()
    try:
        name = stage.open(model)
        yield figure(f"window, {name}: label to new picture", None, "ms", "<= 100", "to come")
    finally:
        stage.close()
