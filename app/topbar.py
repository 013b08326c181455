"""One slim row: the menus, the workspaces, running jobs, the meter."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QButtonGroup, QFrame, QMenuBar, QToolButton, QWidget

from app import icons, theme
from app.jobs import Jobs, time_left, title
from app.widgets.bars import Meter
from app.widgets.parts import row
from engine.messages import JobUpdate

WORKSPACES = (
    ("start", "Start", "Generators and recent projects (Ctrl+1)"),
    ("steer", "Steer", "Move through a generator (Ctrl+2)"),
    ("compass", "Compass", "Sort pictures by what you see, get a direction (Ctrl+3)"),
    ("vocabulary", "Vocabulary", "Describe what changes, steer by words (Ctrl+4)"),
    ("picture", "Picture", "Make a generator from one picture (Ctrl+5)"),
    ("sound", "Sound", "Make a generator from one sound (Ctrl+6)"),
    ("upscale", "Upscale", "Enlarge pictures and films (Ctrl+7)"),
    ("inspect", "Inspect", "See what units respond to, turn them (Ctrl+I)"),
    ("train", "Train", "Make a generator from your pictures (Ctrl+8)"),
    ("export", "Export", "Pictures, films, ONNX (Ctrl+9)"),
    ("jobs", "Jobs", "What is being computed (Ctrl+J)"),
)
NARROW, NAMELESS = 1360, 1200
"""Pixels of a window below which its head has to save room, and a running job has no name in it."""
NEED_MODEL = ("steer", "compass", "vocabulary", "export")
"""Workspaces that are empty without a generator."""


class TopBar(QFrame):
    """The window's head."""

    workspace = Signal(str)

    def __init__(self, jobs: Jobs):
        super().__init__()
        self._jobs = jobs
        self.setObjectName("topBar")
        self.setFixedHeight(42)
        self.menus = QMenuBar()
        self.menus.setNativeMenuBar(False)
        self.menus.setAccessibleName("Menus")
        self.tabs: dict[str, QToolButton] = {}
        self._group = QButtonGroup(self)
        self.meter = Meter()
        self.chip = QToolButton()
        self.chip.setProperty("tab", True)
        self.chip.setAccessibleName("Running job")
        self.chip.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.chip.setIcon(icons.icon("gem", theme.ACCENT))
        self.chip.setIconSize(QSize(14, 14))
        self.chip.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.chip.hide()
        self.menus.setFixedHeight(30)
        # Two sides of equal weight keep the workspaces in the middle whatever the meter says.
        self._left, right = QWidget(), QWidget()
        self._left.setLayout(row(self.menus, 1))
        right.setLayout(row(1, self.chip, self.meter))
        line = row(self._left, spacing=2)
        line.setContentsMargins(8, 0, 14, 0)
        for index, (name, text, tip) in enumerate(WORKSPACES):
            button = QToolButton()
            button.setText(text)
            button.setToolTip(tip)
            button.setAccessibleName(f"Workspace {text}")
            button.setCheckable(True)
            button.setProperty("tab", True)
            button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            self._group.addButton(button, index)
            self.tabs[name] = button
            line.addWidget(button)
        line.addWidget(right)
        line.setStretch(0, 1)
        line.setStretch(line.count() - 1, 1)
        self.setLayout(line)
        self._group.idClicked.connect(self._clicked)
        self.chip.clicked.connect(self._to_jobs)
        jobs.updated.connect(self._updated)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._squeeze()

    def _squeeze(self) -> None:
        """In a narrow window the tabs move together, and a running job takes the meter's place."""
        narrow = self.width() < NARROW
        for button in self.tabs.values():
            if button.property("narrow") != narrow:
                button.setProperty("narrow", narrow)
                button.style().polish(button)
        self.meter.set_short(narrow)
        if self.menus.property("narrow") != narrow:
            self.menus.setProperty("narrow", narrow)
            self.menus.style().polish(self.menus)
        # The menus keep their words; what is measured gives way.
        self._left.setMinimumWidth(self.menus.sizeHint().width())
        parts = (self.menus, *self.tabs.values(), self.meter)
        room = self.width() - sum(part.sizeHint().width() + 2 for part in parts)
        self.meter.setVisible(room > 24 and not (narrow and bool(self._jobs.active)))

    def set_workspace(self, name: str) -> None:
        self.tabs[name].setChecked(True)

    def set_has_model(self, has: bool) -> None:
        for name in NEED_MODEL:
            self.tabs[name].setEnabled(has)

    @Slot(int)
    def _clicked(self, index: int) -> None:
        self.workspace.emit(WORKSPACES[index][0])

    @Slot()
    def _to_jobs(self) -> None:
        self.workspace.emit("jobs")

    @Slot(object)
    def _updated(self, _update: JobUpdate) -> None:
        active = self._jobs.active
        self.chip.setVisible(bool(active))
        if active:
            first = active[0]
            more = f"  +{len(active) - 1}" if len(active) > 1 else ""
            left = time_left(first.seconds_left)
            name = "" if self.width() < NAMELESS else f"{title(first.request)}  "
            self.chip.setText(f"{name}{first.fraction * 100:.0f} %{more}")
            self.chip.setToolTip(f"{title(first.request)}: {left or first.message}")
        self._squeeze()
