"""How describing begins: how many pairs of which directions, and what a pair looks like."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QImage, QShowEvent
from PySide6.QtWidgets import QWidget

from app.panels.vocabulary_book import Book
from app.thumbnails import Thumbnails
from app.widgets.amount import Whole
from app.widgets.pairview import PairView
from app.widgets.parts import Choice, label, push, row
from engine.messages import Edit, Pair, SteerRequest

BETWEEN = 9
"""Pictures of the film between before and after."""
SAMPLE, SAMPLE_SIZE = "describe sample", 256


def before_after(pair: Pair, flipped: bool) -> tuple[SteerRequest, SteerRequest]:
    """What is shown left and right."""
    ends = pair_at(pair, 0.0), pair_at(pair, 1.0)
    return (ends[1], ends[0]) if flipped else ends


def pair_at(pair: Pair, share: float) -> SteerRequest:
    """A share of the way from before to after."""
    if share == 0.0:
        return pair.before
    edit = Edit(pair.direction, pair.amount * share)
    return replace(pair.before, edits=(*pair.before.edits, edit))


def between(pair: Pair, flipped: bool) -> list[SteerRequest]:
    """The film's pictures, without its ends."""
    steps = [(index + 1) / (BETWEEN + 1) for index in range(BETWEEN)]
    return [pair_at(pair, step) for step in (reversed(steps) if flipped else steps)]


class SetUp(QWidget):
    """How many pairs, of which directions: a line and a button."""

    asked = Signal(int, str)

    def __init__(self, book: Book, verb: str, primary: bool):
        super().__init__()
        self._book = book
        self.count = Whole(f"Number of pairs to {verb.lower()}", 4, 400)
        self.count.setValue(40)
        self.count.setFixedWidth(56)
        self.which = Choice(f"Directions of the pairs to {verb.lower()}")
        self.which.setMinimumContentsLength(14)
        self.button = push(verb, "Lay out pairs of pictures to describe", primary=primary)
        self.setLayout(row(self.count, label("pairs from", "dim"), self.which, self.button))
        self.button.clicked.connect(self._go)

    def refresh(self) -> None:
        choices = self._book.choices()
        if [self.which.itemData(i) for i in range(self.which.count())] != [c[0] for c in choices]:
            self.which.clear()
            for value, text in choices:
                self.which.addItem(text, value)
        else:
            for index, (_value, text) in enumerate(choices):
                self.which.setItemText(index, text)

    @Slot()
    def _go(self) -> None:
        self.asked.emit(self.count.value(), str(self.which.currentData() or ""))


class Sample(PairView):
    """A pair as it will be shown, running as a film: what the page is about."""

    def __init__(self, book: Book, thumbnails: Thumbnails):
        super().__init__()
        self._book, self._thumbnails = book, thumbnails
        self._shown: list[QImage | None] = []
        self.setFixedSize(620, 300)
        self.setAccessibleName("An example of a pair")
        self.set_mode("film")
        thumbnails.arrived.connect(self._arrived)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        pair = self._book.sample()
        if pair is None:
            return
        ends = before_after(pair, False)
        requests = [ends[0], ends[1], *between(pair, False)]
        self._shown = [None] * len(requests)
        self._thumbnails.forget(SAMPLE)
        self._thumbnails.ask(SAMPLE, requests, SAMPLE_SIZE)

    @Slot(str, int, object)
    def _arrived(self, key: str, index: int, image: QImage) -> None:
        if key == SAMPLE and index < len(self._shown):
            self._shown[index] = image
            self.set_pictures(*self._shown[:2])
            self.set_film(self._shown[2:])
