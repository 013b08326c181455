"""The row below a sound: play, stop, loop, A and B, time, levels, volume."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Slot
from PySide6.QtGui import QKeyEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QLabel, QLayout, QWidget

from app import icons, theme
from app.player import Player
from app.widgets.amount import AmountSlider
from app.widgets.loudness import LevelMeter
from app.widgets.parts import Segments, icon_button, label, row
from app.widgets.timeline import clock

ROOMY, NARROW = 520, 380
"""Below the first width the volume steps aside, below the second the levels."""
LEAST = 290


class Transport(QWidget):
    """Everything a `Player` can do, by hand; switched off with the reason when it cannot."""

    def __init__(self, player: Player):
        super().__init__()
        self._player = player
        self.setAccessibleName("Playback")
        self.play = icon_button("play", "Play (Space)", size=18)
        self.stop = icon_button("stop", "Stop, back to the beginning")
        self.loop = icon_button("loop", "Loop: the region, or all of it (L)", checkable=True)
        self.sides = Segments((("a", "A", ""), ("b", "B", "")), "Listen to")
        self.time = label("", "dim")
        self.levels = LevelMeter()
        self.volume = AmountSlider("Volume", 0.0, 1.0, 1.0, 0.05)
        self.volume.setFixedWidth(90)
        self._loud = QLabel()
        self._loud.setPixmap(icons.pixmap("speaker", theme.DIM, 16, 2))
        line = (
            row(
                self.play, self.stop, self.loop, self.sides, self.time,
                1, self.levels, self._loud, self.volume,
            )
        )  # fmt: skip
        line.setSizeConstraint(QLayout.SizeConstraint.SetNoConstraint)
        self.setLayout(line)
        self.setFixedHeight(34)
        self.set_sides("Source", "Take")
        self._connect()
        self._refresh()

    def _connect(self) -> None:
        player = self._player
        self.play.clicked.connect(player.toggle)
        self.stop.clicked.connect(player.stop)
        self.loop.toggled.connect(player.set_loop)
        self.sides.chosen.connect(player.set_side)
        self.volume.moved.connect(self._turned)
        player.position_changed.connect(self._show_time)
        player.levels_changed.connect(self.levels.show_levels)
        for signal in (player.state_changed, player.side_changed, player.loop_changed):
            signal.connect(self._refresh)
        for signal in (player.sound_changed, player.availability_changed, player.volume_changed):
            signal.connect(self._refresh)

    def set_sides(self, a: str, b: str) -> None:
        """What A and B are called."""
        for side, word in (("a", a), ("b", b)):
            button = self.sides.button(side)
            button.setText(word)
            button.setAccessibleName(f"Listen to: {word}")
        self._refresh()

    def listen(self, page: QWidget) -> None:
        """Space, X and L work wherever on the page no widget wants them for itself."""
        page.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            return self._key(event)
        return super().eventFilter(watched, event)

    def _key(self, event: QKeyEvent) -> bool:
        if event.modifiers() or event.isAutoRepeat() or not self.play.isEnabled():
            return False
        match Qt.Key(event.key()):
            case Qt.Key.Key_Space:
                self._player.toggle()
            case Qt.Key.Key_X:
                self._player.set_side("b" if self._player.side == "a" else "a")
            case Qt.Key.Key_L:
                self._player.set_loop(not self._player.loop)
            case _:
                return False
        return True

    # -------------------------------------------------------------- look

    def minimumSizeHint(self) -> QSize:
        # What steps aside when there is no room must not ask for it.
        return QSize(LEAST, 34)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._player.look()
        self._refresh()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        for widget, least in ((self.volume, ROOMY), (self._loud, ROOMY), (self.levels, NARROW)):
            widget.setVisible(self.width() >= least)
        self._show_time(self._player.position)

    @Slot(float)
    def _turned(self, amount: float) -> None:
        # The ear hears loudness roughly as the square root of what the slider would give.
        self._player.set_volume(amount * amount)

    @Slot(float)
    def _show_time(self, position: float) -> None:
        total = self._player.seconds
        words = f"{clock(position)} / {clock(total)}" if total else ""
        self.time.setText(words if self.width() >= ROOMY else clock(position) if total else "")
        self.time.setMinimumWidth(self._time_width())

    def _time_width(self) -> int:
        """Room for the longest time, so that nothing beside it dances."""
        total = clock(self._player.seconds)
        words = f"{total} / {total}" if self.width() >= ROOMY else total
        return self.time.fontMetrics().horizontalAdvance(words) + 4

    @Slot()
    def _refresh(self) -> None:
        player = self._player
        able = player.seconds > 0.0 and (player.available or not player.reason)
        tip = player.reason or ("" if player.seconds else "There is nothing to hear yet.")
        playing = player.playing
        self.play.setIcon(icons.icon("pause" if playing else "play"))
        words = "Pause (Space)" if playing else "Play (Space)"
        self.play.setAccessibleName(words)
        tips = (
            (self.play, words),
            (self.stop, "Stop, back to the beginning"),
            (self.loop, "Loop: the region, or all of it (L)"),
            (self.volume, "Volume"),
        )
        for widget, own in tips:
            widget.setEnabled(able)
            widget.setToolTip(own if able else tip)
        for side in ("a", "b"):
            button = self.sides.button(side)
            has = player.has(side)
            button.setEnabled(able and has)
            where = f"Listen to it at the same place (X changes): {button.text()}"
            button.setToolTip(where if able and has else tip or "There is none yet.")
        self.levels.setEnabled(able)
        self.sides.set_value(player.side)
        blocked = self.loop.blockSignals(True)
        self.loop.setChecked(player.loop)
        self.loop.blockSignals(blocked)
        self.volume.set_amount(player.volume**0.5)
        self._show_time(player.position)
