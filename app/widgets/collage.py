"""Pieces on a picture by hand: drawn round, dragged, scaled, turned."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from PySide6.QtCore import QEvent, QPointF, Qt, Signal
from PySide6.QtGui import (
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QWheelEvent,
)

from app.composed import Piece
from app.widgets.arranging import (
    apart,
    piece_at,
    scaled,
    stalk_of,
    turned_box,
    upright,
    within_reach,
)
from app.widgets.assembly import MASK_SIDE
from app.widgets.brushes import Brush, Mask
from app.widgets.canvas import Canvas
from app.widgets.collage_look import CollageLook, paint_lasso, paint_ring, paint_stroke, paint_words
from app.widgets.overlay import Overlay
from app.widgets.pieces import Pieces

GRIP = 10.0
"""Pixels around a handle that take hold of it."""
SNAP = 4.0
"""Pixels from where it came from at which a piece falls back into its place."""
Hold = Literal["", "move", "scale", "turn", "draw"]


class Collage(Overlay):
    """Lies over the canvas. Pressing on a piece drags it (Alt: a copy), beside it draws the next.

    Wheel over the chosen piece scales it. Keys: arrows move, + and - scale, [ and ] turn, F flips,
    D duplicates, Delete takes away, N chooses the next, Escape none; , and . change the brush.
    """

    brush_changed = Signal()
    drawn = Signal(object, bool)
    """What was drawn: (h, w) float32 0..1 over the source, and whether it is to be taken away."""

    def __init__(self, canvas: Canvas, pieces: Pieces, name: str):
        super().__init__(canvas, name)
        self.pieces = pieces
        self._look = CollageLook(QImage())
        self._mask = Mask()
        self._brush = Brush(size=0.08, soft=0.2, lasso=True)
        self._outline: list[QPointF] = []
        self._hold: Hold = ""
        self._away = False
        self._from = QPointF()
        self._before: tuple[Piece, ...] = ()
        self._start: Piece | None = None
        """The chosen piece as it was when the drag began."""
        self.drawing = True
        """Whether pressing beside a piece draws."""
        self.trimming = False
        """Drawing goes on over a piece: what it covers stays of it."""
        self.invitation = ""
        """Said while there is no piece."""
        pieces.looked.connect(self.seen)

    # -------------------------------------------------------------- what others see

    def set_source(self, image: QImage) -> None:
        self.pieces.source = image
        self._look = CollageLook(image)
        self._hold = ""
        self.pieces.show(())

    def below(self, pieces: tuple[Piece, ...]) -> QImage:
        """The source with the places filled that these pieces left empty."""
        return self._look.below(pieces)

    @property
    def brush(self) -> Brush:
        return self._brush

    def set_brush(self, brush: Brush) -> None:
        self._brush = replace(brush, size=min(max(brush.size, 0.01), 1.0))
        self.brush_changed.emit()
        self.update()

    # -------------------------------------------------------------- places

    def _box(self, piece: Piece) -> list[QPointF]:
        """Its four corners in the widget."""
        target = self.canvas.target()
        source = self.pieces.source
        size = target.width() / max(source.width(), 1)
        return [corner * size + target.topLeft() for corner in turned_box(piece, source)]

    def _piece_at(self, at: QPointF) -> int:
        target = self.canvas.target()
        source = self.pieces.source
        size = target.width() / max(source.width(), 1)
        place, chosen = (at - target.topLeft()) / size, self.pieces.number
        # Where nothing is drawn beside a piece, its box is as good as what is seen of it.
        return piece_at(self.pieces.all, place, source, chosen, loose=not self.drawing)

    def _handle_at(self, at: QPointF) -> Hold:
        if self.pieces.chosen is None:
            return ""
        corners = self._box(self.pieces.chosen)
        side = min(apart(corners[0], corners[1]), apart(corners[1], corners[2]))
        # Of a small piece more must remain to drag it by.
        grip = min(GRIP, max(side / 4, 3.0))
        if apart(at, stalk_of(corners)) <= GRIP:
            return "turn"
        return "scale" if any(apart(at, corner) <= grip for corner in corners) else ""

    # -------------------------------------------------------------- hand

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton or self.pieces.source.isNull():
            event.ignore()
            return
        at, keys = event.position(), event.modifiers()
        self._from, self._before = at, self.pieces.all
        self._away = bool(keys & Qt.KeyboardModifier.ShiftModifier)
        draws = self.trimming or (self._away and self.drawing)
        self._hold = "" if draws else self._handle_at(at)
        under = -1 if draws or self._hold else self._piece_at(at)
        if under >= 0:
            self._hold = "move"
            self.pieces.choose(under)
            if keys & Qt.KeyboardModifier.AltModifier:
                self.pieces.add(replace(self.pieces.all[under], home=None, cut=False))
        elif not self._hold and (self.drawing or draws):
            self._begin(at)
        elif not self._hold:
            self.pieces.choose(-1)
            event.ignore()
        self._start = self.pieces.chosen

    def _begin(self, at: QPointF) -> None:
        width, height = self.pieces.source.width(), self.pieces.source.height()
        scale = min(MASK_SIDE / max(width, height), 1.0)
        self._mask = Mask(max(round(height * scale), 1), max(round(width * scale), 1))
        self._hold, self._outline = "draw", [at]
        self._mask.begin(*self._in_mask(at), self._brush)
        self.update()

    def _in_mask(self, at: QPointF) -> tuple[float, float]:
        (x, y), (height, width) = self.share(at), self._mask.shape
        return x * width, y * height

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        at = self.at = event.position()
        if self._hold == "draw":
            self._outline.append(at)
            self._mask.move(*self._in_mask(at))
        elif self._hold:
            self._drag(at, bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier))
        elif event.buttons():
            event.ignore()
        else:
            self._show_cursor(at)
        self.update()

    def _drag(self, at: QPointF, steps: bool) -> None:
        old = self._start
        if old is None:
            return
        target, corners = self.canvas.target(), self._box(old)
        centre = (corners[0] + corners[2]) / 2
        if self._hold == "move":
            step = at - self._from
            x, y = old.x + step.x() / target.width(), old.y + step.y() / target.height()
            made = self._fallen(within_reach(old, x, y, self.pieces.source))
        elif self._hold == "scale":
            factor = apart(at, centre) / max(apart(self._from, centre), 1.0)
            made = replace(old, scale=scaled(old.scale * factor))
        else:
            now, then = at - centre, self._from - centre
            turned = math.atan2(now.y(), now.x()) - math.atan2(then.y(), then.x())
            angle = old.turn + math.degrees(turned)
            made = replace(old, turn=upright(round(angle / 15) * 15 if steps else angle))
        self.pieces.put(made)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        hold, self._hold = self._hold, ""
        if not hold:
            event.ignore()
            return
        if hold == "draw":
            self._mask.end()
            self._outline = []
            self.drawn.emit(self._mask.values, self._away)
        elif self.pieces.all != self._before:
            words = {
                "move": self.tr("Move a part"),
                "scale": self.tr("Scale a part"),
                "turn": self.tr("Turn a part"),
            }
            self.pieces.settle(words[hold])
        self.update()

    def _fallen(self, piece: Piece) -> Piece:
        """Near where it came from it falls into its place."""
        target = self.canvas.target()
        if piece.home is None:
            return piece
        x, y = piece.home
        gap = math.hypot((piece.x - x) * target.width(), (piece.y - y) * target.height())
        return replace(piece, x=x, y=y) if gap < SNAP else piece

    def wheelEvent(self, event: QWheelEvent) -> None:
        control = event.modifiers() & Qt.KeyboardModifier.ControlModifier
        under = self._piece_at(event.position())
        if under >= 0 and under == self.pieces.number and not control:
            self.pieces.scale_by(1.0015 ** event.angleDelta().y())
            event.accept()
        else:
            self.canvas.wheelEvent(event)

    def _show_cursor(self, at: QPointF) -> None:
        shape = Qt.CursorShape
        handle = self._handle_at(at)
        if handle and not self.trimming:
            self.setCursor(shape.SizeFDiagCursor if handle == "scale" else shape.PointingHandCursor)
        elif not self.trimming and self._piece_at(at) >= 0:
            self.setCursor(shape.SizeAllCursor)
        else:
            draws = self.drawing or self.trimming
            self.setCursor(shape.CrossCursor if draws else shape.ArrowCursor)

    # -------------------------------------------------------------- keys

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            plain = not event.modifiers() & ~Qt.KeyboardModifier.ShiftModifier
            if plain and (Qt.Key(event.key()) in self._deeds() or _step_of(event) is not None):
                event.accept()
                return True
        return super().event(event)

    def _deeds(self) -> dict[Qt.Key, Callable[[], object]]:
        key, pieces = Qt.Key, self.pieces
        turn = pieces.chosen.turn if pieces.chosen is not None else 0.0

        def turned(by: float) -> None:
            pieces.alter(self.tr("Turn a part"), "piece turn", turn=upright(turn + by))

        def brushed(factor: float) -> None:
            self.set_brush(replace(self._brush, size=self._brush.size * factor))

        return {
            key.Key_Delete: pieces.remove,
            key.Key_Backspace: pieces.remove,
            key.Key_F: pieces.flip,
            key.Key_D: pieces.duplicate,
            key.Key_N: pieces.choose_next,
            key.Key_Escape: lambda: pieces.choose(-1),
            key.Key_Plus: lambda: pieces.scale_by(1.05),
            key.Key_Equal: lambda: pieces.scale_by(1.05),
            key.Key_Minus: lambda: pieces.scale_by(1 / 1.05),
            key.Key_BracketLeft: lambda: turned(-5.0),
            key.Key_BracketRight: lambda: turned(5.0),
            key.Key_Comma: lambda: brushed(1 / 1.2),
            key.Key_Period: lambda: brushed(1.2),
        }

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = _step_of(event)
        plain = not event.modifiers() & ~Qt.KeyboardModifier.ShiftModifier
        deed = self._deeds().get(Qt.Key(event.key())) if plain else None
        if step is not None and self.pieces.chosen is not None:
            self.pieces.move_by(*step)
        elif deed is not None:
            deed()
        else:
            super().keyPressEvent(event)

    # -------------------------------------------------------------- look

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.pieces.source.isNull():
            return
        painter, target = QPainter(self), self.canvas.target()
        drawing = self._hold == "draw"
        self._look.paint(painter, target, self.pieces.all, self.pieces.number)
        if drawing and self._brush.lasso:
            paint_lasso(painter, self._outline)
        elif drawing:
            paint_stroke(painter, target, self._mask.values)
        draws = self.cursor().shape() == Qt.CursorShape.CrossCursor
        if self.at is not None and draws and not self._brush.lasso:
            paint_ring(painter, self.at, self._brush, max(target.width(), target.height()))
        if self.invitation and not self.pieces.all and self.at is None:
            paint_words(painter, target, self.invitation)
        self.paint_focus(painter, target)
        painter.end()


def _step_of(event: QKeyEvent) -> tuple[int, int] | None:
    """What an arrow key moves by, pixels of the source; with Shift ten times as far."""
    far = 10 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1
    steps = {
        Qt.Key.Key_Left: (-far, 0),
        Qt.Key.Key_Right: (far, 0),
        Qt.Key.Key_Up: (0, -far),
        Qt.Key.Key_Down: (0, far),
    }
    return steps.get(Qt.Key(event.key()))
