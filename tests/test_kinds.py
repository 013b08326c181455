"""Classes: one into the other by a slider, found by typing, a thousand of them without a wait."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.document import Document
from app.panels.kinds import KindsPanel
from app.state import opened
from app.window import MainWindow
from engine.messages import ModelInfo
from tests.test_steer_panel import drag, settle

NAMES = tuple(f"thing {i}" for i in range(997)) + ("Apple", "Pineapple", "red panda")


def panel(qtbot: QtBot, names: tuple[str, ...] = NAMES) -> tuple[Document, KindsPanel]:
    info = ModelInfo("k" * 64, "k", "k", "biggan", 32, 3, 8, 8, len(names), 2, (), names)
    document = Document()
    made = KindsPanel(document)
    qtbot.addWidget(made)
    made.set_model(info)
    document.changed.connect(lambda _old, new: made.show_state(new))
    document.open(info, opened(info, ()))
    made.show()
    return document, made


def classes(document: Document) -> dict[int, float]:
    return {i: weight for i, weight in enumerate(document.state.classes) if weight > 0.0}


def test_a_thousand_classes_need_no_thousand_sliders(qtbot: QtBot) -> None:
    document, kinds = panel(qtbot)
    assert kinds.sliders == []
    assert kinds.every.isHidden()
    assert kinds.a.count() == 1000
    kinds.b.picked.emit(998)
    assert classes(document) == {0: 0.5, 998: 0.5}
    kinds.mix.field.setValue(0.25)
    assert classes(document) == {0: 0.75, 998: 0.25}
    kinds.swap.click()
    # The ends change places, the picture stays.
    assert kinds.a.currentText() == "Pineapple"
    assert kinds.mix.amount == 0.75
    assert classes(document) == {0: 0.75, 998: 0.25}


def test_a_class_is_found_by_a_part_of_its_name(qtbot: QtBot) -> None:
    document, kinds = panel(qtbot)
    assert kinds.a.find_class("apple") == 997  # The whole name before a part of another.
    assert kinds.a.find_class("PANDA") == 999
    assert kinds.a.find_class("  ") == -1
    edit = kinds.a.lineEdit()
    assert edit is not None
    edit.setText("panda")
    QTest.keyClick(edit, Qt.Key.Key_Return)
    assert classes(document) == {999: 1.0}
    edit.setText("nothing like this")
    QTest.keyClick(edit, Qt.Key.Key_Return)
    assert kinds.a.currentText() == "red panda"
    assert classes(document) == {999: 1.0}


def test_what_was_chosen_stays_at_the_ends_of_the_slider(qtbot: QtBot) -> None:
    document, kinds = panel(qtbot)
    kinds.b.picked.emit(5)
    kinds.mix.field.setValue(1.0)
    assert classes(document) == {5: 1.0}
    assert kinds.a.currentText() == "thing 0"
    assert kinds.mix.amount == 1.0
    kinds.mix.field.setValue(0.0)
    assert classes(document) == {0: 1.0}
    assert kinds.b.currentText() == "thing 5"


def test_a_mix_of_more_classes_is_told(qtbot: QtBot) -> None:
    document, kinds = panel(qtbot, ("a", "b", "c"))
    document.change("x", classes=(0.2, 0.5, 0.3))
    assert kinds.a.currentText() == "b"
    assert kinds.b.currentText() == "c"
    assert kinds.mix.amount == pytest.approx(0.375)
    assert kinds.more.text() == "and 1 more class"
    assert [slider.amount for slider in kinds.sliders] == [0.2, 0.5, 0.3]
    document.change("x", classes=())
    assert kinds.a.currentText() == "a"
    assert kinds.more.isHidden()


def test_one_class_or_none(qtbot: QtBot) -> None:
    document, kinds = panel(qtbot, ("only",))
    kinds.mix.field.setValue(0.5)
    assert classes(document) == {0: 1.0}
    info = document.info
    assert info is not None
    kinds.set_model(dataclasses.replace(info, c_dim=0, class_names=()))
    assert kinds.isHidden()


def test_the_slider_moves_the_picture_in_one_step_of_undo(
    steering: MainWindow, qtbot: QtBot
) -> None:
    kinds = steering.steer.latent.shaping.kinds
    kinds.b.picked.emit(2)
    kinds.mix.field.setValue(0.0)
    before = settle(steering, qtbot).copy()
    count = steering.document.undo_stack.count()
    drag(kinds.mix.slider, 0.02, 0.97)
    assert steering.document.undo_stack.count() == count + 1
    assert np.abs(settle(steering, qtbot).astype(int) - before).max() > 2
    steering.document.undo_stack.undo()
    assert np.array_equal(settle(steering, qtbot), before)
