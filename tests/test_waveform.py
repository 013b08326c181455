"""The view of a sound: where moments lie, what the hand does to marks, what is painted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QWheelEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app import theme
from app.aside import Aside
from app.widgets import marks
from app.widgets.spectrum import colours, painted
from app.widgets.timeline import SHORTEST, Timeline, clock
from app.widgets.waveform import AT_ONCE, WaveView
from app.widgets.waveform_paint import gain_for
from engine.client import decibels, envelope, share_of

RATE = 8000
SECONDS = 4.0
WIDE, TALL = 800, 300

lengths = st.floats(0.001, 600)
shares = st.floats(0, 1)


def line_of(seconds: float, start: float, span: float, width: float = 800.0) -> Timeline:
    return Timeline(seconds, width=width).moved_to(start * seconds, span * seconds)


def within(line: Timeline) -> bool:
    edge = 1e-9 * max(line.seconds, 1)
    return line.start >= 0 and line.end <= line.seconds + edge and line.seen > 0


# ---------------------------------------------------------------- arithmetic


@given(lengths, shares, shares, shares, st.floats(1, 4000))
def test_moments_and_pixels_are_one_to_one(
    seconds: float, start: float, span: float, at: float, width: float
) -> None:
    line = line_of(seconds, start, span, width)
    assert within(line)
    moment = line.start + at * line.seen
    assert line.time_at(line.x_of(moment)) == pytest.approx(
        min(moment, seconds), abs=1e-9 * seconds
    )
    assert line.x_of(line.end) == pytest.approx(width)


@given(lengths, shares, shares, shares, st.floats(0.01, 100))
def test_zoom_keeps_the_moment_under_the_pointer(
    seconds: float, start: float, span: float, at: float, factor: float
) -> None:
    line = line_of(seconds, start, span)
    moment = line.start + at * line.seen
    new = line.zoomed(factor, moment)
    assert within(new)
    assert new.seen >= min(SHORTEST, seconds) * (1 - 1e-9)
    free = new.start > 1e-9 and new.end < seconds - 1e-9  # no end of the sound in the way
    if free and not new.fitted:
        assert new.x_of(moment) == pytest.approx(line.x_of(moment), abs=1e-4 * 800)


@given(lengths, shares, shares, st.lists(st.floats(-3000, 3000), max_size=5))
def test_panning_never_leaves_the_sound(
    seconds: float, start: float, span: float, steps: list[float]
) -> None:
    line = line_of(seconds, start, span)
    for step in steps:
        moved = line.panned(step)
        assert within(moved)
        assert moved.seen == pytest.approx(line.seen)
        line = moved


@given(lengths, shares, shares, shares)
def test_a_moment_that_plays_comes_into_sight(
    seconds: float, start: float, span: float, at: float
) -> None:
    line = line_of(seconds, start, span).showing(at * seconds)
    assert within(line)
    assert line.start - 1e-9 <= at * seconds <= line.end + 1e-9 * seconds


@given(lengths, shares, st.floats(50, 3000))
def test_ticks_leave_room_for_their_labels(seconds: float, span: float, width: float) -> None:
    line = line_of(seconds, 0.0, span, width)
    wide, small = line.ticks()
    assert wide / line.per_pixel >= 80 * (1 - 1e-6)
    assert round(wide / small) == pytest.approx(wide / small)
    # Two labels side by side never read the same.
    assert wide < 1e-4 or clock(3 * wide, wide) != clock(4 * wide, wide)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_hostile_views_show_everything(bad: float) -> None:
    line = Timeline(10.0, width=100.0)
    assert line.moved_to(bad, 1.0).fitted
    assert line.moved_to(0.0, bad).fitted
    assert Timeline(0.0).moved_to(1.0, 1.0).fitted
    assert Timeline(0.0).zoomed(2.0, 0.0).seen > 0


def test_clock() -> None:
    assert [clock(0.5, 0.1), clock(59.999, 1.0), clock(62.5, 0.01), clock(600.0, 60.0)] == [
        "0.5",
        "1:00",
        "1:02.50",
        "10:00",
    ]


spans = st.lists(st.tuples(st.floats(-1, 11), st.floats(-1, 11)), max_size=6)


@given(spans)
def test_spans_are_in_order_and_apart(given_spans: list[tuple[float, float]]) -> None:
    made = marks.inside([(min(s), max(s)) for s in given_spans], 10.0)
    edges = [edge for span in made for edge in span]
    assert edges == sorted(set(edges))
    assert all(0 <= edge <= 10 for edge in edges)
    assert marks.joined(made) == made


@given(st.floats(-5, 15), st.floats(-5, 15), st.floats(0.01, 10))
def test_two_ends_make_a_span_inside(a: float, b: float, seconds: float) -> None:
    low, high = marks.between(a, b, seconds)
    assert 0 <= low < high <= seconds
    assert high - low >= marks.LEAST * (1 - 1e-9)


@given(
    st.lists(st.tuples(st.floats(0, 10), shares), min_size=1, max_size=6),
    st.integers(0, 5),
    st.tuples(st.floats(-5, 15), st.floats(-1, 2)),
)
def test_points_stay_in_order(
    given_points: list[tuple[float, float]], index: int, to: tuple[float, float]
) -> None:
    points = tuple(sorted(given_points))
    index = min(index, len(points) - 1)
    moved = marks.with_moved(points, index, to, 10.0)
    assert [t for t, _ in moved] == sorted(t for t, _ in moved)
    assert all(0 <= t <= 10 and 0 <= v <= 1 for t, v in moved)
    more, at = marks.with_point(points, (5.0, 0.5))
    assert more[at] == (5.0, 0.5)
    assert [t for t, _ in more] == sorted(t for t, _ in more)
    assert marks.without(more, at) == points


def test_curve_is_straight_between_points_and_level_beyond() -> None:
    points = ((1.0, 0.0), (3.0, 1.0))
    heights = [marks.height_at(points, at) for at in (0.0, 1.0, 2.0, 3.0, 9.0)]
    assert heights == [0.0, 0.0, 0.5, 1.0, 1.0]


# ---------------------------------------------------------------- what is seen


@given(st.integers(1, 3000), st.integers(1, 60), shares, shares, st.integers(1, 2))
@settings(deadline=None, max_examples=80)
def test_envelope_holds_every_sample(
    count: int, columns: int, first: float, last: float, channels: int
) -> None:
    samples = np.random.default_rng(count).uniform(-1, 1, (channels, count)).astype(np.float32)
    low, high = sorted((int(first * count), int(last * count)))
    columns = min(columns, max(high - low, 1))
    high = max(high, low + columns)
    if high > count:
        low, high = 0, count
        columns = min(columns, count)
    lows, highs, loud, clipped = envelope(samples).columns(low, high, columns)
    assert lows.shape == highs.shape == loud.shape == (channels, columns)
    assert clipped.shape == (columns,)
    part = samples[:, low:high]
    if (high - low) / columns >= 512:
        # Far out, columns are made of whole blocks of 256: nothing is missed.
        assert (lows.min(1) <= part.min(1)).all()
        assert (highs.max(1) >= part.max(1)).all()
        part = samples[:, low // 256 * 256 : -(-high // 256) * 256]
    np.testing.assert_array_equal(lows.min(1), part.min(1))
    np.testing.assert_array_equal(highs.max(1), part.max(1))
    np.testing.assert_array_less(loud, np.maximum(-lows, highs) + 1e-6)


def test_envelope_from_blocks_is_the_envelope() -> None:
    samples = np.random.default_rng(0).normal(0, 0.2, (2, 256 * 400)).astype(np.float32)
    lows, highs, loud, _ = envelope(samples).columns(0, samples.shape[1], 100)
    parts = samples.reshape(2, 100, -1)
    np.testing.assert_array_equal(lows, parts.min(2))
    np.testing.assert_array_equal(highs, parts.max(2))
    np.testing.assert_allclose(loud, np.sqrt((parts**2).mean(2)), rtol=1e-4)


def test_only_what_was_cut_off_is_called_clipped() -> None:
    wave = np.sin(np.arange(20000) * 0.01).astype(np.float32)[None]
    assert not envelope(wave * 0.9).clipped.any()
    cut = np.clip(wave * 1.5, -1, 1)
    assert envelope(cut).clipped.mean() > 0.3
    assert not envelope(np.zeros((1, 5000), np.float32)).clipped.any()


def test_spectrogram_shows_a_tone_where_it_is_and_as_loud_as_it_is() -> None:
    for rate, hertz in ((16000, 1000.0), (44100, 5000.0), (48000, 200.0)):
        tone = np.sin(2 * np.pi * hertz * np.arange(rate) / rate).astype(np.float32)[None]
        shown, louder = (decibels(tone * gain, rate, (0.2, 0.8), (256, 50)) for gain in (0.1, 0.5))
        row = int(shown[:, 25].argmax())
        assert 1 - (row + 0.5) / 256 == pytest.approx(share_of(hertz, rate / 2), abs=0.02)
        assert -26 < shown.max() < -18  # a wide row holds more than the tone
        assert louder.max() - shown.max() == pytest.approx(14, abs=0.05)


def test_spectrogram_above_the_rate_is_empty() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (1, 8000)).astype(np.float32)
    shown = decibels(noise, 8000, (0.0, 1.0), (200, 20), highest=16000.0)
    split = round((1 - share_of(4000, 16000)) * 200)
    assert shown[: split - 3].max() == pytest.approx(-200.0)
    assert shown[split + 3 :].max() > -60


@pytest.mark.parametrize("count", [1, 2, 100])
def test_spectrogram_of_next_to_nothing(count: int) -> None:
    shown = decibels(np.ones((2, count), np.float32), 48000, (0.0, count / 48000), (16, 3))
    assert shown.shape == (16, 3)
    assert np.isfinite(shown).all()


def test_colours_rise_in_brightness_from_ground_to_cream() -> None:
    table = colours()
    bright = [QColor(int(c)).lightnessF() for c in table[::16]]
    assert bright == sorted(bright)
    image = painted(np.array([[0.0, -80.0, -300.0]]), 0.0)
    assert [image.pixel(x, 0) for x in range(3)] == [int(table[255]), int(table[0]), int(table[0])]


def test_quiet_sounds_are_enlarged_by_powers_of_two() -> None:
    assert [gain_for(peak) for peak in (2.0, 1.0, 0.5, 0.3, 0.01, 0.0)] == [1, 1, 2, 2, 32, 32]


# ---------------------------------------------------------------- the view


@pytest.fixture
def view(qtbot: QtBot) -> WaveView:
    made = WaveView()
    qtbot.addWidget(made)
    made.resize(WIDE, TALL)
    times = np.arange(int(RATE * SECONDS)) / RATE
    tone = np.sin(2 * np.pi * 440 * times) * np.linspace(0, 0.9, len(times))
    made.set_sound(np.stack([tone, tone]).astype(np.float32), RATE)
    with qtbot.waitExposed(made):
        made.show()
    qtbot.waitUntil(lambda: made.ready, timeout=20_000)
    return made


def near(made: object, wanted: object) -> bool:
    """Two pixels more or less."""
    return np.shape(made) == np.shape(wanted) and np.allclose(made, wanted, atol=0.03)  # type: ignore[arg-type]


def point(view: WaveView, seconds: float, y: float = 150) -> QPoint:
    return QPoint(round(view._line.x_of(seconds)), round(y))


def drag(qtbot: QtBot, view: WaveView, start: QPoint, end: QPoint, middle: bool = False) -> None:
    button = Qt.MouseButton.MiddleButton if middle else Qt.MouseButton.LeftButton
    qtbot.mousePress(view, button, pos=start)
    for step in (0.25, 0.5, 0.75, 1.0):
        qtbot.mouseMove(view, start + (end - start) * step)
    qtbot.mouseRelease(view, button, pos=end)


def heard(view: WaveView) -> list[tuple]:
    """Everything the view announces from now on."""
    told: list[tuple] = []
    view.region_changed.connect(lambda a, b: told.append(("region", a, b)))
    view.holes_changed.connect(lambda spans: told.append(("holes", spans)))
    view.curve_changed.connect(lambda points: told.append(("curve", points)))
    view.sought.connect(lambda at: told.append(("sought", at)))
    view.began.connect(lambda: told.append(("began",)))
    view.ended.connect(lambda: told.append(("ended",)))
    return told


def test_setters_announce_nothing(view: WaveView) -> None:
    told = heard(view)
    view.set_region((1.0, 2.0))
    view.set_spans(((0.5, 1.0),))
    view.set_curve(((0.0, 0.5),))
    view.set_playhead(1.0)
    view.set_tool("spans")
    view.set_sound(None)
    assert told == []


def test_click_and_drag_move_the_playhead(qtbot: QtBot, view: WaveView) -> None:
    told = heard(view)
    qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=point(view, 1.0))
    assert told == [("sought", pytest.approx(1.0, abs=0.01))]
    drag(qtbot, view, point(view, 1.0), point(view, 3.0))
    assert view.playhead == pytest.approx(3.0, abs=0.01)
    assert {kind for kind, *_ in told} == {"sought"}


def test_region_is_drawn_and_its_handles_cross(qtbot: QtBot, view: WaveView) -> None:
    told = heard(view)
    view.set_tool("region")
    drag(qtbot, view, point(view, 1.0), point(view, 2.0))
    assert view.region == pytest.approx((1.0, 2.0), abs=0.02)
    assert told[0] == ("began",)
    assert told[-1] == ("ended",)
    view.set_tool("look")
    drag(qtbot, view, point(view, 1.0), point(view, 3.0))
    assert view.region == pytest.approx((2.0, 3.0), abs=0.02)
    told.clear()
    view.set_tool("region")
    qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=point(view, 0.5))
    assert [kind for kind, *_ in told] == ["sought"]  # a click makes no region
    assert view.region == pytest.approx((2.0, 3.0), abs=0.02)


def test_holes_are_made_moved_joined_and_deleted(qtbot: QtBot, view: WaveView) -> None:
    view.set_tool("spans")
    told = heard(view)
    drag(qtbot, view, point(view, 1.0), point(view, 0.5))  # backwards too
    drag(qtbot, view, point(view, 2.0), point(view, 2.5))
    assert near(view.spans, ((0.5, 1.0), (2.0, 2.5)))
    assert [kind for kind, *_ in told if kind in ("began", "ended")] == ["began", "ended"] * 2
    drag(qtbot, view, point(view, 2.5), point(view, 3.5))
    assert view.spans[1] == pytest.approx((2.0, 3.5), abs=0.02)
    drag(qtbot, view, point(view, 2.7), point(view, 1.4))
    assert near(view.spans, ((0.5, 2.2),))  # they met
    qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=point(view, 1.0))
    assert view.chosen == 0
    qtbot.keyClick(view, Qt.Key.Key_Delete)
    assert view.spans == ()
    assert told[-2:] == [("holes", ()), ("ended",)]


def test_hole_passing_over_another_lets_it_be(qtbot: QtBot, view: WaveView) -> None:
    view.set_tool("spans")
    view.set_spans(((0.2, 0.4), (1.0, 1.2)))
    drag(qtbot, view, point(view, 0.3), point(view, 2.0))
    assert near(view.spans, ((1.0, 1.2), (1.9, 2.1)))


def test_marks_stay_inside_the_sound(qtbot: QtBot, view: WaveView) -> None:
    view.set_tool("spans")
    drag(qtbot, view, point(view, 3.5), QPoint(WIDE + 300, 150))
    assert near(view.spans, ((3.5, SECONDS),))
    drag(qtbot, view, point(view, 3.8), QPoint(WIDE + 300, 150))
    assert near(view.spans, ((3.5, SECONDS),))
    view.set_spans(((-1.0, 0.5), (3.0, 99.0), (50.0, 60.0)))
    assert view.spans == ((0.0, 0.5), (3.0, SECONDS))


def test_curve_points(qtbot: QtBot, view: WaveView) -> None:
    view.set_tool("curve")
    view.set_curve(())
    told = heard(view)
    place = view._curve_place()
    middle, top = place.center().y(), place.top() + 7
    qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=point(view, 1.0, middle))
    drag(qtbot, view, point(view, 3.0, middle), point(view, 2.0, top))
    assert near(view.curve, ((1.0, 0.5), (2.0, 1.0)))
    assert [kind for kind, *_ in told if kind in ("began", "ended")] == ["began", "ended"] * 2
    drag(qtbot, view, point(view, 1.0, middle), point(view, 3.5, middle))
    assert view.curve is not None
    assert view.curve[0][0] == pytest.approx(2.0, abs=0.02)  # not past its neighbour
    qtbot.mouseDClick(view, Qt.MouseButton.LeftButton, pos=view._dot(view.curve[1]).toPoint())
    assert len(view.curve) == 1
    qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=view._dot(view.curve[0]).toPoint())
    qtbot.keyClick(view, Qt.Key.Key_Backspace)
    assert view.curve == ()


def test_double_click_makes_one_point(qtbot: QtBot, view: WaveView) -> None:
    view.set_tool("curve")
    view.set_curve(())
    at = point(view, 1.0, view._curve_place().center().y())
    qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=at)
    qtbot.mouseDClick(view, Qt.MouseButton.LeftButton, pos=at)
    assert len(view.curve or ()) == 1


def test_keys(qtbot: QtBot, view: WaveView) -> None:
    view.set_region((0.5, 3.0))
    told = heard(view)
    qtbot.keyClick(view, Qt.Key.Key_End)
    qtbot.keyClick(view, Qt.Key.Key_Left, Qt.KeyboardModifier.ControlModifier)
    assert view.playhead == pytest.approx(SECONDS * 0.9)
    qtbot.keyClick(view, Qt.Key.Key_Left)
    assert view.playhead == pytest.approx(SECONDS * 0.9 - 10 * SECONDS / WIDE)
    view.set_playhead(1.0)
    qtbot.keyClick(view, Qt.Key.Key_I)
    view.set_playhead(2.0)
    qtbot.keyClick(view, Qt.Key.Key_O)
    assert view.region == (1.0, 2.0)
    view.set_playhead(3.0)
    qtbot.keyClick(view, Qt.Key.Key_I)
    assert view.region == (3.0, SECONDS)  # past the end: from here to the end
    view.set_tool("spans")
    qtbot.keyClick(view, Qt.Key.Key_Insert)
    assert view.spans == ((3.0, 3.25),)
    assert ("ended",) in told
    qtbot.keyClick(view, Qt.Key.Key_Home)
    assert view.playhead == 0.0


def test_zoom_keys_wheel_and_middle_button(qtbot: QtBot, view: WaveView) -> None:
    seen: list[tuple[float, float]] = []
    view.view_changed.connect(lambda *told: seen.append(told))
    at = QPointF(200, 150)
    before = view._line.time_at(at.x())
    wheel = QWheelEvent(
        at,
        view.mapToGlobal(at),
        QPoint(),
        QPoint(0, 480),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(view, wheel)
    assert view.view[1] < SECONDS / 2
    assert view._line.time_at(at.x()) == pytest.approx(before, abs=1e-6)
    start = view.view[0]
    drag(qtbot, view, QPoint(400, 150), QPoint(300, 150), middle=True)
    assert view.view[0] == pytest.approx(start + 100 * view._line.per_pixel)
    other = WaveView()
    qtbot.addWidget(other)
    other.resize(WIDE, TALL)
    other.set_sound(np.zeros((1, int(RATE * SECONDS)), np.float32), RATE)
    other.set_view(*seen[-1])
    assert other.view == pytest.approx(view.view)
    qtbot.keyClick(view, Qt.Key.Key_Plus)
    assert view.view[1] < other.view[1]
    qtbot.keyClick(view, Qt.Key.Key_0)
    assert view.view == (0.0, SECONDS)


def test_playing_turns_the_page(view: WaveView) -> None:
    view.zoom_by(8.0, 0.0)
    view.set_playhead(3.0)
    start, span = view.view
    assert start <= 3.0 <= start + span


def test_waveform_is_symmetrical_and_grows(view: WaveView) -> None:
    image = view.grab().toImage()
    wave, spectrum = view._places()

    def painted_rows(x: int) -> list[int]:
        ground = QColor(theme.GROUND)
        rows = range(round(wave.top()), round(wave.bottom()))
        return [y for y in rows if image.pixelColor(x, y) != ground]

    early, late = painted_rows(100), painted_rows(700)
    assert len(late) > 3 * len(early)
    assert abs((late[0] + late[-1] + 1) / 2 - wave.center().y()) <= 1.5
    # The tone is the brightest of its column of the spectrogram, and lies where it should.
    y = spectrum.bottom() - share_of(440.0, RATE / 2) * spectrum.height()
    rows = range(round(spectrum.top()) + 2, round(spectrum.bottom()) - 1)
    brightest = max(rows, key=lambda row: image.pixelColor(600, row).lightness())
    assert abs(brightest - y) < 5


def test_clipping_is_marked_at_the_top(qtbot: QtBot) -> None:
    view = WaveView()
    qtbot.addWidget(view)
    view.resize(WIDE, TALL)
    wave = np.sin(np.arange(16000) * 0.05) * np.repeat([0.5, 2.0], 8000)
    view.set_sound(np.clip(wave, -1, 1).astype(np.float32), RATE)
    image = view.grab().toImage()
    top = round(view._places()[0].top())
    assert image.pixelColor(600, top) == QColor(theme.DANGER)
    assert image.pixelColor(200, top) == QColor(theme.GROUND)


@pytest.mark.parametrize("count", [0, 1, 2, 37, 3000])
@pytest.mark.parametrize("level", [0.0, 0.9])
@pytest.mark.parametrize("channels", [1, 2])
def test_hostile_sounds_are_painted(qtbot: QtBot, count: int, level: float, channels: int) -> None:
    view = WaveView()
    qtbot.addWidget(view)
    view.resize(400, 120)
    view.set_sound(np.full((channels, count), level, np.float32), 384000)
    view.set_region((0.0, 1.0))
    view.set_spans(((0.0, 1.0),))
    view.set_curve(((0.0, 1.0),))
    told = heard(view)
    for tool in ("look", "region", "spans", "curve"):
        view.set_tool(tool)
        for shows in ("both", "wave", "spectrum"):
            view.set_shows(shows)
            view.grab()
        drag(qtbot, view, QPoint(50, 60), QPoint(90, 60))
        for key in (Qt.Key.Key_Plus, Qt.Key.Key_Insert, Qt.Key.Key_Delete, Qt.Key.Key_I):
            qtbot.keyClick(view, key)
    qtbot.waitUntil(lambda: view.ready, timeout=20_000)
    view.grab()
    assert 0.0 <= view.playhead <= view.seconds
    assert bool(told) == bool(count)


def test_long_sound_is_never_computed_in_the_window(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    from app.widgets import spectrum, waveform

    threads: list[bool] = []

    def noted(function):  # noqa: ANN001, ANN202
        def call(*args: object, **named: object) -> object:
            threads.append(threading.current_thread() is threading.main_thread())
            return function(*args, **named)

        return call

    monkeypatch.setattr(spectrum, "decibels", noted(decibels))
    monkeypatch.setattr(waveform, "envelope", noted(envelope))
    view = WaveView()
    qtbot.addWidget(view)
    view.resize(400, 120)
    view.set_sound(np.zeros((2, AT_ONCE), np.float32), 48000)
    view.grab()
    qtbot.waitUntil(lambda: view.ready, timeout=30_000)
    assert len(threads) >= 3
    assert not any(threads)


def test_view_says_what_it_shows(view: WaveView) -> None:
    assert view.accessibleName() == "Sound"
    view.set_region((1.0, 2.0))
    view.set_spans(((0.5, 0.75),))
    words = view.accessibleDescription()
    assert "4.00 seconds" in words
    assert "region 1.00 to 2.00" in words
    assert "hole: 0.50 to 0.75" in words
    view.set_sound(None)
    assert view.accessibleDescription() == "No sound"


def test_aside_answers_the_newest_question_in_the_window(qtbot: QtBot) -> None:
    import threading

    aside, gate = Aside(), threading.Event()
    told: list[tuple[str, object, bool]] = []
    aside.done.connect(
        lambda key, result: told.append(
            (key, result, threading.current_thread() is threading.main_thread())
        )
    )
    aside.ask("a", gate.wait)  # runs, and is asked anew meanwhile
    qtbot.wait(30)
    aside.ask("a", lambda: 2)
    aside.ask("b", lambda: 3)
    aside.drop("b")
    gate.set()
    qtbot.waitUntil(lambda: not aside.busy, timeout=5000)
    assert told == [("a", 2, True)]
