"""The live engine: it draws what the hand asks for, newest first.

It knows nothing of processes: `engine.link` runs it behind a pipe, or in a thread.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Protocol

from engine.link import Announce, Send, resolve
from engine.mailbox import Mailbox, Message
from engine.messages import (
    Answer,
    EngineStatus,
    Failure,
    Frame,
    LodestoneError,
    ModelInfo,
    ModelOpened,
    ModelsListed,
    Picture,
    Question,
    Reply,
    SteerRequest,
    Thumbnail,
    ThumbnailsRequest,
)
from engine.progress import Progress, Report
from engine.ring import RingWriter

STUDIO = "engine.studio:Studio"


PULSE_SECONDS = 0.5
"""Of work without a word after which the engine says that it lives."""


@dataclass(frozen=True)
class Pulse:
    """A long question has nothing to show yet, but the engine is at work on it."""


class NeedsImport(Exception):
    """The file is foreign or has no fast path yet: the client has a job see to it, then asks
    again."""

    def __init__(self, path: str):
        super().__init__(path)
        self.path = path


class Drawing(Protocol):
    """What the live engine draws with (`engine.studio.Studio`)."""

    def warm_up(self) -> None: ...
    def models(self) -> tuple[ModelInfo, ...]: ...
    def open(self, name: str, progress: Progress, prepared: bool) -> ModelOpened: ...
    def shape(self, request: SteerRequest) -> tuple[int, int, int]: ...
    def draw(self, request: SteerRequest, out: Any) -> str: ...
    def thumbnail(self, request: SteerRequest, size: int) -> Picture: ...
    def notice(self) -> str: ...
    def answer(self, question: Question) -> Generator[Reply | None, None, Reply]: ...


@dataclass
class _Strip:
    """Thumbnails in work: one is drawn at a time, so the canvas never waits for more than one."""

    key: str
    stamp: int
    request: ThumbnailsRequest
    done: int = 0


@dataclass
class _Thought:
    """A question in work: it stops after every slice, so the canvas never waits for more."""

    stamp: int
    steps: Generator[Reply | None, None, Reply]
    seconds: float = 0.0


class LiveEngine:
    """One loop: orders, the canvas, questions and other pictures; then a slice or a thumbnail."""

    def __init__(self, send: Send, announce: Announce, device: str = "auto", studio: str = STUDIO):
        self._send = send
        self._device = device
        self._studio_target = studio
        self._mailbox = Mailbox()
        self._ring = RingWriter(announce)
        self._strips: dict[str, _Strip] = {}
        self._thoughts: dict[str, _Thought] = {}
        self._pulse = 0.0

    def receive(self, message: Message) -> None:
        if message.kind == "close":
            self._mailbox.close()
        else:
            self._mailbox.put(message)

    def loop(self) -> None:
        self._send(EngineStatus("starting", "The engine is starting."))
        try:
            studio: Drawing = resolve(self._studio_target)(self._device)
            studio.warm_up()
        except Exception as error:
            self._send(EngineStatus("failed", sentence_of(error)))
            raise
        self._send(EngineStatus("ready"))
        while not self._mailbox.closed:
            # With something in work, only look whether something more urgent has come.
            busy = bool(self._strips or self._thoughts)
            message = self._mailbox.take(timeout=0.0 if busy else None)
            if message is not None:
                self._do(message, studio)
                continue
            if self._thoughts:
                self._think(next(iter(self._thoughts)))
            if self._strips:
                self._draw_thumbnail(studio)
        self._ring.close()

    def _do(self, message: Message, studio: Drawing) -> None:
        try:
            if message.kind == "show":
                self._show(message, studio)
            elif message.kind == "thumbnails":
                strip = _Strip(message.key, message.number, message.body)
                # The newest goes last, a replaced one is forgotten.
                self._strips.pop(message.key, None)
                if strip.request.requests:
                    self._strips[message.key] = strip
            elif message.kind == "ask":
                self._thoughts.pop(message.key, None)
                if message.body is None:
                    return  # It is not wanted any more.
                self._thoughts[message.key] = _Thought(message.number, studio.answer(message.body))
                self._think(message.key)
            elif message.kind == "open":
                self._open(message, studio)
            elif message.kind == "list":
                self._send(ModelsListed(studio.models()))
        except Exception as error:  # noqa: BLE001 - every fault becomes a sentence, none kills the loop
            key = "model" if message.kind in ("open", "list") else message.key
            self._fail(error, key, message.number)

    def _open(self, message: Message, studio: Drawing) -> None:
        def report(report: Report) -> None:
            self._send(EngineStatus("starting", report.message))

        try:
            opened = studio.open(message.key, Progress(report), bool(message.body))
        except NeedsImport as foreign:
            self._send(foreign)
            return
        self._send(opened)
        self._send(EngineStatus("ready", studio.notice(), opened.provider))

    def _show(self, message: Message, studio: Drawing) -> None:
        request: SteerRequest = message.body
        shape = studio.shape(request)
        slot = self._ring.acquire(shape[0] * shape[1] * shape[2], timeout=0.05)
        if slot is None:
            # The window holds every slot. Put the request back unless a newer one has come.
            self._mailbox.put_back(message)
            return
        block, index = slot
        began = time.perf_counter()
        try:
            provider = studio.draw(request, block.slot(index, shape))
        except BaseException:
            self._ring.give_up(block, index)
            raise
        ms = (time.perf_counter() - began) * 1000.0
        self._send(
            Frame(
                message.number, index, shape, ms, provider, request.model, block.name, message.key
            )
        )
        if notice := studio.notice():
            self._send(EngineStatus("ready", notice, provider))

    def _think(self, key: str) -> None:
        """One slice of a question."""
        thought = self._thoughts[key]
        began = time.perf_counter()
        done = False
        try:
            body = next(thought.steps)
        except StopIteration as end:
            body, done = end.value, True
        except Exception as error:  # noqa: BLE001 - see `_do`
            del self._thoughts[key]
            self._fail(error, key, thought.stamp)
            return
        thought.seconds += time.perf_counter() - began
        if done:
            del self._thoughts[key]
        else:
            # To the end of the queue: several questions take turns.
            self._thoughts[key] = self._thoughts.pop(key)
        if body is not None:
            self._send(Answer(key, thought.stamp, body, done, thought.seconds * 1000.0))
        elif time.monotonic() - self._pulse > PULSE_SECONDS:
            # On a slow machine the first words may take longer than silence is trusted.
            self._pulse = time.monotonic()
            self._send(Pulse())

    def _draw_thumbnail(self, studio: Drawing) -> None:
        strip = next(iter(self._strips.values()))
        index = strip.done
        try:
            picture = studio.thumbnail(strip.request.requests[index], strip.request.size)
        except Exception as error:  # noqa: BLE001 - see `_do`
            # What stops one stops the others: one sentence, not twenty-four.
            del self._strips[strip.key]
            self._fail(error, strip.key, strip.stamp)
            return
        strip.done += 1
        if strip.done == len(strip.request.requests):
            del self._strips[strip.key]
        self._send(Thumbnail(strip.key, strip.stamp, index, picture))

    def _fail(self, error: Exception, key: str, stamp: int) -> None:
        self._send(failure(error, key, stamp))


def failure(error: Exception, key: str, stamp: int = 0) -> Failure:
    """Any error as state: a sentence for the person, the rest for the maintainer."""
    if isinstance(error, LodestoneError):
        return Failure(error.sentence, key, stamp, error.detail)
    return Failure(sentence_of(error), key, stamp, f"{type(error).__name__}: {error}")


def sentence_of(error: Exception) -> str:
    """A plain sentence for an error nobody wrote a sentence for."""
    if isinstance(error, LodestoneError):
        return error.sentence
    text = str(error).strip().splitlines()
    first = text[0][:200] if text else type(error).__name__
    if isinstance(error, MemoryError) or "out of memory" in first.lower():
        return "There is not enough memory for this. Close other programs or choose a smaller size."
    if isinstance(error, OSError) and error.strerror:
        where = f" ({error.filename})" if error.filename else ""
        return f"{error.strerror}{where}. Choose another place or free some space, then try again."
    return f"Something went wrong inside the engine: {first}. Try again; if it stays, report it."
