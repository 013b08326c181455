"""Text as the byte pairs that CLIP reads. No torch.

Byte-pair encoding (Sennrich et al., arXiv 1508.07909) over bytes, lower case, `</w>` at the end of
a word, between a start and an end token.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

longest_text = 77
"""Tokens, as CLIP was trained."""
START, END = "<|startoftext|>", "<|endoftext|>"
_WORDS = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d|[^\W\d_]+|\d|[^\s\w]+|_+", re.IGNORECASE)


class BytePairs:
    def __init__(self, ids: Mapping[str, int], merges: Sequence[tuple[str, str]]):
        self._ids = ids
        self._order = {pair: place for place, pair in enumerate(merges)}
        self._start, self._end = ids[START], ids[END]

    @staticmethod
    def of_files(vocabulary: Path, merges: Path) -> BytePairs:
        """`vocab.json` and `merges.txt`."""
        lines = merges.read_text(encoding="utf-8").splitlines()
        pairs = [line.split() for line in lines if line and not line.startswith("#version")]
        ids: dict[str, int] = json.loads(vocabulary.read_text(encoding="utf-8"))
        return BytePairs(ids, [(pair[0], pair[1]) for pair in pairs])

    @staticmethod
    def of_tokenizer(path: Path) -> BytePairs:
        """`tokenizer.json`; ValueError unless it holds byte pairs with CLIP's start and end."""
        model = json.loads(path.read_text(encoding="utf-8"))["model"]
        if "merges" not in model:
            raise ValueError("no byte pairs")
        pairs = [one.split() if isinstance(one, str) else one for one in model["merges"]]
        return BytePairs(model["vocab"], [(pair[0], pair[1]) for pair in pairs])

    def ids(self, text: str) -> list[int]:
        found = [self._start]
        for word in _WORDS.findall(" ".join(text.lower().split())):
            letters = [_letters()[byte] for byte in word.encode("utf-8")]
            letters[-1] += "</w>"
            found += [self._ids[piece] for piece in self._merged(letters) if piece in self._ids]
        return [*found[: longest_text - 1], self._end]

    def batch(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Ids and mask (N, 77) int64; CLIP takes the state at the largest id, its end token."""
        ids = np.zeros((len(texts), longest_text), np.int64)
        mask = np.zeros_like(ids)
        for row, text in enumerate(texts):
            found = self.ids(text)
            ids[row, : len(found)] = found
            mask[row, : len(found)] = 1
        return ids, mask

    def _merged(self, pieces: list[str]) -> list[str]:
        while len(pieces) > 1:
            pairs = list(zip(pieces, pieces[1:], strict=False))
            place = min(range(len(pairs)), key=lambda at: self._order.get(pairs[at], 1 << 30))
            if pairs[place] not in self._order:
                break
            pieces = [*pieces[:place], "".join(pairs[place]), *pieces[place + 2 :]]
        return pieces


@functools.lru_cache(maxsize=1)
def _letters() -> dict[int, str]:
    """A printable letter for every byte: itself, or one from 256 on."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    found = {byte: chr(byte) for byte in plain}
    for byte in range(256):
        if byte not in found:
            found[byte] = chr(256 + len(found) - len(plain))
    return found
