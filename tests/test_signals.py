"""Guards the fault of PySide6 6.12.0 on Python 3.11: one reference to True lost per emit."""

from __future__ import annotations

import sys

from PySide6.QtCore import QObject, Signal, Slot
from pytestqt.qtbot import QtBot

from app.document import Document
from app.inbox import Inbox
from app.state import Card, SteerState
from app.widgets.amount import AmountSlider
from engine.messages import Direction, EngineStatus, ModelInfo, Vector

EMITS = 100_000


class Counter(QObject):
    """Takes signals of any shape."""

    plain = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    @Slot(bool)
    def take(self, _value: bool) -> None:
        self.count += 1

    @Slot(float)
    def take_float(self, _value: float) -> None:
        self.count += 1

    @Slot(object, object)
    def take_states(self, _old: object, _new: object) -> None:
        self.count += 1


def test_a_hundred_thousand_emits_lose_no_references(qtbot: QtBot) -> None:
    counter = Counter()
    counter.plain.connect(counter.take)
    before = {value: sys.getrefcount(value) for value in (True, None)}
    for _ in range(EMITS):
        counter.plain.emit(True)
    assert counter.count == EMITS
    for value, references in before.items():
        # A leak of one reference an emit would show as -100,000 (and abort not much later).
        assert sys.getrefcount(value) > references - EMITS // 100


def test_the_slider_to_document_path_survives(qtbot: QtBot) -> None:
    """The same through the product: slider, document, undo stack, listeners."""
    document = Document()
    vector = Vector.of([1.0, 0.0])  # pyright: ignore[reportArgumentType]
    info = ModelInfo("m", "m", "", "stylegan2", 8, 3, 2, 2, 0, 2, ())
    direction = Direction("d", "w", vector)
    document.open(info, SteerState(model="m", cards=(Card("d", direction),)))
    slider = AmountSlider("d", -3.5, 3.5, 0.0)
    qtbot.addWidget(slider)
    counter = Counter()
    slider.moved.connect(counter.take_float)
    document.changed.connect(counter.take_states)
    document.begin_gesture()
    for index in range(20_000):
        amount = (index % 7 - 3) / 2 + 0.1
        slider.moved.emit(amount)
        document.set_amount("d", amount)
    document.end_gesture()
    assert counter.count == 40_000
    assert document.undo_stack.count() == 1


def test_events_before_the_window_wait_in_order() -> None:
    inbox, heard = Inbox(), []
    first, second, third = (EngineStatus("ready", word) for word in "abc")
    inbox(first)
    inbox(second)
    inbox.attach(heard.append)
    inbox(third)
    assert heard == [first, second, third]
