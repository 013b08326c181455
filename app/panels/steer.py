"""The Steer workspace: the canvas in the middle, the latent left, directions right, play below."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QDockWidget,
    QFrame,
    QHBoxLayout,
    QMainWindow,
    QStackedWidget,
    QToolButton,
    QWidget,
)

from app.document import Document
from app.finding import Finding
from app.inspect_state import count_words, turned
from app.link import EngineLink
from app.live import Live
from app.panels.directions import DirectionsPanel
from app.panels.find import FindPanel
from app.panels.find_channels import ChannelsPart
from app.panels.latent import LatentPanel
from app.panels.play import PadPanel, SnapshotsPanel, WanderPanel
from app.state import Snapshot, SteerState, same
from app.thumbnails import Thumbnails
from app.widgets.bars import MessageBar
from app.widgets.canvas import Canvas
from app.widgets.mask import MaskLayer
from app.widgets.parts import column, icon_button, image_of, label, panel, row, scroll
from engine.messages import ModelInfo

WIDE = 1270
"""From this width on, pixels, the row below fits between the sides."""


class CanvasArea(QWidget):
    """The picture under its tool row; messages lie over the picture's upper edge."""

    def __init__(self, canvas: Canvas):
        super().__init__()
        self.canvas = canvas
        self.bar = MessageBar()
        self.title = label("", "dim")
        self.title.setMinimumWidth(40)
        self.zoom = label("Fit", "dim")
        self.zoom.setMinimumWidth(84)
        self.zoom.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.fit = _word_button("Fit", "Fit the picture (F)")
        self.actual = _word_button("1:1", "One picture pixel on one screen pixel (1)")
        self.compare = icon_button("compare", "Compare with the snapshot (V)", checkable=True)
        self.turned = _word_button("", "Units turned on the Inspect page. Click: nothing is turned")
        self.turned.setProperty("chip", True)
        self.turned.hide()
        tools = row(
            self.title, self.turned, 1, self.zoom, self.fit, self.actual, self.compare, spacing=4
        )
        tools.setContentsMargins(14, 5, 10, 5)
        head = panel()
        head.setLayout(tools)
        head.setFixedHeight(38)
        layout = column(self, spacing=0)
        layout.addWidget(head)
        layout.addWidget(canvas, 1)
        self.bar.setParent(self)
        self.bar.installEventFilter(self)
        self.fit.clicked.connect(canvas.fit)
        self.actual.clicked.connect(canvas.one_to_one)
        self.compare.clicked.connect(canvas.set_comparing)
        canvas.compare_changed.connect(self.compare.setChecked)
        canvas.view_changed.connect(self.zoom.setText)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_bar()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kinds = (QEvent.Type.Show, QEvent.Type.LayoutRequest)
        if watched is self.bar and event.type() in kinds:
            self._place_bar()
        return super().eventFilter(watched, event)

    def _place_bar(self) -> None:
        width = min(self.width() - 24, 620)
        height = max(self.bar.heightForWidth(width), self.bar.sizeHint().height())
        self.bar.setGeometry((self.width() - width) // 2, 48, width, height)
        self.bar.raise_()


class SteerWorkspace(QMainWindow):
    """Docks around the canvas; each can float on another screen."""

    model_wanted = Signal()

    def __init__(
        self,
        document: Document,
        live: Live,
        link: EngineLink,
        thumbnails: Thumbnails,
        finding: Finding,
    ):
        super().__init__()
        self.setWindowFlags(Qt.WindowType.Widget)
        self._document, self._live, self._finding = document, live, finding
        self.canvas = Canvas(link.pixels, link.release)
        self.area = CanvasArea(self.canvas)
        self.setCentralWidget(self.area)
        self.latent = LatentPanel(document, live, thumbnails)
        self.directions = DirectionsPanel(document, live, thumbnails)
        self.mask_layer = MaskLayer(self.canvas)
        channels = ChannelsPart(document, live, link, thumbnails, finding, self.mask_layer)
        self.searching = FindPanel(document, finding, channels)
        self.snapshots = SnapshotsPanel(document)
        self.pad = PadPanel(document)
        self.wander = WanderPanel(document)
        self._build_docks()
        self._wire()

    def _build_docks(self) -> None:
        self.setDockOptions(QMainWindow.DockOption.AllowNestedDocks)
        area = Qt.DockWidgetArea
        self._share_corners()
        latent = panel()
        column(latent).addWidget(scroll(self.latent, "Latent"))
        latent.setMinimumWidth(300)
        directions = panel()
        self._faces = QStackedWidget()
        self._faces.addWidget(self.directions)
        self._faces.addWidget(self.searching)
        column(directions).addWidget(self._faces)
        self.latent_dock = self._dock("Latent", latent, area.LeftDockWidgetArea)
        self.directions_dock = self._dock("Directions", directions, area.RightDockWidgetArea)
        play = panel()
        line = QHBoxLayout(play)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(0)
        line.addWidget(self.snapshots, 4)
        line.addWidget(_divider())
        line.addWidget(self.wander, 1)
        line.addWidget(_divider())
        line.addWidget(self.pad, 1)
        self.wander.setMinimumWidth(198)
        self.pad.setMinimumWidth(226)
        self.play_dock = self._dock("Play", play, area.BottomDockWidgetArea)
        self.resizeDocks(
            [self.latent_dock, self.directions_dock], [300, 336], Qt.Orientation.Horizontal
        )

    def _share_corners(self) -> None:
        """The sides go down to the bottom; in a narrow window the row below needs all its width."""
        area = Qt.DockWidgetArea
        narrow = self.width() < WIDE
        for corner, side in (
            (Qt.Corner.BottomLeftCorner, area.LeftDockWidgetArea),
            (Qt.Corner.BottomRightCorner, area.RightDockWidgetArea),
        ):
            wanted = area.BottomDockWidgetArea if narrow else side
            if self.corner(corner) != wanted:
                self.setCorner(corner, wanted)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._share_corners()

    def _dock(self, title: str, content: QWidget, side: Qt.DockWidgetArea) -> QDockWidget:
        dock = QDockWidget(title, self)
        dock.setObjectName(f"dock {title}")
        dock.setWidget(content)
        # The panels name themselves; a title bar would say it twice. F8 to F10 show and hide them.
        empty = QWidget()
        empty.setFixedHeight(0)
        dock.setTitleBarWidget(empty)
        dock.setFeatures(QDockWidget.DockWidgetFeature.NoDockWidgetFeatures)
        self.addDockWidget(side, dock)
        return dock

    def _wire(self) -> None:
        self.directions.find_asked.connect(self.toggle_find)
        self.searching.closed.connect(self.toggle_find)
        self._finding.found.connect(self._found)
        self._live.frame.connect(self.canvas.show_frame)
        self.canvas.painted.connect(self._live.painted)
        self._document.changed.connect(self._changed)
        self._document.model_changed.connect(self._model)
        self.snapshots.take_asked.connect(self.take_snapshot)
        self.snapshots.chosen.connect(self._compare_with)
        self.area.turned.clicked.connect(self._turn_nothing)

    # -------------------------------------------------------------- find directions

    @property
    def finding(self) -> bool:
        """Whether the column shows where directions are looked for."""
        return self._faces.currentWidget() is self.searching

    def set_finding(self, on: bool) -> None:
        self._faces.setCurrentWidget(self.searching if on else self.directions)
        if on:
            self.directions_dock.show()
            self.searching.cards[self.searching.method].setFocus()
        else:
            self.searching.channels.set_painting(False)

    @Slot()
    def toggle_find(self) -> None:
        self.set_finding(not self.finding)

    @Slot(object, str)
    def _found(self, keys: tuple[str, ...], words: str) -> None:
        self.directions.show_found(keys, words)
        self.set_finding(False)

    # -------------------------------------------------------------- picture

    @Slot(object)
    def _model(self, info: ModelInfo) -> None:
        self.canvas.clear("")
        self.canvas.fit()

    @Slot()
    def _turn_nothing(self) -> None:
        self._document.change("Turn nothing", units=())

    @Slot(object, object)
    def _changed(self, old: SteerState, state: SteerState) -> None:
        info = self._document.info
        count = turned(state.units)
        self.area.turned.setVisible(bool(state.units))
        self.area.turned.setText(f"{count_words(count, 'unit')} turned  ×")
        if info is None or same(old, state, "model", "x", "y", "custom", "morph", "snapshots"):
            return
        place = f"seed {state.seed}"
        if state.custom:
            place = "a latent of its own"
        elif state.x != round(state.x) or state.y != round(state.y):
            place = f"between seeds, near {state.seed}"
        if state.morph.on:
            place = f"morph {round(state.morph.t * 100)} %"
        self.area.title.setText(f"{info.name}   ·   {info.resolution} px   ·   {place}")
        if old.snapshots != state.snapshots:
            newest = state.snapshots[-1].picture if state.snapshots else None
            if newest is None:
                self.canvas.set_comparing(False)
        self.area.compare.setEnabled(bool(state.snapshots))

    @Slot()
    def take_snapshot(self) -> None:
        """Keep what the canvas shows."""
        request = self._live.request
        image = self.canvas.image()
        if request is not None and not image.isNull():
            self.snapshots.add(request, image)
            self.canvas.set_other(image)

    @Slot(object)
    def _compare_with(self, shot: Snapshot) -> None:
        if shot.picture is not None:
            self.canvas.set_other(image_of(shot.picture))


def _word_button(text: str, tip: str) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setToolTip(tip)
    button.setAccessibleName(tip)
    button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    return button


def _divider() -> QFrame:
    line = QFrame()
    line.setFixedWidth(1)
    line.setStyleSheet("background: #2e2e2e;")
    return line
