"""The middle: the wall of variations, one of them large, or the picture under the brush."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QStandardPaths, Qt, QTemporaryDir, Signal, Slot
from PySide6.QtGui import QImage, QKeyEvent
from PySide6.QtWidgets import QBoxLayout, QFileDialog, QStackedWidget, QWidget

from app.panels.picture_loop import LoopDialog, LoopWish
from app.panels.picture_matter import Matter
from app.panels.picture_part import TaskPart
from app.picture_state import COPY
from app.picturing import Picturing, Shown
from app.widgets.parts import column, label, push, row
from app.widgets.twopictures import TwoPictures
from app.widgets.variations import Tile, VariationWall
from engine.messages import PictureRecipe, PictureRequest

STRIP = 118
"""Height of the wall while one picture is large."""


class Stage(QWidget):
    """Shows what `picturing` has; `current` is the picture that is seen large."""

    current_changed = Signal(int)
    failed = Signal(str)
    film_asked = Signal(object)
    """PictureRequest."""

    def __init__(self, picturing: Picturing, parts: Sequence[TaskPart]):
        super().__init__()
        self._picturing = picturing
        self._parts = {part.task: part for part in parts}
        self._folder = QTemporaryDir()
        self.current = -1
        self.wall = VariationWall("Variations", 8, self.file_of)
        self.pair = TwoPictures()
        self.matter = Matter(picturing, self.pair)
        self.wish = LoopWish()
        self._make_bar()
        self._build()
        self._wire()

    def _make_bar(self) -> None:
        self.back = push("All", "Back to all of them (Escape)", icon="left")
        self.star = push("Keep", "Keep this picture (S)", icon="star")
        self.star.setCheckable(True)
        self.save = push("Save PNG…", "Write this picture to a file", icon="save")
        self.loop = push("Loop…", "Write it as a film that moves and loops exactly", icon="film")
        self.twice = push("2 × 2", "Show it repeated, to see its seams")
        self.twice.setCheckable(True)
        self.verdict = label("", "dim")
        for button in (self.back, self.star, self.save, self.loop, self.twice):
            button.setProperty("compact", True)

    def _build(self) -> None:
        self._bar = QWidget()
        line = row(self.back, self.verdict, 1, self.twice, self.loop, self.star, self.save)
        line.setContentsMargins(10, 6, 10, 6)
        self._bar.setLayout(line)
        large = QWidget()
        inside = column(large, spacing=0)
        inside.addWidget(self._bar)
        inside.addWidget(self.pair, 1)
        inside.addWidget(self.matter.strip)
        self._large = large
        self._front = QStackedWidget()
        self._front.addWidget(large)
        for part in self._parts.values():
            if part.front is not None:
                self._front.addWidget(part.front)
        self._line = QBoxLayout(QBoxLayout.Direction.TopToBottom, self)
        self._line.setContentsMargins(0, 0, 0, 0)
        self._line.setSpacing(0)
        self._line.addWidget(self._front, 1)
        self._line.addWidget(self.wall, 1)
        self._arrange()

    def _wire(self) -> None:
        self.wall.chosen.connect(self.show_large)
        self.wall.keep_asked.connect(self._picturing.keep)
        self.back.clicked.connect(self.show_all)
        self.star.clicked.connect(self._keep)
        self.save.clicked.connect(self.save_as)
        self.loop.clicked.connect(self._loop)
        self.twice.toggled.connect(self.pair.set_repeat)
        for part in self._parts.values():
            part.front_changed.connect(self.show_all)
            part.out_asked.connect(self._out)
        self._picturing.changed.connect(self.refresh)
        self._picturing.source_changed.connect(self._source)
        self._picturing.arrived.connect(self._arrived)

    # -------------------------------------------------------------- what is in front

    @Slot()
    def show_all(self) -> None:
        self.show_large(-1)

    @Slot(int)
    def show_large(self, index: int) -> None:
        """One picture beside its source; -1: all of them."""
        index = min(index, len(self._picturing.shown) - 1)
        if index != self.current or index < 0:
            self.current = index
            self.current_changed.emit(index)
        self._arrange()
        self._show_large()
        if index < 0:
            self.wall.setFocus()

    def _arrange(self) -> None:
        chosen = self._parts[self._picturing.state.task]
        large = self.current >= 0
        working = not large and chosen.front is not None and chosen.wants_front
        self._front.setVisible(large or working)
        self.wall.setVisible(not (working and chosen.alone))
        # A wide picture and its answers lie above each other, a tall one's beside.
        strip = large or (working and chosen.one_row)
        sideways = working and not strip and self._aspect() < 1.25
        way = QBoxLayout.Direction
        self._line.setDirection(way.LeftToRight if sideways else way.TopToBottom)
        self.wall.set_strip(strip)
        self.wall.setMaximumHeight(STRIP if strip else 16_777_215)
        self._line.setStretch(0, 1)
        self._line.setStretch(1, 1 if sideways or not strip else 0)
        self._front.setCurrentWidget(chosen.front if working and chosen.front else self._large)
        for part in self._parts.values():
            part.set_active(working and part is chosen)
        self.wall.set_current(self.current)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.current >= 0:
            self.show_all()
        else:
            super().keyPressEvent(event)

    # -------------------------------------------------------------- pictures

    @Slot()
    def _source(self) -> None:
        source = self._picturing.source
        for part in self._parts.values():
            part.set_source(source.image if source is not None else QImage())
        self.show_large(-1)

    @Slot()
    def refresh(self) -> None:
        shown = self._picturing.shown
        if self.current >= len(shown):
            self.current = -1
            self.current_changed.emit(-1)
        self.wall.set_tiles([self._tile(i) for i in range(len(shown))], self._aspect())
        self._arrange()
        self._show_large()

    def _aspect(self) -> float:
        shown, source = self._picturing.shown, self._picturing.source
        if shown and shown[0].recipe.width and shown[0].recipe.height:
            return shown[0].recipe.width / shown[0].recipe.height
        for one in shown:
            if one.done and one.image is not None:
                return one.image.width() / max(one.image.height(), 1)
        return source.size[0] / max(source.size[1], 1) if source is not None else 1.0

    def _tile(self, index: int) -> Tile:
        one = self._picturing.shown[index]
        kept = one.recipe in self._picturing.state.kept
        copy = one.done and one.reply is not None and is_copy(one)
        fraction = 1.0 if one.failed else one.fraction
        return Tile(one.image, words_of(index, one, kept), fraction, kept, "copy" if copy else "")

    @Slot(int)
    def _arrived(self, index: int) -> None:
        if index >= self.wall.count:
            return
        self.wall.set_tile(index, self._tile(index))
        if index == self.current:
            self._show_large()

    def _show_large(self) -> None:
        source = self._picturing.source
        if self.current < 0 or source is None:
            self.matter.set_shown(None)
            return
        one = self._picturing.shown[self.current]
        self.matter.set_shown(one)
        words = f"Seed {one.recipe.seed}"
        if one.image is not None:
            words += f", {one.image.width()} × {one.image.height()}"
        self.pair.set_pictures(source.image, one.image, ("Source", words))
        self.twice.setVisible(one.recipe.wrap)
        self.loop.setVisible(one.recipe.engine == "pyramid" and one.recipe.task == "sample")
        self.pair.set_repeat(one.recipe.wrap and self.twice.isChecked())
        self.star.setChecked(one.recipe in self._picturing.state.kept)
        self.star.setEnabled(one.done)
        self.save.setEnabled(one.done)
        self.verdict.setText(
            "Nearly a copy of the source: begin at a coarser level." if is_copy(one) else ""
        )

    # -------------------------------------------------------------- out

    @Slot()
    def _keep(self) -> None:
        self._picturing.keep(self.current)

    def file_of(self, index: int) -> str:
        """The picture as a file for whoever it is dropped on; empty while it is not finished."""
        one = self._picturing.shown[index]
        return self.written(one.recipe, one.image) if one.done and one.image is not None else ""

    def written(self, recipe: PictureRecipe, image: QImage) -> str:
        path = Path(self._folder.path()) / name_of(recipe)
        return str(path) if image.save(str(path)) else ""

    @Slot(str, int)
    def _out(self, what: str, index: int) -> None:
        """A task's own front keeps or saves its picture."""
        if what == "keep":
            self._picturing.keep(index)
        else:
            self._save(index)

    @Slot()
    def save_as(self) -> None:
        """Ask where, then write the large picture."""
        self._save(self.current)

    def _save(self, index: int) -> None:
        one = self._picturing.shown[index]
        if one.image is None:
            return
        place = QStandardPaths.StandardLocation.PicturesLocation
        proposed = Path(QStandardPaths.writableLocation(place)) / name_of(one.recipe)
        path, _ = QFileDialog.getSaveFileName(self, "Save", str(proposed), "PNG (*.png)")
        if path:
            self.save_to(one.image, path)

    @Slot()
    def _loop(self) -> None:
        """Ask how and where, then have a job write a film that ends where it begins."""
        recipe = self._picturing.shown[self.current].recipe
        dialog = LoopDialog(self.wish, self)
        if dialog.exec() != LoopDialog.DialogCode.Accepted:
            return
        self.wish = dialog.wish
        place = QStandardPaths.StandardLocation.MoviesLocation
        proposed = Path(QStandardPaths.writableLocation(place)) / name_of(recipe)
        path, _ = QFileDialog.getSaveFileName(
            self, "Loop", str(proposed.with_suffix(".mp4")), "MP4 (*.mp4)"
        )
        if path:
            self.film_asked.emit(film_of(recipe, path, self.wish))

    def save_to(self, image: QImage, path: str) -> None:
        if not image.save(path, "PNG"):  # type: ignore[call-overload]
            self.failed.emit(
                f"{Path(path).name} could not be written. Choose another place or free some space."
            )


def is_copy(one: Shown) -> bool:
    novelty = one.reply.novelty if one.reply is not None else None
    return (
        novelty is not None
        and novelty < COPY
        and one.recipe.task == "sample"
        and one.recipe.where is None
    )


def film_of(recipe: PictureRecipe, path: str, wish: LoopWish) -> PictureRequest:
    """A film that begins and ends with this picture."""
    out = path if path.endswith(".mp4") else f"{path}.mp4"
    return PictureRequest((recipe,), out, seconds=wish.seconds, alpha=wish.alpha, beta=wish.beta)


def name_of(recipe: PictureRecipe) -> str:
    kind = "" if recipe.task == "sample" else f"-{recipe.task}"
    return f"{Path(recipe.source).stem}{kind}-{recipe.seed}.png"


def words_of(index: int, one: Shown, kept: bool) -> str:
    """A picture of the wall in words."""
    parts = [f"Variation {index + 1}, seed {one.recipe.seed}"]
    if one.failed:
        parts.append(one.failed)
    elif not one.done:
        parts.append(f"{one.fraction * 100:.0f} % drawn")
    elif one.reply is not None:
        if one.reply.likeness is not None:
            parts.append(f"likeness {one.reply.likeness:.2f}")
        if one.reply.novelty is not None:
            parts.append(f"novelty {one.reply.novelty:.2f}")
    if kept:
        parts.append("kept")
    return ", ".join(parts)
