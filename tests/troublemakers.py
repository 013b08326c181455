"""What the client's tests put in place of the studio and the jobs: they misbehave on command.

`Plain` draws a flat colour from the seed without any model, so that the tests of the processes do
not depend on a generator; the tests of the real engine are in the second half of test_client.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Generator
from pathlib import Path

import numpy as np

from engine.messages import (
    JobRequest,
    LodestoneError,
    ModelInfo,
    ModelOpened,
    Picture,
    Question,
    RenderRequest,
    Reply,
    SteerRequest,
    StyleSpread,
    StylesQuestion,
    Vector,
)
from engine.progress import Progress
from engine.server import NeedsImport

SIDE = 64
POISON = 666
SLEEPER = 777
REFUSED = 555
FAULTY = 444


def info(name: str) -> ModelInfo:
    return ModelInfo(name, name, "", "plain", SIDE, 3, 8, 8, 0, 2, ())


class Plain:
    """Draws a flat grey: the seed modulo 256. Some seeds are poisonous."""

    ms = 0.0

    def __init__(self, device: str):
        self.device = device

    def warm_up(self) -> None:
        pass

    def models(self) -> tuple[ModelInfo, ...]:
        return (info("one"), info("two"))

    def open(self, name: str, progress: Progress, prepared: bool) -> ModelOpened:
        progress(0.5, f"Opening {name}")
        if name == "poison":
            os.kill(os.getpid(), signal.SIGKILL)
        if name == "absent":
            raise LodestoneError("There is no generator called absent.")
        if name.endswith(".pkl") and not prepared:
            raise NeedsImport(name)
        return ModelOpened(info(name), (), "plain")

    def shape(self, request: SteerRequest) -> tuple[int, int, int]:
        return SIDE, SIDE, 4

    def draw(self, request: SteerRequest, out: np.ndarray) -> str:
        seed = request.latent[0].seed or 0
        if seed == POISON:
            os.kill(os.getpid(), signal.SIGSEGV)
        if seed == SLEEPER:
            time.sleep(3600.0)
        if seed == REFUSED:
            raise LodestoneError("This picture is refused. Choose another seed.")
        if seed == FAULTY:
            raise RuntimeError("index out of range\nand a second line")
        time.sleep(self.ms / 1000.0)
        out[...] = seed % 256
        return "plain"

    def thumbnail(self, request: SteerRequest, size: int) -> Picture:
        out = np.empty((size, size, 4), np.uint8)
        self.draw(request, out)
        return Picture.of(out)

    def notice(self) -> str:
        return ""

    def answer(self, question: Question) -> Generator[Reply | None, None, Reply]:
        """Three slices; the model's name says what goes wrong."""
        assert isinstance(question, StylesQuestion)
        if question.model == "poison":
            os.kill(os.getpid(), signal.SIGKILL)
        for _ in range(30 if question.model == "ponder" else 0):
            time.sleep(0.1)
            yield None
        for step in range(3):
            time.sleep(self.ms / 1000.0)
            yield StyleSpread(Vector.of(np.full(1, step))) if step else None
        if question.model == "refused":
            raise LodestoneError("These styles are refused. Ask for others.")
        return StyleSpread(Vector.of(np.full(1, 3.0)))


class Slow(Plain):
    """As slow as a real generator: 40 ms a picture."""

    ms = 40.0


class Stillborn(Plain):
    """Dies while starting."""

    def warm_up(self) -> None:
        os._exit(3)


def run_job(request: JobRequest, progress: Progress) -> str:
    """`out` says what happens: `count` takes 2 s in steps, `die`, `fail`, `niceness`, `deaf`."""
    if not isinstance(request, RenderRequest):
        return "imported"
    out = Path(request.out)
    if out.name == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if out.name == "fail":
        raise LodestoneError("The disk is full. Free some space.")
    if out.name == "niceness":
        return str(os.nice(0))
    if out.name == "deaf":
        progress(0.5, "Not listening")
        time.sleep(3600.0)
    for step in range(200):
        progress(step / 200, f"Step {step}")
        time.sleep(0.01)
    return str(out)
