"""Where a direction comes from: its method in words, its loss or its share of variance."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PySide6.QtWidgets import QWidget

from app.widgets.parts import column, label
from app.widgets.plot import Plot
from engine.messages import Direction

METHODS = {
    "sefa": "SeFa",
    "pca": "PCA",
    "selective": "Selective",
    "styles": "Channels",
    "compass": "Compass",
    "vocabulary": "Words",
    "file": "File",
}
"""Methods by what a Direction calls them, in the order of the filters."""
SENTENCES = {
    "sefa": "Found in the weights (SeFa).",
    "pca": "Found by PCA: where the latents differ most.",
    "selective": "Found by search: its layer stays as it is, what follows changes.",
    "styles": "One style channel of the generator.",
    "compass": "Learnt from the pictures you sorted.",
    "vocabulary": "Learnt from words.",
    "file": "From a file.",
}


@dataclass(frozen=True)
class Detail:
    """What a card's details show."""

    sentence: str
    facts: tuple[str, ...] = ()
    curve: tuple[float, ...] = ()
    bars: tuple[float, ...] = ()
    current: int = -1


def method_of(direction: Direction) -> str:
    """The method as the filters know it: `words` and `vocabulary` are one."""
    return {"words": "vocabulary", "say": "vocabulary"}.get(direction.method, direction.method)


def read_detail(direction: Direction) -> Detail:
    """The provenance of a direction for a person; never fails on what others wrote there."""
    stored = _stored(direction.detail)
    facts = []
    layer = direction.at or stored.get("layer") or stored.get("at")
    if isinstance(layer, str) and layer:
        facts.append(f"layer {layer}")
    explained = stored.get("explained")
    for name, words in (
        ("samples", "{:,.0f} latents looked at"),
        ("steps", "{:.0f} steps"),
        ("labels", "{:.0f} pictures sorted"),
        ("count", "{:.0f} descriptions"),
        ("seed", "seed {:.0f}"),
        ("change", "{:.0%} of the usual change at its layer"),
        ("ratio", "the picture changes {:.1f} times as much as its layer"),
        ("correlation", "goes with the layer by {:.0%}"),
        ("eigenvalue", "eigenvalue {:.3g}"),
    ):
        value = stored.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            facts.append(words.format(value).replace(",", " "))
    if isinstance(explained, (int, float)):
        facts.insert(0, f"explains {explained * 100:.1f} % of the variance")
    curve, bars = _numbers(stored, "loss"), _numbers(stored, "spectrum")
    if len(curve) > 1 and curve[0] > 0:
        facts.insert(0, f"loss down {100 * (1 - curve[-1] / curve[0]):.0f} %")
    facts.append(f"σ {direction.sigma:.3g}")
    index = stored.get("index", -1)
    current = index if isinstance(index, int) else -1
    sentence = SENTENCES.get(method_of(direction), f"Method: {direction.method or 'unknown'}.")
    return Detail(sentence, tuple(facts), curve, bars, current)


def _stored(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _numbers(stored: Mapping[str, Any], name: str) -> tuple[float, ...]:
    found = stored.get(name)
    if not isinstance(found, list):
        return ()
    return tuple(float(v) for v in found if isinstance(v, (int, float)))


class CardDetails(QWidget):
    """Opens below a card."""

    def __init__(self, key: str):
        super().__init__()
        self.words = label("", "small", wrap=True)
        self.facts = label("", "small", wrap=True)
        self.plot = Plot(f"Curve of {key}", 60)
        layout = column(self, spacing=4)
        layout.setContentsMargins(0, 4, 0, 2)
        layout.addWidget(self.words)
        layout.addWidget(self.plot)
        layout.addWidget(self.facts)

    def show_direction(self, direction: Direction) -> None:
        detail = read_detail(direction)
        self.words.setText(detail.sentence)
        self.facts.setText("   ·   ".join(detail.facts))
        self.plot.setVisible(bool(detail.curve or detail.bars))
        if detail.curve:
            fell = f"{detail.curve[0]:.3g} → {detail.curve[-1]:.3g}"
            self.plot.show_curve(detail.curve, "Loss", fell)
        elif detail.bars:
            self.plot.show_bars(detail.bars, detail.current, "Explained variance")
