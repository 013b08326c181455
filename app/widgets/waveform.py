"""A sound to look at and to point into: waveform above, spectrogram below, one time axis."""

from __future__ import annotations

from typing import Literal

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QImage, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy

from app import theme
from app.aside import Aside
from app.widgets import waveform_paint as draw
from app.widgets.marked import MarkedArea
from app.widgets.spectrum import Spectrum
from app.widgets.timearea import BAR, RULER
from app.widgets.timeline import Timeline, clock
from engine.client import Envelope, envelope

Shows = Literal["both", "wave", "spectrum"]

AT_ONCE = 1 << 20
"""Samples whose envelope takes no time worth a thread."""
_LOOKS = {"hole": (theme.VEIL, "Hole"), "noise": (theme.GOOD, "Noise")}


class WaveView(MarkedArea):
    """Click sets the playhead, the wheel zooms at the pointer, the middle button pans.

    Arrow keys move the playhead (Shift: a pixel, Ctrl: a tenth of what is seen), Home and End go
    to the ends, + and - zoom, 0 shows all, I and O set the region's ends at the playhead, Insert
    makes a hole or a point there, Delete takes the chosen one away, Escape lets go of it.
    """

    def __init__(self, name: str = "Sound", tint: str = theme.ACCENT):
        super().__init__()
        self._tint = tint
        self._rate = 1
        self._shape: Envelope | None = None
        self._gain, self._full = 1.0, 0.0
        self._wave: tuple[object, QImage] | None = None
        self._shows: Shows = "both"
        self._empty = ""
        self._spectrum = Spectrum(self)
        self._spectrum.changed.connect(self.update)
        self._aside = Aside(self)
        self._aside.done.connect(self._take_envelope)
        self.setAccessibleName(name)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(200, 96)
        self._describe()

    def sizeHint(self) -> QSize:
        return QSize(640, 240)

    # -------------------------------------------------------------- what it shows

    def set_sound(self, samples: np.ndarray | None, rate: int = 0) -> None:
        """(C, N) or (N,) float32, finite; None or nothing = empty. It is not copied.

        Zoom and playhead stay while the length does; marks are the page's.
        """
        seen = np.zeros((1, 0), np.float32) if samples is None else np.atleast_2d(samples)
        self._rate, count = max(rate, 1), seen.shape[1]
        self._aside.drop("envelope")
        if abs(count / self._rate - self.seconds) > 1e-6:
            self._line = Timeline(count / self._rate, width=self._line.width)
            self._playhead = min(self._playhead, self.seconds)
            self._shape = None
        if count == 0:
            self._shape = None
        elif seen.size <= AT_ONCE:
            self._take_envelope("envelope", envelope(seen))
        else:
            self._aside.ask("envelope", lambda: envelope(seen))
        self._spectrum.set_sound(seen, self._rate)
        self._describe()
        self.update()

    @Slot(str, object)
    def _take_envelope(self, _key: str, shape: Envelope) -> None:
        self._shape = shape
        self._set_gain()

    def set_full(self, peak: float) -> None:
        """Draw as a sound of this peak would be (two views, one scale); 0 = by itself."""
        self._full = peak
        self._set_gain()

    def _set_gain(self) -> None:
        peak = self._shape.peak if self._shape is not None else 0.0
        self._gain = draw.gain_for(max(peak, self._full))
        self._wave = None
        self.update()

    def set_highest(self, hertz: float) -> None:
        """The frequency at the top of the spectrogram; 0 = half the rate."""
        self._spectrum.set_highest(hertz)

    def set_empty_text(self, text: str) -> None:
        self._empty = text
        self.update()

    def set_shows(self, shows: Shows) -> None:
        self._shows = shows
        self.update()

    @property
    def ready(self) -> bool:
        """Nothing is being computed for it any more."""
        return self._spectrum.ready and not self._aside.busy

    def _describe(self) -> None:
        if self.seconds <= 0.0:
            self.setAccessibleDescription("No sound")
            return
        words = [f"{clock(self.seconds)} seconds"]
        if self.region is not None:
            words.append(f"region {clock(self.region[0])} to {clock(self.region[1])}")
        if self.spans:
            told = ", ".join(f"{clock(a)} to {clock(b)}" for a, b in self.spans)
            words.append(f"{_LOOKS[self._kind][1].lower()}: {told}")
        if self.curve is not None:
            words.append(f"{len(self.curve)} points of the curve")
        if self.chosen >= 0:
            words.append(f"number {self.chosen + 1} is chosen")
        self.setAccessibleDescription("; ".join(words))

    # -------------------------------------------------------------- places

    def _places(self) -> tuple[QRectF, QRectF]:
        """(waveform, spectrogram); one of them may be empty."""
        tall = max(self.height() - RULER - BAR, 2.0)
        share = {"both": 0.45, "wave": 1.0, "spectrum": 0.0}[self._shows]
        high, wide = float(round(tall * share)), float(self.width())
        return QRectF(0, RULER, wide, high), QRectF(0, RULER + high, wide, tall - high)

    def _curve_place(self) -> QRectF:
        wave, spectrum = self._places()
        return wave if wave.height() > 0 else spectrum

    # -------------------------------------------------------------- paint

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setClipRect(event.rect())
        painter.fillRect(self.rect(), theme.colour(theme.GROUND))
        draw.paint_ruler(painter, QRectF(0, 0, self.width(), RULER), self._line)
        if self.seconds <= 0.0:
            painter.setPen(theme.colour(theme.DIM))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self._empty)
        else:
            self._paint_sound(painter)
            self._paint_marks(painter)
            self._spectrum.paint_notes(painter, self._places()[1])
        if self._keyboard:
            painter.setPen(QPen(theme.colour(theme.ACCENT), 1))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()

    def _paint_sound(self, painter: QPainter) -> None:
        wave, spectrum = self._places()
        ratio = self.devicePixelRatioF()
        if wave.height() > 0 and self._shape is not None:
            painter.drawImage(wave, self._drawn(self._shape, wave, ratio))
            if self._gain > 1.0:
                self._paint_gain(painter, wave)
        if spectrum.height() > 0:
            self._spectrum.paint(painter, spectrum, self._line, ratio)
            if wave.height() > 0:
                painter.setPen(theme.colour(theme.LINE))
                painter.drawLine(spectrum.topLeft(), spectrum.topRight())

    def _drawn(self, shape: Envelope, wave: QRectF, ratio: float) -> QImage:
        """The waveform's picture, kept until something about it changes."""
        size = (max(round(wave.width() * ratio), 1), max(round(wave.height() * ratio), 1))
        key = (self.view, size)
        if self._wave is None or self._wave[0] != key:
            image = draw.wave_image(shape, self._rate, self._line, size, self._gain, self._tint)
            self._wave = (key, image)
        return self._wave[1]

    def _paint_gain(self, painter: QPainter, wave: QRectF) -> None:
        """A quiet sound is drawn larger than it is: say so."""
        painter.setFont(theme.font(theme.SIZE_SMALL - 1))
        painter.setPen(theme.colour(theme.DIM))
        over = wave.adjusted(8, 4, -8, 0)
        where = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop
        painter.drawText(over, where, f"drawn ×{self._gain:g}")

    def _paint_marks(self, painter: QPainter) -> None:
        place = QRectF(0, 0, self.width(), self.height() - BAR)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._spans:
            name, word = _LOOKS[self._kind]
            chosen = self._chosen if self._tool == "spans" else -1
            colour = theme.colour(name)
            draw.paint_spans(painter, place, self._line, self._spans, chosen, colour, word)
        if self._region is not None:
            held = self._drag.grip if self._drag is not None else self._hover
            hot = held.side if held.kind == "region" else -1
            draw.paint_region(painter, place, self._line, self._region, hot)
        if self._curve is not None:
            dots = [self._dot(point) for point in self._curve]
            chosen = self._chosen if self._tool == "curve" else -1
            draw.paint_curve(painter, self._curve_place(), dots, chosen, self._words)
        self._paint_playhead(painter, place)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour(theme.EDGE if self._hover.kind == "bar" else theme.LINE))
        painter.drawRoundedRect(self._thumb(), 2.5, 2.5)

    def _paint_playhead(self, painter: QPainter, place: QRectF) -> None:
        x = self._line.x_of(self._playhead)
        if not -6 <= x <= place.width() + 6:
            return
        x = min(max(x, 0.75), place.width() - 0.75)
        painter.setPen(QPen(theme.colour("#000000", 130), 3))
        painter.drawLine(QPointF(x, RULER), QPointF(x, place.bottom()))
        painter.setPen(QPen(theme.colour("#ffffff"), 1.2))
        painter.drawLine(QPointF(x, RULER - 4), QPointF(x, place.bottom()))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour("#ffffff"))
        head = [QPointF(x - 5, RULER - 9), QPointF(x + 5, RULER - 9), QPointF(x, RULER - 2)]
        painter.drawPolygon(QPolygonF(head))
