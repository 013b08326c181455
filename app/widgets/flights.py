"""Pictures on their way over a panel: carried by the pointer, or flying to where they belong."""

from __future__ import annotations

import time
from dataclasses import dataclass

from PySide6.QtCore import QPoint, QPointF, QRectF, Qt, QTimer, Slot
from PySide6.QtGui import QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from app.widgets.painting import draw_rounded

SECONDS = 0.22
STEP_MS = 16


@dataclass(frozen=True)
class Flight:
    """One picture on its way."""

    image: QImage
    start: QRectF
    end: QRectF
    began: float

    def at(self, now: float) -> QRectF:
        """Where it is: fast at first, slow where it lands."""
        part = min((now - self.began) / SECONDS, 1.0)
        return _between(self.start, self.end, 1.0 - (1.0 - part) ** 3)


class Flights(QWidget):
    """Lies over its parent and lets every touch through."""

    def __init__(self, parent: QWidget):
        super().__init__(parent)
        self._under = parent
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._flights: list[Flight] = []
        self._painted: list[QRectF] = []
        self._carried: tuple[QImage, QPointF] | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(STEP_MS)
        self._timer.timeout.connect(self._step)
        self.hide()

    @property
    def busy(self) -> bool:
        return bool(self._flights) or self._carried is not None

    def fly(self, image: QImage | None, start: QRectF, end: QRectF) -> None:
        """From one place to another, in the parent's coordinates."""
        if image is not None and self._under.isVisible():
            self._flights.append(Flight(image, start, end, time.monotonic()))
            self._timer.start()
            self._lie_over()

    def carry(self, image: QImage | None, place: QPoint) -> None:
        """Under the pointer, in the parent's coordinates."""
        if image is not None:
            self._carried = (image, QPointF(place))
            self._lie_over()

    def put_down(self) -> QRectF | None:
        """Where the carried picture was, when there was one."""
        carried, self._carried = self._carried, None
        self._repaint()
        if not self.busy:
            self.hide()
        return _around(carried[1]) if carried is not None else None

    def _lie_over(self) -> None:
        if not self.isVisible():
            self.setGeometry(self._under.rect())
            self.raise_()
            self.show()
        self._repaint()

    def _repaint(self) -> None:
        """Only where something is or was: all that lies below is painted again with it."""
        now = time.monotonic()
        places = [one.at(now) for one in self._flights]
        if self._carried is not None:
            places.append(_around(self._carried[1]))
        for place in (*places, *self._painted):
            self.update(place.toAlignedRect().adjusted(-2, -2, 2, 2))
        self._painted = places

    @Slot()
    def _step(self) -> None:
        now = time.monotonic()
        self._flights = [one for one in self._flights if now - one.began < SECONDS]
        if not self._flights:
            self._timer.stop()
            if self._carried is None:
                self.hide()
        self._repaint()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHints(
            QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform
        )
        now = time.monotonic()
        for one in self._flights:
            draw_rounded(painter, one.at(now), one.image, 5)
        if self._carried is not None:
            image, place = self._carried
            painter.setOpacity(0.92)
            draw_rounded(painter, _around(place), image, 5)
        painter.end()


def _around(place: QPointF) -> QRectF:
    return QRectF(place.x() - 44, place.y() - 44, 88, 88)


def _between(a: QRectF, b: QRectF, part: float) -> QRectF:
    keep = 1.0 - part
    return QRectF(
        a.x() * keep + b.x() * part,
        a.y() * keep + b.y() * part,
        a.width() * keep + b.width() * part,
        a.height() * keep + b.height() * part,
    )
