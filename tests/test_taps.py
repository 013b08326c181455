"""Activations of a layer, read and moved: ONNX graphs against the network's own modules."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from engine.backend import Inputs, area_means, read_constants
from engine.codec import to_json
from engine.export import export_onnx, recorded
from engine.graphs import GraphFiles
from engine.library import model_info
from engine.messages import (
    Direction,
    Edit,
    LatentPart,
    LodestoneError,
    ModelInfo,
    SteerRequest,
    Vector,
)
from engine.onnx_backend import OnnxBackend, cuda_device_present, kept_taps
from engine.runtime import Runtime
from engine.steer.directions import find_direction
from engine.steer.features import features
from engine.steer.latents import resolve
from engine.steer.morph import morph
from engine.steer.render import render, render_batch, render_into
from engine.taps import reading, tappable, tapped_graph
from engine.torch_backend import TorchBackend
from models import biggan, stylegan3
from models.files import Card, load_model, save_model
from models.registry import build
from tests import small
from tests.seeded import reseeded


def both(info: ModelInfo, stem: str) -> tuple[OnnxBackend, TorchBackend]:
    constants = read_constants(info)
    files = GraphFiles.at(Path(info.path).parent, stem)
    network = build(*load_model(info.path))
    return OnnxBackend(info, files, constants), TorchBackend(network, info, constants)


def shelved(network: Any, architecture: str, folder: Path) -> ModelInfo:
    path = folder / "other.safetensors"
    state = {key: value.numpy() for key, value in network.state_dict().items()}
    card = save_model(path, state, Card(architecture, "other", dataclasses.asdict(network.config)))
    export_onnx(network, card, folder, stem="other")
    return model_info(card, path)


def some_inputs(info: ModelInfo, count: int = 2, **moved: np.ndarray) -> Inputs:
    random = np.random.RandomState(3)
    ws = random.randn(count, info.num_ws, info.w_dim).astype(np.float32)
    styles = sum(layer.style_count for layer in info.layers)
    offset = 0.1 * random.randn(count, styles).astype(np.float32)
    return Inputs(ws, offset, None, None, moved)


def compare(info: ModelInfo, stem: str, every: int = 1) -> None:
    """Every (or every third) layer, read and moved, in ONNX Runtime and by torch's hooks."""
    ours, theirs = both(info, stem)
    plain = ours.synthesis(some_inputs(info))
    random = np.random.RandomState(5)
    for layer in tappable(info)[::every]:
        read = ours.activations(some_inputs(info), layer, 1)
        np.testing.assert_allclose(
            read, theirs.activations(some_inputs(info), layer, 1), atol=1e-4, err_msg=layer
        )
        moved = some_inputs(info)
        push = random.randn(2, read.shape[1]).astype(np.float32)
        moved = dataclasses.replace(moved, activation_offset={layer: push})
        picture = ours.synthesis(moved)
        np.testing.assert_allclose(picture, theirs.synthesis(moved), atol=1e-4, err_msg=layer)
        assert np.abs(picture - plain).max() > 1e-3, layer
        after = ours.activations(moved, layer, 1)
        np.testing.assert_allclose(after - read, push[:, :, None, None], atol=1e-4, err_msg=layer)
    np.testing.assert_array_equal(ours.synthesis(some_inputs(info)), plain)


def direction(layer: str, seed: int = 0, runtime: Runtime | None = None) -> Direction:
    width = features([request()], "a", layer, runtime or small.runtime()).shape[1]
    vector = np.random.RandomState(seed).randn(width)
    unit = Vector.of(vector / np.linalg.norm(vector))
    return Direction(f"{layer} {seed}", "a", unit, 0.5, at=layer, model=small.info().id)


def request(seed: int = 1, *edits: Edit) -> SteerRequest:
    return SteerRequest(small.info().id, (LatentPart(seed=seed),), edits=edits)


def test_every_layer_of_stylegan2():
    compare(small.info(), "small")


def test_layers_of_a_clamped_resnet(tmp_path: Path):
    network = small.generator(c_dim=0, architecture="resnet", conv_clamp=2.0)
    compare(shelved(network, "stylegan2", tmp_path), "other", 3)


def test_layers_of_stylegan3(tmp_path: Path):
    network = stylegan3.Generator(stylegan3.Config(16, (6, 6, 6, 6, 3), z_dim=6, w_dim=8)).eval()
    state = reseeded({name: value.numpy() for name, value in network.state_dict().items()})
    network.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    compare(shelved(network.requires_grad_(False), "stylegan3-t", tmp_path), "other", 2)


def test_layers_of_biggan(tmp_path: Path):
    config = biggan.Config(
        resolution=8, channels=(8, 8), up=(True,), z_dim=6, class_width=4, w_dim=10, c_dim=2
    )
    torch.manual_seed(0)
    network = biggan.Generator(config).eval().requires_grad_(False)
    compare(shelved(network, "biggan", tmp_path), "other")


def test_neither_needs_torch():
    layer = direction("b16.conv0")
    code = (
        "import sys\n"
        "from engine.codec import from_json\n"
        "from engine.library import Library\n"
        "from engine.messages import Edit, SteerRequest\n"
        "from engine.runtime import open_runtime\n"
        "from engine.steer.features import features\n"
        "from engine.steer.render import render\n"
        f"runtime = open_runtime(Library().find({small.info().path!r}), 'cpu')\n"
        f"layer = from_json({to_json(layer)!r})\n"
        "request = SteerRequest(runtime.info.id, edits=(Edit(layer, 1.0),))\n"
        "assert render(request, runtime).std() > 0.1\n"
        "assert features([request], 'a', 'b32.conv1', runtime).std() > 0.0\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.gpu
@pytest.mark.skipif(not cuda_device_present(), reason="needs a CUDA device")
def test_cuda_moves_as_the_cpu_does():
    ours, _ = both(small.info(), "small")
    network = build(*load_model(small.info().path))
    cuda = TorchBackend(network, small.info(), read_constants(small.info()), cuda=True, half=False)
    inputs = dataclasses.replace(
        some_inputs(small.info()), activation_offset={"b16.conv1": np.ones((1, 16), np.float32)}
    )
    for case in (inputs, some_inputs(small.info()), inputs):
        np.testing.assert_allclose(cuda.synthesis(case), ours.synthesis(case), atol=1e-3)
    found = cuda.activations(inputs, "b16.conv1", 2)
    np.testing.assert_allclose(found, ours.activations(inputs, "b16.conv1", 2), atol=1e-3)


def test_areas_are_means_of_what_the_layer_puts_out():
    ours, theirs = both(small.info(), "small")
    inputs = some_inputs(small.info())
    network = build(*load_model(small.info().path)).eval()
    with torch.no_grad(), recorded(network.synthesis, ("b16.conv1",)) as outputs:
        network.synthesis(
            torch.from_numpy(inputs.ws), torch.from_numpy(np.asarray(inputs.style_offset))
        )
    whole = outputs["b16.conv1"]
    for grid in (1, 2, 4):
        expected = torch.nn.functional.adaptive_avg_pool2d(whole, grid).numpy()
        for backend in (ours, theirs):
            found = backend.activations(inputs, "b16.conv1", grid)
            np.testing.assert_allclose(found, expected, atol=1e-5)
    # 16 positions in three areas: the borders fall within positions.
    found = ours.activations(inputs, "b16.conv1", 3)
    np.testing.assert_allclose(found, theirs.activations(inputs, "b16.conv1", 3), atol=1e-5)
    np.testing.assert_allclose(found.mean(axis=(2, 3)), whole.mean(dim=(2, 3)), atol=1e-5)
    np.testing.assert_allclose(area_means(3, 2), [[2 / 3, 1 / 3, 0], [0, 1 / 3, 2 / 3]], atol=1e-7)


def test_reading_computes_no_further_than_the_layer():
    path = small.folder() / "small.synthesis.onnx"
    whole = onnx.load(path)
    cut = tapped_graph(path, (), reading("b8.conv1", small.info()))
    onnx.checker.check_model(cut, full_check=True)
    convolutions = [node for node in cut.graph.node if node.op_type == "Conv"]
    assert len(convolutions) < len([n for n in whole.graph.node if n.op_type == "Conv"]) / 2
    assert not [one.name for one in cut.graph.initializer if ".b16." in one.name]
    assert cut.ByteSize() < whole.ByteSize()


def test_several_layers_at_once_and_pictures_together():
    first, second = direction("b8.conv1"), direction("b16.conv0", 1)
    runtime = small.runtime()
    one = request(1, Edit(first, 3.0))
    two = request(2, Edit(second, -2.0), Edit(first, 1.0), Edit(direction("b8.conv1", 4), 2.0))
    plain = request(3)
    together = render_batch([one, two, plain], runtime)
    for picture, single in zip(together, (one, two, plain), strict=True):
        np.testing.assert_allclose(picture, render(single, runtime)[0], atol=1e-4)
    _, theirs = both(small.info(), "small")
    found = resolve(two, runtime)
    assert set(found.activation_offset) == {"b8.conv1", "b16.conv0"}
    inputs = Inputs(
        found.ws, found.style_offset, None, found.noise_strength, found.activation_offset
    )
    np.testing.assert_allclose(together[1:2], theirs.synthesis(inputs), atol=1e-4)
    bytes_ = np.empty((32, 32, 4), np.uint8)
    render_into(two, runtime, bytes_)
    expected = np.clip(together[1] * 127.5 + 128.0, 0, 255)[::-1].transpose(1, 2, 0)
    assert np.abs(bytes_[..., :3] - expected).max() <= 1.01


def test_features_are_those_of_the_picture_as_drawn():
    runtime = small.runtime()
    moved = direction("b8.conv0")
    edited = request(1, Edit(moved, 4.0))
    here = features([request(1), edited], "a", "b8.conv0", runtime)
    np.testing.assert_allclose(here[1] - here[0], 4.0 * 0.5 * moved.vector.array(), atol=1e-4)
    later = features([request(1), edited], "a", "b16.conv1", runtime)
    assert np.abs(later[1] - later[0]).max() > 1e-3
    earlier = features([request(1), edited], "a", "b4.conv1", runtime)
    np.testing.assert_array_equal(earlier[0], earlier[1])
    quiet = dataclasses.replace(request(1), noise="off")
    noisy = features([request(1), quiet], "a", "b8.conv0", runtime)
    assert np.abs(noisy[1] - noisy[0]).max() > 1e-5


def test_no_amount_is_the_plain_picture_and_morphs_pass_through():
    runtime = small.runtime()
    edit = Edit(direction("b8.conv1"), 2.0)
    still = dataclasses.replace(edit, amount=0.0)
    assert resolve(request(1, still), runtime).activation_offset == {}
    np.testing.assert_array_equal(render(request(1, still), runtime), render(request(1), runtime))
    half = render(morph(request(1), request(1, edit), 0.5), runtime)
    np.testing.assert_allclose(
        half, render(request(1, dataclasses.replace(edit, amount=1.0)), runtime), atol=1e-5
    )


def test_few_graphs_stay_open():
    ours, _ = both(small.info(), "small")
    for layer in tappable(small.info()):
        ours.activations(some_inputs(small.info()), layer, 1)
    assert len(ours._tapped) == kept_taps


def test_directions_of_a_layer_come_from_files(tmp_path: Path):
    runtime = small.runtime()
    given = direction("b16.conv1")
    path = tmp_path / "a.json"
    path.write_text(to_json(given))
    assert find_direction(str(path), runtime) == given


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("b16.torgb", r"b16\.torgb paints the picture.*Choose b16\.conv1 or b32\.conv0\."),
        ("b32.torgb", r"Choose b32\.conv1\."),
        ("b7.conv1", r"no layer 'b7\.conv1'\. Choose one of b4\.conv1, b8\.conv0"),
        ("", "no layer"),
    ],
)
def test_a_layer_that_cannot_be_moved_is_said(layer: str, message: str):
    wrong = dataclasses.replace(direction("b16.conv1"), at=layer)
    for work in (
        lambda: render(request(1, Edit(wrong, 1.0)), small.runtime()),
        lambda: features([request()], "a", layer, small.runtime()),
    ):
        with pytest.raises(LodestoneError, match=message):
            work()


def test_a_direction_of_another_size_is_said():
    wrong = dataclasses.replace(direction("b16.conv1"), at="b8.conv1")
    message = "16 numbers does not fit b8.conv1 of small, which has 24"
    with pytest.raises(LodestoneError, match=message):
        render(request(1, Edit(wrong, 1.0)), small.runtime())
    ours, theirs = both(small.info(), "small")
    inputs = some_inputs(small.info())
    inputs = dataclasses.replace(inputs, activation_offset={"b8.conv1": np.ones((1, 16))})
    for backend in (ours, theirs):
        with pytest.raises(LodestoneError, match="24 channels"):
            backend.synthesis(inputs)
    with pytest.raises(ValueError, match="grid is 5"):
        ours.activations(some_inputs(small.info()), "b8.conv1", 5)
