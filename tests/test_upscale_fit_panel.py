"""Fit to my images, on the real engine: what is learnt in two seconds, and what is said of it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from app.inbox import Inbox
from app.jobs import Jobs
from app.link import EngineLink
from app.panels.upscale_fit import UpscaleFitPanel, bars, verdict
from engine.client import EngineClient, Learnt
from engine.upscale.learnt import learnt, scales
from tests.upscalers import bytes_of, photo, tiny_upscaler

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

SOON = 60_000


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person's upscalers: a random one, which anything can be better than."""
    monkeypatch.setenv("LODESTONE_HOME", str(tmp_path / "home"))
    folder = tmp_path / "home" / "upscalers"
    folder.mkdir(parents=True)
    tiny_upscaler(folder)
    (folder / "foreign.onnx").write_bytes(b"another kind")
    return folder


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "leaves"
    folder.mkdir()
    for index in range(3):
        Image.fromarray(bytes_of(photo(160, 200, seed=index))).save(folder / f"{index}.png")
    return folder


@pytest.fixture
def panel(own: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[UpscaleFitPanel]:
    monkeypatch.setattr("engine.upscale.train.train.PREVIEW_SECONDS", 0.0)
    monkeypatch.setattr("engine.upscale.train.data.DRAWN", 2)
    inbox = Inbox()
    client = EngineClient(inbox, local=True)
    client.start()
    link = EngineLink(client, inbox)
    made = UpscaleFitPanel(link, Jobs(link), own)
    made.resize(300, 600)
    qtbot.addWidget(made)
    with qtbot.waitExposed(made):
        made.show()
    made.base.setCurrentIndex(made.base.findData("tiny"))
    yield made
    link.close()


def test_a_fit_says_what_it_was_worth(
    panel: UpscaleFitPanel, own: Path, pictures: Path, qtbot: QtBot
) -> None:
    # Only what can be fitted is offered, at the scales that there are.
    assert panel.base.findData("foreign") < 0
    assert scales("foreign") == ()
    assert [panel.scale.button(n).isEnabled() for n in "234"] == [False, True, False]
    assert not panel.begin.isEnabled()
    panel.set_data(str(pictures))
    assert panel.name.text() == "leaves x3"
    panel.budget.set_amount(math.log2(2))
    made: list[str] = []
    panel.made.connect(made.append)
    panel.begin.click()
    qtbot.waitUntil(lambda: not panel.details.empty, timeout=SOON)
    assert panel.pause.isVisible()
    assert not panel.data.isEnabled()
    assert "loss" in panel.state.text()
    qtbot.waitUntil(lambda: panel.begin.isVisible(), timeout=SOON)
    assert made == ["leaves x3"]
    found = learnt(own / "leaves x3.safetensors")
    assert found is not None
    assert found.before is not None
    assert found.model > found.before
    assert panel.verdict.text().startswith("Kept: ")
    assert [name for name, _db in panel.bars.bars] == ["Lanczos", "unfitted", "fitted"]
    assert panel.bars.isVisible()
    # It can be begun from itself, and the next one has another name.
    assert panel.base.findData("leaves x3") >= 0
    assert panel.name.text() == "leaves x3 2"


def test_what_is_not_better_is_not_kept(
    panel: UpscaleFitPanel,
    own: Path,
    pictures: Path,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("engine.upscale.train.train._Job._worse", lambda *_words: True)
    panel.set_data(str(pictures))
    panel.budget.set_amount(math.log2(1))
    made: list[str] = []
    panel.made.connect(made.append)
    panel.begin.click()
    qtbot.waitUntil(lambda: panel.verdict.isVisible(), timeout=SOON)
    assert "kept as it was" in panel.verdict.text()
    assert made == []
    assert sorted(path.stem for path in own.iterdir()) == ["foreign", "tiny", "tiny"]


def test_stopped_goes_on_and_nothing_to_learn_from_is_said(
    panel: UpscaleFitPanel, pictures: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    panel.set_data(str(pictures))
    panel.budget.set_amount(math.log2(600))
    panel.begin.click()
    qtbot.waitUntil(lambda: not panel.details.empty, timeout=SOON)
    panel.stop.click()
    qtbot.waitUntil(lambda: panel.begin.isVisible(), timeout=SOON)
    assert panel.begin.text() == "Go on"
    assert "kept" in panel.state.text()
    assert panel.name.text() == "leaves x3"
    (tmp_path / "empty").mkdir()
    panel.set_data(str(tmp_path / "empty"))
    panel.begin.click()
    qtbot.waitUntil(lambda: "holds no picture" in panel.state.text(), timeout=SOON)
    assert panel.begin.text() == "Train"


def test_the_sentences() -> None:
    better = Learnt(2, 30.0, 33.5, 33.1)
    assert verdict(better, False) == "Kept: 0.40 dB better than before on 2 pictures kept apart."
    assert bars(better) == (("Lanczos", 30.0), ("unfitted", 33.1), ("fitted", 33.5))
    worse = Learnt(1, 30.0, 33.0, 33.1, kept=False)
    assert verdict(worse, False) == "Not better on a picture kept apart: kept as it was."
    assert "less faithful" in verdict(Learnt(1, 30.0, 32.0, 33.1), vivid=True)
    anew = Learnt(4, 30.0, 31.0)
    assert verdict(anew, False) == "Kept: +1.00 dB against Lanczos on 4 pictures kept apart."
    assert bars(anew) == (("Lanczos", 30.0), ("trained", 31.0))
