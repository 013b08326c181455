"""`lodestone picture …` on a small picture, end to end."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.cli import main
from app.cli_picture import parse_size
from engine.codec import from_json
from engine.messages import PictureRecipe
from tests.test_patches import hole, landscape


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "mein Bild.png"
    Image.fromarray(((landscape() + 1) * 127.5).astype(np.uint8)).save(path)
    return path


def mask(folder: Path, values: np.ndarray) -> Path:
    Image.fromarray((values * 255).astype(np.uint8)).save(folder / "mask.png")
    return folder / "mask.png"


def run(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    code = main([str(word) for word in ("picture", *words)])
    streams = capsys.readouterr()
    return code, streams.out, streams.err


def files(capsys: pytest.CaptureFixture[str], *words: str | Path) -> list[np.ndarray]:
    code, out, error = run(capsys, *words, "--json")
    assert code == 0, error
    return [np.asarray(Image.open(path)) for path in json.loads(out)["files"]]


def test_samples_of_a_size_that_remember_their_recipe(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words = ("sample", photo, "-n", "2", "--size", "90x40", "--seed", "5", "-o", out)
    first, second = files(capsys, *words)
    assert first.shape == second.shape == (40, 90, 3)
    assert not np.array_equal(first, second)
    assert sorted(p.name for p in out.iterdir()) == [
        "mein Bild-sample-5.png",
        "mein Bild-sample-6.png",
    ]
    with Image.open(out / "mein Bild-sample-6.png") as image:
        recipe = from_json(image.info["lodestone"])
    assert recipe == PictureRecipe(str(photo), seed=6, width=90, height=40)
    again = files(capsys, *words[:-1], tmp_path / "again")
    assert np.array_equal(first, again[0])


def test_completions(photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = mask(tmp_path, hole())
    found = files(capsys, "complete", photo, "--mask", path, "-n", "2", "-o", tmp_path / "out")
    outside = hole() == 0
    original = np.asarray(Image.open(photo))
    assert all(np.array_equal(answer[outside], original[outside]) for answer in found)
    assert not np.array_equal(*found)


def test_enlarging(photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (large,) = files(capsys, "upscale", photo, "--scale", "1.5", "-o", tmp_path / "out")
    assert large.shape == (90, 120, 3)
    back = np.asarray(Image.fromarray(large).resize((80, 60), Image.Resampling.BICUBIC), float)
    assert np.sqrt(np.mean((back - (landscape() + 1) * 127.5) ** 2)) < 6
    code, _, error = run(capsys, "upscale", photo, "--scale", "9", "-o", tmp_path / "out")
    assert code != 0
    assert "above 1 to 8" in error


def test_composites(photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    naive = np.array(Image.open(photo))
    naive[22:40, 30:52] = [240, 20, 220]
    Image.fromarray(naive).save(tmp_path / "naive.png")
    path, out = mask(tmp_path, hole()), tmp_path / "out"
    words = (tmp_path / "naive.png", "--mask", path, "-o", out)
    (harmonised,) = files(capsys, "harmonize", *words, "--background", photo)
    (edited,) = files(capsys, "edit", *words, "--source", photo)
    (painted,) = files(capsys, "paint", tmp_path / "naive.png", "--source", photo, "-o", out)
    assert harmonised.shape == edited.shape == painted.shape == naive.shape
    for result in (harmonised, edited):
        assert np.array_equal(result[:, :24], naive[:, :24])
        assert not np.array_equal(result, naive)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("sample", "none.png"), "There is no file none.png"),
        (("sample", "{photo}", "-n", "0"), "No pictures were asked for"),
        (("sample", "{photo}", "--engine", "pyramid"), "no trained pyramid"),
        (("complete", "{photo}", "--mask", "{nothing}"), "covers nothing"),
        (("complete", "{photo}", "--mask", "{all}"), "covers the whole"),
        (("complete", "{photo}", "--mask", "{other}"), "another shape"),
        (("complete", "{photo}", "--mask", "none.png"), "There is no file none.png"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    words: tuple[str, ...],
    sentence: str,
    photo: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    masks = {"nothing": np.zeros((60, 80)), "all": np.ones((60, 80)), "other": np.ones((80, 20))}
    names = {"photo": photo}
    for name, values in masks.items():
        (tmp_path / name).mkdir()
        names[name] = mask(tmp_path / name, values)
    code, out, error = run(capsys, *(w.format(**names) for w in words), "-o", tmp_path / "out")
    assert (code, out) == (1, "")
    assert sentence in error
    assert "Traceback" not in error


def test_an_output_that_is_a_file(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, error = run(capsys, "sample", photo, "-n", "1", "-o", photo)
    assert code == 1
    assert "could not be written" in error


def test_sizes() -> None:
    assert parse_size("500x250") == parse_size("500 × 250") == (500, 250)
    for text in ("500", "0x5", "ax4", "5x", "-5x4"):
        with pytest.raises(ValueError, match="WIDTHxHEIGHT"):
            parse_size(text)
