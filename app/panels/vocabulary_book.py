"""What is described, by whom, and the words that come of it: the document's side of the page."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.document import Document
from app.link import EngineLink
from app.live import Live
from app.settings import load_choice, save_choice
from app.state import Card, SteerState, same, to_request
from app.thumbnails import plain
from engine.client import order, propose_pairs
from engine.messages import (
    Annotation,
    Answer,
    Direction,
    LodestoneError,
    ModelInfo,
    Pair,
    Vocabulary,
    VocabularyQuestion,
)

KEY = "vocabulary"
FIT_MS = 350
"""A fit is asked for this long after the last change."""
FIRST_NAME = "me"
FIRST, STRONG = 8, "first"
"""Directions that are described unless more are wanted."""


class Book(QObject):
    """Reads and changes the document's pairs and annotations; keeps the fitted words."""

    changed = Signal()
    """Pairs, annotations or the person who describes."""
    person_changed = Signal()
    taken_back = Signal(object)
    """An Annotation that undo took away."""
    fitted = Signal(object)
    """Vocabulary, or None while there is none."""
    failed = Signal(str)

    def __init__(self, document: Document, live: Live, link: EngineLink, parent: QObject):
        super().__init__(parent)
        self._document, self._live, self._link = document, live, link
        self._name = load_choice("annotator", FIRST_NAME)
        self._vocabulary: Vocabulary | None = None
        self._asked: VocabularyQuestion | None = None
        self._stamp = 0
        self._which = ""
        self._mine: dict[str, Annotation] = {}
        self._order: tuple[tuple[Pair, bool], ...] = ()
        self._wait = QTimer(self)
        self._wait.setSingleShot(True)
        self._wait.setInterval(FIT_MS)
        self._wait.timeout.connect(self.fit)
        document.changed.connect(self._changed)
        document.model_changed.connect(self._model)
        link.answer.connect(self._answered)

    # -------------------------------------------------------------- who

    @property
    def name(self) -> str:
        """Who describes now."""
        return self._name

    @property
    def names(self) -> tuple[str, ...]:
        """Everyone who has described, and who describes now."""
        found = {note.annotator for note in self.state.annotations} | {self._name}
        found.discard("")
        return tuple(sorted(found, key=str.casefold))

    def set_name(self, name: str) -> None:
        name = " ".join(name.split())[:40] or FIRST_NAME
        if name != self._name:
            self._name = name
            save_choice("annotator", name)
            self._count()
            self.changed.emit()
            self.person_changed.emit()

    # -------------------------------------------------------------- what

    @property
    def state(self) -> SteerState:
        return self._document.state

    @property
    def vocabulary(self) -> Vocabulary | None:
        return self._vocabulary

    @property
    def mine(self) -> dict[str, Annotation]:
        """By key of the pair: what this person said."""
        return self._mine

    @property
    def waiting(self) -> list[tuple[Pair, bool]]:
        """Pairs this person has not described, in their own order, and whether to show the way
        back."""
        return [(pair, flip) for pair, flip in self._order if pair.key not in self._mine]

    def pair(self, key: str) -> Pair | None:
        return next((pair for pair in self.state.pairs if pair.key == key), None)

    def place(self, key: str) -> int:
        """Of a pair in this person's order."""
        return next((i for i, (pair, _flip) in enumerate(self._order) if pair.key == key), 0)

    def history(self) -> list[Annotation]:
        """What this person said, newest first."""
        known = {pair.key for pair in self.state.pairs}
        own = [note for note in self._mine.values() if note.pair in known]
        return sorted(own, key=lambda note: -note.created)

    def own_words(self) -> tuple[str, ...]:
        """Words this person has used, the most used first; to complete with."""
        uses: dict[str, int] = {}
        for note in self._mine.values():
            for word in note.text.casefold().replace(",", " ").split():
                uses[word] = uses.get(word, 0) + 1
        return tuple(sorted(uses, key=lambda word: (-uses[word], word)))

    def write(self, pair: str, text: str, flipped: bool) -> None:
        """Someone's words for a pair; replaces what they said of it before."""
        old = self._mine.get(pair)
        created = old.created if old is not None else time.time()
        note = Annotation(pair, text.strip(), self._name, flipped, created)
        if old is not None:
            notes = tuple(note if each is old else each for each in self.state.annotations)
        else:
            notes = (*self.state.annotations, note)
        words = "Describe a pair" if old is None else "Correct a description"
        self._document.edit(words, replace(self.state, annotations=notes))

    # -------------------------------------------------------------- pairs

    def choices(self) -> list[tuple[str, str]]:
        """(value, text) of the directions pairs can be made from."""
        cards = self._cards("")
        found = [("", f"all {len(cards)} directions")]
        if len(cards) > FIRST + 2:
            # SeFa comes strongest first: what changes much is described with more pleasure, and
            # with more pairs of each direction the words become reliable sooner.
            found.insert(0, (STRONG, f"first {FIRST} directions"))
        pinned = sum(card.pinned for card in cards)
        if pinned:
            found.append(("pinned", f"{pinned} pinned"))
        methods = sorted({card.direction.method for card in cards if card.direction.method})
        if len(methods) > 1:
            for method in methods:
                found.append((method, f"{len(self._cards(method))} of {method}"))
        return found

    def _cards(self, which: str) -> list[Card]:
        cards = [card for card in self.state.cards if not card.hidden]
        if which == STRONG:
            return cards[:FIRST]
        if which == "pinned":
            return [card for card in cards if card.pinned]
        return [card for card in cards if not which or card.direction.method == which]

    def add_pairs(self, count: int, which: str | None = None) -> bool:
        """Lay more pairs beside those that are there, of the directions chosen last unless `which`
        says others; False (and a sentence) when it cannot."""
        info = self._document.info
        if info is None:
            return False
        self._which = self._which if which is None else which
        directions: Sequence[Direction] = [card.direction for card in self._cards(self._which)]
        template = plain(self._live.request or to_request(self.state, info), 0)
        try:
            made = propose_pairs(directions, template, count, self.state.pairs, info)
        except LodestoneError as error:
            self.failed.emit(error.sentence)
            return False
        text = f"Lay out {len(made)} pairs"
        self._document.edit(text, replace(self.state, pairs=(*self.state.pairs, *made)))
        return True

    def sample(self) -> Pair | None:
        """A pair to show what the page is about; it is not kept."""
        info, cards = self._document.info, self._cards("")
        if info is None or not cards:
            return None
        template = plain(self._live.request or to_request(self.state, info), 0)
        try:
            return propose_pairs([cards[0].direction], template, 1, (), info)[0]
        except LodestoneError:
            return None

    # -------------------------------------------------------------- document → words

    @Slot(object)
    def _model(self, _info: ModelInfo | None) -> None:
        self._asked = self._vocabulary = None
        self.fitted.emit(None)

    @Slot(object, object)
    def _changed(self, old: SteerState, new: SteerState) -> None:
        if old.ridge != new.ridge:
            self._wait.start()
        if same(old, new, "model", "pairs", "annotations"):
            return
        before = self._mine if old.model == new.model else {}
        self._count()
        self.changed.emit()
        for key, note in before.items():
            if key not in self._mine and note.annotator == self._name:
                self.taken_back.emit(note)
        self._wait.start()

    def catch_up(self) -> None:
        """Take what the document holds already."""
        self._count()
        self.changed.emit()
        self._wait.start()

    def _count(self) -> None:
        self._mine = {
            note.pair: note for note in self.state.annotations if note.annotator == self._name
        }
        self._order = order(self.state.pairs, self._name)

    def set_ridge(self, ridge: float) -> None:
        self._document.edit("Smooth the words", replace(self.state, ridge=ridge), "ridge")

    @Slot()
    def fit(self) -> None:
        """Ask for the words unless the same was asked last."""
        state, info = self.state, self._document.info
        if info is None:
            return
        if not state.annotations:
            self._asked = self._vocabulary = None
            self.fitted.emit(None)
            return
        question = VocabularyQuestion(info.id, state.pairs, state.annotations, state.ridge)
        if question != self._asked:
            self._asked = question
            self._stamp = self._link.client.ask(question, KEY)

    @Slot(object)
    def _answered(self, answer: Answer) -> None:
        if answer.key != KEY or answer.stamp != self._stamp:
            return
        if isinstance(answer.body, Vocabulary) and self._asked is not None:
            self._vocabulary = answer.body
            self.fitted.emit(answer.body)
