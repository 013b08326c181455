"""Where a network's graph with named layers lies in the person's folder. No torch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine import paths
from engine.codec import from_json
from engine.inspect.preprocessing import Preprocessing
from engine.messages import NetworkInfo
from models.errors import LodestoneError

version = 1
"""Of graph and note; those of another version are made again."""


@dataclass(frozen=True)
class Note:
    """What is known of a network whose graph is kept."""

    info: NetworkInfo
    tensors: dict[str, str]
    """Layer -> its tensor in the graph."""
    preprocessing: Preprocessing
    parity: float | None = None
    input: str = "input"
    output: str = "output"
    last: bool = False
    """Whether the input's channels come last."""
    batch: int = 0
    """How many pictures at a time the graph takes; 0 = any."""


@dataclass(frozen=True)
class Kept:
    """The files of one network."""

    graph: Path
    note: Path

    @staticmethod
    def of(network_id: str) -> Kept:
        folder = paths.cache() / "networks" / network_id
        return Kept(folder / "network.onnx", folder / "network.json")

    def read(self) -> Note | None:
        """None when there is none, or one of another version."""
        try:
            found: dict[str, Any] = json.loads(self.note.read_text("utf-8"))
            if found.pop("version") != version or not self.graph.is_file():
                return None
            info = from_json(json.dumps(found.pop("info")))
            preprocessing = Preprocessing.of(found.pop("preprocessing"))
            return Note(info=info, preprocessing=preprocessing, **found)
        except (OSError, ValueError, KeyError, TypeError, LodestoneError):
            return None
