"""The open sound as observable state: what is asked of it, and what has come back so far."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
from PySide6.QtCore import QObject, Signal, Slot

from app.aside import Aside
from app.history import History
from app.jobs import Jobs
from app.link import EngineLink
from app.sound_asking import Asking, Take
from app.sound_shelf import Shelf, new_key
from app.sound_source import Refusal, Source, read_source, read_whole
from app.sound_state import (
    Kept,
    SoundState,
    joined,
    opened,
    recipes,
    region,
)
from engine.messages import (
    Answer,
    LodestoneError,
    SoundQuestion,
    SoundRecipe,
    SoundReply,
    SoundTrainRequest,
    Span,
)

LEVEL_KEY = "sound:level"
LEVEL = 8.0
"""Seconds that are heard of a pyramid in training."""
MOST_LEARNT = 4
"""Recordings one pyramid is trained on."""
AT_ONCE = 4_000_000
"""Samples that are written to the disk without anybody noticing."""
UNSEEDED = ("seed", "count", "locked", "kept", "dropped", "source", "task", "model", "upper")
"""Changes after which free seeds stay."""


class Sounding(QObject):
    """Widgets read `state`, `source` and `takes`, call `change`, and listen."""

    changed = Signal()
    """The state is another one."""
    source_changed = Signal()
    level_heard = Signal(object, int)
    """What a training has come to: samples (channels, N), rate."""
    kept_read = Signal(str)
    """The samples of the kept take with this key are there (`sound_of`)."""
    reading = Signal(str)
    """Name of the recording that is being read; empty when it is there."""
    failed = Signal(str)

    def __init__(
        self, link: EngineLink, jobs: Jobs, home: Path, samples: Path, parent: QObject | None = None
    ):
        """`home`: the person's folder; `samples`: what ships with the program."""
        super().__init__(parent)
        self._home, self._samples = home, samples
        self.history = History(self.apply, self)
        self.undo_stack = self.history.stack
        self.shelf = Shelf(home / "takes")
        self.state = SoundState(kept=self.shelf.load())
        self.source: Source | None = None
        self.asking = Asking(link, jobs, self)
        self.arrived = self.asking.arrived
        self._aside = Aside(self)
        self._of_kept: tuple[str, np.ndarray, int] | None = None
        self._kept_asked = ""
        self._aside.done.connect(self._read)
        self._link, self._level = link, 0
        link.answer.connect(self._answer)

    @property
    def takes(self) -> list[Take]:
        """One a recipe of the state."""
        return self.asking.takes

    def _lay_out(self) -> None:
        wanted = recipes(self.state, self.length)
        self.asking.lay_out(wanted, self.state.task == "effects", self.length)

    # -------------------------------------------------------------- reading

    @property
    def length(self) -> float:
        """Seconds of the source; 0 while there is none."""
        return self.source.seconds if self.source is not None else 0.0

    def open(self, path: str) -> None:
        """Another recording; a pyramid that was trained on it before takes over."""
        self.reading.emit(Path(path).name)
        self._aside.ask("open", lambda: read_source(path))

    def add(self, field: str, path: str) -> None:
        """Another recording beside the source: `second` of a morph, one more of `others`."""
        self._aside.ask(field, lambda: read_source(path))

    @Slot(str, object)
    def _read(self, key: str, result: object) -> None:
        if isinstance(result, Refusal):
            self._unread(key, result)
        elif key.startswith("kept:") and isinstance(result, tuple):
            self._of_kept, self._kept_asked = (key.removeprefix("kept:"), *result), ""
            self.kept_read.emit(self._of_kept[0])
        elif not isinstance(result, Source):
            return
        elif key == "open":
            self._open(result)
        elif key == "again" and result.path == self.state.source:
            self._take_source(result)
            self._lay_out()
            self.changed.emit()
        elif key == "second":
            self.change(self.tr("Second sound"), second=result.path)
        elif key == "others":
            others = tuple(dict.fromkeys((*self.state.others, result.path)))
            self.change(self.tr("Add a recording"), others=others)

    def _unread(self, key: str, error: Refusal) -> None:
        self.reading.emit("")
        self.failed.emit(error.sentence)
        if key.startswith("put:"):
            self.let_go(key.removeprefix("put:"))

    def _open(self, source: Source) -> None:
        self._take_source(source)
        card = self.card_path(source)
        model = next((str(c) for c in (card, self._bundled(source.path)) if c.is_file()), "")
        new = opened(self.state, source.path, source.seconds, source.sound.rate, model)
        if not card.is_file():
            # One that ships waits to be asked.
            new = replace(new, engine="grains")
        if new == self.state:
            self._lay_out()
            self.changed.emit()
        self.edit(self.tr("Open a recording"), new)

    def _take_source(self, source: Source) -> None:
        self.source = source
        # The file may have changed since: what was made of the old one is not it.
        self.asking.forget(lambda recipe: recipe.source == source.path)
        self.asking.clear()
        self.reading.emit("")
        self.source_changed.emit()

    def _bundled(self, path: str) -> Path:
        """The pyramid that ships with a sample, where it does."""
        own = Path(path).parent == self._samples
        return self._samples / f"{Path(path).stem}.safetensors" if own else Path()

    def card_path(self, source: Source) -> Path:
        """The newest pyramid of this recording, or where its first one will lie."""
        folder = self._models()
        # The same recording under another name is the same recording.
        same = list(folder.glob(f"*-{source.sound.sha256[:8]}*.safetensors"))
        newest = max(same, key=lambda card: card.stat().st_mtime, default=None)
        return newest or folder / f"{source.card_stem}.safetensors"

    def _models(self) -> Path:
        return self._home / "models" / "sounds"

    def training(self, seconds: float) -> SoundTrainRequest | None:
        """What would be trained for the task that is shown; None: there is nothing to learn from.

        Another region, other holes or other sounds are another pyramid with a file of its own.
        """
        state, source = self.state, self.source
        if source is None or (state.task == "extend" and not state.others):
            return None
        if state.task == "extend":
            others = self._upper
            out = self._models() / f"{Path(others[0]).stem}-{_digest(others)}.safetensors"
            return SoundTrainRequest(others, str(out), Path(others[0]).stem, seconds)
        second = (state.second,) if state.task == "morph" and state.second else ()
        special = (state.start, state.end, state.holes, second)
        ending = "" if special == (0.0, 0.0, (), ()) else f"-{_digest(special)}"
        return SoundTrainRequest(
            sources=(source.path, *second),
            out=str(self._models() / f"{source.card_stem}{ending}.safetensors"),
            name=source.name,
            seconds=seconds,
            start=state.start,
            end=state.end,
            holes=state.holes,
        )

    # -------------------------------------------------------------- changes

    def edit(self, text: str, new: SoundState, merge: str = "") -> None:
        """One undoable change; `merge` names what is being changed, so that a gesture merges."""
        if new != self.state:
            self.history.push(text, self.state, new, merge)

    def change(self, text: str, merge: str = "", **fields: object) -> None:
        """Change named fields. With free seeds every change brings new ones."""
        new = replace(self.state, **fields)  # type: ignore[arg-type]
        if not new.locked and not fields.keys() & set(UNSEEDED) and new != self.state:
            new = replace(new, seed=new.seed + new.count)
        self.edit(text, new, merge)

    def set_spans(self, field: str, text: str, spans: tuple[Span, ...], merge: str = "") -> None:
        """Holes or stretches of noise; what lies outside the source is left out, in words."""
        inside = joined(spans, self.length)
        if len(inside) < len(spans) and any(a >= self.length or b <= 0 for a, b in spans):
            self.failed.emit(
                f"The source ends at {self.length:.2f} s. Mark a stretch that lies inside."
            )
        self.change(text, merge, **{field: inside})

    def set_region(self, span: Span, merge: str = "") -> None:
        """The part of the source that takes are made from."""
        start, end = max(min(span), 0.0), min(max(span), self.length)
        if end - start < 0.02 or (start <= 0.0 and end >= self.length):
            start = end = 0.0
        self.change(self.tr("Region"), merge, start=round(start, 4), end=round(end, 4))

    @property
    def region(self) -> Span:
        return region(self.state, self.length)

    def is_mine(self, request: SoundTrainRequest) -> bool:
        """Whether a training is about the sound that is open, or about its upper band."""
        return self.source is not None and (
            request.sources[0] == self.source.path or request.sources == self._upper
        )

    @property
    def _upper(self) -> tuple[str, ...]:
        """What a pyramid of the upper band is trained on."""
        return self.state.others[:MOST_LEARNT]

    def take_pyramid(self, card: str, request: SoundTrainRequest) -> None:
        """A training is done: the pyramid answers now."""
        # Trained further: what the younger one made is not what this one makes.
        self.asking.forget(lambda recipe: recipe.model == card)
        words = self.tr("Use the trained pyramid")
        if request.sources == self._upper:
            self.change(words, upper=card, engine="pyramid")
        else:
            self.change(
                words,
                model=card,
                engine="pyramid",
                unheard=request.holes,
                learnt=request.sources[1:],
            )
        self._lay_out()

    def hear_level(self, card: str) -> None:
        """A few seconds from a pyramid in training; `level_heard` follows."""
        recipe = SoundRecipe(
            self.state.source, engine="pyramid", model=card, seconds=min(LEVEL, self.length)
        )
        self._level = self._link.client.ask(SoundQuestion(recipe), LEVEL_KEY)

    @Slot(object)
    def _answer(self, answer: Answer) -> None:
        body = answer.body
        asked = answer.key == LEVEL_KEY and answer.stamp == self._level
        if asked and answer.done and isinstance(body, SoundReply):
            self.level_heard.emit(body.samples.array(), body.rate)

    def apply(self, state: SoundState) -> None:
        """Take a state without an undo entry (the commands use it)."""
        before, self.state = self.state, state
        self._shelve(before, state)
        if self.source is None or state.source != self.source.path:
            # Undo and redo come back to a recording whose file may have gone.
            self.source = None
            self.asking.clear()
            self.source_changed.emit()
            if state.source:
                self.reading.emit(Path(state.source).name)
                self._aside.ask("again", lambda: read_source(state.source))
        self._lay_out()
        self.changed.emit()

    # -------------------------------------------------------------- keeping

    def keep(self, index: int, name: str = "") -> None:
        """Star a take: it becomes a file of its own. Again: let it go."""
        take = self.takes[index]
        starred = self.starred(take.recipe)
        if starred is not None:
            self.let_go(starred.key)
            return
        if not take.done or take.samples is None or take.reply is None:
            return
        kept = Kept(
            new_key(), name or take.title, take.recipe, take.samples.shape[1] / take.rate,
            take.rate, take.reply.near, take.reply.far, take.reply.copy, take.reply.engine,
            take.outline,
        )  # fmt: skip
        if self._put(kept, take.samples):
            self.change(self.tr("Star a take"), kept=(*self.state.kept, kept))

    def _put(self, kept: Kept, samples: np.ndarray) -> bool:
        def put() -> Refusal | None:
            try:
                self.shelf.put(kept, samples)
            except LodestoneError as error:
                return Refusal(error.sentence)
            return None

        if samples.size > AT_ONCE:
            self._aside.ask(f"put:{kept.key}", put)
            return True
        error = put()
        if error is not None:
            self.failed.emit(error.sentence)
        return error is None

    def starred(self, recipe: SoundRecipe) -> Kept | None:
        return next((kept for kept in self.state.kept if kept.recipe == recipe), None)

    def let_go(self, key: str) -> None:
        kept = tuple(one for one in self.state.kept if one.key != key)
        self.change(self.tr("Delete a take"), kept=kept)

    def rename(self, key: str, name: str) -> None:
        name = name.strip()[:80]
        if name:
            kept = tuple(replace(k, name=name) if k.key == key else k for k in self.state.kept)
            self.change(self.tr("Rename a take"), kept=kept)

    def drop(self, index: int) -> None:
        """A take that is not worth keeping leaves the list."""
        dropped = (*self.state.dropped, self.takes[index].recipe)
        self.change(self.tr("Delete a take"), dropped=dropped)

    def _shelve(self, before: SoundState, after: SoundState) -> None:
        """The folder follows the state, undo and redo too."""
        old = {kept.key: kept for kept in before.kept}
        new = {kept.key: kept for kept in after.kept}
        try:
            for key in old.keys() - new.keys():
                self.shelf.remove(key)
            for key, kept in new.items():
                if old.get(key) != kept:
                    self.shelf.note(kept)
        except LodestoneError as error:
            self.failed.emit(error.sentence)

    def sound_of(self, key: str) -> tuple[np.ndarray, int] | None:
        """Samples and rate of a kept take; None: it is being read, `kept_read` follows."""
        if self._of_kept is not None and self._of_kept[0] == key:
            return self._of_kept[1:]
        if self._kept_asked != key:
            self._kept_asked = key
            path = str(self.shelf.sound(key))
            self._aside.ask(f"kept:{key}", lambda: read_whole(path))
        return None


def _digest(value: object) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()[:6]
