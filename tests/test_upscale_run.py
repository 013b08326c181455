"""`lodestone upscale` and its jobs, end to end on small pictures."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.cli import main
from app.cli_upscale import joined, parse_tile
from app.jobs import title
from engine.codec import from_json, to_json
from engine.messages import LodestoneError, UpscaleRequest, UpscaleSettings, UpscaleTrainRequest
from engine.progress import Cancelled, Progress, Report
from engine.upscale.run import NOTE
from engine.upscale.shelf import find, names
from engine.worker import run_job
from tests.upscalers import bytes_of, photo, tiny_upscaler


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LODESTONE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_upscaler(tmp_path_factory.mktemp("model"))


@pytest.fixture
def settings(model: Path) -> UpscaleSettings:
    return UpscaleSettings(model=str(model))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Mixed pictures; one is damaged."""
    inside = tmp_path / "Bilder ä"
    (inside / "sub").mkdir(parents=True)
    Image.fromarray(bytes_of(photo())).save(inside / "a.jpg")
    Image.fromarray(bytes_of(photo(20, 30, 4))).save(inside / "b.png")
    Image.fromarray(bytes_of(photo(20, 30))).save(inside / "sub" / "c.webp")
    Image.fromarray(bytes_of(photo(9, 9))).save(inside / "a.tif")
    (inside / "broken.png").write_bytes(b"nothing")
    (inside / "words.txt").write_text("no picture")
    return inside


def cli(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    code = main([str(word) for word in words])
    streams = capsys.readouterr()
    return code, streams.out, streams.err


def inside(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_a_folder_becomes_a_folder_of_png(
    folder: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "broken.png").unlink()
    out = tmp_path / "out"
    code, said, error = cli(capsys, "upscale", folder, "--model", model, "-o", out, "--json")
    assert code == 0, error
    assert json.loads(said) == {"path": str(out)}
    assert inside(out) == ["a.png", "a.tif.png", "b.png", "sub/c.png"] or inside(out) == [
        "a.jpg.png", "a.png", "b.png", "sub/c.png"]  # fmt: skip
    with Image.open(out / "b.png") as image:
        assert (image.size, image.mode) == ((90, 60), "RGBA")


def test_a_failed_file_is_said_and_the_rest_goes_on_and_resumes(
    folder: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words = ("upscale", folder, "--model", model, "-o", out, "--format", "same")
    code, _, error = cli(capsys, *words)
    assert code == 1
    assert "1 of 5 could not be enlarged. broken.png is not a picture" in error
    assert "Traceback" not in error
    made = ["a.jpg", "a.tif.tif", "b.png", "sub/c.webp"]
    made = [n for n in inside(out) if n != NOTE]
    assert len(made) == 4
    before = {name: (out / name).stat().st_mtime_ns for name in made}
    (folder / "broken.png").write_bytes((folder / "b.png").read_bytes())
    os.utime(folder / "b.png", ns=(1, 1))
    code, _, error = cli(capsys, *words)
    assert code == 0, error
    after = {name: (out / name).stat().st_mtime_ns for name in made}
    # What was finished was left alone, but for the source that has changed.
    assert {name for name in made if before[name] != after[name]} == {"b.png"}
    assert NOTE not in inside(out)
    assert (out / "broken.png").is_file()


def test_cancelling_keeps_what_is_finished(
    folder: Path, settings: UpscaleSettings, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    progress = Progress()

    def stop(report: Report) -> None:
        if dict(report.figures).get("done") == 2:
            progress.cancel()

    progress._report = stop
    request = UpscaleRequest((str(folder),), str(out), settings)
    with pytest.raises(Cancelled):
        run_job(request, progress)
    finished = [name for name in inside(out) if name != NOTE]
    assert len(finished) == 2
    assert not [name for name in inside(out) if name.endswith(".part")]
    skipped = replace(request, skip=(str(folder / "broken.png"),))
    seen: list[Report] = []
    assert run_job(skipped, Progress(seen.append)) == str(out)
    assert dict(seen[-1].figures) == {"done": 4, "failed": 0, "of": 4}
    assert len(inside(out)) == 4


def test_one_file_to_one_file(
    folder: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, kind in (
        ("x.webp", "WEBP"),
        ("x.jpg", "JPEG"),
        ("x.avif", "AVIF"),
    ):
        out = tmp_path / "new" / name
        words = ("--scale", "2.5", "--tile", "32", "--wrap", "--strength", "0.7", "-o", out)
        code, said, error = cli(capsys, "upscale", folder / "b.png", "--model", model, *words)
        assert code == 0, error
        assert str(out) in said
        with Image.open(out) as image:
            assert (image.size, image.format) == ((75, 50), kind)


def test_what_cannot_be_done_is_one_sentence(
    folder: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = folder / "b.png", tmp_path / "out"
    before = source.read_bytes()
    for words, sentence in (
        ((source, "-o", source), "overwritten by its own"),
        ((source, "-o", folder), "overwritten by its own"),
        ((tmp_path / "none.png", "-o", out), "There is no file"),
        ((source, "-o", out, "--scale", "20"), "1 to 8"),
        ((source, "-o", out, "--model", "nonsense"), "no upscaler nonsense"),
        ((source, "-o", tmp_path / "a.mp4"), "cannot"),
        ((tmp_path / "home2", "-o", out), "There is no file"),
    ):
        chosen = () if "--model" in words else ("--model", model)
        code, _, error = cli(capsys, "upscale", *words, *chosen)
        assert (code, "Traceback" in error) == (1, False), words
        assert sentence in error
    assert source.read_bytes() == before
    (tmp_path / "bare").mkdir()
    code, _, error = cli(capsys, "upscale", tmp_path / "bare", "--model", model, "-o", out)
    assert (code, "nothing to enlarge" in error) == (1, True)


def test_a_folder_where_nothing_may_be_written(
    folder: Path, settings: UpscaleSettings, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    request = UpscaleRequest((str(folder),), str(tmp_path / "file" / "out"), settings)
    with pytest.raises(LodestoneError, match="Nothing can be written"):
        run_job(request, Progress())


def test_very_wide_pictures(settings: UpscaleSettings, tmp_path: Path) -> None:
    wide = np.tile(np.arange(30_000) % 251, (3, 1)).astype(np.uint8)
    Image.fromarray(wide).save(tmp_path / "wide.png")
    made = run_job(
        UpscaleRequest((str(tmp_path / "wide.png"),), str(tmp_path / "out"), settings), Progress()
    )
    with Image.open(made) as image:
        assert image.size == (90_000, 9)
    jpg = UpscaleRequest(
        (str(tmp_path / "wide.png"),), str(tmp_path / "out"), settings, format="jpg"
    )
    with pytest.raises(LodestoneError, match="at most 65,535"):
        run_job(jpg, Progress())


def test_requests_travel_and_have_titles(settings: UpscaleSettings) -> None:
    request = UpscaleRequest(("/x/a.png",), "/y", settings, "tiff", 90, ("/x/b.png",))
    train = UpscaleTrainRequest("/x", "/y/mine.safetensors", base="/z")
    assert from_json(to_json(request)) == request
    assert from_json(to_json(train)) == train
    assert title(request) == "Enlarge a.png"
    assert title(replace(request, sources=("a", "b"))) == "Enlarge 2 files"
    assert title(train) == "Fit mine.safetensors"
    assert title(replace(train, base="", name="Mine")) == "Train Mine"


def test_words() -> None:
    assert joined(["upscale", "train", "x"]) == ["upscale train", "x"]
    assert joined(["upscale", "./train", "x"]) == ["upscale", "./train", "x"]
    assert joined(["models"]) == ["models"]
    assert (parse_tile("auto"), parse_tile("64")) == (0, 64)
    for text in ("0", "-8", "large"):
        with pytest.raises(ValueError, match="a tile is auto"):
            parse_tile(text)


def test_adding_an_upscaler_and_using_it_by_name(
    folder: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said, error = cli(capsys, "models", "add", model, "--name", "my own", "--json")
    assert code == 0, error
    assert json.loads(said)["name"] == "my own"
    assert "my own" in names()
    assert find("my own", 3).is_file()
    words = ("upscale", folder / "b.png", "--model", "my own", "-o", tmp_path / "x.png")
    assert cli(capsys, *words)[0] == 0
    assert cli(capsys, "models", "--json")[0] == 0
