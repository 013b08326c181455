"""FREDSR: its size, its Fourier units, and its graph."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch

from engine.upscale.graph import graph
from engine.upscale.store import plain
from models.fredsr import BLOCK, FourierUnit, Fredsr, parameters_of
from models.fredsr_shape import config_for
from tests.test_imports import loaded_after
from tests.upscalers import tiny_net


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_it_has_at_most_37_000_parameters(scale: int) -> None:
    net = Fredsr(config_for(scale))
    counted = sum(p.numel() for p in net.parameters())
    assert parameters_of(net) == counted
    assert counted <= 37_000
    # Nothing else is stored with it but the constants of the Fourier transform.
    assert not set(net.state_dict()) - {name for name, _ in net.named_parameters()}


def test_a_fourier_unit_is_torchs_fft_of_every_block() -> None:
    torch.manual_seed(0)
    channels, (rows, columns) = 3, (2, 4)
    unit = FourierUnit(channels)
    torch.nn.init.normal_(unit.share)
    torch.nn.init.normal_(unit.bias)
    torch.nn.init.uniform_(unit.gain)
    x = torch.randn(2, channels, rows * BLOCK, columns * BLOCK)
    expected = torch.zeros_like(x)
    for row in range(rows):
        for column in range(columns):
            at = (
                slice(row * BLOCK, (row + 1) * BLOCK),
                slice(column * BLOCK, (column + 1) * BLOCK),
            )
            waves = torch.fft.rfft2(x[:, :, at[0], at[1]], norm="ortho")
            both = torch.cat([waves.real, waves.imag], dim=1).flatten(2)  # (N, 2C, 40)
            gains = unit.gain[:, :, 0].T[None]
            mixed = torch.relu(unit.mix @ (both * gains) + unit.bias) * unit.share
            mixed = mixed.reshape(2, 2 * channels, BLOCK, BLOCK // 2 + 1)
            again = torch.complex(mixed[:, :channels], mixed[:, channels:])
            expected[:, :, at[0], at[1]] = torch.fft.irfft2(again, s=(BLOCK, BLOCK), norm="ortho")
    with torch.no_grad():
        assert (unit(x) - expected).abs().max() <= 1e-5


def test_the_graph_has_no_dft_and_no_resize_and_computes_what_torch_does() -> None:
    net = tiny_net()
    state = {key: value.numpy().copy() for key, value in net.state_dict().items()}
    content = graph(net.config, state)
    kinds = {node.op_type for node in onnx.load_from_string(content).graph.node}
    assert not kinds & {"DFT", "Resize", "Upsample", "STFT"}
    session = ort.InferenceSession(content, providers=["CPUExecutionProvider"])
    random = np.random.default_rng(0)
    for rows, columns in ((1, 1), (3, 7), (5, 2), (11, 9)):
        x = random.uniform(0, 1, (1, 3, rows * BLOCK, columns * BLOCK)).astype(np.float32)
        ours = np.asarray(session.run(None, {"picture": x})[0])
        with torch.no_grad():
            theirs = net(torch.from_numpy(x)).numpy()
        assert np.abs(theirs).max() > 0.01
        assert np.abs(ours - theirs).max() <= 1e-4


def test_the_plain_enlargement_keeps_what_is_flat_and_the_mean() -> None:
    flat = np.full((9, 13, 3), 0.37, np.float32)
    assert np.abs(plain(flat, 3) - 0.37).max() < 1e-6
    assert plain(flat, 3).shape == (27, 39, 3)


def test_enlarging_needs_no_torch() -> None:
    loaded = loaded_after(
        "engine.upscale.answers", "engine.upscale.run", "engine.upscale.moving",
        "engine.upscale.community", "engine.upscale.adding",
    )  # fmt: skip
    assert "torch" not in loaded
    light = loaded_after("engine.upscale.shelf")
    assert not light & {"torch", "onnxruntime", "onnx", "av", "PIL"}
