"""The pieces on a picture and which one is chosen; what can be done to it."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QImage

from app.composed import Piece
from app.widgets.arranging import scaled, within_reach

BESIDE = 0.04
"""Shares of the picture by which a duplicate lies beside."""


class Pieces(QObject):
    """Bottom first. The collage and the form both work on it."""

    changed = Signal(str, str)
    """The pieces are others: what was done in words, and what a run of it merges by."""
    looked = Signal()
    """Another one is chosen, or the chosen one is on its way."""

    def __init__(self, parent: QObject | None = None):
        super().__init__(parent)
        self.source = QImage()
        self.all: tuple[Piece, ...] = ()
        self._chosen = -1

    @property
    def number(self) -> int:
        """Of the chosen piece; -1 for none."""
        return self._chosen if 0 <= self._chosen < len(self.all) else -1

    @property
    def chosen(self) -> Piece | None:
        return self.all[self.number] if self.number >= 0 else None

    def choose(self, number: int) -> None:
        self._chosen = number
        self.looked.emit()

    @Slot()
    def choose_next(self) -> None:
        self.choose((self._chosen + 1) % max(len(self.all), 1))

    def show(self, pieces: tuple[Piece, ...]) -> None:
        """What the state says; a piece that is new is chosen."""
        if pieces != self.all:
            more = len(pieces) > len(self.all)
            chosen = len(pieces) - 1 if more else min(self._chosen, len(pieces) - 1)
            self.all = pieces
            self.choose(chosen)

    def put(self, piece: Piece) -> None:
        """The chosen piece on its way, said when it has arrived (`settle`)."""
        self.all = tuple(piece if i == self.number else p for i, p in enumerate(self.all))
        self.looked.emit()

    def add(self, piece: Piece) -> None:
        """One more on top, chosen."""
        self.all = (*self.all, piece)
        self.choose(len(self.all) - 1)

    def settle(self, text: str, merge: str = "") -> None:
        self.changed.emit(text, merge)

    # -------------------------------------------------------------- deeds

    def alter(self, text: str, merge: str = "", **fields: object) -> None:
        """Change fields of the chosen piece."""
        if self.chosen is not None:
            self.put(replace(self.chosen, **fields))  # type: ignore[arg-type]
            self.settle(text, merge)

    def scale_by(self, factor: float) -> None:
        if self.chosen is not None:
            scale = scaled(self.chosen.scale * factor)
            self.alter(self.tr("Scale a part"), "piece scale", scale=scale)

    def move_by(self, across: float, down: float) -> None:
        """Pixels of the source."""
        piece = self.chosen
        if piece is not None and not self.source.isNull():
            x = piece.x + across / self.source.width()
            y = piece.y + down / self.source.height()
            to = within_reach(piece, x, y, self.source)
            self.alter(self.tr("Move a part"), "piece place", x=to.x, y=to.y)

    @Slot()
    def flip(self) -> None:
        if self.chosen is not None:
            self.alter(self.tr("Flip a part"), flipped=not self.chosen.flipped)

    @Slot()
    def duplicate(self) -> None:
        """A second one beside it, which left no empty place."""
        if self.chosen is not None:
            copy = replace(self.chosen, home=None, cut=False)
            self.add(within_reach(copy, copy.x + BESIDE, copy.y + BESIDE, self.source))
            self.settle(self.tr("Duplicate a part"))

    @Slot()
    def remove(self) -> None:
        if self.chosen is not None:
            number = self.number
            self.all = tuple(p for i, p in enumerate(self.all) if i != number)
            self.choose(-1)
            self.settle(self.tr("Take a part away"))

    @Slot()
    def to_front(self) -> None:
        """Over all others."""
        piece, number = self.chosen, self.number
        if piece is not None and number < len(self.all) - 1:
            self.all = (*(p for i, p in enumerate(self.all) if i != number), piece)
            self.choose(len(self.all) - 1)
            self.settle(self.tr("A part to the front"))
