"""A slider for an amount with a detent at its rest, and the number beside it."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QDoubleSpinBox, QHBoxLayout, QSizePolicy, QSlider, QSpinBox, QWidget

from app import theme

STEPS = 1000
"""Slider ticks for one unit of the amount."""
DETENT_PIXELS = 5


class AmountSlider(QSlider):
    """A horizontal slider over floats. Double click returns to rest; the rest is a detent.

    Arrow keys move by `step`, PageUp/PageDown by ten steps, the wheel only while focused (so that
    scrolling a panel never changes a picture), Shift while dragging moves ten times finer.
    """

    moved = Signal(float)
    """The person moved it."""
    began = Signal()
    ended = Signal()

    def __init__(self, name: str, low: float, high: float, rest: float, step: float = 0.1):
        super().__init__(Qt.Orientation.Horizontal)
        self.rest = rest
        self._amount = rest
        self._fine_from: tuple[float, float] | None = None
        self.setRange(round(low * STEPS), round(high * STEPS))
        self.setSingleStep(round(step * STEPS))
        self.setPageStep(round(step * STEPS * 10))
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumHeight(22)
        self.setMouseTracking(True)
        self.set_amount(rest)
        self.actionTriggered.connect(self._stepped)

    def sizeHint(self) -> QSize:
        return QSize(160, 22)

    @property
    def amount(self) -> float:
        return self._amount

    def set_span(self, low: float, high: float) -> None:
        """Reach from `low` to `high`."""
        blocked = self.blockSignals(True)
        self.setRange(round(low * STEPS), round(high * STEPS))
        self.blockSignals(blocked)
        self.update()

    def set_amount(self, amount: float) -> None:
        """Show an amount (which may lie beyond the ends) without announcing it."""
        self._amount = amount
        if not self.isSliderDown() or round(amount * STEPS) != self.value():
            blocked = self.blockSignals(True)
            self.setValue(round(amount * STEPS))
            self.blockSignals(blocked)
        self.update()

    @Slot(int)
    def _stepped(self, _action: int) -> None:
        # Emitted for keys and the accessibility interface, with the new position pending.
        self._take(self.sliderPosition() / STEPS)

    def _take(self, amount: float) -> None:
        amount = min(max(amount, self.minimum() / STEPS), self.maximum() / STEPS)
        if abs(amount - self._amount) < 0.5 / STEPS:
            return
        self._amount = amount
        self.setSliderPosition(round(amount * STEPS))
        self.moved.emit(amount)
        self.update()

    # -------------------------------------------------------------- hand

    def _amount_at(self, x: float) -> float:
        low, high = self.minimum() / STEPS, self.maximum() / STEPS
        return low + (high - low) * min(max(x / max(self.width(), 1), 0.0), 1.0)

    def _x_of(self, amount: float) -> float:
        low, high = self.minimum() / STEPS, self.maximum() / STEPS
        return (min(max(amount, low), high) - low) / (high - low) * self.width()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            event.ignore()
            return
        self.setSliderDown(True)
        self.began.emit()
        self._drag(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.isSliderDown():
            self._drag(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self.isSliderDown():
            self._fine_from = None
            self.setSliderDown(False)
            self.ended.emit()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self._take(self.rest)

    def _drag(self, event: QMouseEvent) -> None:
        x = event.position().x()
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            if self._fine_from is None:
                self._fine_from = (x, self._amount)
            from_x, from_amount = self._fine_from
            units = (self.maximum() - self.minimum()) / STEPS / max(self.width(), 1)
            self._take(from_amount + (x - from_x) * units / 10)
            return
        self._fine_from = None
        near = abs(x - self._x_of(self.rest)) <= DETENT_PIXELS
        self._take(self.rest if near else self._amount_at(x))

    def wheelEvent(self, event: QWheelEvent) -> None:
        if not self.hasFocus():
            event.ignore()
            return
        notches = event.angleDelta().y() / 120
        self._take(self._amount + notches * self.singleStep() / STEPS)
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace, Qt.Key.Key_0):
            self._take(self.rest)
            return
        super().keyPressEvent(event)

    # -------------------------------------------------------------- look

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle = self.height() / 2
        inset = 7.0
        at = min(max(self._x_of(self._amount), inset), self.width() - inset)
        rest = min(max(self._x_of(self.rest), inset), self.width() - inset)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour("#4a4a4a"))
        painter.drawRoundedRect(QRectF(1, middle - 1.5, self.width() - 2, 3), 1.5, 1.5)
        on = self.isEnabled()
        accent = theme.colour(theme.ACCENT if on else theme.EDGE)
        painter.setBrush(accent)
        painter.drawRect(QRectF(min(at, rest), middle - 1.5, abs(at - rest), 3))
        painter.setBrush(theme.colour(theme.EDGE))
        painter.drawRoundedRect(QRectF(rest - 1, middle - 5, 2, 10), 1, 1)
        self._paint_handle(painter, QPointF(at, middle), on)
        painter.end()

    def _paint_handle(self, painter: QPainter, centre: QPointF, on: bool) -> None:
        moved = abs(self._amount - self.rest) > 0.5 / STEPS
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.colour(theme.ACCENT), 1.5))
            painter.drawEllipse(centre, 9.0, 9.0)
        hot = self.isSliderDown() or self.underMouse()
        fill = theme.ACCENT if moved and on else (theme.TEXT if on else theme.EDGE)
        painter.setPen(QPen(theme.colour(theme.GROUND), 1.5))
        painter.setBrush(theme.colour(fill))
        radius = 7.0 if hot else 6.0
        painter.drawEllipse(centre, radius, radius)


class AmountRow(QWidget):
    """The slider with its numeric field."""

    moved = Signal(float)
    began = Signal()
    ended = Signal()

    def __init__(
        self,
        name: str,
        low: float,
        high: float,
        rest: float,
        step: float = 0.1,
        suffix: str = "",
        decimals: int = 2,
        wide: tuple[float, float] | None = None,
    ):
        """`wide`: limits of the numeric field when it may go beyond the slider."""
        super().__init__()
        self.slider = AmountSlider(name, low, high, rest, step)
        self.field = number(f"{name}, number", *(wide or (low, high)), step, suffix, decimals)
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(theme.SPACE)
        line.addWidget(self.slider, 1)
        line.addWidget(self.field)
        self.slider.moved.connect(self._slid)
        self.slider.began.connect(self.began)
        self.slider.ended.connect(self.ended)
        self.field.valueChanged.connect(self._typed)
        self.set_amount(rest)

    @property
    def amount(self) -> float:
        return self.slider.amount

    def set_amount(self, amount: float) -> None:
        self.slider.set_amount(amount)
        if abs(self.field.value() - amount) > 10 ** -(self.field.decimals() + 1):
            blocked = self.field.blockSignals(True)
            self.field.setValue(amount)
            self.field.blockSignals(blocked)

    @Slot(float)
    def _slid(self, amount: float) -> None:
        self.set_amount(amount)
        self.moved.emit(amount)

    @Slot(float)
    def _typed(self, amount: float) -> None:
        self.slider.set_amount(amount)
        self.moved.emit(amount)

    def setToolTip(self, tip: str) -> None:
        self.slider.setToolTip(tip)
        self.field.setToolTip(tip)


class Number(QDoubleSpinBox):
    """A numeric field that leaves the wheel to the panel around it until it has the focus."""

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class Whole(QSpinBox):
    """The same for whole numbers."""

    def __init__(self, name: str, low: int, high: int):
        super().__init__()
        self.setRange(low, high)
        self.setAccessibleName(name)
        self.setKeyboardTracking(False)
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


def number(
    name: str, low: float, high: float, step: float, suffix: str = "", decimals: int = 2
) -> Number:
    """A compact numeric field; arrow keys and PageUp step it."""
    field = Number()
    field.setRange(low, high)
    field.setSingleStep(step)
    field.setDecimals(decimals)
    field.setSuffix(suffix)
    field.setAlignment(Qt.AlignmentFlag.AlignRight)
    field.setAccessibleName(name)
    field.setKeyboardTracking(False)
    field.setFixedWidth(66 if suffix else 54)
    field.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    return field
