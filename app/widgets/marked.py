"""Marks in time under the hand: a region, spans, a curve. What lies below them comes on top."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QApplication

from app.widgets import marks
from app.widgets.timearea import BAR, RULER, TimeArea
from app.widgets.timeline import Timeline
from engine.messages import Span

Tool = Literal["look", "region", "spans", "curve"]
Kind = Literal["hole", "noise"]

GRIP = 6.0
"""Pixels around a line that still grasp it."""
INSET = 7.0
"""Points of the curve at 0 and 1 stay whole."""
NEW = 0.25
"""Seconds of a hole made by a key."""
_FREE = ("pan", "bar", "seek")
"""Drags that change no marks."""


@dataclass(frozen=True)
class Grip:
    """What lies under the pointer."""

    kind: str
    """region, span-edge, span, point, ruler, bar, or nothing."""
    index: int = -1
    """Which span or point …"""
    side: int = 0
    """… and which of its two edges."""


@dataclass(frozen=True)
class Drag:
    """What the hand holds, and how everything was when it took hold."""

    what: str
    grip: Grip
    at: QPointF
    moment: float
    line: Timeline
    spans: tuple[Span, ...]
    moved: bool = False


class MarkedArea(TimeArea):
    """Setters never emit; while a drag goes on every step does."""

    region_changed = Signal(float, float)
    holes_changed = Signal(object)
    """Spans (holes or noise) in order."""
    curve_changed = Signal(object)
    began = Signal()
    ended = Signal()
    """Around one drag, or one key, that changes marks: one undo step."""

    def __init__(self) -> None:
        super().__init__()
        self._tool: Tool = "look"
        self._kind: Kind = "hole"
        self._region: Span | None = None
        self._spans: tuple[Span, ...] = ()
        self._curve: marks.Points | None = None
        self._words = ("A", "B")
        self._chosen = -1
        self._hover = Grip("")
        self._drag: Drag | None = None
        self._fresh = False
        """The last press made a point: a second one at once does not take it away."""

    # -------------------------------------------------------------- marks

    @property
    def tool(self) -> Tool:
        return self._tool

    def set_tool(self, tool: Tool) -> None:
        """What a drag makes: nothing (the playhead follows), a region, spans, curve points."""
        self._tool, self._chosen = tool, -1
        self._describe()
        self.update()

    @property
    def region(self) -> Span | None:
        return self._region

    def set_region(self, region: Span | None) -> None:
        self._region = region and marks.between(*region, self.seconds)
        self._describe()
        self.update()

    @property
    def spans(self) -> tuple[Span, ...]:
        return self._spans

    def set_spans(self, spans: tuple[Span, ...], kind: Kind = "hole") -> None:
        self._kind, new = kind, marks.inside(spans, self.seconds)
        if new != self._spans:
            self._spans = new
            self._chosen = min(self._chosen, len(new) - 1) if self._tool == "spans" else -1
        self._describe()
        self.update()

    @property
    def curve(self) -> marks.Points | None:
        return self._curve

    def set_curve(self, points: marks.Points | None, words: tuple[str, str] = ("A", "B")) -> None:
        """(seconds, 0..1); None = no curve. `words`: what 0 and 1 mean."""
        self._words, new = words, None if points is None else tuple(sorted(points))
        if new != self._curve:
            self._curve = new
            self._chosen = min(self._chosen, len(new or ()) - 1) if self._tool == "curve" else -1
        self._describe()
        self.update()

    @property
    def chosen(self) -> int:
        """The span or point that Delete takes away; -1 for none."""
        return self._chosen

    def _describe(self) -> None:
        """Says in words what is marked."""

    # -------------------------------------------------------------- places

    def _curve_place(self) -> QRectF:
        """Where the curve lies."""
        return QRectF(0, RULER, self.width(), max(self.height() - RULER - BAR, 1.0))

    def _dot(self, point: tuple[float, float]) -> QPointF:
        place = self._curve_place()
        y = place.bottom() - INSET - point[1] * (place.height() - 2 * INSET)
        return QPointF(self._line.x_of(point[0]), y)

    def _value_at(self, y: float) -> float:
        place = self._curve_place()
        value = (place.bottom() - INSET - y) / max(place.height() - 2 * INSET, 1.0)
        return min(max(value, 0.0), 1.0)

    def _grip_at(self, at: QPointF) -> Grip:
        x, y = at.x(), at.y()
        if y >= self.height() - BAR and not self._line.fitted:
            return Grip("bar")
        if self._tool == "curve" and self._curve is not None and y > RULER:
            far = [(self._dot(point) - at).manhattanLength() for point in self._curve]
            nearest = min(range(len(far)), key=far.__getitem__, default=-1)
            return Grip("point", nearest) if far and far[nearest] <= 2 * GRIP else Grip("")
        # Handles in the way of the brush are grasped by their flags in the ruler.
        if self._region is not None and (self._tool != "spans" or y <= RULER):
            near = [abs(self._line.x_of(moment) - x) for moment in self._region]
            if min(near) <= GRIP:
                return Grip("region", side=near.index(min(near)))
        if y <= RULER:
            return Grip("ruler")
        return self._span_at(x) if self._tool == "spans" else Grip("")

    def _span_at(self, x: float) -> Grip:
        for index, span in enumerate(self._spans):
            near = [abs(self._line.x_of(moment) - x) for moment in span]
            if min(near) <= GRIP:
                return Grip("span-edge", index, near.index(min(near)))
        index = marks.at(self._spans, self._line.time_at(x))
        return Grip("span", index) if index >= 0 else Grip("")

    # -------------------------------------------------------------- hand

    def mousePressEvent(self, event: QMouseEvent) -> None:
        at, button = event.position(), event.button()
        pans = button == Qt.MouseButton.MiddleButton
        if self._drag is not None or not (pans or button == Qt.MouseButton.LeftButton):
            return
        if self.seconds <= 0.0:
            return
        grip = self._grip_at(at)
        what = "pan" if pans else self._meaning(grip)
        self._fresh = what == "add-point"
        moment = self._line.time_at(at.x())
        self._drag = Drag(what, grip, at, moment, self._line, self._spans)
        self._held = True
        if what in ("span", "span-edge", "point"):
            self._chosen = grip.index
        elif what == "add-point":
            self._add_point(moment, self._value_at(at.y()))
        elif what == "seek":
            self._seek(moment)
        self._describe()
        self.update()

    def _meaning(self, grip: Grip) -> str:
        """What a press there begins."""
        if grip.kind == "ruler" or (self._tool == "curve" and self._curve is None):
            return "seek"
        new = {"look": "seek", "region": "new-region", "spans": "new-span", "curve": "add-point"}
        return grip.kind or new[self._tool]

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        at, drag = event.position(), self._drag
        if drag is None:
            self._set_hover(self._grip_at(at))
            return
        if not drag.moved:
            far = (at - drag.at).manhattanLength()
            if drag.what not in _FREE and far < QApplication.startDragDistance() / 2:
                return
            drag = self._drag = replace(drag, moved=True)
            if drag.what not in (*_FREE, "add-point"):
                self.began.emit()
        self._drag_to(drag, at)

    def _drag_to(self, drag: Drag, at: QPointF) -> None:
        moment = self._line.time_at(at.x())
        match drag.what:
            case "pan":
                self._set_line(drag.line.panned(drag.at.x() - at.x()))
            case "bar":
                room = max(self.width() - self._thumb().width(), 1.0)
                step = (at.x() - drag.at.x()) / room * (self.seconds - drag.line.seen)
                self._set_line(drag.line.moved_to(drag.line.start + step, drag.line.span))
            case "seek":
                self._seek(moment)
            case "region":
                self._drag_handle(drag, moment)
            case "new-region":
                self._change_region(marks.between(drag.moment, moment, self.seconds))
            case "point" | "add-point":
                to = (moment, self._value_at(at.y()))
                moved = marks.with_moved(self._curve or (), self._chosen, to, self.seconds)
                self._change_curve(moved)
            case _:
                self._drag_span(drag, moment)
        self._describe()

    def _drag_handle(self, drag: Drag, moment: float) -> None:
        if self._region is None:
            return
        fixed = self._region[1 - drag.grip.side]
        if moment != fixed and (moment > fixed) != (drag.grip.side == 1):
            # The handles have crossed: the hand now holds the other one.
            self._drag = replace(drag, grip=Grip("region", side=1 - drag.grip.side))
        self._change_region(marks.between(fixed, moment, self.seconds))

    def _drag_span(self, drag: Drag, moment: float) -> None:
        if drag.what == "new-span":
            new, others = marks.between(drag.moment, moment, self.seconds), drag.spans
        else:
            old, others = drag.spans[drag.grip.index], marks.without(drag.spans, drag.grip.index)
            if drag.what == "span":
                new = marks.shifted(old, moment - drag.moment, self.seconds)
            else:
                new = marks.between(old[1 - drag.grip.side], moment, self.seconds)
        self._change_spans((*others, new), sum(new) / 2)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        drag, self._drag, self._held = self._drag, None, False
        if drag is None:
            return
        if drag.what == "add-point" or (drag.moved and drag.what not in _FREE):
            self.ended.emit()
        elif not drag.moved and drag.what in ("new-region", "new-span"):
            self._chosen = -1
            self._seek(drag.moment)
        self._set_hover(self._grip_at(event.position()))
        self._describe()
        self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        grip = self._grip_at(event.position())
        if grip.kind == "point" and not self._fresh:
            self._chosen = grip.index
            self._delete()
        elif grip.kind in ("ruler", "bar"):
            self.fit()
        else:
            self.mousePressEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self._set_hover(Grip(""))

    def _set_hover(self, grip: Grip) -> None:
        if grip == self._hover:
            return
        self._hover = grip
        shapes = {
            "": Qt.CursorShape.IBeamCursor if self._tool == "look" else Qt.CursorShape.CrossCursor,
            "region": Qt.CursorShape.SizeHorCursor,
            "span-edge": Qt.CursorShape.SizeHorCursor,
            "span": Qt.CursorShape.OpenHandCursor,
            "point": Qt.CursorShape.PointingHandCursor,
        }
        self.setCursor(shapes.get(grip.kind, Qt.CursorShape.ArrowCursor))
        self.update()

    # -------------------------------------------------------------- keys

    def _key(self, event: QKeyEvent) -> bool:
        key = Qt.Key(event.key())
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            return super()._key(event)
        if key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            return self._delete()
        if key == Qt.Key.Key_Insert:
            return self._insert()
        if key == Qt.Key.Key_Escape and self._chosen >= 0:
            self._chosen = -1
            self._describe()
            self.update()
            return True
        if key in (Qt.Key.Key_I, Qt.Key.Key_O) and self._region is not None:
            fixed = self._region[1 if key == Qt.Key.Key_I else 0]
            whole = (0.0, self.seconds)[1 if key == Qt.Key.Key_I else 0]
            outside = self._playhead >= fixed if key == Qt.Key.Key_I else self._playhead <= fixed
            new = marks.between(whole if outside else fixed, self._playhead, self.seconds)
            self.began.emit()
            self._change_region(new)
            self.ended.emit()
            return True
        return super()._key(event)

    def _insert(self) -> bool:
        """A hole or a point at the playhead."""
        if self._tool == "spans":
            end = self._playhead + NEW
            self.began.emit()
            self._change_spans(
                (*self._spans, marks.between(self._playhead, end, self.seconds)), self._playhead
            )
        elif self._tool == "curve" and self._curve is not None:
            self._add_point(self._playhead, marks.height_at(self._curve, self._playhead))
        else:
            return False
        self.ended.emit()
        self._describe()
        return True

    def _delete(self) -> bool:
        """The chosen span or point; False when there is none."""
        if self._tool == "spans" and 0 <= self._chosen < len(self._spans):
            self.began.emit()
            self._change_spans(marks.without(self._spans, self._chosen), None)
        elif self._tool == "curve" and 0 <= self._chosen < len(self._curve or ()):
            self.began.emit()
            points = marks.without(self._curve or (), self._chosen)
            self._chosen = -1
            self._change_curve(points)
        else:
            return False
        self.ended.emit()
        self._describe()
        return True

    # -------------------------------------------------------------- changes by the person

    def _change_region(self, new: Span) -> None:
        if new != self._region:
            self._region = new
            self.region_changed.emit(*new)
        self.update()

    def _change_spans(self, spans: tuple[Span, ...], chosen: float | None) -> None:
        """`chosen`: a moment inside the span that the hand holds."""
        new = marks.joined(spans)
        self._chosen = -1 if chosen is None else marks.at(new, chosen)
        if new != self._spans:
            self._spans = new
            self.holes_changed.emit(new)
        self.update()

    def _change_curve(self, points: marks.Points) -> None:
        if points != self._curve:
            self._curve = points
            self.curve_changed.emit(points)
        self.update()

    def _add_point(self, moment: float, value: float) -> None:
        self.began.emit()
        points, self._chosen = marks.with_point(self._curve or (), (moment, value))
        self._change_curve(points)
