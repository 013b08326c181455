"""The units of a study as a list that is read page by page, however long it is."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QImage

from app.inspect_state import share_words, unit_words
from app.inspecting import KEY
from app.link import EngineLink
from app.widgets.parts import image_of
from engine.messages import Answer, Failure, Unit, UnitsQuestion, UnitsReply, UnitSummary

PAGE = 36
"""Units asked for at a time."""
THUMBNAILS, SIZE = 4, 72
KEPT = 40
"""Pages at hand: some 80 MB of pictures."""
AT_ONCE = 2
"""Pages that are asked for at the same time; the others wait for them."""
PAGES = f"{KEY}page:"
TOLD = (
    Qt.ItemDataRole.DisplayRole,
    Qt.ItemDataRole.ToolTipRole,
    Qt.ItemDataRole.AccessibleTextRole,
)
CELL = Qt.ItemDataRole.UserRole
"""Role of a row's `Cell`, or None while it is on its way."""


@dataclass(frozen=True)
class Cell:
    """One row."""

    summary: UnitSummary
    strip: QImage


class UnitModel(QAbstractListModel):
    """Rows are units in the order asked for; what is looked at is fetched, newest first."""

    counted = Signal(int, str)
    """(units that match, a note)."""
    told = Signal(object)
    """A page of the study (UnitsReply)."""

    def __init__(self, link: EngineLink, parent: QObject | None = None):
        super().__init__(parent)
        self._link = link
        self._question: UnitsQuestion | None = None
        self._total = 0
        self._refused = False
        self._pages: OrderedDict[int, list[Cell]] = OrderedDict()
        self._wanted: OrderedDict[int, None] = OrderedDict()
        self._stamps: dict[str, int] = {}
        self._wait = QTimer(self)
        self._wait.setSingleShot(True)
        self._wait.setInterval(10)
        self._wait.timeout.connect(self._ask)
        link.answer.connect(self._answer)
        link.failure.connect(self._failure)

    # -------------------------------------------------------------- asking

    def show(self, question: UnitsQuestion | None) -> None:
        """Other units (a question without its page), or none."""
        self._forget()
        self.beginResetModel()
        self._question, self._total, self._refused = question, 0, False
        self._pages.clear()
        self.endResetModel()
        if question is None:
            self.counted.emit(0, "")
        else:
            self._want(0)

    def reload(self) -> None:
        """The same units again: something was said of them. The old ones stay until then."""
        seen = list(self._pages)[-3:]
        self._forget()
        for page in [one for one in self._pages if one not in seen]:
            del self._pages[page]
        for page in seen:
            self._want(page)

    def _forget(self) -> None:
        self._wanted.clear()
        for key in self._stamps:
            self._link.client.forget(key)
        self._stamps.clear()

    def _want(self, page: int) -> None:
        self._wanted[page] = None
        self._wanted.move_to_end(page)
        # What was scrolled past is not worth waiting for.
        while len(self._wanted) > 4:
            self._wanted.popitem(last=False)
        self._wait.start()

    @Slot()
    def _ask(self) -> None:
        question = self._question
        while question is not None and self._wanted and len(self._stamps) < AT_ONCE:
            page, _ = self._wanted.popitem()
            key = f"{PAGES}{page}"
            if key not in self._stamps:
                asked = replace(
                    question, first=page * PAGE, count=PAGE, thumbnails=THUMBNAILS, size=SIZE
                )
                self._stamps[key] = self._link.client.ask(asked, key)

    @Slot(object)
    def _answer(self, answer: Answer) -> None:
        body = answer.body
        if self._stamps.get(answer.key) != answer.stamp or not isinstance(body, UnitsReply):
            return
        del self._stamps[answer.key]
        page = body.first // PAGE
        self._pages[page] = [_cell(summary) for summary in body.units]
        self._pages.move_to_end(page)
        while len(self._pages) > KEPT:
            self._pages.popitem(last=False)
        if body.total != self._total:
            self._resize(body.total)
        first, last = body.first, min(body.first + PAGE, self._total) - 1
        if last >= first:
            self.dataChanged.emit(self.index(first), self.index(last))
        self.told.emit(body)
        self.counted.emit(body.total, body.note)
        self._ask()

    def _resize(self, total: int) -> None:
        if total > self._total:
            self.beginInsertRows(QModelIndex(), self._total, total - 1)
            self._total = total
            self.endInsertRows()
        else:
            self.beginRemoveRows(QModelIndex(), total, self._total - 1)
            self._total = total
            self.endRemoveRows()

    @Slot(object)
    def _failure(self, failure: Failure) -> None:
        if self._stamps.get(failure.key) == failure.stamp:
            del self._stamps[failure.key]
            if not self._pages:
                self._refused = True
                self.counted.emit(0, failure.sentence)
            self._ask()

    # -------------------------------------------------------------- rows

    @property
    def loading(self) -> bool:
        """Whether nothing is known yet of what was asked."""
        return self._question is not None and not self._pages and not self._refused

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # type: ignore[override]
        return 0 if parent is not None and parent.isValid() else self._total

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # type: ignore[override]
        if not index.isValid() or role not in (CELL, *TOLD):
            return None
        cell = self.cell(index.row())
        if role == CELL:
            return cell
        return said(cell.summary) if cell is not None else "on its way"

    def known(self, row: int) -> Cell | None:
        """What stands in a row, if it is at hand."""
        page, place = divmod(row, PAGE)
        cells = self._pages.get(page, [])
        return cells[place] if place < len(cells) else None

    def cell(self, row: int) -> Cell | None:
        """What stands in a row; asks for it when it is not at hand."""
        page, place = divmod(row, PAGE)
        cells = self._pages.get(page)
        if cells is None:
            if f"{PAGES}{page}" not in self._stamps:
                self._want(page)
            return None
        self._pages.move_to_end(page)
        return cells[place] if place < len(cells) else None

    def row_of(self, unit: Unit) -> int:
        """Where a unit stands, as far as is at hand; -1 otherwise."""
        for page, cells in self._pages.items():
            for place, cell in enumerate(cells):
                if cell.summary.unit == unit:
                    return page * PAGE + place
        return -1


def said(summary: UnitSummary) -> str:
    """A unit of the grid in words."""
    parts = [unit_words(summary.unit), summary.words or "nothing certain"]
    if summary.score is not None:
        parts.append(f"described {summary.score:.2f}")
    if summary.effect is not None:
        parts.append(f"turned off it changes {share_words(summary.effect)}")
    if summary.starred:
        parts.append("starred")
    if summary.note:
        parts.append(summary.note)
    return ", ".join(parts)


def _cell(summary: UnitSummary) -> Cell:
    strip = image_of(summary.strip) if summary.strip is not None else QImage()
    # The bytes are in the picture now.
    return Cell(replace(summary, strip=None), strip)
