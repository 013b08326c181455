"""The steered picture on the Inspect page: live, before and after, and where it changed."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QImage, QShowEvent
from PySide6.QtWidgets import QWidget

from app.inspect_state import change_map, heat_pixels
from app.inspecting import KEY
from app.link import EngineLink
from app.live import Live
from app.panels.picture_part import brushed_canvas
from app.panels.picture_side import rgb
from app.thumbnails import Thumbnails
from app.widgets.parts import column, icon_button, label, row
from engine.messages import Frame, SteerRequest

BEFORE = f"{KEY}before"
TAGS = ("Before", "Now")


class SteeredPicture(QWidget):
    """Canvas, brush layer and the row of looks below it."""

    larger_asked = Signal(bool)
    """The picture wants the middle of the page (or its own place again)."""

    def __init__(self, live: Live, link: EngineLink, thumbnails: Thumbnails):
        super().__init__()
        self._live, self._link, self._thumbnails = live, link, thumbnails
        self._now = QImage()
        self._before: QImage | None = None
        """The picture with nothing turned; None while it is on its way."""
        self._plain: SteerRequest | None = None
        """Whose picture `_before` is."""
        self.canvas, self.layer = brushed_canvas("Picture with units turned")
        self.hold = icon_button("eye", "Hold: the picture before anything was turned (C)")
        self.split = icon_button("compare", "Before left of a line, now right of it", True)
        self.heat = icon_button("flame", "Where the picture changes, and how much", True)
        self.larger = icon_button("larger", "The picture large, in place of the units", True)
        self.words = label("", "dim")
        layout = column(self, spacing=0)
        layout.addWidget(self.canvas, 1)
        self._looks = row(self.words, 1, self.hold, self.split, self.heat, self.larger, spacing=2)
        self._looks.setContentsMargins(2, 4, 2, 2)
        layout.addLayout(self._looks)
        self._wire()

    def _wire(self) -> None:
        self._live.frame.connect(self._frame)
        self._live.settled.connect(self._settled)
        self._thumbnails.arrived.connect(self._arrived)
        self.hold.pressed.connect(self._held)
        self.hold.released.connect(self._let_go)
        self.split.toggled.connect(self._split)
        self.heat.toggled.connect(self._show)
        self.larger.toggled.connect(self.larger_asked)
        self.canvas.compare_changed.connect(self.split.setChecked)

    @property
    def change(self) -> np.ndarray | None:
        """(H, W) 0..1 between before and now; None while one of them is missing."""
        before = self._before
        if before is None or self._now.isNull() or before.size() != self._now.size():
            return None
        return change_map(rgb(before), rgb(self._now))

    # -------------------------------------------------------------- frames

    @Slot(object)
    def _frame(self, frame: Frame) -> None:
        if not self.isVisible():
            return
        try:
            pixels = self._link.pixels(frame)
        except KeyError:
            return  # An older one than that on the canvas: given back already.
        self.take(pixels)
        self._live.painted(frame.stamp, time.perf_counter())

    def take(self, pixels: np.ndarray) -> None:
        """(H, W, 4) uint8 BGRX, copied: the canvas of Steer owns the memory."""
        height, width, _ = pixels.shape
        held = QImage(pixels.data, width, height, pixels.strides[0], QImage.Format.Format_RGB32)
        self.set_now(held.copy())

    def set_now(self, image: QImage) -> None:
        another = image.size() != self._now.size()
        self._now = image
        if another:
            self.layer.reset()
        self._ask_before()
        self._show()

    @Slot()
    def _show(self) -> None:
        shown = self._now
        change = self.change
        if self.heat.isChecked() and change is not None:
            height, width = change.shape
            raw = heat_pixels(change, rgb(self._now))
            shown = QImage(raw.data, width, height, 4 * width, QImage.Format.Format_RGB32).copy()  # pyright: ignore
        self.canvas.show_image(shown, self.canvas.view)
        self._tell(change)

    def _tell(self, change: np.ndarray | None) -> None:
        request = self._live.request
        if request is None or not request.units:
            self.words.setText("")
        elif change is not None:
            share = float((change > 0.02).mean())
            self.words.setText(f"{share * 100:.0f} % changed")
            self.words.setToolTip("Share of the picture that changes by more than 2 %")

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        # What came while another page was in front is asked for again.
        self._live.forget()
        self._live.refresh()

    def clear(self, words: str) -> None:
        """No picture; `words` say why."""
        self._now, self._before, self._plain = QImage(), None, None
        self.canvas.clear(words)
        self.words.setText("")

    # -------------------------------------------------------------- before

    def _ask_before(self) -> None:
        """The same picture with nothing turned, at its full size."""
        request = self._live.request
        if request is None or self._now.isNull():
            return
        plain = replace(request, units=())
        if plain != self._plain:
            self._plain, self._before = plain, None
            self._thumbnails.cancel(BEFORE)
        if not request.units:
            self._set_before(self._now)
        elif self._before is None and request != plain:
            self._thumbnails.ask(BEFORE, (plain,), max(self._now.width(), self._now.height()))

    @Slot(object)
    def _settled(self, _request: SteerRequest) -> None:
        if self.isVisible():
            self._ask_before()

    @Slot(str, int, object)
    def _arrived(self, key: str, _index: int, image: QImage) -> None:
        if key == BEFORE and self._plain is not None:
            self._set_before(image)
            self._show()

    def _set_before(self, image: QImage) -> None:
        self._before = image
        comparing = self.canvas.comparing
        self.canvas.set_other(image, TAGS)
        if comparing:
            self.canvas.set_comparing(True)

    @Slot()
    def _held(self) -> None:
        self.canvas.set_peek(True)

    @Slot()
    def _let_go(self) -> None:
        self.canvas.set_peek(False)

    @Slot(bool)
    def _split(self, on: bool) -> None:
        if on != self.canvas.comparing:
            self.canvas.set_comparing(on)
