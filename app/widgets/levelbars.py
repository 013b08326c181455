"""One small upright slider a level: how freely each of them varies."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QSlider, QWidget

from app import theme
from app.widgets.parts import row

MOST = 12
TALL = 64


class LevelBar(QSlider):
    """0..100 %, filled from below; a click sets it there. Double click: all of it again."""

    def __init__(self, index: int):
        super().__init__(Qt.Orientation.Vertical)
        self.setRange(0, 100)
        self.setValue(100)
        self.setSingleStep(5)
        self.setPageStep(20)
        self.setAccessibleName(f"Variation of level {index}")
        self.setFixedHeight(TALL)
        self.setMinimumWidth(12)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.valueChanged.connect(self._tell)
        self._index = index
        self._tell(100)

    @Slot(int)
    def _tell(self, value: int) -> None:
        self.setToolTip(f"Level {self._index} (0 is the coarsest): {value} %")
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(24, TALL)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.setSliderDown(True)
            self._take(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.isSliderDown():
            self._take(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.setSliderDown(False)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.setValue(100)

    def _take(self, event: QMouseEvent) -> None:
        share = 1.0 - (event.position().y() - 3) / (self.height() - 6)
        self.setValue(round(min(max(share, 0.0), 1.0) * 20) * 5)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.rect()).adjusted(1.5, 1.5, -1.5, -1.5)
        focus = self.hasFocus()
        painter.setPen(QPen(theme.colour(theme.ACCENT if focus else theme.LINE), 1))
        painter.setBrush(theme.colour(theme.GROUND))
        painter.drawRoundedRect(box, 4, 4)
        inside = box.adjusted(2, 2, -2, -2)
        inside.setTop(inside.bottom() - inside.height() * self.value() / 100)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour(theme.ACCENT if self.isEnabled() else theme.QUIET))
        if inside.height() > 0.5:
            painter.drawRoundedRect(inside, 2, 2)
        painter.end()


class LevelBars(QWidget):
    """Coarse at the left."""

    moved = Signal(object)
    """tuple[float, ...]: variation of every level, 0..1."""

    def __init__(self) -> None:
        super().__init__()
        self.bars = [LevelBar(index) for index in range(MOST)]
        self._count = MOST
        self.setLayout(row(*self.bars, spacing=4))
        for bar in self.bars:
            bar.valueChanged.connect(self._changed)

    def values(self) -> tuple[float, ...]:
        return tuple(bar.value() / 100 for bar in self.bars[: self._count])

    def set_values(self, values: Sequence[float], count: int, begins: int) -> None:
        """`values`: missing ones are 1; levels before `begins` are the source's own."""
        self._count = min(max(count, 1), MOST)
        for index, bar in enumerate(self.bars):
            blocked = bar.blockSignals(True)
            bar.setValue(round((values[index] if index < len(values) else 1.0) * 100))
            bar.blockSignals(blocked)
            bar.setVisible(index < self._count)
            bar.setEnabled(index >= begins)
            bar.update()

    @Slot(int)
    def _changed(self, _value: int) -> None:
        self.moved.emit(self.values())
