"""The picture on the Upscale page as observable state: what is asked, and what has come so far."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtCore import QObject, QRectF, QTimer, Signal, Slot
from PySide6.QtGui import QImage, QPainter

from app.history import History
from app.link import EngineLink
from app.picturing import picture_image
from app.upscale_state import (
    KEY,
    Part,
    Seen,
    UpscaleState,
    against_of,
    original_of,
    parts_of,
    settings_of,
)
from engine.messages import (
    Answer,
    Failure,
    UpscaleQuestion,
    UpscaleReply,
    UpscaleSettings,
    UpscaleSource,
    UpscaleSourceQuestion,
)

SOURCE = "source"
SIDES = ("made", "against", "original")
"""What the model makes, what that is compared with, and the source's own pixels."""
WAIT_MS = 30
"""A hand on its way does not ask at every pixel."""
REMEMBERED = 256 * 2**20
"""Bytes of finished parts at hand, so that undo and the way back show them at once."""


@dataclass(frozen=True, eq=False)
class Source:
    """What is being looked at."""

    path: str
    frame: int
    size: tuple[int, int]
    """Width, height in pixels."""
    image: QImage
    """All of it, small where it is large."""
    bits: int = 8
    channels: int = 3
    frames: int = 1
    note: str = ""

    @property
    def name(self) -> str:
        return Path(self.path).name


@dataclass(eq=False)
class Sheet:
    """A part of the source, enlarged, as far as it has come."""

    source: Source
    settings: UpscaleSettings
    part: Part
    image: QImage
    done: bool = False
    provider: str = ""
    note: str = ""
    seconds: float = 0.0
    """Of computing."""

    @property
    def corner(self) -> tuple[int, int]:
        """Left and top in the result, pixels."""
        return self.part.place(self.source.size, self.settings.scale)[:2]

    @property
    def place(self) -> QRectF:
        """Where it lies in the source, pixels of it."""
        size, scale = self.source.size, self.settings.scale
        left, top, width, height = self.part.place(size, scale)
        across = size[0] / max(1, round(size[0] * scale))
        down = size[1] / max(1, round(size[1] * scale))
        return QRectF(left * across, top * down, width * across, height * down)


@dataclass
class _Asked:
    """A question that is being answered."""

    stamp: int
    source: Source
    settings: UpscaleSettings
    part: Part
    begun: bool = False
    """Whether the model has made something of it."""


class Upscaling(QObject):
    """Widgets read `state`, `source` and `sheets`, call `change`, and listen."""

    changed = Signal()
    """The state is another one."""
    source_changed = Signal()
    arrived = Signal(str)
    """Something new on this side."""
    told = Signal()
    """Another problem, or none any more; busy or not."""

    def __init__(self, link: EngineLink, parent: QObject | None = None):
        super().__init__(parent)
        self.link = link
        self.history = History(self.apply, self)
        self.undo_stack = self.history.stack
        self.state = UpscaleState()
        self.source: Source | None = None
        self.sheets: dict[str, Sheet] = {}
        self.problem = ""
        """A sentence, or nothing."""
        self.too_large = False
        """More is seen than can be enlarged while one looks."""
        self._path = ""
        self._frame = 0
        self._seen = Seen()
        self._wanted: tuple[str, ...] = ("made",)
        self._asked: dict[str, _Asked] = {}
        self._refused: set[tuple[object, ...]] = set()
        self._opening: int | None = None
        self._known: list[Sheet] = []
        self._wait = QTimer(self)
        self._wait.setSingleShot(True)
        self._wait.setInterval(WAIT_MS)
        self._wait.timeout.connect(self._ask)
        link.answer.connect(self._answer)
        link.failure.connect(self._failure)

    # -------------------------------------------------------------- changes

    def open(self, path: str, frame: int = 0) -> None:
        """Another picture, or another frame of a film."""
        if path != self._path:
            self._known.clear()
        self._path, self._frame = path, frame
        self._set_problem("")
        question = UpscaleSourceQuestion(path, frame)
        self._opening = self.link.client.ask(question, KEY + SOURCE)
        self.told.emit()

    def set_frame(self, frame: int) -> None:
        """Of a film; 0 is the first."""
        if self.source is not None and frame != self._frame:
            self.open(self._path, frame)

    @property
    def path(self) -> str:
        """Of what is shown or about to be."""
        return self._path

    def change(self, text: str, merge: str = "", **fields: object) -> None:
        """One change that can be undone; a gesture merges when `merge` names what it changes."""
        new = replace(self.state, **fields)  # type: ignore[arg-type]
        if new != self.state:
            self.history.push(text, self.state, new, merge)

    def apply(self, state: object) -> None:
        """Take a state without recording it (`history` calls it)."""
        if isinstance(state, UpscaleState):
            self.state = state
            self._refused.clear()
            self._set_problem("")
            self.changed.emit()
            self.refresh()

    def look(self, seen: Seen, wanted: tuple[str, ...]) -> None:
        """This much of the source is before the eye, on these sides."""
        if (seen, wanted) != (self._seen, self._wanted):
            self._seen, self._wanted = seen, wanted
            self.refresh()

    @Slot()
    def refresh(self) -> None:
        """Ask soon for what is seen and not there."""
        if not self._wait.isActive():
            self._wait.start()

    # -------------------------------------------------------------- asking

    @property
    def busy(self) -> bool:
        return bool(self._asked) or self._opening is not None

    def settings(self, side: str) -> UpscaleSettings:
        of = {"made": settings_of, "against": against_of, "original": original_of}
        return of[side](self.state)

    @Slot()
    def _ask(self) -> None:
        source = self.source
        if source is None:
            return
        self.too_large = False
        for side in SIDES:
            if side in self._wanted:
                self._ask_side(side, source)
            elif side in self._asked:
                self._forget(side)
        self.told.emit()

    def _ask_side(self, side: str, source: Source) -> None:
        settings = self.settings(side)
        found = parts_of(self._seen, source.size, settings.scale, self.state.wrap)
        if found is None:
            self.too_large = self.too_large or side != "original"
            self._forget(side)
            return
        seen, wide = found
        if self._show_known(side, source, settings, seen):
            self._forget(side)
            return
        asked = self._asked.get(side)
        if asked is not None and asked.source is source:
            if asked.settings == settings and asked.part.holds(seen):
                return
            alike = replace(asked.settings, strength=settings.strength) == settings
            if alike and not asked.begun:
                # Something must come of it before it is asked otherwise: a hand that never rests
                # would see nothing new.
                self._wait.start()
                return
        if (source, settings, wide) in self._refused:
            return
        question = UpscaleQuestion(
            source.path, settings, wide.left, wide.top, wide.width, wide.height,
            source.frame, bare=True,
        )  # fmt: skip
        stamp = self.link.client.ask(question, KEY + side)
        self._asked[side] = _Asked(stamp, source, settings, wide)

    def _show_known(self, side: str, source: Source, settings: UpscaleSettings, seen: Part) -> bool:
        """Whether it is there already; then it is shown."""
        for sheet in reversed(self._known):
            if sheet.source is source and sheet.settings == settings and sheet.part.holds(seen):
                if self.sheets.get(side) is not sheet:
                    self.sheets[side] = sheet
                    self.arrived.emit(side)
                return True
        return False

    def _forget(self, side: str) -> None:
        """Nobody looks at it any more: the engine is free for what is looked at."""
        if self._asked.pop(side, None) is not None:
            self.link.client.forget(KEY + side)

    # -------------------------------------------------------------- answers

    @Slot(object)
    def _answer(self, answer: Answer) -> None:
        if not answer.key.startswith(KEY):
            return
        side, body = answer.key.removeprefix(KEY), answer.body
        if isinstance(body, UpscaleSource) and answer.stamp == self._opening:
            self._opening = None
            self._take_source(body)
            return
        asked = self._asked.get(side)
        if asked is None or asked.stamp != answer.stamp or not isinstance(body, UpscaleReply):
            return
        self._take(side, asked, body, answer)

    def _take_source(self, body: UpscaleSource) -> None:
        shown = self.source
        again = shown is not None and (shown.path, shown.frame) == (self._path, self._frame)
        self.source = Source(
            self._path, self._frame, (body.width, body.height), picture_image(body.picture),
            body.bits, body.channels, body.frames, body.note,
        )  # fmt: skip
        if not again:
            self.sheets.clear()
        self._asked.clear()
        self._refused.clear()
        self.source_changed.emit()
        self.refresh()
        self.told.emit()

    def _take(self, side: str, asked: _Asked, body: UpscaleReply, answer: Answer) -> None:
        image = picture_image(body.picture)
        old = self.sheets.get(side)
        if body.piece:
            asked.begun = True
            if old is not None and _is_of(old, asked):
                _paint(old.image, image, QRectF(body.left, body.top, image.width(), image.height()))
        else:
            seconds = answer.ms / 1000
            if answer.done and not asked.begun and old is not None and old.seconds:
                seconds = old.seconds  # nothing was left to compute: what it took before
            sheet = Sheet(asked.source, asked.settings, asked.part, image, answer.done,
                          body.provider, body.note, seconds)  # fmt: skip
            if not answer.done and old is not None and _same_picture(old.source, asked.source):
                _keep(sheet, old)
            self.sheets[side] = sheet
            if answer.done:
                del self._asked[side]
                self._remember(sheet)
                self.told.emit()
                self.refresh()
        self.arrived.emit(side)

    def _remember(self, sheet: Sheet) -> None:
        self._known.append(sheet)
        size = sum(one.image.sizeInBytes() for one in self._known)
        while size > REMEMBERED and len(self._known) > 2:
            size -= self._known.pop(0).image.sizeInBytes()

    @Slot(object)
    def _failure(self, failure: Failure) -> None:
        if not failure.key.startswith(KEY):
            return
        side = failure.key.removeprefix(KEY)
        asked = self._asked.get(side)
        if side == SOURCE and failure.stamp == self._opening:
            self._opening = None
            # What is shown stays; the next word about the path is about what is shown.
            shown = self.source
            self._path, self._frame = (shown.path, shown.frame) if shown else ("", 0)
        elif asked is not None and asked.stamp == failure.stamp:
            del self._asked[side]
            self._refused.add((asked.source, asked.settings, asked.part))
        else:
            return
        self._set_problem(failure.sentence)

    def _set_problem(self, sentence: str) -> None:
        if sentence != self.problem:
            self.problem = sentence
            self.told.emit()


def _same_picture(a: Source, b: Source) -> bool:
    return (a.path, a.frame, a.size) == (b.path, b.frame, b.size)


def _is_of(sheet: Sheet, asked: _Asked) -> bool:
    return sheet.source is asked.source and (sheet.settings, sheet.part) == (
        asked.settings,
        asked.part,
    )


def _keep(sheet: Sheet, old: Sheet) -> None:
    """What was there stays over the plain enlargement until the model's comes."""
    left, top = sheet.corner
    ratio = sheet.settings.scale / old.settings.scale
    there = old.corner
    place = QRectF(
        there[0] * ratio - left,
        there[1] * ratio - top,
        old.image.width() * ratio,
        old.image.height() * ratio,
    )
    if sheet.settings.strength > 0:
        _paint(sheet.image, old.image, place)


def _paint(onto: QImage, image: QImage, place: QRectF) -> None:
    painter = QPainter(onto)
    painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Source)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, place.width() != image.width())
    painter.drawImage(place, image)
    painter.end()
