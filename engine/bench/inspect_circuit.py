"""A planted circuit found again; what a defence gives back of what pasted words took."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from engine.bench.figure import Figure, at_least, at_most
from engine.messages import CircuitRequest, DefenceRequest, Probes
from engine.progress import Progress

plants = 5
side = 64
taught, tried = 360, 120
"""Samples of the bundled fruit generator: to teach a classifier, to attack it on."""


def measures() -> Iterator[Figure]:
    yield from _planted()
    yield from _defence()


def _planted() -> Iterator[Figure]:
    """The worst of some networks wired by hand."""
    from engine.bench.planted import plant
    from engine.inspect.circuit import find_circuit

    f1, kept, pruned, chance = [], [], [], []
    for seed in range(plants):
        planted = plant(seed)
        request = CircuitRequest("", planted.target, Probes())
        found = find_circuit(planted.examples, request, planted.others, Progress())
        edges = {(edge.source, edge.target) for edge in found.edges}
        f1.append(2 * len(edges & planted.edges) / (len(edges) + len(planted.edges)))
        kept.append(found.kept or 0.0)
        pruned.append(found.pruned or 0.0)
        chance += [abs(found.random_kept or 0.0), abs(found.random_pruned or 0.0)]
    note = f"worst of {plants} hand-wired networks"
    yield at_least("planted circuit: edge F1", min(f1), "", 0.9, note=note)
    yield at_least("planted circuit: kept by it alone", 100 * min(kept), "%", 95.0, note=note)
    yield at_least("planted circuit: lost without it", 100 * min(pruned), "%", 90.0, note=note)
    yield at_most("planted circuit: random ones", 100 * max(chance), "%", 10.0, note=note)


def _defence() -> Iterator[Figure]:
    """A small classifier of the fruit generator's samples that learnt to trust words."""
    from engine.bench.spurious import reading_classifier
    from engine.inspect.defence import defend
    from engine.inspect.networks import open_network
    from engine.inspect.probes import sample

    generator = open_network("fruit", "cpu")
    classes = generator.info.classes
    labels = np.arange(taught + tried) % len(classes)  # as samples take turns
    pictures = []
    for start in range(0, len(labels), 8):
        seeds = range(start, min(start + 8, len(labels)))
        drawn = generator.sample([sample(generator.info, seed) for seed in seeds], ()).output
        step = drawn.shape[1] // side
        whole = drawn.reshape(len(drawn), side, step, side, step, 3).mean(axis=(2, 4))
        pictures.append(whole.astype(np.uint8))
    shown = np.concatenate(pictures)
    opened = reading_classifier(shown[:taught], labels[:taught], classes)
    names = [classes[label] for label in labels[taught:]]
    request = DefenceRequest("", Probes(), "", words=classes)
    found = defend(opened, shown[taught:], names, request, Progress())
    yield at_least(
        "defence: lost accuracy recovered, pasted words",
        100 * (found.recovered or 0.0),
        "%",
        50.0,
        note=f"{found.clean:.0%} clean, {found.attacked:.0%} attacked, {found.defended:.0%} "
        f"defended, {found.clean_defended:.0%} clean with the defence; {found.pictures} pictures "
        f"held out; {found.method}",
    )
