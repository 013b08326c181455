"""Compose: parts of the picture moved, another picture pasted, or a painting made its matter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from PySide6.QtCore import QMimeData, Qt, Slot
from PySide6.QtGui import QGuiApplication, QImage, QKeySequence, QShortcut
from PySide6.QtWidgets import QFileDialog, QWidget

from app.composed import Ground, Piece, Stroke
from app.composites import Composites, pieces_of
from app.painting import paints_of
from app.panels.picture_paint import PaintForm
from app.panels.picture_part import TaskPart, brushless_canvas, named
from app.panels.picture_pieces import ChosenPiece, DrawTools, MoveForm, PasteForm
from app.picture_source import KINDS, read_layer, read_source
from app.picture_state import PictureState
from app.picturing import Picturing
from app.widgets.amount import AmountRow
from app.widgets.assembly import cover_of, lifted, picture_of, pixels_of, trimmed
from app.widgets.collage import Collage
from app.widgets.easel import Easel
from app.widgets.parts import Segments, column, label, row, section
from app.widgets.pieces import Pieces
from engine.messages import LodestoneError

PASTED = 0.6
"""Share of the picture's sides that a pasted one takes at first."""
LEVELS = 7
"""Of the slider, before the first answer says how many there are."""
WAYS = (
    ("edit", "Move", "Cut parts out of the picture and move them"),
    ("harmonise", "Paste", "Lay another picture on this one; it takes on its look"),
    ("paint", "Paint", "A rough painting becomes the picture's own matter"),
)
WAITING = {
    "edit": "Draw round a part, then drag it",
    "harmonise": "Drop or paste another picture",
    "paint": "Paint something",
}


class ComposePart(TaskPart):
    """What is put together here becomes the picture's own matter, four times differently."""

    task, title = "compose", "Compose"
    hint = "Move parts, paste another picture, or paint"
    waiting = WAITING["edit"]

    def __init__(self, picturing: Picturing):
        super().__init__(picturing)
        self.canvas = brushless_canvas("Composition")
        self.pieces = Pieces(self)
        self.collage = Collage(self.canvas, self.pieces, "Parts on the picture")
        self.easel = Easel(self.canvas, "Painting")
        self.front = self.canvas
        self._composites = Composites(self.collage, self.easel)
        self._active = False
        self._cuts = True
        """Whether the next part leaves an empty place."""
        self._make()
        self._build()
        self._wire()

    def _make(self) -> None:
        self.way = Segments(WAYS, "Way")
        self.move, self.paste = MoveForm(), PasteForm()
        self.paint = PaintForm(self.easel)
        self.tools = DrawTools(self.collage)
        self.chosen = ChosenPiece(self.pieces)
        self.close = AmountRow("Stay close", 0, LEVELS - 1, 0, 1, decimals=0)
        self.close.setToolTip("0: chosen for you. Higher: nearer to what you made, less blended.")

    def _build(self) -> None:
        self.form = QWidget()
        inside = column(self.form, spacing=9)
        inside.addWidget(self.way)
        for part in (self.move, self.paste, self.tools, self.chosen, self.paint):
            inside.addWidget(part)
        inside.addWidget(section("Stay close"))
        inside.addLayout(named("Level", self.close))
        ends = row(label("0 chosen for you", "small"), 1, label("as you made it", "small"))
        ends.setContentsMargins(44, 0, 0, 0)
        inside.addLayout(ends)

    def _wire(self) -> None:
        self.way.chosen.connect(self._way)
        self.pieces.changed.connect(self._settled)
        self.pieces.looked.connect(self._looked)
        self.collage.drawn.connect(self._drawn)
        self.easel.painted.connect(self._painted)
        self.move.fill.clicked.connect(self._fill)
        self.paste.choose.clicked.connect(self.choose)
        self.paste.paste.clicked.connect(self.paste_clipboard)
        self.paste.trim.toggled.connect(self._trim)
        self.paint.begin_asked.connect(self.begin_from)
        self.paint.open_asked.connect(self.choose)
        self.close.moved.connect(self._close)
        self.picturing.arrived.connect(self._arrived)
        for place in (self.form, self.canvas):
            shortcut = QShortcut(QKeySequence(QKeySequence.StandardKey.Paste), place)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(self.paste_clipboard)

    # -------------------------------------------------------------- the state

    def _take(self, text: str, merge: str = "", **fields: object) -> None:
        """Change the state; the composite and its mask follow from it."""
        state = replace(self.picturing.state, **fields)  # type: ignore[arg-type]
        try:
            made = self._composites.derived(state)
        except LodestoneError as error:
            self.failed.emit(error.sentence)
            made = replace(state, made="", changed=None)
        fields |= {"made": made.made, "changed": made.changed}
        self.picturing.change(text, merge, **fields)

    @Slot(str)
    def _way(self, way: str) -> None:
        self.paste.trim.setChecked(False)
        self._take(self.tr("Way of composing"), way=way)

    @Slot(float)
    def _close(self, level: float) -> None:
        self.picturing.change(self.tr("Stay close"), "hold", hold=round(level))

    @Slot(str, str)
    def _settled(self, text: str, merge: str) -> None:
        field = "parts" if self.picturing.state.way == "edit" else "pasted"
        self._take(text, merge, **{field: self.pieces.all})

    @Slot(bool)
    def _fill(self, on: bool) -> None:
        self._cuts = on
        piece = self.pieces.chosen
        if piece is not None and piece.home is not None:
            self.pieces.alter(self.tr("Fill the place a part came from"), cut=on)

    # -------------------------------------------------------------- pieces

    @Slot(object, bool)
    def _drawn(self, mask: np.ndarray, away: bool) -> None:
        """Something was drawn round or brushed over."""
        if not mask.any():
            self.pieces.choose(-1)
        elif self.picturing.state.way == "harmonise":
            self._cut_out(mask, away)
        else:
            self._lift(mask, away)

    def _lift(self, mask: np.ndarray, away: bool) -> None:
        """A part of the source; while it lies where it came from it grows or shrinks."""
        piece, source = self.pieces.chosen, self.pieces.source
        resting = piece is not None and not piece.moved
        if piece is not None and resting:
            own = cover_of([piece], source)
            overlaps = float(np.minimum(own, mask).max()) > 0.5
            if away or overlaps:
                mask = np.clip(own - mask, 0, 1) if away else np.maximum(own, mask)
            resting = away or overlaps
        elif away:
            return
        made = lifted(source, mask, self._cuts)
        if made is None:
            self.pieces.choose(-1)
        elif resting:
            self.pieces.put(made)
            self.pieces.settle(self.tr("Choose a part"))
        else:
            self.pieces.add(made)
            self.pieces.settle(self.tr("Choose a part"))

    def _cut_out(self, mask: np.ndarray, away: bool) -> None:
        piece = self.pieces.chosen
        made = trimmed(piece, mask, self.pieces.source, away) if piece is not None else None
        if made is None:
            self.failed.emit(
                "Nothing of the pasted picture is left. Draw round what belongs to it."
            )
            return
        self.paste.trim.setChecked(False)
        self.pieces.put(made)
        self.pieces.settle(self.tr("Cut out"))

    @Slot(bool)
    def _trim(self, on: bool) -> None:
        if on and self.pieces.chosen is None and self.pieces.all:
            self.pieces.choose(len(self.pieces.all) - 1)
        self.collage.trimming = on
        self._show_tools()

    # -------------------------------------------------------------- from outside

    @Slot()
    def choose(self) -> None:
        """A file dialogue for the picture that is pasted, or the painting."""
        folder = str(Path(self.picturing.state.source).parent)
        path, _ = QFileDialog.getOpenFileName(self.form, "Picture", folder, KINDS)
        if path:
            self.take_drop([path])

    def take_drop(self, paths: list[str]) -> bool:
        """Pictures that are dropped are pasted; on the easel the first is a painting."""
        if self.picturing.source is None:
            return False
        try:
            if self.picturing.state.way == "paint":
                self._open_painting(read_source(paths[0]).image)
            else:
                self.lay([read_layer(path) for path in paths])
        except LodestoneError as error:
            self.failed.emit(error.sentence)
        return True

    @Slot()
    def paste_clipboard(self) -> None:
        data = QGuiApplication.clipboard().mimeData() or QMimeData()
        paths = [url.toLocalFile() for url in data.urls() if url.isLocalFile()]
        image = QImage(data.imageData()) if data.hasImage() else QImage()
        if paths and image.isNull():
            self.take_drop(paths[:1])
        elif image.isNull():
            self.failed.emit("There is no picture on the clipboard. Copy one first.")
        elif self.picturing.state.way == "paint":
            self._open_painting(image)
        else:
            self.lay([image])

    def lay(self, images: list[QImage]) -> None:
        """Other pictures onto the source, its alpha respected."""
        source = self.pieces.source
        fit, soft = Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
        added = []
        for image in images:
            size = image.size().scaled(source.size(), fit)
            piece = Piece(picture_of(image.scaled(size, mode=soft)), scale=PASTED)
            if not piece.picture.array()[..., 3].any():
                self.failed.emit("The pasted picture is empty. Choose another one.")
                return
            added.append(piece)
        pasted = (*self.picturing.state.pasted, *added)
        self._take(self.tr("Paste a picture"), way="harmonise", pasted=pasted)

    # -------------------------------------------------------------- painting

    @Slot(object)
    def _painted(self, stroke: Stroke) -> None:
        self._take(self.tr("Paint a stroke"), strokes=(*self.picturing.state.strokes, stroke))

    @Slot(str)
    def begin_from(self, kind: str) -> None:
        """A new painting on one of the grounds."""
        self._take(self.tr("Begin a painting"), ground=Ground(kind), strokes=())  # type: ignore[arg-type]

    def _open_painting(self, image: QImage) -> None:
        """Its middle, in the shape of the source."""
        width, height = self.easel.size_in_pixels
        fill = Qt.AspectRatioMode.KeepAspectRatioByExpanding
        large = image.scaled(width, height, fill, Qt.TransformationMode.SmoothTransformation)
        left, top = (large.width() - width) // 2, (large.height() - height) // 2
        picture = picture_of(large.copy(left, top, width, height).convertToFormat(_OPAQUE))
        self._take(
            self.tr("Open a painting"), way="paint", ground=Ground("picture", picture), strokes=()
        )

    # -------------------------------------------------------------- look

    def set_active(self, on: bool) -> None:
        self._active = on
        self._show_layer()

    def leave(self) -> None:
        self.paste.trim.setChecked(False)

    def set_source(self, image: QImage) -> None:
        self.canvas.show_image(image)
        self.collage.set_source(image)
        self.easel.set_source(image)
        if not image.isNull():
            self.paint.set_paints(paints_of(pixels_of(image)))

    def _show_layer(self) -> None:
        paints = self.picturing.state.way == "paint"
        for layer, on in ((self.easel, paints), (self.collage, not paints)):
            if layer.isHidden() == (self._active and on):
                layer.set_active(self._active and on)

    def _show_tools(self) -> None:
        way = self.picturing.state.way
        self.move.setVisible(way == "edit")
        self.paste.setVisible(way == "harmonise")
        self.paint.setVisible(way == "paint")
        trims = way == "harmonise" and self.paste.trim.isChecked()
        self.tools.setVisible(way == "edit" or trims)
        self.collage.drawing = way == "edit"
        self.collage.invitation = WAITING[way]

    @Slot()
    def _looked(self) -> None:
        piece = self.pieces.chosen
        self.chosen.setVisible(piece is not None and self.picturing.state.way != "paint")
        self.move.fill.setChecked(self._cuts if piece is None else piece.cut)
        self.move.fill.setEnabled(piece is None or piece.home is not None)
        self.paste.trim.setEnabled(bool(self.pieces.all))

    @Slot(int)
    def _arrived(self, _index: int) -> None:
        self.close.slider.set_span(0, max((self.picturing.levels or LEVELS) - 1, 1))

    def refresh(self) -> None:
        state = self.picturing.state
        self.way.set_value(state.way)
        self.waiting = self._words(state)
        self.close.set_amount(state.hold)
        self._restore(state)
        if state.way == "paint":
            self.easel.show_painting(state.ground, state.strokes)
        else:
            self.pieces.show(pieces_of(state))
        self._show_layer()
        self._show_tools()
        self._looked()

    def _restore(self, state: PictureState) -> None:
        if state.task != "compose" or self.pieces.source.isNull():
            return
        try:
            self._composites.restore(state)
        except LodestoneError as error:
            self.failed.emit(error.sentence)

    def _words(self, state: PictureState) -> str:
        if state.way == "edit" and state.parts:
            return "Drag the part elsewhere"
        if state.way == "harmonise" and state.pasted:
            return "Drag it onto the picture"
        return WAITING[state.way]


_OPAQUE = QImage.Format.Format_RGB32
