"""One row of pictures along a direction, with its name and how alike its change is."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app import theme
from app.shelf import Shelf
from app.widgets.wall import draw_picture
from engine.messages import SteerRequest

NAME, SCORE, GAP = 108, 62, 3
LARGEST = 86


class StripRow(QWidget):
    """Squares from most less to most more; the middle one is the start."""

    def __init__(self, name: str, requests: Sequence[SteerRequest], shelf: Shelf):
        super().__init__()
        self._name, self._shelf = name, shelf
        self.requests = tuple(requests)
        self._score: float | None = None
        self._chance = 0.0
        self.setAccessibleName(f"Pictures of {name}")
        self.setToolTip(f"{name}: from −3 σ to +3 σ, the start in the middle")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(64)
        shelf.arrived.connect(self._arrived)

    def sizeHint(self) -> QSize:
        return QSize(NAME + SCORE + 7 * 67, 64)

    def set_score(self, score: float, chance: float) -> None:
        self._score, self._chance = score, chance
        self.setAccessibleDescription(f"alike {score:.2f}, unrelated changes {chance:.2f}")
        self.update()

    def _arrived(self, request: SteerRequest) -> None:
        if request in self.requests:
            self.update()

    def _side(self) -> float:
        count = max(len(self.requests), 1)
        return min((self.width() - NAME - SCORE) / count - GAP, LARGEST)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self.setFixedHeight(max(round(self._side()), 30))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHints(
            QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform
        )
        side = self._side()
        painter.setPen(theme.colour(theme.TEXT))
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        words = painter.fontMetrics().elidedText(self._name, Qt.TextElideMode.ElideRight, NAME - 8)
        painter.drawText(QRectF(0, 0, NAME - 8, side), left, words)
        for index, request in enumerate(self.requests):
            box = QRectF(NAME + index * (side + GAP), 0, side, side)
            draw_picture(painter, box, self._shelf, request)
            if index == len(self.requests) // 2:
                painter.setPen(QPen(theme.colour(theme.EDGE), 2))
                painter.drawRoundedRect(box.adjusted(1, 1, -1, -1), 4, 4)
        if self._score is not None:
            good = self._score > self._chance + 0.1
            painter.setPen(theme.colour(theme.TEXT if good else theme.DIM))
            place = QRectF(NAME + len(self.requests) * (side + GAP) + 8, 0, SCORE - 8, side)
            painter.drawText(place, left, f"{self._score:.2f}".replace("-", "−"))
        painter.end()
