"""Right of the variations: who draws them, how like and how new they are, what was kept."""

from __future__ import annotations

import re
from pathlib import Path
from statistics import median

import numpy as np
from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QFileDialog, QWidget

from app.kept import KeptFolder
from app.panels.picture_stage import Stage, name_of
from app.picture_state import COPY, engine_of, engines, model_of
from app.picturing import Picturing
from app.widgets.meters import ShareRow
from app.widgets.parts import Segments, column, label, push, row, section
from app.widgets.variations import Tile, VariationWall
from engine.messages import PictureEngine

ENGINES = {"patches": "Patches", "pyramid": "The pyramid"}
TIPS: dict[PictureEngine, str] = {
    "patches": "The source's own patches, without training",
    "pyramid": "The trained network: live, any size",
}
FIRST = "Train a pyramid first (below)"
WHY = {
    "patches": ("Only a pyramid answers this", ""),
    "pyramid": ("Patches answer this", FIRST),
    "complete": (
        "Patches enlarge the frame",
        "Train a pyramid around the hole first (below)",
    ),
    "blend": (
        "Only a pyramid can walk from picture to picture",
        "Train a pyramid of these pictures first (below)",
    ),
}
"""Why an engine cannot be chosen: it is not able to, or it is not trained."""


class Scores(QWidget):
    """Likeness, novelty and diversity of one picture or of all."""

    def __init__(self, picturing: Picturing):
        super().__init__()
        self._picturing = picturing
        self._current = -1
        self.title = section("All of them")
        self.likeness = ShareRow("Likeness", "How near its patches are to the source's.")
        self.novelty = ShareRow(
            "Novelty",
            "How far it is from the source. Below the mark: a copy.",
            COPY,
        )
        self.diversity = ShareRow("Diversity", "How different the variations are from each other.")
        layout = column(self, spacing=6)
        layout.addWidget(self.title)
        for part in (self.likeness, self.novelty, self.diversity):
            layout.addWidget(part)
        picturing.changed.connect(self.refresh)
        picturing.arrived.connect(self.refresh)

    @Slot(int)
    def set_current(self, index: int) -> None:
        self._current = index
        self.refresh()

    @Slot()
    def refresh(self) -> None:
        shown = self._picturing.shown
        # An enlarged picture is not another one: there is nothing to compare.
        self.setVisible(self._picturing.state.task != "upscale")
        one = 0 <= self._current < len(shown)
        self.title.setText("THIS ONE" if one else "ALL OF THEM")
        looked = [shown[self._current]] if one else shown
        replies = [each.reply for each in looked if each.done and each.reply is not None]
        likeness = [r.likeness for r in replies if r.likeness is not None]
        novelty = [r.novelty for r in replies if r.novelty is not None]
        self.likeness.set_value(median(likeness) if likeness else None)
        self.novelty.set_value(median(novelty) if novelty else None)
        source = self._picturing.source
        images = [s.image for s in shown if s.done and s.image is not None]
        complete = self._picturing.state.task != "sample"
        self.novelty.setVisible(not complete)
        self.diversity.setVisible(not one and not complete)
        known = source is not None and not one and len(images) == len(shown) and len(images) > 1
        self.diversity.set_value(diversity(images, source.image) if known and source else None)


def diversity(images: list[QImage], source: QImage) -> float | None:
    """Standard deviation per pixel over the pictures / that of the source."""
    sizes = {(image.width(), image.height()) for image in images}
    spread = float(rgb(source).std())
    if len(sizes) != 1 or spread < 1e-3:
        return None
    return float(np.stack([rgb(image) for image in images]).std(0).mean()) / spread


def rgb(image: QImage) -> np.ndarray:
    """(H, W, 3) float32, 0..255, BGR."""
    raw = np.frombuffer(image.constBits(), np.uint8)
    lines = raw.reshape(image.height(), image.bytesPerLine())[:, : image.width() * 4]
    return lines.reshape(image.height(), image.width(), 4)[..., :3].astype(np.float32)


class EngineChoice(QWidget):
    """Which engine is asked, and which one answered."""

    def __init__(self, picturing: Picturing):
        super().__init__()
        self._picturing = picturing
        self.choice = Segments(
            tuple((name, name.capitalize(), tip) for name, tip in TIPS.items()),
            "Engine",
        )
        self.words = label("", "dim", wrap=True)
        layout = column(self, spacing=6)
        layout.addWidget(section("Engine"))
        layout.addWidget(self.choice)
        layout.addWidget(self.words)
        self.choice.chosen.connect(self._choose)
        picturing.changed.connect(self.refresh)
        picturing.arrived.connect(self.refresh)
        self.refresh()

    @Slot(str)
    def _choose(self, engine: str) -> None:
        self._picturing.change(self.tr("Engine"), engine=engine)

    @Slot()
    def refresh(self) -> None:
        state, shown = self._picturing.state, self._picturing.shown
        able, trained = engines(state), bool(model_of(state))
        self.choice.set_value(able[0] if len(able) == 1 else engine_of(state))
        for name, tip in TIPS.items():
            possible = name in able and (name == "patches" or trained)
            button = self.choice.button(name)
            button.setEnabled(possible)
            button.setToolTip(tip if possible else WHY.get(state.task, WHY[name])[name in able])
        replies = [one for one in shown if one.reply is not None]
        done = [one for one in replies if one.done]
        words = ""
        if replies and replies[-1].reply is not None:
            who = ENGINES.get(replies[-1].reply.engine, "")
            words = f"{who} answered" if who else ""
            words += f", {len(done)} of {len(shown)}" if len(done) < len(shown) else ""
        note = next((one.reply.note for one in replies if one.reply and one.reply.note), "")
        # The working size already stands under the source.
        note = re.sub(r"Worked at [^.]*\.", "", note).strip()
        self.words.setText("\n".join(part for part in (words, note) if part))


class Kept(QWidget):
    """What was starred; dragged out, written to a folder, let go."""

    failed = Signal(str)

    def __init__(self, picturing: Picturing, stage: Stage, folder: Path):
        """`folder`: where kept pictures lie from one session to the next."""
        super().__init__()
        self._picturing, self._stage = picturing, stage
        self.folder = KeptFolder(folder, self)
        self.folder.failed.connect(self.failed)
        self.title = section("Kept")
        self.hint = label("Star a picture and it stays here.", "dim", wrap=True)
        self.wall = VariationWall("Kept pictures", 6, self._file_of, top=True)
        self.wall.setMinimumHeight(110)
        self.write = push("Save all…", "Write the kept pictures to a folder", icon="save")
        self.write.setProperty("compact", True)
        layout = column(self, spacing=6)
        layout.addLayout(row(self.title, 1, self.write))
        layout.addWidget(self.hint)
        layout.addWidget(self.wall, 1)
        layout.addStretch(0)
        self.write.clicked.connect(self._choose)
        self.wall.keep_asked.connect(self._let_go)
        picturing.restore(self.folder.read())
        picturing.changed.connect(self.refresh)
        self.refresh()

    def _images(self) -> list[QImage | None]:
        return [self._picturing.image_of(recipe) for recipe in self._picturing.state.kept]

    @Slot()
    def refresh(self) -> None:
        self.folder.sync(self._picturing.state.kept, self._picturing.image_of)
        images = self._images()
        self.title.setText(f"KEPT  {len(images)}" if images else "KEPT")
        self.hint.setVisible(not images)
        self.wall.setVisible(bool(images))
        self.write.setVisible(bool(images))
        tiles = [Tile(image, f"Kept picture {i + 1}", kept=True) for i, image in enumerate(images)]
        first = images[0] if images else None
        self.wall.set_tiles(tiles, first.width() / max(first.height(), 1) if first else 1.0)

    def _file_of(self, index: int) -> str:
        recipe, image = self._picturing.state.kept[index], self._images()[index]
        return self._stage.written(recipe, image) if image is not None else ""

    @Slot(int)
    def _let_go(self, index: int) -> None:
        self._picturing.let_go(self._picturing.state.kept[index])

    @Slot()
    def _choose(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder for the kept pictures")
        if folder:
            self.save_all(folder)

    def save_all(self, folder: str) -> None:
        """Numbered, so that the same seed at another size is no collision."""
        for index, (recipe, image) in enumerate(
            zip(self._picturing.state.kept, self._images(), strict=True)
        ):
            path = Path(folder) / f"{index + 1:02d}-{name_of(recipe)}"
            if image is not None and not image.save(str(path)):
                self.failed.emit(
                    f"{path.name} could not be written. Choose another folder or free some space."
                )
                return
