"""Suppressing the units that an attack works through, and what that gives back."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from app.inspecting import Inspecting
from app.jobs import Jobs
from app.panels.inspect_job import JobPart
from app.widgets.evidencebars import EvidenceBars
from app.widgets.parts import Segments, column, label, push, section
from engine.client import from_json
from engine.messages import Defence, DefenceRequest, JobUpdate, LodestoneError
from engine.project import untitled_path

ATTACKS = (
    ("text", "Words", "Words are pasted over the pictures"),
    ("patch", "Patch", "A small picture, made to deceive, is pasted over them"),
)


class DefencePart(QWidget):
    """At the foot of the Circuit form; only for a classifier."""

    failed = Signal(str)

    def __init__(self, inspecting: Inspecting, jobs: Jobs):
        super().__init__()
        self._inspecting = inspecting
        self.found: Defence | None = None
        self.attack = Segments(ATTACKS, "Attack")
        tip = "Attack the pictures of this study, find the units it works through, hold them still"
        self.job = JobPart(jobs, "Defend", tip, self._request)
        self.bars = EvidenceBars("Right answers", "{:.0f} %")
        self.said = label("", "dim", wrap=True)
        self.use = push(
            "Turn its units", "Hold these units at their clean means everywhere, as edits"
        )
        self.use.setProperty("compact", True)
        layout = column(self, spacing=8)
        layout.addWidget(section("Defend against"))
        for part in (self.attack, self.job, self.bars, self.said, self.use):
            layout.addWidget(part)
        self.job.done.connect(self._done)
        self.use.clicked.connect(self._use)
        inspecting.study_changed.connect(self.forget)
        inspecting.network_changed.connect(self.refresh)
        self.refresh()

    def _request(self) -> DefenceRequest | None:
        inspecting = self._inspecting
        if inspecting.probes is None:
            self.failed.emit("There are no pictures to attack. Look inside with some first.")
            return None
        out = untitled_path().parent.parent / "defences"
        attack = "patch" if self.attack.value == "patch" else "text"
        return DefenceRequest(inspecting.source, inspecting.probes, str(out), attack)

    @Slot(object)
    def _done(self, update: JobUpdate) -> None:
        request = update.request
        mine = isinstance(request, DefenceRequest) and request.network == self._inspecting.source
        if not mine:
            return
        try:
            found = from_json(Path(update.result).read_text("utf-8"))
        except (OSError, LodestoneError):
            found = None
        if not isinstance(found, Defence):
            self.failed.emit("The defence cannot be read. Defend again.")
            return
        self.found = found
        self.refresh()

    @Slot()
    def _use(self) -> None:
        if self.found is not None:
            edits = self._inspecting.edits
            more = tuple(edit for edit in self.found.edits if edit not in edits)
            self._inspecting.turn("Hold the units of an attack", (*edits, *more))

    @Slot()
    def forget(self) -> None:
        """Another study: what was measured is not its."""
        self.found = None
        self.refresh()

    @Slot()
    def refresh(self) -> None:
        info, found = self._inspecting.info, self.found
        self.setVisible(info is not None and info.kind == "classifier")
        for part in (self.bars, self.said):
            part.setVisible(found is not None)
        self.use.setVisible(found is not None and bool(found.edits))
        if found is None:
            return
        shares = (
            ("clean", found.clean), ("attacked", found.attacked), ("defended", found.defended),
        )  # fmt: skip
        self.bars.set_bars([(words, 100 * share) for words, share in shares])
        how = f"{found.method[:1].upper()}{found.method[1:]}"
        self.said.setText(
            f"Right answers over {found.pictures:,} pictures that taught nothing. {how}. "
            f"Where nobody attacks: {100 * found.clean_defended:.0f} %."
        )
