"""Before a recording is open: where to drop one, and samples to try."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QPointF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QIcon, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QFrame, QToolButton, QWidget

from app import theme
from app.aside import Aside
from app.sound_source import ENDINGS, FORMATS, Source, read_source
from app.widgets.parts import column, label, push, row
from engine.client import peaks

WIDE, HIGH = 190, 64


class Begin(QWidget):
    """What one sees first."""

    open_asked = Signal()
    chosen = Signal(str)

    def __init__(self, samples: Path):
        """`samples`: folder of sounds that ship with the program (may be absent)."""
        super().__init__()
        self._aside = Aside(self)
        self.samples = {str(path): _button(path) for path in sample_files(samples)}
        self.open = push("Open a recording…", "Choose a sound file", primary=True)
        self.reading = label("", "dim")
        drop = self._drop()
        middle = Qt.AlignmentFlag.AlignHCenter
        layout = column(self, margin=24, spacing=14)
        layout.addStretch(2)
        layout.addLayout(row(1, drop, 1))
        layout.addWidget(self.reading, 0, middle)
        if self.samples:
            layout.addWidget(label("or begin with one of these", "dim"), 0, middle)
            layout.addLayout(row(1, *self.samples.values(), 1, spacing=14))
        layout.addStretch(3)
        self.open.clicked.connect(self.open_asked)
        self._aside.done.connect(self._read)
        for path, button in self.samples.items():
            button.clicked.connect(self._clicked)
            self._aside.ask(path, lambda path=path: read_source(path))

    def _drop(self) -> QFrame:
        drop = QFrame()
        drop.setObjectName("drop")
        drop.setFixedWidth(560)
        inside = column(drop, margin=28, spacing=12)
        middle = Qt.AlignmentFlag.AlignHCenter
        inside.addWidget(label("Some seconds of sound are enough", "head"), 0, middle)
        for text, rank, high in (
            (
                "Drop a recording here. New takes of any length follow within seconds; holes are "
                "filled, noise goes, old recordings get their treble back.",
                "dim",
                40,
            ),
            (FORMATS, "small", 16),
        ):
            words = label(text, rank, wrap=True)
            words.setAlignment(Qt.AlignmentFlag.AlignCenter)
            words.setMinimumHeight(high)
            inside.addWidget(words)
        inside.addSpacing(4)
        inside.addWidget(self.open, 0, middle)
        return drop

    @Slot(str)
    def set_reading(self, name: str) -> None:
        self.reading.setText(f"Reading {name} …" if name else "")

    @Slot()
    def _clicked(self) -> None:
        button = self.sender()
        if isinstance(button, QToolButton):
            self.chosen.emit(button.property("path"))

    @Slot(str, object)
    def _read(self, path: str, source: object) -> None:
        button = self.samples[path]
        if not isinstance(source, Source):
            button.setEnabled(False)
            return
        button.setIcon(_picture(source, self.devicePixelRatioF()))
        button.setText(f"{_name(Path(path))}, {source.seconds:.0f} s")


def sample_files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.glob("*") if p.suffix.lower() in ENDINGS)


def _name(path: Path) -> str:
    return path.stem.replace("-", " ").replace("_", " ")


def _button(path: Path) -> QToolButton:
    button = QToolButton()
    button.setText(_name(path))
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
    button.setIconSize(QSize(WIDE, HIGH))
    button.setFixedSize(WIDE + 20, HIGH + 34)
    button.setProperty("path", str(path))
    button.setAccessibleName(f"Sample sound: {_name(path)}")
    button.setToolTip(_name(path))
    button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    return button


def _picture(source: Source, ratio: float) -> QIcon:
    """Its waveform."""
    drawn = QPixmap(QSize(WIDE, HIGH) * ratio)
    drawn.setDevicePixelRatio(ratio)
    drawn.fill(Qt.GlobalColor.transparent)
    low, high = peaks(source.sound.samples, WIDE // 2)
    top = max(float(high.max()), float(-low.min()), 1e-6)
    painter = QPainter(drawn)
    painter.setPen(QPen(theme.colour(theme.ACCENT), 1))
    middle, scale = HIGH / 2, (HIGH / 2 - 4) / top
    for x, (a, b) in enumerate(zip(low, high, strict=True)):
        painter.drawLine(
            QPointF(2 * x + 0.5, middle - float(b) * scale - 0.5),
            QPointF(2 * x + 0.5, middle - float(a) * scale + 0.5),
        )
    painter.end()
    return QIcon(drawn)
