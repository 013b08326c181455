"""The middle of the Inspect page: every unit of a study, searched, sorted, chosen."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QTimer, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLineEdit, QWidget

from app import icons, theme
from app.inspect_state import ORDERS, count_words
from app.inspecting import KEY, Inspecting
from app.jobs import Jobs
from app.panels.inspect_audit import Audit
from app.unit_model import UnitModel
from app.widgets.parts import Choice, column, label, panel, row
from app.widgets.unitgrid import UnitGrid
from engine.messages import Answer, Unit, UnitsQuestion, UnitsReply, UnitSummary

ALL = f"{KEY}all"
NARROW = 560
"""Pixels."""
TYPING_MS = 160
"""A search waits until the hand rests."""


class Browse(QWidget):
    """Search, layer, order, the grid below, and what it is asked at the foot."""

    opened = Signal()
    """The card is wanted."""

    def __init__(self, inspecting: Inspecting, jobs: Jobs):
        super().__init__()
        self._inspecting = inspecting
        self._stamp = 0
        self._wanted: Unit | None = None
        """A unit to be chosen as soon as it has come."""
        self.model = UnitModel(inspecting.link, self)
        self.grid = UnitGrid(self.model)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Find: words, or layer:17")
        self.search.setAccessibleName("Find units")
        self.search.setClearButtonEnabled(True)
        self.search.addAction(icons.icon("search"), QLineEdit.ActionPosition.LeadingPosition)
        self.layer = Choice("Layer", "Units of which layer")
        self.order = Choice("Order", "Which units come first")
        for _order, words in ORDERS:
            self.order.addItem(words)
        self.count = label("", "dim")
        self.audit = Audit(inspecting, jobs)
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(TYPING_MS)
        self._typing.timeout.connect(self.ask)
        head = panel()
        head.setStyleSheet(f"QFrame#panel {{ background: {theme.SURROUND}; }}")
        line = row(self.search, self.layer, self.order, self.count, spacing=8)
        line.setStretch(0, 1)
        line.setContentsMargins(8, 8, 16, 8)
        head.setLayout(line)
        layout = column(self, spacing=0)
        layout.addWidget(head)
        layout.addWidget(self.grid, 1)
        layout.addWidget(self.audit)
        self._wire()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        # In a narrow page the search keeps its room.
        wide = self.width() > NARROW
        self.count.setVisible(wide)
        self.layer.setFixedWidth(148 if wide else 104)
        self.order.setFixedWidth(186 if wide else 124)

    def _wire(self) -> None:
        inspecting = self._inspecting
        inspecting.study_changed.connect(self._study)
        inspecting.renamed.connect(self.model.reload)
        inspecting.network_changed.connect(self._layers)
        self.search.textChanged.connect(self._typed)
        self.search.returnPressed.connect(self._to_grid)
        self.layer.currentIndexChanged.connect(self._filtered)
        self.order.currentIndexChanged.connect(self._filtered)
        self.grid.chosen.connect(self._chosen)
        self.grid.selected.connect(inspecting.select)
        self.grid.delegate.starred.connect(self._star)
        self.grid.opened.connect(self.opened)
        self.grid.all_asked.connect(self._all)
        inspecting.link.answer.connect(self._answer)
        self.model.counted.connect(self._counted)
        self.model.told.connect(inspecting.learn)
        self.audit.changed.connect(self._audited)
        self.audit.all_asked.connect(self.grid.selectAll)

    # -------------------------------------------------------------- asking

    def question(self) -> UnitsQuestion | None:
        """What the grid shows; None without a study."""
        study = self._inspecting.study
        if not study:
            return None
        at = self.layer.currentIndex() - 1
        layers = self._inspecting.layers
        chosen = (layers[at],) if 0 <= at < len(layers) else ()
        order = ORDERS[max(self.order.currentIndex(), 0)][0]
        return UnitsQuestion(
            study, chosen, self.search.text().strip(), order, units=self.audit.units
        )

    @Slot()
    def ask(self) -> None:
        self.grid.set_words("Looking …")
        self.model.show(self.question())

    @Slot()
    def _study(self) -> None:
        self._layers()
        self.ask()

    @Slot()
    def _audited(self) -> None:
        """The units that respond, the surest first; or all again."""
        units = self.audit.units
        self.order.setEnabled(not units)
        self._wanted = units[0] if units else None
        self.ask()

    @Slot()
    def _typed(self) -> None:
        self._typing.start()

    @Slot()
    def _filtered(self) -> None:
        if self._inspecting.study:
            self.ask()

    @Slot()
    def _layers(self) -> None:
        """The layers of the study to choose from."""
        names = ["All layers", *self._inspecting.layers]
        if [self.layer.itemText(i) for i in range(self.layer.count())] == names:
            return
        blocked = self.layer.blockSignals(True)
        kept = self.layer.currentText()
        self.layer.clear()
        self.layer.addItems(names)
        self.layer.setCurrentIndex(max(names.index(kept) if kept in names else 0, 0))
        self.layer.blockSignals(blocked)

    # -------------------------------------------------------------- answers

    @Slot(int, str)
    def _counted(self, total: int, note: str) -> None:
        self.count.setText(count_words(total, "unit") if self._inspecting.study else "")
        self.count.setToolTip(note)
        if self._inspecting.study and not total and not self.model.loading:
            self.grid.set_words(note or "No unit answers to this. Search for something else.")
        row_wanted = self.model.row_of(self._wanted) if self._wanted is not None else 0
        if (
            total
            and row_wanted >= 0
            and (self._wanted is not None or self._inspecting.unit is None)
        ):
            # The first unit's card is there without being asked for.
            self._wanted = None
            self.grid.setCurrentIndex(self.model.index(row_wanted))
            self.grid.scrollTo(self.model.index(row_wanted))

    @Slot(object)
    def _chosen(self, summary: UnitSummary) -> None:
        self._inspecting.choose(summary.unit, summary)

    @Slot(object, bool)
    def _star(self, summary: UnitSummary, on: bool) -> None:
        self._inspecting.choose(summary.unit, summary)
        self._inspecting.star(summary.unit, on)

    @Slot()
    def _to_grid(self) -> None:
        self.grid.setFocus()

    @Slot()
    def _all(self) -> None:
        """Which units are all of them, without their pictures?"""
        question = self.question()
        if question is not None:
            asked = replace(question, count=self.model.rowCount(), thumbnails=0)
            self._stamp = self._inspecting.link.client.ask(asked, ALL)

    @Slot(object)
    def _answer(self, answer: Answer) -> None:
        body = answer.body
        mine = answer.key == ALL and answer.stamp == self._stamp
        if mine and isinstance(body, UnitsReply) and len(self.grid.selectedIndexes()) == body.total:
            self._inspecting.select(tuple(sorted(one.unit for one in body.units)))

    # -------------------------------------------------------------- jumps

    @Slot(object)
    def jump(self, unit: Unit) -> None:
        """Show this unit's card, and in the grid where it is."""
        at = self.model.row_of(unit)
        if at >= 0:
            self.grid.setCurrentIndex(self.model.index(at))
            self.grid.scrollTo(self.model.index(at))
            return
        self.audit.clear()
        self._wanted = unit
        self.layer.blockSignals(True)
        self.layer.setCurrentIndex(0)
        self.layer.blockSignals(False)
        # A search for its place finds exactly it; clearing the box shows all again.
        self.search.setText(f"{unit.layer}:{unit.index}")
        self._inspecting.choose(unit)
