"""Other people's upscalers: what they take is found out by trying."""

from __future__ import annotations

import importlib.util
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from engine.messages import ImportRequest, LodestoneError, UpscaleSettings
from engine.progress import Progress
from engine.upscale.adding import _spandrel, _torchvision
from engine.upscale.enlarge import enlarge
from engine.upscale.opened import Span, open_upscaler
from engine.upscale.shelf import names
from engine.worker import run_job
from tests.upscalers import photo


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LODESTONE_HOME", str(tmp_path / "home"))


def nearest(
    path: Path,
    scale: int = 2,
    top: float = 1.0,
    grid: int = 1,
    kind: Any = np.float32,
    channels: int = 3,
    size: tuple[Any, Any] = ("h", "w"),
) -> Path:
    """Every pixel `scale` times: cut to 0..top, whole numbers of 255, in blocks of `grid`."""
    weight = np.zeros((channels * scale**2, channels, 1, 1), kind)
    for channel in range(channels):
        weight[channel * scale**2 : (channel + 1) * scale**2, channel] = 1
    numbers = {"low": np.array(0, kind), "top": np.array(top, kind), "weight": weight}
    nodes = [
        helper.make_node("Clip", ["x", "low", "top"], ["cut"]),
        helper.make_node("Round" if top == 255 else "Identity", ["cut"], ["a"]),
        helper.make_node("SpaceToDepth", ["a"], ["b"], blocksize=grid),
        helper.make_node("DepthToSpace", ["b"], ["c"], blocksize=grid),
        helper.make_node("Conv", ["c", "weight"], ["d"]),
        helper.make_node("DepthToSpace", ["d"], ["y"], blocksize=scale, mode="CRD"),
    ]
    element = TensorProto.FLOAT16 if kind == np.float16 else TensorProto.FLOAT
    graph = helper.make_graph(
        nodes, "nearest",
        [helper.make_tensor_value_info("x", element, ["n", channels, *size])],
        [helper.make_tensor_value_info("y", element, ["n", channels, "H", "W"])],
        [numpy_helper.from_array(values, name) for name, values in numbers.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, str(path))
    return path


def opened(path: Path) -> Any:
    return open_upscaler(UpscaleSettings(model=str(path), device="cpu"))


@pytest.mark.parametrize(
    "options",
    [
        {"scale": 1},
        {"scale": 4, "top": 255.0},
        {"grid": 4},
        {"kind": np.float16},
        {"channels": 1, "scale": 3},
        {"size": (96, 80)},
    ],
)
def test_what_they_take_is_found_out(options: dict[str, Any], tmp_path: Path) -> None:
    path = nearest(tmp_path / "other.onnx", **options)
    upscaler = opened(path)
    scale = options.get("scale", 2)
    assert upscaler.shape.scale == scale
    assert upscaler.shape.grid == options.get("grid", 1)
    assert upscaler.shape.fixed == options.get("size")
    assert upscaler.takes == upscaler.gives == Span(0, options.get("top", 1.0))
    picture = photo(130, 151)
    settings = UpscaleSettings(model=str(path), scale=float(scale), tile=32)
    made = enlarge(picture, upscaler, settings)
    expected = picture.repeat(scale, 0).repeat(scale, 1)
    assert np.abs(made - expected).max() < 2.1e-3
    resampled = enlarge(picture, upscaler, UpscaleSettings(model=str(path), scale=1.7))
    assert resampled.shape == (221, 257, 3)
    assert np.abs(resampled.mean((0, 1)) - picture.mean((0, 1))).max() < 2e-3


def test_what_is_no_upscaler(tmp_path: Path) -> None:
    (tmp_path / "noise.onnx").write_bytes(bytes(range(256)))
    with pytest.raises(LodestoneError, match="noise.onnx cannot be opened"):
        opened(tmp_path / "noise.onnx")
    with pytest.raises(LodestoneError, match="4 channels"):
        opened(nearest(tmp_path / "four.onnx", channels=4))
    with pytest.raises(LodestoneError, match="enlarges 9 times"):
        opened(nearest(tmp_path / "nine.onnx", scale=9))
    model = onnx.load(str(nearest(tmp_path / "a.onnx")))
    model.graph.initializer[2].CopyFrom(
        numpy_helper.from_array(np.full((12, 3, 1, 1), -9, np.float32), "weight")
    )
    onnx.save(model, str(tmp_path / "b.onnx"))
    with pytest.raises(LodestoneError, match="does not look like"):
        opened(tmp_path / "b.onnx")


def test_they_are_added_under_a_name(tmp_path: Path) -> None:
    path = nearest(tmp_path / "4x-other.onnx")
    added = Path(run_job(ImportRequest(str(path)), Progress()))
    assert added.read_bytes() == path.read_bytes()
    assert "4x-other" in names()
    assert open_upscaler(UpscaleSettings(model="4x-other")).shape.scale == 2
    (tmp_path / "noise.onnx").write_bytes(b"no")
    with pytest.raises(LodestoneError, match="cannot be opened"):
        run_job(ImportRequest(str(tmp_path / "noise.onnx")), Progress())
    assert sorted(p.name for p in added.parent.iterdir()) == ["4x-other.onnx"]


class Evil:
    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self) -> Any:
        return Path.touch, (self.mark,)


def test_a_hostile_pth_runs_nothing(tmp_path: Path) -> None:
    mark = tmp_path / "was here"
    for name in ("evil.pth", "evil.pt"):
        (tmp_path / name).write_bytes(pickle.dumps({"params": Evil(mark)}))
        with pytest.raises(LodestoneError):
            run_job(ImportRequest(str(tmp_path / name)), Progress())
        with pytest.raises(LodestoneError, match="programs hidden|added first"):
            opened(tmp_path / name)
    assert not mark.exists()


def test_a_torchvision_that_does_not_load_is_stood_in_for_while_spandrel_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "torchvision"
    broken.mkdir()
    (broken / "__init__.py").write_text("raise RuntimeError('operator nms does not exist')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    for name in [name for name in sys.modules if name.startswith("torchvision")]:
        del sys.modules[name]
    with _torchvision():
        from torchvision.transforms.functional import InterpolationMode, normalize, rotate

        assert (InterpolationMode, normalize, rotate) == (None, None, None)
    # Nobody else is fooled.
    with pytest.raises(RuntimeError, match="nms"):
        importlib.import_module("torchvision")


def test_weights_of_a_known_kind_become_onnx(tmp_path: Path) -> None:
    pytest.importorskip("einops")
    if importlib.util.find_spec("spandrel") is None:
        pytest.skip("spandrel is an optional extra")
    _spandrel(tmp_path)
    from spandrel.architectures.Compact.__arch.SRVGG import SRVGGNetCompact

    torch.manual_seed(0)
    net = SRVGGNetCompact(num_feat=8, num_conv=2, upscale=2)
    with torch.no_grad():
        for parameter in net.body[-1].parameters():
            parameter *= 0.05  # close to the picture, as a trained one is
    torch.save({"params": net.state_dict()}, tmp_path / "2x-known.pth")
    added = Path(run_job(ImportRequest(str(tmp_path / "2x-known.pth")), Progress()))
    assert added.name == "2x-known.onnx"
    upscaler = open_upscaler(UpscaleSettings(model="2x-known"))
    picture = photo(40, 37)
    made = enlarge(picture, upscaler, UpscaleSettings(model="2x-known", scale=2.0))
    with torch.no_grad():
        theirs = net(torch.from_numpy(picture.transpose(2, 0, 1))[None])[0].numpy()
    assert np.abs(made - theirs.transpose(1, 2, 0).clip(0, 1)).max() < 1e-3
