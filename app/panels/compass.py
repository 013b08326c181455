"""The compass: sort pictures by what you see, get a slider, see how far it holds."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QStackedWidget, QWidget

from app import axes
from app.compass import WALL, Compass
from app.document import Document
from app.link import EngineLink
from app.live import Live
from app.panels.compass_evidence import EvidencePanel
from app.panels.compass_generalise import GeneralisePanel
from app.panels.compass_head import Head, Settings
from app.panels.compass_outcome import Outcome
from app.panels.compass_sort import SortPanel
from app.shelf import Shelf
from app.thumbnails import Thumbnails
from app.widgets.parts import column, label, panel, push, row
from engine.messages import Direction, Failure, ModelInfo

LARGE = 384


class CompassPage(QWidget):
    """Sort pictures by what you see."""

    failed = Signal(str)
    """A sentence."""

    def __init__(self, document: Document, live: Live, link: EngineLink, thumbnails: Thumbnails):
        super().__init__()
        self._document, self._live, self._link = document, live, link
        self._thumbnails = thumbnails
        self.compass = Compass(document, link, self)
        self.shelf = Shelf(thumbnails, "small", parent=self)
        self.large = Shelf(thumbnails, "large", LARGE, room=60, parent=self)
        self.head = Head(self.compass, document)
        self.settings = Settings(self.compass, document)
        self.sort = SortPanel(self.compass, self.shelf, self.large)
        self.outcome = Outcome(self.compass, document, live, link, thumbnails)
        self.views = QStackedWidget()
        self.generalise = GeneralisePanel(self.compass, document, link, self.shelf)
        self.evidence = EvidencePanel(self.compass, self.shelf)
        self._panels = {
            "sort": self.sort,
            "generalise": self.generalise,
            "evidence": self.evidence,
        }
        for view in self._panels.values():
            self.views.addWidget(view)
        self._elsewhere = QFrame()
        self._elsewhere.setObjectName("noteBar")
        self._elsewhere_words = label("", wrap=True)
        self._transfer = push("Take it over")
        self._build()
        self._wire()
        if document.info is not None:
            self._model(document.info)
        self.compass.changed.emit()

    def _build(self) -> None:
        note = row(self._elsewhere_words, self._transfer, spacing=10)
        note.setStretch(0, 1)
        note.setContentsMargins(12, 6, 8, 6)
        self._elsewhere.setLayout(note)
        left = QWidget()
        lines = column(left, spacing=0)
        lines.addWidget(self._elsewhere)
        lines.addWidget(self.views, 1)
        right = panel()
        column(right).addWidget(self.outcome)
        right.setFixedWidth(320)
        body = row(left, right, spacing=0)
        body.setStretch(0, 1)
        layout = column(self, spacing=0)
        top = panel()
        inside = column(top, spacing=0)
        inside.addWidget(self.head)
        inside.addWidget(self.settings)
        layout.addWidget(top)
        layout.addLayout(body, 1)
        self.settings.hide()

    def _wire(self) -> None:
        self.head.gear.toggled.connect(self.settings.setVisible)
        self.head.view_chosen.connect(self.show_view)
        self.compass.changed.connect(self._axis)
        self._document.model_changed.connect(self._model)
        self._link.failure.connect(self._failure)
        self._transfer.clicked.connect(self.compass.transfer)

    @Slot(object)
    def _model(self, info: ModelInfo | None) -> None:
        self.shelf.clear()
        self.large.clear()
        if info is not None:
            self.settings.set_model(info)

    @Slot(object)
    def _failure(self, failure: Failure) -> None:
        if failure.key.startswith("shelf:"):
            self.shelf.clear()
            self.large.clear()
        elif failure.key == WALL:
            self.sort.failed()

    @Slot(str)
    def show_view(self, view: str) -> None:
        """`sort`, `generalise` or `evidence`."""
        self.head.views.set_value(view)
        self.views.setCurrentWidget(self._panels[view])

    @Slot()
    def _axis(self) -> None:
        axis, info = self.compass.axis, self._document.info
        elsewhere = axis is not None and info is not None and not self.compass.here
        self._elsewhere.setVisible(elsewhere)
        self.sort.setEnabled(not elsewhere)
        if axis is None or info is None or not elsewhere:
            return
        name = axis.name or "This axis"
        fits = axes.fits_shape(axis.direction, info)
        words = f"{name} was sorted with another generator ({axis.model[:8]}). "
        if fits:
            words += f"Its direction has the shape of {info.name}: it can be tried here."
        else:
            words += f"Its direction does not have the shape of {info.name}. Open its generator."
        self._elsewhere_words.setText(words)
        self._transfer.setVisible(fits)
        self._transfer.setText(f"Take it over to {info.name}")

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        # The strips of Steer are out of sight; it asks again when it is shown.
        self._thumbnails.cancel_all("strip:")
        axis = self.compass.axis
        if axis is not None and not axis.name:
            self.head.name.setFocus()
        else:
            self.sort.wall.setFocus()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.shelf.clear()
        self.large.clear()
        self._thumbnails.cancel_all("compass strip:")

    def show_evidence(self, what: str | Direction) -> None:
        """Which pictures an axis (by key) or a direction was learnt from."""
        key = what if isinstance(what, str) else self._axis_of(what)
        self.show_view("evidence")
        if key:
            self.compass.choose(key)
            self.evidence.show_own()
        elif isinstance(what, Direction):
            self.evidence.show_foreign(what)

    def _axis_of(self, direction: Direction) -> str:
        """Key of the axis a direction was fitted to; empty when it is not in this project."""
        state = self._document.state
        for card in state.cards:
            if card.direction == direction and state.axis(card.key) is not None:
                return card.key
        for axis in state.axes:
            own = axis.direction
            if own is not None and own.vector == direction.vector and own.space == direction.space:
                return axis.key
        return ""
