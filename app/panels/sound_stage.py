"""The middle: the source above, the chosen take below, and what plays them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QWidget

from app import theme
from app.panels.sound_heard import Heard
from app.panels.sound_morph import MorphPart
from app.panels.sound_part import TaskPart
from app.player import Player
from app.sound_state import LIVE, clock
from app.sounding import Sounding
from app.widgets.marked import Tool
from app.widgets.parts import column, label, push, row
from app.widgets.transport import Transport
from app.widgets.waveform import WaveView


class Stage(QWidget):
    """Two views on one clock."""

    failed = Signal(str)
    export_asked = Signal()
    open_asked = Signal()

    def __init__(self, sounding: Sounding, heard: Heard, parts: Sequence[TaskPart]):
        super().__init__()
        self._sounding, self._heard = sounding, heard
        self._parts = {part.task: part for part in parts}
        self.player = Player(self)
        # Now, while no thread reads sounds: the library of Qt that plays, loaded at the same moment
        # as another compiled one in a thread, waits for that thread for ever.
        self.player.look()
        self.source, self.take = WaveView("Source", theme.TEXT), WaveView("Take")
        self.transport = Transport(self.player)
        self.transport.set_sides("Source", "Take")
        self._shown: np.ndarray | None = None
        self._make()
        self._build()
        self._wire()

    def _make(self) -> None:
        self.name = label("Source")
        self.about = label("", "dim")
        self.whole = push("Whole", "Forget the region: all of the source is used")
        self.whole.setAccessibleName("Use the whole source")
        self.open = push("Open…", "Choose a recording (or drop it here)", icon="folder")
        self.take_name = label("Take")
        self.take_about = label("", "dim")
        self.star = push("Star", "Keep this take (S in the list)", icon="star")
        self.star.setCheckable(True)
        self.export = push("Export…", "Write it as WAV or FLAC (Ctrl+E)", icon="save")
        for button in (self.whole, self.open, self.star, self.export):
            button.setProperty("compact", True)

    def _build(self) -> None:
        layout = column(self, spacing=0)
        for line, view in (
            (row(self.name, self.about, 1, self.whole, self.open), self.source),
            (row(self.take_name, self.take_about, 1, self.star, self.export), self.take),
        ):
            head = QWidget()
            line.setContentsMargins(12, 5, 12, 5)
            head.setLayout(line)
            layout.addWidget(head)
            layout.addWidget(view, 1)
        layout.addWidget(self.transport)
        self.take.set_tool("look")

    def _wire(self) -> None:
        sounding, player = self._sounding, self.player
        for view in (self.source, self.take):
            view.began.connect(sounding.history.begin_gesture)
            view.ended.connect(sounding.history.end_gesture)
            view.sought.connect(player.seek)
        self.source.region_changed.connect(self._region)
        self.source.holes_changed.connect(self._spans)
        self.take.curve_changed.connect(self._curve)
        player.position_changed.connect(self._at)
        player.side_changed.connect(self._loop_place)
        self.whole.clicked.connect(self._whole)
        self.open.clicked.connect(self.open_asked)
        self.star.clicked.connect(self._star)
        self.export.clicked.connect(self.export_asked)
        sounding.changed.connect(self.refresh)
        sounding.source_changed.connect(self._source)
        self._heard.changed.connect(self.show_take)

    @property
    def part(self) -> TaskPart:
        return self._parts[self._sounding.state.task]

    # -------------------------------------------------------------- hand

    @Slot(float, float)
    def _region(self, start: float, end: float) -> None:
        self._sounding.set_region((start, end), "region")

    @Slot()
    def _whole(self) -> None:
        self._sounding.set_region((0.0, self._sounding.length))

    @Slot(object)
    def _spans(self, spans: object) -> None:
        part = self.part
        if part.field and isinstance(spans, tuple):
            self._sounding.set_spans(part.field, part.words, spans, part.field)

    @Slot(object)
    def _curve(self, points: object) -> None:
        part = self.part
        if isinstance(part, MorphPart) and isinstance(points, tuple):
            part.draw(points)

    @Slot()
    def _star(self) -> None:
        heard = self._heard
        if heard.key:
            self._sounding.let_go(heard.key)
        elif heard.take is not None:
            self._sounding.keep(heard.index)
        self.show_take()

    @Slot(float)
    def _at(self, seconds: float) -> None:
        self.source.set_playhead(seconds)
        self.take.set_playhead(seconds)

    # -------------------------------------------------------------- look

    @Slot()
    def _loop_place(self) -> None:
        """A loop goes over the region of the source, or over the whole take."""
        on_source = self.player.side == "a"
        self.player.set_region(self.source.region if on_source else None)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        if not event.spontaneous():
            # Another workspace has no button to stop it.
            self.player.pause()

    @Slot()
    def _source(self) -> None:
        source = self._sounding.source
        if source is None:
            self.source.set_sound(None)
            self.player.set_sound("a", None, 0)
            return
        self.source.set_sound(source.sound.samples, source.sound.rate)
        self._scale()
        self.player.set_sound("a", source.sound.samples, source.sound.rate)
        self.name.setText(source.name if len(source.name) <= 34 else source.name[:33] + "…")
        self.name.setToolTip(source.path)
        self.about.setText(source.words)
        self.about.setToolTip(source.sound.note)

    @Slot()
    def refresh(self) -> None:
        state, part = self._sounding.state, self.part
        _use(self.source, part.tool)
        start, end = self._sounding.region
        regional = part.tool == "region"
        chosen = regional and state.end > 0
        self.source.set_region((start, end) if chosen else None)
        self._loop_place()
        self.whole.setVisible(chosen)
        spans = getattr(state, part.field) if part.field else ()
        self.source.set_spans(spans, "noise" if part.field == "noise" else "hole")
        self.show_take()

    @Slot()
    def show_take(self) -> None:
        heard, player = self._heard, self.player
        sound = heard.sound
        samples = sound[0] if sound is not None else None
        if samples is not self._shown:
            fresh, self._shown = (samples is None) != (self._shown is None), samples
            rate = sound[1] if sound is not None else 0
            self.take.set_sound(samples, rate)
            player.set_sound("b", samples, rate)
            self._scale()
            if fresh:
                # What has just been made is what one wants to hear.
                player.set_side("a" if samples is None else "b")
        self._marks()
        self.take.set_empty_text(self._empty())
        self.take_name.setText(heard.name or "Take")
        self.take_about.setText(self._words())
        kept = heard.recipe is not None and (
            heard.kept is not None or self._sounding.starred(heard.recipe) is not None
        )
        self.star.setChecked(kept)
        self.star.setText("Starred" if kept else "Star")
        for button in (self.star, self.export):
            button.setEnabled(heard.finished)

    def _scale(self) -> None:
        """Loudness and pitch of both views compare by eye."""
        source, sound = self._sounding.source, self._heard.sound
        if source is None:
            return
        rates = [source.sound.rate] + ([sound[1]] if sound is not None else [])
        for view in (self.source, self.take):
            view.set_full(source.peak)
            view.set_highest(max(rates) / 2)

    def _marks(self) -> None:
        """The holes that were filled, and the course of a morph."""
        recipe, part = self._heard.recipe, self.part
        self.take.set_spans(recipe.holes if recipe is not None else (), "hole")
        drawing = part.on_take == "curve" and not self._heard.key
        _use(self.take, "curve" if drawing else "look")
        state = self._sounding.state
        curve = tuple((at * state.seconds, share) for at, share in state.curve)
        self.take.set_curve(curve if drawing else None)

    def _empty(self) -> str:
        take = self._heard.take
        if take is None:
            return self.part.waiting if not self._sounding.takes else ""
        if take.failed:
            return take.failed
        return "Being made …"

    def _words(self) -> str:
        heard, sound = self._heard, self._heard.sound
        if sound is None:
            return ""
        samples, rate = sound
        parts = [clock(samples.shape[1] / rate), f"{rate / 1000:g} kHz"]
        take = heard.take
        if take is not None and take.waiting:
            parts = [f"{take.fraction * 100:.0f} %"] if take.reply or take.share else ["waiting"]
            long = take.recipe.seconds > LIVE and not take.share
            parts += ["as a job"] if long else []
        elif take is not None and take.recipe.task not in ("extend", "denoise"):
            parts.insert(0, f"seed {take.recipe.seed}")
        return ", ".join(parts)


def _use(view: WaveView, tool: Tool) -> None:
    """What is chosen on the view stays chosen while the tool is the same."""
    if view.tool != tool:
        view.set_tool(tool)
