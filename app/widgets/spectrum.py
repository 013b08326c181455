"""The spectrogram of a sound: computed beside the window, painted at any zoom at once."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QObject, QPointF, QRectF, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QImage, QPainter

from app import theme
from app.aside import Aside
from app.widgets.timeline import Timeline
from engine.client import decibels, share_of, shown_range

ROUGH, WHOLE = (96, 384), (256, 2048)
"""Rows and columns of the pictures of the whole sound: the first one, and the one to keep."""
REST_MS = 60
"""The hand rests this long before a part is computed finer."""
KEPT = 6
"""Fine parts that are remembered."""
_STOPS = (
    (0.0, "#141313"),
    (0.22, "#2b1a35"),
    (0.45, "#6e2c52"),
    (0.66, "#bf5a45"),
    (0.84, "#f2a65a"),
    (1.0, "#fff4dc"),
)
_NOTES = (50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000)


@functools.cache
def colours() -> np.ndarray:
    """(256,) uint32 0xffRRGGBB from silence to loudest: dark, violet, rust, the accent, cream."""
    at = np.linspace(0, 1, 256)
    shares = [share for share, _ in _STOPS]
    stops = [theme.colour(name) for _, name in _STOPS]
    red, green, blue = (
        np.interp(at, shares, values).round().astype(np.uint32)
        for values in (
            [stop.red() for stop in stops],
            [stop.green() for stop in stops],
            [stop.blue() for stop in stops],
        )
    )
    return np.uint32(0xFF000000) | red << 16 | green << 8 | blue


def painted(levels: np.ndarray, top: float) -> QImage:
    """(H, W) dB as a picture; `top` dB is the brightest, 80 dB below it the darkest."""
    share = np.clip((levels - top) / shown_range + 1, 0, 1)
    pixels = colours()[(share * 255).astype(np.uint8)]
    height, width = pixels.shape
    return QImage(pixels.data, width, height, width * 4, QImage.Format.Format_RGB32).copy()


@dataclass(frozen=True)
class Part:
    """A picture of [start, end) seconds."""

    start: float
    end: float
    image: QImage


class Spectrum(QObject):
    """The whole at once and roughly; what is looked at, finely as soon as the hand rests."""

    changed = Signal()
    """There is something finer to paint."""

    def __init__(self, parent: QObject):
        super().__init__(parent)
        self._samples = np.zeros((1, 0), np.float32)
        self._rate = 1
        self._highest = 0.0
        self._top: float | None = None
        self._whole: Part | None = None
        self._fine: list[Part] = []
        self._wanted: tuple[float, float, int, int] | None = None
        self._aside = Aside(self)
        self._aside.done.connect(self._take)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(self._refine)

    @property
    def ready(self) -> bool:
        """Everything asked for has been computed."""
        return not self._aside.busy and not self._rest.isActive()

    @property
    def highest(self) -> float:
        """Hz at the top."""
        return self._highest or self._rate / 2

    def set_sound(self, samples: np.ndarray, rate: int) -> None:
        """(C, N) float32. The picture of the sound before stays until the new one is there."""
        self._samples, self._rate = samples, rate
        self._ask_whole()

    def set_highest(self, hertz: float) -> None:
        """The frequency at the top; 0 = half the rate."""
        if hertz != self._highest:
            self._highest = hertz
            self._ask_whole()

    def _ask_whole(self) -> None:
        self._aside.drop("rough", "whole", "fine")
        self._rest.stop()
        self._fine, self._wanted = [], None
        if self._samples.shape[1] == 0:
            self._whole = self._top = None
            self.changed.emit()
            return
        for key, shape in (("rough", ROUGH), ("whole", WHOLE)):
            self._aside.ask(key, self._drawing(shape))

    def _drawing(self, shape: tuple[int, int]) -> Callable[[], tuple[float, Part]]:
        """The task to draw all of it; gives the loudest dB and the picture."""
        samples, rate, highest = self._samples, self._rate, self.highest
        seconds = samples.shape[1] / rate
        columns = min(shape[1], max(samples.shape[1] // 16, 1))

        def whole() -> tuple[float, Part]:
            levels = decibels(samples, rate, (0.0, seconds), (shape[0], columns), highest)
            top = max(float(levels.max()), -60.0)  # hiss in silence stays dark
            return top, Part(0.0, seconds, painted(levels, top))

        return whole

    @Slot(str, object)
    def _take(self, key: str, result: tuple[float, Part] | Part) -> None:
        if isinstance(result, Part):
            self._fine = [*self._fine[-KEPT + 1 :], result]
        else:
            self._top, self._whole = result
            if self._wanted is not None and key == "whole":
                self._rest.start()
        self.changed.emit()

    # -------------------------------------------------------------- paint

    def paint(self, painter: QPainter, place: QRectF, line: Timeline, ratio: float) -> None:
        """What is known of the part; asks for finer when that is not fine enough."""
        if self._whole is None:
            return
        painter.save()
        painter.setClipRect(place)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        shape = (max(round(place.height() * ratio), 1), max(round(place.width() * ratio), 1))
        want = (line.start, line.seen, *shape)
        exact = self._exact(want)
        for part in (exact,) if exact else (self._whole, *self._fine[-1:]):
            left, right = line.x_of(part.start), line.x_of(part.end)
            target = QRectF(place.x() + left, place.y(), right - left, place.height())
            painter.drawImage(target, part.image)
        painter.restore()
        if exact is None and want != self._wanted:
            self._wanted = want
            self._rest.start()

    def _exact(self, want: tuple[float, float, int, int]) -> Part | None:
        start, seen, high, wide = want
        for part in reversed(self._fine):
            size = (part.image.height(), part.image.width())
            if size == (high, wide) and (part.start, part.end) == (start, start + seen):
                return part
        return None

    @Slot()
    def _refine(self) -> None:
        if self._wanted is None or self._top is None:
            return  # `_take` comes back to it
        start, seen, high, wide = self._wanted
        samples, rate, highest, top = self._samples, self._rate, self.highest, self._top

        def fine() -> Part:
            levels = decibels(samples, rate, (start, start + seen), (high, wide), highest)
            return Part(start, start + seen, painted(levels, top))

        self._aside.ask("fine", fine)

    def paint_notes(self, painter: QPainter, place: QRectF) -> None:
        """Frequencies at the left edge."""
        painter.setFont(theme.font(theme.SIZE_SMALL - 1))
        lowest = place.bottom() + 1.0
        for hertz in _NOTES:
            share = share_of(hertz, self.highest)
            y = place.bottom() - share * place.height()
            if share > 1.0 or lowest - y < 22.0 or y - place.top() < 9.0:
                continue
            lowest = y
            text = f"{hertz // 1000} kHz" if hertz >= 1000 else f"{hertz} Hz"
            painter.setPen(theme.colour("#ffffff", 70))
            painter.drawLine(QPointF(place.x(), y), QPointF(place.x() + 5, y))
            over = QRectF(place.x() + 8, y - 8, 60, 16)
            where = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
            painter.setPen(theme.colour("#000000", 200))
            painter.drawText(over.translated(1, 1), where, text)
            painter.setPen(theme.colour(theme.TEXT))
            painter.drawText(over, where, text)
