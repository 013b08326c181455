"""A studio whose only study has 12,000 units: what a grid must bear. Pictures are flat colours."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np

from engine.messages import Picture, Question, Reply, Unit, UnitsQuestion, UnitsReply, UnitSummary
from tests.troublemakers import Plain

UNITS = 12_000


class Many(Plain):
    """Answers pages of the grid, and remembers nothing."""

    def answer(self, question: Question) -> Generator[Reply | None, None, Reply]:
        assert isinstance(question, UnitsQuestion)
        yield None
        last = min(question.first + question.count, UNITS)
        units = tuple(_summary(index, question) for index in range(question.first, last))
        return UnitsReply(UNITS, question.first, units, layers=("deep",))


def _summary(index: int, question: UnitsQuestion) -> UnitSummary:
    side = question.size
    pixels = np.full((side, side * max(question.thumbnails, 1), 4), index % 256, np.uint8)
    strip = Picture.of(pixels) if question.thumbnails else None
    return UnitSummary(Unit("deep", index), f"unit number {index}", 0.8, strip=strip)
