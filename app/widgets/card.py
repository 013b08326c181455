"""The card of one direction: its name, a strip of what it does, the slider along the strip."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QColor,
    QImage,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QFrame, QLineEdit, QSizePolicy, QVBoxLayout, QWidget

from app import icons, theme
from app.state import Card
from app.widgets.amount import AmountSlider, number
from app.widgets.layers import LayerBrush
from app.widgets.parts import icon_button, label, row
from engine.messages import Layer

STRIP = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
"""σ of the pictures of a strip. The slider reaches half a picture further on both sides."""
REACH = 3.5
FIELD_REACH = 20.0
"""The numeric field goes further than the slider."""


class Strip(QWidget):
    """Small pictures of one direction, most negative at the left; click one to go there."""

    chosen = Signal(float)

    def __init__(self, name: str):
        super().__init__()
        self._images: list[QImage | None] = [None] * len(STRIP)
        self._amount = 0.0
        self.setAccessibleName(name)
        self.setToolTip("What this direction does, from −3 σ to +3 σ. Click to go there.")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(45)

    def sizeHint(self) -> QSize:
        return QSize(315, 45)

    def set_image(self, index: int, image: QImage | None) -> None:
        self._images[index] = image
        self.update()

    def set_amount(self, amount: float) -> None:
        self._amount = amount
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = int(event.position().x() / max(self.width(), 1) * len(STRIP))
        self.chosen.emit(STRIP[min(max(index, 0), len(STRIP) - 1)])

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHints(
            QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform
        )
        outline = QPainterPath()
        outline.addRoundedRect(QRectF(self.rect()), 5, 5)
        painter.setClipPath(outline)
        painter.fillRect(self.rect(), theme.colour(theme.GROUND))
        width = self.width() / len(STRIP)
        for index, image in enumerate(self._images):
            if image is not None:
                box = QRectF(index * width, 0, width, self.height())
                painter.drawImage(box, image, _middle(image, box))
        x = (min(max(self._amount, -REACH), REACH) + REACH) / (2 * REACH) * self.width()
        for colour, thick in (("#000000", 4.0), (theme.ACCENT, 2.0)):
            painter.setPen(QPen(QColor(colour), thick))
            painter.drawLine(int(x), 0, int(x), self.height())
        painter.end()


def _middle(image: QImage, box: QRectF) -> QRectF:
    """The largest middle part of the image with the box's shape."""
    ratio = box.width() / box.height()
    width = min(image.width(), image.height() * ratio)
    height = min(image.height(), image.width() / ratio)
    return QRectF((image.width() - width) / 2, (image.height() - height) / 2, width, height)


class DirectionCard(QFrame):
    """Reads a `Card`, tells what the person wants of it."""

    amount_changed = Signal(str, float)
    range_changed = Signal(str, object)
    renamed = Signal(str, str)
    hide_asked = Signal(str)
    delete_asked = Signal(str)
    pin_asked = Signal(str)
    began = Signal()
    ended = Signal()

    def __init__(self, key: str):
        super().__init__()
        self.key = key
        self.setObjectName("card")
        self.name = QLineEdit()
        self.name.setProperty("quiet", True)
        self.name.setAccessibleName(f"Name of direction {key}")
        self.name.setToolTip("Give this direction your own word.")
        self.value = number(f"{key}, amount", -FIELD_REACH, FIELD_REACH, 0.1, " σ")
        self.pin = icon_button("pin", f"Pin {key} to the top", checkable=True, size=15)
        self.eye = icon_button("eye", f"Hide {key}", size=15)
        self.bin = icon_button("trash", f"Delete {key}", size=15)
        self.strip = Strip(f"Pictures of {key}")
        self.slider = AmountSlider(f"{key}, slider", -REACH, REACH, 0.0)
        self.slider.setToolTip(
            "Double click: back to 0. Arrow keys: 0.1 σ, PageUp: 1 σ, Shift: fine."
        )
        self.brush = LayerBrush(f"Layers of {key}")
        self.span = label("all layers", "small")
        self.span.setMinimumWidth(62)
        self.span.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._build()
        self._wire()

    def _build(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(9, 6, 9, 7)
        layout.setSpacing(3)
        head = row(self.name, self.pin, self.eye, self.bin, self.value, spacing=1)
        head.setStretch(0, 1)
        layout.addLayout(head)
        layout.addWidget(self.strip)
        layout.addWidget(self.slider)
        foot = row(self.brush, self.span, spacing=6)
        foot.setStretch(0, 1)
        layout.addLayout(foot)

    def _wire(self) -> None:
        self.slider.moved.connect(self._moved)
        self.value.valueChanged.connect(self._moved)
        self.strip.chosen.connect(self._moved)
        self.slider.began.connect(self.began)
        self.slider.ended.connect(self.ended)
        self.brush.began.connect(self.began)
        self.brush.ended.connect(self.ended)
        self.brush.range_changed.connect(self._brushed)
        self.name.editingFinished.connect(self._named)
        self.pin.clicked.connect(self._pin)
        self.eye.clicked.connect(self._hide)
        self.bin.clicked.connect(self._delete)

    def set_layers(self, layers: tuple[Layer, ...], rows: int) -> None:
        self.brush.set_layers(layers, rows)

    def set_strip_shown(self, shown: bool) -> None:
        self.strip.setVisible(shown)

    def show_card(self, card: Card) -> None:
        """Show the state of the direction."""
        if not self.name.hasFocus() and self.name.text() != card.direction.name:
            self.name.setText(card.direction.name)
            self.name.setCursorPosition(0)
        self.slider.set_amount(card.amount)
        blocked = self.value.blockSignals(True)
        self.value.setValue(card.amount)
        self.value.blockSignals(blocked)
        self.strip.set_amount(card.amount)
        layers = card.direction.layers
        self.brush.set_range(layers)
        self.span.setText("all layers" if layers is None else _span(layers))
        self.pin.setChecked(card.pinned)
        self.eye.setIcon(icons.icon("eye-off" if card.hidden else "eye"))
        words = f"Show {self.key}" if card.hidden else f"Hide {self.key}"
        self.eye.setToolTip(words)
        self.eye.setAccessibleName(words)
        if self.property("pinned") != card.pinned:
            self.setProperty("pinned", card.pinned)
            self.style().polish(self)

    @Slot(float)
    def _moved(self, amount: float) -> None:
        self.amount_changed.emit(self.key, amount)

    @Slot(object)
    def _brushed(self, span: tuple[int, int] | None) -> None:
        self.range_changed.emit(self.key, span)

    @Slot()
    def _named(self) -> None:
        self.renamed.emit(self.key, self.name.text().strip())

    @Slot()
    def _pin(self) -> None:
        self.pin_asked.emit(self.key)

    @Slot()
    def _hide(self) -> None:
        self.hide_asked.emit(self.key)

    @Slot()
    def _delete(self) -> None:
        self.delete_asked.emit(self.key)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)


def _span(layers: tuple[int, int]) -> str:
    first, last = layers
    return f"layer {first}" if first == last else f"layers {first}–{last}"
