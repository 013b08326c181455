"""Derive assets/words/taxonomy.txt from Open English WordNet: names of visible things, with kinds.

    python packaging/make_words.py WORDNET/src/yaml -o assets/words/taxonomy.txt

A line is `word<TAB>kind|kind`: what WordNet says its first visible senses are kinds of. Words are
those that people use (pyspellchecker's counts) and ImageNet's class names, and all kinds above.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from spellchecker import SpellChecker

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from engine.paths import assets  # noqa: E402

VISIBLE = ("animal", "artifact", "body", "food", "object", "plant", "phenomenon", "shape",
           "substance", "person", "Tops")  # fmt: skip
MORE = ("animal", "food", "plant")
"""Fields of a word's other senses: an otter is fur first, a cherry wood."""
least_count = 600
"""Uses of a word among pyspellchecker's counted words …"""
least_count_person = 12_000
"""… and of a word for a person: most of them are seen by nobody (wrongdoer, delegate)."""
least_count_kind = 700
"""Every word of a kind's name; kinds nobody speaks of (chordate) are passed over."""
senses_tried = 4
senses_meant = 2
"""A woodwind is a wood, but nobody says so: the kind has to be what its name means first."""
TOO_WIDE = frozenset(
    word.strip()
    for word in """
    abstraction, actor, adult, agent, animal tissue, area, artefact, article, artifact,
    assemblage, atmospheric phenomenon, attribute, being, body part, body waste, case, causal
    agency, causal agent, cause, cell, chemical, commodity, component, compound, conductor,
    constituent, consumer goods, covering, creation, cut, device, entity, equipment, external
    body part, facility, false fruit, fare, fecal matter, female, fixing, fluid, food product,
    force, fragment, framework, gas, geological formation, group, helping, implement,
    instrument, instrumentality, instrumentation, line, liquid, living thing, location, male,
    material, matter, means, mechanism, medicine, merchandise, mixture, natural depression,
    natural elevation, natural object, nourishment, object, opening, organ, organic
    phenomenon, organism, part, particle, passage, person of, phenomenon, physical entity,
    physical object, physical phenomenon, physical process, piece, plant organ, plant part,
    plant process, plant structure, point, portion, process, produce, projection, property,
    relation, relative, representation, reproductive organ, reproductive structure, restraint,
    set, solid, solid food, space, state, street drug, strip, structure, substance, support,
    surface, system, thing, transport, unit, unit of     measurement, unpleasant person,
    vascular plant, ware, way, weight, whole
    """.replace("\n", " ").split(",")
)


def records(path: Path) -> Iterator[tuple[str, dict[str, list[str]]]]:
    """The entries of one of WordNet's YAML files: key -> its lists, whatever their depth."""
    key, name, lists = "", "", {}
    for line in path.read_text(encoding="utf-8").splitlines():
        text = line.strip()
        if line and not line.startswith((" ", "-")) and text.endswith(":"):
            if key:
                yield key, lists
            key, name, lists = text[:-1].strip("'\""), "", {}
        elif text.startswith("- ") and not text.endswith(":") and ": " not in text:
            lists.setdefault(name, []).append(text[2:].strip("'\""))
        elif ":" in text:
            name, _, value = text.removeprefix("- ").partition(":")
            if name.split("-")[0] in ("n", "v", "a", "r", "s") and not value:
                lists.setdefault("kind", []).append(name[0])
            elif name == "synset" and lists["kind"][-1] == "n":
                lists.setdefault("synset", []).append(value.strip())
    if key:
        yield key, lists


@dataclass(frozen=True)
class WordNet:
    names: dict[str, tuple[str, ...]]
    """Synset -> its members."""
    above: dict[str, list[str]]
    field: dict[str, str]
    """Synset -> animal, food …"""
    senses: dict[str, list[str]]
    """Word in lower case -> its noun synsets, the most frequent first."""


def read(folder: Path) -> WordNet:
    net = WordNet({}, {}, {}, {})
    for path in sorted(folder.glob("noun.*.yaml")):
        for key, lists in records(path):
            net.names[key] = tuple(lists["members"])
            net.above[key] = lists.get("hypernym", []) + lists.get("instance_hypernym", [])
            net.field[key] = path.name.split(".")[1]
    for small in (True, False):  # the isle of Man comes after man
        for path in sorted(folder.glob("entries-*.yaml")):
            for key, lists in records(path):
                if (key == key.casefold()) == small:
                    net.senses.setdefault(key.casefold(), []).extend(lists.get("synset", []))
    return net


def derive(net: WordNet) -> dict[str, tuple[str, ...]]:
    """Word -> what it is a kind of, over its first senses that can be seen."""
    counts = SpellChecker().word_frequency.dictionary
    senses = {word: _visible(word, net, counts) for word in _words(net, counts)}
    senses = {word: found for word, found in senses.items() if found and word not in TOO_WIDE}
    reached: dict[str, list[str]] = {}
    wanted = [sense for found in senses.values() for sense in found]
    while wanted:
        for name, kind in _above(wanted.pop(), net, counts):
            if kind not in reached.setdefault(name, []):
                reached[name].append(kind)
                wanted.append(kind)
    taxonomy: dict[str, tuple[str, ...]] = {}
    for word, found in (senses | reached).items():  # a kind means what it was reached as
        kinds = [name for sense in found for name, _ in _above(sense, net, counts)]
        taxonomy[word] = tuple(name for name in dict.fromkeys(kinds) if name != word)
    return taxonomy


def _words(net: WordNet, counts: Mapping[str, int]) -> list[str]:
    classes = (assets() / "classes" / "imagenet.txt").read_text(encoding="utf-8").split("\n")
    often = [
        word
        for word in net.senses
        if word.isalpha() and len(word) > 2 and counts.get(word, 0) > least_count
    ]
    return often + [name.casefold() for name in classes if name.casefold() in net.senses]


def _visible(word: str, net: WordNet, counts: Mapping[str, int]) -> list[str]:
    """The first senses of a word that can be seen; its first has to be among them, or nearly."""
    found: list[str] = []
    for place, sense in enumerate(net.senses.get(word, [])[:senses_tried]):
        field = net.field.get(sense, "")
        rare = field == "person" and counts.get(word, 0) < least_count_person
        if field not in (MORE if found else VISIBLE) or rare:
            continue
        if not found and place > 1:
            break
        found.append(sense)
    return found


def _above(sense: str, net: WordNet, counts: Mapping[str, int]) -> list[tuple[str, str]]:
    """(name, synset) of the nearest kinds that people have a word for."""
    found: list[tuple[str, str]] = []
    for kind in net.above.get(sense, []):
        spoken = [
            name.casefold()
            for name in net.names[kind]
            if _is_spoken(name, counts) and kind in net.senses[name.casefold()][:senses_meant]
        ]
        if spoken and spoken[0] not in TOO_WIDE:
            found.append((spoken[0], kind))
        else:
            found += _above(kind, net, counts)
    return found


def _is_spoken(name: str, counts: Mapping[str, int]) -> bool:
    parts = name.casefold().replace("-", " ").split()
    return len(parts) < 3 and all(counts.get(part, 0) > least_count_kind for part in parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("-o", dest="out", type=Path, required=True)
    given = parser.parse_args()
    lines = [
        f"{word}\t{'|'.join(kinds)}" for word, kinds in sorted(derive(read(given.folder)).items())
    ]
    given.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
