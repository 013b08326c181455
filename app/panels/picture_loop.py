"""What a looping film is asked for: how long, how close to the still, how smooth."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtWidgets import QDialog, QWidget

from app.panels.picture_part import named
from app.widgets.amount import AmountRow
from app.widgets.parts import column, label, push, row


@dataclass(frozen=True)
class LoopWish:
    """As in `PictureRequest`."""

    seconds: float = 4.0
    alpha: float = 0.1
    beta: float = 0.9


class LoopDialog(QDialog):
    """Three amounts and a button."""

    def __init__(self, wish: LoopWish, parent: QWidget | None = None):
        super().__init__(parent)
        self.setWindowTitle("Loop")
        self.setMinimumWidth(400)
        self.seconds = AmountRow("Seconds", 1, 20, 4, 1, " s", decimals=0, wide=(1, 120))
        self.close_ = AmountRow("Closeness", 1, 100, 10, 1, " %", decimals=0)
        self.close_.setToolTip("α: how strongly every frame is drawn back to the source.")
        self.smooth = AmountRow("Smoothness", 0, 99, 90, 1, " %", decimals=0)
        self.smooth.setToolTip("β: how much of its motion a frame takes over to the next.")
        self.write = push("Write film…", "Choose a file; it is written in the background", True)
        self.leave = push("Cancel", "Write nothing")
        inside = column(self, margin=20, spacing=10)
        inside.addWidget(label("A film that ends where it begins", "head"))
        for words, part, ends in (
            ("Length", self.seconds, None),
            ("Close", self.close_, ("moves far", "stays at the picture")),
            ("Smooth", self.smooth, ("trembles", "flows")),
        ):
            inside.addLayout(named(words, part, 56))
            if ends is not None:
                low, high = (label(text, "small") for text in ends)
                below = row(low, 1, high)
                below.setContentsMargins(64, 0, 74, 0)
                inside.addLayout(below)
        inside.addSpacing(6)
        inside.addLayout(row(1, self.leave, self.write))
        self.seconds.set_amount(wish.seconds)
        self.close_.set_amount(wish.alpha * 100)
        self.smooth.set_amount(wish.beta * 100)
        self.write.setDefault(True)
        self.write.clicked.connect(self.accept)
        self.leave.clicked.connect(self.reject)

    @property
    def wish(self) -> LoopWish:
        return LoopWish(
            self.seconds.amount, self.close_.amount / 100, min(self.smooth.amount / 100, 0.99)
        )
