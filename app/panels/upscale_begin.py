"""Before anything is to be enlarged: where to drop it, and samples to try."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QToolButton, QWidget

from app.panels.picture_begin import sample_buttons
from app.widgets.parts import column, label, push, row

WORDS = (
    ("Drop pictures, films or whole folders here. You see at once what becomes of them, compare "
     "models, and have the whole list enlarged.", "dim", 40),
    ("PNG, JPEG, WebP, TIFF, AVIF, 8 or 16 bits · films with their sound · moving GIF",
     "small", 16),
)  # fmt: skip


class Begin(QWidget):
    """What one sees first."""

    open_asked = Signal()
    chosen = Signal(str)
    fit_asked = Signal()

    def __init__(self, samples: Path):
        """`samples`: folder of pictures that ship with the program (may be absent)."""
        super().__init__()
        self.samples = sample_buttons(samples)
        self.open = push("Open pictures or films…", "Choose files", primary=True)
        self.fit = push("Fit to my images…", "Train a model on your own pictures", icon="gem")
        drop = QFrame()
        drop.setObjectName("drop")
        drop.setFixedWidth(560)
        inside = column(drop, margin=28, spacing=12)
        middle = Qt.AlignmentFlag.AlignHCenter
        inside.addWidget(label("Enlarge anything", "head"), 0, middle)
        for text, rank, high in WORDS:
            words = label(text, rank, wrap=True)
            words.setAlignment(Qt.AlignmentFlag.AlignCenter)
            words.setMinimumHeight(high)
            inside.addWidget(words)
        inside.addSpacing(4)
        inside.addLayout(row(1, self.open, self.fit, 1))
        layout = column(self, margin=24, spacing=14)
        layout.addStretch(2)
        layout.addLayout(row(1, drop, 1))
        if self.samples:
            layout.addSpacing(8)
            layout.addWidget(label("or look at one of these first", "dim"), 0, middle)
            layout.addLayout(row(1, *self.samples, 1, spacing=14))
        layout.addStretch(3)
        self.open.clicked.connect(self.open_asked)
        self.fit.clicked.connect(self.fit_asked)
        for button in self.samples:
            button.clicked.connect(self._clicked)

    @Slot()
    def _clicked(self) -> None:
        button = self.sender()
        if isinstance(button, QToolButton):
            self.chosen.emit(button.property("path"))
