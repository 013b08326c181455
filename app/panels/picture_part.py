"""What every task of the Picture workspace consists of: its form, and what it puts in front."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.picturing import Picturing
from app.widgets.amount import AmountRow
from app.widgets.canvas import Canvas
from app.widgets.mask import MaskLayer
from app.widgets.parts import label, row
from engine.messages import Frame, Vector


class TaskPart(QObject):
    """One task. Its `form` stands at the left; its `front`, if any, beside the wall of answers.

    Subclasses build both in `__init__`, read `picturing.state` in `refresh`, and change it by
    `picturing.change`. The stage shows `front` while the task is chosen, no answer is large and
    `wants_front` is true, and tells the part by `set_active`.
    """

    front_changed = Signal()
    """`wants_front` is another one."""
    failed = Signal(str)
    """A sentence."""
    job_asked = Signal(object)
    """A request to compute beside the window."""
    out_asked = Signal(str, int)
    """`keep` or `save` the picture with this number."""

    task = ""
    """As in `PictureState.task` …"""
    title = ""
    """… and on its button."""
    hint = ""
    waiting = ""
    """Said while there is nothing to ask for yet."""

    def __init__(self, picturing: Picturing):
        super().__init__()
        self.picturing = picturing
        self.form: QWidget
        self.front: QWidget | None = None

    @property
    def wants_front(self) -> bool:
        return self.front is not None

    @property
    def alone(self) -> bool:
        """Whether the front takes the wall's place too."""
        return False

    @property
    def one_row(self) -> bool:
        """Whether the wall is a strip below the front."""
        return False

    def set_active(self, on: bool) -> None:
        """Its front is (not) to be worked in."""

    def leave(self) -> None:
        """Another task was chosen."""

    def take_drop(self, _paths: list[str]) -> bool:
        """Pictures dropped on the page belong to this task; else the first is the new source."""
        return False

    def set_source(self, image: QImage) -> None:
        """Another source picture; null for none."""

    def refresh(self) -> None:
        """Show what the state says (after every change, undo and redo too)."""


class Painted(QObject):
    """A mask painted over the source that is a field of the state: strokes and undo in step."""

    def __init__(self, picturing: Picturing, field: str, name: str, text: str):
        super().__init__()
        self._picturing, self._field, self._text = picturing, field, text
        self.canvas, self.layer = brushed_canvas(name)
        self.layer.changed.connect(self._stroked)

    def set_source(self, image: QImage) -> None:
        self.layer.reset()
        self.canvas.show_image(image)

    def refresh(self) -> None:
        """After undo and redo the layer shows what the state says."""
        value: Vector | None = getattr(self._picturing.state, self._field)
        own = self.layer.values()
        if value is None and not self.layer.empty:
            self.layer.reset()
        elif value is not None and (own.shape != value.shape or own.tobytes() != value.data):
            self.layer.set_values(value.array())

    def _stroked(self) -> None:
        value = None if self.layer.empty else Vector.of(self.layer.values())
        fields: dict[str, object] = {self._field: value}
        state = replace(self._picturing.state, **fields)  # type: ignore[arg-type]
        self._picturing.edit(self._text, state)


def _no_pixels(_frame: Frame):  # noqa: ANN202 - never called: no frames come here
    raise KeyError("frames are not shown here")


def _nothing(_frame: Frame) -> None:
    """No frame, nothing to give back."""


def brushless_canvas(name: str) -> Canvas:
    """A picture that is looked at."""
    canvas = Canvas(_no_pixels, _nothing)
    canvas.setAccessibleName(name)
    return canvas


def brushed_canvas(name: str) -> tuple[Canvas, MaskLayer]:
    """A picture that can be brushed over."""
    canvas = brushless_canvas(name)
    layer = MaskLayer(canvas)
    layer.setAccessibleName(f"Brush, {name.lower()}")
    return canvas, layer


def named(words: str, part: AmountRow, width: int = 40) -> QHBoxLayout:
    """A slider with its name before it; `width` of the name in pixels."""
    name = label(words, "dim")
    name.setFixedWidth(width)
    line = row(name, part)
    line.setStretch(1, 1)
    return line
