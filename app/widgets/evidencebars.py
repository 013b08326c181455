"""Candidates for a name, each with its score as a bar."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app import theme

LINE = 19


class EvidenceBars(QWidget):
    """Best first; bars are relative to the best."""

    def __init__(self, name: str, form: str = "{:.2f}"):
        """`form`: how a number is written."""
        super().__init__()
        self._form = form
        self.bars: tuple[tuple[str, float], ...] = ()
        self._name = name
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(0)

    def sizeHint(self) -> QSize:
        return QSize(240, self.height())

    def set_bars(self, bars: Sequence[tuple[str, float]]) -> None:
        self.bars = tuple(bars)
        self.setFixedHeight(LINE * len(self.bars))
        words = ", ".join(f"{text} {self._said(value)}" for text, value in self.bars)
        self.setAccessibleDescription(words)
        self.setToolTip(f"{self._name}: {words}" if words else "")
        self.update()

    def _said(self, value: float) -> str:
        text = self._form.format(value)
        # Nothing is not less than nothing.
        return text.replace("-", "−" if text.strip("-0. %") else "")

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(theme.font(theme.SIZE_SMALL))
        middle = Qt.AlignmentFlag.AlignVCenter
        right = Qt.AlignmentFlag.AlignRight | middle
        best = max((abs(value) for _text, value in self.bars), default=1.0) or 1.0
        half = min(self.width() * 0.5, 170.0)
        for index, (text, value) in enumerate(self.bars):
            top = index * LINE
            painter.setPen(theme.colour(theme.TEXT if index == 0 else theme.DIM))
            shown = painter.fontMetrics().elidedText(
                text, Qt.TextElideMode.ElideRight, int(half - 8)
            )
            painter.drawText(QRectF(0, top, half - 8, LINE), middle, shown)
            painter.drawText(QRectF(self.width() - 46, top, 46, LINE), right, self._said(value))
            room = self.width() - half - 52
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour(theme.ACCENT if index == 0 else theme.QUIET))
            wide = max(room * max(value, 0.0) / best, 2.0)
            painter.drawRoundedRect(QRectF(half, top + LINE / 2 - 2, wide, 4), 2, 2)
        painter.end()
