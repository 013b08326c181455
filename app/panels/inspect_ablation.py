"""What turned units do to a network without a canvas: its answers over pictures, measured."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from app.inspecting import Inspecting
from app.jobs import Jobs
from app.panels.inspect_job import JobPart
from app.widgets.evidencebars import EvidenceBars
from app.widgets.parts import column, label, section
from engine.messages import AblateRequest, JobUpdate, Probes
from engine.project import untitled_path

WORST = 6
"""Classes that lose most."""


class Ablation(QWidget):
    """Under the list of edits; only for a network that is not being steered."""

    failed = Signal(str)

    def __init__(self, inspecting: Inspecting, jobs: Jobs, probes: Callable[[], Probes | None]):
        """`probes`: the pictures that are chosen."""
        super().__init__()
        self._inspecting, self._probes = inspecting, probes
        tip = "Show it the pictures with and without these edits, and with random units turned"
        self.measure = JobPart(jobs, "Measure", tip, self._request, primary=True)
        self.said = label("", "dim", wrap=True)
        self.right = EvidenceBars("Right answers", "{:.1f} %")
        self._title = section("Lost most")
        self.lost = EvidenceBars("Right answers lost", "{:.0f} %")
        layout = column(self, spacing=8)
        for part in (self.measure, self.said, self.right, self._title, self.lost):
            layout.addWidget(part)
        self.measure.done.connect(self._done)
        inspecting.edits_changed.connect(self.refresh)
        inspecting.network_changed.connect(self.refresh)
        self.refresh()

    def _request(self) -> AblateRequest | None:
        inspecting = self._inspecting
        # What the study was shown, unless other pictures are chosen now.
        probes = self._probes() or inspecting.probes
        if probes is None:
            self.failed.emit("No pictures are chosen to measure with. Choose a folder or a zip.")
            return None
        folder = untitled_path().parent.parent / "measured units"
        return AblateRequest(inspecting.source, inspecting.edits, probes, str(folder))

    @Slot(object)
    def _done(self, update: JobUpdate) -> None:
        try:
            found: dict[str, Any] = json.loads(Path(update.result).read_text("utf-8"))
            self._show(found)
        except (OSError, ValueError, KeyError, TypeError):
            self.failed.emit("The measurement cannot be read. Measure again.")

    def _show(self, found: dict[str, Any]) -> None:
        """The report of `lodestone inspect ablate`."""
        shares = found["accuracy"]
        rows = (("before", "before"), ("turned", "after"), ("random units", "random"))
        self.right.set_bars(
            [(words, 100 * shares[key]) for words, key in rows if shares[key] is not None]
        )
        drops = [
            (one["class"], 100 * (one["accuracy_before"] - one["accuracy_after"]))
            for one in found["classes"]
        ]
        worst = sorted((one for one in drops if one[1] > 0.5), key=lambda one: -one[1])[:WORST]
        self.lost.set_bars(worst)
        self._title.setVisible(bool(worst))
        self.said.setText(f"Right answers, over {found['pictures']:,} pictures:")

    @Slot()
    def refresh(self) -> None:
        """Other edits: what was measured is not theirs."""
        inspecting = self._inspecting
        # Right answers are counted: without classes there are none.
        counted = inspecting.info is not None and inspecting.info.kind != "network"
        self.setVisible(counted and not inspecting.steered and bool(inspecting.edits))
        self.said.setText("")
        self.right.set_bars(())
        self.lost.set_bars(())
        self._title.setVisible(False)
