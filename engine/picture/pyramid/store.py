"""What a training keeps beside the card: the plan, and every finished level. Torch-free.

`NAME.training/plan.json` is decided once, before the first level; `level-0.safetensors` … appear
whole or not at all. A training that was killed goes on after its last finished level and, every
level having its own seed, ends with the same weights to the bit (on the same CPU).
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy

from engine.picture.pyramid.grid import Size, weights
from engine.picture.source import seen as HIDDEN
from models.errors import LodestoneError, RefusedFile
from models.files import Card, load_model, open_checked, read_card, write_atomically

ARCHITECTURE = "pyramid"
FACTS = "lodestone_level"


@dataclass(frozen=True)
class Plan:
    """Everything that decides the weights, fixed before the first step."""

    digest: str
    """sha256 of the pixels that may be looked at, and of which those are."""
    sizes: tuple[Size, ...]
    scales: tuple[float, ...]
    steps: tuple[int, ...]
    """Per level."""
    width: int
    seed: int
    seconds: float
    device: str

    @property
    def levels(self) -> int:
        return len(self.scales)


@dataclass(frozen=True)
class Finished:
    """One trained level: weights of the level and of its critic, by name, and its facts."""

    state: dict[str, np.ndarray]
    critic: dict[str, np.ndarray]
    amplitude: float
    seconds: float
    steps: int
    rebuild_db: float
    sliced: float
    untrained: float
    """The sliced distance before the first step."""


def digest_of(pictures: Sequence[np.ndarray], known: Sequence[np.ndarray]) -> str:
    """sha256 (hex) of what training looks at: (3, H, W) float32 and (H, W) bool each."""
    digest = hashlib.sha256()
    for picture, seen in zip(pictures, known, strict=True):
        digest.update(repr(picture.shape).encode())
        digest.update(np.where(seen, picture, 0).astype("<f4").tobytes())
        digest.update(np.packbits(seen).tobytes())
    return digest.hexdigest()


def mask_digest(mask: np.ndarray) -> str:
    """sha256 (hex) of which pixels of a mask of any size are hidden."""
    hidden = np.nan_to_num(mask, nan=1.0) > HIDDEN
    return hashlib.sha256(repr(hidden.shape).encode() + np.packbits(hidden).tobytes()).hexdigest()


def known_at(mask: np.ndarray | None, size: Size) -> np.ndarray:
    """(H, W) bool: pixels that nothing hidden reaches when a mask of any size is scaled."""
    if mask is None:
        return np.ones(size, bool)
    hidden = (np.nan_to_num(mask, nan=1.0) > HIDDEN).astype(np.float32)
    rows, columns = (weights(*pair) != 0 for pair in zip(mask.shape, size, strict=True))
    return (rows.astype(np.float32) @ hidden @ columns.astype(np.float32).T) < 0.5


def seen_pixels(card: Card, state: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """(H, W) bool: pixels of the first picture that training looked at; None = all of them."""
    if "seen" not in state:
        return None
    height, width = card.hyper["sizes"][0]
    return np.unpackbits(state["seen"], count=height * width).reshape(height, width).astype(bool)


def folder_of(out: Path) -> Path:
    return out.with_name(out.stem + ".training")


def read_plan(folder: Path) -> Plan | None:
    """The plan of an unfinished training, None when there is none that can be read."""
    try:
        values = json.loads((folder / "plan.json").read_text("utf-8"))
        values["sizes"] = tuple((int(h), int(w)) for h, w in values["sizes"])
        values["scales"] = tuple(map(float, values["scales"]))
        values["steps"] = tuple(map(int, values["steps"]))
        return Plan(**values)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def write_plan(folder: Path, plan: Plan) -> None:
    write_atomically(folder / "plan.json", json.dumps(asdict(plan), indent=1).encode())


def write_level(folder: Path, index: int, level: Finished) -> None:
    arrays = {f"level.{name}": np.ascontiguousarray(a) for name, a in level.state.items()}
    arrays |= {f"critic.{name}": np.ascontiguousarray(a) for name, a in level.critic.items()}
    facts = {k: v for k, v in asdict(level).items() if k not in ("state", "critic")}
    content = safetensors.numpy.save(arrays, metadata={FACTS: json.dumps(facts)})
    write_atomically(folder / f"level-{index}.safetensors", content)


def read_level(folder: Path, index: int) -> Finished | None:
    """A finished level; None when it is missing or damaged, and so has to be trained (again)."""
    path = folder / f"level-{index}.safetensors"
    try:
        with safetensors.safe_open(path, "numpy") as file:
            facts = json.loads((file.metadata() or {})[FACTS])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, ValueError, KeyError, safetensors.SafetensorError):
        return None
    parts = {
        part: {k[len(part) + 1 :]: v for k, v in arrays.items() if k.startswith(part + ".")}
        for part in ("level", "critic")
    }
    return Finished(state=parts["level"], critic=parts["critic"], **facts)


def forget(folder: Path) -> None:
    """The training is finished: only the card is needed from now on."""
    shutil.rmtree(folder, ignore_errors=True)


def open_card(path: str | Path) -> tuple[Card, dict[str, np.ndarray]]:
    """Card and weights of a pyramid; a generator of another kind is refused with a sentence."""
    path = Path(path)
    if path.suffix != ".safetensors" and not path.exists():
        path = path.with_name(path.name + ".safetensors")
    open_checked(path).close()
    card, state = load_model(path)
    if card.architecture != ARCHITECTURE:
        raise RefusedFile(
            f"{path.name} is a generator of another kind ({card.architecture}), not one of a "
            "single picture. Choose a model trained in the Picture panel."
        )
    return card, state


def pyramid_names(path: str | Path) -> tuple[str, ...]:
    """Names of the pictures that a pyramid knows, in the order of its identities."""
    card = read_card(path)
    return card.class_names if card.architecture == ARCHITECTURE else ()


def check_folder(folder: Path) -> None:
    """Before a minute of training rather than after it."""
    from engine.disk import check_writable, why

    try:
        folder.mkdir(parents=True, exist_ok=True)
        check_writable(folder)
    except OSError as error:
        raise LodestoneError(
            f"The training cannot be kept in {folder.parent}: {why(error)}.", repr(error)
        ) from error
