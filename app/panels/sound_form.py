"""Left: what is to be done, the form of the chosen task, and the region it uses."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QButtonGroup, QSizePolicy, QToolButton, QWidget

from app.panels.sound_part import SpanFields, TaskPart
from app.sounding import Sounding
from app.widgets.parts import column, label, row, section


class TaskChoice(QWidget):
    """One task out of two rows: new sounds, and repairs."""

    chosen = Signal(str)

    def __init__(self, rows: Sequence[tuple[str, Sequence[TaskPart]]]):
        """`rows`: (name of the row, its tasks)."""
        super().__init__()
        self._group = QButtonGroup(self)
        self._tasks: list[str] = []
        layout = column(self, spacing=4)
        for name, parts in rows:
            layout.addWidget(section(name))
            layout.addLayout(row(*(self._button(part) for part in parts), spacing=0))
            layout.addSpacing(4)
        self._group.idClicked.connect(self._clicked)

    def _button(self, part: TaskPart) -> QToolButton:
        button = QToolButton()
        button.setText(part.title)
        button.setCheckable(True)
        button.setProperty("segment", True)
        button.setToolTip(part.hint)
        button.setAccessibleName(f"Task: {part.title}")
        button.setFocusPolicy(button.focusPolicy().StrongFocus)
        button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._group.addButton(button, len(self._tasks))
        self._tasks.append(part.task)
        return button

    @Slot(int)
    def _clicked(self, index: int) -> None:
        self.chosen.emit(self._tasks[index])

    def button(self, task: str) -> QToolButton:
        found = self._group.button(self._tasks.index(task))
        assert isinstance(found, QToolButton)
        return found

    def set_value(self, task: str) -> None:
        """Show a choice without announcing it."""
        self.button(task).setChecked(True)


class SoundForm(QWidget):
    """Every control changes the state and is shown from it."""

    def __init__(self, sounding: Sounding, rows: Sequence[tuple[str, Sequence[TaskPart]]]):
        super().__init__()
        self._sounding = sounding
        self._parts = [part for _, parts in rows for part in parts]
        self.tasks = TaskChoice(rows)
        self.hint = label("", "dim", wrap=True)
        self.region = SpanFields("Region")
        self._region = QWidget()
        inside = column(self._region, spacing=6)
        inside.addWidget(section("Region of the source"))
        inside.addWidget(self.region)
        self.note = label("", "small", wrap=True)
        layout = column(self, margin=14, spacing=10)
        layout.addWidget(self.tasks)
        layout.addWidget(self.hint)
        for part in self._parts:
            layout.addWidget(part.form)
        layout.addWidget(self._region)
        layout.addWidget(self.note)
        layout.addStretch(1)
        for field in (self.region.start, self.region.end):
            field.valueChanged.connect(self._typed)
        sounding.changed.connect(self.refresh)
        sounding.source_changed.connect(self.refresh)
        self.refresh()

    @Slot()
    def _typed(self) -> None:
        self._sounding.set_region(self.region.span, "region typed")

    @Slot()
    def refresh(self) -> None:
        state, source = self._sounding.state, self._sounding.source
        self.tasks.set_value(state.task)
        for part in self._parts:
            chosen = part.task == state.task
            part.form.setVisible(chosen)
            part.refresh()
            if chosen:
                self.hint.setText(f"{part.hint}.")
                self._region.setVisible(part.tool == "region")
        self.region.set_span(self._sounding.region)
        note = source.sound.note if source is not None else ""
        self.note.setText(note)
        self.note.setVisible(bool(note))
