"""An enlarged picture painted: as it is, beside another, through a lens, and where they differ."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from PySide6.QtCore import QPointF, QRectF, QSize, QSizeF, Qt
from PySide6.QtGui import QBrush, QImage, QPainter, QPainterPath, QPaintEvent, QPen, QPixmap

from app import theme
from app.widgets.heat import paint_bar
from app.widgets.loupe_view import GAP, Layer, LoupeView

LENS = 120
"""Radius, pixels."""
PIXELS = 6.0
"""Screen pixels for one of the result from which on single ones are meant to be seen."""
CHECK = 8
"""Side of the squares behind what is transparent."""
EMPTY = "Drop a picture or film here"
_HALVES = 24
"""Pictures at half their size that are kept."""


class LoupePaint(LoupeView):
    """How it looks."""

    def __init__(self) -> None:
        super().__init__()
        self._halves: OrderedDict[int, QImage] = OrderedDict()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.colour(theme.SURROUND))
        scene = self._scene
        if scene.ground is None or self._world.isEmpty():
            painter.setPen(theme.colour(theme.DIM))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, EMPTY)
        else:
            panes = self.panes()
            if self._peek:
                self._paint(painter, panes[0], scene.original, pixels=True)
                self._tag(painter, panes[0], "Original", left=True)
            else:
                getattr(self, f"_paint_{self.mode}")(painter, panes)
            self._say(painter, panes[0])
        if self._keyboard:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.colour(theme.ACCENT), 1))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()

    def _paint_made(self, painter: QPainter, panes: list[QRectF]) -> None:
        self._paint(painter, panes[0], self._scene.made)
        self._tag(painter, panes[0], self._scene.tags[1], left=False)

    def _paint_split(self, painter: QPainter, panes: list[QRectF]) -> None:
        pane, x = panes[0], self.line_x()
        self._paint(painter, pane, self._scene.made)
        painter.save()
        painter.setClipRect(QRectF(0, 0, x, pane.height()))
        self._paint(painter, pane, self._scene.against)
        painter.restore()
        shown = self.target(pane).intersected(pane)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.colour("#000000", 90), 4))
        painter.drawLine(QPointF(x, shown.top()), QPointF(x, shown.bottom()))
        painter.setPen(QPen(theme.colour("#ffffff", 230), 2))
        painter.drawLine(QPointF(x, shown.top()), QPointF(x, shown.bottom()))
        painter.setPen(QPen(theme.colour("#000000", 90), 1))
        painter.setBrush(theme.colour("#ffffff"))
        painter.drawEllipse(QPointF(x, shown.center().y()), 7, 7)
        self._tag(painter, pane, self._scene.tags[0], left=True)
        self._tag(painter, pane, self._scene.tags[1], left=False)

    def _paint_lens(self, painter: QPainter, panes: list[QRectF]) -> None:
        pane = panes[0]
        self._paint(painter, pane, self._scene.made)
        self._tag(painter, pane, self._scene.tags[1], left=False)
        at = self._pointer or self.target(pane).intersected(pane).center()
        circle = QPainterPath()
        circle.addEllipse(at, LENS, LENS)
        painter.save()
        painter.setClipPath(circle)
        painter.fillRect(pane, theme.colour(theme.SURROUND))
        self._paint(painter, pane, self._scene.against)
        painter.restore()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for colour, width in (("#000000", 4.0), ("#ffffff", 2.0)):
            painter.setPen(QPen(theme.colour(colour, 120 if width > 2 else 230), width))
            painter.drawEllipse(at, LENS, LENS)
        words = self._scene.tags[0]
        wide = painter.fontMetrics().horizontalAdvance(words) + 16
        _paint_tag(painter, QPointF(at.x() - wide / 2, at.y() + LENS - 30), words)

    def _paint_beside(self, painter: QPainter, panes: list[QRectF]) -> None:
        for pane, layer, words in zip(
            panes, (self._scene.against, self._scene.made), self._scene.tags, strict=True
        ):
            painter.save()
            painter.setClipRect(pane)
            self._paint(painter, pane, layer)
            self._tag(painter, pane, words, left=True)
            painter.restore()
        gap = QRectF(panes[0].right(), 0, GAP, self.height())
        painter.fillRect(gap, theme.colour(theme.GROUND))

    def _paint_apart(self, painter: QPainter, panes: list[QRectF]) -> None:
        pane = panes[0]
        shown = self.target(pane)
        self._paint(painter, pane, None)
        painter.fillRect(shown.intersected(pane), theme.colour("#101014", 200))
        if self._scene.apart is not None:
            self._paint(painter, pane, self._scene.apart, ground=False)
        inside = shown.intersected(pane)
        corner = QPointF(inside.left() + 8, inside.bottom() - 8)
        paint_bar(painter, corner, self._scene.heat)
        words = f"{self._scene.tags[1]} against {self._scene.tags[0].lower()}"
        self._tag(painter, pane, words, left=True)

    # ---- layers

    def _paint(
        self,
        painter: QPainter,
        pane: QRectF,
        layer: Layer | None,
        ground: bool = True,
        pixels: bool = False,
    ) -> None:
        """A layer over the small picture of the whole; single `pixels`, or smooth."""
        base = self._scene.ground
        smooth = QPainter.RenderHint.SmoothPixmapTransform
        for corner in self._corners(pane):
            whole = QRectF(corner, QSizeF(*self._scene.size) * self.zoom)
            if not whole.intersects(pane):
                continue
            if ground and base is not None:
                if base.hasAlphaChannel():
                    _paint_checks(painter, whole.intersected(pane))
                painter.setRenderHint(smooth, not pixels)
                painter.drawImage(whole, base)
            if layer is None:
                continue
            place = layer.place
            box = QRectF(corner + place.topLeft() * self.zoom, place.size() * self.zoom)
            if ground and layer.image.hasAlphaChannel():
                _paint_checks(painter, box.intersected(pane))
            ratio = box.width() * self.devicePixelRatioF() / max(layer.image.width(), 1)
            painter.setRenderHint(smooth, not pixels and ratio < PIXELS)
            painter.drawImage(box, self._reduced(layer.image, ratio))

    def _corners(self, pane: QRectF) -> Iterator[QPointF]:
        """Upper left of every copy of the picture."""
        corner = self.target(pane).topLeft()
        times = 2 if self._scene.wrap else 1
        for row in range(times):
            for column in range(times):
                width, height = self._scene.size
                yield corner + QPointF(column * width, row * height) * self.zoom

    def _reduced(self, image: QImage, ratio: float) -> QImage:
        """Halved until less than half of its pixels would be skipped."""
        while ratio < 0.5 and min(image.width(), image.height()) > 1:
            key = image.cacheKey()
            half = self._halves.get(key)
            if half is None:
                size = QSize(max(1, image.width() // 2), max(1, image.height() // 2))
                half = image.scaled(
                    size,
                    Qt.AspectRatioMode.IgnoreAspectRatio,
                    Qt.TransformationMode.SmoothTransformation,
                )
                self._halves[key] = half
                while len(self._halves) > _HALVES:
                    self._halves.popitem(last=False)
            image, ratio = half, ratio * 2
        return image

    def _say(self, painter: QPainter, pane: QRectF) -> None:
        words = self._scene.words
        wide = painter.fontMetrics().horizontalAdvance(words) + 16
        shown = self.target(pane).intersected(pane)
        _paint_tag(painter, QPointF(shown.center().x() - wide / 2, shown.bottom() - 34), words)

    def _tag(self, painter: QPainter, pane: QRectF, words: str, left: bool) -> None:
        shown = self.target(pane).intersected(pane)
        painter.setFont(theme.font(theme.SIZE_SMALL))
        wide = painter.fontMetrics().horizontalAdvance(words) + 16
        x = shown.left() + 8 if left else shown.right() - wide - 8
        _paint_tag(painter, QPointF(x, shown.top() + 8), words)


def _paint_tag(painter: QPainter, corner: QPointF, words: str) -> None:
    if not words:
        return
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setFont(theme.font(theme.SIZE_SMALL))
    box = QRectF(corner, QSizeF(painter.fontMetrics().horizontalAdvance(words) + 16, 22))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.colour("#000000", 150))
    painter.drawRoundedRect(box, 5, 5)
    painter.setPen(theme.colour("#ffffff"))
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, words)


def _paint_checks(painter: QPainter, box: QRectF) -> None:
    """What is seen through a transparent picture."""
    tile = QPixmap(2 * CHECK, 2 * CHECK)
    tile.fill(theme.colour("#6a6a6a"))
    inside = QPainter(tile)
    for x, y in ((0, 0), (CHECK, CHECK)):
        inside.fillRect(x, y, CHECK, CHECK, theme.colour("#8c8c8c"))
    inside.end()
    painter.fillRect(box, QBrush(tile))
