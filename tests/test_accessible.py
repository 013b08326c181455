"""Everything that can be reached by keyboard has a name, a tip and a place in the tab order."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QDialog,
    QLabel,
    QLineEdit,
    QListView,
    QScrollBar,
    QWidget,
)
from pytestqt.qtbot import QtBot

from app.commands import ShortcutPage
from app.panels.about import AboutPage
from app.topbar import WORKSPACES
from app.widgets.palette import CommandPalette
from app.window import MainWindow

INSIDE = ("qt_spinbox_lineedit", "qt_scrollarea_viewport")
"""Parts Qt puts inside its own widgets; the widget around them carries the name."""


def nameless(root: QWidget) -> list[str]:
    """Focusable widgets without an accessible name or words of their own."""
    found = []
    for widget in [root, *root.findChildren(QWidget)]:
        inside = widget.objectName() in INSIDE or isinstance(widget, QScrollBar)
        popup = isinstance(widget, QListView) and widget.window().windowType() == (
            Qt.WindowType.Popup
        )
        if not widget.focusPolicy() & Qt.FocusPolicy.TabFocus or inside or popup:
            continue
        if isinstance(widget, QLineEdit) and widget.parent().inherits("QComboBox"):
            widget = widget.parent()
        words = widget.accessibleName() or (
            widget.text() if isinstance(widget, QAbstractButton) else ""
        )
        if not words:
            found.append(f"{type(widget).__name__} {widget.objectName()}")
    return found


@pytest.mark.parametrize("name", [name for name, _text, _tip in WORKSPACES])
def test_every_focusable_widget_has_a_name(steering: MainWindow, name: str) -> None:
    steering.go(name)
    assert nameless(steering) == []


def test_dialogs_have_names(steering: MainWindow, qtbot: QtBot) -> None:
    assert steering.document.info is not None
    dialogs: list[QDialog] = [
        ShortcutPage(steering),
        CommandPalette(steering),
        AboutPage(steering, steering.document.info),
    ]
    for dialog in dialogs:
        qtbot.addWidget(dialog)
        assert dialog.accessibleName()
        assert nameless(dialog) == []


def test_names_tell_widgets_apart(steering: MainWindow) -> None:
    """On one panel no two sliders, buttons or fields say the same."""
    for panel in (steering.steer.latent, steering.steer.directions):
        names = [
            widget.accessibleName()
            for widget in panel.findChildren(QWidget)
            if widget.isVisible() and widget.focusPolicy() & Qt.FocusPolicy.TabFocus
            and widget.objectName() not in INSIDE
        ]  # fmt: skip
        doubles = {name for name in names if name and names.count(name) > 1}
        assert not doubles


def test_icon_buttons_have_tips(steering: MainWindow) -> None:
    for button in steering.findChildren(QAbstractButton):
        if not button.text() and button.isVisible():
            assert button.toolTip(), button.accessibleName()


def test_tab_goes_through_the_panel_and_back(steering: MainWindow, qtbot: QtBot) -> None:
    steering.activateWindow()
    steering.steer.latent.seed.setFocus()
    seen: list[QWidget] = []
    for _ in range(400):
        QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        widget = QApplication.focusWidget()
        if widget in seen:
            break
        seen.append(widget)
    panels = steering.steer
    first = panels.directions.card(panels.directions.order[0])
    assert first is not None
    for wanted in (panels.latent.field, panels.canvas, first.slider, first.brush, panels.pad.pad):
        assert wanted in seen, wanted.accessibleName()


@pytest.mark.parametrize("size", [(1280, 800), (1920, 1080)])
def test_no_text_is_cut_off(steering: MainWindow, qtbot: QtBot, size: tuple[int, int]) -> None:
    steering.resize(*size)
    for name, _text, _tip in WORKSPACES:
        steering.go(name)
        qtbot.wait(60)
        for widget in steering.findChildren(QWidget):
            if not widget.isVisible() or not isinstance(widget, (QLabel, QAbstractButton)):
                continue
            if isinstance(widget, QLabel) and (widget.wordWrap() or not widget.text()):
                if widget.text():
                    needed = widget.heightForWidth(widget.width())
                    assert widget.height() >= min(needed, 48), widget.text()
                continue
            needed = widget.fontMetrics().horizontalAdvance(widget.text().replace("&", ""))
            assert widget.width() >= needed, f"{name}: {widget.text()}"
