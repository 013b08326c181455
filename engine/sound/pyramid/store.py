"""What a training keeps beside the card: the plan, and every finished level. Torch-free.

`NAME.training/plan.json` is decided once, before the first level; `level-0.safetensors` … appear
whole or not at all. A training that was killed goes on after its last finished level and, every
level having its own seed, ends with the same weights to the bit (on the same CPU).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy

from engine.picture.pyramid.store import check_folder as check_folder
from engine.picture.pyramid.store import folder_of as folder_of
from engine.picture.pyramid.store import forget as forget
from models.errors import RefusedFile
from models.files import Card, load_model, open_checked, write_atomically

ARCHITECTURE = "sound-pyramid"
FACTS = "lodestone_level"


@dataclass(frozen=True)
class Plan:
    """Everything that decides the weights, fixed before the first step."""

    digest: str
    """sha256 of the samples that may be listened to, and of which those are."""
    rate: int
    window: int
    hop: int
    width: int
    steps: tuple[int, ...]
    """Per level."""
    seed: int
    seconds: float
    device: str


@dataclass(frozen=True)
class Finished:
    """One trained level."""

    state: dict[str, np.ndarray]
    """Weights by name, float16."""
    amplitude: float
    seconds: float
    steps: int
    distance: float
    untrained: float
    """The distance before the first step."""


def digest_of(sources: Sequence[np.ndarray], known: Sequence[np.ndarray]) -> str:
    """sha256 (hex) of what training listens to: (channels, N) int16 and (N,) bool each."""
    digest = hashlib.sha256()
    for samples, seen in zip(sources, known, strict=True):
        digest.update(repr(samples.shape).encode())
        digest.update(np.where(seen, samples, 0).astype("<i2").tobytes())
        digest.update(np.packbits(seen).tobytes())
    return digest.hexdigest()


def read_plan(folder: Path) -> Plan | None:
    """The plan of an unfinished training, None when there is none that can be read."""
    try:
        values = json.loads((folder / "plan.json").read_text("utf-8"))
        values["steps"] = tuple(map(int, values["steps"]))
        return Plan(**values)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def write_plan(folder: Path, plan: Plan) -> None:
    write_atomically(folder / "plan.json", json.dumps(asdict(plan), indent=1).encode())


def write_level(folder: Path, index: int, level: Finished) -> None:
    facts = {k: v for k, v in asdict(level).items() if k != "state"}
    content = safetensors.numpy.save(level.state, metadata={FACTS: json.dumps(facts)})
    write_atomically(folder / f"level-{index}.safetensors", content)


def read_level(folder: Path, index: int) -> Finished | None:
    """A finished level; None when it is missing or damaged, and so has to be trained (again)."""
    path = folder / f"level-{index}.safetensors"
    try:
        with safetensors.safe_open(path, "numpy") as file:
            facts = json.loads((file.metadata() or {})[FACTS])
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return Finished(state=state, **facts)
    except (OSError, ValueError, KeyError, TypeError, safetensors.SafetensorError):
        return None


def card_path(model: str | Path) -> Path:
    path = Path(model)
    return path if path.suffix == ".safetensors" else path.with_name(path.name + ".safetensors")


def open_card(path: str | Path) -> tuple[Card, dict[str, np.ndarray]]:
    """Card and weights of a pyramid; a generator of another kind is refused with a sentence."""
    path = card_path(path)
    open_checked(path).close()
    card, state = load_model(path)
    if card.architecture != ARCHITECTURE:
        raise RefusedFile(
            f"{path.name} is a generator of another kind ({card.architecture}), not one of a "
            "single sound. Choose a model trained in the Sound panel."
        )
    return card, state
