"""ONE table of commands: menus, shortcuts, the palette and the shortcut page come from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QDialog, QGridLayout, QMenuBar, QWidget

from app.widgets.parts import column, label, push, row, scroll

MENUS = ("File", "Edit", "View", "Steer", "Go", "Help")


@dataclass(frozen=True)
class Command:
    """One thing a person can ask for."""

    id: str
    """`menu.verb`; also the name of the window's slot, with `_` for `.`."""
    text: str
    tip: str
    shortcut: str = ""
    menu: str = ""
    needs: str = ""
    """`model`, `snapshot`, `two` (snapshots), or nothing."""
    rule: bool = False
    """A line above it in its menu."""
    repeats: bool = False
    """Whether a held key goes on doing it."""


COMMANDS: tuple[Command, ...] = (
    Command(
        "file.open",
        "Open…",
        "Open a generator, preset, picture, sound or project.",
        "Ctrl+O",
        "File",
    ),
    Command("file.new_project", "New project…", "Begin a project file.", "Ctrl+N", "File"),
    Command(
        "file.save_copy",
        "Save a copy of the project…",
        "Projects are written as you work; this makes a second file.",
        "Ctrl+Shift+S",
        "File",
        "model",
    ),
    Command(
        "file.save_preset",
        "Save preset…",
        "Keep this picture's recipe as a JSON file.",
        "Ctrl+S",
        "File",
        "model",
        rule=True,
    ),
    Command(
        "file.save_picture",
        "Save picture…",
        "Write a PNG that remembers its recipe.",
        "Ctrl+E",
        "File",
        "model",
    ),
    Command(
        "file.close_window",
        "Quit",
        "Close the program; nothing is lost.",
        "Ctrl+Q",
        "File",
        rule=True,
    ),
    Command("edit.undo", "Undo", "Take the last change back.", "Ctrl+Z", "Edit", repeats=True),
    Command("edit.redo", "Redo", "Do it again.", "Ctrl+Shift+Z", "Edit", repeats=True),
    Command(
        "edit.reset_directions",
        "All directions to 0",
        "Every slider back to its middle.",
        "Ctrl+0",
        "Edit",
        "model",
        rule=True,
    ),
    Command(
        "edit.reset_all",
        "Reset everything",
        "As it was when the generator was opened.",
        "Ctrl+Shift+0",
        "Edit",
        "model",
    ),
    Command("view.fit", "Fit picture", "Show the whole picture.", "F", "View", "model"),
    Command(
        "view.one_to_one",
        "One to one",
        "One picture pixel on one screen pixel.",
        "1",
        "View",
        "model",
    ),
    Command("view.zoom_in", "Zoom in", "Larger.", "Ctrl+=", "View", "model", repeats=True),
    Command("view.zoom_out", "Zoom out", "Smaller.", "Ctrl+-", "View", "model", repeats=True),
    Command(
        "view.compare",
        "Compare with snapshot",
        "Split the picture: snapshot left, now right. "
        "Hold C on the picture to see the snapshot alone.",
        "V",
        "View",
        "snapshot",
        rule=True,
    ),
    Command(
        "view.latent",
        "Show or hide the latent panel",
        "More room for the picture.",
        "F8",
        "View",
        rule=True,
    ),
    Command(
        "view.directions", "Show or hide the directions", "More room for the picture.", "F9", "View"
    ),
    Command(
        "view.play", "Show or hide snapshots and play", "More room for the picture.", "F10", "View"
    ),
    Command(
        "view.full_screen",
        "Full screen",
        "Only this program on the screen.",
        "F11",
        "View",
        rule=True,
    ),
    Command("steer.random_seed", "Random seed", "Another picture.", "R", "Steer", "model"),
    Command("steer.next_seed", "Next seed", "One seed on.", "]", "Steer", "model", repeats=True),
    Command(
        "steer.previous_seed",
        "Previous seed",
        "One seed back.",
        "[",
        "Steer",
        "model",
        repeats=True,
    ),
    Command(
        "steer.snapshot",
        "Take a snapshot",
        "Keep this picture.",
        "Ctrl+Return",
        "Steer",
        "model",
        rule=True,
    ),
    Command(
        "steer.find",
        "Find directions…",
        "Look for new directions: PCA, SeFa, by layer, by channel.",
        "Ctrl+D",
        "Steer",
        "model",
    ),
    Command("steer.wander", "Wander", "Start or stop the slow drift.", "W", "Steer", "model"),
    Command("steer.morph_a", "Morph: show A", "The beginning of the morph.", "A", "Steer", "two"),
    Command("steer.morph_b", "Morph: show B", "The end of the morph.", "B", "Steer", "two"),
    Command(
        "steer.by_words",
        "Steer by words…",
        "Type what you want to see: foggier, festive - winter.",
        "/",
        "Steer",
        "model",
        rule=True,
    ),
    Command("go.start", "Start", "Generators and recent projects.", "Ctrl+1", "Go"),
    Command("go.steer", "Steer", "Move through a generator.", "Ctrl+2", "Go", "model"),
    Command(
        "go.compass",
        "Compass",
        "Sort pictures by what you see, get a direction.",
        "Ctrl+3",
        "Go",
        "model",
    ),
    Command(
        "go.vocabulary",
        "Vocabulary",
        "Describe what changes, steer by words.",
        "Ctrl+4",
        "Go",
        "model",
    ),
    Command("go.picture", "Picture", "Make a generator from one picture.", "Ctrl+5", "Go"),
    Command("go.sound", "Sound", "Make a generator from one sound.", "Ctrl+6", "Go"),
    Command("go.upscale", "Upscale", "Enlarge pictures and films.", "Ctrl+7", "Go"),
    Command("go.inspect", "Inspect", "See what units respond to, turn them.", "Ctrl+I", "Go"),
    Command("go.train", "Train", "Make a generator from your pictures.", "Ctrl+8", "Go"),
    Command("go.export", "Export", "Pictures, films, ONNX.", "Ctrl+9", "Go", "model"),
    Command("go.jobs", "Jobs", "What is being computed.", "Ctrl+J", "Go"),
    Command("help.palette", "Find a command…", "Every command, by typing.", "Ctrl+Shift+P", "Help"),
    Command("help.shortcuts", "Keyboard shortcuts", "All of them on one page.", "F1", "Help"),
    Command(
        "help.about",
        "About this generator",
        "What it was trained on, its licence.",
        "F2",
        "Help",
        "model",
    ),
)


class Commands(QObject):
    """The table as QActions; `run` announces the id of a command that may run now."""

    run = Signal(str)

    def __init__(self, window: QWidget, table: Iterable[Command] = COMMANDS):
        super().__init__(window)
        self.table = tuple(table)
        self.actions: dict[str, QAction] = {}
        for command in self.table:
            action = QAction(command.text, window)
            action.setObjectName(command.id)
            action.setToolTip(command.tip)
            action.setStatusTip(command.tip)
            if command.shortcut:
                action.setShortcut(QKeySequence(command.shortcut))
            action.setAutoRepeat(command.repeats)
            action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
            action.triggered.connect(self._triggered)
            window.addAction(action)
            self.actions[command.id] = action

    @Slot()
    def _triggered(self) -> None:
        sender = self.sender()
        if sender is not None:
            self.run.emit(sender.objectName())

    def enable(self, has: Iterable[str]) -> None:
        """`has`: which needs are met."""
        met = set(has)
        for command in self.table:
            self.actions[command.id].setEnabled(not command.needs or command.needs in met)

    def fill(self, bar: QMenuBar) -> None:
        """The menus of the menu bar."""
        for name in MENUS:
            menu = bar.addMenu(f"&{name}")
            menu.setToolTipsVisible(True)
            menu.setAccessibleName(name)
            for command in self.table:
                if command.menu == name:
                    if command.rule:
                        menu.addSeparator()
                    menu.addAction(self.actions[command.id])

    def entries(self) -> list[tuple[str, str, str]]:
        """(id, text, shortcut) of what can run now, for the palette."""
        return [
            (command.id, f"{command.menu}: {command.text}", _keys(command.shortcut))
            for command in self.table
            if self.actions[command.id].isEnabled()
        ]


def _keys(shortcut: str) -> str:
    return QKeySequence(shortcut).toString(QKeySequence.SequenceFormat.NativeText)


class ShortcutPage(QDialog):
    """All shortcuts, and what the hand can do on sliders and the picture."""

    HAND = (
        ("Drag a slider", "move along a direction"),
        ("Shift while dragging", "ten times finer"),
        ("Double click a slider", "back to its rest"),
        ("Arrow keys, PageUp", "small and large steps"),
        ("Drag over layer cells", "choose the layers it acts on"),
        ("Wheel on the picture", "zoom at the pointer"),
        ("Drag the picture", "pan"),
        ("Hold C on the picture", "see the snapshot, or the original"),
        ("Comma, point while brushing", "smaller and larger brush"),
        ("X, Ctrl+Z while brushing", "brush or eraser; one stroke back"),
        ("Drop a file", "generator, preset, directions, PNG or project"),
    )

    def __init__(self, parent: QWidget, table: Iterable[Command] = COMMANDS):
        super().__init__(parent)
        self.setWindowTitle("Keyboard shortcuts")
        self.setAccessibleName("Keyboard shortcuts")
        self.resize(760, 620)
        inside = QWidget()
        grid = QGridLayout(inside)
        grid.setContentsMargins(4, 4, 16, 4)
        grid.setHorizontalSpacing(24)
        grid.setVerticalSpacing(7)
        line = 0
        for menu in MENUS:
            grid.addWidget(label(menu.upper(), "section"), line, 0, 1, 3)
            line += 1
            for command in table:
                if command.menu == menu:
                    grid.addWidget(label(command.text), line, 0)
                    grid.addWidget(label(_keys(command.shortcut), "dim"), line, 1)
                    grid.addWidget(label(command.tip, "dim", wrap=True), line, 2)
                    line += 1
        grid.addWidget(label("WITH THE HAND", "section"), line, 0, 1, 3)
        for what, does in self.HAND:
            line += 1
            grid.addWidget(label(what), line, 0)
            grid.addWidget(label(does, "dim"), line, 2)
        grid.setColumnStretch(2, 1)
        layout = column(self, margin=18, spacing=12)
        layout.addWidget(label("Keyboard shortcuts", "head"))
        layout.addWidget(scroll(inside, "Shortcuts"), 1)
        close = push("Close", primary=True)
        close.clicked.connect(self.accept)
        layout.addLayout(row(1, close))
