"""Under the pointer: which patches of the source a place of the picture is made of."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app import theme
from app.asked import Asked
from app.picture_state import working
from app.picturing import Picturing, Shown
from app.widgets.parts import image_of
from app.widgets.twopictures import TwoPictures
from engine.messages import MatterQuestion, MatterReply, Picture

KEY = "matter"
SIDE, LEAST = 15, 7
"""Sides of the square that is asked about, in pixels of the made picture."""
COUNT = 6
CELL, GAP = 42, 5


class MatterStrip(QWidget):
    """The nearest patches, nearest first; a sentence before there are any."""

    def __init__(self) -> None:
        super().__init__()
        self._images: list[QImage] = []
        self._words = ""
        self.setAccessibleName("Nearest patches of the source")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(CELL + 10)
        self.set_patches([], "")

    @property
    def count(self) -> int:
        return len(self._images)

    def sizeHint(self) -> QSize:
        return QSize(400, CELL + 10)

    def set_patches(self, images: list[QImage], words: str) -> None:
        self._images = images
        self._words = words or "Move over the picture to see where its matter comes from."
        self.setAccessibleDescription(self._words)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.colour(theme.SURROUND))
        painter.setPen(theme.colour(theme.DIM))
        painter.setFont(theme.font(theme.SIZE_SMALL))
        cells = len(self._images) * (CELL + GAP) + 2 * GAP
        metrics = painter.fontMetrics()
        room = int(self.width() - cells - 16)
        words = metrics.elidedText(self._words, Qt.TextElideMode.ElideRight, room)
        wide = metrics.horizontalAdvance(words)
        x = max((self.width() - wide - cells) / 2, 8.0)
        middle = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRectF(x, 0, wide + 4, self.height()), middle, words)
        x += wide + 2 * GAP
        for image in self._images:
            # Single pixels are what is compared: they are meant to be seen.
            painter.drawImage(QRectF(x, (self.height() - CELL) / 2, CELL, CELL), image)
            x += CELL + GAP
        painter.end()


class Matter(QWidget):
    """The strip below the pair, and the outlines on the source; the newest place wins."""

    def __init__(self, picturing: Picturing, pair: TwoPictures):
        super().__init__(pair)
        self.hide()
        self._picturing, self._pair = picturing, pair
        self._one: Shown | None = None
        self._place: tuple[int, int, int] | None = None
        self.strip = MatterStrip()
        self.asked = Asked(picturing.link, KEY, self)
        pair.hovered.connect(self._hovered)
        pair.left.connect(self.forget)
        self.asked.arrived.connect(self._arrived)

    def set_shown(self, one: Shown | None) -> None:
        """The picture that is large."""
        if one is not self._one:
            self._one = one
            self.forget()

    @Slot()
    def forget(self) -> None:
        self._place = None
        self.asked.forget()
        self._pair.set_marks([], None)
        self.strip.set_patches([], "")

    @Slot(QPointF)
    def _hovered(self, at: QPointF) -> None:
        """`at`: share of the made picture, 0..1."""
        one, source = self._one, self._picturing.source
        if one is None or source is None or one.image is None or not one.done:
            return
        small = working(source.size, one.recipe.longest)
        side = min(SIDE, *small, one.image.width(), one.image.height())
        if side < LEAST:
            return
        left = min(max(round(at.x() * one.image.width() - side / 2), 0), one.image.width() - side)
        top = min(max(round(at.y() * one.image.height() - side / 2), 0), one.image.height() - side)
        if (left, top, side) == self._place:
            return
        self._place = (left, top, side)
        patch = patch_of(one.image.copy(left, top, side, side))
        self.asked.ask(MatterQuestion(one.recipe.source, patch, COUNT, one.recipe.longest))

    @Slot(object, bool)
    def _arrived(self, reply: MatterReply, _done: bool) -> None:
        one, source = self._one, self._picturing.source
        if one is None or one.image is None or source is None or self._place is None:
            return
        left, top, side = self._place
        wide, tall = working(source.size, one.recipe.longest)
        marks = [QRectF(x / wide, y / tall, side / wide, side / tall) for x, y in reply.places]
        size = one.image.size()
        here = QRectF(
            left / size.width(), top / size.height(), side / size.width(), side / size.height()
        )
        self._pair.set_marks(marks, here)
        nearest = reply.distances[0] if reply.distances else 1.0
        words = f"Nearest in {source.name}, {100 * nearest:.0f} % off"
        self.strip.set_patches([image_of(picture) for picture in reply.pictures], words)


def patch_of(image: QImage) -> Picture:
    """A QImage as it travels."""
    flat = image.convertToFormat(QImage.Format.Format_RGB32)
    raw = np.frombuffer(flat.constBits(), np.uint8).reshape(flat.height(), flat.bytesPerLine())
    return Picture.of(raw[:, : 4 * flat.width()].reshape(flat.height(), flat.width(), 4))
