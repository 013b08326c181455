"""Style channels by hand: a layer's list, and the brush that asks which ones move a place."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
from PySide6.QtCore import QTimer, Signal, Slot
from PySide6.QtGui import QImage, QShowEvent
from PySide6.QtWidgets import QProgressBar, QWidget

from app.document import Document
from app.finding import Finding, Search
from app.jobs import time_left
from app.link import EngineLink
from app.live import Live
from app.panels.find_form import LayerChoice
from app.state import SteerState
from app.thumbnails import Thumbnails
from app.widgets.channels import ENDS, ChannelList, ChannelRow
from app.widgets.mask import MaskLayer, MaskTools
from app.widgets.parts import column, icon_button, label, push, row
from engine.client import channel_direction, describe_channel
from engine.messages import (
    Answer,
    Direction,
    Edit,
    ModelInfo,
    SteerRequest,
    StyleSpread,
    StylesQuestion,
    Vector,
)

KEY = "channel:"
QUESTION = "styles"
SIZE = 64
BRUSH = "Brush over a part of the picture…"


class ChannelsPart(QWidget):
    """Part of the Find face."""

    painting_changed = Signal(bool)
    """Brushing needs the room of other things."""

    def __init__(
        self,
        document: Document,
        live: Live,
        link: EngineLink,
        thumbnails: Thumbnails,
        finding: Finding,
        mask: MaskLayer,
    ):
        super().__init__()
        self._document, self._live, self._link = document, live, link
        self._thumbnails, self._finding, self._mask = thumbnails, finding, mask
        self._sigma: np.ndarray | None = None
        self._ranked: dict[int, Direction] = {}
        self._request: SteerRequest | None = None
        self._asked: set[int] = set()
        self._job: int | None = None
        self._wait = QTimer(self)
        self._wait.setSingleShot(True)
        self._wait.setInterval(120)
        self._wait.timeout.connect(self._ask_pictures)
        self._make()
        self._build()
        self._wire()

    def _make(self) -> None:
        self.layer = LayerChoice("Layer whose channels are listed", "Coarse: shape. Fine: colour.")
        self.brush = push(BRUSH, icon="brush")
        self.brush.setProperty("compact", True)
        self.brush.setCheckable(True)
        self.brush.setToolTip("Paint over a part, then ask which channels move just that.")
        self.tools = MaskTools(self._mask)
        self.ask = push("Which channels move it?", primary=True)
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(6)
        self.bar.setAccessibleName("Progress of the search for channels")
        self.bar.hide()
        self.words = label("", "small", wrap=True)
        self.back = icon_button("close", "Back to the layer's channels", size=14)
        self.back.hide()
        self.list = ChannelList("Style channels")

    def _build(self) -> None:
        layout = column(self, spacing=7)
        layout.setContentsMargins(2, 4, 4, 0)
        line = row(label("Layer", "dim"), self.layer, spacing=12)
        line.setStretch(1, 1)
        layout.addLayout(line)
        layout.addWidget(self.brush)
        self.painting = QWidget()
        inside = column(self.painting, spacing=7)
        inside.addWidget(self.tools)
        inside.addWidget(self.ask)
        inside.addWidget(self.bar)
        self.painting.hide()
        layout.addWidget(self.painting)
        head = row(self.words, self.back, spacing=4)
        head.setStretch(0, 1)
        layout.addLayout(head)
        layout.addWidget(self.list, 1)

    def _wire(self) -> None:
        self.layer.currentIndexChanged.connect(self._listed)
        self.brush.toggled.connect(self.set_painting)
        self.ask.clicked.connect(self.ask_channels)
        self.back.clicked.connect(self._forget_ranked)
        self._mask.changed.connect(self._masked)
        self._mask.left.connect(self._stop_painting)
        self.list.moved.connect(self._moved)
        self.list.chosen.connect(self._chosen)
        self.list.began.connect(self._document.begin_gesture)
        self.list.ended.connect(self._document.end_gesture)
        self.list.scrolled.connect(self._wait.start)
        self._document.changed.connect(self._changed)
        self._document.model_changed.connect(self._model)
        self._live.settled.connect(self._settled)
        self._link.answer.connect(self._answer)
        self._thumbnails.arrived.connect(self._picture)
        self._finding.ranked.connect(self._show_ranked)
        self._masked()

    # -------------------------------------------------------------- model, spread

    @Slot(object)
    def _model(self, info: ModelInfo | None) -> None:
        self._sigma, self._ranked, self._request = None, {}, None
        self._stop_painting()
        self._mask.reset()
        if info is None:
            return
        self.layer.set_layers(info, colour=True)
        middle = [i for i, one in enumerate(info.layers) if not one.to_rgb]
        self.layer.setCurrentIndex(middle[len(middle) // 2] if middle else 0)
        if self.isVisible():
            self._ask_spread()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._ask_spread()
        self._wait.start()

    def _ask_spread(self) -> None:
        info = self._document.info
        if info is not None and self._sigma is None:
            self.words.setText("Measuring how much the channels vary …")
            self._link.client.ask(StylesQuestion(info.id), QUESTION)

    @Slot(object)
    def _answer(self, answer: Answer) -> None:
        if answer.key == QUESTION and isinstance(answer.body, StyleSpread):
            self._sigma = answer.body.sigma.array()
            self._listed()

    # -------------------------------------------------------------- rows

    @Slot()
    def _listed(self) -> None:
        """The channels of the chosen layer, those that vary most first."""
        info, sigma = self._document.info, self._sigma
        if info is None or sigma is None:
            return
        self._ranked = {}
        self.back.hide()
        layer = next((one for one in info.layers if one.name == self.layer.layer), None)
        if layer is None:
            return
        own = sigma[layer.style_start : layer.style_start + layer.style_count]
        highest = float(own.max()) or 1.0
        self._show_rows(
            [
                ChannelRow(
                    layer.style_start + int(i), f"{i}", float(own[i]), float(own[i]) / highest
                )
                for i in np.argsort(-own, kind="stable")
            ]
        )
        self.words.setText(
            f"{layer.style_count} channels, those that vary most first. Click or drag: a card."
        )

    @Slot(object)
    def _show_ranked(self, directions: tuple[Direction, ...]) -> None:
        info = self._document.info
        found = [(channel_of(one), one) for one in directions]
        self._ranked = {channel: one for channel, one in found if channel is not None}
        if info is None:
            return
        rows = []
        for place, (channel, one) in enumerate(self._ranked.items()):
            share = 1.0 - place / max(len(self._ranked), 1)
            layer, number = describe_channel(info, channel)
            rows.append(
                ChannelRow(channel, f"{layer}\n{number}", one.sigma, share, f"place {place + 1}")
            )
        self._show_rows(rows)
        self.back.show()
        self.words.setText(
            f"{len(rows)} channels move what you brushed and little else, the best first."
            if rows
            else "No channel moves only this. Brush over a larger part."
        )

    @Slot()
    def _forget_ranked(self) -> None:
        self._listed()

    def _show_rows(self, rows: list[ChannelRow]) -> None:
        self._forget_pictures()
        self.list.rows.show_rows(rows)
        self.list.verticalScrollBar().setValue(0)
        self._wait.start()

    def direction(self, channel: int) -> Direction | None:
        """The direction of a listed channel."""
        if channel in self._ranked:
            return self._ranked[channel]
        info, sigma = self._document.info, self._sigma
        if info is None or sigma is None:
            return None
        return channel_direction(info, channel, float(sigma[channel]))

    # -------------------------------------------------------------- hand → document

    @Slot(int, float)
    def _moved(self, channel: int, amount: float) -> None:
        direction = self.direction(channel)
        if direction is None:
            return
        card = self._finding.card_of(direction)
        if card is None:
            self._finding.add_moved(direction, amount)
        else:
            self._document.set_amount(card.key, amount)

    @Slot(int)
    def _chosen(self, channel: int) -> None:
        direction = self.direction(channel)
        if direction is not None and self._finding.card_of(direction) is None:
            self._finding.add_moved(direction, 0.0)

    @Slot(object, object)
    def _changed(self, old: SteerState, state: SteerState) -> None:
        if old.cards is state.cards:
            return
        amounts = {}
        for card in state.cards:
            channel = channel_of(card.direction)
            if channel is not None:
                amounts[channel] = card.amount
        self.list.rows.show_amounts(amounts)

    # -------------------------------------------------------------- brush

    @Slot(bool)
    def set_painting(self, on: bool) -> None:
        """Paint over the picture, or stop; what was painted stays."""
        self.brush.setChecked(on)
        self.brush.setText("Stop brushing" if on else BRUSH)
        self.painting.setVisible(on)
        self.painting_changed.emit(on)
        self._mask.set_active(on)
        self._wait.start()

    @Slot()
    def _stop_painting(self) -> None:
        self.set_painting(False)

    @Slot()
    def _masked(self) -> None:
        self.ask.setEnabled(not self._mask.empty and self._job is None)
        tip = "Paint over the picture first." if self._mask.empty else ""
        self.ask.setToolTip(tip or "Inside of what you brushed, and little outside.")

    @Slot()
    def ask_channels(self) -> None:
        """Look for the channels that move what was brushed."""
        request = self._live.request
        if request is None or self._mask.empty:
            return
        self._job = self._finding.channels(request, Vector.of(self._mask.values()))
        self._masked()

    def show_search(self, search: Search) -> None:
        """How far the search for channels is."""
        update = search.update
        self.bar.setVisible(search.active)
        self.bar.setValue(round(update.fraction * 1000))
        if search.active:
            left = time_left(update.seconds_left)
            self.words.setText("   ".join(w for w in (update.message, left) if w))
            return
        self._job = None
        self._masked()
        if update.state == "failed":
            self.words.setText(update.message)

    # -------------------------------------------------------------- pictures

    @Slot(object)
    def _settled(self, request: SteerRequest) -> None:
        if request != self._request:
            self._request = request
            self._asked.clear()
            self._wait.start()

    def _forget_pictures(self) -> None:
        for channel in self._asked:
            self._thumbnails.cancel(f"{KEY}{channel}")
        self._asked.clear()

    @Slot()
    def _ask_pictures(self) -> None:
        """Both ends of the channels in sight, on the picture of the canvas."""
        request = self._request or self._live.request
        if request is None or not self.isVisible() or self._document.state.wander.on:
            return
        shown = [one.channel for one in self.list.visible()]
        for gone in self._asked.difference(shown):
            self._thumbnails.cancel(f"{KEY}{gone}")
        self._asked.intersection_update(shown)
        for channel in shown:
            direction = self.direction(channel)
            if direction is None or channel in self._asked:
                continue
            others = tuple(edit for edit in request.edits if channel_of(edit.direction) != channel)
            self._asked.add(channel)
            self._thumbnails.ask(
                f"{KEY}{channel}",
                [replace(request, edits=(*others, Edit(direction, sigma))) for sigma in ENDS],
                SIZE,
            )

    @Slot(str, int, object)
    def _picture(self, key: str, index: int, image: QImage) -> None:
        if key.startswith(KEY):
            self.list.rows.set_image(int(key.removeprefix(KEY)), index, image)


@functools.lru_cache(maxsize=4096)
def channel_of(direction: Direction) -> int | None:
    """The channel a direction is, or None when it is no single style channel."""
    if direction.space != "s":
        return None
    found = np.flatnonzero(direction.vector.array())
    return int(found[0]) if len(found) == 1 else None
