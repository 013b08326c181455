"""What a fit is judged by: the same detail three times, and decibels as bars."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QImage, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app import theme

WORDS = 18
"""Height of the words below a picture."""


class Details(QWidget):
    """Equal pictures side by side, each with its name below; they come as one strip."""

    def __init__(self, name: str, names: Sequence[str]):
        super().__init__()
        self._names, self._strip = tuple(names), QImage()
        self.setAccessibleName(name)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    @property
    def empty(self) -> bool:
        return self._strip.isNull()

    def set_strip(self, strip: QImage) -> None:
        self._strip = strip
        self.updateGeometry()
        self.update()

    def heightForWidth(self, width: int) -> int:
        if self.empty:
            return 0
        one = self._strip.width() / len(self._names)
        return round(self._wide(width) * self._strip.height() / one) + WORDS

    def _wide(self, width: int) -> float:
        """Of one picture; not larger than twice its own pixels."""
        room = (width - 4 * (len(self._names) - 1)) / len(self._names)
        return min(room, 2 * self._strip.width() / len(self._names))

    def sizeHint(self) -> QSize:
        return QSize(300, self.heightForWidth(300))

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.empty:
            return
        painter = QPainter(self)
        painter.setRenderHints(
            QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform
        )
        painter.setFont(theme.font(theme.SIZE_SMALL))
        painter.setPen(theme.colour(theme.DIM))
        one = self._strip.width() // len(self._names)
        wide = self._wide(self.width())
        high = wide * self._strip.height() / one
        for index, name in enumerate(self._names):
            box = QRectF(index * (wide + 4), 0, wide, high)
            path = QPainterPath()
            path.addRoundedRect(box, 4, 4)
            painter.save()
            painter.setClipPath(path)
            painter.drawImage(box, self._strip, QRectF(index * one, 0, one, self._strip.height()))
            painter.restore()
            words = QRectF(box.left(), high + 2, wide, WORDS - 2)
            painter.drawText(words, Qt.AlignmentFlag.AlignCenter, name)
        painter.end()


class Decibels(QWidget):
    """A bar for each of a few enlargements; the last one shines."""

    HIGH = 22

    def __init__(self, name: str):
        super().__init__()
        self._bars: tuple[tuple[str, float], ...] = ()
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    @property
    def bars(self) -> tuple[tuple[str, float], ...]:
        return self._bars

    def set_bars(self, bars: Sequence[tuple[str, float]]) -> None:
        """(name, dB)."""
        self._bars = tuple(bars)
        self.setFixedHeight(self.HIGH * max(len(self._bars), 1))
        words = ", ".join(f"{name} {value:.2f} dB" for name, value in self._bars)
        self.setAccessibleDescription(words)
        self.setToolTip(f"{words}. More is nearer to the true picture; 0.3 dB can be seen.")
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(260, self.HIGH * max(len(self._bars), 1))

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._bars:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        small = theme.font(theme.SIZE_SMALL)
        metrics = QFontMetrics(small)
        left = max(metrics.horizontalAdvance(name) for name, _v in self._bars) + 10
        right = metrics.horizontalAdvance("00.00 dB") + 10
        values = [value for _name, value in self._bars]
        # What matters are the differences: bars begin somewhat below the lowest.
        low = min(values) - max(0.5, 0.5 * (max(values) - min(values)))
        room = max(20, self.width() - left - right)
        for index, (name, value) in enumerate(self._bars):
            last = index == len(self._bars) - 1
            line = QRect(0, index * self.HIGH, self.width(), self.HIGH)
            painter.setFont(small)
            painter.setPen(theme.colour(theme.TEXT if last else theme.DIM))
            painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, name)
            wide = room * (value - low) / max(max(values) - low, 1e-9)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour(theme.ACCENT if last else theme.EDGE))
            bar = QRectF(left, line.top() + 6, max(wide, 2.0), self.HIGH - 12)
            painter.drawRoundedRect(bar, 3, 3)
            painter.setFont(theme.font(theme.SIZE_SMALL, QFont.Weight.DemiBold if last else _PLAIN))
            painter.setPen(theme.colour(theme.TEXT if last else theme.DIM))
            beside = QRectF(bar.right() + 6, line.top(), right, self.HIGH)
            painter.drawText(beside, Qt.AlignmentFlag.AlignVCenter, f"{value:.2f} dB")
        painter.end()


_PLAIN = QFont.Weight.Normal
