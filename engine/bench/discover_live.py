"""From a click on the sort wall to the new picture: through the processes, and in the window."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from engine.bench.figure import Figure, at_most, missing
from engine.bench.window import in_window
from engine.messages import (
    Answer,
    Axis,
    CompassFit,
    CompassQuestion,
    Edit,
    EngineStatus,
    Event,
    Failure,
    Frame,
    Label,
    LatentPart,
    ModelInfo,
    ModelOpened,
    SteerRequest,
)

clicks = 40
wait_limit = 60.0  # seconds


def measures() -> Iterator[Figure]:
    """Both for every bundled generator."""
    from engine.library import Library

    bundled = [info for info in Library().models() if info.bundled]
    if not bundled:
        yield missing("label to new picture", "ms", "<= 100", "there is no bundled generator")
    for info in bundled:
        yield _through_processes(info)
    for figure in in_window("compass"):
        yield Figure(**figure)


class _Ears:
    """The client's events, waited for."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._events: list[Event] = []

    def __call__(self, event: Event) -> None:
        with self._changed:
            self._events.append(event)
            self._changed.notify_all()

    def wait(self, kind: type[Event], stamp: int = 0) -> Event:
        """The next event of a kind (and stamp), which is then forgotten."""

        def wanted(event: Event) -> bool:
            return isinstance(event, (kind, Failure)) and (
                not stamp or getattr(event, "stamp", stamp) == stamp
            )

        with self._changed:
            self._changed.wait_for(lambda: any(map(wanted, self._events)), wait_limit)
            found = next(filter(wanted, self._events))
            self._events.clear()
        if isinstance(found, Failure):
            raise RuntimeError(found.sentence)
        return found


def _through_processes(info: ModelInfo) -> Figure:
    """A label, the fit, the frame: pipe to pipe, without the window's own painting."""
    from engine.client import EngineClient

    ears = _Ears()
    taken: list[float] = []
    with EngineClient(ears) as client:
        ears.wait(EngineStatus)
        client.open_model(info.id)
        ears.wait(ModelOpened)
        axis = _axis(info)
        for number in range(clicks):
            began = time.perf_counter()
            label = Label(_shown(axis.template, number), "more" if number % 2 else "less")
            axis = replace(axis, labels=(*axis.labels, label))
            answer = ears.wait(Answer, client.ask(CompassQuestion(axis), "compass"))
            assert isinstance(answer, Answer)
            if not isinstance(answer.body, CompassFit) or answer.body.direction is None:
                continue
            request = replace(axis.template, edits=(Edit(answer.body.direction, 2.0),))
            frame = ears.wait(Frame, client.show(request))
            assert isinstance(frame, Frame)
            taken.append(time.perf_counter() - began)
            client.release(frame)
    return at_most(
        f"label to new picture, {info.name}, through the processes",
        1000.0 * float(np.median(taken)),
        "ms",
        100.0,
        note=f"median of {len(taken)}, 2 to {clicks} labels; "
        f"slowest {1000.0 * max(taken):.0f} ms; {info.resolution} px",
    )


def _axis(info: ModelInfo) -> Axis:
    template = SteerRequest(info.id, truncation=0.8)
    return Axis("bench", "bench", info.id, template)


def _shown(template: SteerRequest, seed: int) -> SteerRequest:
    return replace(template, latent=(LatentPart(seed=seed),))
