"""Probe sets: folders, zips and samples; every kind of picture, and damaged ones."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.inspect.probes import Fit, ProbeSet, decoded, read_pictures, samples
from engine.messages import LodestoneError, NetworkInfo, Probes, SteerRequest
from engine.progress import Progress


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LODESTONE_HOME", str(tmp_path / "home"))


def small(picture: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(picture).resize((8, 8)))


def read(data: Path, fit: Fit = small, **rest: Any) -> ProbeSet:
    return read_pictures(Probes(str(data), **rest), (8, 8), fit, "small", Progress())


def flat(path: Path, colour: tuple[int, ...], mode: str = "RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, (12, 9), colour if len(colour) > 1 else colour[0]).save(path)


def test_sub_folders_are_labels_and_order_is_by_name(tmp_path: Path) -> None:
    flat(tmp_path / "p/pear/b.png", (1, 2, 3))
    flat(tmp_path / "p/apple/a.jpg", (200, 0, 0))
    flat(tmp_path / "p/.hidden/c.png", (0, 0, 0))
    (tmp_path / "p/readme.txt").write_text("not a picture")
    found = read(tmp_path / "p")
    assert found.names == ("apple/a.jpg", "pear/b.png")
    assert found.labels == ("apple", "pear")
    assert found.pixels is not None
    assert found.pixels.shape == (2, 8, 8, 3)
    assert tuple(found.pixels[1, 0, 0]) == (1, 2, 3)
    assert any("2 pictures" in note for note in found.notes)


def test_a_zip_gives_what_its_folder_gives(tmp_path: Path) -> None:
    for index in range(3):
        flat(tmp_path / f"p/{index}.png", (index, 9, 9))
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        for path in sorted((tmp_path / "p").iterdir()):
            archive.write(path, path.name)
        archive.writestr("labels.csv", "file,label\n0.png,zero\n")
    folder, packed = read(tmp_path / "p"), read(tmp_path / "p.zip")
    assert folder.names == packed.names
    assert packed.labels == ("zero", "", "")
    assert folder.labels == ("", "", "")
    np.testing.assert_array_equal(folder.pixels, packed.pixels)


def test_grey_alpha_deep_and_turned_pictures(tmp_path: Path) -> None:
    Image.new("L", (4, 4), 77).save(tmp_path / "grey.png")
    Image.new("RGBA", (4, 4), (10, 20, 30, 0)).save(tmp_path / "clear.png")
    Image.fromarray(np.full((4, 4), 257 * 100, np.uint16)).save(tmp_path / "deep.png")
    Image.fromarray(np.full((4, 4), 0.5, np.float32)).save(tmp_path / "float.tif")
    turned = Image.fromarray(np.zeros((4, 8, 3), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(tmp_path / "turned.jpg", exif=exif)

    def pixels(name: str) -> np.ndarray:
        return decoded((tmp_path / name).read_bytes())

    assert (pixels("grey.png") == 77).all()
    assert (pixels("clear.png") == 255).all()
    assert (pixels("deep.png") == 100).all()
    assert (pixels("float.tif") == 128).all()
    assert pixels("turned.jpg").shape == (8, 4, 3)


def test_a_damaged_file_is_skipped_and_listed(tmp_path: Path) -> None:
    for index in range(20):
        flat(tmp_path / f"p/{index:02}.png", (index, 0, 0))
    whole = (tmp_path / "p/03.png").read_bytes()
    (tmp_path / "p/03.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "p/07.png").write_bytes(b"nothing of the kind")
    found = read(tmp_path / "p")
    assert [name for name, _ in found.skipped] == ["03.png", "07.png"]
    assert all(why for _, why in found.skipped)
    assert len(found) == 18
    assert "2 files were skipped" in found.notes[-1]
    assert found.pixels is not None
    assert found.pixels[3, 0, 0, 0] == 4, "what follows a skipped file keeps its place"
    again = read(tmp_path / "p", fit=lambda _: pytest.fail("decoded twice"))
    assert again.skipped == found.skipped
    assert again.digest == found.digest


def test_the_digest_is_of_contents(tmp_path: Path) -> None:
    for place in ("a", "b"):
        flat(tmp_path / place / "x.png", (5, 5, 5))
    same = read(tmp_path / "a").digest
    assert read(tmp_path / "b").digest == same
    flat(tmp_path / "b/x.png", (5, 5, 6))
    assert read(tmp_path / "b").digest != same


def test_fewer_are_spread_evenly_and_names_choose(tmp_path: Path) -> None:
    for index in range(9):
        flat(tmp_path / f"p/{index}.png", (index, 0, 0))
    assert read(tmp_path / "p", count=3).names == ("0.png", "4.png", "8.png")
    assert read(tmp_path / "p", names=("5.png",)).names == ("5.png",)
    with pytest.raises(LodestoneError, match="no picture 77.png"):
        read(tmp_path / "p", names=("77.png",))


def test_what_is_no_probe_set_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.zip").write_text("not a zip")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/a.png").write_bytes(b"no")
    flat(tmp_path / "csv/a.png", (0, 0, 0))
    (tmp_path / "csv/labels.csv").write_text("name;kind\n")
    for place, words in (
        ("empty", "no picture in"),
        ("nowhere", "nothing at"),
        ("text.zip", "neither a folder nor a zip"),
        ("bad", "None of the 1 pictures"),
        ("csv", "needs the columns"),
    ):
        with pytest.raises(LodestoneError, match=words):
            read(tmp_path / place)


def test_a_generators_samples_are_its_seeds() -> None:
    info = NetworkInfo("id", "fruit", "fruit", "generator", (), classes=("apple", "pear"))
    found = samples(Probes(count=20, seed=5), info)
    assert found.names[:2] == ("seed 5", "seed 6")
    assert found.labels[:2] == ("pear", "apple")
    assert found.requests[0].latent[0].seed == 5
    assert found.requests[0].classes == (0.0, 1.0)
    assert found.digest == samples(Probes(count=20, seed=5), info).digest
    assert found.digest != samples(Probes(count=20, seed=6), info).digest
    assert samples(Probes(names=("seed 17",)), info).requests[0].latent[0].seed == 17
    canvas = SteerRequest("id", truncation=0.5)
    assert samples(Probes(requests=(canvas,)), info).names == ("picture 1",)
    with pytest.raises(LodestoneError, match="no sample"):
        samples(Probes(names=("a.png",)), info)
    with pytest.raises(LodestoneError, match="own samples"):
        samples(Probes("folder"), info)
