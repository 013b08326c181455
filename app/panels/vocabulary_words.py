"""The words at the left, steering by them in the middle, one word and its evidence at the right."""

from __future__ import annotations

import math

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLineEdit, QWidget

from app.document import Document
from app.link import EngineLink
from app.live import Live
from app.panels.vocabulary_book import Book
from app.panels.vocabulary_say import SayPanel
from app.panels.vocabulary_word import WordPanel
from app.state import SteerState
from app.thumbnails import Thumbnails
from app.widgets.amount import AmountSlider
from app.widgets.parts import column, label, panel, row
from app.widgets.wordtable import FEW, WordTable
from engine.messages import Vocabulary, Word

LOW, HIGH, REST = -1.0, 3.0, 1.0
"""λ from 0.1 to 1000, as powers of ten; 10 is the rest."""
NARROW = 1200
"""Below this width the columns are slimmer, pixels."""


class WordsPanel(QWidget):
    """Three columns around one vocabulary."""

    correction_asked = Signal(str)

    def __init__(
        self, document: Document, live: Live, link: EngineLink, thumbnails: Thumbnails, book: Book
    ):
        super().__init__()
        self._document, self._book = document, book
        self.say = SayPanel(document, live, link, thumbnails, book)
        self.word = WordPanel(live, thumbnails, book)
        self.table = WordTable()
        self.search = QLineEdit()
        self.search.setAccessibleName("Search the words")
        self.search.setPlaceholderText("Search the words")
        self.search.setClearButtonEnabled(True)
        self.legend = label("", "small", wrap=True)
        self.people = label("", "dim", wrap=True)
        self.ridge = AmountSlider("Smoothing of the words, λ", LOW, HIGH, REST, 0.1)
        self.ridge.setToolTip(
            "λ of the decomposition: the larger, the less a word that was used rarely counts. "
            "Double click: back to 10."
        )
        self.ridge_text = label("", "dim")
        self._build()
        self._wire()

    def _build(self) -> None:
        self._left, self._right = panel(), panel()
        side = column(self._left, spacing=8)
        side.setContentsMargins(12, 12, 8, 12)
        side.addWidget(self.search)
        side.addWidget(self.table, 1)
        side.addWidget(self.legend)
        self.ridge_text.setMinimumWidth(44)
        self.ridge_text.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        line = row(label("Smoothing λ", "dim"), self.ridge, self.ridge_text)
        line.setStretch(1, 1)
        side.addLayout(line)
        side.addWidget(self.people)
        column(self._right).addWidget(self.word)
        line = row(self._left, self.say, self._right, spacing=0)
        line.setStretch(1, 1)
        self.setLayout(line)

    def _wire(self) -> None:
        self.search.textChanged.connect(self.table.set_text)
        self.table.selected.connect(self.word.set_word)
        self.table.taken.connect(self._take)
        self.word.added.connect(self.say.add)
        self.word.correction_asked.connect(self.correction_asked)
        self.ridge.moved.connect(self._smooth)
        self.ridge.began.connect(self._document.begin_gesture)
        self.ridge.ended.connect(self._document.end_gesture)
        self._document.changed.connect(self._changed)
        self._book.fitted.connect(self.set_vocabulary)

    @Slot(object)
    def set_vocabulary(self, vocabulary: Vocabulary | None) -> None:
        words = vocabulary.words if vocabulary is not None else ()
        self.table.set_words(words)
        self._share()
        self.say.set_vocabulary(vocabulary)
        few = sum(word.count < FEW for word in words)
        marked = f"The ring marks words used fewer than {FEW} times: still a guess."
        self.legend.setText(marked if few else "")
        self.legend.setVisible(few > 0)
        self.people.setText(people(vocabulary))
        self.people.setVisible(bool(self.people.text()))
        current = self.table.current
        if current is None and words:
            self.table.choose(words[0].text)
        self.word.set_word(self.table.current)

    @Slot(object)
    def _take(self, word: Word) -> None:
        self.say.add(word.text)

    @Slot(float)
    def _smooth(self, power: float) -> None:
        self._book.set_ridge(round(10.0**power, 3))

    @Slot(object, object)
    def _changed(self, _old: SteerState, new: SteerState) -> None:
        self.ridge.set_amount(math.log10(max(new.ridge, 1e-3)))
        self.ridge_text.setText(f"{new.ridge:.3g}")

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._share()

    def _share(self) -> None:
        """Width for the table and the word; the picture gets the rest."""
        narrow = self.width() < NARROW
        more = 0 if self.table.isColumnHidden(3) else 50
        self._left.setFixedWidth((276 if narrow else 330) + more)
        self._right.setFixedWidth((264 if narrow else 320) - (more // 2 if narrow else 0))


def people(vocabulary: Vocabulary | None) -> str:
    """Who described, how far they agree, and what the fit has to say."""
    if vocabulary is None:
        return ""
    lines = []
    if len(vocabulary.annotators) > 1:
        line = f"{len(vocabulary.annotators)} people"
        if vocabulary.agreement is not None:
            line += f", agreement {vocabulary.agreement:.2f}"
        lines.append(line)
    if vocabulary.sentence:
        lines.append(vocabulary.sentence)
    return "\n".join(lines)
