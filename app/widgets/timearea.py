"""A widget whose width is time: zoom, pan, playhead. What is shown and marked comes on top."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QRectF, Qt, Signal, Slot
from PySide6.QtGui import QFocusEvent, QKeyEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QWidget

from app.widgets.timeline import Timeline

RULER = 22.0
"""Height of the time axis, pixels."""
BAR = 9.0
"""Height of the scroll bar."""


class TimeArea(QWidget):
    """The wheel zooms at the pointer, Shift and wheel pan; keys as `WaveView` tells them."""

    sought = Signal(float)
    """The person moved the playhead."""
    view_changed = Signal(float, float)
    """(start, span): connect to `set_view` of another view."""

    def __init__(self) -> None:
        super().__init__()
        self._line = Timeline()
        self._playhead = 0.0
        self._held = False
        """The hand holds something: the view stays."""
        self._keyboard = False
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)

    @property
    def seconds(self) -> float:
        return self._line.seconds

    # -------------------------------------------------------------- playhead

    @property
    def playhead(self) -> float:
        return self._playhead

    @Slot(float)
    def set_playhead(self, seconds: float) -> None:
        """Follows it page by page while zoomed, unless the hand holds something."""
        before, self._playhead = self._playhead, min(max(seconds, 0.0), self.seconds)
        line = self._line if self._held else self._line.showing(self._playhead)
        if line != self._line:
            self._set_line(line)
            return
        for moment in (before, self._playhead):
            self.update(round(self._line.x_of(moment)) - 7, 0, 15, self.height())

    def _seek(self, moment: float) -> None:
        self.set_playhead(moment)
        self.sought.emit(self._playhead)

    # -------------------------------------------------------------- view

    @property
    def view(self) -> tuple[float, float]:
        """(start, seconds seen)."""
        return self._line.start, self._line.seen

    @Slot(float, float)
    def set_view(self, start: float, span: float) -> None:
        self._line = self._line.moved_to(start, span)
        self.update()

    @Slot()
    def fit(self) -> None:
        self._set_line(self._line.moved_to(0.0, self.seconds))

    def zoom_by(self, factor: float, at: float | None = None) -> None:
        """Around a moment; the playhead when it is seen, else the middle."""
        if at is None:
            seen = self._line.start <= self._playhead <= self._line.end
            at = self._playhead if seen else self._line.start + self._line.seen / 2
        self._set_line(self._line.zoomed(factor, at))

    def _set_line(self, line: Timeline) -> None:
        if line != self._line:
            self._line = line
            self.view_changed.emit(*self.view)
        self.update()

    def _thumb(self) -> QRectF:
        """The scroll bar's handle; empty while all is seen."""
        if self._line.fitted:
            return QRectF()
        wide = max(self._line.seen / self.seconds * self.width(), 24.0)
        way = self._line.start / max(self.seconds - self._line.seen, 1e-9)
        left = way * (self.width() - wide)
        return QRectF(left, self.height() - BAR + 2, wide, BAR - 4)

    # -------------------------------------------------------------- hand

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.seconds <= 0.0:
            event.ignore()
            return
        step = event.angleDelta()
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier or abs(step.x()) > abs(step.y()):
            self._set_line(self._line.panned(-(step.x() or step.y())))
        else:
            at = self._line.start + event.position().x() * self._line.per_pixel
            self._set_line(self._line.zoomed(1.002 ** step.y(), at))
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self.seconds <= 0.0 or not self._key(event):
            super().keyPressEvent(event)

    def _key(self, event: QKeyEvent) -> bool:
        """Whether the key meant something here."""
        key, held = Qt.Key(event.key()), event.modifiers()
        if key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            step = 10 * self._line.per_pixel
            if held & Qt.KeyboardModifier.ShiftModifier:
                step = self._line.per_pixel
            elif held & Qt.KeyboardModifier.ControlModifier:
                step = self._line.seen / 10
            self._seek(self._playhead + (step if key == Qt.Key.Key_Right else -step))
        elif held & Qt.KeyboardModifier.ControlModifier:
            return False
        elif key == Qt.Key.Key_Home:
            self._seek(0.0)
        elif key == Qt.Key.Key_End:
            self._seek(self.seconds)
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.zoom_by(1.5)
        elif key in (Qt.Key.Key_Minus, Qt.Key.Key_Underscore):
            self.zoom_by(1 / 1.5)
        elif key == Qt.Key.Key_0:
            self.fit()
        else:
            return False
        return True

    # -------------------------------------------------------------- Qt

    def focusInEvent(self, event: QFocusEvent) -> None:
        tabs = (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)
        self._keyboard = event.reason() in tabs
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._keyboard = False
        super().focusOutEvent(event)
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._line = replace(self._line, width=float(max(self.width(), 1)))
