"""What a search found, before it is written down. Numpy only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.messages import Direction, DiscoverRequest, Space, Vector


@dataclass(frozen=True, eq=False)
class Find:
    """One direction and what is told of it."""

    name: str
    space: Space
    vector: np.ndarray
    sigma: float
    layers: tuple[int, int] | None
    facts: Mapping[str, Any]
    """JSON-able: explained variance, loss curve …"""


def as_direction(find: Find, request: DiscoverRequest, model: str, created: float) -> Direction:
    """With its provenance: how it can be found again."""
    detail: dict[str, Any] = {
        "created": round(created, 1),
        "seed": request.seed,
        "truncation": request.truncation,
        "classes": list(request.classes),
        **find.facts,
    }
    if request.at:
        detail.setdefault("layer", request.at)
    if request.method == "pca":
        detail |= {"analysed": request.space, "samples": request.samples}
    return Direction(
        name=find.name,
        space=find.space,
        vector=Vector.of(find.vector),
        sigma=find.sigma or 1.0,
        layers=find.layers,
        method=request.method,
        model=model,
        detail=json.dumps(detail),
    )
