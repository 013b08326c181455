"""What is being looked into: a network, a study of it, the unit in hand. Observable."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QObject, QTimer, Signal, Slot
from PySide6.QtGui import QUndoCommand

from app.document import Document
from app.inspect_state import unit_words
from app.link import EngineLink
from app.state import SteerState
from engine.messages import (
    Answer,
    Failure,
    ModelInfo,
    NameUnit,
    NetworkInfo,
    NetworkQuestion,
    NetworkReply,
    Probes,
    Unit,
    UnitEdit,
    UnitQuestion,
    UnitReply,
    UnitsReply,
    UnitSummary,
)

KEY = "inspect:"
NETWORK, UNIT, NAME = f"{KEY}network", f"{KEY}unit", f"{KEY}name"
LEVEL = 0.99
"""Quantile above which a unit counts as active (MILAN, arXiv 2201.11114)."""
CARD_WAIT_MS = 25
"""Arrow keys that run through the grid do not ask for every card on the way."""


class Inspecting(QObject):
    """Widgets read what is here, call the verbs, and listen. Undo is the document's."""

    network_changed = Signal()
    """Another network, or what is known of it."""
    study_changed = Signal()
    """Another study is in front, or the same one has grown."""
    card_changed = Signal()
    """Another unit, or more is known of it."""
    selection_changed = Signal()
    edits_changed = Signal()
    """Other units are turned."""
    renamed = Signal()
    """Words, stars or notes of units are others now."""
    failed = Signal(str)

    def __init__(self, document: Document, link: EngineLink, parent: QObject | None = None):
        super().__init__(parent)
        self.document, self.link = document, link
        self.network = ""
        """Path or name of another network; empty = the generator being steered."""
        self.info: NetworkInfo | None = None
        self.studies: tuple[str, ...] = ()
        self.study = ""
        """Folder of the study in front."""
        self.layers: tuple[str, ...] = ()
        """Its layers …"""
        self.probes: Probes | None = None
        """… and what it was shown."""
        self.unit: Unit | None = None
        self.card: UnitReply | None = None
        """All about `unit`; None while it is on its way."""
        self.quantile = LEVEL
        self.selection: tuple[Unit, ...] = ()
        self._own: tuple[UnitEdit, ...] = ()
        """Edits of a network that is not on the canvas."""
        self._summaries: dict[Unit, UnitSummary] = {}
        self._stamps: dict[str, int] = {}
        self._wait = QTimer(self)
        self._wait.setSingleShot(True)
        self._wait.setInterval(CARD_WAIT_MS)
        self._wait.timeout.connect(self._ask_card)
        link.answer.connect(self._answer)
        link.failure.connect(self._failure)
        document.model_changed.connect(self._model)
        document.changed.connect(self._document_changed)

    # -------------------------------------------------------------- the network

    @property
    def source(self) -> str:
        """What opens the network that is looked into; empty when there is none."""
        info = self.document.info
        return self.network or ((info.path or info.id) if info is not None else "")

    @property
    def steered(self) -> bool:
        """Whether it is the generator on the canvas, so that its units can be turned live."""
        info = self.document.info
        if info is None:
            return False
        return not self.network or (self.info is not None and self.info.id == info.id)

    def look_into(self, network: str) -> None:
        """Another network (path or name), or the generator being steered when empty."""
        if network != self.network or self.info is None:
            self.network = network
            self._another()

    @Slot(object)
    def _model(self, _info: ModelInfo | None) -> None:
        if not self.network:
            self._another()
        else:
            self.network_changed.emit()

    def _another(self) -> None:
        self.info, self.studies, self._own = None, (), ()
        self.edits_changed.emit()
        self.open_study("")
        self.network_changed.emit()
        self.ask_network()

    def ask_network(self) -> None:
        """What is it, and which studies of it are there?"""
        if self.source:
            self._ask(NetworkQuestion(self.source), NETWORK)

    # -------------------------------------------------------------- the study

    def open_study(self, study: str) -> None:
        """Show a study; empty shows none."""
        self.study, self.layers, self.probes = study, (), None
        self.unit = self.card = None
        self._summaries.clear()
        self.selection = ()
        self.study_changed.emit()
        self.selection_changed.emit()
        self.card_changed.emit()

    def take_study(self, study: str) -> None:
        """A job has made or extended one."""
        if study not in self.studies:
            self.studies = (study, *self.studies)
        self.open_study(study)
        self.ask_network()

    @Slot(object)
    def learn(self, reply: UnitsReply) -> None:
        """The grid has been told which layers the study has, and what it was shown."""
        self.probes = reply.probes or self.probes
        if reply.layers and reply.layers != self.layers:
            self.layers = reply.layers
            self.network_changed.emit()

    # -------------------------------------------------------------- units

    def choose(self, unit: Unit, summary: UnitSummary | None = None) -> None:
        """This unit's card."""
        if summary is not None:
            self._summaries[unit] = summary
        if unit != self.unit:
            self.unit, self.card = unit, None
            self.card_changed.emit()
        self._wait.start()

    def select(self, units: tuple[Unit, ...]) -> None:
        """These are meant when something is turned."""
        if units != self.selection:
            self.selection = units
            self.selection_changed.emit()

    @property
    def meant(self) -> tuple[Unit, ...]:
        """What would be turned: the selected units, else the one of the card."""
        return self.selection or ((self.unit,) if self.unit is not None else ())

    def set_quantile(self, quantile: float) -> None:
        self.quantile = quantile
        if self.unit is not None:
            self._wait.start()

    def summary(self, unit: Unit) -> UnitSummary | None:
        """What is known of a unit that has been seen."""
        if self.card is not None and self.unit == unit:
            return self.card.summary
        return self._summaries.get(unit)

    def words(self, unit: Unit) -> str:
        """The unit by its words, else by its place."""
        known = self.summary(unit)
        return (known.words if known is not None else "") or unit_words(unit)

    @Slot()
    def _ask_card(self) -> None:
        if self.unit is not None and self.study:
            self._ask(UnitQuestion(self.study, self.unit, self.quantile), UNIT)

    # -------------------------------------------------------------- edits

    @property
    def edits(self) -> tuple[UnitEdit, ...]:
        """What is turned: of the picture on the canvas, or of the network being measured."""
        return self.document.state.units if self.steered else self._own

    def turn(self, text: str, edits: tuple[UnitEdit, ...], merge: str = "") -> None:
        """Other edits, as one entry of the undo history."""
        if edits == self.edits:
            return
        if self.steered:
            self.document.change(text, merge, units=edits)
        else:
            self.document.undo_stack.push(_Turning(self, text, edits, self._own))

    def set_own(self, edits: tuple[UnitEdit, ...]) -> None:
        """Edits of a network that is not on the canvas (the commands use it)."""
        self._own = edits
        self.edits_changed.emit()

    @Slot(object, object)
    def _document_changed(self, old: SteerState, new: SteerState) -> None:
        if old.units != new.units and self.steered:
            self.edits_changed.emit()

    # -------------------------------------------------------------- names

    def rename(self, unit: Unit, words: str) -> None:
        """A person's words; empty takes them away again."""
        card = self.card if self.unit == unit else None
        own = card is not None and card.description.method == "human"
        before = card.description.words if own and card is not None else ""
        if words != before:
            self._name("Name a unit", unit, {"words": words}, {"words": before})

    def star(self, unit: Unit, on: bool) -> None:
        known = self.summary(unit)
        before = known.starred if known is not None else not on
        if on != before:
            self._name("Star a unit", unit, {"starred": on}, {"starred": before})

    def note(self, unit: Unit, text: str) -> None:
        known = self.summary(unit)
        before = known.note if known is not None else ""
        if text != before:
            self._name("Note on a unit", unit, {"note": text}, {"note": before})

    def _name(self, text: str, unit: Unit, new: dict[str, object], old: dict[str, object]) -> None:
        base = NameUnit(self.study, unit)
        made, gone = replace(base, **new), replace(base, **old)  # type: ignore[arg-type]
        self.document.undo_stack.push(_Naming(self, text, made, gone))

    def say(self, naming: NameUnit) -> None:
        """Write what a person says into the study (the commands use it)."""
        # Two namings in quick succession are two: neither replaces the other.
        self._ask(naming, f"{NAME}:{naming.unit.layer}:{naming.unit.index}")

    # -------------------------------------------------------------- engine

    def _ask(self, question: NetworkQuestion | UnitQuestion | NameUnit, key: str) -> None:
        self._stamps[key] = self.link.client.ask(question, key)

    @Slot(object)
    def _answer(self, answer: Answer) -> None:
        if self._stamps.get(answer.key) != answer.stamp:
            return
        body = answer.body
        if answer.key == NETWORK and isinstance(body, NetworkReply):
            self._take_network(body)
        elif answer.key == UNIT and isinstance(body, UnitReply):
            if body.summary.unit == self.unit:
                self.card = body
                self._summaries[body.summary.unit] = body.summary
                self.card_changed.emit()
        elif answer.key.startswith(NAME):
            del self._stamps[answer.key]
            self._wait.start()
            self.renamed.emit()

    def _take_network(self, reply: NetworkReply) -> None:
        self.info, self.studies = reply.info, reply.studies
        self.network_changed.emit()
        if not self.study and reply.studies:
            self.open_study(reply.studies[0])

    @Slot(object)
    def _failure(self, failure: Failure) -> None:
        # The window says the sentence; here nothing is waited for any more.
        if failure.key == NETWORK and self._stamps.get(NETWORK) == failure.stamp:
            self.network_changed.emit()
            self.failed.emit(failure.sentence)


class _Turning(QUndoCommand):
    """Edits of a network that is only measured."""

    def __init__(
        self,
        inspecting: Inspecting,
        text: str,
        new: tuple[UnitEdit, ...],
        old: tuple[UnitEdit, ...],
    ):
        super().__init__(text)
        self._inspecting, self._new, self._old = inspecting, new, old

    def redo(self) -> None:
        self._inspecting.set_own(self._new)

    def undo(self) -> None:
        self._inspecting.set_own(self._old)


class _Naming(QUndoCommand):
    """Words, star or note of a unit, one way and back."""

    def __init__(self, inspecting: Inspecting, text: str, new: NameUnit, old: NameUnit):
        super().__init__(text)
        self._inspecting, self._new, self._old = inspecting, new, old

    def redo(self) -> None:
        self._inspecting.say(self._new)

    def undo(self) -> None:
        self._inspecting.say(self._old)
