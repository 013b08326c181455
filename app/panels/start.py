"""The invitation: generators moving, a slider under each, recent projects, drop anything here."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import (
    QHideEvent,
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
from app.panels.tile import STOPS, Tile
from app.thumbnails import Thumbnails
from app.widgets.parts import column, label, push, row, scroll, section
from engine.messages import ModelInfo

TICK_MS = 60
SIDE, HEAD, TILE_WORDS = 320, 186, 176
"""Pixels: width of the right column; heights of the page's head and of a tile's words."""


@dataclass(frozen=True)
class Recent:
    """A project file of before."""

    name: str
    path: str
    when: str = ""


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
