"""Sets of turned units: kept in the project, laid on again, made into sliders, found by a job."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QFileDialog, QLineEdit, QToolButton, QWidget

from app.inspect_state import count_words, edit_words
from app.inspecting import KEY, Inspecting
from app.jobs import Jobs
from app.panels.inspect_job import JobPart
from app.state import Card, fresh_key
from app.widgets.flow import Flow
from app.widgets.parts import column, icon_button, label, row, section
from engine.client import from_json
from engine.messages import (
    Answer,
    ArtifactsRequest,
    EditSet,
    EditSetQuestion,
    EditSetReply,
    JobUpdate,
    LodestoneError,
)
from engine.project import untitled_path

SLIDERS = f"{KEY}sliders"


class EditSets(QWidget):
    """Under the list of edits; only for the generator being steered."""

    failed = Signal(str)

    def __init__(self, inspecting: Inspecting, jobs: Jobs):
        super().__init__()
        self._inspecting = inspecting
        self._stamp = 0
        self._chips: list[QToolButton] = []
        self.name = QLineEdit()
        self.name.setPlaceholderText("Name for this set")
        self.name.setAccessibleName("Name for this set of edits")
        self.save = icon_button("save", "Keep these edits as a set of the project")
        self.sliders = icon_button("plus", "Make sliders of these edits, for the Steer page")
        self._keep = QWidget()
        line = row(self.name, self.save, self.sliders, spacing=2)
        line.setStretch(0, 1)
        self._keep.setLayout(line)
        self.sets = Flow()
        self._title = section("Sets")
        tip = "Units that spoil the pictures: without them they look more like real ones"
        self.artifacts = JobPart(jobs, "Find artifacts…", tip, self._artifacts, slim=True)
        self.said = label("", "dim", wrap=True)
        layout = column(self, spacing=8)
        layout.addWidget(self._keep)
        layout.addLayout(row(self._title, 1, self.artifacts))
        layout.addWidget(self.sets)
        layout.addWidget(self.said)
        self._wire()
        self.refresh()

    def _wire(self) -> None:
        inspecting = self._inspecting
        self.save.clicked.connect(self.keep)
        self.name.returnPressed.connect(self.keep)
        self.sliders.clicked.connect(self.make_sliders)
        self.artifacts.done.connect(self._muted)
        inspecting.edits_changed.connect(self.refresh)
        inspecting.network_changed.connect(self.refresh)
        inspecting.document.changed.connect(self._document_changed)
        inspecting.link.answer.connect(self._answer)

    # -------------------------------------------------------------- verbs

    @Slot()
    def keep(self) -> None:
        """These edits as a named set of the project."""
        edits = self._inspecting.edits
        if edits:
            self._add(self.name.text().strip() or edit_words(edits[0]), "")
            self.name.clear()

    def _add(self, name: str, detail: str) -> None:
        document = self._inspecting.document
        if document.info is None:
            return
        key = fresh_key([one.key for one in document.state.edit_sets], name)
        kept = EditSet(key, name, self._inspecting.edits, document.info.id, detail)
        document.change("Keep a set of edits", edit_sets=(*document.state.edit_sets, kept))

    def lay_on(self, key: str) -> None:
        """The edits of a set, added to those there are."""
        found = self._inspecting.document.state.edit_set(key)
        if found is not None:
            more = tuple(edit for edit in found.edits if edit not in self._inspecting.edits)
            self._inspecting.turn(f"Turn {found.name}", (*self._inspecting.edits, *more))

    @Slot()
    def make_sliders(self) -> None:
        """Directions that do on average what these edits do."""
        document, edits = self._inspecting.document, self._inspecting.edits
        if edits and document.info is not None:
            name = self.name.text().strip() or edit_words(edits[0])
            asked = EditSetQuestion(EditSet(name, name, edits, document.info.id))
            self._stamp = self._inspecting.link.client.ask(asked, SLIDERS)
            self.said.setText("Making sliders …")

    @Slot(object)
    def _answer(self, answer: Answer) -> None:
        body = answer.body
        if answer.key != SLIDERS or answer.stamp != self._stamp:
            return
        if isinstance(body, EditSetReply):
            document = self._inspecting.document
            cards = list(document.state.cards)
            for direction in body.directions:
                key = fresh_key([card.key for card in cards], direction.name or "Units")
                cards.append(Card(key, direction))
            document.change("Make sliders of edits", cards=tuple(cards))
            made = ", ".join(direction.name for direction in body.directions)
            self.said.setText(f"On the Steer page now: {made}. {body.note}".strip())

    # -------------------------------------------------------------- artifacts

    def _artifacts(self) -> ArtifactsRequest | None:
        """Real pictures are asked for: nearness to them is what is judged."""
        data = QFileDialog.getExistingDirectory(self, "Real pictures, such as it was trained on")
        if not data:
            return None
        out = untitled_path().parent.parent / "artifacts"
        return ArtifactsRequest(self._inspecting.source, data, str(out))

    @Slot(object)
    def _muted(self, update: JobUpdate) -> None:
        """The units that were found are turned off, as a set that can be taken off again."""
        path = Path(update.result)
        file = (path if path.is_dir() else path.parent) / "muted.json"
        if not file.is_file():
            self.said.setText(
                "No unit spoils the pictures: without any of them they are no better."
            )
            return
        try:
            found = from_json(file.read_text("utf-8"))
        except (OSError, LodestoneError):
            found = None
        if not isinstance(found, EditSet):
            self.failed.emit(f"{file.name} cannot be read. Look for artifacts again.")
            return
        self._inspecting.turn("Mute artifacts", (*self._inspecting.edits, *found.edits))
        count = count_words(sum(len(edit.units) for edit in found.edits), "unit")
        self.said.setText(f"{count} turned off, with which pictures were less like the real ones.")

    # -------------------------------------------------------------- look

    @Slot(object, object)
    def _document_changed(self, old: object, new: object) -> None:
        self.refresh()

    @Slot()
    def refresh(self) -> None:
        document, info = self._inspecting.document, self._inspecting.document.info
        steered = self._inspecting.steered
        self.setVisible(steered)
        self._keep.setVisible(bool(self._inspecting.edits))
        own = [
            one
            for one in document.state.edit_sets
            if info is not None and one.model in ("", info.id)
        ]
        while len(self._chips) < len(own):
            chip = QToolButton()
            chip.setProperty("chip", True)
            chip.clicked.connect(self._chip)
            self.sets.add(chip)
            self._chips.append(chip)
        for index, chip in enumerate(self._chips):
            chip.setVisible(index < len(own))
            if index < len(own):
                chip.setText(own[index].name)
                chip.setObjectName(own[index].key)
                chip.setAccessibleName(f"Turn the set {own[index].name}")
                words = "; ".join(edit_words(edit) for edit in own[index].edits[:6])
                chip.setToolTip(f"Turn as in this set: {words}")
        self.sets.setVisible(bool(own))
        self.sets.refresh()

    @Slot()
    def _chip(self) -> None:
        sender = self.sender()
        if sender is not None:
            self.lay_on(sender.objectName())
