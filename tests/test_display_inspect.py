"""A person looks into the fruit generator, brushes units off and keeps a report."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from engine.client import from_json
from engine.messages import UnitEdit
from engine.project import Project
from tests.test_display import ROOT, Screen, has_picture
from tests.test_display import display as display

pytestmark = [
    pytest.mark.display,
    pytest.mark.skipif(
        not all(shutil.which(tool) for tool in ("Xvfb", "xdotool", "import")),
        reason="needs Xvfb, xdotool and ImageMagick's import",
    ),
]
COUNT, NONE, TICK, LOOK = ("95", "322"), ("261", "361"), ("52", "531"), ("150", "773")
CELL, BRUSH, OFF, REPORT = ("400", "170"), ("219", "520"), ("79", "456"), ("1231", "65")
CHOOSE = ("888", "511")
"""Where they lie at 1280 x 800."""


def grid(shot: np.ndarray) -> np.ndarray:
    return shot[140:600, 310:920].astype(int)


def card(shot: np.ndarray) -> np.ndarray:
    return shot[160:340, 950:1260].astype(int)


def white(part: np.ndarray) -> float:
    """Share of the fruits' white ground."""
    return float((part.min(-1) > 240).mean())


def test_a_unit_is_found_brushed_off_and_reported(display: str, tmp_path: Path) -> None:
    home, out = tmp_path / "home", tmp_path / "reports"
    out.mkdir()
    home.mkdir()
    fruit = ROOT / "assets" / "generators" / "fruit.safetensors"
    screen = Screen(display, home, tmp_path, str(fruit))
    try:
        screen.wait(has_picture)
        screen.hand("search", "--name", "Lodestone", "windowfocus", "--sync", "key", "ctrl+i")
        # 32 samples, one layer.
        screen.wait(lambda shot: int(shot[773, 40, 0]) - int(shot[773, 40, 2]) > 80)
        screen.hand("mousemove", *COUNT, "click", "--repeat", "3", "1", "type", "32\t")
        screen.hand("mousemove", *NONE, "click", "1", "mousemove", *TICK, "click", "1")
        screen.hand("mousemove", *LOOK, "click", "1")
        screen.wait(lambda shot: white(grid(shot)) > 0.2 and card(shot).max() > 120)
        # Many units at once, off, but only where the brush goes.
        screen.hand("mousemove", *CELL, "click", "1", "key", "ctrl+a")
        time.sleep(0.5)
        screen.hand("mousemove", *BRUSH, "click", "1", "mousemove", *OFF, "click", "1")
        time.sleep(0.5)
        screen.hand("mousemove", "70", "250", "mousedown", "1")
        for x in range(80, 150, 10):
            screen.hand("mousemove", str(x), "250", "sleep", "0.02")
        screen.hand("mouseup", "1", "mousemove", *REPORT, "click", "1")
        time.sleep(1.0)
        screen.hand("type", "--delay", "5", str(out))
        # The first click closes the list of proposals, the second one chooses.
        screen.hand("mousemove", *CHOOSE, "click", "1", "sleep", "0.4", "click", "1")
        page = out / "fruit units" / "report.html"
        screen.wait(lambda _shot: page.is_file())
    finally:
        screen.close()  # kill -9
    (project,) = (home / "projects").glob("*.lodestone")
    with Project.open(project, read_only=True) as opened:
        (edit,) = from_json(json.dumps(json.loads(opened.state("steer") or "")["units"]))
    assert isinstance(edit, UnitEdit)
    assert edit.action == "ablate"
    assert len(edit.units) == 192
    assert {unit.layer for unit in edit.units} == {"b16.conv1"}
    assert edit.mask is not None
    mask = edit.mask.array()
    middle = mask[mask.shape[0] // 2]
    assert middle[: len(middle) // 2].max() > 0.5
    assert not middle[-len(middle) // 4 :].any()
    assert "b16.conv1" in page.read_text("utf-8")
    assert "Traceback" not in (tmp_path / "log.txt").read_text()
