"""Where the picture comes from: seed, field, gallery, kinds, truncation, noise, style mixing."""

from __future__ import annotations

import random
from dataclasses import replace

from PySide6.QtCore import Slot
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QStackedWidget, QWidget

from app import theme
from app.document import Document
from app.live import Live
from app.panels.shaping import Shaping
from app.state import SEEDS, SteerState, same
from app.thumbnails import Thumbnails, plain
from app.widgets.amount import number
from app.widgets.field import SeedField
from app.widgets.layers import LayerSet
from app.widgets.parts import Segments, column, icon_button, label, row, section
from app.widgets.thumbs import ThumbGrid
from engine.messages import ModelInfo, SteerRequest

GALLERY = 24
SHOWN = (
    "model", "x", "y", "space", "anchor", "field_rows", "custom", "classes", "mix_seed", "mix",
    "mix_layers", "truncation", "truncation_cutoff", "noise", "noise_seed", "noise_strength",
)  # fmt: skip
"""The fields this panel shows; a slider of a direction touches none of them."""
SPACES = (
    ("z", "z", "Travel in z: every place between seeds is as lively as a seed."),
    ("w", "w", "Travel in w: the straight, smooth way between seeds."),
    ("w+", "w+", "Travel in w+: only the chosen layers travel, the others stay."),
)


class LatentPanel(QWidget):
    """The left side of the Steer panel."""

    def __init__(self, document: Document, live: Live, thumbnails: Thumbnails):
        super().__init__()
        self._document, self._thumbnails = document, thumbnails
        self._page = 0
        self._request: SteerRequest | None = None
        self._asked_field: tuple[int, ...] = ()
        self._random = random.Random()
        self._make()
        self._build()
        document.changed.connect(self._changed)
        document.model_changed.connect(self._model)
        live.settled.connect(self._settled)
        thumbnails.arrived.connect(self._picture)

    def _make(self) -> None:
        self.seed = number("Seed", 0, SEEDS - 1, 1, decimals=0)
        self.seed.setFixedWidth(112)
        self.seed.setToolTip("A seed is a picture's number. Type one, or step with the arrow keys.")
        self.before = icon_button("left", "Previous seed")
        self.after = icon_button("right", "Next seed")
        self.dice = icon_button("dice", "Random seed")
        self.space = Segments(SPACES, "Latent space")
        self.view = Segments(
            (
                ("field", "Field", "Drag through a plane of seeds."),
                ("gallery", "Gallery", "24 seeds to click."),
            ),
            "Seeds",
        )
        self.field = SeedField()
        self.gallery = ThumbGrid("Gallery of seeds", 6)
        self.back = icon_button("left", "Previous 24 seeds")
        self.more = icon_button("right", "Next 24 seeds")
        self.shuffle = icon_button("dice", "Another 24 seeds")
        self.page = label("", "small")
        self.rows = LayerSet("Layers that travel")
        self.shaping = Shaping(self._document)

    def _build(self) -> None:
        layout = column(self, margin=12, spacing=7)
        layout.addWidget(section("Seed"))
        layout.addLayout(row(self.seed, self.before, self.after, 1, self.dice, spacing=4))
        layout.addSpacing(2)
        head = row(self.view, 1, self.space)
        layout.addLayout(head)
        self.stack = QStackedWidget()
        wall = QWidget()
        inside = column(wall, spacing=4)
        inside.addWidget(self.gallery)
        inside.addLayout(row(self.page, 1, self.back, self.more, self.shuffle, spacing=2))
        inside.addStretch(1)
        self.stack.addWidget(self.field)
        self.stack.addWidget(wall)
        self.stack.setFixedHeight(206)
        self.field.setFixedHeight(206)
        layout.addWidget(self.stack)
        self.rows_label = label("Layers that travel; the others keep the seed", "small")
        layout.addWidget(self.rows_label)
        layout.addWidget(self.rows)
        layout.addSpacing(theme.SPACE)
        layout.addWidget(self.shaping)
        layout.addStretch(1)
        self.setMinimumWidth(288)
        self._wire()

    def _wire(self) -> None:
        self.seed.valueChanged.connect(self._typed)
        self.before.clicked.connect(self._previous)
        self.after.clicked.connect(self._next)
        self.dice.clicked.connect(self.random_seed)
        self.space.chosen.connect(self._space)
        self.view.chosen.connect(self._view)
        self.field.moved.connect(self._travel)
        self.field.began.connect(self._document.begin_gesture)
        self.field.ended.connect(self._document.end_gesture)
        self.field.view_changed.connect(self._ask_field)
        self.gallery.chosen.connect(self._pick)
        self.back.clicked.connect(self._page_back)
        self.more.clicked.connect(self._page_on)
        self.shuffle.clicked.connect(self._page_random)
        self.rows.set_changed.connect(self._rows)
        self.rows.began.connect(self._document.begin_gesture)
        self.rows.ended.connect(self._document.end_gesture)

    # -------------------------------------------------------------- hand → document

    @Slot(float)
    def _typed(self, seed: float) -> None:
        self._document.set_seed(int(seed), "seed")

    @Slot()
    def _previous(self) -> None:
        self._document.set_seed(self._document.state.seed - 1, "seed")

    @Slot()
    def _next(self) -> None:
        self._document.set_seed(self._document.state.seed + 1, "seed")

    @Slot()
    def random_seed(self) -> None:
        self._document.set_seed(self._random.randrange(1_000_000))

    @Slot(str)
    def _space(self, space: str) -> None:
        state = self._document.state
        anchor = state.seed if space == "w+" and state.space != "w+" else state.anchor
        self._document.change(f"Travel in {space}", space=space, anchor=anchor)

    @Slot(str)
    def _view(self, view: str) -> None:
        self.stack.setCurrentIndex(0 if view == "field" else 1)
        self._ask_field()
        self._ask_gallery()

    @Slot(float, float)
    def _travel(self, x: float, y: float) -> None:
        self._document.change("Travel in the seed field", "field", x=x, y=y, custom=())

    @Slot(object)
    def _rows(self, rows: tuple[int, ...]) -> None:
        self._document.change("Choose travelling layers", "rows", field_rows=rows)

    @Slot(int)
    def _pick(self, index: int) -> None:
        self._document.set_seed(self._gallery_seed(index))

    def _gallery_seed(self, index: int) -> int:
        return (self._page * GALLERY + index) % SEEDS

    @Slot()
    def _page_back(self) -> None:
        self._turn(max(self._page - 1, 0))

    @Slot()
    def _page_on(self) -> None:
        self._turn(self._page + 1)

    @Slot()
    def _page_random(self) -> None:
        self._turn(self._random.randrange(40_000))

    def _turn(self, page: int) -> None:
        self._page = page
        self._label_gallery()
        self._ask_gallery()

    def _label_gallery(self) -> None:
        seeds = [self._gallery_seed(index) for index in range(GALLERY)]
        self.gallery.set_labels([f"Seed {seed}" for seed in seeds])
        self.page.setText(f"Seeds {seeds[0]}–{seeds[-1]}")
        self._mark_seed(self._document.state)

    # -------------------------------------------------------------- document → panel

    @Slot(object)
    def _model(self, info: ModelInfo | None) -> None:
        if info is None:
            return
        self.rows.set_layers(info.layers, info.num_ws)
        self.field.clear_images()
        self._asked_field = ()
        self._request = None
        self.shaping.set_model(info)
        self._label_gallery()

    @Slot(object, object)
    def _changed(self, old: SteerState, state: SteerState) -> None:
        if same(old, state, *SHOWN):
            return
        blocked = self.seed.blockSignals(True)
        self.seed.setValue(state.seed)
        self.seed.blockSignals(blocked)
        self.space.set_value(state.space)
        self.field.set_place(state.x, state.y)
        self.rows.set_rows(state.field_rows)
        layered = state.space == "w+"
        self.rows.setVisible(layered)
        self.rows_label.setVisible(layered)
        self.shaping.show_state(old, state)
        self._mark_seed(state)

    def _mark_seed(self, state: SteerState) -> None:
        on_seed = not state.custom and state.x == round(state.x) and state.y == round(state.y)
        index = state.seed - self._page * GALLERY if on_seed else -1
        self.gallery.set_current(index if 0 <= index < GALLERY else -1)

    # -------------------------------------------------------------- thumbnails

    @Slot(object)
    def _settled(self, request: SteerRequest) -> None:
        # Small pictures show bare seeds, so only these fields make them old.
        base = replace(plain(request, 0), truncation_cutoff=request.truncation_cutoff)
        if base != self._request:
            self._request = base
            self._asked_field = ()
            self.field.clear_images()
            self._thumbnails.forget("gallery")
        self._ask_field()
        self._ask_gallery()

    @Slot()
    def _ask_field(self) -> None:
        if self._request is None or not self.field.isVisible():
            return
        wanted = tuple(seed for seed in self.field.seeds() if not self.field.has_image(seed))
        if wanted and wanted != self._asked_field:
            self._asked_field = wanted
            requests = [plain(self._request, seed) for seed in wanted]
            self._thumbnails.forget("field")
            self._thumbnails.ask("field", requests, 96)

    def _ask_gallery(self) -> None:
        if self._request is None or not self.gallery.isVisible():
            return
        seeds = [self._gallery_seed(index) for index in range(GALLERY)]
        self._thumbnails.ask("gallery", [plain(self._request, seed) for seed in seeds], 96)

    @Slot(str, int, object)
    def _picture(self, key: str, index: int, image: QImage) -> None:
        if key == "gallery":
            self.gallery.set_image(index, image)
            self.field.set_image(self._gallery_seed(index), image)
        elif key == "field" and index < len(self._asked_field):
            self.field.set_image(self._asked_field[index], image)
