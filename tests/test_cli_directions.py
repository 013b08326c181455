"""`lodestone directions discover`, and what it finds in `render --direction`, end to end."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.cli import main
from engine.codec import from_json, to_json
from engine.messages import Direction, Edit, LatentPart, SteerRequest, Vector
from engine.steer.directions import sefa
from engine.steer.render import render
from tests import small

root = Path(__file__).parents[1]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "zu Hause"
    small.info()
    shutil.copytree(small.folder(), path / "models")
    monkeypatch.setenv("LODESTONE_HOME", str(path))
    return path


def run(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    code = main([str(word) for word in words])
    streams = capsys.readouterr()
    return code, streams.out, streams.err


def pixels(
    capsys: pytest.CaptureFixture[str], folder: Path, *words: str | Path
) -> tuple[np.ndarray, str]:
    """Seed 2, as floats; or the sentence of why not."""
    code, out, error = run(
        capsys, "render", "small", "--seeds", "2", "--format", "npy", "-o", folder, "--json", *words
    )
    return (np.load(json.loads(out)["path"]) if code == 0 else np.zeros(0)), error


def picture(*edits: Edit) -> np.ndarray:
    request = SteerRequest(small.info().id, (LatentPart(seed=2),), edits=edits)
    return render(request, small.runtime())


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (("--method", "sefa"), 3),
        (("--method", "pca", "--samples", "300"), 3),
        (("--method", "pca", "--space", "s", "--samples", "300", "--class", "tomato"), 3),
        (("--method", "pca", "--space", "a", "--layer", "b8.conv1", "--samples", "60"), 3),
        (("--method", "selective", "--layer", "b8.conv1", "--criterion", "plain"), 3),
        (("--method", "styles", "--layer", "b16.conv1"), 3),
    ],
)
def test_found_and_drawn(
    words: tuple[str, ...],
    count: int,
    home: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "meine Richtungen.json"
    code, out, error = run(
        capsys, "directions", "discover", "small", *words, "--count", str(count), "-o", file,
        "--json",
    )  # fmt: skip
    assert (code, error) == (0, "")
    told = json.loads(out)
    assert (told["path"], told["model"]) == (str(file), small.info().id)
    found = from_json(file.read_bytes())
    assert [one["name"] for one in told["directions"]] == [one.name for one in found]
    assert len(found) == count
    array, error = pixels(capsys, tmp_path / "out", "--direction", f"{file}#2=1.5")
    assert error == ""
    np.testing.assert_allclose(array, picture(Edit(found[1], 1.5)), atol=1e-4)
    assert np.abs(array - picture()).max() > 1e-4


def test_in_a_process_of_its_own(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "found.json"
    done = subprocess.run(
        [sys.executable, "-m", "app", "directions", "discover", "small", "--method", "selective",
         "--layer", "b8.conv0", "-o", str(file)],
        capture_output=True, text=True, cwd=root, check=False,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"4 directions: {file}\n"
    assert len(from_json(file.read_bytes())) == 4


def test_one_of_several_by_number_and_name(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [replace(one, name=name) for one, name in zip(
        sefa(small.runtime(), count=3), ("Rounder", "a=b", "7"), strict=True)]  # fmt: skip
    file = tmp_path / "several.json"
    file.write_text(to_json(found), "utf-8")
    ways = (("#1", 0), ("#rounder", 0), ("#name=Rounder", 0), ("#a=b", 1), ("#7", 2), ("#3", 2))
    for mark, index in ways:
        array, error = pixels(capsys, tmp_path / "out", "--direction", f"{file}{mark}=-2")
        assert error == ""
        np.testing.assert_allclose(array, picture(Edit(found[index], -2.0)), atol=1e-4)
    for mark, words in (("", "holds 3 directions"), ("#4", "no direction '4'"), ("#x", "2 a=b")):
        _, error = pixels(capsys, tmp_path / "out", "--direction", f"{file}{mark}=1")
        assert words in error
    odd = tmp_path / "sharp#1.json"
    odd.write_text(to_json(found[1]), "utf-8")
    array, _ = pixels(capsys, tmp_path / "out", "--direction", f"{odd}=1")
    np.testing.assert_allclose(array, picture(Edit(found[1], 1.0)), atol=1e-4)


def test_directions_of_another_generator(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stranger = Direction("spiky", "w", Vector.of(np.eye(20)[1]), 9.0, model="f" * 64)
    file = tmp_path / "spiky.json"
    file.write_text(to_json(stranger), "utf-8")
    _, error = pixels(capsys, tmp_path / "out", "--direction", f"{file}=1")
    assert "spiky was made with another generator (ffffffff)" in error
    assert "--transfer" in error
    array, error = pixels(capsys, tmp_path / "out", "--direction", f"{file}=1", "--transfer")
    assert error == ""
    assert np.abs(array - picture()).max() > 1e-4
    assert np.abs(array - picture(Edit(stranger, 1.0))).max() > 1e-4  # σ was measured anew
    wide = replace(stranger, vector=Vector.of(np.eye(512)[1]))
    file.write_text(to_json(wide), "utf-8")
    for more in ((), ("--transfer",)):
        _, error = pixels(capsys, tmp_path / "out", "--direction", f"{file}=1", *more)
        assert "does not fit small" in error


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--method", "selective", "--layer", "b8.con1"), "The nearest are b8.conv1"),
        (("--method", "pca", "--count", "0"), "1 to 20"),
        (("--method", "pca", "--count", "400"), "1 to 20"),
        (("--method", "pca", "--space", "a"), "Say whose activations"),
        (("--method", "pca", "--class", "pear"), "no class 'pear'"),
        (("--method", "pca", "--samples", "9"), "too few"),
    ],
)
def test_what_cannot_be_found_is_a_sentence(
    words: tuple[str, ...],
    sentence: str,
    home: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "a.json"
    code, out, error = run(capsys, "directions", "discover", "small", *words, "-o", file)
    assert (code, out) == (1, "")
    assert sentence in error
    assert not file.exists()


@pytest.mark.parametrize(
    "words", [("--method", "magic"), ("--method", "pca", "--space", "z"), (), ("--seed", "x")]
)
def test_what_is_not_understood(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["directions", "discover", "small", *words, "-o", "a.json"])
    assert left.value.code == 2
    assert "usage" in capsys.readouterr().err
