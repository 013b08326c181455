"""StyleGAN3: filters, resampling, equivariance, and the ONNX graph.

That it draws what NVIDIA's class draws is recorded in `test_foreign`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from models import deduce, filters
from models.files import Card
from models.stylegan3 import Config, Generator, downsample, upsample
from tests.seeded import reseeded


def generator(radial: bool = False, resolution: int = 32, **changes: object) -> Generator:
    """A small network with seeded weights; `radial` makes it an -r."""
    kernel = 1 if radial else 3
    config = Config(
        resolution, (8,) * 8 + (3,), z_dim=6, w_dim=8, conv_kernel=kernel, radial=radial, **changes
    )  # type: ignore[arg-type]
    network = Generator(config).eval().requires_grad_(False)
    state = reseeded({name: value.numpy() for name, value in network.state_dict().items()})
    network.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    return network


def latent(network: Generator, count: int = 1, seed: int = 0) -> torch.Tensor:
    """w+ of `count` latents. Its input row keeps the picture where it is."""
    random = np.random.RandomState(seed).randn(count, network.z_dim).astype(np.float32)
    w = network.mapping(torch.from_numpy(random))
    return w[:, None].repeat(1, network.num_ws, 1)


def test_bessel_function() -> None:
    """Against values of Abramowitz and Stegun, table 9.1."""
    x = np.array([0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 17.5])
    known = [0.0, 0.2422684577, 0.4400505857, 0.5767248078, -0.3275791376, 0.0434727462]
    assert filters.bessel_j1(x)[:6] == pytest.approx(known, abs=1e-9)
    assert filters.bessel_j1(-x) == pytest.approx(-filters.bessel_j1(x), abs=1e-12)


@pytest.mark.parametrize("radial", [False, True])
def test_lowpass_passes_low_and_stops_high(radial: bool) -> None:
    kernel = filters.lowpass(24, cutoff=16.0, width=16.0, rate=128.0, radial=radial)
    assert kernel is not None
    assert kernel.sum() == pytest.approx(1.0)
    assert np.allclose(kernel, np.flip(kernel))
    line = kernel.sum(axis=0) if radial else kernel
    x = np.arange(24) - 11.5

    def response(frequency: float) -> float:
        return float((line * np.cos(2 * np.pi * frequency / 128.0 * x)).sum())

    assert response(4.0) == pytest.approx(1.0, abs=0.05)
    assert response(16.0) == pytest.approx(0.5, abs=0.06)
    assert abs(response(32.0)) < 0.03
    assert abs(response(50.0)) < 0.03
    if radial:
        assert np.allclose(kernel, kernel.T)
        assert np.linalg.matrix_rank(kernel, tol=1e-6) > 1  # not separable: round, not square


def test_one_tap_is_no_filter() -> None:
    assert filters.lowpass(1, 1.0, 1.0, 4.0, False) is None


@pytest.mark.parametrize(
    ("up", "count", "before", "after"),
    [(2, 12, 9, 8), (4, 24, 21, 20), (2, 12, 0, 0), (2, 12, 14, 11), (2, 12, -3, -4), (1, 6, 3, 2)],
)
def test_upsampling_is_zeros_padding_filter(up: int, count: int, before: int, after: int) -> None:
    random = np.random.RandomState(0)
    taps, picture = random.randn(count), random.randn(10, 10)

    def line(values: np.ndarray) -> np.ndarray:
        sparse = np.zeros(len(values) * up)
        sparse[::up] = values
        padded = np.pad(sparse, (max(before, 0), max(after, 0)))
        padded = padded[max(-before, 0) : len(padded) - max(-after, 0)]
        return np.convolve(padded, taps * up, "valid")

    expected = np.apply_along_axis(line, 0, np.apply_along_axis(line, 1, picture))
    x = torch.from_numpy(np.stack([picture, 2 * picture])[None])
    found = upsample(x, torch.from_numpy(taps), up, before, after).numpy()
    assert np.allclose(found[0, 0], expected)
    assert np.allclose(found[0, 1], 2 * expected)


def test_downsampling_is_filter_and_every_nth() -> None:
    random = np.random.RandomState(0)
    taps, picture = random.randn(6), random.randn(20, 20)

    def line(values: np.ndarray) -> np.ndarray:
        return np.convolve(values, taps, "valid")[::2]

    expected = np.apply_along_axis(line, 0, np.apply_along_axis(line, 1, picture))
    x = torch.from_numpy(picture[None, None])
    assert np.allclose(downsample(x, torch.from_numpy(taps), 2).numpy()[0, 0], expected)
    square = torch.from_numpy(np.outer(taps, taps))
    assert np.allclose(downsample(x, square, 2).numpy()[0, 0], expected)


def test_names_of_the_published_schedule() -> None:
    """256 px, 14 layers: two critically sampled at the end, no margin on the last two."""
    state = {"resolution": 256, "channels": (512,) * 9 + (362, 256, 181, 128, 128, 3)}
    defaults = {"num_critical": 2, "first_cutoff": 2.0, "first_stopband": 2.0**2.1}
    hyper = {**state, **defaults, "last_stopband_rel": 2.0**0.3, "margin_size": 10}
    names = deduce.stylegan3_names(hyper)
    assert names[0] == "L0_36_512"
    assert names[-2:] == ("L13_256_128", "L14_256_3")
    sizes = [int(name.split("_")[1]) for name in names]
    assert sizes == [36, 36, 36, 52, 52, 84, 84, 148, 148, 148, 276, 276, 276, 256, 256]


@pytest.mark.parametrize("radial", [False, True])
def test_shapes_and_interface(radial: bool) -> None:
    network = generator(radial)
    ws = latent(network, 3)
    picture = network.synthesis(ws)
    assert picture.shape == (3, 3, 32, 32)
    assert bool(picture.isfinite().all())
    assert (network.num_ws, network.num_noise, network.num_noise_layers) == (10, 0, 0)
    assert network.noise_const().shape == (1, 0)
    whole = network.synthesis(
        ws, torch.zeros(3, network.num_styles), network.noise_const(), torch.ones(0)
    )
    assert torch.equal(whole, picture)


def test_a_picture_does_not_depend_on_its_batch() -> None:
    network = generator()
    ws = latent(network, 3)
    together = network.synthesis(ws)
    alone = torch.cat([network.synthesis(ws[i : i + 1]) for i in range(3)])
    assert torch.allclose(together, alone, atol=1e-6)


def test_the_scale_of_a_style_does_not_matter() -> None:
    """Demodulation undoes it: three times the styles of a convolution, the same picture."""
    network = generator()
    ws = latent(network)
    layer = network.layers[3]
    style = network.synthesis.get_submodule(f"{layer.name}.affine")(ws[:, layer.ws_index])
    offset = torch.zeros(1, network.num_styles)
    offset[:, layer.style_start : layer.style_start + layer.style_count] = 2 * style
    assert torch.allclose(network.synthesis(ws, offset), network.synthesis(ws), atol=1e-5)


@pytest.mark.parametrize("radial", [False, True])
def test_the_input_styles_shift_the_picture(radial: bool) -> None:
    """Alias-free means: moving the Fourier features by 4 pixels moves the picture by 4 pixels."""
    network = generator(radial)
    ws = latent(network)
    style = network.synthesis.input.affine(ws[:, 0])
    centred = torch.zeros(1, network.num_styles)
    centred[:, :4] = torch.tensor([[1.0, 0.0, 0.0, 0.0]]) - style
    moved = centred.clone()
    moved[:, 2] += 4 / 32
    before, after = network.synthesis(ws, centred), network.synthesis(ws, moved)
    inner = (slice(None), slice(None), slice(6, 26))
    error = (after[..., 10:26] - before[..., 6:22])[inner].square().mean()
    unrelated = (after - before)[inner].square().mean()
    assert float(error) < 0.02 * float(unrelated)


def test_the_input_styles_turn_the_picture() -> None:
    """-r: a quarter turn of the features is a quarter turn of the picture."""
    network = generator(radial=True)
    ws = latent(network)
    style = network.synthesis.input.affine(ws[:, 0])
    pictures = []
    for angle in ([1.0, 0.0], [0.0, 1.0]):
        offset = torch.zeros(1, network.num_styles)
        offset[:, :4] = torch.tensor([[*angle, 0.0, 0.0]]) - style
        pictures.append(network.synthesis(ws, offset)[:, :, 4:28, 4:28])
    turned = [torch.rot90(pictures[0], k, (2, 3)) for k in range(4)]
    errors = [float((pictures[1] - picture).square().mean()) for picture in turned]
    best = min(range(4), key=lambda k: errors[k])
    assert best in (1, 3)
    assert errors[best] < 0.05 * errors[0]


@pytest.mark.slow
def test_onnx_draws_the_same(tmp_path: Path) -> None:
    """-r has everything -t has (separable upsampling) and round filters besides."""
    from engine.export import export_onnx

    config = Config(16, (4, 4, 4, 4, 3), z_dim=4, w_dim=4, conv_kernel=1, radial=True)
    network = Generator(config).eval().requires_grad_(False)
    parity = export_onnx(network, Card("stylegan3-r", "small", {}), tmp_path)
    assert parity < 1e-5
    assert (tmp_path / "synthesis.onnx").exists()
