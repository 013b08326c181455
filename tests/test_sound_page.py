"""The Sound workspace by hand: on a quick stand-in first, on the real engine at the end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPointF, QSettings, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app import theme
from app.inbox import Inbox
from app.jobs import Jobs
from app.link import EngineLink
from app.opening import kind_of
from app.panels.sound import SoundPage
from app.panels.sound_export import ExportDialog, Manner
from app.panels.sound_list import file_name
from app.sound_shelf import Shelf
from app.sound_state import Kept, SoundState, covered, joined, likeness, recipes
from app.window import MainWindow
from engine.client import EngineClient, read_sound, write_sound
from engine.messages import LodestoneError, SoundRecipe, SoundTrainRequest
from tests.hummer import LEVELS, REFUSED
from tests.test_accessible import nameless

SOON = 20_000
RATE = 8000
Make = Callable[..., SoundPage]


def clip(path: Path, seconds: float = 4.0, channels: int = 1, rate: int = RATE) -> Path:
    """Notes that rise, one every 0.4 s, over a little noise."""
    at = np.arange(round(seconds * rate)) / rate
    pitch = 200 * 2 ** (np.floor(at / 0.4) / 4)
    tone = 0.4 * np.sin(2 * np.pi * pitch * at) * np.exp(-3 * (at % 0.4))
    noise = np.random.default_rng(1).normal(0, 0.01, (channels, len(at)))
    return write_sound(path, (tone + noise).astype(np.float32), rate)


@pytest.fixture
def tune(tmp_path: Path) -> Path:
    return clip(tmp_path / "tune.wav")


@pytest.fixture
def make_page(qtbot: QtBot, tmp_path: Path) -> Iterator[Make]:
    """Pages on an engine in a thread of this process; `real`: with the engine that ships."""
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    theme.apply(app)
    links: list[EngineLink] = []

    def make(real: bool = False) -> SoundPage:
        inbox = Inbox()
        client = (
            EngineClient(inbox, local=True)
            if real
            else EngineClient(
                inbox, local=True, studio="tests.hummer:Hummer", jobs="tests.hummer:run_job"
            )
        )
        client.start()
        link = EngineLink(client, inbox)
        links.append(link)
        page = SoundPage(link, Jobs(link), tmp_path / "home")
        page.resize(1280, 760)
        qtbot.addWidget(page)
        with qtbot.waitExposed(page):
            page.show()
        return page

    yield make
    for link in links:
        link.close()


@pytest.fixture
def page(make_page: Make, tune: Path, qtbot: QtBot) -> SoundPage:
    """A page on which all takes of the tune are made."""
    made = make_page()
    open_here(made, tune, qtbot)
    finish(made, qtbot)
    return made


def open_here(page: SoundPage, path: Path, qtbot: QtBot) -> None:
    with qtbot.waitSignal(page.sounding.source_changed, timeout=SOON):
        page.open_sound(str(path))


def finish(page: SoundPage, qtbot: QtBot) -> None:
    """Wait until every take is made."""

    def finished() -> bool:
        takes = page.sounding.takes
        return bool(takes) and not any(take.waiting for take in takes)

    qtbot.waitUntil(finished, timeout=SOON)


def samples(page: SoundPage, index: int = 0) -> np.ndarray:
    made = page.sounding.takes[index].samples
    assert made is not None
    return made


# ---------------------------------------------------------------- open


def test_takes_come_one_after_the_other_coarse_first(
    make_page: Make, tune: Path, qtbot: QtBot
) -> None:
    page = make_page()
    assert page.begin.isVisible()
    seen: list[tuple[int, float]] = []
    page.sounding.arrived.connect(lambda i: seen.append((i, page.sounding.takes[i].fraction)))
    open_here(page, tune, qtbot)
    assert not page.begin.isVisible()
    finish(page, qtbot)
    assert [i for i, _ in seen] == [i for i in range(4) for _ in range(LEVELS)]
    assert [share for i, share in seen if i == 0] == pytest.approx([1 / 3, 2 / 3, 1.0])
    assert page.takes.new.count == 4
    assert len({samples(page, i).tobytes() for i in range(4)}) == 4
    assert samples(page).shape == (1, 4 * RATE)
    assert page.engine.words.text() == "Grains answered"
    assert page.scores.near.value == pytest.approx(likeness(0.2))
    assert page.stage.about.text() == "4.0 s, 8 kHz, mono"
    # What has just been made is what play plays.
    assert page.stage.player.side == "b"


def test_a_dropped_recording_is_opened(make_page: Make, tune: Path, qtbot: QtBot) -> None:
    page = make_page()
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(tune))])
    event = QDropEvent(
        QPointF(600, 300), Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )  # fmt: skip
    page.dropEvent(event)
    qtbot.waitUntil(lambda: page.sounding.source is not None, timeout=SOON)
    assert page.sounding.state.source == str(tune)


@pytest.mark.parametrize("kind", ["absent", "text", "empty", "folder", "no samples"])
def test_what_is_no_sound_is_refused_with_a_sentence(
    page: SoundPage, tmp_path: Path, qtbot: QtBot, kind: str
) -> None:
    path = tmp_path / "other.wav"
    if kind == "text":
        path.write_text("not a sound")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "folder":
        path.mkdir()
    elif kind == "no samples":
        write_sound(path, np.zeros((1, 0), np.float32), RATE)
    before = page.sounding.state
    with qtbot.waitSignal(page.failed, timeout=SOON) as heard:
        page.open_sound(str(path))
    sentence = str(heard.args)
    assert "other.wav" in sentence
    assert "Choose" in sentence or "Check" in sentence
    assert page.sounding.state == before
    assert page.stage.isVisible()


def test_a_file_that_vanishes_stops_only_its_takes(
    page: SoundPage, tune: Path, qtbot: QtBot
) -> None:
    first = samples(page)
    tune.unlink()
    page.new.click()
    finish(page, qtbot)
    assert all("tune.wav" in take.failed for take in page.sounding.takes)
    assert "tune.wav" in page.takes.new.line(0).words
    assert not page.stage.export.isEnabled()
    # What was made before is still there.
    page.undo.click()
    assert samples(page) is first


def test_a_short_click_is_open_to_everything(make_page: Make, tmp_path: Path, qtbot: QtBot) -> None:
    page = make_page()
    open_here(page, clip(tmp_path / "click.wav", 0.2), qtbot)
    finish(page, qtbot)
    assert page.sounding.state.seconds == 1.0
    page.form.tasks.button("effects").click()
    finish(page, qtbot)
    assert page.takes.new.count == 20
    assert samples(page).shape[1] == round(0.2 * RATE)


# ---------------------------------------------------------------- new sounds


def test_length_and_loop_are_undone(page: SoundPage, qtbot: QtBot) -> None:
    page.takes_part.length.field.setValue(2.5)
    page.takes_part.loop.click()
    recipe = page.sounding.takes[0].recipe
    assert (recipe.seconds, recipe.loop) == (2.5, True)
    finish(page, qtbot)
    assert samples(page).shape[1] == 2.5 * RATE
    page.undo.click()
    assert not page.takes_part.loop.isChecked()
    page.undo.click()
    assert page.takes_part.length.field.value() == 4.0
    # What was made before is there at once, without asking again.
    assert not any(take.waiting for take in page.sounding.takes)


def test_the_slider_of_the_length_speaks_in_seconds(page: SoundPage) -> None:
    slider = page.takes_part.length.slider
    slider.setFocus()
    for _ in range(40):
        QTest.keyClick(slider, Qt.Key.Key_Right)
    assert page.sounding.state.seconds == 600.0
    page.undo.click()
    assert page.sounding.state.seconds == 4.0


def test_seeds_stay_or_go_on(page: SoundPage, qtbot: QtBot) -> None:
    page.takes_part.loop.click()
    assert [take.recipe.seed for take in page.sounding.takes] == [1, 2, 3, 4]
    page.lock.setChecked(False)
    page.takes_part.loop.click()
    assert page.sounding.takes[0].recipe.seed == 5
    page.new.click()
    assert page.sounding.takes[0].recipe.seed == 9
    page.more.click()
    assert page.takes.new.count == 8
    finish(page, qtbot)


def test_a_region_is_dragged_and_typed(page: SoundPage, qtbot: QtBot) -> None:
    view = page.stage.source
    assert view.tool == "region"
    view.region_changed.emit(1.0, 2.5)
    assert (page.sounding.state.start, page.sounding.state.end) == (1.0, 2.5)
    assert page.form.region.span == (1.0, 2.5)
    page.form.region.end.setValue(99.0)
    assert page.sounding.region == (1.0, 4.0)
    page.stage.whole.click()
    assert (page.sounding.state.start, page.sounding.state.end) == (0.0, 0.0)
    assert not page.stage.whole.isVisible()


def test_variations_keep_their_course(page: SoundPage, qtbot: QtBot) -> None:
    page.form.tasks.button("vary").click()
    assert page.takes_part.form.isHidden()
    page.vary.level.field.setValue(2)
    page.vary.variation.field.setValue(50)
    recipe = page.sounding.takes[0].recipe
    assert (recipe.task, recipe.start_level, recipe.variation) == ("vary", 2, 0.5)
    finish(page, qtbot)


def test_a_morph_follows_the_curve(page: SoundPage, tmp_path: Path, qtbot: QtBot) -> None:
    page.form.tasks.button("morph").click()
    assert page.sounding.takes == []
    assert "second" in page.words.text()
    second = clip(tmp_path / "second.wav")
    page.drop(str(second), on_form=True)
    qtbot.waitUntil(lambda: len(page.sounding.takes) == 4, timeout=SOON)
    assert page.sounding.source is not None
    assert page.sounding.source.name == "tune"
    finish(page, qtbot)
    assert page.sounding.takes[0].recipe.curve == ((0.0, 0.0), (4.0, 1.0))
    page.stage.take.curve_changed.emit(((0.0, 1.0), (1.0, 0.25), (4.0, 0.0)))
    assert page.sounding.takes[0].recipe.curve == ((0.0, 1.0), (1.0, 0.25), (4.0, 0.0))
    assert page.morph.course.value == "own"
    page.morph.length.field.setValue(8.0)
    assert page.sounding.takes[0].recipe.curve[1] == (2.0, 0.25)
    for _ in range(2):
        page.undo.click()
    assert page.morph.course.value == "over"


# ---------------------------------------------------------------- repairs


def test_holes_get_three_answers(page: SoundPage, qtbot: QtBot) -> None:
    page.form.tasks.button("inpaint").click()
    assert page.stage.source.tool == "spans"
    assert page.sounding.takes == []
    page.stage.source.holes_changed.emit(((1.0, 1.5),))
    page.fill.list.fields.set_span((2.0, 2.25))
    page.fill.list.add.setEnabled(True)
    page.fill.list.add.click()
    assert page.sounding.state.holes == ((1.0, 1.5), (2.0, 2.25))
    assert page.stage.source.spans == ((1.0, 1.5), (2.0, 2.25))
    finish(page, qtbot)
    assert [take.recipe.seed for take in page.sounding.takes] == [1, 2, 3]
    assert page.stage.take.spans == ((1.0, 1.5), (2.0, 2.25))
    assert page.scores.isHidden()
    page.fill.list.rows[0].findChildren(type(page.undo))[0].click()
    assert page.sounding.state.holes == ((2.0, 2.25),)
    page.undo.click()
    assert len(page.fill.list.rows) == 2
    page.fill.clear.click()
    assert page.sounding.takes == []


def test_a_hole_outside_is_refused_with_a_sentence(page: SoundPage, qtbot: QtBot) -> None:
    page.form.tasks.button("inpaint").click()
    with qtbot.waitSignal(page.failed) as heard:
        page.sounding.set_spans("holes", "Holes", ((0.5, 1.0), (5.0, 6.0)))
    assert "4.00 s" in str(heard.args)
    assert page.sounding.state.holes == ((0.5, 1.0),)
    page.sounding.set_spans("holes", "Holes", ((3.5, 9.0),))
    assert page.sounding.state.holes == ((3.5, 4.0),)


def test_noise_goes(page: SoundPage, qtbot: QtBot) -> None:
    page.form.tasks.button("denoise").click()
    finish(page, qtbot)
    assert page.takes.new.count == 1
    page.denoise.amount.field.setValue(60)
    page.stage.source.holes_changed.emit(((0.2, 0.4),))
    recipe = page.sounding.takes[0].recipe
    assert (recipe.amount, recipe.noise) == (0.6, ((0.2, 0.4),))
    page.denoise.found.click()
    assert page.sounding.state.noise == ()
    assert not page.new.isVisible()


def test_a_dull_recording_is_extended(page: SoundPage, tmp_path: Path, qtbot: QtBot) -> None:
    page.form.tasks.button("extend").click()
    assert not page.train.begin.isEnabled()
    bright = clip(tmp_path / "bright.wav", rate=32000)
    page.drop(str(bright), on_form=True)
    qtbot.waitUntil(lambda: len(page.sounding.takes) == 1, timeout=SOON)
    finish(page, qtbot)
    recipe = page.sounding.takes[0].recipe
    assert (recipe.rate, recipe.others, recipe.engine) == (16000, (str(bright),), "grains")
    page.extend.rate.setCurrentIndex(2)
    page.extend.rate.activated.emit(2)
    assert page.sounding.takes[0].recipe.rate == 32000
    request = page.sounding.training(60.0)
    assert request is not None
    assert request.sources == (str(bright),)
    page.extend.rows[0].findChildren(type(page.undo))[0].click()
    assert page.sounding.takes == []


# ---------------------------------------------------------------- star, rename, out


def test_starred_takes_are_there_next_time(
    page: SoundPage, make_page: Make, tune: Path, qtbot: QtBot
) -> None:
    page.takes.new.setFocus()
    QTest.keyClick(page.takes.new, Qt.Key.Key_Down)
    assert page.heard.index == 1
    QTest.keyClick(page.takes.new, Qt.Key.Key_S)
    page.takes.new.renamed.emit(2, "Dusk")
    assert [kept.name for kept in page.sounding.state.kept] == ["Take 2", "Dusk"]
    made, tune_recipe = samples(page, 2), page.sounding.takes[2].recipe
    tune.unlink()
    again = make_page()
    assert [kept.name for kept in again.sounding.state.kept] == ["Take 2", "Dusk"]
    assert again.sounding.state.kept[1].recipe == tune_recipe
    assert again.sounding.state.kept[1].near == pytest.approx(0.2)
    assert again.takes.kept.line(0).name == "Dusk"
    with qtbot.waitSignal(again.sounding.kept_read, timeout=SOON):
        again.takes.kept.chosen.emit(0)
    sound = again.heard.sound
    assert sound is not None
    np.testing.assert_allclose(sound[0], made, atol=2e-7)


def test_deleting_is_undone_and_then_final(page: SoundPage, make_page: Make) -> None:
    page.takes.new.star_asked.emit(0)
    key = page.sounding.state.kept[0].key
    page.takes.kept.delete_asked.emit(0)
    assert page.sounding.state.kept == ()
    assert Shelf(page.sounding.shelf.folder).sound(key).is_file()
    page.undo.click()
    assert page.sounding.state.kept[0].key == key
    assert (page.sounding.shelf.folder / f"{key}.json").is_file()
    page.redo.click()
    again = make_page()
    assert again.sounding.state.kept == ()
    assert not list(page.sounding.shelf.folder.iterdir())


def test_a_take_is_deleted_from_the_new_ones(page: SoundPage) -> None:
    page.takes.new.delete_asked.emit(1)
    assert [take.recipe.seed for take in page.sounding.takes] == [1, 3, 4]
    page.undo.click()
    assert [take.recipe.seed for take in page.sounding.takes] == [1, 2, 3, 4]


def test_a_damaged_take_is_left_out(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    for key, recipe in (("a", "{}"), ("b", '{"recipe": {"type": "Frame"}}'), ("c", "[]")):
        (tmp_path / f"{key}.json").write_text(recipe)
        (tmp_path / f"{key}.wav").write_bytes(b"RIFF")
    kept = Kept("d", "Fine", SoundRecipe("x.wav"), 1.0, RATE, outline=(0.5, 0.25))
    shelf.put(kept, np.zeros((1, RATE), np.float32))
    shelf.note(kept)
    (tmp_path / "e.json").write_bytes((tmp_path / "d.json").read_bytes())
    assert shelf.load() == (kept,)
    # Nothing that could not be read was thrown away.
    assert (tmp_path / "a.wav").is_file()


def test_no_room_for_a_take_is_said(page: SoundPage, tmp_path: Path, qtbot: QtBot) -> None:
    page.sounding.shelf.folder = tmp_path / "tune.wav" / "inside"
    with qtbot.waitSignal(page.failed) as heard:
        page.sounding.keep(0)
    assert "could not be" in str(heard.args)
    assert page.sounding.state.kept == ()


def test_a_take_is_dragged_out_as_a_file(page: SoundPage) -> None:
    page.takes.new.renamed.emit(0, "Dawn: a/b")
    path = Path(page.takes.new_file(0))
    assert path.name == "Dawn- a-b.wav"
    assert read_sound(path).seconds == 4.0
    assert Path(page.takes.kept_file(0)).name == "Dawn- a-b.wav"
    assert file_name("...") == "Take"


@pytest.mark.parametrize(
    ("manner", "kind"),
    [
        (Manner("wav", 16, 0), ("WAV", "PCM_16", RATE)),
        (Manner("wav", 32, 44100), ("WAV", "FLOAT", 44100)),
        (Manner("flac", 24, 48000), ("FLAC", "PCM_24", 48000)),
    ],
)
def test_export(
    page: SoundPage, tmp_path: Path, qtbot: QtBot, manner: Manner, kind: tuple[str, str, int]
) -> None:
    import soundfile

    path = tmp_path / f"out.{manner.kind}"
    with qtbot.waitSignal(page.noted, timeout=SOON):
        page.write(str(path), manner)
    found = soundfile.info(str(path))
    assert (found.format, found.subtype, found.samplerate) == kind
    assert found.frames == 4 * kind[2]


def test_a_place_that_cannot_be_written_is_said(page: SoundPage, tune: Path, qtbot: QtBot) -> None:
    with qtbot.waitSignal(page.failed, timeout=SOON) as heard:
        page.write(str(tune / "out.wav"), Manner())
    assert "out.wav" in str(heard.args)


def test_the_export_dialogue(qtbot: QtBot, tmp_path: Path) -> None:
    native = QSettings.Format.NativeFormat
    QSettings.setPath(native, QSettings.Scope.UserScope, str(tmp_path))
    dialog = ExportDialog("Take 1", 16000)
    qtbot.addWidget(dialog)
    assert nameless(dialog) == []
    dialog.bits.button("32").click()
    dialog.kind.button("flac").click()
    assert dialog.manner == Manner("flac", 24, 0)
    assert not dialog.bits.button("32").isEnabled()
    dialog.rate.setCurrentIndex(3)
    dialog.take("/x/night")
    assert dialog.path == "/x/night.flac"
    again = ExportDialog("Take 1", 16000)
    qtbot.addWidget(again)
    assert again.manner == Manner("flac", 24, 44100)


# ---------------------------------------------------------------- long takes, training


def test_long_takes_are_jobs_and_arrive_as_sounds(page: SoundPage, qtbot: QtBot) -> None:
    page.takes_part.length.field.setValue(40.0)
    finish(page, qtbot)
    assert samples(page, 3).shape == (1, 40 * RATE)
    assert [update.state for update in page._jobs.all] == ["done"] * 4
    assert page._jobs.quiet == {update.job for update in page._jobs.all}
    assert page.scores.near.value == pytest.approx(likeness(0.3))
    assert page.takes.new.line(0).words == "40.0 s"


def test_a_trained_pyramid_answers(
    page: SoundPage, tune: Path, make_page: Make, qtbot: QtBot
) -> None:
    assert not page.engine.choice.button("pyramid").isEnabled()
    page.train.begin.click()
    qtbot.waitUntil(lambda: page.sounding.state.engine == "pyramid", timeout=SOON)
    assert "pyramid answers now" in page.train.state.text()
    finish(page, qtbot)
    assert page.engine.words.text() == "The pyramid answered"
    # It has heard what lies in the holes, and does not know a second sound.
    page.form.tasks.button("inpaint").click()
    page.stage.source.holes_changed.emit(((1.0, 1.5),))
    assert {take.recipe.engine for take in page.sounding.takes} == {"grains"}
    assert not page.engine.choice.button("pyramid").isEnabled()
    request = page.sounding.training(60.0)
    assert request is not None
    assert request.holes == ((1.0, 1.5),)
    assert request.out != page.sounding.state.model
    # The same sound under another name finds its pyramid again.
    twin = tune.with_name("twin.wav")
    twin.write_bytes(tune.read_bytes())
    again = make_page()
    open_here(again, twin, qtbot)
    assert again.sounding.state.engine == "pyramid"


def test_training_without_the_holes_may_fill_them(page: SoundPage, qtbot: QtBot) -> None:
    page.form.tasks.button("inpaint").click()
    page.stage.source.holes_changed.emit(((1.0, 1.5),))
    page.train.begin.click()
    qtbot.waitUntil(lambda: page.sounding.state.engine == "pyramid", timeout=SOON)
    finish(page, qtbot)
    assert page.engine.words.text() == "The pyramid answered"
    page.stage.source.holes_changed.emit(((1.0, 1.7),))
    assert {take.recipe.engine for take in page.sounding.takes} == {"grains"}


def test_training_is_paused_heard_and_stopped(page: SoundPage, qtbot: QtBot) -> None:
    page.train.budget.set_amount(11.0)
    assert page.train.amount == 2048.0
    page.train.begin.click()
    qtbot.waitUntil(lambda: page.train.listen.isVisible(), timeout=SOON)
    with qtbot.waitSignal(page.sounding.level_heard, timeout=SOON):
        page.train.listen.click()
    assert page.heard.name == "Newest level"
    assert page.stage.take.seconds == pytest.approx(4.0)
    page.train.pause.click()
    qtbot.waitUntil(lambda: page.train.pause.text() == "Go on", timeout=SOON)
    page.train.stop.click()
    qtbot.waitUntil(lambda: page.train.begin.isVisible(), timeout=SOON)
    assert page.train.begin.text() == "Go on"
    assert page.sounding.state.engine == "grains"


def test_a_refused_take_stops_waiting(page: SoundPage, qtbot: QtBot) -> None:
    page.sounding.change("seed", seed=REFUSED)
    finish(page, qtbot)
    assert "refused" in page.sounding.takes[0].failed
    assert page.sounding.takes[1].done
    assert not page.stage.star.isEnabled()


def test_a_copy_is_called_one(page: SoundPage, qtbot: QtBot) -> None:
    page.sounding.change("seed", seed=777)
    finish(page, qtbot)
    # Grains are the recording's own pieces: that is no fault of the take.
    assert "own pieces" in page.scores.copy.text()
    assert page.takes.new.line(0).warning == ""
    page.sounding.change("engine", engine="pyramid", model="x")
    finish(page, qtbot)
    assert page.takes.new.line(0).warning == "copy"
    assert "Nearly a copy" in page.scores.copy.text()


def test_undo_comes_back_to_another_recording(
    page: SoundPage, tmp_path: Path, tune: Path, qtbot: QtBot
) -> None:
    open_here(page, clip(tmp_path / "second.wav", 2.0, channels=2), qtbot)
    finish(page, qtbot)
    assert samples(page).shape[0] == 2
    page.undo.click()
    qtbot.waitUntil(lambda: page.sounding.source is not None, timeout=SOON)
    assert page.sounding.state.source == str(tune)
    finish(page, qtbot)
    tune.unlink()
    page.redo.click()
    qtbot.waitUntil(lambda: page.sounding.source is not None, timeout=SOON)
    with qtbot.waitSignal(page.failed, timeout=SOON) as heard:
        page.undo.click()
    assert "tune.wav" in str(heard.args)


# ---------------------------------------------------------------- state


def test_spans_are_put_in_order() -> None:
    assert joined(((2, 3), (0.5, 1), (2.5, 4), (9, 10), (1.2, 1.201)), 5) == ((0.5, 1), (2, 4))
    assert joined(((4, 3), (float("nan"), 1)), 3.5) == ((3, 3.5),)
    assert covered(((1.0, 2.0),), ((0.5, 2.0),))
    assert not covered(((1.0, 2.0),), ((1.5, 3.0),))
    assert not covered(((1.0, 2.0),), ())


def test_nothing_is_asked_without_what_it_needs() -> None:
    state = SoundState(source="a.wav")
    for task, count in (("sample", 4), ("effects", 20), ("denoise", 1), ("inpaint", 0),
                        ("extend", 0), ("morph", 0)):  # fmt: skip
        assert len(recipes(SoundState(source="a.wav", task=task), 3.0)) == count  # type: ignore[arg-type]
    assert recipes(state, 0.0) == ()


@pytest.mark.parametrize(
    ("head", "name", "kind"),
    [
        (b"RIFF\0\0\0\0WAVEfmt ", "a.bin", "sound"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "a.wav", "photo"),
        (b"fLaC", "a", "sound"),
        (b"OggS", "a.dat", "sound"),
        (b"ID3\x04", "a.mp3", "sound"),
        (b"FORM\0\0\0\0AIFF", "a", "sound"),
        (b"{}", "a.wav", "sound"),
        (b"\x80\x02", "a.pkl", "model"),
    ],
)
def test_what_a_file_is(tmp_path: Path, head: bytes, name: str, kind: str) -> None:
    path = tmp_path / name
    path.write_bytes(head)
    assert kind_of(path) == kind


# ---------------------------------------------------------------- the window, the real engine


def test_a_recording_opened_anywhere_comes_here(
    window: MainWindow, tune: Path, qtbot: QtBot
) -> None:
    window.opener.open_path(str(tune))
    assert window.workspace == "sound"
    page = window.page("sound")
    assert isinstance(page, SoundPage)
    qtbot.waitUntil(lambda: page.sounding.source is not None, timeout=SOON)
    page.takes_part.loop.click()
    undo = window.commands.actions["edit.undo"]
    assert "Seamless" in undo.text()
    undo.trigger()
    assert not page.sounding.state.loop
    finish(page, qtbot)
    window.go("start")
    assert not undo.isEnabled()


def test_everything_has_a_name(page: SoundPage, tmp_path: Path, qtbot: QtBot) -> None:
    page.sounding.add("second", str(clip(tmp_path / "b.wav")))
    qtbot.waitUntil(lambda: bool(page.sounding.state.second), timeout=SOON)
    page.sounding.set_spans("holes", "Holes", ((1.0, 2.0),))
    for task in page.parts:
        page.form.tasks.button(task).click()
        assert nameless(page) == [], task


def test_the_page_works_without_an_output(page: SoundPage) -> None:
    # Loaded before any thread loads another compiled library: the two would wait for each other.
    assert "PySide6.QtMultimedia" in sys.modules or page.stage.player.reason
    page.stage.player.seek(1.5)
    assert page.stage.take.playhead == pytest.approx(1.5)
    page.stage.source.sought.emit(0.5)
    assert page.stage.player.position == pytest.approx(0.5)
    page.stage.player.play()
    page.stage.player.stop()


def test_the_real_grains_answer(make_page: Make, tune: Path, qtbot: QtBot) -> None:
    page = make_page(real=True)
    open_here(page, tune, qtbot)
    page.sounding.change("fewer", count=2, seconds=2.0)
    finish(page, qtbot)
    assert [take.failed for take in page.sounding.takes] == ["", ""]
    assert samples(page).shape == (1, 2 * RATE)
    assert page.scores.near.value is not None
    assert 0.0 < page.scores.near.value <= 1.0
    page.form.tasks.button("inpaint").click()
    page.stage.source.holes_changed.emit(((1.0, 1.5),))
    finish(page, qtbot)
    assert [take.failed for take in page.sounding.takes] == [""] * 3
    whole = read_sound(tune).samples
    np.testing.assert_array_equal(samples(page)[:, :RATE], whole[:, :RATE])
    assert (samples(page, 0) != samples(page, 1)).any()


def test_silence_is_said(make_page: Make, tmp_path: Path, qtbot: QtBot) -> None:
    page = make_page(real=True)
    path = write_sound(tmp_path / "quiet.wav", np.zeros((1, RATE), np.float32), RATE)
    open_here(page, path, qtbot)
    assert "silent" in page.form.note.text()
    finish(page, qtbot)
    assert all("silent" in take.failed for take in page.sounding.takes)


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    shelf = Shelf(tmp_path / "file" / "takes")
    with pytest.raises(LodestoneError, match="could not be"):
        shelf.note(Kept("a", "A", SoundRecipe("x.wav")))


def test_a_training_of_another_sound_is_not_taken(page: SoundPage) -> None:
    assert not page.sounding.is_mine(SoundTrainRequest(("other.wav",), "x"))
