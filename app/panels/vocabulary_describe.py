"""Two pictures and a line: what changed? The keyboard is enough."""

from __future__ import annotations

from functools import partial
from typing import cast

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QImage, QKeySequence, QResizeEvent, QShortcut, QShowEvent
from PySide6.QtWidgets import QCheckBox, QProgressBar, QStackedWidget, QWidget

from app import theme
from app.panels.vocabulary_begin import BETWEEN, before_after, between
from app.panels.vocabulary_book import Book
from app.panels.vocabulary_pictures import PairPictures
from app.settings import load_choice, save_choice
from app.thumbnails import Thumbnails
from app.widgets.pairview import Mode, PairView
from app.widgets.parts import Segments, column, label, push, row
from app.widgets.said import Said, SaidList
from app.widgets.wordline import WordLine
from engine.messages import Annotation, Pair, SteerRequest

FILM, SMALL = 256, 96
"""Longest sides of the pictures asked for, pixels."""
REEL, PAST = "describe film", "describe past"
KEPT = 24
MORE = 20


class DescribePanel(QWidget):
    """Shows the next pair of this person, takes their words, and goes on."""

    words_asked = Signal()
    """To the words that came of it."""

    def __init__(self, book: Book, thumbnails: Thumbnails):
        super().__init__()
        self._book, self._thumbnails = book, thumbnails
        self._pair: Pair | None = None
        self._flipped = False
        self._correcting = False
        self._pictures = PairPictures(thumbnails, self)
        self._reel: list[QImage | None] = []
        self._past_keys: list[str] = []
        self._skipped: list[str] = []
        self._make()
        self._build()
        self._wire()

    # -------------------------------------------------------------- parts

    def _make(self) -> None:
        self.view = PairView()
        self.mode = Segments(
            (
                ("still", "Still", "Side by side (F5)"),
                ("flicker", "Flicker", "Before and after in the same place, in turn (F6)"),
                ("film", "Film", "The way from before to after (F7)"),
            ),
            "How the pair is shown",
        )
        self.mode.setFixedWidth(240)
        self.hint = label("Hold Ctrl to flicker.", "dim")
        self.line = WordLine("What changed?", "What changed?  for example: darker, a wider smile")
        self.next = push("Next", "Keep these words and go on (Enter)", primary=True)
        self.nothing = push("Nothing changed", "No difference to be seen (Shift+Enter)")
        self.skip = push("Skip", "Another pair; this one comes back later (Alt+Right)")
        self.back = push("Back", "Correct what you said last (Alt+Left)")
        self.completes = QCheckBox("Suggest words I used before")
        self.completes.setAccessibleName("Suggest words I used before")
        self.completes.setToolTip(
            "The rest of a word stands grey behind the cursor; Tab takes it. Off, nothing "
            "leads you to an earlier word."
        )
        self.completes.setChecked(load_choice("suggest words", "on") == "on")
        self.said = label("", "dim")
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setFixedHeight(4)
        self.progress.setStyleSheet(f"background: {theme.HOVER}; border-radius: 2px;")
        self.progress.setAccessibleName("Pairs described by you")
        self.count = label("", "dim")
        self.past = SaidList(
            "What you said so far", 56, across=True, tip="Choose one to correct your words."
        )
        self.more = push(f"{MORE} more pairs", "More pairs from the same directions", primary=True)
        self.to_words = push("See the words", "What came of your descriptions")
        self.done = label("", wrap=True)
        self.done.setAlignment(Qt.AlignmentFlag.AlignCenter)

    def _build(self) -> None:
        layout = column(self, spacing=10)
        layout.setContentsMargins(24, 10, 24, 16)
        layout.addWidget(self.view, 1)
        layout.addLayout(row(1, self.mode, self.hint, 1, spacing=14))
        self._foot = QStackedWidget()
        self._foot.addWidget(self._asking())
        self._foot.addWidget(self._finished())
        self._foot.setMaximumWidth(1000)
        self._foot.setFixedHeight(92)
        middle = row(self._foot)
        layout.addLayout(middle)
        layout.addLayout(self._past_row())

    def _asking(self) -> QWidget:
        holder = QWidget()
        inside = column(holder, spacing=8)
        first = row(self.line, self.next)
        first.setStretch(0, 1)
        self.line.setFixedHeight(44)
        self.next.setFixedHeight(44)
        self.next.setMinimumWidth(96)
        inside.addLayout(first)
        inside.addLayout(row(self.nothing, self.skip, self.back, 1, self.said, self.completes))
        return holder

    def _finished(self) -> QWidget:
        holder = QWidget()
        inside = column(holder, spacing=10)
        inside.addWidget(self.done)
        inside.addLayout(row(1, self.more, self.to_words, 1))
        inside.addStretch(1)
        return holder

    def _past_row(self):  # noqa: ANN202 - a layout
        inside = column(spacing=6)
        self.progress.setFixedWidth(160)
        inside.addLayout(row(label("SAID SO FAR", "section"), 1, self.count, self.progress))
        inside.addWidget(self.past)
        return inside

    def _wire(self) -> None:
        self.mode.chosen.connect(self._set_mode)
        self.line.returnPressed.connect(self.take)
        self.line.held.connect(self.view.hold)
        self.next.clicked.connect(self.take)
        self.nothing.clicked.connect(self.take_nothing)
        self.skip.clicked.connect(self.pass_over)
        self.back.clicked.connect(self.go_back)
        self.completes.toggled.connect(self._suggest)
        self.past.chosen.connect(self.correct)
        self.more.clicked.connect(self._more)
        self.to_words.clicked.connect(self.words_asked)
        self._book.changed.connect(self._changed)
        self._book.person_changed.connect(self._begin_anew)
        self._book.taken_back.connect(self._restore)
        self._thumbnails.arrived.connect(self._picture)
        self._pictures.arrived.connect(self._draw)
        self._keys = []
        for keys, slot in (
            ("Shift+Return", self.take_nothing),
            ("Shift+Enter", self.take_nothing),
            ("Alt+Right", self.pass_over),
            ("Alt+Left", self.go_back),
            ("F5", partial(self._set_mode, "still")),
            ("F6", partial(self._set_mode, "flicker")),
            ("F7", partial(self._set_mode, "film")),
        ):
            short = QShortcut(QKeySequence(keys), self)
            short.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            short.activated.connect(slot)
            self._keys.append(short)
        self._suggest(self.completes.isChecked())
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(0)
        self._rest.timeout.connect(self._ask_past)

    # -------------------------------------------------------------- which pair

    @property
    def pair(self) -> Pair | None:
        """The pair that is shown."""
        return self._pair

    @property
    def flipped(self) -> bool:
        return self._flipped

    def waiting(self) -> list[tuple[Pair, bool]]:
        """What is still to be described; what was skipped comes last."""
        left = self._book.waiting
        late = [item for item in left if item[0].key in self._skipped]
        late.sort(key=lambda item: self._skipped.index(item[0].key))
        return [item for item in left if item[0].key not in self._skipped] + late

    @Slot()
    def _changed(self) -> None:
        self._tell()
        gone = self._pair is None or self._book.pair(self._pair.key) is None
        answered = self._pair is not None and self._pair.key in self._book.mine
        if gone or (answered and not self._correcting) or (not answered and self._correcting):
            self._advance()

    @Slot()
    def _begin_anew(self) -> None:
        """Another person: their own next pair, and nothing of what was being typed."""
        self._skipped.clear()
        self._advance()

    def _advance(self) -> None:
        """To the next pair that waits."""
        left = self.waiting()
        self._correcting = False
        self.line.clear()
        if left:
            self._show(*left[0])
        else:
            self._pair = None
            self.view.clear()
            self._tell()

    def _show(self, pair: Pair, flipped: bool, text: str = "") -> None:
        self._pair, self._flipped = pair, flipped
        self._reel = [None] * BETWEEN
        self.view.set_film(())
        # A new text, so that the line's own undo does not reach back to another pair.
        self.line.setText(text)
        self.line.selectAll()
        self._draw()
        self._ask()
        self._tell()
        self._put_focus()

    def _put_focus(self) -> None:
        if self.isVisible():
            self.line.setFocus()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._put_focus()
        self._ask()
        self._rest.start()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._rest.start()

    # -------------------------------------------------------------- hand

    @Slot()
    def take(self) -> None:
        """Keep the words of the line, and go on."""
        if self._pair is None:
            return
        text = self.line.text().strip()
        if not text:
            self._say("Type what changed, or choose Nothing changed.")
            return
        self._keep(text)

    @Slot()
    def take_nothing(self) -> None:
        if self._pair is not None:
            self._keep("")

    def _keep(self, text: str) -> None:
        if self._pair is None:
            return
        key, flipped = self._pair.key, self._flipped
        self._say("")
        if key in self._skipped:
            self._skipped.remove(key)
        self._correcting = False
        before = self._book.mine.get(key)
        self._book.write(key, text, flipped)
        if before is not None and self._pair is not None and self._pair.key == key:
            self._advance()  # Nothing was changed by the correction, so nothing was announced.

    @Slot()
    def pass_over(self) -> None:
        """Another pair first."""
        if self._pair is not None:
            key = self._pair.key
            if not self._correcting:
                self._skipped = [each for each in self._skipped if each != key] + [key]
            self._advance()

    @Slot()
    def go_back(self) -> None:
        """To what was said before this."""
        past = self._book.history()
        at = -1
        if self._correcting and self._pair is not None:
            keys = [note.pair for note in past]
            at = keys.index(self._pair.key) if self._pair.key in keys else -1
        if at + 1 < len(past):
            self.correct(past[at + 1].pair)

    @Slot(str)
    def correct(self, key: str) -> None:
        """Show a described pair again with its words."""
        note, pair = self._book.mine.get(key), self._book.pair(key)
        if note is not None and pair is not None:
            self._correcting = True
            self._show(pair, note.flipped, note.text)

    @Slot(object)
    def _restore(self, note: Annotation) -> None:
        """Undo took words away: they stand in the line again, to be changed."""
        pair = self._book.pair(note.pair)
        if pair is not None:
            self._correcting = False
            self._show(pair, note.flipped, note.text)

    @Slot()
    def _more(self) -> None:
        self._book.add_pairs(MORE)

    @Slot(bool)
    def _suggest(self, on: bool) -> None:
        save_choice("suggest words", "on" if on else "off")
        self.line.set_completes(on)

    @Slot(str)
    def _set_mode(self, mode: str) -> None:
        self.mode.set_value(mode)
        self.view.set_mode(cast(Mode, mode))
        self._ask()
        self._put_focus()

    # -------------------------------------------------------------- words about it

    def _say(self, text: str) -> None:
        self.said.setText(text)

    def _tell(self) -> None:
        mine, pairs = self._book.mine, self._book.state.pairs
        described = sum(pair.key in mine for pair in pairs)
        self.count.setText(f"{described} of {len(pairs)} described by {self._book.name}")
        self.progress.setRange(0, max(len(pairs), 1))
        self.progress.setValue(described)
        asking = self._pair is not None
        self._foot.setCurrentIndex(0 if asking else 1)
        self.view.setVisible(asking)
        self.mode.setVisible(asking)
        self.hint.setVisible(asking)
        self.done.setText(f"All {len(pairs)} pairs are described.")
        self.back.setEnabled(bool(mine))
        self.next.setText("Correct" if self._correcting else "Next")
        self.next.setAccessibleName(self.next.text())
        self.skip.setText("Leave it" if self._correcting else "Skip")
        self.skip.setAccessibleName(self.skip.text())
        self.line.set_known(self._book.own_words())
        self.past.set_said([Said(note.pair, note.text) for note in self._book.history()[:KEPT]])
        self.past.set_current(self._pair.key if self._correcting and self._pair else "")
        self._rest.start()

    # -------------------------------------------------------------- pictures

    def _ask(self) -> None:
        """The pair, the one after it (so that Enter shows it at once), the film when it runs."""
        if self._pair is None or not self.isVisible():
            return
        coming = [item for item in self.waiting() if item[0].key != self._pair.key]
        self._pictures.ask(self._pair, self._flipped, coming[0] if coming else None)
        if self.mode.value == "film":
            self._thumbnails.ask(REEL, between(self._pair, self._flipped), FILM)
        else:
            self._thumbnails.cancel(REEL)

    @Slot()
    def _draw(self) -> None:
        if self._pair is not None:
            self.view.set_pictures(*self._pictures.get(self._pair.key, self._flipped))

    @Slot()
    def _ask_past(self) -> None:
        """Small pictures of what was said, for the cells in sight."""
        if not self.isVisible():
            return
        requests: list[SteerRequest] = []
        keys: list[str] = []
        for said in self.past.shown:
            pair, note = self._book.pair(said.key), self._book.mine.get(said.key)
            if note is not None and not self.past.has_image(said.key, 1):
                self._reuse(said.key, note.flipped)
            if pair is not None and note is not None and not self.past.has_image(said.key, 1):
                requests += before_after(pair, note.flipped)
                keys.append(said.key)
        if requests:
            self._past_keys = keys
            self._thumbnails.ask(PAST, requests, SMALL)

    def _reuse(self, key: str, flipped: bool) -> None:
        """The pictures that were just described are at hand, large."""
        for which, image in enumerate(self._pictures.small(key, flipped, SMALL)):
            self.past.set_image(key, which, image)

    @Slot(str, int, object)
    def _picture(self, key: str, index: int, image: QImage) -> None:
        if key == REEL and index < len(self._reel):
            self._reel[index] = image
            self.view.set_film(self._reel)
        elif key == PAST and index // 2 < len(self._past_keys):
            self.past.set_image(self._past_keys[index // 2], index % 2, image)
