"""What a search brought, over the cards."""

from __future__ import annotations

import json
from collections.abc import Sequence

from PySide6.QtWidgets import QFrame

from app.widgets.parts import column, icon_button, label, push, row
from app.widgets.plot import Plot
from engine.messages import Direction


class FoundBanner(QFrame):
    """A sentence, the shares of the variance when there are any, and what to do now."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("card")
        self.words = label("", wrap=True)
        self.plot = Plot("Explained variance", 62)
        self.all = push("Show all", "Show the other directions too.")
        self.all.setProperty("compact", True)
        self.undo = push("Take back", "Remove what was found; undo and redo know it.")
        self.undo.setProperty("compact", True)
        self.close_button = icon_button("close", "Close what was found", size=14)
        layout = column(self, spacing=7)
        layout.setContentsMargins(10, 8, 8, 9)
        head = row(self.words, self.close_button)
        head.setStretch(0, 1)
        layout.addLayout(head)
        layout.addWidget(self.plot)
        layout.addLayout(row(self.all, self.undo, 1))
        self.hide()

    def show_found(self, words: str, directions: Sequence[Direction]) -> None:
        self.words.setText(words)
        shares = explained(directions)
        self.plot.setVisible(bool(shares))
        if shares:
            total = f"{sum(shares) * 100:.0f} % together"
            self.plot.show_bars(shares, left="Explained variance", right=total)
        self.all.setVisible(bool(directions))
        self.undo.setVisible(bool(directions))
        self.show()


def explained(directions: Sequence[Direction]) -> tuple[float, ...]:
    """Share of the variance of each direction, 0..1; empty when one does not say."""
    shares = []
    for direction in directions:
        try:
            stored = json.loads(direction.detail) if direction.detail else {}
        except ValueError:
            return ()
        share = stored.get("explained") if isinstance(stored, dict) else None
        if not isinstance(share, (int, float)):
            return ()
        shares.append(float(share))
    return tuple(shares)
