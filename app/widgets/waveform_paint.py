"""How a waveform and the marks on it are painted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen, QPolygonF

from app import theme
from app.widgets.timearea import RULER
from app.widgets.timeline import Timeline, clock
from engine.client import Envelope
from engine.messages import Span

FLAG = 9.0
DOT = 5.0
LANE_LEAST = 56
"""Device pixels below which two channels share one lane."""
_GAINS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)


def gain_for(peak: float) -> float:
    """How much a quiet sound is enlarged so that it can be seen: a power of two."""
    return max((gain for gain in _GAINS if peak * gain <= 1.0), default=1.0)


def wave_image(
    shape: Envelope, rate: int, line: Timeline, size: tuple[int, int], gain: float, tint: str
) -> QImage:
    """(width, height) device pixels: extremes dim, RMS bright, each channel its own lane."""
    width, height = size
    first, last = line.start * rate, min(line.end * rate, float(shape.samples.shape[1]))
    image = QImage(width, height, QImage.Format.Format_RGB32)
    image.fill(theme.colour(theme.GROUND))
    lanes = _lanes(shape, height)
    if last - first < width:
        _draw_line(image, shape.samples, rate, line, lanes, gain, tint)
        return image
    low, high, loud, clipped = shape.columns(first, last, width)
    pixels = np.frombuffer(image.bits(), np.uint32).reshape(height, width)
    for channels, top, tall in lanes:
        reach = (
            low[channels].min(0) * gain,
            high[channels].max(0) * gain,
            loud[channels].mean(0) * gain,
        )
        pixels[top : top + tall] = _shaded(reach, tall, tint)
    red = np.uint32(theme.colour(theme.DANGER).rgb())
    pixels[: max(height // 40, 2), clipped] = red
    return image


def _lanes(shape: Envelope, height: int) -> list[tuple[slice, int, int]]:
    """(channels, top, height) of every lane."""
    count = len(shape.samples)
    if count == 1 or height / count < LANE_LEAST:
        return [(slice(None), 0, height)]
    tall = height // count
    return [(slice(i, i + 1), i * tall, tall) for i in range(count)]


def _shaded(reach: tuple[np.ndarray, np.ndarray, np.ndarray], tall: int, tint: str) -> np.ndarray:
    """(tall, width) uint32: every column from its lowest to its highest, with soft ends."""
    low, high, loud = (np.clip(part, -1, 1) for part in reach)
    # Columns meet, or a steep slope would fall into single dots.
    low[1:], high[1:] = np.minimum(low[1:], high[:-1]), np.maximum(high[1:], low[:-1])
    scale, middle = tall / 2 - 1, tall / 2
    rows = np.arange(tall, dtype=np.float32)[:, None]
    outer = _coverage(rows, middle - high * scale - 0.5, middle - low * scale + 0.5)
    inner_top, inner_end = np.minimum(loud, high) * scale, np.maximum(-loud, low) * scale
    inner = _coverage(rows, middle - inner_top, middle - inner_end)
    ground, bright = _rgb(theme.GROUND), _rgb(tint)
    dim = ground + (bright - ground) * 0.55
    out = np.full((tall, low.size), 0xFF000000, np.uint32)
    for i, shift in enumerate((16, 8, 0)):
        value = ground[i] + outer * (dim[i] - ground[i]) + inner * (bright[i] - dim[i])
        out |= np.clip(value, 0, 255).astype(np.uint32) << np.uint32(shift)
    return out


def _rgb(name: str) -> np.ndarray:
    colour = theme.colour(name)
    return np.array([colour.red(), colour.green(), colour.blue()], np.float32)


def _coverage(rows: np.ndarray, top: np.ndarray, end: np.ndarray) -> np.ndarray:
    """(tall, width) 0..1: how much of each pixel lies in [top, end)."""
    top, end = top.astype(np.float32), end.astype(np.float32)
    return np.clip(np.minimum(rows + 1, end) - np.maximum(rows, top), 0, 1)


def _draw_line(
    image: QImage,
    samples: np.ndarray,
    rate: int,
    line: Timeline,
    lanes: list[tuple[slice, int, int]],
    gain: float,
    tint: str,
) -> None:
    """Fewer samples than columns: a line through them, and dots when they lie far apart."""
    width = image.width()
    first = max(int(line.start * rate) - 1, 0)
    last = min(int(line.end * rate) + 2, samples.shape[1])
    x = (np.arange(first, last) / rate - line.start) / line.seen * width
    apart = width / max(line.seen * rate, 1e-9)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for channels, top, tall in lanes:
        values = np.clip(samples[channels, first:last].mean(0) * gain, -1, 1)
        y = top + tall / 2 - values * (tall / 2 - 1)
        points = [QPointF(a, b) for a, b in zip(x.tolist(), y.tolist(), strict=True)]
        painter.setPen(QPen(theme.colour(tint), 1.5))
        painter.drawPolyline(points)
        if apart >= 7 or len(points) == 1:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour(tint))
            for point in points:
                painter.drawEllipse(point, 2.5, 2.5)
    painter.end()


def paint_ruler(painter: QPainter, place: QRectF, line: Timeline) -> None:
    """Ticks with times; a label that would be cut off at the right is left out."""
    painter.fillRect(place, theme.colour(theme.PANEL))
    if line.seconds <= 0.0:
        return
    painter.setFont(theme.font(theme.SIZE_SMALL))
    wide, small = line.ticks()
    per = round(wide / small)
    base = place.bottom()
    index = int(line.start / small)
    while index * small <= line.end + 1e-9:
        moment = index * small
        x = place.x() + line.x_of(moment)
        if x >= place.x() - 0.5:
            named = index % per == 0
            painter.setPen(theme.colour(theme.EDGE if named else theme.LINE))
            painter.drawLine(QPointF(x, base - (8 if named else 4)), QPointF(x, base))
            text = clock(moment, wide)
            if named and x + 6 + painter.fontMetrics().horizontalAdvance(text) < place.right():
                painter.setPen(theme.colour(theme.DIM))
                painter.drawText(QPointF(x + 4, base - 7), text)
        index += 1


def paint_region(painter: QPainter, place: QRectF, line: Timeline, region: Span, hot: int) -> None:
    """Outside is dimmed; in and out are lines with a flag in the ruler. `hot`: 0, 1 or -1."""
    left, right = (place.x() + line.x_of(moment) for moment in region)
    veil = theme.colour("#101010", 165)
    under = place.adjusted(0, RULER, 0, 0)
    if left > under.left():
        painter.fillRect(
            QRectF(under.left(), under.top(), left - under.left(), under.height()), veil
        )
    if right < under.right():
        painter.fillRect(QRectF(right, under.top(), under.right() - right, under.height()), veil)
    painter.fillRect(
        QRectF(left, place.top() + RULER - 3, right - left, 3).intersected(place),
        theme.colour(theme.ACCENT, 150),
    )
    for index, (x, way) in enumerate(((left, 1.0), (right, -1.0))):
        colour = theme.colour(theme.TEXT if index == hot else theme.ACCENT)
        painter.setPen(QPen(colour, 1.5))
        painter.drawLine(QPointF(x, place.top() + 3), QPointF(x, place.bottom()))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        top = place.top() + 3
        flag = [QPointF(x, top), QPointF(x + way * FLAG, top), QPointF(x, top + FLAG)]
        painter.drawPolygon(QPolygonF(flag))


def paint_spans(
    painter: QPainter,
    place: QRectF,
    line: Timeline,
    spans: Sequence[Span],
    chosen: int,
    colour: QColor,
    word: str,
) -> None:
    """Veils with edges and their length, when there is room for it."""
    painter.setFont(theme.font(theme.SIZE_SMALL))
    for index, (start, end) in enumerate(spans):
        left, right = place.x() + line.x_of(start), place.x() + line.x_of(end)
        box = QRectF(left, place.top() + RULER, max(right - left, 1.0), place.height() - RULER)
        if not box.intersects(place):
            continue
        fill, edge = QColor(colour), QColor(colour)
        fill.setAlpha(95 if index == chosen else 60)
        painter.fillRect(box.intersected(place), fill)
        painter.setPen(QPen(edge, 2.5 if index == chosen else 1.2))
        for x in (box.left(), box.right()):
            painter.drawLine(QPointF(x, box.top()), QPointF(x, box.bottom()))
        text = f"{word} {end - start:.2f} s"
        wide = painter.fontMetrics().horizontalAdvance(text) + 12
        if wide + 6 < box.width():
            tag = QRectF(box.left() + 4, box.top() + 4, wide, 18)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour("#000000", 170))
            painter.drawRoundedRect(tag, 4, 4)
            painter.setPen(theme.colour(theme.TEXT))
            painter.drawText(tag, Qt.AlignmentFlag.AlignCenter, text)


def paint_curve(
    painter: QPainter,
    place: QRectF,
    dots: Sequence[QPointF],
    chosen: int,
    words: tuple[str, str],
) -> None:
    """A line through the dots, level beyond the first and the last."""
    painter.save()
    painter.setClipRect(place)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setFont(theme.font(theme.SIZE_SMALL))
    for word, y in ((words[1], place.top() + 4), (words[0], place.bottom() - 20)):
        wide = painter.fontMetrics().horizontalAdvance(word) + 12
        tag = QRectF(place.right() - wide - 4, y, wide, 16)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour("#000000", 150))
        painter.drawRoundedRect(tag, 4, 4)
        painter.setPen(theme.colour(theme.TEXT))
        painter.drawText(tag, Qt.AlignmentFlag.AlignCenter, word)
    if dots:
        ends = (
            QPointF(min(place.left(), dots[0].x()), dots[0].y()),
            QPointF(max(place.right(), dots[-1].x()), dots[-1].y()),
        )
        path = [ends[0], *dots, ends[1]]
        painter.setPen(QPen(theme.colour("#000000", 150), 4))
        painter.drawPolyline(path)
        painter.setPen(QPen(theme.colour(theme.TEXT), 2))
        painter.drawPolyline(path)
    for index, dot in enumerate(dots):
        painter.setPen(QPen(theme.colour(theme.GROUND), 1.5))
        painter.setBrush(theme.colour(theme.ACCENT if index == chosen else theme.TEXT))
        painter.drawEllipse(dot, DOT + (1 if index == chosen else 0), DOT + (index == chosen))
    painter.restore()
