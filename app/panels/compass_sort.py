"""The sort wall between its two trays, and what lies along the axis; or two pictures at a time."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, QRectF, Qt, QTimer, Slot
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QMenu, QStackedWidget, QWidget

from app import axes
from app.compass import Compass, Kind
from app.panels.compass_pairs import PairSorting
from app.shelf import Shelf
from app.widgets.flights import Flights
from app.widgets.margins import MarginPlot, Spot
from app.widgets.parts import Segments, column, icon_button, label, push, row
from app.widgets.tray import Tray
from app.widgets.wall import SortWall
from engine.messages import SteerRequest, Suggestion

AHEAD = 10
"""Pictures held ready, so that an emptied cell is filled at once."""
PAIRS_AHEAD = 6
NARROW = 800
"""Pixels below which trays and pictures are smaller."""
CALM_MS = 260
"""Suggestions are renewed this long after the last answer."""
KINDS = (
    (
        "uncertain",
        "Uncertain",
        "Show me the uncertain ones: the slider learns most from these. "
        "At first: pictures as different as can be.",
    ),
    ("extremes", "Extremes", "Show me the extremes: both far ends of the axis."),
    ("more", "Most", "More like this axis: pictures far on the side of more."),
    ("less", "Least", "Less like this axis: pictures far on the side of less."),
    ("random", "Random", "Any pictures."),
)
HELP = "Click or → more  ·  right click or ← less  ·  ↓ skip  ·  or drag"


class SortPanel(QWidget):
    """Where the sorting happens."""

    def __init__(self, compass: Compass, shelf: Shelf, large: Shelf):
        super().__init__()
        self._compass, self._shelf = compass, shelf
        self._queue: list[SteerRequest] = []
        self._which: object = None
        self._template: SteerRequest | None = None
        self._waiting = False
        self._known: set[SteerRequest] = set()
        self.kinds = Segments(KINDS, "Pictures to sort")
        self.again = icon_button("dice", "Other pictures")
        self.pairs_button = push("Which of these two?", "Compare two pictures at a time")
        self.pairs_button.setCheckable(True)
        self.less = Tray("less", "Drop pictures here that show less of it.", shelf)
        self.more = Tray("more", "Drop pictures here that show more of it.", shelf)
        self.wall = SortWall(shelf)
        self.pairs = PairSorting(large)
        self.plot = MarginPlot(shelf)
        self.help = label(HELP, "small")
        self.help.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.middle = QStackedWidget()
        self.menu: QMenu | None = None
        self._calm = QTimer(self)
        self._calm.setSingleShot(True)
        self._calm.setInterval(CALM_MS)
        self._calm.timeout.connect(self._renew)
        self._build()
        self.flights = Flights(self)
        self._wire()

    def _build(self) -> None:
        layout = column(self, spacing=6)
        layout.setContentsMargins(12, 8, 12, 8)
        self._show_me = label("Show me", "dim")
        tools = row(self._show_me, self.kinds, self.again, 1, self.pairs_button)
        layout.addLayout(tools)
        centre = QWidget()
        inside = column(centre, spacing=4)
        inside.addWidget(self.wall, 1)
        inside.addWidget(self.help)
        self.middle.addWidget(centre)
        self.middle.addWidget(self.pairs)
        body = row(self.less, self.middle, self.more, spacing=10)
        body.setStretch(1, 1)
        layout.addLayout(body, 1)
        layout.addWidget(self.plot)

    def _wire(self) -> None:
        compass = self._compass
        compass.changed.connect(self._axis)
        compass.fitted.connect(self._show_sorted)
        compass.suggested.connect(self._suggested)
        self.kinds.chosen.connect(self._kind)
        self.again.clicked.connect(self.renew_all)
        self.pairs_button.toggled.connect(self._pairs)
        self.wall.sorted.connect(self._sorted)
        self.wall.room_changed.connect(self._top_up)
        self.pairs.answered.connect(self._compared)
        self.pairs.more_wanted.connect(self._more_pairs)
        for part in (self.wall, self.less.grid, self.more.grid):
            part.drag_moved.connect(self._carry)
            part.dropped.connect(self._drop)
        for part in (self.less.grid, self.more.grid, self.plot):
            part.menu_asked.connect(self.ask_anew)
            part.relabelled.connect(self.relabel)

    # -------------------------------------------------------------- pictures to sort

    @property
    def kind(self) -> Kind:
        return self.kinds.value  # type: ignore[return-value]

    @Slot(str)
    def _kind(self, _kind: str) -> None:
        self.renew_all()

    @Slot()
    def renew_all(self) -> None:
        """Other pictures on the whole wall."""
        if self.pairs_button.isChecked():
            self.pairs.clear()
            self._more_pairs()
            return
        self.wall.clear("Looking for pictures …")
        self._queue = []
        self._waiting = True
        self._compass.suggest(self.kind, self.wall.room + AHEAD)

    @Slot()
    def _renew(self) -> None:
        """Those held ready follow the newest fit; what lies on the wall stays."""
        axis = self._compass.axis
        if not self.isVisible() or axis is None or self._waiting:
            return
        self._waiting = True
        # Some of the answer may lie on the wall already.
        self._compass.suggest(self.kind, self.wall.room + AHEAD)

    @Slot()
    def _top_up(self) -> None:
        if not self.isVisible() or not self._compass.here:
            return
        self._queue = self.wall.fill(self._queue)
        if (self.wall.free or len(self._queue) < AHEAD // 2) and not self._waiting:
            self._waiting = True
            self._compass.suggest(self.kind, self.wall.room + AHEAD)
        self._shelf.want("wall", [*self.wall.requests, *self._queue[:AHEAD]])

    @Slot(object, str)
    def _suggested(self, suggestion: Suggestion, kind: Kind) -> None:
        if kind == "pairs":
            self.pairs.add(suggestion.requests)
            return
        self._waiting = False
        axis = self._compass.axis
        known = {one.request for one in axis.labels} if axis is not None else set()
        fresh = [one for one in suggestion.requests if one not in known]
        self._queue = [one for one in dict.fromkeys(fresh) if not self.wall.holds(one)][
            : self.wall.room + AHEAD
        ]
        if not self._queue and self.wall.free:
            self.wall.clear("No other pictures were found. Choose another way above.")
        self._queue = self.wall.fill(self._queue)
        self._shelf.want("wall", [*self.wall.requests, *self._queue[:AHEAD]])

    def failed(self) -> None:
        """The engine could not tell which pictures: the next answer asks again."""
        self._waiting = False

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        narrow = self.width() < NARROW
        for tray in (self.less, self.more):
            tray.set_width(100 if narrow else 130)
        self.wall.set_cell(82 if narrow else 98)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        QTimer.singleShot(0, self._top_up)

    # -------------------------------------------------------------- hand → compass

    @Slot(object, str)
    def _sorted(self, request: SteerRequest, answer: str) -> None:
        start = QRectF(self._in_here(self.wall, self.wall.take(request)))
        self._queue = self.wall.fill(self._queue)
        if answer == "skip":
            end = QRectF(start.center().x(), self.height(), 8, 8)
        else:
            end = (self.more if answer == "more" else self.less).landing(self)
        self.flights.fly(self._shelf.image(request), start, end)
        self._compass.sort(request, answer)  # type: ignore[arg-type]
        self._calm.start()
        if len(self._queue) < AHEAD // 2:
            self._top_up()

    @Slot(object, object, str)
    def _compared(self, a: SteerRequest, b: SteerRequest, answer: str) -> None:
        self._compass.compare(a, b, answer)  # type: ignore[arg-type]

    @Slot()
    def _more_pairs(self) -> None:
        if self.pairs_button.isChecked():
            self._compass.suggest("pairs", PAIRS_AHEAD)

    @Slot(bool)
    def _pairs(self, on: bool) -> None:
        self.middle.setCurrentIndex(1 if on else 0)
        self.kinds.setVisible(not on)
        self._show_me.setText("Two at a time" if on else "Show me")
        if on:
            self.pairs.clear()
            self._more_pairs()
            self.pairs.setFocus()
        else:
            self._shelf.want("pairs", [])
            self._top_up()
            self.wall.setFocus()

    @Slot(object, str)
    def relabel(self, request: SteerRequest, answer: str) -> None:
        """Sort a sorted picture otherwise, or take it back."""
        if answer == "back":
            self._compass.take_back(request)
        else:
            self._compass.sort(request, answer)  # type: ignore[arg-type]

    @Slot(object, QPoint)
    def ask_anew(self, request: SteerRequest, place: QPoint) -> None:
        """What to do with a picture that was sorted."""
        axis = self._compass.axis
        answer = axes.answer_of(axis, request) if axis is not None else None
        if self.menu is not None:
            self.menu.deleteLater()
        self.menu = menu = QMenu(self)
        menu.setAccessibleName("Sort it anew")
        for value, text in (
            ("more", "Put it on the side of more"),
            ("less", "Put it on the side of less"),
            ("skip", "Neither: skip it"),
            ("back", "Take it back"),
        ):
            if value != answer:
                action = menu.addAction(text)
                action.triggered.connect(
                    lambda _checked=False, value=value: self.relabel(request, value)
                )
        menu.popup(place)

    # -------------------------------------------------------------- dragging

    def _in_here(self, widget: QWidget, box: QRect) -> QRect:
        return QRect(widget.mapTo(self, box.topLeft()), box.size())

    def _over(self, place: QPoint) -> str:
        """Which side a place on the screen is on."""
        inside = self.mapFromGlobal(place)
        for tray, side in ((self.less, "less"), (self.more, "more")):
            if self._in_here(tray, tray.rect()).contains(inside):
                return side
        return "wall" if self._in_here(self.middle, self.middle.rect()).contains(inside) else ""

    @Slot(object, QPoint)
    def _carry(self, request: SteerRequest, place: QPoint) -> None:
        self.flights.carry(self._shelf.image(request), self.mapFromGlobal(place))
        side = self._over(place)
        self.less.set_hot(side == "less")
        self.more.set_hot(side == "more")

    @Slot(object, QPoint)
    def _drop(self, request: SteerRequest, place: QPoint) -> None:
        side = self._over(place)
        self.flights.put_down()
        self.less.set_hot(False)
        self.more.set_hot(False)
        self.wall.update()
        sorted_before = not self.wall.holds(request)
        if side in ("less", "more"):
            if sorted_before:
                self.relabel(request, side)
            else:
                self._sorted(request, side)
        elif sorted_before and side == "wall":
            self.relabel(request, "back")

    # -------------------------------------------------------------- compass → panel

    @Slot()
    def _axis(self) -> None:
        axis = self._compass.axis
        if axis is None:
            return
        self.pairs.set_name(axis.name)
        other = self._template is not None and axis.template != self._template
        # A draft keeps its pictures when it gets its name and key.
        which = axis.created or axis.key
        another = which != self._which
        self._which, self._template = which, axis.template
        self.middle.setEnabled(self._compass.here)
        if another:
            self.kinds.set_value(KINDS[0][0])
        if another or other:
            if self.isVisible() and self._compass.here:
                self.renew_all()
            else:
                self.wall.clear("")
                self._queue, self._waiting = [], False
        self._show_sorted(another)

    def _keep_apart(self, known: set[SteerRequest], another: bool) -> None:
        """What is sorted leaves the wall; what was taken back comes to it next."""
        returned = set() if another else self._known - known
        self._known = known
        for request in self.wall.requests:
            if request in known:
                self.wall.take(request)
        waiting = [one for one in self._queue if one not in known and one not in returned]
        self._queue = [*(one for one in returned if not self.wall.holds(one)), *waiting]
        if self.wall.free:
            self._top_up()

    @Slot()
    def _show_sorted(self, another: bool = False) -> None:
        axis = self._compass.axis
        if axis is None:
            return
        spots = [
            Spot(one.request, one.answer, margin)
            for one in axis.labels
            if one.answer != "skip" and (margin := self._compass.margin(one.request)) is not None
        ]
        odd = {spot.request for spot in spots if spot.odd}
        sides: dict[str, list[SteerRequest]] = {"less": [], "more": []}
        for one in reversed(axis.labels):
            if one.answer in sides:
                sides[one.answer].append(one.request)
        self._keep_apart({one.request for one in axis.labels}, another)
        self.less.show_requests(sides["less"], odd)
        self.more.show_requests(sides["more"], odd)
        has = bool(sides["less"] and sides["more"])
        words = "" if has else "What you sort lines up here, from less to more."
        self.plot.set_spots(spots if has else (), words)
        if self.isVisible():
            self._shelf.want("sorted", sides["less"] + sides["more"])
