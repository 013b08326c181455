"""One way of looking for directions, as a card to choose."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QSizePolicy

from app import theme

HEIGHT = 66


class MethodCard(QAbstractButton):
    """A title, two lines of plain words, and how long it takes."""

    def __init__(self, title: str, words: str, takes: str):
        super().__init__()
        self._title, self._words, self._takes = title, words, takes
        self.setCheckable(True)
        self.setAutoExclusive(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(f"{title}: {words}")
        self.setToolTip(words)
        self.setFixedHeight(HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def sizeHint(self) -> QSize:
        return QSize(140, HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        on, hot = self.isChecked(), self.underMouse()
        painter.setBrush(theme.colour(theme.HOVER if hot and not on else theme.RAISED))
        edge = theme.ACCENT if on or self.hasFocus() else theme.LINE
        painter.setPen(QPen(theme.colour(edge), 1.6 if on else 1.0))
        painter.drawRoundedRect(box, 7, 7)
        inside = box.adjusted(11, 7, -10, -7)
        painter.setFont(theme.font(theme.SIZE_SMALL))
        painter.setPen(theme.colour(theme.DIM))
        top_right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop
        painter.drawText(inside, top_right, self._takes)
        below = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap
        painter.drawText(inside.adjusted(0, 20, 0, 4), int(below), self._words)
        painter.setFont(theme.font(theme.SIZE, theme.QFont.Weight.DemiBold))
        painter.setPen(theme.colour(theme.ACCENT if on else theme.TEXT))
        painter.drawText(
            inside, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop, self._title
        )
        painter.end()
