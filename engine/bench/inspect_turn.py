"""Units turned: how soon the canvas shows it, what stays behind, and what a class loses."""

from __future__ import annotations

import gc
import json
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from engine import paths
from engine.bench.figure import Figure, at_least, at_most, interleaved
from engine.library import Library
from engine.messages import (
    AblateRequest,
    Event,
    Failure,
    Frame,
    LatentPart,
    ModelInfo,
    ModelOpened,
    Probes,
    SteerRequest,
    Unit,
    UnitEdit,
    UnitsQuestion,
    Vector,
)
from engine.progress import Progress
from engine.runtime import Runtime, open_runtime
from engine.steer.render import render, render_into

GENERATOR = "fruit"
NETWORK = "efficientnet-lite0"
toggles = 1000
shown = 40
"""Toggles timed from the request to the frame."""
pictures = 96
"""Probes of the class measure; half choose the units."""
classes = 3
top = 10


def measures(given: str = "") -> Iterator[Figure]:
    """given: a folder of pictures for classes; without it, crops of what ships"""
    info = Library(paths.home()).find(GENERATOR)
    runtime = open_runtime(info, "cpu")
    yield _cost(runtime)
    yield from _toggles(runtime)
    yield from _canvas(info)
    yield from _classes(given)


def _edit(info: ModelInfo, number: int) -> UnitEdit:
    """Another unit of another layer each time, every second one under a brush."""
    layers = [layer.name for layer in info.layers if not layer.to_rgb]
    brush = np.zeros((64, 64), np.float32)
    brush[16:40, 8 + number % 32 : 32 + number % 32] = 1.0
    unit = Unit(layers[number % len(layers)], number % 8)
    return UnitEdit((unit,), "boost", 3.0, Vector.of(brush) if number % 2 else None)


def _request(info: ModelInfo, *units: UnitEdit) -> SteerRequest:
    return SteerRequest(info.id, (LatentPart(seed=2),), units=units)


def _cost(runtime: Runtime) -> Figure:
    """A picture with one unit off beside the same picture as it is."""
    edit = UnitEdit((Unit("b32.conv1", 3),))
    plain, turned = interleaved(
        (
            lambda: render(_request(runtime.info), runtime),
            lambda: render(_request(runtime.info, edit), runtime),
        ),
        15,
    )
    return at_most(
        "time of a picture with a unit turned, as a share of it plain",
        turned / plain,
        "x",
        1.25,
        note=f"{1000 * turned:.1f} ms against {1000 * plain:.1f} ms, 15 interleaved rounds",
    )


def _toggles(runtime: Runtime) -> Iterator[Figure]:
    info, size = runtime.info, runtime.info.resolution
    first, out = np.empty((2, size, size, 4), np.uint8)
    render_into(_request(info), runtime, first)
    for number in range(22):  # every layer once, brushed and not
        render_into(_request(info, _edit(info, number)), runtime, out)
    gc.collect()
    process = psutil.Process()
    before = process.memory_info().rss
    for number in range(toggles):
        on = () if number % 2 else (_edit(info, number // 2),)
        render_into(_request(info, *on), runtime, out)
    gc.collect()
    grown = (process.memory_info().rss - before) / 1e6
    yield at_most(f"memory growth over {toggles} toggles", grown, "MB", 20.0)
    different = float((out != first).sum())
    yield at_most("bytes that differ after a reset", different, "bytes", 0.0)


# ---------------------------------------------------------------- on the canvas


class _Ear:
    """Waits for events of an engine."""

    def __init__(self) -> None:
        self._heard: list[Event] = []
        self._news = threading.Condition()

    def __call__(self, event: Event) -> None:
        with self._news:
            self._heard.append(event)
            self._news.notify_all()

    def wait(self, wanted: Callable[[Event], bool], seconds: float = 120.0) -> Any:
        with self._news:
            if not self._news.wait_for(lambda: any(map(wanted, self._heard)), seconds):
                raise TimeoutError("the engine did not answer")
            found = next(event for event in self._heard if wanted(event))
            self._heard.clear()
        return found


def _canvas(info: ModelInfo) -> Iterator[Figure]:
    """From the request to the frame, through the engine's own process."""
    from engine.client import EngineClient

    ear = _Ear()
    with EngineClient(ear, device="cpu") as client:
        client.open_model(info.path)
        ear.wait(lambda event: isinstance(event, ModelOpened))

        def shows(request: SteerRequest) -> float:
            began = time.perf_counter()
            stamp = client.show(request)
            frame = ear.wait(lambda event: isinstance(event, Frame) and event.stamp == stamp)
            taken = time.perf_counter() - began
            client.release(frame)
            return taken

        plain = [shows(replace(_request(info), noise_seed=number)) for number in range(10)]
        cold = shows(_request(info, _edit(info, 0)))
        # Looking at units opens the graph beforehand; here there is no study to look at.
        client.ask(UnitsQuestion("no study"), "bench")
        ear.wait(lambda event: isinstance(event, Failure) and event.key == "bench")
        taken = [shows(_request(info, _edit(info, number))) for number in range(shown)]
    yield at_most(
        "from turning a unit to its picture, bundled generator",
        1000 * float(np.median(taken)),
        "ms",
        100.0,
        note=f"median of {shown} over all layers, every second one brushed; the slowest "
        f"{1000 * max(taken):.0f} ms; {1000 * float(np.median(plain)):.0f} ms without units; "
        f"{1000 * cold:.0f} ms the first time where the graph was not opened beforehand",
    )


# ---------------------------------------------------------------- classes


def _classes(given: str) -> Iterator[Figure]:
    """The commonest classes among the probes, by labels or by the network's own answers."""
    from engine.bench.inspect_exemplars import crops
    from engine.inspect.ablate import ablate

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        data = given or crops(place / "crops")
        probes = Probes(data, pictures)
        found: list[dict[str, Any]] = []
        for name in _commonest(probes):
            request = AblateRequest(NETWORK, (), probes, folder, name, random=3, top=top)
            report = json.loads(Path(ablate(request, Progress())).read_text("utf-8"))
            found.append({**report["target"], "truth": report["truth"]})
    lost = float(np.mean([one["share_before"] - one["share_after"] for one in found]))
    chance = float(np.mean([one["share_before"] - one["share_random"] for one in found]))
    others = float(np.mean([one["others_drop"] for one in found]))
    names = ", ".join(f"{one['class']} ({one['pictures']})" for one in found)
    yield at_least(
        f"what a class loses with its top {top} units, beside {top} random ones",
        lost / max(chance, 0.001),
        "x",
        5.0,
        note=f"mean share of the class falls by {lost:.3f} against {chance:.3f}; truth: "
        f"{found[0]['truth']}; {names}; units chosen on other pictures",
    )
    yield at_most("what the accuracy of other classes loses then", 100 * others, "points", 1.0)


def _commonest(probes: Probes) -> list[str]:
    import torch

    from engine.inspect.labelled import truths
    from engine.inspect.modules import open_module
    from engine.inspect.probes import read_pictures
    from engine.inspect.top_units import answers

    opened = open_module(NETWORK, "cpu")
    fit, words = opened.preprocessing.shown, opened.preprocessing.words()
    found = read_pictures(probes, opened.info.input[1:], fit, words, Progress())
    x = torch.from_numpy(opened.preprocessing.numbers(np.asarray(found.pixels)))
    own = answers(opened, x, Progress()).argmax(axis=1)
    truth, _ = truths(found.labels, opened.info.classes, own)
    right = Counter(int(one) for one in truth[truth == own])
    return [opened.info.classes[index] for index, _ in right.most_common(classes)]
