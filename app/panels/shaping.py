"""Kinds, truncation, noise and style mixing: the lower half of the latent panel."""

from __future__ import annotations

import random

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app import theme
from app.document import Document
from app.panels.kinds import KindsPanel
from app.state import SteerState
from app.widgets.amount import AmountRow, Whole, number
from app.widgets.layers import LayerSet
from app.widgets.parts import Segments, column, icon_button, label, row, section
from engine.messages import ModelInfo

LABEL_WIDTH = 62


class Shaping(QWidget):
    """Reads the state, writes the document."""

    def __init__(self, document: Document):
        super().__init__()
        self._document = document
        self.kinds = KindsPanel(document)
        self._info: ModelInfo | None = None
        self._make()
        layout = column(self, spacing=6)
        layout.addWidget(self.kinds)
        self._build_truncation(layout)
        self._build_noise(layout)
        self._build_mixing(layout)
        self._wire()

    def _make(self) -> None:
        self.psi = AmountRow("Truncation", 0.0, 1.5, 1.0, 0.05, wide=(-2.0, 3.0))
        self.psi.setToolTip(
            "How far from the average picture: 0 is the average itself, 1 the whole variety."
        )
        self.cutoff = AmountRow("Truncation cutoff", 0, 18, 18, 1, decimals=0)
        self.cutoff.setToolTip(
            "Truncate only the layers below this one; the rest keeps its variety."
        )
        self.noise = Segments(
            (
                ("const", "Fixed", "The noise the generator was stored with: always the same."),
                ("random", "Random", "Noise from a seed of its own."),
                ("off", "Off", "No noise: smooth surfaces."),
            ),
            "Noise",
        )
        self.noise_seed = Whole("Noise seed", 0, 2_147_483_647)
        self.noise_seed.setFixedWidth(112)
        self.noise_seed.setToolTip("Seed of the random noise.")
        self.noise_dice = icon_button("dice", "Another noise")
        self.strength = AmountRow("Noise strength", 0.0, 3.0, 1.0, 0.05, wide=(0.0, 20.0))
        self.strength.setToolTip("1 is what the generator was trained with.")
        self.mix_seed = number("Seed of B", 0, (1 << 32) - 1, 1, decimals=0)
        self.mix_seed.setFixedWidth(112)
        self.mix_dice = icon_button("dice", "Random seed for B")
        self.mix_clear = icon_button("reset", "Mix nothing")
        self.mix_layers = LayerSet("Layers taken from B")
        self.mix_layers.setToolTip("Click or drag: these layers come from B.")

    def _build_truncation(self, layout: QVBoxLayout) -> None:
        layout.addWidget(section("Truncation"))
        layout.addLayout(_line("Amount", self.psi))
        layout.addLayout(_line("Cutoff", self.cutoff))

    def _build_noise(self, layout: QVBoxLayout) -> None:
        layout.addSpacing(theme.SPACE)
        self._noise_title = section("Noise")
        layout.addWidget(self._noise_title)
        self._noise_box = QWidget()
        inside = column(self._noise_box, spacing=6)
        inside.addWidget(self.noise)
        self._noise_seed_box = QWidget()
        name = label("Seed", "dim")
        name.setFixedWidth(LABEL_WIDTH)
        line = row(name, self.noise_seed, 1, self.noise_dice, spacing=4)
        self._noise_seed_box.setLayout(line)
        inside.addWidget(self._noise_seed_box)
        inside.addLayout(_line("Strength", self.strength))
        layout.addWidget(self._noise_box)

    def _build_mixing(self, layout: QVBoxLayout) -> None:
        layout.addSpacing(theme.SPACE)
        layout.addWidget(section("Style mixing"))
        name = label("Seed of B", "dim")
        name.setFixedWidth(LABEL_WIDTH)
        layout.addLayout(row(name, self.mix_seed, 1, self.mix_clear, self.mix_dice, spacing=4))
        layout.addWidget(self.mix_layers)
        layout.addLayout(
            row(label("coarse: pose, shape", "small"), 1, label("fine: colour", "small"))
        )

    def _wire(self) -> None:
        document = self._document
        for part in (self.psi, self.cutoff, self.strength, self.mix_layers):
            part.began.connect(document.begin_gesture)
            part.ended.connect(document.end_gesture)
        self.psi.moved.connect(self._psi)
        self.cutoff.moved.connect(self._cutoff)
        self.noise.chosen.connect(self._noise)
        self.noise_seed.valueChanged.connect(self._noise_seed)
        self.noise_dice.clicked.connect(self._new_noise)
        self.strength.moved.connect(self._strength)
        self.mix_seed.valueChanged.connect(self._mix_seed)
        self.mix_dice.clicked.connect(self._mix_random)
        self.mix_clear.clicked.connect(self._mix_clear)
        self.mix_layers.set_changed.connect(self._mix_layers)

    # -------------------------------------------------------------- model, state

    def set_model(self, info: ModelInfo) -> None:
        self._info = info
        self.mix_layers.set_layers(info.layers, info.num_ws)
        self.cutoff.slider.setRange(0, info.num_ws * 1000)
        self.cutoff.field.setRange(0, info.num_ws)
        self.cutoff.slider.rest = float(info.num_ws)
        has_noise = any(layer.noise for layer in info.layers)
        self._noise_box.setVisible(has_noise)
        self._noise_title.setVisible(has_noise)
        self.kinds.set_model(info)

    def show_state(self, old: SteerState, state: SteerState) -> None:
        self.psi.set_amount(state.truncation)
        rows = self._info.num_ws if self._info else 18
        cutoff = rows if state.truncation_cutoff is None else state.truncation_cutoff
        self.cutoff.set_amount(float(cutoff))
        self.noise.set_value(state.noise)
        self.strength.set_amount(state.noise_strength)
        self.strength.setEnabled(state.noise != "off")
        self._noise_seed_box.setVisible(state.noise == "random")
        _quietly(self.noise_seed, state.noise_seed)
        blocked = self.mix_seed.blockSignals(True)
        self.mix_seed.setValue(state.mix_seed)
        self.mix_seed.blockSignals(blocked)
        self.mix_layers.set_rows(state.mix_layers)
        self.mix_clear.setEnabled(bool(state.mix_layers))
        self.kinds.show_state(state)

    # -------------------------------------------------------------- hand → document

    @Slot(float)
    def _psi(self, amount: float) -> None:
        self._document.change("Truncation", "psi", truncation=amount)

    @Slot(float)
    def _cutoff(self, amount: float) -> None:
        rows = self._info.num_ws if self._info else 18
        cutoff = None if round(amount) >= rows else round(amount)
        self._document.change("Truncation cutoff", "cutoff", truncation_cutoff=cutoff)

    @Slot(str)
    def _noise(self, mode: str) -> None:
        self._document.change("Noise", noise=mode)

    @Slot(int)
    def _noise_seed(self, seed: int) -> None:
        self._document.change("Noise seed", "noise seed", noise_seed=seed)

    @Slot()
    def _new_noise(self) -> None:
        self._document.change("Noise seed", noise_seed=self._document.state.noise_seed + 1)

    @Slot(float)
    def _strength(self, amount: float) -> None:
        self._document.change("Noise strength", "strength", noise_strength=amount)

    @Slot(float)
    def _mix_seed(self, seed: float) -> None:
        self._document.change("Seed of B", "mix seed", mix_seed=int(seed), mix=())

    @Slot()
    def _mix_random(self) -> None:

        self._document.change("Seed of B", mix_seed=random.randrange(1_000_000), mix=())

    @Slot()
    def _mix_clear(self) -> None:
        self._document.change("Mix nothing", mix_layers=())

    @Slot(object)
    def _mix_layers(self, rows: tuple[int, ...]) -> None:
        self._document.change("Style mixing", "mix layers", mix_layers=rows)


def _quietly(spin: Whole, value: int) -> None:
    blocked = spin.blockSignals(True)
    spin.setValue(value)
    spin.blockSignals(blocked)


def _line(text: str, control: QWidget) -> QHBoxLayout:
    name = label(text, "dim")
    name.setFixedWidth(LABEL_WIDTH)
    name.setToolTip(text)
    made = row(name, control)
    made.setStretch(1, 1)
    return made
