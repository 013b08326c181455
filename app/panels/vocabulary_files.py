"""Descriptions in and out: CSV as visual-vocab has it, with its steps beside it, and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QMimeData, QObject, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from app.document import Document
from app.panels.vocabulary_book import Book
from engine.client import from_json, read_annotations, to_json, write_annotations
from engine.messages import Annotation, LodestoneError, Pair

READS = "Descriptions (*.csv *.json);;All files (*)"
WRITES = "CSV with an array of the steps (*.csv);;JSON with everything (*.json)"


class Files(QObject):
    """Reads into the document as one undoable change."""

    failed = Signal(str)
    done = Signal(str)
    """A sentence about what was read or written."""

    def __init__(self, document: Document, book: Book, page: QWidget):
        super().__init__(page)
        self._document, self._book, self._page = document, book, page

    # -------------------------------------------------------------- in

    def wanted(self, mime: QMimeData) -> str:
        """The CSV file of a drag, or an empty string."""
        for url in mime.urls():
            path = url.toLocalFile()
            if path.lower().endswith(".csv"):
                return path
        return ""

    @Slot()
    def choose_in(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self._page, "Import descriptions", "", READS)
        if path:
            self.read(path)

    def read(self, path: str) -> bool:
        """Lay a file's pairs and descriptions beside those that are there."""
        try:
            pairs, notes = self._read(path)
            fresh, news = self._new(pairs, notes)
        except LodestoneError as error:
            self.failed.emit(error.sentence)
            return False
        name = Path(path).name
        if not fresh and not news:
            self.done.emit(f"Everything in {name} is here already.")
            return True
        state = self._book.state
        changed = replace(
            state, pairs=(*state.pairs, *fresh), annotations=(*state.annotations, *news)
        )
        self._document.edit(f"Import {name}", changed)
        count = "1 description" if len(news) == 1 else f"{len(news)} descriptions"
        self.done.emit(f"{count} read from {name}.")
        return True

    def _read(self, path: str) -> tuple[Sequence[Pair], Sequence[Annotation]]:
        info = self._document.info
        if not path.lower().endswith(".json"):
            return read_annotations(path, info=info)
        try:
            value = from_json(Path(path).read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise LodestoneError(
                f"{Path(path).name} could not be read. Choose another file.", str(error)
            ) from error
        items = value if isinstance(value, tuple) else (value,)
        pairs = [item for item in items if isinstance(item, Pair)]
        notes = [item for item in items if isinstance(item, Annotation)]
        if not pairs or len(pairs) + len(notes) != len(items):
            raise LodestoneError(
                f"{Path(path).name} holds no descriptions. Choose a file that Export wrote."
            )
        if info is not None and any(pair.before.model != info.id for pair in pairs):
            raise LodestoneError(
                f"{Path(path).name} describes another generator. Open that one first."
            )
        return pairs, notes

    def _new(
        self, pairs: Sequence[Pair], notes: Sequence[Annotation]
    ) -> tuple[list[Pair], list[Annotation]]:
        """What is not here yet. Every description gets a moment of its own: by it they are kept."""
        state = self._book.state
        here = {pair.key for pair in state.pairs}
        fresh = [pair for pair in pairs if pair.key not in here]
        said = {(note.pair, note.annotator, note.text) for note in state.annotations}
        moments = {(note.pair, note.annotator, note.created) for note in state.annotations}
        news: list[Annotation] = []
        for note in notes:
            if (note.pair, note.annotator, note.text) in said:
                continue
            while (note.pair, note.annotator, note.created) in moments:
                note = replace(note, created=note.created + 1e-3)
            moments.add((note.pair, note.annotator, note.created))
            said.add((note.pair, note.annotator, note.text))
            news.append(note)
        return fresh, news

    # -------------------------------------------------------------- out

    @Slot()
    def choose_out(self) -> None:
        info = self._document.info
        name = f"{info.name if info else 'words'}-descriptions.csv"
        path, kind = QFileDialog.getSaveFileName(self._page, "Export descriptions", name, WRITES)
        if path:
            ending = ".json" if "json" in kind else ".csv"
            known = path.lower().endswith((".csv", ".json"))
            self.write(path if known else path + ending)

    def write(self, path: str) -> bool:
        """CSV and array, or JSON, by the ending of the name."""
        state = self._book.state
        try:
            if path.lower().endswith(".json"):
                used = {note.pair for note in state.annotations}
                kept = [pair for pair in state.pairs if pair.key in used]
                Path(path).write_text(to_json((*kept, *state.annotations), indent=1), "utf-8")
                beside = ""
            else:
                beside = f" and {write_annotations(path, state.pairs, state.annotations).name}"
        except LodestoneError as error:
            self.failed.emit(error.sentence)
            return False
        except OSError as error:
            self.failed.emit(
                f"The descriptions were not written: {error.strerror}. Choose another place."
            )
            return False
        count = len(state.annotations)
        words = "1 description" if count == 1 else f"{count} descriptions"
        self.done.emit(f"{words} written to {Path(path).name}{beside}.")
        return True
