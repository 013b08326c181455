"""The client's side of the live engine: what was asked last, and bringing it back after a fall."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable

from engine.link import ProcessLink, ThreadLink
from engine.mailbox import CANVAS, Message
from engine.messages import (
    Answer,
    EngineStatus,
    Event,
    Failure,
    Frame,
    ModelOpened,
    ModelsListed,
    Thumbnail,
    ThumbnailsRequest,
)
from engine.ring import Block, RingReader
from engine.server import NeedsImport, Pulse
from engine.supervisor import Backoff

ENGINE = "engine.server:LiveEngine"
DEATHS_ALLOWED = 3
PATIENCE = {"boot": 120.0, "open": 300.0, "render": 30.0}
"""Seconds without a sign of life after which the engine counts as hanging."""

Suspect = tuple[str, str]
"""What the engine was probably doing when it died: kind and key."""


class LiveKeeper:
    """Keeps a live engine running and remembers what it owes."""

    def __init__(
        self,
        emit: Callable[[Event], None],
        needs_import: Callable[[str], None],
        args: tuple[object, ...],
        patience: dict[str, float] | None = None,
    ):
        self.link: ProcessLink | None = None
        self._thread: ThreadLink | None = None
        self.ring = RingReader()
        self._emit, self._needs_import, self._args = emit, needs_import, args
        self._patience = {**PATIENCE, **(patience or {})}
        self._lock = threading.RLock()
        self._stamps = itertools.count(1)
        self._asked: dict[Suspect, Message] = {}
        """The newest live request per key; also after it was answered."""
        self._answered: dict[Suspect, int] = {}
        self._shown: dict[str, int] = {}
        self._opening: Message | None = None
        self._opened: Message | None = None
        self._reopening = False
        self._listing = False
        self._deaths: Counter[Suspect] = Counter()
        self._ready = False
        self._failed = False
        self._start_at: float | None = 0.0
        self._sign_of_life = 0.0
        self._owing_since: float | None = None
        self._usual = 0.05
        self._cause = ""
        self._backoff = Backoff()

    # ------------------------------------------------ asked by the window

    def ask(self, kind: str, key: str, body: object) -> int:
        with self._lock:
            message = Message(kind, key, next(self._stamps), body)  # pyright: ignore[reportArgumentType]
            self._asked[kind, key] = message
            self._post(message)
            if body is None or (isinstance(body, ThumbnailsRequest) and not body.requests):
                # "None any more": there will be no answer, so the engine does not owe one.
                self._settle((kind, key), message.number)
                self._count_owing()
            return message.number

    def open(self, name: str, prepared: bool = False) -> None:
        """`prepared`: a job has seen to it already; whatever is missing is done by the engine."""
        with self._lock:
            self._opening = Message("open", name, next(self._stamps), prepared)
            self._reopening = False
            self._post(self._opening)

    def list_models(self) -> None:
        with self._lock:
            self._listing = True
            self._post(Message("list"))

    def _post(self, message: Message) -> None:
        if self._owing_since is None and message.kind != "close":
            self._owing_since = time.monotonic()
        if self._failed:
            # The person tries again: so do we.
            self._failed, self._start_at = False, 0.0
            self._deaths.clear()
        link = self.link or self._thread
        if link is not None:
            link.post(message)

    def start_here(self) -> None:
        """Run the engine in a thread of this process instead."""
        self._thread = ThreadLink(ENGINE, self._args, self.on_message, self.ring.add)

    # ------------------------------------------------ on the supervisor's thread

    def tick(self, now: float) -> None:
        if self.link is None:
            if self._start_at is not None and now >= self._start_at:
                self._start(now)
        elif (reason := self._hanging(now)) is not None:
            self._cause = reason
            self.link.kill()

    def _start(self, now: float) -> None:
        try:
            link = ProcessLink(ENGINE, self._args)
        except (OSError, RuntimeError) as error:
            # The machine gives no more processes: that counts as a fall, so that it is tried
            # again later and told, and not twenty times a second.
            self._ready, self._cause = False, f"The engine could not be started ({error!s:.80})."
            self.on_end(None)
            return
        with self._lock:
            self._start_at, self._ready, self._sign_of_life = None, False, now
            if self._opening is None and self._opened is not None:
                self._opening, self._reopening = self._opened, True
            if self._opening is not None:
                link.post(self._opening)
            if self._listing:
                link.post(Message("list"))
            for suspect, message in self._asked.items():
                # The canvas again in any case: the artist sees that all is well.
                if suspect == ("show", CANVAS) or self._owed(suspect):
                    link.post(message)
                    self._owing_since = now
            self.link = link

    def on_message(self, message: object) -> None:
        self._sign_of_life = time.monotonic()
        if isinstance(message, Pulse):
            return
        if isinstance(message, Block):
            self.ring.add(message)
            return
        if isinstance(message, NeedsImport):
            self._settle_open(None)
            self._needs_import(message.path)
            return
        with self._lock:
            passed = self._note(message)
        if passed:
            self._emit(message)  # pyright: ignore[reportArgumentType]

    def _note(self, message: object) -> bool:
        """Book what was answered; False for a frame that is stale."""
        match message:
            case EngineStatus(state="ready"):
                self._ready = True
                self._deaths.pop(("boot", ""), None)
            case ModelOpened():
                # Reopened after a fall: the window has it open already.
                known, self._reopening = self._reopening, False
                self._settle_open(self._opening)
                return not known
            case ModelsListed():
                self._listing = False
            case Frame():
                return self._note_frame(message)
            case Thumbnail():
                asked = self._asked.get(("thumbnails", message.key))
                if asked is None or asked.number != message.stamp:
                    return False
                strip: ThumbnailsRequest = asked.body
                if message.index + 1 == len(strip.requests):
                    self._settle(("thumbnails", message.key), message.stamp)
            case Answer():
                asked = self._asked.get(("ask", message.key))
                if asked is None or asked.number != message.stamp:
                    return False
                if message.done:
                    self._settle(("ask", message.key), message.stamp)
            case Failure(key="model"):
                self._settle_open(None if self._reopening else self._opened)
                self._reopening = self._listing = False
            case Failure():
                for kind in ("show", "ask", "thumbnails"):
                    asked = self._asked.get((kind, message.key))
                    if asked is not None and asked.number == message.stamp:
                        self._settle((kind, message.key), message.stamp)
            case _:
                pass
        self._count_owing()
        return True

    def _note_frame(self, frame: Frame) -> bool:
        self.ring.hold(frame.memory, frame.slot)
        self._usual += 0.2 * (frame.ms / 1000.0 - self._usual)
        self._settle(("show", frame.key), frame.stamp)
        self._count_owing()
        if frame.stamp < self._shown.get(frame.key, 0):
            self.ring.release(frame.memory, frame.slot)
            return False
        self._shown[frame.key] = frame.stamp
        return True

    def _settle(self, suspect: Suspect, stamp: int) -> None:
        self._answered[suspect] = max(stamp, self._answered.get(suspect, 0))
        self._deaths.pop(suspect, None)

    def _settle_open(self, opened: Message | None) -> None:
        with self._lock:
            self._opened, self._opening = opened, None
            self._deaths.pop(("open", ""), None)
            self._count_owing()

    def _owed(self, suspect: Suspect) -> bool:
        return self._asked[suspect].number > self._answered.get(suspect, 0)

    def _count_owing(self) -> None:
        owing = self._opening is not None or any(self._owed(s) for s in self._asked)
        self._owing_since = time.monotonic() if owing else None

    # ------------------------------------------------ falls

    def _hanging(self, now: float) -> str | None:
        """Why the engine counts as hanging; None when it does not."""
        with self._lock:
            if self._ready and (self._owing_since is None or self.ring.full()):
                return None
            since = max(self._sign_of_life, self._owing_since or 0.0)
            kind = "boot" if not self._ready else "open" if self._opening else "render"
            limit = self._patience[kind] + 10.0 * self._usual
            if now - since <= limit:
                return None
            return f"The engine did not answer for {limit:.0f} s."

    def on_end(self, exitcode: int | None) -> None:
        with self._lock:
            suspect = self._suspect()
            self._deaths[suspect] += 1
            deaths = self._deaths[suspect]
            cause, self._cause = self._cause or _cause_of(exitcode), ""
            self._start_at = time.monotonic() + self._backoff(deaths)
            given_up = self._give_up(suspect) if deaths >= DEATHS_ALLOWED else None
        if given_up is not None:
            self._emit(given_up)
            if suspect[0] == "boot":
                return
        self._emit(
            EngineStatus(
                "restarting", f"{cause} It is starting again; your picture and document are safe."
            )
        )

    def _suspect(self) -> Suspect:
        if not self._ready:
            return "boot", ""
        if self._opening is not None:
            return "open", ""
        owed = [suspect for suspect in self._asked if self._owed(suspect)]
        # In the order in which the engine works: the canvas, other pictures, thumbnails.
        owed.sort(key=lambda s: (s[0] != "show", s[1] != CANVAS))
        return owed[0] if owed else ("idle", "")

    def _give_up(self, suspect: Suspect) -> Event | None:
        """Stop asking for what ends the engine every time."""
        kind, key = suspect
        del self._deaths[suspect]
        if kind == "idle":
            return None
        if kind == "boot":
            self._start_at, self._failed = None, True
            return EngineStatus(
                "failed",
                "The engine stopped three times while starting. "
                "Close other programs and choose the generator again; if it stays, reinstall.",
            )
        if kind == "open":
            name, self._opening = (self._opening.key if self._opening else ""), None
            self._opened = None if self._reopening else self._opened
            self._reopening = False
            return Failure(
                f"The engine stopped three times while opening {name}. "
                "The generator was put aside; choose another one or import the file again.",
                "model",
            )
        message = self._asked.pop(suspect)
        return Failure(
            "The engine stopped three times over this picture, so it was put aside. "
            "Undo the last change or choose another generator.",
            key,
            message.number,
        )

    # ------------------------------------------------ the end

    def finish(self, timeout: float) -> None:
        """The supervisor's last call."""
        self._start_at = None
        if self.link is not None:
            self.link.post(Message("close"))
            self.link.finish(timeout)
            self.link = None
        if self._thread is not None:
            self._thread.post(Message("close"))
            self._thread.finish(timeout)
        self.ring.close()


def _cause_of(exitcode: int | None) -> str:
    if exitcode == -9:
        return "The engine was stopped from outside, perhaps for want of memory."
    return "The engine crashed."
