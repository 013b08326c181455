"""What is a kind of what, from a small extract of Open English WordNet. No torch.

So that a unit that answers to beagles, pugs and whippets is called *dog*.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from engine.paths import assets

deepest = 12
COLOURS = frozenset(
    ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white")
    + ("grey", "gray", "golden", "gold", "silver", "dark", "light", "turquoise", "violet")
)
"""They end a variety's name (`Tomato Cherry Red`) without being what it is."""


class Taxonomy:
    def __init__(self, above: Mapping[str, Sequence[str]]):
        self._above = above
        """Word in lower case -> the nearest kinds it belongs to."""

    @staticmethod
    def open(path: Path) -> Taxonomy:
        """Lines `word<TAB>kind|kind`."""
        above: dict[str, tuple[str, ...]] = {}
        for line in path.read_text(encoding="utf-8").splitlines():
            word, _, kinds = line.partition("\t")
            above[word] = tuple(kind for kind in kinds.split("|") if kind)
        return Taxonomy(above)

    def __contains__(self, word: str) -> bool:
        return word in self._above

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(self._above)

    def words_of(self, text: str) -> list[str]:
        """Its words in lower case, plurals as their singular where that is known."""
        return [self._singular(word) for word in re.findall(r"[^\W\d_]+", text.casefold())]

    def name(self, text: str) -> str:
        """The known word a label is about: `Apple Golden 1` -> apple, `red apple` -> apple; or "".

        The whole, else the longest known end (English puts the head last), else the first word
        known: numbered varieties begin with what they are.
        """
        words = self.words_of(text)
        for start in range(len(words)):
            end = " ".join(words[start:])
            if end in self._above and (start == 0 or end not in COLOURS):
                return end
        return next((word for word in words if word in self._above and word not in COLOURS), "")

    def kinds(self, text: str) -> dict[str, int]:
        """Everything a label is a kind of -> steps up; its own name included (0)."""
        name = self.name(text)
        if not name:
            return {}
        found = {name: 0}
        edge = [name]
        for depth in range(1, deepest):
            edge = [kind for word in edge for kind in self._above.get(word, ())]
            edge = [kind for kind in dict.fromkeys(edge) if kind not in found]
            found.update(dict.fromkeys(edge, depth))
        return found

    def _singular(self, word: str) -> str:
        if word in self._above:
            return word
        for end, instead in (("ies", "y"), ("es", ""), ("s", "")):
            if word.endswith(end) and word.removesuffix(end) + instead in self._above:
                return word.removesuffix(end) + instead
        return word


@functools.lru_cache(maxsize=1)
def bundled() -> Taxonomy:
    return Taxonomy.open(assets() / "words" / "taxonomy.txt")
