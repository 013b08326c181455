"""What was sorted and described is kept row by row, and comes back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.document import Document
from app.keeper import Keeper
from app.state import opened
from engine.messages import Annotation, Axis, Direction, Label, Pair, SteerRequest, Vector
from engine.project import Project
from tests.troublemakers import info


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LODESTONE_HOME", str(tmp_path / "home"))


def test_sorted_pictures_and_words_come_back(qtbot: QtBot, tmp_path: Path) -> None:
    document = Document()
    keeper = Keeper(document)
    model = info("one")
    document.open(model, opened(model, ()))
    assert keeper.create(str(tmp_path / "mine"))
    shown = SteerRequest("one")
    axis = Axis("rounder", "rounder", "one", shown)
    document.change("Begin", axes=(axis, replace(axis, key="gone")))
    keeper.write()
    sorted_axis = replace(axis, labels=(Label(shown, "more", "Ada", 1.0),))
    direction = Direction("d", "w", Vector.of([1.0]))
    pair = Pair("p", direction, shown)
    words = (Annotation("p", "foggier", "Ada"), Annotation("p", "nebliger 🌫", "Bob", True))
    document.change("Go on", axes=(sorted_axis,), pairs=(pair,), annotations=words, ridge=3.0)
    keeper.close()
    with Project.open(tmp_path / "mine.lodestone", read_only=True) as project:
        assert project.records("axis") == (sorted_axis,)
        assert project.records("annotation") == words
    state = keeper.open(str(tmp_path / "mine.lodestone"))
    keeper.close()
    assert state is not None
    assert (state.axes, state.pairs, state.annotations) == ((sorted_axis,), (pair,), words)
    assert state.ridge == 3.0


def test_undo_takes_a_row_back(qtbot: QtBot, tmp_path: Path) -> None:
    document = Document()
    keeper = Keeper(document)
    model = info("one")
    document.open(model, opened(model, ()))
    assert keeper.create(str(tmp_path / "mine"))
    axis = Axis("rounder", "rounder", "one", SteerRequest("one"))
    document.change("Begin", axes=(axis,))
    keeper.write()
    document.undo_stack.undo()
    keeper.close()
    with Project.open(tmp_path / "mine.lodestone", read_only=True) as project:
        assert project.records("axis") == ()
