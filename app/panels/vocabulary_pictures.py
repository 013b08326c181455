"""The large pictures of the pair that is shown, and of the one that comes next."""

from __future__ import annotations

from PySide6.QtCore import QObject, QSize, Qt, Signal, Slot
from PySide6.QtGui import QImage

from app.panels.vocabulary_begin import before_after
from app.thumbnails import Thumbnails
from engine.messages import Pair

NOW, NEXT = "describe", "describe next"
LARGE = 512
"""Longest side asked for, pixels."""
KEPT = 24
"""Pairs whose pictures are kept."""
View = tuple[str, bool]
"""Key of a pair, and whether it is shown backwards."""


class PairPictures(QObject):
    """Asks for a pair, then for the one after it, so that Enter shows that at once."""

    arrived = Signal(str, bool)
    """(key, flipped) of a pair of which there is a new picture."""

    def __init__(self, thumbnails: Thumbnails, parent: QObject):
        super().__init__(parent)
        self._thumbnails = thumbnails
        self._pictures: dict[View, list[QImage | None]] = {}
        self._asked: dict[str, View] = {}
        self._after: tuple[Pair, bool] | None = None
        thumbnails.arrived.connect(self._picture)

    def get(self, key: str, flipped: bool) -> tuple[QImage | None, QImage | None]:
        """What is known of (left, right)."""
        left, right = self._pictures.get((key, flipped), (None, None))
        return left, right

    def small(self, key: str, flipped: bool, side: int) -> list[QImage]:
        """Both at a small size when both are known, else nothing."""
        found = [image for image in self.get(key, flipped) if image is not None]
        keep, how = Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
        size = QSize(side, side)
        return [image.scaled(size, keep, how) for image in found] if len(found) == 2 else []

    def ask(self, pair: Pair, flipped: bool, after: tuple[Pair, bool] | None) -> None:
        """This one now, `after` when it is there."""
        self._after = after
        if None in self.get(pair.key, flipped):
            self._ask(NOW, pair, flipped)
        else:
            self._ask_after()

    def _ask(self, slot: str, pair: Pair, flipped: bool) -> None:
        self._asked[slot] = (pair.key, flipped)
        # Asked again also when it was the last that was asked: its pictures may be gone since.
        self._thumbnails.forget(slot)
        self._thumbnails.ask(slot, before_after(pair, flipped), LARGE)

    def _ask_after(self) -> None:
        if self._after is not None:
            pair, flipped = self._after
            if None in self.get(pair.key, flipped):
                self._ask(NEXT, pair, flipped)

    @Slot(str, int, object)
    def _picture(self, slot: str, index: int, image: QImage) -> None:
        if slot not in (NOW, NEXT) or slot not in self._asked:
            return
        view = self._asked[slot]
        self._pictures.setdefault(view, [None, None])[index] = image
        while len(self._pictures) > KEPT:
            del self._pictures[next(iter(self._pictures))]
        self.arrived.emit(*view)
        if slot == NOW and index == 1:
            self._ask_after()
