"""One generator on the start page: a moving picture with a slider under it."""

from __future__ import annotations

import math
import time

from PySide6.QtCore import QRectF, Qt, Signal, Slot
from PySide6.QtGui import (
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from app import theme
from app.thumbnails import Thumbnails
from app.widgets.amount import AmountSlider
from app.widgets.enlarge import enlarged
from app.widgets.parts import column, label, push
from engine.messages import LatentPart, ModelInfo, SteerRequest

KEY = "start:"
WALK = (0, 1, 2, 102, 101, 100)
"""Seeds on the way of a tile's slider: a closed walk from neighbour to neighbour of the field."""
STOPS = len(WALK)
PATIENCE = 1.5
"""Seconds after which a picture that was asked for is asked for again."""
REST = 5.0
"""Seconds after the hand leaves before a tile moves by itself again."""
PREVIEW = 256


def on_the_way(info: ModelInfo, place: float) -> SteerRequest:
    """The picture at a place (0 .. STOPS) of a closed walk through seeds, mixed in w."""
    step = int(math.floor(place))
    part = place - step
    eased = part * part * (3.0 - 2.0 * part)
    first, second = WALK[step % STOPS], WALK[(step + 1) % STOPS]
    latent = [LatentPart(seed=first, weight=1.0 - eased)]
    if eased > 1e-4:
        latent.append(LatentPart(seed=second, weight=eased))
    kinds: tuple[float, ...] = ()
    if info.c_dim:
        kinds = tuple(
            (1.0 - eased) * (step % STOPS % info.c_dim == i)
            + eased * ((step + 1) % STOPS % info.c_dim == i)
            for i in range(info.c_dim)
        )
    return SteerRequest(model=info.id, latent=tuple(latent), classes=kinds, truncation=0.7)


class Preview(QWidget):
    """The moving picture of a tile; click or Return opens the generator there."""

    clicked = Signal()

    def __init__(self, name: str):
        super().__init__()
        self._image: QImage | None = None
        self.words = "waking up …"
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(f"Open {name}")
        self.setToolTip(f"Open {name} at this picture")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFixedSize(280, 280)

    def set_side(self, side: int) -> None:
        self.setFixedSize(side, side)

    def set_image(self, image: QImage) -> None:
        self._image = enlarged(image, self.width() * self.devicePixelRatioF() / image.width())
        self.update()

    @property
    def has_image(self) -> bool:
        return self._image is not None

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self.rect().contains(event.position().toPoint()):
            self.clicked.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.clicked.emit()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHints(
            QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform
        )
        shape = QPainterPath()
        shape.addRoundedRect(QRectF(self.rect()), 8, 8)
        painter.setClipPath(shape)
        if self._image is None:
            painter.fillRect(self.rect(), theme.colour(theme.RAISED))
            painter.setPen(theme.colour(theme.DIM))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.words)
        else:
            painter.drawImage(QRectF(self.rect()), self._image)
        if self.hasFocus() or self.underMouse():
            painter.setClipping(False)
            colour = theme.ACCENT if self.hasFocus() else theme.TEXT
            painter.setPen(QPen(theme.colour(colour), 2))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 8, 8)
        painter.end()


class Tile(QFrame):
    """One generator: its picture wanders until the hand takes the slider."""

    opened = Signal(object, object)
    """(ModelInfo, SteerRequest)."""

    def __init__(self, info: ModelInfo, thumbnails: Thumbnails, offset: float):
        super().__init__()
        self.info = info
        self._thumbnails = thumbnails
        self._place = offset
        self._asked_at = 0.0
        self._ticked = time.monotonic()
        self._touched = -REST
        self._asleep = False
        self.setObjectName("tile")
        name = info.name.replace("-", " ").replace("_", " ").capitalize()
        self.preview = Preview(name)
        self.slider = AmountSlider(f"Travel through {name}", 0.0, STOPS, 0.0, 0.05)
        self.slider.setToolTip("Drag: the picture follows the hand.")
        kinds = f"   ·   {', '.join(info.class_names[:3])}" if info.class_names else ""
        about = label(f"{info.resolution} px{kinds}", "small")
        self.open_button = push("Steer", f"Open {name} at this picture", primary=True)
        self.open_button.setAccessibleName(f"Steer {name}")
        layout = column(self, margin=14, spacing=10)
        layout.addWidget(self.preview)
        layout.addWidget(self.slider)
        words = column(spacing=1)
        words.addWidget(label(name, "head"))
        words.addWidget(about)
        foot = QHBoxLayout()
        foot.addLayout(words, 1)
        foot.addWidget(self.open_button, 0, Qt.AlignmentFlag.AlignVCenter)
        layout.addLayout(foot)
        if info.provenance:
            made = label(info.provenance, "small", wrap=True)
            made.setMaximumHeight(48)
            made.setToolTip(info.provenance)
            layout.addWidget(made)
        self.preview.clicked.connect(self._open)
        self.open_button.clicked.connect(self._open)
        self.slider.moved.connect(self._moved)
        self.slider.began.connect(self._touch)
        thumbnails.arrived.connect(self._picture)

    def wake(self) -> None:
        """Try again: it may have been opened meanwhile."""
        self._asleep, self._asked_at = False, 0.0
        self.slider.setEnabled(True)
        self._thumbnails.forget(self.key)

    def sleep(self) -> None:
        """It has never been opened here, so that it cannot move yet: opening prepares it."""
        self._asleep = True
        self.slider.setEnabled(False)
        self.preview.words = "Open it once to set it in motion"
        self.preview.update()

    @property
    def key(self) -> str:
        return KEY + self.info.id

    @property
    def request(self) -> SteerRequest:
        return on_the_way(self.info, self._place)

    def tick(self) -> None:
        """Move on by itself, unless the hand is or was just here."""
        now = time.monotonic()
        passed, self._ticked = min(now - self._ticked, 0.2), now
        if self._asleep:
            return
        busy = self.slider.isSliderDown() or now - self._touched < REST
        if not busy and self.preview.has_image:
            self._place = (self._place + passed * 0.22) % STOPS
            self.slider.set_amount(self._place)
        if self._asked_at == 0.0 or now - self._asked_at > PATIENCE:
            self._ask()

    def _ask(self) -> None:
        self._asked_at = time.monotonic()
        self._thumbnails.ask(self.key, [self.request], PREVIEW)

    @Slot(str, int, object)
    def _picture(self, key: str, _index: int, image: QImage) -> None:
        if key == self.key:
            self.preview.set_image(image)
            self._asked_at = 0.0

    @Slot(float)
    def _moved(self, place: float) -> None:
        self._touch()
        self._place = place
        self._ask()

    @Slot()
    def _touch(self) -> None:
        self._touched = time.monotonic()

    @Slot()
    def _open(self) -> None:
        self.opened.emit(self.info, self.request)
