"""The shelf of generators: listing, finding, importing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from engine import paths
from engine.library import Library, file_stem
from engine.progress import Cancelled, Progress, Report
from models import files
from models.errors import LodestoneError, RefusedFile
from models.files import Card
from models.stylegan2 import Config, Generator
from tests import standins


def weights(seed: int = 0, c_dim: int = 0) -> dict[str, np.ndarray]:
    torch.manual_seed(seed)
    config = Config(resolution=8, channels=(4, 4), z_dim=4, w_dim=4, mapping_layers=1, c_dim=c_dim)
    return {n: v.numpy() for n, v in Generator(config).state_dict().items()}


def card(name: str, c_dim: int = 0, names: tuple[str, ...] = ()) -> Card:
    hyper = {"resolution": 8, "channels": [4, 4], "z_dim": 4, "w_dim": 4, "c_dim": c_dim}
    return Card("stylegan2", name, {**hyper, "mapping_layers": 1, "img_channels": 3}, names)


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Library:
    monkeypatch.setattr(paths, "assets", lambda: tmp_path / "assets")
    bundled = tmp_path / "assets" / "generators"
    files.save_model(
        bundled / "fruit.safetensors", weights(1, 3), card("fruit", 3, ("a", "b", "c"))
    )
    library = Library(tmp_path / "home")
    files.save_model(library.folder / "Wolken.safetensors", weights(2), card("Wolken"))
    return library


def test_bundled_first_then_the_persons_own(library: Library) -> None:
    fruit, clouds = library.models()
    assert (fruit.name, fruit.bundled, fruit.class_names) == ("fruit", True, ("a", "b", "c"))
    assert (clouds.name, clouds.bundled, clouds.class_names) == ("Wolken", False, ())
    assert (clouds.resolution, clouds.channels, clouds.num_ws, clouds.c_dim) == (8, 3, 4, 0)
    assert [layer.name for layer in clouds.layers] == [
        "b4.conv1", "b4.torgb", "b8.conv0", "b8.conv1", "b8.torgb",
    ]  # fmt: skip


def test_the_same_model_is_listed_once(library: Library) -> None:
    files.save_model(library.folder / "again.safetensors", weights(2), card("again"))
    assert len(library.models()) == 2
    assert len({info.id for info in library.models()}) == len(library.models())


def test_one_bad_file_does_not_hide_the_others(library: Library) -> None:
    (library.folder / "bad.safetensors").write_bytes(b"nonsense")
    assert [info.name for info in library.models()] == ["fruit", "Wolken"]
    assert len(library.problems) == 1
    assert library.problems[0].startswith("bad.safetensors cannot be read")


def test_a_new_file_is_noticed(library: Library) -> None:
    assert len(library.models()) == 2
    files.save_model(library.folder / "new.safetensors", weights(5), card("new"))
    assert [info.name for info in library.models()] == ["fruit", "new", "Wolken"]
    (library.folder / "new.safetensors").unlink()
    assert len(library.models()) == 2


def test_find_by_name_id_and_path(library: Library) -> None:
    fruit, clouds = library.models()
    assert library.find("FRUIT") == fruit
    assert library.find(clouds.id) == clouds
    assert library.find(clouds.id[:8]) == clouds
    assert library.find(clouds.path).id == clouds.id
    with pytest.raises(LodestoneError, match=r"no file called nothing\. The models are: fruit, W"):
        library.find("nothing")


def test_a_card_elsewhere_is_used_where_it_lies(library: Library, tmp_path: Path) -> None:
    path = tmp_path / "elsewhere ü.safetensors"
    files.save_model(path, weights(3), card("elsewhere"))
    assert library.find(str(path)).path == str(path)
    assert len(library.models()) == 2


def test_classes_without_names_get_numbers(library: Library) -> None:
    files.save_model(library.folder / "x.safetensors", weights(3, 2), card("x", 2))
    assert library.find("x").class_names == ("class 0", "class 1")


def test_import_of_a_foreign_file(library: Library, tmp_path: Path) -> None:
    path = standins.nvidia_pickle(tmp_path / "Mein Modell.pkl", weights(4), tmp_path / "ran")
    reports: list[Report] = []
    info = library.import_file(path, progress=Progress(reports.append))
    assert info.name == "Mein Modell"
    assert info in library.models()
    assert "NVIDIA StyleGAN2-ADA pickle" in info.provenance
    assert [r.fraction for r in reports] == sorted(r.fraction for r in reports)
    assert reports[-1].fraction == 1.0
    assert np.array_equal(
        files.load_model(info.path)[1]["synthesis.b8.conv0.weight"],
        weights(4)["synthesis.b8.conv0.weight"],
    )
    assert not (tmp_path / "ran").exists()


def test_find_imports_a_foreign_file_once(library: Library, tmp_path: Path) -> None:
    path = standins.nvidia_pickle(tmp_path / "a.pkl", weights(4), tmp_path / "ran")
    first = library.find(str(path))
    assert library.find(str(path)) == first
    assert len(library.models()) == 3


def test_a_taken_name_gets_a_number(library: Library, tmp_path: Path) -> None:
    path = standins.nvidia_pickle(tmp_path / "fruit.pkl", weights(4), tmp_path / "ran")
    assert library.import_file(path).name == "fruit 2"
    other = standins.nvidia_pickle(tmp_path / "b.pkl", weights(5), tmp_path / "ran")
    assert library.import_file(other, name="Fruit").name == "Fruit 3"


def test_what_does_not_fit_is_not_put_on_the_shelf(library: Library, tmp_path: Path) -> None:
    state = weights(4)
    state["synthesis.b8.conv0.bias"] = np.ones(9, np.float32)
    path = standins.nvidia_pickle(tmp_path / "a.pkl", state, tmp_path / "ran")
    with pytest.raises(RefusedFile, match="do not fit"):
        library.import_file(path)
    assert len(library.models()) == 2


def test_a_cancelled_import_leaves_nothing(library: Library, tmp_path: Path) -> None:
    path = standins.nvidia_pickle(tmp_path / "a.pkl", weights(4), tmp_path / "ran")
    progress = Progress(lambda report: progress.cancel() if report.fraction >= 0.6 else None)
    with pytest.raises(Cancelled):
        library.import_file(path, progress=progress)
    assert len(library.models()) == 2


def test_an_empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "assets", lambda: tmp_path / "none")
    library = Library(tmp_path / "nowhere")
    assert library.models() == ()
    assert not (tmp_path / "nowhere").exists()
    with pytest.raises(LodestoneError, match="The models are: none yet"):
        library.find("fruit")


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("Früchte 果物", "Früchte 果物"),
        ("../../etc/passwd", "etc-passwd"),
        ("a/b\\c:d", "a-b-c-d"),
        ("CON", "CON-model"),
        ("...", "model"),
        ("", "model"),
        ("x" * 300, "x" * 80),
    ],
)
def test_file_names(name: str, stem: str) -> None:
    assert file_stem(name) == stem


def test_listing_needs_no_torch(tmp_path: Path) -> None:
    files.save_model(tmp_path / "models" / "a.safetensors", weights(), card("a"))
    code = (
        "import sys; from engine.library import Library; "
        f"assert 'a' in [m.name for m in Library({str(tmp_path)!r}).models()]; "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
