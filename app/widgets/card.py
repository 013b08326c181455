"""The card of one direction: its name, a strip of what it does, the slider along the strip."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, Qt, Signal, Slot
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtWidgets import QFrame, QLineEdit, QMenu, QVBoxLayout

from app import icons
from app.fixed import NOTHING, share
from app.state import Card
from app.widgets.amount import AmountSlider, number
from app.widgets.details import CardDetails
from app.widgets.fixing import FixList
from app.widgets.layers import LayerBrush
from app.widgets.parts import icon_button, label, row
from app.widgets.plot import Meter
from app.widgets.strip import REACH, Strip, stretch_of
from app.widgets.strip import STRIP as STRIP
from engine.messages import Direction, Layer

FIELD_REACH = 20.0
"""The numeric field goes further than the slider."""
VERBS = (
    ("details", "Where it comes from"),
    ("evidence", "Open the pictures it was learnt from"),
    ("", ""),
    ("fix", "Keep fixed…"),
    ("duplicate", "Duplicate"),
    ("", ""),
    ("save", "Save this direction…"),
    ("carry", "Use it in another generator…"),
)
"""What the card's menu offers; empty: a line."""


class DirectionCard(QFrame):
    """Reads a `Card`, tells what the person wants of it."""

    amount_changed = Signal(str, float)
    range_changed = Signal(str, object)
    renamed = Signal(str, str)
    hide_asked = Signal(str)
    delete_asked = Signal(str)
    pin_asked = Signal(str)
    asked = Signal(str, str)
    """(key, verb): `evidence`, `fix`, `duplicate`, `save` or `carry`."""
    fixed_changed = Signal(str, object)
    """(key, tuple of the keys it keeps fixed)."""
    resized = Signal()
    """Details were opened or closed."""
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
        self.more = icon_button("more", f"More about {key}", size=15)
        self.tag = label("●", "new")
        self.tag.setToolTip("Just found")
        self.tag.setAccessibleName(f"{key} was just found")
        self.tag.hide()
        self.strip = Strip(f"Pictures of {key}")
        self.slider = AmountSlider(f"{key}, slider", -REACH, REACH, 0.0)
        self.slider.setToolTip(
            "Double click: back to 0. Arrow keys: 0.1 σ, PageUp: 1 σ, Shift: fine."
        )
        self.brush = LayerBrush(f"Layers of {key}")
        self.span = label("all layers", "small")
        self.span.setMinimumWidth(62)
        self.span.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._card: Card | None = None
        self._details: CardDetails | None = None
        self.fixing: FixList | None = None
        """Once it was opened."""
        self._make_kept()
        for button in (self.pin, self.eye, self.bin, self.more):
            button.setProperty("slim", True)
        self._build()
        self._wire()

    def _make_kept(self) -> None:
        """The line that says what is kept fixed, and what that leaves."""
        self.kept = QFrame()
        self.lock = icon_button("lock", f"What {self.key} keeps fixed", size=13)
        self.left = Meter(f"What is left of {self.key}")
        self.kept_words = label("", "small")
        self.kept_words.setMinimumWidth(20)
        line = row(self.lock, self.left, self.kept_words, spacing=5)
        line.setStretch(2, 1)
        self.kept.setLayout(line)
        self.kept.hide()

    def _build(self) -> None:
        layout = self._layout = QVBoxLayout(self)
        layout.setContentsMargins(9, 6, 9, 7)
        layout.setSpacing(3)
        head = row(
            self.name, self.tag, self.pin, self.eye, self.bin, self.more, self.value, spacing=1
        )
        head.setStretch(0, 1)
        layout.addLayout(head)
        layout.addWidget(self.strip)
        layout.addWidget(self.slider)
        foot = row(self.brush, self.span, spacing=6)
        foot.setStretch(0, 1)
        layout.addLayout(foot)
        layout.addWidget(self.kept)

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
        self.more.clicked.connect(self._menu)
        self.lock.clicked.connect(self._fix)

    def set_layers(self, layers: tuple[Layer, ...], rows: int) -> None:
        self.brush.set_layers(layers, rows)

    def set_strip_shown(self, shown: bool) -> None:
        self.strip.setVisible(shown)

    def show_card(self, card: Card) -> None:
        """Show the state of the direction."""
        previous, self._card = self._card, card
        if self._details is not None:
            self._details.show_direction(card.direction)
        if self.fixing is not None and not self.fixing.isHidden():
            self.fixing.follow(card.fixed)
        if not self.name.hasFocus() and self.name.text() != card.direction.name:
            self.name.setText(card.direction.name)
            self.name.setCursorPosition(0)
        self.name.setToolTip(f"{card.direction.name}\nGive this direction your own word.")
        if previous is None or previous.direction.vector is not card.direction.vector:
            self._reach(card.direction)
        self.slider.set_amount(card.amount)
        blocked = self.value.blockSignals(True)
        self.value.setValue(card.amount)
        self.value.blockSignals(blocked)
        self.strip.set_amount(card.amount)
        layers = card.direction.layers
        self.brush.set_range(layers)
        self.span.setText(_acts_on(card.direction))
        self.pin.setChecked(card.pinned)
        self.eye.setIcon(icons.icon("eye-off" if card.hidden else "eye"))
        words = f"Show {self.key}" if card.hidden else f"Hide {self.key}"
        self.eye.setToolTip(words)
        self.eye.setAccessibleName(words)
        if self.property("pinned") != card.pinned:
            self.setProperty("pinned", card.pinned)
            self.style().polish(self)

    def _reach(self, direction: Direction) -> None:
        """Strip and slider as wide as the direction needs; layers where it has them."""
        stretch = stretch_of(direction)
        self.strip.set_stretch(stretch)
        self.slider.set_span(-REACH * stretch, REACH * stretch)
        self.brush.setVisible(direction.space not in ("s", "a"))

    def show_kept(self, names: tuple[str, ...], residual: float) -> None:
        """What is kept fixed (nothing: no line), and the share of the direction that is left."""
        self.kept.setVisible(bool(names))
        if not names:
            return
        self.left.set_share(residual)
        words = share(residual)
        if residual < NOTHING:
            words += ": it is made of what is fixed."
        self.kept_words.setText(words)
        listed = ", ".join(names)
        tip = f"{words}. Kept fixed: {listed}.".replace("..", ".")
        self.kept.setToolTip(tip)
        self.lock.setToolTip(tip)
        self.kept_words.setAccessibleName(tip)

    def set_new(self, new: bool) -> None:
        """Whether it was just found."""
        self.tag.setVisible(new)

    @property
    def open(self) -> bool:
        """Whether its details are shown."""
        return self._details is not None and not self._details.isHidden()

    def set_open(self, on: bool) -> None:
        if on and self._details is None:
            self._details = CardDetails(self.key)
            self._layout.addWidget(self._details)
            if self._card is not None:
                self._details.show_direction(self._card.direction)
        if self._details is not None:
            self._details.setVisible(on)
        self.resized.emit()

    def open_fixing(self, card: Card, others: Sequence[Card]) -> None:
        """Choose below what it keeps fixed, among `others`."""
        if self.fixing is None:
            self.fixing = FixList(self.key)
            self._layout.addWidget(self.fixing)
            self.fixing.chosen.connect(self._fixed)
            self.fixing.closed.connect(self._close_fixing)
        self.fixing.show_cards(card, others)
        self.fixing.show()
        self.fixing.list.setFocus()
        self.resized.emit()

    @Slot(object)
    def _fixed(self, fixed: tuple[str, ...]) -> None:
        self.fixed_changed.emit(self.key, fixed)

    @Slot()
    def _close_fixing(self) -> None:
        if self.fixing is not None:
            self.fixing.hide()
        self.resized.emit()

    # -------------------------------------------------------------- menu

    def menu(self) -> QMenu:
        """What else can be done with the direction; goes away when it closes."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.setAccessibleName(f"Menu of {self.key}")
        learnt = self._card is not None and self._card.direction.method == "compass"
        for verb, words in VERBS:
            if not verb:
                menu.addSeparator()
            elif verb != "evidence" or learnt:
                action = menu.addAction(words)
                action.setObjectName(verb)
                action.setCheckable(verb == "details")
                action.setChecked(verb == "details" and self.open)
                action.triggered.connect(self._act)
        return menu

    @Slot()
    def _menu(self) -> None:
        self.menu().popup(self.more.mapToGlobal(QPoint(0, self.more.height() + 2)))

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self.menu().popup(event.globalPos())

    @Slot()
    def _act(self) -> None:
        verb = self.sender().objectName()
        if verb == "details":
            self.set_open(not self.open)
        else:
            self.asked.emit(self.key, verb)

    @Slot()
    def _fix(self) -> None:
        self.asked.emit(self.key, "fix")

    # -------------------------------------------------------------- hand

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


def _acts_on(direction: Direction) -> str:
    """Which layers a direction moves, in words."""
    if direction.space == "a":
        return f"moves what {direction.at} sees"
    if direction.space == "s":
        return "one style channel" if stretch_of(direction) > 1.0 else "style channels"
    if direction.layers is None:
        return "all layers"
    first, last = direction.layers
    return f"layer {first}" if first == last else f"layers {first}–{last}"
