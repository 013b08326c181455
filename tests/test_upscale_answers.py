"""What the window is answered: plain at once, then by the model; strength for nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from engine.messages import (
    LodestoneError,
    UpscaleQuestion,
    UpscaleReply,
    UpscaleSettings,
    UpscaleSource,
    UpscaleSourceQuestion,
)
from engine.studio import Studio
from engine.upscale import answers
from engine.upscale.enlarge import enlarge
from engine.upscale.opened import Upscaler, open_upscaler
from engine.upscale.tiles import Tile
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


def test_pieces_come_from_the_middle_and_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "large.png"
    Image.fromarray(bytes_of(photo(330, 490))).save(path)
    asked = UpscaleQuestion(str(path), UpscaleSettings(model=str(tiny_upscaler(tmp_path))))
    made: list[Tile] = []
    real = answers._made

    def counted(pixels: np.ndarray, upscaler: Upscaler, settings: UpscaleSettings, tile: Tile):  # noqa: ANN202
        made.append(tile)
        return real(pixels, upscaler, settings, tile)

    monkeypatch.setattr(answers, "_made", counted)
    before, last = ask(replace(asked, left=160, top=0, width=320, height=330, bare=True))
    assert made[0] in (Tile(160, 160, 160, 160), Tile(160, 320, 160, 160))
    assert len(made) == 6
    assert last.picture is last.plain
    pieces = [reply for reply in before[1:] if reply is not None]
    whole = last.picture.array()
    covered = np.zeros(whole.shape[:2], bool)
    for piece in pieces:
        assert piece.piece
        h, w = piece.picture.height, piece.picture.width
        box = slice(piece.top, piece.top + h), slice(piece.left, piece.left + w)
        assert np.array_equal(whole[box], piece.picture.array())
        covered[box] = True
    assert covered.all()
    # Moved: only what is new is computed, and what is known comes first.
    made.clear()
    before, _ = ask(replace(asked, left=80, top=0, width=320, height=330))
    assert {tile.left for tile in made} == {0}
    first = before[1]
    assert first is not None
    assert first.left == 3 * 80


def test_what_a_source_is(tmp_path: Path) -> None:
    Image.fromarray(np.full((40, 60), 40_000, np.uint16)).save(tmp_path / "deep.png")
    found = look(UpscaleSourceQuestion(str(tmp_path / "deep.png"), longest=30))
    assert (found.width, found.height, found.bits, found.channels) == (60, 40, 16, 1)
    assert (found.picture.width, found.picture.height, found.frames) == (30, 20, 1)
    assert np.abs(found.picture.array()[..., :3].astype(int) - 156).max() <= 1
    with pytest.raises(LodestoneError, match="There is no file"):
        look(UpscaleSourceQuestion(str(tmp_path / "none.png")))


def test_frames(question: UpscaleQuestion, tmp_path: Path) -> None:
    greys = [Image.new("L", (12, 8), level) for level in (0, 90, 200)]
    gif = tmp_path / "a.gif"
    greys[0].save(gif, save_all=True, append_images=greys[1:])
    for index, level in ((0, 0), (1, 90), (2, 200), (9, 200)):
        found = look(UpscaleSourceQuestion(str(gif), index))
        assert found.frames == 3
        assert np.abs(found.picture.array()[..., :3].astype(int) - level).max() <= 2
        _, last = ask(replace(question, source=str(gif), frame=index, left=0, top=0))
        assert np.abs(last.plain.array()[..., :3].astype(int) - level).max() <= 3
    path = film(tmp_path / "a.mp4")
    count = look(UpscaleSourceQuestion(str(path))).frames
    with av.open(str(path)) as source:
        frames = [frame.to_ndarray(format="rgb24") for frame in source.decode(video=0)]
    assert count == len(frames) > 2
    for index in (0, 1, count // 2, count - 1, count + 9):
        found = look(UpscaleSourceQuestion(str(path), index)).picture.array()[..., 2::-1]
        assert np.abs(found.astype(int) - frames[min(index, count - 1)]).mean() < 2


def look(question: UpscaleSourceQuestion) -> UpscaleSource:
    work = Studio("cpu").answer(question)
    while True:
        try:
            next(work)
        except StopIteration as done:
            return done.value
