"""Right: who makes the takes, and how like the source they are."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from app.panels.sound_heard import Heard
from app.sound_state import COPY, covered, likeness
from app.sounding import Sounding
from app.widgets.meters import ShareRow
from app.widgets.parts import Segments, column, label, section

NEW = ("sample", "vary")
"""Tasks whose result is compared with the source as a whole."""
ENGINES = {"grains": "Grains", "pyramid": "The pyramid"}


class EngineChoice(QWidget):
    """Which engine is asked, and which one answered."""

    def __init__(self, sounding: Sounding):
        super().__init__()
        self._sounding = sounding
        self.choice = Segments(
            (
                ("grains", "Grains", "The recording's own grains, without training"),
                ("pyramid", "Pyramid", "The trained network: new matter, any length"),
            ),
            "Engine",
        )
        self.words = label("", "dim", wrap=True)
        layout = column(self, spacing=6)
        layout.addWidget(section("Engine"))
        layout.addWidget(self.choice)
        layout.addWidget(self.words)
        self.choice.chosen.connect(self._choose)
        sounding.changed.connect(self.refresh)
        sounding.arrived.connect(self.refresh)
        self.refresh()

    @Slot(str)
    def _choose(self, engine: str) -> None:
        self._sounding.change(self._sounding.tr("Engine"), engine=engine)

    def _why_not(self) -> str:
        """Why the pyramid cannot be chosen; empty when it can."""
        state = self._sounding.state
        if state.task == "denoise":
            return "Noise is taken away without a pyramid"
        if not (state.upper if state.task == "extend" else state.model):
            return "Train a pyramid first (below)"
        if state.task == "inpaint" and not covered(state.holes, state.unheard):
            return "It has heard what lies in the holes: train it again with the holes marked"
        if state.task == "morph" and state.second and state.second not in state.learnt:
            return "It does not know the second sound: train it again with both"
        return ""

    @Slot()
    def refresh(self) -> None:
        state, takes = self._sounding.state, self._sounding.takes
        why = self._why_not()
        self.choice.set_value("grains" if why else state.engine)
        pyramid = self.choice.button("pyramid")
        pyramid.setEnabled(not why)
        pyramid.setToolTip(why or "The trained network: new matter, any length")
        replies = [take for take in takes if take.reply is not None and take.reply.engine]
        done = sum(take.done for take in takes)
        words = ""
        if replies and replies[-1].reply is not None:
            who = ENGINES.get(replies[-1].reply.engine, "")
            words = f"{who} answered" if who else ""
            words += f", {done} of {len(takes)}" if words and done < len(takes) else ""
        note = next((one.reply.note for one in replies if one.reply and one.reply.note), "")
        if why and state.model and state.engine == "pyramid":
            note = f"{why}. {note}".strip()
        self.words.setText("\n".join(part for part in (words, note) if part))
        self.words.setVisible(bool(self.words.text()))


class Scores(QWidget):
    """Likeness of the take that is heard, near and far, and whether it is a copy."""

    def __init__(self, sounding: Sounding, heard: Heard):
        super().__init__()
        self._heard = heard
        self.near = ShareRow(
            "Near", "Likeness over 128 ms: timbre and texture (log-mel distance to the source)."
        )
        self.far = ShareRow("Far", "Likeness over 1 s: rhythm and phrases.")
        self.copy = label("", "dim", wrap=True)
        layout = column(self, spacing=5)
        layout.addWidget(section("Likeness of this take"))
        for part in (self.near, self.far, self.copy):
            layout.addWidget(part)
        heard.changed.connect(self.refresh)
        self.refresh()

    @Slot()
    def refresh(self) -> None:
        near, far, copy, engine = self._heard.scores
        recipe = self._heard.recipe
        self.setVisible(recipe is not None and recipe.task in NEW)
        self.near.set_value(likeness(near))
        self.far.set_value(likeness(far))
        for part, distance in ((self.near, near), (self.far, far)):
            known = "" if distance is None else f" Distance {distance:.2f}."
            part.bar.setAccessibleDescription(part.bar.accessibleDescription() + known)
        self.copy.setText(self._copy_words(copy, engine))
        self.copy.setVisible(bool(self.copy.text()))

    def _copy_words(self, copy: float | None, engine: str) -> str:
        recipe = self._heard.recipe
        if copy is None or recipe is None or recipe.task not in NEW:
            return ""
        if copy <= COPY:
            return f"New matter (copy {copy:.2f})"
        if engine == "grains":
            return f"Made of the recording's own pieces (copy {copy:.2f})"
        return f"Nearly a copy of the recording ({copy:.2f}): take another seed or a coarser level."
