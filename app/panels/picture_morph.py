"""The way from one picture to another, under the hand: a picture and its slider."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from app.asked import Asked
from app.panels.picture_part import brushless_canvas
from app.picture_state import between, recipes
from app.picturing import Picturing, picture_image
from app.widgets.amount import AmountSlider
from app.widgets.identity import LETTERS
from app.widgets.parts import column, label, row
from engine.messages import PictureQuestion, PictureRecipe, PictureReply

KEY = "picture morph"


class MorphView(QWidget):
    """Asks for the picture at the slider's place; the newest place wins."""

    def __init__(self, picturing: Picturing):
        super().__init__()
        self._picturing = picturing
        self._shown: PictureRecipe | None = None
        self.asked = Asked(picturing.link, KEY, self)
        self.canvas = brushless_canvas("The picture on the way")
        self.slider = AmountSlider("Place on the way", 0.0, 1.0, 0.0, 0.05)
        self.slider.setToolTip("0: A. Drag to see what lies between.")
        self._first, self._last = label("A", "dim"), label("B", "dim")
        layout = column(self, spacing=0)
        layout.addWidget(self.canvas, 1)
        line = row(self._first, self.slider, self._last)
        line.setStretch(1, 1)
        line.setContentsMargins(20, 2, 20, 8)
        layout.addLayout(line)
        self.slider.moved.connect(self._moved)
        self.asked.arrived.connect(self._arrived)

    @property
    def recipe(self) -> PictureRecipe | None:
        """Of the picture at the slider's place; None while there is no pyramid."""
        state, source = self._picturing.state, self._picturing.source
        if state.task != "blend" or state.mixing != "morph" or source is None:
            return None
        first = next(iter(recipes(state, source.size)), None)
        count = len(state.others) + 1
        if first is None:
            return None
        return replace(first, identity=between(self.slider.amount, count))

    def refresh(self) -> None:
        count = len(self._picturing.state.others) + 1
        self.slider.set_span(0.0, float(max(count - 1, 1)))
        self._last.setText(LETTERS[max(count - 1, 1)])
        self._ask()

    @Slot(float)
    def _moved(self, _place: float) -> None:
        self._ask()

    def _ask(self) -> None:
        recipe = self.recipe
        if recipe is not None and recipe != self._shown:
            self._shown = recipe
            self.asked.ask(PictureQuestion(recipe))

    @Slot(object, bool)
    def _arrived(self, reply: PictureReply, done: bool) -> None:
        # Coarse levels would flicker under a moving hand.
        if done:
            self.canvas.show_image(picture_image(reply.picture), self.canvas.view)
