"""The row of a generator's layers: paint a range for a direction, or click layers to mix."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app import theme
from engine.messages import Layer


class LayerCells(QWidget):
    """One cell per row of w+, coarse at the left, fine at the right."""

    began = Signal()
    ended = Signal()

    def __init__(self, name: str, height: int = 14):
        super().__init__()
        self._name = name
        self._rows = 1
        self._tips: list[str] = [""]
        self._cursor = 0
        self._selected: frozenset[int] = frozenset()
        self.setFixedHeight(height)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(name)

    def sizeHint(self) -> QSize:
        return QSize(160, self.height())

    def set_layers(self, layers: tuple[Layer, ...], rows: int) -> None:
        """The generator's layers; several may share one row of w+."""
        self._rows = max(rows, 1)
        self._tips = []
        for row in range(self._rows):
            here = [layer for layer in layers if layer.ws_index == row]
            names = ", ".join(layer.name for layer in here) or "—"
            size = f" · {here[0].resolution} px" if here else ""
            self._tips.append(f"Layer {row}: {names}{size}")
        self._cursor = min(self._cursor, self._rows - 1)
        self.update()

    @property
    def selected(self) -> tuple[int, ...]:
        return tuple(sorted(self._selected))

    def _show(self, selected: Iterable[int]) -> None:
        self._selected = frozenset(row for row in selected if 0 <= row < self._rows)
        chosen = ", ".join(map(str, self.selected)) or "none"
        self.setAccessibleDescription(f"Layers {chosen}")
        self.update()

    def _row_at(self, x: float) -> int:
        return min(max(int(x / max(self.width(), 1) * self._rows), 0), self._rows - 1)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            row = self._row_at(event.pos().x())
            QToolTip.showText(event.globalPos(), f"{self._tips[row]}\n{self.toolTip()}", self)
            return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        width = self.width() / self._rows
        for row in range(self._rows):
            box = QRectF(row * width + 1, 2, width - 2, self.height() - 4)
            on = row in self._selected
            painter.setPen(Qt.PenStyle.NoPen if on else QPen(theme.colour("#505050"), 1))
            # All layers is the rule and stays quiet; a choice of layers shines.
            chosen = theme.QUIET if len(self._selected) == self._rows else theme.ACCENT
            fill = chosen if on else theme.GROUND
            painter.setBrush(theme.colour(fill if self.isEnabled() else theme.LINE))
            painter.drawRoundedRect(box, 2.5, 2.5)
            if self.hasFocus() and row == self._cursor:
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.setPen(QPen(theme.colour(theme.TEXT), 1.5))
                painter.drawRoundedRect(box.adjusted(-0.5, -1.5, 0.5, 1.5), 3, 3)
        painter.end()


class LayerBrush(LayerCells):
    """A range first..last, painted by dragging. Double click takes all layers.

    Keys: arrows move the cursor, Shift + arrows extend the range from where it was.
    """

    range_changed = Signal(object)
    """(first, last), or None for all layers."""

    def __init__(self, name: str):
        super().__init__(name)
        self._from = 0
        self.setToolTip("Drag to choose the layers this acts on. Double click: all layers.")

    def set_range(self, span: tuple[int, int] | None) -> None:
        first, last = span or (0, self._rows - 1)
        self._show(range(first, last + 1))

    def _choose(self, first: int, last: int) -> None:
        first, last = sorted((first, last))
        self._show(range(first, last + 1))
        every = first == 0 and last == self._rows - 1
        self.range_changed.emit(None if every else (first, last))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.began.emit()
        self._from = self._cursor = self._row_at(event.position().x())
        self._choose(self._from, self._from)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._cursor = self._row_at(event.position().x())
            self._choose(self._from, self._cursor)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.ended.emit()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self._choose(0, self._rows - 1)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if step is None:
            if event.key() == Qt.Key.Key_Space:
                self._choose(0, self._rows - 1)
                return
            super().keyPressEvent(event)
            return
        self._cursor = min(max(self._cursor + step, 0), self._rows - 1)
        if not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self._from = self._cursor
        self._choose(self._from, self._cursor)


class LayerSet(LayerCells):
    """Any set of layers: click or drag to switch them. Keys: arrows and Space."""

    set_changed = Signal(object)
    """Sorted tuple of rows."""

    def __init__(self, name: str):
        super().__init__(name, 20)
        self._painting = True
        self.setToolTip("Click or drag to switch layers.")

    def set_rows(self, rows: Iterable[int]) -> None:
        self._show(rows)

    def _switch(self, row: int, on: bool) -> None:
        before = self._selected
        self._show(before | {row} if on else before - {row})
        if self._selected != before:
            self.set_changed.emit(self.selected)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.began.emit()
        self._cursor = self._row_at(event.position().x())
        self._painting = self._cursor not in self._selected
        self._switch(self._cursor, self._painting)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._switch(self._row_at(event.position().x()), self._painting)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.ended.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if step is not None:
            self._cursor = min(max(self._cursor + step, 0), self._rows - 1)
            self.update()
        elif event.key() == Qt.Key.Key_Space:
            self._switch(self._cursor, self._cursor not in self._selected)
        else:
            super().keyPressEvent(event)
