"""Hands and patience for the tests of the Picture page."""

from __future__ import annotations

from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.panels.picture import PicturePage

SOON = 20_000
"""Milliseconds; a machine with other work to do is slow."""


def finish(page: PicturePage, qtbot: QtBot) -> None:
    """Wait until the whole wall is drawn."""

    def finished() -> bool:
        shown = page.picturing.shown
        return bool(shown) and all(one.done or one.failed for one in shown)

    qtbot.waitUntil(finished, timeout=SOON)


def stroke(layer, *places: tuple[float, float]) -> None:  # noqa: ANN001 - MaskLayer
    """One stroke, in shares of the picture."""
    target = layer.parentWidget().target()
    points = [
        QPointF(target.x() + x * target.width(), target.y() + y * target.height()).toPoint()
        for x, y in places
    ]
    QTest.mousePress(layer, Qt.MouseButton.LeftButton, pos=points[0])
    for point in points[1:]:
        QTest.mouseMove(layer, point)
    QTest.mouseRelease(layer, Qt.MouseButton.LeftButton, pos=points[-1])
