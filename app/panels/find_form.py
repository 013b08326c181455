"""The fields of a search for directions."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QCheckBox, QWidget

from app.finding import Wish
from app.widgets.amount import Whole
from app.widgets.layers import LayerBrush
from app.widgets.parts import Choice, Segments, column, label, row
from engine.messages import ModelInfo

LABEL_WIDTH = 82
COUNTS = {"sefa": 32, "pca": 16, "selective": 2}
EVERY = "Every layer, from the last"


class LayerChoice(Choice):
    """A drop-down of the generator's layers, coarse to fine."""

    def set_layers(self, info: ModelInfo, first: str = "", colour: bool = False) -> None:
        """`first`: an entry above the layers; `colour`: also the layers that paint the picture."""
        self.blockSignals(True)
        self.clear()
        if first:
            self.addItem(first, "")
        names = [one for one in info.layers if colour or not one.to_rgb]
        for index, layer in enumerate(names):
            where = {0: "   coarse", len(names) - 1: "   fine"}.get(index, "")
            self.addItem(f"{layer.resolution} px   {layer.name}{where}", layer.name)
        self.blockSignals(False)

    @property
    def layer(self) -> str:
        return self.currentData() or ""


class SearchForm(QWidget):
    """Shows the fields its method knows; the others keep what was chosen."""

    def __init__(self) -> None:
        super().__init__()
        self._method = "pca"
        self._info: ModelInfo | None = None
        self._counts = dict(COUNTS)
        self.of = Segments(
            (
                ("w", "Latents", "PCA of w: where whole pictures differ most."),
                ("s", "Styles", "PCA of the style channels: closer to what is drawn."),
                ("a", "A layer", "PCA of what one layer sees, brought back to the latents."),
            ),
            "PCA of",
        )
        self.layer = LayerChoice("Layer that is analysed", "Coarse layers: pose and shape.")
        self.start = LayerChoice(
            "Layer that is held still",
            "What this layer sees stays as it is; the change comes from what follows.",
        )
        self.range = LayerBrush("Layers SeFa looks at")
        self.range.setToolTip("Drag: only these layers' weights count. Double click: all.")
        self.range.setFixedHeight(18)
        self.count = Whole("How many directions", 1, 512)
        self.count.setValue(COUNTS["pca"])
        self.samples = Whole("How many latents are looked at", 100, 1_000_000)
        self.samples.setSingleStep(1000)
        self.samples.setValue(10_000)
        self.seed = Whole("Seed of the search", 0, 2_147_483_647)
        self.own = QCheckBox("Only the class of this picture")
        self.own.setChecked(True)
        self.own.setToolTip("Off: all classes in turns.")
        self._span: tuple[int, int] | None = None
        self._rows: dict[str, QWidget] = {}
        layout = column(self, spacing=6)
        for name, words, part in (
            ("of", "PCA of", self.of),
            ("layer", "Layer", self.layer),
            ("start", "Hold still", self.start),
            ("range", "Layers", self.range),
            ("count", "How many", self.count),
            ("samples", "Latents", self.samples),
            ("seed", "Seed", self.seed),
        ):
            self._rows[name] = _line(words, part)
            layout.addWidget(self._rows[name])
        layout.addWidget(self.own)
        self.of.chosen.connect(self._of)
        self.range.range_changed.connect(self._ranged)
        self.set_method("pca")

    def set_model(self, info: ModelInfo) -> None:
        self._info = info
        self.layer.set_layers(info)
        self.start.set_layers(info, EVERY)
        self.range.set_layers(info.layers, info.num_ws)
        self._ranged(None)
        self.range.set_range(None)
        self.count.setRange(1, max(info.w_dim, 1))
        self._show()

    def set_method(self, method: str) -> None:
        self._counts[self._method] = self.count.value()
        self._method = method
        self.count.setValue(self._counts.get(method, 16))
        self._show()

    def _show(self) -> None:
        shown = {
            "sefa": {"range", "count"},
            "pca": {"of", "count", "samples", "seed"},
            "selective": {"start", "count", "seed"},
        }.get(self._method, set())
        if self._method == "pca" and self.of.value == "a":
            shown.add("layer")
        for name, line in self._rows.items():
            line.setVisible(name in shown)
        classes = self._info is not None and self._info.c_dim > 0
        self.own.setVisible(classes and self._method != "sefa")
        each = self._method == "selective"
        self.count.setToolTip("Directions for each layer." if each else "Directions wanted.")

    @Slot(str)
    def _of(self, _value: str) -> None:
        self._show()

    @Slot(object)
    def _ranged(self, span: tuple[int, int] | None) -> None:
        self._span = span

    def wish(self) -> Wish:
        """What the fields say."""
        made = Wish(self._method, count=self.count.value(), seed=self.seed.value())
        made = replace(made, own_class=self.own.isChecked())
        if self._method == "sefa":
            return replace(made, layers=self._span, seed=0, own_class=False)
        if self._method == "selective":
            return replace(made, at=self.start.layer)
        space = self.of.value
        at = self.layer.layer if space == "a" else ""
        return replace(made, space=space, at=at, samples=self.samples.value())


def _line(text: str, part: QWidget) -> QWidget:
    holder = QWidget()
    name = label(text, "dim")
    name.setFixedWidth(LABEL_WIDTH)
    if isinstance(part, Whole):
        part.setFixedWidth(104)
        holder.setLayout(row(name, part, 1))
    else:
        line = row(name, part)
        line.setStretch(1, 1)
        holder.setLayout(line)
    return holder
