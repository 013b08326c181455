"""The Vocabulary workspace: describe what changes, see the words, steer by typing them."""

from __future__ import annotations

import threading

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QShowEvent
from PySide6.QtWidgets import QLineEdit, QStackedWidget, QWidget

from app.document import Document
from app.link import EngineLink
from app.live import Live
from app.panels.vocabulary_begin import Sample, SetUp
from app.panels.vocabulary_book import Book
from app.panels.vocabulary_describe import DescribePanel
from app.panels.vocabulary_files import Files
from app.panels.vocabulary_words import WordsPanel
from app.thumbnails import Thumbnails
from app.widgets.parts import Choice, Segments, column, label, panel, push, row
from engine.client import prepare_words
from engine.messages import ModelInfo, Vocabulary

NOTE_MS = 10_000


class VocabularyPage(QWidget):
    """Two faces, Describe and Words, and a beginning."""

    failed = Signal(str)
    """A sentence."""

    def __init__(self, document: Document, live: Live, link: EngineLink, thumbnails: Thumbnails):
        super().__init__()
        self._document, self._live, self._link = document, live, link
        self._thumbnails = thumbnails
        self.book = Book(document, live, link, self)
        self.describe = DescribePanel(self.book, thumbnails)
        self.words = WordsPanel(document, live, link, thumbnails, self.book)
        self.files = Files(document, self.book, self)
        self.setAcceptDrops(True)
        # A third of a second of reading dictionaries, not under the first typed letter.
        threading.Thread(target=prepare_words, daemon=True).start()
        self._make()
        self._build()
        self._wire()
        if document.info is not None:
            # Built after the generator was opened.
            self.book.catch_up()

    def _make(self) -> None:
        self.face = Segments(
            (
                ("describe", "Describe", "Say what changes from picture to picture"),
                ("words", "Words", "The words that came of it; steer by typing them"),
            ),
            "Vocabulary",
        )
        self.face.setFixedWidth(220)
        self.who = Choice("Who describes")
        self.who.setToolTip("Who describes: choose a name, or type a new one.")
        self.who.setFixedWidth(130)
        name = QLineEdit()
        name.setMaxLength(40)
        self.who.setLineEdit(name)
        name.setAccessibleName("Who describes, name")
        name.setPlaceholderText("Your name")
        self.add = SetUp(self.book, "Add", primary=False)
        self.more = push("More pairs", "Lay out more pairs to describe", icon="plus")
        self.more.setCheckable(True)
        self.sample = Sample(self.book, self._thumbnails)
        self.take_in = push("Import…", "Descriptions from a CSV or JSON file (or drop it here)")
        self.give_out = push("Export…", "Descriptions as CSV, or the words as JSON")
        self.begin = SetUp(self.book, "Begin", primary=True)
        self.note = label("", "dim")
        self._quiet = QTimer(self)
        self._quiet.setSingleShot(True)
        self._quiet.setInterval(NOTE_MS)

    def _build(self) -> None:
        head = panel()
        head.setFixedHeight(50)
        self._pairs = QWidget()
        self._pairs.setLayout(row(self.more))
        self._drawer = panel()
        self._drawer.setFixedHeight(46)
        opened = row(1, self.add)
        opened.setContentsMargins(14, 0, 14, 8)
        self._drawer.setLayout(opened)
        self._drawer.hide()
        self._person = QWidget()
        self._person.setLayout(row(label("Described by", "dim"), self.who))
        line = row(self.face, self.note, 1, self._pairs, self._person, spacing=14)
        line.addLayout(row(self.take_in, self.give_out))
        line.setContentsMargins(14, 0, 14, 0)
        head.setLayout(line)
        self._stack = QStackedWidget()
        for page in (self._beginning(), self.describe, self.words):
            self._stack.addWidget(page)
        layout = column(self, spacing=0)
        layout.addWidget(head)
        layout.addWidget(self._drawer)
        layout.addWidget(self._stack, 1)

    def _beginning(self) -> QWidget:
        """What the page is for, in one sentence, and one button."""
        page = QWidget()
        outside = column(page, spacing=12)
        outside.addStretch(2)
        outside.addWidget(self.sample, 0, Qt.AlignmentFlag.AlignHCenter)
        outside.addSpacing(14)
        for text, rank in (
            ("What changes here?", "head"),
            ("Type it in your own words. From some dozens of pairs comes a vocabulary.", "dim"),
            ("Then type “foggier, festive - winter”, and the picture follows.", "dim"),
        ):
            outside.addWidget(label(text, rank), 0, Qt.AlignmentFlag.AlignHCenter)
        outside.addSpacing(14)
        outside.addWidget(self.begin, 0, Qt.AlignmentFlag.AlignHCenter)
        outside.addStretch(3)
        return page

    def _wire(self) -> None:
        self.face.chosen.connect(self._choose)
        self.begin.asked.connect(self._lay_out)
        self.more.toggled.connect(self._open_drawer)
        self.add.asked.connect(self._lay_out)
        self.who.activated.connect(self._named)
        edit = self.who.lineEdit()
        if edit is not None:
            edit.editingFinished.connect(self._named)
        self.take_in.clicked.connect(self.files.choose_in)
        self.give_out.clicked.connect(self.files.choose_out)
        self.files.failed.connect(self.failed)
        self.files.done.connect(self._note)
        self._quiet.timeout.connect(self.note.clear)
        self.book.failed.connect(self.failed)
        self.book.changed.connect(self._tell)
        self.book.fitted.connect(self._fitted)
        self.describe.words_asked.connect(self.show_words)
        self.words.correction_asked.connect(self._correct)
        self._document.model_changed.connect(self._model)
        self._tell()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not self.book.state.pairs:
            self.begin.button.setFocus()

    # -------------------------------------------------------------- faces

    @Slot(str)
    def _choose(self, face: str) -> None:
        self.face.set_value(face)
        self._tell()

    @Slot()
    def show_words(self) -> None:
        self._choose("words")

    @Slot()
    def show_describe(self) -> None:
        self._choose("describe")

    @Slot(str)
    def _correct(self, key: str) -> None:
        self.show_describe()
        self.describe.correct(key)

    @Slot(object)
    def _model(self, _info: ModelInfo | None) -> None:
        self.face.set_value("describe")

    @Slot()
    def _tell(self) -> None:
        state = self.book.state
        begun = bool(state.pairs)
        words = self.face.value == "words"
        self._stack.setCurrentIndex((2 if words else 1) if begun else 0)
        for part in (self._pairs, self._person):
            part.setVisible(begun and not words)
        if words or not begun:
            self.more.setChecked(False)
        self.face.setVisible(begun)
        self.give_out.setEnabled(bool(state.annotations))
        for part in (self.begin, self.add):
            part.refresh()
        names = list(self.book.names)
        if [self.who.itemText(i) for i in range(self.who.count())] != names:
            self.who.clear()
            self.who.addItems(names)
        self.who.setCurrentText(self.book.name)

    @Slot(object)
    def _fitted(self, vocabulary: Vocabulary | None) -> None:
        count = len(vocabulary.words) if vocabulary is not None else 0
        self.face.button("words").setText(f"Words  {count}" if count else "Words")

    @Slot(bool)
    def _open_drawer(self, opened: bool) -> None:
        self._drawer.setVisible(opened)
        if opened:
            self.add.button.setFocus()

    @Slot(str)
    def _note(self, sentence: str) -> None:
        self.note.setText(sentence)
        self._quiet.start()

    @Slot(int, str)
    def _lay_out(self, count: int, which: str) -> None:
        if self.book.add_pairs(count, which):
            self.more.setChecked(False)
            self.show_describe()

    @Slot()
    def _named(self) -> None:
        self.book.set_name(self.who.currentText())

    # -------------------------------------------------------------- files

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if self.files.wanted(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        path = self.files.wanted(event.mimeData())
        if path:
            event.acceptProposedAction()
            self.files.read(path)
