"""Directions of a BigGAN: found in z, and none of them moves the class."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.codec import from_json
from engine.discover.channels import channels
from engine.discover.run import discover
from engine.library import Library
from engine.messages import (
    ChannelsRequest,
    Direction,
    DiscoverRequest,
    LatentPart,
    ModelInfo,
    SteerRequest,
    Vector,
)
from engine.progress import Progress
from engine.steer.latents import num_styles
from tests.biggans import Brock, HuggingFace


@pytest.fixture(scope="module", params=["deep", "chunks"])
def info(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ModelInfo:
    folder = tmp_path_factory.mktemp("fremd")
    library = Library(tmp_path_factory.mktemp("Zuhause"))
    if request.param == "deep":
        HuggingFace(layers=((False, 2, 1), (True, 1, 1)), attention=1).write(folder)
        return library.import_file(folder / "pytorch_model.bin", "deep")
    Brock().write(folder / "G_ema.pth")
    return library.import_file(folder / "G_ema.pth", "chunks")


def search(info: ModelInfo, tmp_path: Path, **fields: Any) -> list[Direction]:
    out = str(tmp_path / "found.json")
    path = discover(DiscoverRequest(info.path, out=out, **fields), Progress())
    return list(from_json(Path(path).read_bytes()))


def layer_of(info: ModelInfo) -> str:
    return next(layer.name for layer in info.layers if "norm1" in layer.name)


def free_of(found: list[Direction], info: ModelInfo) -> np.ndarray:
    """(N, z_dim), after checking that nothing else moves."""
    vectors = np.stack([one.vector.array() for one in found])
    assert vectors.shape[1] == info.w_dim
    assert info.class_width > 0
    assert not vectors[:, info.w_dim - info.class_width :].any()
    return vectors[:, : info.w_dim - info.class_width]


def test_components(info: ModelInfo, tmp_path: Path) -> None:
    found = search(info, tmp_path, method="pca", count=3, samples=400)
    vectors = free_of(found, info)
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(3), atol=1e-5)
    # z is drawn from N(0, 1): the largest of few samples lie a little above.
    assert all(0.9 < one.sigma < 1.5 for one in found)


def test_components_of_activations(info: ModelInfo, tmp_path: Path) -> None:
    found = search(info, tmp_path, method="pca", space="a", at=layer_of(info), count=2, samples=200)
    free_of(found, info)
    assert all(one.space == "w" for one in found)
    assert json.loads(found[0].detail)["correlation"] > 0.3


def test_selective(info: ModelInfo, tmp_path: Path) -> None:
    found = search(info, tmp_path, method="selective", at=layer_of(info), count=2)
    vectors = free_of(found, info)
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(2), atol=1e-5)
    for one in found:
        losses = json.loads(one.detail)["loss"]
        assert losses[-1] <= 0.7 * losses[0]


def test_channels(info: ModelInfo, tmp_path: Path) -> None:
    for one in search(info, tmp_path, method="styles", count=3):
        assert (one.space, one.vector.shape) == ("s", (num_styles(info),))
    mask = np.zeros((8, 8), np.float32)
    mask[2:5, 2:5] = 1.0
    request = SteerRequest(info.id, (LatentPart(seed=1),))
    wish = ChannelsRequest(request, Vector.of(mask), str(tmp_path / "c.json"), 3)
    assert len(from_json(Path(channels(wish, info, Progress())).read_bytes())) == 3
