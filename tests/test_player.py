"""Playback, sample by sample: the device is read as Qt would read it, nothing is heard."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.deck import BLOCK, Deck
from app.loudspeaker import GONE, NO_DEVICE, Speakers, Stream, _answering, _same
from app.player import Player
from app.widgets.loudness import FLOOR, LevelMeter
from app.widgets.transport import LEAST, Transport

RATE = 8000
FADE = 40
"""Frames: 5 ms at RATE."""


def ramp(count: int, start: int = 0) -> np.ndarray:
    """(1, count) float32: every sample says where it lies; exact in 24 bits."""
    return ((np.arange(count) + start) / 2**17).astype(np.float32)[None]


def places(frames: np.ndarray) -> np.ndarray:
    """Back to positions; both channels must agree."""
    np.testing.assert_array_equal(frames[:, 0], frames[:, 1])
    return np.round(frames[:, 0] * 2**17).astype(int)


class PlainOutput:
    """Pulls when the test says so; counts what has not been heard yet."""

    id = "plain"

    def __init__(self, rate: int = RATE, channels: int = 2, whole: bool = False):
        self.rate, self.channels, self.whole = rate, channels, whole
        self.stream: Any = None
        self.ahead = 0
        self.fails = self.gone = False
        self.stops: list[bool] = []

    def start(self, stream: Stream) -> None:
        self.stream = stream

    def stop(self, drain: bool) -> None:
        self.stream = None
        self.stops.append(drain)

    def waiting(self) -> int:
        return self.ahead

    def broken(self) -> bool:
        return self.fails

    def alive(self) -> bool:
        return not self.gone

    def read(self, frames: int) -> np.ndarray:
        """Through QIODevice, as the sink does."""
        width = 2 if self.whole else 4
        data = self.stream.read(frames * self.channels * width).data()
        values = np.frombuffer(data, "<i2" if self.whole else "<f4")
        return values.reshape(-1, self.channels)


class PlainSpeakers(QObject):
    changed = Signal()

    def __init__(self, found: PlainOutput | str):
        super().__init__()
        self.found = found
        self.asked = 0

    def find(self) -> PlainOutput | str:
        self.asked += 1
        return self.found


@pytest.fixture
def out() -> PlainOutput:
    return PlainOutput()


@pytest.fixture
def player(qtbot: QtBot, out: PlainOutput) -> Player:
    made = Player(speakers=PlainSpeakers(out))  # type: ignore[arg-type]
    made.look()
    return made


# ---------------------------------------------------------------- the deck


def test_deck_plays_every_sample_once_and_ends() -> None:
    deck = Deck(RATE)
    deck.set_sound("a", ramp(5000))
    first, rest = deck.pull(1234), deck.pull(100_000)
    np.testing.assert_array_equal(places(np.concatenate([first, rest])), np.arange(5000))
    assert deck.ended
    assert len(deck.pull(10)) == 0


@given(
    count=st.integers(1, 1500),
    region=st.tuples(st.integers(0, 1499), st.integers(0, 1499)),
    start=st.integers(0, 1500),
    pulls=st.lists(st.integers(1, 900), min_size=1, max_size=4),
)
@settings(deadline=None, max_examples=60)
def test_loop_is_gapless_in_pulls_of_any_size(
    count: int, region: tuple[int, int], start: int, pulls: list[int]
) -> None:
    deck = Deck(RATE)
    deck.set_sound("a", ramp(count))
    deck.loop, deck.region = True, (min(region), max(region))
    deck.rest(start)
    low, high = min(region), min(max(region), count)
    if low >= high:
        low, high = 0, count
    at, expected = min(start, count), []
    for _ in range(sum(pulls)):
        if at >= high:
            at = low + (at - low) % (high - low)
        expected.append(at)
        at += 1
    got = np.concatenate([deck.pull(size) for size in pulls])
    np.testing.assert_array_equal(places(got), expected)


def test_switch_stays_at_the_position_and_fades_without_a_gap() -> None:
    deck = Deck(RATE)
    a, b = ramp(4000), ramp(4000, 10_000)
    deck.set_sound("a", a)
    deck.set_sound("b", b)
    deck.pull(1000)
    deck.set_side("b")
    got = deck.pull(500)[:, 0]
    share = (np.arange(1, FADE + 1) / (FADE + 1)).astype(np.float32)
    mixed = b[0, 1000:1040] * share + a[0, 1000:1040] * (1 - share)
    np.testing.assert_allclose(got[:FADE], mixed, atol=1e-7)
    np.testing.assert_array_equal(got[FADE:], b[0, 1040:1500])


def test_switches_within_a_fade_stay_continuous() -> None:
    deck = Deck(RATE)
    deck.set_sound("a", np.full((1, 4000), 0.5, np.float32))
    deck.set_sound("b", np.full((1, 4000), -0.5, np.float32))
    heard = [deck.pull(100)]
    for i in range(20):
        deck.set_side("b" if i % 2 == 0 else "a")
        heard.append(deck.pull(7))
    steps = np.abs(np.diff(np.concatenate(heard)[:, 0]))
    assert steps.max() <= 2.0 / FADE  # two fades at once, no jump


def test_seek_fades_then_is_exact() -> None:
    deck = Deck(RATE)
    deck.set_sound("a", ramp(9000))
    deck.pull(300)
    deck.seek(7000)
    got = places(deck.pull(400))
    np.testing.assert_array_equal(got[FADE:], np.arange(7000 + FADE, 7400))
    assert 300 < got[0] < 7000


def test_lengths_need_not_be_equal() -> None:
    deck = Deck(RATE)
    deck.set_sound("a", ramp(1000))
    deck.set_sound("b", ramp(3000))
    got = deck.pull(9000)
    assert len(got) == 3000  # A is silent where only B goes on
    assert not got[1000:].any()
    deck.loop = True
    deck.rest(2500)
    assert places(deck.pull(1))[0] == 500  # looped, A's own round is entered at its place
    deck.set_side("b")
    deck.rest(2500)
    assert places(deck.pull(1))[0] == 2500


def test_sound_is_swapped_while_it_plays() -> None:
    deck = Deck(RATE)
    deck.set_sound("a", ramp(2000))
    deck.pull(512)
    deck.set_sound("a", ramp(2000, 5000))
    got = places(deck.pull(300))
    np.testing.assert_array_equal(got[FADE:], np.arange(512 + FADE, 812) + 5000)
    deck.set_sound("a", None)
    assert deck.ended


def test_volume_changes_without_a_step_and_levels_are_of_what_is_sent() -> None:
    deck = Deck(RATE)
    deck.set_sound("a", np.full((1, 9000), 0.8, np.float32))
    deck.pull(BLOCK)
    deck.volume = 0.25
    got = deck.pull(2 * BLOCK)[:, 0]
    assert np.abs(np.diff(got)).max() < 0.002
    assert got[-1] == pytest.approx(0.2)
    deck.heard_at(0)
    deck.pull(4 * BLOCK)
    _, levels = deck.heard_at(0)
    assert levels.peak == pytest.approx((0.2, 0.2))
    assert levels.rms == pytest.approx((0.2, 0.2))
    assert not levels.clipped


def test_clipping_is_noted_and_never_sent() -> None:
    deck = Deck(RATE)
    deck.set_sound("a", np.array([[0.1, 1.7, -2.0, 0.1]], np.float32))
    assert np.abs(deck.pull(4)).max() == 1.0
    _, levels = deck.heard_at(0)
    assert levels.clipped
    assert levels.peak[0] == pytest.approx(2.0)


@pytest.mark.parametrize("waiting", [0, 1, 700, 1500])
def test_heard_position_lags_behind_by_what_waits(waiting: int) -> None:
    deck = Deck(RATE)
    deck.set_sound("a", ramp(1000))
    deck.loop, deck.region = True, (100, 600)
    got = places(deck.pull(1600))
    at, _ = deck.heard_at(waiting)
    following = np.append(got, places(deck.pull(1)))
    assert at == following[1600 - waiting]


@pytest.mark.parametrize("shape", [(1, 0), (1, 1), (2, 1)])
@pytest.mark.parametrize("loop", [False, True])
def test_next_to_nothing(shape: tuple[int, int], loop: bool) -> None:
    deck = Deck(RATE)
    deck.set_sound("a", np.ones(shape, np.float32))
    deck.loop = loop
    assert len(deck.pull(5000)) == (5000 if loop and shape[1] else shape[1])


@pytest.mark.parametrize(("channels", "given"), [(1, 2), (2, 1), (6, 2), (6, 1)])
def test_channels_are_spread(channels: int, given: int) -> None:
    deck = Deck(RATE, channels)
    samples = np.arange(given * 4, dtype=np.float32).reshape(given, 4) / 16
    deck.set_sound("a", samples)
    got = deck.pull(4)
    assert got.shape == (4, channels)
    if channels == 1:
        np.testing.assert_allclose(got[:, 0], samples.mean(0))
    else:
        np.testing.assert_array_equal(got[:, 0], samples[0])
        np.testing.assert_array_equal(got[:, 1], samples[-1])


# ---------------------------------------------------------------- the player


def test_device_is_read_exactly(player: Player, out: PlainOutput) -> None:
    player.set_sound("a", ramp(3000), RATE)
    player.play()
    assert player.state == "playing"
    got = np.concatenate([out.read(1000), out.read(17), out.read(5000)])
    np.testing.assert_array_equal(places(got), np.arange(3000))


def test_sixteen_bits(qtbot: QtBot) -> None:
    out = PlainOutput(whole=True)
    player = Player(speakers=PlainSpeakers(out))  # type: ignore[arg-type]
    player.set_sound("a", np.array([[0.0, 0.5, 2.0, -2.0]], np.float32), RATE)
    player.play()
    np.testing.assert_array_equal(out.read(10)[:, 0], [0, 16384, 32767, -32767])


def test_pause_goes_on_where_it_was_heard(qtbot: QtBot, player: Player, out: PlainOutput) -> None:
    player.set_sound("a", ramp(8000), RATE)
    player.play()
    out.read(2000)
    out.ahead = 600
    player.pause()
    assert player.state == "paused"
    assert out.stream is None
    assert player.position == pytest.approx(1400 / RATE)
    out.ahead = 0
    player.play()
    np.testing.assert_array_equal(places(out.read(100))[FADE:], np.arange(1400 + FADE, 1500))


def test_end_stops_after_the_last_sample_was_heard(
    qtbot: QtBot, player: Player, out: PlainOutput
) -> None:
    player.set_sound("a", ramp(1000), RATE)
    player.play()
    out.ahead = 300
    out.read(5000)
    qtbot.wait(80)
    assert player.playing  # the last 300 frames are still on their way
    out.ahead = 0
    qtbot.waitUntil(lambda: player.state == "stopped", timeout=5000)
    assert out.stops == [True]  # drained, not cut off
    assert player.position == 0.0


def test_seek_and_stop(player: Player, out: PlainOutput) -> None:
    heard: list[float] = []
    player.position_changed.connect(heard.append)
    player.set_sound("a", ramp(8000), RATE)
    player.seek(0.25)
    player.play()
    np.testing.assert_array_equal(places(out.read(90))[FADE:], np.arange(2000 + FADE, 2090))
    player.seek(99.0)
    player.seek(0.5)
    np.testing.assert_array_equal(places(out.read(90))[FADE:], np.arange(4000 + FADE, 4090))
    player.stop()
    assert (player.state, player.position) == ("stopped", 0.0)
    assert heard[:1] == [0.25]
    assert heard[-1] == 0.0


def test_region_loops_gapless_through_the_device(player: Player, out: PlainOutput) -> None:
    player.set_sound("a", ramp(8000), RATE)
    player.set_region((0.1, 0.2))
    player.set_loop(True)
    player.seek(0.1)
    player.play()
    got = places(out.read(5 * 800))
    np.testing.assert_array_equal(got[FADE:], np.tile(np.arange(800, 1600), 5)[FADE:])
    player.stop()
    assert player.position == pytest.approx(0.1)


def test_sides_of_another_rate_are_made_ready_beside(
    qtbot: QtBot, player: Player, out: PlainOutput
) -> None:
    player.set_sound("a", ramp(8000), RATE)
    tone = np.sin(2 * np.pi * 500 * np.arange(16000) / 16000).astype(np.float32)
    player.set_sound("b", tone, 16000)
    assert player.seconds == pytest.approx(1.0)
    qtbot.waitUntil(lambda: player._deck.has("b"), timeout=5000)
    player.play()
    out.read(1000)
    player.set_side("b")
    got = out.read(2000)[FADE:, 0]
    at = np.arange(1000 + FADE, 3000)
    np.testing.assert_allclose(got, np.sin(2 * np.pi * 500 * at / RATE), atol=2e-3)


def test_play_waits_for_a_sound_that_is_being_made_ready(
    qtbot: QtBot, player: Player, out: PlainOutput
) -> None:
    player.set_sound("a", np.ones(44100, np.float32) * 0.5, 44100)
    player.play()
    assert player.playing
    qtbot.waitUntil(lambda: out.stream is not None, timeout=5000)
    assert len(out.read(9000)) == 8000


def test_removed_side_gives_way(player: Player) -> None:
    player.set_sound("a", ramp(100), RATE)
    player.set_sound("b", ramp(100), RATE)
    player.set_side("b")
    player.set_sound("b", None)
    assert player.side == "a"
    player.play()
    player.set_sound("a", None)
    assert player.state == "stopped"
    player.set_side("b")
    assert player.side == "a"


def test_levels_and_positions_come_while_it_plays(
    qtbot: QtBot, player: Player, out: PlainOutput
) -> None:
    player.set_sound("a", np.full((2, 8000), 0.5, np.float32), RATE)
    player.play()
    out.read(2000)
    with qtbot.waitSignal(player.levels_changed, timeout=5000) as told:
        pass
    assert told.args is not None
    assert told.args[0].peak == pytest.approx((0.5, 0.5))
    assert player.position == pytest.approx(0.25)


# ---------------------------------------------------------------- outputs


def test_without_output_everything_but_playing_works(qtbot: QtBot) -> None:
    player = Player(speakers=PlainSpeakers("There is nothing to hear with."))  # type: ignore[arg-type]
    player.set_sound("a", ramp(8000), RATE)
    assert player.reason == ""
    player.play()
    assert (player.state, player.available) == ("stopped", False)
    assert player.reason == "There is nothing to hear with."
    player.seek(0.5)
    player.set_loop(True)
    player.set_side("b")
    player.toggle()
    assert player.position == 0.5
    player.stop()
    player.close()


def test_missing_library_is_a_sentence(monkeypatch: pytest.MonkeyPatch, qtbot: QtBot) -> None:
    class Missing:
        def find_spec(self, name: str, path: object = None, target: object = None) -> None:
            if name == "PySide6.QtMultimedia":
                raise ImportError("libpulse.so.0: cannot open shared object file: No such file")

    monkeypatch.delitem(sys.modules, "PySide6.QtMultimedia", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Missing(), *sys.meta_path])
    found = Speakers().find()
    assert isinstance(found, str)
    assert "everything else works" in found
    if sys.platform.startswith("linux"):
        assert "libpulse.so.0 (package libpulse0)" in found


def test_real_search_never_raises_nor_prints(
    qtbot: QtBot, capfd: pytest.CaptureFixture[str]
) -> None:
    player = Player()
    assert player.look() == (player.reason == "")
    if not player.available:
        assert player.reason.startswith((NO_DEVICE[:20], "Sound cannot be played"))
    assert "PulseAudio" not in capfd.readouterr().err


def test_window_does_not_import_multimedia() -> None:
    import subprocess

    script = (
        "import sys, app.player, app.widgets.transport\n"
        "print('PySide6.QtMultimedia' in sys.modules)"
    )
    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == "False"


def test_headphones_come_while_it_plays(qtbot: QtBot) -> None:
    first, second = PlainOutput(), PlainOutput(rate=16000)
    second.id = "headphones"
    speakers = PlainSpeakers(first)
    player = Player(speakers=speakers)  # type: ignore[arg-type]
    player.set_sound("a", ramp(8000), RATE)
    player.play()
    first.read(4000)
    speakers.changed.emit()
    assert first.stream is not None  # the same output: nothing happens
    speakers.found = second
    speakers.changed.emit()
    qtbot.waitUntil(lambda: second.stream is not None, timeout=5000)
    assert first.stream is None
    assert len(second.read(99_999)) == pytest.approx(8000, abs=2)  # the second half, at its rate
    speakers.found = NO_DEVICE
    speakers.changed.emit()
    assert (player.available, player.playing, player.reason) == (False, False, NO_DEVICE)


@pytest.mark.parametrize("how", ["fails", "reads nothing", "gone"])
def test_lost_output_pauses(
    qtbot: QtBot, out: PlainOutput, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr("app.player.PATIENCE", 3)
    speakers = PlainSpeakers(out)
    player = Player(speakers=speakers)  # type: ignore[arg-type]
    player.set_sound("a", ramp(8000), RATE)
    player.play()
    out.read(1000)
    out.ahead = 400
    speakers.found = GONE
    if how == "fails":
        out.fails = True
    elif how == "gone":  # between two plays
        player.pause()
        out.gone = True
        player.play()
    qtbot.waitUntil(lambda: player.state == "paused", timeout=5000)
    assert player.position == pytest.approx(600 / RATE)
    assert (player.available, player.reason) == (False, GONE)
    player.play()
    assert not player.playing


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="PulseAudio")
def test_restarted_sound_server_is_noticed(tmp_path: Path) -> None:
    path = str(tmp_path / "native")

    def serve() -> socket.socket:
        made = socket.socket(socket.AF_UNIX)
        made.bind(path)
        made.listen()
        return made

    assert _same(_answering(path))  # none, so none can go
    with serve():
        first = _answering(path)
        assert first[0] == path
        assert _same(first)
    assert not _same(first)
    os.unlink(path)
    with serve():
        assert not _same(first)
        assert _same(_answering(path))


# ---------------------------------------------------------------- the row


def key(name: Qt.Key) -> QKeyEvent:
    return QKeyEvent(QEvent.Type.KeyPress, name, Qt.KeyboardModifier.NoModifier)


def test_transport_drives_the_player(qtbot: QtBot, player: Player, out: PlainOutput) -> None:
    row, page = Transport(player), QWidget()
    qtbot.addWidget(row)
    qtbot.addWidget(page)
    row.listen(page)
    row.resize(700, 34)
    row.show()
    assert not row.play.isEnabled()
    player.set_sound("a", ramp(8000), RATE)
    assert not row.sides.button("b").isEnabled()
    player.set_sound("b", ramp(8000), RATE)
    qtbot.mouseClick(row.play, Qt.MouseButton.LeftButton)
    assert player.playing
    assert row.play.accessibleName() == "Pause (Space)"
    QApplication.sendEvent(page, key(Qt.Key.Key_Space))
    assert player.state == "paused"
    QApplication.sendEvent(page, key(Qt.Key.Key_X))
    assert (player.side, row.sides.value) == ("b", "b")
    QApplication.sendEvent(page, key(Qt.Key.Key_L))
    assert player.loop
    assert row.loop.isChecked()
    qtbot.mouseClick(row.loop, Qt.MouseButton.LeftButton)
    assert not player.loop
    row.volume.moved.emit(0.5)
    assert player.volume == pytest.approx(0.25)
    player.seek(0.5)
    assert row.time.text() == "0.50 / 1.00"
    for widget in (row.play, row.stop, row.loop, row.volume, row.levels):
        assert widget.accessibleName()


def test_transport_says_why_it_is_off(qtbot: QtBot) -> None:
    player = Player(speakers=PlainSpeakers("No ears."))  # type: ignore[arg-type]
    row, page = Transport(player), QWidget()
    qtbot.addWidget(row)
    qtbot.addWidget(page)
    row.listen(page)
    player.set_sound("a", ramp(8000), RATE)
    row.show()
    for widget in (row.play, row.stop, row.loop, row.volume, row.sides.button("a")):
        assert not widget.isEnabled()
        assert widget.toolTip() == "No ears."
    QApplication.sendEvent(page, key(Qt.Key.Key_L))
    assert not player.loop


def test_transport_fits_a_narrow_place(qtbot: QtBot, player: Player) -> None:
    row = Transport(player)
    qtbot.addWidget(row)
    player.set_sound("a", ramp(8000), RATE)
    row.show()
    for wide, volume, levels in ((900, True, True), (450, False, True), (LEAST, False, False)):
        row.resize(wide, 34)
        assert row.width() == wide
        assert (row.volume.isVisible(), row.levels.isVisible()) == (volume, levels)
        assert row.layout().minimumSize().width() <= wide


def test_meter_holds_peaks_and_lights_up(qtbot: QtBot) -> None:
    from app.deck import Levels

    meter = LevelMeter()
    qtbot.addWidget(meter)
    meter.show_levels(Levels((0.5, 0.25), (0.1, 0.1)))
    meter.show_levels(Levels((0.1, 0.1), (0.1, 0.1)))
    assert meter.held == pytest.approx((-6.02, -12.04), abs=0.01)
    assert not meter.clipped
    meter.show_levels(Levels((1.2, 0.0), (0.9, 0.0), clipped=True))
    assert meter.clipped
    assert meter.held[0] == pytest.approx(1.58, abs=0.01)
    qtbot.mouseClick(meter, Qt.MouseButton.LeftButton)
    assert not meter.clipped
    assert min(meter.held) >= FLOOR
    meter.grab()
