"""The compass: which axis is being sorted, what was asked about it, and what came back.

Everything an artist does here is one undo entry of the document. A fit that arrives is not: it is
folded into the state as it is, and asked again whenever undo or redo brings other labels.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Literal

from PySide6.QtCore import QObject, Signal, Slot

from app import axes
from app.document import Document
from app.link import EngineLink
from app.settings import load_choice
from app.state import SteerState, same
from engine.messages import (
    Answer,
    Axis,
    CompassFit,
    CompassQuestion,
    Label,
    LabelAnswer,
    ModelInfo,
    PairAnswer,
    PairLabel,
    SteerRequest,
    Suggestion,
    SuggestQuestion,
)

FIT, WALL, PAIRS = "compass", "compass wall", "compass pairs"
Kind = Literal["random", "uncertain", "extremes", "more", "less", "pairs"]
ANNOTATOR = "annotator"
"""Name of the choice that remembers who sorts."""


class Compass(QObject):
    """Reads and writes the document, asks the engine; the panels show it."""

    changed = Signal()
    """Another axis, or the axis is another."""
    fitted = Signal()
    """`fit` is new (or None)."""
    suggested = Signal(object, str)
    """(Suggestion, kind)."""

    def __init__(self, document: Document, link: EngineLink, parent: QObject | None = None):
        super().__init__(parent)
        self._document, self._link = document, link
        self._key = ""
        self._draft: Axis | None = None
        self._fit: CompassFit | None = None
        self._asked: tuple[object, ...] = ()
        self._asked_axis: Axis | None = None
        self._stamps: dict[str, int] = {}
        self._kinds: dict[str, Kind] = {}
        self._pool = 0
        document.changed.connect(self._changed)
        document.model_changed.connect(self._model)
        link.answer.connect(self._answer)
        if document.info is not None:
            self._begin()

    # -------------------------------------------------------------- what there is

    @property
    def axis(self) -> Axis | None:
        """The axis being sorted; an empty one that is not in the project yet, or None."""
        return self._document.state.axis(self._key) or self._draft

    @property
    def fit(self) -> CompassFit | None:
        return self._fit

    @property
    def here(self) -> bool:
        """Whether the axis belongs to the open generator."""
        axis, info = self.axis, self._document.info
        return axis is not None and info is not None and axis.model == info.id

    @property
    def kept(self) -> bool:
        """Whether the axis is in the project yet."""
        return self._document.state.axis(self._key) is not None

    def margin(self, request: SteerRequest) -> float | None:
        """σ of a sorted picture as last fitted."""
        if self._fit is None or self._asked_axis is None:
            return None
        labels = zip(self._asked_axis.labels, self._fit.margins, strict=False)
        return next((margin for label, margin in labels if label.request == request), None)

    def pair_margin(self, pair: PairLabel) -> float | None:
        """σ by which the chosen picture of a pair is ahead, as last fitted."""
        if self._fit is None or self._asked_axis is None:
            return None
        pairs = zip(self._asked_axis.pairs, self._fit.pair_margins, strict=False)
        return next((margin for one, margin in pairs if one == pair), None)

    def agreement(self) -> tuple[int, int]:
        """Sorted pictures on their own side, and how many were counted."""
        if self._fit is None or self._asked_axis is None:
            return 0, 0
        return axes.agreement(self._asked_axis, self._fit.margins)

    @property
    def annotator(self) -> str:
        return load_choice(ANNOTATOR, "")

    # -------------------------------------------------------------- choosing an axis

    def choose(self, key: str) -> None:
        """Go on with an axis of the project."""
        if key != self._key and self._document.state.axis(key) is not None:
            self._key = key
            self._refresh()

    def new(self) -> None:
        """An empty axis; it comes into the project with its first picture."""
        info = self._document.info
        if info is not None:
            self._key, self._draft = "", axes.draft(info, self._document.state, time.time())
            self._refresh()

    def delete(self) -> None:
        """The axis and what was sorted by it; its slider stays in Steer."""
        if not self.kept:
            self.new()
            return
        key, state = self._key, self._document.state
        self._key, self._draft = "", None
        self._document.edit("Delete an axis", axes.removed(state, key))
        self._begin()

    def transfer(self) -> None:
        """A copy of the axis for the open generator."""
        axis, info, state = self.axis, self._document.info, self._document.state
        if axis is None or info is None:
            return
        copy = axes.transferred(axis, info, state)
        state = axes.with_slider(axes.placed(state, copy), copy.key)
        self._document.edit(f"Take {axis.name or 'an axis'} over", state)
        self.choose(copy.key)

    def show_slider(self) -> None:
        """Put the direction back among the cards of Steer."""
        self._document.edit("Add a direction", axes.with_slider(self._document.state, self._key))

    # -------------------------------------------------------------- hand → document

    def rename(self, name: str) -> None:
        axis, name = self.axis, name.strip()
        if axis is None or name == axis.name:
            return
        if self.kept:
            state = axes.renamed(self._document.state, self._key, name)
            self._document.edit(f"Name it {name}", state)
        else:
            # It comes into the project with its first picture.
            self._draft = replace(axis, name=name)
            self.changed.emit()

    def sort(self, request: SteerRequest, answer: LabelAnswer) -> None:
        """Sort a picture, for the first time or otherwise than before."""
        axis = self.axis
        if axis is not None and self.here and axes.answer_of(axis, request) != answer:
            made = axes.sorted_by(axis, request, answer, self.annotator, time.time())
            words = "Skip a picture" if answer == "skip" else f"Sort a picture: {answer}"
            self._put(made, words)

    def take_back(self, request: SteerRequest) -> None:
        axis = self.axis
        if axis is not None and axes.answer_of(axis, request) is not None:
            self._put(axes.taken_back(axis, request), "Take a picture back")

    def compare(self, a: SteerRequest, b: SteerRequest, answer: PairAnswer) -> None:
        """Which of two pictures shows more of it."""
        axis = self.axis
        if axis is not None and self.here:
            pair = PairLabel(a, b, answer, self.annotator, time.time())
            self._put(axes.compared(axis, pair), "Compare two pictures")

    def drop(self, answer: Label | PairLabel) -> None:
        """Take one answer back."""
        axis = self.axis
        if isinstance(answer, Label):
            self.take_back(answer.request)
        elif axis is not None:
            pairs = tuple(other for other in axis.pairs if other != answer)
            self._put(replace(axis, pairs=pairs), "Take a pair back")

    def set_fields(self, text: str, **fields: object) -> None:
        """Change how the axis is learnt or which pictures are sorted."""
        axis = self.axis
        if axis is None:
            return
        changed = replace(axis, **fields)  # type: ignore[arg-type]
        if changed == axis:
            return
        if self.kept:
            self._document.edit(text, axes.placed(self._document.state, changed), "axis")
        else:
            self._draft = changed
            self.changed.emit()

    def _put(self, axis: Axis, text: str) -> None:
        state = self._document.state
        axis = axes.keyed(axis, state)
        self._key = axis.key
        self._document.edit(text, axes.placed(state, axis))

    # -------------------------------------------------------------- document → engine

    def _begin(self) -> None:
        """The newest axis of the open generator, or an empty one."""
        info, state = self._document.info, self._document.state
        if info is None:
            return
        mine = [axis for axis in state.axes if axis.model == info.id]
        if mine:
            self._key = mine[-1].key
            self._refresh()
        else:
            self.new()

    @Slot(object)
    def _model(self, _info: ModelInfo | None) -> None:
        self._key, self._draft, self._fit, self._asked = "", None, None, ()

    @Slot(object, object)
    def _changed(self, old: SteerState, state: SteerState) -> None:
        if self._document.info is None:
            return
        if self._draft is None and not self._key:
            self._begin()  # The first word of a generator that was just opened.
            return
        if same(old, state, "axes", "cards", "model"):
            return
        if self._named_in_steer(old, state):
            return
        if old.axes is not state.axes:
            self._follow(old, state)
            self._refresh()
        else:
            self.changed.emit()

    def _named_in_steer(self, old: SteerState, state: SteerState) -> bool:
        """A card got another name: its axis takes it too."""
        for axis in state.axes:
            card, before = state.card(axis.key), old.card(axis.key)
            if card is None or before is None:
                continue
            name = card.direction.name
            if name != axis.name and name != before.direction.name:
                self._document.apply(axes.renamed(state, axis.key, name))
                return True
        return False

    def _follow(self, old: SteerState, state: SteerState) -> None:
        """Undo and redo may change another axis than the one shown: go where it happens."""
        gone = old.axis(self._key)
        if state.axis(self._key) is None and gone is not None:
            self._draft = replace(gone, labels=(), pairs=(), direction=None)
        for axis in state.axes:
            before = old.axis(axis.key)
            if before is None or axes.essence(before) != axes.essence(axis):
                self._key = axis.key
                return

    def _refresh(self) -> None:
        self.changed.emit()
        axis = self.axis
        if axis is None or not self.here:
            self._asked, self._asked_axis = (), None
            self._stamps.pop(FIT, None)
            self._take(None)
            return
        mine = axes.own(axis)
        essence = axes.essence(mine)
        if essence == self._asked:
            return
        self._asked, self._asked_axis = essence, mine
        if not mine.labels and not mine.pairs:
            self._stamps.pop(FIT, None)
            self._take(None)
            return
        self._stamps[FIT] = self._link.client.ask(CompassQuestion(mine), FIT)

    def suggest(self, kind: Kind, count: int) -> None:
        """Ask for pictures worth sorting next; every time others."""
        axis = self.axis
        if axis is None or not self.here or count < 1:
            return
        self._pool += 1
        key = PAIRS if kind == "pairs" else WALL
        self._kinds[key] = kind
        question = SuggestQuestion(axes.own(axis), kind, count, self._pool)
        self._stamps[key] = self._link.client.ask(question, key)

    @Slot(object)
    def _answer(self, answer: Answer) -> None:
        if self._stamps.get(answer.key) != answer.stamp:
            return
        if isinstance(answer.body, CompassFit) and answer.key == FIT:
            state = self._document.state
            changed = axes.fitted(state, self._key, answer.body)
            self._fit = answer.body
            if changed is not state:
                # Not an entry of its own: undo takes the label back, and the fit follows.
                self._document.apply(changed)
            self.fitted.emit()
        elif isinstance(answer.body, Suggestion) and answer.done:
            self.suggested.emit(answer.body, self._kinds[answer.key])

    def _take(self, fit: CompassFit | None) -> None:
        self._fit = fit
        self.fitted.emit()
