"""The program as a person starts it, on a real display, moved by a real pointer."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.project import Project

pytestmark = [
    pytest.mark.display,
    pytest.mark.skipif(
        not all(shutil.which(tool) for tool in ("Xvfb", "xdotool", "import")),
        reason="needs Xvfb, xdotool and ImageMagick's import",
    ),
]
ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    """A display of our own, so that no other window lies over ours."""
    read, write = os.pipe()
    # A number that no test beside this one has just given back; and no new start when a client that
    # came before the program (the one that takes pictures) leaves.
    number = f":{1000 + os.getpid() % 30000}"
    command = ["Xvfb", number, "-displayfd", str(write), "-screen", "0", "1280x800x24", "-noreset"]
    with subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL) as server:
        os.close(write)
        with os.fdopen(read) as pipe:
            assert pipe.readline().strip() == number[1:]
        yield number
        server.terminate()


class Screen:
    """The program on its display."""

    def __init__(self, display: str, home: Path, folder: Path, *arguments: str):
        self.environment = {
            **os.environ,
            "DISPLAY": display,
            "QT_QPA_PLATFORM": "xcb",
            "LODESTONE_HOME": str(home),
            "XDG_CONFIG_HOME": str(folder / "config"),
        }
        self._folder = folder
        self.log = (folder / "log.txt").open("w")
        self.program = subprocess.Popen(
            [sys.executable, "-m", "app", *arguments],
            cwd=ROOT,
            env=self.environment,
            stderr=self.log,
        )

    def shot(self) -> np.ndarray:
        """(800, 1280, 3) uint8."""
        file = self._folder / "shot.png"
        subprocess.run(["import", "-window", "root", str(file)], check=True, env=self.environment)
        return np.asarray(Image.open(file).convert("RGB"))

    def hand(self, *words: str) -> None:
        subprocess.run(["xdotool", *words], check=True, env=self.environment)

    def wait(self, ready, seconds: float = 90.0) -> np.ndarray:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            assert self.program.poll() is None, Path(self.log.name).read_text()
            shot = self.shot()
            if ready(shot):
                return shot
            time.sleep(0.3)
        raise AssertionError("what was waited for never appeared")

    def close(self) -> None:
        self.program.kill()
        self.program.wait()
        self.log.close()


def middle(shot: np.ndarray) -> np.ndarray:
    """Where the picture lies at 1280 x 800."""
    return shot[140:580, 400:850].astype(int)


def has_picture(shot: np.ndarray) -> bool:
    # Panels are exact greys; a picture of random colours is not.
    part = middle(shot)
    return float(np.abs(part[..., 0] - part[..., 2]).mean()) > 1.0


def test_a_pointer_steers_a_picture_and_a_kill_loses_nothing(
    display: str, person: Path, tmp_path: Path
) -> None:
    model = str(person / "models" / "kinds.safetensors")
    screen = Screen(display, person, tmp_path, model)
    try:
        before = screen.wait(has_picture)
        # Dark theme, and no window that is only half there.
        assert before[60:75, 5:12].max() < 60
        time.sleep(1.0)
        before = screen.shot()
        # The slider of the first direction, where it lies in the steering screenshot.
        screen.hand("mousemove", "1110", "217", "mousedown", "1")
        for x in range(1120, 1250, 15):
            screen.hand("mousemove", str(x), "217", "sleep", "0.03")
        screen.hand("mouseup", "1")
        screen.wait(lambda shot: np.abs(middle(shot) - middle(before)).max() > 8)
        time.sleep(2.0)
    finally:
        screen.close()  # kill -9
    (project,) = (person / "projects").glob("*.lodestone")
    with Project.open(project, read_only=True) as opened:
        assert '"amount": 0.0' in opened.state("steer")
        amounts = [
            float(part.split(",")[0]) for part in opened.state("steer").split('"amount": ')[1:]
        ]
    assert max(amounts) > 1.0
    assert "Traceback" not in (tmp_path / "log.txt").read_text()


def test_the_start_page_moves(display: str, person: Path, tmp_path: Path) -> None:
    screen = Screen(display, person, tmp_path)

    def tile(shot: np.ndarray) -> np.ndarray:
        return shot[180:540, 65:435].astype(int)

    try:
        first = tile(screen.wait(lambda shot: float(tile(shot).std()) > 4.0))
        screen.wait(lambda shot: np.abs(tile(shot) - first).max() > 8)
    finally:
        screen.close()
    assert "Traceback" not in (tmp_path / "log.txt").read_text()


def test_a_person_sorts_describes_and_steers_by_words(
    display: str, person: Path, tmp_path: Path
) -> None:
    shutil.rmtree(person / "projects", ignore_errors=True)
    screen = Screen(display, person, tmp_path, str(person / "models" / "kinds.safetensors"))

    def outcome(shot: np.ndarray) -> np.ndarray:
        """The compass's own picture at 1280 x 800."""
        return shot[140:420, 980:1260].astype(int)

    def wall(shot: np.ndarray) -> np.ndarray:
        return shot[140:660, 165:795].astype(int)

    try:
        screen.wait(has_picture)
        # Sort: left button is more, right button is less.
        # Without a window manager nobody gives the window the keyboard.
        screen.hand("search", "--name", "Lodestone", "windowfocus", "--sync")
        steering = screen.shot()
        screen.hand("key", "ctrl+3")
        screen.wait(lambda shot: np.abs(wall(shot) - wall(steering)).mean() > 10.0)
        time.sleep(2.0)
        screen.hand("mousemove", "300", "67", "click", "1", "type", "--delay", "20", "rounder")
        before = screen.shot()
        for turn in range(8):
            x, y = 215 + 106 * (turn % 4), 187 + 106 * (turn // 4)
            screen.hand("mousemove", str(x), str(y), "click", "3" if turn % 2 else "1")
            time.sleep(0.5)
        screen.wait(lambda shot: np.abs(outcome(shot) - outcome(before)).max() > 8)
        # Describe: words and Enter, without the mouse.
        screen.hand("key", "ctrl+4")
        time.sleep(2.0)
        screen.hand("key", "Return")
        for words in ("rounder", "darker", "rounder, darker", "less round"):
            time.sleep(1.0)
            screen.hand("type", "--delay", "20", words)
            screen.hand("key", "Return")
        time.sleep(1.0)
        # Steer by typing; Shift+Enter makes it a slider.
        screen.hand("key", "ctrl+2")
        time.sleep(0.5)
        screen.hand("key", "slash")
        time.sleep(1.0)
        screen.hand("type", "--delay", "20", "rounder - dark")
        time.sleep(1.0)
        screen.hand("key", "shift+Return")
        time.sleep(2.0)
    finally:
        screen.close()  # kill -9
    (project,) = (person / "projects").glob("*.lodestone")
    with Project.open(project, read_only=True) as opened:
        (axis,) = opened.records("axis")
        said = [note.text for note in opened.records("annotation")]
        state = opened.state("steer")
    assert axis.name == "rounder"
    assert [label.answer for label in axis.labels].count("more") == 4
    assert len(axis.labels) == 8
    assert axis.direction is not None
    assert said == ["rounder", "darker", "rounder, darker", "less round"]
    assert '"method": "say"' in state
    assert "rounder - dark" in state
    assert "Traceback" not in (tmp_path / "log.txt").read_text()


def test_a_person_makes_new_pictures_of_one(display: str, person: Path, tmp_path: Path) -> None:
    """Sample, panorama, keep, holes filled: the first minutes with one picture."""
    screen = Screen(display, person, tmp_path)

    def wall(shot: np.ndarray) -> np.ndarray:
        """Where the variations lie."""
        return shot[92:798, 296:1026].astype(int)

    def coloured(shot: np.ndarray) -> float:
        """Share of the wall that is no grey."""
        part = wall(shot)
        return float((np.abs(part[..., 0] - part[..., 2]) > 12).mean())

    try:
        screen.wait(lambda shot: float(shot[200:500].std()) > 8)
        screen.hand("search", "--name", "Lodestone", "windowfocus", "--sync", "key", "ctrl+5")
        # The second sample: waves.
        screen.wait(lambda shot: np.abs(np.diff(shot[440:560, 660:790, 2].astype(int))).mean() > 3)
        screen.hand("mousemove", "727", "503", "click", "1")
        screen.wait(lambda shot: coloured(shot) > 0.6)
        # A panorama.
        eight = screen.shot()
        screen.hand("mousemove", "196", "352", "click", "1")
        screen.wait(lambda shot: np.abs(wall(shot) - wall(eight)).mean() > 20)
        # One of them large, then kept, then back to all.
        screen.hand("mousemove", "470", "180", "click", "1")
        # Only a finished picture can be kept: the button's words are bright then.
        screen.wait(lambda shot: shot[98:114, 850:890].max() > 200)
        screen.hand("mousemove", "863", "106", "click", "1")
        time.sleep(1.0)
        screen.hand("mousemove", "329", "106", "click", "1")
        # A hole in the middle of the source: answers appear under it.
        screen.hand("mousemove", "140", "64", "click", "1")
        time.sleep(1.5)
        screen.hand("mousemove", "640", "380", "mousedown", "1")
        for x in range(650, 740, 15):
            screen.hand("mousemove", str(x), "400", "sleep", "0.03")
        screen.hand("mouseup", "1")
        screen.wait(lambda shot: coloured(shot) > 0.55)
    finally:
        screen.close()  # kill -9
    kept = list((person / "kept pictures").glob("*.png"))
    assert len(kept) == 1
    with Image.open(kept[0]) as picture:
        assert picture.width == 2 * picture.height
    assert "Traceback" not in (tmp_path / "log.txt").read_text()
