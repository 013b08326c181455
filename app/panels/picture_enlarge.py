"""Enlarge: the picture two to four times larger, beside what plain stretching makes of it."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QWidget

from app.panels.picture_part import TaskPart, brushless_canvas
from app.picturing import Picturing
from app.widgets.canvas import View
from app.widgets.parts import Segments, column, label, push, row, section

TAGS = ("Stretched", "Enlarged")


class EnlargePart(TaskPart):
    """One answer, under a line that is dragged across it; the wheel looks closer."""

    task, title = "upscale", "Enlarge"
    hint = "Two to four times larger, with the picture's own detail"

    def __init__(self, picturing: Picturing):
        super().__init__(picturing)
        self.canvas = brushless_canvas("The enlarged picture")
        self.front = self.canvas
        self.times = Segments(
            tuple((str(n), f"{n} ×", f"{n} times as wide and high") for n in (2, 3, 4)), "Times"
        )
        self.words = label("", "dim", wrap=True)
        self.look = Segments(
            (
                ("split", "Split", "Stretched left of the line, enlarged right of it"),
                ("made", "Enlarged", "The whole enlarged picture"),
                ("plain", "Stretched", "The source, stretched smoothly (hold C on the picture)"),
            ),
            "Show",
        )
        self.zooms = {
            "fit": push("Fit", "The whole picture"),
            "one": push("1 : 1", "One pixel of the picture on one of the screen"),
            "in": push("Closer", "Twice as near (the wheel does it too)"),
        }
        self.keep = push("Keep", "Keep this picture", icon="star")
        self.save = push("Save PNG…", "Write this picture to a file", icon="save")
        self._build()
        self._wire()

    def _build(self) -> None:
        self.form = QWidget()
        inside = column(self.form, spacing=9)
        inside.addWidget(section("Size"))
        inside.addWidget(self.times)
        inside.addWidget(self.words)
        inside.addWidget(section("Show"))
        inside.addWidget(self.look)
        inside.addLayout(row(*self.zooms.values(), 1, spacing=6))
        inside.addWidget(section("Result"))
        inside.addLayout(row(self.keep, self.save, 1, spacing=6))
        for button in (*self.zooms.values(), self.keep, self.save):
            button.setProperty("compact", True)

    def _wire(self) -> None:
        self.times.chosen.connect(self._times)
        self.look.chosen.connect(self._show)
        self.zooms["fit"].clicked.connect(self.canvas.fit)
        self.zooms["one"].clicked.connect(self.canvas.one_to_one)
        self.zooms["in"].clicked.connect(lambda: self.canvas.zoom_by(2.0))
        self.keep.clicked.connect(lambda: self.out_asked.emit("keep", 0))
        self.save.clicked.connect(lambda: self.out_asked.emit("save", 0))
        self.picturing.arrived.connect(self._arrived)

    @property
    def alone(self) -> bool:
        return True

    @Slot(str)
    def _times(self, times: str) -> None:
        self.picturing.change(self.tr("Enlarge"), scale=float(times))

    # -------------------------------------------------------------- look

    def set_source(self, image: QImage) -> None:
        self.canvas.show_image(image)
        self.canvas.set_other(QImage())

    @Slot(int)
    def _arrived(self, _index: int) -> None:
        if self.picturing.state.task == self.task:
            self._draw()

    def refresh(self) -> None:
        state = self.picturing.state
        self.times.set_value(str(round(state.scale)))
        if state.task == self.task:
            self._draw()

    def _draw(self) -> None:
        shown, source = self.picturing.shown, self.picturing.source
        one = shown[0] if shown else None
        ready = one is not None and one.done
        for button in (self.keep, self.save):
            button.setEnabled(ready)
        if source is None or one is None:
            return
        self.keep.setText("Let go" if one.recipe in self.picturing.state.kept else "Keep")
        if one.image is None or one.reply is None:
            self.words.setText(one.failed or "Enlarging …")
            return
        made, view = one.image, self.canvas.view
        if view.zoom is not None:
            # Coarser levels are smaller: what is looked at stays where it is.
            ratio = self.canvas.image_size().width() / max(made.width(), 1)
            view = View(view.zoom * ratio, view.dx, view.dy)
        self.canvas.show_image(made, view)
        scale = one.recipe.scale
        small = QSize(round(made.width() / scale), round(made.height() / scale))
        plain = stretched(source.image, small if one.done else source.image.size(), made.size())
        self.canvas.set_other(plain, TAGS)
        self._show(self.look.value)
        way = f"{small.width()} × {small.height()} becomes {made.width()} × {made.height()} pixels."
        self.words.setText(way if one.done else f"Enlarging, {one.fraction * 100:.0f} % …")

    @Slot(str)
    def _show(self, how: str) -> None:
        self.canvas.set_comparing(how == "split")
        self.canvas.set_peek(how == "plain")


def stretched(image: QImage, small: QSize, size: QSize) -> QImage:
    """What smooth resampling makes of the same pixels: `small` is the size that was enlarged."""
    ways = (Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation)
    if small.width() < image.width():
        image = image.scaled(small, *ways)
    return image.scaled(size, *ways)
