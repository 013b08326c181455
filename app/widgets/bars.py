"""Messages in words over the picture, and the meter of what the engine does."""

from __future__ import annotations

import time
from collections import deque
from statistics import median

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QFrame, QLabel, QSizePolicy, QWidget

from app import icons, theme
from app.widgets.parts import icon_button, label, push, row

WINDOW = 40
"""Frames the meter looks back on."""


class MessageBar(QFrame):
    """One sentence about what happened and what to do; stays until dismissed or replaced."""

    dismissed = Signal()
    acted = Signal(str)
    """Name of the offered action."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("errorBar")
        self._action = ""
        self._mark = QLabel()
        self.text = label("", wrap=True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.button = push("")
        self.button.setAccessibleName("What to do")
        self.button.clicked.connect(self._act)
        self.close_button = icon_button("close", "Dismiss this message")
        self.close_button.clicked.connect(self.dismiss)
        line = row(self._mark, self.text, self.button, self.close_button, spacing=10)
        line.setContentsMargins(12, 8, 8, 8)
        line.setStretch(1, 1)
        self.setLayout(line)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.dismiss)
        self.hide()

    def show_error(self, sentence: str, action: str = "", action_text: str = "") -> None:
        self._show("errorBar", "warn", theme.DANGER, sentence, action, action_text)

    def show_note(
        self, sentence: str, action: str = "", action_text: str = "", seconds: float = 0.0
    ) -> None:
        """A message that is no error; goes away by itself after `seconds` when that is > 0."""
        self._show("noteBar", "gem", theme.ACCENT, sentence, action, action_text)
        if seconds > 0:
            self._timer.start(round(seconds * 1000))

    def _show(
        self, name: str, icon: str, colour: str, sentence: str, action: str, action_text: str
    ) -> None:
        self._timer.stop()
        self.setObjectName(name)
        self.style().polish(self)
        self._mark.setPixmap(icons.pixmap(icon, colour, 18, self.devicePixelRatioF()))
        self.text.setText(sentence)
        self.text.setAccessibleName(sentence)
        self._action = action
        self.button.setVisible(bool(action))
        self.button.setText(action_text)
        self.button.setAccessibleName(action_text)
        self.show()

    @property
    def sentence(self) -> str:
        return "" if self.isHidden() else self.text.text()

    @Slot()
    def dismiss(self) -> None:
        self.hide()
        self.dismissed.emit()

    @Slot()
    def _act(self) -> None:
        action = self._action
        self.dismiss()
        self.acted.emit(action)


class Meter(QLabel):
    """Hand to painted pixels in ms, frames a second, and what really computes."""

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self.setProperty("rank", "dim")
        self.setAccessibleName("Speed")
        self.setToolTip(
            "From the hand to painted pixels (median), frames a second, and what computes them."
        )
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        self._latencies: deque[float] = deque(maxlen=WINDOW)
        self._painted: deque[float] = deque(maxlen=WINDOW)
        self._provider = ""
        self._status = ""
        self._short = False
        self._timer = QTimer(self)
        self._timer.setInterval(250)
        self._timer.timeout.connect(self.refresh)

    def restart(self) -> None:
        """Another generator: its first picture is no measure of its speed."""
        self._latencies.clear()
        self._painted.clear()

    def set_provider(self, provider: str) -> None:
        self._provider = provider
        self.refresh()

    def set_short(self, short: bool) -> None:
        """Where room is scarce the figures go before what computes them."""
        if short != self._short:
            self._short = short
            self.refresh()

    def set_status(self, text: str) -> None:
        """A word instead of figures, such as `starting`; empty shows the figures again."""
        self._status = text
        self.refresh()

    @Slot(float, float)
    def add(self, latency: float, painted_at: float) -> None:
        """One painted frame: seconds since the hand moved, and when it was painted."""
        if not self._painted:
            # The first picture of a generator says nothing about the next.
            self._painted.append(painted_at)
            return
        self._latencies.append(latency)
        self._painted.append(painted_at)
        if not self._timer.isActive():
            self._timer.start()
            self.refresh()

    @property
    def latency(self) -> float | None:
        """Median seconds from hand to pixels, None before the first frame."""
        return median(self._latencies) if self._latencies else None

    @Slot()
    def refresh(self) -> None:
        parts = []
        if self._status:
            parts.append(self._status)
        elif self._latencies:
            now = time.perf_counter()
            recent = [at for at in self._painted if now - at < 1.0]
            parts.append(f"{median(self._latencies) * 1000:.0f} ms")
            if len(recent) > 1 and recent[-1] > recent[0]:
                parts.append(f"{(len(recent) - 1) / (recent[-1] - recent[0]):.0f} fps")
            else:
                self._timer.stop()
        if self._provider and not (self._short and parts):
            parts.append(self._provider)
        self.setText("   ".join(parts))
