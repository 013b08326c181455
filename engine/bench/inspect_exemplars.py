"""Exemplars of Lite0's units: what they cost beside the forwards alone, and how true they are."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from engine import paths
from engine.bench.figure import Figure, at_least, at_most
from engine.inspect.exemplars import chosen_layers, joined, study
from engine.inspect.grid import unit
from engine.inspect.networks import open_network
from engine.inspect.onepass import AT_ONCE, OnePass
from engine.inspect.probes import read_probes
from engine.inspect.study import Study
from engine.inspect.tally import spatial
from engine.messages import Probes, StudyRequest, Unit, UnitQuestion
from engine.progress import Progress

PICTURES = 500
KEPT = 128
"""Pictures of which brute force keeps all activations."""
NETWORK = "efficientnet-lite0"
LAYERS = (*(f"_blocks.{block}" for block in range(16)), "_relu1")
"""The outputs of all blocks and of the head before its pooling: 3,088 units."""


def measures(given: str = "") -> Iterator[Figure]:
    """given: a folder of pictures; without it, crops of what ships with the program"""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        data = given or crops(place / "crops")
        network: Any = open_network(NETWORK, "cpu")
        info = network.info
        probes = read_probes(
            Probes(data, PICTURES), info, network.shown, info.preprocessing, Progress()
        )
        assert probes.pixels is not None
        yield cost(network, probes.pixels, place)
        request = StudyRequest(NETWORK, Probes(data, KEPT), LAYERS, str(place / "study"))
        made = Study.open(study(request, Progress()))
        yield from truth(network, made)
        yield card(made)


def crops(folder: Path) -> str:
    """Squares of all sizes out of the pictures that ship with the program."""
    sources = [*(paths.assets() / "samples").glob("*.jpg")]
    sources += (paths.assets() / "generators").glob("*.sheet.jpg")
    random = np.random.RandomState(0)
    folder.mkdir(parents=True)
    for index in range(PICTURES):
        with Image.open(sorted(sources)[index % len(sources)]) as image:
            image.thumbnail((1024, 1024))
            side = random.randint(96, min(image.size))
            left, top = (random.randint(0, n - side + 1) for n in image.size)
            part = image.convert("RGB").crop((left, top, left + side, top + side))
            part.resize((256, 256)).save(folder / f"{index:04}.png", compress_level=1)
    return str(folder)


def cost(network: Any, pixels: np.ndarray, folder: Path) -> Figure:
    """The whole pass beside forwards that expose no layer, batch by batch in the same run."""
    alone = 0.0

    def forward(numbers: np.ndarray, layers: tuple[str, ...]) -> list[dict[str, np.ndarray]]:
        parts = []
        for start in range(0, len(numbers), AT_ONCE):
            some = pixels[np.asarray(numbers[start : start + AT_ONCE])]
            parts.append(network.run(network.preprocessing.numbers(some), layers).layers)
        return parts

    def look(numbers: np.ndarray) -> dict[str, np.ndarray]:
        nonlocal alone
        began = time.process_time()
        forward(numbers, ())
        alone += time.process_time() - began
        return joined(forward(numbers, LAYERS))

    first = np.arange(min(AT_ONCE, len(pixels)))
    forward(first, ())
    forward(first, LAYERS)
    layers = chosen_layers(network.info, LAYERS)
    count = len(pixels)
    began = time.process_time()
    OnePass(folder / "pass", "bench", layers, count, 15).run(look, Progress())
    whole = time.process_time() - began - alone
    return at_most(
        "exemplars: the pass against the forwards alone",
        whole / alone,
        "x",
        1.25,
        peer="forwards alone, ms of processor a picture",
        peer_value=1000 * alone / count,
        ratio=whole / alone,
        note=f"{sum(layer.units for layer in layers):,} units, {count} pictures, one run",
    )


def truth(network: Any, made: Study) -> Iterator[Figure]:
    """Against brute force: all activations of a layer kept, then sorted."""
    same, worst, where = 1.0, 0.0, ""
    units = 0
    every = _all(network, made)
    for layer in made.layers:
        values = every.pop(layer.name)
        peaks = values.max(axis=2)
        order = np.lexsort((np.broadcast_to(np.arange(peaks.shape[1]), peaks.shape), -peaks))
        tops, pictures = made.top(layer.name)
        k = tops.shape[1]
        brute = np.take_along_axis(peaks, order[:, :k], axis=1)
        close = np.allclose(tops, brute, rtol=1e-4, atol=1e-5)
        # Values that differ by rounding alone may change places.
        apart = np.abs(np.take_along_axis(peaks, pictures, axis=1) - brute)
        same = min(same, float(close and (apart <= 1e-4 * np.abs(brute) + 1e-5).all()))
        flat = values.reshape(len(values), -1)
        sigma = np.maximum(flat.std(axis=1, dtype=np.float64), 1e-12)
        exact = np.quantile(flat, 0.99, axis=1)
        error = np.abs(made.levels(layer.name, 0.99) - exact) / sigma
        error[np.ptp(flat, axis=1) < 1e-6] = 0.0
        units += len(error)
        if error.max() > worst:
            worst, where = float(error.max()), f"{layer.name}:{int(error.argmax())}"
    yield at_least("exemplars: pictures and values equal brute force", same, "of 1", 1.0,
                   note=f"{units:,} units")  # fmt: skip
    yield at_most("exemplars: largest error of a .99 level", worst, "σ", 0.02, note=where)


def _all(network: Any, made: Study) -> dict[str, np.ndarray]:
    """Layer -> (units, N, positions) float32: some 350 MB."""
    parts: dict[str, list[np.ndarray]] = {name: [] for name in LAYERS}
    for start in range(0, len(made.names), AT_ONCE):
        x = network.preprocessing.numbers(made.pictures[start : start + AT_ONCE])
        for name, output in network.run(x, LAYERS).layers.items():
            parts[name].append(spatial(output)[0].swapaxes(0, 1))
    return {name: np.concatenate(parts.pop(name), axis=1) for name in LAYERS}


def card(made: Study) -> Figure:
    """All about a unit, with its 15 masked exemplars, after the first of a study."""
    random = np.random.RandomState(0)
    times = []
    for _ in range(40):
        layer = made.layers[random.randint(len(made.layers))]
        question = UnitQuestion(str(made.folder), Unit(layer.name, random.randint(layer.units)))
        began = time.process_time()
        for _part in unit(question):
            pass
        times.append(time.process_time() - began)
    taken = 1000 * float(np.median(times[4:]))
    return at_most("unit card, once warm", taken, "ms", 50.0, note="of processor, median of 36")
