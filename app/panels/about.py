"""The card of the open generator: what it is, what it was trained on, its licence."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QGridLayout, QWidget

from app.recipes import listed
from app.widgets.parts import column, label, push, row
from engine.messages import ModelInfo


class AboutPage(QDialog):
    """Reads a ModelInfo aloud."""

    def __init__(self, parent: QWidget, info: ModelInfo):
        super().__init__(parent)
        self.setWindowTitle(f"About {info.name}")
        self.setAccessibleName(f"About {info.name}")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(560)
        grid = QGridLayout()
        grid.setHorizontalSpacing(20)
        grid.setVerticalSpacing(9)
        parity = "not measured" if info.parity is None else f"{info.parity:.1e}"
        lines = (
            ("Architecture", info.architecture),
            ("Picture", f"{info.resolution} px, {'colour' if info.channels == 3 else 'grey'}"),
            ("Latent", f"z {info.z_dim}, w {info.w_dim}, {info.num_ws} layers of w+"),
            ("Kinds", listed(info.class_names) or "none"),
            ("Made from", info.provenance or "not said"),
            ("Licence", info.licence or "not said"),
            ("Credit", info.attribution or "not said"),
            ("ONNX against torch", parity),
            ("sha256", info.id),
            ("File", info.path),
        )
        for index, (name, value) in enumerate(lines):
            grid.addWidget(label(name, "dim"), index, 0, Qt.AlignmentFlag.AlignTop)
            text = label(value, wrap=True)
            text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            # A path or hash has no spaces to break at; these let it break after every part.
            text.setText(value.replace("/", "/\u200b") if "/" in value else _broken(value))
            grid.addWidget(text, index, 1)
        grid.setColumnStretch(1, 1)
        layout = column(self, margin=22, spacing=16)
        layout.addWidget(label(info.name, "head"))
        layout.addLayout(grid)
        close = push("Close", primary=True)
        close.clicked.connect(self.accept)
        layout.addLayout(row(1, close))


def _broken(text: str) -> str:
    if " " in text or len(text) < 40:
        return text
    return "\u200b".join(text[i : i + 16] for i in range(0, len(text), 16))
