"""Looking for directions: asks for the jobs, and turns what they find into cards."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.document import Document
from app.jobs import ACTIVE, Jobs
from app.state import Card, SteerState, fresh_key
from engine.client import fits, from_json
from engine.messages import (
    ChannelsRequest,
    Direction,
    DiscoverRequest,
    JobUpdate,
    LodestoneError,
    ModelInfo,
    SteerRequest,
    Vector,
)

FOLDER = "directions"
"""Beside the project: what was found."""


@dataclass(frozen=True)
class Wish:
    """What to look for, as the panel's fields say it."""

    method: str = "pca"
    space: str = "w"
    at: str = ""
    layers: tuple[int, int] | None = None
    count: int = 8
    samples: int = 10_000
    seed: int = 0
    own_class: bool = True
    """Look at the classes of the picture only."""


@dataclass(frozen=True)
class Search:
    """A job that looks for directions, and its loss so far."""

    update: JobUpdate
    losses: tuple[float, ...] = ()

    @property
    def active(self) -> bool:
        return self.update.state in ACTIVE


class Finding(QObject):
    """One for a window. Directions of another generator wait for a yes."""

    progressed = Signal(object)
    """Search."""
    found = Signal(object, str)
    """(keys of new cards, sentence)."""
    ranked = Signal(object)
    """Directions of the channels that move what was brushed, the most local first."""
    failed = Signal(str)
    noted = Signal(str)
    offered = Signal(str, str, str)
    """(sentence, action, words of its button)."""

    def __init__(
        self,
        document: Document,
        jobs: Jobs,
        folder: Callable[[], Path],
        parent: QObject | None = None,
    ):
        super().__init__(parent)
        self._document, self._jobs, self._folder = document, jobs, folder
        self._mine: dict[int, str] = {}
        """Job → id of its generator."""
        self._losses: dict[int, tuple[str, list[float]]] = {}
        """Job → what it is at, and the loss of that."""
        self._ready: dict[str, tuple[tuple[Direction, ...], str]] = {}
        """Found while another generator was open."""
        self._strangers: tuple[Direction, ...] = ()
        self._carried: Direction | None = None
        jobs.updated.connect(self._updated)
        jobs.finished.connect(self._finished)
        document.changed.connect(self._changed)

    # -------------------------------------------------------------- jobs

    def search(self, wish: Wish) -> int | None:
        """Begin; the number of the job."""
        info = self._document.info
        if info is None:
            return None
        request = DiscoverRequest(
            model=info.path or info.id,
            method=wish.method,  # type: ignore[arg-type]
            out=self._place(info, wish),
            space=wish.space,  # type: ignore[arg-type]
            at=wish.at,
            layers=wish.layers,
            count=wish.count,
            samples=wish.samples,
            seed=wish.seed,
            classes=self._classes(info, wish),
        )
        return self._submit(request, info)

    def channels(self, request: SteerRequest, mask: Vector, count: int = 24) -> int | None:
        """Which channels move what was brushed on `request`'s picture?"""
        info = self._document.info
        if info is None:
            return None
        out = str(self._folder() / FOLDER / f"{_safe(info.name)} brushed.json")
        return self._submit(ChannelsRequest(request, mask, out, count, info.path), info)

    def _submit(self, request: DiscoverRequest | ChannelsRequest, info: ModelInfo) -> int | None:
        try:
            Path(request.out).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self.failed.emit(f"{Path(request.out).parent} cannot be made: {error.strerror}.")
            return None
        job = self._jobs.submit(request)
        if job is not None:
            self._mine[job] = info.id
            self._losses[job] = ("", [])
            known = self._jobs.get(job)
            if known is not None:
                self.progressed.emit(Search(known))
        return job

    def _place(self, info: ModelInfo, wish: Wish) -> str:
        """The same wish has the same file: a search that was interrupted goes on from it."""
        parts = [info.name, wish.method]
        if wish.method == "pca":
            parts += [wish.space, str(wish.samples)]
        parts += [wish.at, f"{wish.count}", f"seed {wish.seed}"]
        if wish.layers is not None:
            parts.append(f"layers {wish.layers[0]}-{wish.layers[1]}")
        classes = self._classes(info, wish)
        chosen = [info.class_names[i] for i, weight in enumerate(classes) if weight > 0.0][:3]
        name = " ".join(part for part in (*parts, *chosen) if part)
        return str(self._folder() / FOLDER / f"{_safe(name)}.json")

    def _classes(self, info: ModelInfo, wish: Wish) -> tuple[float, ...]:
        return self._document.state.classes[: info.c_dim] if wish.own_class else ()

    def stop(self, job: int) -> None:
        self._jobs.cancel(job)

    @Slot(object)
    def _updated(self, update: JobUpdate) -> None:
        if update.job not in self._losses:
            return
        at, losses = self._losses[update.job]
        if update.state == "running" and update.message != at:
            losses = []  # Another layer's turn.
            self._losses[update.job] = (update.message, losses)
        for name, value in update.figures:
            if name == "loss" and (not losses or losses[-1] != value):
                losses.append(value)
        self.progressed.emit(Search(update, tuple(losses)))

    @Slot(object)
    def _finished(self, update: JobUpdate) -> None:
        model = self._mine.pop(update.job, None)
        self._losses.pop(update.job, None)
        if model is None or update.state != "done":
            return
        try:
            directions = read_directions(update.result or "")
        except LodestoneError as error:
            self.failed.emit(error.sentence)
            return
        if isinstance(update.request, ChannelsRequest):
            self.ranked.emit(directions)
            return
        info = self._document.info
        if info is None or info.id != model:
            self._ready[model] = (directions, update.message)
            self.noted.emit(f"{len(directions)} directions were found for another generator.")
            return
        self.add(directions)

    # -------------------------------------------------------------- directions → cards

    def add(self, directions: Sequence[Direction], text: str = "") -> tuple[str, ...]:
        """New cards on top, one step to undo; those that are here already are left out."""
        state = self._document.state
        here = {_same(card.direction) for card in state.cards}
        taken = [card.key for card in state.cards]
        cards: list[Card] = []
        for direction in directions:
            if _same(direction) not in here:
                key = fresh_key([*taken, *(card.key for card in cards)], direction.name or "found")
                cards.append(Card(key, direction))
                here.add(_same(direction))
        keys = tuple(card.key for card in cards)
        if cards:
            many = f"{len(cards)} directions" if len(cards) > 1 else cards[0].direction.name
            self._document.change(text or f"Find {many}", cards=(*cards, *state.cards))
        missing = len(directions) - len(cards)
        self.found.emit(keys, _told(len(cards), missing))
        return keys

    def add_moved(self, direction: Direction, amount: float) -> str:
        """A new card on top that stands at `amount`; further moves of the hand merge with it."""
        state = self._document.state
        key = fresh_key([card.key for card in state.cards], direction.name or "found")
        cards = (Card(key, direction, amount), *state.cards)
        self._document.change(f"Steer by {direction.name}", f"amount:{key}", cards=cards)
        return key

    def card_of(self, direction: Direction) -> Card | None:
        """The card of a direction, when there is one."""
        wanted = _same(direction)
        cards = self._document.state.cards
        return next((card for card in cards if _same(card.direction) == wanted), None)

    # -------------------------------------------------------------- other generators

    @Slot(object, str)
    def take(self, directions: Sequence[Direction], source: str = "") -> None:
        """Directions of a file: cards when they are of this generator, else an offer."""
        info = self._document.info
        if info is None:
            self.failed.emit("Open the generator first, then drop its directions again.")
            return
        own = [one for one in directions if fits(one, info) == "same"]
        near = [one for one in directions if fits(one, info) == "shape"]
        if own:
            self.add(own, f"Open {source}" if source else "")
        if near:
            self._offer(near, source, info)
        elif not own:
            self.failed.emit(
                f"{source or 'This file'} holds directions of a generator with other layers: "
                f"they do not fit {info.name}. Open the generator they were made with."
            )

    def _offer(self, strangers: Sequence[Direction], source: str, info: ModelInfo) -> None:
        self._strangers = tuple(strangers)
        many = len(self._strangers)
        what = source or (self._strangers[0].name if many == 1 else f"{many} directions")
        made = "was" if many == 1 or source else "were"
        self.offered.emit(
            f"{what} {made} made with another generator, so it may do something else, or nothing, "
            f"in {info.name}. The shapes agree: it can be tried.",
            "transfer:",
            "Try it here",
        )

    def transfer(self) -> None:
        """The artist insists: the waiting directions become cards of this generator."""
        info, strangers = self._document.info, self._strangers
        self._strangers = ()
        if info is None or not strangers:
            return
        moved = [_transferred(one, info) for one in strangers if fits(one, info) != "no"]
        self.add(moved, "Transfer directions")

    @Slot(object)
    def carry(self, direction: Direction) -> None:
        """Offer a direction as soon as another generator is open."""
        self._carried = direction
        self.offered.emit(
            f"Open another generator: {direction.name} will be offered there.",
            "go:start",
            "Choose it",
        )

    @Slot(object, object)
    def _changed(self, old: SteerState, new: SteerState) -> None:
        if old.model != new.model and (new.model in self._ready or self._carried is not None):
            QTimer.singleShot(0, self._opened)

    @Slot()
    def _opened(self) -> None:
        """Another generator is open: what waited for it comes."""
        info = self._document.info
        if info is None:
            return
        directions, _message = self._ready.pop(info.id, ((), ""))
        if directions:
            self.add(directions)
        carried = self._carried
        if carried is not None and carried.model != info.id:
            self._carried = None
            self.take((carried,), carried.name)


def read_directions(path: str) -> tuple[Direction, ...]:
    """The directions of a JSON file; raises LodestoneError when it holds anything else."""
    name = Path(path).name if path else "The file"
    try:
        value = from_json(Path(path).read_bytes())
    except OSError as error:
        raise LodestoneError(f"{name} cannot be read. Look for directions again.") from error
    found = value if isinstance(value, tuple) else (value,)
    if not found or not all(isinstance(one, Direction) for one in found):
        raise LodestoneError(f"{name} holds no directions. Choose another file.")
    return found


def _transferred(direction: Direction, info: ModelInfo) -> Direction:
    """The same axis as one of this generator; where it was made is told in its detail."""
    layers = direction.layers
    if layers is not None and layers[1] >= info.num_ws:
        layers = None
    try:
        stored = json.loads(direction.detail or "{}")
    except ValueError:
        stored = {}
    told = {**(stored if isinstance(stored, dict) else {}), "transferred_from": direction.model}
    return replace(direction, model=info.id, layers=layers, detail=json.dumps(told))


def _same(direction: Direction) -> tuple[object, ...]:
    return direction.space, direction.at, direction.vector


def _told(new: int, known: int) -> str:
    if not new:
        return "Nothing new: these directions are here already."
    more = f"; {known} were here already" if known else ""
    return f"{new} new direction{'s' if new > 1 else ''}{more}."


def _safe(name: str) -> str:
    """As part of a file name on any system."""
    return "".join(c if c.isalnum() or c in " .-_" else "-" for c in name)[:120]
