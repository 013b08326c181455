"""How loud it is: a bar a channel with the peak held, and a light for clipping."""

from __future__ import annotations

import math
import time

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, QTimer, Slot
from PySide6.QtGui import QHelpEvent, QLinearGradient, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app import theme
from app.deck import Levels

FLOOR = -60.0
"""dB at the left end."""
FALL = 26.0
"""dB a second by which a bar falls back."""
HOLD = 1.5
"""Seconds that a peak stays."""
LAMP = 10.0
_TICK_MS = 33
_MARKS = (-48, -36, -24, -12, -6)


def decibels(level: float) -> float:
    """Linear to dB, not below FLOOR."""
    return max(20 * math.log10(level), FLOOR) if level > 0.0 else FLOOR


def share(db: float) -> float:
    """Where on the bar it lies, 0..1."""
    return min(max(1 - db / FLOOR, 0.0), 1.0)


class LevelMeter(QWidget):
    """Bright the mean (RMS), dim the peak, a line the peak held; click puts the light out."""

    def __init__(self) -> None:
        super().__init__()
        self._rms = [FLOOR, FLOOR]
        self._peak = [FLOOR, FLOOR]
        self._held = [(FLOOR, 0.0), (FLOOR, 0.0)]
        self._clipped = False
        self._last = 0.0
        self._timer = QTimer(self)
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self._sink)
        self.setAccessibleName("Levels")
        self.setAccessibleDescription("Silent")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(24)
        self.setMinimumWidth(72)
        self.setMaximumWidth(220)

    def sizeHint(self) -> QSize:
        return QSize(150, 24)

    @property
    def clipped(self) -> bool:
        return self._clipped

    @property
    def held(self) -> tuple[float, ...]:
        """dB of the peaks that are shown."""
        return tuple(db for db, _ in self._held)

    @Slot(object)
    def show_levels(self, levels: Levels) -> None:
        self._fall()
        now = time.monotonic()
        for i in range(2):
            peak = decibels(levels.peak[min(i, len(levels.peak) - 1)])
            self._rms[i] = max(self._rms[i], decibels(levels.rms[min(i, len(levels.rms) - 1)]))
            self._peak[i] = max(self._peak[i], peak)
            if peak >= self._held[i][0]:
                self._held[i] = (peak, now)
        if levels.clipped and not self._clipped:
            self._clipped = True
            self.setAccessibleDescription("It clipped")
        if not self._timer.isActive() and max(self._peak) > FLOOR:
            self._timer.start()
        self.update()

    @Slot()
    def reset(self) -> None:
        """The light goes out."""
        self._clipped = False
        self.setAccessibleDescription("No clipping")
        self.update()

    @Slot()
    def _sink(self) -> None:
        self._fall()
        if max(*self._peak, *self.held) <= FLOOR:
            self._timer.stop()
        self.update()

    def _fall(self) -> None:
        now = time.monotonic()
        step, self._last = min(now - self._last, 1.0) * FALL, now
        for i in range(2):
            self._rms[i] = max(self._rms[i] - step, FLOOR)
            self._peak[i] = max(self._peak[i] - step, FLOOR)
            db, since = self._held[i]
            if now - since > HOLD:
                self._held[i] = (max(db - step, FLOOR), since)

    # -------------------------------------------------------------- hand and look

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.reset()

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            top = max(self.held)
            words = "silent" if top <= FLOOR else f"{top:.1f} dB"
            tail = ". It clipped; click to put the light out" if self._clipped else ""
            QToolTip.showText(event.globalPos(), f"Peak: {words}{tail}.", self)
            return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        room = self.width() - LAMP - 4.0
        glow = QLinearGradient(QPointF(0, 0), QPointF(room, 0))
        for at, name in ((0.0, "#5f7d5c"), (share(-12), theme.GOOD), (share(-6), theme.ACCENT)):
            glow.setColorAt(at, theme.colour(name))
        glow.setColorAt(1.0, theme.colour(theme.DANGER))
        for i, top in enumerate((3.0, 13.0)):
            bar = QRectF(0, top, room, 8)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.fillRect(bar, theme.colour(theme.GROUND))
            painter.setOpacity(0.45)
            painter.fillRect(QRectF(0, top, room * share(self._peak[i]), 8), glow)
            painter.setOpacity(1.0)
            painter.fillRect(QRectF(0, top, room * share(self._rms[i]), 8), glow)
            if self._held[i][0] > FLOOR:
                x = room * share(self._held[i][0])
                painter.fillRect(QRectF(max(x - 2, 0), top, 2, 8), theme.colour(theme.TEXT))
        for db in _MARKS:
            x = room * share(db)
            painter.fillRect(QRectF(x, 3, 1, 18), theme.colour("#000000", 110))
        lamp = QRectF(room + 4, 3, LAMP, 18)
        painter.fillRect(lamp, theme.colour(theme.DANGER if self._clipped else theme.RAISED))
        painter.end()
