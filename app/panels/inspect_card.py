"""The card of one unit: what it responds to, in pictures and words, and how sure that is."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QLineEdit, QWidget

from app.inspect_state import unit_words
from app.inspecting import LEVEL, Inspecting
from app.panels.picture_part import named
from app.widgets.amount import AmountRow
from app.widgets.evidencebars import EvidenceBars
from app.widgets.exemplars import ExemplarWall
from app.widgets.histogram import Histogram
from app.widgets.neighbours import Neighbours
from app.widgets.parts import column, icon_button, label, row, section
from engine.messages import Description, NetworkInfo, SteerRequest, Unit, UnitReply

METHODS = {
    "soft-wpmi": "read from the labels of its pictures",
    "detector": "seen directly in the pictures",
    "describer": "told by a learnt describer",
    "clip": "pictures and words compared",
}
"""How a description was found."""
LOWEST, HIGHEST = 0.9, 0.999


class UnitCard(QWidget):
    """Shows `inspecting.card`; renames, stars and notes."""

    shown = Signal(object)
    """SteerRequest of an exemplar that is wanted on the canvas."""
    picked = Signal(object)
    """Names of the exemplars chosen as examples of a concept."""
    asked = Signal(object)
    """Unit whose card is wanted."""

    def __init__(self, inspecting: Inspecting):
        super().__init__()
        self._inspecting = inspecting
        self._unit: Unit | None = None
        self._make()
        self._build()
        self._wire()
        self.refresh()

    def _make(self) -> None:
        self.words = QLineEdit()
        self.words.setProperty("quiet", True)
        self.words.setStyleSheet("QLineEdit { font-size: 17px; font-weight: 600; }")
        self.words.setAccessibleName("Name of the unit")
        self.words.setToolTip("Type your own name: it wins over every other description")
        self.star = icon_button("star", "Star this unit (* in the grid)", True)
        self.place = label("", "dim")
        self.sure = label("", "dim", wrap=True)
        self.evidence = EvidenceBars("Candidates")
        self.wall = ExemplarWall("Exemplars")
        self.wall.setToolTip(
            "Click: an example for a circuit. Double click: onto the canvas. "
            "Under the pointer: as it is."
        )
        self.opacity = AmountRow("Mask", 0, 100, 100, 10, " %", decimals=0)
        self.opacity.setToolTip("How dark it is where the unit is not active")
        self.level = AmountRow(
            "Active above quantile", LOWEST, HIGHEST, LEVEL, 0.001, "", decimals=3
        )
        self.level.setToolTip("Share of all positions that stay below the level")
        self.histogram = Histogram("Histogram of activations")
        self.neighbours = Neighbours("Units alike")
        self.remark = QLineEdit()
        self.remark.setPlaceholderText("A note of your own")
        self.remark.setAccessibleName("Note on the unit")

    def _build(self) -> None:
        layout = column(self, spacing=7)
        head = row(self.words, self.star, spacing=4)
        head.setStretch(0, 1)
        layout.addLayout(head)
        layout.addWidget(self.place)
        layout.addWidget(self.wall)
        layout.addLayout(named("Mask", self.opacity, 46))
        layout.addLayout(named("Level", self.level, 46))
        layout.addSpacing(4)
        layout.addWidget(section("What it means"))
        layout.addWidget(self.sure)
        layout.addWidget(self.evidence)
        layout.addSpacing(4)
        layout.addWidget(section("How active it is"))
        layout.addWidget(self.histogram)
        self._alike = section("Units alike")
        layout.addWidget(self._alike)
        layout.addWidget(self.neighbours)
        layout.addWidget(self.remark)

    def _wire(self) -> None:
        inspecting = self._inspecting
        inspecting.card_changed.connect(self.refresh)
        self.words.editingFinished.connect(self._rename)
        self.remark.editingFinished.connect(self._note)
        self.star.clicked.connect(self._star)
        self.opacity.moved.connect(self._opacity)
        self.level.moved.connect(inspecting.set_quantile)
        self.wall.opened.connect(self._open)
        self.wall.picked.connect(self._pick)
        self.neighbours.chosen.connect(self.asked)

    # -------------------------------------------------------------- look

    @Slot()
    def refresh(self) -> None:
        inspecting = self._inspecting
        unit, card = inspecting.unit, inspecting.card
        fresh, self._unit = unit != self._unit, unit
        self.setEnabled(unit is not None)
        self.place.setText(place_words(inspecting.info, unit) if unit is not None else "")
        known = inspecting.summary(unit) if unit is not None else None
        self.star.setChecked(known is not None and known.starred)
        if not self.remark.hasFocus() or fresh:
            self.remark.setText(known.note if known is not None else "")
        if not self.words.hasFocus() or fresh:
            self.words.setText(known.words if known is not None else "")
            self.words.setCursorPosition(0)
        if card is not None:
            self._show(card)
        elif fresh:
            self.words.setPlaceholderText("…" if unit is not None else "")
            self.wall.set_exemplars(())
            self.neighbours.set_units(())
            self.evidence.set_bars(())
            self.sure.setText("")

    def _show(self, card: UnitReply) -> None:
        found = card.description
        self.words.setPlaceholderText("Unsure" if found.unsure else "Give it a name")
        if not self.words.hasFocus():
            self.words.setText(found.words)
            self.words.setCursorPosition(0)
        self.wall.set_exemplars(card.exemplars)
        self.histogram.show_counts(card.edges, card.counts, card.level)
        self.neighbours.set_units(
            [(unit, self._inspecting.words(unit), share) for unit, share in card.neighbours]
        )
        self._alike.setVisible(bool(card.neighbours))
        self.neighbours.setVisible(bool(card.neighbours))
        self.sure.setText(" ".join(part for part in (sureness(found), card.note) if part))
        self.evidence.set_bars(found.evidence[:4])
        self.evidence.setVisible(bool(found.evidence))

    # -------------------------------------------------------------- hand

    @Slot()
    def _rename(self) -> None:
        if self._unit is None or not self.words.isModified():
            return
        self.words.setModified(False)
        self._inspecting.rename(self._unit, self.words.text().strip())

    @Slot()
    def _note(self) -> None:
        if self._unit is not None and self.remark.isModified():
            self.remark.setModified(False)
            self._inspecting.note(self._unit, self.remark.text().strip())

    @Slot(bool)
    def _star(self, on: bool) -> None:
        if self._unit is not None:
            self._inspecting.star(self._unit, on)

    @Slot(float)
    def _opacity(self, percent: float) -> None:
        self.wall.set_opacity(percent / 100)

    @Slot(int)
    def _open(self, index: int) -> None:
        card = self._inspecting.card
        request = card.exemplars[index].request if card is not None else None
        if isinstance(request, SteerRequest):
            self.shown.emit(request)

    @Slot(object)
    def _pick(self, chosen: tuple[int, ...]) -> None:
        card = self._inspecting.card
        shown = card.exemplars if card is not None else ()
        self.picked.emit(tuple(shown[i].name for i in chosen if i < len(shown)))


def place_words(info: NetworkInfo | None, unit: Unit) -> str:
    """Where a unit is; of the last layer of a classifier also which class it stands for."""
    layers = {layer.name: layer for layer in info.layers} if info is not None else {}
    layer = layers.get(unit.layer)
    if info is None or layer is None or layer.kind != "vector":
        return unit_words(unit)
    if layer.units != len(info.classes) or layer is not info.layers[-1]:
        return unit_words(unit)
    return f"{unit_words(unit)}, the answer “{info.classes[unit.index]}”"


def sureness(found: Description) -> str:
    """How a description came about and how far it can be trusted."""
    if found.method == "human":
        return "Named by hand."
    if not found.method and not found.evidence and not found.unsure:
        return "Not described yet. Describe finds words for it."
    parts = [part for part in found.method.split("+") if part]
    by = " and ".join(METHODS.get(part, part) for part in parts)
    if found.unsure or not found.words:
        told = "Unsure: no words tell its pictures from others well enough."
        return told if found.score is None else f"{told} Best guess: AUC {found.score:.2f}."
    by = f"{by[:1].upper()}{by[1:]}"
    if found.score is None:
        return f"{by}." if by else ""
    return f"{by}; AUC {found.score:.2f} on pictures held out (chance .50)."
