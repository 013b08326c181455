"""Pictures come out as they came in: depth, channels, profiles, EXIF, and what is no picture."""

from __future__ import annotations

import functools
import io
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from engine.messages import LodestoneError
from engine.upscale import files as module
from engine.upscale.files import Opened, read_picture, upright
from engine.upscale.writing import SUFFIXES, check_format, write_picture
from tests.upscalers import bytes_of, photo

DATE = "2020:01:02 03:04:05"


@functools.cache
def profile() -> bytes:
    """Once: it holds the time of its making."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def exif(orientation: int = 1) -> bytes:
    made = Image.Exif()
    made[0x0112], made[306], made[271] = orientation, DATE, "Maker"
    made.get_ifd(0x8769).update({0x9003: DATE, 0xA002: 33, 0xA003: 40})
    return made.tobytes()


@pytest.mark.parametrize("kind", ["png", "tiff", "webp", "jpg", "avif"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("deep", [False, True])
def test_what_is_written_is_read(kind: Any, channels: int, deep: bool, tmp_path: Path) -> None:
    pixels = bytes_of(photo(40, 33, channels))
    if deep:
        pixels = (photo(40, 33, channels) * 65535).astype(np.uint16)
    path = tmp_path / f"a{SUFFIXES[kind]}"
    opened = Opened(pixels, "PNG", profile(), exif(), (300.0, 72.0))
    notes = write_picture(path, pixels, opened, kind, 90)
    again = read_picture(path)
    assert again.pixels.shape[:2] == (40, 33)
    assert again.icc == profile()
    with Image.open(path) as image:
        assert image.getexif()[306] == DATE
        assert image.getexif().get_ifd(0x8769)[0x9003] == DATE
    if kind in ("png", "tiff", "jpg"):
        assert again.dpi == pytest.approx((300, 72), abs=0.3)
    if kind in ("png", "tiff"):
        same = pixels if (kind, channels, deep) != ("tiff", 2, True) else pixels[..., [0, 0, 0, 1]]
        assert np.array_equal(again.pixels, same)
    else:
        assert again.pixels.dtype == np.uint8
        assert any("8 bits" in note for note in notes) == deep
        scaled = pixels / (257 if deep else 1)
        if kind != "jpg" or channels in (1, 3):
            assert np.abs(again.pixels[..., 0] - scaled[..., 0]).mean() < 6


def test_orientation_is_applied_once(tmp_path: Path) -> None:
    for orientation in range(1, 9):
        path = tmp_path / f"{orientation}.png"
        image = Image.fromarray(bytes_of(photo(40, 33)))
        image.save(path, exif=exif(orientation))
        upright_one = np.asarray(ImageOps.exif_transpose(Image.open(path)))
        opened = read_picture(path)
        assert np.array_equal(opened.pixels, upright_one)
        write_picture(tmp_path / "out.png", opened.pixels, opened, "png", 90)
        with Image.open(tmp_path / "out.png") as out:
            assert out.getexif()[0x0112] == 1
            assert out.getexif().get_ifd(0x8769)[0xA002] == opened.pixels.shape[1]


def test_exif_is_the_same_byte_for_byte_but_for_its_orientation() -> None:
    before, after = exif(6), upright(exif(6))
    assert len(before) == len(after)
    assert 1 <= sum(a != b for a, b in zip(before, after, strict=True)) <= 4
    assert upright(exif(1)) == exif(1)
    for damaged in (
        b"",
        b"Exif\0\0",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        bytes(90),
        before[:30],
    ):
        assert upright(damaged) == b""


@pytest.mark.parametrize(
    ("name", "mode", "options", "shape"),
    [
        ("p.png", "P", {}, (40, 33, 3)),
        ("pt.png", "P", {"transparency": 3}, (40, 33, 4)),
        ("t.png", "RGB", {"transparency": (1, 2, 3)}, (40, 33, 4)),
        ("lt.png", "L", {"transparency": 4}, (40, 33, 2)),
        ("b.png", "1", {}, (40, 33, 1)),
        ("b.tif", "1", {}, (40, 33, 1)),
        ("c.jpg", "CMYK", {}, (40, 33, 3)),
        ("c.tif", "CMYK", {}, (40, 33, 3)),
        ("lab.tif", "LAB", {}, (40, 33, 3)),
        ("a.bmp", "RGB", {}, (40, 33, 3)),
        ("g.gif", "P", {}, (40, 33, 3)),
        ("f.tif", "F", {}, (40, 33, 1)),
    ],
)
def test_every_kind_of_picture(
    name: str, mode: str, options: dict[str, Any], shape: tuple[int, ...], tmp_path: Path
) -> None:
    image = Image.fromarray(bytes_of(photo(40, 33)))
    if mode == "F":
        image = Image.fromarray(photo(40, 33)[..., 0])
    image.convert(mode).save(tmp_path / name, **options)
    opened = read_picture(tmp_path / name)
    assert opened.pixels.shape == shape
    assert opened.pixels.dtype == (np.uint16 if mode == "F" else np.uint8)
    assert any("was converted" in note for note in opened.notes) == (mode in ("CMYK", "LAB"))
    if mode == "F":
        assert np.abs(opened.pixels[..., 0] / 65535 - photo(40, 33)[..., 0]).max() < 1e-4
    elif shape[2] >= 3 and mode not in ("P", "LAB", "CMYK"):
        assert np.array_equal(opened.pixels[..., :3], np.asarray(image))


def damaged(tmp_path: Path) -> dict[str, bytes]:
    buffers = {}
    for kind in ("PNG", "JPEG", "WEBP", "TIFF"):
        buffer = io.BytesIO()
        Image.fromarray(bytes_of(photo(90, 80))).save(buffer, kind)
        buffers[kind] = buffer.getvalue()
    deep = tmp_path / "deep.png"
    whole = (photo(40, 33) * 65535).astype(np.uint16)
    write_picture(deep, whole, Opened(whole, "PNG"), "png", 90)
    cut = {f"cut.{k.lower()}": content[: len(content) // 2] for k, content in buffers.items()}
    return {
        **cut,
        "deep-cut.png": deep.read_bytes()[:2000],
        "empty.png": b"",
        "text.jpg": b"not a picture at all",
        "noise.tif": b"II*\0\x08\0\0\0" + bytes(range(200)),
        "short.webp": b"RIFF\x10\0\0\0WEBPVP8L",
        "lie.png": buffers["JPEG"][:40],
    }


def test_damaged_files_are_one_sentence(tmp_path: Path) -> None:
    for name, content in damaged(tmp_path).items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(LodestoneError, match=name):
            read_picture(path)
    with pytest.raises(LodestoneError, match="no file"):
        read_picture(tmp_path / "none.png")
    with pytest.raises(LodestoneError, match="folder"):
        read_picture(tmp_path)


def test_a_zip_bomb_is_refused_by_its_header(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        crc = zlib.crc32(content, zlib.crc32(kind)).to_bytes(4, "big")
        return len(content).to_bytes(4, "big") + kind + content + crc

    def png(side: int) -> bytes:
        head = side.to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0"
        body = zlib.compress(bytes(1000))
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body)

    (tmp_path / "bomb.png").write_bytes(png(60_000))
    with pytest.raises(LodestoneError, match="too many pixels"):
        read_picture(tmp_path / "bomb.png")

    class Memory:
        available = 500_000_000

    monkeypatch.setattr(module.psutil, "virtual_memory", lambda: Memory)
    (tmp_path / "large.png").write_bytes(png(9_000))
    with pytest.raises(LodestoneError, match="9,000 x 9,000 pixels, too many"):
        read_picture(tmp_path / "large.png")


def test_formats_have_their_limits() -> None:
    check_format("png", (10, 90_000))
    check_format("webp", (10, 16_383))
    for kind, longest in (("webp", 16_384), ("jpg", 65_536)):
        with pytest.raises(LodestoneError, match="at most"):
            check_format(kind, (10, longest))  # type: ignore[arg-type]


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    pixels = bytes_of(photo(8, 8))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(LodestoneError, match="could not be written"):
        write_picture(tmp_path / "file" / "a.png", pixels, Opened(pixels, "PNG"), "png", 90)
    target = tmp_path / "b.webp"
    target.write_bytes(b"before")
    wide = np.zeros((1, 20_000, 3), np.uint8)
    with pytest.raises(LodestoneError, match=r"b\.webp could not be written"):
        write_picture(target, wide, Opened(wide, "PNG"), "webp", 90)
    assert target.read_bytes() == b"before"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b.webp", "file"]


def test_jpegs_lie_on_white(tmp_path: Path) -> None:
    pixels = np.zeros((16, 16, 4), np.uint8)
    notes = write_picture(tmp_path / "a.jpg", pixels, Opened(pixels, "PNG"), "jpg", 95)
    assert any("transparency" in note for note in notes)
    assert np.asarray(Image.open(tmp_path / "a.jpg")).min() > 250
