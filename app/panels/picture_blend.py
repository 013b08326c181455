"""Blend: up to four pictures melted into each other, by place, over time, or layout with matter."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from PySide6.QtCore import QStandardPaths, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QFileDialog, QFrame, QPushButton, QStackedWidget, QWidget

from app.identity import begun, exchanged, map_shape, with_picture, without_picture
from app.panels.picture_morph import MorphView
from app.panels.picture_part import TaskPart, brushless_canvas, named
from app.picture_source import KINDS
from app.picture_state import Pattern, PictureState, between, recipes
from app.picturing import Picturing
from app.widgets.amount import AmountRow
from app.widgets.identity import LETTERS, IdentityLayer, IdentityTools
from app.widgets.parts import Segments, column, label, push, row, section
from app.widgets.slots import PictureSlots
from engine.messages import PictureRequest, Vector

MOST = len(LETTERS)
LIVE_MS = 250
"""While a stroke lasts the map is asked for this often."""
PATTERNS: tuple[tuple[Pattern, str, str], ...] = (
    ("across", "Left to right", "A at the left, fading to the right"),
    ("down", "Top down", "A at the top, fading downwards"),
    ("disc", "Disc", "A round the edge, the others in the middle"),
)


class BlendPart(TaskPart):
    """Meld by a painted map, morph from one to the other, fuse structure with texture."""

    task, title = "blend", "Blend"
    hint = "Melt up to four pictures into each other"
    waiting = "Add a second picture"

    train_asked = Signal()

    def __init__(self, picturing: Picturing):
        super().__init__(picturing)
        self._make()
        self._build_form()
        self._build_front()
        self._wire()

    def _make(self) -> None:
        self.slots_ = PictureSlots()
        self.mixing = Segments(
            (
                ("meld", "Meld", "Paint which picture is where"),
                ("morph", "Morph", "From one picture to the other over time"),
                ("fuse", "Fuse", "The layout of one, the matter of another"),
            ),
            "Mixing",
        )
        self.canvas = brushless_canvas("Which picture is where")
        self.layer = IdentityLayer(self.canvas)
        self.tools = IdentityTools(self.layer)
        self.patterns: dict[Pattern, QPushButton] = {
            value: push(text, tip) for value, text, tip in PATTERNS
        }
        self.structure, self.texture = (
            Segments(tuple((str(i), LETTERS[i], f"{tip} {LETTERS[i]}") for i in range(MOST)), name)
            for name, tip in (("Structure", "The layout of"), ("Texture", "The matter of"))
        )
        self.morph = MorphView(self.picturing)
        self.seconds = AmountRow("Seconds of the film", 1, 20, 6, 1, " s", decimals=0, wide=(1, 60))
        self.film = push("Film…", "Write the way there and back as a film that loops", icon="film")
        self.film.setProperty("compact", True)
        self.add = push("Add a picture…", "Choose the second picture", primary=True)
        self.train = push("Train on these pictures", "A pyramid of all of them", primary=True)
        self._live = QTimer(self)
        self._live.setSingleShot(True)
        self._live.setInterval(LIVE_MS)

    def _build_form(self) -> None:
        self.form = QWidget()
        inside = column(self.form, spacing=9)
        inside.addWidget(section("Pictures"))
        inside.addWidget(self.slots_)
        inside.addWidget(self.mixing)
        self._ways = {"meld": QWidget(), "morph": QWidget(), "fuse": QWidget()}
        meld = column(self._ways["meld"], spacing=9)
        meld.addWidget(
            label("Click a picture above, then paint where it is to be.", "dim", wrap=True)
        )
        meld.addWidget(self.tools)
        meld.addWidget(section("Begin again with"))
        meld.addLayout(row(*self.patterns.values(), 1, spacing=6))
        for button in self.patterns.values():
            button.setProperty("compact", True)
        morph = column(self._ways["morph"], spacing=9)
        morph.addWidget(label("From A through all pictures and back.", "dim", wrap=True))
        morph.addLayout(named("Film", self.seconds))
        morph.addLayout(row(self.film, 1))
        fuse = column(self._ways["fuse"], spacing=9)
        for words, part in (("Structure", self.structure), ("Texture", self.texture)):
            name = label(words, "dim")
            name.setFixedWidth(62)
            line = row(name, part)
            line.setStretch(1, 1)
            fuse.addLayout(line)
        for way in self._ways.values():
            inside.addWidget(way)

    def _build_front(self) -> None:
        self._stack = QStackedWidget()
        self._invite = _words_with(
            "Blending takes two pictures",
            "Drop a second one here, and up to two more. Paint which of them is where, walk from "
            "one to the other, or give one the matter of the other.",
            self.add,
        )
        self._untrained = _words_with(
            "Morphing takes a trained pyramid",
            "Patches cannot walk from one picture to another. A pyramid of these pictures "
            "can; how long it trains is set at the right.",
            self.train,
        )
        for page in (self._invite, self._untrained, self.canvas, self.morph):
            self._stack.addWidget(page)
        self.front = self._stack

    def _wire(self) -> None:
        change = self.picturing.change
        self.slots_.picked.connect(self._pick)
        self.slots_.asked.connect(self.choose)
        self.slots_.dropped.connect(self.put)
        self.slots_.removed.connect(self.remove)
        self.slots_.exchanged.connect(self.exchange)
        self.mixing.chosen.connect(lambda way: change(self.tr("Mixing"), mixing=way))
        self.structure.chosen.connect(lambda i: change(self.tr("Structure"), structure=int(i)))
        self.texture.chosen.connect(lambda i: change(self.tr("Texture"), texture=int(i)))
        for value, button in self.patterns.items():
            button.clicked.connect(partial(self.begin_with, value))
        self.add.clicked.connect(lambda: self.choose(len(self.picturing.state.others) + 1))
        self.train.clicked.connect(self.train_asked)
        self.film.clicked.connect(self._film)
        self.layer.began.connect(self._began)
        self.layer.touched.connect(self._touched)
        self.layer.changed.connect(self._stroked)
        self.layer.picked.connect(self._pick)
        self.layer.undo_asked.connect(self.picturing.undo_stack.undo)
        self._live.timeout.connect(self._paint_live)

    # -------------------------------------------------------------- pictures

    @Slot(int)
    def choose(self, index: int) -> None:
        """A file dialogue for the picture of this place."""
        folder = str(Path(self.picturing.state.source).parent)
        path, _ = QFileDialog.getOpenFileName(self.form, "Picture", folder, KINDS)
        if path:
            self.put(index, path)

    @Slot(int, str)
    def put(self, index: int, path: str) -> None:
        """A picture for a place: one more, or another one than before."""
        state, image = self.picturing.state, self.picturing.look(path)
        if image is None or not 0 < index < MOST:
            return
        others = list(state.others)
        new = index > len(others)
        others[index - 1 :] = [path] if new else [path, *others[index:]]
        self.slots_.set_chosen(len(others) if new else index)
        maps = None if state.identity is None else state.identity.array()
        if new and (maps is None or state.pattern):
            maps = self._fresh(state.pattern, len(others) + 1)
        elif new and maps is not None:
            maps = with_picture(maps)
        self._take(self.tr("Add a picture"), tuple(others), maps)

    @Slot(int)
    def remove(self, index: int) -> None:
        state = self.picturing.state
        if not 0 < index <= len(state.others):
            return
        others = (*state.others[: index - 1], *state.others[index:])
        maps = None
        if others and state.pattern:
            maps = self._fresh(state.pattern, len(others) + 1)
        elif others and state.identity is not None:
            maps = without_picture(state.identity.array(), index)
        self._take(self.tr("Remove a picture"), others, maps)

    def _take(self, text: str, others: tuple[str, ...], maps: np.ndarray | None) -> None:
        last = len(others)
        state = self.picturing.state
        self.picturing.edit(
            text,
            replace(
                state,
                others=others,
                identity=None if maps is None else Vector.of(maps),
                pattern=state.pattern if others else "across",
                structure=min(state.structure, last),
                texture=min(state.texture, last) or min(1, last),
            ),
        )

    @Slot(int)
    def exchange(self, index: int) -> None:
        """Another picture becomes A."""
        state = self.picturing.state
        maps = None
        if state.identity is not None:
            maps = Vector.of(exchanged(state.identity.array(), index))
        self.picturing.exchange(index, replace(state, identity=maps))

    def take_drop(self, paths: list[str]) -> bool:
        """Pictures dropped on the page while it shows this task: one more each, while there is
        room."""
        before = len(self.picturing.state.others)
        for path in paths[: MOST - 1 - before]:
            self.put(len(self.picturing.state.others) + 1, path)
        return before < MOST - 1

    @Slot(bool)
    def set_training(self, on: bool) -> None:
        """A pyramid of these pictures is (not) in training."""
        self.train.setEnabled(not on)
        self.train.setText("Training, see at the right" if on else "Train on these pictures")

    # -------------------------------------------------------------- map

    def _shape(self) -> tuple[int, int]:
        source = self.picturing.source
        return map_shape(*(source.size if source is not None else (1, 1)))

    def _fresh(self, pattern: Pattern, count: int) -> np.ndarray:
        return begun(pattern or "across", count, self._shape())

    def begin_with(self, pattern: Pattern, _on: bool = False) -> None:
        state = self.picturing.state
        maps = self._fresh(pattern, len(state.others) + 1)
        new = replace(state, pattern=pattern, identity=Vector.of(maps))
        self.picturing.edit(self.tr("Begin the map again"), new)

    @Slot(int)
    def _pick(self, index: int) -> None:
        self.layer.which = index
        self.slots_.set_chosen(index)

    @Slot()
    def _began(self) -> None:
        """A stroke is one entry of the history, though its answers come while it lasts."""
        self.picturing.history.begin_gesture()
        self.picturing.set_hasty(True)

    @Slot()
    def _touched(self) -> None:
        if not self._live.isActive():
            self._live.start()

    @Slot()
    def _paint_live(self) -> None:
        """Not before something of the last map has been seen: else a slow machine shows nothing."""
        one = next(iter(self.picturing.shown), None)
        if one is not None and one.reply is None and not one.failed:
            self._live.start()
        else:
            self._paint()

    def _paint(self) -> None:
        new = replace(self.picturing.state, identity=Vector.of(self.layer.maps), pattern="")
        self.picturing.edit(self.tr("Paint the map"), new, "identity")

    @Slot()
    def _stroked(self) -> None:
        self._live.stop()
        self.picturing.set_hasty(False)
        self._paint()
        self.picturing.history.end_gesture()

    # -------------------------------------------------------------- film

    @Slot()
    def _film(self) -> None:
        place = QStandardPaths.StandardLocation.MoviesLocation
        name = "-".join(Path(p).stem for p in self._paths(self.picturing.state))
        proposed = Path(QStandardPaths.writableLocation(place)) / f"{name}.mp4"
        path, _ = QFileDialog.getSaveFileName(self.form, "Morph", str(proposed), "MP4 (*.mp4)")
        if path:
            self.write_film(path)

    def write_film(self, path: str) -> None:
        """Through all pictures and back to the first, in the background."""
        state, source = self.picturing.state, self.picturing.source
        if source is None:
            return
        first = recipes(state, source.size)[0]
        count = len(state.others) + 1
        stops = tuple(replace(first, identity=between(i, count)) for i in range(count))
        out = path if path.endswith(".mp4") else f"{path}.mp4"
        self.job_asked.emit(PictureRequest(stops, out, seconds=self.seconds.amount))

    @staticmethod
    def _paths(state: PictureState) -> tuple[str, ...]:
        return (state.source, *state.others)

    # -------------------------------------------------------------- look

    @property
    def alone(self) -> bool:
        """Before there is something to see the invitation takes all the room."""
        return self._page(self.picturing.state) in (self._invite, self._untrained)

    @property
    def one_row(self) -> bool:
        return self.picturing.state.mixing == "morph"

    @property
    def wants_front(self) -> bool:
        state = self.picturing.state
        return state.mixing != "fuse" or not state.others

    def set_active(self, on: bool) -> None:
        self.layer.set_active(on and self._page(self.picturing.state) is self.canvas)

    def set_source(self, image: QImage) -> None:
        self.canvas.show_image(image)

    def refresh(self) -> None:
        state = self.picturing.state
        for way, widget in self._ways.items():
            widget.setVisible(way == state.mixing and bool(state.others))
        self.mixing.set_value(state.mixing)
        self.mixing.setVisible(bool(state.others))
        self.structure.set_value(str(state.structure))
        self.texture.set_value(str(state.texture))
        count = len(state.others) + 1
        for part in (self.structure, self.texture):
            for i in range(MOST):
                part.button(str(i)).setVisible(i < count)
        self._refresh_pictures(state)
        self.film.setEnabled(bool(state.blend_model))
        self.seconds.setEnabled(bool(state.blend_model))
        self._stack.setCurrentWidget(self._page(state))
        self.waiting = "Train a pyramid of them" if state.others else "Add a second picture"
        if state.task == "blend":
            self.morph.refresh()

    def _refresh_pictures(self, state: PictureState) -> None:
        source = self.picturing.source
        if source is None:
            return
        shown = [(self.picturing.look(path, quiet=True), path) for path in state.others]
        pictures = [(source.image, source.name)]
        pictures += [(image or QImage(), Path(path).stem) for image, path in shown]
        self.slots_.set_pictures(pictures)
        self.layer.which = self.slots_.chosen
        if self.layer.painting:
            return
        own = state.identity
        if own is not None and own.data != self.layer.maps.tobytes():
            self.layer.set_maps(own.array())
        self.layer.set_images([image for image, _name in pictures])

    def _page(self, state: PictureState) -> QWidget:
        if not state.others:
            return self._invite
        if state.mixing != "morph":
            return self.canvas
        return self.morph if state.blend_model else self._untrained


def _words_with(head: str, words: str, button: QWidget) -> QWidget:
    """What is to be done next, in the middle of the place where its result will be."""
    drop = QFrame()
    drop.setObjectName("drop")
    drop.setFixedWidth(420)
    text = label(words, "dim", wrap=True)
    text.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
    text.setMinimumHeight(56)
    inside = column(drop, margin=26, spacing=10)
    middle = Qt.AlignmentFlag.AlignHCenter
    inside.addWidget(label(head, "head"), 0, middle)
    inside.addWidget(text)
    inside.addWidget(button, 0, middle)
    page = QWidget()
    around = column(page)
    around.addStretch(2)
    around.addLayout(row(1, drop, 1))
    around.addStretch(3)
    return page
