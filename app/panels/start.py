"""The invitation: generators moving, a slider under each, recent projects, drop anything here."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from PySide6.QtCore import QRectF, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import (
    QHideEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QShowEvent,
)
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QWidget,
)

from app import icons, theme
from app.thumbnails import Thumbnails
from app.widgets.amount import AmountSlider
from app.widgets.enlarge import enlarged
from app.widgets.parts import column, label, push, row, scroll, section
from engine.messages import LatentPart, ModelInfo, SteerRequest

KEY = "start:"
WALK = (0, 1, 2, 102, 101, 100)
"""Seeds on the way of a tile's slider: a closed walk from neighbour to neighbour of the field."""
STOPS = len(WALK)
TICK_MS = 60
PATIENCE = 1.5
"""Seconds after which a picture that was asked for is asked for again."""
REST = 5.0
"""Seconds after the hand leaves before a tile moves by itself again."""
PREVIEW = 256
SIDE, HEAD, TILE_WORDS = 320, 186, 176
"""Pixels: width of the right column; heights of the page's head and of a tile's words."""


@dataclass(frozen=True)
class Recent:
    """A project file of before."""

    name: str
    path: str
    when: str = ""


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


class StartPage(QWidget):
    """What one sees first."""

    open_model = Signal(object, object)
    """(ModelInfo, SteerRequest)."""
    open_file = Signal()
    open_recent = Signal(str)
    train = Signal()

    def __init__(self, thumbnails: Thumbnails):
        super().__init__()
        self._thumbnails = thumbnails
        self.tiles: list[Tile] = []
        self._timer = QTimer(self)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._tick)
        self._build()

    def _build(self) -> None:
        layout = column(self, spacing=18)
        layout.setContentsMargins(48, 26, 48, 24)
        title = label("Lodestone")
        title.setFont(theme.font(theme.SIZE_TITLE, title.font().Weight.DemiBold))
        title.setStyleSheet(f"font-size: {theme.SIZE_TITLE}px; font-weight: 600;")
        mark = label("")
        mark.setPixmap(icons.pixmap("gem", theme.ACCENT, 34, 2))
        layout.addLayout(row(mark, title, 1, spacing=12))
        self.invitation = label(
            "Take a slider. The picture follows your hand; keep the ways you like, and give them "
            "your own words.",
            "dim",
            wrap=True,
        )
        layout.addWidget(self.invitation)
        self._grid_box = QWidget()
        self._grid = QGridLayout(self._grid_box)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(18)
        self._none = label("Looking for generators …", "dim", wrap=True)
        self._grid.addWidget(self._none, 0, 0)
        line = QHBoxLayout()
        line.setSpacing(28)
        line.addWidget(scroll(self._grid_box, "Generators"), 1)
        line.addWidget(self._side())
        layout.addLayout(line, 1)

    def _side(self) -> QWidget:
        side = QWidget()
        side.setFixedWidth(SIDE)
        recent = column(side, spacing=8)
        recent.addWidget(section("Recent projects"))
        self.recent = QListWidget()
        self.recent.setAccessibleName("Recent projects")
        self.recent.itemActivated.connect(self._recent)
        self.recent.itemClicked.connect(self._recent)
        self.no_recent = label(
            "Projects are written as you work. They will be listed here.", "dim", wrap=True
        )
        self.drop = QFrame()
        self.drop.setObjectName("drop")
        inside = column(self.drop, margin=20, spacing=12)
        words = label("Drop anything here", "head")
        words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        kinds = label(
            "A generator (.pkl, .pt, .safetensors), a preset, a PNG that Lodestone wrote, "
            "a project, or a folder of pictures to train on.",
            "dim",
            wrap=True,
        )
        kinds.setAlignment(Qt.AlignmentFlag.AlignCenter)
        open_button = push("Open…", "Choose a file (Ctrl+O)", icon="folder")
        train_button = push("Train your own…", "Make a generator from your pictures", icon="gem")
        open_button.clicked.connect(self.open_file)
        train_button.clicked.connect(self.train)
        inside.addWidget(words)
        inside.addWidget(kinds)
        inside.addLayout(row(1, open_button, train_button, 1))
        recent.insertWidget(0, self.drop)
        recent.insertSpacing(1, 14)
        recent.addWidget(self.no_recent)
        recent.addWidget(self.recent, 1)
        recent.addStretch(1)
        return side

    def set_models(self, models: tuple[ModelInfo, ...]) -> None:
        """Tiles: the bundled generators first."""
        ordered = sorted(models, key=lambda info: (not info.bundled, info.name.lower()))
        if [tile.info for tile in self.tiles] == ordered and ordered:
            return
        for tile in self.tiles:
            self._thumbnails.cancel(tile.key)
            self._grid.removeWidget(tile)
            tile.deleteLater()
        self.tiles = []
        self._none.setVisible(not ordered)
        self._none.setText(
            "There is no generator here yet. Drop one on the window, "
            "or train one from your pictures."
        )
        for index, info in enumerate(ordered):
            tile = Tile(info, self._thumbnails, (index * 0.9) % STOPS)
            tile.opened.connect(self.open_model)
            self.tiles.append(tile)
        self._lay_out()
        self._tick()
        if self.tiles and self.isVisible():
            self.tiles[0].slider.setFocus()

    def set_recent(self, projects: list[Recent]) -> None:
        self.recent.clear()
        for project in projects[:8]:
            item = QListWidgetItem(f"{project.name}    {project.when}")
            item.setData(int(Qt.ItemDataRole.UserRole), project.path)
            item.setToolTip(project.path)
            self.recent.addItem(item)
        self.recent.setVisible(bool(projects))
        self.no_recent.setVisible(not projects)

    def set_hot(self, hot: bool) -> None:
        """Something is being dragged over the window."""
        self.drop.setProperty("hot", hot)
        self.drop.style().polish(self.drop)

    def set_asleep(self, key: str) -> None:
        """The tile of a generator that cannot move yet."""
        for tile in self.tiles:
            if tile.key == key:
                tile.sleep()

    @property
    def has_picture(self) -> bool:
        return any(tile.preview.has_image for tile in self.tiles)

    def _lay_out(self) -> None:
        if not self.tiles:
            return
        across = self.width() - 2 * 48 - SIDE - 28 - 12
        down = self.height() - HEAD - TILE_WORDS
        # As large as lets the first two stand side by side, whole.
        side = int(min(max(min(down, (across - 18) / 2 - 30), 180), 680))
        columns = min(max(int((across + 18) // (side + 30 + 18)), 1), len(self.tiles))
        for index, tile in enumerate(self.tiles):
            self._grid.removeWidget(tile)
            tile.preview.set_side(side)
            tile.setFixedWidth(side + 30)
            self._grid.addWidget(tile, index // columns, index % columns, Qt.AlignmentFlag.AlignTop)
        for index in range(columns + 2):
            self._grid.setColumnStretch(index, 1 if index == columns else 0)
        self._grid.setRowStretch(len(self.tiles), 1)

    @Slot()
    def _tick(self) -> None:
        for tile in self.tiles:
            tile.tick()

    @Slot(QListWidgetItem)
    def _recent(self, item: QListWidgetItem) -> None:
        self.open_recent.emit(item.data(int(Qt.ItemDataRole.UserRole)))

    def sizeHint(self) -> QSize:
        return QSize(1100, 720)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._lay_out()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        for tile in self.tiles:
            tile.wake()
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()
        for tile in self.tiles:
            self._thumbnails.cancel(tile.key)
