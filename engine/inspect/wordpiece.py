"""Text as the word pieces that MiniLM reads. No torch.

BERT's uncased tokenizer (arXiv 1810.04805): lower case without accents, punctuation and Chinese
characters stand alone, and a word is cut greedily into the longest pieces of the vocabulary
(WordPiece, Wu et al., arXiv 1609.08144).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

longest_text = 64
"""Pieces; labels and captions are shorter."""
longest_word = 100
"""Characters; a longer one is unknown, as in BERT."""


class WordPiece:
    def __init__(self, vocabulary: Mapping[str, int]):
        self._ids = vocabulary
        self._unknown = vocabulary["[UNK]"]

    @staticmethod
    def open(path: Path) -> WordPiece:
        """From a file of one piece a line, whose number is its id."""
        lines = path.read_text(encoding="utf-8").split("\n")
        return WordPiece({piece: index for index, piece in enumerate(lines) if piece})

    def ids(self, text: str) -> list[int]:
        """[CLS] the pieces [SEP]; at most `longest_text`."""
        found: list[int] = []
        for word in _words(text):
            found += self._pieces(word)
        return [self._ids["[CLS]"], *found[: longest_text - 2], self._ids["[SEP]"]]

    def batch(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Ids and mask, (N, L) int64, filled up with zeros."""
        rows = [self.ids(text) for text in texts]
        length = max(map(len, rows), default=0)
        ids = np.zeros((len(rows), length), np.int64)
        mask = np.zeros_like(ids)
        for row, found in enumerate(rows):
            ids[row, : len(found)] = found
            mask[row, : len(found)] = 1
        return ids, mask

    def _pieces(self, word: str) -> list[int]:
        if len(word) > longest_word:
            return [self._unknown]
        found: list[int] = []
        start = 0
        while start < len(word):
            prefix = "##" if start else ""
            end = len(word)
            while end > start and prefix + word[start:end] not in self._ids:
                end -= 1
            if end == start:
                return [self._unknown]
            found.append(self._ids[prefix + word[start:end]])
            start = end
        return found


def _words(text: str) -> Iterator[str]:
    word = ""
    for letter in unicodedata.normalize("NFD", text.lower()):
        kind = unicodedata.category(letter)
        if kind == "Mn" or letter in "\0\ufffd" or (kind[0] == "C" and letter not in "\t\n\r"):
            continue
        alone = _is_punctuation(letter, kind) or _is_chinese(ord(letter))
        if (alone or letter.isspace()) and word:
            yield word
            word = ""
        if alone:
            yield letter
        elif not letter.isspace():
            word += letter
    if word:
        yield word


def _is_punctuation(letter: str, kind: str) -> bool:
    """Every ASCII character that is no letter or number counts, as in BERT."""
    return kind[0] == "P" or (letter.isascii() and not letter.isalnum() and not letter.isspace())


def _is_chinese(code: int) -> bool:
    return (
        0x4E00 <= code <= 0x9FFF
        or 0x3400 <= code <= 0x4DBF
        or 0xF900 <= code <= 0xFAFF
        or 0x20000 <= code <= 0x2FA1F
    )
