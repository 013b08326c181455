"""Below the canvas: snapshots and the morph between two, the pad, the wander."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PySide6.QtCore import QSignalBlocker, Qt, Signal, Slot
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QCheckBox, QFrame, QHBoxLayout, QScrollArea, QWidget

from app.document import Document
from app.state import Snapshot, SteerState, Wander, fresh_key, from_request, same
from app.widgets.amount import AmountRow, AmountSlider
from app.widgets.field import XYPad
from app.widgets.parts import Choice, column, icon_button, image_of, label, push, row, section
from app.widgets.thumbs import ThumbGrid
from engine.messages import Picture, SteerRequest

THUMB = 72


class SnapshotsPanel(QWidget):
    """Kept pictures: click returns to one; a slider morphs from A to B."""

    take_asked = Signal()
    chosen = Signal(object)
    """The Snapshot that was clicked, for the comparison."""

    def __init__(self, document: Document):
        super().__init__()
        self._document = document
        self._shown: tuple[Snapshot, ...] = ()
        self.take = push("Snapshot", "Keep this picture (Ctrl+Return)", icon="camera")
        self.wall = ThumbGrid("Snapshots", 10_000, gap=6, cell=THUMB)
        self.wall.setToolTip("Click: return to it. Delete: throw it away.")
        self.hint = label(
            "Keep a picture with Snapshot. Two of them can be morphed and compared.",
            "dim",
            wrap=True,
        )
        self.a, self.b = Choice("Morph from"), Choice("Morph to")
        for combo in (self.a, self.b):
            combo.setFixedWidth(42)
        self.morph = AmountSlider("Morph", 0.0, 1.0, 0.0, 0.02)
        self.morph.setToolTip("From A to B: everything of the picture moves along.")
        self._build()
        document.changed.connect(self._changed)

    def _build(self) -> None:
        layout = column(self, spacing=6)
        layout.setContentsMargins(12, 8, 12, 10)
        layout.addLayout(row(section("Snapshots"), 1, self.take))
        area = QScrollArea()
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidgetResizable(True)
        area.setFixedHeight(THUMB + 10)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setAccessibleName("Snapshots")
        holder = QWidget()
        inside = QHBoxLayout(holder)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.addWidget(self.wall)
        inside.addWidget(self.hint, 1)
        inside.addStretch(0)
        area.setWidget(holder)
        layout.addWidget(area)
        self._morph_line = QWidget()
        line = row(self.a, self.morph, self.b)
        line.setStretch(1, 1)
        self._morph_line.setLayout(line)
        layout.addWidget(self._morph_line)
        layout.addStretch(1)
        self.take.clicked.connect(self.take_asked)
        self.wall.chosen.connect(self._return_to)
        self.wall.remove_asked.connect(self._remove)
        self.a.activated.connect(self._ends)
        self.b.activated.connect(self._ends)
        self.morph.moved.connect(self._morphed)
        self.morph.began.connect(self._document.begin_gesture)
        self.morph.ended.connect(self._document.end_gesture)

    def add(self, request: SteerRequest, image: QImage) -> Snapshot:
        """Keep a picture; it becomes the far end of the morph."""
        state = self._document.state
        key = fresh_key(
            [shot.key for shot in state.snapshots], f"Snapshot {len(state.snapshots) + 1}"
        )
        shot = Snapshot(key, key, request, _small(image))
        shots = (*state.snapshots, shot)
        morph = replace(state.morph, on=False)
        if len(shots) >= 2:
            morph = replace(morph, a=shots[-2].key, b=key, t=1.0)
        self._document.change("Take a snapshot", snapshots=shots, morph=morph)
        return shot

    @Slot(object, object)
    def _changed(self, old: SteerState, state: SteerState) -> None:
        if same(old, state, "model", "snapshots", "morph"):
            return
        if state.snapshots != self._shown:
            self._shown = state.snapshots
            self.wall.set_labels([shot.name for shot in state.snapshots])
            for index, shot in enumerate(state.snapshots):
                self.wall.set_image(index, image_of(shot.picture) if shot.picture else None)
            for combo in (self.a, self.b):
                blocker = QSignalBlocker(combo)
                combo.clear()
                for index, shot in enumerate(state.snapshots):
                    combo.addItem(_short(shot.name, index), shot.key)
                blocker.unblock()
            self.wall.setFixedSize(
                self.wall.sizeHint() if state.snapshots else self.wall.sizeHint() * 0
            )
        several = len(state.snapshots) >= 2
        self.hint.setVisible(not state.snapshots)
        self.wall.setVisible(bool(state.snapshots))
        self._morph_line.setEnabled(several)
        badges = {}
        for combo, key, letter in ((self.a, state.morph.a, "A"), (self.b, state.morph.b, "B")):
            index = combo.findData(key)
            if index >= 0:
                combo.setCurrentIndex(index)
                badges[index] = letter
        self.wall.set_badges(badges if several else {})
        self.morph.set_amount(state.morph.t)

    @Slot(int)
    def _return_to(self, index: int) -> None:
        state = self._document.state
        shot = state.snapshots[index]
        self._document.edit(f"Return to {shot.name}", from_request(state, shot.request))
        self.wall.set_current(index)
        self.chosen.emit(shot)

    @Slot(int)
    def _remove(self, index: int) -> None:
        state = self._document.state
        shots = tuple(shot for i, shot in enumerate(state.snapshots) if i != index)
        self.wall.set_current(-1)
        self._document.change("Throw a snapshot away", snapshots=shots)

    @Slot(int)
    def _ends(self, _index: int) -> None:
        state = self._document.state
        a, b = self.a.currentData() or "", self.b.currentData() or ""
        self._document.change("Choose what to morph", morph=replace(state.morph, a=a, b=b))

    @Slot(float)
    def _morphed(self, t: float) -> None:
        state = self._document.state
        if state.morph.a and state.morph.b:
            morph = replace(state.morph, on=True, t=t)
            wander = replace(state.wander, on=False)
            self._document.change("Morph", "morph", morph=morph, wander=wander)


class PadPanel(QWidget):
    """Two directions on a pad."""

    def __init__(self, document: Document):
        super().__init__()
        self._document = document
        self._names: tuple[tuple[str, str], ...] = ()
        self.pad = XYPad()
        self.pad.setFixedSize(112, 112)
        self.across, self.up = Choice("Pad across"), Choice("Pad upwards")
        for combo in (self.across, self.up):
            combo.setMinimumWidth(64)
        layout = column(self, spacing=6)
        layout.setContentsMargins(12, 12, 12, 10)
        layout.addWidget(section("Pad"))
        right = column(spacing=3)
        for text, combo in (("Across", self.across), ("Up", self.up)):
            right.addWidget(label(text, "small"))
            right.addWidget(combo)
            right.addSpacing(4)
        right.addStretch(1)
        line = QHBoxLayout()
        line.setSpacing(8)
        line.addWidget(self.pad)
        line.addLayout(right)
        layout.addLayout(line)
        layout.addStretch(1)
        document.changed.connect(self._changed)
        self.pad.moved.connect(self._moved)
        self.pad.began.connect(document.begin_gesture)
        self.pad.ended.connect(document.end_gesture)
        self.across.activated.connect(self._choose)
        self.up.activated.connect(self._choose)

    @Slot(object, object)
    def _changed(self, old: SteerState, state: SteerState) -> None:
        if same(old, state, "model", "cards", "pad"):
            return
        names = tuple((card.key, card.direction.name) for card in state.cards if not card.hidden)
        if names != self._names:
            self._names = names
            for combo in (self.across, self.up):
                combo.clear()
                for key, name in names:
                    combo.addItem(name, key)
        for combo, key in ((self.across, state.pad[0]), (self.up, state.pad[1])):
            combo.setCurrentIndex(combo.findData(key))
        a, b = state.card(state.pad[0]), state.card(state.pad[1])
        self.pad.setEnabled(a is not None and b is not None)
        self.pad.set_values(a.amount if a else 0.0, b.amount if b else 0.0)

    @Slot(float, float)
    def _moved(self, a: float, b: float) -> None:
        state = self._document.state
        amounts = {state.pad[1]: b, state.pad[0]: a}
        cards = tuple(
            replace(card, amount=amounts[card.key]) if card.key in amounts else card
            for card in state.cards
        )
        self._document.change("Move the pad", "pad", cards=cards)

    @Slot(int)
    def _choose(self, _index: int) -> None:
        pad = (self.across.currentData() or "", self.up.currentData() or "")
        self._document.change("Choose the pad's directions", pad=pad)


class WanderPanel(QWidget):
    """A slow drift of the latent and of chosen directions."""

    def __init__(self, document: Document):
        super().__init__()
        self._document = document
        self.go = icon_button("play", "Wander", checkable=True, size=18)
        self.speed = AmountRow("Wander speed", 0.01, 0.6, 0.08, 0.01, wide=(0.001, 5.0))
        self.speed.setToolTip("Swings a second.")
        self.radius = AmountRow("Wander radius", 0.0, 3.0, 1.0, 0.1, wide=(0.0, 10.0))
        self.radius.setToolTip("How far it swings, in σ.")
        self.latent = QCheckBox("Seeds")
        self.latent.setAccessibleName("Wander through seeds")
        self.latent.setToolTip("Circle through the seed field.")
        self.cards = QCheckBox("Directions")
        self.cards.setAccessibleName("Wander along directions")
        self.cards.setToolTip("Swing the pinned directions, or the pad's two when none is pinned.")
        layout = column(self, spacing=6)
        layout.setContentsMargins(12, 8, 12, 10)
        layout.addLayout(row(section("Wander"), 1, self.go))
        for text, control in (("Speed", self.speed), ("Radius", self.radius)):
            name = label(text, "dim")
            name.setFixedWidth(46)
            line = row(name, control)
            line.setStretch(1, 1)
            layout.addLayout(line)
        layout.addLayout(row(self.latent, self.cards, 1, spacing=10))
        layout.addStretch(1)
        document.changed.connect(self._changed)
        self.go.clicked.connect(self.toggle)
        self.speed.moved.connect(self._speed)
        self.radius.moved.connect(self._radius)
        self.latent.clicked.connect(self._latent)
        self.cards.clicked.connect(self._cards)
        for part in (self.speed, self.radius):
            part.began.connect(document.begin_gesture)
            part.ended.connect(document.end_gesture)

    @Slot(object, object)
    def _changed(self, old: SteerState, state: SteerState) -> None:
        if same(old, state, "model", "wander"):
            return
        wander = state.wander
        self.go.setChecked(wander.on)
        self.speed.set_amount(wander.speed)
        self.radius.set_amount(wander.radius)
        self.latent.setChecked(wander.latent)
        self.cards.setChecked(bool(wander.cards))

    def _set(self, text: str, wander: Wander, merge: str = "") -> None:
        self._document.change(text, merge, wander=wander)

    @Slot()
    def toggle(self) -> None:
        wander = self._document.state.wander
        self._set("Stop wandering" if wander.on else "Wander", replace(wander, on=not wander.on))

    @Slot(float)
    def _speed(self, speed: float) -> None:
        self._set("Wander speed", replace(self._document.state.wander, speed=speed), "speed")

    @Slot(float)
    def _radius(self, radius: float) -> None:
        self._set("Wander radius", replace(self._document.state.wander, radius=radius), "radius")

    @Slot(bool)
    def _latent(self, on: bool) -> None:
        self._set("Wander through seeds", replace(self._document.state.wander, latent=on))

    @Slot(bool)
    def _cards(self, on: bool) -> None:
        state = self._document.state
        pinned = tuple(card.key for card in state.cards if card.pinned and not card.hidden)
        keys = (pinned or tuple(dict.fromkeys(key for key in state.pad if key))) if on else ()
        self._set("Wander along directions", replace(state.wander, cards=keys))


def _short(name: str, index: int) -> str:
    return f"{index + 1}" if name == f"Snapshot {index + 1}" else name


def _small(image: QImage) -> Picture:
    """A thumbnail that travels by value."""
    side = Qt.AspectRatioMode.KeepAspectRatio
    smooth = Qt.TransformationMode.SmoothTransformation
    small = image.convertToFormat(QImage.Format.Format_RGB32).scaled(144, 144, side, smooth)
    raw = np.frombuffer(small.constBits(), np.uint8)  # rows may be padded
    pixels = raw.reshape(small.height(), small.bytesPerLine())[:, : small.width() * 4]
    return Picture(small.width(), small.height(), np.ascontiguousarray(pixels).tobytes())
