"""A study as a page, JSON and CSV, back again, and beside another study; the command line."""

from __future__ import annotations

import csv
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.cli import main
from engine.codec import to_json
from engine.inspect.compare import compare
from engine.inspect.report import report, take_over
from engine.inspect.study import Said, Study, keep_descriptions, keep_said
from engine.messages import (
    Circuit,
    CircuitEdge,
    CircuitNode,
    Description,
    LodestoneError,
    ReportRequest,
    Unit,
)
from engine.progress import Progress
from tests.probing import colour_network, coloured, made_study

EVIL = '<script>alert("x")</script>'
VOID = {"meta", "input", "img", "rect", "line", "path", "image"}


class Page(HTMLParser):
    """Checks that tags close in order; collects what the page refers to and says."""

    def __init__(self, text: str):
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [v or "" for name, v in attrs if name in ("src", "href", "action")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("style", "script"):
            self.words.append(data)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    values = np.random.RandomState(0).rand(24, 6, 4, 4).astype(np.float32)
    values[:, 5] = np.nan
    made = made_study(tmp_path / "study", {"conv.a": values, "head": values[:, :3, :1, :1]})
    keep_descriptions(
        made.folder,
        (
            Description(Unit("conv.a", 1), "stripes", "soft-wpmi", 0.91, (("stripes", 0.5),)),
            Description(Unit("conv.a", 2), "=1+1", "detector", 0.6, unsure=True),
        ),
    )
    keep_said(made.folder, {Unit("conv.a", 3): Said(EVIL, True, "näher ansehen")})
    return Study.open(made.folder)


def written(study: Study, out: Path, **rest: object) -> tuple[str, dict, list[dict]]:
    path = report(ReportRequest(str(study.folder), str(out), **rest), Progress())  # type: ignore[arg-type]
    facts = json.loads((out / "report.json").read_text("utf-8"))
    rows = list(csv.DictReader((out / "units.csv").read_text("utf-8-sig").splitlines()))
    return Path(path).read_text("utf-8"), facts, rows


def test_the_page_needs_nothing_but_itself(study: Study, tmp_path: Path) -> None:
    text, facts, rows = written(study, tmp_path / "out")
    page = Page(text)
    assert all(address.startswith(("data:image/jpeg;base64,", "#")) for address in page.addresses)
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org)", text)
    assert page.tags.count("article") == 9
    assert page.tags.count("script") == 1, "words of units are no markup"
    words = " ".join(page.words)
    assert EVIL in words
    assert "stripes" in words
    assert "1 unit of conv.a was not a number" in words
    assert "prefers-color-scheme: dark" in text
    assert len(rows) == 9
    assert rows[1]["words"] == "stripes"
    assert rows[2]["words"] == "'=1+1", "no formula for a spreadsheet"
    assert rows[3]["starred"] == "yes"
    assert rows[5]["largest"] == ""
    assert (
        facts["layers"]["conv.a"][1]["exemplars"][0][0] == study.names[study.top("conv.a")[1][1, 0]]
    )


def test_only_some_layers(study: Study, tmp_path: Path) -> None:
    _, facts, rows = written(study, tmp_path / "out", layers=("head",))
    assert list(facts["layers"]) == ["head"]
    assert len(rows) == 3
    with pytest.raises(LodestoneError, match="no layer"):
        written(study, tmp_path / "out", layers=("tail",))


def test_names_come_back_into_another_study(study: Study, tmp_path: Path) -> None:
    written(study, tmp_path / "out")
    values = np.random.RandomState(1).rand(20, 4, 2, 2).astype(np.float32)
    other = made_study(tmp_path / "other", {"conv.a": values})
    keep_said(other.folder, {Unit("conv.a", 0): Said("my own")})
    written(other, tmp_path / "again", names=str(tmp_path / "out/report.json"))
    found = Study.open(other.folder)
    assert found.description(Unit("conv.a", 0)).words == "my own"
    assert found.described[Unit("conv.a", 1)] == study.described[Unit("conv.a", 1)]
    assert found.said[Unit("conv.a", 3)] == Said(EVIL, True, "näher ansehen")
    assert Unit("conv.a", 5) not in found.described


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{}", "no report"),
        ("not json", "cannot be read"),
        ('{"lodestone_report": 99, "layers": {}}', "newer Lodestone"),
        ('{"lodestone_report": 1, "layers": {"conv.a": [{"unit": 0}]}}', "damaged"),
        ('{"lodestone_report": 1, "layers": {}}', "speaks of no unit"),
    ],
)
def test_what_is_no_report_is_a_sentence(
    study: Study, tmp_path: Path, text: str, words: str
) -> None:
    (tmp_path / "r.json").write_text(text)
    before = (study.folder / "names.json").read_text()
    with pytest.raises(LodestoneError, match=words):
        take_over(tmp_path / "r.json", study.folder)
    assert (study.folder / "names.json").read_text() == before


def test_units_are_matched_by_what_they_answer_to(tmp_path: Path) -> None:
    random = np.random.RandomState(0)
    values = random.rand(60, 8, 3, 3).astype(np.float32)
    order = random.permutation(8)
    noisy = values[:, order] * 3.0 + 0.02 * random.rand(60, 8, 3, 3).astype(np.float32)
    a = made_study(tmp_path / "a", {"same": values, "own": values[:, :2]})
    b = made_study(tmp_path / "b", {"same": noisy}, network="m" * 64)
    keep_descriptions(a.folder, (Description(Unit("same", int(order[0])), "leaf"),))
    keep_descriptions(b.folder, (Description(Unit("same", 0), "tree"),))
    found = compare(Study.open(a.folder), Study.open(b.folder))
    partners = {one.unit: one for one in found.matches}
    for place, unit in enumerate(order):
        match = partners[Unit("same", int(unit))]
        assert match.other == Unit("same", place)
        assert match.mutual
        assert match.correlation > 0.99
    assert found.layers[0].same == 1.0
    assert (found.layers[0].named, found.layers[0].renamed) == (1, 1)
    assert partners[Unit("own", 0)].other == Unit("same", int(np.flatnonzero(order == 0)[0]))
    text, facts, _ = written(a, tmp_path / "out", compare=str(b.folder))
    assert "Named differently" in text
    assert len(facts["comparison"]["matches"]) == 10
    few = made_study(tmp_path / "few", {"same": values[:5]})
    with pytest.raises(LodestoneError, match="5 pictures in common"):
        compare(few, b)


def test_circuits_are_drawn(study: Study, tmp_path: Path) -> None:
    a, b = Unit("conv.a", 1), Unit("head", 0)
    circuit = Circuit(
        b, (CircuitNode(a, 0.5, "stripes"), CircuitNode(b, 1.0)), (CircuitEdge(a, b, 0.25),),
        kept=0.97, pruned=0.92, random_kept=0.1,
    )  # fmt: skip
    (tmp_path / "circuit.json").write_text(to_json(circuit))
    text, facts, _ = written(study, tmp_path / "out", circuits=(str(tmp_path / "circuit.json"),))
    Page(text)
    assert "What computes head:0" in text
    assert "97 % of the activation (random circuits: 10 %)" in text
    assert facts["circuits"][0]["kept"] == 0.97
    for name in ("study.json", "nothing.json"):
        with pytest.raises(LodestoneError):
            written(study, tmp_path / "out", circuits=(str(study.folder / name),))


def test_the_command_line_from_pictures_to_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LODESTONE_HOME", str(tmp_path / "home"))
    coloured(tmp_path / "pictures", 20)
    Image.new("L", (7, 5), 9).save(tmp_path / "pictures/grey.png")
    (tmp_path / "pictures/bad.jpg").write_bytes(b"bad")
    network = colour_network(tmp_path / "colours.onnx")
    place = str(tmp_path / "made")
    words = ["inspect", "exemplars", network, "--data", str(tmp_path / "pictures")]
    assert main([*words, "--layers", "seen", "-o", place, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["path"] == place
    found = json.loads((tmp_path / "made/exemplars.json").read_text())
    assert found["pictures"] == 21
    assert found["skipped"][0][0] == "bad.jpg"
    assert len(found["layers"]["seen"]) == 5
    assert main(["inspect", "report", place, "-o", str(tmp_path / "out"), "--json"]) == 0
    path = json.loads(capsys.readouterr().out)["path"]
    assert Page(Path(path).read_text("utf-8")).tags.count("article") == 5
    assert main([*words, "--layers", "sean", "-o", place]) != 0
    assert "seen" in capsys.readouterr().err
