"""Parts of the Inspect page: a long grid, a circuit's graph, edits and masks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.inbox import Inbox
from app.inspect_state import (
    change_map,
    edit_words,
    heat_pixels,
    job_title,
    new_edit,
    tree_of,
    turned,
)
from app.link import EngineLink
from app.unit_model import CELL, KEPT, PAGE, UnitModel
from app.widgets.circuitgraph import CircuitGraph, columns_of
from app.widgets.editlist import EditList
from app.widgets.unitgrid import UnitGrid
from engine.client import EngineClient
from engine.messages import (
    Circuit,
    CircuitEdge,
    CircuitNode,
    CircuitRequest,
    NetworkLayer,
    Probes,
    StudyRequest,
    Unit,
    UnitEdit,
    UnitsQuestion,
)
from tests.manyunits import UNITS

SOON = 20_000


@pytest.fixture
def grid(qtbot: QtBot) -> Iterator[UnitGrid]:
    inbox = Inbox()
    client = EngineClient(inbox, local=True, studio="tests.manyunits:Many")
    client.start()
    link = EngineLink(client, inbox)
    made = UnitGrid(UnitModel(link))
    made.resize(900, 600)
    qtbot.addWidget(made)
    with qtbot.waitExposed(made):
        made.show()
    yield made
    link.close()


def test_twelve_thousand_units_are_read_as_they_are_seen(grid: UnitGrid, qtbot: QtBot) -> None:
    model = grid._units
    model.show(UnitsQuestion("study"))
    qtbot.waitUntil(lambda: model.rowCount() == UNITS, timeout=SOON)
    qtbot.waitUntil(lambda: model.known(0) is not None, timeout=SOON)
    assert len(model._pages) <= 4
    # To the end in one leap: what lies between is never asked for.
    grid.setFocus()
    QTest.keyClick(grid, Qt.Key.Key_End)
    qtbot.waitUntil(lambda: model.known(UNITS - 1) is not None, timeout=SOON)
    assert grid.currentIndex().row() == UNITS - 1
    cell = grid.currentIndex().data(CELL)
    assert cell.summary.words == f"unit number {UNITS - 1}"
    assert len(model._pages) <= 10
    # However far one scrolls, only so much is kept.
    for row in range(0, UNITS, PAGE):
        model.cell(row)
        if row % (PAGE * 4) == 0:
            qtbot.waitUntil(lambda: not model._wanted and not model._stamps, timeout=SOON)
    assert len(model._pages) <= KEPT


def test_a_star_is_clicked_in_the_grid(grid: UnitGrid, qtbot: QtBot) -> None:
    model = grid._units
    model.show(UnitsQuestion("study"))
    qtbot.waitUntil(lambda: model.known(1) is not None, timeout=SOON)
    box = grid.delegate.star_box(grid.visualRect(model.index(1)))
    with qtbot.waitSignal(grid.delegate.starred) as heard:
        QTest.mouseClick(grid.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(box.center()))
    assert heard.args is not None
    assert (heard.args[0].unit, heard.args[1]) == (Unit("deep", 1), True)
    with qtbot.waitSignal(grid.selected):
        grid.setCurrentIndex(model.index(0))
    with qtbot.waitSignal(grid.opened):
        QTest.keyClick(grid, Qt.Key.Key_Return)


def test_a_circuit_lies_in_columns_and_is_walked_by_keys(qtbot: QtBot) -> None:
    target, deep = Unit("c", 0), Unit("b", 4)
    low = [Unit("a", index) for index in range(3)]
    nodes = (
        CircuitNode(deep, 1.0),
        *(CircuitNode(unit, score) for unit, score in zip(low, (0.1, 0.9, 0.4), strict=True)),
    )
    edges = (
        CircuitEdge(deep, target, 2.0),
        *(CircuitEdge(unit, deep, 0.5) for unit in low),
    )
    circuit = Circuit(target, nodes, edges)
    columns = columns_of(circuit, {"a": 0, "b": 1, "c": 2})
    assert [name for name, _nodes in columns] == ["a", "b", "c"]
    assert [node.unit.index for node in columns[0][1]] == [1, 2, 0]
    graph = CircuitGraph()
    qtbot.addWidget(graph)
    graph.resize(700, 500)
    with qtbot.waitExposed(graph):
        graph.show()
    graph.show_circuit(circuit, {"a": 0, "b": 1, "c": 2})
    assert graph.current == target
    with qtbot.waitSignal(graph.chosen) as heard:
        QTest.keyClick(graph, Qt.Key.Key_Left)
    assert heard.args == [deep]
    box = graph._boxes[low[0]]
    with qtbot.waitSignal(graph.chosen) as heard:
        QTest.mouseClick(graph, Qt.MouseButton.LeftButton, pos=box.center().toPoint())
    assert heard.args == [low[0]]
    assert not graph.grab().isNull()


def test_edits_are_switched_chosen_and_removed(qtbot: QtBot) -> None:
    edits = EditList("Turned units")
    qtbot.addWidget(edits)
    edits.resize(260, 100)
    off = UnitEdit((Unit("a", 1),), name="rim light")
    up = UnitEdit((Unit("a", 2), Unit("a", 3)), "boost", 2.0, on=False)
    edits.set_edits((off, up), -1)
    with qtbot.waitExposed(edits):
        edits.show()

    def click(place: QPointF) -> None:
        QTest.mouseClick(edits, Qt.MouseButton.LeftButton, pos=place.toPoint())

    with qtbot.waitSignal(edits.switched) as heard:
        click(edits.switch_box(1).center())
    assert heard.args == [1, True]
    with qtbot.waitSignal(edits.chosen) as heard:
        click(edits.row_box(0).center())
    assert heard.args == [0]
    with qtbot.waitSignal(edits.removed) as heard:
        click(edits.close_box(1).center())
    assert heard.args == [1]
    edits.set_edits((off, up), 1)
    with qtbot.waitSignal(edits.removed) as heard:
        QTest.keyClick(edits, Qt.Key.Key_Delete)
    assert heard.args == [1]
    assert edit_words(off) == "rim light: off"
    assert edit_words(up) == "2 units: times 2"
    assert turned((off, up)) == 1


def test_a_brush_mask_is_kept_small_and_in_place() -> None:
    painted = np.zeros((512, 384), np.float32)
    painted[:, :96] = 1.0
    edit = new_edit((Unit("a", 0),), "ablate", 3.0, painted, "")
    assert edit.mask is not None
    assert edit.mask.shape == (128, 96)
    assert np.array_equal(edit.mask.array() > 0.5, painted[::4, ::4] > 0.5)
    assert edit.amount == 0.0
    nowhere = new_edit((Unit("a", 0),), "boost", 3.0, np.zeros((8, 8), np.float32), "")
    assert nowhere.mask is not None
    assert not nowhere.mask.array().any()
    assert new_edit((Unit("a", 0),), "boost", 3.0, None, "").mask is None


def test_the_heat_glows_where_it_changed() -> None:
    before = np.full((32, 32, 4), 120, np.uint8)
    now = before.copy()
    now[8:16, 8:16, :3] = 200
    change = change_map(before, now)
    assert change[10, 10] == pytest.approx(80 / 255)
    assert change.sum() == pytest.approx(64 * 80 / 255)
    heat = heat_pixels(change, now).astype(int)
    assert heat[10, 10, :3].sum() > 3 * heat[20, 20, :3].sum()
    still = heat[20, 20, :3]
    assert still.max() == still.min()


def test_a_module_and_what_lies_in_it_are_one_branch() -> None:
    names = ("stem", "blocks.0", "blocks.0.conv", "blocks.0.act", "blocks.1.conv", "head")
    layers = [NetworkLayer(name, "map", 8) for name in names]
    tree = [(branch, [layer.name for layer in inside]) for branch, inside in tree_of(layers)]
    assert tree == [
        ("", ["stem"]),
        ("blocks.0", ["blocks.0", "blocks.0.conv", "blocks.0.act"]),
        ("blocks.1", ["blocks.1.conv"]),
        ("", ["head"]),
    ]


def test_jobs_say_what_they_are() -> None:
    study = StudyRequest("/models/fruit.safetensors", Probes())
    assert job_title(study) == "Look inside fruit"
    circuit = CircuitRequest("fruit", Unit("b16.conv1", 4), Probes())
    assert job_title(circuit) == "Circuit of b16.conv1 · 4"
