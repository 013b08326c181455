"""What a dropped or chosen file is, by content, and what becomes of it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QImageReader

from app.document import Document
from app.link import EngineLink
from app.persist import read_directions, read_preset, restored
from app.sound_source import ENDINGS
from app.state import SteerState, from_request
from app.state import opened as first_state
from app.upscale_state import FILMS
from engine.client import read_state
from engine.messages import (
    Direction,
    Failure,
    LodestoneError,
    ModelInfo,
    ModelOpened,
    ModelsListed,
    SteerRequest,
)

Recipe = tuple[SteerRequest, tuple[Direction, ...]]


OPENABLE = (
    "Everything Lodestone reads (*.safetensors *.pkl *.pt *.pth *.json *.png *.lodestone *.zip "
    "*.jpg *.jpeg *.webp *.tif *.tiff *.wav *.flac *.aif *.aiff *.ogg *.mp3 *.mp4 *.mov *.mkv);;"
    "All files (*)"
)
PHOTOS = (b"\xff\xd8\xff", b"II*\x00", b"MM\x00*", b"GIF8", b"BM")
"""First bytes of JPEG, TIFF, GIF and BMP files."""
SOUNDS = (b"fLaC", b"OggS", b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2", b"\xff\xfa")
"""First bytes of FLAC, OGG and MP3 files."""


def kind_of(path: Path) -> str:
    """`data`, `picture`, `photo`, `film`, `sound`, `preset`, `project` or `model`, by the first
    bytes."""
    if path.is_dir():
        return "data"
    with path.open("rb") as file:
        head = file.read(16)
    if head.startswith(b"\x89PNG"):
        return "picture"
    if head.startswith(PHOTOS) or head[8:12] == b"WEBP":
        return "photo"
    if head.startswith(SOUNDS) or head[8:12] in (b"WAVE", b"AIFF", b"AIFC"):
        return "sound"
    if path.suffix.lower() in FILMS:
        return "film"
    # What only calls itself a sound is refused as one.
    if path.suffix.lower() in ENDINGS:
        return "sound"
    if head.startswith(b"SQLite format 3\0"):
        return "project"
    if head.lstrip()[:1] in (b"{", b"["):
        return "preset"
    # A PyTorch file is a zip too, so here the name must decide.
    if head.startswith(b"PK") and path.suffix.lower() == ".zip":
        return "data"
    return "model"


def _ours(path: str) -> bool:
    """Whether a PNG remembers how a generator made it; any other is a picture to work from."""
    reader = QImageReader(path)
    return f'"type": "{SteerRequest.__name__}"' in reader.text("lodestone")


class Opener(QObject):
    """Opens generators and recipes; a recipe waits for its generator."""

    leaving = Signal()
    """Another generator is about to take the document's place."""
    arrived = Signal()
    """A generator is open and on the Steer panel."""
    failed = Signal(str)
    working = Signal(str)
    """What is being done, in words."""
    directions_read = Signal(object, str)
    """(Directions of a file, its name), once a generator is open."""
    data_chosen = Signal(str)
    project_chosen = Signal(str)
    photo_chosen = Signal(str)
    """A picture that is no recipe."""
    sound_chosen = Signal(str)
    film_chosen = Signal(str)

    def __init__(self, document: Document, link: EngineLink, parent: QObject | None = None):
        super().__init__(parent)
        self._document, self._link = document, link
        self._recipe: Recipe | None = None
        self._state: SteerState | None = None
        self._directions: tuple[tuple[Direction, ...], str] | None = None
        self.models: tuple[ModelInfo, ...] = ()
        self.last_model = ""
        link.opened.connect(self._opened)
        link.listed.connect(self._listed)
        link.failure.connect(self._failure)

    def open_path(self, path: str) -> None:
        """Anything: what it is decides what happens."""
        try:
            kind = kind_of(Path(path))
            if kind == "data":
                self.data_chosen.emit(path)
            elif kind == "project":
                self.project_chosen.emit(path)
            elif kind == "photo" or (kind == "picture" and not _ours(path)):
                self.photo_chosen.emit(path)
            elif kind == "film":
                self.film_chosen.emit(path)
            elif kind == "sound":
                self.sound_chosen.emit(path)
            elif kind == "picture":
                self.open_recipe((read_state(path), ()))
            elif kind == "preset":
                self._open_json(Path(path))
            else:
                self.open_model(path)
        except LodestoneError as error:
            self.failed.emit(error.sentence)
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", "") or "it is not text"
            self.failed.emit(f"{Path(path).name} cannot be read: {why}. Choose another file.")

    def _open_json(self, path: Path) -> None:
        """A preset, or directions alone: these wait for their generator when none is open."""
        text, info = path.read_text("utf-8"), self._document.info
        directions = read_directions(text)
        if not directions:
            request, directions = read_preset(text)
            own = tuple(one for one in directions if one.model in ("", request.model))
            self.open_recipe((request, own))
            strangers = tuple(one for one in directions if one not in own)
            if strangers and self._recipe is not None:
                self._directions = (strangers, path.name)
            elif strangers and info is not None and info.id == request.model:
                self.directions_read.emit(strangers, path.name)
        elif info is not None:
            self.directions_read.emit(directions, path.name)
        elif any(model.id == directions[0].model for model in self.models):
            self._directions = (directions, path.name)
            self._ask(directions[0].model)
        else:
            self.failed.emit(
                f"{path.name} holds directions. Open their generator, then drop it again."
            )

    def open_recipe(self, recipe: Recipe) -> None:
        """Show a recipe; its generator is opened when it is not the one on the canvas."""
        info = self._document.info
        if info is not None and info.id == recipe[0].model:
            state = restored(self._document.state, *recipe)
            self._document.edit("Open a recipe", state)
            self.arrived.emit()
            return
        known = {model.id for model in self.models}
        if self.models and recipe[0].model not in known:
            self.failed.emit(
                "This recipe was made with a generator that is not here. "
                "Open that generator's file first, then drop the recipe again."
            )
            return
        self._recipe = recipe
        self._ask(recipe[0].model)

    def open_state(self, state: SteerState, path: str = "") -> None:
        """Restore a whole Steer state (from a project)."""
        self._state = state
        self._ask(path or state.model)

    def open_model(self, name_or_path: str, request: SteerRequest | None = None) -> None:
        self._recipe = (request, ()) if request is not None else None
        self._ask(name_or_path)

    def _ask(self, name_or_path: str) -> None:
        self.last_model = name_or_path
        shown = next((m.name for m in self.models if m.id == name_or_path), Path(name_or_path).name)
        self.working.emit(f"Opening {shown} …")
        self._link.client.open_model(name_or_path)

    @Slot(object)
    def _listed(self, listed: ModelsListed) -> None:
        self.models = listed.models

    @Slot(object)
    def _opened(self, opened: ModelOpened) -> None:
        recipe, self._recipe = self._recipe, None
        stored, self._state = self._state, None
        known = self._document.info
        if stored is None and known is not None:
            if known.id == opened.info.id:
                self._again(recipe)
                return
            self.leaving.emit()
        fresh = first_state(opened.info, opened.directions)
        if stored is not None and stored.model == opened.info.id:
            self._document.open(opened.info, stored)
        elif recipe is not None and recipe[0].model in ("", opened.info.id):
            self._document.open(opened.info, _with_recipe(fresh, recipe))
        else:
            self._document.open(opened.info, fresh)
        self.working.emit("")
        self.arrived.emit()
        waiting, self._directions = self._directions, None
        if waiting is not None:
            self.directions_read.emit(*waiting)

    def _again(self, recipe: Recipe | None) -> None:
        """The generator on the canvas was opened once more: what was done with it stays."""
        if recipe is not None:
            state = restored(self._document.state, *recipe)
            self._document.edit("Open a recipe", state)
        self.working.emit("")
        self.arrived.emit()

    @Slot(object)
    def _failure(self, failure: Failure) -> None:
        if failure.key == "model":
            self._recipe = self._state = self._directions = None
            self.working.emit("")
            self.failed.emit(failure.sentence)


def _with_recipe(state: SteerState, recipe: Recipe) -> SteerState:
    request, directions = recipe
    return restored(state, request, directions) if directions else from_request(state, request)
