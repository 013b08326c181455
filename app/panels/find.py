"""Find directions: the ways to look for them, their fields, and what is being computed."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QProgressBar, QWidget

from app.document import Document
from app.finding import Finding, Search
from app.jobs import time_left, title
from app.panels.find_channels import ChannelsPart
from app.panels.find_form import SearchForm
from app.widgets.method import MethodCard
from app.widgets.parts import column, icon_button, image_of, label, push, row, scroll, section
from app.widgets.plot import Plot
from engine.messages import ChannelsRequest, DiscoverRequest, ModelInfo

METHODS = {
    "sefa": ("SeFa", "What the weights turn most", "instant"),
    "pca": ("PCA", "Where the pictures differ most", "seconds"),
    "selective": ("By layer", "A layer stays as it is, what follows changes", "minutes"),
    "channels": ("Channels", "Single dials; brush over what they should move", "by hand"),
}


class FindPanel(QWidget):
    """The other face of the directions column."""

    closed = Signal()
    """Back to the cards."""

    def __init__(self, document: Document, finding: Finding, channels: ChannelsPart):
        super().__init__()
        self._finding = finding
        self._job: int | None = None
        self.channels = channels
        self.back = icon_button("left", "Back to the directions (Ctrl+D)")
        self.form = SearchForm()
        self.go = push("Find", primary=True)
        self.running = Running()
        self.cards: dict[str, MethodCard] = {}
        layout = column(self, spacing=6)
        layout.setContentsMargins(10, 12, 4, 8)
        head = row(self.back, section("Find directions"), 1, spacing=4)
        head.setContentsMargins(0, 0, 8, 0)
        layout.addLayout(head)
        methods = self._methods()
        layout.addWidget(methods)
        channels.painting_changed.connect(methods.setHidden)
        self._search = QWidget()
        inside = column(self._search, spacing=10)
        inside.setContentsMargins(2, 8, 8, 0)
        inside.addWidget(self.form)
        inside.addLayout(row(1, self.go))
        inside.addWidget(self.running)
        inside.addStretch(1)
        self._area = scroll(self._search, "Search")
        layout.addWidget(self._area, 1)
        layout.addWidget(channels, 1)
        self.setMinimumWidth(330)
        self.back.clicked.connect(self.closed)
        self.go.clicked.connect(self.start)
        self.running.stop.clicked.connect(self._stop)
        document.model_changed.connect(self._model)
        finding.progressed.connect(self._progressed)
        self.set_method("pca")

    def _methods(self) -> QWidget:
        holder = QWidget()
        inside = QGridLayout(holder)
        inside.setSpacing(6)
        inside.setContentsMargins(0, 2, 8, 0)
        for place, (name, (head, words, takes)) in enumerate(METHODS.items()):
            card = MethodCard(head, words, takes)
            card.setObjectName(name)
            card.toggled.connect(self._chosen)
            self.cards[name] = card
            inside.addWidget(card, place // 2, place % 2)
        return holder

    @property
    def method(self) -> str:
        return next((name for name, card in self.cards.items() if card.isChecked()), "pca")

    def set_method(self, method: str) -> None:
        self.cards[method].setChecked(True)

    @Slot(bool)
    def _chosen(self, on: bool) -> None:
        if not on:
            return
        by_hand = self.method == "channels"
        self.channels.setVisible(by_hand)
        self._area.setVisible(not by_hand)
        if not by_hand:
            self.form.set_method(self.method)

    @Slot(object)
    def _model(self, info: ModelInfo | None) -> None:
        if info is not None:
            self.form.set_model(info)

    @Slot()
    def start(self) -> None:
        """Look for directions."""
        job = self._finding.search(self.form.wish())
        if job is not None:
            self._job = job

    @Slot()
    def _stop(self) -> None:
        if self._job is not None:
            self._finding.stop(self._job)

    @Slot(object)
    def _progressed(self, search: Search) -> None:
        if isinstance(search.update.request, DiscoverRequest):
            self._job = search.update.job if search.active else self._job
            self.running.show_search(search)
            self.go.setEnabled(not search.active)
        elif isinstance(search.update.request, ChannelsRequest):
            self.channels.show_search(search)


class Running(QFrame):
    """How far a search is, its loss as it falls, and how it ended."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("card")
        self.title = label("", wrap=True)
        self.left = label("", "small")
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(6)
        self.bar.setAccessibleName("Progress of the search")
        self.message = label("", "small", wrap=True)
        self.picture = QLabel()
        self.picture.setAccessibleName("What the search found so far")
        self.picture.hide()
        self.plot = Plot("Loss", 92)
        self.stop = push("Stop", "What was found so far is kept; the same search goes on from it.")
        self.stop.setAccessibleName("Stop the search")
        layout = column(self, margin=10, spacing=7)
        layout.addWidget(self.title)
        layout.addWidget(self.bar)
        layout.addWidget(self.picture)
        layout.addWidget(self.plot)
        layout.addWidget(self.message)
        layout.addLayout(row(self.left, 1, self.stop))
        self.plot.hide()
        self.hide()

    def show_search(self, search: Search) -> None:
        update = search.update
        self.show()
        self.title.setText(title(update.request))
        words = {"queued": "waiting", "done": "done", "failed": "failed", "cancelled": "stopped"}
        left = time_left(update.seconds_left) if update.state == "running" else ""
        self.left.setText(left or words.get(update.state, ""))
        self.bar.setValue(round(update.fraction * 1000))
        self.bar.setVisible(search.active)
        self.stop.setVisible(search.active)
        self.message.setText(update.message)
        self.message.setVisible(bool(update.message))
        self.picture.setVisible(search.active and update.preview is not None)
        if update.preview is not None and search.active:
            wide = max(self.width() - 24, 100)
            image = image_of(update.preview)
            smooth = Qt.TransformationMode.SmoothTransformation
            self.picture.setPixmap(QPixmap.fromImage(image.scaledToWidth(wide, smooth)))
        self.plot.setVisible(len(search.losses) > 1)
        if len(search.losses) > 1:
            self.plot.show_curve(
                search.losses, "Loss", f"{search.losses[0]:.3g} → {search.losses[-1]:.3g}"
            )
