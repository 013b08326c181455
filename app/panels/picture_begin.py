"""Before a picture is open: where to drop one, and samples to try."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QIcon, QImage, QPixmap
from PySide6.QtWidgets import QFrame, QToolButton, QWidget

from app.picture_source import read_source
from app.widgets.parts import column, label, push, row
from engine.messages import LodestoneError

SIDE = 150


class Begin(QWidget):
    """What one sees first."""

    open_asked = Signal()
    chosen = Signal(str)

    def __init__(self, samples: Path):
        """`samples`: folder of pictures that ship with the program (may be absent)."""
        super().__init__()
        self.samples = sample_buttons(samples)
        self.open = push("Open a picture…", "Choose a picture file", primary=True)
        drop = QFrame()
        drop.setObjectName("drop")
        drop.setFixedWidth(560)
        inside = column(drop, margin=28, spacing=12)
        middle = Qt.AlignmentFlag.AlignHCenter
        inside.addWidget(label("One picture is enough", "head"), 0, middle)
        words = label(
            "Drop a picture here. Variations of it follow within seconds: at any size, "
            "as a seamless tile, or with its holes filled in.",
            "dim",
            wrap=True,
        )
        words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        inside.addWidget(words)
        inside.addSpacing(4)
        inside.addWidget(self.open, 0, middle)
        layout = column(self, margin=24, spacing=14)
        layout.addStretch(2)
        words.setMinimumHeight(40)
        layout.addLayout(row(1, drop, 1))
        if self.samples:
            layout.addSpacing(8)
            layout.addWidget(label("or begin with one of these", "dim"), 0, middle)
            layout.addLayout(row(1, *self.samples, 1, spacing=14))
        layout.addStretch(3)
        self.open.clicked.connect(self.open_asked)
        for button in self.samples:
            button.clicked.connect(self._clicked)

    @Slot()
    def _clicked(self) -> None:
        button = self.sender()
        if isinstance(button, QToolButton):
            self.chosen.emit(button.property("path"))


def sample_buttons(folder: Path) -> list[QToolButton]:
    """One button for every picture in the folder."""
    made = []
    kinds = (".jpg", ".jpeg", ".png")
    for path in sorted(p for p in folder.glob("*") if p.suffix.lower() in kinds):
        try:
            image = read_source(str(path)).image
        except LodestoneError:
            continue
        button = QToolButton()
        button.setIcon(QIcon(QPixmap.fromImage(_square(image))))
        button.setIconSize(QSize(SIDE, SIDE))
        button.setProperty("path", str(path))
        name = path.stem.replace("-", " ")
        button.setAccessibleName(f"Sample picture: {name}")
        button.setToolTip(name)
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        made.append(button)
    return made


def _square(image: QImage) -> QImage:
    """The middle of a picture."""
    side = min(image.width(), image.height())
    part = image.copy((image.width() - side) // 2, (image.height() - side) // 2, side, side)
    smooth = Qt.TransformationMode.SmoothTransformation
    return part.scaled(2 * SIDE, 2 * SIDE, Qt.AspectRatioMode.KeepAspectRatio, smooth)
