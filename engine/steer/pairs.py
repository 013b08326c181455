"""Which pairs to describe, and in what order: before-and-after pictures laid out fairly. No torch.

After "Toward a Visual Concept Vocabulary for GAN Latent Space" (arXiv 2110.04292), section 3.2:
people see a picture before and after a step and write what changed. They do not see which direction
it was, each goes through the pairs in an order of their own, and half of them are shown backwards.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from engine.codec import to_json
from engine.messages import (
    Annotation,
    Direction,
    LatentPart,
    LodestoneError,
    ModelInfo,
    Pair,
    SteerRequest,
)

step = 2.0
"""σ between before and after: seen at once, and still a picture the generator knows."""
most_classes = 12
"""With more than these nobody sees every direction in every class: the template's class stays."""


def order(
    pairs: Sequence[Pair], annotator: str, annotations: Sequence[Annotation] = ()
) -> tuple[tuple[Pair, bool], ...]:
    """Every pair as this person comes to it, and whether it is shown backwards (after → before).

    The order and the side follow from the annotator's name and the pair's key alone: equal names
    see equal orders, on any machine and after any break, and a pair that is added later slips in
    without moving the others. Pairs this person has described (by `annotations`) come last, those
    described longest ago first.
    """
    name = annotator.strip()
    done = {note.pair: note.created for note in annotations if note.annotator.strip() == name}
    drawn = {pair.key: hashlib.sha256(f"{name}\n{pair.key}".encode()).digest() for pair in pairs}

    def place(pair: Pair) -> tuple[bool, float, bytes]:
        return pair.key in done, done.get(pair.key, 0.0), drawn[pair.key]

    # The last byte decides the side, the first ones the place: neither tells of the other.
    return tuple((pair, bool(drawn[pair.key][-1] & 1)) for pair in sorted(pairs, key=place))


def propose_pairs(
    directions: Sequence[Direction],
    template: SteerRequest,
    count: int,
    pairs: Sequence[Pair] = (),
    info: ModelInfo | None = None,
    seed: int = 0,
) -> tuple[Pair, ...]:
    """`count` pairs beside the `pairs` there are: directions and classes take turns, seeds differ.

    `template` gives truncation and noise; its latent is replaced and it starts without edits. With
    a generator of a few classes (`info`) every direction meets every class in turn; else the
    template's class stays. Directions that few pairs show come first.
    """
    fitting = [one for one in directions if info is None or one.model in ("", info.id)]
    if not fitting:
        raise LodestoneError(
            "There are no directions of this generator to describe. Find some first."
        )
    if count < 1:
        return ()
    shown = [sum(pair.direction == one for pair in pairs) for one in fitting]
    taken = {_start(pair.before) for pair in pairs}
    seeds = _seeds(seed, taken)
    made: list[Pair] = []
    for _ in range(count):
        index = int(np.argmin(shown))
        classes = _classes(shown[index] + index, template, info)
        before = replace(
            template, latent=(LatentPart(seed=next(seeds)),), classes=classes,
            edits=(), units=(), mix=(), mix_layers=(),
        )  # fmt: skip
        made.append(make_pair(fitting[index], before))
        shown[index] += 1
    return tuple(made)


def make_pair(direction: Direction, before: SteerRequest, amount: float = step) -> Pair:
    """A pair whose key follows from what it shows."""
    text = f"{to_json(direction)}\n{to_json(before)}\n{amount!r}"
    return Pair(hashlib.sha256(text.encode()).hexdigest()[:16], direction, before, amount,
                created=time.time())  # fmt: skip


def _seeds(seed: int, taken: set[int | None]) -> Iterator[int]:
    """Small seeds, easily typed again, none of them twice."""
    draw = np.random.RandomState(seed % 2**32)
    most = 10_000
    taken = set(taken)
    while True:
        found = int(draw.randint(most))
        if found not in taken:
            taken.add(found)
            yield found
        elif len(taken) > most // 2:
            most *= 10


def _start(request: SteerRequest) -> int | None:
    return request.latent[0].seed if request.latent else None


def _classes(turn: int, template: SteerRequest, info: ModelInfo | None) -> tuple[float, ...]:
    if info is None or not 2 <= info.c_dim <= most_classes:
        return template.classes
    return tuple(float(index == turn % info.c_dim) for index in range(info.c_dim))
