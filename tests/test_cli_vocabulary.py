"""`lodestone vocabulary` and `render --say`, in this process, on a real generator."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from app.cli import main
from engine.codec import from_json, to_json
from engine.messages import Annotation, Edit, LatentPart, SteerRequest, Vector, Vocabulary
from engine.messages import Direction as Axis
from engine.project import Project
from engine.steer.pairs import make_pair
from engine.steer.render import render
from engine.steer.words import say
from tests import small
from tests.tiny import tiny_card

Run = Callable[..., tuple[int, str, str]]
said = ("rounder, red", "less red", "foggier", "rounder", "foggier, rounder", "")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("zu Hause")
    small.info()
    shutil.copytree(small.folder(), path / "models")
    tiny_card(path / "models" / "tiny.safetensors")
    return path


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv("LODESTONE_HOME", str(home))

    def run(*words: str | Path) -> tuple[int, str, str]:
        try:
            code = main([str(word) for word in words])
        except SystemExit as stop:
            code = int(stop.code or 0)
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project in which somebody described six steps."""
    made = Project.create(tmp_path / "Wörter")
    info = small.info()
    for index, text in enumerate(said):
        vector = np.eye(info.w_dim)[index % 3]
        axis = Axis(f"axis {index % 3}", "w", Vector.of(vector), 1.5, model=info.id)
        pair = make_pair(axis, SteerRequest(info.id, (LatentPart(seed=index),)))
        made.set_record("pair", pair.key, pair)
        note = Annotation(pair.key, text, "Ada", created=float(index))
        made.set_record("annotation", f"{index}", note)
    made.close()
    return made.path


@pytest.fixture
def fitted(run: Run, project: Path, tmp_path: Path) -> Path:
    path = tmp_path / "words.json"
    assert run("vocabulary", "fit", project, "-o", path)[::2] == (0, "")
    return path


def words(path: Path) -> Vocabulary:
    found = from_json(path.read_bytes())
    assert isinstance(found, Vocabulary)
    return found


def bad(result: tuple[int, str, str]) -> str:
    code, out, err = result
    assert (code, out) == (1, "")
    assert err.startswith("lodestone: ")
    assert err.count("\n") == 1
    return err


def test_fit_a_project(run: Run, project: Path, tmp_path: Path) -> None:
    path, table = tmp_path / "v.json", tmp_path / "out.csv"
    code, out, err = run(
        "vocabulary", "fit", project, "-o", path, "--csv", table, "--ridge", "5", "--json"
    )
    assert (code, err) == (0, "")
    facts = json.loads(out)
    assert {one["word"]: one["count"] for one in facts["words"]} == {
        "round": 3, "foggy": 2, "red": 2,
    }  # fmt: skip
    assert (facts["annotations"], facts["model"]) == (6, small.info().id)
    assert words(path).ridge == 5.0
    assert (tmp_path / "out.npy").exists()
    # What was written is read again, and means the same.
    again = tmp_path / "again.json"
    code, out, err = run(
        "vocabulary", "fit", table, "--model", "small", "-o", again, "--ridge", "5"
    )
    assert (code, err) == (0, "")
    assert "3 words from 6 descriptions, 0 of them used 10 times or more" in out
    for one, other in zip(words(path).words, words(again).words, strict=True):
        assert one.text == other.text
        np.testing.assert_allclose(
            one.direction.vector.array(), other.direction.vector.array(), atol=1e-5
        )


def test_show(run: Run, fitted: Path) -> None:
    code, out, err = run("vocabulary", "show", fitted)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split() == ["word", "count", "reliability", "transfer", "written", "as"]
    assert lines[1].split()[:2] == ["round", "3?"]
    assert lines[1].endswith("rounder")
    assert "guess" in lines[-1]
    code, out, err = run("vocabulary", "show", fitted, "--json")
    assert [one["word"] for one in json.loads(out)["words"]] == ["round", "foggy", "red"]


def test_say_draws_what_it_says(run: Run, fitted: Path, project: Path, tmp_path: Path) -> None:
    line = "foggier, 2*round - red"
    for index, source in enumerate((fitted, project)):
        out = tmp_path / f"out{index}"
        code, _, err = run(
            "render", "small", "--seeds", "5", "--say", line, "--vocabulary", source,
            "--amount", "1.5", "--format", "npy", "-o", out,
        )  # fmt: skip
        assert (code, err) == (0, "")
        direction = say(words(fitted), line)
        request = SteerRequest(
            small.info().id, (LatentPart(seed=5),), edits=(Edit(direction, 1.5),)
        )
        drawn = render(request, small.runtime())
        np.testing.assert_allclose(np.load(out / "images.npy"), drawn, atol=1e-5)
        plain = render(SteerRequest(small.info().id, (LatentPart(seed=5),)), small.runtime())
        assert np.abs(drawn - plain).max() > 0.05


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("fog", "nearest are foggy"), ("zzz", "People said round"), ("", "no word"),
        ("round -", "missing after -"), ("round - round", "cancel"),
    ],
)  # fmt: skip
def test_what_cannot_be_said(run: Run, fitted: Path, tmp_path: Path, line: str, why: str) -> None:
    result = run("render", "small", f"--say={line}", "--vocabulary", fitted, "-o", tmp_path / "x")
    assert why in bad(result)


def test_words_and_vocabulary_belong_together(run: Run, fitted: Path, tmp_path: Path) -> None:
    out = tmp_path / "x"
    assert "add --vocabulary" in bad(run("render", "small", "--say", "round", "-o", out))
    assert "Add --say" in bad(run("render", "small", "--vocabulary", fitted, "-o", out))


def test_words_of_another_generator(run: Run, fitted: Path, tmp_path: Path) -> None:
    out = tmp_path / "x"
    other = run("render", "tiny", "--say", "round", "--vocabulary", fitted, "-o", out)
    assert "another generator" in bad(other)
    assert "--transfer" not in other[2]
    info = small.info()
    twin = fitted.with_name("twin.json")
    text = fitted.read_text("utf-8").replace(info.id, "f" * 64)
    twin.write_text(text, "utf-8")
    call = ("render", "small", "--say", "round", "--vocabulary", twin, "-o", out)
    refused = bad(run(*call))
    assert "add --transfer" in refused
    assert "ffffffff" in refused
    code, _, err = run(*call, "--transfer")
    assert (code, err) == (0, "")
    assert (out / "seed0000.png").exists()


def test_files_that_hold_no_vocabulary(run: Run, tmp_path: Path) -> None:
    lone = tmp_path / "edit.json"
    lone.write_text(to_json(Edit(Axis("d", "w", Vector.of(np.ones(1))), 1.0)), "utf-8")
    assert "does not hold a vocabulary" in bad(run("vocabulary", "show", lone))
    assert "could not be read" in bad(run("vocabulary", "show", tmp_path / "none.json"))
    lone.write_text("{", "utf-8")
    assert "not Lodestone JSON" in bad(run("vocabulary", "show", lone))


def test_sources_that_give_no_words(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "v.json"
    empty = Project.create(tmp_path / "empty")
    empty.close()
    assert "Describe some pairs" in bad(run("vocabulary", "fit", empty.path, "-o", out))
    table = tmp_path / "a.csv"
    table.write_text("d_id,text\n0,red\n", "utf-8")
    assert "no column annotation" in bad(run("vocabulary", "fit", table, "-o", out))
    table.write_text("d_id,annotation\n0,red\n", "utf-8")
    assert "Put ds.npy beside it" in bad(run("vocabulary", "fit", table, "-o", out))
    assert "could not be read" in bad(run("vocabulary", "fit", tmp_path / "no.csv", "-o", out))
    assert not out.exists()


def test_a_place_that_cannot_be_written(run: Run, project: Path, tmp_path: Path) -> None:
    result = run("vocabulary", "fit", project, "-o", tmp_path / "none" / "v.json")
    assert "could not be written" in bad(result)


def test_a_ridge_below_zero(run: Run, project: Path, tmp_path: Path) -> None:
    result = run("vocabulary", "fit", project, "--ridge", "-1", "-o", tmp_path / "v.json")
    assert "must be 0 or more" in bad(result)
