"""Where a generator's ONNX graphs lie, and a note of how exact they are. No torch."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path

from engine import paths
from engine.messages import ModelInfo
from engine.progress import Progress
from models.errors import LodestoneError
from models.files import write_atomically

version = 3
"""Of the graphs' inputs, names and arithmetic; graphs of another version are made again."""


@dataclass(frozen=True)
class GraphFiles:
    """The three files of an exported generator."""

    synthesis: Path
    mapping: Path
    note: Path
    """JSON: model id, parity, version."""

    @staticmethod
    def at(folder: Path, stem: str = "") -> GraphFiles:
        dot = f"{stem}." if stem else ""
        return GraphFiles(
            folder / f"{dot}synthesis.onnx",
            folder / f"{dot}mapping.onnx",
            folder / f"{dot}onnx.json",
        )


def cached_files(model_id: str) -> GraphFiles:
    return GraphFiles.at(paths.cache() / model_id)


def find_files(info: ModelInfo) -> GraphFiles | None:
    """The graphs beside the model's card or in the cache; None when they must be made."""
    card = Path(info.path)
    for files in (GraphFiles.at(card.parent, card.stem), cached_files(info.id)):
        if read_parity(files, info.id) is not None:
            return files
    return None


def write_note(files: GraphFiles, model_id: str, parity: float) -> None:
    note = {"model": model_id, "parity": parity, "version": version}
    write_atomically(files.note, json.dumps(note).encode())


def read_parity(files: GraphFiles, model_id: str) -> float | None:
    """Largest |ONNX - torch| at export; None when graphs are absent or another model's."""
    try:
        note = json.loads(files.note.read_text("utf-8"))
        fits = note["model"] == model_id and note["version"] == version
        whole = files.synthesis.is_file() and files.mapping.is_file()
        return float(note["parity"]) if fits and whole else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def ensure_graphs(info: ModelInfo, progress: Progress | None = None) -> GraphFiles:
    """The model's graphs, exported now when there are none. Imports torch only to export."""
    found = find_files(info)
    if found is not None:
        return found
    from engine.export import export_files
    from models.files import load_model, update_card
    from models.registry import build

    card, state = load_model(info.path)
    files = cached_files(info.id)
    parity = export_files(build(card, state), card, files, progress)
    if Path(info.path).is_relative_to(paths.home()):
        with contextlib.suppress(LodestoneError):  # a card that cannot be written still draws
            update_card(info.path, parity=parity)
    if read_parity(files, info.id) is None:
        raise LodestoneError(
            f"The ONNX files of {info.name} could not be kept. Check the free disk space."
        )
    return files
