from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.cli import main
from engine.client import read_labels
from engine.codec import from_json
from engine.messages import Direction, LatentPart, LodestoneError, SteerRequest
from tests import small
from tests.test_compass import planted, sorted_by

template = SteerRequest("m" * 64, truncation=0.7)


def table(folder: Path, text: str | bytes) -> Path:
    path = folder / "round.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize(
    "text",
    [
        "seed,label\n1,more\n2,less\n3,skip\n",
        "\ufeffseed,label\r\n1,more\r\n2,less\r\n3,skip\r\n",
        "\n\nSeed;Label\n1;more\n\n;\n2;LESS\n3; skip ",
        'note\tseed\tlabel\n"a, b; c"\t1\tmore\n\t2\tless\n\t3\tskip\n',
        '"label","seed"\n"more","1"\n"less","2"\n"skip","3"\n',
        "seed,label\n1,more\n2,less\n3,skip\n".encode("utf-16"),
    ],
)
def test_labels_as_spreadsheets_write_them(tmp_path: Path, text: str | bytes) -> None:
    labels, pairs = read_labels(table(tmp_path, text), template)
    assert [label.answer for label in labels] == ["more", "less", "skip"]
    assert [label.request.latent for label in labels] == [(LatentPart(seed=n),) for n in (1, 2, 3)]
    assert labels[0].request.truncation == 0.7
    assert pairs == ()


def test_pairs_and_annotators(tmp_path: Path) -> None:
    text = "seed_a,seed_b,answer,annotator\n1,2,a,Ada\n3,4,B,\n5,6,same,Bo\n7,8,skip,Bo\n"
    labels, pairs = read_labels(table(tmp_path, text), template)
    assert labels == ()
    assert [pair.answer for pair in pairs] == ["a", "b", "same", "skip"]
    assert [pair.annotator for pair in pairs] == ["Ada", "", "Bo", "Bo"]
    assert pairs[1].b.latent == (LatentPart(seed=4),)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("seed,answer\n1,more\n", 'lacks the columns "seed_a" and "seed_b"'),
        ("seed\n1\n", 'Line 1 of round.csv lacks the column "label"'),
        ("\n\nname,label\n1,more\n", 'Line 3 of round.csv lacks the column "seed"'),
        ("", 'lacks the columns "seed" and "label"'),
        ("seed,label\n", "has no rows"),
        ("seed,label\n1,more\n2,maybe\n", "Line 3 of round.csv says 'maybe'. Write more, less or"),
        ("seed,label\n1\n", "Line 2 of round.csv says ''"),
        ("seed_a,seed_b,answer\n1,2,both\n", "Line 2 of round.csv says 'both'. Write a, b, same"),
        ("seed,label\n-1,more\n", "Line 2 of round.csv has '-1' for a seed"),
        ("seed,label\n\n1.5,more\n", "Line 3 of round.csv has '1.5' for a seed"),
        ("seed,label\n4294967296,more\n", "from 0 to 4294967295"),
        ("seed,label\n①,more\n", "for a seed"),
        ('seed,label\n1,"more\n', "cannot be read as a table"),
        (b"seed,label\n1,m\xff\xfere\n", "not a text file in UTF-8"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence_with_its_line(
    tmp_path: Path, text: str | bytes, words: str
) -> None:
    with pytest.raises(LodestoneError) as caught:
        read_labels(table(tmp_path, text), template)
    assert words in caught.value.sentence


def test_a_missing_file_and_a_folder_are_sentences(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(LodestoneError, match="could not be read"):
            read_labels(path, template)


# ---------------------------------------------------------------- the command


def write_labels(folder: Path, count: int = 24) -> Path:
    lines = [f"{seed},{answer}" for seed, answer in sorted_by(planted(count)).items()]
    return table(folder, "seed,label\n" + "\n".join(lines))


def run(*words: str | Path) -> int:
    return main([str(word) for word in words])


def test_a_table_becomes_a_direction_that_renders(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels, out = write_labels(tmp_path), tmp_path / "round.json"
    model = small.info().path
    code = run("directions", "fit", model, "--labels", labels, "--class", "cherry", "--json",
               "-o", out)  # fmt: skip
    facts = json.loads(capsys.readouterr().out)
    assert code == 0
    assert (facts["more"], facts["less"], facts["pairs"]) == (12, 12, 0)
    assert 0.5 < facts["accuracy"] <= 1.0
    direction = from_json(out.read_text("utf-8"))
    assert isinstance(direction, Direction)
    assert direction.name == "round"
    assert json.loads(direction.detail)["sorted"][3]["picture"] == 3
    assert json.loads(direction.detail)["classes"] == [0.0, 1.0, 0.0]
    drawn = tmp_path / "drawn"
    assert run("render", model, "--direction", f"{out}=2", "-o", drawn) == 0
    assert list(drawn.glob("*.png"))
    fixed = tmp_path / "other.json"
    code = run("directions", "fit", model, "--labels", labels, "--fixed", out, "--learner",
               "logistic", "--class", "cherry", "--truncation", "0.7", "--layers", "1-3",
               "--name", "rounder", "--json", "-o", fixed)  # fmt: skip
    facts = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert code == 0
    assert facts["name"] == "rounder"
    assert 0 < facts["residual"] < 1
    assert not list(tmp_path.glob("*.part"))


def test_a_direction_of_activations_can_be_had_in_w(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels, out = write_labels(tmp_path), tmp_path / "round.json"
    model = small.info().path
    code = run("directions", "fit", model, "--labels", labels, "--space", "a", "--layer",
               "b8.conv1", "--as-w", "--json", "-o", out)  # fmt: skip
    assert code == 0
    assert json.loads(capsys.readouterr().out)["space"] == "w"
    direction = from_json(out.read_text("utf-8"))
    assert (direction.space, direction.at) == ("w", "")


def test_what_cannot_be_fitted_leaves_no_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "none.json"
    model = small.info().path
    one_sided = table(tmp_path, "seed,label\n1,more\n2,more\n")
    cases: list[tuple[list[str | Path], str]] = [
        (["--labels", one_sided], "All pictures are on one side"),
        (["--labels", tmp_path / "absent.csv"], "could not be read"),
        (["--labels", one_sided, "--space", "a"], "belong together"),
        (["--labels", one_sided, "--as-w"], "--as-w is for --space a"),
        (["--labels", one_sided, "--class", "pear"], "pear"),
    ]
    for words, sentence in cases:
        assert run("directions", "fit", model, *words, "-o", out) == 1
        assert sentence in capsys.readouterr().err
    assert not out.exists()
