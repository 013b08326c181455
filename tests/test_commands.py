"""The one table of commands: complete, unique, reachable from everywhere."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from app.actions import Actions
from app.commands import COMMANDS, MENUS, ShortcutPage
from app.topbar import WORKSPACES
from app.widgets.palette import CommandPalette, matching
from app.window import MainWindow


def test_ids_and_shortcuts_are_unique() -> None:
    ids = [command.id for command in COMMANDS]
    assert len(set(ids)) == len(ids)
    keys = [QKeySequence(command.shortcut).toString() for command in COMMANDS]
    assert len(set(keys)) == len(keys)


def test_every_command_has_words_a_menu_and_a_shortcut() -> None:
    for command in COMMANDS:
        assert command.text, command.id
        assert command.tip.endswith("."), command.id
        assert command.menu in MENUS, command.id
        assert not QKeySequence(command.shortcut).isEmpty(), command.id


def test_every_command_does_something() -> None:
    workspaces = {name for name, _text, _tip in WORKSPACES}
    for command in COMMANDS:
        menu, _, verb = command.id.partition(".")
        if menu == "go":
            assert verb in workspaces
        else:
            assert callable(getattr(Actions, f"{menu}_{verb}", None)), command.id


def test_menus_show_the_whole_table(window: MainWindow) -> None:
    shown = [
        action.objectName()
        for top in window.top.menus.actions()
        for action in top.menu().actions()  # pyright: ignore[reportAttributeAccessIssue]
        if not action.isSeparator()
    ]
    assert sorted(shown) == sorted(command.id for command in COMMANDS)


def test_commands_wait_for_what_they_need(window: MainWindow) -> None:
    actions = window.commands.actions
    assert not actions["view.fit"].isEnabled()
    assert not actions["steer.morph_a"].isEnabled()
    assert actions["file.open"].isEnabled()


def test_the_palette_finds_and_runs(window: MainWindow, qtbot: QtBot) -> None:
    window.commands.actions["help.palette"].trigger()
    palette = window.findChild(CommandPalette)
    assert palette is not None
    qtbot.waitUntil(palette.isVisible)
    QTest.keyClicks(palette.search, "jobs")
    assert palette.list.count() == 1
    QTest.keyClick(palette.search, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: window.workspace == "jobs")
    assert not palette.isVisible()


def test_typing_finds_words_in_any_order() -> None:
    entries = [("a", "View: Zoom in", ""), ("b", "Steer: Next seed", ""), ("c", "Seed it", "")]
    assert [e[0] for e in matching(entries, "in zoom")] == ["a"]
    assert [e[0] for e in matching(entries, "seed")] == ["c", "b"]
    assert matching(entries, "nothing") == []


def test_the_shortcut_page_lists_all(window: MainWindow, qtbot: QtBot) -> None:
    page = ShortcutPage(window)
    qtbot.addWidget(page)
    words = {label.text() for label in page.findChildren(QLabel)}
    for command in COMMANDS:
        assert command.text in words
        assert command.tip in words
