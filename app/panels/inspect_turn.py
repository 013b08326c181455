"""Turning units: off, up, held, inverted; everywhere or under a brush; a list of it all."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QGridLayout, QPushButton, QWidget

from app.inspect_state import (
    ACTIONS,
    count_words,
    edit_words,
    new_edit,
    small_mask,
    unit_words,
    with_edit,
)
from app.inspecting import Inspecting
from app.panels.inspect_picture import SteeredPicture
from app.panels.picture_part import named
from app.widgets.amount import AmountRow
from app.widgets.editlist import EditList
from app.widgets.mask import MaskTools
from app.widgets.parts import Segments, column, label, push, row, section
from engine.messages import UnitAction, UnitEdit

BOOST = 2.0
WHERE = (
    ("all", "Everywhere", "At every place of the picture"),
    ("brush", "Under the brush", "Only where you paint on the picture"),
)


class TurnPart(QWidget):
    """The form under the picture."""

    def __init__(self, inspecting: Inspecting, picture: SteeredPicture, *below: QWidget):
        """`below`: what stands under the list."""
        super().__init__()
        self._below = below
        self._inspecting, self._layer, self._picture = inspecting, picture.layer, picture
        self.current = -1
        """Number of the edit that amount and brush work on."""
        self.painting = False
        self._make()
        self._build()
        self._wire()
        self.refresh()

    def _make(self) -> None:
        self.who = label("", wrap=True)
        self.buttons: dict[UnitAction, QPushButton] = {}
        for action, text, tip in ACTIONS:
            button = push(text, tip)
            button.setProperty("compact", True)
            self.buttons[action] = button
        self.amount = AmountRow("Amount", -4, 8, BOOST, 0.1, wide=(-1000, 1000))
        self.where = Segments(WHERE, "Where")
        self.tools = MaskTools(self._layer)
        self.hint = label("Paint on the picture: it counts only there.", "dim", wrap=True)
        self.list = EditList("Turned units")
        self.clear = push("Clear", "Nothing is turned any more")
        self.clear.setProperty("compact", True)

    def _build(self) -> None:
        layout = column(self, spacing=8)
        layout.addWidget(self.who)
        grid = QGridLayout()
        grid.setSpacing(6)
        for place, button in enumerate(self.buttons.values()):
            grid.addWidget(button, place // 2, place % 2)
        layout.addLayout(grid)
        self._spot = QWidget()
        inside = column(self._spot, spacing=8)
        inside.addWidget(self.where)
        inside.addWidget(self.hint)
        inside.addWidget(self.tools)
        layout.addWidget(self._spot)
        self._turned = section("Turned")
        layout.addLayout(row(self._turned, 1, self.clear))
        layout.addWidget(self.list)
        self._dial = QWidget()
        self._dial.setLayout(named("Amount", self.amount, 52))
        layout.addWidget(self._dial)
        for part in self._below:
            layout.addWidget(part)
        layout.addStretch(1)

    def _wire(self) -> None:
        inspecting = self._inspecting
        for button in self.buttons.values():
            button.clicked.connect(self._act)
        inspecting.edits_changed.connect(self.refresh)
        inspecting.selection_changed.connect(self.refresh)
        inspecting.card_changed.connect(self.refresh)
        inspecting.network_changed.connect(self.refresh)
        self.list.chosen.connect(self.choose)
        self.list.switched.connect(self.switch)
        self.list.removed.connect(self.remove)
        self.amount.moved.connect(self._amount)
        self.amount.began.connect(inspecting.document.begin_gesture)
        self.amount.ended.connect(inspecting.document.end_gesture)
        self.where.chosen.connect(self._where)
        self._layer.changed.connect(self._painted)
        self._layer.left.connect(self._leave)
        self.clear.clicked.connect(self.clear_all)

    # -------------------------------------------------------------- verbs

    @Slot()
    def _act(self) -> None:
        sender = self.sender()
        for action, button in self.buttons.items():
            if button is sender:
                self.act(action)

    def act(self, action: UnitAction) -> None:
        """Turn the units that are meant, as a new edit."""
        inspecting = self._inspecting
        units = inspecting.meant
        if not units:
            return
        amount = BOOST
        if action == "clamp":
            # Where it counts as active is a value it really takes.
            card = inspecting.card
            amount = round(card.level, 3) if card is not None else 1.0
        known = inspecting.summary(units[0]) if len(units) == 1 else None
        mask = self._layer.values() if self.painting else None
        edit = new_edit(units, action, amount, mask, known.words if known is not None else "")
        edits = (*inspecting.edits, edit)
        self.current = len(edits) - 1
        inspecting.turn(f"Turn {edit_words(edit)}", edits)
        self.refresh()

    @Slot(int)
    def choose(self, index: int) -> None:
        """Amount and brush work on this edit; -1 on none."""
        self.current = index
        edit = self._edit
        if edit is not None:
            self._set_painting(edit.mask is not None)
            if edit.mask is not None:
                self._show_mask(edit)
        self.refresh()

    @Slot(int, bool)
    def switch(self, index: int, on: bool) -> None:
        edits = with_edit(self._inspecting.edits, index, on=on)
        self._inspecting.turn("Switch an edit on" if on else "Switch an edit off", edits)

    @Slot(int)
    def remove(self, index: int) -> None:
        edits = self._inspecting.edits
        if self.current >= index:
            self.current -= 1
        self._inspecting.turn("Remove an edit", (*edits[:index], *edits[index + 1 :]))

    @Slot()
    def clear_all(self) -> None:
        self.current = -1
        self._inspecting.turn("Turn nothing", ())

    @property
    def _edit(self) -> UnitEdit | None:
        edits = self._inspecting.edits
        return edits[self.current] if 0 <= self.current < len(edits) else None

    @Slot(float)
    def _amount(self, amount: float) -> None:
        if self._edit is not None:
            edits = with_edit(self._inspecting.edits, self.current, amount=amount)
            self._inspecting.turn("Amount of an edit", edits, "unit amount")

    # -------------------------------------------------------------- the brush

    @Slot(str)
    def _where(self, where: str) -> None:
        self._set_painting(where == "brush")
        if self._edit is not None:
            mask = small_mask(self._layer.values()) if self.painting else None
            edits = with_edit(self._inspecting.edits, self.current, mask=mask)
            self._inspecting.turn("Where an edit counts", edits)

    def _set_painting(self, on: bool) -> None:
        self.painting = on
        self.where.set_value("brush" if on else "all")
        self.tools.setVisible(on)
        self.hint.setVisible(on)
        self._layer.set_active(on)

    @Slot()
    def _leave(self) -> None:
        self._layer.set_active(False)

    @Slot()
    def _painted(self) -> None:
        """A stroke ended: the edit in hand counts there."""
        edit = self._edit
        if edit is None or not self.painting:
            return
        mask = small_mask(self._layer.values())
        if mask != edit.mask:
            edits = with_edit(self._inspecting.edits, self.current, mask=mask)
            self._inspecting.turn("Brush an edit", edits)

    def _show_mask(self, edit: UnitEdit) -> None:
        """After undo, and for another edit, the layer shows what counts."""
        own = small_mask(self._layer.values())
        if edit.mask is not None and edit.mask != own:
            if edit.mask.array().any():
                self._layer.set_values(edit.mask.array())
            else:
                self._layer.reset()

    # -------------------------------------------------------------- look

    @Slot()
    def refresh(self) -> None:
        inspecting = self._inspecting
        meant, edits, steered = inspecting.meant, inspecting.edits, inspecting.steered
        if not meant:
            self.who.setText("Choose units in the grid, then turn them.")
        elif len(meant) == 1:
            words, place = inspecting.words(meant[0]), unit_words(meant[0])
            self.who.setText(words if words == place else f"{words}   {place}")
        else:
            self.who.setText(f"{count_words(len(meant), 'unit')} selected")
        for button in self.buttons.values():
            button.setEnabled(bool(meant))
        self.current = min(self.current, len(edits) - 1)
        edit = self._edit
        self.list.set_edits(edits, self.current)
        self._turned.setText(f"TURNED  {len(edits)}" if edits else "TURNED")
        self.clear.setVisible(bool(edits))
        dial = edit is not None and edit.action in ("boost", "clamp")
        self._dial.setVisible(dial)
        if edit is not None and dial:
            self.amount.set_amount(edit.amount)
        self._spot.setVisible(steered)
        self.tools.setVisible(self.painting)
        self.hint.setVisible(self.painting)
        if edit is not None and self.painting and edit.mask is not None:
            self._show_mask(edit)
