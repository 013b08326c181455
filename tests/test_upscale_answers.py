"""What the window is answered: plain at once, then by the model; strength for nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.messages import LodestoneError, UpscaleQuestion, UpscaleReply, UpscaleSettings
from engine.studio import Studio
from engine.upscale.enlarge import enlarge
from engine.upscale.opened import open_upscaler
from tests.test_upscale_moving import film
from tests.upscalers import bytes_of, photo, tiny_upscaler


@pytest.fixture
def question(tmp_path: Path) -> UpscaleQuestion:
    path = tmp_path / "a.png"
    Image.fromarray(bytes_of(photo(200, 230))).save(path)
    settings = UpscaleSettings(model=str(tiny_upscaler(tmp_path)))
    return UpscaleQuestion(str(path), settings, 13, 21, 180, 90)


def ask(question: UpscaleQuestion) -> tuple[list[UpscaleReply | None], UpscaleReply]:
    work = Studio("cpu").answer(question)
    before: list[UpscaleReply | None] = []
    while True:
        try:
            reply = next(work)
            assert reply is None or isinstance(reply, UpscaleReply)
            before.append(reply)
        except StopIteration as done:
            return before, done.value


def whole(question: UpscaleQuestion) -> np.ndarray:
    picture = np.asarray(Image.open(question.source))
    return enlarge(picture, open_upscaler(question.settings), question.settings)


def test_the_visible_part_is_the_same_as_in_the_file(question: UpscaleQuestion) -> None:
    before, last = ask(question)
    assert before[0] is not None
    assert before[0].picture == before[0].plain == last.plain
    assert before[1:]
    assert (last.picture.width, last.picture.height) == (540, 270)
    assert "ONNX Runtime" in last.provider
    expected = whole(question)[63 : 63 + 270, 39 : 39 + 540]
    shown = last.picture.array()[..., 2::-1]
    assert np.abs(shown.astype(int) - expected).max() <= 1
    assert last.picture != last.plain


def test_another_strength_asks_the_model_nothing(question: UpscaleQuestion) -> None:
    ask(question)
    for strength in (0.5, 1.5):
        other = replace(question, settings=replace(question.settings, strength=strength))
        before, last = ask(other)
        assert not before
        expected = whole(other)[63 : 63 + 270, 39 : 39 + 540]
        assert np.abs(last.picture.array()[..., 2::-1].astype(int) - expected).max() <= 1


def test_parts_beyond_the_picture_and_all_of_it(question: UpscaleQuestion) -> None:
    _, last = ask(replace(question, left=500, top=-3, width=50, height=9_999))
    assert (last.picture.width, last.picture.height) == (3, 600)
    everything = UpscaleQuestion(question.source, replace(question.settings, scale=1.5))
    _, last = ask(everything)
    assert (last.picture.width, last.picture.height) == (345, 300)


def test_a_film_shows_its_first_frame(question: UpscaleQuestion, tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4")
    _, last = ask(UpscaleQuestion(str(path), question.settings))
    assert (last.picture.width, last.picture.height) == (195, 129)
    (tmp_path / "noise.mp4").write_bytes(b"nothing")
    for name, words in (("noise.mp4", "not a film"), ("none.mkv", "There is no file")):
        with pytest.raises(LodestoneError, match=words):
            ask(UpscaleQuestion(str(tmp_path / name), question.settings))


def test_what_cannot_be_answered(question: UpscaleQuestion, tmp_path: Path) -> None:
    wide = tmp_path / "wide.png"
    Image.new("L", (9000, 900)).save(wide)
    for changed, words in (
        (replace(question, source=""), "No picture was chosen"),
        (replace(question, source=str(tmp_path / "none.png")), "There is no file"),
        (replace(question, source=str(wide), width=0, height=0), "too many to look at"),
        (replace(question, settings=replace(question.settings, model="x")), "no upscaler x"),
    ):
        with pytest.raises(LodestoneError, match=words):
            ask(changed)
