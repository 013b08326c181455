"""The brush on the canvas: soft strokes, undone one by one, wherever the picture lies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.widgets.brushes import Brush, Mask
from app.widgets.canvas import Canvas
from app.widgets.mask import LONGEST, MaskLayer, MaskTools
from engine.messages import Frame


def stroke(mask: Mask, *places: tuple[float, float], brush: Brush) -> None:
    mask.begin(*places[0], brush)
    for place in places[1:]:
        mask.move(*place)
    mask.end()


def test_a_hard_dot_covers_its_circle() -> None:
    mask = Mask(64, 64)
    stroke(mask, (32.0, 32.0), brush=Brush(size=0.5, soft=0.0))
    area = float(mask.values.sum())
    assert area == pytest.approx(np.pi * 16**2, rel=0.03)
    assert mask.values[32, 32] == 1.0
    assert mask.values[32, 50] == 0.0
    assert mask.values.dtype == np.float32


def test_a_soft_edge_fades_and_one_stroke_does_not_harden_it() -> None:
    soft, hard = Mask(64, 64), Mask(64, 64)
    brush = Brush(size=0.5, soft=1.0)
    stroke(soft, (32.0, 32.0), brush=brush)
    profile = soft.values[32, 32:50]
    assert (np.diff(profile) <= 0.0).all()
    assert 0.1 < profile[8] < 0.9
    stroke(hard, *[(32.0, 32.0)] * 10, brush=brush)
    assert np.array_equal(soft.values, hard.values)


def test_a_line_has_no_gaps_and_may_leave_the_picture() -> None:
    mask = Mask(40, 80)
    stroke(mask, (-30.0, 20.0), (200.0, 20.0), brush=Brush(size=0.1, soft=0.0))
    assert (mask.values[20] == 1.0).all()
    assert mask.values[2].max() == 0.0
    stroke(mask, (-900.0, -900.0), brush=Brush(size=0.1))
    assert mask.values[2].max() == 0.0


def test_the_eraser_undo_and_clear() -> None:
    mask = Mask(32, 32)
    brush = Brush(size=0.6, soft=0.2)
    stroke(mask, (16.0, 16.0), brush=brush)
    painted = mask.values.copy()
    stroke(mask, (16.0, 16.0), brush=replace(brush, size=0.2, soft=0.0, erasing=True))
    assert mask.values[16, 16] == 0.0
    assert mask.values[16, 8] == painted[16, 8]
    mask.undo()
    assert np.array_equal(mask.values, painted)
    mask.clear()
    assert mask.empty
    mask.undo()
    assert np.array_equal(mask.values, painted)
    mask.undo()
    assert mask.empty
    assert not mask.can_undo
    mask.undo()
    assert mask.empty


def test_a_stroke_that_changes_nothing_is_no_step() -> None:
    mask = Mask(32, 32)
    stroke(mask, (16.0, 16.0), brush=Brush(erasing=True))
    assert not mask.can_undo


def test_the_smallest_brush_always_leaves_a_mark() -> None:
    for x in np.linspace(10.0, 11.0, 5):
        mask = Mask(64, 64)
        stroke(mask, (float(x), 10.5), brush=Brush(size=0.001, soft=0.0))
        assert mask.values.max() > 0.4


# -------------------------------------------------------------- on the canvas


def canvas_with(qtbot: QtBot, height: int, width: int) -> Canvas:
    pixels = np.full((height, width, 4), 90, np.uint8)
    canvas = Canvas(lambda frame: pixels, lambda frame: None)
    qtbot.addWidget(canvas)
    canvas.resize(400, 300)
    canvas.show_frame(Frame(1, 0, (height, width, 4), 1.0, "test", "model"))
    return canvas


def drag(widget: QWidget, *points: QPointF) -> None:
    places = [point.toPoint() for point in points]
    QTest.mousePress(widget, Qt.MouseButton.LeftButton, pos=places[0])
    for place in places:
        QTest.mouseMove(widget, place)
    QTest.mouseRelease(widget, Qt.MouseButton.LeftButton, pos=places[-1])


@pytest.mark.parametrize("zoom", [1.0, 2.5])
def test_the_mask_lies_where_it_was_painted(qtbot: QtBot, zoom: float) -> None:
    canvas = canvas_with(qtbot, 64, 96)
    layer = MaskLayer(canvas)
    layer.set_active(True)
    canvas.show()
    canvas.zoom_by(zoom, QPointF(100, 80))
    layer.set_brush(Brush(size=0.1, soft=0.0))
    target = canvas.target()
    wanted = (24.0, 40.0)  # row, column of the picture
    at = QPointF(
        target.x() + wanted[1] / 96 * target.width(), target.y() + wanted[0] / 64 * target.height()
    )
    with qtbot.waitSignal(layer.changed):
        drag(layer, at)
    values = layer.values()
    assert values.shape == (64, 96)
    rows, columns = np.nonzero(values > 0.5)
    assert rows.mean() + 0.5 == pytest.approx(wanted[0], abs=1.0)
    assert columns.mean() + 0.5 == pytest.approx(wanted[1], abs=1.0)


def test_the_veil_is_seen_and_the_picture_stays_a_picture(qtbot: QtBot) -> None:
    canvas = canvas_with(qtbot, 64, 64)
    layer = MaskLayer(canvas)
    layer.set_active(True)
    canvas.show()
    middle = canvas.target().center()
    before = canvas.grab().toImage().pixelColor(middle.toPoint())
    layer.set_brush(Brush(size=0.4, soft=0.0))
    drag(layer, middle)
    layer.leaveEvent(None)  # type: ignore[arg-type]
    after = canvas.grab().toImage().pixelColor(middle.toPoint())
    assert after.blue() - before.blue() > 40
    assert after.blue() > after.red()
    assert canvas.image().pixelColor(32, 32).red() == 90
    corner = canvas.target().topLeft() + QPointF(4, 4)
    assert canvas.grab().toImage().pixelColor(corner.toPoint()).red() == before.red()


def test_keys_on_the_picture(qtbot: QtBot) -> None:
    canvas = canvas_with(qtbot, 64, 64)
    layer = MaskLayer(canvas)
    canvas.show()
    layer.set_active(True)
    tools = MaskTools(layer)
    qtbot.addWidget(tools)
    size = layer.brush.size
    QTest.keyClick(layer, Qt.Key.Key_Period)
    assert layer.brush.size > size
    assert tools.thickness.amount == pytest.approx(layer.brush.size * 100)
    QTest.keyClick(layer, Qt.Key.Key_Comma)
    assert layer.brush.size == pytest.approx(size)
    QTest.keyClick(layer, Qt.Key.Key_X)
    assert layer.brush.erasing
    assert tools.kind.value == "eraser"
    QTest.keyClick(layer, Qt.Key.Key_X)
    drag(layer, canvas.target().center())
    assert not layer.empty
    assert tools.undo.isEnabled()
    QTest.keyClick(layer, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert layer.empty
    assert not tools.undo.isEnabled()
    with qtbot.waitSignal(layer.left):
        QTest.keyClick(layer, Qt.Key.Key_Escape)


def test_the_tools_set_the_brush(qtbot: QtBot) -> None:
    layer = MaskLayer(canvas_with(qtbot, 64, 64))
    tools = MaskTools(layer)
    qtbot.addWidget(tools)
    tools.kind.button("eraser").click()
    tools.thickness.field.setValue(30)
    tools.soft.field.setValue(10)
    assert layer.brush == Brush(0.3, 0.1, True)
    layer.set_brush(Brush(size=7.0, soft=-1.0))
    assert layer.brush == Brush(1.0, 0.0)


def test_the_wheel_still_zooms_under_the_brush(qtbot: QtBot) -> None:
    canvas = canvas_with(qtbot, 64, 64)
    layer = MaskLayer(canvas)
    canvas.show()
    layer.set_active(True)
    before = canvas.scale
    place = QPointF(100, 100)
    wheel = QWheelEvent(
        place, layer.mapToGlobal(place), QPoint(0, 0), QPoint(0, 240),
        Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(layer, wheel)
    assert canvas.scale > before


def test_a_large_picture_has_a_smaller_mask_and_a_mask_can_be_given(qtbot: QtBot) -> None:
    layer = MaskLayer(canvas_with(qtbot, 1024, 512))
    layer.set_active(True)
    assert layer.values().shape == (LONGEST, LONGEST // 2)
    given = np.linspace(-1.0, 2.0, 48, dtype=np.float32).reshape(6, 8)
    layer.set_values(given)
    assert layer.values().min() == 0.0
    assert layer.values().max() == 1.0
    layer.reset()
    assert layer.empty


# -------------------------------------------------------------- lasso, fill, invert, pen


def test_a_lasso_means_what_it_goes_round() -> None:
    mask = Mask(40, 60)
    lasso = Brush(lasso=True)
    stroke(mask, (10.0, 10.0), (30.0, 10.0), (30.0, 30.0), (10.0, 30.0), brush=lasso)
    assert mask.values.sum() == 400.0
    assert mask.values[10:30, 10:30].all()
    hole = replace(lasso, erasing=True)
    stroke(mask, (15.0, 15.0), (25.0, 15.0), (20.0, 25.0), brush=hole)
    assert mask.values[17, 20] == 0.0
    assert mask.values[28, 28] == 1.0
    mask.undo()
    assert mask.values.sum() == 400.0


def test_fill_and_invert_are_undone() -> None:
    mask = Mask(8, 8)
    mask.fill()
    assert mask.values.all()
    stroke(mask, (4.0, 4.0), brush=Brush(size=0.3, soft=0.0, erasing=True))
    before = mask.values.copy()
    mask.invert()
    assert np.array_equal(mask.values, 1.0 - before)
    mask.undo()
    mask.undo()
    mask.undo()
    assert mask.empty


def test_a_light_touch_is_a_thin_one() -> None:
    light, full = Mask(64, 64), Mask(64, 64)
    for mask, pressure in ((light, 0.3), (full, 1.0)):
        mask.begin(10.0, 32.0, Brush(size=0.3, soft=0.0), pressure)
        mask.move(50.0, 32.0, pressure)
        mask.end()
    assert 0.0 < light.values.sum() < 0.5 * full.values.sum()


def test_lasso_fill_and_invert_by_hand(qtbot: QtBot) -> None:
    canvas = canvas_with(qtbot, 64, 64)
    layer = MaskLayer(canvas)
    canvas.show()
    layer.set_active(True)
    tools = MaskTools(layer)
    qtbot.addWidget(tools)
    tools.kind.button("lasso").click()
    assert layer.brush.lasso
    target = canvas.target()
    corners = [(0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75)]
    points = [
        QPointF(target.x() + x * target.width(), target.y() + y * target.height())
        for x, y in corners
    ]
    drag(layer, *points)
    assert layer.values().mean() == pytest.approx(0.25, abs=0.02)
    assert layer.values()[32, 32] == 1.0
    tools.invert.click()
    assert layer.values()[32, 32] == 0.0
    tools.fill.click()
    assert layer.values().all()
    tools.undo.click()
    tools.undo.click()
    assert layer.values()[32, 32] == 1.0
