"""Which units respond to an attribute: a word is asked for, the grid shows those units, ranked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QStringListModel, Qt, Signal, Slot
from PySide6.QtWidgets import QCompleter, QLineEdit, QWidget

from app import theme
from app.inspect_state import count_words
from app.inspecting import Inspecting
from app.jobs import Jobs
from app.panels.inspect_job import JobPart
from app.widgets.parts import Choice, column, icon_button, label, panel, push, row
from engine.messages import DescribeRequest, JobUpdate, Unit

MOST_LABELS = 500
"""Proposed while a word is typed."""
KINDS_WIDE = 136
"""Pixels."""


@dataclass(frozen=True)
class Ranking:
    """Units by how they take the attribute, the surest first."""

    units: tuple[Unit, ...]
    said: dict[Unit, str]
    """How surely, for a person."""


class Audit(QWidget):
    """Below the grid."""

    failed = Signal(str)
    changed = Signal()
    """Other units are to be shown, or all again."""
    all_asked = Signal()
    """All units that are shown are meant."""

    def __init__(self, inspecting: Inspecting, jobs: Jobs):
        super().__init__()
        self._inspecting = inspecting
        self._rankings: tuple[Ranking, ...] = ()
        self._told = ""
        self.word = QLineEdit()
        self.word.setPlaceholderText("Which units respond to … a label or a word")
        self.word.setAccessibleName("Attribute to look for in all units")
        self._labels = QStringListModel(self)
        completer = QCompleter(self._labels, self)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        self.word.setCompleter(completer)
        tip = "Ask every unit whether it stands higher in pictures that have it"
        self.job = JobPart(jobs, "Audit", tip, self._request, slim=True)
        self.which = Choice("Audit", "Units that rise, or that fall silent")
        self.all = push("Select all", "Then turn them off, up or round")
        self.all.setProperty("compact", True)
        self.close_it = icon_button("close", "Show all units again")
        self.said = label("", "dim", wrap=True)
        self._build()
        self._wire()
        self._show()

    def _build(self) -> None:
        head = panel()
        head.setStyleSheet(f"QFrame#panel {{ background: {theme.SURROUND}; }}")
        inside = column(head, spacing=6)
        inside.setContentsMargins(8, 8, 16, 8)
        told = row(self.said, self.close_it, spacing=8)
        told.setStretch(0, 1)
        line = row(self.word, self.job, self.which, self.all, spacing=8)
        line.setStretch(0, 1)
        self.which.setFixedWidth(KINDS_WIDE)
        inside.addLayout(told)
        inside.addLayout(line)
        column(self, spacing=0).addWidget(head)

    def _wire(self) -> None:
        self.word.returnPressed.connect(self.job.start)
        self.job.done.connect(self._done)
        self.which.currentIndexChanged.connect(self._chosen)
        self.all.clicked.connect(self.all_asked)
        self.close_it.clicked.connect(self.clear)
        self._inspecting.study_changed.connect(self.clear)
        self._inspecting.card_changed.connect(self._tell)
        self._inspecting.network_changed.connect(self._offer)

    # -------------------------------------------------------------- asking

    def _request(self) -> DescribeRequest | None:
        word = self.word.text().strip()
        if self.job.active:
            return None
        if not word:
            self.failed.emit("No word was given. Write what the units should respond to.")
            return None
        study = self._inspecting.study
        return DescribeRequest(study, audit=word) if study else None

    @Slot()
    def _offer(self) -> None:
        """The labels that are the names of folders are proposed; others are typed."""
        probes = self._inspecting.probes
        folder = Path(probes.data) if probes is not None and probes.data else None
        names: list[str] = []
        if folder is not None and folder.is_dir():
            names = sorted(one.name.replace("_", " ") for one in folder.iterdir() if one.is_dir())
        if names != self._labels.stringList():
            self._labels.setStringList(names[:MOST_LABELS])

    # -------------------------------------------------------------- what was found

    @property
    def units(self) -> tuple[Unit, ...]:
        """Those to be shown, in this order; () = all units of the study."""
        at = self.which.currentIndex()
        return self._rankings[at].units if 0 <= at < len(self._rankings) else ()

    @Slot(object)
    def _done(self, update: JobUpdate) -> None:
        request = update.request
        if not isinstance(request, DescribeRequest) or request.study != self._inspecting.study:
            return
        try:
            found: dict[str, Any] = json.loads(Path(update.result).read_text("utf-8"))
            self._take(found)
        except (OSError, ValueError, KeyError, TypeError):
            self.failed.emit("What the audit has found cannot be read. Ask again.")

    def _take(self, found: dict[str, Any]) -> None:
        """The report of `lodestone inspect describe --audit`."""
        rise, fall = ranking(found["units"]), ranking(found.get("suppressed", []))
        kinds = ((rise, "Respond"), (fall, "Suppressed"))
        some = [(one, words) for one, words in kinds if one.units]
        blocked = self.which.blockSignals(True)
        self.which.clear()
        self.which.addItems([f"{words}: {len(one.units):,}" for one, words in some])
        self.which.blockSignals(blocked)
        self._rankings = tuple(one for one, _words in some)
        self._told = _sentence(found, bool(some))
        self._show()
        self.changed.emit()

    @Slot()
    def clear(self) -> None:
        """All units again."""
        had = bool(self._rankings)
        self._rankings, self._told = (), ""
        self._show()
        if had:
            self.changed.emit()

    @Slot()
    def _chosen(self) -> None:
        self.changed.emit()
        self._tell()

    # -------------------------------------------------------------- look

    def _show(self) -> None:
        self.which.setVisible(bool(self._rankings))
        self.all.setVisible(bool(self._rankings))
        self.close_it.setVisible(bool(self._told))
        self._tell()

    @Slot()
    def _tell(self) -> None:
        """The audit in a sentence, and how the unit in hand takes the attribute."""
        unit, at = self._inspecting.unit, self.which.currentIndex()
        said = self._rankings[at].said if 0 <= at < len(self._rankings) else {}
        own = f" This one: {said[unit]}." if unit is not None and unit in said else ""
        self.said.setText(f"{self._told}{own}")
        self.said.setVisible(bool(self._told))


def ranking(entries: Sequence[dict[str, Any]]) -> Ranking:
    """Of the units of an `audit.json`."""
    said: dict[Unit, str] = {}
    for one in entries:
        unit = Unit(one["layer"], one["unit"])
        if "auc" in one:
            said[unit] = f"AUC {one['auc']:.2f} ± {one['error']:.2f}"
        else:
            said[unit] = f"likeness {one['likeness']:.2f}"
    return Ranking(tuple(said), said)


def _sentence(found: dict[str, Any], some: bool) -> str:
    word, asked = found["word"], count_words(found["asked"], "unit")
    if found["by"] == "labels":
        shown = f"{found['pictures']:,} pictures with it and {found['without']:,} without"
        if not some:
            return f"None of {asked} responds to {word} for certain, over {shown}."
        return f"{word}: {asked} asked, over {shown}."
    if not some:
        return f"No description among {asked} is about {word}."
    return f"{word}: by the descriptions of {asked}; no label says it."
