"""`lodestone picture train`, `animate` and `blend`, from the words to the files."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from app.cli import main
from models.files import read_card
from tests.test_pyramid import make


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LODESTONE_HOME", str(tmp_path / "home"))


def facts(capsys: pytest.CaptureFixture[str], *words: object) -> dict:
    assert main(["picture", *map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def drawn(path: str) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"), np.float32)


def test_train_then_animate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (18, 24, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    told = facts(
        capsys, "train", tmp_path / "a.png", "--budget", 0.5, "--longest", 24, "--device", "cpu",
        "-o", tmp_path / "m",
    )  # fmt: skip
    card = read_card(told["path"])
    assert card.architecture == "pyramid"
    assert card.class_names == ("a",)
    film = tmp_path / "loop.mp4"
    facts(capsys, "animate", tmp_path / "m", "--seconds", 1, "--fps", 6, "-o", film)
    with av.open(str(film)) as container:
        assert len(list(container.decode(video=0))) == 6


def test_blend_by_map_morph_and_texture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = make(tmp_path / "pair.safetensors", 2)
    morph = facts(capsys, "blend", model, "--morph", 3, "-o", tmp_path / "morph")["files"]
    assert len(morph) == 3
    assert [drawn(path).shape for path in morph] == [(24, 32, 3)] * 3
    Image.new("L", (8, 8), 0).save(tmp_path / "black.png")
    black = facts(
        capsys, "blend", model, "--map", tmp_path / "black.png", "-n", 1, "-o", tmp_path / "map"
    )["files"]
    assert np.array_equal(drawn(black[0]), drawn(morph[0]))
    fused = facts(
        capsys, "blend", model, "--structure", "a", "--texture", "2", "-n", 1,
        "-o", tmp_path / "fused",
    )["files"]  # fmt: skip
    assert not np.array_equal(drawn(fused[0]), drawn(morph[0]))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--structure", "a"), "belong together"),
        (("--structure", "x", "--texture", "b"), "does not know x"),
    ],
)
def test_blends_that_cannot_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], sentence: str
) -> None:
    model = make(tmp_path / "pair.safetensors", 2)
    assert main(["picture", "blend", str(model), *words, "-o", str(tmp_path / "o")]) != 0
    assert sentence in capsys.readouterr().err


def test_one_picture_has_nothing_to_blend_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = make(tmp_path / "one.safetensors")
    assert main(["picture", "blend", str(model), "-o", str(tmp_path / "o")]) != 0
    assert "two to four pictures" in capsys.readouterr().err
