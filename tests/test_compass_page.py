"""The compass by hand: sort by click, key and drag, get a slider; on the real engine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QSettings, QStandardPaths, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu, QWidget
from pytestqt.qtbot import QtBot

from app import axes, theme
from app.compass import ANNOTATOR
from app.inbox import Inbox
from app.link import EngineLink
from app.panels.compass import CompassPage
from app.settings import save_choice
from app.state import opened
from app.window import MainWindow
from engine.client import EngineClient
from engine.messages import Axis, Direction, SteerRequest, Vector
from tests.conftest import open_model

LONG = 30_000


@pytest.fixture(scope="module")
def shared(window_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MainWindow]:
    """One window for all: starting an engine takes longer than a test."""
    home = tmp_path_factory.mktemp("sorter")
    for name in ("models", "cache"):
        (home / name).symlink_to(window_home / name, target_is_directory=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LODESTONE_HOME", str(home))
        QStandardPaths.setTestModeEnabled(True)
        user = QSettings.Scope.UserScope
        QSettings.setPath(QSettings.Format.NativeFormat, user, str(home / "settings"))
        app = QApplication.instance() or QApplication([])
        assert isinstance(app, QApplication)
        app.setOrganizationName("lodestone-tests")
        theme.apply(app)
        inbox = Inbox()
        client = EngineClient(inbox)
        client.start()
        window = MainWindow(EngineLink(client, inbox))
        window.show()
        yield window
        window.close()
        # Now, and not whenever Python next collects what nobody holds.
        window.deleteLater()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def steering(shared: MainWindow, qtbot: QtBot) -> MainWindow:
    """The window, newly opened on the generator with three kinds."""
    save_choice(ANNOTATOR, "")
    page = shared.page("compass")
    assert isinstance(page, CompassPage)
    page.sort.pairs_button.setChecked(False)
    page.head.gear.setChecked(False)
    page.show_view("sort")
    document = shared.document
    if document.info is None or document.info.name != "kinds":
        open_model(shared, qtbot, "kinds")
    assert document.info is not None
    found = [card.direction for card in document.state.cards if card.direction.method == "sefa"]
    document.open(document.info, opened(document.info, tuple(found)))
    return shared


@pytest.fixture
def page(steering: MainWindow, qtbot: QtBot) -> CompassPage:
    """The compass, with pictures on its wall."""
    return shown(steering, qtbot)


def shown(window: MainWindow, qtbot: QtBot) -> CompassPage:
    window.go("compass")
    made = window.page("compass")
    assert isinstance(made, CompassPage)
    qtbot.waitUntil(lambda: len(made.sort.wall.requests) >= 12, timeout=LONG)
    return made


def axis_of(page: CompassPage) -> Axis:
    axis = page.compass.axis
    assert axis is not None
    return axis


def click(page: CompassPage, index: int, button=Qt.MouseButton.LeftButton, keys=None) -> None:
    wall = page.sort.wall
    spot = wall.cell_rect(index).center().toPoint()
    QTest.mouseClick(wall, button, keys or Qt.KeyboardModifier.NoModifier, spot)


def drag(source: QWidget, start: QPoint, target: QWidget) -> None:
    """Press in one widget, let go in the middle of another."""
    end = source.mapFromGlobal(target.mapToGlobal(target.rect().center()))
    QTest.mousePress(source, Qt.MouseButton.LeftButton, pos=start)
    for part in (0.3, 0.7, 1.0):
        QTest.mouseMove(source, start + (end - start) * part)
    QTest.mouseRelease(source, Qt.MouseButton.LeftButton, pos=end)


def answers(page: CompassPage) -> list[str]:
    return [label.answer for label in axis_of(page).labels]


def sort_some(page: CompassPage, qtbot: QtBot, each: int = 3) -> None:
    """The same number to either side, and wait for the fit."""
    for index, request in enumerate(page.sort.wall.requests[: 2 * each]):
        page.compass.sort(request, "more" if index % 2 else "less")
    fitted(page, qtbot)


def fitted(page: CompassPage, qtbot: QtBot) -> Direction:
    """Wait until the fit of what is sorted now has arrived."""
    compass = page.compass

    def ready() -> bool:
        fit, axis = compass.fit, axis_of(page)
        return fit is not None and len(fit.margins) == len(axis.labels) and (
            axis.direction is not None
        )  # fmt: skip

    qtbot.waitUntil(ready, timeout=LONG)
    found = axis_of(page).direction
    assert found is not None
    return found


# ---------------------------------------------------------------- sorting


def test_click_right_click_alt_and_keys_sort_and_the_wall_refills(
    page: CompassPage, qtbot: QtBot
) -> None:
    wall = page.sort.wall
    room = wall.room
    qtbot.waitUntil(lambda: wall.free == 0, timeout=LONG)
    first = wall.requests[0]
    click(page, 0)
    assert axes.answer_of(axis_of(page), first) == "more"
    assert not wall.holds(first)
    assert page.sort.more.grid.requests == [first]
    click(page, 1, Qt.MouseButton.RightButton)
    click(page, 2, keys=Qt.KeyboardModifier.AltModifier)
    click(page, 3, Qt.MouseButton.MiddleButton)
    assert answers(page) == ["more", "less", "less", "skip"]
    wall.setFocus()
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Left, Qt.Key.Key_Space, Qt.Key.Key_M, Qt.Key.Key_L):
        qtbot.waitUntil(lambda: wall.cursor_request is not None, timeout=LONG)
        QTest.keyClick(wall, key)
    assert answers(page)[4:] == ["more", "less", "skip", "more", "less"]
    assert len(page.sort.less.grid.requests) == 4
    qtbot.waitUntil(lambda: len(wall.requests) == room, timeout=LONG)
    known = {label.request for label in axis_of(page).labels}
    assert not known & set(wall.requests)
    assert len(set(wall.requests)) == room


def test_arrows_with_ctrl_move_the_cursor(page: CompassPage) -> None:
    wall = page.sort.wall
    wall.setFocus()
    QTest.keyClick(wall, Qt.Key.Key_Home)
    start = wall.cursor_request
    QTest.keyClick(wall, Qt.Key.Key_Right, Qt.KeyboardModifier.ControlModifier)
    assert wall.cursor_request is not start
    assert answers(page) == []


def test_drag_to_a_tray_and_from_tray_to_tray_and_back(page: CompassPage, qtbot: QtBot) -> None:
    sort = page.sort
    first = sort.wall.requests[0]
    drag(sort.wall, sort.wall.cell_rect(0).center().toPoint(), sort.less)
    assert axes.answer_of(axis_of(page), first) == "less"
    grid = sort.less.grid
    drag(grid, grid.cell_rect(0).center().toPoint(), sort.more)
    assert axes.answer_of(axis_of(page), first) == "more"
    assert sort.less.grid.requests == []
    grid = sort.more.grid
    drag(grid, grid.cell_rect(0).center().toPoint(), sort.middle)
    assert axes.answer_of(axis_of(page), first) is None


def test_a_drag_that_ends_nowhere_sorts_nothing(page: CompassPage, qtbot: QtBot) -> None:
    wall = page.sort.wall
    first = wall.requests[0]
    drag(wall, wall.cell_rect(0).center().toPoint(), page.sort.plot)
    assert wall.holds(first)
    assert answers(page) == []
    qtbot.waitUntil(lambda: not page.sort.flights.busy)


# ---------------------------------------------------------------- the slider


def test_sorted_pictures_become_a_slider_that_moves_the_picture(
    page: CompassPage, qtbot: QtBot, steering: MainWindow
) -> None:
    QTest.keyClicks(page.head.name, "rounder")
    assert steering.document.state.axes == ()
    page.compass.sort(page.sort.wall.requests[0], "more")
    axis = axis_of(page)
    assert (axis.key, axis.name) == ("rounder", "rounder")
    assert page.head.name.text() == "rounder"
    qtbot.waitUntil(lambda: bool(page.outcome.sentence.text()), timeout=LONG)
    assert page.outcome.strips[0].isHidden()
    before = page.outcome.picture.image
    sort_some(page, qtbot)
    card = steering.document.state.card("rounder")
    assert card is not None
    assert card.direction == axis_of(page).direction
    assert card.direction.name == "rounder"
    assert page.outcome.amount.amount == card.amount == axes.FIRST_AMOUNT
    qtbot.waitUntil(lambda: page.outcome.picture.image != before, timeout=LONG)
    qtbot.waitUntil(lambda: page.outcome.strips[2]._images[6] is not None, timeout=LONG)
    assert page.outcome.gauge.value is not None
    assert "of 7 sorted pictures agree" in page.outcome.verdict.text()
    assert len(page.sort.plot.spots) == 7
    page.outcome.value.setValue(-1.5)
    assert steering.document.state.card("rounder").amount == -1.5  # pyright: ignore
    steering.go("steer")
    qtbot.waitUntil(lambda: "rounder" in steering.steer.directions.order)


def test_every_label_is_an_undo_entry_and_a_fit_is_none(
    page: CompassPage, qtbot: QtBot, steering: MainWindow
) -> None:
    stack = steering.document.undo_stack
    sort_some(page, qtbot)
    assert stack.count() == 6
    whole = fitted(page, qtbot)
    steering.commands.actions["edit.undo"].trigger()
    assert len(answers(page)) == 5
    assert len(page.sort.less.grid.requests) + len(page.sort.more.grid.requests) == 5
    qtbot.waitUntil(lambda: len(page.compass.fit.margins) == 5, timeout=LONG)  # pyright: ignore
    assert fitted(page, qtbot) != whole
    steering.commands.actions["edit.redo"].trigger()
    qtbot.waitUntil(lambda: axis_of(page).direction == whole, timeout=LONG)
    assert stack.count() == 6
    for _ in range(6):
        steering.commands.actions["edit.undo"].trigger()
    assert answers(page) == []
    assert steering.document.state.axes == ()
    assert steering.document.state.card("axis") is None
    steering.commands.actions["edit.redo"].trigger()
    assert len(answers(page)) == 1


def test_a_name_given_in_steer_is_the_axis_name(
    page: CompassPage, qtbot: QtBot, steering: MainWindow
) -> None:
    sort_some(page, qtbot)
    key = axis_of(page).key
    card = steering.document.state.card(key)
    assert card is not None
    named = replace(card.direction, name="plumper")
    steering.document.change_card("Name it plumper", key, direction=named)
    assert axis_of(page).name == "plumper"
    assert page.head.name.text() == "plumper"
    page.compass.rename("rounder")
    assert steering.document.state.card(key).direction.name == "rounder"  # pyright: ignore


def test_a_kept_axis_is_there_again_without_an_entry_of_history(
    page: CompassPage, qtbot: QtBot, steering: MainWindow
) -> None:
    sort_some(page, qtbot)
    document, kept = steering.document, axis_of(page)
    state, info = document.state, document.info
    assert info is not None
    page.compass.new()
    document.open(info, state)
    assert axis_of(page) == kept
    qtbot.waitUntil(lambda: len(page.sort.plot.spots) == 6, timeout=LONG)
    assert document.undo_stack.count() == 0
    assert len([card for card in document.state.cards if card.key == kept.key]) == 1


def test_all_on_one_side_is_told_in_words(page: CompassPage, qtbot: QtBot) -> None:
    for request in page.sort.wall.requests[:4]:
        page.compass.sort(request, "more")
    qtbot.waitUntil(lambda: "one side" in page.outcome.sentence.text(), timeout=LONG)
    assert axis_of(page).direction is None
    assert page.outcome.gauge.value is None


# ---------------------------------------------------------------- looking again


def test_a_sorted_picture_can_be_sorted_anew_from_tray_plot_and_menu(
    page: CompassPage, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A popup grabs the pointer, which a display in memory does not have.
    monkeypatch.setattr(QMenu, "popup", lambda *_place: None)
    sort_some(page, qtbot)
    tray = page.sort.more.grid
    request = tray.requests[0]
    tray.setFocus()
    QTest.keyClick(tray, Qt.Key.Key_L)
    assert axes.answer_of(axis_of(page), request) == "less"
    qtbot.waitUntil(lambda: page.sort.plot.spot_rect(request) is not None, timeout=LONG)
    spot = page.sort.plot.spot_rect(request)
    assert spot is not None
    QTest.mouseClick(page.sort.plot, Qt.MouseButton.LeftButton, pos=spot.center().toPoint())
    menu = page.sort.menu
    assert menu is not None
    texts = [action.text() for action in menu.actions()]
    assert "Put it on the side of more" in texts
    assert "Put it on the side of less" not in texts
    menu.actions()[-1].trigger()
    menu.close()
    assert axes.answer_of(axis_of(page), request) is None


def test_a_misfit_is_marked(page: CompassPage, qtbot: QtBot) -> None:
    sort_some(page, qtbot, each=4)
    odd = {spot.request for spot in page.sort.plot.spots if spot.odd}
    agree, counted = page.compass.agreement()
    assert counted == 8
    assert len(odd) == counted - agree


# ---------------------------------------------------------------- pairs


def test_two_at_a_time_by_keys_and_clicks(page: CompassPage, qtbot: QtBot) -> None:
    page.head.name.setText("prickly")
    page.head.name.editingFinished.emit()
    page.sort.pairs_button.click()
    pairs = page.sort.pairs
    assert pairs.words.text() == "Which one is more prickly?"
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Left, Qt.Key.Key_Down, Qt.Key.Key_Space):
        qtbot.waitUntil(lambda: pairs.pair is not None, timeout=LONG)
        QTest.keyClick(pairs, key)
    qtbot.waitUntil(lambda: pairs.pair is not None, timeout=LONG)
    a, b = pairs.pair or (None, None)
    QTest.mouseClick(pairs.b, Qt.MouseButton.LeftButton)
    given = axis_of(page).pairs
    assert [pair.answer for pair in given] == ["b", "a", "same", "skip", "b"]
    assert (given[-1].a, given[-1].b) == (a, b)
    qtbot.waitUntil(lambda: axis_of(page).direction is not None, timeout=LONG)
    page.sort.pairs_button.click()
    assert page.sort.middle.currentIndex() == 0


# ---------------------------------------------------------------- other views


def test_evidence_lists_who_sorted_what_and_sorts_anew(
    page: CompassPage, qtbot: QtBot, steering: MainWindow
) -> None:
    page.settings.annotator.setText("Ada")
    page.settings.annotator.editingFinished.emit()
    sort_some(page, qtbot)
    direction = axis_of(page).direction
    assert direction is not None
    page.show_evidence(direction)
    evidence = page.evidence
    assert evidence.isVisible()
    rows = evidence.rows
    assert len(rows) == 6
    assert {row.by for row in rows} == {"Ada"}
    margins = [row.margin for row in rows]
    assert margins == sorted(margins, reverse=True)  # type: ignore[type-var]
    assert "sorted by Ada" in evidence.facts.text()
    assert axis_of(page).model[:12] in evidence.facts.text()
    evidence.table.selectRow(0)
    chosen = rows[0].pictures[0]
    evidence.buttons["skip"].click()
    assert axes.answer_of(axis_of(page), chosen) == "skip"
    evidence.table.selectRow([row.pictures[0] for row in evidence.rows].index(chosen))
    QTest.keyClick(evidence.table, Qt.Key.Key_Delete)
    assert axes.answer_of(axis_of(page), chosen) is None


def test_evidence_of_a_direction_from_elsewhere(page: CompassPage, steering: MainWindow) -> None:
    page.show_evidence(steering.document.state.cards[0].direction)
    assert page.evidence.body.currentIndex() == 1
    assert "sefa" in page.evidence.told.text()


def test_generalise_shows_seeds_classes_and_layers_with_scores(
    page: CompassPage, qtbot: QtBot
) -> None:
    page.show_view("generalise")
    assert page.generalise.empty.isVisible()
    sort_some(page, qtbot)
    qtbot.waitUntil(lambda: len(page.generalise.views) == 3, timeout=LONG)
    keys = [view.group.key for view in page.generalise.views]
    assert keys == ["seeds", "classes", "layers"]
    assert [len(view.rows) for view in page.generalise.views] == [4, 3, 3]
    qtbot.waitUntil(lambda: page.generalise.gauge.value is not None, timeout=LONG)
    qtbot.waitUntil(
        lambda: all(row._score is not None for view in page.generalise.views for row in view.rows),
        timeout=LONG,
    )
    seeds = page.generalise.views[0].rows[0].requests[0]
    page.generalise.others.click()
    assert page.generalise.views[0].rows[0].requests[0] != seeds


def test_an_axis_of_another_generator_is_offered(
    page: CompassPage, qtbot: QtBot, steering: MainWindow
) -> None:
    sort_some(page, qtbot)
    axis = axis_of(page)
    state = steering.document.state
    open_model(steering, qtbot, "tiny")
    steering.document.edit("bring", axes.placed(steering.document.state, axis))
    page = shown_foreign(steering, axis.key)
    assert not page.compass.here
    assert not page.sort.isEnabled()
    assert page._elsewhere.isVisible()
    page._transfer.click()
    assert page.compass.here
    copy = axis_of(page)
    info = steering.document.info
    assert info is not None
    assert copy.model == info.id != axis.model
    assert copy.labels == axis.labels
    assert steering.document.state.card(copy.key) is not None
    assert state.axes[0].model == axis.model


def shown_foreign(window: MainWindow, key: str) -> CompassPage:
    window.go("compass")
    page = window.page("compass")
    assert isinstance(page, CompassPage)
    page.compass.choose(key)
    return page


def test_an_axis_of_another_shape_is_not(page: CompassPage, steering: MainWindow) -> None:
    strange = Direction("odd", "w", Vector.of(np.ones(3)), model="elsewhere")
    axis = Axis("odd", "odd", "elsewhere", SteerRequest("elsewhere"), direction=strange)
    steering.document.edit("bring", axes.placed(steering.document.state, axis))
    page.compass.choose("odd")
    assert page._elsewhere.isVisible()
    assert not page._transfer.isVisible()


def test_new_choose_delete(page: CompassPage, qtbot: QtBot, steering: MainWindow) -> None:
    sort_some(page, qtbot)
    first = axis_of(page).key
    page.head.plus.click()
    assert answers(page) == []
    qtbot.waitUntil(lambda: len(page.sort.wall.requests) > 2, timeout=LONG)
    page.compass.sort(page.sort.wall.requests[0], "more")
    assert len(steering.document.state.axes) == 2
    page.head.menu.aboutToShow.emit()
    assert len([one for one in page.head.menu.actions() if one.isCheckable()]) == 2
    page.compass.choose(first)
    assert len(answers(page)) == 6
    page.head.bin.click()
    assert [axis.key for axis in steering.document.state.axes] != [first]
    assert steering.document.state.card(first) is not None
    steering.commands.actions["edit.undo"].trigger()
    assert axis_of(page).key == first


def test_settings_change_the_axis_and_the_wall(page: CompassPage, qtbot: QtBot) -> None:
    page.head.gear.click()
    assert page.settings.isVisible()
    before = page.sort.wall.requests[0]
    page.settings.kind.setCurrentIndex(2)
    page.settings.kind.activated.emit(2)
    assert axis_of(page).template.classes == (0.0, 0.0, 1.0)
    qtbot.waitUntil(
        lambda: bool(page.sort.wall.requests) and page.sort.wall.requests[0] != before, timeout=LONG
    )
    assert page.sort.wall.requests[0].classes == (0.0, 0.0, 1.0)
    sort_some(page, qtbot)
    in_w = axis_of(page).direction
    page.settings.learner.button("logistic").click()
    qtbot.waitUntil(lambda: axis_of(page).direction != in_w, timeout=LONG)
    for space in ("z", "s", "a"):
        page.settings.space.button(space).click()
        qtbot.waitUntil(
            lambda space=space: getattr(axis_of(page).direction, "space", "") == space, timeout=LONG
        )
    assert page.settings.layer.isVisible()
    assert axis_of(page).at == str(page.settings.layer.currentData())


def test_other_directions_are_kept_fixed_with_the_residual(
    page: CompassPage, qtbot: QtBot, steering: MainWindow
) -> None:
    sort_some(page, qtbot)
    key = axis_of(page).key
    page.settings.menu.aboutToShow.emit()
    page.settings.menu.actions()[0].trigger()
    card = steering.document.state.card(key)
    assert card is not None
    assert len(card.fixed) == 1
    assert "kept fixed" in page.outcome.residual.text()


def test_the_kinds_ask_for_other_pictures(page: CompassPage, qtbot: QtBot) -> None:
    sort_some(page, qtbot)
    assert page.sort.kind == "uncertain"
    for kind in ("extremes", "more", "less", "random"):
        before = set(page.sort.wall.requests)
        page.sort.kinds.button(kind).click()
        qtbot.waitUntil(
            lambda before=before: (
                len(page.sort.wall.requests) == page.sort.wall.room
                and set(page.sort.wall.requests) != before
            ),
            timeout=LONG,
        )
