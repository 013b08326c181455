"""The right side of the compass: the picture, the slider, and how well it is known."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
from PySide6.QtCore import QRectF, QSize, QTimer, Signal, Slot
from PySide6.QtGui import QImage, QPainter, QPainterPath, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app import axes, theme
from app.compass import Compass
from app.document import Document
from app.fixed import applied, share
from app.link import EngineLink
from app.live import Live
from app.state import to_request, with_card
from app.thumbnails import Thumbnails, plain
from app.widgets.amount import AmountSlider, number
from app.widgets.canvas import REST_MS
from app.widgets.enlarge import enlarged
from app.widgets.gauge import Gauge
from app.widgets.parts import column, icon_button, label, push, row, section
from app.widgets.strip import REACH, STRIP, Strip
from engine.messages import Edit, Frame, LodestoneError, SteerRequest

KEY = "compass strip:"
STRIP_SIZE = 64
CALM_MS = 140
NOTHING_YET = "The slider appears as soon as each side has a picture."


class LivePicture(QWidget):
    """The newest picture of the canvas, painted as soon as it is there."""

    painted = Signal(int, float)
    """(stamp, time.perf_counter())."""

    def __init__(self) -> None:
        super().__init__()
        self._image: QImage | None = None
        self._stamp: int | None = None
        self._fine: QImage | None = None
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(self._refine)
        self.setAccessibleName("Picture with the slider applied")
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setSizePolicy(policy)
        self.setMinimumSize(120, 120)

    def sizeHint(self) -> QSize:
        return QSize(300, 300)

    def show_pixels(self, pixels: np.ndarray, stamp: int) -> None:
        """(H, W, 4) uint8 BGRX, copied: the canvas of Steer owns the memory."""
        height, width, _ = pixels.shape
        held = QImage(pixels.data, width, height, pixels.strides[0], QImage.Format.Format_RGB32)
        self._image, self._stamp, self._fine = held.copy(), stamp, None
        self._rest.start()
        self.update()

    @Slot()
    def _refine(self) -> None:
        """Finer, once the picture rests."""
        if self._image is not None:
            side = min(self.width(), self.height()) * self.devicePixelRatioF()
            self._fine = enlarged(self._image, side / self._image.width())
            self.update()

    @property
    def image(self) -> QImage | None:
        return self._image

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHints(
            QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform
        )
        side = min(self.width(), self.height())
        box = QRectF((self.width() - side) / 2, (self.height() - side) / 2, side, side)
        path = QPainterPath()
        path.addRoundedRect(box, 6, 6)
        painter.setClipPath(path)
        if self._image is None:
            painter.fillRect(box, theme.colour(theme.RAISED))
        else:
            painter.drawImage(box, self._fine or self._image)
        painter.end()
        if self._stamp is not None:
            stamp, self._stamp = self._stamp, None
            self.painted.emit(stamp, time.perf_counter())


class Outcome(QWidget):
    """Follows the canvas while it is in sight."""

    def __init__(
        self,
        compass: Compass,
        document: Document,
        live: Live,
        link: EngineLink,
        thumbnails: Thumbnails,
    ):
        super().__init__()
        self._compass, self._document, self._live = compass, document, live
        self._link, self._thumbnails = link, thumbnails
        self._shift = 0
        self.picture = LivePicture()
        self.amount = AmountSlider("Amount of the axis", -REACH, REACH, 0.0)
        self.amount.setToolTip("The same slider as the card in Steer. Double click: back to 0.")
        self.value = number("Amount of the axis, number", -20, 20, 0.1, " σ")
        self.restore = push("Put the slider back", "It was deleted in Steer.")
        self.strips = [Strip(f"Pictures of the axis, row {number}") for number in (1, 2, 3)]
        self.others = icon_button("dice", "Two other seeds", size=15)
        self.gauge = Gauge("Pictures put on the right side, each left out once")
        self.verdict = label("", "", wrap=True)
        self.counted = label("", "dim", wrap=True)
        self.sentence = label("", "dim", wrap=True)
        self.residual = label("", "small", wrap=True)
        self._calm = QTimer(self)
        self._calm.setSingleShot(True)
        self._calm.setInterval(CALM_MS)
        self._calm.timeout.connect(self._ask_strips)
        self._build()
        self._wire()

    def _build(self) -> None:
        layout = column(self, spacing=6)
        layout.setContentsMargins(14, 12, 14, 12)
        layout.addWidget(self.picture, 1)
        layout.addWidget(self.strips[0])
        layout.addWidget(self.amount)
        layout.addWidget(self.restore)
        self._ends = QWidget()
        ends = row(label("← less", "small"), 1, self.value, 1, label("more →", "small"))
        self._ends.setLayout(ends)
        layout.addWidget(self._ends)
        self._unseen = QWidget()
        self._unseen.setLayout(row(label("On seeds it has not seen", "small"), 1, self.others))
        layout.addWidget(self._unseen)
        layout.addWidget(self.strips[1])
        layout.addWidget(self.strips[2])
        layout.addSpacing(4)
        layout.addWidget(section("How well it is known"))
        layout.addWidget(self.gauge)
        for words in (self.verdict, self.counted, self.sentence, self.residual):
            layout.addWidget(words)

    def _wire(self) -> None:
        self._live.frame.connect(self._frame)
        self._live.settled.connect(self._settled)
        self.picture.painted.connect(self._live.painted)
        self._compass.changed.connect(self._show)
        self._compass.fitted.connect(self._show)
        self.amount.moved.connect(self._moved)
        self.value.valueChanged.connect(self._moved)
        self.amount.began.connect(self._document.begin_gesture)
        self.amount.ended.connect(self._document.end_gesture)
        self.strips[0].chosen.connect(self._moved)
        self.restore.clicked.connect(self._compass.show_slider)
        self.others.clicked.connect(self._other_seeds)
        self._thumbnails.arrived.connect(self._strip_picture)

    # -------------------------------------------------------------- the picture

    @Slot(object)
    def _frame(self, frame: Frame) -> None:
        if not self.isVisible():
            return
        try:
            pixels = self._link.pixels(frame)
        except KeyError:
            return  # Older than what the canvas holds: given back already.
        self.picture.show_pixels(pixels, frame.stamp)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        # The picture of Steer may have changed while this page was out of sight.
        self._live.forget()
        self._live.refresh()
        self._show()

    @Slot(float)
    def _moved(self, amount: float) -> None:
        axis = self._compass.axis
        if axis is not None:
            self._document.set_amount(axis.key, amount)

    # -------------------------------------------------------------- words

    @Slot()
    def _show(self) -> None:
        axis = self._compass.axis
        if axis is None or not self.isVisible():
            return
        card = self._document.state.card(axis.key) if self._compass.here else None
        found = card is not None
        self.amount.setVisible(found)
        self._ends.setVisible(found)
        self._unseen.setVisible(found)
        for strip in self.strips:
            strip.setVisible(found)
        self.restore.setVisible(
            not found and self._compass.here and self._compass.kept and axis.direction is not None
        )
        if card is not None:
            self.amount.set_amount(card.amount)
            blocked = self.value.blockSignals(True)
            self.value.setValue(card.amount)
            self.value.blockSignals(blocked)
            self.strips[0].set_amount(card.amount)
            for strip in self.strips[1:]:
                strip.set_amount(card.amount)
        self._show_words()
        self._calm.start()

    def _show_words(self) -> None:
        axis, fit = self._compass.axis, self._compass.fit
        if axis is None:
            return
        less, more = axes.counts(axis)
        agree, counted = self._compass.agreement()
        accuracy = fit.accuracy if fit is not None else None
        self.gauge.set_value(accuracy)
        if accuracy is None:
            known = fit is not None and fit.direction is not None
            self.verdict.setText("Too few to tell yet." if known else NOTHING_YET)
        elif counted:
            self.verdict.setText(f"{agree} of {counted} sorted pictures agree")
        else:
            self.verdict.setText(f"{accuracy * 100:.0f} % of the pairs are foretold")
        words = [f"{less} less", f"{more} more"]
        if axis.pairs:
            words.append("1 pair" if len(axis.pairs) == 1 else f"{len(axis.pairs)} pairs")
        self.counted.setText("  ·  ".join(words))
        self.sentence.setText(fit.sentence if fit is not None else "")
        self.sentence.setVisible(bool(self.sentence.text()))
        # The sentence says what is missing.
        self.verdict.setVisible(accuracy is not None or not self.sentence.text())
        self.residual.setText(self._left())
        self.residual.setVisible(bool(self.residual.text()))

    def _left(self) -> str:
        """What keeping other directions fixed leaves of this one."""
        axis, fit = self._compass.axis, self._compass.fit
        if axis is None:
            return ""
        if fit is not None and fit.residual is not None:
            return f"{share(fit.residual)} with {len(axis.fixed)} kept fixed."
        card = self._document.state.card(axis.key)
        if card is None or not card.fixed:
            return ""
        _direction, residual = applied(self._document.state, card, self._rows())
        return f"{share(residual)} with {len(card.fixed)} kept fixed."

    def _rows(self) -> int | None:
        """Rows of w+ of the open generator."""
        info = self._document.info
        return info.num_ws if info is not None else None

    # -------------------------------------------------------------- strips

    @Slot(object)
    def _settled(self, _request: SteerRequest) -> None:
        if self.isVisible():
            self._calm.start()

    @Slot()
    def _other_seeds(self) -> None:
        self._shift += 2
        self._ask_strips()

    def _unseen_seeds(self) -> list[int]:
        """Two seeds nobody has sorted, the same until others are asked for."""
        axis = self._compass.axis
        labels = axis.labels if axis is not None else ()
        seen = {part.seed for one in labels for part in one.request.latent}
        candidates = (seed for seed in range(900_001 + self._shift, 2_000_000) if seed not in seen)
        return [next(candidates), next(candidates)]

    @Slot()
    def _ask_strips(self) -> None:
        axis, info, state = self._compass.axis, self._document.info, self._document.state
        if axis is None or info is None or not self.isVisible() or state.wander.on:
            return
        card = state.card(axis.key)
        if card is None:
            return
        try:
            here = [to_request(with_card(state, card.key, amount=s), info) for s in STRIP]
        except LodestoneError:
            return  # The canvas says it already.
        self._thumbnails.ask(f"{KEY}0", here, STRIP_SIZE)
        direction, _left = applied(state, card, self._rows())
        base = here[len(STRIP) // 2]
        for line, seed in enumerate(self._unseen_seeds(), start=1):
            start = plain(base, seed)
            rows = [replace(start, edits=(Edit(direction, s),) if s else ()) for s in STRIP]
            self._thumbnails.ask(f"{KEY}{line}", rows, STRIP_SIZE)

    @Slot(str, int, object)
    def _strip_picture(self, key: str, index: int, image: QImage) -> None:
        if key.startswith(KEY):
            self.strips[int(key.removeprefix(KEY))].set_image(index, image)
