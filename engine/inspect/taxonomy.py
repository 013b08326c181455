"""What is a kind of what, from a small extract of Open English WordNet. No torch.

So that a unit that answers to beagles, pugs and whippets is called *dog*.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
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

    def names(self, text: str) -> tuple[str, ...]:
        """The known words in a label, the likeliest to be its subject first: the whole, its longest
        known ends (English puts the head last), then the other words. Colours only alone."""
        words = self.words_of(text)
        ends = [" ".join(words[start:]) for start in range(len(words))]
        found = [end for end in (*ends, *words) if end in self._above]
        return tuple(dict.fromkeys(one for one in found if len(words) == 1 or one not in COLOURS))

    def kinds(self, name: str) -> dict[str, int]:
        """What a known word is a kind of -> steps up; itself included (0)."""
        name = name.casefold()
        if name not in self._above:
            return {}
        found = {name: 0}
        edge = [name]
        for depth in range(1, deepest):
            edge = [kind for word in edge for kind in self._above.get(word, ())]
            edge = [kind for kind in dict.fromkeys(edge) if kind not in found]
            found.update(dict.fromkeys(edge, depth))
        return found

    def subjects(self, labels: Sequence[str]) -> dict[str, str]:
        """What each label is about, or "". A whole label that is known counts; otherwise, of its
        known words, the one that most labels share: `Cherry Sour 1` among `Cherry 4` and
        `Cherry Wax` is a cherry, though it ends in a drink."""
        known = {label: self.names(label) for label in labels}
        shared = Counter(name for names in known.values() for name in names)
        out: dict[str, str] = {}
        for label, names in known.items():
            whole = " ".join(self.words_of(label))
            best = max(names, key=lambda one: shared[one]) if names else ""
            out[label] = whole if whole in names else best
        return out

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
