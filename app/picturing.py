"""The open picture as observable state: what is asked of it, and what has come back so far."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal, Slot
from PySide6.QtGui import QImage

from app.history import History
from app.link import EngineLink
from app.picture_source import Source, card_name, read_source
from app.picture_state import PictureState, opened, recipes
from engine.messages import (
    Answer,
    Failure,
    LodestoneError,
    Picture,
    PictureQuestion,
    PictureRecipe,
    PictureReply,
    PictureTrainRequest,
    Vector,
)

KEY = "picture:"
REMEMBERED = 96
"""Finished pictures at hand, so that undo shows them at once."""
WAIT_MS = 120
"""A slider on its way does not ask at every pixel."""
UNSEEDED = ("seed", "count", "locked", "kept", "source", "task", "model", "others", "mixing")
"""Changes after which free seeds stay."""


@dataclass
class Shown:
    """One picture of the wall: as far as it has come."""

    recipe: PictureRecipe
    image: QImage | None = None
    """None: nothing yet. While a new one is on its way, the one before."""
    reply: PictureReply | None = None
    """The newest word about `recipe`."""
    seconds: float = 0.0
    failed: str = ""
    done: bool = False

    @property
    def fraction(self) -> float:
        if self.done:
            return 1.0
        # After the last level the scores are still to come.
        return min(self.reply.level / max(self.reply.levels, 1), 0.98) if self.reply else 0.0


class Picturing(QObject):
    """Widgets read `state`, `source` and `shown`, call `change`, and listen."""

    changed = Signal()
    """The state is another one."""
    source_changed = Signal()
    arrived = Signal(int)
    """Something new about the picture with this number."""
    failed = Signal(str)

    def __init__(
        self, link: EngineLink, models: Path, samples: Path, parent: QObject | None = None
    ):
        """`models`: folder where pyramids are looked for; `samples`: pictures that ship."""
        super().__init__(parent)
        self.link = link
        self._models, self._samples = models, samples
        self.history = History(self.apply, self)
        self.undo_stack = self.history.stack
        self.state = PictureState()
        self.source: Source | None = None
        self.shown: list[Shown] = []
        self.levels = 0
        """Levels of the newest answer; 0 while unknown."""
        self.hasty = False
        """While a hand is painting only the first picture is asked for."""
        self._done: OrderedDict[PictureRecipe, tuple[QImage, PictureReply]] = OrderedDict()
        self._stamps: dict[str, int] = {}
        self._busy: set[int] = set()
        """Numbers of the pictures that the engine is at."""
        self._looked: dict[str, QImage] = {}
        self._kept_before: dict[PictureRecipe, QImage] = {}
        self._wait = QTimer(self)
        self._wait.setSingleShot(True)
        self._wait.setInterval(WAIT_MS)
        self._wait.timeout.connect(self._ask)
        link.answer.connect(self._answer)
        link.failure.connect(self._failure)

    # -------------------------------------------------------------- changes

    def open(self, path: str) -> None:
        """Another picture; a pyramid that was trained on it before takes over."""
        try:
            source = read_source(path)
            card = self.card_path(path)
        except LodestoneError as error:
            self.failed.emit(error.sentence)
            return
        except OSError as error:
            self.failed.emit(f"{Path(path).name} cannot be read: {error.strerror}. Choose another.")
            return
        self._remember_source(source)
        model = next((str(c) for c in (card, self._bundled(path)) if c.is_file()), "")
        self.edit(self.tr("Open a picture"), opened(self.state, path, model, card.is_file()))

    def _bundled(self, path: str) -> Path:
        """The pyramid that ships with a sample picture, where it does."""
        own = Path(path).parent == self._samples
        return self._samples / f"{Path(path).stem}.safetensors" if own else Path()

    def card_path(
        self, path: str, others: tuple[str, ...] = (), hole: Vector | None = None
    ) -> Path:
        """Where a pyramid trained on these pictures, around this hole, lies or will lie."""
        name = card_name((path, *others), b"" if hole is None else hole.data)
        folder = self._models / "pictures"
        # The same picture under another name is the same picture.
        same = sorted(folder.glob(f"*-{name.rpartition('-')[2]}"))
        return same[0] if same else folder / name

    def _with_cards(self, new: PictureState) -> PictureState:
        """Pyramids that were trained for what is wanted now are found again."""
        old = self.state
        if (new.source, new.others) != (old.source, old.others):
            new = replace(new, blend_model=self._card(new, others=new.others))
        if (new.source, new.hole) != (old.source, old.hole):
            new = replace(new, hole_model=self._card(new, hole=new.hole))
        return new

    def _card(
        self, state: PictureState, others: tuple[str, ...] = (), hole: Vector | None = None
    ) -> str:
        if not state.source or not (others or hole is not None):
            return ""
        try:
            card = self.card_path(state.source, others, hole)
        except OSError:
            return ""  # One of the pictures has gone; asking for the blend says which.
        return str(card) if card.is_file() else ""

    def look(self, path: str, quiet: bool = False) -> QImage | None:
        """Another picture as it is shown; None, and said unless `quiet`, when there is none."""
        if path not in self._looked:
            try:
                self._looked[path] = read_source(path).image
            except LodestoneError as error:
                if not quiet:
                    self.failed.emit(error.sentence)
                return None
        return self._looked[path]

    def exchange(self, index: int, state: PictureState) -> None:
        """Picture `index` of a blend (1 = B) and the source in each other's place."""
        path = state.others[index - 1]
        others = tuple(state.source if other == path else other for other in state.others)
        try:
            card = self.card_path(path)
        except OSError:
            self.failed.emit(f"{Path(path).name} has gone. Choose another picture.")
            return
        model = next((str(c) for c in (card, self._bundled(path)) if c.is_file()), "")
        new = replace(
            opened(state, path, model, card.is_file()),
            others=others,
            identity=state.identity,
            pattern=state.pattern,
            mixing=state.mixing,
            structure=state.structure,
            texture=state.texture,
            engine=state.engine,
            seed=state.seed,
        )
        self.edit(self.tr("Exchange pictures"), new)

    def edit(self, text: str, new: PictureState, merge: str = "") -> None:
        """One undoable change; `merge` names what is being changed, so that a gesture merges."""
        new = self._with_cards(new)
        if new != self.state:
            self.history.push(text, self.state, new, merge)

    def change(self, text: str, merge: str = "", **fields: object) -> None:
        """Change named fields. With free seeds every change brings new ones."""
        new = replace(self.state, **fields)  # type: ignore[arg-type]
        if not new.locked and not fields.keys() & set(UNSEEDED) and new != self.state:
            new = replace(new, seed=new.seed + new.count)
        self.edit(text, new, merge)

    def keep(self, index: int) -> None:
        """Keep a picture of the wall, or let it go again."""
        recipe = self.shown[index].recipe
        if recipe in self.state.kept:
            self.let_go(recipe)
        elif self.shown[index].done:
            self.change(self.tr("Keep a picture"), kept=(*self.state.kept, recipe))

    def let_go(self, recipe: PictureRecipe) -> None:
        kept = tuple(one for one in self.state.kept if one != recipe)
        self.change(self.tr("Let a picture go"), kept=kept)

    def take_pyramid(self, request: PictureTrainRequest, card: str) -> None:
        """A training is done: the pyramid answers now."""
        for recipe in [one for one in self._done if one.model == card]:
            # Trained further: what the younger one drew is not what this one draws.
            if recipe not in self.state.kept:
                del self._done[recipe]
        blend, hole = len(request.sources) > 1, request.mask is not None
        field = "blend_model" if blend else "hole_model" if hole else "model"
        fields: dict[str, object] = {field: card, "engine": "pyramid"}
        new = replace(self.state, **fields)  # type: ignore[arg-type]
        self.edit(self.tr("Use the trained pyramid"), new)

    def restore(self, kept: dict[PictureRecipe, QImage]) -> None:
        """What was kept in earlier sessions."""
        self._kept_before = kept
        self.state = replace(self.state, kept=tuple(kept))
        self.changed.emit()

    def image_of(self, recipe: PictureRecipe) -> QImage | None:
        """A finished picture."""
        found = self._done.get(recipe)
        return found[0] if found is not None else self._kept_before.get(recipe)

    def apply(self, state: PictureState) -> None:
        """Take a state without an undo entry (the commands use it)."""
        before, self.state = self.state, state
        if state.source != before.source:
            self._read_again(state.source)
        self._lay_out()
        self.changed.emit()

    def _read_again(self, path: str) -> None:
        """Undo and redo come back to a picture whose file may have gone."""
        if self.source is None or self.source.path != path:
            try:
                self.source = read_source(path) if path else None
            except LodestoneError as error:
                self.source = None
                self.failed.emit(error.sentence)
        self.levels = 0
        self.source_changed.emit()

    def _remember_source(self, source: Source) -> None:
        self.source = source
        # The file may have changed since: what was drawn from the old one is not it.
        for recipe in [one for one in self._done if one.source == source.path]:
            if recipe not in self.state.kept:
                del self._done[recipe]

    # -------------------------------------------------------------- asking

    def _lay_out(self) -> None:
        """The wall's tiles; what is known is shown at once, the rest is asked for."""
        wanted = recipes(self.state, self.source.size) if self.source is not None else ()
        before = self.shown
        same_source = bool(before) and wanted and before[0].recipe.source == wanted[0].source
        shown = []
        for index, recipe in enumerate(wanted):
            if index < len(before) and before[index].recipe == recipe:
                shown.append(before[index])
                continue
            self._stamps.pop(f"{KEY}{index}", None)
            known = self._done.get(recipe)
            old = before[index].image if same_source and index < len(before) else None
            shown.append(Shown(recipe, *known, done=True) if known else Shown(recipe, old))
        self.shown = shown
        if self._busy or any(not one.done for one in shown):
            self._wait.start()

    def set_hasty(self, on: bool) -> None:
        """The hand begins or ends to paint."""
        self.hasty = on
        if not on:
            self._wait.start()

    @Slot()
    def _ask(self) -> None:
        asked = self.shown[:1] if self.hasty else self.shown
        for index in [i for i in self._busy if i >= len(asked) or asked[i].done]:
            # Nobody looks at it any more: the engine is free for what is looked at.
            self._busy.remove(index)
            self._stamps.pop(f"{KEY}{index}", None)
            self.link.client.forget(f"{KEY}{index}")
        for index, one in enumerate(asked):
            key = f"{KEY}{index}"
            if not one.done and one.reply is None and not one.failed:
                self._busy.add(index)
                self._stamps[key] = self.link.client.ask(PictureQuestion(one.recipe), key)

    @Slot(object)
    def _answer(self, answer: Answer) -> None:
        body = answer.body
        index = self._place(answer.key, answer.stamp)
        if index is None or not isinstance(body, PictureReply):
            return
        one = self.shown[index]
        one.image, one.reply, one.seconds = picture_image(body.picture), body, answer.ms / 1000
        self.levels = body.levels
        if answer.done:
            one.done = True
            self._busy.discard(index)
            self._done[one.recipe] = (one.image, body)
            self._forget_oldest()
        self.arrived.emit(index)

    def _place(self, key: str, stamp: int) -> int | None:
        """Number of the picture this is about; None when nobody waits for it any more."""
        if not key.startswith(KEY) or self._stamps.get(key) != stamp:
            return None
        index = int(key.removeprefix(KEY))
        return index if index < len(self.shown) else None

    def _forget_oldest(self) -> None:
        spare = [one for one in self._done if one not in self.state.kept]
        for recipe in spare[: max(len(self._done) - REMEMBERED, 0)]:
            del self._done[recipe]

    @Slot(object)
    def _failure(self, failure: Failure) -> None:
        index = self._place(failure.key, failure.stamp)
        if index is not None:
            self._busy.discard(index)
            # The window says the sentence; here the tile stops waiting.
            self.shown[index].failed = failure.sentence
            self.arrived.emit(index)


def picture_image(picture: Picture) -> QImage:
    """A QImage that owns its pixels; with alpha where the picture has it."""
    clear = picture.array()[..., 3].min() < 255
    kind = QImage.Format.Format_ARGB32 if clear else QImage.Format.Format_RGB32
    stride = picture.width * 4
    return QImage(picture.pixels, picture.width, picture.height, stride, kind).copy()
