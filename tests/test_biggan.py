"""BigGAN in the engine: what draws, steers and exports a StyleGAN does the same for it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from app.cli import main
from app.recipes import class_weights, listed
from engine.backend import Inputs, read_constants
from engine.library import Library
from engine.messages import Direction, Edit, LatentPart, ModelInfo, SteerRequest, Vector
from engine.runtime import Runtime, open_runtime
from engine.steer.directions import affine_weights, direction_from_array, find_direction, sefa
from engine.steer.features import styles
from engine.steer.latents import resolve
from engine.torch_backend import TorchBackend
from models import registry
from models.errors import LodestoneError, RefusedFile
from models.files import load_model
from tests.biggans import Brock, HuggingFace, latents, one_hot

KINDS = ("deep", "chunks")
DEEP = HuggingFace(layers=((False, 2, 1), (True, 1, 1)), attention=1)
CHUNKS = Brock()
FILES: dict[str, HuggingFace | Brock] = {"deep": DEEP, "chunks": CHUNKS}


@dataclasses.dataclass(frozen=True)
class Shelf:
    """A person's folder with both kinds, imported on the command line; cached graphs with it."""

    home: Path
    runtimes: dict[str, Runtime]
    facts: dict[str, dict[str, object]]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    home = tmp_path_factory.mktemp("Zuhause")
    foreign = tmp_path_factory.mktemp("fremd")
    DEEP.write(foreign)
    CHUNKS.write(foreign / "G_ema.pth")
    runtimes: dict[str, Runtime] = {}
    facts: dict[str, dict[str, object]] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LODESTONE_HOME", str(home))
        for kind, name in zip(KINDS, ("pytorch_model.bin", "G_ema.pth"), strict=True):
            assert main(["import", str(foreign / name), "--name", kind]) == 0
            info = Library().find(kind)
            facts[kind] = dataclasses.asdict(info)
            runtimes[kind] = open_runtime(info, "cpu")
    return Shelf(home, runtimes, facts)


@pytest.fixture
def here(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    monkeypatch.setenv("LODESTONE_HOME", str(shelf.home))
    return shelf


def z_of(seed: int, kind: str) -> torch.Tensor:
    values = np.random.RandomState(seed).randn(1, FILES[kind].z_dim)
    return torch.from_numpy(values.astype(np.float32))


def originally(kind: str, z: torch.Tensor, c: torch.Tensor, truncation: float = 1.0) -> np.ndarray:
    """What the file's own code draws."""
    theirs = FILES[kind]
    if isinstance(theirs, HuggingFace):
        return theirs.draw(truncation * z, c, truncation).numpy()
    return theirs.draw(truncation * z, c).numpy()


def drawn(runtime: Runtime, request: SteerRequest) -> np.ndarray:
    made = resolve(request, runtime, runtime.memo)
    return runtime.synthesis(made.ws, made.style_offset)


def torch_backend(info: ModelInfo) -> TorchBackend:
    card, state = load_model(info.path)
    return TorchBackend(registry.build(card, state), info, read_constants(info))


@pytest.mark.parametrize("kind", KINDS)
def test_from_a_request_to_what_its_code_draws(kind: str, here: Shelf) -> None:
    runtime = here.runtimes[kind]
    assert runtime.provider == "ONNX Runtime CPU"
    mixed = (0.0, 0.25, 0.0, 0.75, 0.0)
    request = SteerRequest(runtime.info.id, (LatentPart(seed=8),), mixed, truncation=0.6)
    expected = originally(kind, z_of(8, kind), torch.tensor([mixed]), 0.6)
    assert expected.std() > 0.05
    np.testing.assert_allclose(drawn(runtime, request), expected, atol=3e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_torch_backend_draws_the_same(kind: str, here: Shelf) -> None:
    runtime = here.runtimes[kind]
    info = runtime.info
    random = np.random.RandomState(0)
    ws = random.randn(3, info.num_ws, info.w_dim).astype(np.float32)
    offset = 0.3 * random.randn(3, sum(layer.style_count for layer in info.layers))
    offset = offset.astype(np.float32)
    backend = torch_backend(info)
    for given in (None, offset):
        theirs = backend.synthesis(Inputs(ws, given, None, None))
        np.testing.assert_allclose(runtime.synthesis(ws, given), theirs, atol=3e-5)
    assert np.abs(theirs - runtime.synthesis(ws)).max() > 0.05


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_library_tells(kind: str, here: Shelf) -> None:
    info = here.runtimes[kind].info
    theirs = FILES[kind]
    assert info.architecture == {"deep": "biggan-deep", "chunks": "biggan"}[kind]
    assert info.resolution == {"deep": 8, "chunks": 16}[kind]
    assert (info.channels, info.c_dim) == (3, 5)
    assert info.z_dim == theirs.z_dim
    assert info.class_width == {"deep": 6 + 1, "chunks": 4}[kind]
    assert info.w_dim == info.z_dim + info.class_width
    assert info.parity is not None
    assert 0.0 < info.parity < 1e-4
    assert not any(layer.noise or layer.to_rgb for layer in info.layers)
    # One row of w+ for everything that reads the condition.
    assert [layer.ws_index for layer in info.layers] == list(range(info.num_ws))
    names = [layer.name for layer in info.layers]
    norms = {"deep": 2 * 4, "chunks": 2 * 2}[kind]
    assert names[:2] == ["start", "block0.norm0"]
    assert len(names) == 1 + norms


@pytest.mark.parametrize("kind", KINDS)
def test_styles_are_the_gains_and_biases(kind: str, here: Shelf) -> None:
    """The affine maps in the card give what the network computes with: 1 + gain, then bias."""
    runtime = here.runtimes[kind]
    info = runtime.info
    card, state = load_model(info.path)
    made = registry.build(card, state)
    ws = np.random.RandomState(1).randn(2, info.num_ws, info.w_dim).astype(np.float32)
    found = styles(ws, runtime)
    for layer in info.layers:
        affine = made.synthesis.get_submodule(f"{layer.name}.affine")
        expected = affine(torch.from_numpy(ws[:, layer.ws_index])).numpy()
        own = slice(layer.style_start, layer.style_start + layer.style_count)
        np.testing.assert_allclose(found[:, own], expected, rtol=1e-4, atol=1e-5)
    resting = state["synthesis.block0.norm1.affine.bias"].tolist()
    assert resting == [1.0] * (len(resting) // 2) + [0.0] * (len(resting) // 2)


def test_a_layer_reads_its_own_chunk_of_z(here: Shelf) -> None:
    """The third chunk drives the second block: neither its other rows nor the first's notice it."""
    runtime = here.runtimes["chunks"]
    info = runtime.info
    weights = affine_weights(info.path, info.layers)
    read = {
        name: {place // 3 for place in np.flatnonzero(np.abs(weight).sum(0)) if place < 9}
        for name, weight in weights.items()
    }
    assert read == {
        "start": {0},
        "block0.norm0": {1}, "block0.norm1": {1},
        "block1.norm0": {2}, "block1.norm1": {2},
    }  # fmt: skip
    ws = np.random.RandomState(2).randn(1, info.num_ws, info.w_dim).astype(np.float32)
    moved = ws.copy()
    moved[:, :3, 6:9] += 1.0
    np.testing.assert_array_equal(runtime.synthesis(moved), runtime.synthesis(ws))
    moved[:, 3, 6:9] += 1.0
    assert np.abs(runtime.synthesis(moved) - runtime.synthesis(ws)).max() > 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_sefa_leaves_the_class_alone(kind: str, here: Shelf) -> None:
    runtime = here.runtimes[kind]
    info = runtime.info
    found = sefa(runtime, count=100)
    assert len(found) == info.z_dim
    vectors = np.stack([one.vector.array() for one in found])
    assert vectors.shape == (info.z_dim, info.w_dim)
    assert not vectors[:, info.z_dim :].any()
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(info.z_dim), atol=1e-6)
    # z is drawn from N(0, 1), so along a unit vector in it σ is 1.
    np.testing.assert_allclose([one.sigma for one in found], 1.0, atol=0.08)
    assert find_direction("sefa 2", runtime) == found[1]
    with pytest.raises(LodestoneError, match=f"has {info.z_dim} SeFa directions"):
        find_direction(f"sefa {info.z_dim + 1}", runtime)


@pytest.mark.parametrize("kind", KINDS)
def test_a_direction_means_the_same_in_every_class(kind: str, here: Shelf) -> None:
    """What moves w in one class moves z by as much in another, and no class at all."""
    runtime = here.runtimes[kind]
    direction = sefa(runtime, count=1)[0]
    step = direction.sigma * direction.vector.array()[: runtime.info.z_dim]
    for index in (0, 3):
        classes = tuple(float(index == other) for other in range(5))
        edit = Edit(direction, 1.5)
        request = SteerRequest(runtime.info.id, (LatentPart(seed=5),), classes, edits=(edit,))
        z = z_of(5, kind) + 1.5 * torch.from_numpy(step).float()
        expected = originally(kind, z, one_hot(5, [index]))
        np.testing.assert_allclose(drawn(runtime, request), expected, atol=5e-5)


def test_directions_in_z_and_from_files(here: Shelf) -> None:
    runtime = here.runtimes["deep"]
    info = runtime.info
    bare = np.arange(1.0, 1.0 + info.z_dim, dtype=np.float32)
    direction = direction_from_array(bare, "slope", runtime)
    assert (direction.space, direction.sigma) == ("z", 1.0)
    request = SteerRequest(info.id, (LatentPart(seed=1),), edits=(Edit(direction, -2.0),))
    z = z_of(1, "deep") - 2.0 * torch.from_numpy(bare / np.linalg.norm(bare))
    expected = originally("deep", z, one_hot(5, [0]))
    np.testing.assert_allclose(drawn(runtime, request), expected, atol=5e-5)


def test_truncation_of_some_layers(here: Shelf) -> None:
    """Each row carries its own truncation, so a cutoff truncates statistics with their layers."""
    runtime = here.runtimes["deep"]
    info = runtime.info
    request = SteerRequest(info.id, (LatentPart(seed=2),), truncation=0.5, truncation_cutoff=4)
    ws = resolve(request, runtime).ws[0]
    assert ws[:, -1].tolist() == [0.5] * 4 + [1.0] * (info.num_ws - 4)
    np.testing.assert_allclose(ws[:4, : info.z_dim] * 2, ws[4:8, : info.z_dim], rtol=1e-6)
    np.testing.assert_array_equal(ws[0, info.z_dim : -1], ws[5, info.z_dim : -1])


def test_style_mixing_and_space_s(here: Shelf) -> None:
    runtime = here.runtimes["chunks"]
    info = runtime.info
    mixed = SteerRequest(
        info.id, (LatentPart(seed=0),), mix=(LatentPart(seed=1),), mix_layers=(3, 4)
    )
    z = torch.cat([z_of(0, "chunks")[:, :6], z_of(1, "chunks")[:, 6:]], dim=1)
    expected = originally("chunks", z, one_hot(5, [0]))
    np.testing.assert_allclose(drawn(runtime, mixed), expected, atol=5e-5)
    layer = info.layers[2]
    vector = np.zeros(sum(one.style_count for one in info.layers), np.float32)
    vector[layer.style_start : layer.style_start + layer.style_count // 2] = 1.0
    edit = Edit(Direction("gain", "s", Vector.of(vector)), 2.0)
    plain = drawn(runtime, SteerRequest(info.id))
    gained = drawn(runtime, SteerRequest(info.id, edits=(edit,)))
    assert np.abs(gained - plain).max() > 0.01


@pytest.mark.parametrize("layer", ["start", "block0.norm1", "block1.norm0"])
def test_activations_are_read_alike(layer: str, here: Shelf) -> None:
    runtime = here.runtimes["chunks"]
    ws = np.random.RandomState(3).randn(2, runtime.info.num_ws, runtime.info.w_dim)
    ws = ws.astype(np.float32)
    ours = runtime.activations(ws, None, None, None, layer, grid=2)
    theirs = torch_backend(runtime.info).activations(Inputs(ws, None, None, None), layer, 2)
    np.testing.assert_allclose(ours, theirs.reshape(2, -1), atol=1e-4)
    assert theirs.std() > 0.01


def test_command_line_draws_mixes_and_exports(
    here: Shelf, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--seeds", "3", "--class", "class 2=3,class 4=1", "--truncation", "0.8")
    drawing = ("render", "deep", *words, "--format", "npy", "-o", str(tmp_path))
    assert main(list(drawing)) == 0
    images = np.load(tmp_path / "images.npy")
    weights = torch.tensor([[0.0, 0.0, 0.75, 0.0, 0.25]])
    expected = originally("deep", z_of(3, "deep"), weights, 0.8)
    assert images.shape == (1, 3, 8, 8)
    np.testing.assert_allclose(images, expected, atol=5e-5)
    assert main(["export", "chunks", "-o", str(tmp_path / "c.onnx")]) == 0
    graphs = sorted(tmp_path.glob("c*.onnx"))
    assert len(graphs) == 2
    inputs = {i.name for path in graphs for i in onnx.load(path).graph.input}
    assert inputs == {"z", "c", "ws", "style_offset"}
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("classes", "sentence"),
    [
        ("class 2=x", "'x' is no weight of a class"),
        ("class 2=-1", "'-1' is no weight of a class"),
        ("class 2=1,plum", "has no class 'plum'. Its classes are: class 0, class 1"),
        ("5", "has no class '5'"),
    ],
)
def test_wrong_classes(
    classes: str, sentence: str, here: Shelf, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["render", "deep", "--class", classes, "-o", str(tmp_path)]) == 1
    told = capsys.readouterr().err
    assert sentence in told
    assert told.count("\n") == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_card_builds_what_it_was_made_of(kind: str, here: Shelf) -> None:
    card, state = load_model(here.runtimes[kind].info.path)
    made = registry.build(card, state)
    assert json.loads(json.dumps(dataclasses.asdict(made.config))) == card.hyper
    picture = made(latents(1, made.z_dim), one_hot(5, [1])).numpy()
    expected = originally(kind, latents(1, made.z_dim), one_hot(5, [1]))
    np.testing.assert_allclose(picture, expected, atol=5e-5)


@pytest.mark.parametrize("wrong", [{"up": [True] * 30}, {"up": [True]}, {"up": 7}, {"eps": "no"}])
def test_a_lying_card_is_refused(wrong: dict[str, object], here: Shelf) -> None:
    card, state = load_model(here.runtimes["deep"].info.path)
    with pytest.raises(RefusedFile) as caught:
        registry.build(dataclasses.replace(card, hyper=card.hyper | wrong), state)
    assert "\n" not in caught.value.sentence


def test_classes_near_to_what_was_typed(here: Shelf) -> None:
    info = here.runtimes["deep"].info
    names = tuple(f"plum {i}" for i in range(20)) + ("tabby cat", "catamaran", "Golden Retriever")
    many = dataclasses.replace(info, class_names=names, c_dim=len(names))
    with pytest.raises(LodestoneError, match="Near to it: tabby cat, catamaran.* 0 to 22"):
        class_weights("cat", many)
    with pytest.raises(LodestoneError, match="Near to it: Golden Retriever"):
        class_weights("golden retreiver", many)
    assert class_weights("tabby cat=0.5, 22", many)[20:] == (0.5, 0.0, 1.0)
    assert listed(names) == "plum 0, plum 1, plum 2, plum 3, plum 4, plum 5, plum 6, plum 7 … " + (
        "(23 in all)"
    )
