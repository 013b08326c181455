"""One word: what it does, how sure it is, how people wrote it, and the pairs it comes from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

from PySide6.QtCore import QRectF, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QImage, QPaintEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QSizePolicy, QStackedWidget, QWidget

from app import theme
from app.live import Live
from app.panels.vocabulary_begin import before_after
from app.panels.vocabulary_book import Book
from app.thumbnails import Thumbnails
from app.widgets.painting import draw_rounded, smooth
from app.widgets.parts import column, label, push, row, scroll, section
from app.widgets.said import Said, SaidList
from app.widgets.wordtable import FEW, said
from engine.client import tokens
from engine.messages import Annotation, Edit, SteerRequest, Word

SIGMAS = (-2.0, -1.0, 0.0, 1.0, 2.0)
STRIP_SIZE, SMALL = 160, 96
STRIP_KEY, EVIDENCE = "word strip", "word evidence"
MOST = 60
"""Descriptions shown as evidence."""
WAIT_MS = 120


class WordStrip(QWidget):
    """Five square pictures of a word, with their σ below."""

    def __init__(self) -> None:
        super().__init__()
        self._images: list[QImage | None] = [None] * len(SIGMAS)
        self.setAccessibleName("Pictures of the word, from −2 to 2 σ")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def resizeEvent(self, event: QResizeEvent) -> None:
        side = (self.width() - 4 * (len(SIGMAS) - 1)) // len(SIGMAS)
        self.setFixedHeight(side + 20)

    def set_image(self, index: int, image: QImage | None) -> None:
        if index < len(self._images):
            self._images[index] = image
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = smooth(self)
        side = (self.width() - 4 * (len(SIGMAS) - 1)) / len(SIGMAS)
        painter.setFont(theme.font(theme.SIZE_SMALL))
        for index, image in enumerate(self._images):
            box = QRectF(index * (side + 4), 0, side, side)
            draw_rounded(painter, box, image)
            painter.setPen(theme.colour(theme.DIM))
            words = f"{SIGMAS[index]:+.0f} σ".replace("-", "−") if SIGMAS[index] else "0"
            place = QRectF(box.left(), side + 3, side, 14)
            painter.drawText(place, Qt.AlignmentFlag.AlignCenter, words)
        painter.end()


class WordPanel(QWidget):
    """Reads the chosen word of the vocabulary."""

    added = Signal(str, int)
    """(word, +1 or -1)."""
    correction_asked = Signal(str)
    """Key of a pair of this person's."""

    def __init__(self, live: Live, thumbnails: Thumbnails, book: Book):
        super().__init__()
        self._live, self._thumbnails, self._book = live, thumbnails, book
        self._word: Word | None = None
        self._notes: dict[str, Annotation] = {}
        self._keys: list[str] = []
        self._wait = QTimer(self)
        self._wait.setSingleShot(True)
        self._wait.setInterval(WAIT_MS)
        self._wait.timeout.connect(self._ask)
        self._build()
        live.settled.connect(self._settled)
        thumbnails.arrived.connect(self._picture)
        self.evidence.chosen.connect(self._chosen)

    def _build(self) -> None:
        self.title = label("", "head")
        self.figures = label("", "dim", wrap=True)
        self.forms = label("", "dim", wrap=True)
        self.strip = WordStrip()
        self.plus = push("Add", "Put it into the line")
        self.minus = push("Take away", "Put it into the line with a minus")
        self.evidence = SaidList(
            "Descriptions that use the word",
            48,
            across=False,
            tip="Choose one of your own to correct it.",
        )
        inside = QWidget()
        lower = column(inside)
        lower.addWidget(self.evidence)
        lower.addStretch(1)
        self.where = section("From these pairs")
        holder = QWidget()
        layout = column(holder, margin=14, spacing=9)
        layout.addWidget(self.title)
        layout.addWidget(self.figures)
        layout.addWidget(self.strip)
        layout.addLayout(row(self.plus, self.minus, 1))
        layout.addWidget(self.forms)
        layout.addSpacing(4)
        layout.addWidget(self.where)
        layout.addWidget(scroll(inside, "Descriptions that use the word"), 1)
        empty = label("Choose a word to see what it does and where it comes from.", "dim", True)
        empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        away = QWidget()
        column(away, margin=24).addWidget(empty)
        self._stack = QStackedWidget()
        self._stack.addWidget(away)
        self._stack.addWidget(holder)
        column(self).addWidget(self._stack)
        self.plus.clicked.connect(self._add)
        self.minus.clicked.connect(self._take_away)

    @property
    def word(self) -> Word | None:
        return self._word

    @Slot(object)
    def set_word(self, word: Word | None) -> None:
        changed = word is None or self._word is None or word.text != self._word.text
        self._word = word
        self._stack.setCurrentIndex(1 if word is not None else 0)
        if word is None:
            return
        self.title.setText(word.text)
        self.figures.setText(figures(word))
        forms = [form for form in word.forms if form != word.text]
        self.forms.setVisible(bool(forms))
        self.forms.setText("Also written " + ", ".join(forms[:12]))
        if changed:
            for index in range(len(SIGMAS)):
                self.strip.set_image(index, None)
        self._list(word)
        self._wait.start()

    def _list(self, word: Word) -> None:
        uses = list(islice(uses_of(word, self._book.state.annotations), MOST))
        self._notes = {f"{note.pair}\n{note.annotator}": note for note in uses}
        self.evidence.set_said(
            [Said(key, note.text, self._by(note)) for key, note in self._notes.items()]
        )
        more = f"   the newest {MOST}" if word.count > MOST else ""
        self.where.setText("FROM THESE PAIRS" + more)

    def _by(self, note: Annotation) -> str:
        pair = self._book.pair(note.pair)
        name = pair.direction.name if pair is not None else ""
        return " · ".join(word for word in (note.annotator, name) if word)

    # -------------------------------------------------------------- hand

    @Slot()
    def _add(self) -> None:
        if self._word is not None:
            self.added.emit(self._word.text, 1)

    @Slot()
    def _take_away(self) -> None:
        if self._word is not None:
            self.added.emit(self._word.text, -1)

    @Slot(str)
    def _chosen(self, key: str) -> None:
        note = self._notes.get(key)
        if note is not None and note.annotator == self._book.name:
            self.correction_asked.emit(note.pair)

    # -------------------------------------------------------------- pictures

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._wait.start()

    @Slot(object)
    def _settled(self, _request: SteerRequest) -> None:
        self._wait.start()

    @Slot()
    def _ask(self) -> None:
        base, word = self._live.request, self._word
        if base is None or word is None or not self.isVisible():
            return
        steps = [
            replace(base, edits=(*base.edits, Edit(word.direction, sigma))) if sigma else base
            for sigma in SIGMAS
        ]
        self._thumbnails.ask(STRIP_KEY, steps, STRIP_SIZE)
        requests: list[SteerRequest] = []
        keys = []
        for key, note in self._notes.items():
            pair = self._book.pair(note.pair)
            if pair is not None and not self.evidence.has_image(key, 1):
                requests += before_after(pair, note.flipped)
                keys.append(key)
        if requests:
            self._keys = keys
            self._thumbnails.ask(EVIDENCE, requests, SMALL)

    @Slot(str, int, object)
    def _picture(self, key: str, index: int, image: QImage) -> None:
        if key == STRIP_KEY:
            self.strip.set_image(index, image)
        elif key == EVIDENCE and index // 2 < len(self._keys):
            self.evidence.set_image(self._keys[index // 2], index % 2, image)


def uses_of(word: Word, notes: Sequence[Annotation]) -> Iterator[Annotation]:
    """Annotations that use a word, the newest first, read the way the fit reads them."""
    forms = {word.text, *word.forms}
    for note in reversed(notes):
        # Looking for the letters first is a thousand times cheaper than reading the words.
        text = note.text.casefold()
        if any(form in text for form in forms) and word.text in tokens(note.text):
            yield note


def figures(word: Word) -> str:
    """How sure the word is, in words."""
    uses = "1 use" if word.count == 1 else f"{word.count} uses"
    first = uses if word.count >= FEW else f"{uses}: still a guess"
    parts = []
    if word.reliability is not None:
        parts.append(f"reliability {said(word.reliability)}")
    if word.transfer is not None:
        parts.append(f"transfer {said(word.transfer)}")
    return "\n".join(line for line in (first, "  ·  ".join(parts)) if line)
