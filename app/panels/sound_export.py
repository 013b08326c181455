"""What a take is written as: WAV or FLAC, depth and rate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QStandardPaths, Slot
from PySide6.QtWidgets import QDialog, QFileDialog, QWidget

from app.panels.sound_part import named
from app.settings import load_choice, save_choice
from app.widgets.parts import Choice, Segments, column, label, push, row
from engine.messages import SoundFormat

RATES = (0, 16000, 22050, 44100, 48000, 96000)
"""Hz; 0 = as made."""
KINDS: dict[str, SoundFormat] = {"wav": "wav", "flac": "flac"}


@dataclass(frozen=True)
class Manner:
    """How a sound is written."""

    kind: SoundFormat = "wav"
    depth: int = 24
    rate: int = 0


class ExportDialog(QDialog):
    """Three choices, then a place; the choices are remembered."""

    def __init__(self, name: str, rate: int, parent: QWidget | None = None):
        """`rate` at which the take was made, Hz."""
        super().__init__(parent)
        self._name = name
        self.path = ""
        self.setWindowTitle("Export")
        self.setAccessibleName("Export a take")
        self.kind = Segments(
            (("wav", "WAV", "Opens everywhere"), ("flac", "FLAC", "Half the size, without loss")),
            "Format",
        )
        self.bits = Segments(
            (
                ("16", "16 bit", "As on a CD"),
                ("24", "24 bit", "Usual in a studio"),
                ("32", "32 bit", "Floats: nothing is clipped (WAV only)"),
            ),
            "Depth",
        )
        self.rate = Choice("Sampling rate")
        self.rate.addItems(
            [f"{r / 1000:g} kHz" if r else f"as made ({rate / 1000:g} kHz)" for r in RATES]
        )
        self.about = label("", "small", wrap=True)
        self._restore()
        self._build()
        self.kind.chosen.connect(self._kind)

    def _build(self) -> None:
        layout = column(self, margin=20, spacing=12)
        layout.addWidget(label(self._name, "head"))
        for words, part in (("Format", self.kind), ("Depth", self.bits), ("Rate", self.rate)):
            layout.addLayout(named(words, part, 56))
        layout.addWidget(self.about)
        self.save = push("Save as…", "Choose the place and write it", primary=True)
        self.cancel = push("Cancel")
        layout.addLayout(row(1, self.cancel, self.save))
        self.setMinimumWidth(360)
        self.save.clicked.connect(self._save)
        self.cancel.clicked.connect(self.reject)
        self.save.setDefault(True)

    def _restore(self) -> None:
        self.kind.set_value(load_choice("sound-format", "wav"))
        self.bits.set_value(load_choice("sound-depth", "24"))
        stored = load_choice("sound-rate", "0")
        known = [str(rate) for rate in RATES]
        self.rate.setCurrentIndex(known.index(stored) if stored in known else 0)
        self._kind(self.kind.value)

    @Slot(str)
    def _kind(self, kind: str) -> None:
        flac = kind == "flac"
        if flac and self.bits.value == "32":
            self.bits.set_value("24")
        self.bits.button("32").setEnabled(not flac)
        self.about.setText("FLAC holds 16 or 24 bits." if flac else "")
        self.about.setVisible(flac)

    @property
    def manner(self) -> Manner:
        rate = RATES[max(self.rate.currentIndex(), 0)]
        return Manner(KINDS[self.kind.value], int(self.bits.value), rate)

    @Slot()
    def _save(self) -> None:
        manner = self.manner
        place = QStandardPaths.StandardLocation.MusicLocation
        proposed = Path(QStandardPaths.writableLocation(place)) / f"{self._name}.{manner.kind}"
        kinds = f"{manner.kind.upper()} (*.{manner.kind})"
        path, _ = QFileDialog.getSaveFileName(self, "Export", str(proposed), kinds)
        if path:
            self.take(path)

    def take(self, path: str) -> None:
        """The place is chosen."""
        manner = self.manner
        save_choice("sound-format", manner.kind)
        save_choice("sound-depth", str(manner.depth))
        save_choice("sound-rate", str(manner.rate))
        ending = f".{manner.kind}"
        self.path = path if path.lower().endswith(ending) else f"{path}{ending}"
        self.accept()
