"""Says in the window what the search for directions has to say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot

from engine.messages import Direction

if TYPE_CHECKING:
    from app.panels.steer import SteerWorkspace
    from app.window import MainWindow


class FindingVoice(QObject):
    """Connects `Finding` and the cards to the message bar and the workspaces."""

    def __init__(self, window: MainWindow):
        super().__init__(window)
        self._window = window
        window.finding.failed.connect(window.show_error)
        window.finding.noted.connect(self._note)
        window.finding.offered.connect(self._offer)
        window.opener.directions_read.connect(window.finding.take)

    def join(self, steer: SteerWorkspace) -> None:
        """Listen to the cards too."""
        hand = steer.directions.hand
        hand.failed.connect(self._window.show_error)
        hand.noted.connect(self._note)
        hand.carry_asked.connect(self._window.finding.carry)
        hand.evidence_asked.connect(self._evidence)

    def act(self, verb: str) -> bool:
        """Whether the button of a message was one of ours."""
        if verb != "transfer":
            return False
        self._window.finding.transfer()
        return True

    @Slot(str)
    def _note(self, sentence: str) -> None:
        self._window.show_note(sentence, seconds=12)

    @Slot(str, str, str)
    def _offer(self, sentence: str, action: str, words: str) -> None:
        self._window.show_note(sentence, action, words, 0)

    @Slot(object)
    def _evidence(self, direction: Direction) -> None:
        page = self._window.page("compass")
        show = getattr(page, "show_evidence", None)
        if show is not None:
            self._window.go("compass")
            show(direction)
