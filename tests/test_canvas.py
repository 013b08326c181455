"""The canvas on plain arrays: what is painted, what is given back, zoom, compare."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.widgets.canvas import Canvas, View
from app.widgets.enlarge import doubled
from engine.messages import Frame

RED, BLUE = (0, 0, 255), (255, 0, 0)  # B, G, R


class Memory:
    """Frames in arrays, and which of them were given back."""

    def __init__(self) -> None:
        self.arrays: dict[int, np.ndarray] = {}
        self.released: list[int] = []

    def frame(self, stamp: int, colour: tuple[int, int, int], side: int = 8) -> Frame:
        pixels = np.zeros((side, side, 4), np.uint8)
        pixels[..., :3] = colour
        self.arrays[stamp] = pixels
        return Frame(stamp, 0, (side, side, 4), 1.0, "test", "model")

    def pixels(self, frame: Frame) -> np.ndarray:
        return self.arrays[frame.stamp]

    def release(self, frame: Frame) -> None:
        self.released.append(frame.stamp)


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def canvas(qtbot: QtBot, memory: Memory) -> Canvas:
    made = Canvas(memory.pixels, memory.release)
    made.resize(400, 300)
    qtbot.addWidget(made)
    with qtbot.waitExposed(made):
        made.show()
    return made


def middle(canvas: Canvas) -> QColor:
    image = canvas.grab().toImage()
    return QColor(image.pixel(image.width() // 2, image.height() // 2))


def show(qtbot: QtBot, canvas: Canvas, frame: Frame) -> None:
    with qtbot.waitSignal(canvas.painted):
        canvas.show_frame(frame)


def test_pixels_are_painted_in_the_right_colours(
    qtbot: QtBot, canvas: Canvas, memory: Memory
) -> None:
    show(qtbot, canvas, memory.frame(1, RED))
    assert middle(canvas) == QColor(255, 0, 0)


def test_frames_are_wrapped_not_copied(qtbot: QtBot, canvas: Canvas, memory: Memory) -> None:
    show(qtbot, canvas, memory.frame(1, RED))
    memory.arrays[1][..., :3] = BLUE
    canvas.update()
    assert middle(canvas) == QColor(0, 0, 255)


def test_the_frame_before_is_given_back_once(qtbot: QtBot, canvas: Canvas, memory: Memory) -> None:
    for stamp in (1, 2, 3):
        show(qtbot, canvas, memory.frame(stamp, RED))
    assert memory.released == [1, 2]


def test_a_stale_frame_is_given_back_unseen(qtbot: QtBot, canvas: Canvas, memory: Memory) -> None:
    show(qtbot, canvas, memory.frame(5, RED))
    with qtbot.assertNotEmitted(canvas.painted, wait=50):
        canvas.show_frame(memory.frame(4, BLUE))
    assert memory.released == [4]
    assert middle(canvas) == QColor(255, 0, 0)


def test_the_last_picture_survives_the_memory(qtbot: QtBot, canvas: Canvas, memory: Memory) -> None:
    show(qtbot, canvas, memory.frame(1, RED))
    canvas.keep()
    assert memory.released == [1]
    memory.arrays[1][..., :3] = BLUE
    assert middle(canvas) == QColor(255, 0, 0)


def test_fit_fills_the_smaller_side(qtbot: QtBot, canvas: Canvas, memory: Memory) -> None:
    show(qtbot, canvas, memory.frame(1, RED))
    assert canvas.target().height() == pytest.approx(300 - 40)
    canvas.resize(600, 600)
    assert canvas.target().height() == pytest.approx(560)


def test_one_to_one_is_device_pixels(qtbot: QtBot, canvas: Canvas, memory: Memory) -> None:
    show(qtbot, canvas, memory.frame(1, RED))
    canvas.one_to_one()
    assert canvas.target().width() * canvas.devicePixelRatioF() == pytest.approx(8)


def test_zoom_keeps_the_point_under_the_pointer(
    qtbot: QtBot, canvas: Canvas, memory: Memory
) -> None:
    show(qtbot, canvas, memory.frame(1, RED))
    at = QPointF(250, 180)
    before = canvas.target()
    share = (at.x() - before.x()) / before.width(), (at.y() - before.y()) / before.height()
    canvas.zoom_by(1.7, at)
    after = canvas.target()
    assert after.width() == pytest.approx(before.width() * 1.7)
    assert (at.x() - after.x()) / after.width() == pytest.approx(share[0])
    assert (at.y() - after.y()) / after.height() == pytest.approx(share[1])


def test_dragging_pans_and_double_click_fits(qtbot: QtBot, canvas: Canvas, memory: Memory) -> None:
    show(qtbot, canvas, memory.frame(1, RED))
    before = canvas.target()
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=QPoint(200, 150))
    QTest.mouseMove(canvas, QPoint(230, 140))
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=QPoint(230, 140))
    assert canvas.target().x() == pytest.approx(before.x() + 30)
    assert canvas.target().y() == pytest.approx(before.y() - 10)
    QTest.mouseDClick(canvas, Qt.MouseButton.LeftButton, pos=QPoint(200, 150))
    assert canvas.view == View()


def test_compare_shows_both_sides_and_the_line_is_dragged(
    qtbot: QtBot, canvas: Canvas, memory: Memory
) -> None:
    show(qtbot, canvas, memory.frame(1, RED))
    other = QImage(8, 8, QImage.Format.Format_RGB32)
    other.fill(QColor(0, 0, 255))
    canvas.set_other(other)
    canvas.set_comparing(True)
    target = canvas.target()

    def at(share: float) -> QColor:
        image = canvas.grab().toImage()
        x, y = int(target.x() + share * target.width()), int(target.center().y() + 60)
        return QColor(image.pixel(x, y))

    assert at(0.25) == QColor(0, 0, 255)
    assert at(0.75) == QColor(255, 0, 0)
    line = QPoint(int(target.center().x()), 150)
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=line)
    QTest.mouseMove(canvas, QPoint(int(target.x() + 0.9 * target.width()), 150))
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=line)
    assert at(0.75) == QColor(0, 0, 255)


def test_holding_a_key_shows_the_snapshot(qtbot: QtBot, canvas: Canvas, memory: Memory) -> None:
    show(qtbot, canvas, memory.frame(1, RED))
    other = QImage(8, 8, QImage.Format.Format_RGB32)
    other.fill(QColor(0, 0, 255))
    canvas.set_other(other)
    QTest.keyPress(canvas, Qt.Key.Key_C)
    assert middle(canvas) == QColor(0, 0, 255)
    QTest.keyRelease(canvas, Qt.Key.Key_C)
    assert middle(canvas) == QColor(255, 0, 0)


def test_comparing_needs_a_snapshot(canvas: Canvas) -> None:
    canvas.set_comparing(True)
    assert not canvas.comparing


def test_a_rectangular_frame_keeps_its_shape(qtbot: QtBot, canvas: Canvas, memory: Memory) -> None:
    frame = memory.frame(1, RED)
    memory.arrays[1] = np.zeros((4, 16, 4), np.uint8)
    show(qtbot, canvas, replace(frame, shape=(4, 16, 4)))
    assert canvas.target().width() / canvas.target().height() == pytest.approx(4)


def test_enlarging_keeps_flat_colours_and_sharp_edges() -> None:
    flat = np.full((40, 40, 4), 77, np.uint8)
    assert np.array_equal(doubled(flat), np.full((80, 80, 4), 77, np.uint8))
    ramp = np.broadcast_to(np.arange(0, 160, 4, dtype=np.uint8)[None, :, None], (40, 40, 4))
    inner = doubled(ramp)[10, 8:72, 0].astype(int)
    assert set(np.diff(inner)) == {2}, "a straight ramp stays straight at half the steps"


def test_small_pictures_are_enlarged_smoothly(qtbot: QtBot, canvas: Canvas, memory: Memory) -> None:
    frame = memory.frame(1, RED, side=64)
    memory.arrays[1][:, 32:, :3] = BLUE
    show(qtbot, canvas, frame)
    qtbot.waitUntil(lambda: canvas._fine is not None)
    image = canvas.grab().toImage()
    row = [QColor(image.pixel(x, 150)) for x in range(image.width())]
    assert any(0 < colour.red() < 255 and 0 < colour.blue() < 255 for colour in row)
    assert canvas.image().size().width() == 64
