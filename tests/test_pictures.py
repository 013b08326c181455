"""PNG files that remember how they were made."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.messages import Direction, Edit, LodestoneError, SteerRequest, Vector
from engine.pictures import read_state, write_png
from tests import small

direction = Direction("stachelig ✦", "w", Vector.of(np.random.RandomState(0).randn(512)))
request = SteerRequest("m" * 64, truncation=0.7, edits=(Edit(direction, 1.5),))
pixels = np.random.RandomState(1).randint(0, 256, (6, 5, 4)).astype(np.uint8)


def test_state_and_pixels_return(tmp_path: Path) -> None:
    path = tmp_path / "größe 写真.png"
    write_png(path, pixels, request, small.info())
    assert read_state(path) == request
    with Image.open(path) as image:
        assert (image.mode, image.size) == ("RGB", (5, 6))
        assert image.info["Source"] == "small · Ada Löwe"
        np.testing.assert_array_equal(np.asarray(image), pixels[..., 2::-1])
    assert list(tmp_path.iterdir()) == [path]


def test_grey_generator_makes_a_grey_png(tmp_path: Path) -> None:
    info = dataclasses.replace(small.info(), channels=1)
    write_png(tmp_path / "a.png", pixels, request, info)
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode == "L"
        np.testing.assert_array_equal(np.asarray(image), pixels[..., 0])


def test_state_lies_before_the_pixels(tmp_path: Path) -> None:
    """A picture cut off by a lost connection still gives its state back."""
    path = tmp_path / "a.png"
    write_png(path, np.zeros((64, 64, 4), np.uint8), request)
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b"IDAT") + 8])
    assert read_state(path) == request


def test_other_files_are_a_sentence(tmp_path: Path) -> None:
    plain = tmp_path / "plain.png"
    Image.fromarray(pixels[..., :3]).save(plain)
    text = tmp_path / "text.png"
    text.write_text("not a png")
    jpeg = tmp_path / "jpeg.png"
    Image.fromarray(pixels[..., :3]).save(jpeg, format="jpeg")
    for path in (plain, text, jpeg, tmp_path / "none.png", tmp_path):
        with pytest.raises(LodestoneError, match=r"\. .+\.$"):
            read_state(path)


def test_text_bomb_is_refused(tmp_path: Path) -> None:
    """Pillow limits what a compressed text may become; the limit must reach us as a sentence."""
    import zlib

    path = tmp_path / "bomb.png"
    write_png(path, pixels)
    body = b"lodestone\0\1\0\0\0" + zlib.compress(b" " * (200 << 20), 9)
    chunk = len(body).to_bytes(4, "big") + b"iTXt" + body
    chunk += zlib.crc32(b"iTXt" + body).to_bytes(4, "big")
    whole = path.read_bytes()
    path.write_bytes(whole[:33] + chunk + whole[33:])
    with pytest.raises(LodestoneError):
        read_state(path)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="RLIMIT_FSIZE")
def test_full_disk_leaves_nothing_half_made(tmp_path: Path) -> None:
    code = (
        "import resource, numpy as np\n"
        "from engine.pictures import write_png\n"
        "noise = np.random.randint(0, 255, (99, 99, 4), 'u1')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4000, resource.RLIM_INFINITY))\n"
        "try:\n"
        f"    write_png({str(tmp_path / 'a.png')!r}, noise)\n"
        "except OSError:\n"
        "    print('refused')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "refused\n"
    assert not list(tmp_path.iterdir())
