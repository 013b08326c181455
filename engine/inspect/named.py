"""Names that people gave to units of a generator, as words to steer by. Numpy only.

A vocabulary's word is a direction; a unit's is to add to that unit everywhere. Units of one layer
that share a word move together.
"""

from __future__ import annotations

import json
from collections import defaultdict

import numpy as np

from engine.codec import to_json
from engine.inspect.study import Study, write_text
from engine.messages import Direction, Unit, Vector, Vocabulary, Word
from engine.steer.words import forms

FILE = "vocabulary.json"


def unit_words(study: Study) -> Vocabulary | None:
    """The words of all names given, by falling count; None where there are none to steer by.

    A word that names units of several layers is taken from the layer with most of them.
    """
    named: dict[str, dict[str, list[Unit]]] = defaultdict(lambda: defaultdict(list))
    if study.network.kind != "generator":
        return None
    for unit, said in study.said.items():
        for word in sorted(forms(said.words)):  # as typed: no dictionary is loaded
            named[word][unit.layer].append(unit)
    words = [
        _word(study, word, max(layers.values(), key=len)) for word, layers in sorted(named.items())
    ]
    if not words:
        return None
    words.sort(key=lambda word: -word.count)
    sentence = f"{len(words)} words from names of units of {study.network.name}."
    return Vocabulary(study.network.id, "a", tuple(words), 0.0, sentence=sentence)


def _word(study: Study, text: str, units: list[Unit]) -> Word:
    """One step is one standard deviation of the units' means over the pictures."""
    layer = units[0].layer
    vector = np.zeros(study.layer(layer).units, np.float32)
    means = study.means(layer)
    for unit in units:
        vector[unit.index] = max(float(np.nanstd(means[unit.index].astype(np.float32))), 1e-6)
    length = float(np.linalg.norm(vector))
    direction = Direction(
        text, "a", Vector.of(vector / length), length, method="named units",
        model=study.network.id, detail=json.dumps({"units": [unit.index for unit in units]}),
        at=layer,
    )  # fmt: skip
    written = {study.said[unit].words.casefold() for unit in units}
    return Word(text, direction, len(units), forms=tuple(sorted(written)))


def keep_words(study: Study) -> None:
    """Write them into the study: a file that `lodestone vocabulary show` and `say` take."""
    found = unit_words(study)
    path = study.folder / FILE
    if found is not None:
        write_text(path, to_json(found))
    else:
        path.unlink(missing_ok=True)
