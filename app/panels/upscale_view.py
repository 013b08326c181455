"""The enlarged picture with its tools, the frames of a film, and what is said about it."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QRectF, Qt, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app import icons, theme
from app.aside import Aside
from app.panels.upscale_form import settings_words
from app.upscale_models import shown_name
from app.upscale_state import result_size
from app.upscaling import Sheet, Upscaling
from app.widgets.amount import AmountSlider
from app.widgets.heat import Heat, heat
from app.widgets.loupe import Loupe
from app.widgets.loupe_view import Layer, Scene
from app.widgets.parts import Segments, column, label, push, row

MODES = (
    ("made", "Result", "The enlarged picture alone"),
    ("split", "Split", "Left of the line what it is compared with; drag the line"),
    ("lens", "Lens", "What it is compared with, in a lens under the pointer"),
    ("beside", "Side by side", "Both, moved and zoomed together"),
    ("apart", "Difference", "Where the two differ, and by how much"),
)
TOO_LARGE = "Zoom in: so many pixels at once are shown as they came."


class UpscaleView(QWidget):
    """Shows `upscaling.sheets`; tells `upscaling` what is seen."""

    def __init__(self, upscaling: Upscaling):
        super().__init__()
        self._upscaling = upscaling
        self._heat: _Found | None = None
        self._heating: tuple[Sheet, Sheet] | None = None
        self._aside = Aside(self)
        self.loupe = Loupe()
        self.mode = Segments(MODES, "Compare")
        self.original = push("Original", "Hold to see the source's own pixels (C on the picture)")
        self.zooms = {
            "fit": push("Fit", "The whole picture (double click)"),
            "100": push("100 %", "One pixel of the result on one of the screen"),
            "200": push("200 %", "Two pixels of the screen for one of the result"),
        }
        self.percent = label("", "dim")
        self.percent.setMinimumWidth(84)
        self.percent.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.frame = AmountSlider("Frame of the film", 0.0, 1.0, 0.0, 1.0)
        self.frame_words = label("", "dim")
        self.warning = label("")
        self.warning.setPixmap(icons.pixmap("warn", theme.DANGER, 16, 2))
        self.words = label("", "small")
        self.words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._build()
        self._wire()
        self._set_mode("split")
        self.refresh()

    def tools(self) -> tuple[QWidget, ...]:
        """For the page's head."""
        return (self.mode, self.original, self.percent, *self.zooms.values())

    def _build(self) -> None:
        for button in (self.original, *self.zooms.values()):
            button.setProperty("compact", True)
        self._film = QWidget()
        line = row(icon_label("film"), self.frame, self.frame_words)
        line.setContentsMargins(14, 6, 14, 0)
        line.setStretch(1, 1)
        self._film.setLayout(line)
        layout = column(self, spacing=0)
        layout.addWidget(self.loupe, 1)
        layout.addWidget(self._film)
        line = row(self.warning, self.words)
        line.setContentsMargins(14, 6, 14, 6)
        line.setStretch(1, 1)
        layout.addLayout(line)

    def _wire(self) -> None:
        upscaling, loupe = self._upscaling, self.loupe
        self.mode.chosen.connect(self._set_mode)
        self.original.pressed.connect(self._hold)
        self.original.released.connect(self._let_go)
        self.zooms["fit"].clicked.connect(loupe.fit)
        self.zooms["100"].clicked.connect(loupe.one_to_one)
        self.zooms["200"].clicked.connect(self._two_to_one)
        loupe.seen_changed.connect(self._look)
        loupe.zoom_changed.connect(self.percent.setText)
        self.frame.moved.connect(self._frame)
        self._aside.done.connect(self._heated)
        upscaling.changed.connect(self.refresh)
        upscaling.source_changed.connect(self.refresh)
        upscaling.arrived.connect(self._arrived)
        upscaling.told.connect(self._tell)

    # -------------------------------------------------------------- hand

    @Slot(str)
    def _set_mode(self, mode: str) -> None:
        self.mode.set_value(mode)
        self.loupe.set_mode(mode)  # type: ignore[arg-type]
        self.refresh()

    @Slot()
    def _hold(self) -> None:
        self.loupe.set_peek(True)

    @Slot()
    def _let_go(self) -> None:
        self.loupe.set_peek(False)

    @Slot()
    def _two_to_one(self) -> None:
        self.loupe.set_percent(200)

    @Slot(float)
    def _frame(self, amount: float) -> None:
        self._upscaling.set_frame(round(amount))
        self._frame_said(round(amount))

    @Slot()
    def _look(self) -> None:
        self._upscaling.look(self.loupe.seen(), self.loupe.wanted)

    # -------------------------------------------------------------- look

    @Slot(str)
    def _arrived(self, _side: str) -> None:
        self._draw()
        self._tell()

    @Slot()
    def refresh(self) -> None:
        source = self._upscaling.source
        for tool in self.tools():
            tool.setEnabled(source is not None)
        frames = source.frames if source is not None else 1
        self._film.setVisible(frames > 1)
        if source is not None and frames > 1:
            self.frame.set_span(0.0, frames - 1.0)
            if not self.frame.isSliderDown():
                self.frame.set_amount(float(source.frame))
            self._frame_said(round(self.frame.amount))
        self._draw()
        self._look()
        self._tell()

    def _frame_said(self, frame: int) -> None:
        source = self._upscaling.source
        if source is not None:
            self.frame_words.setText(f"Frame {frame + 1:,} of {source.frames:,}")

    def _draw(self) -> None:
        upscaling, source = self._upscaling, self._upscaling.source
        if source is None:
            return
        sheets = {side: _layer(sheet) for side, sheet in upscaling.sheets.items()}
        apart, found = self._apart() if self.loupe.mode == "apart" else (None, None)
        scene = Scene(
            source.size, upscaling.state.scale, source.image,
            sheets.get("made"), sheets.get("against"), sheets.get("original"), apart, found,
            upscaling.state.wrap,
            (settings_words(upscaling.settings("against")),
             settings_words(upscaling.settings("made"))),
            TOO_LARGE if upscaling.too_large else "",
        )  # fmt: skip
        self.loupe.set_scene(scene)
        self.loupe.setAccessibleDescription(self.words.text())

    def _apart(self) -> tuple[Layer | None, Heat | None]:
        """The heat-map of what both have; the last one until both are finished."""
        made, against = (self._upscaling.sheets.get(side) for side in ("made", "against"))
        if made is not None and against is not None and made.done and against.done:
            both = made, against
            if both != self._heating and (self._heat is None or self._heat.both != both):
                self._heating = both
                self._aside.ask("heat", lambda: _found(*both))
        if self._heat is None or self._heat.both[0].source is not self._upscaling.source:
            return None, None
        return self._heat.layer, self._heat.heat

    @Slot(str, object)
    def _heated(self, _key: str, found: object) -> None:
        self._heating = None
        if isinstance(found, _Found):
            self._heat = found
            self._draw()

    @Slot()
    def _tell(self) -> None:
        upscaling = self._upscaling
        self.warning.setVisible(bool(upscaling.problem))
        colour = theme.DANGER if upscaling.problem else theme.DIM
        self.words.setStyleSheet(f"color: {colour}")
        words = upscaling.problem or self._facts()
        room = max(self.width() - 28 - (24 if upscaling.problem else 0), 40)
        metrics = self.words.fontMetrics()
        self.words.setText(metrics.elidedText(words, Qt.TextElideMode.ElideRight, room))
        self.words.setToolTip(words)
        if self.loupe.scene.words != (TOO_LARGE if upscaling.too_large else ""):
            self._draw()

    def _facts(self) -> str:
        """What made the picture, how fast, of how many pixels how many."""
        upscaling, source = self._upscaling, self._upscaling.source
        if source is None:
            return ""
        small, large = source.size, result_size(source.size, upscaling.state.scale)
        sheet = upscaling.sheets.get("made")
        if upscaling.too_large:
            facts = ["Too many pixels to enlarge at once"]
        elif sheet is None or not sheet.done:
            facts = ["Enlarging …"]
        elif not sheet.provider:
            facts = ["Plain stretching, no model"]
        else:
            name = shown_name(sheet.settings.model)
            facts = [f"{name} on {sheet.provider}", f"{sheet.seconds:.2f} s"]
        facts.append(f"{small[0]:,} × {small[1]:,} → {large[0]:,} × {large[1]:,}")
        notes = [note for note in (source.note,) if note]
        return "  ·  ".join((*facts, *notes))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._tell()


def _layer(sheet: Sheet) -> Layer:
    return Layer(sheet.image, sheet.place)


@dataclass(frozen=True, eq=False)
class _Found:
    """A heat-map, of what, and where it lies."""

    both: tuple[Sheet, Sheet]
    layer: Layer
    heat: Heat


def _found(made: Sheet, against: Sheet) -> _Found | None:
    """Of the part that both hold."""
    if made.source is not against.source or made.settings.scale != against.settings.scale:
        return None
    boxes = []
    for sheet in (made, against):
        left, top = sheet.corner
        boxes.append(QRectF(left, top, sheet.image.width(), sheet.image.height()).toRect())
    box = boxes[0].intersected(boxes[1])
    cut = [
        sheet.image.copy(box.translated(-own.topLeft()))
        for sheet, own in zip((made, against), boxes, strict=True)
    ]
    found = heat(*cut)
    if found is None:
        return None
    size, scale = made.source.size, made.settings.scale
    large = result_size(size, scale)
    across, down = size[0] / large[0], size[1] / large[1]
    place = QRectF(box.x() * across, box.y() * down, box.width() * across, box.height() * down)
    return _Found((made, against), Layer(found.image, place), found)


def icon_label(name: str) -> QWidget:
    made = label("")
    made.setPixmap(icons.pixmap(name, theme.DIM, 16, 2))
    return made
