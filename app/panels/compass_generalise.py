"""The same direction on other seeds, other classes and other layers, side by side, with a score."""

from __future__ import annotations

from dataclasses import dataclass, replace

from PySide6.QtCore import QTimer, Slot
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.compass import Compass
from app.document import Document
from app.fixed import NOTHING, applied
from app.link import EngineLink
from app.shelf import Shelf
from app.widgets.gauge import Gauge
from app.widgets.parts import column, icon_button, label, row, scroll
from app.widgets.rows import StripRow
from app.widgets.strip import STRIP
from engine.messages import (
    Answer,
    Axis,
    Consistency,
    ConsistencyQuestion,
    Direction,
    Edit,
    LatentPart,
    ModelInfo,
    SteerRequest,
)

KEY = "compass alike:"
CALM_MS = 350
SEEDS = 4
MOST_CLASSES = 5
FIRST_SEED = 700_001
NONE = "Sort pictures until there is a slider. Then its effect on other pictures is shown here."


@dataclass(frozen=True)
class Place:
    """One row: where the direction is tried, and in which form."""

    name: str
    start: SteerRequest
    direction: Direction


@dataclass(frozen=True)
class Group:
    """Rows that belong together, and what one score is measured on."""

    key: str
    title: str
    rows: tuple[Place, ...]
    questions: tuple[tuple[str, ConsistencyQuestion], ...]
    """(key, question): one for the group, or one a row."""


def groups_of(axis: Axis, direction: Direction, info: ModelInfo, shift: int) -> tuple[Group, ...]:
    """What is shown for a direction; `shift` gives other seeds."""
    seeds = [FIRST_SEED + shift + number for number in range(SEEDS)]
    base = axis.template

    def seed(number: int, classes: tuple[float, ...] | None = None) -> SteerRequest:
        made = replace(base, latent=(LatentPart(seed=number),))
        return made if classes is None else replace(made, classes=classes)

    starts = tuple(seed(number) for number in seeds)
    seen = tuple(
        Place(f"seed {number}", one, direction) for number, one in zip(seeds, starts, strict=True)
    )
    groups = [
        Group("seeds", "Other seeds", seen, (("seeds", ConsistencyQuestion(direction, starts)),))
    ]
    if info.c_dim > 1:
        groups.append(_classes(info, direction, seed, seeds[0], shift))
    if direction.space in ("w", "w+") and info.num_ws >= 3:
        groups.append(_layers(info, direction, starts))
    return tuple(groups)


def _classes(info: ModelInfo, direction: Direction, seed, number: int, shift: int) -> Group:  # noqa: ANN001
    names = info.class_names or tuple(f"class {i}" for i in range(info.c_dim))
    count = min(info.c_dim, MOST_CLASSES)
    # Of a thousand classes, some from all over; other seeds bring other classes.
    step = max(info.c_dim // count, 1)
    chosen = [
        (i * step + (shift if info.c_dim > MOST_CLASSES else 0)) % info.c_dim for i in range(count)
    ]
    rows = tuple(
        Place(
            names[index].split(",")[0],
            seed(number, tuple(float(i == index) for i in range(info.c_dim))),
            direction,
        )
        for index in chosen
    )
    question = ConsistencyQuestion(direction, tuple(one.start for one in rows))
    return Group("classes", "Other classes, the same seed", rows, (("classes", question),))


def _layers(info: ModelInfo, direction: Direction, starts: tuple[SteerRequest, ...]) -> Group:
    thirds = [round(info.num_ws * part / 3) for part in range(4)]
    rows, questions = [], []
    for name, first, after in zip(("coarse", "middle", "fine"), thirds, thirds[1:], strict=False):
        ranged = replace(direction, layers=(first, after - 1))
        rows.append(Place(f"{name}  {first}–{after - 1}", starts[0], ranged))
        questions.append((f"layers {name}", ConsistencyQuestion(ranged, starts[:3])))
    return Group("layers", "On some layers only", tuple(rows), tuple(questions))


def verdict(score: Consistency) -> str:
    """A score in words."""
    if score.score <= score.chance + 0.1:
        return "no more alike than unrelated changes"
    if score.score >= 0.75:
        return "does the same everywhere"
    return "mostly does the same" if score.score >= 0.45 else "differs from picture to picture"


class GroupView(QWidget):
    """A title with its score, and a strip a row."""

    def __init__(self, group: Group, shelf: Shelf):
        super().__init__()
        self.group = group
        self.gauge = Gauge(f"{group.title}: how alike the changes are", 0.0)
        self.gauge.setFixedWidth(120)
        self.words = label("", "dim")
        self.rows = [StripRow(place.name, self.pictures(place), shelf) for place in group.rows]
        layout = column(self, spacing=4)
        one = len(group.questions) == 1
        self.gauge.setVisible(one)
        layout.addLayout(row(label(group.title.upper(), "section"), 1, self.words, self.gauge))
        for strip in self.rows:
            layout.addWidget(strip)

    @staticmethod
    def pictures(place: Place) -> list[SteerRequest]:
        """The start with the direction at each σ of the strip."""
        moved = place.direction
        return [replace(place.start, edits=(Edit(moved, s),) if s else ()) for s in STRIP]

    def take(self, key: str, score: Consistency) -> None:
        """A score of the group, or of one of its rows."""
        number = [one for one, _question in self.group.questions].index(key)
        if len(self.group.questions) == 1:
            self.gauge.set_value(max(score.score, 0.0), max(score.chance, 0.0))
            self.words.setText(f"{verdict(score)}   {score.score:.2f}")
            for strip, cosine in zip(self.rows, score.places, strict=False):
                strip.set_score(cosine, score.chance)
        else:
            self.rows[number].set_score(score.score, score.chance)


class GeneralisePanel(QWidget):
    """Asked for only while it is in sight."""

    def __init__(self, compass: Compass, document: Document, link: EngineLink, shelf: Shelf):
        super().__init__()
        self._compass, self._document, self._link, self._shelf = compass, document, link, shelf
        self._shift = 0
        self._shown: tuple[Group, ...] = ()
        self._stamps: dict[str, int] = {}
        self.views: list[GroupView] = []
        self.gauge = Gauge("All of them: how alike the changes are", 0.0)
        self.gauge.setFixedWidth(160)
        self.words = label("", "head")
        self.explained = label(
            "Alike: how much what changes agrees from picture to picture, 1 at most. "
            "The mark is how alike unrelated changes look.",
            "small",
            wrap=True,
        )
        self.others = icon_button("dice", "Other seeds")
        self._inside = QWidget()
        self._lines: QVBoxLayout = column(self._inside, spacing=14)
        self._lines.setContentsMargins(14, 4, 14, 14)
        self.empty = label(NONE, "dim", wrap=True)
        self._lines.addWidget(self.empty)
        self._lines.addStretch(1)
        layout = column(self, spacing=4)
        head = row(self.words, self.gauge, 1, self.others, spacing=12)
        head.setContentsMargins(14, 10, 14, 0)
        layout.addLayout(head)
        foot = row(self.explained)
        foot.setContentsMargins(14, 0, 14, 4)
        layout.addLayout(foot)
        layout.addWidget(scroll(self._inside, "Other pictures"), 1)
        self._calm = QTimer(self)
        self._calm.setSingleShot(True)
        self._calm.setInterval(CALM_MS)
        self._calm.timeout.connect(self._ask)
        self.others.clicked.connect(self._other_seeds)
        compass.changed.connect(self._later)
        compass.fitted.connect(self._later)
        link.answer.connect(self._answer)

    @Slot()
    def _later(self) -> None:
        if self.isVisible():
            self._calm.start()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._ask()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._shelf.want("generalise", [])

    @Slot()
    def _other_seeds(self) -> None:
        self._shift += SEEDS
        self._ask()

    def _direction(self) -> Direction | None:
        """As the card moves along it."""
        axis = self._compass.axis
        if axis is None or not self._compass.here or axis.direction is None:
            return None
        card, info = self._document.state.card(axis.key), self._document.info
        if card is None or info is None:
            return axis.direction
        direction, left = applied(self._document.state, card, info.num_ws)
        return direction if left >= NOTHING else None

    @Slot()
    def _ask(self) -> None:
        axis, info, direction = self._compass.axis, self._document.info, self._direction()
        found = axis is not None and info is not None and direction is not None
        self.empty.setVisible(not found)
        for part in (self.gauge, self.explained, self.others):
            part.setVisible(found)
        if axis is None or info is None or direction is None:
            self.words.setText("")
            self._rebuild(())
            return
        groups = groups_of(axis, direction, info, self._shift)
        if groups == self._shown:
            self._want()
            return
        self._rebuild(groups)
        self.words.setText("How alike?")
        self.gauge.set_value(None)
        for group in groups:
            for key, question in group.questions:
                self._stamps[key] = self._link.client.ask(question, KEY + key)
        everywhere = tuple(
            one.start for group in groups[:2] if group.key != "layers" for one in group.rows
        )
        whole = ConsistencyQuestion(direction, everywhere)
        self._stamps["all"] = self._link.client.ask(whole, f"{KEY}all")

    def _rebuild(self, groups: tuple[Group, ...]) -> None:
        for view in self.views:
            self._lines.removeWidget(view)
            view.hide()
            view.deleteLater()
        self._shown = groups
        self.views = [GroupView(group, self._shelf) for group in groups]
        for place, view in enumerate(self.views):
            self._lines.insertWidget(place, view)
        self._want()

    def _want(self) -> None:
        self._shelf.want(
            "generalise",
            [one for view in self.views for strip in view.rows for one in strip.requests],
        )

    @Slot(object)
    def _answer(self, answer: Answer) -> None:
        key = answer.key.removeprefix(KEY)
        if not isinstance(answer.body, Consistency) or self._stamps.get(key) != answer.stamp:
            return
        score = answer.body
        if key == "all":
            self.gauge.set_value(max(score.score, 0.0), max(score.chance, 0.0))
            words = verdict(score)
            self.words.setText(f"{words[0].upper()}{words[1:]}")
            return
        for view in self.views:
            if key in [one for one, _question in view.group.questions]:
                view.take(key, score)
