"""Steer by typing: a line of words, the picture that follows, and the slider that comes of it."""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches

import numpy as np
from PySide6.QtCore import QRectF, Qt, QTimer, Slot
from PySide6.QtGui import QImage, QKeySequence, QPainter, QPaintEvent, QShortcut, QShowEvent
from PySide6.QtWidgets import QWidget

from app import theme
from app.document import Document
from app.link import EngineLink
from app.live import Live
from app.panels.vocabulary_book import Book
from app.state import Card, fresh_key, to_request
from app.thumbnails import Thumbnails
from app.widgets.amount import AmountRow
from app.widgets.canvas import Canvas
from app.widgets.chips import Chips
from app.widgets.parts import column, icon_button, label, push, row
from app.widgets.strip import REACH, STRIP, Strip
from app.widgets.wordline import LAST_WORD, WordLine
from engine.client import say
from engine.messages import Direction, Edit, Frame, LodestoneError, SteerRequest, Vocabulary

KEY, STRIP_KEY = "say", "say strip"
STRIP_SIZE = 128
FIRST_AMOUNT = 1.5
"""σ: seen at once, and several words together still make a picture."""
REST_MS = 220
MATCHED = 3000
"""Words that are compared letter by letter with a mistyped one."""


class WordsStrip(Strip):
    """Shows empty places while there is nothing to show."""

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.isEnabled():
            super().paintEvent(event)
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour(theme.PANEL))
        width = self.width() / len(STRIP)
        for index in range(len(STRIP)):
            painter.drawRoundedRect(QRectF(index * width + 1.5, 0, width - 3, self.height()), 5, 5)
        painter.end()


class SayPanel(QWidget):
    """What is typed is drawn at once; Shift+Enter makes it a direction of the Steer panel."""

    def __init__(
        self, document: Document, live: Live, link: EngineLink, thumbnails: Thumbnails, book: Book
    ):
        super().__init__()
        self._document, self._live, self._link = document, live, link
        self._thumbnails, self._book = thumbnails, book
        self._direction: Direction | None = None
        self._asked: SteerRequest | None = None
        self._words: tuple[str, ...] = ()
        self._replaces = self._wrong = False
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(self._ask_strip)
        self._make()
        self._build()
        self._wire()

    def _make(self) -> None:
        self.line = WordLine("Steer by typing words", "Type words:  foggier, festive - winter")
        self.line.setFixedHeight(44)
        self.line.setToolTip(
            "Commas or + add words, - takes one away, 2*word counts double. Tab completes."
        )
        self.error = label("", "dim")
        self.chips = Chips("Known word")
        self.canvas = Canvas(self._link.pixels, self._link.release)
        self.canvas.setAccessibleName("Picture of the words")
        self.strip = WordsStrip("Pictures of the words")
        self.strip.setToolTip("The words from −3 σ to +3 σ. Click to go there.")
        self.strip.setFixedHeight(64)
        self.amount = AmountRow("Amount of the words", -REACH, REACH, 0.0, 0.1, " σ")
        self.other = icon_button("dice", "Another picture (Ctrl+R)")
        self.keep = push("Make it a slider", "A direction in Steer (Shift+Enter)", primary=True)

    def _build(self) -> None:
        layout = column(self, spacing=8)
        layout.setContentsMargins(18, 14, 18, 14)
        layout.addWidget(self.line)
        help_row = row(self.error, self.chips, spacing=10)
        help_row.setStretch(1, 1)
        layout.addLayout(help_row)
        layout.addWidget(self.canvas, 1)
        layout.addWidget(self.strip)
        layout.addWidget(self.amount.slider)
        self.caption = label("", "dim")
        layout.addLayout(row(self.other, self.caption, 1, self.amount.field, self.keep))

    def _wire(self) -> None:
        self.line.textChanged.connect(self._typed)
        self.line.returnPressed.connect(self._complete)
        self.chips.chosen.connect(self._offered)
        self.amount.moved.connect(self._moved)
        self.strip.chosen.connect(self._chosen)
        self.other.clicked.connect(self._another)
        self.keep.clicked.connect(self.keep_slider)
        self._link.frame.connect(self._framed)
        self._document.changed.connect(self._changed)
        self._document.model_changed.connect(self._model)
        self._thumbnails.arrived.connect(self._picture)
        self._keys = []
        for keys, slot in (
            ("Shift+Return", self.keep_slider),
            ("Shift+Enter", self.keep_slider),
            ("Ctrl+R", self._another),
        ):
            short = QShortcut(QKeySequence(keys), self)
            short.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            short.activated.connect(slot)
            self._keys.append(short)
        self.amount.set_amount(FIRST_AMOUNT)

    # -------------------------------------------------------------- words → direction

    @property
    def direction(self) -> Direction | None:
        """What the line says, None while it says nothing."""
        return self._direction

    @property
    def known(self) -> tuple[str, ...]:
        return self._words

    @Slot(object)
    def set_vocabulary(self, vocabulary: Vocabulary | None) -> None:
        self._words = tuple(word.text for word in vocabulary.words) if vocabulary else ()
        self.line.set_known(self._words)
        self._typed()

    def add(self, word: str, sign: int = 1) -> None:
        """Put a word behind those that are there, or take it away again."""
        text = self.line.text().strip().rstrip(",+-")
        joint = (" - " if sign < 0 else ", ") if text else ("-" if sign < 0 else "")
        self.line.setText(f"{text}{joint}{word}")
        self.line.setFocus()

    @Slot()
    def _complete(self) -> None:
        """Return takes the completion, as Tab does."""
        if self.line.rest:
            self.line.insert(self.line.rest)

    @Slot()
    def _typed(self) -> None:
        text, vocabulary = self.line.text().strip(" ,;"), self._book.vocabulary
        sentence = ""
        if vocabulary is None or not text:
            self._direction = None
        else:
            try:
                self._direction = self._read(vocabulary, text)
            except LodestoneError as error:
                # The picture stays at the last words that made sense.
                sentence = error.sentence
        self._tell(text, sentence)
        self._show()

    def _read(self, vocabulary: Vocabulary, text: str) -> Direction:
        """The words; an unfinished one counts as what Tab would make of it."""
        try:
            return say(vocabulary, text)
        except LodestoneError:
            if not self.line.rest:
                raise
            return say(vocabulary, text + self.line.rest)

    def _tell(self, text: str, sentence: str) -> None:
        self._wrong = bool(sentence)
        self.line.setAccessibleDescription(sentence)
        self.error.setToolTip(sentence)
        # The words that the second sentence names lie beside it, to be clicked.
        first = sentence.split(". ")[0].rstrip(".") + "." if sentence else ""
        near = self._near(text, self._wrong)
        self._replaces = bool(near)
        self.chips.set_words(near or [word for word in self._words if word not in text])
        helps = "Add" if text else "Known words"
        if self._replaces:
            helps = "Complete"
        if not self._words:
            helps = "There are no words yet. Describe some pairs first."
        self.error.setText(first or helps)
        self.error.setStyleSheet(f"color: {theme.DANGER};" if sentence else "")
        self.keep.setEnabled(self._direction is not None and not self._wrong)
        for part in (self.amount.slider, self.amount.field, self.strip):
            part.setEnabled(self._direction is not None)

    def _near(self, text: str, wrong: bool) -> list[str]:
        """Known words the last one may be meant as; empty when it is one of them."""
        found = LAST_WORD.search(text)
        begun = found.group().casefold() if found else ""
        if not begun or begun in self._words:
            return []
        near = [word for word in self._words if word.startswith(begun)]
        return near or (get_close_matches(begun, self._words[:MATCHED], 8, 0.5) if wrong else [])

    @Slot(str)
    def _offered(self, word: str) -> None:
        if self._replaces:
            self.line.take(word)
        else:
            self.add(word)

    # -------------------------------------------------------------- direction → picture

    def base(self) -> SteerRequest | None:
        """The picture the words are put on: the one of the Steer panel."""
        info = self._document.info
        if info is None:
            return None
        return self._live.request or to_request(self._document.state, info)

    def _at(self, amount: float) -> SteerRequest | None:
        base = self.base()
        if base is None or self._direction is None or abs(amount) < 1e-9:
            return base
        return replace(base, edits=(*base.edits, Edit(self._direction, amount)))

    def _show(self) -> None:
        request = self._at(self.amount.amount)
        if request is None or not self.isVisible():
            return
        self.strip.set_amount(self.amount.amount)
        if request != self._asked:
            self._asked = request
            self._link.client.show(request, KEY)
        self._rest.start()

    @Slot(object)
    def _framed(self, frame: Frame) -> None:
        if frame.key != KEY:
            return
        info = self._document.info
        if info is None or frame.model != info.id:
            self._link.release(frame)
        else:
            self.canvas.show_frame(frame)

    @Slot(object)
    def _model(self, _info: object) -> None:
        self.canvas.clear("")
        self._asked = None
        self.line.clear()

    @Slot(object, object)
    def _changed(self, _old: object, _new: object) -> None:
        state = self._document.state
        where = "a latent of its own" if state.custom else f"seed {state.seed}"
        self.caption.setText(f"on {where}")
        self._show()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._asked = None
        self._show()
        self.line.setFocus()

    # -------------------------------------------------------------- hand

    @Slot(float)
    def _moved(self, _amount: float) -> None:
        self._show()

    @Slot(float)
    def _chosen(self, amount: float) -> None:
        self.amount.set_amount(amount)
        self._show()

    @Slot()
    def _another(self) -> None:
        self._document.set_seed(int(np.random.default_rng().integers(0, 10_000)))

    @Slot()
    def keep_slider(self) -> None:
        """The words become a direction of the Steer panel, at the amount they have here."""
        self._complete()
        if self._direction is None or self._wrong:
            return
        state, name = self._document.state, self._direction.name
        key = fresh_key([card.key for card in state.cards], name)
        card = Card(key, self._direction, self.amount.amount)
        amount = self.amount.amount
        self.line.blockSignals(True)
        self.line.clear()
        self.line.blockSignals(False)
        self._direction = None
        self._document.change(f"A slider: {name}", cards=(card, *state.cards))
        self._typed()
        self.amount.set_amount(FIRST_AMOUNT)
        self.error.setText(f"“{name}” is a slider in Steer now (Ctrl+2), at {amount:.1f} σ.")

    # -------------------------------------------------------------- strip

    @Slot()
    def _ask_strip(self) -> None:
        if self._direction is None or not self.isVisible():
            self._thumbnails.cancel(STRIP_KEY)
            for index in range(len(STRIP)):
                self.strip.set_image(index, None)
            return
        requests = [self._at(sigma) for sigma in STRIP]
        self._thumbnails.ask(STRIP_KEY, [each for each in requests if each], STRIP_SIZE)

    @Slot(str, int, object)
    def _picture(self, key: str, index: int, image: QImage) -> None:
        if key == STRIP_KEY and self._direction is not None:
            self.strip.set_image(index, image)
