"""ONNX graphs: standard operators, free batch, and the pictures torch draws."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch

from engine.export import Parity, export_onnx, measure_parity
from engine.graphs import GraphFiles, cached_files, ensure_graphs, find_files, read_parity
from models.errors import LodestoneError
from models.files import Card, read_card
from tests import small


def card(made: Any) -> Card:
    return Card("stylegan2", "ö", dataclasses.asdict(made.config), sha256="5" * 64)


@pytest.mark.parametrize(
    "changes",
    [
        {"architecture": "resnet", "img_channels": 1, "c_dim": 0},
        {"architecture": "orig", "conv_clamp": 256.0, "mapping_layers": 1, "c_dim": 1},
    ],
)
def test_variants_draw_what_torch_draws(tmp_path: Path, changes: dict[str, Any]) -> None:
    made = small.generator(**changes)
    assert 0.0 < export_onnx(made, card(made), tmp_path) < 1e-4
    names = [i.name for i in onnx.load(tmp_path / "mapping.onnx").graph.input]
    assert names == (["z", "c"] if made.c_dim else ["z"])


def test_graph_is_standard_and_free_in_batch() -> None:
    small.info()
    for name in ("synthesis", "mapping"):
        path = small.folder() / f"small.{name}.onnx"
        graph = onnx.load(path)
        assert {node.domain for node in graph.graph.node} <= {"", "ai.onnx"}
        assert not any(node.op_type.startswith("Random") for node in graph.graph.node)
        onnx.checker.check_model(graph, full_check=True)
        # Nothing of the machine it was made on goes out with it.
        assert str(Path(__file__).parents[1]).encode() not in path.read_bytes()
    graph = onnx.load(small.folder() / "small.synthesis.onnx").graph
    shapes = {
        v.name: [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim]
        for v in (*graph.input, *graph.output)
    }
    made = small.generator()
    assert shapes == {
        "ws": ["N", 8, 20],
        "style_offset": ["N", made.num_styles],
        "noise": ["M", made.num_noise],
        "noise_strength": [7],
        "image": ["N", 3, 32, 32],
    }


@pytest.mark.parametrize(("batch", "noises"), [(1, 1), (2, 1), (2, 2), (5, 1), (5, 5)])
def test_any_batch_by_hand(batch: int, noises: int) -> None:
    small.info()
    session = ort.InferenceSession(
        small.folder() / "small.synthesis.onnx", providers=["CPUExecutionProvider"]
    )
    made = small.generator()
    random = np.random.RandomState(batch)
    inputs = {
        "ws": random.randn(batch, 8, 20),
        "style_offset": 0.2 * random.randn(batch, made.num_styles),
        "noise": random.randn(noises, made.num_noise),
        "noise_strength": random.rand(7),
    }
    inputs = {name: value.astype(np.float32) for name, value in inputs.items()}
    ours = np.asarray(session.run(None, inputs)[0])
    theirs = made.synthesis(*(torch.from_numpy(value) for value in inputs.values())).numpy()
    assert np.abs(ours - theirs).max() < 1e-4
    assert theirs.std() > 0.1


def test_parity_sees_a_difference() -> None:
    """The check must not pass whatever happens: other weights differ by far."""
    small.info()
    graphs = [(small.folder() / f"small.{n}.onnx").read_bytes() for n in ("mapping", "synthesis")]
    same = measure_parity(small.generator(), graphs[0], graphs[1])
    assert same.difference < 1e-4 < 1.0 < same.range
    other = small.generator()
    other.synthesis.b32.conv1.weight.mul_(1.01)
    other.synthesis.b32.conv1.noise_strength.add_(0.1)
    assert measure_parity(other, graphs[0], graphs[1]).difference > 0.01


def test_unfaithful_graph_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.export.measure_parity", lambda *_: Parity(0.5, 2.0))
    made = small.generator(c_dim=0)
    with pytest.raises(LodestoneError, match="torch"):
        export_onnx(made, card(made), tmp_path)
    assert not list(tmp_path.iterdir())


def test_graphs_are_found_only_for_their_model(tmp_path: Path) -> None:
    info = small.info()
    files = find_files(info)
    assert files is not None
    assert files.synthesis == small.folder() / "small.synthesis.onnx"
    assert read_parity(files, info.id) == pytest.approx(
        json.loads(files.note.read_text())["parity"]
    )
    assert read_parity(files, "0" * 64) is None
    assert find_files(dataclasses.replace(info, id="0" * 64)) is None
    assert read_parity(GraphFiles.at(tmp_path), info.id) is None


def test_missing_graphs_are_made_and_noted_in_the_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LODESTONE_HOME", str(tmp_path / "häuschen"))
    info = small.save(small.generator(c_dim=0), tmp_path / "häuschen" / "models" / "a.safetensors")
    assert read_card(info.path).parity is None
    files = ensure_graphs(info)
    assert files == cached_files(info.id)
    parity = read_card(info.path).parity
    assert parity is not None
    assert parity == read_parity(files, info.id)
    assert parity < 1e-4
    written = files.synthesis.stat().st_mtime_ns
    assert ensure_graphs(info) == files
    assert files.synthesis.stat().st_mtime_ns == written


@pytest.mark.slow
def test_stylegan3_draws_what_torch_draws(tmp_path: Path) -> None:
    from models.stylegan3 import Config, Generator

    torch.manual_seed(0)
    channels = (*(24,) * 5, 24, 20, 20, 16, 16, 16, 12, 12, 12, 3)
    made = Generator(Config(32, channels, 16, 16, conv_kernel=1, radial=True)).eval()
    made.requires_grad_(False)
    facts = Card("stylegan3-r", "r", dataclasses.asdict(made.config), sha256="3" * 64)
    assert export_onnx(made, facts, tmp_path) < 1e-4
    names = [i.name for i in onnx.load(tmp_path / "synthesis.onnx").graph.input]
    assert names == ["ws", "style_offset"]
