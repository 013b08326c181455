"""From a card to a network: the right one, with these weights, or a sentence."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch

from models import registry
from models.errors import RefusedFile
from models.files import Card
from models.stylegan2 import Config as Config2
from models.stylegan2 import Generator as Generator2
from models.stylegan3 import Config as Config3
from models.stylegan3 import Generator as Generator3

CONFIGS: dict[str, tuple[str, Config2 | Config3]] = {
    "skip": ("stylegan2", Config2(16, (8, 8, 4), z_dim=6, w_dim=8)),
    "resnet": (
        "stylegan2",
        Config2(16, (8, 6, 4), z_dim=6, w_dim=8, c_dim=3, architecture="resnet"),
    ),
    "orig": ("stylegan2", Config2(16, (8, 8, 4), architecture="orig", img_channels=1, w_dim=8)),
    "4 px": ("stylegan2", Config2(4, (8,), z_dim=6, w_dim=8, mapping_layers=1)),
    "per class": (
        "stylegan2",
        Config2(8, (8, 4), z_dim=6, w_dim=8, c_dim=3, w_avg_per_class=True, conv_clamp=256.0),
    ),
    "-t": ("stylegan3-t", Config3(32, (8,) * 8 + (3,), z_dim=6, w_dim=8, c_dim=2)),
    "-r": (
        "stylegan3-r",
        Config3(32, (8,) * 14 + (1,), z_dim=6, w_dim=8, conv_kernel=1, radial=True),
    ),
}


def made(name: str) -> tuple[Any, Card, dict[str, np.ndarray]]:
    kind, config = CONFIGS[name]
    torch.manual_seed(0)
    generator = Generator2(config) if isinstance(config, Config2) else Generator3(config)
    state = {key: value.detach().numpy() for key, value in generator.state_dict().items()}
    return generator, Card(kind, name, dataclasses.asdict(config)), state


@pytest.mark.parametrize("name", CONFIGS)
def test_card_and_weights_build_the_same_network(name: str) -> None:
    generator, card, state = made(name)
    found = registry.detect(state)
    assert found is not None
    assert found.id == card.architecture
    built = registry.build(card, state)
    assert built.config == generator.config
    assert not built.training
    assert not any(p.requires_grad for p in built.parameters())
    z = torch.randn(2, generator.z_dim)
    c = torch.eye(generator.c_dim)[[0, -1]] if generator.c_dim else None
    w = built.mapping(z, c)
    with torch.no_grad():
        assert torch.equal(w, generator.mapping(z, c))
        ws = w[:, None].expand(-1, built.num_ws, -1)
        assert torch.equal(built.synthesis(ws), generator.eval().synthesis(ws))


@pytest.mark.parametrize("name", CONFIGS)
def test_the_card_alone_gives_the_layer_table(name: str) -> None:
    generator, card, _ = made(name)
    layers = registry.generator_layers(card)
    assert layers == generator.layers
    assert sum(layer.style_count for layer in layers) == generator.num_styles
    assert sum(layer.resolution**2 for layer in layers if layer.noise) == generator.num_noise
    for layer in layers:
        weight = generator.get_parameter(f"synthesis.{layer.name}.affine.weight")
        assert weight.shape == (layer.style_count, generator.w_dim)


@pytest.mark.parametrize("name", ["skip", "resnet", "-t"])
def test_style_offsets_reach_their_layer(name: str) -> None:
    """Moving the styles of one layer changes the picture; of none, nothing."""
    _, card, state = made(name)
    generator = registry.build(card, state)
    ws = torch.randn(1, generator.num_ws, generator.w_dim)
    plain = generator.synthesis(ws)
    assert torch.equal(generator.synthesis(ws, torch.zeros(1, generator.num_styles)), plain)
    for layer in generator.layers:
        offset = torch.zeros(1, generator.num_styles)
        offset[:, layer.style_start : layer.style_start + layer.style_count] = torch.linspace(
            0.5, 1.5, layer.style_count
        )
        assert not torch.allclose(generator.synthesis(ws, offset), plain, atol=1e-4), layer.name


def test_hyperparameters_come_from_the_weights() -> None:
    """A card that exaggerates builds what the weights are, not what it says."""
    generator, card, state = made("skip")
    card.hyper.update(channels=[4096] * 9, resolution=1024, mapping_layers=10**9, w_dim=1 << 40)
    assert registry.build(card, state).config == generator.config


def test_weights_of_another_architecture() -> None:
    _, card, _ = made("skip")
    _, _, state = made("-t")
    with pytest.raises(RefusedFile, match="the tensors are not those of stylegan2"):
        registry.build(card, state)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("skip", {"synthesis.b8.conv0.weight": None}),
        ("skip", {"synthesis.b8.conv0.weight": np.ones((8, 7, 3, 3), np.float32)}),
        ("skip", {"synthesis.b8.conv1.weight": np.ones((8, 8), np.float32)}),
        ("skip", {"synthesis.b8.conv1.weight": None}),
        ("skip", {"synthesis.b64.conv1.weight": np.ones((8, 8, 3, 3), np.float32)}),
        ("skip", {"extra": np.ones(1, np.float32)}),
        ("-t", {"synthesis.input.weight": np.ones((3, 3), np.float32)}),
        ("-t", {"synthesis.L2_52_8.weight": None}),
        ("-t", {"synthesis.L99_52_8.weight": np.ones((8, 8, 3, 3), np.float32)}),
    ],
)
def test_missing_odd_and_extra_tensors(name: str, change: dict[str, Any]) -> None:
    _, card, state = made(name)
    for key, value in change.items():
        if value is None:
            matching = [n for n in state if n.startswith(key.partition("_")[0])]
            for match in [key] if key in state else matching:
                del state[match]
        else:
            state[key] = value
    with pytest.raises(RefusedFile):
        registry.build(card, state)


@pytest.mark.parametrize(
    "hyper",
    [
        {},
        {"channels": 3},
        {"channels": []},
        {"channels": ["a"], "resolution": 4},
        {"channels": [4] * 5000, "resolution": 4},
    ],
)
@pytest.mark.parametrize("kind", ["stylegan2", "stylegan3-t"])
def test_cards_that_describe_nothing(kind: str, hyper: dict[str, Any]) -> None:
    with pytest.raises(RefusedFile):
        registry.generator_layers(Card(kind, "x", hyper))


def test_an_architecture_of_the_future() -> None:
    with pytest.raises(RefusedFile, match="`stylegan9` model, which this Lodestone"):
        registry.generator_layers(Card("stylegan9", "x", {}))


def test_nothing_is_detected_in_other_weights() -> None:
    assert registry.detect({"fc.weight": np.ones((2, 2))}) is None
    assert registry.detect({}) is None


def test_listing_needs_no_torch() -> None:
    code = (
        "import sys; from models import registry; from models.files import Card; "
        "registry.generator_layers(Card('stylegan2', 'a', {'resolution': 8, 'channels': [4, 4]}));"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
