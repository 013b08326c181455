"""The shelf of generators: those that ship, those the person imported, and files at hand.

Torch-free: listing reads headers only, and reading a foreign file needs no torch either.
"""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from pathlib import Path

from engine import paths
from engine.messages import ModelInfo
from engine.progress import Progress
from models import files, registry
from models.errors import LodestoneError
from models.files import Card

SUFFIX = ".safetensors"


class Library:
    """Models by name, id or path. `home` is the person's folder (models lie in home/models)."""

    def __init__(self, home: str | Path | None = None):
        self.folder = Path(home or paths.home()) / "models"
        self.bundled_folder = paths.assets() / "generators"
        self._read: dict[tuple[str, int, int], ModelInfo | LodestoneError] = {}
        self.problems: tuple[str, ...] = ()
        """One sentence for each file of the last listing that could not be read."""

    def models(self) -> tuple[ModelInfo, ...]:
        """Every readable model, bundled first, then the person's own, each by name."""
        found: list[ModelInfo] = []
        problems: list[str] = []
        for folder in (self.bundled_folder, self.folder):
            shelf: list[ModelInfo] = []
            for path in sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else ():
                info = self._look(path)
                if isinstance(info, LodestoneError):
                    problems.append(info.sentence)
                elif all(info.id != other.id for other in (*found, *shelf)):
                    shelf.append(info)
            found += sorted(shelf, key=lambda info: info.name.casefold())
        self.problems = tuple(problems)
        return tuple(found)

    def find(self, wanted: str, progress: Progress | None = None) -> ModelInfo:
        """By name (any case), id (or its first 8 or more digits) or path.

        A path to a card is used where it lies; a foreign file is imported first.
        """
        models = self.models()
        for info in models:
            if wanted == info.id or wanted.casefold() == info.name.casefold():
                return info
        if re.fullmatch(r"[0-9a-f]{8,64}", wanted):
            matches = [info for info in models if info.id.startswith(wanted)]
            if len(matches) == 1:
                return matches[0]
        path = Path(wanted).expanduser()
        if not path.exists():
            names = ", ".join(info.name for info in models) or "none yet"
            raise LodestoneError(
                f"There is no model and no file called {wanted}. The models are: {names}."
            )
        if files.is_safetensors(path):
            return self._info(files.read_card(path), path)
        return self.import_file(path, progress=progress)

    def import_file(
        self, path: str | Path, name: str = "", progress: Progress | None = None
    ) -> ModelInfo:
        """Put a model on the shelf: read it, write its card into the library, tell what it is.

        A model that is there already is not stored twice.
        """
        progress = progress or Progress()
        path = Path(path)
        progress(0.0, f"Reading {path.name}")
        card, state = self._read_any(path)
        if name:
            card = dataclasses.replace(card, name=name)
        card = _with_class_names(card)
        progress(0.6, "Checking the weights")
        registry.build(card, state)  # refuses what does not fit before it is on the shelf
        identity = files.identity(state, card.architecture, card.hyper)
        for info in self.models():
            if info.id == identity:
                progress(1.0, f"{info.name} is in the library already")
                return info
        card = dataclasses.replace(card, name=self._free_name(card.name))
        target = self._free_path(card.name)
        progress(0.8, f"Saving {card.name}")
        card = files.save_model(target, state, card)
        progress(1.0, f"{card.name} is ready")
        return self._info(card, target)

    def _read_any(self, path: Path) -> tuple[Card, dict]:
        if files.is_safetensors(path):
            return files.load_model(path)
        from models.foreign import read_foreign

        return read_foreign(path)

    def _look(self, path: Path) -> ModelInfo | LodestoneError:
        """The card of a file, remembered until the file changes."""
        try:
            status = path.stat()
        except OSError as error:
            return LodestoneError(
                f"{path.name} cannot be opened. Check that you may read it.", repr(error)
            )
        key = (str(path), status.st_mtime_ns, status.st_size)
        if key not in self._read:
            try:
                self._read[key] = self._info(files.read_card(path), path)
            except LodestoneError as error:
                self._read[key] = error
        return self._read[key]

    def _info(self, card: Card, path: Path) -> ModelInfo:
        path = path.absolute()
        return model_info(card, path, bundled=path.parent == self.bundled_folder.absolute())

    def _free_name(self, name: str) -> str:
        taken = {info.name.casefold() for info in self.models()}
        candidate, number = name, 2
        while candidate.casefold() in taken:
            candidate, number = f"{name} {number}", number + 1
        return candidate

    def _free_path(self, name: str) -> Path:
        stem = file_stem(name)
        path, number = self.folder / f"{stem}{SUFFIX}", 2
        while path.exists():
            path, number = self.folder / f"{stem}-{number}{SUFFIX}", number + 1
        return path


def _with_class_names(card: Card) -> Card:
    """ImageNet's names for a BigGAN that has as many classes and names none.

    Its files hold numbers only; all published ones of 1,000 classes were trained on ImageNet, whose
    classes are numbered in the order of their WordNet ids.
    """
    if card.class_names or not card.architecture.startswith("biggan"):
        return card
    try:
        names = (paths.assets() / "classes" / "imagenet.txt").read_text("utf-8").splitlines()
    except OSError:
        return card
    if len(names) != card.hyper.get("c_dim"):
        return card
    note = f"{card.provenance} Its classes bear the names of ImageNet's, which it does not tell."
    return dataclasses.replace(card, class_names=tuple(names), provenance=note)


def model_info(card: Card, path: Path, bundled: bool = False) -> ModelInfo:
    """What the window knows of a model, from its card alone."""
    layers = registry.generator_layers(card)
    hyper = card.hyper
    try:
        c_dim = int(hyper.get("c_dim", 0))
        names = card.class_names or tuple(f"class {index}" for index in range(c_dim))
        return ModelInfo(
            id=card.sha256,
            name=card.name,
            path=str(path),
            architecture=card.architecture,
            resolution=int(hyper["resolution"]),
            channels=int(hyper.get("img_channels", hyper["channels"][-1])),
            z_dim=int(hyper["z_dim"]),
            w_dim=int(hyper["w_dim"]),
            c_dim=c_dim,
            num_ws=max(layer.ws_index for layer in layers) + 1,
            layers=tuple(layers),
            class_names=names if c_dim else (),
            licence=card.licence,
            attribution=card.attribution,
            provenance=card.provenance,
            bundled=bundled,
            parity=card.parity,
            class_width=int(hyper.get("class_width", 0)),
        )
    except (LookupError, ValueError, TypeError) as error:
        raise LodestoneError(
            f"The model card of {card.name} does not describe a generator. "
            "Import the original file again.",
            repr(error),
        ) from error


def file_stem(name: str) -> str:
    """A file name without what Windows, macOS or Linux forbid; letters of any script stay."""
    text = unicodedata.normalize("NFC", name)
    text = re.sub(r'[\x00-\x1f<>:"/\\|?*]+', "-", text).strip(" .-")[:80]
    reserved = re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d)", text)
    return f"{text}-model" if reserved else text or "model"
