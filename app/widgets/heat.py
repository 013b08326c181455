"""Where two pictures differ, and by how much: a heat-map with a colour bar that says its scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QImage, QLinearGradient, QPainter

from app import theme

TOPS = (8, 16, 32, 64, 128, 255)
"""Levels that the hottest colour may stand for."""
MOSTLY = 99.8
"""Percent of the pixels that lie below it."""
COLOURS = (
    (0.0, (16, 16, 20)),
    (0.2, (52, 26, 92)),
    (0.45, (146, 42, 104)),
    (0.65, (224, 86, 62)),
    (0.85, (250, 172, 72)),
    (1.0, (255, 244, 196)),
)
"""From alike to far apart: every step lighter than the one before."""


@dataclass(frozen=True, eq=False)
class Heat:
    """A difference, coloured."""

    image: QImage
    top: int
    """Levels of 255 from which on it is hottest."""
    mean: float
    """Levels, over all pixels."""
    largest: int


def heat(a: QImage, b: QImage) -> Heat | None:
    """|a - b| of equally large pictures, the channel that differs most; None for empty ones."""
    if a.isNull() or a.size() != b.size():
        return None
    one, other = _levels(a), _levels(b)
    apart = np.where(one > other, one - other, other - one).max(axis=2)
    limit = np.percentile(apart[:: max(1, len(apart) // 512)], MOSTLY)
    top = next((top for top in TOPS if top >= limit), TOPS[-1])
    return Heat(_coloured(apart, top), top, float(apart.mean()), int(apart.max()))


def _levels(image: QImage) -> np.ndarray:
    """(H, W, 3) uint8."""
    raw = np.frombuffer(image.constBits(), np.uint8)
    rows = raw.reshape(image.height(), image.bytesPerLine())[:, : image.width() * 4]
    return rows.reshape(image.height(), image.width(), 4)[..., :3]


def _coloured(apart: np.ndarray, top: int) -> QImage:
    colours = table(top)[apart]
    height, width = apart.shape
    return QImage(colours.tobytes(), width, height, width * 4, QImage.Format.Format_RGB32).copy()


def table(top: int) -> np.ndarray:
    """(256, 4) uint8 B G R X, by level of difference."""
    share = np.minimum(np.arange(256) / top, 1.0)
    places = [place for place, _colour in COLOURS]
    made = np.full((256, 4), 255, np.uint8)
    for channel in range(3):
        values = [colour[channel] for _place, colour in COLOURS]
        made[:, 2 - channel] = np.rint(np.interp(share, places, values))
    return made


def paint_bar(painter: QPainter, corner: QPointF, found: Heat | None) -> None:
    """The colour bar; `corner` is its lower left."""
    box = QRectF(corner.x(), corner.y() - 62, 276, 62)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.colour("#000000", 170))
    painter.drawRoundedRect(box, 6, 6)
    bar = QRectF(box.x() + 12, box.y() + 10, box.width() - 24, 10)
    ramp = QLinearGradient(bar.topLeft(), bar.topRight())
    for place, rgb in COLOURS:
        ramp.setColorAt(place, theme.colour("#{:02x}{:02x}{:02x}".format(*rgb)))
    painter.setBrush(ramp)
    painter.drawRoundedRect(bar, 2, 2)
    painter.setFont(theme.font(theme.SIZE_SMALL))
    painter.setPen(theme.colour("#ffffff"))
    top = found.top if found is not None else TOPS[0]
    words = QRectF(bar.x(), bar.bottom() + 3, bar.width(), 16)
    painter.drawText(words, Qt.AlignmentFlag.AlignLeft, "alike")
    painter.drawText(words, Qt.AlignmentFlag.AlignHCenter, f"{top // 2}")
    more = "" if found is None or found.largest <= top else " and more"
    painter.drawText(words, Qt.AlignmentFlag.AlignRight, f"{top} of 255{more}")
    if found is not None:
        painter.setPen(theme.colour(theme.TEXT, 190))
        said = f"On average {found.mean:.1f}, at most {found.largest} levels apart"
        painter.drawText(words.translated(0, 16), Qt.AlignmentFlag.AlignLeft, said)
