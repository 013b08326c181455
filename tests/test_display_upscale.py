"""A person enlarges a folder and a film, with a real pointer on a real display."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.test_display import Screen
from tests.test_display import display as display
from tests.test_upscale_moving import film, heard, seen
from tests.upscalers import bytes_of, photo

pytestmark = [
    pytest.mark.display,
    pytest.mark.skipif(
        not all(shutil.which(tool) for tool in ("Xvfb", "xdotool", "import")),
        reason="needs Xvfb, xdotool and ImageMagick's import",
    ),
]
ADD_FOLDER, BEGIN, CANCEL = ("1252", "113"), ("1100", "143"), ("1236", "143")
"""Where they lie at 1280 x 800."""


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    """16 bits, a photograph, one that is none; and a film with sound."""
    folder = tmp_path / "drop"
    (folder / "scans").mkdir(parents=True)
    ramp = np.linspace(0, 65535, 300 * 200).reshape(200, 300).astype(np.uint16)
    Image.fromarray(ramp).save(folder / "scans" / "deep.png")
    Image.fromarray(bytes_of(photo(200, 300))).save(folder / "scans" / "photo.jpg")
    (folder / "scans" / "broken.png").write_bytes(b"\x89PNG no more")
    film(folder / "walk.mp4", count=90)
    return folder


def accent(shot: np.ndarray) -> bool:
    """Whether Start (or Pause) can be pressed."""
    return int(shot[143, 1050].astype(int)[0]) - int(shot[143, 1050].astype(int)[2]) > 80


def rows(shot: np.ndarray) -> np.ndarray:
    return shot[180:780, 1026:1266].astype(int)


def bar(shot: np.ndarray) -> bool:
    """Whether the first row's progress has begun."""
    part = rows(shot)[:80]
    return bool(((part[..., 0] > 220) & (part[..., 2] < 120)).sum() > 60)


def test_a_folder_and_a_film_are_enlarged(
    display: str, drop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    out = tmp_path / "Pictures" / "Enlarged"
    screen = Screen(display, tmp_path / "home", tmp_path, str(drop / "walk.mp4"))
    try:
        # The film is shown, and waits in the queue.
        one = screen.wait(accent)
        screen.hand("search", "--name", "^Lodestone$", "windowfocus", "--sync")
        screen.hand("mousemove", *ADD_FOLDER, "click", "1")
        screen.hand("search", "--sync", "--onlyvisible", "--name", "Enlarge a folder",
                    "windowfocus", "--sync")  # fmt: skip
        screen.hand("key", "ctrl+a", "type", "--delay", "10", str(drop / "scans"))
        time.sleep(0.5)
        screen.hand("key", "Return")
        screen.wait(lambda shot: np.abs(rows(shot)[150:] - rows(one)[150:]).max() > 60)
        # Begin; stop in the middle of the film; go on.
        screen.hand("mousemove", *BEGIN, "click", "1")
        screen.wait(bar)
        screen.hand("mousemove", *CANCEL, "click", "1")
        film_at = out / "walk.mp4"
        screen.wait(lambda _shot: (out / "walk.mp4.unfinished").exists() or film_at.exists())
        time.sleep(1.0)
        screen.hand("mousemove", *BEGIN, "click", "1")
        screen.wait(lambda _shot: len(made(out)) == 3)
        time.sleep(1.0)
        last = rows(screen.shot())
    finally:
        screen.close()
    assert "Traceback" not in (tmp_path / "log.txt").read_text()
    check(made(out), drop)
    # The damaged one stands there in red.
    assert ((last[..., 0] > 180) & (last[..., 1] < 150) & (last[..., 2] < 140)).sum() > 100


def made(out: Path) -> dict[str, Path]:
    """Finished results, wherever they lie below the folder."""
    names = ("deep.png", "photo.jpg", "walk.mp4")
    return {path.name: path for path in out.rglob("*") if path.name in names}


def check(found: dict[str, Path], drop: Path) -> None:
    with Image.open(found["deep.png"]) as image:
        assert (image.size, image.mode) == ((900, 600), "I;16")
        assert len(np.unique(np.asarray(image))) > 10_000
    with Image.open(found["photo.jpg"]) as image:
        assert image.size == (900, 600)
    assert seen(found["walk.mp4"])[1] == pytest.approx(seen(drop / "walk.mp4")[1], abs=0.0011)
    assert heard(found["walk.mp4"]) == heard(drop / "walk.mp4")
    assert not list(found["walk.mp4"].parent.glob("*.unfinished"))
