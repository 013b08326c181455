"""What of an enlarged picture is before the eye, and what there is to show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QPointF, QRectF, QSize, QSizeF, Qt, Signal, Slot
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.upscale_state import Seen
from app.widgets.heat import Heat

Mode = Literal["made", "split", "lens", "beside", "apart"]
MARGIN, GAP = 16, 2
"""Around a fitted picture, between two views; pixels."""
BEGIN = 100.0
"""Percent at which the first picture is shown: there one sees what a model adds."""
NEAREST, FARTHEST = 96.0, 0.02
"""Screen pixels for one of the source."""


@dataclass(frozen=True, eq=False)
class Layer:
    """A picture, and where in the source it lies (pixels of the source)."""

    image: QImage
    place: QRectF


@dataclass(frozen=True, eq=False)
class Scene:
    """All that can be shown."""

    size: tuple[int, int] = (0, 0)
    """Of the source."""
    scale: float = 3.0
    ground: QImage | None = None
    """All of the source, for where nothing else has come yet."""
    made: Layer | None = None
    against: Layer | None = None
    original: Layer | None = None
    apart: Layer | None = None
    heat: Heat | None = None
    wrap: bool = False
    """Seamless: shown 2 x 2 times."""
    tags: tuple[str, str] = ("", "")
    """What it is compared with (left), and what is made (right)."""
    words: str = ""
    """Said below the picture."""


class LoupeView(QWidget):
    """One or two views of the same place, at the same zoom."""

    seen_changed = Signal()
    zoom_changed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._scene = Scene()
        self.mode: Mode = "split"
        self.split = 0.5
        """Share of the width at which the line stands."""
        self._zoom: float | None = None
        self._centre = QPointF()
        self._pointer: QPointF | None = None
        self._peek = False
        self._keyboard = False
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Enlarged picture")
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(200, 120)

    def sizeHint(self) -> QSize:
        return QSize(760, 520)

    # -------------------------------------------------------------- what

    @property
    def scene(self) -> Scene:
        return self._scene

    def set_scene(self, scene: Scene) -> None:
        before, self._scene = self._scene, scene
        if (before.size, before.wrap) != (scene.size, scene.wrap):
            self._centre = QPointF(self._world.width() / 2, self._world.height() / 2)
            if before.ground is None:
                self.set_percent(BEGIN)
            self._moved()
        elif before.scale != scene.scale:
            self._moved()
        self.update()

    def set_mode(self, mode: Mode) -> None:
        self.mode = mode
        self._moved()

    def set_peek(self, on: bool) -> None:
        """Show the original while it is held."""
        if on != self._peek:
            self._peek = on
            self._moved()

    @property
    def peek(self) -> bool:
        return self._peek

    @property
    def wanted(self) -> tuple[str, ...]:
        """The sides that are shown."""
        sides = ("made",) if self.mode == "made" else ("made", "against")
        return (*sides, "original") if self._peek else sides

    # -------------------------------------------------------------- view

    @property
    def _world(self) -> QSizeF:
        times = 2 if self._scene.wrap else 1
        return QSizeF(self._scene.size[0] * times, self._scene.size[1] * times)

    def panes(self) -> list[QRectF]:
        """One, or two beside each other."""
        whole = QRectF(self.rect())
        if self.mode != "beside" or self._peek:
            return [whole]
        wide = (whole.width() - GAP) / 2
        return [QRectF(0, 0, wide, whole.height()), QRectF(wide + GAP, 0, wide, whole.height())]

    @property
    def zoom(self) -> float:
        """Widget pixels for one of the source."""
        if self._zoom is not None:
            return self._zoom
        pane, world = self.panes()[0], self._world
        if world.isEmpty():
            return 1.0
        across = (pane.width() - 2 * MARGIN) / world.width()
        return max(min(across, (pane.height() - 2 * MARGIN) / world.height()), 1e-3)

    @property
    def fitted(self) -> bool:
        return self._zoom is None

    def target(self, pane: QRectF) -> QRectF:
        """Where the whole world lies. It begins on a pixel of the screen: 100 % is crisp."""
        corner = pane.topLeft() + QPointF(pane.width() / 2, pane.height() / 2)
        corner = (corner - self._middle * self.zoom) * self.devicePixelRatioF()
        corner = QPointF(round(corner.x()), round(corner.y())) / self.devicePixelRatioF()
        return QRectF(corner, self._world * self.zoom)

    @property
    def _middle(self) -> QPointF:
        if self._zoom is None:
            return QPointF(self._world.width() / 2, self._world.height() / 2)
        return self._centre

    def seen(self) -> Seen:
        """What of the world is before the eye, pixels of the source."""
        pane = self.panes()[0]
        target, zoom = self.target(pane), self.zoom
        box = pane.intersected(target).translated(-target.topLeft())
        return Seen(box.left() / zoom, box.top() / zoom, box.right() / zoom, box.bottom() / zoom)

    @Slot()
    def fit(self) -> None:
        self._zoom = None
        self._moved()

    def set_percent(self, percent: float) -> None:
        """100: one pixel of the result on one of the screen."""
        wanted = percent / 100 * self._scene.scale / self.devicePixelRatioF()
        self.zoom_by(wanted / self.zoom)

    @Slot()
    def one_to_one(self) -> None:
        self.set_percent(100)

    @Slot()
    def zoom_in(self) -> None:
        self.zoom_by(1.25)

    @Slot()
    def zoom_out(self) -> None:
        self.zoom_by(0.8)

    def zoom_by(self, factor: float, at: QPointF | None = None) -> None:
        """Around a point of the widget (default: the middle)."""
        pane = self._pane_at(at)
        arm = (at - pane.center()) if at is not None else QPointF()
        old, middle = self.zoom, self._middle
        self._zoom = min(max(old * factor, FARTHEST), NEAREST)
        self._centre = middle + arm / old - arm / self._zoom
        self._moved()

    def pan(self, dx: float, dy: float) -> None:
        """Move the picture by widget pixels."""
        middle, self._zoom = self._middle, self.zoom
        self._centre = middle - QPointF(dx, dy) / self._zoom
        self._moved()

    def _pane_at(self, at: QPointF | None) -> QRectF:
        panes = self.panes()
        return panes[-1] if at is not None and at.x() >= panes[-1].left() else panes[0]

    def _moved(self) -> None:
        world = self._world
        self._centre = QPointF(
            min(max(self._centre.x(), 0.0), world.width()),
            min(max(self._centre.y(), 0.0), world.height()),
        )
        percent = self.zoom * self.devicePixelRatioF() / self._scene.scale * 100
        words = f"{percent:.0f} %" if percent >= 10 else f"{percent:.1f} %"
        self.zoom_changed.emit(f"Fit · {words}" if self.fitted else words)
        self.seen_changed.emit()
        self.update()

    def line_x(self) -> float:
        """Where the split stands in the widget."""
        target = self.target(self.panes()[0])
        low, high = max(0.0, target.left()), min(float(self.width()), target.right())
        return min(max(self.split * self.width(), low), high)
