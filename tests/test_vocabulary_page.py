"""The Vocabulary workspace by hand, on the real engine and a real (tiny) generator."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QImage, QKeyEvent
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.panels.vocabulary import VocabularyPage
from app.state import to_request
from app.widgets.chips import Chips
from app.widgets.pairview import PairView
from app.widgets.wordline import WordLine
from app.widgets.wordtable import WordTable
from app.window import MainWindow
from engine.client import say
from engine.messages import Direction, Vector, Vocabulary, Word
from tests.test_accessible import nameless

CTRL, ALT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.AltModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
RETURN = Qt.Key.Key_Return
FIT = 20_000


def page_of(window: MainWindow) -> VocabularyPage:
    window.go("vocabulary")
    page = window.page("vocabulary")
    assert isinstance(page, VocabularyPage)
    return page


def begun(window: MainWindow, count: int = 12) -> VocabularyPage:
    """The page with pairs laid out."""
    page = page_of(window)
    page.begin.count.setValue(count)
    page.begin.button.click()
    return page


def speak(page: VocabularyPage, text: str) -> None:
    """Type into the line and press Enter."""
    page.describe.line.clear()
    QTest.keyClicks(page.describe.line, text)
    QTest.keyClick(page.describe.line, RETURN)


def fitted(page: VocabularyPage, qtbot: QtBot, *words: str) -> Vocabulary:
    """The vocabulary, once it holds these words."""

    def known() -> bool:
        found = page.book.vocabulary
        return found is not None and set(words) <= {word.text for word in found.words}

    qtbot.waitUntil(known, timeout=FIT)
    assert page.book.vocabulary is not None
    return page.book.vocabulary


def pixels(image: QImage) -> np.ndarray:
    """(H, W, 3) int."""
    raw = np.frombuffer(image.constBits(), np.uint8)
    return raw.reshape(image.height(), image.width(), 4)[..., :3].astype(int)


# ---------------------------------------------------------------- describe


def test_one_button_begins(steering: MainWindow, qtbot: QtBot) -> None:
    page = page_of(steering)
    assert page.begin.button.isVisible()
    assert not page.describe.isVisible()
    begin = begun(steering, 12)
    pairs = steering.document.state.pairs
    assert len(pairs) == 12
    assert begin.describe.isVisible()
    assert begin.describe.pair in pairs
    qtbot.waitUntil(lambda: page.describe.view.complete, timeout=FIT)
    assert page.describe.count.text() == "0 of 12 described by me"
    steering.commands.actions["edit.undo"].trigger()
    assert steering.document.state.pairs == ()
    assert page.begin.button.isVisible()


def test_describing_by_keyboard(steering: MainWindow, qtbot: QtBot) -> None:
    page = begun(steering)
    first, flipped = page.describe.pair, page.describe.flipped
    assert first is not None
    speak(page, "Darker, a wider smile")
    (note,) = steering.document.state.annotations
    assert (note.pair, note.text, note.flipped, note.annotator) == (
        first.key, "Darker, a wider smile", flipped, "me",
    )  # fmt: skip
    assert note.created > 0
    second = page.describe.pair
    assert second is not None
    assert second != first
    assert page.describe.line.text() == ""
    QTest.keyClick(page.describe.line, RETURN)
    assert page.describe.pair == second
    assert "Nothing changed" in page.describe.said.text()
    QTest.keyClick(page.describe.line, RETURN, SHIFT)
    qtbot.waitUntil(lambda: len(steering.document.state.annotations) == 2)
    assert steering.document.state.annotations[1].text == ""
    assert page.describe.count.text() == "2 of 12 described by me"


def test_back_corrects_what_was_said(steering: MainWindow, qtbot: QtBot) -> None:
    page = begun(steering)
    first = page.describe.pair
    assert first is not None
    speak(page, "rounder")
    QTest.keyClick(page.describe.line, Qt.Key.Key_Left, ALT)
    qtbot.waitUntil(lambda: page.describe.line.text() == "rounder")
    assert page.describe.pair == first
    assert page.describe.next.text() == "Correct"
    created = steering.document.state.annotations[0].created
    speak(page, "flatter")
    (note,) = steering.document.state.annotations
    assert (note.text, note.created) == ("flatter", created)
    assert page.describe.pair != first
    assert page.describe.next.text() == "Next"


def test_a_skipped_pair_comes_back_last(steering: MainWindow) -> None:
    page = begun(steering, 4)
    skipped = page.describe.pair
    page.describe.skip.click()
    seen = []
    for text in ("one", "two", "three"):
        seen.append(page.describe.pair)
        speak(page, f"{text}ish")
    assert skipped not in seen
    assert page.describe.pair == skipped
    speak(page, "fourish")
    assert page.describe.pair is None
    assert page.describe.done.isVisible()
    page.describe.more.click()
    assert page.describe.pair is not None
    assert len(steering.document.state.pairs) == 24


def test_undo_puts_the_words_back_into_the_line(steering: MainWindow) -> None:
    page = begun(steering)
    first = page.describe.pair
    speak(page, "sadder")
    steering.commands.actions["edit.undo"].trigger()
    assert steering.document.state.annotations == ()
    assert page.describe.pair == first
    assert page.describe.line.text() == "sadder"
    steering.commands.actions["edit.redo"].trigger()
    assert [note.text for note in steering.document.state.annotations] == ["sadder"]
    assert page.describe.pair != first


def test_undo_means_the_document_once_the_line_has_nothing_to_undo(qtbot: QtBot) -> None:
    line = WordLine("Words", "")
    qtbot.addWidget(line)

    def taken() -> bool:
        event = QKeyEvent(QEvent.Type.ShortcutOverride, Qt.Key.Key_Z, CTRL)
        event.ignore()
        line.event(event)
        return event.isAccepted()

    assert not taken()
    QTest.keyClicks(line, "fog")
    assert taken()


def test_everyone_goes_their_own_way_and_comes_back_to_it(steering: MainWindow) -> None:
    page = begun(steering, 24)
    for text in ("redder", "bluer", "rounder"):
        speak(page, text)
    mine = [(pair.key, flip) for pair, flip in page.describe.waiting()]
    assert len(mine) == 21
    shown = page.describe.pair
    page.who.setCurrentText("Ada")
    line = page.who.lineEdit()
    assert line is not None
    line.editingFinished.emit()
    theirs = [(pair.key, flip) for pair, flip in page.describe.waiting()]
    assert len(theirs) == 24
    assert [key for key, _ in theirs if key in dict(mine)] != [key for key, _ in mine]
    flips = dict(theirs)
    assert any(flips[key] != flip for key, flip in mine)
    assert page.describe.count.text() == "0 of 24 described by Ada"
    speak(page, "greener")
    assert steering.document.state.annotations[-1].annotator == "Ada"
    page.who.setCurrentText("me")
    line.editingFinished.emit()
    assert [(pair.key, flip) for pair, flip in page.describe.waiting()] == mine
    assert page.describe.pair == shown
    assert page.book.names == ("Ada", "me")


def test_what_was_described_is_there_in_the_next_session(steering: MainWindow, tmp_path) -> None:
    page = begun(steering)
    speak(page, "foggier")
    path = tmp_path / "kept.lodestone"
    assert steering.keeper.create(str(path))
    state = steering.document.state
    steering.keeper.close()
    again = steering.keeper.open(str(path))
    assert again is not None
    assert again.pairs == state.pairs
    assert again.annotations == state.annotations
    assert again.ridge == state.ridge


def test_flicker_and_film_move_the_right_picture_only(qtbot: QtBot) -> None:
    view = PairView()
    qtbot.addWidget(view)
    view.resize(600, 300)
    view.show()
    white, black, grey = (QImage(64, 64, QImage.Format.Format_RGB32) for _ in range(3))
    for image, colour in ((white, "white"), (black, "black"), (grey, "gray")):
        image.fill(colour)
    view.set_pictures(white, black)
    view.set_film([grey] * 3)

    def colours() -> tuple[int, int]:
        shot = view.grab().toImage()
        places = [box.center().toPoint() for box in view.boxes()]
        return shot.pixelColor(places[0]).red(), shot.pixelColor(places[1]).red()

    assert colours() == (255, 0)
    view.hold(True)
    assert colours() == (255, 255)
    qtbot.waitUntil(lambda: colours() == (255, 0))
    view.hold(False)
    assert colours() == (255, 0)
    view.set_mode("film")
    qtbot.waitUntil(lambda: 100 < colours()[1] < 180)
    assert colours()[0] == 255


def test_every_focusable_widget_has_a_name_on_both_faces(
    steering: MainWindow, qtbot: QtBot
) -> None:
    page = begun(steering)
    page.more.click()
    assert nameless(page) == []
    speak(page, "redder")
    fitted(page, qtbot, "red")
    page.show_words()
    page.words.say.line.setText("red")
    assert nameless(page) == []


# ---------------------------------------------------------------- words


def test_pictures_shown_backwards_are_turned_round_in_the_fit(
    steering: MainWindow, qtbot: QtBot
) -> None:
    """Someone who sees one direction only and says what they see: up when it went up."""
    page = page_of(steering)
    card = steering.document.state.cards[0]
    steering.document.change_card("Pin", card.key, pinned=True)
    page.begin.refresh()
    page.begin.count.setValue(40)
    page.begin.which.setCurrentIndex(page.begin.which.findData("pinned"))
    page.begin.button.click()
    flips = []
    for _ in range(40):
        flips.append(page.describe.flipped)
        speak(page, "bluer" if page.describe.flipped else "redder")
    assert 5 < sum(flips) < 35
    vocabulary = fitted(page, qtbot, "red", "blue")
    words = {word.text: word for word in vocabulary.words}
    axis = card.direction.vector.array()
    assert float(words["red"].direction.vector.array() @ axis) > 0.99
    assert float(words["blue"].direction.vector.array() @ axis) < -0.99
    assert words["red"].count == 40 - sum(flips)


def described(window: MainWindow, qtbot: QtBot) -> VocabularyPage:
    """A page with two words: foggy and winter."""
    page = begun(window, 8)
    for text in ("foggier", "more winter", "foggier, winter", "foggy", "wintry fog", "festive"):
        speak(page, text)
    fitted(page, qtbot, "foggy", "winter", "festive")
    page.show_words()
    return page


def test_typing_words_moves_the_picture_and_makes_a_slider(
    steering: MainWindow, qtbot: QtBot
) -> None:
    page = described(steering, qtbot)
    typed = page.words.say
    qtbot.waitUntil(lambda: not typed.canvas.image().isNull(), timeout=FIT)
    before = pixels(typed.canvas.image())
    QTest.keyClicks(typed.line, "foggier - 2*winter")
    assert page.book.vocabulary is not None
    assert typed.direction == say(page.book.vocabulary, "foggier - 2*winter")
    qtbot.waitUntil(lambda: np.abs(pixels(typed.canvas.image()) - before).max() > 2, timeout=FIT)
    count = len(steering.document.state.cards)
    direction = typed.direction
    QTest.keyClick(typed.line, RETURN, SHIFT)
    qtbot.waitUntil(lambda: len(steering.document.state.cards) == count + 1)
    card = steering.document.state.cards[0]
    assert (card.direction, card.amount) == (direction, typed.amount.amount)
    assert card.direction.method == "say"
    assert typed.line.text() == ""
    info = steering.document.info
    assert info is not None
    qtbot.waitUntil(lambda: steering.live.request == to_request(steering.document.state, info))
    assert typed._asked == steering.live.request  # Not twice: the words are in the picture now.
    steering.commands.actions["edit.undo"].trigger()
    assert len(steering.document.state.cards) == count


def test_the_picture_follows_an_unfinished_word(steering: MainWindow, qtbot: QtBot) -> None:
    page = described(steering, qtbot)
    typed = page.words.say
    typed.line.setFocus()
    QTest.keyClicks(typed.line, "festive, wint")
    assert typed.line.rest == "er"
    assert page.book.vocabulary is not None
    assert typed.direction == say(page.book.vocabulary, "festive, winter")
    QTest.keyClick(typed.line, Qt.Key.Key_Tab)
    assert typed.line.text() == "festive, winter"


def test_an_unknown_word_is_said_under_the_line_and_the_picture_stays(
    steering: MainWindow, qtbot: QtBot
) -> None:
    page = described(steering, qtbot)
    typed = page.words.say
    QTest.keyClicks(typed.line, "foggy")
    good = typed.direction
    assert good is not None
    QTest.keyClicks(typed.line, ", qwxz")
    assert typed.direction == good
    assert not typed.keep.isEnabled()
    assert typed.error.text() == "Nobody used the word qwxz."
    typed.line.setText("foggy, festiwal")
    assert typed.error.text() == "Nobody used the word festiwal."
    assert "festive" in typed.chips.words
    typed.chips.chosen.emit("festive")
    assert typed.line.text() == "foggy, festive"
    assert typed.error.text() == "Add"
    typed.line.setText("foggy - ")
    assert "missing after" in typed.error.text()


def test_a_word_shows_its_evidence(steering: MainWindow, qtbot: QtBot) -> None:
    page = described(steering, qtbot)
    page.words.table.choose("winter")
    word = page.words.word
    assert word.title.text() == "winter"
    texts = {said.text for said in word.evidence.shown}
    assert "more winter" in texts
    assert "festive" not in texts
    assert "still a guess" in word.figures.text()
    page.words.table.taken.emit(page.words.table.current)
    word.minus.click()
    assert page.words.say.line.text() == "winter - winter"
    notes = steering.document.state.annotations
    word.evidence.chosen.emit(f"{notes[1].pair}\nme")
    assert page.describe.isVisible()
    assert page.describe.line.text() == "more winter"


def test_smoothing_fits_anew(steering: MainWindow, qtbot: QtBot) -> None:
    page = described(steering, qtbot)
    page.words.ridge.setFocus()
    QTest.keyClick(page.words.ridge, Qt.Key.Key_PageUp)
    assert steering.document.state.ridge == pytest.approx(100.0)
    assert page.words.ridge_text.text() == "100"
    qtbot.waitUntil(
        lambda: page.book.vocabulary is not None and page.book.vocabulary.ridge == 100.0,
        timeout=FIT,
    )
    steering.commands.actions["edit.undo"].trigger()
    assert steering.document.state.ridge == 10.0


def test_anything_can_be_written(steering: MainWindow, qtbot: QtBot) -> None:
    page = begun(steering, 6)
    many = " ".join(f"wort{index}" for index in range(10_000))
    for text in ("🎄 festlicher", "もっと暗い", "שמח יותר", many, "\u202eabc <b>bold</b> & %s"):
        page.describe.line.setText(text)
        page.describe.take()
    notes = steering.document.state.annotations
    assert notes[0].text == "🎄 festlicher"
    assert notes[3].text.startswith("wort0 wort1")
    vocabulary = fitted(page, qtbot, "🎄")
    page.show_words()
    page.words.say.line.setText("🎄")
    assert page.words.say.direction == say(vocabulary, "🎄")
    page.words.grab()


def word(text: str, count: int, reliability: float | None = None) -> Word:
    direction = Direction(text, "w", Vector.of(np.eye(4, dtype=np.float32)[0]))
    return Word(text, direction, count, reliability)


def test_ten_thousand_words_are_sorted_and_searched(qtbot: QtBot) -> None:
    table = WordTable()
    qtbot.addWidget(table)
    table.set_words(tuple(word(f"w{index}", 10_000 - index) for index in range(10_000)))
    table.choose("w77")
    assert table.current is not None
    table.set_text("w77")
    assert table.words.rowCount() == 111
    assert table.current.text == "w77"
    table.set_text("")
    table.sortByColumn(1, Qt.SortOrder.AscendingOrder)
    first = table.words.word(0)
    assert first is not None
    assert first.text == "w9999"
    table.grab()


def test_unknown_figures_come_last_and_few_uses_are_marked(qtbot: QtBot) -> None:
    table = WordTable()
    qtbot.addWidget(table)
    table.resize(360, 200)
    table.set_words((word("rare", 3), word("sure", 30, 0.8), word("odd", 12, -0.2)))
    for order in (Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder):
        table.sortByColumn(2, order)
        last = table.words.word(2)
        assert last is not None
        assert last.text == "rare"
    tips = table.words.index(2, 1).data(Qt.ItemDataRole.ToolTipRole)
    assert "Used 3 times: a guess" in tips
    assert "Used" not in table.words.index(0, 1).data(Qt.ItemDataRole.ToolTipRole)


def test_chips_show_what_fits(qtbot: QtBot) -> None:
    chips = Chips("Known word")
    qtbot.addWidget(chips)
    chips.resize(240, 28)
    chips.show()
    chips.set_words([f"a long word {index}" for index in range(9)])
    assert 0 < len(chips.words) < 4


# ---------------------------------------------------------------- files


@pytest.mark.parametrize("ending", ["csv", "json"])
def test_descriptions_go_out_and_come_back(
    steering: MainWindow, qtbot: QtBot, tmp_path: Path, ending: str
) -> None:
    page = described(steering, qtbot)
    state = steering.document.state
    path = tmp_path / f"words.{ending}"
    assert page.files.write(str(path))
    if ending == "csv":
        assert path.read_text("utf-8").startswith("d_id,annotation")
        assert path.with_suffix(".npy").is_file()
    assert page.files.read(str(path))
    assert steering.document.state == state, "a second reading adds nothing"
    steering.document.undo_stack.setIndex(0)
    assert steering.document.state.annotations == ()
    drop(page, path) if ending == "csv" else page.files.read(str(path))
    now = steering.document.state
    assert [note.text for note in now.annotations] == [note.text for note in state.annotations]
    assert [note.flipped for note in now.annotations] == [n.flipped for n in state.annotations]
    assert {pair.key for pair in now.pairs} == {note.pair for note in state.annotations}
    assert "6 descriptions" in page.note.text()


def drop(page: VocabularyPage, path: Path) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    event = QDropEvent(
        QPointF(50, 50), Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )  # fmt: skip
    page.dropEvent(event)
    assert event.isAccepted()


def test_descriptions_of_others_without_names_are_all_kept(
    steering: MainWindow, tmp_path: Path
) -> None:
    """The released format: several rows a step, nobody's name, no time."""
    page = page_of(steering)
    info = steering.document.info
    assert info is not None
    steps = np.random.RandomState(0).randn(3, info.w_dim).astype(np.float32)
    np.save(tmp_path / "ds.npy", steps)
    path = tmp_path / "annotations.csv"
    path.write_text("d_id,annotation\n0,darker\n0,gloomy\n0,dark\n1,trees\n2,snow\n", "utf-8")
    assert page.files.read(str(path))
    notes = steering.document.state.annotations
    assert len(notes) == 5
    assert len({(note.pair, note.annotator, note.created) for note in notes}) == 5
    assert page.book.names == ("me",)
    assert page.describe.count.text() == "0 of 3 described by me"


def test_a_file_that_is_none_is_refused_in_a_sentence(
    steering: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    page = page_of(steering)
    for name, text in (
        ("a.csv", "seed,label\n1,more\n"), ("b.json", "[1, 2"), ("c.csv", ""), ("d.json", "{}"),
    ):  # fmt: skip
        path = tmp_path / name
        path.write_text(text, "utf-8")
        with qtbot.waitSignal(page.failed) as said:
            assert not page.files.read(str(path))
        assert said.args is not None
        assert str(said.args[0]).endswith(".")
    assert not page.files.read(str(tmp_path / "missing.csv"))
    assert steering.document.state.annotations == ()
