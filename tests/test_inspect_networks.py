"""Networks opened to look inside: recognised, exact, with their layers' own names."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import save_file
from torch import Tensor, nn

from engine.bench.planted import plant
from engine.inspect.modules import open_module
from engine.inspect.networks import open_network
from engine.inspect.onnx_files import LAYERS
from engine.inspect.preprocessing import Preprocessing, lite
from engine.inspect.tokens import as_map, grid_of
from engine.messages import LatentPart, LodestoneError, NetworkLayer, SteerRequest
from engine.trace import Trace
from models import classifiers, mobilenet, resnet, vgg, vit
from models.efficientnet_lite import EfficientNetLite
from models.errors import RefusedFile

LITE0 = "efficientnet-lite0"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LODESTONE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def noise(count: int, rows: int = 40, columns: int = 60, seed: int = 0) -> list[np.ndarray]:
    random = np.random.RandomState(seed)
    return list(random.randint(0, 256, (count, rows, columns, 3), dtype=np.uint8))


# ---------------------------------------------------------------- preprocessing


def test_lite0_is_prepared_as_published() -> None:
    picture = np.full((300, 500, 3), 127, np.uint8)
    picture[:, :100] = 255
    x = lite(224)([picture])
    assert x.shape == (1, 3, 224, 224)
    assert x.dtype == np.float32
    assert np.allclose(x, 0.0)  # 255 lies outside the centre crop
    full = lite(224)([np.full((64, 64, 3), 255, np.uint8)])
    assert np.allclose(full, 1.0)
    assert lite(224).words().startswith("(x - 127) / 128, RGB")


def test_crops_orders_and_grey() -> None:
    picture = np.zeros((10, 20, 3), np.uint8)
    picture[:, 5:15] = (200, 100, 50)
    how = Preprocessing((10, 10), 10, (0.0,) * 3, (1.0,) * 3, order="BGR")
    assert np.array_equal(how([picture])[0, :, 3, 3], [50, 100, 200])
    grey = Preprocessing((10, 10), 10, (0.0,), (255.0,))
    value = (0.299 * 200 + 0.587 * 100 + 0.114 * 50) / 255
    assert grey([picture]).shape == (1, 1, 10, 10)
    assert grey([picture]) == pytest.approx(value, abs=1e-6)
    wide = Preprocessing((10, 30), 0)
    assert wide.shown(picture).shape == (10, 30, 3)
    assert Preprocessing.of(wide.as_dict()) == wide
    assert Preprocessing.of(json.loads(json.dumps(wide.as_dict()))) == wide


@pytest.mark.parametrize(
    "card",
    [{"mean": [1, 2]}, {"size": [0, 5]}, {"scale": [1, 0, 1]}, {"what": 1}, {"order": "RBG"}],
)
def test_a_card_that_makes_no_sense_is_refused(card: dict[str, Any]) -> None:
    with pytest.raises(LodestoneError, match="preprocessing"):
        Preprocessing.of(card)


def test_tokens_become_maps_without_their_class() -> None:
    assert grid_of(197) == (14, 14)
    assert grid_of(49) == (7, 7)
    assert grid_of(6) == (1, 6)
    tokens = np.arange(2 * 5 * 3).reshape(2, 5, 3)
    maps = as_map(tokens)
    assert maps.shape == (2, 3, 2, 2)
    assert maps[1, 2, 1, 0] == tokens[1, 3, 2]


# ---------------------------------------------------------------- recognised weights


KINDS = ("resnet", "resnet basic", "vgg", "vgg plain", "mobilenet-v2", "vit", "efficientnet-lite")


def tiny_networks() -> dict[str, nn.Module]:
    torch.manual_seed(0)
    stages = ((8, 16), (8, 24), (16, 32), (16, 40))
    made = {
        "resnet": resnet.ResNet(
            resnet.Config((1, 2, 1, 1), tuple(a for a, _ in stages), tuple(b for _, b in stages),
                          deep=True, groups=2, stem=8, classes=7)
        ),
        "resnet basic": resnet.ResNet(
            resnet.Config((1, 1), (8, 12), (8, 12), stem=8, kernel=3, channels=1, classes=4)
        ),
        "vgg": vgg.Vgg(vgg.Config(((4,), (6, 6)), True, 10, 2, classes=5)),
        "vgg plain": vgg.Vgg(vgg.Config(((4, 4), (6,), (8,)), False, 10, 3, classes=5)),
        "mobilenet-v2": mobilenet.MobileNetV2(
            mobilenet.Config(8, (8, *[24] * 16), tuple([4] * 4 + [6] * 13), 20, classes=6)
        ),
        "vit": vit.Vit(vit.Config(64, 2, 1, 8, 3, 32, classes=5)),
        "efficientnet-lite": EfficientNetLite(1, 9),
    }  # fmt: skip
    for network in made.values():
        for name, value in network.state_dict().items():
            if name.endswith("running_var"):
                value.uniform_(0.5, 1.5)
            elif name.endswith(("running_mean", "pos_embed", "cls_token")):
                value.normal_(std=0.2)
    return made


@pytest.mark.parametrize("name", KINDS)
def test_state_dicts_are_recognised_by_their_tensors(name: str, tmp_path: Path) -> None:
    network = tiny_networks()[name].eval()
    state = network.state_dict()
    kind = classifiers.detect({key: tuple(value.shape) for key, value in state.items()})
    assert kind is not None
    assert kind.id == name.split()[0]
    path = tmp_path / "weights.pth"
    torch.save({"state_dict": {f"module.{key}": value for key, value in state.items()}}, path)
    opened = open_module(str(path), "cpu")
    x = torch.randn(2, *opened.info.input)
    with torch.inference_mode():
        assert torch.equal(opened.module(x), network(x))
    assert opened.info.kind == "classifier"
    assert sum(layer.main for layer in opened.info.layers) >= 3
    assert opened.info.input[0] == kind.channels


def test_resnet_against_a_reference() -> None:
    network = tiny_networks()["resnet"].eval()
    s = network.state_dict()

    def norm(x: Tensor, name: str) -> Tensor:
        mean, var, weight, bias = (
            s[f"{name}.{part}"][:, None, None]
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (var + 1e-5).sqrt() * weight + bias

    def block(x: Tensor, name: str, stride: int) -> Tensor:
        y = F.relu(norm(F.conv2d(x, s[f"{name}.conv1.weight"]), f"{name}.bn1"))
        y = F.conv2d(y, s[f"{name}.conv2.weight"], stride=stride, padding=1, groups=2)
        y = F.conv2d(F.relu(norm(y, f"{name}.bn2")), s[f"{name}.conv3.weight"])
        y = norm(y, f"{name}.bn3")
        if f"{name}.downsample.0.weight" in s:
            x = F.conv2d(x, s[f"{name}.downsample.0.weight"], stride=stride)
            x = norm(x, f"{name}.downsample.1")
        return F.relu(x + y)

    x = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        y = F.relu(norm(F.conv2d(x, s["conv1.weight"], stride=2, padding=3), "bn1"))
        y = F.max_pool2d(y, 3, 2, 1)
        for name, stride in (("1.0", 1), ("2.0", 2), ("2.1", 1), ("3.0", 2), ("4.0", 2)):
            y = block(y, f"layer{name}", stride)
        y = y.mean((2, 3)) @ s["fc.weight"].T + s["fc.bias"]
        assert torch.allclose(network(x), y, atol=1e-4)


def torchvision_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A transformer's tensors as torchvision calls them."""
    rules = {
        "cls_token": "class_token", "pos_embed": "encoder.pos_embedding",
        "patch_embed.proj": "conv_proj", "head.": "heads.head.", "mlp.fc1": "mlp.0",
        "mlp.fc2": "mlp.3", "norm1": "ln_1", "norm2": "ln_2",
        "attn.proj": "self_attention.out_proj", "attn.qkv.": "self_attention.in_proj_",
        "blocks.": "encoder.layers.encoder_layer_",
    }  # fmt: skip
    found = {}
    for name, value in state.items():
        for ours, theirs in rules.items():
            name = name.replace(ours, theirs)
        found[name.replace("norm.", "encoder.ln.") if name.startswith("norm.") else name] = value
    return found


def test_vit_against_torchs_own_attention_and_by_torchvisions_names(tmp_path: Path) -> None:
    network = vit.Vit(vit.Config(128, 1, 2, 8, 3, 32, classes=5)).eval()
    state = network.state_dict()
    path = tmp_path / "vit.safetensors"
    save_file(torchvision_names(state), str(path))
    opened = open_module(str(path), "cpu")
    x = torch.randn(2, 3, 24, 24)
    attention = nn.MultiheadAttention(128, 2, batch_first=True).eval()
    attention.load_state_dict({
        "in_proj_weight": state["blocks.0.attn.qkv.weight"],
        "in_proj_bias": state["blocks.0.attn.qkv.bias"],
        "out_proj.weight": state["blocks.0.attn.proj.weight"],
        "out_proj.bias": state["blocks.0.attn.proj.bias"],
    })  # fmt: skip
    with torch.inference_mode(), Trace(opened.module, ("blocks.0.norm1", "blocks.0.attn")) as trace:
        assert torch.allclose(opened.module(x), network(x), atol=1e-6)
    with torch.inference_mode():
        normal = trace["blocks.0.norm1"]
        theirs = attention(normal, normal, normal)[0]
    assert torch.allclose(trace["blocks.0.attn"], theirs, atol=1e-5)
    layer = next(one for one in opened.info.layers if one.name == "blocks.0")
    assert (layer.kind, layer.units, layer.size) == ("tokens", 128, (3, 3))


def test_weights_of_other_networks_are_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    torch.save({"a.weight": torch.zeros(3, 3)}, path)
    with pytest.raises(LodestoneError, match="does not know"):
        open_module(str(path))
    scripted = tmp_path / "scripted.pt"
    with zipfile.ZipFile(scripted, "w") as archive:
        for name in ("data.pkl", "constants.pkl", "code/__torch__.py"):
            archive.writestr(f"scripted/{name}", b"")
    with pytest.raises(LodestoneError, match="TorchScript"):
        open_network(str(scripted))
    missing = str(tmp_path / "nothing")
    with pytest.raises(LodestoneError, match=LITE0):
        open_network(missing)


# ---------------------------------------------------------------- graphs


def test_lite0_by_its_package() -> None:
    opened = open_module(LITE0, "cpu")
    layer = {one.name: one for one in opened.info.layers}
    assert layer["_blocks.15"] == NetworkLayer("_blocks.15", "map", 320, (7, 7), "Block", True)
    assert layer["_fc"].kind == "vector"
    assert not layer["_conv_stem"].main
    assert sum(one.units for one in opened.info.layers if one.type == "Block") == 1808
    assert opened.info.classes[1] == "goldfish"
    assert opened.info.preprocessing.startswith("(x - 127) / 128")


def test_a_generators_layers_while_it_draws() -> None:
    network = open_network("fruit", "cpu")
    requests = [SteerRequest(network.info.id, (LatentPart(seed=seed),)) for seed in (1, 2)]
    names = [layer.name for layer in network.info.layers][:4]
    run = network.sample(requests, names)
    assert run.output.shape == (2, 128, 128, 3)
    assert run.output.dtype == np.uint8
    for layer in network.info.layers[:4]:
        size = () if layer.kind == "vector" else layer.size
        assert run.layers[layer.name].shape == (2, layer.units, *size)
    alone = network.sample(requests[1:], names)
    assert np.allclose(alone.layers[names[-1]][0], run.layers[names[-1]][1], atol=1e-4)
    with pytest.raises(LodestoneError, match="its own samples"):
        network.prepare(noise(1))


def small_onnx(path: Path, last: bool = False, batch: int | str = "N") -> np.ndarray:
    """A grey network of a convolution, a ReLU and a pooling; returns the convolution's kernel."""
    kernel = np.random.RandomState(0).randn(5, 1, 3, 3).astype(np.float32)
    shape = [batch, 8, 8, 1] if last else [batch, 1, 8, 8]
    nodes = [
        helper.make_node("Transpose", ["x"], ["y"], perm=[0, 3, 1, 2]) if last
        else helper.make_node("Identity", ["x"], ["y"]),
        helper.make_node("Conv", ["y", "w"], ["body/conv.out"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["body/conv.out"], ["relu:0"]),
        helper.make_node("GlobalAveragePool", ["relu:0"], ["pool"]),
        helper.make_node("Flatten", ["pool"], ["answer"]),
    ]  # fmt: skip
    graph = helper.make_graph(
        nodes, "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, [batch, 5])],
        [numpy_helper.from_array(kernel, "w")],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 10
    onnx.save(model, str(path))
    return kernel


@pytest.mark.parametrize(("last", "batch"), [(False, "N"), (True, "N"), (False, 1)])
def test_onnx_files_show_their_own_tensors(tmp_path: Path, last: bool, batch: Any) -> None:
    path = tmp_path / "small.onnx"
    kernel = small_onnx(path, last, batch)
    card = {"preprocessing": {"size": [8, 8], "shorter": 8, "mean": [0], "scale": [255]},
            "classes": list("abcde"), "name": "five"}  # fmt: skip
    path.with_name("small.onnx.json").write_text(json.dumps(card))
    network = open_network(str(path), "cpu")
    names = {layer.name: layer for layer in network.info.layers}
    assert set(names) == {"body/conv.out", "relu:0", "pool"}
    assert names["relu:0"].size == (8, 8)
    assert network.info.classes == tuple("abcde")
    assert network.info.input == (1, 8, 8)
    x = network.prepare(noise(3, 8, 8))
    found = network.run(x, ("relu:0",))
    expected = F.relu(F.conv2d(torch.from_numpy(x), torch.from_numpy(kernel), padding=1)).numpy()
    assert np.allclose(found.layers["relu:0"], expected, atol=1e-5)
    assert np.allclose(found.output, expected.mean((2, 3)), atol=1e-5)
    assert "Relu" in LAYERS


def test_onnx_files_have_gradients_and_edits(tmp_path: Path) -> None:
    path = tmp_path / "small.onnx"
    small_onnx(path)
    network, opened = open_network(str(path), "cpu"), open_module(str(path), "cpu")
    x = network.prepare(noise(2, 8, 8))
    tensor = torch.from_numpy(x).requires_grad_()
    with Trace(opened.module, ("body/conv.out", "relu:0")) as trace:
        y = opened.module(tensor)
    found = network.run(x, ("body/conv.out",))
    assert np.allclose(y.detach().numpy(), found.output, atol=1e-5)
    assert np.allclose(
        trace["body/conv.out"].detach().numpy(), found.layers["body/conv.out"], atol=1e-5
    )
    y[:, 0].sum().backward()
    assert tensor.grad is not None
    assert tensor.grad.abs().sum() > 0
    with Trace(opened.module, ("relu:0",), lambda _name, out: out * 0.0):
        assert not opened.module(tensor).any()


def test_onnx_operators_without_gradients_are_named(tmp_path: Path) -> None:
    path = tmp_path / "odd.onnx"
    small_onnx(path)
    model = onnx.load(str(path))
    model.graph.node[2].op_type = "Softsign"
    onnx.save(model, str(path))
    with pytest.raises(RefusedFile, match="Softsign"):
        open_module(str(path), "cpu")


def test_exported_programs_open_with_their_layers(tmp_path: Path) -> None:
    planted = plant(0).network
    path = tmp_path / "planted.pt2"
    save_program(planted, path)
    network = open_network(str(path), "cpu")
    main = [layer.name for layer in network.info.layers if layer.main]
    assert main == ["relu1", "relu2", "relu3"]
    x = np.random.RandomState(0).rand(3, 3, 16, 16).astype(np.float32)
    with torch.inference_mode(), Trace(planted, ("relu1",)) as trace:
        planted(torch.from_numpy(x))
    assert np.allclose(network.run(x, ("relu1",)).layers["relu1"], trace["relu1"], atol=1e-5)
    assert "assumed" in network.info.note


def save_program(network: nn.Module, path: Path) -> None:
    batch = torch.export.Dim("N")
    example = torch.zeros(2, 3, 16, 16)
    torch.export.save(torch.export.export(network, (example,), dynamic_shapes=({0: batch},)), path)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (b"torch.ops.aten.relu.default", b"torch.hub.load", "calls"),
        (b"Symbol('s77', positive=True, integer=True)", b"__import__('os')", "formula"),
        (b'"use_pickle": false', b'"use_pickle": true', "no tensors"),
    ],
)
def test_a_program_that_would_act_is_refused(
    tmp_path: Path, old: bytes, new: bytes, why: str
) -> None:
    path, bad = tmp_path / "good.pt2", tmp_path / "bad.pt2"
    save_program(plant(0).network, path)
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(bad, "w") as copy:
        found = False
        for info in archive.infolist():
            content = archive.read(info)
            found = found or old in content
            copy.writestr(info.filename, content.replace(old, new))
    assert found
    with pytest.raises(RefusedFile, match=why):
        open_module(str(bad))


def test_looking_does_not_import_torch() -> None:
    import subprocess

    script = "import sys, engine.inspect.networks; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
