"""An attribute is asked for in the window: the units that respond stand first, and are turned."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.panels.inspect import InspectPage
from app.unit_model import CELL
from app.window import MainWindow
from engine.bench.inspect_planted import layer, write_network, write_pictures
from engine.client import from_json
from engine.inspect.exemplars import study
from engine.inspect.grid import units
from engine.messages import (
    Defence,
    LodestoneError,
    Probes,
    StudyRequest,
    Unit,
    UnitsQuestion,
    UnitsReply,
)
from engine.progress import Progress
from tests.test_inspect_ablate import place as place

SOON = 60_000


@pytest.fixture
def planted(person: Path, tmp_path: Path) -> tuple[Path, tuple[str, ...]]:
    """A network whose units are known, with a study of it: (folder, truth)."""
    write_pictures(tmp_path / "pictures", 60, seed=11)
    made = write_network(tmp_path / "network.onnx")
    data = Probes(str(tmp_path / "pictures"))
    out = str(tmp_path / "study")
    study(StudyRequest(str(tmp_path / "network.onnx"), data, (layer,), out), Progress())
    return tmp_path, made.truth


def test_units_that_respond_stand_first_and_are_turned(
    planted: tuple[Path, tuple[str, ...]], window: MainWindow, qtbot: QtBot
) -> None:
    place, truth = planted
    window.go("inspect")
    page = window.page("inspect")
    assert isinstance(page, InspectPage)
    page.take_drop(str(place / "network.onnx"))
    inspecting, audit, model = page.inspecting, page.browse.audit, page.browse.model
    qtbot.waitUntil(lambda: inspecting.info is not None, timeout=SOON)
    inspecting.take_study(str(place / "study"))
    qtbot.waitUntil(lambda: model.rowCount() == len(truth), timeout=SOON)
    with qtbot.waitSignal(page.failed) as heard:
        audit.job.begin.click()
    assert "No word" in str(heard.args)
    audit.word.setText("blue disc")
    audit.job.begin.click()
    qtbot.waitUntil(lambda: bool(audit.units), timeout=SOON)
    assert truth[audit.units[0].index] == "blue"
    assert {truth[unit.index] for unit in audit.units}.isdisjoint({"vertical", "horizontal", ""})
    qtbot.waitUntil(lambda: model.rowCount() == len(audit.units), timeout=SOON)
    rows = [model.index(at).data(CELL).summary.unit for at in range(model.rowCount())]
    assert rows == list(audit.units)
    # The surest one's card comes by itself, with how sure it is.
    assert inspecting.unit == audit.units[0]
    assert "pictures with it" in audit.said.text()
    assert "This one: AUC" in audit.said.text()
    found = audit.units
    audit.all.click()
    assert inspecting.selection == tuple(sorted(found))
    assert page.face.value == "turn"
    page.turn.buttons["ablate"].click()
    assert set(inspecting.edits[0].units) == set(found)
    audit.close_it.click()
    assert audit.units == ()
    qtbot.waitUntil(lambda: model.rowCount() == len(truth), timeout=SOON)
    # What nothing responds to is said, and all units stay.
    audit.word.setText("saxophone")
    audit.job.begin.click()
    qtbot.waitUntil(lambda: "saxophone" in window.bar.sentence, timeout=SOON)
    assert model.rowCount() == len(truth)


def test_a_defence_is_shown_as_it_was_measured(
    place: Path, person: Path, window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    network, data = str(place / "colours.pt2"), Probes(str(place / "data"))
    made = study(StudyRequest(network, data, ("features",), str(tmp_path / "study")), Progress())
    window.go("inspect")
    page = window.page("inspect")
    assert isinstance(page, InspectPage)
    page.take_drop(network)
    inspecting, defence = page.inspecting, page.defence
    qtbot.waitUntil(lambda: inspecting.info is not None, timeout=SOON)
    with qtbot.waitSignal(page.failed) as heard:
        defence.job.begin.click()
    assert "no pictures to attack" in str(heard.args)
    inspecting.take_study(str(made))
    qtbot.waitUntil(lambda: inspecting.probes is not None, timeout=SOON)
    page.show_face("circuit")
    defence.attack.button("patch").click()
    with qtbot.waitSignal(defence.job.done, timeout=SOON) as done:
        defence.job.begin.click()
    assert done.args is not None
    update = done.args[0]
    found = from_json(Path(update.result).read_text("utf-8"))
    assert isinstance(found, Defence)
    shares = (found.clean, found.attacked, found.defended)
    assert [value for _words, value in defence.bars.bars] == [100 * share for share in shares]
    assert update.request.attack == "patch"
    assert defence.use.isVisible() == bool(found.edits)
    if found.edits:
        defence.use.click()
        assert inspecting.edits == found.edits
    inspecting.open_study("")
    assert not defence.bars.isVisible()


def test_a_part_of_the_grid_has_an_order_of_its_own(
    planted: tuple[Path, tuple[str, ...]],
) -> None:
    folder = str(planted[0] / "study")
    chosen = (Unit(layer, 3), Unit(layer, 0))
    question = UnitsQuestion(folder, order="largest", thumbnails=0, units=chosen)
    assert tuple(one.unit for one in _answer(question).units) == chosen
    searched = _answer(replace(question, search=f"{layer}:0"))
    assert [one.unit for one in searched.units] == [Unit(layer, 0)]
    with pytest.raises(LodestoneError, match="none of them"):
        _answer(replace(question, units=(Unit(layer, 9999),)))


def _answer(question: UnitsQuestion) -> UnitsReply:
    steps = units(question)
    try:
        while True:
            next(steps)
    except StopIteration as end:
        return end.value
