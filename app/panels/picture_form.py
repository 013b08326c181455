"""Left of the variations: the source, the form of the chosen task, and the working size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from app.panels.picture_part import TaskPart
from app.picture_source import KINDS
from app.picture_state import working
from app.picturing import Picturing
from app.widgets.parts import Segments, column, label, push, row, section
from app.widgets.still import Still

DETAIL = (
    ("160", "Quick", "Worked on at 160 pixels: seconds."),
    ("250", "Usual", "Worked on at 250 pixels."),
    ("400", "Fine", "Worked on at 400 pixels: about four times as long."),
)


class PictureForm(QWidget):
    """Every control changes the state and is shown from it."""

    def __init__(self, picturing: Picturing, parts: Sequence[TaskPart]):
        super().__init__()
        self._picturing, self._parts = picturing, tuple(parts)
        self.still = Still("Source picture")
        self.still.setToolTip("The picture everything is made from. Drop another one to change it.")
        self.name = label("")
        self.about = label("", "small", wrap=True)
        self.open = push("Open…", "Choose a picture (or drop it here)", icon="folder")
        self.open.setProperty("compact", True)
        self.detail = Segments(DETAIL, "Detail")
        self._build()
        self.open.clicked.connect(self.choose)
        self.still.clicked.connect(self.choose)
        self.detail.chosen.connect(self._detail)
        picturing.changed.connect(self.refresh)
        picturing.source_changed.connect(self._source)
        self.refresh()

    def _build(self) -> None:
        layout = column(self, margin=14, spacing=9)
        layout.addWidget(self.still)
        head = row(self.name, self.open)
        head.setStretch(0, 1)
        layout.addLayout(head)
        layout.addWidget(self.about)
        for part in self._parts:
            layout.addWidget(part.form)
        self._size = QWidget()
        inside = column(self._size, spacing=9)
        inside.addWidget(section("Detail"))
        inside.addWidget(self.detail)
        layout.addWidget(self._size)
        layout.addStretch(1)

    @Slot()
    def choose(self) -> None:
        """A file dialogue for another picture."""
        folder = str(Path(self._picturing.state.source).parent)
        path, _ = QFileDialog.getOpenFileName(self, "Picture", folder, KINDS)
        if path:
            self._picturing.open(path)

    @Slot(str)
    def _detail(self, side: str) -> None:
        self._picturing.change(self.tr("Detail"), longest=int(side))

    @Slot()
    def _source(self) -> None:
        source = self._picturing.source
        self.still.set_image(source.image if source is not None else self.still.image)
        self.name.setText("" if source is None else _short(source.name))
        self.name.setToolTip("" if source is None else source.path)
        self.refresh()

    @Slot()
    def refresh(self) -> None:
        state, source = self._picturing.state, self._picturing.source
        for part in self._parts:
            part.form.setVisible(part.task == state.task)
            part.refresh()
        self.detail.set_value(str(state.longest))
        if source is None:
            return
        small = working(source.size, state.longest)
        words = f"{source.size[0]} × {source.size[1]} pixels"
        # Nobody makes a picture smaller in order to enlarge it.
        self._size.setVisible(state.task != "upscale")
        if small != source.size and state.task != "upscale":
            words += f", worked on at {small[0]} × {small[1]}"
        self.about.setText(words)


def _short(name: str) -> str:
    return name if len(name) <= 20 else name[:19] + "…"
