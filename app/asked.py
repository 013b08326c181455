"""One question at a time: the newest wins, its answers come as signals."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal, Slot

from app.link import EngineLink
from engine.messages import Answer, Failure, Question


class Asked(QObject):
    """What is under the hand just now; an older question's answers are not heard any more."""

    arrived = Signal(object, bool)
    """(Reply, whether it is the last)."""
    failed = Signal(str)

    def __init__(self, link: EngineLink, key: str, parent: QObject | None = None):
        super().__init__(parent)
        self._link, self._key = link, key
        self._stamp = -1
        link.answer.connect(self._answer)
        link.failure.connect(self._failure)

    def ask(self, question: Question) -> None:
        self._stamp = self._link.client.ask(question, self._key)

    def forget(self) -> None:
        """What was asked is not wanted any more."""
        if self._stamp >= 0:
            self._stamp = -1
            self._link.client.forget(self._key)

    @Slot(object)
    def _answer(self, answer: Answer) -> None:
        if answer.key == self._key and answer.stamp == self._stamp and answer.body is not None:
            self._stamp = -1 if answer.done else self._stamp
            self.arrived.emit(answer.body, answer.done)

    @Slot(object)
    def _failure(self, failure: Failure) -> None:
        if failure.key == self._key and failure.stamp == self._stamp:
            self.failed.emit(failure.sentence)
