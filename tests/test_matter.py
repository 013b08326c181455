"""Where the matter of a made picture comes from."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.messages import LodestoneError, MatterQuestion, MatterReply, Picture
from engine.picture.matter import nearest_patches, squared_gaps


def asked(question: MatterQuestion) -> MatterReply:
    work = nearest_patches(question)
    while True:
        try:
            next(work)
        except StopIteration as done:
            return done.value


@pytest.fixture
def photo(tmp_path: Path) -> tuple[str, np.ndarray]:
    pixels = np.random.default_rng(4).integers(0, 255, (60, 80, 3), np.uint8)
    path = tmp_path / "photo.png"
    Image.fromarray(pixels).save(path)
    return str(path), pixels


def cut(pixels: np.ndarray, left: int, top: int, side: int) -> Picture:
    part = pixels[top : top + side, left : left + side, ::-1]
    return Picture.of(np.dstack([part, np.full(part.shape[:2], 255, np.uint8)]))


def test_a_cutting_is_found_where_it_was(photo: tuple[str, np.ndarray]) -> None:
    path, pixels = photo
    reply = asked(MatterQuestion(path, cut(pixels, 33, 20, 11), count=4))
    assert reply.places[0] == (33, 20)
    assert reply.distances[0] < 1e-3
    assert reply.distances == tuple(sorted(reply.distances))
    assert len(reply.places) == 4
    for a, one in enumerate(reply.places):
        for other in reply.places[:a]:
            assert max(abs(one[0] - other[0]), abs(one[1] - other[1])) > 5
    assert (reply.pictures[0].array()[..., :3] == pixels[20:31, 33:44, ::-1]).all()


def test_the_gaps_are_those_of_comparing_every_place() -> None:
    random = np.random.default_rng(0)
    source = random.uniform(-1, 1, (12, 15, 3)).astype(np.float32)
    patch = random.uniform(-1, 1, (5, 4, 3)).astype(np.float32)
    plain = [
        [((source[y : y + 5, x : x + 4] - patch) ** 2).sum() for x in range(12)] for y in range(8)
    ]
    assert np.allclose(squared_gaps(source, patch), plain, atol=1e-4)


def test_a_cutting_larger_than_the_source_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "small.png"
    Image.new("RGB", (12, 12)).save(path)
    with pytest.raises(LodestoneError, match="larger than the source"):
        asked(MatterQuestion(str(path), cut(np.zeros((20, 20, 3), np.uint8), 0, 0, 20)))
