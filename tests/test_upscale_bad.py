"""What goes wrong with pictures and models, by the command line: one sentence, nothing lost."""

from __future__ import annotations

import io
import os
import pickle
import struct
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app.cli import main
from engine.messages import UpscaleSettings
from engine.onnx_backend import cuda_device_present
from engine.upscale.enlarge import LARGEST_TILE, enlarge
from engine.upscale.opened import open_upscaler
from tests.upscalers import bytes_of, photo, tiny_upscaler


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LODESTONE_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_upscaler(tmp_path_factory.mktemp("model"))


def said(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str]:
    """The exit status and what went to the error stream, of which nothing is a traceback."""
    code = main([str(word) for word in words])
    error = capsys.readouterr().err
    assert "Traceback" not in error
    return code, error


def written(kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(bytes_of(photo(48, 48))).save(buffer, kind, **options)
    return buffer.getvalue()


def png(width: int, height: int, content: bytes, *more: tuple[bytes, bytes]) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), *more, (b"IDAT", zlib.compress(content)), (b"IEND", b""))
    parts = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_a_folder_of_damage_and_one_good_picture(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    zeros = zlib.compress(bytes(70_000_000), 9)
    damaged = {
        "empty.png": b"", "words.jpg": b"no picture", "cut.png": written("PNG")[:2000],
        "cut.jpg": written("JPEG")[:900], "cut.webp": written("WEBP")[:300],
        "cut.avif": written("AVIF")[:300], "cut.tif": written("TIFF")[:900],
        "bomb.png": png(60_000, 60_000, bytes(1_000_000)),
        "textbomb.png": png(4, 4, bytes(52), (b"zTXt", b"a\0\0" + zeros)),
    }  # fmt: skip
    for name, content in damaged.items():
        (folder / name).write_bytes(content)
    Image.fromarray(bytes_of(photo(1, 1))).save(folder / "one.png")
    code, error = said(capsys, "upscale", folder, "--model", model, "-o", out)
    assert code == 1
    assert f"{len(damaged)} of {len(damaged) + 1} could not be enlarged" in error
    assert [path.name for path in out.glob("*.png")] == ["one.png"]
    with Image.open(out / "one.png") as image:
        assert image.size == (3, 3)


def test_a_source_is_never_its_own_target(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "a.png"
    source.write_bytes(written("PNG"))
    os.link(source, tmp_path / "same.png")
    (tmp_path / "link.png").symlink_to(source)
    before = source.read_bytes()
    for target in ("a.png", "same.png", "link.png", "../" + tmp_path.name + "/a.png"):
        code, error = said(capsys, "upscale", source, "--model", model, "-o", tmp_path / target)
        assert code == 1
        assert "overwritten by its own" in error
    assert source.read_bytes() == before


def test_a_target_that_must_not_be_written(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, closed = tmp_path / "a.png", tmp_path / "closed"
    source.write_bytes(written("PNG"))
    closed.mkdir()
    closed.chmod(0o500)
    if os.access(closed, os.W_OK):
        # The administrator may write anywhere; but not into what is no folder.
        closed = Path("/dev/null/closed")
    code, error = said(capsys, "upscale", source, "--model", model, "-o", closed / "b.png")
    assert code == 1
    assert "can be written" in error


def test_cuda_that_is_not_there_is_said(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if cuda_device_present():
        pytest.skip("there is one")
    (tmp_path / "a.png").write_bytes(written("PNG"))
    words = ("--model", model, "--device", "cuda", "-o", tmp_path / "b.png")
    code, error = said(capsys, "upscale", tmp_path / "a.png", *words)
    assert code == 1
    assert "no NVIDIA GPU" in error
    assert not (tmp_path / "b.png").exists()


class Hostile:
    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self) -> Any:
        return Path.touch, (self.mark,)


def test_a_hostile_model_runs_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mark = tmp_path / "was here"
    (tmp_path / "a.png").write_bytes(written("PNG"))
    for name in ("evil.pth", "evil.pt", "evil.ckpt"):
        (tmp_path / name).write_bytes(pickle.dumps({"params": Hostile(mark)}))
        words = ("--model", tmp_path / name, "-o", tmp_path / "b.png")
        assert said(capsys, "upscale", tmp_path / "a.png", *words)[0] == 1
        assert said(capsys, "models", "add", tmp_path / name)[0] == 1
    assert not mark.exists()


def test_very_wide_pictures_are_never_computed_at_one_go(model: Path) -> None:
    settings = UpscaleSettings(str(model), device="cpu")
    upscaler = open_upscaler(settings)
    widths: list[int] = []

    class Counting:
        def run(self, names: Any, feed: dict[str, np.ndarray]) -> Any:
            (fed,) = feed.values()
            widths.append(fed.shape[3])
            return upscaler.session.run(names, feed)

        def __getattr__(self, name: str) -> Any:
            return getattr(upscaler.session, name)

    wide = np.tile(np.arange(30_000) % 251, (3, 1)).astype(np.uint8)[..., None].repeat(3, 2)
    made = enlarge(wide, replace(upscaler, session=Counting()), settings)
    assert made.shape == (9, 90_000, 3)
    assert len(widths) > 30_000 / LARGEST_TILE
    assert max(widths) <= LARGEST_TILE + 4 * upscaler.shape.halo
